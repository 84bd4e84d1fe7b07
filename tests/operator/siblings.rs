//! Two objects, one identity.

use mdi_operator::api::conditions::types;
use serde_json::{Value, json};

use crate::stage::{Stage, condition, control_plane, message};

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

#[tokio::test]
async fn an_object_of_another_watched_namespace_is_looked_at_at_once_when_the_owner_goes() {
    let stage = Stage::without_operator(|_| {}).await;
    let other = format!("{}-b", stage.namespace);
    control_plane().await.kubectl(["create", "namespace", &other]).await.unwrap();
    stage.start_operator(&[("MDI_NAMESPACES", &format!("{},{other}", stage.namespace))]).await;
    stage.apply("first", shared(&stage)).await;
    stage.until_reason("first", "Succeeded").await;
    let spec = stage.spec(|spec| {
        spec["identity"]["name"] = json!("shared");
        spec["adoptionPolicy"] = json!("Adopt");
    });
    let object = json!({
        "apiVersion": "mdi-operator.io/v1alpha1", "kind": "ManagedDevOpsIdentity",
        "metadata": {"name": "second", "namespace": other}, "spec": spec,
    });
    control_plane().await.apply(&object.to_string()).await.unwrap();
    let wait = async |condition: &str| {
        let condition = format!("--for=condition={condition}");
        let wait = ["wait", "mdi/second", "-n", &other, &condition, "--timeout=30s"];
        control_plane().await.kubectl(wait).await.unwrap();
    };
    wait("Stalled").await;
    stage.delete("first").await;
    wait("Ready").await;
}
