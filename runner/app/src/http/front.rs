//! The API in front of the runner: it listens before one is there, and while one is exchanged for another.
//!
//! Listeners and connections belong to the front; what answers belongs to a runner. Requests wait for it, and none is
//! refused, unless there is none for longer than clients wait: then the answer is 503.
//!
//! A request is a runner's once all of its body is there, so that one that comes slowly is none's that has ended by then.

use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, FromRequest as _, Request};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use groundcrew_core::duration::Millis;
use tokio::sync::watch;
use tower::ServiceExt as _;

use super::ready::Readiness;
use super::{BODY_MAX, Door, State, events, router};
use crate::control::Refusal;

/// How long a request waits for a runner: longer than any exchange takes, and less than clients wait.
pub const PATIENCE: Millis = Millis::seconds(5);

/// What is said while there is no runner.
const STARTS: &str = "the runner starts";

/// Where requests go. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Front {
    behind: watch::Sender<Option<Behind>>,
}

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

impl Front {
    /// From here on this answers, also what waited.
    pub fn open(&self, state: State) {
        let network = router(state.clone(), Door::Network);
        self.behind.send_replace(Some(Behind { network, socket: router(state, Door::Socket) }));
    }

    /// From here on requests wait; those that were begun are answered by whom they reached.
    pub fn close(&self) {
        self.behind.send_replace(None);
    }

    /// The API behind a door, whoever answers.
    pub fn router(&self, door: Door) -> Router {
        let behind = self.behind.subscribe();
        Router::new()
            .fallback(move |request: Request| answer(behind.clone(), door, request))
            .layer(DefaultBodyLimit::max(BODY_MAX))
    }
}

async fn answer(mut behind: watch::Receiver<Option<Behind>>, door: Door, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let request = match Bytes::from_request(Request::from_parts(parts.clone(), body), &()).await {
        Ok(body) => Request::from_parts(parts, Body::from(body)),
        Err(rejected) => return events::unread(&rejected),
    };
    let at_once = behind.borrow().as_ref().map(|behind| behind.router(door));
    let router = match (at_once, request.uri().path()) {
        (Some(router), _) => Some(router),
        (None, "/healthz") => return "ok\n".into_response(),
        (None, "/readyz") => return not_ready(),
        (None, _) => {
            let waited = tokio::time::timeout(PATIENCE.to_std(), behind.wait_for(Option::is_some)).await;
            // Without a front there will be no runner either: the process ends.
            let behind = waited.ok().and_then(Result::ok);
            behind.and_then(|behind| behind.as_ref().map(|behind| behind.router(door)))
        }
    };
    let Some(router) = router else { return not_yet() };
    match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

fn not_ready() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, Json(Readiness::not_yet(STARTS.to_owned()))).into_response()
}

fn not_yet() -> Response {
    let refusal = Refusal::conflict(STARTS).hint("groundcrew doctor");
    let soon = [(header::RETRY_AFTER, PATIENCE.to_std().as_secs().to_string())];
    (StatusCode::SERVICE_UNAVAILABLE, soon, Json(refusal)).into_response()
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Arc;

    use axum::body::to_bytes;
    use futures_util::stream::{self, StreamExt as _};
    use tokio::sync::{Notify, oneshot};

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
        let front = Front::default();
        let (reached, may) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        front.behind.send_replace(Some(behind("old", &reached, &may)));
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
            front.behind.send_replace(Some(behind("new", &Arc::new(Notify::new()), &at_once)));
            assert_eq!(waiting.await, "new");
            may.notify_one();
        };
        let (begun, ()) = tokio::join!(ask(&front, Door::Socket), exchanged);
        assert_eq!(begun, "old");
        assert_eq!(ask(&front, Door::Network).await, "the network");
    }

    #[tokio::test]
    async fn who_is_there_when_a_body_is_whole_answers_it() {
        let front = Front::default();
        let says = |word: &'static str| {
            let router =
                Router::new().fallback(move |body: String| async move { format!("{word} has {body}") });
            Some(Behind { network: router.clone(), socket: router })
        };
        front.behind.send_replace(says("old"));
        let (rest, comes) = oneshot::channel();
        let slowly = stream::iter(["half"]).chain(stream::once(async move { comes.await.unwrap() }));
        let slowly = Body::from_stream(slowly.map(Ok::<_, Infallible>));
        let asked = front.router(Door::Network).oneshot(Request::post("/v1/events").body(slowly).unwrap());
        let exchanged = async {
            front.close();
            front.behind.send_replace(says("new"));
            rest.send(" and half").unwrap();
        };
        let (answer, ()) = tokio::join!(asked, exchanged);
        let body = to_bytes(answer.unwrap().into_body(), 1 << 10).await.unwrap();
        assert_eq!(body, "new has half and half");

        let long = Body::from(vec![b'x'; BODY_MAX + 1]);
        let long = front.router(Door::Network).oneshot(Request::post("/v1/events").body(long).unwrap());
        let answer = long.await.unwrap();
        assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
        let body = to_bytes(answer.into_body(), 1 << 10).await.unwrap();
        let said: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert!(said["error"].as_str().unwrap().contains("more than 1048576 bytes"), "{said}");
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_runner_it_says_so_and_lets_nobody_wait_for_long() {
        let front = Front::default();
        let ask = async |path: &str| {
            let request = Request::get(path).body(Body::empty()).unwrap();
            let answer = front.router(Door::Network).oneshot(request).await.unwrap();
            let (status, retry) = (answer.status(), answer.headers().contains_key(header::RETRY_AFTER));
            let body = to_bytes(answer.into_body(), 1 << 10).await.unwrap();
            (status.as_u16(), retry, String::from_utf8(body.to_vec()).unwrap())
        };
        let before = tokio::time::Instant::now();
        assert_eq!(ask("/healthz").await, (200, false, "ok\n".to_owned()));
        let (status, _, why) = ask("/readyz").await;
        assert_eq!((status, why.as_str()), (503, r#"{"ready":false,"why":["the runner starts"]}"#));
        assert_eq!(before.elapsed(), std::time::Duration::ZERO);
        let (status, retry, why) = ask("/v1/events").await;
        assert_eq!((status, retry, before.elapsed()), (503, true, PATIENCE.to_std()));
        assert!(why.contains("the runner starts"), "{why}");
    }
}
