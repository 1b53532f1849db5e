//! One function for each export that the host calls.

use groundcrew_core::finding::{self, Reported};
use groundcrew_core::remedy::Outcome;
use groundcrew_core::spec::{Event, Failure, Listed, Owner, Spec, Thing, View, Want};

use super::hook::Linked;
use super::{Context, Ended, Engine, Hook, Run};
use crate::bindings::inventory::exports::groundcrew::hook::inventory::Page;
use crate::convert;
use crate::host::Purity;

/// Calls one function of one exported interface.
macro_rules! call_export {
    ($self:ident, $context:ident, $purity:expr, $hook:ident . $export:ident, $name:literal, $interface:ident, $call:ident ( $($argument:expr),* ), $convert:expr) => {{
        let bound = $hook.linked().and_then(|linked| linked.$export.as_ref().ok_or(Ended::NoExport($name)));
        let pre = match bound {
            Ok(pre) => pre,
            Err(ended) => return Run::refused($context, ended),
        };
        $self.run($context, $purity, async |store| {
            let instance = pre.instantiate_async(&mut *store).await?;
            store.data_mut().open_to_calls();
            let answer = instance.$interface().$call(&mut *store, $($argument),*).await?;
            Ok(answer.map_err(convert::failure_in).and_then($convert))
        })
        .await
    }};
}

impl Engine {
    /// Tells a handler an event; one that is a plain HTTP component gets it as a POST.
    pub async fn handle(&self, hook: &Hook, context: &Context, event: Event) -> Run<()> {
        context.gate.begins(None);
        if let Ok(Linked { handler: None, incoming: Some(incoming), .. }) = hook.linked() {
            return self.post(incoming, context, &event).await;
        }
        let event = convert::event_out(event);
        call_export!(
            self,
            context,
            Purity::Effects,
            hook.handler,
            "handler",
            groundcrew_hook_handler,
            call_handle(&event),
            Ok
        )
    }

    /// Asks a provisioner what should exist. Pure.
    pub async fn desired(&self, hook: &Hook, context: &Context, view: View) -> Run<Vec<Spec>> {
        let view = convert::view_out(view);
        let limits = context.limits.clone();
        let convert = |specs: Vec<_>| {
            bounded(specs, limits.list)?.into_iter().map(|spec| convert::spec_in(spec, limits.json)).collect()
        };
        call_export!(
            self,
            context,
            Purity::Pure,
            hook.provision,
            "provision",
            groundcrew_hook_provision,
            call_desired(&view),
            convert
        )
    }

    /// Looks for a thing.
    pub async fn find(&self, hook: &Hook, context: &Context, want: &Want) -> Run<Vec<Thing>> {
        context.gate.begins(Some(want));
        let want = convert::want_out(want);
        let limits = context.limits.clone();
        let convert = |things: Vec<_>| {
            bounded(things, limits.list)?
                .into_iter()
                .map(|thing| convert::thing_in(thing, limits.json))
                .collect()
        };
        call_export!(
            self,
            context,
            Purity::Effects,
            hook.provision,
            "provision",
            groundcrew_hook_provision,
            call_find(&want),
            convert
        )
    }

    /// Makes a thing.
    pub async fn create(&self, hook: &Hook, context: &Context, want: &Want) -> Run<Thing> {
        context.gate.begins(Some(want));
        let want = convert::want_out(want);
        let max = context.limits.json;
        call_export!(
            self,
            context,
            Purity::Effects,
            hook.provision,
            "provision",
            groundcrew_hook_provision,
            call_create(&want),
            |thing| convert::thing_in(thing, max)
        )
    }

    /// Changes a thing that was found moments ago.
    pub async fn update(&self, hook: &Hook, context: &Context, want: &Want, now: &Thing) -> Run<Thing> {
        context.gate.begins(Some(want));
        let (want, now) = (convert::want_out(want), convert::thing_out(now));
        let max = context.limits.json;
        call_export!(
            self,
            context,
            Purity::Effects,
            hook.provision,
            "provision",
            groundcrew_hook_provision,
            call_update(&want, &now),
            |thing| convert::thing_in(thing, max)
        )
    }

    /// Removes a thing that was found moments ago.
    pub async fn remove(
        &self,
        hook: &Hook,
        context: &Context,
        want: &Want,
        now: &Thing,
    ) -> Run<Option<Thing>> {
        context.gate.begins(Some(want));
        let (want, now) = (convert::want_out(want), convert::thing_out(now));
        let max = context.limits.json;
        call_export!(
            self,
            context,
            Purity::Effects,
            hook.provision,
            "provision",
            groundcrew_hook_provision,
            call_remove(&want, &now),
            |thing| { thing.map(|thing| convert::thing_in(thing, max)).transpose() }
        )
    }

    /// Asks an auditor for one page of what it sees.
    ///
    /// It may only look: the gate of `context` should answer reads alone.
    pub async fn audit(&self, hook: &Hook, context: &Context, cursor: Option<&str>) -> Run<finding::Page> {
        let limits = context.limits.clone();
        call_export!(
            self,
            context,
            Purity::Effects,
            hook.audit,
            "audit",
            groundcrew_hook_audit,
            call_run(cursor),
            |page| convert::audit::page_in(page, &limits)
        )
    }

    /// Asks an auditor to mend one finding; it looks again before it acts.
    pub async fn fix(&self, hook: &Hook, context: &Context, finding: &Reported) -> Run<Outcome> {
        let finding = convert::audit::finding_out(finding);
        call_export!(
            self,
            context,
            Purity::Effects,
            hook.remedy,
            "remedy",
            groundcrew_hook_remedy,
            call_fix(&finding),
            |outcome| Ok(convert::audit::outcome_in(outcome))
        )
    }

    /// Lists everything at the hook's target, one page.
    ///
    /// It may only look: the gate of `context` should answer reads alone.
    pub async fn scan(
        &self,
        hook: &Hook,
        context: &Context,
        owner: Option<&Owner>,
        cursor: Option<&str>,
    ) -> Run<(Vec<Listed>, Option<String>)> {
        let owner = owner.map(convert::owner_out);
        let limits = context.limits.clone();
        let convert = |page: Page| {
            let next = page.next.map(convert::cursor_in).transpose()?;
            let things = bounded(page.things, limits.list)?;
            let things = things.into_iter().map(|listed| convert::listed_in(listed, limits.json));
            Ok((things.collect::<Result<_, _>>()?, next))
        };
        call_export!(
            self,
            context,
            Purity::Effects,
            hook.inventory,
            "inventory",
            groundcrew_hook_inventory,
            call_scan(owner.as_ref(), cursor),
            convert
        )
    }
}

fn bounded<T>(list: Vec<T>, max: usize) -> Result<Vec<T>, Failure> {
    if list.len() > max {
        return Err(Failure::final_(format!(
            "the hook's answer has {} items; at most {max} are taken",
            list.len()
        )));
    }
    Ok(list)
}
