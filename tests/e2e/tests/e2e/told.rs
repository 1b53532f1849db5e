//! Everything that a runner wrote, and everything that it says when it is asked.

use std::path::Path;

use crate::scene::Scene;

/// Something that was told, and what it is.
pub(crate) type Told = (String, Vec<u8>);

/// What is asked of a whole installation.
const LISTINGS: [&[&str]; 13] = [
    &["runs", "--limit", "1000"],
    &["resources", "--all"],
    &["findings", "--all"],
    &["dead"],
    &["hook", "list"],
    &["audit", "list"],
    &["audit", "history"],
    &["label", "show", "cust-1"],
    &["app", "cust-1"],
    &["autopsy", "cust-1"],
    &["approve"],
    &["check"],
    &["doctor"],
];

impl Scene {
    /// All of it: files with a backup and exported runs among them, the log, listings, each run and row in full, what a
    /// running process answers over HTTP and over its socket.
    pub(crate) fn told(&self) -> Vec<Told> {
        let backup = self.directory.path().join("copy.db").display().to_string();
        let mut told = vec![("the log".to_owned(), self.log().into_bytes())];
        self.tells(&mut told, &["backup", &backup, "--replace"]);
        self.tells(&mut told, &["pause", "--hook", "nobody"]);
        self.tells(&mut told, &["label", "set", "cust-1", "told=yes"]);
        for listing in LISTINGS {
            self.tells(&mut told, listing);
        }
        for run in self.list(&["runs", "--limit", "1000"]) {
            let id = run["run"].as_str().unwrap();
            let file = self.directory.path().join(format!("{id}.json")).display().to_string();
            self.tells(&mut told, &["run", id]);
            self.tells(&mut told, &["replay", id, "--export", &file]);
        }
        for row in self.list(&["resources", "--all"]) {
            self.tells(&mut told, &["why", row["row"].as_str().unwrap()]);
        }
        for path in ["/metrics", "/healthz", "/readyz"] {
            let answer = self.ask(path).map(|(_, body)| body).unwrap_or_default();
            told.push((path.to_owned(), answer.into_bytes()));
        }
        files(self.directory.path(), &mut told);
        told
    }

    /// What a command says, to people and as JSON, whether it succeeds or not.
    fn tells(&self, told: &mut Vec<Told>, arguments: &[&str]) {
        for arguments in [arguments.to_vec(), [&["--json"], arguments].concat()] {
            let said = self.groundcrew(&arguments);
            told.push((arguments.join(" "), (said.out + &said.err).into_bytes()));
        }
    }
}

fn files(directory: &Path, into: &mut Vec<Told>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, into);
        } else if path.is_file() {
            into.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
}

pub(crate) fn holds(bytes: &[u8], text: &str) -> bool {
    aho_corasick::AhoCorasick::new([text]).unwrap().is_match(bytes)
}
