//! Apps: they come and go in the difference of two lists.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::believe::Evidence;
use super::cursor::Org;
use super::draft::{Draft, Write};
use super::row::{Memory, OwnLook, Row};
use super::rules::Rule;
use super::seen::{AppSeen, Apps, Ask, Outcome, Whole};
use crate::duration::Millis;
use crate::may_make::Unseen;
use crate::subject::{Path, Uid};

/// How long somebody new may answer 401 or 404: the vendor's own client retries for a minute [fly-go WaitForApp].
pub const YOUNG: Millis = Millis::minutes(1);

/// The alias that any organisation of one person answers to.
const ALIAS: &str = "personal";

impl Draft<'_> {
    /// Takes in the list of apps.
    pub(super) fn apps_listed(&mut self, outcome: &Outcome<Apps>) {
        let list = match outcome {
            Outcome::Found(list) => list,
            Outcome::Unauthorized | Outcome::Forbidden => {
                let text = "the token may not list the apps of the organisation".to_owned();
                return self.open("source.unauthorized", "apps", text);
            }
            _ => return,
        };
        if self.look.tick < self.pending.apps_tick {
            return;
        }
        self.pending.apps_tick = self.look.tick;
        self.resolve("source.unauthorized", "apps");
        self.learn_org(&list.apps);
        let ours: Vec<_> = list.apps.iter().filter(|app| self.is_ours(app)).collect();
        // Known ids first: a rename frees its name for a new one.
        let (known, new): (Vec<_>, Vec<_>) = ours.into_iter().partition(|app| self.knows(app));
        for app in known.iter().chain(&new) {
            self.app_listed(app);
        }
        if self.cursor.reach.is_none() || self.is_in_vain("source.control", "token") {
            self.ask(Ask::Control);
        }
        if list.extent == Whole::Whole {
            self.cursor.baseline_at.get_or_insert(self.look.at);
            let listed: Vec<_> = known.into_iter().chain(new).collect();
            self.compare(&listed);
            self.conflicts_stand(&listed);
        }
    }

    /// Finds the living apps that a whole list lacks.
    fn compare(&mut self, listed: &[&AppSeen]) {
        let ids: BTreeSet<_> = listed.iter().map(|app| app.id.as_str()).collect();
        let names: BTreeSet<_> = listed.iter().map(|app| app.name.as_str()).collect();
        self.ends_stand(&ids);
        let by_id = self.rule(Rule::AppsById);
        let mut missing = Vec::new();
        for uid in self.living_apps() {
            let name = self.row(&uid).expect("invariant: living apps have rows").path.app_name().to_owned();
            let there = if by_id { ids.contains(uid.platform_id()) } else { names.contains(name.as_str()) };
            if there {
                self.pending.missing.remove(&uid);
                self.returned(&uid);
            } else {
                missing.push((uid, name));
            }
        }
        self.apps_missing(missing);
    }

    /// Takes in an app that a list shows.
    fn app_listed(&mut self, app: &AppSeen) {
        let Some(uid) = self.app_uid(app) else { return };
        match self.row(&uid).cloned() {
            Some(row) if row.gone_at.is_none() => {
                self.seen(&uid);
                self.resolve("source.forbidden", uid.as_str());
                self.app_changed(row, app);
            }
            // Somebody believed gone is listed: a list may lag, so only a look at the app itself counts.
            Some(row) => {
                self.doubt_end(&row);
                self.ask(Ask::App { app: app.name.clone() });
            }
            None if self.app_named(&app.name).is_none() => self.app_born(&uid, app),
            // The address is taken by an incarnation whose end is not confirmed yet.
            None => {}
        }
    }

    /// Takes in a look at one app.
    pub(super) fn app_shown(&mut self, name: &str, outcome: &Outcome<AppSeen>) {
        let living = self.app_named(name).map(|row| row.uid.clone());
        if !matches!(outcome, Outcome::Unauthorized | Outcome::Failed) {
            self.app_readable(living.as_ref(), name);
        }
        match outcome {
            Outcome::Found(app) if self.is_ours(app) => {
                self.app_found(living.as_ref(), app);
                self.end_stands(name);
            }
            Outcome::Found(app) => self.app_is_elsewhere(living.as_ref(), &app.name),
            outcome if self.says_not_found(outcome) => {
                self.evidence(living, Evidence::NotFound);
                self.end_stands(name);
            }
            Outcome::Forbidden => self.app_is_elsewhere(living.as_ref(), name),
            Outcome::Unauthorized => self.app_unauthorized(living.as_ref(), name),
            Outcome::NotFound | Outcome::NoSuchApp | Outcome::Failed => {}
        }
    }

    /// Whether an answer says that nobody has the name: 404, or 400 in so many words; never 403 or 401.
    fn says_not_found(&self, outcome: &Outcome<AppSeen>) -> bool {
        match outcome {
            Outcome::NotFound => true,
            Outcome::NoSuchApp => self.rule(Rule::NoSuchAppIsGone),
            Outcome::Forbidden => !self.rule(Rule::ForbiddenIsNoEnd),
            Outcome::Unauthorized => !self.rule(Rule::UnauthorizedIsNoEnd),
            Outcome::Found(_) | Outcome::Failed => false,
        }
    }

    fn app_found(&mut self, living: Option<&Uid>, app: &AppSeen) {
        let Some(uid) = self.app_uid(app) else { return };
        match (living, self.row(&uid).cloned()) {
            (_, Some(mut row)) if row.gone_at.is_none() => {
                self.pending.missing.remove(&uid);
                self.seen(&uid);
                self.resolve("source.forbidden", uid.as_str());
                row.memory.own_look = Some(OwnLook::Found);
                self.app_changed(row, app);
            }
            (Some(living), _) if *living != uid => {
                self.evidence(Some(living.clone()), Evidence::AnotherId(Box::new(app.clone())));
            }
            (_, Some(row)) => self.app_back(row, app),
            // Before the first list nothing is new; after it, this one is.
            (_, None) if self.cursor.baseline_at.is_some() => self.app_born(&uid, app),
            (_, None) => {}
        }
    }

    /// Lets an app be new.
    pub(super) fn app_born(&mut self, uid: &Uid, app: &AppSeen) {
        let Some(path) = self.app_path(app).filter(|path| self.may_take(path, uid)) else { return };
        let silent = self.cursor.baseline_at.is_none() && self.rule(Rule::SilentBaseline);
        let row = Row {
            uid: uid.clone(),
            path,
            parent: None,
            state: app.status.clone().unwrap_or_else(|| "unknown".to_owned()),
            version: self.version_elsewhere(uid),
            labels: labels(app),
            raw: Some(app.raw.clone()),
            seen_at: self.as_of(self.look),
            gone_at: None,
            memory: Memory { adopting: silent, first_seen: self.now(), ..Memory::default() },
        };
        if silent {
            self.put(Row { version: row.version + 1, ..row }, Write::Store);
        } else {
            self.tell(row, "app.created", self.look.at, None);
        }
        self.ask(Ask::Machines { app: app.name.clone() });
    }

    /// Compares an app with what is known of it.
    fn app_changed(&mut self, mut row: Row, app: &AppSeen) {
        row.seen_at = row.seen_at.max(self.as_of(self.look));
        let before = (row.path.clone(), row.state.clone(), row.labels.clone());
        if let Some(path) = self.address(app, &row.uid) {
            row.path = path;
        }
        if let Some(status) = &app.status {
            row.state.clone_from(status);
        }
        row.labels.extend(labels(app));
        if before == (row.path.clone(), row.state.clone(), row.labels.clone()) {
            return self.put(row, Write::Quiet);
        }
        row.show(&app.raw);
        let (uid, moved) = (row.uid.clone(), before.0 != row.path);
        let path = row.path.clone();
        self.tell(row, "app.updated", self.look.at, None);
        if moved {
            self.members_moved(&uid, &path);
        }
    }

    /// Lets somebody live again whose end was believed: the incarnation itself was shown.
    fn app_back(&mut self, mut row: Row, app: &AppSeen) {
        let Some(path) = self.address(app, &row.uid) else { return };
        let text = format!("{} was believed gone and is there", row.path);
        self.open("source.returned", row.uid.as_str(), text);
        self.returned(&row.uid);
        row.path = path;
        row.gone_at = None;
        row.seen_at = self.as_of(self.look);
        row.state = app.status.clone().unwrap_or_else(|| "unknown".to_owned());
        row.show(&app.raw);
        self.tell(row, "app.created", self.look.at, None);
        self.ask(Ask::Machines { app: app.name.clone() });
    }

    /// 403, or an app of another organisation: moved, or access was lost. Never an end.
    fn app_is_elsewhere(&mut self, living: Option<&Uid>, name: &str) {
        if let Some(uid) = living {
            self.missed(uid, Unseen::Refused { since: self.now() });
            let text = format!("{name} was moved to another organisation, or the token may no longer see it");
            self.open("source.forbidden", uid.as_str(), text);
            self.disprove(uid);
            self.hold_apps();
        }
    }

    fn app_unauthorized(&mut self, living: Option<&Uid>, name: &str) {
        let young = living
            .and_then(|uid| self.row(uid))
            .is_some_and(|row| self.now().since(row.memory.first_seen) < YOUNG);
        if young {
            self.ask(Ask::App { app: name.to_owned() });
        } else {
            let about = living.map_or(name, Uid::as_str);
            self.open(
                "source.unauthorized",
                about,
                format!("the token was refused when {name} was looked at"),
            );
        }
    }

    /// The token was answered about an app; whatever the answer was.
    pub(super) fn app_readable(&mut self, living: Option<&Uid>, name: &str) {
        for about in living.map(Uid::as_str).into_iter().chain([name]) {
            self.resolve("source.unauthorized", about);
        }
    }

    /// Learns whose apps these are: the list of one organisation was asked for, so the first tells.
    fn learn_org(&mut self, apps: &[AppSeen]) {
        let Some(first) = apps.iter().find(|app| app.org_slug.is_some() || app.org_id.is_some()) else {
            return;
        };
        let (id, slug) = (first.org_id.clone(), first.org_slug.clone());
        let configured = self.config().org_slug.clone();
        match &mut self.cursor.org {
            None => self.cursor.org = Some(Org { id, slug: slug.unwrap_or(configured) }),
            // The same organisation under another slug was renamed; its apps' paths follow.
            Some(org) if org.id.is_some() && org.id == id => {
                org.slug = slug.unwrap_or_else(|| org.slug.clone());
            }
            Some(_) => {}
        }
    }

    /// Whether an app belongs to the organisation that is watched.
    fn is_ours(&self, app: &AppSeen) -> bool {
        let configured = self.config().org_slug.as_str();
        if !self.rule(Rule::PersonalAlias) {
            return app.org_slug.as_deref().is_none_or(|slug| slug == configured);
        }
        let Some(org) = &self.cursor.org else { return true };
        match (&org.id, &app.org_id) {
            (Some(ours), Some(theirs)) => ours == theirs,
            _ => app.org_slug.as_deref().is_none_or(|slug| slug == org.slug || configured == ALIAS),
        }
    }

    fn knows(&self, app: &AppSeen) -> bool {
        format!("app:{}", app.id).parse().is_ok_and(|uid| self.row(&uid).is_some())
    }

    /// The incarnation of an app; an id that we cannot write down is a finding.
    pub(super) fn app_uid(&mut self, app: &AppSeen) -> Option<Uid> {
        let uid = format!("app:{}", app.id).parse().ok();
        if uid.is_none() {
            self.open(
                "source.unreadable",
                &app.name,
                format!("the id `{}` of an app cannot be read", app.id),
            );
        }
        uid
    }

    pub(super) fn app_path(&mut self, app: &AppSeen) -> Option<Path> {
        let slug = app.org_slug.clone().or_else(|| self.cursor.org.as_ref().map(|org| org.slug.clone()));
        let path = Path::app(&slug.unwrap_or_else(|| self.config().org_slug.clone()), &app.name).ok();
        if path.is_none() {
            self.open(
                "source.unreadable",
                &app.id,
                format!("the name `{}` of an app cannot be read", app.name),
            );
        }
        path
    }

    /// The address at which an app is shown, if nobody else lives there.
    fn address(&mut self, app: &AppSeen, uid: &Uid) -> Option<Path> {
        let path = self.app_path(app)?;
        (self.is_free(&path, uid) && self.may_take(&path, uid)).then_some(path)
    }

    /// Whether nobody else of this source lives at an address.
    fn is_free(&self, path: &Path, uid: &Uid) -> bool {
        self.app_named(path.app_name()).is_none_or(|row| row.uid == *uid)
    }
}

/// The platform's labels of an app.
fn labels(app: &AppSeen) -> Map<String, Value> {
    app.network.iter().map(|network| ("network".to_owned(), Value::from(network.as_str()))).collect()
}
