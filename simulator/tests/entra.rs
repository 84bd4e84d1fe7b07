//! The token endpoint, as a client meets it.

mod support;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding};
use aws_lc_rs::{digest, rsa};
use azure_simulator::{CannedAnswer, Effect, Fault};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};
use support::{Bench, SUBSCRIPTIONS, Seen, seen};

fn assertion(header: Value, payload: Value) -> String {
    let piece = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.c2ln", piece(header), piece(payload))
}

fn payload(bench: &Bench) -> Value {
    let now = bench.simulator.clock().now().as_second();
    json!({
        "iss": "https://kubernetes.default.svc.cluster.local",
        "sub": "system:serviceaccount:mdi-operator-system:mdi-operator",
        "aud": ["api://AzureADTokenExchange"],
        "iat": now, "nbf": now, "exp": now + 3600,
    })
}

async fn with_assertion(bench: &Bench, header: Value, payload: Value) -> Seen {
    let mut form: Vec<_> = bench.form().into_iter().filter(|(key, _)| *key != "client_secret").collect();
    form.push(("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer".into()));
    form.push(("client_assertion", assertion(header, payload)));
    bench.ask_token(&bench.sample.tenant, &form).await
}

#[track_caller]
fn refused(answer: &Seen, status: u16, error: &str, number: u32) {
    assert_eq!(answer.status, status, "{}", answer.body);
    assert_eq!(answer.body["error"], error);
    assert_eq!(answer.body["error_codes"], json!([number]));
    let description = answer.body["error_description"].as_str().unwrap();
    assert!(description.starts_with(&format!("AADSTS{number}: ")), "{description}");
    for member in ["timestamp", "trace_id", "correlation_id"] {
        assert!(answer.body[member].is_string(), "{member}");
    }
}

#[tokio::test]
async fn a_secret_buys_a_token_for_an_hour() {
    let bench = Bench::new().await;
    let answer = bench.ask_token(&bench.sample.tenant, &bench.form()).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body["token_type"], "Bearer");
    assert_eq!(answer.body["expires_in"], 3599);
    assert_eq!(answer.body["ext_expires_in"], 3599);
    let token = answer.body["access_token"].as_str().unwrap();
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["aud"], "https://management.azure.com");
    assert_eq!(claims["tid"], bench.sample.tenant.as_str());
    assert_eq!(claims["appid"], bench.sample.client_id.as_str());
    assert_eq!(claims["oid"], bench.sample.object_id.as_str());
}

#[tokio::test]
async fn an_unknown_tenant_is_refused_in_metadata_and_in_the_token_call() {
    let bench = Bench::new().await;
    let answer = bench.ask_token("99999999-9999-4999-8999-999999999999", &bench.form()).await;
    refused(&answer, 400, "invalid_request", 90002);
    for (tenant, status) in
        [("99999999-9999-4999-8999-999999999999", 400), (bench.sample.tenant.as_str(), 200)]
    {
        let url = format!("{}/{tenant}/v2.0/.well-known/openid-configuration", bench.simulator.authority());
        let answer = seen(bench.client.get(url).send().await.unwrap()).await;
        assert_eq!(answer.status, status);
        if status == 200 {
            let endpoint = answer.body["token_endpoint"].as_str().unwrap();
            assert_eq!(endpoint, format!("{}/{tenant}/oauth2/v2.0/token", bench.simulator.authority()));
        }
    }
}

#[tokio::test]
async fn instance_discovery_answers_with_its_own_host() {
    let bench = Bench::new().await;
    let url = format!("{}/common/discovery/instance?api-version=1.1", bench.simulator.authority());
    let answer = seen(bench.client.get(url).send().await.unwrap()).await;
    let endpoint = answer.body["tenant_discovery_endpoint"].as_str().unwrap();
    assert!(endpoint.starts_with(&bench.simulator.authority()), "{endpoint}");
}

#[tokio::test]
async fn an_application_of_another_tenant_is_refused() {
    let bench = Bench::new().await;
    let answer = bench.ask_token(&bench.sample.other_tenant, &bench.form()).await;
    refused(&answer, 400, "unauthorized_client", 700_016);
}

#[tokio::test]
async fn a_wrong_and_an_expired_secret_are_told_apart() {
    let bench = Bench::new().await;
    let mut form = bench.form();
    form[2].1 = "wrong".into();
    refused(&bench.ask_token(&bench.sample.tenant, &form).await, 401, "invalid_client", 7_000_215);
    let now = bench.simulator.clock().now();
    bench.simulator.state().with(|world| {
        for tenant in world.tenants.values_mut() {
            for application in tenant.applications.values_mut() {
                application.secrets[0].expires_at = Some(now);
            }
        }
    });
    refused(&bench.ask_token(&bench.sample.tenant, &bench.form()).await, 401, "invalid_client", 7_000_222);
}

#[tokio::test]
async fn a_federated_token_with_issuer_subject_and_audience_is_taken() {
    let bench = Bench::new().await;
    let answer = with_assertion(&bench, json!({"alg": "RS256"}), payload(&bench)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

#[tokio::test]
async fn a_federated_token_is_compared_with_regard_to_case() {
    let bench = Bench::new().await;
    for (member, value) in [
        ("iss", json!("https://Kubernetes.default.svc.cluster.local")),
        ("sub", json!("system:serviceaccount:MDI-operator-system:mdi-operator")),
        ("aud", json!("api://azureadtokenexchange")),
    ] {
        let mut other = payload(&bench);
        other[member] = value;
        let answer = with_assertion(&bench, json!({"alg": "RS256"}), other).await;
        refused(&answer, 400, "invalid_request", 70021);
    }
}

#[tokio::test]
async fn a_federated_token_is_good_only_in_its_time_on_the_simulated_clock() {
    let bench = Bench::new().await;
    let token = payload(&bench);
    bench.simulator.clock().advance(3601.0);
    refused(&with_assertion(&bench, json!({"alg": "RS256"}), token).await, 401, "invalid_client", 700_024);
    let mut early = payload(&bench);
    early["nbf"] = json!(bench.simulator.clock().now().as_second() + 1000);
    refused(&with_assertion(&bench, json!({"alg": "RS256"}), early).await, 401, "invalid_client", 700_024);
}

#[tokio::test]
async fn only_rs256_is_taken() {
    let bench = Bench::new().await;
    refused(
        &with_assertion(&bench, json!({"alg": "none"}), payload(&bench)).await,
        401,
        "invalid_client",
        50027,
    );
}

#[tokio::test]
async fn missing_parameters_and_odd_scopes_are_refused() {
    let bench = Bench::new().await;
    let without = |name: &str| bench.form().into_iter().filter(|(key, _)| *key != name).collect::<Vec<_>>();
    let tenant = &bench.sample.tenant;
    refused(&bench.ask_token(tenant, &without("grant_type")).await, 400, "invalid_request", 900_144);
    refused(&bench.ask_token(tenant, &without("client_secret")).await, 401, "invalid_client", 7_000_218);
    let mut form = bench.form();
    form[3].1 = "https://management.azure.com".into();
    refused(&bench.ask_token(tenant, &form).await, 400, "invalid_scope", 1_002_012);
    form[3].1 = "https://graph.example/.default".into();
    refused(&bench.ask_token(tenant, &form).await, 400, "invalid_resource", 500_011);
    form[0].1 = "password".into();
    refused(&bench.ask_token(tenant, &form).await, 400, "unsupported_grant_type", 70003);
}

#[tokio::test]
async fn the_token_endpoint_can_be_told_to_throttle_and_to_be_slow() {
    let bench = Bench::new().await;
    bench.simulator.state().set(|settings| settings.token_endpoint.too_many_requests = Some(7));
    let answer = bench.ask_token(&bench.sample.tenant, &bench.form()).await;
    assert_eq!((answer.status, answer.header("retry-after")), (429, "7"));
    bench.simulator.state().set(|settings| {
        settings.token_endpoint.too_many_requests = None;
        settings.token_endpoint.delay_milliseconds = 300;
    });
    let start = std::time::Instant::now();
    bench.token().await;
    assert!(start.elapsed().as_millis() >= 300);
}

#[tokio::test]
async fn no_secret_assertion_or_token_reaches_the_log() {
    let bench = Bench::new().await;
    let token = bench.token().await;
    with_assertion(&bench, json!({"alg": "RS256"}), payload(&bench)).await;
    let path = format!("/subscriptions/{}", bench.sample.subscription);
    let request = bench.arm(Method::GET, &path, SUBSCRIPTIONS).bearer_auth(&token);
    assert_eq!(seen(request.send().await.unwrap()).await.status, 200);
    // Where nobody expects one: in an address, and in a raw answer of the script.
    seen(bench.arm(Method::GET, &format!("{path}?token={token}"), SUBSCRIPTIONS).send().await.unwrap()).await;
    let canned = CannedAnswer {
        status: 200,
        body: Some(json!({"access_token": "raw-t0ken"}).to_string()),
        ..CannedAnswer::default()
    };
    bench.simulator.script(Fault::on("POST", "/token", Effect::Answer(canned)));
    assert_eq!(bench.token().await, "raw-t0ken");
    let log = serde_json::to_string(&bench.simulator.log()).unwrap();
    assert_eq!(bench.simulator.log().len(), 5);
    for clear in [bench.sample.client_secret.as_str(), token.as_str(), "eyJ", "raw-t0ken"] {
        assert!(!log.contains(clear), "{log}");
    }
    assert!(log.contains("sha256:"));
}

/// An application's own certificate, and assertions that it signs.
struct Signer {
    key: rsa::KeyPair,
    certificate: String,
}

impl Signer {
    fn new() -> Self {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
        let certificate = rcgen::CertificateParams::new(Vec::new()).unwrap().self_signed(&key).unwrap();
        Self { key: rsa::KeyPair::from_pkcs8(&key.serialize_der()).unwrap(), certificate: certificate.pem() }
    }

    fn thumbprint(&self, hash: &'static digest::Algorithm) -> String {
        let body: String = self.certificate.lines().filter(|line| !line.starts_with('-')).collect();
        let der = base64::engine::general_purpose::STANDARD.decode(body).unwrap();
        URL_SAFE_NO_PAD.encode(digest::digest(hash, &der))
    }

    fn sign(&self, how: &'static dyn RsaEncoding, header: &Value, payload: &Value) -> String {
        let text = [header, payload].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key.sign(how, &SystemRandom::new(), text.as_bytes(), &mut signature).unwrap();
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn header(&self) -> Value {
        json!({"alg": "PS256", "typ": "JWT", "x5t#S256": self.thumbprint(&digest::SHA256)})
    }

    fn payload(bench: &Bench) -> Value {
        let now = bench.simulator.clock().now().as_second();
        let (client, tenant) = (&bench.sample.client_id, &bench.sample.tenant);
        let audience = format!("{}/{tenant}/oauth2/v2.0/token", bench.simulator.authority());
        json!({"iss": client, "sub": client, "aud": audience, "jti": "1", "nbf": now, "exp": now + 300})
    }
}

async fn with_signed(bench: &Bench, assertion: String) -> Seen {
    let mut form: Vec<_> = bench.form().into_iter().filter(|(key, _)| *key != "client_secret").collect();
    form.push(("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer".into()));
    form.push(("client_assertion", assertion));
    bench.ask_token(&bench.sample.tenant, &form).await
}

#[tokio::test]
async fn a_registered_certificate_buys_a_token_and_each_flaw_of_its_assertion_is_refused() {
    let bench = Bench::new().await;
    let (signer, stranger) = (Signer::new(), Signer::new());
    bench.simulator.state().with(|world| {
        let tenant = world.tenants.get_mut(&bench.sample.tenant.as_str().into()).unwrap();
        let application = tenant.applications.get_mut(&bench.sample.client_id.as_str().into()).unwrap();
        application.certificates.push(signer.certificate.clone());
    });
    let (header, payload) = (signer.header(), Signer::payload(&bench));
    let older = json!({"alg": "RS256", "x5t": signer.thumbprint(&digest::SHA1_FOR_LEGACY_USE_ONLY)});
    for assertion in
        [signer.sign(&RSA_PSS_SHA256, &header, &payload), signer.sign(&RSA_PKCS1_SHA256, &older, &payload)]
    {
        assert_eq!(with_signed(&bench, assertion).await.status, 200);
    }

    let but = |name: &str, value: Value| {
        let mut changed = payload.clone();
        changed[name] = value;
        signer.sign(&RSA_PSS_SHA256, &header, &changed)
    };
    let now = bench.simulator.clock().now().as_second();
    let no_algorithm = json!({"alg": "none", "x5t#S256": signer.thumbprint(&digest::SHA256)});
    for (assertion, number) in [
        (stranger.sign(&RSA_PSS_SHA256, &stranger.header(), &payload), 700_027),
        (stranger.sign(&RSA_PSS_SHA256, &header, &payload), 700_027),
        (signer.sign(&RSA_PKCS1_SHA256, &header, &payload), 700_027),
        (signer.sign(&RSA_PSS_SHA256, &no_algorithm, &payload), 50027),
        (but("iss", json!("somebody")), 700_021),
        (but("sub", json!("somebody")), 700_021),
        (but("aud", json!(bench.simulator.authority())), 700_023),
        (but("jti", json!(null)), 50027),
        (but("exp", json!(now)), 700_024),
    ] {
        refused(&with_signed(&bench, assertion).await, 401, "invalid_client", number);
    }
}
