//! Bindings of `groundcrew:hook@0.1.0`, made from the WIT package. Private: they never leave this crate.
//!
//! The imports are bound once; each exported interface has a world of its own over the same types, so that
//! one linker and one `InstancePre` serve every kind of hook.

pub(crate) mod imports {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "groundcrew:hook/imports",
        imports: { default: async | trappable },
    });
}

pub(crate) use imports::groundcrew::hook as host;

macro_rules! export_world {
    ($module:ident, $interface:literal) => {
        pub(crate) mod $module {
            wasmtime::component::bindgen!({
                inline: $interface,
                path: "../../wit",
                world: "groundcrew:host/only",
                exports: { default: async },
                with: { "groundcrew:hook/types@0.1.0": super::imports::groundcrew::hook::types },
            });
        }
    };
}

export_world!(handler, "package groundcrew:host; world only { export groundcrew:hook/handler@0.1.0; }");
export_world!(provision, "package groundcrew:host; world only { export groundcrew:hook/provision@0.1.0; }");
export_world!(inventory, "package groundcrew:host; world only { export groundcrew:hook/inventory@0.1.0; }");
export_world!(audit, "package groundcrew:host; world only { export groundcrew:hook/audit@0.1.0; }");
export_world!(remedy, "package groundcrew:host; world only { export groundcrew:hook/remedy@0.1.0; }");
