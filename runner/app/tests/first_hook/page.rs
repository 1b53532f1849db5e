//! A page: its words, and the blocks that a reader follows.
//!
//! - ` ```console `: after `$ ` what is typed, then what is said; a line `...` stands for any lines. What ends with ` &`
//!   goes on behind, and what is said of it is how its log begins.
//! - ` ```console once `: what needs the network, once.
//! - ` ```LANGUAGE FILE `: the file as it is; if it is not there, it is written.
//! - ` ```diff FILE `: a change of it.
//!
//! All other blocks are for the reader alone.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::words;

/// A page, in order.
#[derive(Clone, Debug)]
pub(crate) struct Page(Vec<Part>);

#[derive(Clone, Debug)]
enum Part {
    /// Lines that are only read.
    Words(Vec<String>),
    /// The line that opens a block, and the block.
    Block(String, Block),
}

/// What a reader follows.
#[derive(Clone, Debug)]
pub(crate) enum Block {
    /// Commands, and what they say.
    Console(Vec<Step>),
    /// Commands that install something into the project.
    Once(Vec<String>),
    /// A file of the project.
    File { path: String, text: Vec<String> },
    /// A change of one.
    Change { path: String, lines: Vec<String> },
}

/// A command and what it says.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) command: String,
    pub(crate) says: Vec<String>,
}

impl Page {
    pub(crate) fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap();
        let (mut parts, mut words, mut lines) = (Vec::new(), Vec::new(), text.lines());
        while let Some(line) = lines.next() {
            let within = |lines: &mut dyn Iterator<Item = &str>| -> Vec<String> {
                lines.take_while(|line| *line != "```").map(str::to_owned).collect()
            };
            let told: Vec<_> = line.strip_prefix("```").unwrap_or_default().split(' ').collect();
            let block = match told[..] {
                ["console"] => Block::Console(steps(&within(&mut lines))),
                ["console", "once"] => {
                    let commands = within(&mut lines);
                    Block::Once(commands.iter().map(|line| line.replacen("$ ", "", 1)).collect())
                }
                ["diff", path] => Block::Change { path: path.to_owned(), lines: within(&mut lines) },
                [_, path] => Block::File { path: path.to_owned(), text: within(&mut lines) },
                _ => {
                    words.push(line.to_owned());
                    continue;
                }
            };
            parts.push(Part::Words(std::mem::take(&mut words)));
            parts.push(Part::Block(line.to_owned(), block));
        }
        parts.push(Part::Words(words));
        Self(parts)
    }

    pub(crate) fn blocks_mut(&mut self) -> impl Iterator<Item = &mut Block> {
        self.0.iter_mut().filter_map(|part| match part {
            Part::Words(_) => None,
            Part::Block(_, block) => Some(block),
        })
    }

    fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.0.iter().filter_map(|part| match part {
            Part::Words(_) => None,
            Part::Block(_, block) => Some(block),
        })
    }

    /// The page's text.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Words(lines) => text.push_str(&joined(lines)),
                Part::Block(opens, block) => {
                    let _ = write!(text, "{opens}\n{}```\n", block.text());
                }
            }
        }
        text
    }

    /// What the page tells otherwise than what happened; nothing if all is so.
    pub(crate) fn differing(&self, followed: &Self) -> String {
        let mut told = String::new();
        for (expected, found) in self.blocks().zip(followed.blocks()) {
            match (expected, found) {
                (Block::Console(expected), Block::Console(found)) => {
                    for (expected, found) in expected.iter().zip(found) {
                        if !words::alike(&expected.says, &found.says) {
                            let _ = write!(
                                told,
                                "\n$ {}\n{}\nthe page says:\n{}\n",
                                found.command,
                                found.says.join("\n"),
                                expected.says.join("\n")
                            );
                        }
                    }
                }
                (Block::File { path, text }, Block::File { text: found, .. }) if text != found => {
                    let _ = write!(told, "\n{path} is\n{}\n", found.join("\n"));
                }
                _ => {}
            }
        }
        told
    }
}

impl Block {
    fn text(&self) -> String {
        match self {
            Self::Console(steps) => joined(&steps.iter().flat_map(Step::lines).collect::<Vec<_>>()),
            Self::Once(commands) => commands.iter().flat_map(|command| ["$ ", command, "\n"]).collect(),
            Self::File { text: lines, .. } | Self::Change { lines, .. } => joined(lines),
        }
    }
}

fn joined(lines: &[String]) -> String {
    lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
}

impl Step {
    fn lines(&self) -> Vec<String> {
        std::iter::once(format!("$ {}", self.command)).chain(self.says.iter().cloned()).collect()
    }
}

fn steps(lines: &[String]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for line in lines {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => steps.push(Step { command: command.to_owned(), says: Vec::new() }),
            (None, Some(step)) => step.says.push(line.clone()),
            (None, None) => panic!("`{line}` follows no command"),
        }
    }
    steps
}
