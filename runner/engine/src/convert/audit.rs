//! What an auditor answers: every limit of a finding is checked here.

use groundcrew_core::finding::{Page, Reported, Severity};
use groundcrew_core::remedy::Outcome;
use groundcrew_core::spec::{Failure, Owner};

use super::{cursor_in, cut, json, misfit, owner_out};
use crate::bindings::audit::exports::groundcrew::hook::audit as wit;
use crate::bindings::host::types;
use crate::bindings::remedy::exports::groundcrew::hook::remedy;
use crate::limits::{ABOUT_MAX, Limits, TEXT_MAX};

pub(crate) fn page_in(page: wit::Page, limits: &Limits) -> Result<Page, Failure> {
    if page.findings.len() > limits.list {
        let count = page.findings.len();
        return Err(misfit("a page", &format!("has {count} findings; at most {} are taken", limits.list)));
    }
    let next = page.next.map(cursor_in).transpose()?;
    let findings = page.findings.into_iter().map(|finding| finding_in(finding, limits.finding));
    Ok(Page { findings: findings.collect::<Result<_, _>>()?, next })
}

/// A finding as it goes to what mends it.
pub(crate) fn finding_out(finding: &Reported) -> types::Finding {
    types::Finding {
        code: finding.code.clone(),
        subject: finding.subject.as_ref().map(owner_out),
        about: finding.about.clone(),
        severity: match finding.severity {
            Severity::Info => types::Severity::Info,
            Severity::Warning => types::Severity::Warning,
            Severity::Critical => types::Severity::Critical,
        },
        message: finding.message.clone(),
        cost_cents: finding.cost_cents,
        remedy: finding.remedy.clone(),
        data: finding.data.to_string(),
    }
}

pub(crate) fn outcome_in(outcome: remedy::Outcome) -> Outcome {
    match outcome {
        remedy::Outcome::Fixed => Outcome::Fixed,
        remedy::Outcome::NoLongerTrue => Outcome::NoLongerTrue,
        remedy::Outcome::NotNow => Outcome::NotNow,
    }
}

fn finding_in(finding: types::Finding, max: usize) -> Result<Reported, Failure> {
    let what = |field: &str| format!("`{field}` of {} about {}", finding.code, finding.about);
    if finding.about.is_empty() || finding.about.len() > ABOUT_MAX {
        let field = format!("`about` of a {}", finding.code);
        return Err(misfit(&field, &format!("must have 1 to {ABOUT_MAX} bytes")));
    }
    let data = json(&what("data"), &finding.data, max)?;
    let subject = finding.subject.as_ref().map(|owner| {
        let (path, uid) = (owner.path.parse().ok(), owner.id.parse().ok());
        let no = || misfit(&what("subject"), &format!("is no owner: `{}`, `{}`", owner.path, owner.id));
        path.zip(uid).map(|(path, uid)| Owner { path, uid }).ok_or_else(no)
    });
    Ok(Reported {
        subject: subject.transpose()?,
        severity: match finding.severity {
            types::Severity::Info => Severity::Info,
            types::Severity::Warning => Severity::Warning,
            types::Severity::Critical => Severity::Critical,
        },
        message: cut(finding.message, TEXT_MAX),
        cost_cents: finding.cost_cents,
        remedy: finding.remedy.map(|remedy| cut(remedy, TEXT_MAX)),
        data,
        code: finding.code,
        about: finding.about,
    })
}
