//! Machines: `/v1/apps/{app}/machines`, and `/v1/orgs/{org}/machines`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::call::{Call, Method, Request};
use crate::prices::Guest;
use crate::words::{Rest, is_default, nullable};

/// A machine, of its own app's list, of the list of an organisation, or read alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Machine {
    /// The id, never used again.
    pub id: String,
    /// The name, unique among the living machines of an app.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "is_default")]
    pub name: String,
    /// The app's name; only the list of an organisation has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_name: Option<String>,
    /// The platform's word, open. [docs machines/machine-states] lists 17 of them.
    #[serde(deserialize_with = "nullable")]
    pub state: String,
    /// The region's code.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "is_default")]
    pub region: String,
    /// The id of its version; gone from newer lists in favour of `version`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<String>,
    /// The id of its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// RFC 3339, whole seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    /// RFC 3339, whole seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<String>,
    /// The configuration; absent in summaries and while the host does not answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<Value>,
    /// The newest few events; the list of an organisation has none.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "is_default")]
    pub events: Vec<MachineEvent>,
    /// `ok`, `unknown` or `unreachable`; open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_status: Option<String>,
    /// Everything else, `incomplete_config` among it.
    #[serde(flatten)]
    pub rest: Rest,
}

/// One line of a machine's own history. Nobody publishes the list of types, so all words are open.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MachineEvent {
    /// A ULID; absent in old records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// `launch`, `start`, `exit`, `restart`, `update`, `destroy`, ...
    #[serde(rename = "type", deserialize_with = "nullable")]
    pub kind: String,
    /// The state that it led to.
    #[serde(deserialize_with = "nullable")]
    pub status: String,
    /// `user` or `flyd`; which of them varies between samples, so nothing may be concluded from it.
    #[serde(deserialize_with = "nullable")]
    pub source: String,
    /// Milliseconds since the Unix epoch.
    #[serde(deserialize_with = "nullable")]
    pub timestamp: i64,
    /// Untyped; see [`MachineEvent::exit`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<Value>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// How a machine's main process ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Exit {
    /// Of the process as the platform saw it. `guest_exit_code` is 0 for a guest that the kernel killed.
    pub exit_code: Option<i64>,
    /// The signal; -1 for none in some samples.
    pub signal: Option<i64>,
    /// Whether the kernel killed it for want of memory.
    #[serde(deserialize_with = "nullable")]
    pub oom_killed: bool,
    /// Whether somebody asked for the stop.
    #[serde(deserialize_with = "nullable")]
    pub requested_stop: bool,
    /// Whether the platform starts it again.
    #[serde(deserialize_with = "nullable")]
    pub restarting: bool,
}

/// A page of an organisation's machines.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OrgMachines {
    /// The machines; an empty page is no end, only an absent `next_cursor` is \[spec\].
    #[serde(deserialize_with = "nullable")]
    pub machines: Vec<Machine>,
    /// Where the next page begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// The newest `updated_at` of the page, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_updated_at: Option<String>,
    /// Regions that did not answer: with any, this reading is not the whole.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "is_default")]
    pub error_regions: Vec<String>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// Which machines of an organisation to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrgPage<'a> {
    /// RFC 3339; offset it to catch late arrivals \[spec\]: the list lags by minutes \[live\].
    pub updated_after: Option<&'a str>,
    /// Takes precedence over `updated_after` \[spec\].
    pub cursor: Option<&'a str>,
    /// Whether destroyed machines are wanted too.
    pub deleted: Deleted,
}

/// Whether destroyed machines are listed, while the platform still keeps them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Deleted {
    /// Only the living.
    #[default]
    Omitted,
    /// The destroyed as well.
    Included,
}

/// Most events that the API gives, and there is no cursor: older ones are lost \[spec\].
pub const EVENTS_MAX: u32 = 50;

impl Machine {
    /// The id of its version, under whichever name the list calls it.
    pub fn version_id(&self) -> Option<&str> {
        self.version.as_deref().or(self.instance_id.as_deref()).filter(|id| !id.is_empty())
    }

    /// The image it runs.
    pub fn image(&self) -> Option<&str> {
        self.config.as_ref()?.get("image")?.as_str()
    }

    /// What it runs on, if its configuration was given.
    pub fn guest(&self) -> Option<Guest> {
        Guest::deserialize(self.config.as_ref()?.get("guest")?).ok()
    }

    /// The volumes that its configuration mounts; none if the configuration was not given, which says nothing.
    pub fn mounts(&self) -> Option<Vec<&str>> {
        let config = self.config.as_ref().filter(|config| config.is_object())?;
        let mounts = config.get("mounts").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        Some(mounts.iter().filter_map(|mount| mount.get("volume")?.as_str()).collect())
    }

    /// Its metadata, if its configuration was given; an absent configuration says nothing about it.
    pub fn metadata(&self) -> Option<Map<String, Value>> {
        let config = self.config.as_ref().filter(|config| config.is_object())?;
        Some(config.get("metadata").and_then(Value::as_object).cloned().unwrap_or_default())
    }
}

impl MachineEvent {
    /// How the process ended, from either place where the API writes it.
    ///
    /// `MonitorEvent` has a capital letter, both nestings occur, and the vendor reads it first
    /// [fly-go machine_types.go].
    pub fn exit(&self) -> Option<Exit> {
        let request = self.request.as_ref()?;
        let monitor = request.pointer("/MonitorEvent/exit_event").filter(|exit| exit.is_object());
        let exit = monitor.or_else(|| request.get("exit_event")).filter(|exit| exit.is_object())?;
        serde_json::from_value(exit.clone()).ok()
    }
}

/// Lists the living machines of an app. This list does not lag \[live\].
pub fn list(app: &str) -> Call<Vec<Machine>> {
    list_with(app, Deleted::Omitted)
}

/// Lists the machines of an app; destroyed ones for as long as the platform keeps them, which nobody says.
pub fn list_with(app: &str, deleted: Deleted) -> Call<Vec<Machine>> {
    let deleted = (deleted == Deleted::Included).then_some("true");
    let request = Request::to(Method::Get, &["apps", app, "machines"]).with_some("include_deleted", deleted);
    Call::new(request, |answer| answer.json::<Option<Vec<Machine>>>().map(Option::unwrap_or_default))
}

/// Shows one machine, for a while also a destroyed one (`state` says so).
pub fn show(app: &str, machine: &str) -> Call<Machine> {
    Call::json(Request::to(Method::Get, &["apps", app, "machines", machine]))
}

/// Starts a stopped or suspended machine.
pub fn start(app: &str, machine: &str) -> Call<()> {
    command(app, machine, "start")
}

/// Suspends a running machine: it keeps its memory, and costs what a stopped one does.
pub fn suspend(app: &str, machine: &str) -> Call<()> {
    command(app, machine, "suspend")
}

/// Takes a machine out of what the proxy sends traffic to, and so wakes; a cordoned one stays so.
pub fn cordon(app: &str, machine: &str) -> Call<()> {
    command(app, machine, "cordon")
}

/// Takes it in again.
pub fn uncordon(app: &str, machine: &str) -> Call<()> {
    command(app, machine, "uncordon")
}

fn command(app: &str, machine: &str, verb: &str) -> Call<()> {
    Call::plain(Request::to(Method::Post, &["apps", app, "machines", machine, verb]))
}

/// Lists the newest [`EVENTS_MAX`] events of a machine, newest first.
pub fn events(app: &str, machine: &str) -> Call<Vec<MachineEvent>> {
    let request = Request::to(Method::Get, &["apps", app, "machines", machine, "events"]);
    Call::new(request.with("limit", &EVENTS_MAX.to_string()), |answer| {
        answer.json::<Option<Vec<MachineEvent>>>().map(Option::unwrap_or_default)
    })
}

/// Lists a page of an organisation's machines. It lags by minutes \[live\].
pub fn org_page(org_slug: &str, page: &OrgPage<'_>) -> Call<OrgMachines> {
    let deleted = (page.deleted == Deleted::Included).then_some("true");
    let request = Request::to(Method::Get, &["orgs", org_slug, "machines"])
        .with_some("include_deleted", deleted)
        .with_some("updated_after", page.updated_after)
        .with_some("cursor", page.cursor);
    Call::json(request)
}

/// Stops a machine: accepted at once, done in its own time. A body is sent, if an empty one: without it the
/// API answers 400 [superfly/docs#2187].
pub fn stop(app: &str, machine: &str) -> Call<()> {
    let request = Request::to(Method::Post, &["apps", app, "machines", machine, "stop"]);
    Call::plain(request.send(Value::Object(Map::new())))
}

/// Destroys a machine that does not run: 412 if it does, 409 while somebody holds a lease of it, 404 if it is gone.
pub fn destroy(app: &str, machine: &str) -> Call<()> {
    Call::plain(Request::to(Method::Delete, &["apps", app, "machines", machine]))
}
