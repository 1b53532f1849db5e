//! The run's way out, for `groundcrew:hook/http` and `wasi:http` alike.

use bytes::Bytes;
use groundcrew_core::pointer::Pointer;
use groundcrew_core::spec::Failure;
use http_body_util::{BodyExt, Full, Limited};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use super::{Purity, Surroundings};
use crate::clock::GuestTime;
use crate::convert::is_hosts_own;
use crate::egress::{Refused, Request, Response};
use crate::gate::CallNo;

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Answer = std::result::Result<(http::Response<WasiBody>, Io), wasmtime_wasi_http::Error>;

/// Sends what a guest sends. A clone may outlive the run in a detached task; the gate's closed flag stops it.
#[derive(Clone)]
pub(crate) struct Outgoing {
    with: Surroundings,
    time: GuestTime,
    /// Calls with meaning are refused until the export is entered: constructors run inside instantiation.
    pub(super) entered: bool,
}

impl Outgoing {
    pub(super) fn new(with: Surroundings, time: GuestTime) -> Self {
        Self { with, time, entered: false }
    }

    /// Refuses calls with meaning outside an export and in pure runs.
    pub(super) fn open(&self) -> Result<(), Failure> {
        if !self.entered {
            return Err(Failure::final_(
                "no call is possible before the export is entered (module start-up)",
            ));
        }
        match self.with.purity {
            Purity::Effects => Ok(()),
            Purity::Pure => Err(Failure::final_("`desired` is pure: only config and log work in it")),
        }
    }

    /// Takes the next number; synchronous, so that it is the call's place in the guest's order.
    fn number(&self) -> Result<CallNo, Refused> {
        self.open()?;
        self.with.gate.number().map_err(|refusal| {
            self.with.gate.end(refusal.clone());
            Refused::Ends(refusal)
        })
    }

    pub(super) async fn send(&self, request: Request, seal: &[Pointer]) -> Result<Response, Refused> {
        let n = self.number()?;
        let sent = self.with.egress.send(&self.with.gate, &self.with.limits, n, request, seal).await;
        if let Some(answered_at) = self.with.gate.answered_at(n) {
            self.time.advance_to(answered_at);
        }
        sent
    }

    /// Sends while the guest goes on. Its time moves when it learns of the answer, not before.
    async fn send_meanwhile(&self, n: CallNo, request: Request) -> Result<Response, Refused> {
        let sent = self.with.egress.send(&self.with.gate, &self.with.limits, n, request, &[]).await;
        self.with.gate.arrive(n);
        sent
    }

    async fn exchange(self, n: Result<CallNo, Refused>, request: http::Request<WasiBody>) -> Answer {
        let n = n.map_err(refused)?;
        let (parts, body) = request.into_parts();
        let max = self.with.limits.request_body;
        let body = Limited::new(body, max).collect().await;
        let body = body.map_err(|error| unread(&*error, max))?.to_bytes();
        let headers = parts.headers.iter().filter(|(name, _)| !is_hosts_own(name.as_str()));
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let request = Request {
            method: parts.method.to_string(),
            url: parts.uri.to_string(),
            headers: headers.map(|(name, value)| (name.to_string(), text(value))).collect(),
            body: body.to_vec(),
            private: false,
        };
        let response = self.send_meanwhile(n, request).await.map_err(refused)?;
        let mut answer = http::Response::builder().status(response.status);
        for (name, value) in response.headers {
            answer = answer.header(name, value);
        }
        let body = Full::new(Bytes::from(response.body)).map_err(|never| match never {}).boxed_unsync();
        let answer = answer.body(body).map_err(|error| Error::InternalError(Some(error.to_string())))?;
        Ok((answer, Box::new(async { Ok(()) })))
    }
}

/// `wasi:http` has no words for a denial that names the missing grant, but one field for text.
fn refused(refused: Refused) -> Error {
    let text = match refused {
        Refused::Told(failure) => failure.message,
        Refused::Ends(refusal) => refusal.to_string(),
    };
    Error::InternalError(Some(text))
}

/// A body that could not be collected from its guest.
fn unread(error: &(dyn std::error::Error + 'static), max: usize) -> Error {
    let text = if error.is::<http_body_util::LengthLimitError>() {
        format!("the request's body is over {max} bytes")
    } else {
        format!("the request's body ended early: {error}")
    };
    Error::InternalError(Some(text))
}

impl WasiHttpHooks for Outgoing {
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn p2_outgoing_body_buffer_chunks(&mut self) -> usize {
        // So that `check_write` does not depend on how fast the send task drains.
        16
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        _: Option<RequestOptions>,
        _: Io,
    ) -> Box<dyn Future<Output = Answer> + Send> {
        let n = self.number();
        Box::new(self.clone().exchange(n, request))
    }
}
