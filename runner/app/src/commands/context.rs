//! What commands are given: where things are, the time, and ways to read and to change.

use std::collections::BTreeSet;
use std::fs;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use groundcrew_core::time::Timestamp;
use groundcrew_engine::clock::{Clock, SystemClock};
use groundcrew_store::{Options, Reader, Store};

use super::answer::{Answer, Failure, Form};
use super::{CONFIG_FILE, Global, typed};
use crate::components;
use crate::config::{self, Config, Environment, Report};
use crate::control::{self, Act, Done, Hints, Request, Standing};
use crate::data_dir::{self, DataDir, Held};
use crate::logging::LogFormat;

/// What commands are given.
#[derive(Debug)]
pub struct Context {
    global: Global,
    environment: Environment,
    clock: Arc<dyn Clock>,
}

impl Context {
    pub(super) fn new(global: Global, environment: Environment) -> Self {
        Self { global, environment, clock: Arc::new(SystemClock) }
    }

    /// How answers are written.
    pub fn form(&self) -> Form {
        if self.global.json { Form::Json } else { Form::Text }
    }

    /// How log lines look.
    pub fn log_format(&self) -> LogFormat {
        self.global.log
    }

    /// The time.
    pub fn clock(&self) -> Arc<dyn Clock> {
        self.clock.clone()
    }

    /// The present.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The configuration file.
    pub fn config_path(&self) -> &Path {
        &self.global.config
    }

    /// A command that is shown to be pasted: with the configuration file and the data directory, if it would take others.
    pub(super) fn typed(&self, command: &str) -> String {
        typed::with(command, &self.places())
    }

    /// The same of the commands that a sentence has in backticks.
    fn typed_within(&self, sentence: &str) -> String {
        typed::within(sentence, &self.places())
    }

    /// What a command that is pasted needs to be about the same installation.
    fn places(&self) -> String {
        let config = self.config_path();
        let taken = self.environment.read("GROUNDCREW_CONFIG");
        let is_taken = config == Path::new(taken.as_deref().unwrap_or(CONFIG_FILE));
        typed::places((!is_taken).then_some(config), self.global.data.as_deref())
    }

    /// The process's environment.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// Who types, for the record.
    pub fn who(&self) -> String {
        let name = ["GROUNDCREW_WHO", "SUDO_USER", "USER", "LOGNAME"]
            .into_iter()
            .find_map(|name| self.environment.read(name));
        name.unwrap_or_else(|| "unknown".to_owned())
    }

    /// Reads the configuration; all its problems at once if it has errors.
    pub fn config(&self) -> Result<Config, Report> {
        Config::load(&self.global.config, &self.environment, &components::manifest)
    }

    /// The data directory: as given, else as the configuration says, even if that has errors elsewhere.
    ///
    /// At three in the morning one must be able to look and to pause, whatever somebody wrote into a stanza.
    pub fn data_dir(&self) -> DataDir {
        if let Some(dir) = &self.global.data {
            return DataDir::new(dir);
        }
        let text = fs::read_to_string(&self.global.config).unwrap_or_default();
        let beside = self.global.config.parent().unwrap_or(Path::new(""));
        let store = config::Store::of(&text, beside);
        DataDir::with_database(&store.dir, &store.database)
    }

    /// Opens the store for reading, whoever writes; of an older schema, as it is now and stays ([`Reader::open`]).
    pub fn reader(&self) -> Result<Store, Failure> {
        Ok(Reader::open(&self.data_dir().database())?)
    }

    /// Hooks that wait for their components to be compiled; none where no runner is up.
    pub fn compiling(&self, store: &Store) -> Result<BTreeSet<String>, Failure> {
        // What a runner that ended left unfinished nobody compiles.
        let up = matches!(self.data_dir().holder()?, Held::By(Some(holder)) if holder.command == "up");
        if up { Ok(store.compiling()?) } else { Ok(BTreeSet::new()) }
    }

    /// Looks at the store as it is by then, again and again, until `look` has an answer.
    ///
    /// Looking takes half of the time at most: a database of an older schema is copied for each look.
    pub fn look_until<T>(
        &self,
        every: Duration,
        mut look: impl FnMut(&Store) -> Result<Option<T>, Failure>,
    ) -> Result<T, Failure> {
        loop {
            let began = self.now();
            if let Some(answer) = look(&self.reader()?)? {
                return Ok(answer);
            }
            std::thread::sleep(every.max(self.now().since(began).to_std()));
        }
    }

    /// Changes something: through the runner's socket if one holds the data directory, else by ourselves.
    pub fn change(&self, request: Request) -> Result<Done, Failure> {
        let dir = self.data_dir();
        let act = Act { who: self.who(), request };
        // Without a database there is nothing to change; making one here would hide a mistyped path.
        self.reader()?;
        match dir.lock("control", self.now()) {
            Ok(_held_until_written) => {
                let store = Store::open(&dir.database(), Options::default())?;
                Ok(self.block_on(control::perform(&store, &self.alone(), &act, self.now()))??)
            }
            Err(data_dir::Error::Held { .. }) => Ok(self.block_on(control::call(&dir.socket(), &act))??),
            Err(other) => Err(other.into()),
        }
    }

    /// What the configuration file says, for changes that no runner is asked for.
    pub(super) fn alone(&self) -> Alone {
        Alone(self.config().ok())
    }

    /// Changes something and says so.
    pub fn change_and_tell(&self, request: Request) -> Result<Answer, Failure> {
        let mut done = self.change(request)?;
        done.message = self.typed_within(&done.message);
        Ok(Answer::both(format!("{}\n", done.message), &done))
    }

    /// Runs a future to its end on this thread.
    pub fn block_on<F: Future>(&self, future: F) -> Result<F::Output, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Ok(runtime.map_err(|error| Failure::of(&error))?.block_on(future))
    }
}

/// No runner is up: nobody listens, and what the configuration says is in the file.
#[derive(Debug)]
pub(super) struct Alone(Option<Config>);

impl Hints for Alone {
    fn is_up(&self) -> bool {
        false
    }

    fn touch(&self, _app: &str) {}
    fn wake(&self) {}
    fn standing(&self, hook: &str, app: &str) -> Standing {
        self.0.as_ref().map_or(Standing::Unknown, |config| Standing::of(config, hook, app))
    }
}
