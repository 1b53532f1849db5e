//! Calls of a run as commands show them.

use std::fmt::Write as _;

use groundcrew_core::time::Timestamp;
use groundcrew_store::runs::CallRecord;
use serde::Serialize;
use serde_json::Value;

use super::rows::first_line;
use crate::replay::lines::{body, headers, json_of, said};
use crate::show::{Tone, cut, length, paint};

/// A call in JSON.
#[derive(Clone, Debug, Serialize)]
pub(super) struct CallShown {
    n: u32,
    op: String,
    access: String,
    summary: String,
    /// The host answered it itself, since no grant allows it.
    denied: bool,
    ask: Value,
    answer: Option<Value>,
    sent_at: String,
    /// How long after the run's beginning it left.
    offset_ms: i64,
    took_ms: Option<i64>,
}

/// How much of bodies is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bodies {
    /// Nothing.
    None,
    /// One line each.
    Short,
    /// All that there is, with headers.
    Full,
}

/// Characters of a body that is shown in one line, where no terminal says how wide it is.
const SHORT: usize = 120;

impl CallShown {
    /// A call of a run that began then.
    pub(super) fn of(call: &CallRecord, started: Timestamp) -> Self {
        let (asked, answered) = summary(call);
        Self {
            n: call.n,
            op: call.op.clone(),
            access: call.access.clone(),
            summary: first_line(&format!("{asked}{answered}")),
            denied: is_denied(call),
            ask: json_of(&call.ask),
            answer: call.answer.as_deref().map(json_of),
            sent_at: call.sent_at.to_string(),
            offset_ms: call.sent_at.since(started).as_i64(),
            took_ms: call.back_at.map(|back| back.since(call.sent_at).as_i64()),
        }
    }
}

/// One line: `0  write  PATCH https://... -> 204, 41 ms`.
pub(super) fn line(call: &CallRecord) -> String {
    let (access, _) = access(call);
    format!("{:>3}  {access:<5}  {}", call.n, told(call, None))
}

/// What a call was, in a word: what it does outside, or that no grant allows it.
pub(super) fn access(call: &CallRecord) -> (&str, Tone) {
    match call.access.as_str() {
        // The host itself answers a request that no grant allows.
        _ if is_denied(call) => ("denied", Tone::Bad),
        "write" => ("write", Tone::Strong),
        other => (other, Tone::Plain),
    }
}

/// `PATCH https://... -> 204, 41 ms`, within so many characters; what is cut is the middle.
pub(super) fn told(call: &CallRecord, width: Option<usize>) -> String {
    let (asked, answered) = summary(call);
    let took = call.back_at.map(|back| length(back.since(call.sent_at)));
    let unanswered = took.is_none();
    let took = took.unwrap_or_else(|| "no answer".to_owned());
    let line = match width {
        None => first_line(&format!("{asked}{answered}")),
        Some(width) => {
            let answered = cut(&answered, width / 2);
            let room = width.saturating_sub(answered.chars().count() + took.chars().count() + 2);
            format!("{}{answered}", cut(&asked, room))
        }
    };
    format!("{line}, {}", if unanswered { paint(Tone::Bad, &took) } else { took })
}

fn is_denied(call: &CallRecord) -> bool {
    call.op == "http" && call.access == "local"
}

/// What was asked and what was answered, in words of HTTP where it was HTTP; each in one line.
fn summary(call: &CallRecord) -> (String, String) {
    let ask = json_of(&call.ask);
    let field = |name: &str| ask.get(name).and_then(Value::as_str);
    let asked = match (field("method"), field("url")) {
        (Some(method), Some(url)) => format!("{method} {url}"),
        _ => format!("{} {ask}", call.op),
    };
    let answer = call.answer.as_deref().map(json_of);
    let answered = answer.as_ref().map_or(String::new(), |answer| {
        let status = answer.pointer("/response/status").map(|status| format!(" -> {status}"));
        let failure = message(answer).map(|why| format!(" -> failed: {}", first_line(why)));
        status.or(failure).unwrap_or_default()
    });
    (asked, answered)
}

/// Why a call failed.
fn message(answer: &Value) -> Option<&str> {
    answer.pointer("/failure/message").and_then(Value::as_str)
}

/// What a call asked and was answered, each line moved to the right by `indent`.
///
/// Shortly, a body is one line; a failure is told whole in any case, for it may hold a line to paste.
pub(super) fn bodies(call: &CallRecord, how: Bodies, indent: usize, width: Option<usize>) -> String {
    let (mut text, pad) = (String::new(), " ".repeat(indent));
    let ask = json_of(&call.ask);
    let width = width.map_or(SHORT, |width| width.saturating_sub(indent + 2));
    match how {
        Bodies::None => return text,
        // What a call that is no request asks is in its line.
        Bodies::Short if ask.get("url").is_none() => {}
        Bodies::Short => short(&mut text, &pad, ">", &ask, width),
        Bodies::Full => part(&mut text, &pad, ">", &ask),
    }
    let Some(answer) = call.answer.as_deref().map(json_of) else {
        let _ = writeln!(text, "{pad}{}", paint(Tone::Bad, "< no answer was recorded"));
        return text;
    };
    let failed = message(&answer).map(Value::from);
    let whole = failed.is_some();
    let inner = failed.or_else(|| answer.get("response").cloned()).unwrap_or(answer);
    match how {
        Bodies::Short if !whole => short(&mut text, &pad, "<", &inner, width),
        _ => part(&mut text, &pad, "<", &inner),
    }
    text
}

/// A body in one line, and how long it was if that is not all of it.
fn short(text: &mut String, pad: &str, sign: &str, value: &Value, width: usize) {
    let Some(said) = said(value) else { return };
    let line = match &said {
        Value::String(said) => said.split_whitespace().collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    };
    let shown = cut(&line, width);
    let more = if shown == line {
        String::new()
    } else {
        format!("  ({} characters, see --full)", line.chars().count())
    };
    let _ = writeln!(text, "{pad}{sign} {shown}{}", paint(Tone::Faint, &more));
}

/// Headers and body, line by line.
fn part(text: &mut String, pad: &str, sign: &str, value: &Value) {
    for header in headers(value) {
        let _ = writeln!(text, "{pad}{sign} {}", paint(Tone::Faint, &header));
    }
    for line in body(value) {
        let _ = writeln!(text, "{pad}{sign} {line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use groundcrew_core::hash::Digest;
    use serde_json::json;

    fn request(access: &str, answer: Option<Value>, body: &str) -> CallRecord {
        let ask = json!({"method": "POST", "url": "https://api.example/", "headers": [["x", "y"]],
            "body": {"text": body}});
        let at = Timestamp::from_millis(0);
        CallRecord {
            n: 0,
            op: "http".to_owned(),
            access: access.to_owned(),
            print: Digest::of(b"print"),
            ask: ask.to_string().into_bytes(),
            back_at: answer.as_ref().map(|_| at),
            answer: answer.map(|answer| answer.to_string().into_bytes()),
            sent_at: at,
        }
    }

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn a_denied_request_is_shown_with_the_line_that_would_allow_it() {
        let line = format!("\"POST https://api.example/{}\"", "long/".repeat(40));
        let message = format!("not granted; this line in the stanza's `allow` would grant it: {line}");
        let call = request("local", Some(json!({"failure": {"message": message}})), "");
        assert_eq!(access(&call).0, "denied");
        assert!(told(&call, None).starts_with("POST https://api.example/ -> failed: not granted"));
        for how in [Bodies::Short, Bodies::Full] {
            let drawn = bodies(&call, how, 2, Some(40));
            assert!(drawn.contains(&line), "the whole line can be pasted: {drawn}");
        }
    }

    #[test]
    fn a_long_body_is_one_line_unless_all_of_it_is_asked_for() {
        let long = format!("{{\"a\": \"{}\"}}", "b".repeat(200));
        let answer = json!({"response": {"status": 200, "headers": [], "body": {"text": "one\n  two"}}});
        let call = request("write", Some(answer), &long);
        let drawn = plain(&bodies(&call, Bodies::Short, 2, Some(30)));
        let sent = format!("  > {{\"a\":\"{}…  (208 characters, see --full)\n", "b".repeat(19));
        assert_eq!(drawn, format!("{sent}  < one two\n"));
        let drawn = plain(&bodies(&call, Bodies::Full, 0, Some(30)));
        assert!(drawn.contains(&"b".repeat(200)) && drawn.starts_with("> x: y\n> {\n"), "{drawn}");
        assert_eq!(bodies(&call, Bodies::None, 0, None), "");
    }

    #[test]
    fn what_does_not_fit_is_cut_before_its_status() {
        let answer = json!({"response": {"status": 204, "headers": [], "body": {"text": ""}}});
        let call = request("write", Some(answer), "");
        assert_eq!(told(&call, Some(30)), "POST https://api… -> 204, 0 ms");
        let call = request("write", None, "");
        assert_eq!(plain(&told(&call, Some(30))), "POST https://api.e…, no answer");
        assert!(plain(&bodies(&call, Bodies::Short, 0, None)).contains("< no answer was recorded"));
    }
}
