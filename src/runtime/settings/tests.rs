//! Tables of settings, good and bad, and the line that is printed for each bad one.

use azure_core::credentials::Secret;
use clap::builder::Resettable;
use clap::{Args as _, Command, FromArgMatches as _};

use super::error::flag;
use super::names::variable::{CLIENT_SECRET, HTTPS_PROXY, NO_PROXY};
use super::{CheckedSettings, LogFormat, Namespaces, Settings, SettingsError};
use crate::azure::CredentialSettings;

type Given<'a> = [(&'a str, &'a str)];

/// Checks settings given by their variables' names; the environment of the test process has no say.
fn check(given: &Given<'_>) -> Result<CheckedSettings, SettingsError> {
    let command = Settings::augment_args(Command::new("test")).mut_args(|a| a.env(Resettable::Reset));
    let flags = given.iter().filter_map(|(name, value)| Some(format!("--{}={value}", flag(name)?)));
    let matches = command.try_get_matches_from(std::iter::once("test".to_owned()).chain(flags)).unwrap();
    let mut settings = Settings::from_arg_matches(&matches).unwrap();
    let variable = |name| given.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
    settings.client_secret = variable(CLIENT_SECRET).map(Secret::new);
    settings.https_proxy = variable(HTTPS_PROXY).map(Secret::new);
    settings.no_proxy = variable(NO_PROXY);
    settings.check()
}

const TENANT: &str = "11111111-2222-3333-4444-555555555555";
const GOOD: [(&str, &str); 3] = [
    ("AZURE_TENANT_ID", TENANT),
    ("AZURE_CLIENT_ID", "99999999-2222-3333-4444-555555555555"),
    ("AZURE_FEDERATED_TOKEN_FILE", "/var/run/token"),
];
const SIMULATOR: [(&str, &str); 3] = [
    ("AZURE_AUTHORITY_HOST", "https://127.0.0.1:8443"),
    ("AZURE_RESOURCE_MANAGER_ENDPOINT", "https://[::1]:8443"),
    ("AZURE_DEVOPS_ENDPOINT", "https://localhost:8443"),
];

fn good_but(changes: &Given<'_>) -> Result<CheckedSettings, SettingsError> {
    let kept = GOOD.iter().filter(|(name, _)| !changes.iter().any(|(n, _)| n == name));
    check(&kept.chain(changes).copied().collect::<Vec<_>>())
}

#[test]
fn three_settings_are_enough_and_the_rest_has_defaults() {
    let settings = check(&GOOD).unwrap();
    assert_eq!(settings.azure.authority_host.as_str(), "https://login.microsoftonline.com/");
    assert_eq!(settings.azure.resource_manager.as_str(), "https://management.azure.com/");
    assert_eq!(settings.azure.resource_manager_audience, "https://management.azure.com");
    assert_eq!(settings.azure.devops.as_str(), "https://dev.azure.com/");
    assert_eq!(settings.azure.credential.tenant().unwrap().as_str(), TENANT);
    assert_eq!(settings.azure.proxies.to_string(), "none");
    assert_eq!(settings.azure.extra_ca, None);
    assert_eq!(settings.cluster_id, None);
    assert_eq!(settings.namespaces, Namespaces::All);
    assert!(settings.fences.is_none());
    assert_eq!(settings.concurrency, 32);
    assert_eq!(settings.listen.to_string(), "0.0.0.0:8080");
    assert_eq!(settings.log.format, LogFormat::Human);
    assert_eq!(settings.time_scale, None);
}

#[test]
fn an_empty_variable_counts_as_absent() {
    let empty = [
        "MDI_CREDENTIAL",
        "AZURE_CLIENT_SECRET",
        "AZURE_CLIENT_SECRET_FILE",
        "AZURE_CLIENT_CERTIFICATE_PATH",
        "AZURE_AUTHORITY_HOST",
        "AZURE_RESOURCE_MANAGER_ENDPOINT",
        "AZURE_RESOURCE_MANAGER_AUDIENCE",
        "MDI_FURTHER_HOSTS",
        "AZURE_DEVOPS_ENDPOINT",
        "MDI_CA_FILE",
        "MDI_CLUSTER_ID",
        "MDI_NAMESPACES",
        "MDI_FENCES_FILE",
        "MDI_CONCURRENCY",
        "MDI_LISTEN",
        "MDI_LOG",
        "MDI_LOG_FORMAT",
        "MDI_TEST_TIME_SCALE",
        "MDI_TEST_METADATA_SERVICE",
        "HTTPS_PROXY",
        "NO_PROXY",
    ];
    let settings = good_but(&empty.map(|name| (name, ""))).unwrap();
    assert_eq!(format!("{settings:?}"), format!("{:?}", check(&GOOD).unwrap()));
    assert!(good_but(&[("AZURE_TENANT_ID", "")]).unwrap_err().to_string().contains("is not set"));
    assert!(good_but(&[("AZURE_FEDERATED_TOKEN_FILE", "")]).unwrap_err().to_string().contains("none is set"));
}

#[test]
fn values_are_taken_as_they_are_meant() {
    let settings = good_but(&[
        ("MDI_NAMESPACES", "builds, agents,builds"),
        ("MDI_CLUSTER_ID", "prod_eu.1"),
        ("MDI_CONCURRENCY", "64"),
        ("MDI_LISTEN", "[::1]:0"),
        ("MDI_LOG", "warn,mdi_operator=debug"),
        ("MDI_LOG_FORMAT", "json"),
        ("AZURE_RESOURCE_MANAGER_AUDIENCE", "https://management.core.windows.net/"),
    ])
    .unwrap();
    assert_eq!(settings.namespaces, Namespaces::Only(vec!["builds".to_owned(), "agents".to_owned()]));
    assert_eq!(settings.cluster_id.as_deref(), Some("prod_eu.1"));
    assert_eq!(settings.concurrency, 64);
    assert_eq!(settings.log.format, LogFormat::Json);
    assert_eq!(settings.azure.resource_manager_audience, "https://management.core.windows.net");
}

#[test]
fn a_bad_value_is_told_with_setting_value_and_next_step() {
    let table: [(&str, &str, &str); 33] = [
        (
            "AZURE_TENANT_ID",
            "contoso",
            r#""contoso" is not the GUID of a Microsoft Entra directory; give the"#,
        ),
        ("AZURE_CLIENT_ID", "app", r#""app" is not the GUID of an application; give the"#),
        (
            "AZURE_AUTHORITY_HOST",
            "http://127.0.0.1:1",
            r#""http://127.0.0.1:1" does not begin with https://; give"#,
        ),
        (
            "AZURE_RESOURCE_MANAGER_ENDPOINT",
            "http://management.azure.com",
            "does not begin with https://; give",
        ),
        (
            "AZURE_DEVOPS_ENDPOINT",
            "dev.azure.com",
            r#""dev.azure.com" is not a URL (relative URL without a base); g"#,
        ),
        (
            "AZURE_DEVOPS_ENDPOINT",
            "https://dev.azure.com/contoso",
            "has more than scheme, host and port; give",
        ),
        ("AZURE_DEVOPS_ENDPOINT", "https://dev.azure.com?a=b", "has more than scheme, host and port; give"),
        (
            "AZURE_DEVOPS_ENDPOINT",
            "https://me:hush@dev.azure.com",
            "holds a user name or password; take it out",
        ),
        ("AZURE_RESOURCE_MANAGER_AUDIENCE", "management", "is not a URL that begins with https://; give the"),
        (
            "MDI_CREDENTIAL",
            "default",
            "is not known; use workload-identity or client-secret or client-certificate or managed-identity or azure-cli",
        ),
        ("MDI_CA_FILE", "/nowhere/ca.pem", "/nowhere/ca.pem cannot be read (No such file"),
        ("MDI_CA_FILE", "Cargo.toml", "Cargo.toml holds no certificate in PEM form; name a file"),
        ("MDI_CLUSTER_ID", "a/b", r#""a/b" is no cluster id; use 1 to 63"#),
        ("MDI_CLUSTER_ID", &"x".repeat(64), "is no cluster id; use 1 to 63"),
        ("MDI_FORMER_CLUSTER_IDS", "old,,older", r#""" is no cluster id; use 1 to 63"#),
        ("MDI_FORMER_CLUSTER_IDS", "old; older", r#""old; older" is no cluster id; use 1 to 63"#),
        ("MDI_NAMESPACES", "builds,", r#""" is not the name of a namespace; separate"#),
        ("MDI_NAMESPACES", "builds;agents", r#""builds;agents" is not the name of a namespace; separate"#),
        ("MDI_NAMESPACES", "-a", r#""-a" is not the name of a namespace; separate"#),
        ("MDI_FENCES_FILE", "/nowhere/fences.yaml", "/nowhere/fences.yaml cannot be read (No such file"),
        ("MDI_FENCES_FILE", "Cargo.toml", "Cargo.toml: "),
        ("MDI_CONCURRENCY", "0", r#""0" is not a whole number from 1 to 64; 32"#),
        ("MDI_CONCURRENCY", "65", r#""65" is not a whole number from 1 to 64; 32"#),
        ("MDI_CONCURRENCY", "many", r#""many" is not a whole number from 1 to 64; 32"#),
        ("MDI_LISTEN", ":8080", r#"":8080" is not an address with a port; give"#),
        ("MDI_LOG", "verbose", r#""verbose" is not a level; use off"#),
        ("MDI_LOG", "info,kube=loud", r#""kube=loud" is not a level; use off"#),
        ("MDI_LOG", "info,", r#""" is not a level; use off"#),
        ("MDI_LOG_FORMAT", "xml", r#""xml" is not known; use human or json"#),
        ("MDI_TEST_TIME_SCALE", "60", "AZURE_AUTHORITY_HOST is https://login.microsoftonline.com/; do not"),
        (
            "MDI_TEST_METADATA_SERVICE",
            "http://127.0.0.1:1",
            "is for tests against a simulator, but AZURE_AUTHORITY",
        ),
        (
            "MDI_TEST_METADATA_SERVICE",
            "http://10.0.0.1",
            "is not a loopback address that begins with http://; do",
        ),
        (
            "MDI_TEST_METADATA_SERVICE",
            "https://127.0.0.1",
            "is not a loopback address that begins with http://; do",
        ),
    ];
    for (setting, value, expected) in table {
        let line = good_but(&[(setting, value)]).expect_err(setting).to_string();
        assert!(line.starts_with(setting), "{line}");
        assert!(line.contains(&format!("(--{})", flag(setting).unwrap())), "{line}");
        assert!(line.contains(expected), "{line}");
        assert!(!line.contains('\n') && !line.contains("hush"), "{line}");
    }
}

#[test]
fn former_cluster_ids_are_others_than_the_present_one() {
    let ids = |former| good_but(&[("MDI_CLUSTER_ID", "new"), ("MDI_FORMER_CLUSTER_IDS", former)]);
    assert_eq!(ids("old, older").unwrap().former_cluster_ids, ["old", "older"]);
    assert!(ids("").unwrap().former_cluster_ids.is_empty());
    let line = ids("old, new").unwrap_err().to_string();
    assert!(line.contains(r#""new" is what this cluster is called now"#), "{line}");
}

#[test]
fn a_missing_name_is_told() {
    for name in ["AZURE_TENANT_ID", "AZURE_CLIENT_ID"] {
        let without: Vec<_> = GOOD.into_iter().filter(|(n, _)| *n != name).collect();
        let line = check(&without).unwrap_err().to_string();
        assert!(line.starts_with(name) && line.contains("is not set; give the"), "{line}");
    }
}

#[test]
fn exactly_one_credential_is_used_and_it_is_known_which() {
    const TOKEN: (&str, &str) = ("AZURE_FEDERATED_TOKEN_FILE", "/var/run/token");
    const NO_TOKEN: (&str, &str) = ("AZURE_FEDERATED_TOKEN_FILE", "");
    const SECRET: (&str, &str) = ("AZURE_CLIENT_SECRET", "hush");
    const FILE: (&str, &str) = ("AZURE_CLIENT_SECRET_FILE", "/nowhere/secret");
    const WORKLOAD: (&str, &str) = ("MDI_CREDENTIAL", "workload-identity");
    const CLIENT: (&str, &str) = ("MDI_CREDENTIAL", "client-secret");
    const CERTIFICATE: (&str, &str) = ("AZURE_CLIENT_CERTIFICATE_PATH", "/nowhere/certificate");
    const BY_CERTIFICATE: (&str, &str) = ("MDI_CREDENTIAL", "client-certificate");
    const MACHINE: (&str, &str) = ("MDI_CREDENTIAL", "managed-identity");
    const CLI: (&str, &str) = ("MDI_CREDENTIAL", "azure-cli");
    const NOBODY: (&str, &str) = ("AZURE_CLIENT_ID", "");
    const NOWHERE: (&str, &str) = ("AZURE_TENANT_ID", "");
    let table: [(&Given<'_>, Result<&str, &str>); 21] = [
        (&[TOKEN, SECRET, CERTIFICATE, MACHINE], Ok("managed-identity")),
        (&[NO_TOKEN, MACHINE, NOBODY, NOWHERE], Ok("managed-identity")),
        (&[MACHINE, ("AZURE_CLIENT_ID", "me")], Err("AZURE_CLIENT_ID (--azure-client-id): \"me\" is not")),
        (&[NO_TOKEN, CLI, NOBODY], Ok("azure-cli")),
        (&[NO_TOKEN, CLI, NOWHERE], Err("AZURE_TENANT_ID (--azure-tenant-id): is not set; give")),
        (
            &[NO_TOKEN, CERTIFICATE],
            Err(
                "AZURE_CLIENT_CERTIFICATE_PATH (--azure-client-certificate-path): /nowhere/certificate cannot be read",
            ),
        ),
        (
            &[NO_TOKEN, BY_CERTIFICATE],
            Err(
                "AZURE_CLIENT_CERTIFICATE_PATH (--azure-client-certificate-path): is not set; MDI_CREDENTIAL=client-c",
            ),
        ),
        (
            &[TOKEN, CERTIFICATE],
            Err("AZURE_FEDERATED_TOKEN_FILE, AZURE_CLIENT_CERTIFICATE_PATH: more than one is set; leave one"),
        ),
        (
            &[TOKEN, SECRET, CERTIFICATE],
            Err(
                "AZURE_FEDERATED_TOKEN_FILE, AZURE_CLIENT_SECRET, AZURE_CLIENT_CERTIFICATE_PATH: more than one is set",
            ),
        ),
        (&[TOKEN, SECRET, CERTIFICATE, WORKLOAD], Ok("workload-identity")),
        (&[TOKEN], Ok("workload-identity")),
        (&[NO_TOKEN, SECRET], Ok("client-secret")),
        (&[TOKEN, SECRET, WORKLOAD], Ok("workload-identity")),
        (&[TOKEN, SECRET, CLIENT], Ok("client-secret")),
        (
            &[TOKEN, SECRET],
            Err(
                "AZURE_FEDERATED_TOKEN_FILE, AZURE_CLIENT_SECRET: more than one is set; leave one, or choose",
            ),
        ),
        (
            &[TOKEN, FILE],
            Err("AZURE_FEDERATED_TOKEN_FILE, AZURE_CLIENT_SECRET: more than one is set; leave one"),
        ),
        (
            &[NO_TOKEN],
            Err(
                "AZURE_FEDERATED_TOKEN_FILE, AZURE_CLIENT_SECRET, AZURE_CLIENT_CERTIFICATE_PATH: none is set; set one",
            ),
        ),
        (
            &[NO_TOKEN, SECRET, WORKLOAD],
            Err("AZURE_FEDERATED_TOKEN_FILE (--azure-federated-token-file): is not set"),
        ),
        (&[TOKEN, CLIENT], Err("AZURE_CLIENT_SECRET: is not set; MDI_CREDENTIAL=client-secret needs it")),
        (&[NO_TOKEN, SECRET, FILE], Err("AZURE_CLIENT_SECRET, AZURE_CLIENT_SECRET_FILE: both are set")),
        (
            &[NO_TOKEN, FILE],
            Err("AZURE_CLIENT_SECRET_FILE (--azure-client-secret-file): /nowhere/secret cannot be"),
        ),
    ];
    for (given, expected) in table {
        match (good_but(given), expected) {
            (Ok(settings), Ok(kind)) => assert_eq!(settings.azure.credential.to_string(), kind, "{given:?}"),
            (Err(error), Err(line)) => assert!(error.to_string().starts_with(line), "{error}"),
            (result, _) => panic!("{given:?}: {result:?}"),
        }
    }
}

#[test]
fn a_secret_in_a_file_loses_the_line_break_that_editors_add() {
    let file = std::env::temp_dir().join(format!("mdi-operator-secret-{}", std::process::id()));
    let given = [("AZURE_FEDERATED_TOKEN_FILE", ""), ("AZURE_CLIENT_SECRET_FILE", file.to_str().unwrap())];
    std::fs::write(&file, "hush hush\n").unwrap();
    let settings = good_but(&given).unwrap();
    std::fs::write(&file, "\n").unwrap();
    let error = good_but(&given).unwrap_err().to_string();
    std::fs::remove_file(&file).unwrap();
    let CredentialSettings::ClientSecret { secret, .. } = &settings.azure.credential else {
        panic!("{settings:?}")
    };
    assert_eq!(secret.secret(), "hush hush");
    assert!(error.contains("holds no text; write the secret into it"), "{error}");
}

#[test]
fn certificates_to_trust_come_from_a_file() {
    let file = std::env::temp_dir().join(format!("mdi-operator-ca-{}", std::process::id()));
    let pem = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    std::fs::write(&file, pem).unwrap();
    let settings = good_but(&[("MDI_CA_FILE", file.to_str().unwrap())]);
    std::fs::remove_file(&file).unwrap();
    assert_eq!(settings.unwrap().azure.extra_ca.as_deref(), Some(pem));
}

#[test]
fn fences_come_from_a_file_that_is_read_at_once() {
    let sample = "deploy/samples/fences-two-teams.yaml";
    let file = good_but(&[("MDI_FENCES_FILE", sample)]).unwrap().fences.unwrap();
    assert_eq!((file.path.to_str(), file.fences.rules()), (Some(sample), 2));
    assert_eq!(file.text, std::fs::read_to_string(sample).unwrap());
}

#[test]
fn a_secret_is_never_printed() {
    let settings = good_but(&[("AZURE_FEDERATED_TOKEN_FILE", ""), ("AZURE_CLIENT_SECRET", "hush")]).unwrap();
    assert!(!format!("{settings:?}").contains("hush"));
}

#[test]
fn a_proxy_is_for_all_but_what_is_named_and_one_that_is_none_is_told_without_its_address() {
    let given = [("HTTPS_PROXY", "http://me:hush@proxy:3128"), ("NO_PROXY", "10.0.0.0/8")];
    let settings = good_but(&given).unwrap();
    assert_eq!(settings.azure.proxies.to_string(), "http://proxy:3128/ but for 10.0.0.0/8");
    assert!(!format!("{settings:?}").contains("hush"));
    let line = good_but(&[("HTTPS_PROXY", "socks5://me:hush@proxy")]).unwrap_err().to_string();
    assert_eq!(
        line,
        "HTTPS_PROXY: is not a proxy that is spoken to by http:// or https://; give one such as http://proxy.example.com:3128"
    );
}

#[test]
fn a_certificate_that_does_not_serve_is_told_at_start_unless_only_its_time_is_over() {
    let file = std::env::temp_dir().join(format!("mdi-operator-certificate-{}", std::process::id()));
    let path = file.to_str().unwrap().to_owned();
    let given = [("AZURE_FEDERATED_TOKEN_FILE", ""), ("AZURE_CLIENT_CERTIFICATE_PATH", path.as_str())];
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let pem = |year| {
        let mut of = rcgen::CertificateParams::new(Vec::new()).unwrap();
        of.not_after = rcgen::date_time_ymd(year, 1, 1);
        format!("{}{}", of.self_signed(&key).unwrap().pem(), key.serialize_pem())
    };
    for year in [2999, 2001] {
        std::fs::write(&file, pem(year)).unwrap();
        let settings = good_but(&given).unwrap();
        assert_eq!(settings.azure.credential.to_string(), "client-certificate");
    }
    std::fs::write(&file, key.serialize_pem()).unwrap();
    let line = good_but(&given).unwrap_err().to_string();
    std::fs::remove_file(&file).unwrap();
    let expected = "AZURE_CLIENT_CERTIFICATE_PATH (--azure-client-certificate-path): ";
    assert!(line.starts_with(expected) && line.contains("holds no certificate; put a"), "{line}");
}

#[test]
fn time_runs_faster_only_against_loopback_addresses() {
    let scaled = |scale| [&SIMULATOR[..], &[("MDI_TEST_TIME_SCALE", scale)]].concat();
    assert_eq!(good_but(&scaled("60")).unwrap().time_scale, Some(60.0));
    for bad in ["0", "0.5", "-1", "NaN", "inf", "fast"] {
        let line = good_but(&scaled(bad)).unwrap_err().to_string();
        assert!(line.contains("is not a number from 1 to 10000; 60 lets"), "{line}");
    }
    for real in 0..3 {
        let mut given = scaled("60");
        given[real].1 = "https://127.0.0.1.example.com";
        let line = good_but(&given).unwrap_err().to_string();
        assert!(
            line.contains(&format!("but {} is https://127.0.0.1.example.com/; do not", given[real].0)),
            "{line}"
        );
    }
}
