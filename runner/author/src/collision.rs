//! Names that a project cannot have in its language, for what it needs has them already.

use crate::embedded::TEMPLATES;
use crate::{Language, Name};

/// Modules of Python's standard library, whose names PyPI refuses: `sys.stdlib_module_names` of Python 3.11.
const PYTHON: &str = "
    abc aifc antigravity argparse array ast asynchat asyncio asyncore atexit audioop base64 bdb binascii bisect
    builtins bz2 calendar cgi cgitb chunk cmath cmd code codecs codeop collections colorsys compileall concurrent
    configparser contextlib contextvars copy copyreg crypt csv ctypes curses dataclasses datetime dbm decimal
    difflib dis distutils doctest email encodings ensurepip enum errno faulthandler fcntl filecmp fileinput
    fnmatch fractions ftplib functools gc genericpath getopt getpass gettext glob graphlib grp gzip hashlib heapq
    hmac html http idlelib imaplib imghdr imp importlib inspect io ipaddress itertools json keyword lib2to3
    linecache locale logging lzma mailbox mailcap marshal math mimetypes mmap modulefinder msilib msvcrt
    multiprocessing netrc nis nntplib nt ntpath nturl2path numbers opcode operator optparse os ossaudiodev pathlib
    pdb pickle pickletools pipes pkgutil platform plistlib poplib posix posixpath pprint profile pstats pty pwd
    py_compile pyclbr pydoc pydoc_data pyexpat queue quopri random re readline reprlib resource rlcompleter runpy
    sched secrets select selectors shelve shlex shutil signal site smtpd smtplib sndhdr socket socketserver spwd
    sqlite3 sre_compile sre_constants sre_parse ssl stat statistics string stringprep struct subprocess sunau
    symtable sys sysconfig syslog tabnanny tarfile telnetlib tempfile termios textwrap this threading time timeit
    tkinter token tokenize tomllib trace traceback tracemalloc tty turtle turtledemo types typing unicodedata
    unittest urllib uu uuid venv warnings wave weakref webbrowser winreg winsound wsgiref xdrlib xml xmlrpc zipapp
    zipfile zipimport zlib zoneinfo
";

/// Folders of Go's standard library: a module of such a name is ambiguous. Those of Go 1.26.
const GO: &str = "
    archive arena bufio builtin bytes cmd cmp compress container context crypto database debug embed encoding
    errors expvar flag fmt go hash html image index io iter log maps math mime net os path plugin reflect regexp
    runtime simd slices sort strconv strings structs sync syscall testing text time unicode unique unsafe weak
";

/// What a name is already that a project of this language needs; none: it is free.
pub(crate) fn collision(name: &Name, language: Language) -> Option<&'static str> {
    // Cargo and pip know no difference between the two.
    let name = name.snake();
    let is_one_of = |words: &str| words.split_whitespace().any(|word| word == name);
    match language {
        Language::Rust => is_locked(&name).then_some("a crate that every hook in Rust is built from"),
        Language::Ts => {
            is_one_of("esbuild typescript").then_some("a package that builds hooks in TypeScript")
        }
        Language::Js => is_one_of("esbuild").then_some("a package that builds hooks in JavaScript"),
        Language::Python if is_one_of("componentize_py groundcrew groundcrew_hook wit_world") => {
            Some("a package that hooks in Python are built with")
        }
        Language::Python => is_one_of(PYTHON).then_some("a module of Python's standard library"),
        Language::Go => is_one_of(GO).then_some("a package of Go's standard library"),
        // Nothing is found by its name.
        Language::C => None,
    }
}

/// Whether the lock file of projects in Rust names a crate.
fn is_locked(name: &str) -> bool {
    let lock =
        TEMPLATES.iter().find(|(file, _)| *file == "rust/common/Cargo.lock").map_or("", |(_, text)| text);
    let names = lock.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
    names.map(|locked| locked.replace('-', "_")).any(|locked| locked == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_project_needs_is_no_name_for_it_and_all_else_is() {
        let collides = |name: &str, language| collision(&name.parse().unwrap(), language).is_some();
        for (language, taken) in [
            (Language::Rust, &["groundcrew-hook", "serde", "serde-json", "serde-core", "wit-bindgen"][..]),
            (Language::Ts, &["esbuild", "typescript"]),
            (Language::Js, &["esbuild"]),
            (Language::Python, &["groundcrew", "groundcrew-hook", "wit-world", "json", "concurrent"]),
            (Language::Go, &["fmt", "net", "strings"]),
            (Language::C, &[]),
        ] {
            for name in taken {
                assert!(collides(name, language), "{name} in {}", language.name());
            }
            for name in ["cdn-zone", "my-serde", "json-rpc", "groundcrew-zone"] {
                assert!(!collides(name, language), "{name} in {}", language.name());
            }
        }
        // What the one needs, the other does not.
        assert!(!collides("serde", Language::Go) && !collides("fmt", Language::Rust));
        assert!(!collides("typescript", Language::Js) && !collides("groundcrew-hook", Language::C));
    }
}
