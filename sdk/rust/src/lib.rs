//! Write Groundcrew hooks in Rust.
//!
//! A hook is a type with one of three traits, and one line that exports it:
//!
//! - [`Handler`] *tells*: it is handed events, at least once each.
//! - [`Provisioner`] *makes*: it says what should exist for an owner, and how to find, create, update and
//!   remove one such thing; with [`Inventory`] it can also list them.
//! - [`Auditor`] *looks*: it reports findings; with [`Remedy`] it can also mend them.
//!
//! ```
//! use groundcrew_hook::{Event, Handler, Request, Result, secret};
//!
//! struct Tell;
//!
//! impl Handler for Tell {
//!     fn handle(event: &Event) -> Result<()> {
//!         let text = format!("{} happened", event.kind);
//!         Request::post(secret("URL")?).json(&serde_json::json!({ "text": text })).send()?.success()?;
//!         Ok(())
//!     }
//! }
//!
//! groundcrew_hook::export_handler!(Tell);
//! # fn main() {}
//! ```
//!
//! *Guarantees.* Every call of a hook is a run of its own in a fresh instance: statics hold nothing from one
//! call to the next. Any error passes on with `?` as a [`Failure`] with its text. The generated bindings do not
//! show: all types here are plain data of this crate.
//!
//! On every target but WebAssembly the host's functions are answered by the fake that [`testing`] installs, so
//! `cargo test` of a hook needs neither a component nor a runner.
//!
//! It deliberately has no random numbers and no signing, and a clock only for auditors (feature `audit`), who tell
//! ages: `want.name`, `want.once`, `want.mark` and `event.id` come from the host, and so do signatures, as a
//! property of a grant.

// The generated macros name this crate as their authors do.
#[cfg(target_arch = "wasm32")]
extern crate self as groundcrew_hook;

#[cfg(feature = "audit")]
pub mod audit;
mod failure;
#[cfg(feature = "fly")]
pub mod fly;
mod hook;
mod host;
mod http;
mod name;
mod sealed;
mod types;

#[cfg(target_arch = "wasm32")]
mod wasm;

#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

pub use failure::{Failure, Result};
pub use hook::{Auditor, Handler, Inventory, Provisioner, Remedy};
pub use host::{config, fleet, kv, log, secret};
pub use http::{Request, Response, encode};
pub use name::Named;
pub use sealed::sealed_echo;
pub use types::{
    Event, Finding, FindingPage, Input, Listed, Outcome, Output, Owner, Severity, Spec, State, Subject,
    Thing, ThingPage, View, Want,
};

pub use serde_json::{Value, json};

/// What the export macros expand to. Not for use by hand.
#[doc(hidden)]
pub mod __private {
    #[cfg(target_arch = "wasm32")]
    pub use crate::wasm::{audit, handler, inventory, provision, remedy, rt};
}

/// Exports a type as the component's [`Handler`].
#[macro_export]
macro_rules! export_handler {
    ($hook:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            type Exported = $crate::__private::handler::Adapter<$hook>;
    $crate::__private::handler::export!(Exported with_types_in $crate::__private::handler);
        };
    };
}

/// Exports a type as the component's [`Provisioner`].
#[macro_export]
macro_rules! export_provisioner {
    ($hook:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            type Exported = $crate::__private::provision::Adapter<$hook>;
    $crate::__private::provision::export!(Exported with_types_in $crate::__private::provision);
        };
    };
}

/// Exports a type as the component's [`Inventory`], beside its [`Provisioner`].
#[macro_export]
macro_rules! export_inventory {
    ($hook:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            type Exported = $crate::__private::inventory::Adapter<$hook>;
    $crate::__private::inventory::export!(Exported with_types_in $crate::__private::inventory);
        };
    };
}

/// Exports a type as the component's [`Auditor`].
#[macro_export]
macro_rules! export_auditor {
    ($hook:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            type Exported = $crate::__private::audit::Adapter<$hook>;
    $crate::__private::audit::export!(Exported with_types_in $crate::__private::audit);
        };
    };
}

/// Exports a type as the component's [`Remedy`], beside its [`Auditor`].
#[macro_export]
macro_rules! export_remedy {
    ($hook:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            type Exported = $crate::__private::remedy::Adapter<$hook>;
    $crate::__private::remedy::export!(Exported with_types_in $crate::__private::remedy);
        };
    };
}
