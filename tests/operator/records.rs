//! What only an answer of Azure teaches: it is stored before the next request leaves, whatever goes wrong meanwhile, and no
//! verdict is told of a spec that it was not made on.

use std::time::Duration;

use kube::api::{Patch, PatchParams};
use mdi_operator::api::{
    ManagedDevOpsIdentity,
    conditions::types,
    v1alpha1::{Origin, PoolOrigin, PoolState},
};
use serde_json::json;

use crate::stage::{Stage, condition, control_plane};

fn origin(object: &ManagedDevOpsIdentity) -> Option<Origin> {
    object.status.as_ref()?.identity.as_ref()?.origin
}

#[tokio::test]
async fn a_creation_is_recorded_with_its_ids_before_the_next_request_leaves_so_a_crash_does_not_disarm_delete()
 {
    let stage = Stage::without_operator(|_| {}).await;
    stage.start_operator(&[]).await;
    let pool = stage.azure.hold_before("GET", "pools/pool-linux");
    let spec = stage.spec(|spec| {
        spec["deletionPolicy"] = json!("Delete");
        spec["pools"] = json!([{"name": "pool-linux"}]);
    });
    stage.apply("agents", spec).await;
    pool.reached().await;
    let object = stage.api().get("agents").await.unwrap();
    assert_eq!(origin(&object), Some(Origin::Created));
    let ids = object.status.unwrap().identity.unwrap();
    assert!(ids.client_id.is_some() && ids.principal_id.is_some() && ids.tenant_id.is_some(), "{ids:?}");
    stage.kill_operator().await;
    pool.open();
    stage.start_operator(&[]).await;
    let object = stage.until_reason("agents", "Succeeded").await;
    assert_eq!(origin(&object), Some(Origin::Created));
    stage.delete("agents").await;
    assert!(!stage.exists("agents"));
}

#[tokio::test]
async fn what_could_not_be_stored_is_kept_and_stored_before_anything_else_is_done_for_the_object() {
    let stage = Stage::without_operator(|_| {}).await;
    let proxy = stage.start_operator_behind_a_proxy(&[]).await;
    let creation = stage.azure.hold_after("PUT", "userAssignedIdentities");
    let spec = stage.spec(|spec| spec["deletionPolicy"] = json!("Delete"));
    stage.apply("agents", spec).await;
    creation.reached().await;
    let refused = proxy.answer("PATCH", "*/status", 500, "InternalError");
    creation.open();
    refused.reached().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    stage.azure.clear_log();
    refused.open();
    let object = stage.until_reason("agents", "Succeeded").await;
    assert_eq!(origin(&object), Some(Origin::Created));
    assert_eq!(stage.identity_requests("PUT"), 0);
    stage.delete("agents").await;
    assert!(!stage.exists("agents"), "the record of the creation was lost");
}

#[tokio::test]
async fn a_change_of_a_pool_that_could_not_be_stored_is_followed_all_the_same_and_stays_this_object_s() {
    let stage = Stage::without_operator(|_| {}).await;
    let proxy = stage.start_operator_behind_a_proxy(&[]).await;
    stage.ready_to_delete("agents", &[]).await;
    let change = stage.azure.hold_after("PATCH", "pools/pool-linux");
    stage.patch_spec("agents", json!({"pools": [{"name": "pool-linux"}]})).await;
    change.reached().await;
    let refused = proxy.answer("PATCH", "*/status", 500, "InternalError");
    change.open();
    refused.reached().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    refused.open();
    let object = stage
        .until("agents", "registered", |object| {
            let lines = object.status.as_ref().map(|status| status.pools.clone()).unwrap_or_default();
            lines.iter().any(|line| line.state == PoolState::Registered)
                && condition(object, types::READY) == Some(("True", "Succeeded"))
        })
        .await;
    assert_eq!(object.status.unwrap().pools[0].origin, Some(PoolOrigin::Added));
    stage.delete("agents").await;
    assert!(!stage.exists("agents"), "its own entry blocked the deletion");
}

#[tokio::test]
async fn a_record_goes_onto_the_newer_version_of_the_object_and_no_verdict_goes_with_it() {
    let stage = Stage::set().await;
    let creation = stage.azure.hold_after("PUT", "userAssignedIdentities");
    stage.apply("agents", stage.spec(|_| {})).await;
    creation.reached().await;
    stage.patch_spec("agents", json!({"deletionPolicy": "Delete"})).await;
    creation.open();
    let object = stage.until_reason("agents", "Succeeded").await;
    assert_eq!(origin(&object), Some(Origin::Created));
}

#[tokio::test]
async fn a_verdict_never_names_a_generation_that_it_was_not_made_on() {
    let stage = Stage::without_operator(|_| {}).await;
    let proxy = stage.start_operator_behind_a_proxy(&[]).await;
    stage.ready("agents").await;
    stage.azure.state().with(|world| world.remove_tags(&stage.id("agents"))).unwrap();
    // The pass is about to tell that all is well, when another tag is asked for.
    let told = proxy.hold_before("PATCH", "*/status");
    stage.ask_for_a_look("agents").await;
    told.reached().await;
    let wish = stage.spec(|spec| spec["identity"]["tags"] = json!({"team": "build"}));
    let newer = stage.apply("agents", wish).await.metadata.generation;
    told.open();
    stage
        .until("agents", "Ready of the new generation", |object| {
            let observed = object.status.as_ref().and_then(|status| status.observed_generation);
            let is_told = observed == newer && condition(object, types::READY) == Some(("True", "Succeeded"));
            assert!(!is_told || stage.tag("agents", "team").as_deref() == Some("build"), "told too early");
            is_told
        })
        .await;
}

#[tokio::test]
async fn a_status_that_comes_too_late_never_goes_onto_another_object_of_the_name() {
    let stage = Stage::without_operator(|_| {}).await;
    let proxy = stage.start_operator_behind_a_proxy(&[]).await;
    stage.apply("agents", stage.spec(|spec| spec["organization"] = json!("fabrikam"))).await;
    stage.until_stalled("agents", "DirectoryMismatch").await;
    stage
        .azure
        .state()
        .with(|world| world.connect_organization("fabrikam", &stage.sample.other_tenant))
        .unwrap();
    let told = proxy.hold_before("PATCH", "*/agents/status");
    stage.patch_spec("agents", json!({"interval": "5m"})).await;
    told.reached().await;
    stage.begin_deletion("agents").await;
    stage.until_gone("agents").await;
    stage.apply("agents", stage.spec(|spec| spec["suspend"] = json!(true))).await;
    told.open();
    let object = stage.until_reason("agents", "Suspended").await;
    assert_eq!(condition(&object, types::DIRECTORY_MATCHED), Some(("Unknown", "Suspended")));
    assert_eq!(object.status.unwrap().organization, None);
}

#[tokio::test]
async fn an_object_that_nobody_has_looked_at_says_so_and_no_wait_passes_it() {
    let stage = Stage::without_operator(|_| {}).await;
    stage.apply("agents", stage.spec(|_| {})).await;
    let object = stage.api().get("agents").await.unwrap();
    let observed = object.status.as_ref().and_then(|status| status.observed_generation);
    assert_eq!(observed, Some(-1));
    assert_ne!(observed, object.metadata.generation);
    let namespace = stage.namespace.as_str();
    let wait = ["wait", "mdi/agents", "-n", namespace, "--for=condition=Ready", "--timeout=1s"];
    assert!(control_plane().await.kubectl(wait).await.is_err());
    stage.start_operator(&[]).await;
    stage.until_reason("agents", "Succeeded").await;
}

#[tokio::test]
async fn a_status_that_somebody_else_wrote_is_put_right_at_once_and_our_own_wakes_nobody() {
    let stage = Stage::set().await;
    stage.apply("agents", stage.spec(|spec| spec["organization"] = json!("fabrikam"))).await;
    let object = stage.until_stalled("agents", "DirectoryMismatch").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    stage.azure.clear_log();
    // As from a restore of another day.
    let mut status = serde_json::to_value(object.status.unwrap()).unwrap();
    let ready = json!({
        "type": "Ready", "status": "True", "reason": "Succeeded", "message": "all is well",
        "lastTransitionTime": "2026-01-01T00:00:00Z", "observedGeneration": object.metadata.generation,
    });
    status["conditions"] = json!([ready]);
    let patch = json!({ "status": status });
    stage.api().patch_status("agents", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    stage.until_stalled("agents", "DirectoryMismatch").await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(stage.identity_requests("GET"), 1, "one pass, and its own status wakes nobody");
}
