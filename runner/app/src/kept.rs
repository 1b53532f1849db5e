//! Components that have run here, kept so that their runs can be played again after an upgrade.
//!
//! `DATA/components/DIGEST.wasm`; one that was loaded by no process for longer than its runs are kept is forgotten.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use groundcrew_core::duration::Millis;
use groundcrew_core::hash::Digest;
use groundcrew_core::time::Timestamp;
use tempfile::NamedTempFile;

/// Beyond what is asked for: runs may go on for a while after their process noted what it has loaded.
const SLACK: Millis = Millis::hours(48);

fn folder(directory: &Path) -> PathBuf {
    directory.join("components")
}

/// Where a component is kept, if it is.
pub fn path_of(directory: &Path, digest: Digest) -> PathBuf {
    folder(directory).join(format!("{digest}.wasm"))
}

/// Keeps a component. What is kept is whole, whatever crashes.
pub fn keep(directory: &Path, digest: Digest, bytes: &[u8], now: Timestamp) -> io::Result<()> {
    let path = path_of(directory, digest);
    if note(directory, digest, now).is_ok() {
        return Ok(());
    }
    fs::create_dir_all(folder(directory))?;
    let mut file = NamedTempFile::with_prefix_in("new.", folder(directory))?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    note(directory, digest, now)
}

/// Notes that a component is in use now.
pub fn note(directory: &Path, digest: Digest, now: Timestamp) -> io::Result<()> {
    let file = File::options().append(true).open(path_of(directory, digest))?;
    file.set_modified(time_of(now))
}

/// A component that is kept; none if it is not, or no longer what it was.
pub fn read(directory: &Path, digest: Digest) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path_of(directory, digest)) {
        Ok(bytes) => Ok((Digest::of(&bytes) == digest).then_some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn time_of(at: Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + at.since(Timestamp::from_millis(0)).max(Millis::ZERO).to_std()
}

/// Forgets what nobody used since then; says how many.
pub fn forget(directory: &Path, since: Timestamp) -> io::Result<u32> {
    let entries = match fs::read_dir(folder(directory)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    let mut forgotten = 0;
    for entry in entries {
        let entry = entry?;
        if entry.metadata()?.modified()? < time_of(since - SLACK) {
            fs::remove_file(entry.path())?;
            forgotten += 1;
        }
    }
    Ok(forgotten)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_back_until_nobody_uses_it() {
        let dir = tempfile::tempdir().unwrap();
        let (digest, other) = (Digest::of(b"one"), Digest::of(b"other"));
        let at = |hours| Timestamp::from_millis(0) + Millis::hours(hours);
        assert!(forget(dir.path(), at(1_000)).unwrap() == 0 && note(dir.path(), digest, at(1)).is_err());
        keep(dir.path(), digest, b"one", at(100)).unwrap();
        keep(dir.path(), other, b"other", at(100)).unwrap();
        note(dir.path(), other, at(101)).unwrap();
        assert_eq!(read(dir.path(), digest).unwrap().as_deref(), Some(&b"one"[..]));
        assert_eq!(forget(dir.path(), at(148)).unwrap(), 0);
        assert_eq!(forget(dir.path(), at(149)).unwrap(), 1);
        assert_eq!(read(dir.path(), digest).unwrap(), None);
        assert!(read(dir.path(), other).unwrap().is_some());
        fs::write(path_of(dir.path(), other), b"something else").unwrap();
        assert_eq!(read(dir.path(), other).unwrap(), None, "it is not what its name says");
    }
}
