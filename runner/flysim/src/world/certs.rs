//! Certificates of hostnames, and whether their DNS points here.

use serde_json::{Value, json};

use super::ips::IpKind;
use super::{App, Due, State};
use crate::clock::rfc3339;
use crate::refusal::Refusal;

/// A hostname of an app, with an ACME certificate, a custom one, or both.
#[derive(Debug, Clone)]
pub(crate) struct Cert {
    pub(crate) hostname: String,
    pub(crate) created_ms: i64,
    pub(crate) updated_ms: i64,
    pub(crate) acme: bool,
    pub(crate) custom: bool,
    pub(crate) active: bool,
}

/// Where a certificate comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Acme,
    Custom,
}

/// How long an issued certificate is good for: 90 days.
const VALID_MS: i64 = 90 * 86_400_000;

impl Cert {
    fn status(&self) -> &'static str {
        if self.active { "active" } else { "pending_validation" }
    }

    fn entries(&self) -> Vec<Value> {
        let expires = rfc3339(self.updated_ms + VALID_MS);
        let mut entries = Vec::new();
        if self.acme {
            let issued = if self.active {
                json!([{"type": "ecdsa", "expires_at": expires, "certificate_authority": "lets_encrypt"}])
            } else {
                json!([])
            };
            entries.push(json!({
                "source": "fly", "status": self.status(), "created_at": rfc3339(self.created_ms),
                "issued": issued,
            }));
        }
        if self.custom {
            entries.push(json!({
                "source": "custom", "status": self.status(), "created_at": rfc3339(self.created_ms),
                "expires_at": expires, "issuer": "custom",
            }));
        }
        entries
    }
}

impl State {
    /// Requests a certificate.
    ///
    /// # Errors
    /// 422 for a hostname that the app has already (the text is that of the old GraphQL
    /// call; the answer of REST is not documented), or that is none.
    pub(crate) fn create_cert(
        &mut self,
        app_id: &str,
        hostname: &str,
        source: Source,
    ) -> Result<(), Refusal> {
        let now = self.now;
        let app = self.apps.get_mut(app_id).ok_or_else(Refusal::app_not_found)?;
        let host = hostname.strip_prefix("*.").unwrap_or(hostname);
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        if !host.contains('.') || !host.chars().all(fits) {
            return Err(Refusal::new(422, "Validation failed: Hostname is invalid"));
        }
        let existing = app.certs.get(hostname);
        if existing.is_some_and(|cert| source == Source::Custom || cert.acme) {
            return Err(Refusal::new(422, "Hostname already exists on app"));
        }
        let cert = app.certs.entry(hostname.to_owned()).or_insert_with(|| Cert {
            hostname: hostname.to_owned(),
            created_ms: now,
            updated_ms: now,
            acme: false,
            custom: false,
            active: false,
        });
        match source {
            Source::Acme => cert.acme = true,
            Source::Custom => cert.custom = true,
        }
        self.record("cert.created", app_id, hostname, json!({"acme": source == Source::Acme}));
        if self.dns.contains(hostname) || source == Source::Custom {
            self.cert_active(app_id, hostname);
        } else if let Some(after) = self.knobs.cert_active_after_ms {
            let due =
                Due::CertActive { app_id: app_id.to_owned(), hostname: hostname.to_owned(), created_ms: now };
            self.schedule(after, due);
        }
        Ok(())
    }

    /// The time has come at which a certificate may become active, unless it was replaced since.
    pub(crate) fn cert_due(&mut self, app_id: &str, hostname: &str, created_ms: i64) {
        let by_itself =
            self.knobs.cert_active_after_ms.map(|after| created_ms.saturating_add_unsigned(after));
        let ready = self.dns.contains(hostname) || by_itself.is_some_and(|at| at <= self.now);
        if ready && self.cert_of(app_id, hostname).is_some_and(|cert| cert.created_ms == created_ms) {
            self.cert_active(app_id, hostname);
        }
    }

    /// Lets a certificate become active, now or when it is not limited any more.
    fn cert_active(&mut self, app_id: &str, hostname: &str) {
        let now = self.now;
        let limited = self.cert_of(app_id, hostname).and_then(|cert| self.cert_limited_until(cert));
        let cert = self.apps.get_mut(app_id).and_then(|app| app.certs.get_mut(hostname));
        let Some(cert) = cert.filter(|cert| !cert.active) else { return };
        if let Some(until) = limited {
            let (app_id, hostname, created_ms) = (app_id.to_owned(), hostname.to_owned(), cert.created_ms);
            let due = Due::CertActive { app_id, hostname, created_ms };
            return self.schedule((until - now).unsigned_abs(), due);
        }
        cert.active = true;
        cert.updated_ms = now;
        self.record("cert.active", app_id, hostname, Value::Null);
    }

    fn cert_of(&self, app_id: &str, hostname: &str) -> Option<&Cert> {
        self.apps.get(app_id)?.certs.get(hostname)
    }

    /// Until when nobody issues it; none: somebody does, or did.
    fn cert_limited_until(&self, cert: &Cert) -> Option<i64> {
        let until = cert.created_ms.saturating_add_unsigned(self.knobs.cert_rate_limited_ms);
        (!cert.active && cert.acme && !cert.custom && until > self.now).then_some(until)
    }

    /// Removes a hostname with all its certificates.
    pub(crate) fn delete_cert(&mut self, app_id: &str, hostname: &str) -> Result<(), Refusal> {
        let app = self.apps.get_mut(app_id).ok_or_else(Refusal::app_not_found)?;
        app.certs.remove(hostname).ok_or_else(cert_not_found)?;
        self.record("cert.deleted", app_id, hostname, Value::Null);
        Ok(())
    }

    /// Removes one of a hostname's certificates; the hostname goes with the last one.
    pub(crate) fn delete_cert_part(
        &mut self,
        app_id: &str,
        hostname: &str,
        source: Source,
    ) -> Result<Value, Refusal> {
        let app = self.apps.get_mut(app_id).ok_or_else(Refusal::app_not_found)?;
        let cert = app.certs.get_mut(hostname).ok_or_else(cert_not_found)?;
        match source {
            Source::Acme => cert.acme = false,
            Source::Custom => cert.custom = false,
        }
        let left = cert.clone();
        let shown = self.apps.get(app_id).map_or(Value::Null, |app| self.cert_json(app, &left));
        if left.acme || left.custom {
            self.record("cert.part_deleted", app_id, hostname, json!({"acme": source == Source::Acme}));
        } else {
            self.delete_cert(app_id, hostname)?;
        }
        Ok(shown)
    }

    /// Finds a certificate as a reader does.
    pub(crate) fn cert<'a>(&self, app: &'a App, hostname: &str) -> Result<&'a Cert, Refusal> {
        let hidden =
            |cert: &&Cert| !(self.knobs.blind_gets && self.blind(cert.created_ms, self.knobs.blind_certs_ms));
        app.certs.get(hostname).filter(hidden).ok_or_else(cert_not_found)
    }

    /// Says whether a hostname's DNS points here; certificates that wait for it become active.
    pub(crate) fn set_dns(&mut self, hostname: &str, configured: bool) {
        if !configured {
            self.dns.remove(hostname);
            return;
        }
        self.dns.insert(hostname.to_owned());
        let waiting: Vec<String> = self
            .names
            .values()
            .filter(|id| self.apps.get(*id).is_some_and(|app| app.certs.contains_key(hostname)))
            .cloned()
            .collect();
        for app_id in waiting {
            self.cert_active(&app_id, hostname);
        }
    }

    /// The certificate as reading it shows it [docs machines/api/certificates-resource].
    pub(crate) fn cert_json(&self, app: &App, cert: &Cert) -> Value {
        let dns = self.dns.contains(&cert.hostname);
        let mut body = json!({
            "hostname": cert.hostname,
            "status": cert.status(),
            "configured": dns || cert.active,
            "acme_requested": cert.acme,
            "dns_provider": "",
            "certificates": cert.entries(),
            "validation": {
                "dns_configured": dns,
                "alpn_configured": dns,
                "http_configured": dns,
                "ownership_txt_configured": false,
            },
            "dns_requirements": requirements(app, &cert.hostname),
            "validation_errors": [],
        });
        if let Some(until) = self.cert_limited_until(cert) {
            body["rate_limited_until"] = json!(rfc3339(until));
        }
        body
    }

    /// The certificate as a list shows it.
    pub(crate) fn cert_summary(&self, cert: &Cert) -> Value {
        let dns = self.dns.contains(&cert.hostname);
        json!({
            "hostname": cert.hostname,
            "status": cert.status(),
            "configured": dns || cert.active,
            "acme_requested": cert.acme,
            "acme_dns_configured": dns,
            "acme_alpn_configured": dns,
            "acme_http_configured": dns,
            "ownership_txt_configured": false,
            "dns_provider": "",
            "has_fly_certificate": cert.acme,
            "has_custom_certificate": cert.custom,
            "created_at": rfc3339(cert.created_ms),
            "updated_at": rfc3339(cert.updated_ms),
        })
    }

    /// The certificate as checking it shows it, with the records that resolve now.
    pub(crate) fn cert_check(&self, app: &App, cert: &Cert) -> Value {
        let mut body = self.cert_json(app, cert);
        let required = requirements(app, &cert.hostname);
        let found = self.dns.contains(&cert.hostname);
        let listed = |key: &str| if found { required[key].clone() } else { json!([]) };
        body["dns_records"] = json!({
            "a": listed("a"),
            "aaaa": listed("aaaa"),
            "cname": [],
            "resolved_addresses": listed("a"),
        });
        body
    }
}

/// What DNS must say for a hostname to point here.
fn requirements(app: &App, hostname: &str) -> Value {
    let of = |v6: bool| -> Vec<&str> {
        let fits = |kind| match kind {
            IpKind::V4 | IpKind::SharedV4 => !v6,
            IpKind::V6 => v6,
            IpKind::PrivateV6 => false,
        };
        app.ips.iter().filter(|ip| fits(ip.kind)).map(|ip| ip.address.as_str()).collect()
    };
    let host = hostname.strip_prefix("*.").unwrap_or(hostname);
    json!({
        "a": of(false),
        "aaaa": of(true),
        "cname": format!("{}.fly.dev", app.name),
        "acme_challenge": {
            "name": format!("_acme-challenge.{host}"),
            "target": format!("{host}.{}.flydns.net", &app.id[..6]),
        },
        "ownership": {
            "name": format!("_fly-ownership.{host}"),
            "app_value": format!("app-{}", app.id),
            "org_value": format!("org-{}", app.org),
        },
    })
}

fn cert_not_found() -> Refusal {
    Refusal::new(404, "certificate not found")
}
