//! As whom the operator signs in: each kind from end to end, and a failed sign-in told once for all who wait for it.

use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use azure_simulator::{
    Fault, Service,
    world::{Application, Secret},
};
use mdi_operator::api::{ManagedDevOpsIdentity, conditions::types};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, date_time_ymd};
use serde_json::json;

use crate::{
    proxy::Proxy,
    stage::{Stage, condition, message},
};

/// A directory that goes away with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("mdi-credentials-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn application<T>(stage: &Stage, change: impl FnOnce(&mut Application) -> T) -> T {
    let (tenant, client) = (stage.sample.tenant.as_str().into(), stage.sample.client_id.as_str().into());
    stage.azure.state().with(|world| {
        let tenant = world.tenants.get_mut(&tenant).unwrap();
        change(tenant.applications.get_mut(&client).unwrap())
    })
}

/// Who waits for a sign-in.
const WAITING: [&str; 4] = ["one", "two", "three", "four"];

/// An operator whose application has lost its secret, and the objects that wait for it; what it was.
async fn without_a_secret() -> (Stage, Vec<Secret>) {
    let stage = Stage::without_operator(|_| {}).await;
    for name in WAITING {
        stage.apply(name, stage.spec(|spec| spec["identity"]["name"] = json!(name))).await;
    }
    let secret = application(&stage, |it| std::mem::take(&mut it.secrets));
    stage.start_operator(&[]).await;
    (stage, secret)
}

fn asked(stage: &Stage, service: Service) -> usize {
    stage.azure.log().iter().filter(|request| request.service == service).count()
}

/// A certificate, and the file that a rotation would write: the key beside it.
fn certificate(until: i32) -> (String, String) {
    let key = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
    let mut certificate = CertificateParams::new(Vec::new()).unwrap();
    certificate.not_after = date_time_ymd(until, 1, 1);
    let certificate = certificate.self_signed(&key).unwrap().pem();
    let file = format!("{}{certificate}", key.serialize_pem());
    (certificate, file)
}

#[tokio::test]
async fn a_failed_sign_in_is_asked_for_at_the_pace_of_one_and_told_to_every_object_that_waits() {
    let (stage, secret) = without_a_secret().await;
    for name in WAITING {
        let object = stage.until_reason(name, "SignInFailed").await;
        let told = message(&object, types::READY);
        assert!(told.starts_with("AADSTS7000215: ") && told.contains("check AZURE_CLIENT_SECRET"), "{told}");
    }
    let begun = Instant::now();
    while asked(&stage, Service::Entra) < 5 {
        assert!(begun.elapsed() < Duration::from_secs(30), "{}", stage.operator_log().await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let log = stage.azure.log();
    assert_eq!(asked(&stage, Service::ResourceManager), 0, "without a token it is not asked");
    let times: Vec<_> = log.iter().filter(|it| it.service == Service::Entra).map(|it| it.time).collect();
    let waits: Vec<_> = times.windows(2).map(|pair| pair[1].duration_since(pair[0]).as_secs_f64()).collect();
    for (wait, least) in waits.iter().zip([5.0, 10.0, 20.0, 40.0, 80.0]) {
        assert!(*wait > least * 0.95, "asked again too early: {waits:?}");
    }

    application(&stage, |it| it.secrets = secret);
    for name in WAITING {
        stage.until_reason(name, "Succeeded").await;
    }
}

#[tokio::test]
async fn the_first_sign_in_that_works_again_wakes_all_who_waited_for_it() {
    let (stage, secret) = without_a_secret().await;
    for name in WAITING {
        stage.until_stalled(name, "SignInFailed").await;
    }
    application(&stage, |it| it.secrets = secret);
    // One asks, as somebody in a hurry does; the others need not wait for their own time.
    let works =
        |object: &ManagedDevOpsIdentity| condition(object, types::READY) == Some(("True", "Succeeded"));
    let begun = Instant::now();
    while !works(&stage.api().get("one").await.unwrap()) {
        assert!(begun.elapsed() < Duration::from_secs(30), "{}", stage.operator_log().await);
        stage.ask_for_a_look("one").await;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    for name in WAITING {
        assert!(works(&stage.api().get(name).await.unwrap()), "{name} still waits");
    }
}

#[tokio::test]
async fn a_certificate_signs_in_and_one_that_is_renewed_counts_without_a_restart() {
    let stage = Stage::without_operator(|_| {}).await;
    let scratch = Scratch::new("certificate");
    let file = scratch.file("tls-combined.pem");
    let (first, second) = (certificate(2999), certificate(2999));
    std::fs::write(&file, &first.1).unwrap();
    application(&stage, |it| (it.secrets, it.certificates) = (Vec::new(), vec![first.0]));
    let settings = [("AZURE_CLIENT_SECRET", ""), ("AZURE_CLIENT_CERTIFICATE_PATH", file.to_str().unwrap())];
    stage.start_operator(&settings).await;
    stage.ready("agents").await;
    assert!(stage.operator_log().await.contains("client-certificate"));

    // Somebody registers the next certificate and takes the first away; the file is renewed later than it should be.
    application(&stage, |it| it.certificates = vec![second.0]);
    stage.azure.script(Fault::answer("GET", "userAssignedIdentities", 401, "ExpiredAuthenticationToken"));
    let object = stage.request("agents").await;
    let told = message(&object, types::READY);
    assert!(told.starts_with("AADSTS700027: "), "{told}");
    assert!(told.contains("register the certificate in AZURE_CLIENT_CERTIFICATE_PATH"), "{told}");
    std::fs::write(&file, &second.1).unwrap();
    stage.until_reason("agents", "Succeeded").await;
    assert!(
        !stage.operator_log().await.contains(first.1.lines().nth(1).unwrap()),
        "no line of the key in the log"
    );
}

#[tokio::test]
async fn an_expired_certificate_is_told_by_its_time_and_sends_nothing() {
    let stage = Stage::without_operator(|_| {}).await;
    let scratch = Scratch::new("expired");
    let file = scratch.file("tls-combined.pem");
    std::fs::write(&file, certificate(2001).1).unwrap();
    let settings = [("AZURE_CLIENT_SECRET", ""), ("AZURE_CLIENT_CERTIFICATE_PATH", file.to_str().unwrap())];
    stage.start_operator(&settings).await;
    stage.apply("agents", stage.spec(|_| {})).await;
    let told = message(&stage.until_reason("agents", "SignInFailed").await, types::READY);
    assert!(
        told.starts_with("CertificateUnusable: ") && told.contains("to 2001-01-01T00:00:00Z only"),
        "{told}"
    );
    assert!(told.contains("put a new one into it"), "{told}");
    assert_eq!(asked(&stage, Service::Entra), 0);
}

#[tokio::test]
async fn an_identity_of_the_machine_signs_in_past_every_proxy() {
    let stage = Stage::without_operator(|_| {}).await;
    let proxy = Proxy::start(None).await;
    let (url, metadata) = (proxy.url(None), stage.azure.metadata());
    let settings = [
        ("MDI_CREDENTIAL", "managed-identity"),
        ("MDI_TEST_METADATA_SERVICE", metadata.as_str()),
        ("AZURE_TENANT_ID", ""),
        ("AZURE_CLIENT_ID", ""),
        ("AZURE_CLIENT_SECRET", ""),
        ("HTTPS_PROXY", &url),
        ("HTTP_PROXY", &url),
        ("http_proxy", &url),
        ("ALL_PROXY", &url),
    ];
    stage.start_operator(&settings).await;
    stage.ready("agents").await;
    assert_eq!((asked(&stage, Service::Metadata), asked(&stage, Service::Entra)), (1, 0));
    assert!(!proxy.has_seen(&metadata), "{:?}", proxy.asked());
    assert!(proxy.has_seen(&stage.azure.resource_manager()), "{:?}", proxy.asked());
}

#[tokio::test]
async fn an_identity_that_the_machine_does_not_have_is_told_and_the_environment_leads_nobody_astray() {
    let stage = Stage::without_operator(|_| {}).await;
    let metadata = stage.azure.metadata();
    let settings = [
        ("MDI_CREDENTIAL", "managed-identity"),
        ("MDI_TEST_METADATA_SERVICE", metadata.as_str()),
        ("AZURE_CLIENT_ID", "99999999-9999-4999-8999-999999999999"),
    ];
    stage.start_operator(&settings).await;
    stage.apply("agents", stage.spec(|_| {})).await;
    let told = message(&stage.until_reason("agents", "SignInFailed").await, types::READY);
    assert!(
        told.starts_with("invalid_request: Identity not found; assign the identity to the machine"),
        "{told}"
    );
    stage.stop_operator().await;

    let elsewhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let endpoint = format!("http://{}/msi/token", elsewhere.local_addr().unwrap());
    stage.azure.clear_log();
    let variables = [("IDENTITY_ENDPOINT", endpoint.as_str()), ("IDENTITY_HEADER", "s3cr3t")];
    stage.start_operator(&[&settings[..2], &variables[..]].concat()).await;
    let object = stage.until("agents", "a word on the variable", |it| {
        message(it, types::READY).contains("IDENTITY_ENDPOINT")
    });
    assert!(message(&object.await, types::READY).contains("take it out"));
    assert_eq!(asked(&stage, Service::Metadata), 0);
    assert!(elsewhere.accept().is_err(), "nobody was asked there");
}

/// Puts a stand-in for the Azure CLI into a directory: it gives the token in a file, to whoever asks as we do.
fn install_az(directory: &Path, tenant: &str) {
    let script = format!(
        r#"#!/bin/sh
[ "$*" = "account get-access-token -o json --scope https://management.azure.com/.default --tenant {tenant}" ] \
  || {{ echo "ERROR: unrecognized arguments: $*" >&2; exit 2; }}
cat '{0}/token.json' 2>/dev/null || {{ echo "ERROR: Please run 'az login' to setup account." >&2; exit 1; }}
"#,
        directory.display()
    );
    let az = directory.join("az");
    std::fs::write(&az, script).unwrap();
    std::fs::set_permissions(&az, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test]
async fn a_person_s_own_log_in_serves_as_soon_as_it_is_there() {
    let stage = Stage::without_operator(|_| {}).await;
    let scratch = Scratch::new("az");
    install_az(&scratch.0, &stage.sample.tenant);
    let path = format!("{}:{}", scratch.0.display(), std::env::var("PATH").unwrap());
    let settings = [
        ("MDI_CREDENTIAL", "azure-cli"),
        ("AZURE_CLIENT_ID", ""),
        ("AZURE_CLIENT_SECRET", ""),
        ("PATH", path.as_str()),
    ];
    stage.start_operator(&settings).await;
    stage.apply("agents", stage.spec(|_| {})).await;
    let told = message(&stage.until_reason("agents", "SignInFailed").await, types::READY);
    assert!(told.starts_with("AzureCliFailed: Please run 'az login' to setup account; "), "{told}");
    assert!(told.contains(&format!("run `az login --tenant {}`", stage.sample.tenant)), "{told}");
    assert_eq!(asked(&stage, Service::Entra), 0);

    let in_an_hour = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 3600;
    let token = json!({"accessToken": token(&stage).await, "expires_on": in_an_hour, "tokenType": "Bearer"});
    let (written, whole) = (scratch.file("token.part"), scratch.file("token.json"));
    std::fs::write(&written, token.to_string()).unwrap();
    std::fs::rename(written, whole).unwrap();
    stage.until_reason("agents", "Succeeded").await;
}

/// A token as the person behind the CLI would get one.
async fn token(stage: &Stage) -> String {
    let secret: Secret = application(stage, |it| it.secrets[0].clone());
    let body = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}&scope=https://management.azure.com/.default",
        stage.sample.client_id, secret.value
    );
    let authority = reqwest::Certificate::from_pem(stage.azure.ca_pem().as_bytes()).unwrap();
    let client = reqwest::Client::builder().tls_certs_only([authority]).no_proxy().build().unwrap();
    let url = format!("{}/{}/oauth2/v2.0/token", stage.azure.authority(), stage.sample.tenant);
    let answer = client.post(url).body(body).send().await.unwrap();
    let answer: serde_json::Value = answer.json().await.unwrap();
    answer["access_token"].as_str().unwrap().to_owned()
}
