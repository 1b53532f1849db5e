//! The Fly simulator and a receiver of events as a process of their own, spoken to as anybody could.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::{Stage, free_ports, until};
use groundcrew_verdict::Receipt;

/// A running simulator.
pub(crate) struct Simulator {
    child: Child,
    pub(crate) base: String,
    /// Where it is told what happens.
    pub(crate) receiver: String,
}

impl Simulator {
    /// Starts it with a fleet.
    pub(crate) fn start(stage: &Stage, apps: u32, machines: u32) -> anyhow::Result<Self> {
        let [port, receiver] = free_ports()?;
        let log = std::fs::File::create(stage.directory.join("simulator.log"))?;
        let child = Command::new(&stage.fakes)
            .args(["--listen", &format!("127.0.0.1:{port}"), "--receiver", &format!("127.0.0.1:{receiver}")])
            .args(["--apps", &apps.to_string(), "--machines", &machines.to_string()])
            .arg("--effects")
            .arg(stage.directory.join("effects.ndjson"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .context("groundcrew-fakes")?;
        let (base, receiver) =
            (format!("http://127.0.0.1:{port}"), format!("http://127.0.0.1:{receiver}/events"));
        let simulator = Self { child, base, receiver };
        until("the simulator answers", Duration::from_secs(10), || Ok(simulator.read("/_sim/stats").ok()))?;
        Ok(simulator)
    }

    /// Acts as a user of the platform; what the platform answers.
    pub(crate) fn act(&self, action: &Value) -> anyhow::Result<Value> {
        let url = format!("{}/_sim/act", self.base);
        Ok(ureq::post(url).send_json(action)?.body_mut().read_json()?)
    }

    /// Calls the platform's API with somebody's token; what it answers.
    pub(crate) fn call(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let request =
            ureq::post(format!("{}{path}", self.base)).header("authorization", "Bearer fo1_somebody");
        Ok(request.send_json(body)?.body_mut().read_json()?)
    }

    /// Turns knobs.
    pub(crate) fn turn(&self, knobs: &Value) -> anyhow::Result<()> {
        ureq::patch(format!("{}/_sim/knobs", self.base)).send_json(knobs)?;
        Ok(())
    }

    /// Deletes an app.
    pub(crate) fn delete_app(&self, name: &str) -> anyhow::Result<()> {
        self.act(&json!({"do": "delete_app", "app": name})).map(drop)
    }

    /// Waits until an answer is held; its path.
    pub(crate) fn held(&self, limit: Duration) -> anyhow::Result<String> {
        let path = format!("/_sim/holds?reached=1&timeout_ms={}", limit.as_millis());
        let holds = self.read(&path)?;
        let held = holds.as_array().or_else(|| holds["holds"].as_array()).and_then(|holds| holds.first());
        let held =
            held.with_context(|| format!("no request was held within {} s: {holds}", limit.as_secs()))?;
        Ok(format!("{} {}", held["method"].as_str().unwrap_or(""), held["path"].as_str().unwrap_or("")))
    }

    /// Every answer that was ever held.
    pub(crate) fn holds(&self) -> anyhow::Result<Vec<Value>> {
        let mut holds = self.read("/_sim/holds")?;
        match holds["holds"].take() {
            Value::Array(all) => Ok(all),
            _ => anyhow::bail!("the simulator lists no holds: {holds}"),
        }
    }

    /// Waits until one more answer was held than so many; it, if it is held still.
    pub(crate) fn held_beyond(&self, before: usize, limit: Duration) -> anyhow::Result<Option<Value>> {
        self.read(&format!("/_sim/holds?reached={}&timeout_ms={}", before + 1, limit.as_millis()))?;
        let last = self.holds()?.into_iter().nth(before);
        Ok(last.filter(|held| held["status"] == "waiting"))
    }

    /// Lets held answers go (to nobody, by now).
    pub(crate) fn release(&self) -> anyhow::Result<()> {
        self.post("/_sim/holds/release", &json!({}))
    }

    /// What took effect, from the beginning.
    pub(crate) fn log(&self) -> anyhow::Result<Vec<Value>> {
        let text = ureq::get(format!("{}/_sim/log", self.base))
            .call()?
            .body_mut()
            .with_config()
            .limit(1 << 30)
            .read_to_string()?;
        if let Ok(Value::Array(all)) = serde_json::from_str(&text) {
            return Ok(all);
        }
        text.lines().map(|line| serde_json::from_str(line).context("the simulator's log")).collect()
    }

    /// What the receiver was told, in the order in which it was.
    pub(crate) fn receipts(&self) -> anyhow::Result<Vec<Receipt>> {
        let url = self.receiver.replace("/events", "/-/receipts");
        // There may be more of them than a client takes for granted.
        let text = ureq::get(url).call()?.body_mut().with_config().limit(1 << 30).read_to_string()?;
        text.lines().map(receipt).collect()
    }

    /// What of the platform's answers is not as the vendor's document says.
    pub(crate) fn violations(&self) -> anyhow::Result<Vec<String>> {
        let all = self.read("/_sim/violations")?;
        let all =
            all.as_array().with_context(|| format!("the simulator does not check its answers: {all}"))?;
        Ok(all.iter().map(|one| format!("{}: {}", text(&one["call"]), text(&one["problem"]))).collect())
    }

    /// How many requests it refused because there were too many.
    pub(crate) fn too_many(&self) -> anyhow::Result<u64> {
        self.read("/_sim/stats")?["too_many"].as_u64().context("the simulator counts no refused requests")
    }

    /// Reads one of its pages.
    pub(crate) fn read(&self, path: &str) -> anyhow::Result<Value> {
        Ok(ureq::get(format!("{}{path}", self.base)).call()?.body_mut().read_json()?)
    }

    fn post(&self, path: &str, body: &Value) -> anyhow::Result<()> {
        ureq::post(format!("{}{path}", self.base)).send_json(body)?;
        Ok(())
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// One line of the receiver's: what was posted is in the shape of Standard Webhooks.
fn receipt(line: &str) -> anyhow::Result<Receipt> {
    let parsed =
        |text: &str| serde_json::from_str::<Value>(text).with_context(|| format!("a receipt: {text}"));
    let body = parsed(text(&parsed(line)?["body"]))?;
    let subject = body["data"]["subject"]["id"].as_str().map(str::to_owned);
    Ok(Receipt {
        kind: text(&body["type"]).to_owned(),
        subject,
        number: body["data"]["data"]["number"].as_u64(),
    })
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_posted_is_read() {
        let body = |subject: &Value| {
            json!({"type": "order.paid", "data": {"subject": subject, "data": {"number": 7}}}).to_string()
        };
        let read = |subject| receipt(&json!({"id": "e", "body": body(&subject)}).to_string()).unwrap();
        let expected = |subject| Receipt { kind: "order.paid".to_owned(), subject, number: Some(7) };
        assert_eq!(read(json!({"id": "app:a1", "path": "fly/acme/x"})), expected(Some("app:a1".to_owned())));
        assert_eq!(read(Value::Null), expected(None));
        assert!(receipt("{").is_err());
    }
}
