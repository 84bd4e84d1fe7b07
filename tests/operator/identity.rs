//! The identity: created, kept, corrected, re-created, and never written without need.

use std::time::Duration;

use azure_simulator::{Effect, Fault, Hand};
use mdi_operator::api::{conditions::types, v1alpha1::Origin};
use serde_json::json;

use crate::stage::{Stage, condition, message};

#[tokio::test]
async fn a_settled_object_causes_at_most_one_read_a_pass_and_no_write_anywhere() {
    let stage = Stage::set().await;
    stage.apply("agents", stage.spec(|spec| spec["interval"] = json!("1m"))).await;
    let before = stage.until_reason("agents", "Succeeded").await;
    stage.azure.clear_log();
    stage.let_pass(Duration::from_mins(6)).await;
    let (reads, after) = (stage.identity_requests("GET"), stage.api().get("agents").await.unwrap());
    assert!((4..=8).contains(&reads), "{reads} reads in 6 passes");
    assert_eq!(stage.writes(), [""; 0]);
    assert_eq!(before.metadata.resource_version, after.metadata.resource_version, "the object was written");
}

#[tokio::test]
async fn each_of_many_fresh_objects_costs_one_read_and_one_write_also_where_they_wait_for_their_turn() {
    let stage = Stage::without_operator(|_| {}).await;
    // Our own pacing is what makes them wait, whether or not somebody would refuse.
    stage.azure.state().set(|settings| settings.throttling.provider = false);
    let names: Vec<String> = (0..16).map(|number| format!("agents-{number}")).collect();
    for name in &names {
        stage.apply(name, stage.spec(|_| {})).await;
    }
    stage.start_operator(&[]).await;
    for name in &names {
        stage.until_reason(name, "Succeeded").await;
    }
    let (reads, writes) = (stage.identity_requests("GET"), stage.identity_requests("PUT"));
    assert_eq!((reads, writes), (16, 16));
    // Beside them one look-up of the organization and one of the subscription, for all.
    assert_eq!(stage.requests().len(), 34);
    let times: Vec<_> = stage.requests().iter().filter(|r| r.method == "PUT").map(|r| r.time).collect();
    let took = times[15].duration_since(times[0]).as_secs_f64();
    assert!(took > 5.0, "two a second are allowed in a subscription, and nobody waited: {took} s");
}

#[tokio::test]
async fn drift_of_a_tag_is_corrected_for_one_read_and_one_write_and_tags_of_others_stay() {
    let stage = Stage::set().await;
    stage.apply("agents", stage.spec(|spec| spec["identity"]["tags"] = json!({"team": "build"}))).await;
    stage.until_reason("agents", "Succeeded").await;
    let id = stage.id("agents");
    stage
        .azure
        .state()
        .with(|world| {
            world.set_tag(&id, "Team", "hijack")?;
            world.set_tag(&id, "cost-center", "42")
        })
        .unwrap();
    stage.let_pass(Duration::from_secs(8)).await;
    stage.azure.clear_log();
    stage.request("agents").await;
    assert_eq!(stage.tag("agents", "team").as_deref(), Some("build"));
    assert_eq!(stage.tag("agents", "cost-center").as_deref(), Some("42"));
    assert_eq!((stage.identity_requests("GET"), stage.identity_requests("PATCH")), (1, 1));
    assert_eq!(stage.writes().len(), 1);
}

#[tokio::test]
async fn a_tag_taken_out_of_the_spec_goes_and_one_that_somebody_changed_stays() {
    let stage = Stage::set().await;
    let tags = json!({"a": "1", "b": "2"});
    stage.apply("agents", stage.spec(|spec| spec["identity"]["tags"] = tags)).await;
    stage.until_reason("agents", "Succeeded").await;
    let id = stage.id("agents");
    stage.azure.state().with(|world| world.set_tag(&id, "b", "theirs")).unwrap();
    let generation = stage.apply("agents", stage.spec(|_| {})).await.metadata.generation;
    stage
        .until("agents", "the new generation settled", |object| {
            object.status.as_ref().and_then(|s| s.observed_generation) == generation
                && condition(object, types::READY) == Some(("True", "Succeeded"))
        })
        .await;
    assert_eq!(stage.tag("agents", "a"), None);
    assert_eq!(stage.tag("agents", "b").as_deref(), Some("theirs"));
}

#[tokio::test]
async fn an_identity_deleted_behind_our_back_is_created_anew_only_when_its_absence_is_certain() {
    let stage = Stage::set().await;
    let before = stage.ready("agents").await.status.unwrap().identity.unwrap();
    stage.let_pass(Duration::from_secs(70)).await;
    let id = stage.id("agents");
    stage.azure.state().with(|world| world.delete_identity(&id)).unwrap();
    stage.azure.clear_log();
    stage.request("agents").await;
    let object = stage
        .until("agents", "a new principal", |object| {
            condition(object, types::READY) == Some(("True", "Succeeded"))
                && object.status.as_ref().and_then(|s| s.identity.as_ref()?.principal_id.clone())
                    != before.principal_id
        })
        .await;
    let after = object.status.unwrap().identity.unwrap();
    assert_ne!(before.client_id, after.client_id);
    assert_eq!(after.origin, Some(Origin::Created));
    assert_eq!((stage.identity_requests("GET"), stage.identity_requests("PUT")), (2, 1));
    stage.until_event("agents", "Warning", "IdentityRecreated").await;
}

#[tokio::test]
async fn an_identity_that_cannot_be_seen_right_after_its_creation_is_not_created_twice() {
    let stage = Stage::without_operator(|_| {}).await;
    stage.azure.state().set(|settings| settings.replication_delay_seconds = 30.0);
    stage.start_operator(&[]).await;
    stage.ready("agents").await;
    stage.request("agents").await;
    stage.until_reason("agents", "Succeeded").await;
    assert_eq!(stage.identity_requests("PUT"), 1);
}

#[tokio::test]
async fn a_creation_whose_answer_was_lost_is_held_as_adopted_and_not_created_again() {
    let stage = Stage::without_operator(|_| {}).await;
    stage.azure.script(Fault::on("PUT", "userAssignedIdentities", Effect::ResetAfter));
    stage.start_operator(&[]).await;
    let object = stage.ready("agents").await;
    assert_eq!(object.status.unwrap().identity.unwrap().origin, Some(Origin::Adopted));
    assert_eq!(stage.identity_requests("PUT"), 1);
}

#[tokio::test]
async fn an_identity_that_came_into_being_at_the_same_moment_is_told_and_never_counts_as_created() {
    let stage = Stage::without_operator(|_| {}).await;
    let (id, location) = (stage.id("agents"), stage.sample.location.clone());
    let act = Hand::CreateIdentity { id, location, tags: [].into() };
    stage.azure.script(Fault::on("PUT", "userAssignedIdentities", Effect::HandBefore { act }));
    stage.start_operator(&[]).await;
    let object = stage.ready("agents").await;
    assert_eq!(object.status.unwrap().identity.unwrap().origin, Some(Origin::Adopted));
    stage.until_event("agents", "Warning", "IdentityExistedAtCreation").await;
}

#[tokio::test]
async fn an_identity_in_another_region_is_told_and_left_alone() {
    let stage = Stage::without_operator(|_| {}).await;
    let id = stage.id("agents");
    stage.azure.state().with(|world| world.create_identity(&id, "northeurope", [].into())).unwrap();
    stage.start_operator(&[]).await;
    stage.apply("agents", stage.spec(|spec| spec["adoptionPolicy"] = json!("Adopt"))).await;
    let object = stage.until_stalled("agents", "LocationConflict").await;
    assert!(message(&object, types::READY).contains("northeurope"));
    assert_eq!(stage.writes(), [""; 0]);
}

#[tokio::test]
async fn more_tags_than_azure_allows_are_told_before_anything_is_written() {
    let stage = Stage::set().await;
    stage.ready("agents").await;
    let id = stage.id("agents");
    stage
        .azure
        .state()
        .with(|world| (0..45).try_for_each(|n| world.set_tag(&id, &format!("theirs-{n}"), "x")))
        .unwrap();
    stage.azure.clear_log();
    let tags: serde_json::Map<_, _> = (0..10).map(|n| (format!("ours-{n}"), json!("x"))).collect();
    stage.apply("agents", stage.spec(|spec| spec["identity"]["tags"] = json!(tags))).await;
    let object = stage.until_stalled("agents", "TooManyTags").await;
    assert!(message(&object, types::READY).contains("58"), "{}", message(&object, types::READY));
    assert_eq!(stage.writes(), [""; 0]);
}

#[tokio::test]
async fn an_isolation_scope_is_written_only_when_it_is_wished() {
    let stage = Stage::set().await;
    stage.ready("agents").await;
    assert_eq!(
        stage
            .requests()
            .iter()
            .find(|r| r.method == "PUT")
            .unwrap()
            .request_body
            .as_ref()
            .unwrap()
            .get("properties"),
        None
    );
    stage.azure.clear_log();
    stage.apply("agents", stage.spec(|spec| spec["identity"]["isolationScope"] = json!("Regional"))).await;
    stage
        .until("agents", "applied", |object| {
            object.status.as_ref().and_then(|s| s.applied.as_ref()?.isolation_scope).is_some()
        })
        .await;
    let patch = stage.requests().into_iter().find(|r| r.method == "PATCH").unwrap().request_body.unwrap();
    assert_eq!(patch, json!({"properties": {"isolationScope": "Regional"}}));
}
