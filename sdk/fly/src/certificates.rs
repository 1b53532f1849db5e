//! TLS certificates of an app: `/v1/apps/{app}/certificates` [docs machines/api/certificates-resource].
//!
//! Look before you ask for one: what a repeated request answers is not documented, and Let's Encrypt allows
//! five duplicates a week.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::call::{Call, Method, Request};
use crate::words::{Rest, is_default, nullable};

/// A certificate with what its host name needs in DNS.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Certificate {
    /// The host name, its identity within the app.
    pub hostname: String,
    /// `active`, `pending_validation`, `pending_ownership`; open.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "is_default")]
    pub status: String,
    /// Whether DNS is as it should be.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "is_default")]
    pub configured: bool,
    /// What of it was seen to point here; only in the detail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation: Option<Validation>,
    /// RFC 3339; only in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    /// RFC 3339; until then the certificate authority refuses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limited_until: Option<String>,
    /// What DNS must say; only in the detail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns_requirements: Option<DnsRequirements>,
    /// What is wrong.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "is_default")]
    pub validation_errors: Vec<ValidationError>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// Which ways of validating a host name work, as the platform last saw it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Validation {
    /// The challenge's CNAME is there.
    #[serde(deserialize_with = "nullable")]
    pub dns_configured: bool,
    /// The name leads to the platform's TLS.
    #[serde(deserialize_with = "nullable")]
    pub alpn_configured: bool,
    /// The name leads to the platform's HTTP.
    #[serde(deserialize_with = "nullable")]
    pub http_configured: bool,
}

impl Validation {
    /// Whether anything says that the name still leads here.
    pub const fn points_here(self) -> bool {
        self.dns_configured || self.alpn_configured || self.http_configured
    }
}

/// The records that a host name needs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DnsRequirements {
    /// IPv4 addresses.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "is_default")]
    pub a: Vec<String>,
    /// IPv6 addresses.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "is_default")]
    pub aaaa: Vec<String>,
    /// Instead of addresses.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "is_default")]
    pub cname: String,
    /// The CNAME that proves control to the certificate authority.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acme_challenge: Option<AcmeChallenge>,
    /// The TXT record that proves ownership to Fly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ownership: Option<Ownership>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// A CNAME from `name` to `target`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AcmeChallenge {
    /// Where.
    #[serde(deserialize_with = "nullable")]
    pub name: String,
    /// To what.
    #[serde(deserialize_with = "nullable")]
    pub target: String,
}

/// A TXT record at `name`, of which either value will do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ownership {
    /// Where.
    #[serde(deserialize_with = "nullable")]
    pub name: String,
    /// For this app.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "is_default")]
    pub app_value: String,
    /// For the whole organisation.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "is_default")]
    pub org_value: String,
}

/// Why a certificate is not issued.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ValidationError {
    /// The platform's word, open.
    #[serde(deserialize_with = "nullable")]
    pub code: String,
    /// For people.
    #[serde(deserialize_with = "nullable")]
    pub message: String,
    /// What to do about it.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "is_default")]
    pub remediation: String,
}

/// A page of certificates, without their DNS requirements.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Certificates {
    /// The certificates.
    #[serde(deserialize_with = "nullable")]
    pub certificates: Vec<Certificate>,
    /// Where the next page begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// Largest page that the API gives \[docs\].
const PAGE_MAX: &str = "500";

/// Lists a page of an app's certificates.
pub fn list(app: &str, cursor: Option<&str>) -> Call<Certificates> {
    let request = Request::to(Method::Get, &["apps", app, "certificates"]).with("limit", PAGE_MAX);
    Call::json(request.with_some("cursor", cursor))
}

/// Asks for a certificate of Let's Encrypt.
pub fn request_acme(app: &str, hostname: &str) -> Call<Certificate> {
    let body = json!({ "hostname": hostname });
    Call::json(Request::to(Method::Post, &["apps", app, "certificates", "acme"]).send(body))
}

/// Shows one certificate with its DNS requirements.
pub fn show(app: &str, hostname: &str) -> Call<Certificate> {
    Call::json(Request::to(Method::Get, &["apps", app, "certificates", hostname]))
}

/// Has DNS looked at now. A POST, but one that makes nothing, and has no body \[spec\].
pub fn check(app: &str, hostname: &str) -> Call<Certificate> {
    Call::json(Request::to(Method::Post, &["apps", app, "certificates", hostname, "check"]))
}

/// Removes a host name with all its certificates.
pub fn delete(app: &str, hostname: &str) -> Call<()> {
    Call::plain(Request::to(Method::Delete, &["apps", app, "certificates", hostname]))
}
