//! What the API server refuses by itself, each with a message that says what to do.

use kube::{
    Api,
    api::{ListParams, Patch, PatchParams},
};
use mdi_operator::api::ManagedDevOpsIdentity;
use serde_json::{Value, json};

use crate::stage::{Stage, control_plane};

/// A change of a good spec, and what the refusal has to say.
type Case = (fn(&mut Value), &'static str);

async fn stage() -> Stage {
    Stage::without_operator(|_| {}).await
}

async fn refusal(stage: &Stage, name: &str, spec: Value) -> String {
    match stage.try_apply(name, spec.clone()).await {
        Ok(_) => panic!("accepted: {spec}"),
        Err(kube::Error::Api(status)) => status.message,
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn each_invalid_field_is_refused_with_a_message_that_says_what_to_do() {
    let stage = stage().await;
    let cases: [Case; 25] = [
        (|s| s["organization"] = json!("https://dev.azure.com/contoso"), "use \"contoso\""),
        (|s| s["organization"] = json!("dev.azure.com/contoso/project"), "use \"contoso\""),
        (|s| s["organization"] = json!("https://contoso.visualstudio.com/"), "use \"contoso\""),
        (|s| s["organization"] = json!("Contoso.VisualStudio.com"), "use \"Contoso\""),
        (|s| s["organization"] = json!("con toso"), "1 to 50 letters, digits and hyphens"),
        (|s| s["organization"] = json!("-contoso"), "1 to 50 letters, digits and hyphens"),
        (|s| s["organization"] = json!("a".repeat(51)), "1 to 50 letters, digits and hyphens"),
        (|s| s["expectedTenantId"] = json!("contoso.onmicrosoft.com"), "az account show --query tenantId"),
        (
            |s| s["expectedTenantId"] = json!("00000000-0000-0000-0000-000000000000"),
            "az account show --query tenantId",
        ),
        (|s| s["identity"]["subscriptionId"] = json!("Production"), "az account show --query id"),
        (|s| s["identity"]["resourceGroup"] = json!("builds."), "not ending in a full stop"),
        (|s| s["identity"]["resourceGroup"] = json!("/subscriptions/x"), "takes the group's name alone"),
        (|s| s["identity"]["location"] = json!("west/europe"), "an Azure region, such as westeurope"),
        (|s| s["identity"]["name"] = json!("ab"), "3 to 128 letters"),
        (|s| s["identity"]["name"] = json!("a.b.c"), "3 to 128 letters"),
        (|s| s["identity"]["isolationScope"] = json!("Global"), "supported values: \"None\", \"Regional\""),
        (|s| s["identity"]["tags"] = json!({"mdi-operator-object": "a/b"}), "set by the operator alone"),
        (|s| s["identity"]["tags"] = json!({"MDI-Operator-anything": "x"}), "set by the operator alone"),
        (|s| s["identity"]["tags"] = json!({"team": "a", "Team": "b"}), "differ only in case"),
        (|s| s["identity"]["tags"] = json!({"a/b": "x"}), "none of < > % & \\ ? /"),
        (|s| s["mode"] = json!("Dream"), "supported values: \"Manage\", \"Observe\""),
        (|s| s["adoptionPolicy"] = json!("Steal"), "supported values: \"IfOwned\", \"Adopt\", \"Never\""),
        (|s| s["interval"] = json!("30s"), "between 1m and 24h"),
        (|s| s["interval"] = json!("25h"), "between 1m and 24h"),
        (|s| s["interval"] = json!("often"), "between 1m and 24h"),
    ];
    for (change, says) in cases {
        let told = refusal(&stage, "agents", stage.spec(change)).await;
        assert!(told.contains(says), "{told}\n  does not say: {says}");
    }
}

#[tokio::test]
async fn too_many_and_too_long_tags_are_refused() {
    let stage = stage().await;
    let many: serde_json::Map<_, _> = (0..41).map(|n| (format!("key-{n}"), json!("x"))).collect();
    let told = refusal(&stage, "agents", stage.spec(|s| s["identity"]["tags"] = json!(many))).await;
    assert!(told.contains("must have at most 40 items"), "{told}");
    let told =
        refusal(&stage, "agents", stage.spec(|s| s["identity"]["tags"] = json!({"k".repeat(513): "x"})))
            .await;
    assert!(told.contains("1 to 512 characters"), "{told}");
    let told =
        refusal(&stage, "agents", stage.spec(|s| s["identity"]["tags"] = json!({"k": "v".repeat(257)})))
            .await;
    assert!(told.contains("may not be more than 256"), "{told}");
}

#[tokio::test]
async fn what_decides_which_identity_is_meant_cannot_be_changed_added_or_removed() {
    let stage = stage().await;
    stage.apply("agents", stage.spec(|_| {})).await;
    let cases: [Case; 5] = [
        (|s| s["organization"] = json!("fabrikam"), "organization cannot be changed"),
        (
            |s| s["identity"]["subscriptionId"] = json!("66666666-5555-4555-8555-555555555555"),
            "identity.subscriptionId cannot be changed",
        ),
        (|s| s["identity"]["resourceGroup"] = json!("other"), "identity.resourceGroup cannot be changed"),
        (|s| s["identity"]["location"] = json!("northeurope"), "Azure moves no identity"),
        (|s| s["identity"]["name"] = json!("agents"), "cannot be added or removed later"),
    ];
    for (change, says) in cases {
        let told = refusal(&stage, "agents", stage.spec(change)).await;
        assert!(told.contains(says), "{told}\n  does not say: {says}");
    }
    stage.apply("named", stage.spec(|s| s["identity"]["name"] = json!("one"))).await;
    for (change, says) in [
        ((|s| s["identity"]["name"] = json!("two")) as fn(&mut Value), "identity.name cannot be changed"),
        (|_| {}, "cannot be added or removed later"),
    ] {
        let told = refusal(&stage, "named", stage.spec(change)).await;
        assert!(told.contains(says), "{told}");
    }
    // Everything else can.
    stage
        .apply(
            "agents",
            stage.spec(|s| {
                s["suspend"] = json!(true);
                s["interval"] = json!("1h30m");
                s["expectedTenantId"] = json!(stage.sample.tenant);
                s["identity"]["tags"] = json!({"team": "build"});
                s["identity"]["isolationScope"] = json!("Regional");
            }),
        )
        .await;
}

#[tokio::test]
async fn an_object_s_name_that_azure_would_refuse_needs_a_name_of_the_identity() {
    let stage = stage().await;
    for bad in ["ab", "a.dotted.name"] {
        let told = refusal(&stage, bad, stage.spec(|_| {})).await;
        assert!(told.contains("set spec.identity.name"), "{told}");
        stage.apply(bad, stage.spec(|s| s["identity"]["name"] = json!("agents"))).await;
    }
    let told = refusal(&stage, &"a".repeat(64), stage.spec(|_| {})).await;
    assert!(told.contains("at most 63 characters"), "{told}");
}

#[tokio::test]
async fn defaults_are_filled_in_and_objects_are_found_by_organization() {
    let stage = stage().await;
    let object = serde_json::to_value(stage.apply("agents", stage.spec(|_| {})).await.spec).unwrap();
    for (field, default) in [
        ("mode", json!("Manage")),
        ("adoptionPolicy", json!("IfOwned")),
        ("deletionPolicy", json!("Retain")),
        ("driftPolicy", json!("Correct")),
        ("suspend", json!(false)),
        ("interval", json!("30m")),
    ] {
        assert_eq!(object[field], default, "{field}");
    }
    let found = stage.api().list(&ListParams::default().fields("spec.organization=contoso")).await.unwrap();
    assert_eq!(found.items.len(), 1);
    assert_eq!(
        stage.api().list(&ListParams::default().fields("spec.organization=other")).await.unwrap().items.len(),
        0
    );
}

#[tokio::test]
async fn people_see_the_columns_and_the_manual() {
    let stage = stage().await;
    stage.apply("agents", stage.spec(|_| {})).await;
    let status = json!({
        "apiVersion": "mdi-operator.io/v1alpha1", "kind": "ManagedDevOpsIdentity", "metadata": {"name": "agents"},
        "status": {"identity": {"name": "agents", "clientId": "c", "tenantId": "t"}, "conditions": [{"type": "Ready", "status": "True", "reason": "Succeeded", "message": "fine", "lastTransitionTime": "2026-01-01T00:00:00Z"}]},
    });
    let api: Api<ManagedDevOpsIdentity> = stage.api();
    api.patch_status("agents", &PatchParams::apply("tester").force(), &Patch::Apply(status)).await.unwrap();
    let control_plane = control_plane().await;
    let narrow = control_plane.kubectl(["get", "mdi", "-n", &stage.namespace]).await.unwrap();
    assert_eq!(
        narrow.split_whitespace().take(6).collect::<Vec<_>>(),
        ["NAME", "READY", "STATUS", "IDENTITY", "POOLS", "AGE"]
    );
    let wide = control_plane.kubectl(["get", "azure", "-o", "wide", "-n", &stage.namespace]).await.unwrap();
    for column in ["ORGANIZATION", "CLIENT-ID", "TENANT", "SUSPENDED", "MESSAGE"] {
        assert!(wide.contains(column), "{wide}");
    }
    let manual = control_plane.kubectl(["explain", "mdi.spec", "--recursive"]).await.unwrap();
    assert!(manual.contains("adoptionPolicy") && manual.contains("enum: IfOwned, Adopt, Never"), "{manual}");
    let field = control_plane.kubectl(["explain", "mdi.spec.identity.isolationScope"]).await.unwrap();
    assert!(field.contains("left as it is"), "{field}");
}
