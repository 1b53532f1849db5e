//! `groundcrew sim`: the Fly simulator alone.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use groundcrew_flysim::{Server, SystemClock, World};

use super::answer::{Answer, Failure};
use super::context::Context;

/// Arguments of `sim`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where it listens; loopback only
    #[arg(long, default_value = "127.0.0.1:4280")]
    listen: SocketAddr,
    /// Apps to begin with
    #[arg(long, default_value_t = 0)]
    apps: u32,
    /// Machines to begin with, spread over the apps
    #[arg(long, default_value_t = 0)]
    machines: u32,
    /// Seed of ids and addresses
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Append what took effect, one JSON object a line
    #[arg(long, value_name = "FILE")]
    effects: Option<PathBuf>,
}

/// Serves until a signal.
pub(super) fn perform(context: &Context, args: &Args) -> Result<Answer, Failure> {
    context.block_on(async {
        let world = World::new(args.seed, Arc::new(SystemClock));
        if let Some(file) = &args.effects {
            world.log_to(file).map_err(|error| Failure::of(&error))?;
        }
        if args.apps > 0 {
            let seeded = world.seed_fleet(args.apps, args.machines);
            seeded.map_err(|error| Failure::failed(format!("the fleet could not be made: {error:?}")))?;
        }
        let server = Server::start(args.listen, world).await.map_err(|error| Failure::of(&error))?;
        tracing::info!(at = %server.base_url(), "the simulator listens; admin routes are below /_sim");
        tokio::signal::ctrl_c().await.map_err(|error| Failure::of(&error))?;
        server.shutdown().await;
        Ok(Answer::text(""))
    })?
}
