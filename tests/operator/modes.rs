//! Observe, Report and suspend.

use std::time::Duration;

use mdi_operator::api::conditions::types;
use serde_json::json;

use crate::stage::{Stage, condition, message};

#[tokio::test]
async fn observe_lists_what_it_would_do_and_writes_nothing() {
    let stage = Stage::set().await;
    stage.apply("agents", stage.spec(|spec| spec["mode"] = json!("Observe"))).await;
    let object = stage.until_stalled("agents", "ChangesPending").await;
    assert_eq!(object.metadata.finalizers, None);
    let pending = object.status.unwrap().pending_changes;
    assert_eq!(
        (pending[0].field.as_str(), pending[0].wanted.as_deref()),
        ("identity", Some(stage.id("agents").as_str()))
    );

    let (id, location) = (stage.id("agents"), stage.sample.location.clone());
    stage.azure.state().with(|world| world.create_identity(&id, &location, [].into())).unwrap();
    stage.request("agents").await;
    let object = stage.until_reason("agents", "Succeeded").await;
    let identity = object.status.unwrap().identity.unwrap();
    assert!(identity.client_id.is_some());
    assert_eq!(identity.origin, None);
    assert_eq!(stage.writes(), [""; 0]);
}

#[tokio::test]
async fn report_tells_drift_and_does_not_correct_it_but_carries_out_a_wish() {
    let stage = Stage::set().await;
    let spec = |tags| {
        stage.spec(|spec| {
            spec["driftPolicy"] = json!("Report");
            spec["identity"]["tags"] = tags;
        })
    };
    stage.apply("agents", spec(json!({"team": "build"}))).await;
    stage.until_reason("agents", "Succeeded").await;
    let id = stage.id("agents");
    stage.azure.state().with(|world| world.set_tag(&id, "team", "other")).unwrap();
    stage.azure.clear_log();
    stage.request("agents").await;
    let object = stage.until_stalled("agents", "DriftDetected").await;
    assert_eq!(condition(&object, types::IDENTITY_READY), Some(("False", "DriftDetected")));
    let pending = object.status.unwrap().pending_changes;
    assert_eq!(
        (pending[0].field.as_str(), pending[0].observed.as_deref(), pending[0].wanted.as_deref()),
        ("tags.team", Some("other"), Some("build"))
    );
    assert_eq!(stage.writes(), [""; 0]);

    stage.apply("agents", spec(json!({"team": "build", "stage": "prod"}))).await;
    stage
        .until("agents", "the wish", |object| {
            object
                .status
                .as_ref()
                .and_then(|s| s.applied.as_ref())
                .is_some_and(|applied| applied.tags.contains_key("stage"))
        })
        .await;
    assert_eq!(stage.tag("agents", "stage").as_deref(), Some("prod"));
    assert_eq!(stage.tag("agents", "team").as_deref(), Some("other"));
}

#[tokio::test]
async fn report_tells_that_an_identity_is_gone_and_does_not_create_it_anew() {
    let stage = Stage::set().await;
    stage.apply("agents", stage.spec(|spec| spec["driftPolicy"] = json!("Report"))).await;
    stage.until_reason("agents", "Succeeded").await;
    stage.let_pass(Duration::from_secs(70)).await;
    let id = stage.id("agents");
    stage.azure.state().with(|world| world.delete_identity(&id)).unwrap();
    stage.azure.clear_log();
    stage.request("agents").await;
    let object = stage.until_stalled("agents", "IdentityNotFound").await;
    assert!(message(&object, types::READY).contains("driftPolicy: Correct"));
    assert_eq!(stage.writes(), [""; 0]);
}

#[tokio::test]
async fn a_suspended_object_causes_no_request_and_says_so() {
    let stage = Stage::set().await;
    stage.apply("agents", stage.spec(|spec| spec["suspend"] = json!(true))).await;
    let object = stage.until_reason("agents", "Suspended").await;
    assert_eq!(condition(&object, types::READY), Some(("False", "Suspended")));
    assert_eq!(stage.azure.log().len(), 0);
    stage.apply("agents", stage.spec(|_| {})).await;
    stage.until_reason("agents", "Succeeded").await;
}

#[tokio::test]
async fn suspending_leaves_the_status_as_it_is() {
    let stage = Stage::set().await;
    let before = stage.ready("agents").await;
    stage.apply("agents", stage.spec(|spec| spec["suspend"] = json!(true))).await;
    stage.until_event("agents", "Normal", "Suspended").await;
    assert_eq!(stage.api().get("agents").await.unwrap().status, before.status);
}
