//! One authenticated request to Resource Manager: its turn, its token, its headers, and what its answer means.
//!
//! Whether a write may still leave is asked as the last act before it does, and again before a second try: signing in may
//! have taken long.
//!
//! A token that Azure no longer takes is replaced, and the request sent once more: the first one was turned away at the
//! door and did nothing. Must never try anything else again, and never send a token to another host.

use std::convert::Infallible;

use reqwest::{
    Method, Request, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue},
};
use serde_json::Value;
use tokio::sync::watch;
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
use crate::{
    domain::failure::{Cause, Failure},
    runtime::{
        leadership::{Authority, NotSent},
        moment::Moment,
    },
};

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

/// Whether a request may still leave.
trait Leave {
    /// Why it may not.
    type Refusal;

    fn check(&self) -> Result<(), Self::Refusal>;
}

/// A read may always leave.
struct Read;

impl Leave for Read {
    type Refusal = Infallible;

    fn check(&self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// A write may, while this process may write and what the write rests on is fresh.
struct Write<'a> {
    authority: &'a Authority<'a>,
    resource_read: Moment,
}

impl Leave for Write<'_> {
    type Refusal = NotSent;

    fn check(&self) -> Result<(), NotSent> {
        self.authority.check(self.resource_read)
    }
}

/// Why a write gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum WriteFailure {
    /// Nothing was sent: whoever wanted to write begins anew.
    #[error("not sent: {0}")]
    NotSent(#[from] NotSent),
    /// Azure refused or failed. It may have been carried out all the same.
    #[error("{}", .0.code)]
    Azure(Failure),
}

impl From<Failure> for WriteFailure {
    fn from(failure: Failure) -> Self {
        Self::Azure(failure)
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

    /// Tells each time that signing in works again after it had failed.
    pub(super) fn signs_in_again(&self) -> watch::Receiver<u64> {
        self.sign_ins.of(&CredentialKey::Operator).works_again()
    }

    /// Where requests may go.
    pub(super) fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// Waits until one request on this errand may leave.
    pub(super) async fn slot(&self, errand: Errand) -> Result<Slot, Failure> {
        self.pacing.slot(errand).await
    }

    /// A slot, if one is free now.
    pub(super) fn free_slot(&self, errand: Errand) -> Option<Slot> {
        self.pacing.free_slot(errand)
    }

    /// Sends a read for which there is a slot. `Ok` is a success (2xx).
    pub(super) async fn call(&self, key: &CredentialKey, slot: Slot, call: &Call) -> Result<Answer, Failure> {
        let target = slot.errand().target();
        success(self.ask(key, slot, call).await?, &target)
    }

    /// Sends a write for which there is a slot, if it may still leave. `Ok` is a success (2xx).
    pub(super) async fn call_to_write(
        &self,
        key: &CredentialKey,
        slot: Slot,
        call: &Call,
        authority: &Authority<'_>,
        resource_read: Moment,
    ) -> Result<Answer, WriteFailure> {
        let target = slot.errand().target();
        let answer = self.exchange(key, slot, call, &Write { authority, resource_read }).await??;
        Ok(success(answer, &target)?)
    }

    /// Sends a read for which there is a slot. `Ok` is any answer but "who are you?" (401), "too many" (429) and "not now"
    /// (503).
    pub(super) async fn ask(&self, key: &CredentialKey, slot: Slot, call: &Call) -> Result<Answer, Failure> {
        let Ok(outcome) = self.exchange(key, slot, call, &Read).await;
        outcome
    }

    async fn exchange<L: Leave>(
        &self,
        key: &CredentialKey,
        slot: Slot,
        call: &Call,
        leave: &L,
    ) -> Result<Result<Answer, Failure>, L::Refusal> {
        let target = slot.errand().target();
        let sign_in = self.sign_ins.of(key);
        let token = match sign_in.token().await {
            Ok(token) => token,
            Err(failure) => return Ok(Err(failure)),
        };
        leave.check()?;
        let errand = slot.spend();
        let outcome = match self.send(call, &token, &target).await {
            Err(Failure { cause: Cause::SignInFailed(_), .. }) => {
                sign_in.forget(&token);
                let token = match sign_in.token().await {
                    Ok(token) => token,
                    Err(failure) => return Ok(Err(failure)),
                };
                leave.check()?;
                match self.send(call, &token, &target).await {
                    Err(failure) if matches!(failure.cause, Cause::SignInFailed(_)) => {
                        Err(sign_in.refuse(&token, failure).await)
                    }
                    outcome => outcome,
                }
            }
            outcome => outcome,
        };
        match &outcome {
            Ok(_) => sign_in.taken(),
            Err(failure) => self.pacing.pause(&errand, failure),
        }
        Ok(outcome)
    }

    async fn send(&self, call: &Call, token: &Token, target: &str) -> Result<Answer, Failure> {
        let request = request(call, token, target)?;
        let answer = self.transport.send(Service::ResourceManager, target, request).await?;
        match answer.status {
            StatusCode::UNAUTHORIZED | StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                Err(classify::refusal(&answer, target))
            }
            _ => Ok(answer),
        }
    }
}

fn success(answer: Answer, target: &str) -> Result<Answer, Failure> {
    if answer.status.is_success() { Ok(answer) } else { Err(classify::refusal(&answer, target)) }
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
