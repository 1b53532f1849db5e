//! What a cache forgets: what dead processes left of their compiling, and what nobody loaded for long.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::time::{Duration, SystemTime};

use super::{Cache, Error, now};

/// How much a cache keeps of what is not in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// How long after it was last loaded.
    pub age: Duration,
    /// Bytes of compiled components, those in use included.
    pub bytes: u64,
}

impl Default for Bounds {
    /// A month and two gigabytes: thirty times what a large component in Python compiles to.
    fn default() -> Self {
        Self { age: Duration::from_hours(30 * 24), bytes: 2 << 30 }
    }
}

/// A compiled component on disk.
struct Kept {
    path: PathBuf,
    bytes: u64,
    used: SystemTime,
}

impl Cache {
    /// Removes what is of no use any more: leftovers, what is older than the bounds, and the oldest of what is too much.
    ///
    /// # Guarantees
    /// What was loaded through this cache or a copy of it stays. While anybody loads or compiles here, nothing is
    /// removed: a later call does. What another process has loaded goes on there, and is compiled again at its next start.
    pub fn tidy(&self, bounds: Bounds) -> Result<(), Error> {
        let failed = |source| Error::Io { path: self.directory.clone(), source };
        let directory = match File::open(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            opened => opened.map_err(failed)?,
        };
        match directory.try_lock() {
            Ok(()) => self.tidy_alone(bounds).map_err(failed),
            Err(TryLockError::WouldBlock) => Ok(()),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    fn tidy_alone(&self, bounds: Bounds) -> io::Result<()> {
        let mut kept = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let (path, metadata) = match entry.and_then(|entry| Ok((entry.path(), entry.metadata()?))) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                found => found?,
            };
            let extension = path.extension().unwrap_or_default();
            let lone_mac = || extension == "mac" && !path.with_extension("cwasm").is_file();
            if extension == "new" || extension == "wasm" || lone_mac() {
                fs::remove_file(&path)?;
            } else if extension == "cwasm" {
                let mac = fs::metadata(path.with_extension("mac")).and_then(|mac| mac.modified());
                let used = mac.or_else(|_| metadata.modified())?;
                kept.push(Kept { bytes: metadata.len(), path, used });
            }
        }
        let loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let (in_use, mut others): (Vec<_>, Vec<_>) =
            kept.into_iter().partition(|kept| loaded.contains(&kept.path));
        others.sort_by_key(|kept| std::cmp::Reverse(kept.used));
        let mut total: u64 = in_use.iter().map(|kept| kept.bytes).sum();
        let oldest = now().checked_sub(bounds.age);
        for kept in others {
            total = total.saturating_add(kept.bytes);
            if total > bounds.bytes || oldest.is_some_and(|oldest| kept.used < oldest) {
                remove(&kept.path)?;
            }
        }
        Ok(())
    }
}

/// The MAC first: what is left of an interrupted removal is not believed.
fn remove(compiled: &Path) -> io::Result<()> {
    match fs::remove_file(compiled.with_extension("mac")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    tracing::debug!(path = %compiled.display(), "a compiled component is removed");
    fs::remove_file(compiled)
}
