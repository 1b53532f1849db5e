//! A hook that is ready to run: stanza, component, secrets.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use groundcrew_core::may_delete::{OnGone, Window};
use groundcrew_engine::egress::Transport;
use groundcrew_engine::run;
use groundcrew_engine::seal::{self, Sealer};
use groundcrew_engine::secrets::{self, AwsKey, Format, Position, Secret, Secrets, Sign, Signing};
use groundcrew_store::HookId;
use groundcrew_store::leave::{LeavePolicy, Scope};
use groundcrew_store::runs;
use jsonschema::Validator;
use serde_json::Value;

use super::given;
use crate::config;

/// Why a hook stands still whose component is not ready.
const UNCOMPILED: &str = "its component is being compiled";

/// One installed hook.
pub struct Installed {
    /// Its number in the store.
    pub id: HookId,
    /// Its stanza.
    pub hook: config::Hook,
    /// Its component.
    pub component: run::Hook,
    /// Its own way out, which keeps to its limits; without one, the runner's.
    transport: Option<Arc<dyn Transport>>,
    /// Why it does nothing, if so.
    still: Option<String>,
    /// Whether it said that with its configuration it has nothing to list by.
    unlisted: AtomicBool,
    /// The installation's key, from which tokens and secret digests derive.
    key: [u8; 32],
    sealer: Sealer,
    settings: String,
    secrets: RwLock<Arc<Secrets>>,
    own_config: Arc<Value>,
    own_given: runs::Settings,
    schemas: OnceLock<BTreeMap<String, Result<Validator, String>>>,
}

impl std::fmt::Debug for Installed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Installed")
            .field("id", &self.id)
            .field("hook", &self.hook.name)
            .finish_non_exhaustive()
    }
}

/// Why a hook's secrets cannot be put together.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// One of them cannot be read.
    #[error(transparent)]
    Read(#[from] config::SecretError),
    /// A secret address is no URL.
    #[error("secret `{0}` is used as an address and is no URL")]
    Address(String),
    /// A secret that signs for AWS is no access key.
    #[error("secret `{0}` signs with sigv4 and is no ACCESS_KEY_ID:SECRET")]
    AwsKey(String),
}

impl Installed {
    /// Puts a hook together; its secrets are read.
    pub fn new(
        id: HookId,
        hook: config::Hook,
        component: run::Hook,
        operator: &config::Secrets,
        key: [u8; 32],
    ) -> Result<Self, SecretsError> {
        let secrets = Secrets::new(resolve(&hook, operator, &key)?);
        let own_config = Arc::new(hook.config.clone());
        let own_given = given::settings(&own_config, &secrets);
        let sealer = Sealer::new(&key);
        let settings = format!("{}:{}", component.digest.short(), hook.settings_digest().short());
        let secrets = RwLock::new(Arc::new(secrets));
        let (transport, still) = (None, None);
        Ok(Self {
            id,
            hook,
            component,
            transport,
            still,
            unlisted: AtomicBool::new(false),
            key,
            sealer,
            settings,
            secrets,
            own_config,
            own_given,
            schemas: OnceLock::new(),
        })
    }

    /// What a kind's bodies are like, if its manifest says so; an error if that is no schema.
    pub(super) fn schema(&self, kind: &str) -> Option<&Result<Validator, String>> {
        let all = self.schemas.get_or_init(|| {
            let kinds = self.hook.manifest.kind.iter();
            let schema = |(name, schema): (&String, &Value)| {
                (name.clone(), jsonschema::validator_for(schema).map_err(|error| error.to_string()))
            };
            kinds.filter_map(|(name, kind)| Some((name, kind.schema.as_ref()?))).map(schema).collect()
        });
        all.get(kind)
    }

    /// Gives it a way out of its own.
    #[must_use]
    pub fn with_transport(self, transport: Arc<dyn Transport>) -> Self {
        Self { transport: Some(transport), ..self }
    }

    /// Lets it stand still: events and looks are owed to it, and it does none of its work.
    #[must_use]
    pub fn standing_still(self, why: Option<String>) -> Self {
        Self { still: why, ..self }
    }

    /// Why it stands still for now; none: it does not.
    pub fn still(&self) -> Option<&str> {
        let uncompiled = || (!self.component.is_compiled()).then_some(UNCOMPILED);
        self.held().or_else(uncompiled)
    }

    /// Why it stands still until somebody starts another version of it; none: it does not.
    pub fn held(&self) -> Option<&str> {
        self.still.as_deref()
    }

    /// Whether everything at its target can be listed: it exports that, and did not say otherwise of its configuration.
    pub fn has_inventory(&self) -> bool {
        self.component.has_inventory() && !self.unlisted.load(Ordering::Acquire)
    }

    /// It said that with its configuration it has nothing to list by, which holds for as long as that does.
    pub(super) fn has_none_to_list(&self) {
        self.unlisted.store(true, Ordering::Release);
    }

    /// Its own way out, if it has one.
    pub fn transport(&self) -> Option<Arc<dyn Transport>> {
        self.transport.clone()
    }

    /// Reads the secrets again; files that changed count from here on.
    pub fn refresh(&self, operator: &config::Secrets) -> Result<(), SecretsError> {
        let fresh = self.secrets().renewed(resolve(&self.hook, operator, &self.key)?);
        *self.secrets.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// Its secrets as last read.
    pub fn secrets(&self) -> Arc<Secrets> {
        self.secrets.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What seals for this installation.
    pub(super) fn sealer(&self) -> Sealer {
        self.sealer.clone()
    }

    /// Where it may put the sealed outputs that it reads.
    pub(super) fn sealed(&self) -> Vec<seal::Grant> {
        let grant = |(output, grant): (&String, &config::SealedGrant)| {
            let at = match &grant.at {
                config::Place::Header(name) => seal::Place::Header(name.clone()),
                config::Place::Json(pointer) => seal::Place::Json(pointer.clone()),
            };
            seal::Grant { output: output.clone(), at, to: grant.to.clone() }
        };
        self.hook.sealed.iter().map(grant).collect()
    }

    /// What its answers depend on beside the view: `COMPONENT:CONFIGURATION`.
    pub fn settings(&self) -> &str {
        &self.settings
    }

    /// Its configuration as it is, filled in for nobody.
    pub(super) fn own_config(&self) -> Arc<Value> {
        self.own_config.clone()
    }

    /// What a run with this configuration is given.
    pub(super) fn given(&self, config: &Arc<Value>) -> runs::Settings {
        if Arc::ptr_eq(config, &self.own_config) {
            return self.own_given.clone();
        }
        // Secrets that are read again keep their tokens.
        given::settings(config, &self.secrets())
    }

    /// What becomes of a kind's things that nobody wants.
    pub fn leave_policy(&self, kind: &str, level: groundcrew_core::may_delete::Level) -> LeavePolicy {
        let provisioner = self.hook.provisioner();
        let kind = self.hook.manifest.kind.get(kind);
        LeavePolicy {
            on_gone: provisioner.map_or(OnGone::Report, |p| p.gone),
            on_gone_adopted: provisioner.map_or(OnGone::Report, |p| p.gone_adopted),
            grace_gone: provisioner.and_then(|p| p.grace.gone),
            grace_unwanted: provisioner.and_then(|p| p.grace.unwanted),
            window: provisioner.map_or(Window::DEFAULT, |p| p.deletes),
            reused: kind.is_some_and(|kind| kind.reused),
            data: kind.is_some_and(|kind| kind.data),
            unread: None,
            teardown_wait: provisioner.map_or(groundcrew_core::duration::Millis::ZERO, |p| p.teardown_wait),
            level: level.min(self.hook.level),
            frozen: None,
            scope: Scope::Within,
        }
    }
}

/// Reads the secrets of a stanza.
pub(crate) fn resolve(
    hook: &config::Hook,
    operator: &config::Secrets,
    key: &[u8; 32],
) -> Result<BTreeMap<String, Secret>, SecretsError> {
    let mut resolved = BTreeMap::new();
    for (name, grant) in &hook.secrets {
        let value = operator.read(&grant.from)?;
        let at = match &grant.at {
            config::Position::Header(header) => Position::Header(header.clone()),
            config::Position::Url => Position::Url,
        };
        let to = if let Some(to) = &grant.to {
            to.clone()
        } else {
            let url = url::Url::parse(&value).map_err(|_| SecretsError::Address(grant.from.clone()))?;
            groundcrew_engine::egress::authority(&url)
        };
        let format = match grant.format {
            config::Format::Plain => Format::Plain,
            config::Format::Fly => Format::Fly,
        };
        let sign = match &grant.sign {
            None => Sign::None,
            Some(config::Sign::StandardWebhooks) => Sign::StandardWebhooks,
            Some(config::Sign::Sigv4 { .. }) if AwsKey::of(&value).is_none() => {
                return Err(SecretsError::AwsKey(grant.from.clone()));
            }
            Some(config::Sign::Sigv4 { region, service }) => {
                Sign::Sigv4(Signing { region: region.clone(), service: service.clone() })
            }
        };
        let token = secrets::token(key, &hook.name, name);
        resolved.insert(name.clone(), Secret { token, value, at, format, to, sign });
    }
    Ok(resolved)
}
