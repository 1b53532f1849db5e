//! The component.
#![expect(unsafe_code, reason = "the bindings' macro exports a function by name")]

use serde_json::Value;
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    Fields, IncomingBody, IncomingRequest, Method, OutgoingBody, OutgoingRequest, OutgoingResponse,
    ResponseOutparam, Scheme,
};

struct Posted;

wasip2::http::proxy::export!(Posted);

impl Guest for Posted {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let event = read(&request);
        let is_event = request.headers().get("content-type") == [b"application/cloudevents+json".to_vec()];
        match event["data"]["data"]["does"].as_str() {
            Some("forward") if is_event => {
                forward(event["id"].as_str().unwrap_or_default());
                answer(out, 204, &[], "");
            }
            Some("later") => answer(out, 429, &[("retry-after", "7")], "not now"),
            Some("never") => answer(out, 410, &[], "nobody listens"),
            Some("silent") => drop(out),
            Some("nothing") => answer(out, 204, &[], ""),
            _ => answer(out, 400, &[], "this is no event of the tests"),
        }
    }
}

fn read(request: &IncomingRequest) -> Value {
    let body = request.consume().expect("it is read once");
    let mut bytes = Vec::new();
    {
        let stream = body.stream().expect("it is read once");
        while let Ok(more) = stream.blocking_read(65_536) {
            bytes.extend(more);
        }
    }
    drop(IncomingBody::finish(body));
    serde_json::from_slice(&bytes).unwrap_or_default()
}

fn forward(id: &str) {
    let request = OutgoingRequest::new(Fields::new());
    request.set_method(&Method::Post).expect("POST is a method");
    request.set_scheme(Some(&Scheme::Http)).expect("http is a scheme");
    request.set_authority(Some("a.example")).expect("it is an authority");
    request.set_path_with_query(Some("/told")).expect("it is a path");
    write(request.body().expect("it is written once"), id);
    let answer = outgoing_handler::handle(request, None).expect("it can be sent");
    answer.subscribe().block();
    let answer = answer.get().expect("it is there").expect("it is taken once").expect("it was answered");
    assert_eq!(answer.status(), 200);
}

fn answer(out: ResponseOutparam, status: u16, headers: &[(&str, &str)], text: &str) {
    let fields = Fields::new();
    for (name, value) in headers {
        fields.append(name, value.as_bytes()).expect("it is a header");
    }
    let response = OutgoingResponse::new(fields);
    response.set_status_code(status).expect("it is a status");
    let body = response.body().expect("it is written once");
    ResponseOutparam::set(out, Ok(response));
    write(body, text);
}

fn write(body: OutgoingBody, text: &str) {
    // A server may have closed the body of an answer that cannot have one, such as 204.
    if !text.is_empty() {
        let stream = body.write().expect("it is written once");
        stream.blocking_write_and_flush(text.as_bytes()).expect("somebody reads");
    }
    OutgoingBody::finish(body, None).expect("it is whole");
}
