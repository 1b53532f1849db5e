//! What handlers and auditors may look up: the fleet, and the small memory of their lane.

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
}

/// A memory that knows nothing; for provisioners, which import none of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Forgetful;

impl Memory for Forgetful {
    fn subject<'a>(&'a self, _: &'a Path) -> BoxFuture<'a, Result<Option<Subject>, Failure>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    fn below<'a>(&'a self, _: &'a str, _: Option<&'a str>) -> BoxFuture<'a, Result<Page, Failure>> {
        Box::pin(std::future::ready(Ok((Vec::new(), None))))
    }

    fn running<'a>(&'a self, _: &'a Path, _: Month) -> BoxFuture<'a, Result<Vec<Total>, Failure>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    fn value<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, Failure>> {
        Box::pin(std::future::ready(Ok(None)))
    }
}
