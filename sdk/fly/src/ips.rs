//! IP addresses of an app: `/v1/apps/{app}/ip_assignments`.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::call::{Call, Method, Request};
use crate::words::{Rest, is_default, nullable};

/// An address of an app. It has no id but itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ip {
    /// The address; null for an egress pair.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "is_default")]
    pub ip: String,
    /// The region, for those that have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Whether others have it too.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "is_default")]
    pub shared: bool,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// What an address is. The specification gives it no type, so it is told from the address itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IpKind {
    /// A dedicated IPv4 address, which costs money.
    V4,
    /// A public IPv6 address.
    V6,
    /// An IPv4 address that apps share.
    SharedV4,
    /// A private address inside the organisation's network (Flycast).
    PrivateV6,
    /// Addresses that machines call from, an IPv4 and an IPv6 one; nobody reaches the app by them.
    Egress,
}

/// Addresses of an app, all in one answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ips {
    /// The addresses.
    #[serde(deserialize_with = "nullable")]
    pub ips: Vec<Ip>,
}

/// What a new address should be like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewIp<'a> {
    /// What it should be.
    pub kind: IpKind,
    /// The region, if not the platform's choice.
    pub region: Option<&'a str>,
    /// The network of a private one; does *not* default to the app's own [docs blueprints].
    pub network: Option<&'a str>,
}

impl Ip {
    /// What this address is: what says `egress`, or has no address of its own, is for calls from the app; then `fdaa:`
    /// is private, any other `:` public IPv6, then shared or dedicated IPv4.
    pub fn kind(&self) -> IpKind {
        if self.is_egress() {
            IpKind::Egress
        } else if self.ip.to_ascii_lowercase().starts_with("fdaa:") {
            IpKind::PrivateV6
        } else if self.ip.contains(':') {
            IpKind::V6
        } else if self.shared {
            IpKind::SharedV4
        } else {
            IpKind::V4
        }
    }

    /// Not in the specification of 2026-05: newer answers have a field `egress`, and a pair as `ip_pair`, without `ip`.
    fn is_egress(&self) -> bool {
        let says = |field: &Value| !matches!(field, Value::Null | Value::Bool(false));
        self.ip.is_empty() || self.rest.get("egress").is_some_and(says)
    }
}

impl IpKind {
    /// The word that the API uses when an address is asked for.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V4 => "v4",
            Self::V6 => "v6",
            Self::SharedV4 => "shared_v4",
            Self::PrivateV6 => "private_v6",
            Self::Egress => "egress_pair",
        }
    }

    /// Whether every request makes another one. Asking for the shared address again does not.
    pub const fn is_anonymous(self) -> bool {
        !matches!(self, Self::SharedV4)
    }
}

/// Lists an app's addresses.
pub fn list(app: &str) -> Call<Ips> {
    Call::json(Request::to(Method::Get, &["apps", app, "ip_assignments"]))
}

/// Asks for an address. Not idempotent: each request for a dedicated one allocates another.
///
/// `org_slug` is never sent: with it, all types but `private_v6` are refused with 400 \[live\].
pub fn allocate(app: &str, new: NewIp<'_>) -> Call<Ip> {
    let mut body = json!({ "type": new.kind.as_str() });
    for (key, value) in [("region", new.region), ("network", new.network)] {
        if let Some(value) = value {
            body[key] = Value::from(value);
        }
    }
    Call::json(Request::to(Method::Post, &["apps", app, "ip_assignments"]).send(body))
}

/// Gives an address back. Others may get it afterwards.
pub fn release(app: &str, ip: &str) -> Call<()> {
    Call::plain(Request::to(Method::Delete, &["apps", app, "ip_assignments", ip]))
}
