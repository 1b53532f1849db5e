//! Plain `wasi:http/incoming-handler` components as handlers: an event comes as a POST, its answer says how that went.
//!
//! The request is a `CloudEvent` in structured mode ([CloudEvents HTTP binding 1.0.2, section 3.2]): `POST /` with the
//! type `application/cloudevents+json`. Its `data` is an object of `subject`, as in `groundcrew:hook`, and `data`. The
//! event's id is its `idempotency-key`, too: a relay that sends that on tells nobody twice without their knowing. What
//! is answered counts as receivers of webhooks mean it: 2xx is done; 408, 425, 429 and 5xx are tried again, not before
//! `Retry-After` says so; anything else only a person can mend.
//!
//! [CloudEvents HTTP binding 1.0.2, section 3.2]:
//!     https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use groundcrew_core::duration::Millis;
use groundcrew_core::spec::{Event, Failure};
use http_body_util::{BodyExt, Full, Limited};
use serde_json::json;
use tokio::sync::oneshot;
use wasmtime_wasi_http::WasiHttpView as _;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

use super::hook::IncomingPre;
use super::{Context, Engine, Run};
use crate::host::{Host, Purity};

/// What of a refusal's body is kept for people.
const SAID: usize = 4_096;
/// How long is waited for that body once the component has returned: what it wrote is there by then.
const WAIT: Duration = Duration::from_millis(100);

/// The answer's head and body, or why there is none.
type Answer = Result<http::Response<HyperOutgoingBody>, ErrorCode>;

impl Engine {
    /// Tells a plain HTTP component an event.
    pub(super) async fn post(&self, pre: &IncomingPre, context: &Context, event: &Event) -> Run<()> {
        let request = request(event);
        self.run(context, Purity::Effects, async |store| {
            let component = pre.instantiate_async(&mut *store).await?;
            let host: &mut Host = store.data_mut();
            host.open_to_calls();
            let (sender, receiver) = oneshot::channel();
            let request = host.http().new_incoming_request(Scheme::Http, request)?;
            let out = host.http().new_response_outparam(sender)?;
            // What it answers is read while it writes: it may be more than anybody keeps.
            let mut reading = pin!(read(receiver));
            let mut judged = None;
            let called = {
                let mut call =
                    pin!(component.wasi_http_incoming_handler().call_handle(&mut *store, request, out));
                loop {
                    tokio::select! {
                        called = &mut call => break called,
                        said = &mut reading, if judged.is_none() => judged = Some(said),
                    }
                }
            };
            called?;
            let unfinished = |_| Err(Failure::again("the component left its answer unfinished"));
            Ok(match judged {
                Some(judged) => judged,
                None => tokio::time::timeout(WAIT, reading).await.unwrap_or_else(unfinished),
            })
        })
        .await
    }
}

/// The event as it is posted.
fn request(event: &Event) -> http::Request<Full<Bytes>> {
    let body = json!({
        "specversion": "1.0",
        "id": event.id,
        "type": event.kind,
        "source": "/groundcrew",
        "subject": event.subject.as_ref().map(|subject| subject.path.as_str()),
        "time": event.time.to_string(),
        "datacontenttype": "application/json",
        "data": { "subject": event.subject, "data": event.data },
    });
    let request = http::Request::post("http://groundcrew/")
        .header(http::header::HOST, "groundcrew")
        .header(http::header::CONTENT_TYPE, "application/cloudevents+json");
    // Somebody else's events may have ids that no header can hold; they are in the body.
    let request = match http::HeaderValue::from_str(&event.id) {
        Ok(id) => request.header("idempotency-key", id),
        Err(_) => request,
    };
    request
        .body(Full::new(Bytes::from(body.to_string())))
        .expect("invariant: these are the parts of a request")
}

/// Reads the answer, and says how the event was taken.
async fn read(receiver: oneshot::Receiver<Answer>) -> Result<(), Failure> {
    let answer = match receiver.await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => {
            return Err(Failure::again(format!("the component answered with an error: {error:?}")));
        }
        Err(_) => return Err(Failure::again("the component answered nothing")),
    };
    let (head, body) = answer.into_parts();
    let said = Limited::new(body, SAID).collect().await;
    if head.status.is_success() {
        return Ok(());
    }
    let said =
        said.map(|said| String::from_utf8_lossy(&said.to_bytes()).trim().to_owned()).unwrap_or_default();
    Err(refusal(head.status, head.headers.get(http::header::RETRY_AFTER), &said))
}

fn refusal(status: http::StatusCode, after: Option<&http::HeaderValue>, said: &str) -> Failure {
    let message = if said.is_empty() {
        format!("it answered {status}")
    } else {
        format!("it answered {status}: {said}")
    };
    let again = status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429);
    let seconds =
        after.and_then(|after| after.to_str().ok()).and_then(|after| after.trim().parse::<u32>().ok());
    let failure = if again { Failure::again(message) } else { Failure::final_(message) };
    Failure { after: seconds.filter(|_| again).map(|seconds| Millis::seconds(seconds.into())), ..failure }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_counts_as_receivers_of_webhooks_mean_it() {
        let of = |status: u16, after: Option<&'static str>| {
            refusal(
                http::StatusCode::from_u16(status).unwrap(),
                after.map(http::HeaderValue::from_static).as_ref(),
                "no",
            )
        };
        for status in [408, 425, 429, 500, 503, 504] {
            assert!(of(status, None).retry, "{status}");
        }
        for status in [301, 400, 401, 404, 409, 422] {
            assert!(!of(status, None).retry, "{status}");
        }
        assert_eq!(of(429, Some("7")).after, Some(Millis::seconds(7)));
        assert_eq!(
            of(503, Some("Wed, 21 Oct 2026 07:28:00 GMT")).after,
            None,
            "dates are left to the back-off"
        );
        assert_eq!(of(400, Some("7")).after, None);
        assert!(of(404, None).message.contains("404") && of(404, None).message.ends_with(": no"));
    }
}
