//! What PowerDNS takes as a record's content, and what it says of the rest.
//!
//! The sentences are those of 4.7's parsers (`pdns/rcpgenerator.cc`, `pdns/ws-auth.cc`), seen in its answers.

use std::net::Ipv6Addr;

/// What parsers say before their own sentence.
const PARSING: &str = "Parsing record content (try 'pdnsutil check-zone'): ";

/// The content as it is stored.
///
/// # Errors
/// PowerDNS's reason; contents of types other than A, AAAA, CNAME and TXT are taken as they are.
pub(super) fn stored(kind: &str, content: &str) -> Result<String, String> {
    let parsed = match kind {
        "A" => address(content)?,
        "AAAA" => {
            let parsed: Ipv6Addr = content.parse().map_err(|_| "Invalid IPv6 address".to_owned())?;
            return Ok(parsed.to_string());
        }
        "CNAME" => target(content)?,
        // Stored as it is, without a string in it.
        "TXT" if content.is_empty() => String::new(),
        "TXT" => strings(content)?,
        _ => content.to_owned(),
    };
    if parsed.eq_ignore_ascii_case(content) {
        Ok(content.to_owned())
    } else {
        Err(format!("Not in expected format (parsed as '{parsed}')"))
    }
}

fn missing(content: &str) -> String {
    format!("{PARSING}missing field at the end of record content '{content}'")
}

/// An IPv4 address, read from the left as PowerDNS does.
fn address(content: &str) -> Result<String, String> {
    let text = content.trim();
    let wrong = |what: &str| Err(format!("{PARSING}{what}"));
    match text.chars().next() {
        None => return Err(missing(content)),
        Some(first) if !first.is_ascii_digit() => {
            return wrong(&format!("while parsing IP address, expected digits at position 0 in '{content}'"));
        }
        Some(_) => {}
    }
    let mut octets = vec![None::<u32>];
    for read in text.chars() {
        match (read, octets.last().copied().flatten()) {
            ('.', None) => return wrong("unable to parse IP address, dot without previous digit"),
            ('.', _) if octets.len() == 4 => return wrong("unable to parse IP address, too many dots"),
            ('.', _) => octets.push(None),
            (digit, before) => {
                let Some(digit) = digit.to_digit(10) else {
                    return wrong(&format!("unable to parse IP address, strange character: {read}"));
                };
                let octet = before.unwrap_or(0) * 10 + digit;
                if octet > 255 {
                    return wrong("unable to parse IP address");
                }
                *octets.last_mut().expect("invariant: there is always one") = Some(octet);
            }
        }
    }
    if octets.len() < 4 {
        return wrong("unable to parse IP address, not enough dots");
    }
    let octets: Option<Vec<_>> = octets.into_iter().collect();
    let Some(octets) = octets else { return wrong("unable to parse IP address, trailing dot") };
    Ok(octets.iter().map(u32::to_string).collect::<Vec<_>>().join("."))
}

/// The target of a CNAME.
fn target(content: &str) -> Result<String, String> {
    if content.is_empty() {
        return Err(missing(content));
    }
    if let Some((_, rest)) = content.split_once(' ') {
        return Err(format!("When parsing CNAME trailing data was not parsed: ' {rest}'"));
    }
    if content.contains("..") {
        return Err(format!("Found . in wrong position in DNSName {content}"));
    }
    Ok(if content.ends_with('.') { content.to_owned() } else { format!("{content}.") })
}

/// The quoted strings of a TXT record, each as it was written, one space between them.
fn strings(content: &str) -> Result<String, String> {
    if !content.contains('"') && !content.contains(' ') {
        return Ok(format!("\"{content}\""));
    }
    let (mut strings, mut rest) = (Vec::new(), content);
    while !rest.is_empty() {
        let position = content.len() - rest.len();
        let Some(within) = rest.strip_prefix('"') else {
            // A last word is taken as a string; anything else is not.
            if !strings.is_empty() && !rest.contains([' ', '"']) {
                strings.push(format!("\"{rest}\""));
                break;
            }
            return Err(format!(
                "{PARSING}Data field in DNS should start with quote (\") at position {position} of '{content}'"
            ));
        };
        let Some(end) = closing(within) else {
            return Err(format!("{PARSING}Data field in DNS should end on a quote (\") in '{content}'"));
        };
        strings.push(format!("\"{}\"", &within[..end]));
        rest = within[end + 1..].trim_start();
    }
    Ok(strings.join(" "))
}

/// Where the quote is that ends a string.
fn closing(within: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, read) in within.char_indices() {
        match read {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(at),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_canonical_is_stored_as_it_is() {
        for (kind, content) in [
            ("A", "192.0.2.1"),
            ("CNAME", "A.Example."),
            ("TXT", r#""a\195\188" "b\"c""#),
            ("TXT", ""),
            ("MX", "10 mail.example."),
        ] {
            assert_eq!(stored(kind, content).as_deref(), Ok(content));
        }
        assert_eq!(stored("AAAA", "2A09:8280:0001::0007").as_deref(), Ok("2a09:8280:1::7"));
    }

    #[test]
    fn what_is_not_is_refused_with_what_was_read() {
        let said = |kind, content| stored(kind, content).unwrap_err();
        assert_eq!(said("A", "192.0.2.001"), "Not in expected format (parsed as '192.0.2.1')");
        assert_eq!(said("CNAME", "x.example"), "Not in expected format (parsed as 'x.example.')");
        assert_eq!(said("TXT", "bare"), "Not in expected format (parsed as '\"bare\"')");
        assert!(said("TXT", "\"open").ends_with("should end on a quote (\") in '\"open'"));
    }
}
