//! The signature of Standard Webhooks 1.0.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Signs `id.timestamp.body` with HMAC-SHA256 (Standard Webhooks 1.0); the secret may carry its `whsec_` prefix.
pub(super) fn signature(headers: &[(String, String)], body: &[u8], secret: &str) -> String {
    let header = |name: &str| headers.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value.as_str());
    let key = secret.strip_prefix("whsec_").map_or_else(
        || secret.as_bytes().to_vec(),
        |encoded| STANDARD.decode(encoded).unwrap_or_else(|_| secret.as_bytes().to_vec()),
    );
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("invariant: HMAC takes keys of any length");
    mac.update(header("webhook-id").as_bytes());
    mac.update(b".");
    mac.update(header("webhook-timestamp").as_bytes());
    mac.update(b".");
    mac.update(body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn webhook_signatures_are_those_of_the_specification() {
        // The example of the Standard Webhooks reference implementations.
        let headers = [("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"), ("webhook-timestamp", "1614265330")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let signed =
            signature(&headers, br#"{"test": 2432232314}"#, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
