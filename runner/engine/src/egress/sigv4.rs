//! AWS Signature Version 4, in the `Authorization` header.
//!
//! As *Create a signed AWS API request* describes it (AWS IAM User Guide), for S3 and what speaks like it as
//! *Authenticating Requests: Using the Authorization Header* does (Amazon S3 API Reference). It signs every header
//! that the guest wrote and the whole body; it knows no session tokens and no chunked uploads.

use groundcrew_core::spec::Failure;
use groundcrew_core::time::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use sha2::{Digest, Sha256};
use url::Url;

use super::Request;
use crate::secrets::{AwsKey, Signing};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The service whose rules differ: it wants the body's hash as a header, and paths encoded once.
const S3: &str = "s3";

/// Headers that belong to the signature; a guest's own are replaced.
const OURS: [&str; 4] = ["authorization", "x-amz-date", "x-amz-content-sha256", "x-amz-security-token"];

/// Headers of the vendor's that a guest may have signed, by how they begin. Others give the signature another meaning:
/// `x-amz-copy-source` reads an object that no grant names, `x-amz-acl` and `x-amz-grant-` give it away.
const THEIRS: [&str; 9] = [
    "x-amz-checksum-",
    "x-amz-sdk-checksum-",
    "x-amz-content-",
    "x-amz-expected-bucket-owner",
    "x-amz-meta-",
    "x-amz-server-side-encryption",
    "x-amz-storage-class",
    "x-amz-tagging",
    "x-amz-target",
];

/// Headers that are not signed: whoever carries the request may write them anew.
const UNSIGNED: [&str; 3] = ["user-agent", "accept-encoding", "expect"];

/// What stays as it is (RFC 3986, *unreserved*).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Refuses headers that must not be signed for a guest.
pub(super) fn refuse(headers: &[(String, String)]) -> Result<(), Failure> {
    let vendors = |name: &str| name.starts_with("x-amz-") && !OURS.contains(&name);
    let allowed = |name: &str| THEIRS.iter().any(|begin| name.starts_with(begin));
    let refused = headers.iter().find(|(name, _)| vendors(name) && !allowed(name));
    refused.map_or(Ok(()), |(name, _)| {
        Err(Failure::final_(format!(
            "the header `{name}` is not signed for a hook: it reaches beyond the request's URL"
        )))
    })
}

/// Signs a request that is sent at this time.
pub(super) fn sign(request: &mut Request, key: &AwsKey<'_>, scope: &Signing, now: Timestamp) {
    let Ok(url) = Url::parse(&request.url) else { return };
    let body = hex::encode(Sha256::digest(&request.body));
    let at = basic_time(now);
    request.headers.retain(|(name, _)| !OURS.contains(&name.as_str()));
    request.headers.push(("x-amz-date".to_owned(), at.clone()));
    if scope.service == S3 {
        request.headers.push(("x-amz-content-sha256".to_owned(), body.clone()));
    }
    let headers = signed_headers(&url, &request.headers);
    let names = headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(";");
    let line = |(name, value): &(String, String)| format!("{name}:{value}\n");
    let lines = headers.iter().map(line).collect::<Vec<_>>().concat();
    let (path, query) = (path(&url, scope), query(&url));
    let canonical = format!("{}\n{path}\n{query}\n{lines}\n{names}\n{body}", request.method);
    let day = &at[..8];
    let within = format!("{day}/{}/{}/aws4_request", scope.region, scope.service);
    let text = format!("{ALGORITHM}\n{at}\n{within}\n{}", hex::encode(Sha256::digest(canonical)));
    let steps = [day, &scope.region, &scope.service, "aws4_request", &text];
    let signature =
        steps.iter().fold(format!("AWS4{}", key.secret).into_bytes(), |key, step| hmac(&key, step));
    let value = format!(
        "{ALGORITHM} Credential={}/{within}, SignedHeaders={names}, Signature={}",
        key.id,
        hex::encode(signature)
    );
    request.headers.push(("authorization".to_owned(), value));
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("invariant: HMAC takes keys of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// `20150830T123600Z`.
fn basic_time(at: Timestamp) -> String {
    let text: String = at.to_string().chars().filter(|c| !matches!(c, '-' | ':')).collect();
    format!("{}Z", text.split('.').next().unwrap_or_default())
}

/// What is signed of the headers, and the host: sorted, each name once, white space trimmed and folded.
fn signed_headers(url: &Url, headers: &[(String, String)]) -> Vec<(String, String)> {
    let host = url.host_str().unwrap_or_default();
    let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let mut signed = std::collections::BTreeMap::from([("host".to_owned(), host)]);
    for (name, value) in headers.iter().filter(|(name, _)| !UNSIGNED.contains(&name.as_str())) {
        let folded = value.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
        let joined = |before: &mut String| *before = format!("{before},{folded}");
        signed.entry(name.clone()).and_modify(joined).or_insert(folded);
    }
    signed.into_iter().collect()
}

/// The path. S3 reads it once; everybody else encodes what was encoded, after taking out empty segments.
fn path(url: &Url, scope: &Signing) -> String {
    let sent = url.path();
    if scope.service == S3 {
        let segments = sent.split('/').map(encoded_anew);
        return segments.collect::<Vec<_>>().join("/");
    }
    let segments: Vec<_> = sent.split('/').filter(|segment| !segment.is_empty()).collect();
    let end = if sent.ends_with('/') && !segments.is_empty() { "/" } else { "" };
    let encoded = segments.iter().map(|segment| percent_encode(segment.as_bytes(), RESERVED).to_string());
    format!("/{}{end}", encoded.collect::<Vec<_>>().join("/"))
}

/// The query, sorted by name and value.
fn query(url: &Url) -> String {
    let pairs = url.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    let mut pairs: Vec<_> = pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (encoded_anew(name), encoded_anew(value)))
        .collect();
    pairs.sort_unstable();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

fn encoded_anew(text: &str) -> String {
    let decoded: Vec<u8> = percent_decode_str(text).collect();
    percent_encode(&decoded, RESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2015-08-30T12:36:00Z, the time of AWS's test suite.
    const SUITE: Timestamp = Timestamp::from_millis(1_440_938_160_000);
    /// 2013-05-24T00:00:00Z, the time of the S3 reference's examples.
    const S3_EXAMPLES: Timestamp = Timestamp::from_millis(1_369_353_600_000);

    fn authorization(request: Request, key: &AwsKey<'_>, service: &str, at: Timestamp) -> String {
        let mut request = request;
        let scope = Signing { region: "us-east-1".to_owned(), service: service.to_owned() };
        sign(&mut request, key, &scope, at);
        request.headers.into_iter().find(|(name, _)| name == "authorization").unwrap().1
    }

    fn request(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Request {
        Request {
            method: method.to_owned(),
            url: url.to_owned(),
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            body: body.as_bytes().to_vec(),
            private: false,
        }
    }

    /// Vectors of `aws-sig-v4-test-suite`, by their names there.
    #[test]
    fn signatures_are_those_of_the_vendors_test_suite() {
        let key = AwsKey { id: "AKIDEXAMPLE", secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" };
        let get = |rest: &str| request("GET", &format!("https://example.amazonaws.com{rest}"), &[], "");
        let unreserved = "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let post = "https://example.amazonaws.com/";
        for (name, request, signature) in [
            ("get-vanilla", get("/"), "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
            (
                "get-vanilla-query-order-key-case",
                get("/?Param2=value2&Param1=value1"),
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
            (
                "get-unreserved",
                get(unreserved),
                "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
            ),
            (
                "get-slashes",
                get("//example//"),
                "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84",
            ),
            (
                "post-vanilla",
                request("POST", post, &[], ""),
                "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ),
            (
                "post-x-www-form-urlencoded",
                request("POST", post, &form, "Param1=value1"),
                "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            ),
        ] {
            let authorization = authorization(request, &key, "service", SUITE);
            let begin = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, ";
            assert!(authorization.starts_with(begin), "{name}: {authorization}");
            assert!(authorization.ends_with(&format!("Signature={signature}")), "{name}: {authorization}");
        }
    }

    /// *Signature Calculations for the Authorization Header*, Amazon S3 API Reference.
    #[test]
    fn signatures_for_s3_are_those_of_its_reference() {
        let key = AwsKey { id: "AKIAIOSFODNN7EXAMPLE", secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" };
        let at = |rest: &str| format!("https://examplebucket.s3.amazonaws.com/{rest}");
        let put = [("date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")];
        for (request, signature) in [
            (
                request("GET", &at("test.txt"), &[("range", "bytes=0-9")], ""),
                "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
            ),
            (
                request("PUT", &at("test$file.text"), &put, "Welcome to Amazon S3."),
                "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
            ),
            (
                request("GET", &at("?lifecycle"), &[], ""),
                "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
            ),
            (
                request("GET", &at("?max-keys=2&prefix=J"), &[], ""),
                "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
            ),
        ] {
            let authorization = authorization(request, &key, "s3", S3_EXAMPLES);
            assert!(authorization.ends_with(&format!("Signature={signature}")), "{authorization}");
        }
    }

    /// What botocore 1.44.5 signs the same requests with, at the same time.
    #[test]
    fn signatures_are_those_of_the_vendors_own_client() {
        let key = AwsKey { id: "AKIDEXAMPLE", secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" };
        let body = [("content-type", "application/xml"), ("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg==")];
        let bucket = "http://127.0.0.1:5000/acme-7";
        let object = format!("{bucket}/a%20b/%C3%BC?prefix=a%2Fb%20c&marker=");
        let zone =
            "https://route53.amazonaws.com/2013-04-01/hostedzone/Z1/rrset?name=%5C052.acme.app.&type=A";
        for (request, service, signature) in [
            (
                request("POST", &format!("{bucket}?delete"), &body, "<Delete/>"),
                "s3",
                "456be420c0da7bf5c05e78a711c798bad881d9df8488c9165733b5d971e0c8cb",
            ),
            (
                request("GET", &object, &[], ""),
                "s3",
                "0b41967687277a4a8d4236fa69adfc6bba6b199e6c0f425217cea0b3ab6fc123",
            ),
            (
                request("GET", zone, &[], ""),
                "route53",
                "f2bcf87408fba25909a70a3499a9d59baa0cc4473605bb8b5c564efdd0712abe",
            ),
        ] {
            let authorization = authorization(request, &key, service, SUITE);
            assert!(authorization.ends_with(&format!("Signature={signature}")), "{authorization}");
        }
    }

    #[test]
    fn a_header_that_reaches_elsewhere_is_not_signed() {
        let refused =
            |name: &str| refuse(&[("a".to_owned(), "b".to_owned()), (name.to_owned(), "x".to_owned())]);
        for name in [
            "x-amz-copy-source",
            "x-amz-copy-source-range",
            "x-amz-acl",
            "x-amz-grant-full-control",
            "x-amz-bypass-governance-retention",
            "x-amz-website-redirect-location",
        ] {
            assert!(refused(name).unwrap_err().message.contains(name), "{name}");
        }
        for name in ["x-amz-meta-owner", "x-amz-storage-class", "x-amz-target", "x-amz-date", "x-other"] {
            assert_eq!(refused(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn what_a_guest_wrote_of_a_signature_is_replaced() {
        let headers = [("authorization", "Bearer x"), ("x-amz-date", "19700101T000000Z")];
        let mut asked = request("GET", "http://127.0.0.1:5000/b%2Fc", &headers, "");
        let key = AwsKey { id: "ID", secret: "SECRET" };
        let scope = Signing { region: "eu".to_owned(), service: "s3".to_owned() };
        sign(&mut asked, &key, &scope, SUITE);
        let names: Vec<_> = asked.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["x-amz-date", "x-amz-content-sha256", "authorization"]);
        assert_eq!(asked.headers[0].1, "20150830T123600Z");
        let url = Url::parse(&asked.url).unwrap();
        assert_eq!(signed_headers(&url, &[])[0].1, "127.0.0.1:5000");
    }
}
