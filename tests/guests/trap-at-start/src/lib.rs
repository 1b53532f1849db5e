//! A handler that traps in its start function, before anybody has called it.

use groundcrew_hook::{Event, Handler, Result};

/// The hook.
#[derive(Debug)]
pub struct Trap;

impl Handler for Trap {
    fn handle(_event: &Event) -> Result<()> {
        Ok(())
    }
}

#[cfg(target_arch = "wasm32")]
mod start {
    /// Components call the function of this name while they are instantiated.
    #[expect(unsafe_code, reason = "the name is taken by nobody else in a library")]
    #[unsafe(export_name = "_initialize")]
    extern "C" fn start() {
        core::arch::wasm32::unreachable()
    }
}

groundcrew_hook::export_handler!(Trap);
