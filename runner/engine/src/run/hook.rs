//! A hook, whose component may be compiled later.

use std::collections::BTreeSet;
use std::sync::Arc;

use groundcrew_core::hash::Digest;
use groundcrew_core::manifest::Manifest;
use tokio::sync::SetOnce;

use super::Ended;
pub(super) use crate::bindings::audit::OnlyPre as AuditPre;
pub(super) use crate::bindings::handler::OnlyPre as HandlerPre;
pub(super) use crate::bindings::inventory::OnlyPre as InventoryPre;
pub(super) use crate::bindings::provision::OnlyPre as ProvisionPre;
pub(super) use crate::bindings::remedy::OnlyPre as RemedyPre;
use crate::host::Host;
use crate::inspect::{Export, Inspected};

/// What answers a POST.
pub(super) type IncomingPre = wasmtime_wasi_http::p2::bindings::ProxyPre<Host>;

/// A hook component: what it is, and, once that is compiled, its exports to call.
#[derive(Clone)]
pub struct Hook {
    /// The digest of its bytes.
    pub digest: Digest,
    /// Its manifest.
    pub manifest: Arc<Manifest>,
    exports: Arc<BTreeSet<Export>>,
    linked: Arc<SetOnce<Linked>>,
}

/// The exports of a compiled component.
pub(super) struct Linked {
    pub(super) handler: Option<HandlerPre<Host>>,
    pub(super) incoming: Option<IncomingPre>,
    pub(super) provision: Option<ProvisionPre<Host>>,
    pub(super) inventory: Option<InventoryPre<Host>>,
    pub(super) audit: Option<AuditPre<Host>>,
    pub(super) remedy: Option<RemedyPre<Host>>,
}

impl std::fmt::Debug for Hook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hook")
            .field("name", &self.manifest.name)
            .field("digest", &self.digest)
            .field("is_compiled", &self.is_compiled())
            .finish_non_exhaustive()
    }
}

impl Hook {
    /// A hook whose component is not compiled yet: runs of it are refused until it is [linked](super::Engine::link_late).
    pub fn uncompiled(inspected: &Inspected, manifest: Manifest) -> Self {
        Self {
            digest: inspected.digest,
            manifest: Arc::new(manifest),
            exports: Arc::new(inspected.exports.clone()),
            linked: Arc::new(SetOnce::new()),
        }
    }

    /// Whether it can run. Once it can, it always can; clones of it can, too.
    pub fn is_compiled(&self) -> bool {
        self.linked.get().is_some()
    }

    /// Waits until it can run.
    ///
    /// # Cancel safety
    /// It only waits.
    pub async fn compiled(&self) {
        self.linked.wait().await;
    }

    /// Lets it run; it may be said again, and the first time counts.
    pub(super) fn set_linked(&self, linked: Linked) {
        let _known_already = self.linked.set(linked);
    }

    /// Its exports, if they can be called.
    pub(super) fn linked(&self) -> Result<&Linked, Ended> {
        self.linked.get().ok_or(Ended::Uncompiled)
    }

    /// Whether it exports this.
    pub(super) fn exports(&self, export: Export) -> bool {
        self.exports.contains(&export)
    }

    /// Whether a POST is what tells it an event: guests in JavaScript may export that beside their own kind.
    pub(super) fn is_posted(&self) -> bool {
        let own =
            [Export::Handler, Export::Provision, Export::Audit].into_iter().any(|own| self.exports(own));
        self.exports(Export::IncomingHandler) && !own
    }

    /// Whether it can be told events.
    pub fn is_handler(&self) -> bool {
        self.exports(Export::Handler) || self.is_posted()
    }

    /// Whether it makes things.
    pub fn is_provisioner(&self) -> bool {
        self.exports(Export::Provision)
    }

    /// Whether it looks and reports.
    pub fn is_auditor(&self) -> bool {
        self.exports(Export::Audit)
    }

    /// Whether it can mend what it reports.
    pub fn can_mend(&self) -> bool {
        self.exports(Export::Remedy)
    }

    /// Whether it can list everything at its target.
    pub fn has_inventory(&self) -> bool {
        self.exports(Export::Inventory)
    }
}
