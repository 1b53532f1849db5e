//! What commands say, compared with golden files.

use std::path::Path;

use crate::scene::{Said, Scene};
use crate::shipped::Shipped;

impl Scene {
    /// The command line, its code and what it said; addresses, directories and times of this run are named instead.
    pub(crate) fn transcript(&self, line: &str) -> String {
        let words: Vec<_> = line.split_whitespace().collect();
        let program = &Shipped::get().binary;
        let said = self.command(program).env("GROUNDCREW_LOG", "off").args(&words).output().unwrap();
        let said = Said::of(&said);
        let code = said.code.map_or_else(|| "killed".to_owned(), |code| code.to_string());
        let text = format!("$ groundcrew {line}   # {code}\n{}{}", said.out, said.err);
        let text = text
            .replace(&self.platform.base_url(), "[fly]")
            .replace(&self.shop, "[shop]")
            .replace(&self.directory.path().display().to_string(), "[dir]");
        let lines: Vec<_> = text.lines().map(str::trim_end).map(timeless).collect();
        format!("{}\n", lines.join("\n"))
    }

    /// Compares the transcript of a command line with `tests/e2e/golden/NAME`; `GROUNDCREW_GOLDEN=write` writes it instead.
    pub(crate) fn golden(&self, name: &str, line: &str) {
        let text = self.transcript(line);
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/golden").join(name);
        if std::env::var_os("GROUNDCREW_GOLDEN").is_some_and(|mode| mode == "write") {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &text).unwrap();
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        let path = path.display();
        assert!(expected == text, "{path} differs; GROUNDCREW_GOLDEN=write writes it anew. Now:\n{text}");
    }
}

/// A line without how long something still takes.
fn timeless(line: &str) -> String {
    let is_time = |rest: &str| rest.split_once(' ').is_some_and(|(number, _)| number.parse::<u32>().is_ok());
    match line.rsplit_once("; in ").filter(|(_, rest)| is_time(rest)) {
        Some((before, _)) => format!("{before}; in [time]"),
        None => line.to_owned(),
    }
}
