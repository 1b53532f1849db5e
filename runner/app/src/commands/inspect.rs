//! `groundcrew inspect`: what a component is, without running it.

use std::fmt::Write as _;
use std::path::PathBuf;

use groundcrew_core::manifest::Manifest;
use groundcrew_engine::inspect::{Export, Inspected};
use serde_json::{Value, json};

use super::{Answer, Context, Failure};
use crate::builtin;
use crate::components;
use crate::config::Component;
use crate::show::{Tone, paint};

/// Look into a hook's component: kind, imports, manifest, what it asks for
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A file, or `builtin:NAME`; without it, the built-in hooks are listed
    component: Option<String>,
}

pub(super) fn run(_context: &Context, args: &Args) -> Result<Answer, Failure> {
    let Some(name) = &args.component else {
        let names: Vec<_> = builtin::names().iter().map(|name| format!("builtin:{name}")).collect();
        return Ok(Answer::both(format!("{}\n", names.join("\n")), &names));
    };
    let inspected = components::look_into(&component(name))?;
    Ok(Answer::both(draw(name, &inspected), &shown(name, &inspected)))
}

/// A component as it is named on a command line.
pub(super) fn component(name: &str) -> Component {
    name.strip_prefix("builtin:").map_or_else(
        || Component::File(PathBuf::from(name)),
        |builtin| Component::Builtin(builtin.to_owned()),
    )
}

/// What the host calls such a component, from what it exports.
pub(super) fn kind(inspected: &Inspected) -> &'static str {
    let has = |export| inspected.exports.contains(&export);
    if has(Export::Provision) {
        "provisioner"
    } else if has(Export::Handler) || has(Export::IncomingHandler) {
        "handler"
    } else {
        "auditor"
    }
}

fn shown(name: &str, inspected: &Inspected) -> Value {
    json!({
        "component": name,
        "digest": inspected.digest.to_string(),
        "bytes": inspected.size,
        "kind": kind(inspected),
        "exports": inspected.exports,
        "imports": inspected.imports,
        "missing": inspected.missing,
        "manifest": inspected.manifest,
    })
}

fn draw(name: &str, inspected: &Inspected) -> String {
    let title = inspected.manifest.as_ref().map_or(name, |manifest| &manifest.name);
    let mut text = format!("{}  {}\n", paint(Tone::Strong, title), kind(inspected));
    if let Some(about) = inspected.manifest.as_ref().and_then(|manifest| manifest.about.as_ref()) {
        let _ = writeln!(text, "  {about}");
    }
    let _ = writeln!(
        text,
        "  component  {name}, {} KiB, {}",
        inspected.size.div_ceil(1024),
        inspected.digest.short()
    );
    for import in &inspected.imports {
        let note = if inspected.missing.contains(import) {
            paint(Tone::Bad, "  not offered by this host")
        } else {
            String::new()
        };
        let _ = writeln!(text, "  import     {import}{note}");
    }
    if let Some(manifest) = &inspected.manifest {
        text.push_str(&draw_manifest(manifest));
    } else {
        let none = paint(Tone::Bad, "it carries no manifest; a stanza needs `manifest = \"hook.toml\"`");
        let _ = writeln!(text, "  {none}");
    }
    text
}

fn draw_manifest(manifest: &Manifest) -> String {
    let mut text = format!("  owner      {}\n", word(&manifest.owner));
    if !manifest.watches.is_empty() {
        let watches: Vec<_> = manifest.watches.iter().map(word).collect();
        let _ = writeln!(text, "  watches    {}", watches.join(", "));
    }
    if !manifest.on.is_empty() {
        let _ = writeln!(text, "  on         {}", manifest.on.join(", "));
    }
    if manifest.is_auditor() {
        let _ = writeln!(text, "  reports    {}", manifest.reports.join(", "));
    }
    if !manifest.harmless.is_empty() {
        let _ = writeln!(text, "  harmless   {}", manifest.harmless.join(", "));
    }
    for (name, kind) in &manifest.kind {
        let _ = writeln!(
            text,
            "  kind       {name}: {}, settles in {}, lives {}",
            word(&kind.create),
            kind.settle,
            word(&kind.lives)
        );
    }
    draw_asks(&mut text, &manifest.asks.allow, &manifest.asks.secrets);
    for when in &manifest.asks.when {
        let fields: Vec<_> = when.config.iter().map(|(field, value)| format!("{field} = {value}")).collect();
        let _ = writeln!(text, "  where      {}", fields.join(", "));
        draw_asks(&mut text, &when.allow, &when.secrets);
    }
    let identity = manifest.identity_fields();
    if !identity.is_empty() {
        let _ = writeln!(text, "  identity   {}", identity.join(", "));
    }
    text
}

fn draw_asks(text: &mut String, allow: &[String], secrets: &[String]) {
    for grant in allow {
        let _ = writeln!(text, "  asks for   {grant}");
    }
    for secret in secrets {
        let _ = writeln!(text, "  secret     {secret}");
    }
}

/// The word of a closed set's value.
fn word(value: &impl serde::Serialize) -> String {
    let json = serde_json::to_value(value).unwrap_or_default();
    json.as_str().unwrap_or_default().to_owned()
}
