//! What demo and torture play against: the Fly simulator and a receiver of events, as a process of its own.
//!
//! The simulator is that of `groundcrew sim`, but every answer that it gives is checked against the vendor's OpenAPI
//! document; what differs is at `/_sim/violations`. The shipped binary is built without that feature: it would carry the
//! document and a validator for nobody's use. The receiver answers 204 to whatever is posted, and keeps it; `/-/receipts` shows
//! it, one JSON object a line. It links neither the runner nor its store.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Parser as _;
use groundcrew_flysim::{Clock as _, Server, SystemClock, World};
use groundcrew_outside::{Outside, serve};

/// Serves until it is killed.
#[derive(clap::Parser)]
struct Arguments {
    /// Where the simulator listens; loopback only
    #[arg(long)]
    listen: SocketAddr,
    /// Where the receiver listens; loopback only
    #[arg(long)]
    receiver: SocketAddr,
    /// Apps to begin with
    #[arg(long, default_value_t = 0)]
    apps: u32,
    /// Machines to begin with, spread over the apps
    #[arg(long, default_value_t = 0)]
    machines: u32,
    /// Append what took effect on the platform, one JSON object a line
    #[arg(long, value_name = "FILE")]
    effects: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    anyhow::ensure!(arguments.receiver.ip().is_loopback(), "{} is not loopback", arguments.receiver);
    let receiver = tokio::net::TcpListener::bind(arguments.receiver).await?;
    let world = World::new(1, Arc::new(SystemClock));
    if let Some(file) = &arguments.effects {
        world.log_to(file)?;
    }
    if arguments.apps > 0 {
        let seeded = world.seed_fleet(arguments.apps, arguments.machines);
        seeded.map_err(|refusal| anyhow::anyhow!("the fleet could not be made: {refusal:?}"))?;
    }
    let _serves_until_the_end = Server::start(arguments.listen, world).await?;
    let outside = Outside::new(Arc::new(|| SystemClock.now_ms()));
    match serve(outside, receiver).await? {}
}
