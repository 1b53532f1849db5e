//! Secrets: guests hold opaque tokens, the host exchanges them on the way out.
//!
//! A token becomes its value only at the position and host that the stanza names; anywhere else the request
//! is refused. Known values are masked in everything that comes back or is kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use groundcrew_core::hash::Digest;
use groundcrew_core::spec::Failure;
use url::Url;

/// Secret values shorter than this are not masked: they would mask ordinary words.
pub const MASKED_FROM: usize = 8;

const PREFIX: &str = "gct_";

/// Where a secret's value may be put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Position {
    /// A header of this name, in lower case.
    Header(String),
    /// The whole URL: the address itself is the secret.
    Url,
}

/// How a value is written at its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Format {
    /// As it is, in place of the token.
    #[default]
    Plain,
    /// `Bearer ...` or `FlyV1 ...`, as Fly's tokens need it; in place of the whole header.
    Fly,
}

/// What is done with a request besides exchanging the token.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Sign {
    /// Nothing.
    #[default]
    None,
    /// Signed as the Standard Webhooks specification says, with this secret as key.
    StandardWebhooks,
    /// Signed as AWS Signature Version 4 says; the secret's value is an [`AwsKey`].
    Sigv4(Signing),
}

/// What a signature of AWS is good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signing {
    /// Such as `eu-central-1`.
    pub region: String,
    /// Such as `s3`.
    pub service: String,
}

/// An access key, written `ACCESS_KEY_ID:SECRET`.
pub struct AwsKey<'a> {
    /// What it is called. Masked like the secret, though it is sent along.
    pub id: &'a str,
    /// What signs.
    pub secret: &'a str,
}

impl std::fmt::Debug for AwsKey<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AwsKey").finish_non_exhaustive()
    }
}

impl<'a> AwsKey<'a> {
    /// Reads a secret's value; none if it has another shape.
    pub fn of(value: &'a str) -> Option<Self> {
        let (id, secret) = value.trim().split_once(':')?;
        let legal = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        (legal(id) && !id.contains(['/', ',']) && legal(secret)).then_some(Self { id, secret })
    }
}

/// One secret of a hook, resolved.
#[derive(Clone)]
pub struct Secret {
    /// The token that the guest holds.
    pub token: String,
    /// The value. Never shown.
    pub value: Arc<str>,
    /// Where it may be put.
    pub at: Position,
    /// How it is written there.
    pub format: Format,
    /// `host:port` it may be sent to; for [`Position::Url`] its own.
    pub to: String,
    /// Whether it signs requests to that host.
    pub sign: Sign,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secret").field("at", &self.at).field("to", &self.to).finish_non_exhaustive()
    }
}

/// The secrets of one hook, by the hook's own names.
#[derive(Clone, Default)]
pub struct Secrets {
    by_name: BTreeMap<String, Secret>,
    /// What is masked, the longest first.
    known: Vec<String>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secrets").field("by_name", &self.by_name).finish_non_exhaustive()
    }
}

/// Makes the token of a hook's secret: unguessable without the installation's key, the same every time.
pub fn token(key: &[u8; 32], hook: &str, name: &str) -> String {
    let digest = Digest::keyed(key, format!("{hook}\n{name}").as_bytes());
    format!("{PREFIX}{}", &digest.to_string()[..40])
}

impl Secrets {
    /// Makes the set of a hook.
    pub fn new(by_name: BTreeMap<String, Secret>) -> Self {
        let mut known: Vec<String> = by_name.values().flat_map(spellings).collect();
        known.retain(|spelling| spelling.len() >= MASKED_FROM);
        known.sort_unstable_by_key(|spelling| std::cmp::Reverse(spelling.len()));
        Self { by_name, known }
    }

    /// The token of a secret.
    pub fn token(&self, name: &str) -> Result<String, Failure> {
        let missing = || {
            let names: Vec<_> = self.by_name.keys().map(String::as_str).collect();
            let has = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            Failure::final_(format!(
                "no secret `{name}`; this stanza grants: {has}. Add: secret.{name} = {{ from = \"...\", at = \"header:...\", to = \"HOST\" }}"
            ))
        };
        self.by_name.get(name).map(|secret| secret.token.clone()).ok_or_else(missing)
    }

    /// The token of each secret, by the hook's own names.
    pub fn tokens(&self) -> BTreeMap<&str, &str> {
        self.by_name.iter().map(|(name, secret)| (name.as_str(), secret.token.as_str())).collect()
    }

    /// Secrets without values, for a replay: whoever is given their tokens asks as it did, and nothing leaves.
    pub fn of_tokens(tokens: BTreeMap<String, String>) -> Self {
        let secret = |token| Secret {
            token,
            value: Arc::from(""),
            at: Position::Header(String::new()),
            format: Format::Plain,
            to: String::new(),
            sign: Sign::None,
        };
        Self::new(tokens.into_iter().map(|(name, token)| (name, secret(token))).collect())
    }

    /// The address that a URL token stands for, with whatever path or query follows the token.
    ///
    /// What follows must not lead to another host, nor out of the secret's own path, nor hold a token itself.
    pub(crate) fn exchange_url(&self, url: &str) -> Result<Option<Url>, Failure> {
        let begins = |secret: &&Secret| secret.at == Position::Url && url.starts_with(&secret.token);
        let Some(secret) = self.by_name.values().find(begins) else { return Ok(None) };
        let rest = &url[secret.token.len()..];
        self.refuse_in("the rest of a URL", rest.as_bytes())?;
        let own = Url::parse(&secret.value).map_err(|_| Failure::final_("the secret's value is no URL"))?;
        let whole = Url::parse(&format!("{}{rest}", secret.value)).ok();
        let same = |whole: &Url| {
            let user = |url: &Url| (url.username().to_owned(), url.password().map(str::to_owned));
            whole.origin() == own.origin()
                && user(whole) == user(&own)
                && whole.path().starts_with(own.path())
        };
        let text = "what follows the token of a secret URL may extend its path or query, no more";
        whole.filter(same).filter(|_| !climbs(rest)).map(Some).ok_or_else(|| Failure::final_(text))
    }

    /// Exchanges the token in one header, or says why it must not stand there.
    pub(crate) fn exchange_header(&self, name: &str, value: &str, to: &str) -> Result<String, Failure> {
        let mut written = value.to_owned();
        for secret in self.by_name.values().filter(|secret| value.contains(&secret.token)) {
            if secret.at != Position::Header(name.to_owned()) || secret.to != to {
                return Err(misplaced(&format!("header `{name}` to {to}"), secret));
            }
            written = match secret.format {
                Format::Plain => written.replace(&secret.token, &secret.value),
                Format::Fly => fly_authorization(&secret.value),
            };
        }
        Ok(written)
    }

    /// Refuses tokens where they are never exchanged.
    pub(crate) fn refuse_in(&self, place: &str, text: &[u8]) -> Result<(), Failure> {
        let within = |secret: &&Secret| contains(text, secret.token.as_bytes());
        self.by_name.values().find(within).map_or(Ok(()), |secret| Err(misplaced(place, secret)))
    }

    /// The secret that signs requests to this host.
    pub(crate) fn signer(&self, to: &str) -> Option<&Secret> {
        self.by_name.values().find(|secret| secret.sign != Sign::None && secret.to == to)
    }

    /// Replaces known values by `***` in what comes back.
    pub(crate) fn mask(&self, bytes: Vec<u8>) -> Vec<u8> {
        self.known.iter().fold(bytes, |bytes, known| replace(bytes, known.as_bytes(), b"***"))
    }

    /// Replaces known values by `***` in text that is kept.
    pub(crate) fn mask_text(&self, text: String) -> String {
        let mask = |text: String, known: &String| {
            if text.contains(known) { text.replace(known, "***") } else { text }
        };
        self.known.iter().fold(text, mask)
    }
}

/// How a value may look when somebody echoes it: as it is, or as it is written on the wire.
fn spellings(secret: &Secret) -> Vec<String> {
    let mut spellings = vec![secret.value.to_string(), secret.value.trim().to_owned()];
    if let (Position::Url, Ok(url)) = (&secret.at, Url::parse(&secret.value)) {
        spellings.push(url.to_string());
        spellings.push(url[url::Position::BeforePath..url::Position::AfterQuery].to_owned());
    }
    if let (Sign::Sigv4(_), Some(key)) = (&secret.sign, AwsKey::of(&secret.value)) {
        spellings.extend([key.id.to_owned(), key.secret.to_owned()]);
    }
    if secret.format == Format::Fly {
        let words = secret.value.split([',', ' ']).map(str::trim);
        spellings.extend(words.map(str::to_owned));
    }
    spellings.dedup();
    spellings
}

fn misplaced(place: &str, secret: &Secret) -> Failure {
    let allowed = match &secret.at {
        Position::Header(name) => format!("header:{name} to {}", secret.to),
        Position::Url => "the URL itself".to_owned(),
    };
    Failure::final_(format!("a secret's token stands in {place}; its stanza allows it at {allowed} only"))
}

/// Whether a dot segment stands in the path that a text goes on with, also where only an outside would read it as one.
fn climbs(rest: &str) -> bool {
    // White space within a URL is nothing to some readers, and `%2e` is `.` to some.
    let path = rest.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    let dots = |segment: &str| matches!(segment, "." | "..");
    path.contains("%2e") || path.contains(['\t', '\n', '\r']) || path.split(['/', '\\']).any(dots)
}

/// Writes a Fly token as its vendor's client does: macaroons (`fm1r_`, `fm1a_`, `fm2_`) as `FlyV1`, others as
/// `Bearer` (fly-go, `tokens.go`).
fn fly_authorization(value: &str) -> String {
    let bare = value.trim().trim_start_matches("Bearer ").trim_start_matches("FlyV1 ").trim();
    let macaroons: Vec<_> = bare
        .split(',')
        .map(str::trim)
        .filter(|part| ["fm1r_", "fm1a_", "fm2_"].iter().any(|prefix| part.starts_with(prefix)))
        .collect();
    if macaroons.is_empty() { format!("Bearer {bare}") } else { format!("FlyV1 {}", macaroons.join(",")) }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

pub(crate) fn replace(bytes: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    if !contains(&bytes, from) {
        return bytes;
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes.as_slice();
    while let Some(at) = rest.windows(from.len()).position(|window| window == from) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(to);
        rest = &rest[at + from.len()..];
    }
    out.extend_from_slice(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(at: Position, format: Format) -> Secrets {
        let token = token(&[7; 32], "dns", "KEY");
        let secret = Secret {
            token,
            value: "s3cret-value".into(),
            at,
            format,
            to: "a.example:443".to_owned(),
            sign: Sign::None,
        };
        Secrets::new([("KEY".to_owned(), secret)].into())
    }

    #[test]
    fn a_token_becomes_its_value_at_its_place_only() {
        let secrets = secrets(Position::Header("x-api-key".to_owned()), Format::Plain);
        let token = secrets.token("KEY").unwrap();
        assert_eq!(secrets.exchange_header("x-api-key", &token, "a.example:443").unwrap(), "s3cret-value");
        for (name, to) in [("x-api-key", "b.example:443"), ("authorization", "a.example:443")] {
            let refused = secrets.exchange_header(name, &token, to).unwrap_err();
            assert!(refused.message.contains("header:x-api-key to a.example:443 only"), "{refused}");
        }
        assert!(secrets.refuse_in("the body", token.as_bytes()).is_err());
        assert!(secrets.token("OTHER").unwrap_err().message.contains("this stanza grants: KEY"));
    }

    #[test]
    fn a_secret_address_is_extended_and_never_left() {
        let at = |own: &str| {
            let mut secrets = secrets(Position::Url, Format::Plain);
            secrets.by_name.get_mut("KEY").unwrap().value = own.into();
            move |rest: &str| {
                let token = secrets.token("KEY").unwrap();
                secrets.exchange_url(&format!("{token}{rest}")).ok().flatten().map(String::from)
            }
        };
        let hook = at("https://hooks.example/T1/s3cret");
        for (rest, whole) in [
            ("", "https://hooks.example/T1/s3cret"),
            ("/x?y=../z", "https://hooks.example/T1/s3cret/x?y=../z"),
            ("?y=1", "https://hooks.example/T1/s3cret?y=1"),
            ("/a..b", "https://hooks.example/T1/s3cret/a..b"),
        ] {
            assert_eq!(hook(rest).as_deref(), Some(whole));
        }
        for rest in [
            "/../../x",
            "/..",
            "/.",
            "/x/../../s3cret/../y",
            "/%2e%2e/x",
            "/%2E./x",
            "\\..\\..\\x",
            "/.\t./.\n./x",
        ] {
            assert_eq!(hook(rest), None, "{rest:?}");
        }
        assert_eq!(at("https://hooks.example")("/../x"), None, "also where it would change nothing");
    }

    #[test]
    fn values_are_masked_in_answers() {
        let secrets = secrets(Position::Url, Format::Plain);
        assert_eq!(secrets.mask(b"<s3cret-value> s3cret-value".to_vec()), b"<***> ***");
        assert_eq!(secrets.mask_text("echo s3cret-value".to_owned()), "echo ***");
    }

    #[test]
    fn both_halves_of_an_access_key_are_masked() {
        let signing = Signing { region: "eu".to_owned(), service: "s3".to_owned() };
        let secret = Secret {
            token: "gct_x".to_owned(),
            value: "AKIDEXAMPLE:wJalrXUtnFEMI".into(),
            at: Position::Header("authorization".to_owned()),
            format: Format::Plain,
            to: "a.example:443".to_owned(),
            sign: Sign::Sigv4(signing),
        };
        let secrets = Secrets::new([("AWS".to_owned(), secret)].into());
        let echo = "AKIDEXAMPLE, wJalrXUtnFEMI, AKIDEXAMPLE:wJalrXUtnFEMI".to_owned();
        assert_eq!(secrets.mask_text(echo), "***, ***, ***");
        for wrong in ["AKIDEXAMPLE", ":secret", "id:", "a b:c", "a/b:c"] {
            assert!(AwsKey::of(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn fly_tokens_are_written_as_their_vendor_does() {
        for (value, written) in [
            ("FlyV1 fm2_abc,fm2_def,fo1_x", "FlyV1 fm2_abc,fm2_def"),
            ("fo1_plain", "Bearer fo1_plain"),
            ("Bearer fm1r_x", "FlyV1 fm1r_x"),
        ] {
            assert_eq!(fly_authorization(value), written);
        }
    }
}
