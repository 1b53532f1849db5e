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
    extern "C" fn trap() {
        core::arch::wasm32::unreachable()
    }

    #[used]
    #[expect(
        unsafe_code,
        reason = "constructors are functions in a section of this name; this one takes nothing"
    )]
    #[unsafe(link_section = ".init_array")]
    static START: extern "C" fn() = trap;
}

groundcrew_hook::export_handler!(Trap);
