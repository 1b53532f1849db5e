//! Where a run's sealed values are kept: with the row that the run is about.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use groundcrew_core::spec::Failure;
use groundcrew_core::subject::Path;
use groundcrew_engine::seal::{Held, Sealed, Sealing, Vault};
use groundcrew_store::Store;

use super::installed::Installed;

/// The vault of one run.
struct RowVault {
    store: Store,
    /// The row that it is about.
    resource: i64,
}

impl Vault for RowVault {
    fn keep(&self, sealed: Vec<Sealed>) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async move {
            let sealed = sealed.into_iter().map(|sealed| (sealed.token, sealed.cipher)).collect();
            let kept = self.store.keep_sealed(self.resource, sealed).await;
            kept.map_err(|error| Failure::again(format!("what is to be sealed could not be kept: {error}")))
        })
    }
}

/// What a run seals and may exchange: what was sealed for its owner, as the lines of its stanza say.
pub(super) fn sealing(
    store: &Store,
    installed: &Installed,
    owner: Option<&Path>,
    resource: Option<i64>,
) -> Sealing {
    let held = owner.map_or(Ok(Vec::new()), |path| {
        let app =
            Path::app(path.org(), path.app_name()).map_or_else(|_| path.to_string(), |app| app.to_string());
        store.sealed(&path.to_string(), &app)
    });
    let held = held.map(|held| {
        let held = held.into_iter().map(|held| Held {
            sealed: Sealed { token: held.token, cipher: held.cipher },
            outputs: held.outputs,
        });
        held.collect()
    });
    let held = held.map_err(|error| Failure::again(format!("what is sealed could not be read: {error}")));
    match resource {
        Some(resource) => {
            let vault = RowVault { store: store.clone(), resource };
            Sealing::new(installed.sealer(), installed.sealed(), held, Arc::new(vault))
        }
        None => Sealing::keeping_nothing(installed.sealer(), installed.sealed(), held),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use groundcrew_engine::seal::Sealer;
    use groundcrew_store::Options;

    const CANARY: &str = "canary-9f2c41-in-no-file";

    #[tokio::test]
    async fn the_value_is_in_no_file_of_the_store() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("groundcrew.db"), Options::default()).unwrap();
        let sealed = Sealer::new(&[7; 32]).seal(CANARY);
        let vault = |resource| RowVault { store: store.clone(), resource };
        vault(1).keep(vec![sealed.clone()]).await.unwrap();
        let files =
            std::fs::read_dir(dir.path()).unwrap().map(|file| std::fs::read(file.unwrap().path()).unwrap());
        let files: Vec<_> = files.collect();
        let holds = |text: &[u8]| files.iter().any(|file| file.windows(text.len()).any(|part| part == text));
        assert!(files.len() > 1, "the database and its log");
        assert!(holds(sealed.token.as_bytes()) && holds(&sealed.cipher), "it was kept");
        assert!(!holds(CANARY.as_bytes()), "and nobody reads it");
        assert_eq!(Sealer::new(&[7; 32]).open(&sealed).as_deref(), Some(CANARY));
    }
}
