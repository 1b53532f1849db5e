//! An app's IP addresses on Fly.
//!
//! | kind | class | key | id |
//! |---|---|---|---|
//! | `shared-v4` | natural: asking again does not make another | `shared` | `{app}/{ip}`, since apps share it |
//! | `v4`, `v6` | anonymous: each POST allocates another address | region or `global` | the address |
//! | `private-v6` | anonymous | network or `default` | the address |
//!
//! Addresses carry neither name nor mark, so the host tells ours from others by what was there before and when
//! it was made. All die with their app. Outputs: `v4`, `v6`, `private_v6`.

mod config;

use groundcrew_hook::fly::ips::{self, Ip, IpKind, NewIp};
use groundcrew_hook::fly::{Api, is_gone};
use groundcrew_hook::{
    Failure, Inventory, Listed, Owner, Provisioner, Result, Spec, Thing, ThingPage, View, Want, json,
};

use crate::config::Config;

/// The hook.
#[derive(Debug)]
pub struct FlyIp;

impl Provisioner for FlyIp {
    fn desired(view: &View) -> Result<Vec<Spec>> {
        Ok(groundcrew_hook::config::<Config>()?.wanted(&view.owner))
    }

    fn find(want: &Want) -> Result<Vec<Thing>> {
        let (kind, app) = (kind_of(&want.kind)?, want.owner.app()?);
        let all = open()?.call(&ips::list(app))?.ips;
        let things = all.iter().filter_map(|ip| Some((ip, thing(ip, app)?)));
        // What is known is known by its id: the platform may say another region of it than was asked for.
        let it = |(ip, thing): &(&Ip, Thing)| match &want.id {
            Some(id) => *id == thing.id,
            None => could_be(ip, kind, want),
        };
        Ok(things.filter(it).map(|(_, thing)| thing).collect())
    }

    fn create(want: &Want) -> Result<Thing> {
        let (kind, app) = (kind_of(&want.kind)?, want.owner.app()?);
        let (region, network) = (text(want, "region"), text(want, "network"));
        let made = open()?.call(&ips::allocate(app, NewIp { kind, region, network }))?;
        thing(&made, app).ok_or_else(|| Failure::passing("the API answered without an address"))
    }

    fn remove(want: &Want, now: &Thing) -> Result<Option<Thing>> {
        let app = want.owner.app()?;
        match open()?.ask(&ips::release(app, address(&now.id)))? {
            Err(error) if !is_gone(&error) => Err(groundcrew_hook::fly::failure(&error)),
            _ => Ok(None),
        }
    }
}

impl Inventory for FlyIp {
    fn scan(owner: Option<&Owner>, _cursor: Option<&str>) -> Result<ThingPage> {
        let owner = owner.ok_or_else(|| Failure::lasting("addresses are listed app by app"))?;
        let app = owner.app()?;
        let all = open()?.call(&ips::list(app))?.ips;
        let listed = |ip: &Ip| {
            let key = (ip.kind() == IpKind::SharedV4).then(|| config::SHARED.to_owned());
            Some(Listed { kind: word(ip.kind())?.to_owned(), key, thing: thing(ip, app)? })
        };
        Ok(ThingPage { things: all.iter().filter_map(listed).collect(), next: None })
    }
}

fn open() -> Result<Api> {
    Api::at(groundcrew_hook::config::<Config>()?.api.as_deref())
}

/// The manifest's word for a kind; none for addresses that machines call from, which are no concern of this hook.
const fn word(kind: IpKind) -> Option<&'static str> {
    match kind {
        IpKind::SharedV4 => Some("shared-v4"),
        IpKind::V4 => Some("v4"),
        IpKind::V6 => Some("v6"),
        IpKind::PrivateV6 => Some("private-v6"),
        IpKind::Egress => None,
    }
}

fn kind_of(kind: &str) -> Result<IpKind> {
    let all = [IpKind::SharedV4, IpKind::V4, IpKind::V6, IpKind::PrivateV6];
    let found = all.into_iter().find(|one| word(*one) == Some(kind));
    found.ok_or_else(|| Failure::lasting(format!("`{kind}` is no kind of address")))
}

fn text<'a>(want: &'a Want, field: &str) -> Option<&'a str> {
    want.body[field].as_str()
}

/// Whether this address could be the wanted one: of its kind, and in its region where both name one.
fn could_be(ip: &Ip, kind: IpKind, want: &Want) -> bool {
    let elsewhere = |wanted: &str| region_of(ip).is_some_and(|region| region != wanted);
    ip.kind() == kind && !text(want, "region").is_some_and(elsewhere)
}

/// The region that an address is in; one that is `global` is in none.
fn region_of(ip: &Ip) -> Option<&str> {
    ip.region.as_deref().filter(|region| !matches!(*region, "" | config::GLOBAL))
}

/// An address's id within its kind. A shared one is the same for many apps, hence with the app's name.
fn thing(ip: &Ip, app: &str) -> Option<Thing> {
    let (id, output) = match ip.kind() {
        IpKind::Egress => return None,
        IpKind::SharedV4 => (format!("{app}/{}", ip.ip), "v4"),
        IpKind::V4 => (ip.ip.clone(), "v4"),
        IpKind::V6 => (ip.ip.clone(), "v6"),
        IpKind::PrivateV6 => (ip.ip.clone(), "private_v6"),
    };
    let body = region_of(ip).map_or(json!({}), |region| json!({ "region": region }));
    Some(Thing::new(id, body).made(ip.created_at.clone()).output(output, &ip.ip))
}

/// The address in an id.
fn address(id: &str) -> &str {
    id.rsplit_once('/').map_or(id, |(_, ip)| ip)
}

groundcrew_hook::export_provisioner!(FlyIp);
groundcrew_hook::export_inventory!(FlyIp);
