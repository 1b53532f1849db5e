//! A handler that sends a request in its start function, before anybody has called it.

use groundcrew_hook::{Event, Handler, Result};

/// The hook.
#[derive(Debug)]
pub struct Early;

impl Handler for Early {
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
        // Whatever comes of it: that it leaves at all is the misdeed.
        let _answer = groundcrew_hook::Request::post("http://early.example/").send();
    }
}

groundcrew_hook::export_handler!(Early);
