//! One authenticated request to Resource Manager: its turn, its token, its headers, and what its answer means.
//!
//! A token that Azure no longer takes is replaced, and the request sent once more: the first one was turned away at the
//! door and did nothing. Must never try anything else again, and never send a token to another host.

use reqwest::{
    Method, Request, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue},
};
use serde_json::Value;
use uuid::Uuid;

use super::{
    address::{Address, Hosts},
    classify,
    credential::CredentialKey,
    errand::Errand,
    pacing::{Pacing, Slot},
    sign_in::{SignIns, Token},
    transport::{Answer, CORRELATION_ID, Service, Transport},
};
use crate::domain::failure::{Cause, Failure};

const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-client-request-id");
const RETURN_CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-return-client-request-id");

/// A request, before it has a token.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) verb: Method,
    pub(super) address: Address,
    pub(super) body: Option<Value>,
}

impl Call {
    pub(super) fn get(address: Address) -> Self {
        Self { verb: Method::GET, address, body: None }
    }
}

/// Resource Manager.
#[derive(Debug)]
pub(super) struct ResourceManager {
    hosts: Hosts,
    transport: Transport,
    pacing: Pacing,
    sign_ins: SignIns,
}

impl ResourceManager {
    pub(super) fn new(hosts: Hosts, transport: Transport, pacing: Pacing, sign_ins: SignIns) -> Self {
        Self { hosts, transport, pacing, sign_ins }
    }

    /// Where requests may go.
    pub(super) fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// Waits until one request on this errand may leave.
    pub(super) async fn slot(&self, errand: Errand) -> Result<Slot, Failure> {
        self.pacing.slot(errand).await
    }

    /// Sends a request for which there is a slot. `Ok` is a success (2xx).
    pub(super) async fn call(&self, key: &CredentialKey, slot: Slot, call: &Call) -> Result<Answer, Failure> {
        let target = slot.errand().target();
        let answer = self.ask(key, slot, call).await?;
        if answer.status.is_success() { Ok(answer) } else { Err(classify::refusal(&answer, &target)) }
    }

    /// Sends a request for which there is a slot. `Ok` is any answer but "who are you?" (401) and "too many" (429).
    pub(super) async fn ask(&self, key: &CredentialKey, slot: Slot, call: &Call) -> Result<Answer, Failure> {
        let target = slot.errand().target();
        let sign_in = self.sign_ins.of(key);
        let token = sign_in.token().await?;
        let errand = slot.spend();
        let outcome = self.send(call, &token, &target).await;
        let outcome = match outcome {
            Err(Failure { cause: Cause::SignInFailed(_), .. }) => {
                sign_in.forget(&token);
                let token = sign_in.token().await?;
                match self.send(call, &token, &target).await {
                    Err(failure) if matches!(failure.cause, Cause::SignInFailed(_)) => {
                        Err(sign_in.refuse(&token, failure).await)
                    }
                    outcome => outcome,
                }
            }
            outcome => outcome,
        };
        if let Err(failure) = &outcome
            && failure.cause == Cause::Throttled
        {
            self.pacing.pause(&errand, failure);
        }
        outcome
    }

    async fn send(&self, call: &Call, token: &Token, target: &str) -> Result<Answer, Failure> {
        let request = request(call, token, target)?;
        let answer = self.transport.send(Service::ResourceManager, target, request).await?;
        match answer.status {
            StatusCode::UNAUTHORIZED | StatusCode::TOO_MANY_REQUESTS => {
                Err(classify::refusal(&answer, target))
            }
            _ => Ok(answer),
        }
    }
}

fn request(call: &Call, token: &Token, target: &str) -> Result<Request, Failure> {
    let Call { verb, address, body } = call;
    let mut request = Request::new(verb.clone(), address.url().clone());
    let id = HeaderValue::from_str(&Uuid::new_v4().to_string());
    let bearer = HeaderValue::from_str(&format!("Bearer {}", token.secret.secret()));
    let (Ok(id), Ok(mut bearer)) = (id, bearer) else { return Err(not_a_header(target)) };
    bearer.set_sensitive(true);
    let headers = request.headers_mut();
    headers.insert(AUTHORIZATION, bearer);
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(CLIENT_REQUEST_ID, id.clone());
    headers.insert(CORRELATION_ID, id);
    headers.insert(RETURN_CLIENT_REQUEST_ID, HeaderValue::from_static("true"));
    if let Some(body) = body {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        *request.body_mut() = Some(body.to_string().into());
    }
    Ok(request)
}

fn not_a_header(target: &str) -> Failure {
    Failure {
        cause: Cause::Unexpected,
        code: "UnreadableToken".into(),
        message: "the token has characters that no header can carry".into(),
        target: target.into(),
        correlation_id: None,
        retry_after: None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use async_trait::async_trait;
    use azure_core::credentials::Secret;

    use super::*;
    use crate::{
        azure::sign_in::{SignIn, TokenSource},
        runtime::{clock::Clock, metrics::Metrics, proxies::Proxies},
    };

    #[derive(Debug)]
    struct Nobody;

    #[async_trait]
    impl TokenSource for Nobody {
        async fn sign_in(&self) -> Result<Token, Failure> {
            Ok(token())
        }
    }

    fn token() -> Token {
        Token { secret: Secret::new("s3cr3t"), expires: SystemTime::UNIX_EPOCH }
    }

    fn resource_manager() -> ResourceManager {
        let (clock, metrics) = (Clock::real(), Metrics::new().unwrap());
        ResourceManager::new(
            Hosts::new("https://management.azure.com".parse().unwrap(), &[]).unwrap(),
            Transport::new(None, &Proxies::default(), metrics.clone()).unwrap(),
            Pacing::new(clock, metrics),
            SignIns::new(SignIn::new(Box::new(Nobody), clock)),
        )
    }

    #[test]
    fn shows_no_token() {
        let resource_manager = resource_manager();
        let call = Call::get(resource_manager.hosts().of("/subscriptions", "2022-12-01"));
        let request = request(&call, &token(), "t").unwrap();
        assert!(request.headers()[AUTHORIZATION].to_str().unwrap().contains("s3cr3t"));
        for shown in [format!("{request:?}"), format!("{resource_manager:?}")] {
            assert!(!shown.contains("s3cr3t"), "{shown}");
        }
    }
}
