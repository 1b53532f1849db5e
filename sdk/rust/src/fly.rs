//! Calls of the Fly API from a hook: `groundcrew-fly` builds and reads, the host sends.

use groundcrew_fly::{Answer, Class, RetryAfter};

use crate::{Failure, Request, Result, secret};

pub use groundcrew_fly::{ApiError, Call};
pub use groundcrew_fly::{apps, certificates, graphql, ips, machines, postgres, prices, secrets, volumes};

/// The public address of the Machines API [docs machines/api/working-with-machines-api].
pub const PUBLIC: &str = "https://api.machines.dev";

/// The secret that the stanza grants as the API's token, with `format = "fly"`.
pub const TOKEN: &str = "FLY_TOKEN";

/// The secret that the stanza grants as the GraphQL API's token, with `format = "fly"`.
pub const GRAPHQL_TOKEN: &str = "FLY_GRAPHQL_TOKEN";

/// One of the APIs at one address, with the granted token.
#[derive(Clone, Debug)]
pub struct Api {
    base: String,
    token: String,
}

impl Api {
    /// The Machines API at this address, or the [`PUBLIC`] one. Nothing is sent.
    pub fn at(base: Option<&str>) -> Result<Self> {
        let base = base.unwrap_or(PUBLIC).trim_end_matches('/').to_owned();
        Ok(Self { base, token: secret(TOKEN)? })
    }

    /// The GraphQL API at this address, or the [public](graphql::PUBLIC) one. Nothing is sent.
    pub fn graphql_at(base: Option<&str>) -> Result<Self> {
        let base = base.unwrap_or(graphql::PUBLIC).trim_end_matches('/').to_owned();
        Ok(Self { base, token: secret(GRAPHQL_TOKEN)? })
    }

    /// Makes a call; what the API refuses is a [`failure`].
    pub fn call<T>(&self, call: &Call<T>) -> Result<T> {
        self.ask(call)?.map_err(|error| failure(&error))
    }

    /// Makes a call whose refusal means something to the caller. The outer error: no answer came.
    pub fn ask<T>(&self, call: &Call<T>) -> Result<Result<T, ApiError>> {
        let url = format!("{}{}", self.base, call.request.path_and_query);
        let request = Request::new(call.request.method.as_str(), url).header("authorization", &self.token);
        let request = match &call.request.body {
            Some(body) => request.json(body),
            None => request,
        };
        let response = request.send()?;
        Ok(call.read(&Answer { status: response.status, headers: response.headers, body: response.body }))
    }
}

/// Whether the API says that what was asked about is not there (any more).
pub fn is_gone(error: &ApiError) -> bool {
    error.class() == Class::Gone
}

/// What a refusal means to the host: whether to try again, and when.
///
/// 401 is worth another try, since the host's breaker waits for a better token and it may pass by itself right
/// after an app was created [fly-go WaitForApp]; 403 is for a person.
pub fn failure(error: &ApiError) -> Failure {
    let refusal = error.refusal();
    let retry = match error.class() {
        Class::Gone | Class::Later => true,
        Class::Denied => refusal.is_some_and(|refusal| refusal.status == 401),
        Class::Invalid => false,
    };
    let after_ms = refusal.and_then(|refusal| refusal.retry_after).and_then(|after| match after {
        RetryAfter::Seconds(seconds) => u32::try_from(seconds.saturating_mul(1000)).ok(),
        // A hook has no clock to measure against; the host reads the header itself.
        RetryAfter::At(_) => None,
    });
    Failure { message: error.to_string(), retry, after_ms }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_whether_to_try_again() {
        let said = |status| {
            let answer = Answer::new(status, br#"{"error": "x"}"#).with_header("retry-after", "2");
            let failure = failure(&answer.success().unwrap_err());
            (failure.retry, failure.after_ms)
        };
        assert_eq!(said(429), (true, Some(2_000)));
        assert_eq!([401, 404, 409, 500].map(|status| said(status).0), [true; 4]);
        assert_eq!([400, 403, 422].map(|status| said(status).0), [false; 3]);
    }
}
