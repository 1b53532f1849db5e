//! An event as one line for people.

use groundcrew_hook::{Event, Value};

/// The longest detail, in characters; the rest is for the runner's own pages.
const DETAIL_MAX: usize = 500;

/// `*finding.opened* fly/acme/cust-7: volume vol_1 is unattached`
pub(crate) fn text(event: &Event) -> String {
    let about = event.subject.as_ref().map(|subject| subject.path.as_str());
    let about = about.or_else(|| event.data.get("about").and_then(Value::as_str));
    let detail =
        ["message", "error", "note"].iter().find_map(|field| event.data.get(field).and_then(Value::as_str));
    let state =
        event.subject.as_ref().map(|subject| subject.state.as_str()).filter(|state| !state.is_empty());
    let mut text = format!("*{}*", escaped(&event.kind));
    if let Some(about) = about {
        text = format!("{text} {}", escaped(about));
    }
    match detail.or(state) {
        Some(detail) => format!("{text}: {}", escaped(&shortened(detail))),
        None => text,
    }
}

fn shortened(detail: &str) -> String {
    let kept: String = detail.chars().take(DETAIL_MAX).collect();
    if kept.len() < detail.len() { format!("{kept}...") } else { kept }
}

/// What Slack asks to be escaped, so that no tenant's text can become a link or a mention.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use groundcrew_hook::json;
    use groundcrew_hook::testing::event;

    #[test]
    fn says_what_happened_to_whom_and_why() {
        let mut event = event("finding.opened");
        assert_eq!(text(&event), "*finding.opened* fly/acme/cust-7: deployed");
        event.data = json!({ "message": "volume vol_1 is <!channel> unattached" });
        assert_eq!(
            text(&event),
            "*finding.opened* fly/acme/cust-7: volume vol_1 is &lt;!channel&gt; unattached"
        );
        event.subject = None;
        event.data = json!({ "about": "dns/A/www.acme.app" });
        assert_eq!(text(&event), "*finding.opened* dns/A/www.acme.app");
    }

    #[test]
    fn a_long_detail_is_cut() {
        let mut event = event("finding.opened");
        event.data = json!({ "error": "\u{fc}".repeat(600) });
        assert!(text(&event).ends_with("\u{fc}..."));
        assert_eq!(text(&event).chars().filter(|c| *c == '\u{fc}').count(), 500);
    }
}
