//! Two objects, one identity.

use mdi_operator::api::conditions::types;
use serde_json::{Value, json};

use crate::stage::{Stage, condition, message};

fn shared(stage: &Stage) -> Value {
    stage.spec(|spec| spec["identity"]["name"] = json!("shared"))
}

#[tokio::test]
async fn the_second_object_is_refused_names_the_owner_and_takes_over_at_once_when_the_owner_goes() {
    let stage = Stage::set().await;
    stage.apply("first", shared(&stage)).await;
    let owner = stage.until_reason("first", "Succeeded").await;
    stage.apply("second", shared(&stage)).await;
    let loser = stage.until_stalled("second", "OwnershipConflict").await;
    assert!(message(&loser, types::READY).contains(&format!("{}/first", stage.namespace)));
    assert_eq!(loser.metadata.finalizers, None);
    assert_eq!(stage.writes().len(), 1);

    stage.delete("first").await;
    let heir = stage.until_reason("second", "Succeeded").await;
    let principal = |object: &mdi_operator::api::ManagedDevOpsIdentity| {
        object.status.as_ref().unwrap().identity.as_ref().unwrap().principal_id.clone()
    };
    assert_eq!(principal(&heir), principal(&owner));
    assert_eq!(stage.tag("shared", "mdi-operator-object"), Some(format!("{}/second", stage.namespace)));
}

#[tokio::test]
async fn the_deletion_of_the_object_that_does_not_own_touches_nothing() {
    let stage = Stage::set().await;
    stage.apply("first", shared(&stage)).await;
    stage.until_reason("first", "Succeeded").await;
    stage.apply("second", shared(&stage)).await;
    stage.until_stalled("second", "OwnershipConflict").await;
    stage.azure.clear_log();
    stage.delete("second").await;
    assert_eq!(stage.writes(), [""; 0]);
    let owner = stage.request("first").await;
    assert_eq!(condition(&owner, types::READY), Some(("True", "Succeeded")));
}

#[tokio::test]
async fn many_objects_at_once_for_one_identity_come_to_one_owner_and_one_creation() {
    let stage = Stage::without_operator(|_| {}).await;
    for name in ["a1", "b2", "c3"] {
        stage.apply(name, shared(&stage)).await;
    }
    stage.start_operator(&[]).await;
    let mut ready = vec![];
    for name in ["a1", "b2", "c3"] {
        let object = stage
            .until(name, "a verdict", |object| {
                condition(object, types::READY) == Some(("True", "Succeeded"))
                    || condition(object, types::STALLED) == Some(("True", "OwnershipConflict"))
            })
            .await;
        ready.extend((condition(&object, types::READY).unwrap().0 == "True").then_some(name));
    }
    assert_eq!(ready.len(), 1, "{ready:?}");
    assert_eq!(stage.writes().len(), 1);
}
