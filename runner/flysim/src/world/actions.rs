//! What the simulator's owner can do in place of the platform's other users.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::addons::NewAddOn;
use super::certs::Source;
use super::ips::{IpKind, NewIp};
use super::lifecycle::{Force, NewMachine};
use super::postgres::NewCluster;
use super::volumes::NewVolume;
use super::{Exit, HOME_ORG, OrgThing, State, Verb};
use crate::refusal::Refusal;

/// Something that a user of the platform does, or that happens to their machines.
///
/// As JSON, for `POST /_sim/act`: `{"do": "create_app", "name": "cust-7"}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// Creates an app; in [`HOME_ORG`] unless `org` says otherwise.
    CreateApp {
        /// The name, unique over all organisations.
        name: String,
        /// The organisation's slug.
        #[serde(default)]
        org: Option<String>,
    },
    /// Deletes an app and what it has.
    DeleteApp {
        /// The app's name.
        app: String,
    },
    /// Moves an app to another organisation.
    MoveApp {
        /// The app's name.
        app: String,
        /// The other organisation's slug.
        org: String,
    },
    /// Creates a machine and starts it.
    CreateMachine {
        /// The app's name.
        app: String,
        /// The machine's name; one is made up without it.
        #[serde(default)]
        name: Option<String>,
        /// The region; `fra` without it.
        #[serde(default)]
        region: Option<String>,
        /// The configuration; a small one without it.
        #[serde(default)]
        config: Option<Value>,
    },
    /// Starts a stopped or suspended machine.
    StartMachine {
        /// The machine's id.
        machine: String,
    },
    /// Stops a machine.
    StopMachine {
        /// The machine's id.
        machine: String,
    },
    /// Suspends a machine.
    SuspendMachine {
        /// The machine's id.
        machine: String,
    },
    /// Gives a machine another configuration, and so a new version.
    UpdateMachine {
        /// The machine's id.
        machine: String,
        /// The whole new configuration.
        config: Value,
    },
    /// Ends a machine's process from inside: an exit or a kill by the kernel.
    ExitMachine {
        /// The machine's id.
        machine: String,
        /// The exit code.
        #[serde(default)]
        code: i64,
        /// Whether the kernel killed it for its memory.
        #[serde(default)]
        oom_killed: bool,
    },
    /// Destroys a machine, running or not.
    DestroyMachine {
        /// The machine's id.
        machine: String,
    },
    /// Allocates an address: `v4`, `v6`, `shared_v4`, `private_v6`.
    AllocateIp {
        /// The app's name.
        app: String,
        /// The type.
        #[serde(rename = "type")]
        kind: String,
    },
    /// Releases an address.
    ReleaseIp {
        /// The app's name.
        app: String,
        /// The address.
        ip: String,
    },
    /// Requests an ACME certificate.
    CreateCert {
        /// The app's name.
        app: String,
        /// The hostname.
        hostname: String,
    },
    /// Removes a hostname and its certificates.
    DeleteCert {
        /// The app's name.
        app: String,
        /// The hostname.
        hostname: String,
    },
    /// Creates a volume of one gigabyte.
    CreateVolume {
        /// The app's name.
        app: String,
        /// The volume's name, which need not be unique.
        name: String,
    },
    /// Deletes a volume softly.
    DeleteVolume {
        /// The volume's id.
        volume: String,
    },
    /// Sets a secret, or unsets it without a value.
    SetSecret {
        /// The app's name.
        app: String,
        /// The secret's name.
        name: String,
        /// The value.
        #[serde(default)]
        value: Option<String>,
    },
    /// Makes an add-on: `tigris` or `upstash_redis`.
    CreateAddOn {
        /// The type.
        #[serde(rename = "type")]
        provider: String,
        /// Its name.
        name: String,
        /// The name of the app that it is for; without it only the organisation has it.
        #[serde(default)]
        app: Option<String>,
    },
    /// Makes a Managed Postgres cluster.
    CreatePostgres {
        /// Its name, which need not be unique.
        name: String,
        /// The name of the app that it is attached to.
        #[serde(default)]
        app: Option<String>,
    },
    /// Makes something that belongs to the organisation, or that only GraphQL shows.
    MakeOrgThing {
        /// What.
        thing: OrgThing,
    },
    /// Says whether the DNS of a hostname points to the platform.
    ConfigureDns {
        /// The hostname.
        hostname: String,
        /// Whether it does.
        configured: bool,
    },
}

impl State {
    /// Carries out an action; the token's reach does not matter here.
    pub(crate) fn act(&mut self, action: Action) -> Result<Value, Refusal> {
        match action {
            Action::CreateApp { name, org } => {
                let id = self.create_app(&name, org.as_deref().unwrap_or(HOME_ORG), None)?;
                Ok(self.apps.get(&id).map_or(Value::Null, |app| self.app_json(app)))
            }
            Action::DeleteApp { app } => {
                let id = self.any_app(&app)?;
                self.delete_app(&id);
                Ok(Value::Null)
            }
            Action::MoveApp { app, org } => {
                let id = self.any_app(&app)?;
                self.move_app(&id, &org)?;
                Ok(Value::Null)
            }
            Action::CreateMachine { app, name, region, config } => {
                let app = self.any_app(&app)?;
                let id =
                    self.create_machine(&app, NewMachine { name, region, config, skip_launch: false })?;
                Ok(self.show_machine(&id))
            }
            Action::AllocateIp { app, kind } => {
                let app = self.any_app(&app)?;
                let kind =
                    IpKind::parse(&kind).ok_or_else(|| Refusal::bad_request("invalid_argument: type"))?;
                let ip = self.allocate_ip(&app, NewIp { kind, region: None, service_name: None })?;
                Ok(self.ip_json(&ip))
            }
            Action::ReleaseIp { app, ip } => {
                let app = self.any_app(&app)?;
                self.release_ip(&app, &ip).map(|()| Value::Null)
            }
            Action::CreateVolume { app, name } => {
                let app = self.any_app(&app)?;
                let new = NewVolume { name, region: None, size_gb: 1, encrypted: true };
                let id = self.create_volume(&app, new)?;
                Ok(self.volumes.get(&id).map_or(Value::Null, |volume| self.volume_json(volume)))
            }
            Action::DeleteVolume { volume } => self.delete_volume(&volume).map(|()| Value::Null),
            other => self.act_on_leftovers(other),
        }
    }

    /// What stays when its app goes.
    fn act_on_leftovers(&mut self, action: Action) -> Result<Value, Refusal> {
        match action {
            Action::CreateAddOn { provider, name, app } => {
                let app_id = app.map(|app| self.any_app(&app)).transpose()?;
                let (name, org) = (Some(name), HOME_ORG.to_owned());
                let id =
                    self.create_add_on(NewAddOn { provider, name, org, app_id, ..NewAddOn::default() })?;
                Ok(self.add_ons.get(&id).map_or(Value::Null, |add_on| self.add_on_json(add_on)))
            }
            Action::CreatePostgres { name, app } => {
                let app_id = app.map(|app| self.any_app(&app)).transpose()?;
                let id = self.create_cluster(NewCluster {
                    name: Some(name),
                    org: HOME_ORG.to_owned(),
                    region: "fra".to_owned(),
                    plan: "basic".to_owned(),
                    disk_gb: 10,
                    version: "16".to_owned(),
                });
                if let Some(app_id) = app_id {
                    self.attach_cluster(&id, &app_id)?;
                }
                Ok(self.clusters.get(&id).map_or(Value::Null, |cluster| self.cluster_json(cluster)))
            }
            other => self.act_on_parts(other),
        }
    }

    fn act_on_parts(&mut self, action: Action) -> Result<Value, Refusal> {
        match action {
            Action::CreateCert { app, hostname } => {
                let app = self.any_app(&app)?;
                self.create_cert(&app, &hostname, Source::Acme)?;
            }
            Action::DeleteCert { app, hostname } => {
                let app = self.any_app(&app)?;
                self.delete_cert(&app, &hostname)?;
            }
            Action::SetSecret { app, name, value } => {
                let app = self.any_app(&app)?;
                let version = self.set_secrets(&app, vec![(name, value)])?;
                return Ok(json!({"version": version}));
            }
            Action::MakeOrgThing { thing } => return self.make_org_thing(thing),
            Action::ConfigureDns { hostname, configured } => self.set_dns(&hostname, configured),
            other => return self.act_on_machine(other),
        }
        Ok(Value::Null)
    }

    fn act_on_machine(&mut self, action: Action) -> Result<Value, Refusal> {
        let machine = match action {
            Action::StartMachine { machine } => self.command(&machine, Verb::Start).map(|_| machine),
            Action::StopMachine { machine } => self.command(&machine, Verb::Stop).map(|_| machine),
            Action::SuspendMachine { machine } => self.command(&machine, Verb::Suspend).map(|_| machine),
            Action::UpdateMachine { machine, config } => {
                let new = NewMachine { config: Some(config), ..NewMachine::default() };
                self.update_machine(&machine, new).map(|()| machine)
            }
            Action::ExitMachine { machine, code, oom_killed } => {
                let exit = Exit { code, oom_killed, requested: false };
                self.exit_machine(&machine, exit).map(|()| machine)
            }
            Action::DestroyMachine { machine } => {
                self.destroy_machine(&machine, Force::Yes).map(|()| machine)
            }
            _ => Err(Refusal::bad_request("invalid_argument: no such action")),
        }?;
        Ok(self.show_machine(&machine))
    }

    fn any_app(&self, name: &str) -> Result<String, Refusal> {
        self.names.get(name).cloned().ok_or_else(Refusal::app_not_found)
    }

    pub(crate) fn show_machine(&self, id: &str) -> Value {
        self.machines.get(id).map_or(Value::Null, |machine| self.machine_json(machine))
    }
}
