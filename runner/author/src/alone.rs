//! One build of a project at a time: builds share the working files in `.groundcrew/`.
//!
//! *Guarantees.* The lock is the operating system's, so it ends with its process, however that ends. Toolchains do not
//! inherit it.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;

/// The right to build in a project, until it is dropped.
#[derive(Debug)]
pub(crate) struct Alone {
    _locked: File,
}

impl Alone {
    /// Waits until nobody else builds; `say` is told if it has to. The folder is made if it is not there.
    pub(crate) fn wait(own: &Path, say: &mut dyn FnMut(&str)) -> io::Result<Self> {
        fs::create_dir_all(own)?;
        let file = File::options().create(true).append(true).open(own.join("lock"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                say("another build of this project is running; waiting for its end");
                file.lock()?;
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        Ok(Self { _locked: file })
    }
}
