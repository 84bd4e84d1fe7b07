//! As whom to sign in, and the request that does it: `azure_identity` over our own transport.
//!
//! A credential of `azure_identity` is made for each sign-in, which is once an hour. So the token file is read anew each
//! time, a file that is missing fails one sign-in rather than the start, and no second cache stands behind
//! [`sign_in`](super::sign_in). Must never try again by itself, and never show a secret.

use std::{error::Error as StdError, path::PathBuf, sync::Arc};

use async_trait::async_trait;
use azure_core::{
    cloud::CustomConfiguration,
    credentials::{Secret, TokenCredential},
    error::ErrorKind,
    http::{
        AsyncRawResponse, Body, ClientOptions, HttpClient, Method, RetryOptions, Transport as AzureTransport,
        Url, headers::Headers, request::Request,
    },
};
use azure_identity::{
    ClientAssertionCredentialOptions, ClientSecretCredential, ClientSecretCredentialOptions,
    WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};

use super::{
    classify,
    sign_in::{Token, TokenSource},
    transport::{Service, Transport},
    words,
};
use crate::domain::{
    failure::{Cause, Failure},
    names::{ClientId, TenantId},
};

/// Who signs in. Look-ups and failed sign-ins are kept for each.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CredentialKey {
    /// The operator itself.
    Operator,
}

/// How to sign in.
#[derive(Debug, Clone)]
pub enum CredentialSettings {
    /// With the token of a Kubernetes service account.
    WorkloadIdentity {
        /// For example `https://login.microsoftonline.com`.
        authority: Url,
        /// Directory of the application or identity.
        tenant: TenantId,
        /// The application or identity.
        client: ClientId,
        /// Where the service account's token is; renewed there by others.
        token_file: PathBuf,
    },
    /// With a client secret.
    ClientSecret {
        /// For example `https://login.microsoftonline.com`.
        authority: Url,
        /// Directory of the application.
        tenant: TenantId,
        /// The application.
        client: ClientId,
        /// Its secret; never shown.
        secret: Secret,
    },
}

impl CredentialSettings {
    pub(super) fn authority(&self) -> &Url {
        match self {
            Self::WorkloadIdentity { authority, .. } | Self::ClientSecret { authority, .. } => authority,
        }
    }

    fn tenant(&self) -> &TenantId {
        match self {
            Self::WorkloadIdentity { tenant, .. } | Self::ClientSecret { tenant, .. } => tenant,
        }
    }
}

/// Microsoft Entra.
#[derive(Debug)]
pub(super) struct Entra {
    settings: CredentialSettings,
    scope: String,
    /// What a failure names.
    target: String,
    transport: Transport,
}

impl Entra {
    pub(super) fn new(settings: CredentialSettings, audience: &str, transport: Transport) -> Self {
        let scope = format!("{}/.default", audience.trim_end_matches('/'));
        let target = format!("{}/{}", settings.authority().as_str().trim_end_matches('/'), settings.tenant());
        Self { settings, scope, target, transport }
    }

    fn credential(&self) -> azure_core::Result<Arc<dyn TokenCredential>> {
        let mut cloud = CustomConfiguration::default();
        cloud.authority_host = self.settings.authority().to_string();
        let endpoint = TokenEndpoint { target: self.target.clone(), transport: self.transport.clone() };
        let client_options = ClientOptions {
            retry: RetryOptions::none(),
            transport: Some(AzureTransport::new(Arc::new(endpoint))),
            cloud: Some(Arc::new(cloud.into())),
            ..ClientOptions::default()
        };
        Ok(match &self.settings {
            CredentialSettings::WorkloadIdentity { authority: _, tenant, client, token_file } => {
                WorkloadIdentityCredential::new(Some(WorkloadIdentityCredentialOptions {
                    credential_options: ClientAssertionCredentialOptions { client_options },
                    client_id: Some(client.to_string()),
                    tenant_id: Some(tenant.to_string()),
                    token_file_path: Some(token_file.clone()),
                }))?
            }
            CredentialSettings::ClientSecret { authority: _, tenant, client, secret } => {
                let options = ClientSecretCredentialOptions { client_options };
                ClientSecretCredential::new(
                    tenant.as_str(),
                    client.to_string(),
                    secret.clone(),
                    Some(options),
                )?
            }
        })
    }

    /// Nothing was sent: the token file is missing, or the like.
    fn not_sent(&self, error: &azure_core::Error) -> Failure {
        let message = match error.source() {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        };
        self.failure(Cause::SignInFailed(None), "CredentialUnusable", &message)
    }

    fn unreadable(&self) -> Failure {
        self.failure(
            Cause::Unexpected,
            "UnreadableToken",
            "the answer to the sign-in is not a token that holds",
        )
    }

    fn failure(&self, cause: Cause, code: &str, message: &str) -> Failure {
        Failure {
            cause,
            code: code.into(),
            message: words::steady(message),
            target: self.target.clone(),
            correlation_id: None,
            retry_after: None,
        }
    }
}

#[async_trait]
impl TokenSource for Entra {
    async fn sign_in(&self) -> Result<Token, Failure> {
        let credential = self.credential().map_err(|error| self.not_sent(&error))?;
        let token = credential
            .get_token(&[&self.scope], None)
            .await
            .map_err(|error| carried(&error).unwrap_or_else(|| self.unreadable()))?;
        let token = Token { secret: token.token, expires: token.expires_on.into() };
        // An empty object reads as an empty token that has expired already.
        if token.secret.secret().is_empty() || token.expires <= std::time::SystemTime::now() {
            return Err(self.unreadable());
        }
        Ok(token)
    }
}

/// The token endpoint, as `azure_identity` sees it: only a success comes through as an answer.
#[derive(Debug)]
struct TokenEndpoint {
    target: String,
    transport: Transport,
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

/// A failure on its way through `azure_identity`, which knows no failures of ours.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.message)]
struct Carried(Failure);

fn carrying(failure: Failure) -> azure_core::Error {
    azure_core::Error::new(ErrorKind::Other, Carried(failure))
}

fn carried(error: &azure_core::Error) -> Option<Failure> {
    let mut link: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = link {
        if let Some(Carried(failure)) = error.downcast_ref() {
            return Some(failure.clone());
        }
        link = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::metrics::Metrics;

    const GUID: &str = "11111111-2222-3333-4444-555555555555";

    /// Nothing listens on port 1.
    fn authority() -> Url {
        "https://127.0.0.1:1".parse().unwrap()
    }

    fn with_file(token_file: &str) -> CredentialSettings {
        CredentialSettings::WorkloadIdentity {
            authority: authority(),
            tenant: TenantId::parse(GUID).unwrap(),
            client: ClientId::parse(GUID).unwrap(),
            token_file: token_file.into(),
        }
    }

    fn with_secret() -> CredentialSettings {
        CredentialSettings::ClientSecret {
            authority: authority(),
            tenant: TenantId::parse(GUID).unwrap(),
            client: ClientId::parse(GUID).unwrap(),
            secret: Secret::new("s3cr3t"),
        }
    }

    fn entra(settings: CredentialSettings) -> Entra {
        let transport = Transport::new(None, Metrics::new().unwrap()).unwrap();
        Entra::new(settings, "https://management.azure.com/", transport)
    }

    #[tokio::test]
    async fn a_missing_token_file_is_a_failed_sign_in_that_names_it() {
        let failure = entra(with_file("/nowhere/token")).sign_in().await.unwrap_err();
        assert_eq!(failure.cause, Cause::SignInFailed(None));
        assert!(failure.message.contains("/nowhere/token"), "{}", failure.message);
    }

    #[tokio::test]
    async fn a_token_endpoint_out_of_reach_is_unavailable() {
        let failure = entra(with_secret()).sign_in().await.unwrap_err();
        assert_eq!(failure.cause, Cause::Unavailable, "{failure:?}");
        assert_eq!(failure.target, format!("https://127.0.0.1:1/{GUID}"));
    }

    #[test]
    fn shows_no_secret() {
        let entra = entra(with_secret());
        let endpoint = TokenEndpoint { target: "t".into(), transport: entra.transport.clone() };
        for shown in [format!("{:?}", with_secret()), format!("{entra:?}"), format!("{endpoint:?}")] {
            assert!(!shown.contains("s3cr3t"), "{shown}");
        }
    }
}
