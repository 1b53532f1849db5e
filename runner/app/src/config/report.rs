//! All problems of one file, drawn for people or written as JSON.

use std::fmt;

use annotate_snippets::renderer::DEFAULT_TERM_WIDTH;
use annotate_snippets::{AnnotationKind, Group, Level, Patch, Renderer, Snippet};
use serde_json::{Value, json};

use super::problem::{Problem, ProblemKind, Severity, Span};

/// Whether a report is drawn with colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// Without: for files and pipes.
    Plain,
    /// With ANSI colours: for terminals.
    Colours,
}

/// All problems of one configuration file, in the order of their places.
#[derive(Clone, PartialEq, Eq)]
pub struct Report {
    file: String,
    text: String,
    problems: Vec<Problem>,
}

impl Report {
    pub(super) fn new(file: &str, text: &str, problems: Vec<Problem>) -> Self {
        Self { file: file.to_owned(), text: text.to_owned(), problems }
    }

    /// The problems, in the order of their places.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Whether there is a problem of this kind.
    pub fn has(&self, kind: ProblemKind) -> bool {
        self.problems.iter().any(|problem| problem.kind == kind)
    }

    /// How many problems are this bad.
    pub fn count(&self, severity: Severity) -> usize {
        self.problems.iter().filter(|problem| problem.kind.severity() == severity).count()
    }

    /// Draws the problems with file, line, caret, reason and fix; ends with a line that counts them.
    pub fn draw(&self, paint: Paint) -> String {
        format!("{}{}\n", self.draw_problems(paint), self.summary())
    }

    /// Draws the problems alone, each followed by an empty line.
    pub fn draw_problems(&self, paint: Paint) -> String {
        let renderer = match paint {
            Paint::Plain => Renderer::plain(),
            Paint::Colours => Renderer::styled(),
        };
        let renderer = renderer.term_width(DEFAULT_TERM_WIDTH.max(110));
        let mut drawn = String::new();
        for problem in &self.problems {
            drawn.push_str(&renderer.render(&self.groups(problem)));
            drawn.push_str("\n\n");
        }
        drawn
    }

    /// The problems as JSON: `{"file", "problems": [{"code", "severity", "message", "line", "column", ...}]}`.
    ///
    /// Lines and columns count from 1, columns in characters; a problem of the file itself has neither.
    pub fn to_json(&self) -> Value {
        let problems: Vec<_> = self.problems.iter().map(|problem| self.problem_json(problem)).collect();
        json!({"file": self.file, "problems": problems})
    }

    /// `2 errors and 1 warning in groundcrew.toml`.
    pub fn summary(&self) -> String {
        let counted = [Severity::Error, Severity::Warning, Severity::Note]
            .map(|severity| (severity, self.count(severity)));
        let words: Vec<_> = counted
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(severity, count)| {
                format!("{count} {}{}", severity.as_str(), if *count == 1 { "" } else { "s" })
            })
            .collect();
        let words = if words.is_empty() { "no problems".to_owned() } else { words.join(", ") };
        format!("{words} in {}", self.file)
    }

    fn groups<'a>(&'a self, problem: &'a Problem) -> Vec<Group<'a>> {
        let level = match problem.kind.severity() {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
            Severity::Note => Level::NOTE,
        };
        let title = level.primary_title(&problem.message).id(problem.kind.code());
        let mut first = match &problem.at {
            Some(at) => {
                let primary = AnnotationKind::Primary.span(at.clone()).label(&problem.label);
                let also =
                    |(at, label): &'a (Span, String)| AnnotationKind::Context.span(at.clone()).label(label);
                let snippet = Snippet::source(&self.text).path(&self.file).annotation(primary);
                title.element(snippet.annotations(problem.also.iter().map(also)))
            }
            None => Group::with_title(title),
        };
        let mut help = problem.help.iter();
        let last = problem.fix.as_ref().and_then(|_| help.next_back());
        for line in help {
            first = first.element(Level::HELP.message(line));
        }
        let mut groups = vec![first];
        if let (Some(fix), Some(line)) = (&problem.fix, last) {
            let patch = Patch::new(fix.at.clone(), &fix.text);
            let snippet = Snippet::source(&self.text).path(&self.file).patch(patch);
            groups.push(Level::HELP.secondary_title(line).element(snippet));
        }
        groups
    }

    fn problem_json(&self, problem: &Problem) -> Value {
        let place = problem.at.as_ref().map(|at| self.place(at.start));
        json!({
            "code": problem.kind.code(),
            "severity": problem.kind.severity().as_str(),
            "message": problem.message,
            "line": place.map(|(line, _)| line),
            "column": place.map(|(_, column)| column),
            "reason": problem.label,
            "help": problem.help,
            "fix": problem.fix.as_ref().map(|fix| {
                let (line, column) = self.place(fix.at.start);
                json!({"line": line, "column": column, "replace": &self.text[fix.at.clone()], "by": fix.text})
            }),
        })
    }

    fn place(&self, at: usize) -> (usize, usize) {
        let before = &self.text[..at.min(self.text.len())];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.draw(Paint::Plain).trim_end())
    }
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Report {}
