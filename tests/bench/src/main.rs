//! Measures the shipped binary from outside, and the machine's floors and installed peers beside it, in one run.
//!
//! It drives `groundcrew up` with a user's configuration over its HTTP API and counts rows of its database after
//! shutdown. `docs/bench.md` says what each figure means. Aims that are missed are reported, not failed, unless that is
//! asked for (`--strict`): else only what could not be measured ends with an error.
#![forbid(unsafe_code)]

mod bare;
mod clock;
mod database;
mod engine_run;
mod floors;
mod handler;
mod languages;
mod latency;
mod life;
mod machine;
mod peers;
mod proving;
mod provisioner;
mod reconcile;
mod results;
mod samples;
mod show;
mod stage;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use clap::Parser as _;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value, json};

use results::Measured;
use samples::Samples;

/// Measure the groundcrew binary
#[derive(clap::Parser)]
struct Args {
    /// The binary that is measured
    #[arg(long)]
    binary: PathBuf,
    /// Print JSON and nothing else
    #[arg(long)]
    json: bool,
    /// Draw the picture into this file, too
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Measure only what begins with this
    #[arg(long, value_name = "NAME", default_value = "")]
    only: String,
    /// Also what takes long: everybody is looked at again, up to 100,000 machines
    #[arg(long)]
    all: bool,
    /// End with an error if an aim is missed
    #[arg(long)]
    strict: bool,
    /// A component in Python that wants what `guests/things` wants: tests/bench/python
    #[arg(long, value_name = "FILE")]
    python: Option<PathBuf>,
    /// Where hooks of every language are built; what their package managers install is kept there
    #[arg(long, value_name = "DIR")]
    hooks: Option<PathBuf>,
    /// Events that are fed for runs per second
    #[arg(long, default_value_t = 60_000)]
    events: usize,
    /// Apps that appear for creates per second
    #[arg(long, default_value_t = 3_000)]
    apps: usize,
}

/// What has been measured so far.
struct Bench<'a> {
    args: &'a Args,
    runtime: tokio::runtime::Runtime,
    directory: tempfile::TempDir,
    progress: ProgressBar,
    measured: Vec<Measured>,
    floors: Map<String, Value>,
    said_of_peers: Map<String, Value>,
    bare: bare::Bare,
    peers: Vec<peers::Peer>,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            drop(writeln!(anstream::stderr(), "error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let mut args = Args::parse();
    args.binary = args.binary.canonicalize().context("the binary that is measured")?;
    let load = machine::load();
    let mut bench = Bench {
        runtime: tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?,
        directory: tempfile::Builder::new().prefix("groundcrew-bench-").tempdir()?,
        progress: ProgressBar::new(9).with_style(ProgressStyle::with_template("{bar:20} {pos}/{len} {msg}")?),
        measured: Vec::new(),
        floors: Map::new(),
        said_of_peers: Map::new(),
        bare: bare::Bare::new(stage::noop())?,
        peers: Vec::new(),
        args: &args,
    };
    bench.measure()?;
    bench.progress.finish_and_clear();
    let notes: Map<String, Value> = bench
        .measured
        .iter()
        .map(|one| (one.quantity.name.to_owned(), Value::from(one.note.clone())))
        .collect();
    let mut machine = machine::machine(&bench.floors.into(), &bench.said_of_peers.into(), &notes.into());
    machine["load_before"] = json!(load);
    if let Some(file) = &args.svg {
        std::fs::write(file, show::svg(&bench.measured)).with_context(|| file.display().to_string())?;
    }
    print(&args, &machine, &bench.measured)?;
    let missed: Vec<_> = results::missed(&bench.measured).map(show::missed).collect();
    ensure!(!args.strict || missed.is_empty(), "aims were missed: {}", missed.join("; "));
    Ok(())
}

fn print(args: &Args, machine: &Value, measured: &[Measured]) -> anyhow::Result<()> {
    let mut out = anstream::stdout().lock();
    if args.json {
        writeln!(out, "{:#}", results::json(machine, measured))?;
        return Ok(());
    }
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    writeln!(
        out,
        "{}, {} cores, load {} before\n",
        text(&machine["cpu"]),
        machine["cores"],
        machine["load_before"]
    )?;
    writeln!(out, "{}\n{}", show::table(measured), show::picture(measured))?;
    for kind in ["floors", "peers", "notes"] {
        for (name, value) in machine[kind].as_object().into_iter().flatten() {
            writeln!(out, "{name}: {}", text(value))?;
        }
    }
    Ok(())
}

impl Bench<'_> {
    fn wants(&self, names: &[&str]) -> bool {
        names.iter().any(|name| name.starts_with(&self.args.only))
    }

    fn say(&self, what: &'static str) {
        self.progress.set_message(what);
        self.progress.inc(1);
    }

    fn note(&mut self, quantity: results::Quantity, ours: f64, floor: Option<f64>, note: String) {
        let peers = || self.peers.iter();
        let peer = match quantity {
            results::RUNS_PER_SECOND => peers().map(|peer| peer.runs_per_second).max_by(f64::total_cmp),
            results::LATENCY_P50 => peers().map(|peer| peer.latency.median()).min_by(f64::total_cmp),
            results::LATENCY_P99 => peers().map(|peer| peer.latency.percentile(99.0)).min_by(f64::total_cmp),
            _ => None,
        };
        self.measured.push(Measured { quantity, ours: Some(ours), floor, peer, note });
    }

    fn measure(&mut self) -> anyhow::Result<()> {
        self.say("floors: flushes and commits");
        self.disk()?;
        if self.wants(&["handler."]) {
            self.say("peers");
            self.peers()?;
        }
        let (args, binary) = (self.args, self.args.binary.as_path());
        let needs_stored = self.wants(&[results::START.name]);
        if needs_stored || self.wants(&[results::RUNS_PER_SECOND.name]) {
            self.say("handler: runs per second");
            let stage = self.throughput(binary, args.events)?;
            if needs_stored {
                self.say("start with 100,000 stored runs");
                self.start(binary, &stage)?;
            }
        }
        if self.wants(&[results::LATENCY_P50.name, results::LATENCY_P99.name]) {
            self.say("handler: one at a time");
            self.latency(binary)?;
        }
        if self.wants(&[results::RUN_OVER_BARE.name]) {
            self.say("engine: a run over a bare one");
            self.engine()?;
        }
        if self.wants(&[results::CREATES_PER_SECOND.name, results::REPLAYS_PER_SECOND.name]) {
            self.say("provisioner: creates per second");
            let made = provisioner::creates_per_second(&self.runtime, binary, args.apps)?;
            let processor = rounded(made.processor_us);
            let note = format!("{} apps, one thing each; {processor} us of processor time each", args.apps);
            self.note(results::CREATES_PER_SECOND, made.per_second, None, note);
            self.say("the same runs played again");
            let (runs, per_second) = made.replays_per_second()?;
            let note = format!("{runs} runs of a component in Rust, read, played and compared");
            self.note(results::REPLAYS_PER_SECOND, per_second, None, note);
        }
        if self.wants(&[results::IDLE.name]) {
            self.say("idle with ten hooks");
            let megabytes = life::idle(binary)?;
            self.note(results::IDLE, megabytes, None, "VmRSS, megabytes of 10^6 bytes".to_owned());
        }
        if self.wants(&[results::SHUTDOWN.name]) {
            self.say("shutdown with 100 waiting hooks");
            let samples = life::shutdown(binary)?;
            self.note(results::SHUTDOWN, samples.median(), None, spread(&samples, "ms"));
        }
        self.languages()?;
        self.mixed()?;
        self.proving(binary)?;
        self.reconcile(binary)?;
        let order = |one: &Measured| {
            results::ALWAYS
                .iter()
                .chain(&results::IF_ASKED)
                .chain(results::LANGUAGES.iter().flatten())
                .chain([&results::MIXED])
                .chain(&results::PROVING)
                .position(|quantity| *quantity == one.quantity)
        };
        self.measured.sort_by_key(order);
        let missing: Vec<_> = results::missing(&self.measured).collect();
        ensure!(!self.args.only.is_empty() || missing.is_empty(), "not measured: {}", missing.join(", "));
        Ok(())
    }

    fn disk(&mut self) -> anyhow::Result<()> {
        let directory = self.directory.path();
        let (flush, commit) = (floors::fdatasync(directory)?, floors::commit(directory)?);
        for (name, samples) in [("fdatasync_us", &flush), ("sqlite_commit_us", &commit)] {
            let said = json!({"p50": rounded(samples.median()), "p99": rounded(samples.percentile(99.0))});
            self.floors.insert(name.to_owned(), said);
        }
        Ok(())
    }

    fn peers(&mut self) -> anyhow::Result<()> {
        for (name, measure) in peers::ALL {
            let peer = measure(self.directory.path()).with_context(|| name.to_owned())?;
            let said = peer.as_ref().map(|peer| {
                json!({
                    "what": peer.name, "durable": peer.durable, "runs_per_second": rounded(peer.runs_per_second),
                    "latency_p50_ms": rounded(peer.latency.median()), "latency_p99_ms": rounded(peer.latency.percentile(99.0)),
                })
            });
            self.said_of_peers.insert(name.to_owned(), said.unwrap_or_default());
            self.peers.extend(peer);
        }
        Ok(())
    }

    fn throughput(&mut self, binary: &Path, events: usize) -> anyhow::Result<stage::Stage> {
        let directory = self.directory.path();
        let floor = self.runtime.block_on(floors::minimal_loop(directory, &self.bare, events))?;
        self.floors.insert("minimal_loop_runs_per_second".to_owned(), json!(rounded(floor)));
        let got = handler::throughput(binary, events)?;
        let processor = rounded(got.processor_us);
        let note = format!(
            "{events} events of 400 bytes in batches of 64, 64 apps, one run of each in flight; {processor} us of processor time each"
        );
        self.note(results::RUNS_PER_SECOND, got.runs_per_second, Some(floor), note);
        Ok(got.stage)
    }

    /// Only if asked for: the large one takes many minutes.
    fn reconcile(&mut self, binary: &Path) -> anyhow::Result<()> {
        let small = [results::RECONCILE_10K, results::RECONCILE_PROVISIONER, results::STALE_RUST];
        let python = [results::STALE_PYTHON];
        let large = [
            results::RECONCILE_100K,
            results::RECONCILE_RSS,
            results::RECONCILE_FIRST,
            results::RECONCILE_LATENCY,
            results::RECONCILE_PROVISIONER_100K,
        ];
        let asked = |these: &[results::Quantity]| {
            self.args.all
                || (!self.args.only.is_empty()
                    && these.iter().any(|one| one.name.starts_with(&self.args.only)))
        };
        let (small, large, python) = (asked(&small), asked(&large), asked(&python));
        if small {
            self.say("reconcile: 10,000 machines");
            let got = reconcile::measure(&self.runtime, binary, 10_000)?;
            self.note(results::RECONCILE_10K, got.processor_s, None, said(&got));
            let provisioner = &got.provisioner;
            self.note(results::RECONCILE_PROVISIONER, provisioner.ratio(), Some(1.0), provisioner.said());
            let stale = reconcile::Stale { took_s: got.stale_s, processor_s: got.stale_processor_s };
            self.stale(results::STALE_RUST, got.machines, &stale);
        }
        if let (true, Some(file)) = (python, &self.args.python) {
            self.say("reconcile: 10,000 machines, a component in Python");
            let component = std::fs::read(file).with_context(|| file.display().to_string())?;
            let (_, stale) = reconcile::stale(&self.runtime, binary, 10_000, &component)?;
            self.stale(results::STALE_PYTHON, 10_000, &stale);
        }
        if large {
            self.say("reconcile: 100,000 machines");
            let got = reconcile::measure(&self.runtime, binary, 100_000)?;
            self.note(results::RECONCILE_100K, got.processor_s, None, said(&got));
            let peak = "VmHWM, megabytes of 10^6 bytes, from the start of the process on".to_owned();
            self.note(results::RECONCILE_RSS, got.peak_mb, None, peak);
            let first = "from the start of `groundcrew reconcile`".to_owned();
            self.note(results::RECONCILE_FIRST, got.first_ms, None, first);
            self.note(results::RECONCILE_LATENCY, got.handler.ratio(), Some(1.0), got.handler.said());
            let provisioner = &got.provisioner;
            self.note(
                results::RECONCILE_PROVISIONER_100K,
                provisioner.ratio(),
                Some(1.0),
                provisioner.said(),
            );
        }
        Ok(())
    }

    /// Only if asked for: hooks in JavaScript and Python take a minute to build.
    fn languages(&mut self) -> anyhow::Result<()> {
        let Some(folder) = &self.args.hooks else { return Ok(()) };
        for (language, quantities) in languages::LANGUAGES.into_iter().zip(results::LANGUAGES) {
            if !self.args.all && !self.wants(&quantities.map(|quantity| quantity.name)) {
                continue;
            }
            self.say(language.name());
            let Some(component) = languages::build(folder, language)? else {
                let note = format!("not measured: the toolchain of {} is not there", language.name());
                let missing =
                    |quantity| Measured { quantity, ours: None, floor: None, peer: None, note: note.clone() };
                self.measured.extend(quantities.map(missing));
                continue;
            };
            let cost = self.runtime.block_on(languages::measure(self.directory.path(), &component))?;
            let [first, run, memory] = quantities;
            let note =
                format!("a component of {} bytes, compiled in this process, and one run", component.len());
            self.note(first, cost.first_ms, None, note);
            self.note(run, cost.run_us.median(), None, spread(&cost.run_us, "us"));
            let note = "anonymous memory, 50 runs that wait for an answer; what they share is not counted"
                .to_owned();
            self.note(memory, cost.memory_kb, None, note);
        }
        Ok(())
    }

    /// All languages that can be built, in one engine.
    fn mixed(&mut self) -> anyhow::Result<()> {
        let Some(folder) = &self.args.hooks else { return Ok(()) };
        if !self.args.all && !self.wants(&[results::MIXED.name]) {
            return Ok(());
        }
        self.say("all languages in turn");
        let (mut names, mut components) = (Vec::new(), Vec::new());
        for language in languages::LANGUAGES {
            if let Some(component) = languages::build(folder, language)? {
                names.push(language.name());
                components.push(component);
            }
        }
        let mixed = languages::mixed(self.directory.path(), &components)?;
        let sides = mixed.written_us.iter().zip(&mixed.unmapped_us).zip(&names);
        let one = |((written, unmapped), name): ((&Samples, &Samples), &&str)| {
            format!("{name} {} and {} us", rounded(written.median()), rounded(unmapped.median()))
        };
        let each: Vec<_> = sides.map(one).collect();
        let note = format!("medians, reset and unmapped, on four threads: {}", each.join(", "));
        self.note(results::MIXED, mixed.ratio, None, note);
        Ok(())
    }

    /// Only if asked for, as languages are.
    fn proving(&mut self, binary: &Path) -> anyhow::Result<()> {
        let Some(folder) = &self.args.hooks else { return Ok(()) };
        for (language, quantity) in proving::LANGUAGES.into_iter().zip(results::PROVING) {
            if !self.args.all && !self.wants(&[quantity.name]) {
                continue;
            }
            self.say(language.name());
            let Some(proven) = proving::prove(binary, folder, language)? else {
                let note = format!("not measured: the toolchain of {} is not there", language.name());
                self.measured.push(Measured { quantity, ours: None, floor: None, peer: None, note });
                continue;
            };
            let proving::Proven { points, plays, seconds } = proven;
            let note = format!("{points} points in {plays} plays, {} s", rounded(seconds));
            self.note(quantity, points / seconds, None, note);
        }
        Ok(())
    }

    fn stale(&mut self, quantity: results::Quantity, owners: usize, stale: &reconcile::Stale) {
        let processor = rounded(stale.processor_s);
        let note = format!("{owners} owners, start to the last answer, {processor} s of processor time");
        self.note(quantity, stale.took_s, None, note);
    }

    fn start(&mut self, binary: &Path, stage: &stage::Stage) -> anyhow::Result<()> {
        let floor = life::start_floor(binary)?;
        let samples = life::start(stage)?;
        self.note(results::START, samples.median(), Some(floor.median()), spread(&samples, "ms"));
        Ok(())
    }

    fn latency(&mut self, binary: &Path) -> anyhow::Result<()> {
        // Again, right before: a virtual disk may be thirty times slower a minute later.
        let commit = floors::commit(self.directory.path())?;
        let latency = handler::latency(binary)?;
        // Accepted and settled: two commits, whatever else there is.
        for (quantity, at) in [(results::LATENCY_P50, 50.0), (results::LATENCY_P99, 99.0)] {
            let floor = 2.0 * commit.percentile(at) / 1e3;
            let accepted = rounded(latency.accepted.percentile(at));
            let note = format!("POST sent to settled; from its answer on {accepted} ms; floor: two commits");
            self.note(quantity, latency.whole.percentile(at), Some(floor), note);
        }
        Ok(())
    }

    fn engine(&mut self) -> anyhow::Result<()> {
        let comparing = engine_run::compare(self.directory.path(), &self.bare, stage::noop());
        let compared = self.runtime.block_on(comparing)?;
        let (bare, ours) = (rounded(compared.bare.median()), rounded(compared.ours.median()));
        self.floors.insert("bare_wasmtime_run_us".to_owned(), json!(bare));
        let note = format!("one run {ours} us, bare {bare} us; {}", spread(&compared.ratio, "x"));
        self.note(results::RUN_OVER_BARE, compared.ratio.median(), Some(1.0), note);
        Ok(())
    }
}

use results::rounded;

fn said(got: &reconcile::Reconciled) -> String {
    let (took, first, peak) = (rounded(got.took_s), rounded(got.first_ms), rounded(got.peak_mb));
    let (handler, provisioner) = (rounded(got.handler.ratio()), rounded(got.provisioner.ratio()));
    let stale = rounded(got.stale_s);
    format!(
        "{} machines, three rows each, nothing changed; took {took} s, the first after {first} ms; peak {peak} MB; handlers' events {handler} x, provisioners' {provisioner} x; all stale {stale} s",
        got.machines
    )
}

fn spread(samples: &Samples, unit: &str) -> String {
    let (low, high) = samples.range();
    format!("median; {} to {} {unit}", rounded(low), rounded(high))
}
