//! Machines: three lists show them, and only one of them is in time.

use serde_json::Value;

use super::draft::{Draft, Write};
use super::later;
use super::log::Settled;
use super::row::{Memory, OwnLook, Row, guest};
use super::rules::Rule;
use super::seen::{Ask, MachineSeen, Outcome};
use super::vain::UNREAD_AFTER;
use crate::duration::Millis;
use crate::subject::{Path, Uid};
use crate::time::Timestamp;

/// Who shows a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Via<'a> {
    /// The organisation's list, which lags.
    OrgList,
    /// The own list of an app of this name, which does not lag.
    OwnList(&'a str),
    /// A look at the machine itself, in an app of this name.
    Itself(&'a str),
}

impl Via<'_> {
    fn app<'s>(&'s self, machine: &'s MachineSeen) -> Option<&'s str> {
        match self {
            Self::OrgList => machine.app.as_deref(),
            Self::OwnList(app) | Self::Itself(app) => Some(app),
        }
    }
}

impl Draft<'_> {
    /// Takes in an app's own list: what is on it is so, and who is not on it is looked at.
    pub(super) fn machines_listed(&mut self, app: &str, outcome: &Outcome<Vec<MachineSeen>>) {
        let machines = match outcome {
            Outcome::Found(machines) => machines,
            Outcome::NotFound | Outcome::NoSuchApp => return self.machines_not_found(app),
            Outcome::Failed | Outcome::Unauthorized => return self.machines_unread(app),
            Outcome::Forbidden => return self.machines_forbidden(app),
        };
        let Some(uid) = self.app_named(app).map(|row| row.uid.clone()) else { return self.ask(Ask::Apps) };
        self.app_readable(Some(&uid), app);
        self.not_in_vain("source.unread", uid.as_str());
        self.own_look(&uid, OwnLook::Found);
        for machine in machines {
            self.machine_seen(machine, Via::OwnList(app));
        }
        let missing: Vec<_> = self
            .members(&uid)
            .into_iter()
            .filter(|member| !machines.iter().any(|machine| machine.id == member.platform_id()))
            .collect();
        self.machines_missing(app, missing);
        let row = self.row(&uid).filter(|row| row.memory.adopting).cloned();
        if let Some(mut row) = row {
            row.memory.adopting = false;
            self.put(row, Write::Store);
        }
    }

    /// An app's own list is not found. Of an app that was found before, that says more than of a new one.
    fn machines_not_found(&mut self, app: &str) {
        let found = self.app_named(app).filter(|row| row.memory.own_look == Some(OwnLook::Found));
        if let Some(uid) = found.map(|row| row.uid.clone()) {
            self.own_look(&uid, OwnLook::NoMore);
        }
        self.ask(Ask::App { app: app.to_owned() });
    }

    /// An app's own list is refused. Whom the list of apps lacks may be elsewhere by now: only a look at the app says so, and
    /// who is held as vanished has no other.
    fn machines_forbidden(&mut self, app: &str) {
        let uid = self.app_named(app).map(|row| row.uid.clone());
        if uid.is_some_and(|uid| self.pending.missing.contains_key(&uid)) {
            self.ask(Ask::App { app: app.to_owned() });
        }
        self.machines_unread(app);
    }

    /// An app's own list was not answered, or not so that it can be read. Whom the list of apps lacks is looked at anyway.
    fn machines_unread(&mut self, app: &str) {
        let Some(uid) = self.app_named(app).map(|row| row.uid.clone()) else { return };
        if !self.pending.missing.contains_key(&uid) {
            let what = format!("the machines of {app} cannot be read, so nothing of them is told");
            self.in_vain("source.unread", uid.as_str(), UNREAD_AFTER, &what);
        }
    }

    /// Remembers what a look of an app's own says of it.
    fn own_look(&mut self, uid: &Uid, says: OwnLook) {
        let Some(mut row) = self.row(uid).filter(|row| row.memory.own_look != Some(says)).cloned() else {
            return;
        };
        row.memory.own_look = Some(says);
        self.put(row, Write::Quiet);
    }

    /// Takes in a look at one machine.
    pub(super) fn machine_shown(&mut self, app: &str, id: &str, outcome: &Outcome<MachineSeen>) {
        let uid = format!("machine:{id}").parse().ok();
        match outcome {
            Outcome::Found(machine) => self.machine_seen(machine, Via::Itself(app)),
            Outcome::NotFound | Outcome::NoSuchApp => {
                if *outcome == Outcome::NoSuchApp {
                    self.ask(Ask::App { app: app.to_owned() });
                }
                self.machine_not_found(app, uid.as_ref());
            }
            _ => {}
        }
    }

    /// Takes in one sight of a machine.
    pub(super) fn machine_seen(&mut self, machine: &MachineSeen, via: Via<'_>) {
        let Ok(uid) = format!("machine:{}", machine.id).parse::<Uid>() else {
            let text = format!("the id `{}` of a machine cannot be read", machine.id);
            return self.open("source.unreadable", &machine.id, text);
        };
        match self.row(&uid).cloned() {
            None => self.machine_first_seen(&uid, machine, via),
            Some(row) if row.gone_at.is_some() => self.machine_seen_after_end(row, machine, via),
            Some(row) if self.is_stale(&row, machine, via) => {}
            Some(row) if self.is_tie(&row, machine, via) => {
                self.ask(Ask::Machines { app: row.path.app_name().to_owned() });
            }
            Some(row) => self.machine_changed(row, machine, via),
        }
    }

    fn machine_first_seen(&mut self, uid: &Uid, machine: &MachineSeen, via: Via<'_>) {
        let Some(name) = via.app(machine) else { return self.ask(Ask::Apps) };
        let app = self.app_named(name).cloned();
        // An app that is not known yet: its list comes first, and its own machines after that.
        if app.is_none() && self.rule(Rule::AppFirst) {
            return self.ask(Ask::Apps);
        }
        let home = app.as_ref().map(|app| app.path.clone());
        let home = home.map_or_else(|| Path::app(&self.config().org_slug, name), Ok);
        let Ok(path) = home.and_then(|home| home.machine(&machine.id)) else { return };
        let adopting = app.as_ref().is_some_and(|app| app.memory.adopting);
        let destroyed = self.settled(&machine.state) == Settled::Destroyed;
        if destroyed && (adopting || self.before_baseline(machine.updated_at)) {
            return;
        }
        let silent = self.rule(Rule::SilentBaseline)
            && adopting
            && (machine.created_at.is_none() || self.before_baseline(machine.created_at));
        let row = Row {
            uid: uid.clone(),
            path,
            parent: app.map(|app| app.uid),
            state: "created".to_owned(),
            version: self.version_elsewhere(uid),
            labels: serde_json::Map::new(),
            raw: Some(machine.raw.clone()),
            seen_at: self.now(),
            gone_at: None,
            memory: Memory { first_seen: self.now(), guest: guest(&machine.raw), ..Memory::default() },
        };
        if silent { self.adopt(row, machine) } else { self.machine_born(row, machine, via) }
    }

    /// Takes a machine over without an event: as it is now, and with its history known.
    fn adopt(&mut self, mut row: Row, machine: &MachineSeen) {
        relabel(&mut row, machine);
        row.version += 1;
        row.state.clone_from(&machine.state);
        row.memory.updated_at = machine.updated_at;
        row.memory.know_log_until(machine.updated_at.unwrap_or(self.look.at));
        row.memory.know_log(&machine.log);
        self.wind_late(&mut row, machine);
        self.put(row, Write::Store);
    }

    fn machine_born(&mut self, mut row: Row, machine: &MachineSeen, via: Via<'_>) {
        relabel(&mut row, machine);
        let uid = row.uid.clone();
        self.tell(row, "machine.created", machine.created_at.unwrap_or(self.look.at), None);
        let row = self.row(&uid).cloned().expect("invariant: a row that was told is there");
        self.machine_changed(row, machine, via);
    }

    /// Compares a machine with what is known of it.
    fn machine_changed(&mut self, mut row: Row, machine: &MachineSeen, via: Via<'_>) {
        // The organisation's list shows the gone for minutes: it takes no doubt back.
        if via != Via::OrgList {
            self.pending.absent.remove(&row.uid);
            self.seen(&row.uid);
            self.returned(&row.uid);
            row.seen_at = self.now();
        }
        if !self.rule(Rule::ParentFixed) {
            let app = via.app(machine).and_then(|name| self.app_named(name));
            row.parent = app.map(|app| app.uid.clone()).or(row.parent);
        }
        let touched = !self.rule(Rule::QuietTouch) && row.memory.updated_at < machine.updated_at;
        let config = !self.rule(Rule::AbsentConfig) && machine.metadata.is_none();
        if config {
            row.labels.remove("metadata");
        }
        let relabelled = relabel(&mut row, machine) || config;
        let uid = row.uid.clone();
        if (relabelled || touched) && row.version > 0 && self.settled(&machine.state) != Settled::Destroyed {
            row.show(&machine.raw);
            self.tell(row, "machine.updated", machine.updated_at.unwrap_or(self.look.at), None);
        } else {
            self.put(row, Write::Quiet);
        }
        self.settle_state(&uid, machine);
        self.wind_up(&uid, machine);
    }

    /// A destroyed machine may be listed for a long time; one that lives although it was gone is looked at.
    fn machine_seen_after_end(&mut self, mut row: Row, machine: &MachineSeen, via: Via<'_>) {
        let living = !matches!(self.settled(&machine.state), Settled::Destroyed | Settled::Transient);
        match via {
            Via::OwnList(app) if living && self.rule(Rule::ListedAfterEnd) => {
                self.ask(Ask::Machine { app: app.to_owned(), machine: machine.id.clone() });
            }
            Via::OwnList(_) | Via::Itself(_) if living && row.memory.updated_at <= machine.updated_at => {
                let text = format!("{} was believed gone and is there", row.path);
                self.open("source.returned", row.uid.as_str(), text);
                row.gone_at = None;
                "created".clone_into(&mut row.state);
                self.machine_born(row, machine, via);
            }
            _ => {}
        }
    }

    /// Whether a sight is older than what is known. The organisation's list lags by minutes.
    fn is_stale(&self, row: &Row, machine: &MachineSeen, via: Via<'_>) -> bool {
        // Against the organisation's list the machine's own log counts too: it may have told of a state already.
        let logged = row.memory.log_until().filter(|_| via == Via::OrgList);
        self.rule(Rule::LaggingOrgList)
            && match (machine.updated_at, row.memory.updated_at.max(logged)) {
                (Some(seen), Some(known)) => seen < known,
                (None, Some(_)) => via == Via::OrgList && machine.state != row.state,
                _ => false,
            }
    }

    /// Whether a sight shows another state and cannot tell whether it is the later one: the organisation's list
    /// within the same second, or any answer that was under way while something was learnt.
    fn is_tie(&self, row: &Row, machine: &MachineSeen, via: Via<'_>) -> bool {
        let doubtful = via == Via::OrgList || self.as_of(self.look) < row.seen_at;
        doubtful
            && self.rule(Rule::LaggingOrgList)
            && machine.updated_at <= later(row.memory.updated_at, row.memory.log_until())
            && machine.state != row.state
            && self.settled(&machine.state) != Settled::Transient
    }

    fn before_baseline(&self, at: Option<Timestamp>) -> bool {
        match (at, self.cursor.baseline_at) {
            (Some(at), Some(baseline)) => at <= baseline,
            _ => true,
        }
    }

    /// Lets the machines of an app that has another address now follow it.
    pub(super) fn members_moved(&mut self, app: &Uid, path: &Path) {
        for uid in self.members(app) {
            let mut row = self.row(&uid).cloned().expect("invariant: members have rows");
            let Ok(moved) = path.machine(uid.platform_id()) else { continue };
            row.path = moved;
            self.tell(row, "machine.updated", self.look.at, None);
        }
    }

    /// Raises what is known of a machine's time to what was taken in.
    pub(super) fn taken_in(&mut self, uid: &Uid, updated_at: Option<Timestamp>) {
        let Some(mut row) = self.row(uid).cloned() else { return };
        row.memory.updated_at = later(row.memory.updated_at, updated_at);
        self.put(row, Write::Quiet);
    }
}

/// How long the `GET` of an absent machine may take before it is asked for again.
pub(super) const ASK_AGAIN: Millis = Millis::seconds(15);

/// Writes what hooks see of a machine into its row, and says whether any of it changed.
///
/// What a sight does not tell stays as it was: partial data never changes a view by absence.
fn relabel(row: &mut Row, machine: &MachineSeen) -> bool {
    let before = (row.labels.clone(), row.memory.instance.clone());
    let region = machine.region.as_deref().filter(|region| !region.is_empty());
    for (key, value) in [("region", region), ("image", machine.image.as_deref())] {
        if let Some(value) = value {
            row.labels.insert(key.to_owned(), Value::from(value));
        }
    }
    if let Some(metadata) = &machine.metadata {
        row.labels.insert("metadata".to_owned(), Value::Object(metadata.clone()));
    }
    if machine.instance.is_some() {
        row.memory.instance.clone_from(&machine.instance);
    }
    // The id of a version that is seen for the first time is no new version.
    let instance_changed = before.1.is_some() && before.1 != row.memory.instance;
    before.0 != row.labels || instance_changed
}
