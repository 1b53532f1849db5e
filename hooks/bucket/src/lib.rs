//! Buckets of an S3-compatible store for an owner: Amazon S3, Tigris, MinIO, Cloudflare R2 and the like.
//!
//! One thing is one bucket, its key the bucket's name. Its mark is a tag, put on right after the bucket is made. Where
//! something came between, the bucket is the host's all the same if nothing was there before, and shows as not
//! `tagged`; an update marks it. A bucket that somebody else made under the same name is shown with its mark or without, and the host judges.
//!
//! A bucket holds data, so it goes only while it is empty. Where the stanza says `empty = true`, it is emptied first,
//! versions and delete markers included: a page of at most a thousand in a run, so that each run is short and can be
//! repeated.

mod config;
mod store;
mod xml;

use groundcrew_hook::{
    Failure, Inventory, Listed, Owner, Provisioner, Result, Spec, Thing, ThingPage, Value, View, Want, json,
};

use crate::config::{Config, Mark, Objects};
use crate::store::{Bucket, Store};

/// Buckets in one page of a scan; each is looked at for its mark.
const PAGE: usize = 25;

/// When the next page of objects is deleted, in milliseconds.
const POLL_MS: u32 = 1_000;

/// The hook.
#[derive(Debug)]
pub struct Buckets;

impl Provisioner for Buckets {
    fn desired(_view: &View) -> Result<Vec<Spec>> {
        let config: Config = groundcrew_hook::config()?;
        let spec = |name: String| Spec::new("bucket", &name, wanted(&config, &name));
        Ok(config.wanted()?.into_iter().map(spec).collect())
    }

    fn find(want: &Want) -> Result<Vec<Thing>> {
        let store = Store::open()?;
        let found = store.look(&want.key)?;
        let thing = |bucket: Bucket| {
            // Whether one that is not known yet is what was asked for does not depend on its tag.
            let tagged = want.id.is_some() && store.config.mark == Mark::Tag;
            let tagged = tagged.then_some(bucket.mark.is_some());
            shown(thing(&store, &want.key, bucket), tagged)
        };
        Ok(found.map(thing).into_iter().collect())
    }

    fn create(want: &Want) -> Result<Thing> {
        let store = Store::open()?;
        let bucket = store.create(&want.key, &want.mark)?;
        Ok(thing(&store, &want.key, bucket))
    }

    /// Only whether it is tagged can be otherwise than it is wanted.
    fn update(want: &Want, _now: &Thing) -> Result<Thing> {
        let store = Store::open()?;
        let bucket = store.mark(&want.key, &want.mark)?;
        Ok(shown(thing(&store, &want.key, bucket), Some(true)))
    }

    fn remove(want: &Want, now: &Thing) -> Result<Option<Thing>> {
        let store = Store::open()?;
        let Some(contents) = store.contents(&want.key)? else { return Ok(None) };
        match (contents.as_slice(), store.config.objects) {
            ([], _) => store.delete(&want.key).map(|()| None),
            (_, Objects::Keep) => Err(Failure::lasting(format!(
                "bucket {} is not empty; empty it, or say `empty = true` in the stanza's `config`",
                want.key
            ))),
            (page, Objects::Delete) => {
                store.erase(&want.key, page)?;
                Ok(Some(now.clone().removing(POLL_MS)))
            }
        }
    }
}

impl Inventory for Buckets {
    fn scan(_owner: Option<&Owner>, cursor: Option<&str>) -> Result<ThingPage> {
        let store = Store::open()?;
        let after = |name: &String| cursor.is_none_or(|cursor| name.as_str() > cursor);
        let names: Vec<_> = store.names()?.into_iter().filter(after).collect();
        let next = names.get(PAGE - 1).filter(|_| names.len() > PAGE).cloned();
        let mut things = Vec::new();
        for name in names.into_iter().take(PAGE) {
            // One that went since it was listed is no thing.
            let Some(bucket) = store.look(&name)? else { continue };
            let thing = thing(&store, &name, bucket);
            things.push(Listed { kind: "bucket".to_owned(), key: Some(name), thing });
        }
        Ok(ThingPage { things, next })
    }
}

fn wanted(config: &Config, name: &str) -> Value {
    match config.mark {
        Mark::Tag => json!({ "name": name, "tagged": true }),
        Mark::None => json!({ "name": name }),
    }
}

fn shown(mut thing: Thing, tagged: Option<bool>) -> Thing {
    if let Some(tagged) = tagged {
        thing.body["tagged"] = json!(tagged);
    }
    thing
}

fn thing(store: &Store, name: &str, bucket: Bucket) -> Thing {
    let thing = Thing::new(name, json!({ "name": name })).mark(bucket.mark);
    let thing = thing.output("name", name).output("endpoint", store.endpoint());
    thing.output("region", &store.config.region)
}

groundcrew_hook::export_provisioner!(Buckets);
groundcrew_hook::export_inventory!(Buckets);
