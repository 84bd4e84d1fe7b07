use super::*;
use crate::runtime::{metrics::Metrics, proxies::Proxies};

const GUID: &str = "11111111-2222-3333-4444-555555555555";

/// Nothing listens on port 1.
fn application() -> Application {
    Application {
        authority: "https://127.0.0.1:1".parse().unwrap(),
        tenant: TenantId::parse(GUID).unwrap(),
        client: ClientId::parse(GUID).unwrap(),
    }
}

fn with_token_file(token_file: &str) -> CredentialSettings {
    CredentialSettings::WorkloadIdentity { application: application(), token_file: token_file.into() }
}

fn with_certificate(file: &str) -> CredentialSettings {
    CredentialSettings::ClientCertificate { application: application(), certificate_file: file.into() }
}

fn with_secret() -> CredentialSettings {
    CredentialSettings::ClientSecret { application: application(), secret: Secret::new("s3cr3t") }
}

fn managed_identity() -> CredentialSettings {
    CredentialSettings::ManagedIdentity {
        client: None,
        metadata_service: "http://127.0.0.1:1".parse().unwrap(),
    }
}

fn credential(settings: CredentialSettings) -> Credential {
    let transport = Transport::new(None, &Proxies::default(), Metrics::new().unwrap()).unwrap();
    Credential::new(settings, "https://management.azure.com/", &transport).unwrap()
}

#[tokio::test]
async fn a_missing_file_is_a_failed_sign_in_that_names_it() {
    for (settings, code) in [
        (with_token_file("/nowhere/credential"), "CredentialUnusable"),
        (with_certificate("/nowhere/credential"), "CertificateUnusable"),
    ] {
        let failure = credential(settings).sign_in().await.unwrap_err();
        assert!(matches!(failure.cause, Cause::SignInFailed(_)), "{failure:?}");
        assert_eq!(failure.code, code);
        assert!(failure.message.contains("/nowhere/credential"), "{}", failure.message);
    }
}

#[tokio::test]
async fn a_token_endpoint_out_of_reach_is_unavailable() {
    let failure = credential(with_secret()).sign_in().await.unwrap_err();
    assert_eq!(failure.cause, Cause::Unavailable, "{failure:?}");
    assert_eq!(failure.target, format!("https://127.0.0.1:1/{GUID}"));
}

#[tokio::test]
async fn a_metadata_service_out_of_reach_is_a_failed_sign_in_with_its_own_remedy_and_asked_once() {
    let begun = std::time::Instant::now();
    let failure = credential(managed_identity()).sign_in().await.unwrap_err();
    assert_eq!(failure.code, "MetadataServiceSilent");
    assert!(failure.told().contains("only on machines of Azure"), "{}", failure.told());
    assert!(begun.elapsed().as_secs() < 1, "the crate's own retries take more than a second");
}

#[test]
fn each_kind_says_which_it_is_and_as_whom_it_signs_in() {
    let cli = CredentialSettings::AzureCli { tenant: TenantId::parse(GUID).unwrap() };
    let rows = [
        (with_token_file(""), "workload-identity", true, true),
        (with_secret(), "client-secret", true, true),
        (with_certificate(""), "client-certificate", true, true),
        (managed_identity(), "managed-identity", false, false),
        (cli, "azure-cli", true, false),
    ];
    for (settings, kind, tenant, client) in rows {
        assert_eq!(settings.to_string(), kind);
        assert_eq!((settings.tenant().is_some(), settings.client().is_some()), (tenant, client), "{kind}");
    }
}

#[test]
fn shows_no_secret() {
    let credential = credential(with_secret());
    for shown in [
        format!("{:?}", with_secret()),
        format!("{credential:?}"),
        format!("{:?}", credential.made().unwrap()),
    ] {
        assert!(!shown.contains("s3cr3t"), "{shown}");
    }
}
