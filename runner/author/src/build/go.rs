//! Go: the ordinary compiler for `wasip1`, and our encoding of what it makes.

use std::path::PathBuf;
use std::process::Command;

use super::{Error, Made};
use crate::encode::{Exported, encode};
use crate::run::run;
use crate::tools::answer;
use crate::{Kind, Missing, Project, Tools};

/// The first version with `//go:wasmexport`.
const VERSION: (u32, u32) = (1, 24);

/// As go.dev/doc/install says it; Debian 12 itself has 1.19.
const INSTALL: &str = "rm -rf /usr/local/go && curl -fsSL https://go.dev/dl/go1.26.8.linux-$(dpkg --print-architecture).tar.gz | tar -C /usr/local -xz && export PATH=/usr/local/go/bin:$PATH";

pub(super) fn build(project: &Project, tools: &Tools, say: &mut dyn FnMut(&str)) -> Result<Made, Error> {
    let go = go(tools).map_err(|missing| Error::Missing { language: project.language, missing })?;
    say("building with go");
    let output = project.own().join("built.core.wasm");
    let mut command = Command::new(go);
    command.current_dir(&project.root).envs([("GOOS", "wasip1"), ("GOARCH", "wasm")]);
    // Nothing is downloaded, neither modules (there is a vendor folder, or none are needed) nor toolchains.
    command.env("GOTOOLCHAIN", "local");
    // A module that is called and does not run; the runtime's `sbrk` is linked by its name.
    command.args(["build", "-trimpath", "-buildmode=c-shared", "-ldflags=-checklinkname=0 -s -w", "-o"]);
    run(command.arg(&output).arg("."), "go", str::to_owned)?;
    let module = std::fs::read(&output).map_err(Error::file(&output))?;
    let refused = |said| Error::Refused { tool: "go", said };
    let exported = Exported::of(&module).map_err(refused)?;
    let kind = project.kind();
    if !exported.starts {
        return Err(refused("its runtime cannot be started: the package must be `main`".to_owned()));
    }
    if !exported.interfaces.contains(&kind.export()) {
        let names: Vec<_> = exported.interfaces.iter().map(|export| export.interface()).collect();
        let found = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
        let found = format!("the package exports {found}");
        return Err(Error::WrongKind { kind, found, fix: exporting(kind).to_owned() });
    }
    let component = encode(&module, kind, &exported, &project.own().join("wit")).map_err(refused)?;
    Ok(Made { tool: "go", component, exporting })
}

fn go(tools: &Tools) -> Result<PathBuf, Vec<Missing>> {
    let installs = [INSTALL, "brew install go"];
    let what = format!("go {}.{}", VERSION.0, VERSION.1);
    let Some(go) = tools.find("go") else { return Err(vec![Missing::new(what, &installs)]) };
    let said = answer(Command::new(&go).arg("version")).unwrap_or_default();
    if version(&said).is_some_and(|version| version >= VERSION) {
        return Ok(go);
    }
    Err(vec![Missing::new(format!("{what} (this is {said})"), &installs)])
}

/// The version in `go version go1.26.8 linux/amd64`.
fn version(said: &str) -> Option<(u32, u32)> {
    let mut parts = said.split_whitespace().nth(2)?.strip_prefix("go")?.split(|c: char| !c.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn exporting(kind: Kind) -> &'static str {
    match kind {
        Kind::Handler => "func init() { handler.Export(yourHook{}) }    // groundcrew.dev/hook/handler",
        Kind::Provisioner => {
            "func init() { provision.Export(yourHook{}) }    // groundcrew.dev/hook/provision"
        }
        Kind::Auditor => "func init() { audit.Export(yourHook{}) }    // groundcrew.dev/hook/audit",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_compared() {
        assert_eq!(version("go version go1.26.8 linux/amd64"), Some((1, 26)));
        assert_eq!(version("go version go1.24rc1 linux/amd64"), Some((1, 24)));
        assert!(version("go version devel").is_none() && (1, 9) < VERSION);
    }
}
