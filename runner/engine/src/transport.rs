//! The real transport: reqwest with our own name resolution, no redirects, no proxies, no retries.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use groundcrew_core::duration::Millis;
use groundcrew_core::egress::is_private;
use groundcrew_core::spec::Failure;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::egress::{Request, Response, Transport, TransportError};

/// Sends requests over the network.
#[derive(Debug, Clone)]
pub struct Network {
    public: reqwest::Client,
    private: reqwest::Client,
    body_max: usize,
}

/// The HTTP client could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client could not be made: {0}")]
pub struct Error(#[from] reqwest::Error);

/// Resolves names; refuses private addresses unless told otherwise, so that no rebinding leads inside.
#[derive(Debug)]
struct Resolver {
    private: bool,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let private = self.private;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let (fit, refused): (Vec<SocketAddr>, Vec<_>) =
                found.partition(|at| private || !is_private(at.ip()));
            if fit.is_empty() && !refused.is_empty() {
                let text = format!(
                    "{} resolves to a private address; write `private` at the end of the grant to allow that",
                    name.as_str()
                );
                return Err(text.into());
            }
            Ok(Box::new(fit.into_iter()) as Addrs)
        })
    }
}

impl Network {
    /// Makes the clients. `connect` bounds the time in which a connection stands, so that nothing leaves long
    /// after its intent; `body_max` is the largest answer in bytes.
    pub fn new(connect: Millis, body_max: usize) -> Result<Self, Error> {
        let client = |private: bool| {
            reqwest::Client::builder()
                .dns_resolver(Arc::new(Resolver { private }))
                .connect_timeout(connect.to_std())
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                .no_proxy()
                .user_agent(concat!("groundcrew/", env!("CARGO_PKG_VERSION")))
                .build()
        };
        Ok(Self { public: client(false)?, private: client(true)?, body_max })
    }

    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let not_sent = |text: String| TransportError::NotSent(text);
        let method = reqwest::Method::from_bytes(request.method.as_bytes())
            .map_err(|_| not_sent(format!("`{}` is no method", request.method)))?;
        let url = reqwest::Url::parse(&request.url)
            .map_err(|error| not_sent(format!("`{}`: {error}", request.url)))?;
        let address = url.host_str().and_then(|host| host.trim_matches(['[', ']']).parse::<IpAddr>().ok());
        if address.is_some_and(|address| is_private(address) && !request.private) {
            return Err(not_sent(format!(
                "{} is a private address and not granted",
                url.host_str().unwrap_or("")
            )));
        }
        let client = if request.private { &self.private } else { &self.public };
        let mut builder = client.request(method, url);
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        let response = builder.body(request.body).send().await.map_err(classify)?;
        let status = response.status().as_u16();
        let text =
            |value: &reqwest::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers =
            response.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        let mut body = Vec::new();
        let mut stream = response.bytes_stream();
        while let Some(chunk) = stream.next().await {
            body.extend_from_slice(&chunk.map_err(classify)?);
            if body.len() > self.body_max {
                return Err(TransportError::TooLarge { status, most: self.body_max });
            }
        }
        Ok(Response { status, headers, body })
    }
}

/// Only a connection that never stood is known not to have carried the request.
///
/// The address is left out of the text: it may be a secret.
fn classify(error: reqwest::Error) -> TransportError {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    if error.is_connect() || error.is_builder() {
        TransportError::NotSent(text)
    } else {
        TransportError::NoAnswer(text)
    }
}

impl Transport for Network {
    fn admit<'a>(&'a self, _: &'a Request) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn exchange(
        &self,
        request: Request,
        deadline: Millis,
    ) -> BoxFuture<'_, Result<Response, TransportError>> {
        Box::pin(async move {
            let late = || TransportError::NoAnswer(format!("no answer within {deadline}"));
            tokio::time::timeout(deadline.to_std(), self.send(request)).await.unwrap_or_else(|_| Err(late()))
        })
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// Answers one request with so many bytes.
    async fn answers(length: usize) -> String {
        let body = "x".repeat(length);
        says(format!("HTTP/1.1 201 Created\r\ncontent-length: {length}\r\n\r\n{body}")).await
    }

    /// Answers one request with this; its port is the only thing that changes in its URL.
    async fn says(said: String) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let serve = async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            // Whoever has read enough hangs up.
            let _sent = stream.write_all(said.as_bytes()).await;
        };
        #[expect(clippy::disallowed_methods, reason = "a test's own server, which ends with it")]
        tokio::spawn(serve);
        url
    }

    fn get(url: String) -> Request {
        Request { method: "GET".to_owned(), url, headers: vec![], body: vec![], private: true }
    }

    #[tokio::test]
    async fn no_redirect_is_followed() {
        let network = Network::new(Millis::seconds(5), 1_000).unwrap();
        let elsewhere = answers(1).await;
        let moved = format!("HTTP/1.1 302 Found\r\nlocation: {elsewhere}\r\ncontent-length: 0\r\n\r\n");
        let answer = network.exchange(get(says(moved).await), Millis::seconds(5)).await.unwrap();
        assert_eq!(answer.status, 302);
        assert!(answer.headers.contains(&("location".to_owned(), elsewhere)), "{answer:?}");
    }

    #[tokio::test]
    async fn what_is_inside_is_refused_by_address_and_by_what_a_name_leads_to() {
        let network = Network::new(Millis::seconds(5), 1_000).unwrap();
        let by_address = answers(1).await;
        let by_name = by_address.replace("127.0.0.1", "localhost");
        let inside = by_address.replace("127.0.0.1", "[::1]");
        let mapped = by_address.replace("127.0.0.1", "[::ffff:127.0.0.1]");
        for (url, why) in [
            (&by_address, "127.0.0.1 is a private address and not granted"),
            (&inside, "[::1] is a private address and not granted"),
            (&mapped, "is a private address and not granted"),
            (&by_name, "localhost resolves to a private address; write `private` at the end of the grant"),
        ] {
            let outside = Request { private: false, ..get(url.clone()) };
            match network.exchange(outside, Millis::seconds(5)).await {
                Err(TransportError::NotSent(said)) => assert!(said.contains(why), "{url}: {said}"),
                other => panic!("{url}: {other:?}"),
            }
        }
        // Nobody asked before; with the grant, by that name.
        assert_eq!(network.exchange(get(by_name), Millis::seconds(5)).await.unwrap().status, 201);
    }

    #[tokio::test]
    async fn an_answer_that_is_too_large_is_an_answer() {
        let network = Network::new(Millis::seconds(5), 1_000).unwrap();
        let fits = network.exchange(get(answers(1_000).await), Millis::seconds(5)).await.unwrap();
        assert_eq!((fits.status, fits.body.len()), (201, 1_000));
        let large = network.exchange(get(answers(1_001).await), Millis::seconds(5)).await;
        assert_eq!(large, Err(TransportError::TooLarge { status: 201, most: 1_000 }));
    }
}
