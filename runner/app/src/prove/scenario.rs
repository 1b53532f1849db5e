//! Scenarios as authors write them: `scenarios/NAME.toml` of a hook's project, for `test` and for `prove`.
//!
//! ```toml
//! about = "An app comes, changes its plan, and goes."
//!
//! [stanza]                              # as an operator writes it, without `use`
//! gone   = "delete"
//! grace  = { gone = "30s", unwanted = "20s" }
//! config = { server = "https://api.example" }
//!
//! [outside]                             # the API that the hook talks to
//! server = "https://api.example"
//!
//! [outside.collection."/things"]
//! lag = "2s"                            # for so long listings do not show what was made
//!
//! [[step]]
//! at     = "0s"
//! app    = "cust-7"
//! labels = { plan = "basic" }
//!
//! [expect]
//! lives = ["cust-7 thing/cust-7"]       # what is there at the end, of ours
//! ```
//!
//! Everything is told in the words of the file: line, reason, and what could be written instead.

mod collection;
mod scene;
mod step;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use groundcrew_core::duration::Millis;
use groundcrew_outside::Purpose;
use serde::Deserialize;

use super::audited::Identity;
use super::happening::Happening;

pub use collection::Collection;
pub(super) use scene::INSTALLATION;
pub use scene::Unplayable;
pub use step::{Deed, Step};

/// The folder of scenarios within a project.
const FOLDER: &str = "scenarios";

/// One scenario, as it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The file's name without its ending.
    #[serde(skip)]
    pub name: String,
    /// The file.
    #[serde(skip)]
    pub path: PathBuf,
    /// What it is about, in a sentence.
    #[serde(default)]
    pub about: String,
    /// How long it is looked at; unless it says, for an hour after its last step, and as long as keys are remembered.
    #[serde(default)]
    pub lasts: Option<Millis>,
    /// The hook's stanza.
    #[serde(default)]
    pub stanza: toml::Table,
    /// How an auditor's audit is run: as an operator writes it, without `hooks` and `cron`.
    #[serde(default)]
    pub audit: toml::Table,
    /// What the hook talks to.
    #[serde(default)]
    pub outside: Outside,
    /// What happens.
    #[serde(default)]
    pub step: Vec<Step>,
    /// What is to come of it.
    #[serde(default)]
    pub expect: Expect,
}

/// What the hook talks to.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Outside {
    /// Where it is, without a slash at its end.
    pub server: String,
    /// What it holds, by path.
    pub collection: BTreeMap<String, Collection>,
}

impl Default for Outside {
    fn default() -> Self {
        Self { server: "https://api.example".to_owned(), collection: BTreeMap::new() }
    }
}

/// What is to come of a scenario; its calls are in the file beside it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Expect {
    /// What lives at the end, of ours.
    pub lives: Vec<Lives>,
    /// Codes of findings that must have been reported by then.
    pub findings: Vec<String>,
    /// What of the events receivers are told, each once and in this order; not said: all of them.
    pub told: Option<Vec<Happening>>,
    /// The auditor's findings that are open at the end; not said: as it may be.
    pub open: Option<Vec<Open>>,
}

/// `CODE ABOUT`: a finding of the auditor; what it is about may be told by the thing's name instead of its id.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Open(pub Identity);

impl TryFrom<String> for Open {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (code, about) = text.split_once(' ').ok_or_else(|| {
            format!("`{text}` is no `CODE ABOUT`; write for example \"thing.idle thing/old\"")
        })?;
        Ok(Self((code.to_owned(), about.to_owned())))
    }
}

/// `APP KIND/KEY`, or `APP/MACHINE KIND/KEY`: whose thing it is, and which.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Lives(pub Purpose);

impl TryFrom<String> for Lives {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no `APP KIND/KEY`; write for example \"cust-7 thing/cust-7\"");
        let (owner, key) = text.split_once(' ').filter(|(_, key)| key.contains('/')).ok_or_else(wrong)?;
        Ok(Self(Purpose::new(format!("fly/acme/{owner}"), key)))
    }
}

/// Why there is no scenario to play.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The project has none.
    #[error("{} holds no scenario", folder.display())]
    None {
        /// Where they are looked for.
        folder: PathBuf,
    },
    /// None of this name.
    #[error("there is no scenario `{name}`; there are: {}", known.join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file says nonsense.
    #[error("{}: {source}", path.display())]
    Refused {
        /// Which.
        path: PathBuf,
        /// In which line, and why.
        source: Box<toml::de::Error>,
    },
}

impl Scenario {
    /// Reads one from its text; `path` is where it came from.
    pub fn parse(path: &Path, text: &str) -> Result<Self, Error> {
        let refused = |source| Error::Refused { path: path.to_owned(), source: Box::new(source) };
        let read: Self = toml::from_str(text).map_err(refused)?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { name, path: path.to_owned(), ..read })
    }

    /// Reads one file.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = fs::read_to_string(path);
        Self::parse(path, &text.map_err(|source| Error::Unreadable { path: path.to_owned(), source })?)
    }

    /// Reads those of a project, by name; all of them if none is named.
    pub fn of_project(root: &Path, named: &[String]) -> Result<Vec<Self>, Error> {
        let folder = root.join(FOLDER);
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut paths: Vec<_> =
            entries.filter(|path| path.extension().is_some_and(|it| it == "toml")).collect();
        paths.sort();
        if paths.is_empty() {
            return Err(Error::None { folder });
        }
        let stem = |path: &PathBuf| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let known: Vec<_> = paths.iter().map(stem).collect();
        if let Some(name) = named.iter().find(|name| !known.contains(name)) {
            return Err(Error::Unknown { name: name.clone(), known });
        }
        let chosen = |path: &&PathBuf| named.is_empty() || named.contains(&stem(path));
        paths.iter().filter(chosen).map(|path| Self::read(path)).collect()
    }

    /// Where its expected calls are.
    pub fn calls_path(&self) -> PathBuf {
        self.path.with_extension("calls")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        let error = Scenario::parse(Path::new("scenarios/life.toml"), text).expect_err("it is refused");
        error.to_string()
    }

    #[test]
    fn what_makes_no_sense_is_told_with_its_line_and_what_could_be_written() {
        let unknown = refused("about = \"x\"\n[[stpe]]\nat = \"1s\"\n");
        assert!(
            unknown.starts_with("scenarios/life.toml: TOML parse error at line 2, column 3"),
            "{unknown}"
        );
        assert!(unknown.contains("expected one of `about`"), "{unknown}");
        for (text, line, told) in [
            ("[[step]]\napp = \"a\"\n", "line 1", "at = \"10s\""),
            ("[[step]]\nat = \"1s\"\n", "line 1", "a step says one thing"),
            ("[[step]]\nat = \"1s\"\nfault = \"slow\"\n", "line 1", "answer-lost"),
            ("[[step]]\nat = \"1s\"\nstranger = \"takes\"\nin = \"/x\"\n", "line 1", "say its `name`"),
            ("[[step]]\nat = \"soon\"\n", "line 2", "soon"),
            (
                "[[step]]\nat = \"1s\"\napp = \"a\"\nevent = \"app.moved\"\n",
                "line 1",
                "it tells app.created, app.updated",
            ),
            (
                "[[step]]\nat = \"1s\"\napp = \"a\"\nmachine = \"m\"\nevent = \"app.updated\"\n",
                "line 1",
                "machine.started",
            ),
            (
                "[[step]]\nat = \"1s\"\napp = \"a\"\nevent = \"com.example.paid\"\n",
                "line 1",
                "`about` instead of `app`",
            ),
            ("[[step]]\nat = \"1s\"\nevent = \"app.created\"\n", "line 1", "com.example.app.created"),
            (
                "[[step]]\nat = \"1s\"\nevent = \"finding.lost\"\n",
                "line 1",
                "it tells finding.opened, finding.resolved",
            ),
            ("[[step]]\nat = \"1s\"\nevent = \"\"\n", "line 1", "type: text that is not empty is expected"),
            (
                "[[step]]\nat = \"1s\"\nevent = \"x\"\nabout = \"a/b/c\"\n",
                "line 1",
                "write for example \"cust-7\"",
            ),
            (
                "[[step]]\nat = \"1s\"\nevent = \"x\"\ndata = { on = 2027-01-15 }\n",
                "line 1",
                "write the time 2027-01-15 in quotes",
            ),
            (
                "[[step]]\nat = \"1s\"\ntick = true\ndata = 1\n",
                "line 1",
                "`data` means nothing in a step with `tick = true`",
            ),
            (
                "[[step]]\nat = \"1s\"\nfault = \"503\"\nlabels = {}\n",
                "line 1",
                "which takes `method`, `after`",
            ),
            (
                "[[step]]\nat = \"1s\"\napp = \"a\"\ngone = true\nlabels = {}\n",
                "line 1",
                "`labels` means nothing",
            ),
            ("[expect]\ntold = [\"app.created a b\"]\n", "line 2", "app.created cust-7"),
            ("[expect]\nlives = [\"cust-7\"]\n", "line 2", "cust-7 thing/cust-7"),
            ("[expect]\nopen = [\"thing.idle\"]\n", "line 2", "thing.idle thing/old"),
            ("[outside.collection.\"/x\"]\nlike = \"odd\"\n", "line 2", "anonymous"),
        ] {
            let refused = refused(text);
            assert!(refused.contains(line) && refused.contains(told), "{text}\n{refused}");
        }
    }

    #[test]
    fn every_knob_of_the_fake_can_be_turned() {
        let text = "[outside.collection.\"/x\"]\nlike = \"natural\"\nids = \"server-made\"\nnames = \"free\"\nmarks = \"none\"\n\
            remembers = \"1h\"\nmade = \"none\"\nlag = \"1s\"\nby-id = \"lagging\"\nstale = \"2s\"\nanswer = \"1ms\"\nequals = \"answered\"\nbuild = \"3s\"\ndemolish = \"4s\"\n\
            page = 5\nrate = { per-second = 6, burst = 7 }\nmost = 8\nwords = { list = \"things\", mark = \"meta.gc\", wrap = \"x\" }\n";
        let read = Scenario::parse(Path::new("x.toml"), text).expect("it is read");
        let knobs = read.outside.collection["/x"].knobs();
        let groundcrew_outside::Knobs {
            lag_ms,
            stale_ms,
            build_ms,
            demolish_ms,
            page,
            things_max,
            words,
            ..
        } = &knobs;
        assert_eq!((*lag_ms, *stale_ms, *build_ms, *demolish_ms), (1_000, 2_000, 3_000, 4_000));
        assert_eq!((*page, *things_max, words.mark.as_str()), (5, Some(8), "meta.gc"));
        let kind = groundcrew_outside::Knobs::default();
        assert!(knobs.names != kind.names && knobs.marks != kind.marks && knobs.keys != kind.keys);
        assert!(knobs.equals != kind.equals && knobs.answer_ms == 1);
        assert!(knobs.made != kind.made && knobs.by_id != kind.by_id && knobs.rate.is_some());
    }
}
