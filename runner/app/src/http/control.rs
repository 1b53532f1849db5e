//! `POST /v1/control`: operators' requests, on the socket only.

use axum::Json;
use axum::extract::State as Extract;
use axum::http::StatusCode;

use super::State;
use crate::control::{Act, Done, Reason, Refusal, perform};

pub(super) async fn control(
    Extract(state): Extract<State>,
    Json(act): Json<Act>,
) -> Result<Json<Done>, (StatusCode, Json<Refusal>)> {
    tracing::info!(who = act.who, asks = act.request.summary(), "an operator asks");
    match perform(&state.store, state.hints.as_ref(), &act, state.clock.now()).await {
        Ok(done) => Ok(Json(done)),
        Err(refusal) => {
            let status = match refusal.reason {
                Reason::Unknown => StatusCode::NOT_FOUND,
                Reason::Conflict | Reason::Approval => StatusCode::CONFLICT,
                Reason::Invalid | Reason::Configuration => StatusCode::UNPROCESSABLE_ENTITY,
                Reason::Failed => StatusCode::SERVICE_UNAVAILABLE,
            };
            Err((status, Json(refusal)))
        }
    }
}
