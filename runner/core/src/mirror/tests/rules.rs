//! Every rule has a scenario in which a mirror without it does wrong.

use super::bench::{Bench, app, at, line, machine};
use crate::mirror::{AppSeen, Config, MachineSeen, Observation, OrgPage, Outcome, Rule, Rules};

/// A story and how it ends with all rules in force.
struct Scenario {
    play: fn(Rules) -> Bench,
    right: &'static [&'static str],
}

const fn scenario(play: fn(Rules) -> Bench, right: &'static [&'static str]) -> Scenario {
    Scenario { play, right }
}

/// Exhaustive: a rule without a scenario does not compile.
fn scenario_of(rule: Rule) -> Scenario {
    match rule {
        Rule::LaggingOrgList => scenario(stale_row, &["machine.stopped machine:m1"]),
        Rule::Overlap => scenario(late_row, &["machine.created machine:m2"]),
        Rule::EmptyPages => scenario(empty_page, &["machine.created machine:m2"]),
        Rule::ShortPages => scenario(short_page, &["machine.created machine:m2"]),
        Rule::UnsortedPages => scenario(broken_reading, &["machine.created machine:m2"]),
        Rule::ErrorRegions => scenario(
            silent_region,
            &["source.partial opened", "source.partial resolved", "machine.created machine:m2"],
        ),
        Rule::ConfirmMachineEnd => scenario(machine_hiccup, &[]),
        Rule::PrunedIsGone => scenario(pruned, &["machine.destroyed machine:m1"]),
        Rule::ListedAfterEnd => scenario(
            listed_after_end,
            &["machine.destroyed machine:m1", "app.deleted app:a1", "app.created app:a2"],
        ),
        Rule::YoungIsNoEnd => scenario(hardly_there, &["machine.created machine:m2"]),
        Rule::AppsById => scenario(
            made_again,
            &["machine.destroyed machine:m1", "app.deleted app:a1", "app.created app:a2"],
        ),
        Rule::ConfirmAppEnd => scenario(app_hiccup, &[]),
        Rule::ListedIsThere => scenario(listed_and_not_found, &[]),
        Rule::AppFirst => scenario(machine_first, &["app.created app:a2", "machine.created machine:m2"]),
        Rule::ForbiddenIsNoEnd => scenario(forbidden, &["source.forbidden opened"]),
        Rule::UnauthorizedIsNoEnd => scenario(unauthorized, &["source.unauthorized opened"]),
        Rule::NoSuchAppIsGone => {
            scenario(no_such_app, &["machine.destroyed machine:m1", "app.deleted app:a1"])
        }
        Rule::ControlRead => scenario(token_lost, &[]),
        Rule::VanishGuard => scenario(fleet_vanishes, &["source.vanish opened"]),
        Rule::PersonalAlias => scenario(personal, &["app.created app:a2"]),
        Rule::SilentBaseline => scenario(first_start, &[]),
        Rule::ParentFixed => scenario(
            stale_parent,
            &["app.updated app:a1", "machine.updated machine:m1", "app.created app:a2", "app.deleted app:a2"],
        ),
        Rule::CreatedByFirstSight => scenario(migration, &[]),
        Rule::QuietTouch => scenario(touched, &[]),
        Rule::AbsentConfig => scenario(host_unreachable, &[]),
        Rule::AsOfAsking => scenario(late_answer, &["machine.stopped machine:m1"]),
        Rule::TransientIsNoState => scenario(on_its_way, &["machine.stopped machine:m1"]),
        Rule::UnknownStays => scenario(levitating, &["machine.updated machine:m1"]),
        Rule::UnknownLineIsNoState => scenario(odd_line, &[]),
        Rule::LineWithoutId => {
            scenario(old_lines, &["machine.stopped machine:m1", "machine.started machine:m1"])
        }
        Rule::DestroyingIsNoEnd => scenario(destroying, &[]),
        Rule::LogFillsGaps => {
            scenario(between_looks, &["machine.stopped machine:m1", "machine.started machine:m1"])
        }
    }
}

/// What some rules are for beside that.
const ALSO: [(Rule, Scenario); 1] =
    [(Rule::YoungIsNoEnd, scenario(app_hardly_there, &["app.created app:a2"]))];

#[test]
fn every_rule_is_needed() {
    let first = Rule::ALL.map(|rule| (rule, scenario_of(rule)));
    for (rule, Scenario { play, right }) in first.into_iter().chain(ALSO) {
        assert_eq!(play(Rules::ALL).story, right, "{rule:?}: {}", rule.fact());
        let wrong = play(Rules::ALL.without(rule)).story;
        assert_ne!(wrong, right, "{rule:?} changes nothing in its own scenario");
    }
}

#[test]
fn rules_are_told_apart() {
    for rule in Rule::ALL {
        let rest: Vec<_> =
            Rule::ALL.into_iter().filter(|other| Rules::ALL.without(rule).has(*other)).collect();
        assert_eq!(rest.len(), Rule::ALL.len() - 1, "{rule:?}");
        assert!(!rest.contains(&rule));
    }
}

fn stale_row(rules: Rules) -> Bench {
    let mut bench = Bench::adopted(rules);
    let mut stopped = machine("m1", "stopped", 50);
    stopped.log = vec![line("exit", "stopped", 50)];
    bench.own("web", &[stopped]);
    bench.org(&[machine("m1", "started", 10)]);
    bench.pass(60);
    bench.control();
    bench
}

fn late_row(rules: Rules) -> Bench {
    let mut bench = Bench::adopted(rules);
    bench.org_from(&[machine("m1", "started", 500)]);
    bench.pass(300);
    let mut late = machine("m2", "created", 400);
    late.created_at = Some(at(400));
    bench.org_from(&[machine("m1", "started", 500), late]);
    bench
}

/// A page that names the next one, on which a new machine is.
fn two_pages(rules: Rules, first: &[MachineSeen]) -> Bench {
    let mut bench = Bench::adopted(rules);
    let (machines, next) = (first.to_vec(), Some("c2".to_owned()));
    bench.page(OrgPage { machines, next, ..OrgPage::default() });
    match bench.mirror.org_query().cursor.as_deref() {
        Some("c2") => bench.org(&[machine("m2", "created", 200)]),
        _ => bench.org(&[]),
    }
    bench
}

fn empty_page(rules: Rules) -> Bench {
    two_pages(rules, &[])
}

fn short_page(rules: Rules) -> Bench {
    two_pages(rules, &[machine("m1", "started", 10)])
}

/// The first page holds the newest, and the second one does not come.
fn broken_reading(rules: Rules) -> Bench {
    let mut bench = Bench::adopted(rules);
    let (machines, next) = (vec![machine("m1", "started", 9_000)], Some("c2".to_owned()));
    bench.page(OrgPage { machines, next, ..OrgPage::default() });
    let query = bench.mirror.org_query();
    bench.see(&Observation::OrgPage { query, outcome: Outcome::Failed });
    bench.pass(9_000);
    bench.org_from(&[machine("m2", "created", 200)]);
    bench
}

fn silent_region(rules: Rules) -> Bench {
    let mut bench = Bench::adopted(rules);
    let page = OrgPage {
        machines: vec![machine("m1", "started", 9_000)],
        error_regions: vec!["fra".to_owned()],
        ..OrgPage::default()
    };
    bench.page(page);
    bench.pass(9_000);
    bench.org_from(&[machine("m2", "created", 200)]);
    bench
}

fn machine_hiccup(rules: Rules) -> Bench {
    let mut bench = Bench::adopted(rules);
    bench.own("web", &[]);
    bench.shown("m1", Outcome::Found(machine("m1", "started", 10)));
    bench
}

fn pruned(rules: Rules) -> Bench {
    let mut bench = Bench::adopted(rules);
    bench.pass(60);
    bench.own("web", &[]);
    bench.shown("m1", Outcome::NotFound);
    bench
}

/// The organisation's list shows a machine that neither its app's list nor a look at it knows yet.
fn hardly_there(rules: Rules) -> Bench {
    let mut bench = Bench::adopted(rules);
    let (old, new) = (machine("m1", "started", 10), machine("m2", "created", 200));
    bench.org(&[old.clone(), new.clone()]);
    bench.pass(5);
    bench.own("web", std::slice::from_ref(&old));
    bench.shown("m2", Outcome::NotFound);
    bench.pass(50);
    bench.own("web", &[old, new]);
    bench
}

/// Neither a list nor a look knows a new app, once it was listed.
fn app_hardly_there(rules: Rules) -> Bench {
    let mut bench = Bench::adopted(rules);
    let (old, new) = (app("a1", "web"), app("a2", "shop"));
    bench.apps(&[old.clone(), new.clone()]);
    bench.pass(5);
    bench.apps(std::slice::from_ref(&old));
    bench.control();
    bench.app("shop", Outcome::NotFound);
    bench.pass(50);
    bench.apps(&[old, new]);
    bench
}

fn listed_and_not_found(rules: Rules) -> Bench {
    let mut bench = Bench::adopted(rules);
    bench.pass(120);
    bench.control();
    bench.app("web", Outcome::NotFound);
    bench
}

fn machine_first(rules: Rules) -> Bench {
    let mut bench = Bench::adopted(rules);
    let new = MachineSeen { app: Some("shop".to_owned()), ..machine("m2", "created", 200) };
    bench.org(std::slice::from_ref(&new));
    bench.apps(&[app("a1", "web"), app("a2", "shop")]);
    bench.own("shop", &[new]);
    bench
}

fn made_again(rules: Rules) -> Bench {
    let mut bench = Bench::adopted(rules);
    bench.pass(5);
    bench.apps(&[app("a2", "web")]);
    bench.app("web", Outcome::Found(app("a2", "web")));
    bench.control();
    bench
}

fn listed_after_end(rules: Rules) -> Bench {
    let mut bench = made_again(rules);
    bench.own("web", &[machine("m1", "started", 60)]);
    bench
}

/// The list lacks `web`; what the look at it shows is the scenario's, and the token is as good as ever.
fn missing(rules: Rules, outcome: Outcome<AppSeen>) -> Bench {
    let mut bench = Bench::adopted(rules);
    bench.pass(120);
    bench.apps(&[]);
    bench.control();
    bench.app("web", outcome);
    bench
}

fn app_hiccup(rules: Rules) -> Bench {
    missing(rules, Outcome::Found(app("a1", "web")))
}

fn forbidden(rules: Rules) -> Bench {
    missing(rules, Outcome::Forbidden)
}

fn unauthorized(rules: Rules) -> Bench {
    missing(rules, Outcome::Unauthorized)
}

fn no_such_app(rules: Rules) -> Bench {
    missing(rules, Outcome::NoSuchApp)
}

fn token_lost(rules: Rules) -> Bench {
    let mut bench = Bench::adopted(rules);
    bench.pass(120);
    bench.apps(&[]);
    bench.app("web", Outcome::NotFound);
    bench.see(&Observation::Control { outcome: Outcome::Unauthorized });
    bench
}

fn fleet_vanishes(rules: Rules) -> Bench {
    let mut bench = Bench::empty(Config { rules, ..Config::new("acme") });
    let names: Vec<_> = (0..400).map(|n| format!("cust-{n}")).collect();
    let fleet: Vec<_> = names.iter().map(|name| app(name, name)).collect();
    bench.control();
    bench.apps(&fleet);
    bench.pass(120);
    bench.apps(&[]);
    bench.control();
    for name in &names {
        bench.app(name, Outcome::NotFound);
    }
    bench
}

fn personal(rules: Rules) -> Bench {
    let mut bench = Bench::empty(Config { rules, ..Config::new("personal") });
    bench.apps(&[app("a1", "web")]);
    bench.apps(&[app("a1", "web"), app("a2", "shop")]);
    bench
}

fn first_start(rules: Rules) -> Bench {
    let mut bench = Bench::empty(Config { rules, ..Config::new("acme") });
    bench.apps(&[app("a1", "web")]);
    bench.own("web", &[machine("m1", "started", 10)]);
    bench
}

/// `web` (a1) is called `old` now, and another app has the name; the lagging list still puts m1 under it.
fn stale_parent(rules: Rules) -> Bench {
    let mut bench = Bench::adopted(rules);
    bench.apps(&[app("a1", "old"), app("a2", "web")]);
    bench.org(&[machine("m1", "started", 10)]);
    bench.pass(120);
    bench.apps(&[app("a1", "old")]);
    bench.control();
    bench.app("web", Outcome::NotFound);
    bench
}

fn migration(rules: Rules) -> Bench {
    let mut bench = Bench::adopted(rules);
    let mut migrated = machine("m1", "started", 60);
    migrated.log = vec![line("start", "started", 60), line("launch", "created", 50)];
    bench.own("web", &[migrated]);
    bench
}

fn touched(rules: Rules) -> Bench {
    let mut bench = Bench::adopted(rules);
    bench.own("web", &[machine("m1", "started", 60)]);
    bench
}

fn host_unreachable(rules: Rules) -> Bench {
    let mut bench = Bench::adopted(rules);
    let mut partial = machine("m1", "started", 60);
    (partial.image, partial.metadata) = (None, None);
    bench.own("web", &[partial]);
    bench
}

/// What was asked for before the machine stopped, in the second in which it did, arrives after the stop is known.
fn late_answer(rules: Rules) -> Bench {
    let mut bench = Bench::adopted(rules);
    bench.pass(5);
    let mut stopped = machine("m1", "stopped", 103);
    stopped.log = vec![line("exit", "stopped", 103)];
    bench.own("web", &[stopped]);
    let mut before = machine("m1", "started", 103);
    before.log = vec![line("start", "started", 10)];
    bench.look.sent_at = at(102);
    bench.own("web", &[before]);
    bench
}

fn on_its_way(rules: Rules) -> Bench {
    let mut bench = Bench::adopted(rules);
    let mut stopping = machine("m1", "stopping", 60);
    stopping.log = vec![line("stop", "stopping", 60)];
    bench.own("web", &[stopping]);
    let mut stopped = machine("m1", "stopped", 61);
    stopped.log = vec![line("exit", "stopped", 61)];
    bench.own("web", &[stopped]);
    bench
}

fn levitating(rules: Rules) -> Bench {
    let mut bench = Bench::adopted(rules);
    let mut odd = machine("m1", "levitating", 60);
    odd.log = vec![line("levitate", "levitating", 60)];
    bench.own("web", &[odd]);
    bench
}

fn odd_line(rules: Rules) -> Bench {
    let mut bench = Bench::adopted(rules);
    let mut odd = machine("m1", "started", 60);
    odd.log = vec![line("checkpoint", "observed", 60)];
    bench.own("web", &[odd]);
    bench
}

fn destroying(rules: Rules) -> Bench {
    let mut bench = Bench::adopted(rules);
    let mut stuck = machine("m1", "destroying", 60);
    stuck.log = vec![line("destroy", "destroying", 60)];
    bench.own("web", &[stuck]);
    bench
}

fn between_looks(rules: Rules) -> Bench {
    let mut bench = Bench::adopted(rules);
    let mut again = machine("m1", "started", 60);
    again.log = vec![line("start", "started", 60), line("exit", "stopped", 50)];
    bench.own("web", &[again]);
    bench
}

/// As [`between_looks`], of a machine whose log has no ids; its next sight shows the same lines.
fn old_lines(rules: Rules) -> Bench {
    let mut bench = Bench::adopted(rules);
    let mut again = machine("m1", "started", 60);
    again.log = vec![line("start", "started", 60), line("exit", "stopped", 50)];
    again.log.iter_mut().for_each(|line| line.id = None);
    bench.own("web", std::slice::from_ref(&again));
    bench.pass(60);
    bench.own("web", &[again]);
    bench
}
