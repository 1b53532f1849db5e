//! `groundcrew backtest`: a hook's past runs, played with another component.

mod fleet;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use groundcrew_core::duration::Millis;
use groundcrew_core::time::Timestamp;
use groundcrew_store::{HookId, RunId, Store};
use serde::Serialize;
use tokio::task::JoinSet;

use fleet::Fleet;

use super::replay::{Library, differing};
use super::rows::Names;
use super::{Answer, Code, Context, Failure};
use crate::prove::loaded::Loaded;
use crate::replay::{Difference, Recording, Replayed, Verdict, replay, sign};
use crate::show::{Tone, paint};

/// Runs that are read at once.
const PAGE: u32 = 256;
/// Replays at once; fewer than a loaded component has slots.
const AT_ONCE: usize = 8;

/// Play a hook's past runs with another component, and count what differs
///
/// Each run gets the input, settings, time and answers that it had. Nothing leaves. Runs that differ are grouped by the
/// first thing that is different. Of a provisioner every living owner is asked, too, what it would want. The exit code is
/// 1 if anything differs, so a pipeline can ask before an upgrade.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Whose runs
    hook: String,
    /// The component that they are played with: a file or `builtin:NAME`
    #[arg(long, value_name = "FILE")]
    component: String,
    /// Those that began so long ago at most; what a replay needs is kept for `store.keep.bodies`
    #[arg(long, value_name = "TIME", default_value = "7d")]
    since: Millis,
}

/// What came of it, in JSON.
#[derive(Debug, Serialize)]
struct Tally {
    hook: String,
    component: String,
    runs: usize,
    same: usize,
    /// Of those that are the same: the recorded run was ended from outside, and is the same up to there.
    cut_short: usize,
    differs: Vec<Group>,
    cannot_tell: BTreeMap<String, usize>,
    /// Of a provisioner: what it would want of everybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    fleet: Option<Fleet>,
    seconds: f64,
}

/// Runs that differ in the same way.
#[derive(Debug, Serialize)]
struct Group {
    count: usize,
    op: &'static str,
    /// One of them.
    run: String,
    difference: Difference,
    #[serde(skip)]
    drawn: String,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Answer, Failure> {
    let mut library = Library::new(context, true, Some(&args.component))?;
    let store = context.reader()?;
    let hook = Names::of(&store)?.hook_named(&args.hook)?;
    let begun = now();
    let bar = bar(context);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::of(&error))?;
    let mut past = Past { store: &store, hook, before: RunId(i64::MAX), since: context.now() - args.since };
    let mut sum = Sum::default();
    let mut playing = JoinSet::new();
    let mut with = None;
    while let Some(page) = past.page()? {
        for id in page {
            bar.inc_length(1);
            let recording = match past.recording(id, &args.hook)? {
                Ok(recording) => recording,
                Err(why) => {
                    *sum.cannot_tell.entry(why).or_default() += 1;
                    bar.inc(1);
                    continue;
                }
            };
            let (digest, loaded) = library.load(&recording)?;
            with = Some((digest, loaded.clone()));
            if playing.len() >= AT_ONCE {
                sum.take(runtime.block_on(playing.join_next()));
                bar.inc(1);
            }
            playing.spawn_on(play(loaded, recording), runtime.handle());
        }
    }
    while !playing.is_empty() {
        sum.take(runtime.block_on(playing.join_next()));
        bar.inc(1);
    }
    bar.finish_and_clear();
    let Some((digest, loaded)) = with else {
        let kept = sum.cannot_tell.keys().next().map_or_else(|| "it has none".to_owned(), Clone::clone);
        let text = format!("no run of `{}` in the last {} can be played: {kept}", args.hook, args.since);
        return Err(Failure::failed(text).hint(format!("groundcrew runs --hook {}", args.hook)));
    };
    let mut tally = sum.tally(&args.hook, digest.to_string(), begun.elapsed().as_secs_f64());
    tally.fleet = fleet::ask(context, &store, (hook, &args.hook), &loaded)?;
    let differs = !tally.differs.is_empty() || tally.fleet.as_ref().is_some_and(Fleet::differs);
    let code = if differs { Code::Failed } else { Code::Ok };
    Ok(Answer::both(tally.draw(context, args), &tally).code(code))
}

async fn play(loaded: Arc<Loaded>, recording: Recording) -> (Recording, Replayed) {
    let replayed = replay(&loaded, &recording).await;
    (recording, replayed)
}

/// A hook's runs, from the newest back.
struct Past<'a> {
    store: &'a Store,
    hook: HookId,
    before: RunId,
    since: Timestamp,
}

impl Past<'_> {
    /// The next of them; none: those were all.
    fn page(&mut self) -> Result<Option<Vec<RunId>>, Failure> {
        let page = self.store.runs_before(self.hook, self.before, PAGE)?;
        let young: Vec<_> = page
            .iter()
            .take_while(|run| run.ended.unwrap_or(run.started) >= self.since)
            .map(|run| run.id)
            .collect();
        let Some(last) = young.last() else { return Ok(None) };
        self.before = *last;
        Ok(Some(young))
    }

    /// All that is kept of one, or why that is not enough.
    fn recording(&self, id: RunId, hook: &str) -> Result<Result<Recording, String>, Failure> {
        let Some((run, calls)) = self.store.run(id)? else { return Ok(Err("it was pruned".to_owned())) };
        Ok(Recording::of(self.store, hook, &run, &calls)?.map_err(|why| why.to_string()))
    }
}

/// What came of replays so far.
#[derive(Default)]
struct Sum {
    same: usize,
    cut_short: usize,
    differs: BTreeMap<(&'static str, String), Group>,
    cannot_tell: BTreeMap<String, usize>,
}

impl Sum {
    fn take(&mut self, played: Option<Result<(Recording, Replayed), tokio::task::JoinError>>) {
        let Some(Ok((recording, replayed))) = played else {
            *self.cannot_tell.entry("the replay itself failed".to_owned()).or_default() += 1;
            return;
        };
        match &replayed.verdict {
            Verdict::Same => self.same += 1,
            Verdict::CutShort { .. } => self.cut_short += 1,
            Verdict::Differs(difference) => {
                let op = recording.asked.op();
                let group = self.differs.entry((op, sign(difference))).or_insert_with(|| Group {
                    count: 0,
                    op,
                    run: recording.run,
                    difference: difference.clone(),
                    drawn: differing(difference),
                });
                group.count += 1;
            }
        }
    }

    fn tally(self, hook: &str, component: String, seconds: f64) -> Tally {
        let mut differs: Vec<_> = self.differs.into_values().collect();
        differs.sort_by_key(|group| std::cmp::Reverse(group.count));
        let counted = differs.iter().map(|group| group.count).sum::<usize>();
        Tally {
            hook: hook.to_owned(),
            component,
            runs: self.same + self.cut_short + counted + self.cannot_tell.values().sum::<usize>(),
            same: self.same + self.cut_short,
            cut_short: self.cut_short,
            differs,
            cannot_tell: self.cannot_tell,
            fleet: None,
            seconds,
        }
    }
}

impl Tally {
    fn draw(&self, context: &Context, args: &Args) -> String {
        let title = format!("{}  {} runs of the last {}", self.hook, self.runs, args.since);
        let mut text = format!(
            "{} with {} in {:.1} s\n",
            paint(Tone::Strong, &title),
            &self.component[..12],
            self.seconds
        );
        let short = match self.cut_short {
            0 => String::new(),
            count => format!(", {count} of them as far as they went"),
        };
        let _ = writeln!(text, "  same         {}{short}", self.same);
        let _ =
            writeln!(text, "  differs      {}", self.differs.iter().map(|group| group.count).sum::<usize>());
        let _ = writeln!(text, "  cannot tell  {}", self.cannot_tell.values().sum::<usize>());
        for (why, count) in &self.cannot_tell {
            let _ = writeln!(text, "    {count}: {why}");
        }
        if let Some(fleet) = &self.fleet {
            let _ = writeln!(text, "  fleet        {}", fleet.line());
        }
        for group in &self.differs {
            let _ = write!(text, "\n{} x {}, as {}: {}", group.count, group.op, group.run, group.drawn);
        }
        if let Some(group) = self.differs.first() {
            let named = &args.component;
            let replay = context.typed(&format!("groundcrew replay {} --component {named}", group.run));
            let _ = writeln!(text, "\none whole: {replay}");
        }
        text
    }
}

/// A bar on standard error; nothing where nobody looks.
fn bar(context: &Context) -> indicatif::ProgressBar {
    let bar = match context.form() {
        super::answer::Form::Text => indicatif::ProgressBar::new(0),
        super::answer::Form::Json => indicatif::ProgressBar::hidden(),
    };
    let style = indicatif::ProgressStyle::with_template("playing runs {bar:30} {pos}/{len}");
    bar.with_style(style.expect("invariant: the template is right"))
}

#[expect(clippy::disallowed_methods, reason = "how long it took is told to a person")]
fn now() -> Instant {
    Instant::now()
}
