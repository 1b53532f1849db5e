//! The API in front of a runner that is exchanged for another one: requests wait for the next, and none is refused.
//!
//! Listeners and connections belong to the front; what answers belongs to a runner.

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use tokio::sync::watch;
use tower::ServiceExt as _;

use super::{Door, State, router};

/// Where requests go. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Front(watch::Sender<Option<Behind>>);

/// What answers at present.
#[derive(Clone, Debug)]
struct Behind {
    network: Router,
    socket: Router,
}

impl Behind {
    fn router(&self, door: Door) -> Router {
        match door {
            Door::Network => self.network.clone(),
            Door::Socket => self.socket.clone(),
        }
    }
}

impl Default for Front {
    fn default() -> Self {
        Self::new()
    }
}

impl Front {
    /// Nobody answers yet; requests wait.
    pub fn new() -> Self {
        Self(watch::Sender::new(None))
    }

    /// From here on this answers, also what waited.
    pub fn open(&self, state: State) {
        let network = router(state.clone(), Door::Network);
        self.0.send_replace(Some(Behind { network, socket: router(state, Door::Socket) }));
    }

    /// From here on requests wait; those that were begun are answered by whom they reached.
    pub fn close(&self) {
        self.0.send_replace(None);
    }

    /// The API behind a door, whoever answers.
    pub fn router(&self, door: Door) -> Router {
        let behind = self.0.subscribe();
        Router::new().fallback(move |request: Request| answer(behind.clone(), door, request))
    }
}

async fn answer(mut behind: watch::Receiver<Option<Behind>>, door: Door, request: Request) -> Response {
    let router = match behind.wait_for(Option::is_some).await {
        Ok(behind) => behind.as_ref().map(|behind| behind.router(door)),
        Err(_) => None,
    };
    // Without a front there will be no runner either: the process ends.
    let Some(router) = router else { return StatusCode::SERVICE_UNAVAILABLE.into_response() };
    match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::body::{Body, to_bytes};
    use tokio::sync::Notify;

    use super::*;

    /// What answers with a word, once it may; it says when it was reached.
    fn behind(word: &'static str, reached: &Arc<Notify>, may: &Arc<Notify>) -> Behind {
        let (reached, may) = (reached.clone(), may.clone());
        let socket = Router::new().fallback(move || {
            let (reached, may) = (reached.clone(), may.clone());
            async move {
                reached.notify_one();
                may.notified().await;
                word
            }
        });
        Behind { network: Router::new().fallback(|| async { "the network" }), socket }
    }

    async fn ask(front: &Front, door: Door) -> String {
        let answer = front.router(door).oneshot(Request::new(Body::empty())).await.unwrap();
        let body = to_bytes(answer.into_body(), 1 << 10).await.unwrap();
        String::from_utf8(body.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn requests_wait_for_the_next_runner_and_those_begun_are_answered_by_theirs() {
        let front = Front::new();
        let (reached, may) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        front.0.send_replace(Some(behind("old", &reached, &may)));
        let exchanged = async {
            reached.notified().await;
            front.close();
            let mut waiting = Box::pin(ask(&front, Door::Socket));
            tokio::select! {
                biased;
                answer = &mut waiting => panic!("{answer} answers, and nobody is there"),
                () = tokio::task::yield_now() => {}
            }
            let at_once = Arc::new(Notify::new());
            at_once.notify_one();
            front.0.send_replace(Some(behind("new", &Arc::new(Notify::new()), &at_once)));
            assert_eq!(waiting.await, "new");
            may.notify_one();
        };
        let (begun, ()) = tokio::join!(ask(&front, Door::Socket), exchanged);
        assert_eq!(begun, "old");
        assert_eq!(ask(&front, Door::Network).await, "the network");
    }
}
