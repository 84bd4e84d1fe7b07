//! Whose is an identity that exists already?

use azure_simulator::{Effect, Fault, Hand};
use mdi_operator::api::{conditions::types, v1alpha1::Origin};
use serde_json::json;

use crate::stage::{Stage, condition, message};

async fn with_identity(tags: &[(&str, &str)]) -> Stage {
    let stage = Stage::without_operator(|_| {}).await;
    let (id, location) = (stage.id("agents"), stage.sample.location.clone());
    let tags = tags.iter().map(|(key, value)| ((*key).into(), (*value).to_owned())).collect();
    stage.azure.state().with(|world| world.create_identity(&id, &location, tags)).unwrap();
    stage.start_operator(&[]).await;
    stage
}

#[tokio::test]
async fn an_identity_of_nobody_is_refused_with_a_remedy_of_one_line_and_taken_once_that_is_followed() {
    let stage = with_identity(&[("cost-center", "42")]).await;
    stage.apply("agents", stage.spec(|_| {})).await;
    let object = stage.until_stalled("agents", "AdoptionRefused").await;
    let told = message(&object, types::READY);
    assert!(told.contains("set spec.adoptionPolicy: Adopt") && !told.contains('\n'), "{told}");
    assert_eq!(object.metadata.finalizers, None);
    assert_eq!((stage.identity_requests("GET"), stage.writes().len()), (1, 0));

    stage.apply("agents", stage.spec(|spec| spec["adoptionPolicy"] = json!("Adopt"))).await;
    let object = stage.until_reason("agents", "Succeeded").await;
    assert_eq!(object.status.unwrap().identity.unwrap().origin, Some(Origin::Adopted));
    assert_eq!(stage.tag("agents", "mdi-operator-origin").as_deref(), Some("Adopted"));
    assert_eq!(stage.tag("agents", "cost-center").as_deref(), Some("42"));
    assert_eq!(stage.writes().len(), 1);
    stage.until_event("agents", "Normal", "IdentityAdopted").await;
}

#[tokio::test]
async fn an_identity_of_another_cluster_is_never_taken_not_even_under_adopt() {
    let mark = [
        ("mdi-operator-cluster", "elsewhere"),
        ("mdi-operator-object", "team/agents"),
        ("mdi-operator-origin", "Created"),
    ];
    let stage = with_identity(&mark).await;
    stage.apply("agents", stage.spec(|spec| spec["adoptionPolicy"] = json!("Adopt"))).await;
    let object = stage.until_stalled("agents", "OwnershipConflict").await;
    let told = message(&object, types::READY);
    assert!(told.contains("elsewhere") && told.contains("team/agents"), "{told}");
    assert_eq!((stage.identity_requests("GET"), stage.writes().len()), (1, 0));
}

#[tokio::test]
async fn an_incomplete_mark_is_another_s_and_the_keys_to_remove_are_listed() {
    let stage = with_identity(&[("mdi-operator-cluster", "elsewhere")]).await;
    stage.apply("agents", stage.spec(|spec| spec["adoptionPolicy"] = json!("Adopt"))).await;
    let object = stage.until_stalled("agents", "OwnershipConflict").await;
    assert!(message(&object, types::READY).contains("mdi-operator-cluster"));
    assert_eq!(stage.writes(), [""; 0]);
}

#[tokio::test]
async fn a_mark_that_somebody_took_away_is_put_back_and_the_identity_counts_as_adopted_from_then_on() {
    let stage = Stage::set().await;
    stage.ready("agents").await;
    let id = stage.id("agents");
    stage.azure.state().with(|world| world.remove_tags(&id)).unwrap();
    stage.request("agents").await;
    let object = stage
        .until("agents", "adopted", |object| {
            object.status.as_ref().and_then(|s| s.identity.as_ref()?.origin) == Some(Origin::Adopted)
        })
        .await;
    assert_eq!(condition(&object, types::READY), Some(("True", "Succeeded")));
    assert_eq!(stage.tag("agents", "mdi-operator-origin").as_deref(), Some("Adopted"));
    stage.until_event("agents", "Warning", "MarkRestored").await;
}

#[tokio::test]
async fn an_identity_re_created_with_copied_tags_is_nobody_s_and_not_taken_under_if_owned() {
    let stage = Stage::set().await;
    let before = stage.ready("agents").await.status.unwrap().identity.unwrap();
    let id = stage.id("agents");
    stage.azure.state().act(&Hand::RecreateIdentity { id, copy_tags: true }).unwrap();
    stage.azure.clear_log();
    stage.request("agents").await;
    let object = stage.until_stalled("agents", "AdoptionRefused").await;
    assert!(
        message(&object, types::READY).contains("re-created by somebody"),
        "{}",
        message(&object, types::READY)
    );
    // What this object held is still remembered, or the copied mark would make the stranger its own.
    assert_eq!(object.status.unwrap().identity.unwrap().principal_id, before.principal_id);
    stage.request("agents").await;
    stage.until_stalled("agents", "AdoptionRefused").await;
    assert_eq!(stage.writes(), [""; 0]);

    stage.apply("agents", stage.spec(|spec| spec["adoptionPolicy"] = json!("Adopt"))).await;
    let object = stage.until_reason("agents", "Succeeded").await;
    let after = object.status.unwrap().identity.unwrap();
    assert_ne!(after.principal_id, before.principal_id);
    assert_eq!(after.origin, Some(Origin::Adopted));
}

#[tokio::test]
async fn a_mark_that_went_onto_another_principal_than_was_read_is_taken_off_again() {
    let stage = with_identity(&[("cost-center", "42")]).await;
    let act = Hand::RecreateIdentity { id: stage.id("agents"), copy_tags: true };
    stage.azure.script(Fault::on("PATCH", "userAssignedIdentities", Effect::HandBefore { act }));
    stage.apply("agents", stage.spec(|spec| spec["adoptionPolicy"] = json!("Adopt"))).await;
    stage.until_event("agents", "Warning", "MarkWithdrawn").await;
    stage.until_reason("agents", "Succeeded").await;
    let patches: Vec<_> = stage
        .requests()
        .into_iter()
        .filter(|r| r.method == "PATCH")
        .take(2)
        .filter_map(|r| r.request_body)
        .collect();
    assert!(patches[0]["tags"].get("mdi-operator-object").is_some());
    assert_eq!(patches[1]["tags"], json!({"cost-center": "42"}));
}
