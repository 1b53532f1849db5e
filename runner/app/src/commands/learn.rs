//! `groundcrew learn`: the tightest grants that recorded runs would have passed.

mod write;

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::sync::Arc;

use groundcrew_core::duration::Millis;
use groundcrew_core::egress::learn::{Learnt, Lesson, Recorded, Unused, learn};
use groundcrew_core::time::Timestamp;
use groundcrew_engine::inspect::Export;
use groundcrew_store::requests::StoredRequest;
use groundcrew_store::{HookId, RunId, Store, SubjectId};
use serde::Serialize;
use serde_json::Value;
use url::Url;

use super::rows::Names;
use super::{Answer, Context, Failure, absent};
use crate::components;
use crate::config::{Config, Hook};
use crate::runner::grant_words;

/// Runs that are read at once.
const PAGE: u32 = 256;
/// Fewer owners than that tell little of what others will need.
const OWNERS_FEW: usize = 3;

/// Write the tightest grants that a hook's recorded runs would have passed
///
/// Prints the stanza's `allow`, narrowed to what the requests of recorded runs needed: methods, hosts, paths. Names of
/// owners become `{app}` and `{machine}`, what varies from thing to thing becomes `*`; no grant becomes wider than it is.
/// Where something that the hook does was never recorded, what no request used stays as it is, unless `--tight`.
/// Without `--write` nothing is changed: paste it, then `groundcrew add HOOK`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Whose runs
    hook: String,
    /// Those that began so long ago at most
    #[arg(long, value_name = "TIME", default_value = "30d")]
    since: Millis,
    /// Leave out what no request used, also where something was never recorded
    #[arg(long)]
    tight: bool,
    /// Change `allow` in the configuration file, and nothing else in it
    #[arg(long)]
    write: bool,
}

/// What was learnt, in JSON.
#[derive(Debug, Serialize)]
struct Shown {
    hook: String,
    requests: usize,
    owners: usize,
    /// Runs, by what they did.
    operations: BTreeMap<String, u32>,
    /// What the hook does and no run did.
    unrecorded: Vec<&'static str>,
    /// Requests to addresses that are secrets: those are their own grants.
    secret_addresses: usize,
    #[serde(flatten)]
    lesson: Lesson,
    #[serde(skip_serializing_if = "Option::is_none")]
    written: Option<write::Written>,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Answer, Failure> {
    let config = context.config()?;
    let hook = config.hooks.get(&args.hook).ok_or_else(|| absent::hook(&config, &args.hook))?;
    let store = context.reader()?;
    let id = Names::of(&store)?.hook_named(&args.hook)?;
    let since = context.now() - args.since;
    let operations = store.operations(id, since)?;
    if operations.is_empty() {
        let text = format!("no run of `{}` is recorded in the last {}", args.hook, args.since);
        return Err(Failure::failed(text).hint(format!("groundcrew runs --hook {}", args.hook)));
    }
    let unrecorded: Vec<_> = does(hook)?.into_iter().filter(|op| !operations.contains_key(*op)).collect();
    let mut reading = Reading::of(&store, &config, hook);
    let recorded = reading.all(id, since)?;
    let unused = if unrecorded.is_empty() || args.tight { Unused::Dropped } else { Unused::Kept };
    let lesson = learn(&hook.allow, &recorded, unused);
    let written =
        args.write.then(|| write::write(context, &store, &config, hook, &lesson.grants)).transpose()?;
    let owners: std::collections::BTreeSet<_> =
        recorded.iter().filter_map(|request| request.owner.as_ref()).collect();
    let shown = Shown {
        hook: args.hook.clone(),
        requests: recorded.len(),
        owners: owners.len(),
        operations,
        unrecorded,
        secret_addresses: reading.secret_addresses,
        lesson,
        written,
    };
    Ok(Answer::both(shown.draw(args), &shown))
}

/// What runs of a hook do that may send something.
fn does(hook: &Hook) -> Result<Vec<&'static str>, Failure> {
    let inspected = components::of_hook(hook)?;
    let mut does = Vec::new();
    if hook.provisioner().is_some() {
        does.extend(["find", "create", "update", "remove"]);
        does.extend(inspected.exports.contains(&Export::Inventory).then_some("scan"));
    } else if hook.manifest.is_auditor() {
        does.push("audit");
        does.extend(inspected.exports.contains(&Export::Remedy).then_some("fix"));
    } else {
        does.push("handle");
    }
    Ok(does)
}

/// An owner, and the words that the grants of its runs were bound with.
type Bound = (Option<String>, Arc<BTreeMap<String, String>>);

/// Requests with the words that their grants were bound with.
struct Reading<'a> {
    store: &'a Store,
    config: &'a Config,
    hook: &'a Hook,
    bound: HashMap<(Option<SubjectId>, Option<i64>), Bound>,
    secret_addresses: usize,
}

impl<'a> Reading<'a> {
    fn of(store: &'a Store, config: &'a Config, hook: &'a Hook) -> Self {
        Self { store, config, hook, bound: HashMap::new(), secret_addresses: 0 }
    }

    fn all(&mut self, hook: HookId, since: Timestamp) -> Result<Vec<Recorded>, Failure> {
        let (mut all, mut after) = (Vec::new(), RunId(0));
        while let Some((last, page)) = self.store.requests(hook, since, after, PAGE)? {
            for request in page {
                let Ok(url) = Url::parse(&request.url) else {
                    self.secret_addresses += 1;
                    continue;
                };
                let (owner, words) = self.words_of(&request)?;
                let StoredRequest { run, method, .. } = request;
                all.push(Recorded { method, url, run: run.0, owner, words });
            }
            after = last;
        }
        Ok(all)
    }

    fn words_of(&mut self, request: &StoredRequest) -> Result<Bound, Failure> {
        let key = (request.subject, request.settings);
        if let Some(known) = self.bound.get(&key) {
            return Ok(known.clone());
        }
        let owner = request.subject.map(|id| self.store.subject(id)).transpose()?.flatten();
        let path = owner.map(|owner| owner.subject.path);
        let given = request.settings.map(|id| self.store.settings_body(id)).transpose()?.flatten();
        let given = given.and_then(|mut settings| settings.get_mut("config").map(Value::take));
        let config = given.as_ref().unwrap_or(&self.hook.config);
        let words = Arc::new(grant_words(path.as_ref(), config, &self.config.fly_api));
        let found = (path.map(|path| path.to_string()), words);
        self.bound.insert(key, found.clone());
        Ok(found)
    }
}

impl Shown {
    /// What it rests on, then TOML to paste, or what was written.
    fn draw(&self, args: &Args) -> String {
        let done: Vec<_> = self.operations.iter().map(|(op, runs)| format!("{op} {runs}")).collect();
        let (name, since) = (&self.hook, args.since);
        let mut text = format!(
            "# {name}: {} of the last {since}, for {}; runs: {}\n",
            count(self.requests, "request"),
            count(self.owners, "owner"),
            done.join(", ")
        );
        for warning in self.warnings(args) {
            let _ = writeln!(text, "# {warning}");
        }
        match &self.written {
            Some(written) => text.push_str(&written.draw(name)),
            None => text.push_str(&self.stanza()),
        }
        text
    }

    /// The stanza's `allow`, each line with what it rests on beside it.
    fn stanza(&self) -> String {
        let mut text = format!("[hook.{}]\nallow = [\n", self.hook);
        let lines: Vec<_> = self
            .lesson
            .grants
            .iter()
            .map(|learnt| (format!("  {},", quoted(learnt)), rests_on(learnt)))
            .collect();
        let width = lines.iter().map(|(line, _)| line.chars().count()).max().unwrap_or_default();
        for (line, rests) in lines {
            let _ = writeln!(text, "{line:width$}  # {rests}");
        }
        text.push_str("]\n");
        for dropped in &self.lesson.dropped {
            let _ = writeln!(text, "# left out, since no request used it: {dropped}");
        }
        text
    }

    fn warnings(&self, args: &Args) -> Vec<String> {
        let mut warnings = Vec::new();
        if !self.unrecorded.is_empty() {
            let ops = self.unrecorded.join(", ");
            warnings.push(if args.tight {
                format!("never recorded: {ops}; what only these need is left out, and would be refused")
            } else {
                format!("never recorded: {ops}; methods that no request used are kept as they are for these")
            });
        }
        if self.owners < OWNERS_FEW {
            warnings.push("few owners stand behind this: what others need may be refused".to_owned());
        }
        if self.lesson.strangers > 0 {
            let what = count(self.lesson.strangers, "request");
            warnings.push(format!("{what} would not pass the present grants, and taught nothing"));
        }
        if self.secret_addresses > 0 {
            let what = count(self.secret_addresses, "request");
            warnings.push(format!("{what} went to secret addresses, which are their own grants"));
        }
        warnings
    }
}

/// A grant as a text in TOML.
fn quoted(learnt: &Learnt) -> String {
    toml::Value::String(learnt.grant.to_string()).to_string()
}

fn rests_on(learnt: &Learnt) -> String {
    if learnt.calls == 0 {
        return "no request: kept as it is".to_owned();
    }
    let (calls, runs) = (count(learnt.calls, "request"), count(learnt.runs, "run"));
    format!("{calls}, {runs}, {}", count(learnt.owners, "owner"))
}

fn count(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
