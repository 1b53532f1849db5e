//! The one way out: grants, secrets, limits, then a transport.
//!
//! Every outgoing byte of a guest passes [`Egress::send`], from `groundcrew:hook/http` and from `wasi:http`
//! alike. It judges the request against the run's grants, takes it through the gate, exchanges tokens for
//! secrets right before the transport and masks secrets in the answer.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::BoxFuture;
use groundcrew_core::duration::Millis;
use groundcrew_core::egress::{Bound, Verdict, judge};
use groundcrew_core::spec::Failure;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use url::Url;

use crate::gate::{CallNo, Effect, Gate, Refusal, Reply};
use crate::journal::CallAccess;
use crate::limits::Limits;
use crate::secrets::{Secrets, Sign};

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

/// Why no answer came.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// Nothing left: no address, no connection.
    #[error("{0}")]
    NotSent(String),
    /// It may have taken effect.
    #[error("{0}")]
    NoAnswer(String),
}

/// Carries requests to the outside world, or to a fake of it.
pub trait Transport: Send + Sync {
    /// Waits until the host may be asked again (rate limits), or refuses (open breaker).
    fn admit<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<(), Failure>>;

    /// Exchanges one request for its answer, within `deadline`. Never retries, follows no redirect.
    fn exchange(&self, request: Request, deadline: Millis) -> BoxFuture<'_, Result<Response, TransportError>>;
}

/// What a run may reach and with which secrets.
#[derive(Clone)]
pub struct Egress {
    grants: Arc<[Bound]>,
    secrets: Arc<Secrets>,
    transport: Arc<dyn Transport>,
}

impl std::fmt::Debug for Egress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Egress").field("grants", &self.grants).finish_non_exhaustive()
    }
}

/// A request as the journal keeps it: with tokens, never with secrets.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ask {
    /// Upper case.
    pub method: String,
    /// Absolute.
    pub url: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Body,
}

/// An answer as the journal keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// One came.
    Response {
        /// 100 to 599.
        status: u16,
        /// Names in lower case.
        headers: Vec<(String, String)>,
        /// The body, masked.
        body: Body,
    },
    /// None came.
    Failure(Failure),
}

/// A body as the journal keeps it: text where it is text.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Body {
    /// UTF-8.
    Text(String),
    /// Anything else, base 64.
    Base64(String),
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        String::from_utf8(bytes).map_or_else(|e| Self::Base64(STANDARD.encode(e.as_bytes())), Self::Text)
    }
}

impl Body {
    /// The bytes.
    pub fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.into_bytes(),
            Self::Base64(text) => STANDARD.decode(text).unwrap_or_default(),
        }
    }
}

impl Egress {
    /// Makes the egress of one run.
    pub fn new(grants: Arc<[Bound]>, secrets: Arc<Secrets>, transport: Arc<dyn Transport>) -> Self {
        Self { grants, secrets, transport }
    }

    /// The run's secrets.
    pub(crate) fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// Judges a numbered request and exchanges its tokens.
    fn prepare(&self, gate: &Gate, limits: &Limits, n: CallNo, ask: Request) -> Result<Prepared, Failure> {
        if ask.body.len() > limits.request_body {
            return Err(Failure::final_(format!("the request's body is over {} bytes", limits.request_body)));
        }
        let (url, access, private) = self.judge(&ask)?;
        let to = authority(&url);
        self.secrets.refuse_in("the URL", ask.url.as_bytes()).or_else(|refused| {
            if self.secrets.exchange_url(&ask.url).is_some() { Ok(()) } else { Err(refused) }
        })?;
        self.secrets.refuse_in("the body", &ask.body)?;
        let mut headers = ask.headers.clone();
        for (name, value) in &mut headers {
            *value = self.secrets.exchange_header(name, value, &to)?;
        }
        self.sign(&mut headers, &ask.body, &to);
        let kept = Ask { method: ask.method.clone(), url: ask.url, headers: ask.headers, body: ask.body.clone().into() };
        let kept = serde_json::to_vec(&kept).expect("invariant: a request is JSON");
        let ticket = gate.ticket(n, "http", access, kept);
        let request = Request { method: ask.method, url: url.into(), headers, body: ask.body, private };
        Ok(Prepared { ticket, request })
    }

    fn judge(&self, ask: &Request) -> Result<(Url, CallAccess, bool), Failure> {
        let secret_url = self.secrets.exchange_url(&ask.url);
        let text = secret_url.as_deref().unwrap_or(&ask.url);
        let url = Url::parse(text).map_err(|error| Failure::final_(format!("`{}` is no URL: {error}", ask.url)))?;
        if secret_url.is_some() {
            let access = if ask.method == "GET" { CallAccess::Read } else { CallAccess::Write };
            let literal = url.host_str().is_some_and(|host| host == "localhost" || host.parse::<std::net::IpAddr>().is_ok());
            return Ok((url, access, literal));
        }
        match judge(&self.grants, &ask.method, &url) {
            Verdict::Allowed { access, private } => Ok((url, access.into(), private)),
            Verdict::Denied { line } => {
                Err(Failure::final_(format!("not granted; this line in the stanza's `allow` would grant it: \"{line}\"")))
            }
        }
    }

    fn sign(&self, headers: &mut Vec<(String, String)>, body: &[u8], to: &str) {
        let Some(secret) = self.secrets.signer(to) else { return };
        match secret.sign {
            Sign::None => {}
            Sign::StandardWebhooks => {
                let signature = webhook_signature(headers, body, &secret.value);
                headers.retain(|(name, _)| name != "webhook-signature");
                headers.push(("webhook-signature".to_owned(), signature));
            }
        }
    }

    /// Takes a numbered request through judgement, gate and transport.
    ///
    /// A refusal that ends the run is noted at the gate and comes back as [`Refused::Ends`].
    pub(crate) async fn send(&self, gate: &Gate, limits: &Limits, n: CallNo, ask: Request) -> Result<Response, Refused> {
        let sent = self.try_send(gate, limits, n, ask).await;
        if let Err(Refused::Ends(refusal)) = &sent {
            gate.end(refusal.clone());
        }
        sent
    }

    async fn try_send(&self, gate: &Gate, limits: &Limits, n: CallNo, ask: Request) -> Result<Response, Refused> {
        let Prepared { ticket, request } = self.prepare(gate, limits, n, ask)?;
        if gate.asks_outside() {
            self.transport.admit(&request).await?;
        }
        let bytes = gate.pass(ticket, || self.exchange(request, limits)).await?;
        let answer: Answer = serde_json::from_slice(&bytes).map_err(|e| Failure::final_(format!("the journal is damaged: {e}")))?;
        match answer {
            Answer::Failure(failure) => Err(failure.into()),
            Answer::Response { status, headers, body } => Ok(Response { status, headers, body: body.into_bytes() }),
        }
    }

    async fn exchange(&self, request: Request, limits: &Limits) -> Reply {
        let (answer, effect) = match self.transport.exchange(request, limits.request).await {
            Ok(response) if response.body.len() > limits.response_body => {
                let text = format!("the answer ({}) is over {} bytes", response.status, limits.response_body);
                (Answer::Failure(Failure::final_(text)), Effect::Over)
            }
            Ok(response) => {
                let mask = |text: String| self.secrets.mask_text(text);
                let headers = response.headers.into_iter().map(|(name, value)| (name, mask(value))).collect();
                let body = self.secrets.mask(response.body).into();
                (Answer::Response { status: response.status, headers, body }, Effect::Over)
            }
            Err(TransportError::NotSent(text)) => (Answer::Failure(Failure::again(self.secrets.mask_text(text))), Effect::Over),
            Err(TransportError::NoAnswer(text)) => (Answer::Failure(Failure::again(self.secrets.mask_text(text))), Effect::Open),
        };
        Reply { bytes: serde_json::to_vec(&answer).expect("invariant: an answer is JSON"), effect }
    }
}

/// A request that was judged and numbered.
#[derive(Debug)]
struct Prepared {
    ticket: crate::gate::Ticket,
    request: Request,
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
        match refusal {
            Refusal::Failed(message) => Self::Told(Failure::again(message)),
            ends => Self::Ends(ends),
        }
    }
}

/// `host:port` of a URL.
pub fn authority(url: &Url) -> String {
    format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or(443))
}

/// Signs `id.timestamp.body` with HMAC-SHA256 (Standard Webhooks 1.0); the secret may carry its `whsec_` prefix.
fn webhook_signature(headers: &[(String, String)], body: &[u8], secret: &str) -> String {
    let header = |name: &str| headers.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value.as_str());
    let key = secret.strip_prefix("whsec_").map_or_else(
        || secret.as_bytes().to_vec(),
        |encoded| STANDARD.decode(encoded).unwrap_or_else(|_| secret.as_bytes().to_vec()),
    );
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("invariant: HMAC takes keys of any length");
    mac.update(header("webhook-id").as_bytes());
    mac.update(b".");
    mac.update(header("webhook-timestamp").as_bytes());
    mac.update(b".");
    mac.update(body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn webhook_signatures_are_those_of_the_specification() {
        // The example of the Standard Webhooks reference implementations.
        let headers = [("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"), ("webhook-timestamp", "1614265330")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let signed = webhook_signature(&headers, br#"{"test": 2432232314}"#, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
