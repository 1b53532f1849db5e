//! Why a call did not succeed, and what that means.

use serde_json::Value;

use crate::Answer;

/// Why a call did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The API answered, and not with a 2xx.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The API answered 2xx, but not with the body that the call promises. A write may have happened.
    #[error("answer {status} of the API cannot be read (request {})", request_id.as_deref().unwrap_or("unknown"))]
    Unreadable {
        /// The HTTP status.
        status: u16,
        /// The platform's id of the request, for its support.
        request_id: Option<String>,
        /// What the JSON reader says.
        source: serde_json::Error,
    },
    /// The GraphQL API answered 200 with an error, or without what was asked for.
    #[error("GraphQL: {message}")]
    GraphQl {
        /// The API's own words.
        message: String,
    },
}

/// An answer other than 2xx.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{status} {message} (request {})", request_id.as_deref().unwrap_or("unknown"))]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The API's own words, from `error` or `message`, or the first of a plain text body.
    pub message: String,
    /// The gRPC code that the message begins with, such as `failed_precondition`.
    pub code: Option<String>,
    /// The machine-readable `status` field, such as `name_taken` or `insufficient_capacity`.
    pub word: Option<String>,
    /// `fly-request-id`, for the platform's support.
    pub request_id: Option<String>,
    /// When the API wants to be asked again.
    pub retry_after: Option<RetryAfter>,
}

/// The `Retry-After` header: both forms are legal (RFC 9110, 10.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAfter {
    /// So many seconds from now.
    Seconds(u64),
    /// At this time, in seconds since the Unix epoch.
    At(i64),
}

/// What a caller can do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// It does not exist (any more): 404, 410, and 400 `could not find app` \[live\]. Success, for a removal.
    Gone,
    /// Not now: 408, 409, 412, 423, 429, 5xx, or a 2xx that cannot be read. Look first, then try again.
    Later,
    /// The token may not: 401, 403. A person has to look; never a reason to clean up.
    Denied,
    /// The request is wrong: 400, 422 and all else. The same request will fail again.
    Invalid,
}

/// Longest piece of a plain text body that becomes a message, in characters.
const MESSAGE_MAX: usize = 300;

/// gRPC codes that begin messages of the machines API.
const CODES: [&str; 8] = [
    "already_exists",
    "failed_precondition",
    "deadline_exceeded",
    "aborted",
    "invalid_argument",
    "not_found",
    "resource_exhausted",
    "unavailable",
];

impl ApiError {
    /// What a caller can do about it.
    pub fn class(&self) -> Class {
        match self {
            Self::Refused(refusal) => refusal.class(),
            Self::Unreadable { .. } => Class::Later,
            Self::GraphQl { message } => graphql_class(message),
        }
    }

    /// The refusal, if the API answered with one.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::Unreadable { .. } | Self::GraphQl { .. } => None,
        }
    }

    /// Whether a write that was answered so may have taken effect all the same.
    pub fn leaves_doubt(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.status == 408 || refusal.status >= 500,
            // Where a mutation of GraphQL fails is not documented.
            Self::Unreadable { .. } | Self::GraphQl { .. } => true,
        }
    }
}

impl Refusal {
    /// Reads an answer other than 2xx; any body will do.
    pub fn read(answer: &Answer) -> Self {
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
        let text = |key: &str| body.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        // `message` comes from apps, certificates and addresses, `error` from machines, volumes and secrets
        // [live]; the vendor's client reads `message` first [fly-go handleAPIError].
        let message =
            text("message").or_else(|| text("error")).map_or_else(|| plain(&answer.body), str::to_owned);
        let code = message.split_once(':').map(|(code, _)| code).filter(|code| CODES.contains(code));
        Self {
            status: answer.status,
            code: code.map(str::to_owned),
            word: text("status").map(str::to_owned),
            request_id: answer.header("fly-request-id").map(str::to_owned),
            retry_after: answer.header("retry-after").and_then(RetryAfter::parse),
            message,
        }
    }

    /// What a caller can do about it.
    pub fn class(&self) -> Class {
        match self.status {
            404 | 410 => Class::Gone,
            400 if self.says_no_app() => Class::Gone,
            401 | 403 => Class::Denied,
            408 | 409 | 412 | 423 | 425 | 429 | 500.. => Class::Later,
            _ => Class::Invalid,
        }
    }

    /// Whether this is `could not find app`, which calls on a destroyed app may answer with status 400 \[live\].
    pub fn says_no_app(&self) -> bool {
        self.message.to_ascii_lowercase().contains("could not find app")
    }

    /// Whether an app's name is taken, by us or by a stranger: look who has it.
    pub fn says_name_taken(&self) -> bool {
        self.status == 422 && self.word.as_deref() == Some("name_taken")
    }

    /// The id of the machine that has the name already, out of the 409 to a create.
    ///
    /// `already_exists: unique machine name violation, machine ID 148e445b already exists with name "web"`
    pub fn existing_machine(&self) -> Option<&str> {
        let (_, rest) = self.message.split_once("machine ID ")?;
        rest.split_whitespace().next().filter(|_| self.status == 409)
    }
}

impl RetryAfter {
    /// Reads the header: seconds, or a date as `Sun, 06 Nov 1994 08:49:37 GMT`.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        text.parse().map(Self::Seconds).ok().or_else(|| http_date(text).map(Self::At))
    }

    /// Milliseconds to wait, seen from `now_ms` (since the Unix epoch); none is negative.
    pub const fn delay_ms(self, now_ms: i64) -> u64 {
        match self {
            Self::Seconds(seconds) => seconds.saturating_mul(1_000),
            Self::At(at) => {
                let wait = at.saturating_mul(1_000).saturating_sub(now_ms);
                if wait < 0 { 0 } else { wait as u64 }
            }
        }
    }
}

/// GraphQL has words only: `Could not find App` [flyctl], `Not authorized to ...` [fly-go].
fn graphql_class(message: &str) -> Class {
    let message = message.to_ascii_lowercase();
    if message.starts_with("could not find") {
        Class::Gone
    } else if message.contains("authorized") || message.contains("authenticat") {
        Class::Denied
    } else {
        Class::Later
    }
}

/// Seconds since the Unix epoch of an IMF-fixdate, the only form that may be generated (RFC 9110, 5.6.7).
fn http_date(text: &str) -> Option<i64> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (_, rest) = text.split_once(", ")?;
    let parts: Vec<_> = rest.split_whitespace().collect();
    let [day, month, year, clock, "GMT"] = parts[..] else { return None };
    let month = MONTHS.iter().position(|name| *name == month)? as i64 + 1;
    let (day, year): (i64, i64) = (day.parse().ok()?, year.parse().ok()?);
    let clock: Vec<i64> = clock.split(':').map(str::parse).collect::<Result<_, _>>().ok()?;
    let [hour, minute, second] = clock[..] else { return None };
    let plausible = (1..=31).contains(&day)
        && (1970..=9999).contains(&year)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..=60).contains(&second);
    plausible.then(|| days_from_civil(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// Days since 1970-01-01 of a date of the Gregorian calendar; March is the first month of the year here, so
/// that the leap day comes last.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, in_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + in_era * 365 + in_era / 4 - in_era / 100 + day_of_year - 719_468
}

/// The beginning of a plain text body.
fn plain(body: &[u8]) -> String {
    String::from_utf8_lossy(body).trim().chars().take(MESSAGE_MAX).collect()
}

#[cfg(test)]
mod tests;
