//! The one way out: grants, secrets, limits, then a transport.
//!
//! Every outgoing byte of a guest passes `Egress::send`, from `groundcrew:hook/http` and from `wasi:http`
//! alike. It judges the request against the run's grants, takes it through the gate, exchanges tokens for
//! secrets right before the transport and masks secrets in the answer. A request that it refuses is journaled, too,
//! with the refusal as its answer.

mod record;
mod sigv4;
mod webhook;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use groundcrew_core::duration::Millis;
use groundcrew_core::egress::{Asked, Bound, Verdict, judge};
use groundcrew_core::pointer::Pointer;
use groundcrew_core::spec::Failure;
use groundcrew_core::time::Timestamp;
use url::Url;

pub use record::{Answer, Ask, Body};

use crate::clock::Clock;
use crate::gate::{CallNo, Effect, Gate, Outside, Refusal, Reply, Twice};
use crate::journal::CallAccess;
use crate::limits::Limits;
use crate::seal::Sealing;
use crate::secrets::{AwsKey, Secrets, Sign};

/// An HTTP request with its whole body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Upper case.
    pub method: String,
    /// Absolute.
    pub url: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Whether the name may resolve to a private address.
    pub private: bool,
}

/// An HTTP answer with its whole body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// 100 to 599.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// Itself, unless its body is larger than that.
    fn within(self, most: usize) -> Result<Self, TransportError> {
        let status = self.status;
        if self.body.len() > most { Err(TransportError::TooLarge { status, most }) } else { Ok(self) }
    }
}

/// Why there is no answer to show.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// Nothing left: no address, no connection.
    #[error("{0}")]
    NotSent(String),
    /// It may have taken effect.
    #[error("{0}")]
    NoAnswer(String),
    /// It was answered, with more than is read.
    #[error("the answer ({status}) is over {most} bytes")]
    TooLarge {
        /// The answer's status.
        status: u16,
        /// How many bytes are read at most.
        most: usize,
    },
}

/// Carries requests to the outside world, or to a fake of it.
pub trait Transport: Send + Sync {
    /// Waits until the host may be asked again (rate limits), or refuses (open breaker).
    fn admit<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<(), Failure>>;

    /// For how long nobody is let through with such a request, whatever it says: its host does not answer, or a limit is
    /// used up for longer than anybody waits.
    fn away(&self, _: &Request) -> Option<Millis> {
        None
    }

    /// Exchanges one request for its answer, within `deadline`. Never retries, follows no redirect.
    fn exchange(&self, request: Request, deadline: Millis)
    -> BoxFuture<'_, Result<Response, TransportError>>;
}

/// What a run may reach and with which secrets.
#[derive(Clone)]
pub struct Egress {
    grants: Arc<[Bound]>,
    secrets: Arc<Secrets>,
    transport: Arc<dyn Transport>,
    sealing: Sealing,
}

impl std::fmt::Debug for Egress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Egress").field("grants", &self.grants).finish_non_exhaustive()
    }
}

impl Egress {
    /// Makes the egress of one run.
    pub fn new(grants: Arc<[Bound]>, secrets: Arc<Secrets>, transport: Arc<dyn Transport>) -> Self {
        Self { grants, secrets, transport, sealing: Sealing::default() }
    }

    /// Lets the run seal, and exchange what was sealed for it.
    #[must_use]
    pub fn with_sealing(self, sealing: Sealing) -> Self {
        Self { sealing, ..self }
    }

    /// Replaces known values by `***` in text that is kept.
    pub(crate) fn mask_text(&self, text: String) -> String {
        self.sealing.known().text(self.secrets.mask_text(text))
    }

    /// The run's secrets.
    pub(crate) fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// Judges a request and exchanges its tokens.
    fn prepare(&self, limits: &Limits, ask: Request, seal: &[Pointer]) -> Result<Prepared, Failure> {
        self.sealing.ready(seal)?;
        if ask.body.len() > limits.request_body {
            return Err(Failure::final_(format!("the request's body is over {} bytes", limits.request_body)));
        }
        let Judged { url, access, private } = self.judge(&ask)?;
        self.sealing.may_seal(access, seal)?;
        let to = authority(&url);
        self.secrets.refuse_in("the body", &ask.body)?;
        let body = self.sealing.exchange_body(ask.body, &to)?;
        if let Some(Sign::Sigv4(_)) = self.secrets.signer(&to).map(|secret| &secret.sign) {
            sigv4::refuse(&ask.headers)?;
        }
        let mut headers = ask.headers;
        for (name, value) in &mut headers {
            self.secrets.refuse_in("the name of a header", name.as_bytes())?;
            self.sealing.refuse_in("the name of a header", name)?;
            *value = self.secrets.exchange_header(name, value, &to)?;
            *value = self.sealing.exchange_header(name, std::mem::take(value), &to)?;
        }
        let request = Request { method: ask.method, url: url.into(), headers, body, private };
        Ok(Prepared { access, to, request })
    }

    fn judge(&self, ask: &Request) -> Result<Judged, Failure> {
        self.sealing.refuse_in("the URL", &ask.url)?;
        if let Some(url) = self.secrets.exchange_url(&ask.url)? {
            let access = if ask.method == "GET" { CallAccess::Read } else { CallAccess::Write };
            let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
            // The operator wrote this address; a name that resolves to a private one is refused all the same.
            let private = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok();
            return Ok(Judged { url, access, private });
        }
        let no_url = |error| Failure::final_(format!("`{}` is no URL: {error}", ask.url));
        let url = Url::parse(&ask.url).map_err(no_url)?;
        self.secrets.refuse_in("the URL", ask.url.as_bytes())?;
        let asked = Asked { method: &ask.method, url: &url, headers: &ask.headers, body: &ask.body };
        match judge(&self.grants, &asked) {
            Verdict::Allowed { access, private } => Ok(Judged { url, access: access.into(), private }),
            Verdict::Denied { line } => {
                let text =
                    format!("not granted; this line in the stanza's `allow` would grant it: \"{line}\"");
                Err(Failure::final_(text))
            }
        }
    }

    /// Signs a request that leaves at this time; the journal keeps what the guest asked.
    fn sign(&self, request: &mut Request, to: &str, now: Timestamp) {
        let Some(secret) = self.secrets.signer(to) else { return };
        match &secret.sign {
            Sign::None => {}
            Sign::StandardWebhooks => webhook::sign(request, &secret.value, now),
            Sign::Sigv4(scope) => {
                // Who resolved the secret refused a value of another shape; unsigned, the outside refuses it.
                if let Some(key) = AwsKey::of(&secret.value) {
                    sigv4::sign(request, &key, scope, now);
                }
            }
        }
    }

    /// Takes a numbered request through judgement, gate and transport.
    ///
    /// A refusal that ends the run is noted at the gate and comes back as [`Refused::Ends`].
    pub(crate) async fn send(
        &self,
        gate: &Gate,
        limits: &Limits,
        n: CallNo,
        ask: Request,
        seal: &[Pointer],
    ) -> Result<Response, Refused> {
        let sent = self.try_send(gate, limits, n, ask, seal).await;
        if let Err(Refused::Ends(refusal)) = &sent {
            gate.end(refusal.clone());
        }
        sent
    }

    async fn try_send(
        &self,
        gate: &Gate,
        limits: &Limits,
        n: CallNo,
        ask: Request,
        seal: &[Pointer],
    ) -> Result<Response, Refused> {
        let (kept, twice) = (kept(&ask, seal, limits), twice(&ask.method, &ask.headers));
        let bytes = match self.prepare(limits, ask, seal) {
            Ok(Prepared { access, to, request }) => {
                let exchange = Exchange { egress: self, clock: gate.clock(), request, to, limits, seal };
                gate.pass(gate.ticket(n, "http", access, kept).again(twice), exchange).await?
            }
            // Nothing leaves: the host itself answers.
            Err(failure) => {
                gate.pass(gate.ticket(n, "http", CallAccess::Local, kept).again(twice), Denied(failure))
                    .await?
            }
        };
        let damaged = |error| Failure::final_(format!("the journal is damaged: {error}"));
        match serde_json::from_slice(&bytes).map_err(damaged)? {
            Answer::Failure(failure) => Err(failure.into()),
            Answer::Response { status, headers, body } => {
                Ok(Response { status, headers, body: body.into_bytes() })
            }
        }
    }

    fn mask(&self, bytes: Vec<u8>) -> Vec<u8> {
        self.sealing.known().bytes(self.secrets.mask(bytes))
    }

    /// What the guest will see of what came back.
    fn masked(&self, came: Result<Response, TransportError>, body_max: usize) -> (Answer, Effect) {
        let again = |text| Answer::Failure(Failure::again(self.mask_text(text)));
        match came.and_then(|response| response.within(body_max)) {
            Ok(Response { status, headers, body }) => {
                let mask = |(name, value)| (name, self.mask_text(value));
                let headers = headers.into_iter().map(mask).collect();
                (Answer::Response { status, headers, body: self.mask(body).into() }, Effect::Over)
            }
            Err(TransportError::NotSent(text)) => (again(text), Effect::Over),
            Err(TransportError::NoAnswer(text)) => (again(text), Effect::Open),
            // What failed may be answered otherwise the next time; what did not is as large then.
            Err(error @ TransportError::TooLarge { status: 429 | 500.., .. }) => {
                (again(error.to_string()), Effect::Over)
            }
            Err(error @ TransportError::TooLarge { .. }) => {
                (Answer::Failure(Failure::final_(error.to_string())), Effect::Over)
            }
        }
    }
}

/// A request on its way out.
struct Exchange<'a> {
    egress: &'a Egress,
    clock: Arc<dyn Clock>,
    request: Request,
    to: String,
    limits: &'a Limits,
    seal: &'a [Pointer],
}

impl Outside for Exchange<'_> {
    async fn admit(&mut self) -> Result<(), Failure> {
        self.egress.transport.admit(&self.request).await
    }

    fn away(&self) -> Option<Millis> {
        self.egress.transport.away(&self.request)
    }

    async fn exchange(mut self) -> Reply {
        let asked = Request {
            method: self.request.method.clone(),
            url: self.request.url.clone(),
            headers: Vec::new(),
            body: Vec::new(),
            private: self.request.private,
        };
        self.egress.sign(&mut self.request, &self.to, self.clock.now());
        let transport = &self.egress.transport;
        let came = transport.exchange(self.request, self.limits.request).await;
        let away = if is_answered(&came) { None } else { transport.away(&asked) };
        let came = match came {
            Ok(answer) => match self.egress.sealing.seal(answer, self.seal).await {
                Ok(answer) => Ok(answer),
                // It was answered, and what it says cannot be shown.
                Err(failure) => return Reply { bytes: Self::told(failure), effect: Effect::Over, away },
            },
            lost => lost,
        };
        let (answer, effect) = self.egress.masked(came, self.limits.response_body);
        Reply { bytes: answer.to_json(), effect, away }
    }

    fn told(failure: Failure) -> Vec<u8> {
        Answer::Failure(failure).to_json()
    }
}

/// Whether somebody is there, and not only a gateway before them.
pub(crate) const fn is_answered(came: &Result<Response, TransportError>) -> bool {
    match came {
        Ok(Response { status, .. }) | Err(TransportError::TooLarge { status, .. }) => {
            !matches!(status, 502..=504)
        }
        Err(TransportError::NotSent(_) | TransportError::NoAnswer(_)) => false,
    }
}

/// A request that is refused.
struct Denied(Failure);

impl Outside for Denied {
    async fn admit(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    async fn exchange(self) -> Reply {
        Reply { bytes: Self::told(self.0), effect: Effect::Over, away: None }
    }

    fn told(failure: Failure) -> Vec<u8> {
        Answer::Failure(failure).to_json()
    }
}

/// A request as the journal keeps it; of a body that is refused for its size, only that size.
fn kept(ask: &Request, seal: &[Pointer], limits: &Limits) -> Vec<u8> {
    let length = ask.body.len();
    let body = if length > limits.request_body {
        Body::Text(format!("({length} bytes)"))
    } else {
        ask.body.clone().into()
    };
    let (method, url, headers) = (ask.method.clone(), ask.url.clone(), ask.headers.clone());
    let seal = seal.iter().map(ToString::to_string).collect();
    serde_json::to_vec(&Ask { method, url, headers, body, seal }).expect("invariant: a request is JSON")
}

/// Headers that name an attempt, so that whoever receives it twice does it once: that of the IETF's draft
/// `draft-ietf-httpapi-idempotency-key-header`, and that of Standard Webhooks.
const KEYS: [&str; 2] = ["idempotency-key", "webhook-id"];

/// Whether a request may be sent again when nobody knows what became of it.
///
/// PUT and DELETE say what is to be (RFC 9110, section 9.2.2); others may if they carry an idempotency key.
pub(crate) fn twice(method: &str, headers: &[(String, String)]) -> Twice {
    let is_key = |(name, value): &(String, String)| KEYS.contains(&name.as_str()) && !value.is_empty();
    let says_what_is_to_be = matches!(method, "PUT" | "DELETE");
    if says_what_is_to_be || headers.iter().any(is_key) { Twice::Harmless } else { Twice::Doubles }
}

/// A request that was judged.
#[derive(Debug)]
struct Prepared {
    access: CallAccess,
    /// `host:port`.
    to: String,
    request: Request,
}

/// What may be done with a request, and where it goes in fact.
struct Judged {
    url: Url,
    access: CallAccess,
    private: bool,
}

/// Why a request got no answer: told to the guest, or the run ends.
#[derive(Debug)]
pub(crate) enum Refused {
    Told(Failure),
    Ends(Refusal),
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self::Told(failure)
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self::Ends(refusal)
    }
}

/// `host:port` of a URL.
pub fn authority(url: &Url) -> String {
    format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or(443))
}
