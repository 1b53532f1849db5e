//! What is known before anything is loaded, and how a process of its own comes by it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use groundcrew_core::poll::Rate;
use groundcrew_engine::cache::Compiler;
use groundcrew_engine::clock::{Clock, EvenClock, MachineDial};
use groundcrew_engine::egress::Transport;
use groundcrew_engine::limited::Limited;
use groundcrew_engine::limits::Limits;
use groundcrew_engine::transport::Network;
use groundcrew_store::Store;

use super::{CONNECT_WITHIN, Error, INSTALLATION, Seen};
use crate::config::Config;
use crate::rates;
use crate::runner::Entropy;
use crate::runner::rehearsal::Rehearsal;
use crate::service::CountsOf;

/// Makes a hook's own way out, which keeps to its rate and to the limits that all hooks share.
pub type OfHook = Arc<dyn Fn(&str, Rate) -> Arc<dyn Transport> + Send + Sync>;

/// What is known before anything is loaded.
#[expect(missing_debug_implementations, reason = "a bundle that lives for one call")]
pub struct Setting {
    /// The data directory.
    pub directory: PathBuf,
    /// Where it is remembered.
    pub store: Store,
    /// The database that this is, or is a copy of.
    pub database: PathBuf,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The way out.
    pub transport: Arc<dyn Transport>,
    /// A hook's own way out, by its name and rate.
    pub of_hook: OfHook,
    /// Randomness.
    pub entropy: Entropy,
    /// Who compiles components.
    pub compiler: Compiler,
    /// What one run may use.
    pub limits: Limits,
    /// Where steps are written down instead of taken; none: they are taken.
    pub rehearsal: Option<Arc<Rehearsal>>,
    /// What components were when they were approved.
    pub seen: Seen,
}

/// What a process of its own has: a way out over the network, the system's clock and randomness.
#[expect(missing_debug_implementations, reason = "a bundle that lives for one call")]
pub struct Outward {
    /// To put a runner together.
    pub setting: Setting,
    /// The way out of the runner itself, for sources: it shares what Fly counts with the hooks.
    pub transport: Arc<dyn Transport>,
    /// Who waits for limits, and which hosts failed.
    pub counts: CountsOf,
}

impl Setting {
    /// The same for the next runner of this process: with randomness of its own, and components as they were `seen`.
    #[must_use]
    pub fn again(&self, seen: Seen) -> Self {
        Self {
            directory: self.directory.clone(),
            store: self.store.clone(),
            database: self.database.clone(),
            clock: self.clock.clone(),
            transport: self.transport.clone(),
            of_hook: self.of_hook.clone(),
            entropy: Entropy::of_system(),
            compiler: self.compiler.clone(),
            limits: self.limits.clone(),
            rehearsal: self.rehearsal.clone(),
            seen,
        }
    }
}

impl Outward {
    /// Opens the way out; hooks share its limits.
    pub fn open(config: &Config, directory: &Path, store: Store) -> Result<Self, Error> {
        let limits = Limits::default();
        let (kept, latest) = (store.kept_clock()?, store.latest_stamp()?);
        let clock = Arc::new(EvenClock::starting(MachineDial::of_system(), kept.as_ref(), latest));
        let network = Network::new(CONNECT_WITHIN, limits.response_body)?;
        let asked_until = store.meta(INSTALLATION)?.map(|_| clock.now());
        let limited = Limited::new(network, rates::rules(&config.fly_api), clock.clone(), asked_until);
        let counts = limited.clone();
        let transport: Arc<dyn Transport> = Arc::new(limited.of_runner());
        let setting = Setting {
            directory: directory.to_owned(),
            database: store.path().to_owned(),
            store,
            clock,
            transport: transport.clone(),
            of_hook: Arc::new(move |hook, rate| Arc::new(limited.of_hook(hook, rate))),
            entropy: Entropy::of_system(),
            compiler: compiler()?,
            limits,
            rehearsal: None,
            seen: Seen::default(),
        };
        Ok(Self { setting, transport, counts: Arc::new(move || counts.counts()) })
    }
}

/// This program, as it compiles in a process of its own.
pub fn compiler() -> Result<Compiler, Error> {
    let program =
        std::env::current_exe().map_err(|source| Error::Io { path: "/proc/self/exe".into(), source })?;
    Ok(Compiler::Child { program, args: vec!["compile-component".to_owned()] })
}
