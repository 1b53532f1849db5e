//! The GraphQL API, for the little that only it has: add-ons, WireGuard peers, egress addresses.
//!
//! The vendor calls it internal and promises nothing; hence one small module, and queries that ask for no more
//! than they need. In particular never for an add-on's `environment`, `password` or `metadata`, which hold secrets.
//! It lives on another host than the Machines API: [`PUBLIC`].

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::call::{Call, Method, Request};
use crate::words::{Rest, nullable};
use crate::{Answer, ApiError};

/// The public address [fly-go client.go].
pub const PUBLIC: &str = "https://api.fly.io";

/// Nodes that one page may have.
const PAGE: u32 = 100;

/// One page of a connection.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Page<T> {
    /// What is on it.
    pub nodes: Vec<T>,
    #[serde(default, rename = "pageInfo")]
    page: PageInfo,
}

/// Where a page ends. One that is followed by others and does not say where cannot be read.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(try_from = "Told")]
struct PageInfo {
    next: Option<String>,
}

#[derive(Deserialize)]
struct Told {
    #[serde(default, rename = "hasNextPage", deserialize_with = "nullable")]
    more: bool,
    #[serde(default, rename = "endCursor")]
    end: Option<String>,
}

impl TryFrom<Told> for PageInfo {
    type Error = &'static str;

    fn try_from(told: Told) -> Result<Self, Self::Error> {
        match told.end.filter(|end| told.more && !end.is_empty()) {
            None if told.more => Err("another page follows, and no cursor says where"),
            next => Ok(Self { next }),
        }
    }
}

/// An add-on: Tigris, Upstash, ... It belongs to the organisation, and stays and bills when its app goes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct AddOn {
    /// The id; deletions must go by it, never by the name (flyctl#4467).
    pub id: String,
    /// The name.
    #[serde(deserialize_with = "nullable")]
    pub name: String,
    /// The platform's word, open.
    #[serde(deserialize_with = "nullable")]
    pub status: String,
    /// RFC 3339.
    pub created_at: Option<String>,
    /// RFC 3339.
    pub updated_at: Option<String>,
    /// `tigris`, `upstash_redis`, ...
    pub add_on_provider: Option<Named>,
    /// The app it was made for.
    pub app: Option<Named>,
    /// The apps it is attached to.
    #[serde(deserialize_with = "nullable")]
    pub apps: Nodes<Named>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// Something of which only the name matters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// The name.
    #[serde(default, deserialize_with = "nullable")]
    pub name: String,
}

/// A connection of which only the nodes matter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nodes<T> {
    /// What is on it.
    pub nodes: Vec<T>,
}

/// A WireGuard peer of an organisation. The API shows neither when it was made nor when it was last used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Peer {
    /// The id.
    pub id: String,
    /// The name.
    #[serde(deserialize_with = "nullable")]
    pub name: String,
    /// The gateway's region.
    #[serde(deserialize_with = "nullable")]
    pub region: String,
    /// Its address.
    #[serde(rename = "peerip", deserialize_with = "nullable")]
    pub ip: String,
}

/// A static egress address of an app.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Egress {
    /// The id.
    pub id: String,
    /// The address.
    #[serde(deserialize_with = "nullable")]
    pub ip: String,
    /// 4 or 6.
    #[serde(deserialize_with = "nullable")]
    pub version: u8,
    /// The region's code.
    #[serde(deserialize_with = "nullable")]
    pub region: String,
    /// RFC 3339.
    pub updated_at: Option<String>,
}

impl<T> Default for Nodes<T> {
    fn default() -> Self {
        Self { nodes: Vec::new() }
    }
}

impl<T> Page<T> {
    /// Where the next page begins.
    pub fn next(&self) -> Option<&str> {
        self.page.next.as_deref()
    }
}

impl AddOn {
    /// The names of all its apps.
    pub fn app_names(&self) -> Vec<&str> {
        let names = self.app.iter().chain(&self.apps.nodes).map(|app| app.name.as_str());
        names.filter(|name| !name.is_empty()).collect()
    }

    /// The provider's name, or nothing.
    pub fn provider(&self) -> &str {
        self.add_on_provider.as_ref().map_or("", |provider| &provider.name)
    }
}

/// Lists a page of an organisation's add-ons, those of its apps included.
pub fn add_ons(org_slug: &str, after: Option<&str>) -> Call<Page<AddOn>> {
    const QUERY: &str = "query ListOrganizationAddOns($slug: String!, $first: Int, $after: String) { \
         organization(slug: $slug) { addOns(first: $first, after: $after) { \
         nodes { id name status createdAt updatedAt addOnProvider { name } app { name } apps { nodes { name } } } \
         pageInfo { hasNextPage endCursor } } } }";
    let request = ask(QUERY, &json!({ "slug": org_slug, "first": PAGE, "after": after }));
    Call::new(request, |answer| node(answer, "/organization/addOns"))
}

/// Lists a page of an organisation's WireGuard peers.
pub fn peers(org_slug: &str, after: Option<&str>) -> Call<Page<Peer>> {
    const QUERY: &str = "query($slug: String!, $first: Int, $after: String) { \
         organization(slug: $slug) { wireGuardPeers(first: $first, after: $after) { \
         nodes { id name region peerip } pageInfo { hasNextPage endCursor } } } }";
    let request = ask(QUERY, &json!({ "slug": org_slug, "first": PAGE, "after": after }));
    Call::new(request, |answer| node(answer, "/organization/wireGuardPeers"))
}

/// Lists an app's static egress addresses. Of an app that is gone nobody can ask.
pub fn egress(app: &str) -> Call<Page<Egress>> {
    const QUERY: &str = "query($app: String!) { app(name: $app) { \
         egressIpAddresses { nodes { id ip version region updatedAt } pageInfo { hasNextPage endCursor } } } }";
    Call::new(ask(QUERY, &json!({ "app": app })), |answer| node(answer, "/app/egressIpAddresses"))
}

fn ask(query: &str, variables: &Value) -> Request {
    let body = json!({ "query": query, "variables": variables });
    Request { method: Method::Post, path_and_query: "/graphql".to_owned(), body: Some(body) }
}

/// Takes one object out of an answer's `data`. Errors come with status 200; a null in its place is one, too.
fn node<T: DeserializeOwned>(answer: &Answer, pointer: &str) -> Result<T, ApiError> {
    let body: Value = answer.json()?;
    let wrong = body["errors"].as_array().and_then(|errors| errors.first());
    if let Some(wrong) = wrong {
        let message = wrong["message"].as_str().unwrap_or("an error without a message").to_owned();
        return Err(ApiError::GraphQl { message });
    }
    match body["data"].pointer(pointer).filter(|found| !found.is_null()) {
        Some(found) => T::deserialize(found).map_err(|source| ApiError::Unreadable {
            status: answer.status,
            request_id: answer.header("fly-request-id").map(str::to_owned),
            source,
        }),
        None => Err(ApiError::GraphQl { message: format!("the answer has no `{pointer}`") }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Class;

    fn answer(body: &Value) -> Answer {
        Answer::new(200, body.to_string().as_bytes())
    }

    #[test]
    fn add_ons_are_read_with_their_apps_and_the_next_page() {
        let body = json!({"data": {"organization": {"addOns": {"nodes": [
            {"id": "a1", "name": "assets", "status": "ready", "app": null, "apps": {"nodes": [{"name": "web"}]},
             "addOnProvider": {"name": "tigris"}, "createdAt": "2026-01-01T00:00:00Z"},
            {"id": "a2", "name": null, "app": null, "apps": null},
        ], "pageInfo": {"hasNextPage": true, "endCursor": "x"}}}}});
        let page = add_ons("acme", None).read(&answer(&body)).unwrap();
        assert_eq!((page.nodes[0].app_names(), page.nodes[0].provider()), (vec!["web"], "tigris"));
        assert_eq!((page.nodes[1].app_names(), page.next()), (vec![], Some("x")));
    }

    #[test]
    fn a_page_that_hides_the_next_one_cannot_be_read() {
        let read = |info: Value| {
            let body = json!({"data": {"organization": {"addOns": {"nodes": [], "pageInfo": info}}}});
            add_ons("acme", None).read(&answer(&body))
        };
        for cursor in [Value::Null, json!("")] {
            let hidden = read(json!({"hasNextPage": true, "endCursor": cursor})).unwrap_err();
            assert_eq!(hidden.class(), Class::Later, "{hidden}");
            assert_eq!(read(json!({"hasNextPage": false, "endCursor": cursor})).unwrap().next(), None);
        }
    }

    #[test]
    fn errors_with_status_200_are_errors() {
        let class = |message: &str| {
            let body = json!({"data": null, "errors": [{"message": message}]});
            egress("web").read(&answer(&body)).unwrap_err().class()
        };
        assert_eq!(class("Could not find App"), Class::Gone);
        assert_eq!(class("Not authorized to access this organization"), Class::Denied);
        assert_eq!(class("Something went wrong"), Class::Later);
        let nothing = peers("acme", None).read(&answer(&json!({"data": {"organization": null}})));
        assert_eq!(nothing.unwrap_err().class(), Class::Later);
    }

    #[test]
    fn no_query_asks_for_secrets() {
        for call in [add_ons("a", None).request, peers("a", None).request, egress("a").request] {
            let text = call.body.unwrap().to_string();
            assert!(
                ["environment", "password", "metadata", "ssoLink"].iter().all(|word| !text.contains(word))
            );
            assert_eq!(call.path_and_query, "/graphql");
        }
    }
}
