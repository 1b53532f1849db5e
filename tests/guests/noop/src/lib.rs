//! A handler that does nothing: what is measured with it is the host.

use groundcrew_hook::{Event, Handler, Result};

/// The hook.
#[derive(Debug)]
pub struct Noop;

impl Handler for Noop {
    fn handle(_event: &Event) -> Result<()> {
        Ok(())
    }
}

groundcrew_hook::export_handler!(Noop);
