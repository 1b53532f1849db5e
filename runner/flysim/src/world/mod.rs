//! The state of the simulated platform: plain data, changed only by what is done to it.

mod actions;
pub(crate) mod addons;
mod apps;
pub(crate) mod certs;
mod due;
pub(crate) mod events;
mod handle;
mod holds;
pub(crate) mod ips;
mod leases;
pub(crate) mod lifecycle;
pub(crate) mod machines;
mod org_list;
mod org_things;
pub(crate) mod postgres;
mod secrets;
mod transitions;
pub(crate) mod volumes;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::ids::Ids;
use crate::knobs::Knobs;
use crate::limits::{Limits, Stats};
use crate::log::{Actor, Effect, Log};

pub use actions::Action;
pub(crate) use apps::App;
pub(crate) use due::Due;
pub use handle::World;
pub(crate) use holds::Holds;
pub use holds::{HeldAnswer, HoldStatus};
pub(crate) use leases::Lease;
pub(crate) use lifecycle::{Exit, Verb};
pub(crate) use machines::{Machine, MachineFilter};
pub(crate) use org_list::ListQuery;
pub use org_things::OrgThing;
pub(crate) use org_things::{Egress, Peer};
pub(crate) use volumes::Volume;

/// The slug of the organisation that a new world has, and that its tokens see.
///
/// `personal` is accepted as another word for it; reads report this one (measured by
/// formae-plugin-fly, 2026-08).
pub const HOME_ORG: &str = "acme";

/// An organisation.
#[derive(Debug)]
pub(crate) struct Org {
    pub(crate) id: String,
    pub(crate) slug: String,
    pub(crate) name: String,
    pub(crate) numeric_id: u64,
}

/// On whose behalf the state is being changed.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    pub(crate) by: Actor,
    pub(crate) request_id: Option<String>,
    pub(crate) answered: bool,
}

impl Context {
    pub(crate) fn platform() -> Self {
        Self { by: Actor::Platform, request_id: None, answered: false }
    }
}

/// Everything there is, as plain data; time comes in from outside.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) now: i64,
    pub(crate) seed: u64,
    pub(crate) ids: Ids,
    pub(crate) knobs: Knobs,
    pub(crate) orgs: Vec<Org>,
    pub(crate) apps: BTreeMap<String, App>,
    /// The living apps by name.
    pub(crate) names: BTreeMap<String, String>,
    /// Names that an app had once.
    pub(crate) past_names: BTreeSet<String>,
    pub(crate) machines: BTreeMap<String, Machine>,
    pub(crate) volumes: BTreeMap<String, Volume>,
    pub(crate) add_ons: BTreeMap<String, addons::AddOn>,
    pub(crate) clusters: BTreeMap<String, postgres::Cluster>,
    pub(crate) peers: Vec<Peer>,
    /// Hostnames whose DNS points here.
    pub(crate) dns: BTreeSet<String>,
    pub(crate) due: BTreeMap<(i64, u64), Due>,
    pub(crate) log: Log,
    pub(crate) limits: Limits,
    pub(crate) stats: Stats,
    pub(crate) holds: Holds,
    pub(crate) context: Context,
    #[cfg(feature = "validate")]
    pub(crate) witness: crate::validate::Witness,
}

impl State {
    fn new(seed: u64, now: i64) -> Self {
        let mut state = Self {
            now,
            seed,
            ids: Ids::new(seed),
            knobs: Knobs::default(),
            orgs: Vec::new(),
            apps: BTreeMap::new(),
            names: BTreeMap::new(),
            past_names: BTreeSet::new(),
            machines: BTreeMap::new(),
            volumes: BTreeMap::new(),
            add_ons: BTreeMap::new(),
            clusters: BTreeMap::new(),
            peers: Vec::new(),
            dns: BTreeSet::new(),
            due: BTreeMap::new(),
            log: Log::default(),
            limits: Limits::default(),
            stats: Stats::default(),
            holds: Holds::default(),
            context: Context::platform(),
            #[cfg(feature = "validate")]
            witness: crate::validate::Witness::default(),
        };
        state.add_org(HOME_ORG, "Acme");
        state
    }

    pub(crate) fn add_org(&mut self, slug: &str, name: &str) {
        let id = self.ids.app();
        let numeric_id = self.ids.serial();
        self.orgs.push(Org { id, slug: slug.to_owned(), name: name.to_owned(), numeric_id });
    }

    /// Finds an organisation by its slug or the alias `personal`.
    pub(crate) fn org(&self, slug: &str) -> Option<&Org> {
        let slug = if slug == "personal" { HOME_ORG } else { slug };
        self.orgs.iter().find(|org| org.slug == slug)
    }

    /// Writes one effect to the log.
    pub(crate) fn record(&mut self, what: &str, app_id: &str, subject: &str, detail: Value) {
        let app = self.apps.get(app_id).map(|app| app.name.clone()).unwrap_or_default();
        self.log.push(Effect {
            seq: 0,
            at_ms: self.now,
            what: what.to_owned(),
            app_id: app_id.to_owned(),
            app,
            subject: subject.to_owned(),
            by: self.context.by,
            request_id: self.context.request_id.clone(),
            answered: self.context.answered,
            detail,
        });
    }
}
