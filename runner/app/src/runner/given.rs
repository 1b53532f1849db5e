//! What a run is given and what it answers, as both are kept with it for a replay.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use groundcrew_core::finding::Reported;
use groundcrew_core::hash::Digest;
use groundcrew_core::spec::{Event, Owner, Thing, View, Want, canonical};
use groundcrew_engine::run::{Ended, Run};
use groundcrew_engine::secrets::Secrets;
use groundcrew_store::runs;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Longest answer that is kept as it is, in bytes; of a longer one its digest is.
const ANSWER_MAX: usize = 16 << 10;

/// What an export is called with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Asked<'a> {
    /// An event is told.
    Handle(Cow<'a, Event>),
    /// What should exist.
    Desired(Cow<'a, View>),
    /// A thing is looked for.
    Find(Cow<'a, Want>),
    /// It is made.
    Create(Cow<'a, Want>),
    /// It is changed from what it is.
    Update(Cow<'a, Want>, Cow<'a, Thing>),
    /// It is removed, being so.
    Remove(Cow<'a, Want>, Cow<'a, Thing>),
    /// A page of what there is: of an owner, after a cursor.
    Scan(Option<Owner>, Option<Cow<'a, str>>),
    /// A page of findings, after a cursor.
    Audit(Option<Cow<'a, str>>),
    /// A finding is mended.
    Fix(Cow<'a, Reported>),
}

impl Asked<'_> {
    /// The word of the export, as runs have it.
    pub const fn op(&self) -> &'static str {
        match self {
            Self::Handle(_) => "handle",
            Self::Desired(_) => "desired",
            Self::Find(_) => "find",
            Self::Create(_) => "create",
            Self::Update(..) => "update",
            Self::Remove(..) => "remove",
            Self::Scan(..) => "scan",
            Self::Audit(_) => "audit",
            Self::Fix(_) => "fix",
        }
    }

    /// As it is kept with the run; an event is in the inbox.
    pub(super) fn kept(&self) -> Option<String> {
        let is_event = matches!(self, Self::Handle(_));
        (!is_event).then(|| serde_json::to_string(self).expect("invariant: what a hook is asked is JSON"))
    }
}

/// What a hook is configured with in its runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// The stanza's `config`, filled in for the owner.
    pub config: Value,
    /// The token of each secret, by the hook's own names.
    pub secrets: BTreeMap<String, String>,
}

/// The same as kept with a run.
pub(super) fn settings(config: &Value, secrets: &Secrets) -> runs::Settings {
    runs::Settings::new(canonical(&json!({"config": config, "secrets": secrets.tokens()})))
}

/// What a run answered and wrote to `kv`, as it is kept; none if the host ended it.
pub fn answer<T: Serialize>(run: &Run<T>) -> Option<String> {
    let mut said = match &run.outcome {
        Ok(answer) => json!({"ok": answer}),
        Err(Ended::Failure(failure)) => json!({"failure": failure}),
        Err(Ended::Trap(text)) => json!({"trap": text}),
        Err(Ended::Deadline(_) | Ended::Refused(_) | Ended::NoExport(_) | Ended::Uncompiled) => return None,
    };
    if !run.written.is_empty() {
        let value = |value: &Option<Vec<u8>>| value.as_ref().map(|bytes| BASE64.encode(bytes));
        said["kv"] = run.written.iter().map(|(key, written)| (key.clone(), json!(value(written)))).collect();
    }
    let said = canonical(&said);
    if said.len() <= ANSWER_MAX {
        return Some(said);
    }
    Some(canonical(&json!({"digest": Digest::of(said.as_bytes()).to_string(), "bytes": said.len()})))
}

#[cfg(test)]
mod tests {
    use super::*;
    use groundcrew_core::spec::Failure;
    use groundcrew_engine::gate::Writes;
    use groundcrew_engine::journal::Journal;
    use groundcrew_engine::run::Log;

    fn ended<T>(outcome: Result<T, Ended>) -> Run<T> {
        Run {
            outcome,
            journal: Journal::default(),
            writes: Writes::None,
            log: Log::default(),
            stderr: String::new(),
            written: BTreeMap::from([("k".to_owned(), Some(b"v".to_vec())), ("gone".to_owned(), None)]),
        }
    }

    #[test]
    fn an_answer_is_kept_with_what_it_remembers_and_a_long_one_by_its_digest() {
        assert_eq!(answer(&ended(Ok(1))).unwrap(), r#"{"kv":{"gone":null,"k":"dg=="},"ok":1}"#);
        let failed = answer(&ended::<()>(Err(Ended::Failure(Failure::again("no"))))).unwrap();
        assert!(failed.contains(r#""message":"no""#), "{failed}");
        assert!(answer(&ended::<()>(Err(Ended::Trap("no".to_owned())))).unwrap().contains("trap"));
        assert_eq!(answer(&ended::<()>(Err(Ended::Deadline(std::time::Duration::ZERO)))), None);
        let long = |end: &str| answer(&ended(Ok(format!("{}{end}", "x".repeat(ANSWER_MAX))))).unwrap();
        assert!(long("").starts_with(r#"{"bytes":"#) && long("") == long("") && long("a") != long("b"));
    }

    #[test]
    fn what_was_asked_is_read_back_as_it_was() {
        let asked = Asked::Scan(None, Some(Cow::Borrowed("after")));
        let kept = asked.kept().unwrap();
        assert_eq!(serde_json::from_str::<Asked<'_>>(&kept).unwrap(), asked);
        assert_eq!(kept, r#"{"scan":[null,"after"]}"#);
    }
}
