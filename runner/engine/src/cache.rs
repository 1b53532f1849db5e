//! Compiled components on disk: written by a child process, mapped, authenticated.
//!
//! Compiling in process would keep hundreds of megabytes for the process's life; a child gives them back.
//! A compiled file is machine code, so it is believed only with a MAC under a key of the data directory. When it was last
//! loaded is the time of the file with its MAC.
//!
//! *Guarantees.* A child that compiles ends when its parent does, however that ends. Whoever loads or compiles holds a
//! shared lock of the directory, and [`Cache::tidy`] removes nothing without an exclusive one.

mod tidy;

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use groundcrew_core::hash::Digest;
pub use tidy::Bounds;
pub use wasmtime::component::Component;

use crate::clock::{Clock as _, SystemClock};
use crate::run::{Engine, ProfileError};

/// How long one component may take to compile; large Python components take ten seconds.
pub const COMPILE_WITHIN: Duration = Duration::from_mins(5);

/// Tells apart the files that tasks of one process write at once.
static WRITERS: AtomicU32 = AtomicU32::new(0);

/// Who compiles.
#[derive(Clone, Debug)]
pub enum Compiler {
    /// This process; for tests and short-lived commands.
    InProcess,
    /// This program, called as `PROGRAM ARGS... COMPONENT OUTPUT`. Its standard input ends when this process does, and it
    /// is expected to end then, too; see [`end_with_standard_input`].
    Child {
        /// The program.
        program: PathBuf,
        /// What comes before the two paths.
        args: Vec<String>,
    },
}

/// A directory of compiled components.
#[derive(Clone, Debug)]
pub struct Cache {
    directory: PathBuf,
    key: [u8; 32],
    compiler: Compiler,
    /// Files that were loaded through this one or a copy of it.
    loaded: Arc<Mutex<BTreeSet<PathBuf>>>,
}

/// Why a component could not be compiled or loaded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of the cache.
    #[error("cache file {path}")]
    Io {
        /// Which.
        path: PathBuf,
        /// What went wrong.
        source: std::io::Error,
    },
    /// Cranelift refused it.
    #[error("it does not compile: {0}")]
    Compile(String),
    /// The compiled file does not fit this engine.
    #[error("the compiled component does not load: {0}")]
    Load(String),
    /// The engine could not be made.
    #[error(transparent)]
    Profile(#[from] ProfileError),
}

impl Cache {
    /// Uses a directory; `key` authenticates what is in it and must be known to nobody else.
    pub fn new(directory: PathBuf, key: [u8; 32], compiler: Compiler) -> Self {
        Self { directory, key, compiler, loaded: Arc::default() }
    }

    /// Loads a component, compiling it first if the cache has no file that can be believed.
    pub async fn load(&self, engine: &Engine, digest: Digest, bytes: &[u8]) -> Result<Component, Error> {
        let path = self.path(engine, digest);
        let _kept_meanwhile = self.open()?;
        let component = match self.believed(engine, digest, &path)? {
            Some(component) => component,
            None => self.compiled(engine, digest, bytes, &path).await?,
        };
        self.note_use(path);
        Ok(component)
    }

    /// Loads a component if the cache has it: its bytes need not be at hand.
    pub fn find(&self, engine: &Engine, digest: Digest) -> Result<Option<Component>, Error> {
        let path = self.path(engine, digest);
        let _kept_meanwhile = self.open()?;
        let component = self.believed(engine, digest, &path)?;
        if component.is_some() {
            self.note_use(path);
        }
        Ok(component)
    }

    fn path(&self, engine: &Engine, digest: Digest) -> PathBuf {
        self.directory.join(format!("{}-{}.cwasm", digest.short(), engine.compatibility()))
    }

    /// The directory, made if it is not there, with a shared lock.
    fn open(&self) -> Result<File, Error> {
        let opened = std::fs::create_dir_all(&self.directory).and_then(|()| File::open(&self.directory));
        let locked = opened.and_then(|directory| directory.lock_shared().map(|()| directory));
        locked.map_err(|source| Error::Io { path: self.directory.clone(), source })
    }

    /// Keeps a file from being tidied away. That its time cannot be written costs a compilation later.
    fn note_use(&self, path: PathBuf) {
        let mac = File::options().append(true).open(path.with_extension("mac"));
        if let Err(error) = mac.and_then(|mac| mac.set_modified(now())) {
            tracing::debug!(%error, path = %path.display(), "when it was last loaded is not kept");
        }
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner).insert(path);
    }

    async fn compiled(
        &self,
        engine: &Engine,
        digest: Digest,
        bytes: &[u8],
        path: &Path,
    ) -> Result<Component, Error> {
        let writer = WRITERS.fetch_add(1, Ordering::Relaxed);
        let fresh = path.with_extension(format!("{}-{writer}.new", std::process::id()));
        let written = self.write_fresh(engine, digest, bytes, &fresh, path).await;
        if written.is_err() {
            // Whatever was left of it is of no use; that it may not exist is no error.
            let _removed = std::fs::remove_file(&fresh);
        }
        written?;
        let changed = || Error::Load("it changed while it was written".to_owned());
        self.believed(engine, digest, path)?.ok_or_else(changed)
    }

    /// Compiles to `fresh`, then puts it and its MAC in place.
    async fn write_fresh(
        &self,
        engine: &Engine,
        digest: Digest,
        bytes: &[u8],
        fresh: &Path,
        path: &Path,
    ) -> Result<(), Error> {
        let component = digest.short();
        tracing::info!(%component, bytes = bytes.len(), "compiling; what is compiled is kept");
        self.compile(engine, bytes, fresh).await?;
        tracing::info!(%component, "compiled");
        let content = std::fs::read(fresh).map_err(|source| Error::Io { path: fresh.to_owned(), source })?;
        let mac = self.mac(engine, digest, &content);
        // Whoever else writes there, or wrote as somebody else, leaves nothing that is half its own.
        let fresh_mac = fresh.with_extension("mac.new");
        write(&fresh_mac, mac.as_bytes())?;
        for (fresh, path) in [(fresh_mac.as_path(), path.with_extension("mac")), (fresh, path.to_owned())] {
            std::fs::rename(fresh, &path).map_err(|source| Error::Io { path, source })?;
        }
        Ok(())
    }

    fn believed(&self, engine: &Engine, digest: Digest, path: &Path) -> Result<Option<Component>, Error> {
        let (Ok(content), Ok(mac)) = (std::fs::read(path), std::fs::read(path.with_extension("mac"))) else {
            return Ok(None);
        };
        if self.mac(engine, digest, &content).as_bytes() != mac.as_slice() {
            tracing::warn!(path = %path.display(), "a compiled component does not carry our MAC; compiling it again");
            return Ok(None);
        }
        drop(content);
        engine.map_compiled(path).map(Some).map_err(|error| Error::Load(format!("{error:#}")))
    }

    async fn compile(&self, engine: &Engine, bytes: &[u8], output: &Path) -> Result<(), Error> {
        match &self.compiler {
            Compiler::InProcess => {
                let compiled = engine.compile(bytes).map_err(|error| Error::Compile(format!("{error:#}")))?;
                write(output, &compiled)
            }
            Compiler::Child { program, args } => {
                let input = output.with_extension("wasm");
                write(&input, bytes)?;
                let compiled = compile_in_child(program, args, &input, output).await;
                let removed = std::fs::remove_file(&input);
                compiled?;
                removed.map_err(|source| Error::Io { path: input, source })
            }
        }
    }

    fn mac(&self, engine: &Engine, digest: Digest, content: &[u8]) -> Digest {
        let parts =
            Digest::of_parts([digest.as_bytes().as_slice(), engine.compatibility().as_bytes(), content]);
        Digest::keyed(&self.key, parts.as_bytes())
    }
}

async fn compile_in_child(program: &Path, args: &[String], input: &Path, output: &Path) -> Result<(), Error> {
    let broken = |source| Error::Io { path: program.to_owned(), source };
    let mut command = tokio::process::Command::new(program);
    command.args(args).arg(input).arg(output).kill_on_drop(true);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().map_err(broken)?;
    // Nothing is written to it: it ends with this process.
    let _until_it_ended = child.stdin.take();
    let Ok(ended) = tokio::time::timeout(COMPILE_WITHIN, child.wait_with_output()).await else {
        return Err(Error::Compile(format!("it took longer than {} s", COMPILE_WITHIN.as_secs())));
    };
    let ended = ended.map_err(broken)?;
    if ended.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&ended.stderr).trim().to_owned();
    Err(Error::Compile(if said.is_empty() {
        format!("the compiler ended with {}", ended.status)
    } else {
        said
    }))
}

/// Ends this process when its standard input does: for a child that compiles, whose parent holds the other end.
///
/// Whoever waited for it is gone then, and no signal tells a child of that on every system.
pub fn end_with_standard_input() {
    std::thread::spawn(|| {
        // What is written there means nothing, and an error is an end as well.
        let _ended = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        #[expect(clippy::exit, reason = "the thread that compiles looks at nothing else")]
        std::process::exit(1);
    });
}

/// Compiles one component file; what the child process does.
pub fn compile_file(input: &Path, output: &Path) -> Result<(), Error> {
    let bytes = std::fs::read(input).map_err(|source| Error::Io { path: input.to_owned(), source })?;
    let engine = Engine::compiler()?;
    write(output, &engine.compile(&bytes).map_err(|error| Error::Compile(format!("{error:#}")))?)
}

fn write(path: &Path, content: &[u8]) -> Result<(), Error> {
    std::fs::write(path, content).map_err(|source| Error::Io { path: path.to_owned(), source })
}

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(SystemClock.now().as_millis().unsigned_abs())
}
