//! What the operator signs in with: one kind, chosen at start, and never another tried in its place.

use std::path::{Path, PathBuf};

use azure_core::credentials::Secret;
use reqwest::Url;

use super::check::{Checked, choice, read};
use super::names::variable::{
    CLIENT_CERTIFICATE_PATH, CLIENT_ID, CLIENT_SECRET, CLIENT_SECRET_FILE, CREDENTIAL, FEDERATED_TOKEN_FILE,
    TENANT_ID,
};
use super::{CredentialKind, SettingsError};
use crate::azure::{Application, CertificateError, ClientCertificate, CredentialSettings};
use crate::domain::names::{ClientId, TenantId};

/// All that was given for it; what is empty is absent.
pub(super) struct Given {
    pub(super) kind: Option<String>,
    pub(super) authority: Url,
    pub(super) tenant: Option<String>,
    pub(super) client: Option<String>,
    pub(super) token_file: Option<PathBuf>,
    pub(super) secret: Option<Secret>,
    pub(super) secret_file: Option<PathBuf>,
    pub(super) certificate_file: Option<PathBuf>,
    pub(super) metadata_service: Url,
}

impl Given {
    /// The kind that was chosen, or the only one that is set, with all that it needs.
    pub(super) fn credential(self) -> Checked<CredentialSettings> {
        let kind = self.kind()?;
        let Self { tenant, client, authority, metadata_service, .. } = self;
        Ok(match kind {
            CredentialKind::ManagedIdentity => CredentialSettings::ManagedIdentity {
                client: client.map(|id| client_id(Some(id))).transpose()?,
                metadata_service,
            },
            CredentialKind::AzureCli => CredentialSettings::AzureCli { tenant: tenant_id(tenant)? },
            CredentialKind::WorkloadIdentity => CredentialSettings::WorkloadIdentity {
                application: application(authority, tenant, client)?,
                token_file: self.token_file.ok_or_else(|| {
                    SettingsError::missing(
                        FEDERATED_TOKEN_FILE,
                        "MDI_CREDENTIAL=workload-identity needs it; give the pod the label azure.workload.identity/use",
                    )
                })?,
            },
            CredentialKind::ClientSecret => CredentialSettings::ClientSecret {
                application: application(authority, tenant, client)?,
                secret: secret(self.secret, self.secret_file)?,
            },
            CredentialKind::ClientCertificate => CredentialSettings::ClientCertificate {
                application: application(authority, tenant, client)?,
                certificate_file: certificate(self.certificate_file)?,
            },
        })
    }

    /// Those for a machine of Azure or a person's own are never found out, since they need nothing that could be set.
    fn kind(&self) -> Checked<CredentialKind> {
        if let Some(kind) = &self.kind {
            return choice(CREDENTIAL, kind);
        }
        let known = [
            (FEDERATED_TOKEN_FILE, CredentialKind::WorkloadIdentity, self.token_file.is_some()),
            (
                CLIENT_SECRET,
                CredentialKind::ClientSecret,
                self.secret.is_some() || self.secret_file.is_some(),
            ),
            (CLIENT_CERTIFICATE_PATH, CredentialKind::ClientCertificate, self.certificate_file.is_some()),
        ];
        let set: Vec<_> = known.iter().filter(|(_, _, is_set)| *is_set).collect();
        match *set.as_slice() {
            [(_, kind, _)] => Ok(*kind),
            [] => Err(SettingsError::together(
                &known.map(|(name, ..)| name),
                "none is set",
                "set one of them (workload identity sets the first in pods with the label azure.workload.identity/use), or \
                 choose MDI_CREDENTIAL=managed-identity or azure-cli",
            )),
            _ => Err(SettingsError::together(
                &set.iter().map(|(name, ..)| *name).collect::<Vec<_>>(),
                "more than one is set",
                "leave one, or choose with MDI_CREDENTIAL=workload-identity, client-secret or client-certificate",
            )),
        }
    }
}

fn application(authority: Url, tenant: Option<String>, client: Option<String>) -> Checked<Application> {
    Ok(Application { authority, tenant: tenant_id(tenant)?, client: client_id(client)? })
}

fn tenant_id(value: Option<String>) -> Checked<TenantId> {
    let remedy =
        "give the directory (tenant) id that the Azure portal shows for the subscriptions' directory";
    let value = value.ok_or_else(|| SettingsError::missing(TENANT_ID, remedy))?;
    TenantId::parse(&value).map_err(|e| SettingsError::bad(TENANT_ID, e.to_string(), remedy))
}

fn client_id(value: Option<String>) -> Checked<ClientId> {
    let remedy = "give the application (client) id that the operator signs in with";
    let value = value.ok_or_else(|| SettingsError::missing(CLIENT_ID, remedy))?;
    ClientId::parse(&value).map_err(|e| SettingsError::bad(CLIENT_ID, e.to_string(), remedy))
}

fn secret(secret: Option<Secret>, file: Option<PathBuf>) -> Checked<Secret> {
    match (secret, file) {
        (Some(secret), None) => Ok(secret),
        (None, Some(file)) => secret_in(&file),
        (Some(_), Some(_)) => Err(SettingsError::together(
            &[CLIENT_SECRET, CLIENT_SECRET_FILE],
            "both are set",
            "take one away",
        )),
        (None, None) => Err(SettingsError::missing(
            CLIENT_SECRET,
            "MDI_CREDENTIAL=client-secret needs it, or AZURE_CLIENT_SECRET_FILE",
        )),
    }
}

fn secret_in(file: &Path) -> Checked<Secret> {
    let text = String::from_utf8(read(CLIENT_SECRET_FILE, file)?).unwrap_or_default();
    // Editors and `echo` end a file with a line break, and no secret of Entra has one.
    match text.trim() {
        "" => Err(SettingsError::bad(
            CLIENT_SECRET_FILE,
            format!("{} holds no text", file.display()),
            "write the secret into it",
        )),
        secret => Ok(Secret::new(secret.to_owned())),
    }
}

/// Read here only to be told at once what is wrong with it; each sign-in reads it anew.
fn certificate(file: Option<PathBuf>) -> Checked<PathBuf> {
    let needed =
        "MDI_CREDENTIAL=client-certificate needs it: a PEM file with the certificate and its private key";
    let file = file.ok_or_else(|| SettingsError::missing(CLIENT_CERTIFICATE_PATH, needed))?;
    match ClientCertificate::read(&file) {
        // Somebody else renews it, and objects then need no restart; meanwhile each of them says so.
        Ok(_) | Err(CertificateError::OutOfTime { .. }) => Ok(file),
        Err(error) => {
            let line = error.to_string();
            let (problem, remedy) = line.split_once("; ").unwrap_or((&line, "mend it"));
            Err(SettingsError::bad(CLIENT_CERTIFICATE_PATH, problem, remedy))
        }
    }
}
