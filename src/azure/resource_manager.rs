//! One authenticated request to Resource Manager: its turn, its token, its headers, and what its answer means.
//!
//! A token that Azure no longer takes is replaced, and the request sent once more: the first one was turned away at the
//! door and did nothing. Must never try anything else again, and never send a token to another host.

use azure_core::http::Url;
use reqwest::{
    Method, Request,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue},
};
use serde_json::Value;
use uuid::Uuid;

use super::{
    classify,
    credential::CredentialKey,
    errand::Errand,
    pacing::{Pacing, Slot},
    sign_in::{SignIns, Token},
    transport::{Answer, CORRELATION_ID, Service, Transport},
};
use crate::domain::failure::{Cause, Failure};

/// The versions of Azure's interface that this operator was written for.
pub(super) mod api_version {
    pub(in super::super) const SUBSCRIPTIONS: &str = "2022-12-01";
    pub(in super::super) const IDENTITIES: &str = "2024-11-30";
}

const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-client-request-id");
const RETURN_CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-return-client-request-id");

/// A request, before it has a token.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) verb: Method,
    pub(super) path: &'a [&'a str],
    pub(super) api_version: &'static str,
    pub(super) body: Option<Value>,
}

/// Resource Manager.
#[derive(Debug)]
pub(super) struct ResourceManager {
    base: Url,
    transport: Transport,
    pacing: Pacing,
    sign_ins: SignIns,
}

impl ResourceManager {
    pub(super) fn new(base: Url, transport: Transport, pacing: Pacing, sign_ins: SignIns) -> Self {
        Self { base, transport, pacing, sign_ins }
    }

    /// Waits until one request on this errand may leave.
    pub(super) async fn slot(&self, errand: Errand) -> Result<Slot, Failure> {
        self.pacing.slot(errand).await
    }

    /// Sends a request for which there is a slot. `Ok` is a success (2xx).
    pub(super) async fn call(
        &self,
        key: &CredentialKey,
        slot: Slot,
        call: &Call<'_>,
    ) -> Result<Answer, Failure> {
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

    async fn send(&self, call: &Call<'_>, token: &Token, target: &str) -> Result<Answer, Failure> {
        let request = self.request(call, token, target)?;
        let answer = self.transport.send(Service::ResourceManager, target, request).await?;
        if answer.status.is_success() { Ok(answer) } else { Err(classify::refusal(&answer, target)) }
    }

    fn request(&self, call: &Call<'_>, token: &Token, target: &str) -> Result<Request, Failure> {
        let Call { verb, path, api_version, body } = call;
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            // Each segment is encoded by itself: a resource group may be named in any script.
            segments.pop_if_empty().extend(*path);
        }
        url.query_pairs_mut().append_pair("api-version", api_version);

        let mut request = Request::new(verb.clone(), url);
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
        runtime::{clock::Clock, metrics::Metrics},
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

    fn resource_manager(base: &str) -> ResourceManager {
        let (clock, metrics) = (Clock::real(), Metrics::new().unwrap());
        ResourceManager::new(
            base.parse().unwrap(),
            Transport::new(None, metrics.clone()).unwrap(),
            Pacing::new(clock, metrics),
            SignIns::new(SignIn::new(Box::new(Nobody), clock)),
        )
    }

    fn call<'a>(path: &'a [&'a str]) -> Call<'a> {
        Call { verb: Method::GET, path, api_version: api_version::IDENTITIES, body: None }
    }

    #[test]
    fn each_segment_of_the_path_is_encoded_by_itself() {
        for base in ["https://management.azure.com", "https://management.azure.com/"] {
            let resource_manager = resource_manager(base);
            let request =
                resource_manager.request(&call(&["resourceGroups", "bäu/te(1)?"]), &token(), "t").unwrap();
            assert_eq!(
                request.url().as_str(),
                "https://management.azure.com/resourceGroups/b%C3%A4u%2Fte(1)%3F?api-version=2024-11-30"
            );
        }
    }

    #[test]
    fn shows_no_token() {
        let resource_manager = resource_manager("https://management.azure.com");
        let request = resource_manager.request(&call(&["subscriptions"]), &token(), "t").unwrap();
        assert!(request.headers()[AUTHORIZATION].to_str().unwrap().contains("s3cr3t"));
        for shown in [format!("{request:?}"), format!("{resource_manager:?}")] {
            assert!(!shown.contains("s3cr3t"), "{shown}");
        }
    }
}
