//! `groundcrew sim`: the Fly simulator alone, or with fakes of PowerDNS and of a third party beside it.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use groundcrew_flysim::dns::{Dns, DnsServer};
use groundcrew_flysim::{Clock as _, Server, ServerHandle, SystemClock, World};
use groundcrew_outside::{Knobs, Outside};
use tokio::net::TcpListener;

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
    /// Also answer PowerDNS' API here, without zones to begin with; loopback only
    #[arg(long, value_name = "ADDRESS")]
    dns: Option<SocketAddr>,
    /// What clients of that API send as x-api-key
    #[arg(long, value_name = "KEY", default_value = "simulator", requires = "dns")]
    dns_key: String,
    /// Also play a third party here, for hooks that are being written: things at /things, and whatever is posted
    /// elsewhere is kept and shown at /-/receipts; loopback only
    #[arg(long, value_name = "ADDRESS")]
    outside: Option<SocketAddr>,
}

/// Serves until a signal.
pub(super) fn perform(context: &Context, args: &Args) -> Result<Answer, Failure> {
    context.block_on(async {
        let effects = args.effects.as_deref();
        let server = start(args.listen, args.seed, args.apps, args.machines, effects).await?;
        tracing::info!(at = %server.base_url(), "the simulator listens; admin routes are below /_sim");
        let dns = match args.dns {
            Some(listen) => {
                let started = DnsServer::start(listen, Dns::new(&args.dns_key, Arc::new(SystemClock))).await;
                Some(started.map_err(|error| Failure::of(&error))?)
            }
            None => None,
        };
        if let Some(dns) = &dns {
            tracing::info!(at = %dns.base_url(), "the fake of PowerDNS listens; its log is at /_dns/log");
        }
        let outside = third_party(args.outside).await?;
        tokio::select! {
            signal = tokio::signal::ctrl_c() => signal.map_err(|error| Failure::of(&error))?,
            Err(error) = outside => return Err(Failure::of(&error)),
        }
        drop(dns);
        server.shutdown().await;
        Ok(Answer::text(""))
    })?
}

/// Plays a third party at an address; without one it waits for ever.
async fn third_party(
    listen: Option<SocketAddr>,
) -> Result<impl Future<Output = io::Result<Infallible>>, Failure> {
    let listener = match listen {
        Some(address) if !address.ip().is_loopback() => {
            return Err(Failure::usage(format!("--outside {address} is not loopback; try 127.0.0.1:4281")));
        }
        Some(address) => Some(TcpListener::bind(address).await.map_err(|error| Failure::of(&error))?),
        None => None,
    };
    Ok(async move {
        let Some(listener) = listener else { return std::future::pending().await };
        let outside = Outside::new(Arc::new(|| SystemClock.now_ms()));
        outside.open("/things", Knobs::default());
        tracing::info!(at = %format!("http://{}", listener.local_addr()?), "the third party listens; its receipts are at /-/receipts");
        groundcrew_outside::serve(outside, listener).await
    })
}

/// Any free port of the loopback interface.
pub(super) const ANYWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Starts a simulator with a fleet.
pub(super) async fn start(
    listen: SocketAddr,
    seed: u64,
    apps: u32,
    machines: u32,
    effects: Option<&Path>,
) -> Result<ServerHandle, Failure> {
    if apps == 0 && machines > 0 {
        let failure = Failure::usage(format!("--machines {machines} without an app that they could be of"));
        return Err(failure.hint(format!("groundcrew sim --apps 1 --machines {machines}")));
    }
    let world = World::new(seed, Arc::new(SystemClock));
    if let Some(file) = effects {
        world.log_to(file).map_err(|error| Failure::of(&error))?;
    }
    if apps > 0 {
        let seeded = world.seed_fleet(apps, machines);
        seeded.map_err(|error| Failure::failed(format!("the fleet could not be made: {error:?}")))?;
    }
    Server::start(listen, world).await.map_err(|error| Failure::of(&error))
}

#[cfg(test)]
mod tests {
    use super::super::answer::Kind;
    use super::*;

    #[tokio::test]
    async fn machines_without_an_app_are_refused() {
        let refused = start(ANYWHERE, 1, 0, 4, None).await.err().unwrap();
        assert_eq!(
            (refused.kind, refused.hints),
            (Kind::Usage, vec!["groundcrew sim --apps 1 --machines 4".to_owned()])
        );
    }
}
