//! What handlers and auditors may look up: the fleet, and the small memory of their lane.

use std::future::ready;

use futures_util::future::BoxFuture;
use groundcrew_core::running::{Month, Total};
use groundcrew_core::spec::Failure;
use groundcrew_core::subject::{Path, Subject};

/// A part of a listing, and the cursor of the next one.
pub type Page = (Vec<Subject>, Option<String>);

/// Answers `fleet` and `kv` from the store.
pub trait Memory: Send + Sync {
    /// One living subject within the hook's scope.
    fn subject<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, Result<Option<Subject>, Failure>>;
    /// Living subjects directly below a path, by path, and the cursor of the next page.
    fn below<'a>(&'a self, path: &'a str, cursor: Option<&'a str>) -> BoxFuture<'a, Result<Page, Failure>>;
    /// How long an app's machines ran in a month, by size.
    fn running<'a>(&'a self, app: &'a Path, month: Month) -> BoxFuture<'a, Result<Vec<Total>, Failure>>;
    /// What was committed under this key.
    fn value<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, Failure>>;
    /// Why nothing can be written to it, if so.
    fn refusal(&self) -> Option<Failure> {
        None
    }
}

/// One that holds nothing, and takes whatever a run writes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Empty;

impl Memory for Empty {
    fn subject<'a>(&'a self, _: &'a Path) -> BoxFuture<'a, Result<Option<Subject>, Failure>> {
        Box::pin(ready(Ok(None)))
    }

    fn below<'a>(&'a self, _: &'a str, _: Option<&'a str>) -> BoxFuture<'a, Result<Page, Failure>> {
        Box::pin(ready(Ok((Vec::new(), None))))
    }

    fn running<'a>(&'a self, _: &'a Path, _: Month) -> BoxFuture<'a, Result<Vec<Total>, Failure>> {
        Box::pin(ready(Ok(Vec::new())))
    }

    fn value<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, Failure>> {
        Box::pin(ready(Ok(None)))
    }
}

/// That of provisioners, who have none: whatever is asked of it is a failure. Only a component of several kinds can ask.
#[derive(Clone, Copy, Debug, Default)]
pub struct Absent;

impl Absent {
    fn failure() -> Failure {
        Failure::final_("a provisioner has no `fleet` and no `kv`: only handlers and auditors do")
    }
}

impl Memory for Absent {
    fn subject<'a>(&'a self, _: &'a Path) -> BoxFuture<'a, Result<Option<Subject>, Failure>> {
        Box::pin(ready(Err(Self::failure())))
    }

    fn below<'a>(&'a self, _: &'a str, _: Option<&'a str>) -> BoxFuture<'a, Result<Page, Failure>> {
        Box::pin(ready(Err(Self::failure())))
    }

    fn running<'a>(&'a self, _: &'a Path, _: Month) -> BoxFuture<'a, Result<Vec<Total>, Failure>> {
        Box::pin(ready(Err(Self::failure())))
    }

    fn value<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, Failure>> {
        Box::pin(ready(Err(Self::failure())))
    }

    fn refusal(&self) -> Option<Failure> {
        Some(Self::failure())
    }
}
