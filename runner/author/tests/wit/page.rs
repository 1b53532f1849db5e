//! `docs/wit.md`: every world, interface, type and function with its comments.

use std::fmt::Write as _;

use wit_parser::{Docs, Function, Interface, PackageId, Resolve, TypeDef, TypeDefKind};

use crate::shape::{Side, defined, interfaces, signature, used};

const INTRODUCTION: &str = "
What a hook exports and imports, as [`wit/`](../wit) says. A component may be built against any of these worlds, or
against one of its own that has what it needs: the host goes by what is exported. What stays as it is: see
[versions](compatibility.md). This page is made by `cargo xtask docs`.
";

/// The page, in Markdown.
pub(crate) fn page(resolve: &Resolve, package: PackageId) -> String {
    let package = &resolve.packages[package];
    let mut page = format!("# `{}`\n{INTRODUCTION}", package.name);
    page.push_str("\n## Worlds\n\n| world | imports | exports | |\n|---|---|---|---|\n");
    for (name, id) in &package.worlds {
        let listed = |side| {
            let names = interfaces(resolve, *id, side);
            names.iter().map(|name| format!("[`{name}`](#{name})")).collect::<Vec<_>>().join(", ")
        };
        let docs = told(&resolve.worlds[*id].docs);
        let _ =
            writeln!(page, "| `{name}` | {} | {} | {docs} |", listed(Side::Imports), listed(Side::Exports));
    }
    for (name, id) in &package.interfaces {
        let _ = write!(page, "\n## {name}\n\n{}\n", told(&resolve.interfaces[*id].docs));
        interface(&mut page, resolve, &resolve.interfaces[*id]);
    }
    page
}

fn interface(page: &mut String, resolve: &Resolve, interface: &Interface) {
    for (name, id) in &interface.types {
        let definition = &resolve.types[*id];
        // What another interface defines is told there.
        if matches!(&definition.kind, TypeDefKind::Type(wit_parser::Type::Id(_))) {
            continue;
        }
        let _ = write!(page, "\n### {name}\n\n{}\n", told(&definition.docs));
        table(page, resolve, definition);
    }
    for (name, function) in &interface.functions {
        functions(page, resolve, name, function);
    }
}

fn table(page: &mut String, resolve: &Resolve, definition: &TypeDef) {
    let cell = |text: String| text.replace('|', "\\|");
    match &definition.kind {
        TypeDefKind::Record(record) => {
            page.push_str("\n| field | type | |\n|---|---|---|\n");
            for field in &record.fields {
                let (ty, docs) = (used(resolve, &field.ty), cell(told(&field.docs)));
                let _ = writeln!(page, "| `{}` | `{ty}` | {docs} |", field.name);
            }
        }
        TypeDefKind::Enum(words) => {
            let words: Vec<_> = words.cases.iter().map(|case| format!("`{}`", case.name)).collect();
            let _ = write!(page, "\nOne of {}.\n", words.join(", "));
        }
        _ => {
            let _ = write!(page, "\nIn WIT `{}`.\n", defined(resolve, definition));
        }
    }
}

fn functions(page: &mut String, resolve: &Resolve, name: &str, function: &Function) {
    let _ = write!(
        page,
        "\n### {name}\n\n```wit\n{name}: func{}\n```\n\n{}\n",
        signature(resolve, function),
        told(&function.docs)
    );
}

/// A comment as one paragraph; nothing is left without one.
fn told(docs: &Docs) -> String {
    let text = docs.contents.as_deref().unwrap_or_else(|| panic!("something has no comment"));
    text.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}
