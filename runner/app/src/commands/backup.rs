//! `groundcrew backup`: a copy of what is remembered, while the runner runs.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use groundcrew_store::Reader;
use serde::Serialize;

use super::{Answer, Context, Failure};
use crate::data_dir::DataDir;
use crate::key;

/// Copy what is remembered into a file, whoever runs
///
/// The copy is of one moment, checked, and complete: ledger, mirror, inbox, history. The installation's key is
/// copied beside it, as FILE.key: it opens what is sealed in the copy, so keep the two apart. Values of `[secrets]`
/// are in neither. `groundcrew recover --from FILE` puts it back.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file; FILE.key is written beside it
    file: PathBuf,
    /// Write over files that are there
    #[arg(long)]
    replace: bool,
}

#[derive(Serialize)]
struct Made {
    file: PathBuf,
    key: PathBuf,
    bytes: u64,
    schema: u32,
    things: usize,
}

/// The file with the key that belongs to a copy.
pub(super) fn key_of(copy: &Path) -> PathBuf {
    let mut name = copy.as_os_str().to_owned();
    name.push(".key");
    PathBuf::from(name)
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Answer, Failure> {
    let (file, key) = (args.file.clone(), key_of(&args.file));
    if let Some(there) = [&file, &key].into_iter().find(|file| file.exists() && !args.replace) {
        let message = format!("{} is there already", there.display());
        return Err(Failure::new(super::Kind::Failed, message).hint("--replace writes over it"));
    }
    let dir = context.data_dir();
    // A copy beside a key that opens nothing of it would be none.
    key::belonging(&context.reader()?, &dir.key(), &dir.database()).map_err(|error| Failure::of(&error))?;
    let part = copy(context, &file)?;
    let checked = Reader::open(&part).and_then(|copy| {
        copy.check()?;
        Ok((copy.schema()?.0, copy.living_rows()?.len()))
    });
    let (schema, things) = checked.inspect_err(|_| drop(fs::remove_file(&part)))?;
    let bytes = fs::metadata(&part).map_err(|error| unwritten(&part, &error))?.len();
    save_key(&dir, &key)?;
    put(&part, &file).map_err(|error| unwritten(&file, &error))?;
    let text = format!(
        "{}: {things} things, {} KiB, schema {schema}; checked\n{}: the key to what is sealed in it; keep them apart\n",
        file.display(),
        bytes / 1024,
        key.display()
    );
    Ok(Answer::both(text, &Made { file, key, bytes, schema, things }))
}

/// Copies the database beside the file, readable by its owner only.
fn copy(context: &Context, file: &Path) -> Result<PathBuf, Failure> {
    let mut name = file.as_os_str().to_owned();
    name.push(".part");
    let part = PathBuf::from(name);
    // What an earlier copy left that was cut off; SQLite fills a file that is there and empty.
    private(&part).map_err(|error| unwritten(&part, &error))?;
    context.reader()?.copy_to(&part).inspect_err(|_| drop(fs::remove_file(&part)))?;
    Ok(part)
}

/// An empty file that only its owner reads.
fn private(path: &Path) -> std::io::Result<File> {
    if path.exists() {
        fs::remove_file(path)?;
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

fn save_key(dir: &DataDir, to: &Path) -> Result<(), Failure> {
    let bytes = fs::read(dir.key()).map_err(|error| unwritten(&dir.key(), &error))?;
    let written = private(to).and_then(|mut file| {
        file.write_all(&bytes)?;
        file.sync_all()
    });
    written.map_err(|error| unwritten(to, &error))
}

/// Gives a finished copy its name; afterwards it is on disk.
fn put(part: &Path, file: &Path) -> std::io::Result<()> {
    File::open(part)?.sync_all()?;
    fs::rename(part, file)?;
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

fn unwritten(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(super::Kind::Failed, format!("{}: {error}", path.display()))
}
