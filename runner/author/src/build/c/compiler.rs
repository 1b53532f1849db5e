//! Which compiler there is: the WASI SDK, clang with the parts that the machine's packages have, or zig.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::tools::answer;
use crate::{Missing, Tools};

/// What makes code for `wasip1`.
pub(super) struct Compiler {
    /// What people call it.
    pub(super) tool: &'static str,
    /// The program.
    pub(super) program: PathBuf,
    /// What it is always given.
    pub(super) arguments: Vec<String>,
    /// What it is given to link.
    pub(super) link_flags: &'static [&'static str],
}

/// zig does so by itself, and does not know the word.
const STACK_FIRST: &[&str] = &["-Wl,--stack-first"];

const ZIG: [&str; 2] = ["brew install zig", "python3 -m venv .venv && .venv/bin/pip install ziglang==0.17.1"];

impl Compiler {
    /// The first that works: `WASI_SDK_PATH`, clang, zig; else what is missing.
    pub(super) fn find(tools: &Tools, root: &Path) -> Result<Self, Missing> {
        // Whoever names one means it.
        if let Some(sdk) = tools.wasi_sdk() {
            let what = || format!("a WASI SDK at {}, which WASI_SDK_PATH names", sdk.display());
            return Self::of_sdk(sdk).ok_or_else(|| Missing::new(what(), &["unset WASI_SDK_PATH"]));
        }
        let clang = tools.find("clang");
        let parts = clang.as_deref().map(lacks);
        if let (Some(clang), Some([])) = (&clang, parts.as_deref()) {
            let arguments = vec!["--target=wasm32-wasi".to_owned()];
            return Ok(Self { tool: "clang", program: clang.clone(), arguments, link_flags: STACK_FIRST });
        }
        if let Some(zig) = tools.find("zig").or_else(|| tools.find_python(root, "python-zig")) {
            let arguments = vec!["cc".to_owned(), "--target=wasm32-wasi".to_owned()];
            return Ok(Self { tool: "zig", program: zig, arguments, link_flags: &[] });
        }
        let (what, packages) = match parts {
            Some(parts) => {
                let whats: Vec<_> = parts.iter().map(|part| part.what).collect();
                let packages: Vec<_> = parts.into_iter().map(|part| part.package).collect();
                (format!("{} for clang", whats.join(", ")), packages.join(" "))
            }
            None => ("clang or zig".to_owned(), "clang lld wasi-libc libclang-rt-dev-wasm32".to_owned()),
        };
        let apt = format!("apt-get install {packages}");
        Err(Missing::new(what, &[apt.as_str(), ZIG[0], ZIG[1]]))
    }

    /// The clang of a WASI SDK, which has everything.
    fn of_sdk(folder: &Path) -> Option<Self> {
        let (program, root) = (folder.join("bin/clang"), folder.join("share/wasi-sysroot"));
        // Newer ones call it by its version.
        let target = ["wasm32-wasip1", "wasm32-wasi"]
            .into_iter()
            .find(|target| root.join("lib").join(target).join("crt1-reactor.o").is_file());
        let target = target.filter(|_| program.is_file())?;
        let arguments = vec![format!("--target={target}"), format!("--sysroot={}", root.display())];
        Some(Self { tool: "clang", program, arguments, link_flags: STACK_FIRST })
    }
}

/// A part that clang lacks, and the package of Debian that has it.
struct Part {
    what: &'static str,
    package: String,
}

/// What clang lacks to build for `wasip1`: it names a file as it was asked for where it does not find it.
fn lacks(clang: &Path) -> Vec<Part> {
    let ask = |what: &str| {
        let said = answer(Command::new(clang).args(["--target=wasm32-wasi", what])).unwrap_or_default();
        PathBuf::from(said).is_absolute()
    };
    let there = |what: &str| {
        let said = answer(Command::new(clang).args(["--target=wasm32-wasi", what])).unwrap_or_default();
        PathBuf::from(said).is_file()
    };
    let version = answer(Command::new(clang).arg("-dumpversion")).unwrap_or_default();
    let builtins = match version.split('.').next().filter(|major| !major.is_empty()) {
        Some(major) => format!("libclang-rt-{major}-dev-wasm32"),
        None => "libclang-rt-dev-wasm32".to_owned(),
    };
    let parts = [
        (ask("-print-prog-name=wasm-ld"), "wasm-ld", "lld".to_owned()),
        (ask("-print-file-name=crt1-reactor.o"), "wasi-libc", "wasi-libc".to_owned()),
        (there("-print-libgcc-file-name"), "compiler-rt", builtins),
    ];
    let missing = parts.into_iter().filter(|(there, ..)| !there);
    missing.map(|(_, what, package)| Part { what, package }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tools(path: &Path, sdk: Option<&Path>) -> Tools {
        let (path, sdk) = (path.display().to_string(), sdk.map(|sdk| sdk.display().to_string()));
        Tools::new(move |name| match name {
            "PATH" => Some(path.clone()),
            "WASI_SDK_PATH" => sdk.clone(),
            _ => None,
        })
    }

    fn write(path: &Path, text: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// A clang that finds nothing but its linker.
    const POOR: &str = "#!/bin/sh\nfor last; do :; done\ncase $last in\n-dumpversion) echo 19.1.7;;\n-print-prog-name=*) echo /usr/bin/wasm-ld;;\n*) echo ${last#*=};;\nesac\n";

    #[test]
    fn what_clang_lacks_is_named_with_its_packages_unless_zig_is_there() {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("clang"), POOR);
        let missing = Compiler::find(&tools(folder.path(), None), folder.path()).err().unwrap();
        assert_eq!(missing.what, "wasi-libc, compiler-rt for clang");
        assert_eq!(missing.installs[0], "apt-get install wasi-libc libclang-rt-19-dev-wasm32");
        write(&folder.path().join("zig"), "");
        let found = Compiler::find(&tools(folder.path(), None), folder.path()).ok().unwrap();
        assert_eq!((found.tool, found.program), ("zig", folder.path().join("zig")));
    }

    #[test]
    fn a_wasi_sdk_that_is_named_is_taken_or_missed() {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("zig"), "");
        write(&folder.path().join("sdk/bin/clang"), "");
        let find = || {
            let sdk = folder.path().join("sdk");
            Compiler::find(&tools(folder.path(), Some(&sdk)), folder.path())
        };
        let missing = find().err().unwrap();
        assert!(missing.what.starts_with("a WASI SDK at /"), "{missing:?}");
        assert_eq!(missing.installs, ["unset WASI_SDK_PATH"]);
        write(&folder.path().join("sdk/share/wasi-sysroot/lib/wasm32-wasip1/crt1-reactor.o"), "");
        assert_eq!(find().ok().unwrap().arguments[0], "--target=wasm32-wasip1");
    }
}
