//! `POST /v1/events`: foreign CloudEvents 1.0 over HTTP, structured, batched or binary.
//!
//! | status | means |
//! |---|---|
//! | 202 | durable, all of them: `{"accepted": 1, "duplicates": 0}` |
//! | 400 | one is no CloudEvent: a batch is refused as a whole |
//! | 401 | the token is missing or wrong |
//! | 404 | the configuration has no token |
//! | 413 | an event is larger than 256 KiB, or the request than 1 MiB |
//! | 415 | the content type is none of a CloudEvent, and no header is |
//! | 422 | its type is one of the runner's own |
//! | 503 | it could not be stored now, or the token cannot be read: send it again |

use std::error::Error as _;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State as Extract;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::live::Inbox;
use super::token;
use super::{BODY_MAX, State};
use crate::source::{CloudEvent, Refusal};

pub(super) async fn from_network(
    Extract(state): Extract<State>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(rejected) => return unread(&rejected),
    };
    let Some(inbox) = state.inbox else { return off() };
    match inbox.token() {
        Ok(None) => off(),
        Ok(Some(token)) if token::shows(&headers, &token) => take(inbox.as_ref(), &headers, &body).await,
        Ok(Some(_)) => refuse(StatusCode::UNAUTHORIZED, "show the token: Authorization: Bearer ..."),
        Err(error) => {
            tracing::error!(%error, "the token of POST /v1/events cannot be read");
            refuse(StatusCode::SERVICE_UNAVAILABLE, "the token cannot be read; the runner's log says why")
        }
    }
}

pub(super) async fn from_socket(
    Extract(state): Extract<State>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    match (state.inbox, body) {
        (_, Err(rejected)) => unread(&rejected),
        (Some(inbox), Ok(body)) => take(inbox.as_ref(), &headers, &body).await,
        (None, Ok(_)) => off(),
    }
}

/// The body was not read: there is too much of it, or it broke off.
pub(super) fn unread(rejected: &BytesRejection) -> Response {
    match rejected.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            let why = format!("the request has more than {BODY_MAX} bytes; at most that many are taken");
            refuse(StatusCode::PAYLOAD_TOO_LARGE, &why)
        }
        status => refuse(status, &rejected.body_text()),
    }
}

async fn take(inbox: &dyn Inbox, headers: &HeaderMap, body: &[u8]) -> Response {
    let taken = match CloudEvent::read(headers, body) {
        Ok(events) => inbox.take(events).await,
        Err(refusal) => Err(refusal),
    };
    match taken {
        Ok(taken) => (StatusCode::ACCEPTED, Json(taken)).into_response(),
        Err(refusal) => refuse(refusal.status(), &why(&refusal)),
    }
}

fn why(refusal: &Refusal) -> String {
    refusal.source().map_or_else(|| refusal.to_string(), |source| format!("{refusal}: {source}"))
}

fn off() -> Response {
    refuse(StatusCode::NOT_FOUND, "foreign events are off; [http] token turns them on")
}

fn refuse(status: StatusCode, why: &str) -> Response {
    (status, Json(json!({"error": why}))).into_response()
}
