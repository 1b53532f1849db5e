//! `reads`: every hook is defined and makes things, and nobody reads itself, not even by way of others.

use groundcrew_core::subject::SubjectKind;

use super::super::problem::{Problem, ProblemKind, Problems, Quote, Span};
use super::super::resolve::Stanza;

pub(super) fn check(stanzas: &[Stanza<'_>], problems: &Problems) {
    for stanza in stanzas {
        for read in &stanza.reads {
            let name = *read.get_ref();
            match stanzas.iter().find(|other| other.name == name) {
                None => {
                    let message = format!("no hook `{name}` is defined");
                    let problem =
                        Problem::new(ProblemKind::UnknownHook, read.span(), message).label("not defined");
                    let others =
                        stanzas.iter().filter(|other| other.is_provisioner() && other.name != stanza.name);
                    problems.add(problem.meant(
                        name,
                        others.map(|other| other.name),
                        read.span(),
                        Quote::Text,
                    ));
                }
                Some(other) if other.manifest.is_some() && !other.is_provisioner() => {
                    let message = format!("[hook.{name}] is a handler and has no outputs to read");
                    let problem =
                        Problem::new(ProblemKind::WrongKind, read.span(), message).label("makes no things");
                    problems.add(problem.help(format!("remove `{name}` from `reads`")));
                }
                Some(other)
                    if other.owner() == Some(SubjectKind::Machine)
                        && stanza.owner() == Some(SubjectKind::App) =>
                {
                    let message =
                        format!("[hook.{name}] works for machines, and [hook.{}] for apps", stanza.name);
                    let problem = Problem::new(ProblemKind::ReadsMachine, read.span(), message);
                    let problem = problem.label("an app has none of its outputs");
                    problems
                        .add(problem.help("a machine's hook may read its app's, not the other way round"));
                }
                Some(_) => {}
            }
        }
    }
    cycles(stanzas, problems);
}

/// Each circle is told once, at the stanza whose name comes first.
fn cycles(stanzas: &[Stanza<'_>], problems: &Problems) {
    for start in stanzas {
        let mut way = vec![start.name];
        if let Some(edges) = way_back(stanzas, start, &mut way) {
            way.push(start.name);
            let mut edges = edges.into_iter().rev();
            let Some((_, at)) = edges.next() else { continue };
            let problem = Problem::new(
                ProblemKind::ReadsCycle,
                at,
                format!("hooks read each other in a circle: {}", way.join(" reads ")),
            );
            let problem = problem.label("the circle begins here");
            let problem =
                edges.fold(problem, |problem, (name, at)| problem.also(at, format!("[hook.{name}] goes on")));
            problems.add(problem.help("take one of them out: outputs can flow one way only"));
        }
    }
}

/// The places of `reads` that lead back to where `way` began, last first; only by names that come after it.
fn way_back<'a>(
    stanzas: &[Stanza<'a>],
    at: &Stanza<'a>,
    way: &mut Vec<&'a str>,
) -> Option<Vec<(&'a str, Span)>> {
    let start = way[0];
    for read in &at.reads {
        let name = *read.get_ref();
        if name == start {
            return Some(vec![(at.name, read.span())]);
        }
        let Some(next) =
            stanzas.iter().find(|next| next.name == name && name > start && !way.contains(&name))
        else {
            continue;
        };
        way.push(next.name);
        if let Some(mut edges) = way_back(stanzas, next, way) {
            edges.push((at.name, read.span()));
            return Some(edges);
        }
        way.pop();
    }
    None
}
