//! Compiled components on disk: written by a child process, mapped, authenticated.
//!
//! Compiling in process would keep hundreds of megabytes for the process's life; a child gives them back.
//! A compiled file is machine code, so it is believed only with a MAC under a key of the data directory.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use groundcrew_core::hash::Digest;
pub use wasmtime::component::Component;

use crate::run::{Engine, ProfileError};

/// How long one component may take to compile; large Python components take ten seconds.
const COMPILE_WITHIN: Duration = Duration::from_mins(5);

/// Tells apart the files that tasks of one process write at once.
static WRITERS: AtomicU32 = AtomicU32::new(0);

/// Who compiles.
#[derive(Clone, Debug)]
pub enum Compiler {
    /// This process; for tests and short-lived commands.
    InProcess,
    /// This program, called as `PROGRAM ARGS... COMPONENT OUTPUT`.
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
        Self { directory, key, compiler }
    }

    /// Loads a component, compiling it first if the cache has no file that can be believed.
    pub async fn load(&self, engine: &Engine, digest: Digest, bytes: &[u8]) -> Result<Component, Error> {
        let path = self.directory.join(format!("{}-{}.cwasm", digest.short(), engine.compatibility()));
        if let Some(component) = self.believed(engine, digest, &path)? {
            return Ok(component);
        }
        std::fs::create_dir_all(&self.directory)
            .map_err(|source| Error::Io { path: self.directory.clone(), source })?;
        let writer = WRITERS.fetch_add(1, Ordering::Relaxed);
        let fresh = path.with_extension(format!("{}-{writer}.new", std::process::id()));
        let written = self.write_fresh(engine, digest, bytes, &fresh, &path).await;
        if written.is_err() {
            // Whatever was left of it is of no use; that it may not exist is no error.
            let _removed = std::fs::remove_file(&fresh);
        }
        written?;
        let changed = || Error::Load("it changed while it was written".to_owned());
        self.believed(engine, digest, &path)?.ok_or_else(changed)
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
        write(&path.with_extension("mac"), mac.as_bytes())?;
        std::fs::rename(fresh, path).map_err(|source| Error::Io { path: path.to_owned(), source })
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
    let mut command = tokio::process::Command::new(program);
    command.args(args).arg(input).arg(output).kill_on_drop(true).stdin(std::process::Stdio::null());
    let Ok(ended) = tokio::time::timeout(COMPILE_WITHIN, command.output()).await else {
        return Err(Error::Compile(format!("it took longer than {} s", COMPILE_WITHIN.as_secs())));
    };
    let ended = ended.map_err(|source| Error::Io { path: program.to_owned(), source })?;
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

/// Compiles one component file; what the child process does.
pub fn compile_file(input: &Path, output: &Path) -> Result<(), Error> {
    let bytes = std::fs::read(input).map_err(|source| Error::Io { path: input.to_owned(), source })?;
    let engine = Engine::compiler()?;
    write(output, &engine.compile(&bytes).map_err(|error| Error::Compile(format!("{error:#}")))?)
}

fn write(path: &Path, content: &[u8]) -> Result<(), Error> {
    std::fs::write(path, content).map_err(|source| Error::Io { path: path.to_owned(), source })
}
