//! The way of every request: read it, let the fault script have its say, ask the service, log, send.
//!
//! Must never know what a service answers; must never log before redaction.

use std::time::Duration;

use axum::body::to_bytes;
use axum::extract::{ConnectInfo, State as Extracted};
use axum::response::Response;
use serde_json::{Value, json};

use crate::delivery::{Delivery, deliver};
use crate::fault::{CannedAnswer, Effect, Fault, hitting};
use crate::journal::{LoggedRequest, redacted, without_tokens};
use crate::service::{Answer, Body, Request, Service};
use crate::simulation::{Simulation, State};
use crate::tls::Scissors;
use crate::{devops, entra, metadata, resource_manager};

/// Resource Manager takes bodies up to about this size.
const BODY_LIMIT: usize = 4 * 1024 * 1024;

/// One service on its port.
#[derive(Clone)]
pub(crate) struct Front {
    pub(crate) service: Service,
    pub(crate) state: State,
}

/// Takes one request from the wire and answers it.
pub(crate) async fn serve(
    Extracted(front): Extracted<Front>,
    ConnectInfo(connection): ConnectInfo<Scissors>,
    wire: axum::extract::Request,
) -> Response {
    let (head, body) = wire.into_parts();
    let read = to_bytes(body, BODY_LIMIT).await;
    let complete = read.is_ok();
    let request = Request {
        service: front.service,
        method: head.method,
        uri: head.uri,
        headers: head.headers,
        body: read.unwrap_or_default(),
    };
    let (faults, slowness) = {
        let mut simulation = front.state.hold();
        let slowness = match front.service {
            Service::Entra => simulation.settings.token_endpoint.delay_milliseconds,
            Service::Metadata | Service::ResourceManager | Service::Devops => 0,
        };
        (hitting(&mut simulation.script, &request), slowness)
    };
    let delays: u64 = faults.iter().map(|fault| delay_of(&fault.effect)).sum();
    if delays + slowness > 0 {
        tokio::time::sleep(Duration::from_millis(delays + slowness)).await;
    }
    // Whoever leaves while it stands here has asked for nothing.
    for gate in faults.iter().filter_map(|fault| gate_before(&fault.effect)) {
        front.state.gates().pass(gate).await;
    }
    let (answer, delivery) = {
        let mut simulation = front.state.hold();
        carry_out(&mut simulation, &request, &faults, complete)
    };
    for gate in faults.iter().filter_map(|fault| gate_after(&fault.effect)) {
        front.state.gates().pass(gate).await;
    }
    deliver(answer, delivery, &connection)
}

fn gate_before(effect: &Effect) -> Option<&str> {
    if let Effect::HoldBefore { gate } = effect { Some(gate) } else { None }
}

fn gate_after(effect: &Effect) -> Option<&str> {
    if let Effect::HoldAfter { gate } = effect { Some(gate) } else { None }
}

fn delay_of(effect: &Effect) -> u64 {
    match effect {
        Effect::Delay { milliseconds } => *milliseconds,
        Effect::Answer(_)
        | Effect::HoldBefore { .. }
        | Effect::HoldAfter { .. }
        | Effect::ResetBefore
        | Effect::ResetAfter
        | Effect::Truncate
        | Effect::Html
        | Effect::BareError { .. }
        | Effect::Huge { .. }
        | Effect::Status { .. }
        | Effect::HandBefore { .. }
        | Effect::HandAfter { .. } => 0,
    }
}

fn carry_out(
    simulation: &mut Simulation,
    request: &Request,
    faults: &[Fault],
    complete: bool,
) -> (Answer, Delivery) {
    let mut notes: Vec<String> = faults.iter().map(Fault::label).collect();
    let mut delivery = Delivery::Whole;
    let mut instead = None;
    for fault in faults {
        match &fault.effect {
            Effect::HandBefore { act } => {
                if let Err(error) = act.act(&mut simulation.world) {
                    notes.push(format!("hand failed: {error}"));
                }
            }
            Effect::Answer(canned) => {
                instead.get_or_insert_with(|| from_can(canned));
            }
            Effect::BareError { status } => {
                instead.get_or_insert_with(|| {
                    Answer::json(*status, json!({"message": "An error has occurred."}))
                });
            }
            Effect::ResetBefore => {
                instead.get_or_insert_with(|| Answer::empty(0));
                delivery = Delivery::Lost;
            }
            Effect::Delay { .. }
            | Effect::HoldBefore { .. }
            | Effect::HoldAfter { .. }
            | Effect::ResetAfter
            | Effect::Truncate
            | Effect::Html
            | Effect::Huge { .. }
            | Effect::Status { .. }
            | Effect::HandAfter { .. } => {}
        }
    }
    let served = instead.is_none();
    let mut answer = match instead {
        Some(answer) => stamped(simulation, request, answer),
        None if !complete => {
            let body = resource_manager::error_body("RequestContentTooLarge", TOO_LARGE);
            stamped(simulation, request, Answer::json(413, body).with_code("RequestContentTooLarge"))
        }
        None => dispatch(simulation, request),
    };
    for fault in faults {
        match &fault.effect {
            Effect::HandAfter { act } => {
                if let Err(error) = act.act(&mut simulation.world) {
                    notes.push(format!("hand failed: {error}"));
                }
            }
            Effect::ResetAfter if served => delivery = Delivery::Lost,
            Effect::Truncate if served => delivery = Delivery::Half,
            Effect::Html if served => answer.body = html(),
            Effect::Huge { megabytes } if served => inflate(&mut answer, *megabytes),
            Effect::Status { status } if served => answer.status = *status,
            Effect::ResetAfter
            | Effect::Truncate
            | Effect::Html
            | Effect::Huge { .. }
            | Effect::Status { .. }
            | Effect::Answer(_)
            | Effect::Delay { .. }
            | Effect::HoldBefore { .. }
            | Effect::HoldAfter { .. }
            | Effect::ResetBefore
            | Effect::BareError { .. }
            | Effect::HandBefore { .. } => {}
        }
    }
    let entry = entry(simulation, request, &answer, delivery, notes);
    simulation.journal.write(entry);
    (answer, delivery)
}

const TOO_LARGE: &str = "The request content size exceeds the maximum size of 4 MB.";

/// Resource Manager's own headers also on an answer that it did not give: support asks for the ids in them.
fn stamped(simulation: &mut Simulation, request: &Request, answer: Answer) -> Answer {
    match request.service {
        Service::ResourceManager => resource_manager::with_common_headers(simulation, request, answer),
        Service::Entra | Service::Metadata | Service::Devops => answer,
    }
}

fn dispatch(simulation: &mut Simulation, request: &Request) -> Answer {
    match request.service {
        Service::Entra => entra::answer(simulation, request),
        Service::Metadata => metadata::answer(simulation, request),
        Service::ResourceManager => resource_manager::answer(simulation, request),
        Service::Devops => devops::answer(simulation, request),
    }
}

fn from_can(canned: &CannedAnswer) -> Answer {
    let CannedAnswer { status, code, message, retry_after, headers, body, content_type } = canned;
    let mut answer = match (body, code) {
        (Some(text), _) => {
            Answer::text(*status, content_type.as_deref().unwrap_or("application/json; charset=utf-8"), text)
        }
        (None, Some(code)) => {
            let message = message.as_deref().unwrap_or("The request failed as the script wants it.");
            Answer::json(*status, resource_manager::error_body(code, message)).with_code(code)
        }
        (None, None) => Answer::empty(*status),
    };
    if let Some(seconds) = retry_after {
        answer = answer.with_header("Retry-After", seconds.to_string());
    }
    answer.headers.extend(headers.iter().cloned());
    answer
}

fn html() -> Body {
    Body::Text {
        content_type: "text/html; charset=utf-8".to_owned(),
        text: "<!DOCTYPE html><html><head><title>Service</title></head><body><h1>Something is here</h1></body></html>"
            .to_owned(),
    }
}

fn inflate(answer: &mut Answer, megabytes: usize) {
    let padding = Value::String("x".repeat(megabytes.min(256) * 1024 * 1024));
    match &mut answer.body {
        Body::Json(Value::Object(members)) => {
            members.insert("padding".to_owned(), padding);
        }
        body @ (Body::Json(_) | Body::Text { .. } | Body::Empty) => {
            *body = Body::Json(json!({"padding": padding}));
        }
    }
}

fn entry(
    simulation: &Simulation,
    request: &Request,
    answer: &Answer,
    delivery: Delivery,
    faults: Vec<String>,
) -> LoggedRequest {
    let request_body = match request.service {
        _ if request.body.is_empty() => None,
        Service::Entra => Some(Value::Object(
            request.form().into_iter().map(|(key, value)| (key, Value::String(value))).collect(),
        )),
        Service::Metadata | Service::ResourceManager | Service::Devops => Some(
            serde_json::from_slice(&request.body)
                .unwrap_or_else(|_| Value::String(format!("{} bytes that are not JSON", request.body.len()))),
        ),
    };
    let response_body = match &answer.body {
        Body::Empty => None,
        Body::Json(value) => Some(value.clone()),
        Body::Text { text, .. } => Some(
            // Read as JSON where it is, so that its confidential members are found.
            serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.chars().take(500).collect())),
        ),
    };
    LoggedRequest {
        seq: 0,
        time: simulation.clock.now(),
        service: request.service,
        method: request.method.to_string(),
        path: without_tokens(request.uri.path()),
        query: without_tokens(request.uri.query().unwrap_or_default()),
        api_version: request.query("api-version"),
        status: if delivery == Delivery::Lost { 0 } else { answer.status },
        error_code: answer.error_code.clone(),
        request_body: request_body.as_ref().map(redacted),
        response_body: response_body.as_ref().map(|body| redacted(&shortened(body))),
        correlation_id: answer.header("x-ms-correlation-request-id").map(str::to_owned),
        client_request_id: request.header("x-ms-client-request-id").map(str::to_owned),
        principal: answer.principal.clone(),
        faults,
    }
}

/// A padded body would make the log as huge as the answer.
fn shortened(body: &Value) -> Value {
    let mut shown = body.clone();
    if let Some(padding) = shown.get_mut("padding") {
        *padding = json!("…");
    }
    shown
}
