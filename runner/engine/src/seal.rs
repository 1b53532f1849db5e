//! Sealed values: secrets that an API hands out, which no guest and no journal ever sees.
//!
//! ```text
//!  answer --> strings at the guest's pointers --> kept, encrypted --> tokens in their place --> guest, journal
//!  request --> a token at the place that the reader's stanza names --> opened --> outside
//! ```
//!
//! # Guarantees
//! - The same value has the same token in one installation; neither says anything of the value without its key.
//! - A cipher is kept before the guest sees its token. A run about no row has nowhere to keep it: it may seal what it
//!   reads, whose token it can compare, and no write, whose answer may be the only one that has the value.
//! - A token is exchanged at the position and host that a line of the stanza names for the output that holds it, for
//!   the owner whose output it is. Anywhere else the request is refused.
//! - Values of this owner that are known (of eight bytes and more) are masked in everything that comes back.

mod masks;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use futures_util::future::BoxFuture;
use groundcrew_core::hash::Digest;
use groundcrew_core::pointer::{Pointer, each_text};
use groundcrew_core::spec::Failure;
use serde_json::Value;

use crate::egress::Response;
use crate::journal::CallAccess;
use crate::mask::Mask;
use masks::Masks;

const PREFIX: &str = "gcs_";
/// Hexadecimal digits after it.
const DIGITS: usize = 40;

/// A value that is kept: its token, and itself encrypted.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    /// What guests and journals see.
    pub token: String,
    /// The value, encrypted under the installation's key.
    pub cipher: Vec<u8>,
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealed").field("token", &self.token).finish_non_exhaustive()
    }
}

/// Makes tokens and ciphers, and opens them again. Clones share the masks of what they opened.
#[derive(Clone)]
pub struct Sealer {
    tokens: [u8; 32],
    nonces: [u8; 32],
    values: [u8; 32],
    masks: Masks,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer")
    }
}

impl Sealer {
    /// Derives what it needs from the installation's key.
    pub fn new(key: &[u8; 32]) -> Self {
        let derived = |purpose: &str| *Digest::keyed(key, purpose.as_bytes()).as_bytes();
        Self {
            tokens: derived("\0sealed tokens"),
            nonces: derived("\0sealed nonces"),
            values: derived("\0sealed values"),
            masks: Masks::default(),
        }
    }

    /// Seals a value; the same one always in the same way.
    pub fn seal(&self, value: &str) -> Sealed {
        let digest = Digest::keyed(&self.tokens, value.as_bytes()).to_string();
        let token = format!("{PREFIX}{}", &digest[..DIGITS]);
        // The nonce depends on the value, so no two values share one.
        let nonce = *Digest::keyed(&self.nonces, value.as_bytes()).as_bytes();
        let nonce = &nonce[..24];
        let payload = Payload { msg: value.as_bytes(), aad: token.as_bytes() };
        let sealed = self.cipher().encrypt(&nonce_of(nonce), payload);
        let sealed = sealed.expect("invariant: an answer is shorter than 256 GiB");
        Sealed { token, cipher: [nonce, &sealed].concat() }
    }

    /// The value again; none if it was sealed under another key, or altered.
    pub fn open(&self, sealed: &Sealed) -> Option<Arc<str>> {
        let (nonce, rest) = sealed.cipher.split_at_checked(24)?;
        let payload = Payload { msg: rest, aad: sealed.token.as_bytes() };
        let value = self.cipher().decrypt(&nonce_of(nonce), payload).ok()?;
        String::from_utf8(value).ok().map(Arc::from)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&self.values.into())
    }
}

fn nonce_of(bytes: &[u8]) -> XNonce {
    XNonce::try_from(bytes).expect("invariant: a nonce has 24 bytes")
}

/// Keeps what a run seals.
pub trait Vault: Send + Sync {
    /// Keeps these; durable when it returns.
    fn keep(&self, sealed: Vec<Sealed>) -> BoxFuture<'_, Result<(), Failure>>;
}

/// A value of this run's owner that was sealed before.
#[derive(Clone, Debug)]
pub struct Held {
    /// Token and cipher.
    pub sealed: Sealed,
    /// The outputs that hold the token, as `HOOK.OUTPUT`.
    pub outputs: Vec<String>,
}

/// Where a sealed value may be put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A header of this name, in lower case.
    Header(String),
    /// Texts of a JSON body.
    Json(Pointer),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => write!(f, "header:{name}"),
            Self::Json(pointer) => write!(f, "json:{pointer}"),
        }
    }
}

/// A line of a stanza: where the tokens of an output may be exchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// `HOOK.OUTPUT`.
    pub output: String,
    /// Where it may be put.
    pub at: Place,
    /// `host:port` it may be sent to.
    pub to: String,
}

/// What one run seals and may exchange; a shared handle. The default one seals nothing and refuses every token.
#[derive(Clone, Default)]
pub struct Sealing(Option<Arc<Inner>>);

struct Inner {
    sealer: Sealer,
    grants: Vec<Grant>,
    held: Result<Vec<(Held, Arc<str>)>, Failure>,
    /// None: the run is about no row, and nothing is kept.
    vault: Option<Arc<dyn Vault>>,
    known: Mutex<Known>,
}

/// Values that are masked, by their tokens.
#[derive(Default)]
struct Known {
    values: BTreeMap<String, Arc<str>>,
    mask: Mask,
}

impl Known {
    /// Masks these, too.
    fn learn(&mut self, values: impl IntoIterator<Item = (String, Arc<str>)>, masks: &Masks) {
        let before = self.values.len();
        self.values.extend(values);
        if self.values.len() > before {
            self.mask = masks.of(&self.values);
        }
    }
}

impl fmt::Debug for Sealing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let grants = self.0.as_ref().map(|inner| &inner.grants);
        f.debug_struct("Sealing").field("grants", &grants).finish_non_exhaustive()
    }
}

impl Sealing {
    /// What a run has. Where `held` could not be read no request leaves, for nothing could be masked.
    pub fn new(
        sealer: Sealer,
        grants: Vec<Grant>,
        held: Result<Vec<Held>, Failure>,
        vault: Arc<dyn Vault>,
    ) -> Self {
        Self::with(sealer, grants, held, Some(vault))
    }

    /// What a run about no row has: tokens of what it reads stand for values that nobody keeps for it.
    pub fn keeping_nothing(sealer: Sealer, grants: Vec<Grant>, held: Result<Vec<Held>, Failure>) -> Self {
        Self::with(sealer, grants, held, None)
    }

    fn with(
        sealer: Sealer,
        grants: Vec<Grant>,
        held: Result<Vec<Held>, Failure>,
        vault: Option<Arc<dyn Vault>>,
    ) -> Self {
        // What another key sealed is of no use to anybody; its token is refused as an unknown one.
        let opened = |held: Held| sealer.open(&held.sealed).map(|value| (held, value));
        let held = held.map(|held| held.into_iter().filter_map(opened).collect::<Vec<_>>());
        let mut known = Known::default();
        let values = held.iter().flatten().map(|(held, value)| (held.sealed.token.clone(), value.clone()));
        known.learn(values, &sealer.masks);
        Self(Some(Arc::new(Inner { sealer, grants, held, vault, known: Mutex::new(known) })))
    }

    /// Whether a request may leave that asks for these pointers to be sealed.
    pub(crate) fn ready(&self, pointers: &[Pointer]) -> Result<(), Failure> {
        match self.0.as_deref() {
            None if pointers.is_empty() => Ok(()),
            None => Err(Failure::final_("nothing can be sealed here: `seal` must be empty")),
            Some(inner) => inner.held.as_ref().map(drop).map_err(Clone::clone),
        }
    }

    /// Whether the answer of such a request may be sealed; asked before it leaves.
    pub(crate) fn may_seal(&self, access: CallAccess, pointers: &[Pointer]) -> Result<(), Failure> {
        let kept = self.0.as_deref().is_none_or(|inner| inner.vault.is_some());
        if kept || pointers.is_empty() || access != CallAccess::Write {
            return Ok(());
        }
        Err(Failure::final_(
            "what this write would seal is kept by nobody: the run is about no thing; let a provisioner's `create` ask for it, and read its output",
        ))
    }

    /// Refuses tokens where they are never exchanged.
    pub(crate) fn refuse_in(&self, place: &str, text: &str) -> Result<(), Failure> {
        tokens(text).next().map_or(Ok(()), |token| Err(self.misplaced(place, "", token)))
    }

    /// Exchanges the tokens in one header, or says why they must not stand there.
    pub(crate) fn exchange_header(&self, name: &str, value: String, to: &str) -> Result<String, Failure> {
        let fits = |place: &Place| *place == Place::Header(name.to_owned());
        self.exchange(value, to, fits, &|| format!("header:{name}"))
    }

    /// Exchanges the tokens in a body, which must be JSON then.
    pub(crate) fn exchange_body(&self, body: Vec<u8>, to: &str) -> Result<Vec<u8>, Failure> {
        if !tokens(&String::from_utf8_lossy(&body)).any(|_| true) {
            return Ok(body);
        }
        let Ok(mut json) = serde_json::from_slice::<Value>(&body) else {
            return Err(Failure::final_("a sealed value's token stands in a body that is no JSON"));
        };
        each_text(&mut json, &mut Vec::new(), &mut |place, text| {
            let fits = |at: &Place| matches!(at, Place::Json(pointer) if pointer.names(place));
            let here = || format!("json:/{}", place.join("/"));
            *text = self.exchange(std::mem::take(text), to, fits, &here)?;
            Ok(())
        })?;
        // The values are in their places by now: a token that is left stands in the name of a field.
        let written = json.to_string();
        self.refuse_in_names(&json)?;
        Ok(written.into_bytes())
    }

    fn refuse_in_names(&self, json: &Value) -> Result<(), Failure> {
        match json {
            Value::Array(items) => items.iter().try_for_each(|item| self.refuse_in_names(item)),
            Value::Object(fields) => fields.iter().try_for_each(|(name, field)| {
                self.refuse_in("the name of a field", name)?;
                self.refuse_in_names(field)
            }),
            _ => Ok(()),
        }
    }

    fn exchange(
        &self,
        text: String,
        to: &str,
        fits: impl Fn(&Place) -> bool,
        here: &dyn Fn() -> String,
    ) -> Result<String, Failure> {
        let found: Vec<String> = tokens(&text).map(str::to_owned).collect();
        let mut written = text;
        for token in found {
            let held = self.held(&token);
            let granted = held.filter(|(held, _)| {
                let allows = |grant: &&Grant| held.outputs.contains(&grant.output);
                self.grants().iter().filter(allows).any(|grant| grant.to == to && fits(&grant.at))
            });
            let Some((_, value)) = granted else { return Err(self.misplaced(&here(), to, &token)) };
            written = written.replace(&token, value);
        }
        Ok(written)
    }

    fn held(&self, token: &str) -> Option<&(Held, Arc<str>)> {
        let held = self.0.as_deref()?.held.as_ref().ok()?;
        held.iter().find(|(held, _)| held.sealed.token == token)
    }

    fn grants(&self) -> &[Grant] {
        self.0.as_deref().map_or(&[], |inner| inner.grants.as_slice())
    }

    fn misplaced(&self, place: &str, to: &str, token: &str) -> Failure {
        let outputs = self.held(token).map_or(&[][..], |(held, _)| held.outputs.as_slice());
        let Some(output) = outputs.first() else {
            let text =
                format!("a sealed value's token stands in {place}, and no output of this owner holds it");
            return Failure::final_(text);
        };
        let allowed = self.grants().iter().find(|grant| outputs.contains(&grant.output));
        let stands = format!("the token of `{output}` stands in {place}");
        Failure::final_(match allowed {
            Some(grant) => format!("{stands}; its stanza allows it at {} to {} only", grant.at, grant.to),
            None if to.is_empty() => format!("{stands}, where no sealed value is exchanged"),
            None => format!(
                "{stands}; this line in the stanza would allow it: sealed.\"{output}\" = {{ at = \"{place}\", to = \"{to}\" }}"
            ),
        })
    }

    /// Replaces the strings at these pointers by tokens; their ciphers are kept before this returns.
    ///
    /// An answer that says that something went wrong may have any form; any other must be JSON with strings there,
    /// or null, for what cannot be sealed is not shown. Where a pointer names nothing, what it is to keep secret may
    /// stand elsewhere.
    pub(crate) async fn seal(&self, answer: Response, pointers: &[Pointer]) -> Result<Response, Failure> {
        let Some(inner) = self.0.as_deref().filter(|_| !pointers.is_empty()) else { return Ok(answer) };
        if answer.body.is_empty() {
            return Ok(answer);
        }
        let Ok(mut json) = serde_json::from_slice::<Value>(&answer.body) else {
            let text = "the answer is no JSON, so what is to be sealed in it cannot be found";
            return if answer.status < 400 { Err(Failure::final_(text)) } else { Ok(answer) };
        };
        let lost = |pointer: &&Pointer| !pointer.leads_somewhere(&json);
        if answer.status < 400
            && !says_errors_only(&json)
            && let Some(pointer) = pointers.iter().find(lost)
        {
            return Err(Failure::final_(format!("there is nothing at `{pointer}`, which is to be sealed")));
        }
        let (mut sealed, mut values) = (Vec::new(), Vec::new());
        let replaced = replace(&mut json, pointers, |value| {
            let one = inner.sealer.seal(value);
            let token = one.token.clone();
            values.push((token.clone(), Arc::from(value)));
            sealed.push(one);
            token
        });
        // Also of an answer that is not shown after all.
        inner.known.lock().unwrap_or_else(PoisonError::into_inner).learn(values, &inner.sealer.masks);
        replaced?;
        if sealed.is_empty() {
            return Ok(answer);
        }
        if let Some(vault) = &inner.vault {
            vault.keep(sealed).await?;
        }
        Ok(Response { body: json.to_string().into_bytes(), ..answer })
    }

    /// What is masked in what comes back.
    pub(crate) fn known(&self) -> Mask {
        let known = |inner: &Inner| inner.known.lock().unwrap_or_else(PoisonError::into_inner).mask.clone();
        self.0.as_deref().map(known).unwrap_or_default()
    }
}

/// Puts something else in the place of each string at these pointers.
fn replace(
    json: &mut Value,
    pointers: &[Pointer],
    mut other: impl FnMut(&str) -> String,
) -> Result<(), Failure> {
    for pointer in pointers {
        for found in pointer.all_mut(json) {
            match found {
                Value::Null => {}
                // What two pointers name is sealed once.
                Value::String(text) if tokens(text).next() == Some(text.as_str()) => {}
                Value::String(text) => *text = other(text),
                _ => {
                    let text = format!("what is to be sealed at `{pointer}` is no string");
                    return Err(Failure::final_(text));
                }
            }
        }
    }
    Ok(())
}

/// Whether it is GraphQL's way to say that something went wrong, without any data.
fn says_errors_only(answer: &Value) -> bool {
    let errors = answer.get("errors").and_then(Value::as_array).is_some_and(|errors| !errors.is_empty());
    errors && answer.get("data").is_none_or(Value::is_null)
}

/// The tokens within a text.
pub fn tokens(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices(PREFIX).filter_map(|(at, _)| {
        let token = text.get(at..at + PREFIX.len() + DIGITS)?;
        let digits = |digit: u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
        token[PREFIX.len()..].bytes().all(digits).then_some(token)
    })
}

#[cfg(test)]
mod tests;
