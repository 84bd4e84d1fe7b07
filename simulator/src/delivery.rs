//! Answers on their way out: whole, broken off, or lost.
//!
//! Must never change what an answer says.

use std::time::Duration;

use axum::body::{Body as WireBody, Bytes};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use futures::stream;

use crate::service::{Answer, Body};
use crate::tls::Scissors;

/// How an answer goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// As it is.
    Whole,
    /// The body breaks off in the middle.
    Half,
    /// The connection is reset instead.
    Lost,
}

/// Makes an answer into what goes over the wire.
pub(crate) fn deliver(answer: Answer, delivery: Delivery, connection: &Scissors) -> Response {
    match delivery {
        Delivery::Whole => whole(answer),
        Delivery::Half => half(answer),
        Delivery::Lost => {
            connection.cut();
            whole(Answer::empty(200))
        }
    }
}

fn bytes_of(body: Body) -> (Option<String>, Bytes) {
    match body {
        Body::Empty => (None, Bytes::new()),
        Body::Json(value) => (Some("application/json; charset=utf-8".to_owned()), value.to_string().into()),
        Body::Text { content_type, text } => (Some(content_type), text.into()),
    }
}

fn whole(answer: Answer) -> Response {
    let (content_type, bytes) = bytes_of(answer.body);
    assemble(answer.status, &answer.headers, content_type, WireBody::from(bytes))
}

/// The full length is promised and half of it sent. The pause lets the half reach the client before the end does.
fn half(answer: Answer) -> Response {
    let (content_type, bytes) = bytes_of(answer.body);
    let length = bytes.len().max(2);
    let start = bytes.slice(..bytes.len() / 2);
    let body = stream::unfold(Some(start), |next| async move {
        if let Some(start) = next {
            return Some((Ok(start), None));
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
        Some((Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof)), None))
    });
    let mut headers = answer.headers;
    headers.push((header::CONTENT_LENGTH.to_string(), length.to_string()));
    assemble(answer.status, &headers, content_type, WireBody::from_stream(body))
}

fn assemble(
    status: u16,
    headers: &[(String, String)],
    content_type: Option<String>,
    body: WireBody,
) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let content_type = content_type.map(|value| (header::CONTENT_TYPE.to_string(), value));
    for (name, value) in headers.iter().chain(&content_type) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().append(name, value);
        }
    }
    response
}
