//! Carries requests to the fakes in process; exchanges take virtual time.

use futures_util::future::BoxFuture;
use groundcrew_core::duration::Millis;
use groundcrew_core::spec::Failure;
use groundcrew_engine::egress::{Request, Response, Transport, TransportError};
use groundcrew_flysim as neighbour;
use groundcrew_outside::{Outside, Reply};

use crate::clock::Clock;
use crate::neighbours::{FLY, Neighbours, PDNS};

/// Where the fake is, for hooks.
pub const SERVER: &str = "http://outside.example";

/// How long a request is on its way, and as long its answer, in milliseconds.
const WAY: i64 = 7;

/// The way to the fakes.
#[derive(Debug)]
pub struct Carrier {
    outside: Outside,
    neighbours: Neighbours,
    clock: Clock,
}

impl Carrier {
    /// Carries to these fakes.
    pub const fn new(outside: Outside, neighbours: Neighbours, clock: Clock) -> Self {
        Self { outside, neighbours, clock }
    }

    fn carry(&self, request: &Request, deadline: Millis) -> Result<Response, TransportError> {
        self.clock.pass(WAY);
        let reply = self.reply(request)?;
        self.clock.pass(WAY);
        match reply {
            neighbour::Reply::Answered(answer) => {
                Ok(Response { status: answer.status, headers: answer.headers, body: answer.body })
            }
            neighbour::Reply::Dropped => Err(TransportError::NoAnswer("the connection ended".to_owned())),
            neighbour::Reply::Withheld => {
                self.clock.pass(deadline.as_i64());
                Err(TransportError::NoAnswer(format!("no answer within {deadline}")))
            }
        }
    }

    fn reply(&self, request: &Request) -> Result<neighbour::Reply, TransportError> {
        let Request { method, url, headers, body, .. } = request;
        let call = |target| neighbour::Request { method, target, headers, body };
        if let Some(target) = url.strip_prefix(FLY) {
            Ok(self.neighbours.fly.call(&call(target)))
        } else if let Some(target) = url.strip_prefix(PDNS) {
            Ok(self.neighbours.dns.call(&call(target)))
        } else if let Some(target) = url.strip_prefix(SERVER) {
            Ok(of_outside(self.outside.handle(method, target, headers, body)))
        } else {
            Err(TransportError::NotSent(format!("nobody is at {url}")))
        }
    }
}

fn of_outside(reply: Reply) -> neighbour::Reply {
    match reply {
        Reply::Answer(answer) => neighbour::Reply::Answered(neighbour::Answered {
            status: answer.status,
            headers: answer.headers,
            body: answer.body,
        }),
        Reply::Lost => neighbour::Reply::Dropped,
        Reply::Held(_) => neighbour::Reply::Withheld,
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
