//! The installation's key, with which names are made unguessable and what is handed out is sealed.

use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file, or the folder it is made in.
    #[error("{path}")]
    Io {
        /// Which.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// Nothing that this program wrote.
    #[error("{path} is {found} bytes long, a key is 32: put back the one that was saved with the backup")]
    Length {
        /// The file.
        path: PathBuf,
        /// How long it is.
        found: usize,
    },
    /// No randomness.
    #[error("the system gives no random bytes: {0}")]
    Entropy(getrandom::Error),
}

/// The folder's key: made once, readable by its owner only.
///
/// # Guarantees
/// Whoever asks at the same time gets the same key, and a crash leaves the whole key or none.
///
/// # Errors
/// A key that cannot be read is never replaced by another one: what the first one sealed would be lost.
pub fn read_or_make(directory: &Path) -> Result<[u8; 32], Error> {
    let path = directory.join("key");
    match read(&path) {
        Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {}
        found => return found,
    }
    match make(directory, &path) {
        Err(Error::Io { source, .. }) if source.kind() == ErrorKind::AlreadyExists => read(&path),
        made => made,
    }
}

/// What became of putting a key in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It was there already.
    Same,
    /// There was none.
    Alone,
    /// There was another one, which is kept.
    Other,
}

/// Puts a saved key in a folder's place; another one that is there is kept under a name of its own.
///
/// # Guarantees
/// At every moment the folder has one whole key or the other, or none if it had none.
pub fn put(saved: &Path, directory: &Path, kept: &Path) -> Result<Put, Error> {
    let (path, key) = (directory.join("key"), read(saved)?);
    let io = |source| Error::Io { path: path.clone(), source };
    let put = match std::fs::read(&path) {
        Ok(present) if present == key => return Ok(Put::Same),
        Ok(_) => {
            std::fs::hard_link(&path, kept).map_err(io)?;
            Put::Other
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Put::Alone,
        Err(error) => return Err(io(error)),
    };
    written(directory, &path, &key)?.persist(&path).map_err(|error| io(error.error))?;
    sync(directory, &path)?;
    Ok(put)
}

fn read(path: &Path) -> Result<[u8; 32], Error> {
    let found = std::fs::read(path).map_err(|source| Error::Io { path: path.to_owned(), source })?;
    let found = found.as_slice();
    found.try_into().map_err(|_| Error::Length { path: path.to_owned(), found: found.len() })
}

/// Makes a new key, whole before it has its name.
fn make(directory: &Path, path: &Path) -> Result<[u8; 32], Error> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(Error::Entropy)?;
    let file = written(directory, path, &key)?;
    file.persist_noclobber(path).map_err(|error| Error::Io { path: path.to_owned(), source: error.error })?;
    sync(directory, path)?;
    Ok(key)
}

/// A key on disk under another name, readable by its owner only.
fn written(directory: &Path, path: &Path, key: &[u8; 32]) -> Result<NamedTempFile, Error> {
    let io = |source| Error::Io { path: path.to_owned(), source };
    let mut file = NamedTempFile::with_prefix_in("key.", directory).map_err(io)?;
    file.write_all(key).and_then(|()| file.as_file().sync_all()).map_err(io)?;
    Ok(file)
}

fn sync(directory: &Path, path: &Path) -> Result<(), Error> {
    let io = |source| Error::Io { path: path.to_owned(), source };
    std::fs::File::open(directory).and_then(|folder| folder.sync_all()).map_err(io)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::os::unix::fs::PermissionsExt as _;
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn whoever_asks_at_once_gets_one_key() {
        let folder = tempfile::tempdir().unwrap();
        let (path, together) = (folder.path(), Barrier::new(16));
        let ask = || {
            together.wait();
            read_or_make(path).unwrap()
        };
        let keys: BTreeSet<_> = std::thread::scope(|scope| {
            let asking: Vec<_> = (0..16).map(|_| scope.spawn(ask)).collect();
            asking.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert_eq!(keys.len(), 1, "{keys:?}");
        assert_eq!(std::fs::read_dir(path).unwrap().count(), 1, "what lost the race is gone");
        let mode = std::fs::metadata(path.join("key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_key_that_is_not_one_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, b"short").unwrap();
        let error = read_or_make(folder.path()).unwrap_err();
        assert!(matches!(error, Error::Length { found: 5, .. }), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), b"short");
    }
}
