//! The token endpoint of Microsoft Entra, as `azure_identity` sees it: only a success comes through as an answer.
//!
//! Must never send anything but the one POST that a sign-in is.

use std::sync::Arc;

use async_trait::async_trait;
use azure_core::{
    cloud::CustomConfiguration,
    error::ErrorKind,
    http::{
        AsyncRawResponse, Body, ClientOptions, HttpClient, Method, RetryOptions, Transport as AzureTransport,
        Url, headers::Headers, request::Request,
    },
};

use super::carrying;
use crate::azure::{
    classify,
    transport::{Service, Transport},
};

#[derive(Debug)]
pub(super) struct TokenEndpoint {
    target: String,
    transport: Transport,
}

impl TokenEndpoint {
    pub(super) fn new(target: String, transport: Transport) -> Self {
        Self { target, transport }
    }

    /// What a credential is to work with.
    pub(super) fn options(self, authority: &Url) -> ClientOptions {
        let mut cloud = CustomConfiguration::default();
        cloud.authority_host = authority.to_string();
        ClientOptions { cloud: Some(Arc::new(cloud.into())), ..once_over(self) }
    }
}

/// By way of `client`, and once: when to try again is the schedule's to say.
pub(super) fn once_over(client: impl HttpClient + 'static) -> ClientOptions {
    ClientOptions {
        retry: RetryOptions::none(),
        transport: Some(AzureTransport::new(Arc::new(client))),
        ..ClientOptions::default()
    }
}

#[async_trait]
impl HttpClient for TokenEndpoint {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let answer = self
            .transport
            .send(Service::Entra, &self.target, translated(request)?)
            .await
            .map_err(carrying)?;
        if !answer.status.is_success() {
            return Err(carrying(classify::sign_in_refusal(&answer, &self.target)));
        }
        Ok(AsyncRawResponse::from_bytes(answer.status.as_u16().into(), Headers::new(), answer.body))
    }
}

/// All but the user agent, which is ours.
fn translated(request: &Request) -> azure_core::Result<reqwest::Request> {
    let other = |what: &'static str| azure_core::Error::with_message(ErrorKind::Other, what);
    if request.method() != Method::Post {
        return Err(other("a sign-in is a POST"));
    }
    let mut translated = reqwest::Request::new(reqwest::Method::POST, request.url().clone());
    for (name, value) in request.headers().iter().filter(|(name, _)| name.as_str() != "user-agent") {
        let name = reqwest::header::HeaderName::from_bytes(name.as_str().as_bytes());
        let value = reqwest::header::HeaderValue::from_str(value.as_str());
        let (Ok(name), Ok(value)) = (name, value) else { return Err(other("a header is not one")) };
        translated.headers_mut().insert(name, value);
    }
    match request.body() {
        Body::Bytes(bytes) => *translated.body_mut() = Some(bytes.clone().into()),
        Body::SeekableStream(_) => return Err(other("a sign-in is not a stream")),
    }
    Ok(translated)
}
