//! What the operator signs in with: one kind, chosen at start, and never another tried in its place.

use std::fmt;
use std::path::{Path, PathBuf};

use azure_core::credentials::Secret;

use super::check::{Checked, choice, read};
use super::names::variable::{CLIENT_SECRET, CLIENT_SECRET_FILE, CREDENTIAL, FEDERATED_TOKEN_FILE};
use super::{CredentialKind, SettingsError};

/// What proves that the operator is who it says.
#[derive(Debug)]
pub enum SignIn {
    /// The token in this file, read anew for each sign-in.
    WorkloadIdentity(PathBuf),
    /// A secret.
    ClientSecret(Secret),
}

impl fmt::Display for SignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WorkloadIdentity(_) => "workload-identity",
            Self::ClientSecret(_) => "client-secret",
        })
    }
}

/// The kind that was chosen, or the only one that is set.
pub(super) fn sign_in(
    kind: Option<String>,
    token_file: Option<PathBuf>,
    secret: Option<Secret>,
    secret_file: Option<PathBuf>,
) -> Checked<SignIn> {
    let both = [FEDERATED_TOKEN_FILE, CLIENT_SECRET];
    let kind = match kind {
        Some(kind) => choice(CREDENTIAL, &kind)?,
        None => match (token_file.is_some(), secret.is_some() || secret_file.is_some()) {
            (true, false) => CredentialKind::WorkloadIdentity,
            (false, true) => CredentialKind::ClientSecret,
            (true, true) => {
                let remedy =
                    "take one away, or choose with MDI_CREDENTIAL=workload-identity or client-secret";
                return Err(SettingsError::together(&both, "both are set", remedy));
            }
            (false, false) => {
                let remedy = "set one of them; workload identity sets the first in pods with the label azure.workload.identity/use";
                return Err(SettingsError::together(&both, "neither is set", remedy));
            }
        },
    };
    match kind {
        CredentialKind::WorkloadIdentity => token_file.map(SignIn::WorkloadIdentity).ok_or_else(|| {
            SettingsError::missing(
                FEDERATED_TOKEN_FILE,
                "MDI_CREDENTIAL=workload-identity needs it; give the pod the label azure.workload.identity/use",
            )
        }),
        CredentialKind::ClientSecret => match (secret, secret_file) {
            (Some(secret), None) => Ok(SignIn::ClientSecret(secret)),
            (None, Some(file)) => secret_in(&file).map(SignIn::ClientSecret),
            (Some(_), Some(_)) => Err(SettingsError::together(
                &[CLIENT_SECRET, CLIENT_SECRET_FILE],
                "both are set",
                "take one away",
            )),
            (None, None) => Err(SettingsError::missing(
                CLIENT_SECRET,
                "MDI_CREDENTIAL=client-secret needs it, or AZURE_CLIENT_SECRET_FILE",
            )),
        },
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
