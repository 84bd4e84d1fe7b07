//! A cluster that is rebuilt, and restored from manifests alone: what it held before, it holds again.

use kube::Client;
use mdi_operator::api::{conditions::types, v1alpha1::Origin};
use serde_json::json;

use crate::stage::{Stage, apply_base, message};

/// What the operator calls a cluster that nobody named.
async fn default_id(client: &Client) -> String {
    let namespaces = kube::Api::<k8s_openapi::api::core::v1::Namespace>::all(client.clone());
    namespaces.get("kube-system").await.unwrap().metadata.uid.unwrap()
}

#[tokio::test]
async fn a_cluster_that_is_rebuilt_and_restored_without_status_holds_all_again_without_a_hand() {
    let stage = Stage::set().await;
    let before = default_id(&stage.client).await;
    let wishes = [
        ("corrected", stage.spec(|_| {})),
        ("reported", stage.spec(|spec| spec["driftPolicy"] = json!("Report"))),
        (
            "registered",
            stage.spec(|spec| {
                spec["identity"]["tags"] = json!({"cost-center": "42"});
                spec["pools"] = json!([{"name": "pool-linux"}]);
            }),
        ),
        ("never", stage.spec(|spec| spec["adoptionPolicy"] = json!("Never"))),
    ];
    for (name, spec) in &wishes {
        stage.apply(name, spec.clone()).await;
    }
    for (name, _) in &wishes {
        stage.until_reason(name, "Succeeded").await;
        assert_eq!(stage.tag(name, "mdi-operator-cluster"), Some(before.clone()));
    }
    stage.stop_operator().await;

    let rebuilt = harness::ControlPlane::start().await.unwrap();
    apply_base(&rebuilt).await;
    let stage = stage.moved_to(&rebuilt).await;
    let now = default_id(&stage.client).await;
    assert_ne!(now, before);
    for (name, spec) in &wishes {
        stage.apply(name, spec.clone()).await;
    }

    // Without the list: refused, and the refusal names what to list.
    stage.start_operator(&[]).await;
    for (name, _) in &wishes {
        let object = stage.until_stalled(name, "OwnershipConflict").await;
        let told = message(&object, types::STALLED);
        assert!(told.contains(&format!("add {before} to the operator's MDI_FORMER_CLUSTER_IDS")), "{told}");
    }
    stage.stop_operator().await;

    stage.azure.clear_log();
    stage.start_operator(&[("MDI_FORMER_CLUSTER_IDS", &format!("{before},somebody-older"))]).await;
    for (name, _) in &wishes {
        let object = stage.until_reason(name, "Succeeded").await;
        assert_eq!(object.status.unwrap().identity.unwrap().origin, Some(Origin::Adopted));
        assert_eq!(stage.tag(name, "mdi-operator-cluster"), Some(now.clone()));
        stage.until_event(name, "Normal", "MarkRenamed").await;
    }
    let (writes, marks) = (stage.writes(), stage.identity_requests("PATCH"));
    assert_eq!((writes.len(), marks), (wishes.len(), wishes.len()), "one mark each, and no more: {writes:?}");

    stage.stop_operator().await;
    drop(stage);
    rebuilt.stop().await.unwrap();
}
