//! DNS record sets for an owner, with an ownership mark beside each.
//!
//! One thing is one record set: a type and a name, key `A/www.cust-7.example`. What should exist comes from the
//! stanza's `records`, and from outputs called `records` of the hooks that this one reads. The mark lies in a TXT
//! record of its own, `_gc-a.www.cust-7.example`, written and deleted in the same request as the set itself, so
//! that neither exists without the other.
//!
//! It touches nothing but record sets of its zone, and writes over none that it did not find to be its own: what
//! another wrote is shown to the host with its mark or without, and the host judges.

mod config;
mod wanted;

use groundcrew_hook::{Inventory, Listed, Owner, Provisioner, Result, Spec, Thing, ThingPage, View, Want};
use groundcrew_zone::{Also, Found, RecordSet, Zone};

use crate::config::Config;

/// Things in one page of a scan.
const PAGE: usize = 1_000;

/// The hook.
#[derive(Debug)]
pub struct Dns;

impl Provisioner for Dns {
    fn desired(view: &View) -> Result<Vec<Spec>> {
        wanted::specs(&groundcrew_hook::config::<Config>()?, view)
    }

    fn find(want: &Want) -> Result<Vec<Thing>> {
        let set = RecordSet::of_key(&want.key)?;
        let found = open()?.look(&set)?;
        // A lost set whose mark is still ours is simply made again: the same request writes both.
        let ours_without_set = found.set.is_none() && found.mark.as_deref() == Some(&want.mark);
        Ok(found.thing().filter(|_| !ours_without_set).into_iter().collect())
    }

    fn create(want: &Want) -> Result<Thing> {
        let set = RecordSet::checked(want.body()?)?;
        open()?.create(&set, &want.mark)?;
        Ok(made(set, want))
    }

    fn update(want: &Want, _now: &Thing) -> Result<Thing> {
        let set = RecordSet::checked(want.body()?)?;
        open()?.replace(&set, &want.mark)?;
        Ok(made(set, want))
    }

    fn remove(want: &Want, _now: &Thing) -> Result<Option<Thing>> {
        open()?.erase(&RecordSet::of_key(&want.key)?, Also::Mark)?;
        Ok(None)
    }
}

impl Inventory for Dns {
    fn scan(_owner: Option<&Owner>, cursor: Option<&str>) -> Result<ThingPage> {
        // The zone is read anew for each page: a place in it means nothing once somebody removed what came before.
        let all = open()?.all()?.into_iter().filter(|found| cursor.is_none_or(|last| *found.key > *last));
        let mut page: Vec<_> = all.take(PAGE + 1).collect();
        let more = page.len() > PAGE;
        page.truncate(PAGE);
        let next = page.last().filter(|_| more).map(|last| last.key.clone());
        let listed = |found: Found| {
            let key = Some(found.key.clone());
            found.thing().map(|thing| Listed { kind: "record".to_owned(), key, thing })
        };
        Ok(ThingPage { things: page.into_iter().filter_map(listed).collect(), next })
    }
}

/// The stanza's zone. Nothing is sent.
fn open() -> Result<Box<dyn Zone>> {
    groundcrew_hook::config::<Config>()?.place().open()
}

fn made(set: RecordSet, want: &Want) -> Thing {
    let found = Found { key: set.key(), set: Some(set), mark: Some(want.mark.clone()) };
    found.thing().expect("invariant: it has a set")
}

groundcrew_hook::export_provisioner!(Dns);
groundcrew_hook::export_inventory!(Dns);
