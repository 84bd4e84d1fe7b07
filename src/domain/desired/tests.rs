use serde_json::json;

use super::*;

fn object(change: impl FnOnce(&mut serde_json::Value)) -> ManagedDevOpsIdentity {
    let mut value = json!({
        "apiVersion": "mdi-operator.io/v1alpha1", "kind": "ManagedDevOpsIdentity",
        "metadata": {"name": "agents", "namespace": "team-a"},
        "spec": {
            "organization": "contoso",
            "identity": {"subscriptionId": "11111111-2222-3333-4444-555555555555", "resourceGroup": "builds", "location": "westeurope"},
        },
    });
    change(&mut value["spec"]);
    serde_json::from_value(value).unwrap()
}

#[test]
fn a_minimal_spec_takes_the_documented_defaults_and_the_object_s_own_name() {
    let desired = Desired::of(&object(|_| {})).unwrap();
    assert_eq!(desired.identity.name(), "agents");
    assert_eq!(desired.interval, Duration::from_mins(30));
    assert_eq!((desired.mode, desired.adoption, desired.deletion, desired.drift), Default::default());
    assert_eq!(desired.isolation_scope, None);
}

#[test]
fn a_field_that_cannot_be_used_is_named_with_its_value() {
    type Change = fn(&mut serde_json::Value);
    let cases: [(&str, Change, &str); 10] = [
        ("organization", |s| s["organization"] = json!("a b"), "a b"),
        ("expectedTenantId", |s| s["expectedTenantId"] = json!("contoso.com"), "contoso.com"),
        ("identity.subscriptionId", |s| s["identity"]["subscriptionId"] = json!("Production"), "Production"),
        ("identity.location", |s| s["identity"]["location"] = json!("west/europe"), "west/europe"),
        ("identity", |s| s["identity"]["name"] = json!("a.b.c"), "a.b.c"),
        (
            "identity.tags",
            |s| s["identity"]["tags"] = json!({"MDI-operator-Cluster": "mine"}),
            "MDI-operator-Cluster",
        ),
        ("identity.tags", |s| s["identity"]["tags"] = json!({"team": "a", "Team": "b"}), "Team"),
        (
            "identity.tags",
            |s| s["identity"]["tags"] = (0..41).map(|n| (format!("k{n}"), json!(""))).collect(),
            "41 tags",
        ),
        ("interval", |s| s["interval"] = json!("5s"), "5s"),
        ("interval", |s| s["interval"] = json!("a while"), "a while"),
    ];
    for (field, change, value) in cases {
        let error = Desired::of(&object(change)).unwrap_err();
        assert_eq!(error.field, field);
        assert!(error.to_string().contains(value), "{error}");
    }
}
