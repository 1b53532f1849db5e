//! The HTTP API: health, metrics, foreign events, and on the socket the operators' requests.
//!
//! | path | on the network | on the socket | says |
//! |---|---|---|---|
//! | `GET /healthz` | yes | yes | 200 while the process answers |
//! | `GET /readyz` | yes | yes | 200, or 503 with every reason |
//! | `GET /metrics` | yes | yes | Prometheus text |
//! | `POST /v1/events` | with a bearer token | without | 202 once the events are durable |
//! | `POST /v1/control` | no | yes | what was done, durable |
//!
//! The socket needs no token: its file mode (0600) and its directory say who may connect.

mod control;
mod events;
mod exposition;
mod front;
mod live;
mod metrics;
mod ready;
mod server;
mod token;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use groundcrew_engine::clock::Clock;
use groundcrew_store::Store;

use crate::control::Hints;

pub use front::{Front, PATIENCE};
pub use live::{Belief, Inbox, Lines, Live, SourceStatus, Taken};
pub use metrics::render as render_metrics;
pub use server::{ServeError, serve_tcp, serve_unix};

/// The largest body that is read, in bytes.
pub const BODY_MAX: usize = 1024 * 1024;

/// What the API answers from.
#[derive(Clone, Debug)]
pub struct State {
    /// The store.
    pub store: Store,
    /// What only the running runner knows.
    pub live: Arc<dyn Live>,
    /// Who hears of operators' changes.
    pub hints: Arc<dyn Hints>,
    /// Where foreign events go; without one, `POST /v1/events` is off.
    pub inbox: Option<Arc<dyn Inbox>>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// Where a router's requests come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// Anybody who reaches the port.
    Network,
    /// Whoever may open the socket's file.
    Socket,
}

/// The API behind a door.
pub fn router(state: State, door: Door) -> Router {
    let router = Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready::readyz))
        .route("/metrics", get(metrics::metrics));
    let router = match door {
        Door::Network => router.route("/v1/events", post(events::from_network)),
        Door::Socket => {
            router.route("/v1/events", post(events::from_socket)).route("/v1/control", post(control::control))
        }
    };
    router.layer(DefaultBodyLimit::max(BODY_MAX)).with_state(state)
}
