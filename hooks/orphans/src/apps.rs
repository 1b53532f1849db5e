//! What single apps have and do not use: addresses of idle ones, idle builders, certificates of names that lead
//! elsewhere. Apps come from the mirror; an app without machines has no date, so it is remembered since when it is seen
//! without.

use groundcrew_hook::audit::{Activity, FirstSeen, ago, apps_after, days, jiff::Timestamp, time};
use groundcrew_hook::fly::certificates::{self, Certificate};
use groundcrew_hook::fly::ips::{self, IpKind};
use groundcrew_hook::fly::{failure, graphql, is_gone, volumes};
use groundcrew_hook::{Finding, Result, Severity, Subject, json};

use crate::{Look, Next, finding};

/// How flyctl names the apps that build images [flyctl].
const BUILDER: &str = "fly-builder-";

/// Looks at apps one after the other; the place is the path of the last one that was done.
pub(crate) fn look(look: &mut Look, place: Option<&str>) -> Result<Next> {
    let mut seen = FirstSeen::of("idle")?;
    let mut done = place.map(str::to_owned);
    loop {
        let apps = apps_after(&look.config.org, done.as_deref())?;
        if apps.is_empty() {
            seen.save()?;
            return Ok(None);
        }
        for app in apps {
            one(look, &mut seen, &app).map_err(|failure| failure.context(&app.path))?;
            done = Some(app.path);
            // The mirror was asked for its machines.
            if look.pace.is_over_after(1) {
                seen.save()?;
                return Ok(done);
            }
        }
    }
}

fn one(look: &mut Look, seen: &mut FirstSeen, app: &Subject) -> Result<()> {
    let checks = look.config.checks.clone();
    if checks.certificates {
        names(look, app)?;
    }
    if !(checks.addresses || checks.egress || checks.builders) {
        return Ok(());
    }
    let since = match Activity::of(app, &look.api)? {
        Activity::Busy | Activity::Gone => return seen.forget(&app.id),
        Activity::Idle { since: Some(since), .. } => {
            seen.forget(&app.id)?;
            since
        }
        Activity::Idle { since: None, .. } => seen.since(&app.id)?,
    };
    look.pace.spend(4);
    if days(look.now, since) < look.config.idle_days {
        return Ok(());
    }
    if checks.addresses {
        addresses(look, app, since)?;
    }
    if checks.egress {
        egress(look, app, since)?;
    }
    if checks.builders && app.app()?.starts_with(BUILDER) {
        builder(look, app, since)?;
    }
    Ok(())
}

fn addresses(look: &mut Look, app: &Subject, since: Timestamp) -> Result<()> {
    let all = match look.api.ask(&ips::list(app.app()?))? {
        Ok(all) => all.ips,
        Err(error) if is_gone(&error) => return Ok(()),
        Err(error) => return Err(failure(&error)),
    };
    for ip in all.iter().filter(|ip| ip.kind() == IpKind::V4) {
        let age = ago(look.now, since);
        let message = format!("dedicated IPv4 address {} of an app in which nothing ran for {age}", ip.ip);
        look.report(Finding {
            cost_cents: look.prices.cents("ipv4_month", 1),
            remedy: Some(format!(
                "fly ips release {} -a {}, if no DNS record says it: others get it afterwards",
                ip.ip,
                app.app()?
            )),
            data: json!({ "created_at": ip.created_at }),
            ..finding("address.idle", format!("address/{}", ip.ip), Some(app), message)
        });
    }
    Ok(())
}

fn egress(look: &mut Look, app: &Subject, since: Timestamp) -> Result<()> {
    let all = match look.config.graphql()?.ask(&graphql::egress(app.app()?))? {
        Ok(all) => all,
        Err(error) if is_gone(&error) => return Ok(()),
        Err(error) => return Err(failure(&error)),
    };
    if all.next().is_some() {
        return Err(groundcrew_hook::Failure::lasting("more egress addresses than one page holds"));
    }
    for ip in all.nodes.iter().filter(|ip| ip.version == 4) {
        let age = ago(look.now, since);
        let message = format!(
            "static egress address {} ({}) of an app in which nothing ran for {age}",
            ip.ip, ip.region
        );
        look.report(Finding {
            cost_cents: look.prices.cents("egress_ipv4_month", 1),
            remedy: Some(format!("fly ips release-egress {} -a {}", ip.ip, app.app()?)),
            data: json!({ "id": ip.id, "updated_at": ip.updated_at }),
            ..finding("egress.idle", format!("egress/{}", ip.ip), Some(app), message)
        });
    }
    Ok(())
}

/// A builder costs what its volumes cost; the root file systems of its stopped machines have no size in the API.
fn builder(look: &mut Look, app: &Subject, since: Timestamp) -> Result<()> {
    let name = app.app()?;
    let volumes = match look.api.ask(&volumes::list(name))? {
        Ok(volumes) => volumes,
        Err(error) if is_gone(&error) => return Ok(()),
        Err(error) => return Err(failure(&error)),
    };
    let gb = volumes.iter().filter(|volume| !volume.is_going()).filter_map(|volume| volume.size_gb).sum();
    let message =
        format!("builder {name} built nothing for {}; its volumes have {gb} GB", ago(look.now, since));
    look.report(Finding {
        severity: Severity::Info,
        cost_cents: look.prices.cents("volume_gb_month", gb),
        remedy: Some(format!("fly apps destroy {name}: the next build makes another one")),
        ..finding("builder.idle", app.path.clone(), Some(app), message)
    });
    Ok(())
}

/// Host names of which nothing leads here any more, as Fly last saw it. A fresh check would be a POST.
fn names(look: &mut Look, app: &Subject) -> Result<()> {
    let name = app.app()?;
    let mut cursor = None;
    loop {
        look.pace.spend(1);
        let page = match look.api.ask(&certificates::list(name, cursor.as_deref()))? {
            Ok(page) => page,
            Err(error) if is_gone(&error) => return Ok(()),
            Err(error) => return Err(failure(&error)),
        };
        for listed in page.certificates {
            let made = time(listed.created_at.as_deref());
            let young = made.is_some_and(|made| days(look.now, made) < look.config.days.certificate);
            if !young && !summary_points_here(&listed) {
                certificate(look, app, &listed.hostname)?;
            }
        }
        cursor = page.next_cursor.filter(|next| !next.is_empty());
        if cursor.is_none() {
            return Ok(());
        }
    }
}

/// Whether a line of the list says that something leads here; without such fields it says nothing.
fn summary_points_here(listed: &Certificate) -> bool {
    let flags = ["acme_dns_configured", "acme_alpn_configured", "acme_http_configured"];
    flags.iter().any(|flag| listed.rest.get(*flag).and_then(groundcrew_hook::Value::as_bool) == Some(true))
}

fn certificate(look: &mut Look, app: &Subject, hostname: &str) -> Result<()> {
    look.pace.spend(1);
    let found = match look.api.ask(&certificates::show(app.app()?, hostname))? {
        Ok(found) => found,
        Err(error) if is_gone(&error) => return Ok(()),
        Err(error) => return Err(failure(&error).context(hostname)),
    };
    let Some(validation) = found.validation else {
        return Err(groundcrew_hook::Failure::lasting(format!("{hostname}: the answer has no `validation`")));
    };
    if validation.points_here() {
        return Ok(());
    }
    let wrong: Vec<_> = found.validation_errors.iter().map(|error| error.message.as_str()).collect();
    let why = if wrong.is_empty() { String::new() } else { format!(": {}", wrong.join("; ")) };
    let status = found.status.replace('_', " ");
    let message = format!("{hostname} does not lead to app {}; its certificate is {status}{why}", app.app()?);
    // Ten single names of the organisation are free, and which ones these are nobody can tell.
    let cost =
        hostname.starts_with("*.").then(|| look.prices.cents("certificate_wildcard_month", 1)).flatten();
    look.report(Finding {
        cost_cents: cost,
        remedy: Some(format!(
            "point {hostname} here again, or fly certs remove {hostname} -a {}",
            app.app()?
        )),
        data: json!({ "status": found.status, "configured": found.configured }),
        ..finding(
            "certificate.elsewhere",
            format!("certificate/{}/{hostname}", app.app()?),
            Some(app),
            message,
        )
    });
    Ok(())
}
