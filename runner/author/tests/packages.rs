//! The SDKs as packages: they pass tests of their own, and what would be published has all that it needs.
//!
//! Everything is made from local paths. Where a language's tools are not there, the test says so.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use groundcrew_unchecked::language_not_checked;
use serde_json::Value;

/// What builds the wheel; the licence is written as only newer ones than 77 read it.
const SETUPTOOLS: &str = "setuptools==84.2.1";

fn sdk(language: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk").join(language)
}

/// What came of a program; none if it is not there.
fn ran(program: impl AsRef<Path>, arguments: &[&str], folder: &Path) -> Option<Output> {
    Command::new(program.as_ref()).args(arguments).current_dir(folder).output().ok()
}

/// What a program says that ends well, on either side.
fn said(output: &Output) -> String {
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{text}");
    text
}

#[test]
fn the_python_sdk_passes_its_own_tests() {
    let arguments = ["-B", "-m", "unittest", "discover", "-v", "tests"];
    let Some(output) = ran("python3", &arguments, &sdk("python")) else {
        return language_not_checked("the tests of the Python SDK", "apt-get install python3");
    };
    let said = said(&output);
    let tests = fs::read_dir(sdk("python").join("tests")).unwrap().map(|file| file.unwrap().path());
    let tests = tests.filter(|file| file.extension().is_some_and(|it| it == "py"));
    let tests: String = tests.map(|file| fs::read_to_string(file).unwrap()).collect();
    let (written, passed) = (tests.matches("    def test_").count(), said.matches(" ... ok").count());
    assert!(written > 0 && passed == written, "{passed} of {written}\n{said}");
}

#[test]
fn the_npm_sdk_passes_its_own_tests() {
    let arguments = ["--test", "--test-reporter=tap", "tests/testing.test.js"];
    let Some(output) = ran("node", &arguments, &sdk("js")) else {
        return language_not_checked("the tests of the npm SDK", "apt-get install nodejs");
    };
    let said = said(&output);
    let tests = fs::read_to_string(sdk("js").join("tests/testing.test.js")).unwrap();
    let written = tests.lines().filter(|line| line.starts_with("test(")).count();
    assert!(written > 0 && said.contains(&format!("# pass {written}\n")), "{written}\n{said}");
}

#[test]
fn the_c_sdk_passes_its_own_tests() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("testing_test");
    let output = program.to_str().unwrap();
    let sources = ["-std=gnu11", "-I.", "tests/testing_test.c", "testing.c", "-o", output];
    let Some(built) = ran("cc", &sources, &sdk("c")) else {
        return language_not_checked("the tests of the C SDK", "apt-get install gcc");
    };
    said(&built);
    let said = said(&ran(&program, &[], folder.path()).unwrap());
    let tests = fs::read_to_string(sdk("c").join("tests/testing_test.c")).unwrap();
    let main = tests.split("int main(void) {").nth(1).unwrap();
    let called = main.lines().filter(|line| line.ends_with("();")).count();
    assert!(called > 0 && said.contains(&format!("ok: {called} tests\n")), "{called}\n{said}");
}

#[test]
fn the_go_sdk_passes_its_own_tests() {
    let Some(output) = ran("go", &["test", "-count=1", "-v", "./tests"], &sdk("go")) else {
        return language_not_checked("the tests of the Go SDK", "install go");
    };
    let said = said(&output);
    let tests = fs::read_to_string(sdk("go").join("tests/hook_test.go")).unwrap();
    let written = tests.lines().filter(|line| line.starts_with("func Test")).count();
    assert!(written > 0 && said.matches("--- PASS: Test").count() == written, "{written}\n{said}");
}

/// The crate, the module and the header are taken as they are, so what they need lies in their folders.
#[test]
fn every_sdk_has_the_licences_and_a_readme() {
    for language in ["rust", "js", "python", "go", "c"] {
        for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
            let ours = fs::read(sdk("..").join(licence)).unwrap();
            assert!(fs::read(sdk(language).join(licence)).ok() == Some(ours), "sdk/{language}/{licence}");
        }
        assert!(sdk(language).join("README.md").is_file(), "{language}");
    }
}

#[test]
fn the_npm_package_has_all_that_it_names_its_licences_and_its_readme() {
    let Some(output) = ran("npm", &["pack", "--dry-run", "--json", "--offline"], &sdk("js")) else {
        return language_not_checked("what the npm package has in it", "apt-get install npm");
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let packed: Value = serde_json::from_slice(&output.stdout).unwrap();
    let files = packed[0]["files"].as_array().unwrap().iter();
    let files: BTreeSet<_> = files.map(|file| file["path"].as_str().unwrap().to_owned()).collect();
    let package = fs::read_to_string(sdk("js").join("package.json")).unwrap();
    let package: Value = serde_json::from_str(&package).unwrap();
    let mut needed =
        BTreeSet::from(["package.json", "README.md", "LICENSE-APACHE", "LICENSE-MIT"].map(str::to_owned));
    for export in package["exports"].as_object().unwrap().values() {
        let paths = export.as_object().unwrap().values();
        needed.extend(paths.map(|path| path.as_str().unwrap().trim_start_matches("./").to_owned()));
    }
    // Declarations that others refer to.
    for file in needed.clone() {
        let text = fs::read_to_string(sdk("js").join(&file)).unwrap();
        let referred = text.lines().filter_map(|line| line.trim().strip_prefix("/// <reference path=\"./"));
        needed.extend(referred.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())));
    }
    assert_eq!(files, needed, "what is packed, and what the package names");
    assert!(needed.contains("host.d.ts"), "the host's own functions are declared: {needed:?}");
    assert_eq!(
        (package["version"].as_str(), package["license"].as_str()),
        (Some(env!("CARGO_PKG_VERSION")), Some(env!("CARGO_PKG_LICENSE")))
    );
}

#[test]
fn the_wheel_has_the_package_its_licences_and_its_readme() {
    let folder = tempfile::tempdir().unwrap();
    // Building writes beside the sources.
    let source = folder.path().join("python");
    copied(&sdk("python"), &source);
    let Some(python) = python() else {
        return language_not_checked(
            "what the wheel of the Python SDK has in it",
            &format!("pip install {SETUPTOOLS}"),
        );
    };
    let arguments =
        ["-m", "pip", "wheel", "--quiet", "--no-index", "--no-deps", "--no-build-isolation", "-w", "..", "."];
    said(&ran(&python, &arguments, &source).unwrap());
    let version = env!("CARGO_PKG_VERSION");
    let wheel = format!("groundcrew_hook-{version}-py3-none-any.whl");
    said(&ran(&python, &["-m", "zipfile", "-e", &wheel, "wheel"], folder.path()).unwrap());
    let unpacked = folder.path().join("wheel");
    let read = |file: &str| fs::read(unpacked.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    for file in names(&sdk("python").join("groundcrew_hook")) {
        let file = format!("groundcrew_hook/{file}");
        assert_eq!(read(&file), fs::read(sdk("python").join(&file)).unwrap(), "{file}");
    }
    assert_eq!(
        names(&unpacked),
        [format!("groundcrew_hook-{version}.dist-info"), "groundcrew_hook".to_owned()].into()
    );
    let about = format!("groundcrew_hook-{version}.dist-info");
    for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
        let there = read(&format!("{about}/licenses/{licence}"));
        assert_eq!(there, fs::read(sdk("python").join(licence)).unwrap(), "{licence}");
    }
    let metadata = String::from_utf8(read(&format!("{about}/METADATA"))).unwrap();
    let readme = fs::read_to_string(sdk("python").join("README.md")).unwrap();
    for needed in [
        &format!("Version: {version}"),
        &format!("License-Expression: {}", env!("CARGO_PKG_LICENSE")),
        readme.trim(),
    ] {
        assert!(metadata.contains(needed), "{needed}\n{metadata}");
    }
}

#[test]
fn the_wheel_is_installed_and_its_modules_are_found() {
    let Some(python) = python() else {
        return language_not_checked(
            "the wheel of the Python SDK, installed",
            &format!("pip install {SETUPTOOLS}"),
        );
    };
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("python");
    copied(&sdk("python"), &source);
    let pip = |arguments: &[&str]| {
        let all = [&["-m", "pip", "--quiet", "--disable-pip-version-check"], arguments].concat();
        said(&ran(&python, &all, folder.path()).unwrap());
    };
    pip(&["wheel", "--no-index", "--no-deps", "--no-build-isolation", "-w", ".", "./python"]);
    let wheel = format!("groundcrew_hook-{}-py3-none-any.whl", env!("CARGO_PKG_VERSION"));
    pip(&["install", "--no-index", "--no-deps", "--target", "there", &wheel]);
    // The bindings that the package imports exist only in a component; here others stand for them.
    let there = folder.path().join("there");
    fs::create_dir_all(there.join("wit_world/imports")).unwrap();
    fs::write(there.join("componentize_py_types.py"), "class Err(Exception): pass\n").unwrap();
    fs::write(there.join("wit_world/__init__.py"), "").unwrap();
    fs::write(there.join("wit_world/imports/__init__.py"), "config = http = log = None\n").unwrap();
    let types = "class Failure: pass\nclass Output: pass\nclass Thing: pass\nclass ThingState: READY = 0\n";
    fs::write(there.join("wit_world/imports/types.py"), types).unwrap();
    let asks = "import groundcrew_hook as it, pathlib; print(pathlib.Path(it.__file__).parts[-3], [name for name in it.__all__ if not hasattr(it, name)])";
    let output = Command::new(&python).args(["-B", "-c", asks]).env("PYTHONPATH", &there).output().unwrap();
    assert_eq!(said(&output).trim(), "there []", "where it was found, and which of its names are lacking");
}

/// A Python that can build the wheel, kept from run to run; none if it cannot be had. Tests that ask at once get one.
fn python() -> Option<PathBuf> {
    static PYTHON: OnceLock<Option<PathBuf>> = OnceLock::new();
    PYTHON.get_or_init(made_python).clone()
}

fn made_python() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("packages");
    fs::create_dir_all(&folder).unwrap();
    let python = folder.join("venv/bin/python");
    let has = || ran(&python, &["-c", "import setuptools; print(setuptools.__version__)"], &folder);
    let is_it = |output: &Output| SETUPTOOLS.ends_with(String::from_utf8_lossy(&output.stdout).trim());
    if !has().is_some_and(|output| output.status.success() && is_it(&output)) {
        ran("python3", &["-m", "venv", "--clear", "venv"], &folder)
            .filter(|output| output.status.success())?;
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", SETUPTOOLS];
        ran(&python, &install, &folder).filter(|output| output.status.success())?;
    }
    Some(python)
}

/// The names in a folder, but for what running leaves there.
fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    entries.map(|name| name.into_string().unwrap()).filter(|name| name != "__pycache__").collect()
}

fn copied(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for name in names(from) {
        let (from, to) = (from.join(&name), to.join(&name));
        if from.is_dir() {
            copied(&from, &to);
        } else {
            fs::copy(from, to).unwrap();
        }
    }
}
