//! The signature of Standard Webhooks 1.0.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use groundcrew_core::time::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::Request;

/// Signs a request that is sent at this time; the secret may carry its `whsec_` prefix.
///
/// `webhook-timestamp` is the time of the attempt (Standard Webhooks 1.0, *webhook timestamp*): receivers refuse
/// what is signed for another time than theirs, so a guest's own, such as the event's, is replaced.
pub(super) fn sign(request: &mut Request, secret: &str, now: Timestamp) {
    let seconds = now.as_millis().div_euclid(1_000).to_string();
    let ours = ["webhook-timestamp", "webhook-signature"];
    request.headers.retain(|(name, _)| !ours.contains(&name.as_str()));
    let id = request.headers.iter().find(|(name, _)| name == "webhook-id").map_or("", |(_, id)| id.as_str());
    let signature = signature(id, &seconds, &request.body, secret);
    request.headers.extend(ours.map(str::to_owned).into_iter().zip([seconds, signature]));
}

/// Signs `id.timestamp.body` with HMAC-SHA256.
fn signature(id: &str, timestamp: &str, body: &[u8], secret: &str) -> String {
    let key = secret.strip_prefix("whsec_").map_or_else(
        || secret.as_bytes().to_vec(),
        |encoded| STANDARD.decode(encoded).unwrap_or_else(|_| secret.as_bytes().to_vec()),
    );
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("invariant: HMAC takes keys of any length");
    for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
        mac.update(part);
    }
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks reference implementations.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const SIGNED: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    #[test]
    fn webhook_signatures_are_those_of_the_specification_at_the_time_of_sending() {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut request = Request {
            method: "POST".to_owned(),
            url: "https://receiver.example/".to_owned(),
            headers: vec![
                header("webhook-timestamp", "1500000000"),
                header("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            ],
            body: br#"{"test": 2432232314}"#.to_vec(),
            private: false,
        };
        sign(&mut request, SECRET, Timestamp::from_millis(1_614_265_330_999));
        let expected = [
            header("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            header("webhook-timestamp", "1614265330"),
            header("webhook-signature", SIGNED),
        ];
        assert_eq!(request.headers, expected);
    }
}
