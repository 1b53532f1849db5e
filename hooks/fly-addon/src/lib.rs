//! Add-ons of an organisation on Fly, made for its apps. They outlive the app, and go on costing.
//!
//! | kind | key | outputs |
//! |---|---|---|
//! | `tigris` | the name in the stanza | `name`, `endpoint`, `region`, sealed: `access_key_id`, `secret_access_key` |
//! | `upstash-redis` | the name in the stanza | `name`, sealed: `url` |
//!
//! Names are chosen by whoever creates, one per provider, and buckets' are known all over the world. So an add-on is
//! called NAME-WORD, where the word is the host's own for this creation: that is its mark, nobody else has it, and a
//! creation that is repeated cannot make a second one. It is looked up, changed and removed by id.

mod config;
mod graphql;

use groundcrew_hook::{
    Inventory, Listed, Named, Owner, Provisioner, Result, Spec, State, Thing, ThingPage, Value, View, Want,
    json,
};

use crate::config::{Config, Kind};
use crate::graphql::{AddOn, Api, NewAddOn};

/// When to look again at one that is being made, in milliseconds.
const POLL_MS: u32 = 5_000;

/// Variables of a bucket, and the outputs that they become.
const OUTPUTS: [(&str, &str); 4] = [
    ("AWS_ACCESS_KEY_ID", "access_key_id"),
    ("AWS_SECRET_ACCESS_KEY", "secret_access_key"),
    ("AWS_ENDPOINT_URL_S3", "endpoint"),
    ("AWS_REGION", "region"),
];

/// Where Tigris buckets are reached [docs: Tigris on Fly].
const TIGRIS: [(&str, &str); 2] = [("endpoint", "https://fly.storage.tigris.dev"), ("region", "auto")];

/// The hook.
#[derive(Debug)]
pub struct FlyAddOn;

impl Provisioner for FlyAddOn {
    fn desired(_view: &View) -> Result<Vec<Spec>> {
        let entries = groundcrew_hook::config::<Config>()?.add_ons.unwrap_or_default();
        entries.iter().map(config::Entry::spec).collect()
    }

    fn find(want: &Want) -> Result<Vec<Thing>> {
        let (api, kind) = (Api::open()?, Kind::of(&want.kind)?);
        let could_be = |add_on: &AddOn| match &want.id {
            Some(id) => add_on.id == *id,
            // One that a person made under the very name is somebody else's. One of an earlier creation is ours: what
            // a lost ledger knew must not be made, and paid, a second time.
            None => want.could_be_named(&add_on.name),
        };
        let mut things = Vec::new();
        for add_on in api.list(kind)?.into_iter().filter(could_be) {
            let mark = want.mark_in(&add_on.name);
            let url = match kind {
                Kind::Tigris => None,
                Kind::UpstashRedis => api.url(&add_on.id)?,
            };
            things.push(thing(kind, AddOn { public_url: url, ..add_on }).mark(mark));
        }
        Ok(things)
    }

    fn create(want: &Want) -> Result<Thing> {
        let kind = Kind::of(&want.kind)?;
        let field = |name: &str| want.body.get(name).and_then(Value::as_str);
        let (name, app) = (want.own_name(), want.owner.app()?);
        let new = NewAddOn { kind, name: &name, app, region: field("region"), plan: field("plan") };
        let made = Api::open()?.create(&new)?;
        Ok(thing(kind, made).mark(Some(want.mark.clone())))
    }

    fn remove(_want: &Want, now: &Thing) -> Result<Option<Thing>> {
        Api::open()?.delete(&now.id).map(|()| None)
    }
}

impl Inventory for FlyAddOn {
    fn scan(_owner: Option<&Owner>, _cursor: Option<&str>) -> Result<ThingPage> {
        let api = Api::open()?;
        let mut things = Vec::new();
        for kind in Kind::ALL {
            things.extend(api.list(kind)?.into_iter().map(|add_on| Listed {
                kind: kind.word().to_owned(),
                key: Some(Named::of(&add_on.name).key.to_owned()),
                thing: {
                    let mark = Named::of(&add_on.name).mark();
                    thing(kind, add_on).mark(mark)
                },
            }));
        }
        Ok(ThingPage { things, next: None })
    }
}

fn thing(kind: Kind, add_on: AddOn) -> Thing {
    let mut body = json!({ "name": Named::of(&add_on.name).key });
    for (field, value) in [("region", add_on.primary_region), ("plan", add_on.plan.map(|plan| plan.id))] {
        if let Some(value) = value.filter(|_| kind == Kind::UpstashRedis) {
            body[field] = json!(value);
        }
    }
    let mut thing = Thing::new(add_on.id, body).made(add_on.created_at).output("name", add_on.name);
    let environment = add_on.environment.unwrap_or_default();
    let told =
        OUTPUTS.iter().filter_map(|(from, name)| Some((*name, environment[*from].as_str()?.to_owned())));
    let known =
        TIGRIS.iter().filter(|_| kind == Kind::Tigris).map(|(name, value)| (*name, (*value).to_owned()));
    let told: Vec<_> = told.collect();
    let known = known.filter(|(name, _)| told.iter().all(|(told, _)| told != name));
    let url = add_on.public_url.map(|url| ("url", url));
    for (name, value) in told.iter().cloned().chain(known).chain(url) {
        thing = thing.output(name, value);
    }
    match add_on.status.as_deref() {
        None | Some("" | "ready") => thing,
        Some("error") => {
            let why = add_on.error_message.unwrap_or_else(|| "its provider says so".to_owned());
            Thing { note: Some(why), ..thing.state(State::Failed) }
        }
        Some(other) => thing.pending(POLL_MS, other.to_owned()),
    }
}

groundcrew_hook::export_provisioner!(FlyAddOn);
groundcrew_hook::export_inventory!(FlyAddOn);
