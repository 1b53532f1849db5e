//! `groundcrew wait`: a gate for deploy pipelines.

use std::time::Duration;

use groundcrew_core::duration::Millis;
use groundcrew_store::Store;
use serde::Serialize;

use super::app::{Missing, Picture, table_of_missing};
use super::rows::Names;
use super::{Answer, Context, Failure, Kind};
use crate::control::{self, Reason};
use crate::show;

/// Wait until everything outside of an app is as it should be
///
/// Ready means: the app is known and lives, every lane of it and of its machines is done, and nothing that is
/// wanted for them is missing, pending, in doubt or failing. Removals under way do not count.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The app or machine
    #[arg(long, value_name = "APP")]
    app: String,
    /// How long to wait, such as `30s` or `5m`
    #[arg(long, value_name = "TIME", default_value = "60s")]
    timeout: Millis,
}

/// Time between two looks at the store.
const EVERY: Duration = Duration::from_millis(100);

#[derive(Serialize)]
struct Shown<'a> {
    app: &'a str,
    ready: bool,
    waited_ms: i64,
    missing: Vec<Missing>,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Answer, Failure> {
    let began = context.now();
    let waited = || context.now().since(began);
    let missing = context.look_until(EVERY, |store| {
        let missing = missing(context, store, &args.app)?;
        Ok((missing.is_empty() || waited() >= args.timeout).then_some(missing))
    })?;
    let shown = Shown { app: &args.app, ready: missing.is_empty(), waited_ms: waited().as_i64(), missing };
    if shown.ready {
        let text = format!("{} is ready after {}\n", args.app, show::length(waited()));
        return Ok(Answer::both(text, &shown));
    }
    let message = format!(
        "{} is not ready after {}\n{}",
        args.app,
        args.timeout,
        table_of_missing(&shown.missing).draw()
    );
    let failure = Failure::new(Kind::Incomplete, message).hint(format!("groundcrew app {}", args.app));
    let details = serde_json::to_value(&shown).expect("invariant: answers are JSON");
    Err(Failure { details: Some(details), ..failure })
}

/// What keeps an app from being ready. One that was never seen is waited for; one that is gone is not.
fn missing(context: &Context, store: &Store, app: &str) -> Result<Vec<Missing>, Failure> {
    let names = Names::of(store)?.with_compiling(context.compiling(store)?);
    match control::subject(store, app) {
        Ok(subject) if subject.gone_at.is_some() => {
            Err(Failure::failed(format!("{app} is gone")).hint(format!("groundcrew app {app}")))
        }
        Ok(subject) => {
            let picture = Picture::of(store, subject.subject.path.as_str())?;
            let mut missing = picture.missing(&names);
            for member in &picture.members {
                let path = member.subject.path.as_str();
                let of_member = Picture::of(store, path)?.missing(&names).into_iter();
                missing.extend(
                    of_member.map(|missing| Missing { what: format!("{path}: {}", missing.what), ..missing }),
                );
            }
            Ok(missing)
        }
        Err(refusal) if refusal.reason == Reason::Unknown => {
            Ok(vec![Missing { hook: "source".to_owned(), what: "the app was not seen yet".to_owned() }])
        }
        Err(refusal) => Err(refusal.into()),
    }
}
