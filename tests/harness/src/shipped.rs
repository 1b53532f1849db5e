//! What plays of shipped hooks show at their end.

use groundcrew_outside::{Purpose, What};

use crate::Played;
use crate::neighbours::{PDNS, REGISTRY};
use crate::pointing::canonical;
use crate::s3;

/// Questions about the neighbours at the end of a play.
pub trait Shipped {
    /// Whether a record set of ours says this at the end.
    fn says(&self, key: &str, content: &str) -> bool;

    /// The address of this type that an app has at the end; none if it has none, or several.
    fn address(&self, app: &str, kind: &str) -> Option<String>;

    /// Whether an app's secret has this value at the end.
    fn keeps(&self, secret: &str, value: &str) -> bool;

    /// Whether the registry's document of an app says this at the end.
    fn registers(&self, app: &str, field: &str, value: &str) -> bool;

    /// Whether a bucket is there at the end and says whose it is.
    fn is_tagged(&self, bucket: &str) -> bool;
}

impl Shipped for Played {
    fn says(&self, key: &str, content: &str) -> bool {
        let last = self.log.iter().rfind(|effect| effect.collection == PDNS && effect.id == key);
        last.is_some_and(|effect| effect.what != What::Deleted && effect.name.as_deref() == Some(content))
    }

    fn address(&self, app: &str, kind: &str) -> Option<String> {
        let purpose = Purpose::new(format!("fly/acme/{app}"), kind);
        let ours = self.log.iter().filter(|effect| effect.purpose.as_ref() == Some(&purpose));
        let gone = |id: &str| self.log.iter().any(|effect| effect.id == id && effect.what == What::Deleted);
        let mut held = ours.filter(|effect| effect.what == What::Created && !gone(&effect.id));
        held.next().filter(|_| held.next().is_none()).map(|effect| canonical(&effect.id))
    }

    fn keeps(&self, secret: &str, value: &str) -> bool {
        self.beside.secrets.get(secret).is_some_and(|kept| kept == value)
    }

    fn registers(&self, app: &str, field: &str, value: &str) -> bool {
        let mut documents = self.shown.get(REGISTRY).into_iter().flatten();
        documents.any(|document| document["id"] == app && document[field] == value)
    }

    fn is_tagged(&self, bucket: &str) -> bool {
        let last = self.log.iter().rfind(|effect| effect.collection == s3::AT && effect.id == bucket);
        last.is_some_and(|effect| effect.what != What::Deleted && effect.mark.is_some())
    }
}
