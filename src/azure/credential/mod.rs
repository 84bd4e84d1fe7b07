//! As whom to sign in, and what does it: `azure_identity`, over our own transport.
//!
//! ```text
//! workload-identity ── token file ──┐
//! client-certificate ─ certificate ─┼─► token_endpoint ─► Microsoft Entra     (https, by way of the proxy)
//! client-secret ────────────────────┘
//! managed-identity ────────────────────► metadata ──────► IMDS on the machine (http, never by way of a proxy)
//! azure-cli ───────────────────────────► cli ───────────► `az`
//! ```
//!
//! A credential of `azure_identity` is made for each sign-in, which is once an hour. So files are read anew each time, one
//! that is missing fails one sign-in rather than the process, and no second cache stands behind
//! [`sign_in`](super::sign_in). Must never try again by itself, never try another kind, and never show a secret.

mod certificate;
mod cli;
mod metadata;
mod token_endpoint;

use std::{error::Error as StdError, fmt, io, path::PathBuf, sync::Arc};

use async_trait::async_trait;
use azure_core::{
    credentials::{Secret, TokenCredential},
    error::ErrorKind,
    http::Url,
};
use azure_identity::{
    AzureCliCredential, AzureCliCredentialOptions, ClientAssertionCredential,
    ClientAssertionCredentialOptions, ClientSecretCredential, ClientSecretCredentialOptions,
    ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId, WorkloadIdentityCredential,
    WorkloadIdentityCredentialOptions,
};

pub use certificate::{CertificateError, ClientCertificate};

use self::{certificate::Assertion, metadata::MetadataService, token_endpoint::TokenEndpoint};
use super::{
    settings::ConnectError,
    sign_in::{Token, TokenSource},
    transport::Transport,
    words,
};
use crate::domain::{
    failure::{Cause, Failure, sign_in::CREDENTIAL_UNUSABLE},
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
        /// As which application or identity.
        application: Application,
        /// Where the service account's token is; renewed there by others.
        token_file: PathBuf,
    },
    /// With a client secret.
    ClientSecret {
        /// As which application.
        application: Application,
        /// Its secret; never shown.
        secret: Secret,
    },
    /// With a certificate of the application.
    ClientCertificate {
        /// As which application.
        application: Application,
        /// PEM with the certificate and its private key; renewed there by others.
        certificate_file: PathBuf,
    },
    /// As an identity of the machine that the operator runs on.
    ManagedIdentity {
        /// Which of them; the machine's own if absent.
        client: Option<ClientId>,
        /// The machine's metadata service (IMDS): `http://169.254.169.254`, save in tests.
        metadata_service: Url,
    },
    /// As the person who is logged in to the Azure CLI.
    AzureCli {
        /// The directory that a token is asked for.
        tenant: TenantId,
    },
}

/// An application, or an identity that stands for one, and where it signs in.
#[derive(Debug, Clone)]
pub struct Application {
    /// For example `https://login.microsoftonline.com`.
    pub authority: Url,
    /// Its directory.
    pub tenant: TenantId,
    /// Its client id.
    pub client: ClientId,
}

impl CredentialSettings {
    /// The directory that is signed in to, where it is known beforehand.
    pub fn tenant(&self) -> Option<&TenantId> {
        match self {
            Self::AzureCli { tenant } => Some(tenant),
            Self::ManagedIdentity { .. } => None,
            Self::WorkloadIdentity { .. } | Self::ClientSecret { .. } | Self::ClientCertificate { .. } => {
                self.application().map(|application| &application.tenant)
            }
        }
    }

    /// The client that signs in, where it is known beforehand.
    pub fn client(&self) -> Option<&ClientId> {
        match self {
            Self::ManagedIdentity { client, .. } => client.as_ref(),
            Self::AzureCli { .. }
            | Self::WorkloadIdentity { .. }
            | Self::ClientSecret { .. }
            | Self::ClientCertificate { .. } => self.application().map(|application| &application.client),
        }
    }

    pub(super) fn application(&self) -> Option<&Application> {
        match self {
            Self::WorkloadIdentity { application, .. }
            | Self::ClientSecret { application, .. }
            | Self::ClientCertificate { application, .. } => Some(application),
            Self::ManagedIdentity { .. } | Self::AzureCli { .. } => None,
        }
    }

    /// What a failure names.
    fn target(&self) -> String {
        match self {
            Self::WorkloadIdentity { application, .. }
            | Self::ClientSecret { application, .. }
            | Self::ClientCertificate { application, .. } => {
                format!("{}/{}", application.authority.as_str().trim_end_matches('/'), application.tenant)
            }
            Self::ManagedIdentity { metadata_service, .. } => {
                metadata_service.as_str().trim_end_matches('/').to_owned()
            }
            Self::AzureCli { tenant } => format!("az/{tenant}"),
        }
    }
}

/// The name of its kind, as `MDI_CREDENTIAL` has it.
impl fmt::Display for CredentialSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WorkloadIdentity { .. } => "workload-identity",
            Self::ClientSecret { .. } => "client-secret",
            Self::ClientCertificate { .. } => "client-certificate",
            Self::ManagedIdentity { .. } => "managed-identity",
            Self::AzureCli { .. } => "azure-cli",
        })
    }
}

/// One credential, as the source of its tokens.
#[derive(Debug)]
pub(super) struct Credential {
    settings: CredentialSettings,
    scope: String,
    transport: Transport,
}

impl Credential {
    /// Sends nothing.
    pub(super) fn new(
        settings: CredentialSettings,
        audience: &str,
        transport: &Transport,
    ) -> Result<Self, ConnectError> {
        let transport = match &settings {
            CredentialSettings::ManagedIdentity { .. } => transport.in_the_clear()?,
            _ => transport.clone(),
        };
        Ok(Self { settings, scope: format!("{}/.default", audience.trim_end_matches('/')), transport })
    }

    fn made(&self) -> azure_core::Result<Arc<dyn TokenCredential>> {
        let target = self.settings.target();
        let at = |application: &Application| {
            TokenEndpoint::new(target.clone(), self.transport.clone()).options(&application.authority)
        };
        Ok(match &self.settings {
            CredentialSettings::WorkloadIdentity { application, token_file } => {
                WorkloadIdentityCredential::new(Some(WorkloadIdentityCredentialOptions {
                    credential_options: ClientAssertionCredentialOptions { client_options: at(application) },
                    client_id: Some(application.client.to_string()),
                    tenant_id: Some(application.tenant.to_string()),
                    token_file_path: Some(token_file.clone()),
                }))?
            }
            CredentialSettings::ClientSecret { application, secret } => ClientSecretCredential::new(
                application.tenant.as_str(),
                application.client.to_string(),
                secret.clone(),
                Some(ClientSecretCredentialOptions { client_options: at(application) }),
            )?,
            CredentialSettings::ClientCertificate { application, certificate_file } => {
                ClientAssertionCredential::new(
                    application.tenant.to_string(),
                    application.client.to_string(),
                    Assertion::new(application.clone(), certificate_file.clone(), target.clone()),
                    Some(ClientAssertionCredentialOptions { client_options: at(application) }),
                )?
            }
            CredentialSettings::ManagedIdentity { client, metadata_service } => {
                metadata::is_not_led_astray(&target).map_err(carrying)?;
                let service = MetadataService::new(metadata_service.clone(), target, self.transport.clone());
                ManagedIdentityCredential::new(Some(ManagedIdentityCredentialOptions {
                    user_assigned_id: client.as_ref().map(|id| UserAssignedId::ClientId(id.to_string())),
                    client_options: service.options(),
                }))?
            }
            CredentialSettings::AzureCli { tenant } => {
                AzureCliCredential::new(Some(AzureCliCredentialOptions {
                    tenant_id: Some(tenant.to_string()),
                    executor: Some(Arc::new(cli::Az::new(target))),
                    ..AzureCliCredentialOptions::default()
                }))?
            }
        })
    }

    /// Nothing was sent: the token file is missing, or the like.
    fn not_sent(&self, error: &azure_core::Error) -> Failure {
        let message = match error.source() {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        };
        failed(&self.settings.target(), Cause::SignInFailed(None), CREDENTIAL_UNUSABLE, &message)
    }

    fn unreadable(&self) -> Failure {
        let message = match &self.settings {
            CredentialSettings::AzureCli { .. } => {
                "az printed no token that holds; Azure CLI 2.54 or newer is needed"
            }
            _ => "the answer to the sign-in is not a token that holds",
        };
        failed(&self.settings.target(), Cause::Unexpected, "UnreadableToken", message)
    }
}

#[async_trait]
impl TokenSource for Credential {
    async fn sign_in(&self) -> Result<Token, Failure> {
        let credential =
            self.made().map_err(|error| carried(&error).unwrap_or_else(|| self.not_sent(&error)))?;
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

/// A failure that no answer of Azure tells.
fn failed(target: &str, cause: Cause, code: &str, message: &str) -> Failure {
    Failure {
        cause,
        code: code.into(),
        message: words::steady(message),
        target: target.into(),
        correlation_id: None,
        retry_after: None,
    }
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
        // An I/O error keeps what it was made of to itself, and names only what caused that.
        let inside = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let inside = inside.and_then(|inside| inside.downcast_ref());
        if let Some(Carried(failure)) = inside.or_else(|| error.downcast_ref()) {
            return Some(failure.clone());
        }
        link = error.source();
    }
    None
}

#[cfg(test)]
mod tests;
