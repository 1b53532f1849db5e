//! Inside a component: the generated bindings, and the way between them and this crate's plain types.
//!
//! Imports come from one world; each exported interface has a small world of its own, so that a component
//! exports exactly what its author wrote a macro line for.

#![allow(
    clippy::mem_forget,
    clippy::same_length_and_capacity,
    reason = "generated code hands memory to the host"
)]

mod convert;
pub(crate) mod imports;

pub use wit_bindgen::rt;

mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "imports",
        generate_unused_types: true,
    });
}

pub(crate) use bindings::groundcrew::hook::{config, fleet, http, kv, log, types};

/// What `export_handler!` needs.
#[allow(missing_docs, clippy::pedantic, reason = "generated; only the export macro comes here")]
pub mod handler {
    use std::marker::PhantomData;

    use self::exports::groundcrew::hook::handler::{Event, Guest};
    use super::types;
    use crate::Handler;

    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package groundcrew:sdk; world handler-hook { export groundcrew:hook/handler@0.1.0; }",
        world: "groundcrew:sdk/handler-hook",
        with: { "groundcrew:hook/types@0.1.0": crate::wasm::types },
        pub_export_macro: true,
        runtime_path: "groundcrew_hook::__private::rt",
    });

    /// Turns the author's trait into the generated one.
    #[derive(Debug)]
    pub struct Adapter<H>(PhantomData<H>);

    impl<H: Handler> Guest for Adapter<H> {
        fn handle(event: Event) -> Result<(), types::Failure> {
            Ok(H::handle(&event.try_into()?)?)
        }
    }
}

/// What `export_provisioner!` needs.
#[allow(missing_docs, clippy::pedantic, reason = "generated; only the export macro comes here")]
pub mod provision {
    use std::marker::PhantomData;

    use self::exports::groundcrew::hook::provision::{Guest, Spec, View, Want};
    use super::types;
    use crate::Provisioner;

    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package groundcrew:sdk; world provision-hook { export groundcrew:hook/provision@0.1.0; }",
        world: "groundcrew:sdk/provision-hook",
        with: { "groundcrew:hook/types@0.1.0": crate::wasm::types },
        pub_export_macro: true,
        runtime_path: "groundcrew_hook::__private::rt",
    });

    /// Turns the author's trait into the generated one.
    #[derive(Debug)]
    pub struct Adapter<H>(PhantomData<H>);

    impl<H: Provisioner> Guest for Adapter<H> {
        fn desired(view: View) -> Result<Vec<Spec>, types::Failure> {
            Ok(H::desired(&view.try_into()?)?.into_iter().map(Into::into).collect())
        }
        fn find(want: Want) -> Result<Vec<types::Thing>, types::Failure> {
            Ok(H::find(&want.try_into()?)?.into_iter().map(Into::into).collect())
        }
        fn create(want: Want) -> Result<types::Thing, types::Failure> {
            Ok(H::create(&want.try_into()?)?.into())
        }
        fn update(want: Want, now: types::Thing) -> Result<types::Thing, types::Failure> {
            Ok(H::update(&want.try_into()?, &now.try_into()?)?.into())
        }
        fn remove(want: Want, now: types::Thing) -> Result<Option<types::Thing>, types::Failure> {
            Ok(H::remove(&want.try_into()?, &now.try_into()?)?.map(Into::into))
        }
    }
}

/// What `export_inventory!` needs.
#[allow(missing_docs, clippy::pedantic, reason = "generated; only the export macro comes here")]
pub mod inventory {
    use std::marker::PhantomData;

    use self::exports::groundcrew::hook::inventory::{Guest, Page};
    use super::types;
    use crate::Inventory;

    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package groundcrew:sdk; world inventory-hook { export groundcrew:hook/inventory@0.1.0; }",
        world: "groundcrew:sdk/inventory-hook",
        with: { "groundcrew:hook/types@0.1.0": crate::wasm::types },
        pub_export_macro: true,
        runtime_path: "groundcrew_hook::__private::rt",
    });

    /// Turns the author's trait into the generated one.
    #[derive(Debug)]
    pub struct Adapter<H>(PhantomData<H>);

    impl<H: Inventory> Guest for Adapter<H> {
        fn scan(owner: Option<types::Owner>, cursor: Option<String>) -> Result<Page, types::Failure> {
            Ok(H::scan(owner.map(Into::into).as_ref(), cursor.as_deref())?.into())
        }
    }
}

/// What `export_auditor!` needs.
#[allow(missing_docs, clippy::pedantic, reason = "generated; only the export macro comes here")]
pub mod audit {
    use std::marker::PhantomData;

    use self::exports::groundcrew::hook::audit::{Guest, Page};
    use super::types;
    use crate::Auditor;

    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package groundcrew:sdk; world audit-hook { export groundcrew:hook/audit@0.1.0; }",
        world: "groundcrew:sdk/audit-hook",
        with: { "groundcrew:hook/types@0.1.0": crate::wasm::types },
        pub_export_macro: true,
        runtime_path: "groundcrew_hook::__private::rt",
    });

    /// Turns the author's trait into the generated one.
    #[derive(Debug)]
    pub struct Adapter<H>(PhantomData<H>);

    impl<H: Auditor> Guest for Adapter<H> {
        fn run(cursor: Option<String>) -> Result<Page, types::Failure> {
            Ok(H::run(cursor.as_deref())?.into())
        }
    }
}

/// What `export_remedy!` needs.
#[allow(missing_docs, clippy::pedantic, reason = "generated; only the export macro comes here")]
pub mod remedy {
    use std::marker::PhantomData;

    use self::exports::groundcrew::hook::remedy::{Guest, Outcome};
    use super::types;
    use crate::Remedy;

    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package groundcrew:sdk; world remedy-hook { export groundcrew:hook/remedy@0.1.0; }",
        world: "groundcrew:sdk/remedy-hook",
        with: { "groundcrew:hook/types@0.1.0": crate::wasm::types },
        pub_export_macro: true,
        runtime_path: "groundcrew_hook::__private::rt",
    });

    /// Turns the author's trait into the generated one.
    #[derive(Debug)]
    pub struct Adapter<H>(PhantomData<H>);

    impl<H: Remedy> Guest for Adapter<H> {
        fn fix(finding: types::Finding) -> Result<Outcome, types::Failure> {
            Ok(H::fix(&finding.try_into()?)?.into())
        }
    }
}
