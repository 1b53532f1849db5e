//! `groundcrew replay`: runs, played again from what is kept of them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use groundcrew_core::hash::Digest;
use groundcrew_core::manifest::Manifest;
use groundcrew_engine::cache::{Cache, Compiler};
use groundcrew_store::runs::CallRecord;
use groundcrew_store::{RunId, Store};
use serde::Serialize;

use super::rows::Names;
use super::{Answer, Code, Context, Failure, calls, inspect};
use crate::config::Config;
use crate::prove::calls::Compared;
use crate::prove::loaded::Loaded;
use crate::replay::{Call, Difference, Recording, Replayed, Verdict, compared, replay};
use crate::show::{Table, Tone, paint};
use crate::{builtin, components, kept, key};

/// Play runs again from what is kept of them: offline, call by call
///
/// The component gets the same input, time and randomness, and its calls are answered from the journal: nothing leaves,
/// and no secret is read. Whoever asks the same and answers the same is the same; a run that was ended from outside
/// (its deadline, a crash) is played up to there.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Runs as listed (`r12` or `12`), or files that `--export` wrote
    #[arg(required = true, value_name = "RUN|FILE")]
    runs: Vec<Which>,
    /// Another version, a file or `builtin:NAME`, to see the first thing that it does differently
    #[arg(long, value_name = "FILE")]
    component: Option<String>,
    /// Write the run, whole, into a file that can be replayed anywhere: journal, input and component, no secrets
    #[arg(long, value_name = "FILE")]
    export: Option<PathBuf>,
}

/// A run of this installation, or one in a file.
#[derive(Clone, Debug)]
enum Which {
    Stored(RunId),
    File(PathBuf),
}

impl std::str::FromStr for Which {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.strip_prefix('r').unwrap_or(text).parse();
        Ok(number.map_or_else(|_| Self::File(text.into()), |number| Self::Stored(RunId(number))))
    }
}

/// One replay in JSON.
#[derive(Debug, Serialize)]
struct Shown {
    run: String,
    hook: String,
    op: &'static str,
    component: String,
    /// What it was played with, if that is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    with: Option<String>,
    calls: usize,
    verdict: &'static str,
    /// How the recorded run ended.
    outcome: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    difference: Option<Difference>,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Answer, Failure> {
    if args.export.is_some() && args.runs.len() > 1 {
        return Err(Failure::usage("--export writes one run"));
    }
    let stored = args.runs.iter().any(|which| matches!(which, Which::Stored(_)));
    let mut library = Library::new(context, stored, args.component.as_deref())?;
    let (mut played, mut text) = (Vec::new(), String::new());
    let alone = args.runs.len() == 1;
    for which in &args.runs {
        let recording = library.recording(which)?;
        let (digest, loaded) = library.load(&recording)?;
        let replayed = context.block_on(replay(&loaded, &recording))?;
        let with = (digest != recording.component).then_some(digest);
        if alone {
            text = whole(&recording, with, &replayed);
        }
        played.push((shown(&recording, with, &replayed), replayed));
        if let Some(file) = &args.export {
            export(&mut library, recording, file)?;
            let _ = writeln!(text, "\nwrote {}; groundcrew replay {0} plays it anywhere", file.display());
        }
    }
    let differ =
        played.iter().filter(|(_, replayed)| matches!(replayed.verdict, Verdict::Differs(_))).count();
    if !alone {
        text = summary(&played, differ);
    }
    let shown: Vec<_> = played.into_iter().map(|(shown, _)| shown).collect();
    let code = if differ == 0 { Code::Ok } else { Code::Failed };
    Ok(Answer::both(text, &shown).code(code))
}

/// Where runs and components come from; each component is compiled once.
pub(super) struct Library<'a> {
    context: &'a Context,
    store: Option<Store>,
    config: Option<Config>,
    loaded: BTreeMap<Digest, Arc<Loaded>>,
    /// The component that all are played with, if one was given.
    given: Option<(Digest, Vec<u8>)>,
    /// Compiled components where there is no data directory.
    scratch: Option<tempfile::TempDir>,
}

impl<'a> Library<'a> {
    /// With runs of this installation or without, and with a component that all are played with, if one is given.
    pub(super) fn new(context: &'a Context, stored: bool, component: Option<&str>) -> Result<Self, Failure> {
        let read = |named| components::read(&inspect::component(named));
        let given = component.map(read).transpose()?;
        Ok(Self {
            context,
            store: stored.then(|| context.reader()).transpose()?,
            // A broken configuration is no reason not to look at the past: it only says where components may be.
            config: stored.then(|| context.config().ok()).flatten(),
            loaded: BTreeMap::new(),
            given: given.map(|bytes| (Digest::of(&bytes), bytes)),
            scratch: None,
        })
    }

    fn recording(&self, which: &Which) -> Result<Recording, Failure> {
        match (which, &self.store) {
            (Which::Stored(id), Some(store)) => stored(store, *id),
            (Which::File(path), _) => {
                let text = String::from_utf8_lossy(&file(path)?).into_owned();
                Recording::read(&text)
                    .map_err(|error| Failure::failed(format!("{}: {error}", path.display())))
            }
            (Which::Stored(_), None) => {
                unreachable!("invariant: the store is open where a run of it is named")
            }
        }
    }

    /// Loads the component that a run is played with, once.
    pub(super) fn load(&mut self, recording: &Recording) -> Result<(Digest, Arc<Loaded>), Failure> {
        let digest = self.given.as_ref().map_or(recording.component, |(digest, _)| *digest);
        if let Some(loaded) = self.loaded.get(&digest) {
            return Ok((digest, loaded.clone()));
        }
        let given = self.given.as_ref().map(|(_, bytes)| bytes.clone());
        let bytes = given.map_or_else(|| self.bytes(recording), Ok)?;
        let loading = Loaded::within(&bytes, self.manifest(recording), self.cache()?);
        let loaded = self.context.block_on(loading)?.map_err(|error| Failure::of(&error))?;
        Ok((digest, self.loaded.entry(digest).or_insert(Arc::new(loaded)).clone()))
    }

    /// The component that ran: in the recording, kept, within this binary, or where its stanza says.
    fn bytes(&self, recording: &Recording) -> Result<Vec<u8>, Failure> {
        let carried = recording.carried().map_err(|error| Failure::of(&error))?;
        if let Some(bytes) = carried {
            return Ok(bytes);
        }
        let digest = recording.component;
        let is_it = |bytes: &Vec<u8>| Digest::of(bytes) == digest;
        let dir = self.context.data_dir();
        let kept = kept::read(dir.path(), digest).map_err(|error| Failure::of(&error))?;
        let stanza = self.config.as_ref().and_then(|config| config.hooks.get(&recording.hook));
        let of_stanza = || stanza.and_then(|hook| components::read(&hook.component).ok()).filter(is_it);
        let of_binary = || builtin::names().into_iter().filter_map(builtin::component).find(is_it);
        kept.or_else(of_stanza).or_else(of_binary).ok_or_else(|| {
            let text = format!("the component of {} is no longer kept: {}", recording.run, digest.short());
            Failure::failed(text).hint(format!("groundcrew replay {} --component FILE", recording.run))
        })
    }

    /// A manifest that does not lie within the component.
    fn manifest(&self, recording: &Recording) -> Option<Manifest> {
        let stanza = || self.config.as_ref()?.hooks.get(&recording.hook).map(|hook| hook.manifest.clone());
        recording.manifest.clone().or_else(stanza)
    }

    /// Where compiled components are: the installation's own, else for this process alone.
    fn cache(&mut self) -> Result<Cache, Failure> {
        let dir = self.context.data_dir();
        // Whatever became of the key, the past can be looked at: then it is compiled once more.
        let belonging = |store| key::belonging(store, &dir.key(), &dir.database()).ok().flatten();
        if let Some(key) = self.store.as_ref().and_then(belonging) {
            return Ok(Cache::new(dir.path().join("cache"), key, Compiler::InProcess));
        }
        let scratch = self.scratch.take().map_or_else(tempfile::tempdir, Ok);
        let folder = self.scratch.insert(scratch.map_err(|error| Failure::of(&error))?).path().to_owned();
        let key = key::read_or_make(&folder).map_err(|error| Failure::of(&error))?;
        Ok(Cache::new(folder, key, Compiler::InProcess))
    }
}

fn file(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| Failure::failed(format!("cannot read {}: {error}", path.display())))
}

fn stored(store: &Store, id: RunId) -> Result<Recording, Failure> {
    let missing = || Failure::failed(format!("no run {id}; old ones are pruned")).hint("groundcrew runs");
    let (run, calls) = store.run(id)?.ok_or_else(missing)?;
    let hook = Names::of(store)?.hook(run.hook);
    Recording::of(store, &hook, &run, &calls)?
        .map_err(|why| Failure::failed(format!("{id} cannot be played again: {why}")))
}

/// Writes a run with its component, never over another file.
fn export(library: &mut Library<'_>, recording: Recording, path: &Path) -> Result<(), Failure> {
    let bytes = library.bytes(&recording)?;
    let manifest = library.manifest(&recording);
    let whole = Recording { manifest, ..recording }.with_component(&bytes);
    let text = serde_json::to_string_pretty(&whole).expect("invariant: a recording is JSON");
    let failed = |error: std::io::Error| {
        let failure = Failure::failed(format!("cannot write {}: {error}", path.display()));
        if error.kind() == std::io::ErrorKind::AlreadyExists {
            failure.hint("choose another name")
        } else {
            failure
        }
    };
    let mut file = fs::File::create_new(path).map_err(failed)?;
    std::io::Write::write_all(&mut file, text.as_bytes()).map_err(failed)
}

fn shown(recording: &Recording, with: Option<Digest>, replayed: &Replayed) -> Shown {
    let (verdict, difference) = match &replayed.verdict {
        Verdict::Same => ("same", None),
        Verdict::CutShort { .. } => ("cut-short", None),
        Verdict::Differs(difference) => ("differs", Some(difference.clone())),
    };
    Shown {
        run: recording.run.clone(),
        hook: recording.hook.clone(),
        op: recording.asked.op(),
        component: recording.component.to_string(),
        with: with.map(|digest| digest.to_string()),
        calls: replayed.calls,
        verdict,
        outcome: recording.outcome.clone(),
        difference,
    }
}

/// One run, call by call.
fn whole(recording: &Recording, with: Option<Digest>, replayed: &Replayed) -> String {
    let title = format!("{}  {} {}", recording.run, recording.hook, recording.asked.op());
    let mut text = format!("{}\n  component {}", paint(Tone::Strong, &title), recording.component.short());
    if let Some(with) = with {
        let _ = write!(text, ", played with {}", with.short());
    }
    text.push_str("\n\n");
    let differs_at = match &replayed.verdict {
        Verdict::Differs(Difference::Call { n, .. }) => *n,
        _ => u32::MAX,
    };
    for call in recording.calls.iter().filter(|call| call.n < differs_at) {
        let _ = writeln!(text, "{}", calls::line(&record(call)));
    }
    match &replayed.verdict {
        Verdict::Same => {
            let _ = writeln!(
                text,
                "{}: {}, same bytes, same answer",
                paint(Tone::Good, "same"),
                counted(replayed.calls)
            );
        }
        Verdict::CutShort { outcome } => {
            let said = paint(Tone::Waiting, "same as far as it went");
            let _ = writeln!(text, "{said}: {}; then {outcome}", counted(replayed.calls));
        }
        Verdict::Differs(difference) => text.push_str(&differing(difference)),
    }
    text
}

fn counted(calls: usize) -> String {
    if calls == 1 { "1 call".to_owned() } else { format!("{calls} calls") }
}

/// The first difference: what it is in, and line by line.
pub(super) fn differing(difference: &Difference) -> String {
    let (title, lines) = compared(difference);
    let mut text = format!("{}\n", paint(Tone::Bad, &title));
    for line in lines {
        let _ = match line {
            Compared::Same(line) => writeln!(text, "    {line}"),
            Compared::Missing(line) => writeln!(text, "  {}", paint(Tone::Bad, &format!("- {line}"))),
            Compared::Unexpected(line) => writeln!(text, "  {}", paint(Tone::Good, &format!("+ {line}"))),
        };
    }
    text
}

/// Many runs: one line each, and a sum.
fn summary(played: &[(Shown, Replayed)], differ: usize) -> String {
    let mut table = Table::new(["RUN", "HOOK", "DOES", "CALLS", "REPLAY"]);
    for (shown, replayed) in played {
        let verdict = match &replayed.verdict {
            Verdict::Same => paint(Tone::Good, "same"),
            Verdict::CutShort { .. } => paint(Tone::Waiting, "same as far as it went"),
            Verdict::Differs(_) => paint(Tone::Bad, "differs"),
        };
        table.row([
            shown.run.clone().into(),
            shown.hook.clone().into(),
            shown.op.to_owned().into(),
            shown.calls.to_string().into(),
            verdict.into(),
        ]);
    }
    let short = played.iter().filter(|(_, it)| matches!(it.verdict, Verdict::CutShort { .. })).count();
    let same = played.len() - short - differ;
    format!(
        "{}\n{} runs: {same} same, {short} as far as they went, {differ} different\n",
        table.draw(),
        played.len()
    )
}

/// A call as listings draw it.
fn record(call: &Call) -> CallRecord {
    let access = serde_json::to_value(call.access).ok().and_then(|word| word.as_str().map(str::to_owned));
    CallRecord {
        n: call.n,
        op: call.asked.op.clone(),
        access: access.unwrap_or_default(),
        print: Digest::of(call.asked.ask.as_bytes()),
        ask: call.asked.ask.clone().into_bytes(),
        answer: call.answer.clone().map(String::into_bytes),
        sent_at: call.sent_at,
        back_at: call.back_at,
    }
}
