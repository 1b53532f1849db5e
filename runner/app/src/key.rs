//! The installation's key, with which names are made unguessable and what is handed out is sealed.
//!
//! A database knows which key it was begun with by a digest of it: beside another one, or none, nothing of what is
//! sealed in it could be read again, and all of it would look changed. So nothing begins there.

use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use groundcrew_core::hash::Digest;
use groundcrew_core::time::Timestamp;
use groundcrew_store::Store;
use groundcrew_store::operators::OperatorAct;
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
    /// A database was begun with a key, and there is none.
    #[error(
        "there is no {path}, and what is sealed in {database} opens with no other key: put it back from where it was saved (`groundcrew backup` writes it beside the copy, as FILE.key), or, if it is lost for good, `groundcrew recover --new-key`"
    )]
    Lost {
        /// Where it was.
        path: PathBuf,
        /// What needs it.
        database: PathBuf,
    },
    /// A database was begun with another key.
    #[error(
        "{path} is not the key that {database} was begun with, and what is sealed in that opens with no other: put the right one back from where it was saved (`groundcrew backup` writes it beside the copy, as FILE.key), or, if it is lost for good, `groundcrew recover --new-key`"
    )]
    Other {
        /// What is there.
        path: PathBuf,
        /// What needs another one.
        database: PathBuf,
    },
    /// The database, which says which key it was begun with.
    #[error(transparent)]
    Store(#[from] groundcrew_store::Error),
}

/// The key of the installation whose database this is; of a new one it is made.
///
/// A database from before this was kept takes the key that is there. `database` is where it is told to be: a
/// rehearsal works on a copy.
///
/// # Errors
/// [`Error::Lost`] and [`Error::Other`] where the database was begun with a key that is not there.
pub async fn of(store: &Store, directory: &Path, database: &Path) -> Result<[u8; 32], Error> {
    let path = directory.join("key");
    let key = match belonging(store, &path, database)? {
        Some(key) => key,
        None => read_or_make(directory)?,
    };
    let claimed = store.claim_key_print(&print(&key)).await?;
    claimed.map_err(|_| Error::Other { path, database: database.to_owned() })?;
    Ok(key)
}

/// The key in a file, if it is the one of a database; none if there is none and none was ever needed.
///
/// # Errors
/// As [`of`].
pub fn belonging(store: &Store, path: &Path, database: &Path) -> Result<Option<[u8; 32]>, Error> {
    let (there, database) = (path.to_owned(), database.to_owned());
    let key = match read(path) {
        Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
            return if store.needs_key()? { Err(Error::Lost { path: there, database }) } else { Ok(None) };
        }
        found => found?,
    };
    match store.key_print()? {
        Some(known) if known != print(&key) => Err(Error::Other { path: there, database }),
        _ => Ok(Some(key)),
    }
}

/// Goes on with the key that is there, or a new one, in place of the one that a database was begun with.
pub async fn renew(store: &Store, directory: &Path, act: OperatorAct, now: Timestamp) -> Result<(), Error> {
    let key = read_or_make(directory)?;
    Ok(store.renew_key_print(&print(&key), act, now).await?)
}

/// Tells a key from others and says nothing else of it.
fn print(key: &[u8; 32]) -> String {
    Digest::of_parts([b"the key of an installation".as_slice(), key]).to_string()
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
