//! The `Authorization` header.

/// Beginnings of macaroon tokens [fly-go tokens.go].
const MACAROONS: [&str; 3] = ["fm1r_", "fm1a_", "fm2_"];

/// Writes the value of the `Authorization` header of the Machines API for a token.
///
/// A leading `Bearer` or `FlyV1` is dropped and the rest split on commas; if any part is a macaroon, only the
/// macaroons are sent, as `FlyV1 a,b`; otherwise the token goes out as `Bearer` [fly-go tokens.go, auth.go].
pub fn auth_header(token: &str) -> String {
    let bare = without_scheme(token);
    let macaroons: Vec<_> = bare
        .split(',')
        .map(str::trim)
        .filter(|part| MACAROONS.iter().any(|start| part.starts_with(start)))
        .collect();
    if macaroons.is_empty() { format!("Bearer {bare}") } else { format!("FlyV1 {}", macaroons.join(",")) }
}

fn without_scheme(token: &str) -> &str {
    let token = token.trim();
    match token.split_once(char::is_whitespace) {
        Some((scheme, rest))
            if scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("flyv1") =>
        {
            without_scheme(rest)
        }
        _ => token,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macaroons_go_out_as_flyv1_and_all_else_as_bearer() {
        for (token, header) in [
            ("FlyV1 fm2_abc,fm2_def", "FlyV1 fm2_abc,fm2_def"),
            ("fm1r_abc", "FlyV1 fm1r_abc"),
            ("Bearer FlyV1 fm2_abc", "FlyV1 fm2_abc"),
            ("fm2_abc, oauth-token ,fm1a_x", "FlyV1 fm2_abc,fm1a_x"),
            ("oauth-token\n", "Bearer oauth-token"),
            ("bearer oauth-token", "Bearer oauth-token"),
        ] {
            assert_eq!(auth_header(token), header, "{token}");
        }
    }
}
