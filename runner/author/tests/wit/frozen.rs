//! What was published stays: every item of an earlier version is in today's package, as it was.

use std::fs;

use wit_parser::Resolve;

use crate::shape::items;
use crate::{package, repository};

/// What an earlier version has and this one has not, or otherwise; nothing if all of it is as it was.
fn broken(then: &Resolve, now: &Resolve) -> Vec<String> {
    let of = |resolve: &Resolve| {
        let (package, _) = resolve.packages.iter().next().unwrap();
        items(resolve, package)
    };
    let now = of(now);
    let differs = |(at, was): (String, String)| match now.get(&at) {
        None => Some(format!("{at} is gone")),
        Some(is) if *is != was => Some(format!("{at} was `{was}` and is `{is}`")),
        Some(_) => None,
    };
    of(then).into_iter().filter_map(differs).collect()
}

#[test]
fn what_was_published_is_there_as_it_was() {
    let now = package(&repository("wit")).0;
    let versions = fs::read_dir(repository("tests/frozen")).unwrap().map(|entry| entry.unwrap().path());
    let versions: Vec<_> = versions.filter(|path| path.join("wit").is_dir()).collect();
    assert!(!versions.is_empty());
    for version in versions {
        let broken = broken(&package(&version.join("wit")).0, &now);
        assert!(broken.is_empty(), "{}: {broken:#?}", version.display());
    }
}

/// A package of two interfaces and a world.
const THEN: &str = "package a:b@0.1.0;
interface types { record r { one: string, two: option<u32> } enum word { yes, no } }
interface calls { use types.{r}; go: func(it: r) -> result<_, string>; }
world w { import types; export calls; }
";

#[test]
fn additions_are_taken_and_removals_and_changes_are_refused() {
    let parsed = |text: &str| {
        let mut resolve = Resolve::default();
        resolve.push_str("a.wit", text).unwrap_or_else(|error| panic!("{error:#}"));
        resolve
    };
    let broken = |from: &str, to: &str| {
        assert!(THEN.contains(from), "{from}");
        super::frozen::broken(&parsed(THEN), &parsed(&THEN.replace(from, to)))
    };
    for (from, to) in [
        ("record r", "record more { x: u8 } record r"),
        ("go: func", "also: func() -> string; go: func"),
        ("interface calls", "interface other { f: func(); } interface calls"),
        ("import types;", "import types; import other;"),
        ("world w", "world v { export types; } world w"),
    ] {
        let other =
            if to.contains("import other") { "interface other { f: func(); }\nworld w" } else { "world w" };
        let now = THEN.replace(from, to).replacen("world w", other, 1);
        assert_eq!(super::frozen::broken(&parsed(THEN), &parsed(&now)), Vec::<String>::new(), "{to}");
    }
    for (from, to, told) in [
        ("two: option<u32>", "two: option<u32>, three: u8", "type r was"),
        ("two: option<u32>", "two: u32", "type r was"),
        ("yes, no", "yes, no, perhaps", "type word was"),
        ("go: func(it: r)", "go: func(it: r, how: u8)", "function go was"),
        ("go: func", "gone: func", "function go is gone"),
        ("export calls;", "", "exports was `calls`"),
        ("export calls;", "export calls; export types;", "exports was `calls`"),
        ("@0.1.0", "@0.2.0", "package was `a:b@0.1.0`"),
    ] {
        let broken = broken(from, to);
        assert!(broken.iter().any(|line| line.contains(told)), "{to}: {broken:?}");
    }
}
