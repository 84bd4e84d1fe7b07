//! What a deletion leaves behind: everything, released; and it never hangs.

use azure_simulator::{Fault, Hand};
use mdi_operator::api::{conditions::types, v1alpha1::Origin};
use serde_json::json;

use crate::stage::{Stage, condition};

#[tokio::test]
async fn retain_releases_the_mark_and_leaves_the_identity_whole() {
    let stage = Stage::set().await;
    stage.ready("agents").await;
    stage.azure.clear_log();
    stage.delete("agents").await;
    assert_eq!(stage.tag("agents", "mdi-operator-released").as_deref(), Some("true"));
    assert_eq!(stage.tag("agents", "mdi-operator-object"), Some(format!("{}/agents", stage.namespace)));
    assert_eq!(
        (stage.identity_requests("GET"), stage.identity_requests("PATCH"), stage.identity_requests("DELETE")),
        (1, 1, 0)
    );
    stage.until_event("agents", "Normal", "IdentityReleased").await;
}

#[tokio::test]
async fn an_object_goes_also_when_azure_does_not_answer_and_an_event_says_what_was_left() {
    let stage = Stage::set().await;
    stage.ready("agents").await;
    stage.azure.script(Fault::answer("*", "userAssignedIdentities", 503, "ServiceUnavailable").forever());
    stage.delete("agents").await;
    stage.until_event("agents", "Warning", "IdentityLeftBehind").await;
    stage.azure.state().clear_faults();
    assert_eq!(stage.tag("agents", "mdi-operator-released"), None);
}

#[tokio::test]
async fn a_suspended_object_can_be_deleted_and_releases_its_mark() {
    let stage = Stage::set().await;
    stage.ready("agents").await;
    stage.apply("agents", stage.spec(|spec| spec["suspend"] = json!(true))).await;
    stage.until_event("agents", "Normal", "Suspended").await;
    stage.delete("agents").await;
    assert_eq!(stage.tag("agents", "mdi-operator-released").as_deref(), Some("true"));
}

#[tokio::test]
async fn an_object_made_again_by_a_pipeline_finds_its_own_identity_and_holds_it_as_adopted() {
    let stage = Stage::set().await;
    let before = stage.ready("agents").await.status.unwrap().identity.unwrap();
    stage.delete("agents").await;
    let after = stage.ready("agents").await.status.unwrap().identity.unwrap();
    assert_eq!(after.principal_id, before.principal_id);
    assert_eq!(after.origin, Some(Origin::Adopted));
    assert_eq!(stage.tag("agents", "mdi-operator-released"), None);
    assert_eq!(stage.identity_requests("PUT"), 1);
}

#[tokio::test]
async fn a_renamed_object_of_the_namespace_takes_what_was_released_without_adopt() {
    let stage = Stage::set().await;
    stage.apply("old-name", stage.spec(|spec| spec["identity"]["name"] = json!("shared"))).await;
    stage.until_reason("old-name", "Succeeded").await;
    stage.delete("old-name").await;
    stage.apply("new-name", stage.spec(|spec| spec["identity"]["name"] = json!("shared"))).await;
    stage.until_reason("new-name", "Succeeded").await;
    assert_eq!(stage.tag("shared", "mdi-operator-object"), Some(format!("{}/new-name", stage.namespace)));
}

#[tokio::test]
async fn an_object_that_never_held_anything_goes_without_a_request() {
    let stage = Stage::set().await;
    stage.apply("agents", stage.spec(|spec| spec["organization"] = json!("fabrikam"))).await;
    let object = stage.until_stalled("agents", "DirectoryMismatch").await;
    assert_eq!(condition(&object, types::IDENTITY_READY), Some(("False", "DirectoryNotMatched")));
    stage.azure.clear_log();
    stage.delete("agents").await;
    assert_eq!(stage.requests().len(), 0);
}

#[tokio::test]
async fn an_identity_that_somebody_re_created_is_not_released_for_it_is_not_ours() {
    let stage = Stage::set().await;
    stage.ready("agents").await;
    stage.azure.state().act(&Hand::RecreateIdentity { id: stage.id("agents"), copy_tags: true }).unwrap();
    stage.azure.clear_log();
    stage.delete("agents").await;
    assert_eq!(stage.writes(), [""; 0]);
}

#[tokio::test]
async fn a_single_not_there_ends_no_farewell_and_the_mark_is_released() {
    let stage = Stage::set().await;
    stage.ready("agents").await;
    stage.azure.script(Fault::answer("GET", "userAssignedIdentities", 404, "ResourceNotFound"));
    stage.delete("agents").await;
    assert_eq!(stage.tag("agents", "mdi-operator-released").as_deref(), Some("true"));
}

#[tokio::test]
async fn right_after_a_creation_a_not_there_ends_no_farewell_either() {
    let stage = Stage::set().await;
    stage.azure.state().set(|settings| settings.replication_delay_seconds = 30.0);
    stage.apply("agents", stage.spec(|_| {})).await;
    stage.until_event("agents", "Normal", "IdentityCreated").await;
    stage.delete("agents").await;
    assert_eq!(stage.tag("agents", "mdi-operator-released").as_deref(), Some("true"));
}

#[tokio::test]
async fn where_the_second_look_cannot_be_had_an_event_says_what_was_left() {
    let stage = Stage::set().await;
    stage.ready("agents").await;
    stage.azure.script(Fault::answer("GET", "userAssignedIdentities", 404, "ResourceNotFound"));
    let outage = Fault::answer("GET", "userAssignedIdentities", 503, "ServiceUnavailable");
    stage.azure.script(outage.from_nth(2).forever());
    stage.delete("agents").await;
    stage.until_event("agents", "Warning", "IdentityLeftBehind").await;
}
