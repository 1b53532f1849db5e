//! Carries requests to the fake in process; exchanges take virtual time.

use futures_util::future::BoxFuture;
use groundcrew_core::duration::Millis;
use groundcrew_core::spec::Failure;
use groundcrew_engine::egress::{Request, Response, Transport, TransportError};
use groundcrew_outside::{Outside, Reply};

use crate::clock::Clock;

/// Where the fake is, for hooks.
pub const SERVER: &str = "http://outside.example";

/// How long a request is on its way, and as long its answer, in milliseconds.
const WAY: i64 = 7;

/// The way to the fake.
#[derive(Debug)]
pub struct Carrier {
    outside: Outside,
    clock: Clock,
}

impl Carrier {
    /// Carries to this fake.
    pub const fn new(outside: Outside, clock: Clock) -> Self {
        Self { outside, clock }
    }

    fn carry(&self, request: &Request, deadline: Millis) -> Result<Response, TransportError> {
        let Some(target) = request.url.strip_prefix(SERVER) else {
            return Err(TransportError::NotSent(format!("nobody is at {}", request.url)));
        };
        self.clock.pass(WAY);
        let reply = self.outside.handle(&request.method, target, &request.headers, &request.body);
        self.clock.pass(WAY);
        match reply {
            Reply::Answer(answer) => {
                Ok(Response { status: answer.status, headers: answer.headers, body: answer.body })
            }
            Reply::Lost => Err(TransportError::NoAnswer("the connection ended".to_owned())),
            Reply::Held(_) => {
                self.clock.pass(deadline.as_i64());
                Err(TransportError::NoAnswer(format!("no answer within {deadline}")))
            }
        }
    }
}

impl Transport for Carrier {
    fn admit<'a>(&'a self, _: &'a Request) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn exchange(
        &self,
        request: Request,
        deadline: Millis,
    ) -> BoxFuture<'_, Result<Response, TransportError>> {
        let answer = self.carry(&request, deadline);
        Box::pin(std::future::ready(answer))
    }
}
