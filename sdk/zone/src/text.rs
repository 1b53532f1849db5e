//! Values as name servers write them: names with a dot at their end, text in quoted strings.

use crate::record::{Kind, canonical_name};

/// Characters in one string of a TXT record (RFC 1035).
const TXT_STRING_MAX: usize = 255;

/// The digits after a backslash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Escapes {
    /// `\DDD`, as in zone files (RFC 1035).
    Decimal,
    /// `\OOO`, as Route 53 has it (Developer Guide, *Supported DNS record types*).
    Octal,
}

impl Escapes {
    const fn radix(self) -> u32 {
        match self {
            Self::Decimal => 10,
            Self::Octal => 8,
        }
    }

    /// A value as it is written: names with the last dot, text in quoted strings of at most 255 bytes.
    pub(crate) fn written(self, kind: Kind, value: &str) -> String {
        match kind {
            Kind::A | Kind::Aaaa => value.to_owned(),
            Kind::Cname => format!("{value}."),
            Kind::Txt => {
                let strings = value.as_bytes().chunks(TXT_STRING_MAX).map(|bytes| self.quoted(bytes));
                let text = strings.collect::<Vec<_>>().join(" ");
                if text.is_empty() { "\"\"".to_owned() } else { text }
            }
        }
    }

    /// A value in its canonical shape; what does not fit it stays as it is, and so differs from any wish.
    pub(crate) fn read(self, kind: Kind, content: &str) -> String {
        match kind {
            Kind::A => content.to_owned(),
            Kind::Aaaa => {
                content.parse::<std::net::Ipv6Addr>().map_or(content.to_owned(), |ip| ip.to_string())
            }
            Kind::Cname => canonical_name(content),
            Kind::Txt => self.unquoted(content),
        }
    }

    /// One quoted string: quotes and backslashes escaped, what is not printable ASCII as its number.
    fn quoted(self, bytes: &[u8]) -> String {
        let one = |&byte: &u8| match byte {
            b'"' | b'\\' => format!("\\{}", char::from(byte)),
            b' '..=b'~' => char::from(byte).to_string(),
            other if self == Self::Octal => format!("\\{other:03o}"),
            other => format!("\\{other:03}"),
        };
        format!("\"{}\"", bytes.iter().map(one).collect::<String>())
    }

    /// The text in a row of quoted strings.
    fn unquoted(self, content: &str) -> String {
        let mut bytes = Vec::new();
        let mut within = false;
        for (byte, escaped) in self.unescaped(content) {
            match (byte, escaped) {
                (b'"', false) => within = !within,
                (byte, _) if within => bytes.push(byte),
                _ => {}
            }
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// A name whose odd characters are escaped, such as `\052.acme.app`.
    pub(crate) fn name(self, name: &str) -> String {
        let bytes: Vec<_> = self.unescaped(name).into_iter().map(|(byte, _)| byte).collect();
        canonical_name(&String::from_utf8_lossy(&bytes))
    }

    /// Each byte, and whether it was escaped.
    fn unescaped(self, content: &str) -> Vec<(u8, bool)> {
        let mut bytes = Vec::new();
        let mut rest = content.bytes();
        while let Some(byte) = rest.next() {
            if byte != b'\\' {
                bytes.push((byte, false));
                continue;
            }
            let Some(escaped) = rest.next() else { break };
            let radix = self.radix();
            let mut digit = || char::from(rest.next()?).to_digit(radix);
            let code = char::from(escaped).to_digit(radix).map(|first| {
                let (second, third) = (digit().unwrap_or(0), digit().unwrap_or(0));
                (first * radix + second) * radix + third
            });
            bytes.push((code.map_or(escaped, |code| code as u8), true));
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_goes_through_quotes_and_back() {
        for escapes in [Escapes::Decimal, Escapes::Octal] {
            for text in ["gc1:acme-prod:abc", "a \"b\" \\c; d", "gr\u{fc}n", "", &"x".repeat(600)] {
                assert_eq!(escapes.unquoted(&escapes.written(Kind::Txt, text)), text);
            }
        }
        assert_eq!(Escapes::Decimal.written(Kind::Txt, "\u{fc}"), r#""\195\188""#);
        assert_eq!(Escapes::Octal.written(Kind::Txt, "\u{fc}"), r#""\303\274""#);
    }

    #[test]
    fn a_broken_escape_does_not_panic() {
        for broken in ["\"\\", "\"\\1", "\"\\12\"", "\"\\9x\"", "\"\\999\""] {
            Escapes::Decimal.unquoted(broken);
            Escapes::Octal.unquoted(broken);
        }
    }

    #[test]
    fn names_lose_their_escapes() {
        assert_eq!(Escapes::Octal.name("\\052.Acme.app."), "*.acme.app");
    }
}
