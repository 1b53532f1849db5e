//! `groundcrew new`: a project to start from.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::collision::collision;
use crate::embedded::TEMPLATES;
use crate::{Kind, Language, Name, sdk};

/// A project that was made.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Created {
    /// Its folder.
    pub root: PathBuf,
    /// What it is written in.
    pub language: Language,
    /// What it is for.
    pub kind: Kind,
    /// Its files, as paths within the folder, sorted.
    pub files: Vec<String>,
}

/// Why no project was made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder is there already.
    #[error("{} is there already; it was not touched", .0.display())]
    Exists(PathBuf),
    /// What a project of the language needs has its name already.
    #[error("`{name}` is already the name of {is}")]
    Taken {
        /// The name.
        name: String,
        /// What has it.
        is: &'static str,
    },
    /// It cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// Which path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Makes the folder `NAME` within another, with a project that builds as it is. Nothing is written if the name is
/// taken.
pub fn create(within: &Path, name: &Name, language: Language, kind: Kind) -> Result<Created, Error> {
    if let Some(is) = collision(name, language) {
        return Err(Error::Taken { name: name.to_string(), is });
    }
    // `./cdn-zone` says no more than `cdn-zone`.
    let within = if within == Path::new(".") { Path::new("") } else { within };
    let root = within.join(name.as_str());
    let cannot = |path: &Path, source: io::Error| Error::Write { path: path.to_owned(), source };
    fs::create_dir(&root).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => Error::Exists(root.clone()),
        _ => cannot(&root, source),
    })?;
    let mut files = Vec::new();
    for (file, text) in template(language, kind) {
        let path = root.join(&file);
        write_new(&path, &filled(text, name, language, kind)).map_err(|source| cannot(&path, source))?;
        files.push(file);
    }
    // What editors read is there before the first build.
    let own = root.join(".groundcrew");
    sdk::unpack(&own, language).map_err(|source| cannot(&own, source))?;
    files.sort();
    Ok(Created { root, language, kind, files })
}

/// The files of a template with their texts: those of the kind in any language, of the language, and of both.
fn template(language: Language, kind: Kind) -> impl Iterator<Item = (String, &'static str)> {
    let folders = [
        format!("any/{}/", kind.word()),
        format!("{}/common/", language.word()),
        format!("{}/{}/", language.word(), kind.word()),
    ];
    TEMPLATES.iter().filter_map(move |(name, text)| {
        let file = folders.iter().find_map(|folder| name.strip_prefix(folder.as_str()))?;
        // As `.gitignore` it would have its way with the templates themselves.
        let file = if file == "gitignore" { ".gitignore" } else { file };
        Some((file.to_owned(), *text))
    })
}

fn filled(text: &str, name: &Name, language: Language, kind: Kind) -> String {
    let article = if kind == Kind::Auditor { "An" } else { "A" };
    text.replace("{{name}}", name.as_str())
        .replace("{{snake}}", &name.snake())
        .replace("{{kind}}", kind.word())
        .replace("{{a_kind}}", &format!("{article} {}", kind.word()))
        .replace("{{verb}}", kind.verb())
        .replace("{{language}}", language.name())
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    OpenOptions::new().write(true).create_new(true).open(path)?.write_all(text.as_bytes())
}
