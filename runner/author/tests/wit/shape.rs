//! Items of a package as texts: what a component that was built against it depends on.

use std::collections::BTreeMap;

use wit_parser::{Function, PackageId, Resolve, Type, TypeDef, TypeDefKind, WorldId, WorldItem, WorldKey};

/// A type where it is used.
pub(crate) fn used(resolve: &Resolve, ty: &Type) -> String {
    let Type::Id(id) = ty else { return format!("{ty:?}").to_lowercase() };
    let definition = &resolve.types[*id];
    definition.name.clone().unwrap_or_else(|| defined(resolve, definition))
}

/// What a type is.
pub(crate) fn defined(resolve: &Resolve, definition: &TypeDef) -> String {
    let of = |ty: &Type| used(resolve, ty);
    let all = |parts: Vec<String>| parts.join(", ");
    match &definition.kind {
        TypeDefKind::Record(record) => {
            let fields = record.fields.iter().map(|field| format!("{}: {}", field.name, of(&field.ty)));
            format!("record {{ {} }}", all(fields.collect()))
        }
        TypeDefKind::Enum(words) => {
            format!("enum {{ {} }}", all(words.cases.iter().map(|case| case.name.clone()).collect()))
        }
        TypeDefKind::Tuple(tuple) => format!("tuple<{}>", all(tuple.types.iter().map(of).collect())),
        TypeDefKind::Option(ty) => format!("option<{}>", of(ty)),
        TypeDefKind::List(ty) => format!("list<{}>", of(ty)),
        TypeDefKind::Result(result) => {
            let ok = result.ok.as_ref().map_or_else(|| "_".to_owned(), of);
            match &result.err {
                Some(err) => format!("result<{ok}, {}>", of(err)),
                None => format!("result<{ok}>"),
            }
        }
        TypeDefKind::Type(ty) => of(ty),
        other => panic!("{} is not told yet", other.as_str()),
    }
}

/// A function's parameters and result.
pub(crate) fn signature(resolve: &Resolve, function: &Function) -> String {
    let parameters = function.params.iter().map(|it| format!("{}: {}", it.name, used(resolve, &it.ty)));
    let result = function.result.as_ref().map(|ty| format!(" -> {}", used(resolve, ty))).unwrap_or_default();
    format!("({}){result}", parameters.collect::<Vec<_>>().join(", "))
}

/// The interfaces that a world imports or exports.
pub(crate) fn interfaces(resolve: &Resolve, world: WorldId, exports: Side) -> Vec<String> {
    let world = &resolve.worlds[world];
    let items = match exports {
        Side::Imports => &world.imports,
        Side::Exports => &world.exports,
    };
    let name = |(key, item): (&WorldKey, &WorldItem)| match item {
        WorldItem::Interface { id, .. } => resolve.interfaces[*id].name.clone().unwrap_or_default(),
        _ => resolve.name_world_key(key),
    };
    items.iter().map(name).collect()
}

/// A side of a world.
#[derive(Clone, Copy)]
pub(crate) enum Side {
    Imports,
    Exports,
}

/// Everything that components depend on, by where it is.
pub(crate) fn items(resolve: &Resolve, package: PackageId) -> BTreeMap<String, String> {
    let mut items = BTreeMap::new();
    let package = &resolve.packages[package];
    items.insert("package".to_owned(), package.name.to_string());
    for (name, id) in &package.interfaces {
        let interface = &resolve.interfaces[*id];
        items.insert(format!("interface {name}"), String::new());
        for (ty, id) in &interface.types {
            items.insert(format!("interface {name}, type {ty}"), defined(resolve, &resolve.types[*id]));
        }
        for (function, it) in &interface.functions {
            items.insert(format!("interface {name}, function {function}"), signature(resolve, it));
        }
    }
    for (name, id) in &package.worlds {
        for import in interfaces(resolve, *id, Side::Imports) {
            items.insert(format!("world {name}, import {import}"), String::new());
        }
        // One export more, and what was built for the world before lacks it.
        items.insert(format!("world {name}, exports"), interfaces(resolve, *id, Side::Exports).join(", "));
    }
    items
}
