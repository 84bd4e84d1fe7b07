//! Azure's bad days: told with the next step, retried at the right pace, and never made worse.

use std::time::Duration;

use azure_simulator::{Effect, Fault, world::LockLevel};
use mdi_operator::api::conditions::types;
use serde_json::json;

use crate::stage::{Stage, condition, message};

#[tokio::test]
async fn a_missing_right_is_retried_during_the_grace_then_a_person_is_called_and_the_cure_needs_no_touch() {
    let stage = Stage::without_operator(|_| {}).await;
    let (subscription, client) = (stage.sample.subscription.clone(), stage.sample.client_id.clone());
    let action = "Microsoft.ManagedIdentity/userAssignedIdentities/write";
    stage.azure.state().with(|world| world.deny(&subscription, &client, action, None)).unwrap();
    stage.start_operator(&[]).await;
    stage.apply("agents", stage.spec(|spec| spec["interval"] = json!("1m"))).await;
    let object = stage.until_reason("agents", "AuthorizationFailed").await;
    assert_eq!(condition(&object, types::RECONCILING), Some(("True", "ProgressingWithRetry")));
    assert!(message(&object, types::READY).contains(action), "{}", message(&object, types::READY));
    let first = object.status.unwrap().last_error.unwrap();

    let object = stage.until_stalled("agents", "AuthorizationFailed").await;
    assert_eq!(
        object.status.unwrap().last_error.unwrap(),
        first,
        "kept word for word from its first occurrence"
    );
    let attempts = stage.identity_requests("PUT");
    assert!(attempts <= 14, "{attempts} attempts in ten minutes of grace");

    stage.azure.state().with(|world| world.allow(&subscription, &client)).unwrap();
    let object = stage.until_reason("agents", "Succeeded").await;
    assert_eq!(object.status.unwrap().last_error, None);
}

#[tokio::test]
async fn what_azure_refuses_stalls_at_once_with_its_own_reason_and_remedy() {
    let stage = Stage::set().await;
    let (subscription, group) = (stage.sample.subscription.clone(), stage.sample.group.clone());
    let cases: [(&str, &str, &str); 3] = [
        ("locked", "ScopeLocked", "remove the lock"),
        ("policed", "PolicyDenied", "policy"),
        (
            "unregistered",
            "ProviderNotRegistered",
            "az provider register --namespace Microsoft.ManagedIdentity",
        ),
    ];
    for (name, reason, remedy) in cases {
        stage
            .azure
            .state()
            .with(|world| match reason {
                "ScopeLocked" => world.lock(&subscription, &group, "freeze", LockLevel::ReadOnly),
                "PolicyDenied" => world.set_policy(&subscription, &group, Some("only-tagged")),
                _ => world.set_registration(
                    &subscription,
                    "Microsoft.ManagedIdentity",
                    azure_simulator::world::Registration::Unregistered,
                ),
            })
            .unwrap();
        stage.azure.clear_log();
        stage.apply(name, stage.spec(|_| {})).await;
        let object = stage.until_stalled(name, reason).await;
        assert!(message(&object, types::READY).contains(remedy), "{}", message(&object, types::READY));
        assert_eq!((stage.identity_requests("GET"), stage.identity_requests("PUT")), (1, 1), "{name}");
        stage
            .azure
            .state()
            .with(|world| match reason {
                "ScopeLocked" => world.unlock(&subscription, &group, "freeze"),
                "PolicyDenied" => world.set_policy(&subscription, &group, None),
                _ => world.set_registration(
                    &subscription,
                    "Microsoft.ManagedIdentity",
                    azure_simulator::world::Registration::Registered,
                ),
            })
            .unwrap();
        stage.request(name).await;
        stage.until_reason(name, "Succeeded").await;
    }
}

#[tokio::test]
async fn a_missing_resource_group_is_named() {
    let stage = Stage::set().await;
    stage.apply("agents", stage.spec(|spec| spec["identity"]["resourceGroup"] = json!("nowhere"))).await;
    let object = stage.until_reason("agents", "ResourceGroupNotFound").await;
    let told = message(&object, types::READY);
    assert!(told.contains("nowhere") && told.contains("create the resource group"), "{told}");
}

#[tokio::test]
async fn nothing_is_asked_again_before_the_time_that_azure_gave() {
    let stage = Stage::set().await;
    stage.ready("agents").await;
    stage.azure.clear_log();
    stage
        .azure
        .script(Fault::answer("GET", "userAssignedIdentities", 429, "TooManyRequests").retry_after(60));
    stage.request("agents").await;
    let throttled_at = stage.requests().iter().find(|r| r.status == 429).unwrap().time;
    stage.request("agents").await;
    stage.let_pass(Duration::from_secs(90)).await;
    let early: Vec<_> = stage
        .requests()
        .into_iter()
        .filter(|r| r.time > throttled_at && r.path.to_lowercase().contains("userassignedidentities"))
        .map(|r| r.time.duration_since(throttled_at).as_secs())
        .collect();
    assert!(!early.is_empty() && early.iter().all(|after| *after >= 58), "asked again after {early:?} s");
}

#[tokio::test]
async fn an_outage_keeps_the_last_verdict_for_an_interval_and_then_claims_nothing() {
    let stage = Stage::set().await;
    stage.apply("agents", stage.spec(|spec| spec["interval"] = json!("5m"))).await;
    stage.until_reason("agents", "Succeeded").await;
    stage.azure.script(Fault::answer("*", "userAssignedIdentities", 503, "ServiceUnavailable").forever());
    let object = stage.request("agents").await;
    assert_eq!(condition(&object, types::READY), Some(("True", "Succeeded")));
    let object = stage.until_reason("agents", "AzureUnavailable").await;
    assert_eq!(condition(&object, types::READY).unwrap().0, "Unknown");
    assert_eq!(condition(&object, types::RECONCILING), Some(("True", "ProgressingWithRetry")));
    assert_eq!(condition(&object, types::STALLED), None);
    stage.azure.state().clear_faults();
    stage.until_reason("agents", "Succeeded").await;
}

#[tokio::test]
async fn strange_answers_are_survived_and_nothing_is_concluded_from_them() {
    for effect in [
        Effect::Truncate,
        Effect::Html,
        Effect::ResetBefore,
        Effect::Huge { megabytes: 8 },
        Effect::BareError { status: 500 },
    ] {
        let stage = Stage::set().await;
        stage.ready("agents").await;
        stage.azure.script(Fault::on("GET", "userAssignedIdentities", effect.clone()));
        stage.azure.clear_log();
        stage.request("agents").await;
        stage.until_reason("agents", "Succeeded").await;
        assert_eq!(stage.writes(), [""; 0], "{effect:?}");
    }
}

#[tokio::test]
async fn a_failed_sign_in_is_told_with_its_code_and_remedy_and_asked_once_for_all_objects() {
    let stage = Stage::without_operator(|_| {}).await;
    stage.start_operator(&[("AZURE_CLIENT_SECRET", "wrong")]).await;
    for name in ["one", "two", "three"] {
        stage.apply(name, stage.spec(|_| {})).await;
    }
    for name in ["one", "two", "three"] {
        let object = stage.until_reason(name, "SignInFailed").await;
        let told = message(&object, types::READY);
        assert!(
            told.contains("AADSTS7000215")
                && told.contains("AZURE_CLIENT_SECRET")
                && !told.contains("wrong\""),
            "{told}"
        );
    }
    let sign_ins = stage.azure.log().iter().filter(|r| r.path.ends_with("/token")).count();
    assert!(sign_ins <= 4, "{sign_ins} sign-ins for three objects");
    assert_eq!(stage.identity_requests("GET"), 0);
}

#[tokio::test]
async fn no_secret_ever_stands_in_log_status_events_or_metrics() {
    let stage = Stage::without_operator(|_| {}).await;
    stage.start_operator(&[("MDI_LOG", "trace")]).await;
    stage.ready("agents").await;
    stage.azure.script(Fault::answer("GET", "userAssignedIdentities", 401, "ExpiredAuthenticationToken"));
    stage.request("agents").await;
    let object = serde_json::to_string(&stage.api().get("agents").await.unwrap()).unwrap();
    let log = stage.operator_log().await;
    assert!(log.contains("starting"));
    for secret in [stage.sample.client_secret.as_str(), "Bearer ey", "client_assertion="] {
        assert!(!log.contains(secret) && !object.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn one_throttled_pool_never_puts_off_the_next_look_at_the_identity() {
    let stage = Stage::set().await;
    let spec = stage.spec(|spec| {
        spec["interval"] = json!("1m");
        spec["pools"] = json!([{"name": "pool-linux"}]);
    });
    stage.apply("agents", spec).await;
    let before = stage.until_reason("agents", "Succeeded").await;
    let canned = azure_simulator::CannedAnswer {
        status: 429,
        code: Some("TooManyRequests".into()),
        message: Some(format!("too many requests for {}", stage.sample.pool_id("pool-linux"))),
        retry_after: Some(3600),
        ..azure_simulator::CannedAnswer::default()
    };
    stage.azure.script(Fault::on("GET", "pools/pool-linux", Effect::Answer(canned)));
    stage.ask_for_a_look("agents").await;
    stage.let_pass(Duration::from_secs(30)).await;
    let id = stage.id("agents");
    stage.azure.state().with(|world| world.delete_identity(&id)).unwrap();
    stage.until_event("agents", "Warning", "IdentityRecreated").await;
    let principal = |object: &mdi_operator::api::ManagedDevOpsIdentity| {
        object.status.clone().unwrap().identity.unwrap().principal_id
    };
    assert_ne!(principal(&stage.api().get("agents").await.unwrap()), principal(&before));
}
