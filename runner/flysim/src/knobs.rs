//! Every unkindness of the API, each with a name, all off by default.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One row of the table of knobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct KnobRow {
    /// The field of [`Knobs`].
    pub name: &'static str,
    /// What it does.
    pub does: &'static str,
    /// Where this was seen or read.
    pub source: &'static str,
}

/// Whether the documented rate limits are enforced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RateLimits {
    /// Enforced and counted.
    #[default]
    Documented,
    /// Neither.
    Off,
}

/// How a 429 tells when to come again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryAfter {
    /// Not at all (nothing is documented).
    #[default]
    Absent,
    /// In whole seconds.
    Seconds,
    /// As an HTTP date.
    Date,
}

/// A failure to inject into matching calls.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fault {
    /// The method that it applies to; `None` for all.
    pub method: Option<String>,
    /// The path, where `*` is one segment and a last `**` any number of them.
    pub path: String,
    /// The status to answer; `None` drops the connection without an answer.
    pub status: Option<u16>,
    /// The body to send instead of the API's own for that status.
    pub body: Option<String>,
    /// Whether the call takes effect before it fails.
    pub after_effect: bool,
    /// Lets so many matching calls pass first.
    pub skip: u32,
    /// Stops after so many; `None` goes on for ever.
    pub count: Option<u32>,
}

/// Answers to withhold: the effect is taken, the answer waits for a release.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hold {
    /// The method that it applies to; `None` for all.
    pub method: Option<String>,
    /// The path, as in [`Fault::path`].
    pub path: String,
    /// Lets so many matching calls pass first.
    pub skip: u32,
    /// Stops after so many; `None` goes on for ever.
    pub count: Option<u32>,
}

/// Calls that are answered at once and take effect later.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Late {
    /// The method that it applies to; `None` for all.
    pub method: Option<String>,
    /// The path, as in [`Fault::path`].
    pub path: String,
    /// How many milliseconds later the effect comes.
    pub delay_ms: u64,
    /// The status to answer at once, such as 504; `None` drops the connection.
    pub status: Option<u16>,
    /// Lets so many matching calls pass first.
    pub skip: u32,
    /// Stops after so many; `None` goes on for ever.
    pub count: Option<u32>,
}

macro_rules! knobs {
    ($($name:ident: $kind:ty, $does:literal, $source:literal;)*) => {
        /// The knobs of a simulator; the default is the kind, undisturbed API.
        #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct Knobs {
            $(
                #[doc = $does]
                #[doc = ""]
                #[doc = concat!("Source: ", $source, ".")]
                pub $name: $kind,
            )*
        }

        /// The table of all knobs, in the order of the fields.
        pub const KNOBS: &[KnobRow] =
            &[$(KnobRow { name: stringify!($name), does: $does, source: $source }),*];
    };
}

knobs! {
    org_list_lag_ms: u64,
        "The organisation-wide machine list shows every change that much later, with its old `updated_at`.",
        "formae-plugin-fly (live, 2026-08): absent from it for minutes; OpenAPI Machines_org_list: may take time to propagate";
    org_list_empty_pages: u32,
        "So many empty pages with a `next_cursor` come before each page of the organisation-wide lists.",
        "OpenAPI Machines_org_list limit: may be shorter, or even empty, even when more machines remain";
    org_list_page_max: Option<u32>,
        "The organisation-wide lists give at most so many rows a page, whatever `limit` asks.",
        "OpenAPI Machines_org_list limit: this limit is advisory, responses may be shorter";
    org_list_unsorted: bool,
        "Pages after the first are not sorted by `updated_at` and may go back in time.",
        "OpenAPI Machines_org_list cursor: no guarantee that all machines are sorted";
    org_list_instance_absent: bool,
        "Rows of the organisation-wide machine list have no `instance_id`: only `version` tells one version from the next.",
        "OpenAPI OrgMachine.instance_id: deprecated, use version; it is gone from later copies of the document";
    error_regions: Vec<String>,
        "The organisation-wide machine list names these regions in `error_regions` and leaves their machines out.",
        "OpenAPI OrgMachinesResponse.error_regions; cubepals takes any entry as an incomplete read";
    blind_apps_ms: u64,
        "Lists of apps do not show an app that was created less than so long ago.",
        "fly-go WaitForApp: reads after a create are retried for a minute";
    blind_machines_ms: u64,
        "The app's own machine list does not show a machine that was created less than so long ago.",
        "a harder case than any that was measured: per-app lists were seen consistent at once";
    blind_ips_ms: u64,
        "Lists of addresses do not show one that was allocated less than so long ago.",
        "nothing is promised about reading one's own writes; clients re-list";
    blind_certs_ms: u64,
        "Lists of certificates do not show one that was requested less than so long ago.",
        "nothing is promised about reading one's own writes; clients re-list";
    blind_secrets_ms: u64,
        "Lists of secrets do not show one that was set for the first time less than so long ago.",
        "OpenAPI Secrets_list min_version: a reader may have to ask for a version";
    blind_add_ons_ms: u64,
        "Lists of add-ons do not show one that was created less than so long ago.",
        "nothing is promised about reading one's own writes; clients re-list";
    blind_postgres_ms: u64,
        "Lists of Managed Postgres clusters do not show one that was created less than so long ago.",
        "nothing is promised about reading one's own writes; clients re-list";
    blind_gets: bool,
        "While a list is blind for a thing, reading that one thing answers 404 too.",
        "fly-go WaitForApp retries 404 for a minute";
    faults: Vec<Fault>,
        "Matching calls fail with a status (or without an answer), before or after their effect.",
        "error table of docs working-with-machines-api; superfly/flyctl#3601 on retrying; fly-go http.go on 502 and 503";
    holds: Vec<Hold>,
        "Matching calls take effect, and their answer is withheld until it is released or the client is gone.",
        "the moment between effect and answer exists in every API; here it can be placed";
    late: Vec<Late>,
        "Matching calls are answered at once (504, or dropped) and take effect later.",
        "docs: 5xx are errors of the servers and say nothing about the effect; speakeasy-api/gram#2639";
    latency_ms: u64,
        "Every answer is that late; the effect is at once.",
        "any network";
    rate_limits: RateLimits,
        "Whether the documented rate limits are enforced; they are, unless this says off.",
        "docs working-with-machines-api, Rate limits";
    retry_after: RetryAfter,
        "How a 429 names the time to wait.",
        "not documented; seazn honours digits, RFC 9110 allows a date";
    app_401_after_create_ms: u64,
        "Reading an app answers 401 for so long after its creation.",
        "fly-go flaps_apps.go WaitForApp retries 401 for a minute";
    app_404_after_create_ms: u64,
        "Reading an app answers 404 for so long after its creation.",
        "fly-go flaps_apps.go WaitForApp retries 404 for a minute";
    apps_missing: Vec<String>,
        "Lists of apps answer 200 without these apps; a last `*` stands for anything.",
        "lists without cursors that are cut or partial; the vanish guard's reason";
    total_apps_more: u64,
        "Lists of apps say in `total_apps` that there are so many more than they show.",
        "OpenAPI ListAppsResponse.total_apps: a number of its own beside a list that has no pages";
    token_invalid: bool,
        "Every call answers 401, whatever the token.",
        "docs working-with-machines-api, 401";
    token_read_only: bool,
        "Every call that would change something answers 403.",
        "fly tokens create readonly";
    token_orgs: Option<Vec<String>>,
        "The token sees these organisations only; apps of others answer 403 and are in no list.",
        "fly-go flaps_apps.go: 403 is an app of another organisation";
    token_apps: Option<Vec<String>>,
        "The token sees these apps only; others answer 403 and are in no list.",
        "fly tokens create deploy; GET /tokens/current apps";
    moved_apps: Vec<String>,
        "These apps answer as if they had moved to an organisation out of reach: 403, and in no list.",
        "fly-go flaps_apps.go: 403 is an app of another organisation";
    destroyed_app_400: bool,
        "Calls on a destroyed app answer 400 `could not find app` instead of 404.",
        "formae-plugin-fly (live, 2026-08)";
    app_delete_ms: u64,
        "A deleted app goes only so long after the 202.",
        "OpenAPI Apps_delete: 202 Accepted";
    transition_ms: u64,
        "A machine's transient states last so long; without it the next call sees the end.",
        "docs machines/machine-states";
    start_migrates: bool,
        "A machine that ran before starts on another host: its log says `launch/created/flyd` once more, and the answer so.",
        "OpenAPI Machines_start: migrated, new_host; flyctl machine/status.go";
    state_words: BTreeMap<String, String>,
        "A machine in one of these states is shown, and told by its log, in another one: a word that nobody documents.",
        "docs machines/machine-states: 17 words in all, and nothing says that they stay so";
    stale_machines_ms: u64,
        "The machine list of an app shows, for so long, those of the app that had its name before, as they were last.",
        "superfly/flyctl#3205: the list is wrong after an app was made again under its name; how, is inference";
    destroying_after_wait_ms: u64,
        "`wait` says destroyed at once, and reading the machine says destroying for so long.",
        "seazn fly-client.ts";
    machine_prune_ms: Option<u64>,
        "A destroyed machine is forgotten so long after its end: 404, and in no list.",
        "docs: destroyed machines are retained for a while; the length is not documented";
    unreachable_regions: Vec<String>,
        "Machines and volumes there have `host_status` unreachable; machines an `incomplete_config` instead of `config`.",
        "OpenAPI Machine.host_status, Machine.incomplete_config";
    event_ids_absent: bool,
        "Events come without their id.",
        "records of old machines, fly-go machine_types.go";
    events_unknown: bool,
        "Before each line of its own a machine's log has one of a type and a status that nobody documents.",
        "nobody publishes the types: those of suspend and resume were seen nowhere (fly-go machine_types.go, samples)";
    monitor_events: bool,
        "Exit events are nested in `MonitorEvent`.",
        "fly-go machine_types.go: both nestings occur";
    metadata_touches_updated_at: bool,
        "Writing metadata moves the machine's `updated_at`.",
        "not established either way";
    cert_active_after_ms: Option<u64>,
        "A certificate becomes active by itself so long after its request; without it only configured DNS does that.",
        "docs machines/api/certificates-resource, status";
    cert_rate_limited_ms: u64,
        "An ACME certificate says `rate_limited_until` for so long after its request, and is not active before.",
        "docs machines/api/certificates-resource, rate_limited_until; Let's Encrypt: 5 duplicates a week";
    shared_ip_repeat_status: Option<u16>,
        "A second request for a shared address is refused with this status instead of answered with the first.",
        "Kilo takes 409 and 422 as already there";
    v6_repeat_status: Option<u16>,
        "A second request for a public IPv6 address is refused with this status instead of answered with another one.",
        "Kilo takes 409 and 422 as already there, of v6 as of shared_v4";
    egress_ips_listed: bool,
        "Lists of addresses show egress addresses, too: in pairs, with `egress` and `ip_pair`, and null for `ip`.",
        "a later copy of the document: egress, ip_pair, and the types egress_v4, egress_v6 and egress_pair";
    add_on_ready_ms: u64,
        "An add-on is `pending` for so long after its creation.",
        "flyctl extensions/core WaitForProvision: some providers provision asynchronously";
    postgres_ready_ms: u64,
        "A Managed Postgres cluster is `initializing` for so long after its creation.",
        "flyctl launch_databases.go waits up to 15 min for ready";
    postgres_delete_ms: u64,
        "A deleted Managed Postgres cluster goes only so long after the 202.",
        "a later copy of the document, Postgres delete: 202, then 410 is being deleted";
    volume_detach_ms: u64,
        "A volume stays bound for so long after its machine was destroyed.",
        "cubepals waits 2 min, Kilo until its next alarm";
    volume_bound_409: bool,
        "Deleting a bound volume is refused with 409 instead of 412.",
        "distilled types it as 409";
    volume_list_unattached: bool,
        "Lists of volumes leave `attached_machine_id` out.",
        "superfly/flyctl#2897";
    volume_going_state: Option<String>,
        "A deleted volume that is kept shows this state instead of `pending_destroy`, and is listed.",
        "formae-plugin-fly (live, 2026-08): waiting_for_detach among others; fly-go hides fork_cleanup and destroying";
    volume_prune_ms: Option<u64>,
        "A deleted volume is forgotten so long after its deletion, instead of after a day.",
        "docs volumes/overview: pending_destroy for 24 h";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_knob_is_off_by_default_and_unknown_ones_are_refused() {
        let none: Knobs = serde_json::from_str("{}").unwrap();
        assert_eq!(none, Knobs::default());
        assert!(serde_json::from_str::<Knobs>(r#"{"org_list_lag": 5}"#).is_err());
    }
}
