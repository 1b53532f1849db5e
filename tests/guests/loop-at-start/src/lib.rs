//! A handler that computes for ever in its start function, before anybody has called it.

use groundcrew_hook::{Event, Handler, Result};

/// The hook.
#[derive(Debug)]
pub struct Spin;

impl Handler for Spin {
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
        let mut n = 0u64;
        loop {
            n = core::hint::black_box(n.wrapping_add(1));
        }
    }
}

groundcrew_hook::export_handler!(Spin);
