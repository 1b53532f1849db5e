//! Secrets: guests hold opaque tokens, the host exchanges them on the way out.
//!
//! A token becomes its value only at the position and host that the stanza names; anywhere else the request
//! is refused. Known values are masked in everything that comes back or is kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use groundcrew_core::hash::Digest;
use groundcrew_core::spec::Failure;
use url::Url;

use crate::mask::Mask;

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
#[derive(Clone, PartialEq, Eq)]
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
    mask: Mask,
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
        let known: Vec<String> = by_name.values().flat_map(parts).collect();
        Self { by_name, mask: Mask::of(known.iter().map(String::as_str)) }
    }

    /// Itself, if that is what it is made of; else the set of these. A mask takes longer to make than to compare.
    #[must_use]
    pub fn renewed(self: &Arc<Self>, by_name: BTreeMap<String, Secret>) -> Arc<Self> {
        if self.by_name == by_name { self.clone() } else { Arc::new(Self::new(by_name)) }
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
        self.mask.bytes(bytes)
    }

    /// Replaces known values by `***` in text that is kept.
    pub(crate) fn mask_text(&self, text: String) -> String {
        self.mask.text(text)
    }
}

/// From this length on a part of an address is taken for its secret, and no longer for a word.
const PART_FROM: usize = 16;

/// What of a secret is one in itself: the whole value, and what a service takes it apart into.
fn parts(secret: &Secret) -> Vec<String> {
    let value = secret.value.trim();
    let mut parts = vec![secret.value.to_string()];
    match (&secret.at, Url::parse(value)) {
        (Position::Url, Ok(url)) => parts.extend(parts_of_address(&url)),
        (Position::Header(_), _) => parts.extend(credentials(value)),
        (Position::Url, Err(_)) => {}
    }
    match &secret.sign {
        Sign::None => {}
        // What follows the prefix is the key.
        Sign::StandardWebhooks => parts.extend(value.strip_prefix("whsec_").map(str::to_owned)),
        Sign::Sigv4(_) => {
            parts.extend(
                AwsKey::of(value).into_iter().flat_map(|key| [key.id.to_owned(), key.secret.to_owned()]),
            );
        }
    }
    if secret.format == Format::Fly {
        let words = value.split([',', ' ']).map(str::trim);
        parts.extend(words.map(str::to_owned));
    }
    parts
}

/// An address as it is resolved, what is asked of its host, its password, and segments and parameters that are no words.
fn parts_of_address(url: &Url) -> Vec<String> {
    let mut parts =
        vec![url.to_string(), url[url::Position::BeforePath..url::Position::AfterQuery].to_owned()];
    parts.extend(url.password().map(str::to_owned));
    let segments = url.path_segments().into_iter().flatten().map(str::to_owned);
    let parameters = url.query_pairs().map(|(_, value)| value.into_owned());
    parts.extend(segments.chain(parameters).filter(|part| part.len() >= PART_FROM));
    parts
}

/// Of a value that is written for `Authorization: Basic`: what stands behind that word, what it says, and the password.
fn credentials(value: &str) -> Vec<String> {
    let bare = value.strip_prefix("Basic ").unwrap_or(value);
    let decoded = STANDARD.decode(bare).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let pair = decoded.filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic()));
    let Some((pair, password)) = pair.as_deref().and_then(|pair| Some((pair, pair.split_once(':')?.1)))
    else {
        return Vec::new();
    };
    vec![bare.to_owned(), pair.to_owned(), password.to_owned()]
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
    fn a_set_that_is_read_again_is_made_again_only_if_it_changed() {
        let before = Arc::new(secrets(Position::Url, Format::Plain));
        assert!(Arc::ptr_eq(&before, &before.renewed(before.by_name.clone())));
        let mut changed = before.by_name.clone();
        changed.get_mut("KEY").unwrap().value = "s3cret-now".into();
        let after = before.renewed(changed);
        assert_eq!(after.mask_text("s3cret-now, s3cret-value".to_owned()), "***, s3cret-value");
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
    fn what_services_take_a_secret_apart_into_is_masked() {
        let mask = |at: Position, value: &str, sign: Sign, said: &str| {
            let mut secrets = secrets(at, Format::Plain);
            let secret = Secret { value: value.into(), sign, ..secrets.by_name.remove("KEY").unwrap() };
            Secrets::new([("KEY".to_owned(), secret)].into()).mask_text(said.to_owned())
        };
        let header = || Position::Header("authorization".to_owned());
        let basic = STANDARD.encode("user:pass-word-9");
        for value in [basic.clone(), format!("Basic {basic}")] {
            let masked =
                mask(header(), &value, Sign::None, &format!("{basic} user:pass-word-9 pass-word-9 user"));
            assert_eq!(masked, "*** *** *** user");
        }
        let url =
            "https://user:pass-word-9@hooks.example/services/T0123456789abcdef?key=0123456789abcdef&a=b";
        let masked =
            mask(Position::Url, url, Sign::None, "pass-word-9 T0123456789abcdef 0123456789abcdef services");
        assert_eq!(masked, "*** *** *** services");
        let masked = mask(header(), "whsec_c2VjcmV0LWtleQ==", Sign::StandardWebhooks, "c2VjcmV0LWtleQ==");
        assert_eq!(masked, "***");
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
