//! The server.

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    ErrorCode, Fields, IncomingBody, IncomingRequest, Method, OutgoingBody, OutgoingRequest,
    OutgoingResponse, ResponseOutparam, Scheme,
};

struct Relay;

wasip2::http::proxy::export!(Relay);

impl Guest for Relay {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        match relay(&request) {
            Ok(status) => answer(out, status),
            Err(error) => ResponseOutparam::set(out, Err(error)),
        }
    }
}

/// Sends the body on, and answers the chat's status.
fn relay(posted: &IncomingRequest) -> Result<u16, ErrorCode> {
    let broken = |()| ErrorCode::InternalError(None);
    let headers = Fields::new();
    headers
        .append("content-type", b"application/json")
        .map_err(|error| ErrorCode::InternalError(Some(error.to_string())))?;
    // By this whoever is told something twice knows it.
    for key in posted.headers().get("idempotency-key") {
        headers
            .append("idempotency-key", &key)
            .map_err(|error| ErrorCode::InternalError(Some(error.to_string())))?;
    }
    let request = OutgoingRequest::new(headers);
    request.set_method(&Method::Post).map_err(broken)?;
    request.set_scheme(Some(&Scheme::Https)).map_err(broken)?;
    request.set_authority(Some("chat.example")).map_err(broken)?;
    request.set_path_with_query(Some("/incoming")).map_err(broken)?;
    let body = request.body().map_err(broken)?;
    copy(posted, &body).map_err(broken)?;
    OutgoingBody::finish(body, None)?;
    let sent = outgoing_handler::handle(request, None)?;
    sent.subscribe().block();
    let answered = sent.get().ok_or(ErrorCode::HttpResponseIncomplete)?.map_err(broken)??;
    Ok(answered.status())
}

/// Copies a body piece by piece.
fn copy(from: &IncomingRequest, to: &OutgoingBody) -> Result<(), ()> {
    let body = from.consume()?;
    {
        let (read, write) = (body.stream()?, to.write()?);
        // The stream ends with an error that says that it is closed.
        while let Ok(piece) = read.blocking_read(65_536) {
            for piece in piece.chunks(4_096) {
                write.blocking_write_and_flush(piece).map_err(drop)?;
            }
        }
    }
    drop(IncomingBody::finish(body));
    Ok(())
}

fn answer(out: ResponseOutparam, status: u16) {
    let response = OutgoingResponse::new(Fields::new());
    // One that is no status answers nothing, which is a failure.
    if response.set_status_code(status).is_err() {
        return;
    }
    let body = response.body();
    ResponseOutparam::set(out, Ok(response));
    if let Ok(body) = body {
        drop(OutgoingBody::finish(body, None));
    }
}
