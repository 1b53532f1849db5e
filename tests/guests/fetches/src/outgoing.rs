//! Requests through `wasi:http`.

use std::hash::{BuildHasher, RandomState};
use std::mem::ManuallyDrop;

use groundcrew_hook::{Failure, Request, Result, Value, log};
use wasip2::clocks::monotonic_clock;
use wasip2::http::outgoing_handler::{FutureIncomingResponse, OutgoingRequest, handle};
use wasip2::http::types::{Fields, Method, OutgoingBody, Scheme};
use wasip2::io::poll::{Pollable, poll};
use wasip2::random::{insecure, insecure_seed, random};

const SECOND_NANOS: u64 = 1_000_000_000;
const HOUR_NANOS: u64 = 3_600 * SECOND_NANOS;

pub(super) fn run(config: &Value) -> Result<()> {
    let authority = config["authority"].as_str().unwrap_or_default();
    let paths = config["paths"].as_array().cloned().unwrap_or_default();
    let paths: Vec<_> = paths.iter().filter_map(Value::as_str).collect();
    match config["does"].as_str().unwrap_or_default() {
        "fetch" => fetch(&Method::Get, authority, &paths),
        "put" => {
            fetch(&Method::Put, authority, &paths)?;
            fetch(&Method::Put, authority, &paths)
        }
        "gamble" => gamble(authority, &paths, config["key"].as_str()),
        "leave" => {
            for path in &paths {
                // Dropping it would cancel it.
                let _under_way = ManuallyDrop::new(start(request(&Method::Post, authority, path)?)?);
            }
            Request::get(format!("http://{authority}/last")).send().map(drop)
        }
        "flood" => flood(authority, paths.first().copied().unwrap_or("/")),
        "sleep" => {
            let before = monotonic_clock::now();
            monotonic_clock::subscribe_duration(HOUR_NANOS).block();
            log::info(format!("slept {} s", (monotonic_clock::now() - before) / 1_000_000_000));
            Ok(())
        }
        "nap" => {
            let number = |name: &str| config[name].as_u64().unwrap_or_default();
            for n in 0..number("times") {
                monotonic_clock::subscribe_duration(number("seconds") * SECOND_NANOS).block();
                Request::get(format!("http://{authority}/{n}")).send()?;
                log::info(format!("awake at {}", monotonic_clock::now()));
            }
            Ok(())
        }
        "spin" => {
            let past = monotonic_clock::subscribe_instant(0);
            while !past.ready() {}
            Ok(())
        }
        "roll" => {
            roll();
            fetch(&Method::Get, authority, &paths)?;
            roll();
            Ok(())
        }
        other => Err(Failure::lasting(format!("`{other}` is nothing that this guest does"))),
    }
}

fn fetch(method: &Method, authority: &str, paths: &[&str]) -> Result<()> {
    let mut open = Vec::new();
    for path in paths {
        open.push((*path, start(request(method, authority, path)?)?));
    }
    as_they_come(open, |path, answer| {
        log::info(format!("{path} {answer} at {}", monotonic_clock::now()));
        Ok(())
    })
}

fn gamble(authority: &str, paths: &[&str], key: Option<&str>) -> Result<()> {
    let mut open = Vec::new();
    for path in paths {
        let headers = Fields::new();
        if let Some(key) = key {
            let set = headers.append("idempotency-key", format!("{key}{path}").as_bytes());
            set.map_err(|error| Failure::lasting(format!("{error:?}")))?;
        }
        open.push((*path, start(request_with(headers, &Method::Post, authority, path)?)?));
    }
    as_they_come(open, |path, answer| match answer {
        "200" | "204" => Ok(()),
        other => Err(Failure::passing(format!("{path}: {other}"))),
    })
}

/// Takes the answers in the order in which the guest sees them.
fn as_they_come(
    mut open: Vec<(&str, FutureIncomingResponse)>,
    mut take: impl FnMut(&str, &str) -> Result<()>,
) -> Result<()> {
    while !open.is_empty() {
        let pollables: Vec<Pollable> = open.iter().map(|(_, future)| future.subscribe()).collect();
        let mut ready = poll(&pollables.iter().collect::<Vec<_>>());
        drop(pollables);
        // WASI promises no order.
        ready.sort_unstable();
        for at in ready.into_iter().rev() {
            let (path, future) = open.remove(at as usize);
            let answer = match future.get() {
                Some(Ok(Ok(response))) => response.status().to_string(),
                other => format!("{other:?}"),
            };
            take(path, &answer)?;
        }
    }
    Ok(())
}

/// Says what chance gives it, in every way that there is.
fn roll() {
    log::info(format!("random {:?}", random::get_random_bytes(16)));
    log::info(format!("insecure {:?}", insecure::get_insecure_random_bytes(16)));
    log::info(format!("seed {:?}", insecure_seed::insecure_seed()));
    log::info(format!("hash {:x}", RandomState::new().hash_one("a key")));
}

fn flood(authority: &str, path: &str) -> Result<()> {
    let request = request(&Method::Post, authority, path)?;
    let body = request.body().map_err(|()| Failure::lasting("no body"))?;
    let stream = body.write().map_err(|()| Failure::lasting("no stream"))?;
    let answer = start(request)?;
    for _ in 0..2_048 {
        if let Err(error) = stream.blocking_write_and_flush(&[0; 4_096]) {
            log::info(format!("the body was cut off: {error:?}"));
            break;
        }
    }
    drop(stream);
    // Whether it can still be finished does not matter: the answer says what became of it.
    let _finished = OutgoingBody::finish(body, None);
    answer.subscribe().block();
    match answer.get() {
        Some(Ok(Ok(_))) => Ok(()),
        other => Err(Failure::lasting(format!("{other:?}"))),
    }
}

fn request(method: &Method, authority: &str, path: &str) -> Result<OutgoingRequest> {
    request_with(Fields::new(), method, authority, path)
}

fn request_with(headers: Fields, method: &Method, authority: &str, path: &str) -> Result<OutgoingRequest> {
    let request = OutgoingRequest::new(headers);
    let refused = |()| Failure::lasting("the request is refused");
    request.set_method(method).map_err(refused)?;
    request.set_scheme(Some(&Scheme::Http)).map_err(refused)?;
    request.set_authority(Some(authority)).map_err(refused)?;
    request.set_path_with_query(Some(path)).map_err(refused)?;
    Ok(request)
}

fn start(request: OutgoingRequest) -> Result<FutureIncomingResponse> {
    handle(request, None).map_err(|error| Failure::lasting(format!("{error:?}")))
}
