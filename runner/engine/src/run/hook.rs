//! A loaded hook.

use std::sync::Arc;

use groundcrew_core::hash::Digest;
use groundcrew_core::manifest::Manifest;

pub(super) use crate::bindings::audit::OnlyPre as AuditPre;
pub(super) use crate::bindings::handler::OnlyPre as HandlerPre;
pub(super) use crate::bindings::inventory::OnlyPre as InventoryPre;
pub(super) use crate::bindings::provision::OnlyPre as ProvisionPre;
pub(super) use crate::bindings::remedy::OnlyPre as RemedyPre;
use crate::host::Host;

/// What answers a POST.
pub(super) type IncomingPre = wasmtime_wasi_http::p2::bindings::ProxyPre<Host>;

/// A loaded hook component.
#[derive(Clone)]
pub struct Hook {
    /// The digest of its bytes.
    pub digest: Digest,
    /// Its manifest.
    pub manifest: Arc<Manifest>,
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
            .finish_non_exhaustive()
    }
}

impl Hook {
    /// Whether it can be told events.
    pub fn is_handler(&self) -> bool {
        self.handler.is_some() || self.incoming.is_some()
    }

    /// Whether it makes things.
    pub fn is_provisioner(&self) -> bool {
        self.provision.is_some()
    }

    /// Whether it looks and reports.
    pub fn is_auditor(&self) -> bool {
        self.audit.is_some()
    }

    /// Whether it can mend what it reports.
    pub fn can_mend(&self) -> bool {
        self.remedy.is_some()
    }

    /// Whether it can list everything at its target.
    pub fn has_inventory(&self) -> bool {
        self.inventory.is_some()
    }
}
