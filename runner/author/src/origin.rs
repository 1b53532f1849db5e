//! What the component that is there was built from, so that `test` and `prove` build only when they must.
//!
//! A build leaves two digests in `.groundcrew/built`: of the component, and of all that it was made of: the manifest, every
//! source with its time and length, the SDK, this program's version. What toolchains and packages there are is not in it.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

use groundcrew_core::hash::Digest;

use crate::{Project, Sources, sdk};

/// All that a component is made of, looked at before it is built: what changes meanwhile makes it old.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin(Digest);

impl Origin {
    /// Looks at a project as it is now.
    pub(crate) fn of(project: &Project) -> Self {
        let sources = Sources::look(&project.root);
        let mut parts = vec![
            env!("CARGO_PKG_VERSION").as_bytes().to_vec(),
            sdk::stamp(project.language).as_bytes().to_vec(),
            project.manifest_text.clone().into_bytes(),
        ];
        for (path, (written, length)) in sources.files() {
            let since = written.and_then(|written| written.duration_since(UNIX_EPOCH).ok());
            let nanos = since.map_or(0, |since| since.as_nanos());
            parts.push(path.as_os_str().as_encoded_bytes().to_vec());
            parts.push([nanos.to_le_bytes().as_slice(), &length.to_le_bytes()].concat());
        }
        Self(Digest::of_parts(parts.iter().map(Vec::as_slice)))
    }

    /// Writes down that the component of this digest was made of it.
    pub(crate) fn keep(&self, project: &Project, component: &str) -> io::Result<()> {
        fs::write(kept(project), format!("{component}\n{}\n", self.0))
    }

    /// Whether the component that is there was made of this.
    ///
    /// One that was not built here, such as one that was brought along, counts as made of it if it is as new as every source.
    pub(crate) fn is_built(&self, project: &Project) -> bool {
        let Ok(component) = fs::read(project.output()) else { return false };
        let digest = Digest::of(&component).to_string();
        let kept = fs::read_to_string(kept(project)).unwrap_or_default();
        if let Some((of, origin)) = kept.trim_end().split_once('\n')
            && of == digest
        {
            return origin == self.0.to_string();
        }
        let written = fs::metadata(project.output()).and_then(|metadata| metadata.modified()).ok();
        written.is_some() && written >= Sources::look(&project.root).newest()
    }
}

fn kept(project: &Project) -> PathBuf {
    project.own().join("built")
}
