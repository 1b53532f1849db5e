//! `groundcrew diff`: what another version of a hook asks for, and what it would leave behind.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use groundcrew_core::hash::Digest;
use groundcrew_core::manifest::Manifest;
use groundcrew_core::upgrade::{Difference, Effect, Surface, compare};
use groundcrew_engine::inspect::{Inspected, inspect};
use groundcrew_store::Store;
use groundcrew_store::hooks::StoredHook;
use serde::Serialize;

use super::{Answer, Code, Context, Failure, absent, inspect as looked};
use crate::builtin;
use crate::components;
use crate::config::Config;
use crate::kept;
use crate::show::{Tone, paint};
use crate::upgrade;

/// Compare two versions of a hook: what asks for more, what breaks
///
/// Either one is a file, `builtin:NAME`, a hook (the version of it that is active), or the first digits of the digest of
/// a component that the data directory keeps. `wider`: it asks for one more host, method, path, secret or kind, and
/// waits for approval; `breaking`: configuration that was valid may be refused, or things would be left behind. The exit
/// code is 1 if there is either, so a pipeline can ask before an upgrade.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The version before
    old: String,
    /// The version that is to follow
    new: String,
    /// The manifest of a component that carries none, as a stanza's `manifest`
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
}

/// One of the two.
struct Side {
    named: String,
    inspected: Inspected,
    surface: Surface,
}

/// One of the two, in JSON.
#[derive(Serialize)]
struct SideShown {
    component: String,
    digest: String,
    bytes: usize,
    name: String,
    kind: &'static str,
}

#[derive(Serialize)]
struct Shown {
    old: SideShown,
    new: SideShown,
    wider: usize,
    breaking: usize,
    differences: Vec<Difference>,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Answer, Failure> {
    let given = args.manifest.as_deref().map(manifest_of).transpose()?;
    let shelf = Shelf::open(context, given)?;
    let (old, new) = (shelf.side(&args.old)?, shelf.side(&args.new)?);
    let differences = compare(&old.surface, &new.surface);
    let count = |effect| differences.iter().filter(|difference| difference.effect == effect).count();
    let (wider, breaking) = (count(Effect::Wider), count(Effect::Breaking));
    let text = draw(&old, &new, &differences, wider, breaking);
    let code = if wider + breaking == 0 { Code::Ok } else { Code::Failed };
    let shown = Shown { old: old.shown(), new: new.shown(), wider, breaking, differences };
    Ok(Answer::both(text, &shown).code(code))
}

fn manifest_of(path: &Path) -> Result<Manifest, Failure> {
    let failed = |why: String| Failure::failed(format!("{}: {why}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    Manifest::parse(&text).map_err(|error| failed(error.to_string()))
}

/// Where components and manifests are found by name.
struct Shelf {
    directory: PathBuf,
    store: Option<Store>,
    hooks: Vec<StoredHook>,
    config: Option<Config>,
    given: Option<Manifest>,
}

impl Shelf {
    fn open(context: &Context, given: Option<Manifest>) -> Result<Self, Failure> {
        // Two files can be compared where nothing ever ran, and whatever is wrong with the configuration.
        let store = context.reader().ok();
        let hooks = store.as_ref().map(Store::hooks).transpose()?.unwrap_or_default();
        let directory = context.data_dir().path().to_owned();
        Ok(Self { directory, store, hooks, config: context.config().ok(), given })
    }

    fn side(&self, named: &str) -> Result<Side, Failure> {
        let bytes = if named.starts_with("builtin:") || Path::new(named).is_file() {
            components::read(&looked::component(named))?
        } else if let Some(hook) = self.hooks.iter().find(|hook| hook.name == named) {
            return self.installed(hook);
        } else if let Some(hook) = self.config.as_ref().and_then(|config| config.hooks.get(named)) {
            return self.seen(named, &components::read(&hook.component)?, Some(hook.manifest.clone()));
        } else {
            self.kept(named)?
        };
        self.seen(named, &bytes, None)
    }

    /// The version of a hook that is active.
    fn installed(&self, hook: &StoredHook) -> Result<Side, Failure> {
        let gone = || {
            let text = format!(
                "the component of hook `{}` is no longer kept: {}",
                hook.name,
                hook.component.short()
            );
            Failure::failed(text).hint("groundcrew up, which keeps it")
        };
        let bytes = self.read_kept(hook.component)?.or_else(|| self.elsewhere(hook)).ok_or_else(gone)?;
        self.seen(&hook.name, &bytes, self.recorded(hook)?)
    }

    /// The manifest that a hook was started with.
    fn recorded(&self, hook: &StoredHook) -> Result<Option<Manifest>, Failure> {
        let Some(store) = &self.store else { return Ok(None) };
        let active = store.upgrade(hook.id)?.active;
        Ok(active.and_then(|active| serde_json::from_value(active.manifest).ok()))
    }

    /// The component of a hook, if it is still what its stanza names or what this binary has.
    fn elsewhere(&self, hook: &StoredHook) -> Option<Vec<u8>> {
        let is_it = |bytes: &Vec<u8>| Digest::of(bytes) == hook.component;
        let stanza = self.config.as_ref().and_then(|config| config.hooks.get(&hook.name));
        let of_stanza = stanza.and_then(|hook| components::read(&hook.component).ok()).filter(is_it);
        of_stanza.or_else(|| builtin::names().into_iter().filter_map(builtin::component).find(is_it))
    }

    fn read_kept(&self, digest: Digest) -> Result<Option<Vec<u8>>, Failure> {
        kept::read(&self.directory, digest).map_err(|error| Failure::of(&error))
    }

    /// A component that is kept, by the first digits of its digest.
    fn kept(&self, digits: &str) -> Result<Vec<u8>, Failure> {
        let all = kept::all(&self.directory).map_err(|error| Failure::of(&error))?;
        let begins = |digest: &&Digest| digits.len() >= 6 && digest.to_string().starts_with(digits);
        let found: Vec<_> = all.iter().filter(begins).collect();
        match found[..] {
            [digest] => {
                let gone = || Failure::failed(format!("{digits} was forgotten a moment ago"));
                self.read_kept(*digest)?.ok_or_else(gone)
            }
            [] => Err(Failure::failed(format!(
                "`{digits}` is no file, no hook, and no digest of a component that is kept (six digits at least)"
            ))
            .hint(absent::known_hooks(self.hooks.iter().map(|hook| &hook.name)))
            .hint("groundcrew inspect, which lists what is built in")),
            _ => Err(Failure::failed(format!("{} kept components begin with {digits}", found.len()))),
        }
    }

    /// Looks into a component; its manifest is the one that was recorded, its own, the given one, or that of a hook of it.
    fn seen(&self, named: &str, bytes: &[u8], recorded: Option<Manifest>) -> Result<Side, Failure> {
        let inspected =
            inspect(bytes).map_err(|source| components::Error::Refused { name: named.to_owned(), source })?;
        let mut manifest = recorded.or_else(|| inspected.manifest.clone()).or_else(|| self.given.clone());
        if manifest.is_none() {
            let stanzas = self.config.iter().flat_map(|config| config.hooks.values());
            let mut of_it = stanzas.filter(|hook| {
                components::digest(&hook.component).is_ok_and(|digest| digest == inspected.digest)
            });
            manifest = of_it.next().map(|hook| hook.manifest.clone());
        }
        let manifest = manifest.ok_or_else(|| {
            Failure::failed(format!("{named} carries no manifest, so it does not say what it asks for"))
                .hint("groundcrew diff OLD NEW --manifest hook.toml")
        })?;
        let surface = upgrade::surface(&inspected, manifest);
        Ok(Side { named: named.to_owned(), inspected, surface })
    }
}

impl Side {
    fn shown(&self) -> SideShown {
        SideShown {
            component: self.named.clone(),
            digest: self.inspected.digest.to_string(),
            bytes: self.inspected.size,
            name: self.surface.manifest.name.clone(),
            kind: looked::kind(&self.inspected),
        }
    }
}

fn draw(old: &Side, new: &Side, differences: &[Difference], wider: usize, breaking: usize) -> String {
    let mut text = String::new();
    for (sign, side) in [("-", old), ("+", new)] {
        let manifest = &side.surface.manifest;
        let title = paint(Tone::Strong, &format!("{sign} {}", manifest.name));
        let (kind, kib) = (looked::kind(&side.inspected), side.inspected.size.div_ceil(1024));
        let _ =
            writeln!(text, "{title}  {kind}  {}, {kib} KiB, {}", side.named, side.inspected.digest.short());
    }
    for difference in differences {
        let (word, tone) = match difference.effect {
            Effect::Wider => ("wider   ", Tone::Bad),
            Effect::Breaking => ("breaking", Tone::Waiting),
            Effect::Harmless => ("harmless", Tone::Faint),
        };
        let _ = writeln!(text, "  {}  {}", paint(tone, word), difference.what);
    }
    let end = match (wider, breaking) {
        (0, 0) if differences.is_empty() => "nothing that they say of themselves differs".to_owned(),
        (0, 0) => "nothing asks for more, nothing breaks".to_owned(),
        (0, breaking) => format!("{breaking} breaking"),
        (wider, breaking) => format!("{wider} wider: such a version waits for approval; {breaking} breaking"),
    };
    let _ = writeln!(text, "{end}");
    text
}
