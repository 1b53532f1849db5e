//! What no key of the configuration sets, in one table: printed into the documentation, compared with the code.

use super::defaults::{Setting, entry};

const FIXED: &[Setting] = &[
    entry("time of a run", "1m", "wall clock, from the component's instantiation to its answer"),
    entry("time of a request", "15s", "of a hook, from its first byte to the last of its answer"),
    entry(
        "time from intent to write",
        "2s",
        "a write that could not leave by then is not sent: its run fails, and what is there is looked at before the next",
    ),
    entry(
        "write sent again",
        "12h",
        "by a run that goes on after a crash, where that does no harm: how long after it was first sent",
    ),
    entry("memory of a run", "256 MiB", "linear memory of one instance"),
    entry("time to connect", "1s", "of a hook's request, at most"),
    entry("time to compile", "5m", "of one component; an interpreter takes ten seconds"),
    entry("body of a request", "4 MiB", "of a hook, at most"),
    entry("body of an answer", "4 MiB", "what is longer is a failure, not a part"),
    entry("calls of a run", "1000", "of the host's functions"),
    entry("log of a run", "1000 lines, 256 KiB", "what is more is left out, and said so"),
    entry("standard error of a run", "8 KiB", "the last of it are kept"),
    entry(
        "values of `kv`",
        "100 a run, 64 KiB each",
        "that a handler may write; a key has 256 bytes at most",
    ),
    entry("message of a failure", "4 KiB", "of a hook; the rest is cut off"),
    entry("answer of a hook", "1 MiB, 1000 items", "one JSON value; specs, things, findings of a page"),
    entry("key of a thing", "512 bytes", "at most"),
    entry("id and mark of a thing", "1 KiB", "at most each; its note 4 KiB"),
    entry("outputs of a thing", "100, 64 KiB each", "a name is [a-z0-9_]+"),
    entry("modules of a component", "1000", "that one run instantiates; with more it is refused"),
    entry("things that one comes after", "1000", "of `after`, at most"),
    entry("evidence of a finding", "16 KiB", "at most"),
    entry(
        "words of a finding",
        "512 bytes, 1 KiB",
        "its `about` at most; its message and remedy, of which the rest is cut off",
    ),
    entry("place of the next page", "4 KiB", "at most"),
    entry("pages", "100 of an audit, 1000 of a scan", "what is more makes it incomplete"),
    entry("findings of a scan", "1000", "what is more is counted"),
    entry("runs at once", "256", "of all hooks together, however little memory the machine has"),
    entry(
        "requests to one host",
        "100 a second",
        "of all hooks together; more where a hook's `limits.rate` says so",
    ),
    entry(
        "wait for a limit",
        "5s",
        "at most for each of three in turn, an API's own, the hook's and the host's, of a run that holds its place; what would wait longer is tried again later",
    ),
    entry(
        "secrets are masked",
        "from 8 bytes on",
        "of each spelling: shorter ones would mask ordinary words",
    ),
    entry("look at secrets", "30s", "how often those in files are read again"),
    entry("findings are told", "30s", "how long those of one code and hook are gathered for one event"),
    entry(
        "failures that open a breaker",
        "5",
        "requests to one host in a row that had no answer; of a hook, one 401",
    ),
    entry("time of an open breaker", "5s to 5m", "doubled each time that a try fails"),
    entry("try of an open breaker", "20s", "after which another may begin"),
    entry(
        "pauses between attempts",
        "1s to 15m, 1h for things",
        "doubled, drawn from the upper half; `Retry-After` is kept",
    ),
    entry("attempts until `resource.stuck`", "8", "after which a person is told; it is tried for ever"),
    entry(
        "time until `host.unreachable`",
        "2m",
        "after which a person is told of a host that does not answer; what needs it counts no attempts meanwhile",
    ),
    entry(
        "attempts at a delivery",
        "20",
        "after which it is dead, if the hook did not say that it may succeed later",
    ),
    entry(
        "time for a delivery",
        "72h",
        "how long one is tried of which the hook itself says that it may succeed later, however many attempts that takes",
    ),
    entry(
        "wait of `app.deleted`",
        "10m",
        "for what the same handler is told of the app's machines, before it is told of the app's end",
    ),
    entry(
        "watch of what was given up",
        "24h",
        "a creation whose want went is looked for, before it is forgotten",
    ),
    entry("look at a thing", "24h", "without `drift_every`: how long nothing looks at one, at most"),
    entry("look at what is not ready", "5s", "how long until the next one, if its API does not say"),
    entry(
        "look at what a person must settle",
        "5m, 1h",
        "a conflict, a creation in doubt, a listing that is full; what is left standing, in which nothing waits",
    ),
    entry(
        "look at what is closed",
        "10m",
        "a lane of a hook that may do nothing; as soon as it may, everybody is looked at",
    ),
    entry("look at a paused delivery", "1m", "the end of the pause wakes it, too"),
    entry("grace of what is replaced", "1m", "at most, whatever `grace.unwanted` is"),
    entry("repairs of one thing", "3 within 1h", "after which somebody else must be changing it back"),
    entry(
        "clocks apart",
        "5s",
        "ours and an API's, at most, where the time of making tells whose a thing is; such a creation is sent within this of the look before it",
    ),
    entry(
        "tick of a schedule",
        "1m",
        "late at most; what comes later was missed, and `missed` says what then",
    ),
    entry("plan", "1h", "may be applied for so long"),
    entry("approval", "24h", "of what was approved as it was then"),
    entry("approval of an end", "24h", "of many apps or machines at once, that a source misses"),
    entry("removal that was asked for", "24h", "holds for so long, once nothing but grace kept it"),
    entry(
        "count of a changed hook",
        "15m",
        "how long owners are asked, at most, what the change would do; of more it is said how many were",
    ),
    entry("errands", "256", "audits and remedies that people asked for, and that are not over"),
    entry(
        "wait of a remedy",
        "10m",
        "that a person asked for, until an attempt before it can do nothing more; where that takes longer nothing is mended",
    ),
    entry("attempts to mend", "1000", "of one run of an audit; what is left is tried by the next"),
    entry(
        "rest of a remedy",
        "6h",
        "how long an audit leaves a finding alone after `no-longer-true`, if it is still reported",
    ),
    entry("attempts at a page", "3", "of an audit's look, before the look counts as incomplete"),
    entry("body of an event", "256 KiB", "that is posted to `/v1/events`; an attribute has 1 KiB at most"),
    entry(
        "keep what is gone",
        "90d",
        "ledger rows that are gone, with what was sealed for them; last words of machines",
    ),
    entry("body of a command", "1 MiB", "that is sent to the runner's socket"),
    entry(
        "list of apps",
        "2m",
        "how old the last one may be: from then on nothing is removed, nobody is ready",
    ),
    entry(
        "gap",
        "5m",
        "asleep, or without a list of apps for that and twice `poll`: everybody is looked at again",
    ),
    entry(
        "somebody new",
        "1m",
        "how long who was just seen for the first time is not believed to be gone; an app is, once its own list was found and is not any more",
    ),
    entry("requests for labels", "8", "under way at once"),
    entry("failures of labels", "3", "of one address in a row, before a person is told"),
    entry(
        "failures of a list of machines",
        "8",
        "in a row, while the list of apps is read, before a person is told (`source.unread`)",
    ),
    entry(
        "failures of the control read",
        "5",
        "in a row, while the list of apps is read, before a person is told (`source.control`)",
    ),
    entry(
        "memory of the gone",
        "24h",
        "how long apps and machines stay in memory after their end; in the database they stay for longer",
    ),
    entry("request of the Fly poller", "20s", "from its first byte to the last of its answer"),
    entry(
        "pauses of the Fly poller",
        "1s to 1m",
        "after failures, doubled, drawn from the whole of it; `Retry-After` is kept",
    ),
    entry("requests of the Fly poller", "32", "under way at once"),
    entry("line of NDJSON", "1 MiB, 64 levels", "what is longer, or nested deeper, is a finding"),
    entry(
        "standstill of NDJSON",
        "2m",
        "how long lines may wait that cannot be taken in: from then on the runner is not ready",
    ),
    entry("versions of a hook", "8", "that one may go back to; older ones are forgotten"),
    entry("sample of an upgrade", "20", "things that a changed hook must find before it writes"),
    entry(
        "compiled components",
        "30d, 2 GiB",
        "how long they are kept after they were last loaded, and how much of them",
    ),
    entry(
        "log of the database",
        "32 MiB, 64 MiB",
        "from where on it is copied into the database, and where commits wait for that",
    ),
    entry(
        "changes of the database",
        "1024 or 4 MiB, 4096",
        "in one commit, the MiB of runs, and waiting for one before those who make them wait",
    ),
    entry("wait for a runner", "5s", "of a request that comes while one starts or is reloaded"),
    entry(
        "end of runs at a reload",
        "5s",
        "how long those under way have before they are cut off, while none begins",
    ),
    entry("`wait --timeout`", "60s", "how long an app is waited for, if the command does not say"),
    entry("`retire --timeout`", "5m", "how long handlers are waited for, if the command does not say"),
];

/// What no key sets, in the order of the reference: `name` is for people.
pub const fn fixed() -> &'static [Setting] {
    FIXED
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory as _;
    use groundcrew_core::duration::Millis;
    use groundcrew_core::poll::{self, Pace};
    use groundcrew_core::remedy::UNTRUE_REST;
    use groundcrew_core::retry::Backoff;
    use groundcrew_core::{may_delete, mirror, plan, schedule, settle};
    use groundcrew_engine::gate::AGAIN_WITHIN;
    use groundcrew_engine::inspect::CORE_INSTANCES_MAX;
    use groundcrew_engine::limited::Breaking;
    use groundcrew_engine::limits::{self, Limits};
    use groundcrew_engine::{MASKED_FROM, cache};
    use groundcrew_store::errands::ERRANDS_MAX;
    use groundcrew_store::prune::Keep;
    use groundcrew_store::told::ROUND;
    use groundcrew_store::upgrades::PAST_MAX;
    use groundcrew_store::{BATCH_BYTES_MAX, BATCH_MAX, QUEUE_MAX, ends};

    use super::*;
    use crate::commands::Cli;
    use crate::control::rows::APPROVAL;
    use crate::http::PATIENCE;
    use crate::reload::DRAIN;
    use crate::runner::provisioner::{BUDGET, RESTS, SAMPLE, STUCK_AFTER};
    use crate::runner::unreachable;
    use crate::runner::{audit, handler, mend};
    use crate::{assembly, http, rates, scheduler, service, source};

    fn value(name: &str) -> &'static str {
        FIXED.iter().find(|fixed| fixed.name == name).expect(name).value
    }

    fn described(name: &str) -> &'static str {
        FIXED.iter().find(|fixed| fixed.name == name).expect(name).meaning
    }

    fn time(name: &str) -> Millis {
        value(name).parse().expect(name)
    }

    fn size(bytes: usize) -> String {
        if bytes >> 20 > 0 { format!("{} MiB", bytes >> 20) } else { format!("{} KiB", bytes >> 10) }
    }

    /// What `--timeout` of a command is, if it is not said.
    fn unless_said(command: &str) -> String {
        let cli = Cli::command();
        let command = cli.find_subcommand(command).expect(command);
        let timeout = command.get_arguments().find(|argument| argument.get_id() == "timeout");
        let values = timeout.expect("it takes one").get_default_values();
        values.iter().map(|value| value.to_string_lossy()).collect()
    }

    #[test]
    fn every_limit_of_a_run_is_told() {
        // A new one does not compile before it is told here.
        let Limits {
            deadline,
            request,
            send_within,
            memory,
            request_body,
            response_body,
            calls,
            log_lines,
            log_bytes,
            stderr_bytes,
            kv_value,
            kv_keys,
            json,
            list,
            finding,
            audit_pages,
            scan_pages,
            scan_findings,
        } = Limits::default();
        assert_eq!(time("time of a run").to_std(), deadline);
        assert_eq!(time("time of a request"), request);
        assert_eq!(time("time from intent to write"), send_within);
        for (name, told) in [
            ("memory of a run", size(memory)),
            ("body of a request", size(request_body)),
            ("body of an answer", size(response_body)),
            ("calls of a run", calls.to_string()),
            ("log of a run", format!("{log_lines} lines, {}", size(log_bytes))),
            ("standard error of a run", size(stderr_bytes)),
            ("values of `kv`", format!("{kv_keys} a run, {} each", size(kv_value))),
            ("answer of a hook", format!("{}, {list} items", size(json))),
            ("evidence of a finding", size(finding)),
            ("pages", format!("{audit_pages} of an audit, {scan_pages} of a scan")),
            ("findings of a scan", scan_findings.to_string()),
            ("key of a thing", format!("{} bytes", limits::KEY_MAX)),
            ("id and mark of a thing", size(limits::ID_MAX)),
            ("outputs of a thing", format!("{}, {} each", limits::OUTPUTS_MAX, size(limits::OUTPUT_MAX))),
            ("modules of a component", CORE_INSTANCES_MAX.to_string()),
            ("message of a failure", size(limits::MESSAGE_MAX)),
            ("things that one comes after", limits::AFTER_MAX.to_string()),
            ("words of a finding", format!("{} bytes, {}", limits::ABOUT_MAX, size(limits::TEXT_MAX))),
            ("place of the next page", size(limits::CURSOR_MAX)),
        ] {
            assert_eq!(value(name), told, "{name}");
        }
        let told = |name, text: String| assert!(described(name).contains(&text), "{name}: {text}");
        told("id and mark of a thing", format!("note {}", size(limits::NOTE_MAX)));
        told("values of `kv`", format!("{} bytes", limits::KV_KEY_MAX));
    }

    #[test]
    fn what_is_fixed_is_what_the_code_says() {
        let Breaking { failures, first, longest, probe } = Breaking::default();
        let cache::Bounds { age, bytes } = cache::Bounds::default();
        let groundcrew_store::Bounds { copy, full } = groundcrew_store::Bounds::default();
        let pages = |pages: u32| size(pages as usize * 4_096);
        let (pauses, things) = (Backoff::HANDLER, Backoff::PROVISIONER);
        for (name, told) in [
            ("runs at once", assembly::SLOTS.to_string()),
            ("failures that open a breaker", failures.to_string()),
            ("time of an open breaker", format!("{first} to {longest}")),
            (
                "pauses between attempts",
                format!("{} to {}, {} for things", pauses.first, pauses.longest, things.longest),
            ),
            ("look at what a person must settle", format!("{}, {}", settle::BLOCKED, settle::LEFT)),
            ("pauses of the Fly poller", format!("{} to {}", poll::FIRST, poll::LONGEST)),
            ("versions of a hook", PAST_MAX.to_string()),
            ("attempts until `resource.stuck`", STUCK_AFTER.to_string()),
            ("time until `host.unreachable`", unreachable::TOLD_AFTER.to_string()),
            ("attempts at a delivery", handler::ATTEMPTS_MAX.to_string()),
            ("repairs of one thing", format!("{} within {}", settle::REPAIRS_MAX, settle::QUIET)),
            ("attempts to mend", mend::ATTEMPTS_MAX.to_string()),
            ("attempts at a page", audit::ATTEMPTS_MAX.to_string()),
            ("body of an event", size(source::BODY_MAX)),
            ("failures of labels", source::OUTAGE_AFTER.to_string()),
            ("failures of a list of machines", mirror::UNREAD_AFTER.to_string()),
            ("failures of the control read", mirror::UNCONTROLLED_AFTER.to_string()),
            ("requests to one host", format!("{} a second", 1_000 / rates::HOST.every.as_i64())),
            ("secrets are masked", format!("from {MASKED_FROM} bytes on")),
            ("requests for labels", source::LABELS_IN_FLIGHT_MAX.to_string()),
            ("errands", ERRANDS_MAX.to_string()),
            ("body of a command", size(http::BODY_MAX)),
            ("requests of the Fly poller", Pace::default().in_flight_max.to_string()),
            ("line of NDJSON", format!("{}, {} levels", size(source::LINE_MAX), source::DEPTH_MAX)),
            ("sample of an upgrade", SAMPLE.to_string()),
            ("compiled components", format!("{}d, {} GiB", age.as_secs() / 86_400, bytes >> 30)),
            ("log of the database", format!("{}, {}", pages(copy), pages(full))),
            ("changes of the database", format!("{BATCH_MAX} or {}, {QUEUE_MAX}", size(BATCH_BYTES_MAX))),
            ("`wait --timeout`", unless_said("wait")),
            ("`retire --timeout`", unless_said("retire")),
        ] {
            assert_eq!(value(name), told, "{name}");
        }
        for (name, told) in [
            ("time for a delivery", handler::TRIED_FOR),
            ("time to connect", assembly::CONNECT_WITHIN),
            ("look at a thing", settle::DRIFT_EVERY),
            ("look at what is closed", RESTS),
            ("look at a paused delivery", handler::PAUSED),
            ("tick of a schedule", schedule::LATE),
            ("try of an open breaker", probe),
            ("look at what is not ready", settle::POLL),
            ("grace of what is replaced", may_delete::REPLACED),
            ("approval of an end", mirror::APPROVAL_LASTS),
            ("removal that was asked for", ends::HOLDS),
            ("count of a changed hook", BUDGET),
            ("wait of a remedy", scheduler::WAIT_MAX),
            ("list of apps", source::FRESH_WITHIN),
            ("standstill of NDJSON", source::FRESH_WITHIN),
            ("wait for a limit", rates::PATIENCE),
            ("look at secrets", service::SECRETS_EVERY),
            ("findings are told", ROUND),
            ("somebody new", mirror::YOUNG),
            ("memory of the gone", mirror::GONE_KEPT),
            ("gap", service::GAP),
            ("wait of `app.deleted`", handler::APP_DELETE_WAIT),
            ("watch of what was given up", settle::WATCHED),
            ("clocks apart", settle::SKEW),
            ("plan", plan::HOLDS),
            ("approval", APPROVAL),
            ("rest of a remedy", UNTRUE_REST),
            ("keep what is gone", Keep::DEFAULT.gone),
            ("write sent again", AGAIN_WITHIN),
            ("request of the Fly poller", source::REQUEST_MAX),
            ("wait for a runner", PATIENCE),
            ("end of runs at a reload", DRAIN),
        ] {
            assert_eq!(time(name), told, "{name}");
        }
        assert!(described("body of an event").contains(&size(source::ATTRIBUTE_MAX)));
        assert_eq!(time("time to compile").to_std(), cache::COMPILE_WITHIN);
    }

    #[test]
    fn names_are_unique() {
        let names: BTreeSet<_> = FIXED.iter().map(|fixed| fixed.name).collect();
        assert_eq!(names.len(), FIXED.len());
        assert_eq!(Backoff::HANDLER.first, Backoff::PROVISIONER.first, "one word tells both");
    }
}
