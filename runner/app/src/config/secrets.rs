//! The operator's secrets: names in the file, values in the environment or in files of their own.
//!
//! A value is read when it is needed and never kept in a [`super::Config`] that could be printed. A file is
//! read again when it changed, so a rotated secret needs no restart.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;
use std::{fmt, fs, io};

/// What the process's environment says, or what a test says instead.
#[derive(Clone)]
pub struct Environment(Arc<Read>);

type Read = dyn Fn(&str) -> Option<String> + Send + Sync;

impl Environment {
    /// The process's own environment.
    #[expect(clippy::disallowed_methods, reason = "this is the one place where the environment is read")]
    pub fn of_process() -> Self {
        Self(Arc::new(|name| std::env::var(name).ok()))
    }

    /// Fixed values.
    pub fn fixed(values: impl IntoIterator<Item = (String, String)>) -> Self {
        let values: BTreeMap<_, _> = values.into_iter().collect();
        Self(Arc::new(move |name| values.get(name).cloned()))
    }

    /// The value of a variable; empty counts as missing.
    pub fn read(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.is_empty())
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Environment(..)")
    }
}

/// Where a secret's value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// In a variable of the environment.
    Env(String),
    /// In a file; white space around it does not count.
    File(PathBuf),
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "environment variable {name}"),
            Self::File(path) => write!(f, "file {}", path.display()),
        }
    }
}

/// Why a secret cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// No such name in `[secrets]`.
    #[error("no secret `{0}` in [secrets]")]
    Unknown(String),
    /// The environment or the file has no value.
    #[error("secret `{name}`: {source_} is empty or not set")]
    Empty {
        /// The secret.
        name: String,
        /// Where it was looked for.
        source_: SecretSource,
    },
    /// The file cannot be read.
    #[error("secret `{name}`: cannot read {}", path.display())]
    Unreadable {
        /// The secret.
        name: String,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// A file's value, and the file's time when it was read.
#[derive(Clone)]
struct Cached {
    changed: Option<SystemTime>,
    length: u64,
    value: Arc<str>,
}

/// All secrets of an installation, by the operator's names.
///
/// # Guarantees
/// Debug output shows names and sources, never a value. A changed file (time or length) is read again.
pub struct Secrets {
    sources: BTreeMap<String, SecretSource>,
    environment: Environment,
    files: Mutex<BTreeMap<String, Cached>>,
}

impl Secrets {
    pub(super) fn new(sources: BTreeMap<String, SecretSource>, environment: Environment) -> Self {
        Self { sources, environment, files: Mutex::default() }
    }

    /// The names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.sources.keys().map(String::as_str)
    }

    /// Where a secret's value is.
    pub fn source(&self, name: &str) -> Option<&SecretSource> {
        self.sources.get(name)
    }

    /// Reads a secret's value as it is now.
    pub fn read(&self, name: &str) -> Result<Arc<str>, SecretError> {
        let source = self.sources.get(name).ok_or_else(|| SecretError::Unknown(name.to_owned()))?;
        let value: Arc<str> = match source {
            SecretSource::Env(variable) => self.environment.read(variable).unwrap_or_default().trim().into(),
            SecretSource::File(path) => self.read_file(name, path).map_err(|source| {
                SecretError::Unreadable { name: name.to_owned(), path: path.clone(), source }
            })?,
        };
        if value.is_empty() {
            return Err(SecretError::Empty { name: name.to_owned(), source_: source.clone() });
        }
        Ok(value)
    }

    fn read_file(&self, name: &str, path: &Path) -> io::Result<Arc<str>> {
        let metadata = fs::metadata(path)?;
        let (changed, length) = (metadata.modified().ok(), metadata.len());
        let mut files = self.files.lock().expect("invariant: nobody panics while holding the cache");
        let fresh =
            |cached: &&Cached| changed.is_some() && cached.changed == changed && cached.length == length;
        if let Some(cached) = files.get(name).filter(fresh) {
            return Ok(cached.value.clone());
        }
        let value: Arc<str> = fs::read_to_string(path)?.trim().into();
        files.insert(name.to_owned(), Cached { changed, length, value: value.clone() });
        Ok(value)
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Secrets").field(&self.sources).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(path: &Path) -> Secrets {
        let environment = Environment::fixed([
            ("TOKEN".to_owned(), "fo1_x\n".to_owned()),
            ("NONE".to_owned(), String::new()),
        ]);
        let sources = [
            ("A", SecretSource::Env("TOKEN".to_owned())),
            ("B", SecretSource::Env("NONE".to_owned())),
            ("F", SecretSource::File(path.to_owned())),
        ];
        Secrets::new(sources.map(|(name, source)| (name.to_owned(), source)).into(), environment)
    }

    #[test]
    fn values_are_read_and_absence_is_told() {
        let secrets = secrets(Path::new("/nowhere/at/all"));
        assert_eq!(&*secrets.read("A").unwrap(), "fo1_x");
        assert_eq!(
            secrets.read("B").unwrap_err().to_string(),
            "secret `B`: environment variable NONE is empty or not set"
        );
        assert!(
            secrets.read("F").unwrap_err().to_string().contains("cannot read file /nowhere")
                || secrets.read("F").is_err()
        );
        assert_eq!(secrets.read("C").unwrap_err().to_string(), "no secret `C` in [secrets]");
        assert!(!format!("{secrets:?}").contains("fo1_x"));
    }

    #[test]
    fn a_changed_file_is_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        let secrets = secrets(&path);
        let at = |seconds| SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
        let write = |text: &str, seconds| {
            fs::write(&path, text).unwrap();
            fs::File::options().append(true).open(&path).unwrap().set_modified(at(seconds)).unwrap();
        };
        write("first\n", 1_000);
        assert_eq!(&*secrets.read("F").unwrap(), "first");
        write("other\n", 1_000);
        assert_eq!(&*secrets.read("F").unwrap(), "first", "an unchanged time and length is not read again");
        write("other\n", 2_000);
        assert_eq!(&*secrets.read("F").unwrap(), "other");
    }
}
