//! The process: starts with one clear line or not at all, tells its health, ends well, and comes back.

use std::{process::Stdio, time::Duration};

use kube::{
    Api,
    api::{ApiResource, DynamicObject, Patch, PatchParams},
};
use mdi_operator::api::{conditions::types, v1alpha1::Origin};
use serde_json::json;
use tokio::process::Command;

use crate::stage::{Stage, condition, message, root};

pub async fn run(settings: &[(&str, &str)], arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_mdi-operator"))
        .args(arguments)
        .env_clear()
        .envs(settings.iter().copied())
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    (
        output.status.success(),
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)),
    )
}

pub const TENANT: (&str, &str) = ("AZURE_TENANT_ID", "11111111-1111-4111-8111-111111111111");
pub const CLIENT: (&str, &str) = ("AZURE_CLIENT_ID", "33333333-3333-4333-8333-333333333333");
pub const SECRET: (&str, &str) = ("AZURE_CLIENT_SECRET", "s");

#[tokio::test]
async fn a_bad_start_ends_with_one_clear_line_and_a_code() {
    type Start = (&'static [(&'static str, &'static str)], &'static [&'static str], &'static str);
    let cases: [Start; 8] = [
        (&[], &["--nonsense"], "--nonsense"),
        (&[TENANT, CLIENT], &[], "AZURE_CLIENT_SECRET"),
        (&[TENANT, CLIENT, SECRET, ("AZURE_FEDERATED_TOKEN_FILE", "/token")], &[], "MDI_CREDENTIAL"),
        (
            &[TENANT, CLIENT, SECRET, ("AZURE_DEVOPS_ENDPOINT", "http://127.0.0.1:1")],
            &[],
            "AZURE_DEVOPS_ENDPOINT",
        ),
        (&[TENANT, CLIENT, SECRET, ("MDI_TEST_TIME_SCALE", "10")], &[], "MDI_TEST_TIME_SCALE"),
        (
            &[TENANT, CLIENT, ("AZURE_CLIENT_CERTIFICATE_PATH", "/nowhere.pem")],
            &[],
            "AZURE_CLIENT_CERTIFICATE_PATH (--azure-client-certificate-path): /nowhere.pem cannot be read",
        ),
        (
            &[TENANT, CLIENT, SECRET, ("https_proxy", "socks5://proxy:1080")],
            &[],
            "HTTPS_PROXY: is not a proxy",
        ),
        (
            &[
                TENANT,
                CLIENT,
                SECRET,
                ("KUBECONFIG", "/nowhere/config"),
                ("MDI_LISTEN", "127.0.0.1:0"),
                ("MDI_LOG", "off"),
            ],
            &[],
            "KUBECONFIG",
        ),
    ];
    for (settings, arguments, named) in cases {
        let (success, output) = run(settings, arguments).await;
        assert!(!success, "{named}");
        assert!(
            output.contains(named) && output.starts_with("error: ") && output.trim_end().lines().count() == 1,
            "{named}: {output}"
        );
    }
}

#[tokio::test]
async fn the_binary_prints_the_definition_that_stands_in_crds() {
    let (success, printed) = run(&[], &["crd"]).await;
    let stands =
        std::fs::read_to_string(root().join("crds/manageddevopsidentities.mdi-operator.io.yaml")).unwrap();
    assert!(success && printed == stands, "crds/ is stale: run `make generate`");
}

#[tokio::test]
async fn health_readiness_and_metrics_tell_what_is_so() {
    let stage = Stage::without_operator(|_| {}).await;
    let listen = format!("127.0.0.1:{}", free_port());
    stage.start_operator(&[("MDI_LISTEN", &listen)]).await;
    stage.ready("agents").await;
    let get = async |path: &str| reqwest::get(format!("http://{listen}{path}")).await.unwrap();
    assert!(get("/healthz").await.status().is_success());
    assert!(get("/readyz").await.status().is_success());
    tokio::time::sleep(Duration::from_secs(6)).await;
    let metrics = get("/metrics").await.text().await.unwrap();
    for line in [
        r#"controller_runtime_reconcile_total{controller="manageddevopsidentity",result="requeue_after"}"#,
        r#"controller_runtime_reconcile_panics_total{controller="manageddevopsidentity"} 0"#,
        r#"mdi_azure_requests_total{code="201",service=""#,
        r#"mdi_objects{ready="True",reason="Succeeded"} 1"#,
        "process_resident_memory_bytes",
    ] {
        assert!(metrics.contains(line), "{line} is missing in\n{metrics}");
    }
    assert!(!metrics.contains("agents") && !metrics.contains(&stage.sample.client_secret));
    stage.stop_operator().await;
}

#[tokio::test]
async fn a_restart_writes_nothing_and_a_crash_after_a_creation_holds_it_as_adopted() {
    let stage = Stage::set().await;
    stage.ready("agents").await;
    stage.kill_operator().await;
    stage.azure.clear_log();
    stage.start_operator(&[]).await;
    stage.request("agents").await;
    assert_eq!(stage.writes(), [""; 0]);
    stage.kill_operator().await;

    // As if the process had died between Azure's answer and the status that records it.
    let forget = json!({"status": {"identity": null, "applied": null, "conditions": null, "observedGeneration": null}});
    stage.api().patch_status("agents", &PatchParams::default(), &Patch::Merge(forget)).await.unwrap();
    stage.start_operator(&[]).await;
    let object = stage.until_reason("agents", "Succeeded").await;
    assert_eq!(object.status.unwrap().identity.unwrap().origin, Some(Origin::Adopted));
    assert_eq!(stage.writes(), [""; 0]);
}

#[tokio::test]
async fn an_object_that_cannot_be_read_is_told_and_holds_up_no_other() {
    // A definition without a schema, as a careless hand leaves it, lets anything through; so a control plane of its own.
    let control_plane = harness::ControlPlane::start().await.unwrap();
    control_plane.kubectl(["apply", "-k", root().join("deploy/base").to_str().unwrap()]).await.unwrap();
    let loose = json!([
        {"op": "replace", "path": "/spec/versions/0/schema/openAPIV3Schema", "value": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
        {"op": "remove", "path": "/spec/versions/0/selectableFields"},
    ]);
    let crd = "crd/manageddevopsidentities.mdi-operator.io";
    control_plane.kubectl(["wait", "--for=condition=Established", crd, "--timeout=30s"]).await.unwrap();
    control_plane.kubectl(["patch", crd, "--type=json", "-p", &loose.to_string()]).await.unwrap();

    let stage = Stage::on(&control_plane).await;
    let kind = ApiResource::erase::<mdi_operator::api::ManagedDevOpsIdentity>(&());
    let api = Api::<DynamicObject>::namespaced_with(stage.client.clone(), &stage.namespace, &kind);
    let mut spec = stage.spec(|_| {});
    spec["mode"] = json!("Dream");
    let object = json!({"apiVersion": "mdi-operator.io/v1alpha1", "kind": "ManagedDevOpsIdentity", "metadata": {"name": "odd"}, "spec": spec});
    api.patch("odd", &PatchParams::apply("tester").force(), &Patch::Apply(object)).await.unwrap();
    stage.start_operator(&[]).await;
    let mut good = stage.spec(|_| {});
    good["interval"] = json!("30m");
    stage.apply("good", good).await;
    stage.until_reason("good", "Succeeded").await;
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    loop {
        let odd = serde_json::to_string(&api.get("odd").await.unwrap().data["status"]).unwrap();
        if odd.contains("InvalidSpec") && odd.contains("Dream") {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "never told: {odd}\n{}", stage.operator_log().await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    // What only the operator can see: the schema would have refused it.
    let mut bad = stage.spec(|_| {});
    bad["interval"] = json!("5s");
    stage.apply("bad", bad).await;
    let object = stage.until_stalled("bad", "InvalidSpec").await;
    let told = message(&object, types::STALLED);
    assert!(told.contains("spec.interval") && told.contains("5s") && told.contains("1m"), "{told}");
    assert_eq!(condition(&object, types::READY), Some(("False", "InvalidSpec")));
    stage.stop_operator().await;
    drop(stage);
    control_plane.stop().await.unwrap();
}

#[tokio::test]
async fn a_missing_definition_is_waited_for_and_named() {
    let control_plane = harness::ControlPlane::start().await.unwrap();
    control_plane.kubectl(["apply", "-k", root().join("deploy/base").to_str().unwrap()]).await.unwrap();
    control_plane.kubectl(["delete", "crd", "manageddevopsidentities.mdi-operator.io"]).await.unwrap();
    let stage = Stage::on(&control_plane).await;
    let listen = format!("127.0.0.1:{}", free_port());
    stage.start_operator(&[("MDI_LISTEN", &listen)]).await;
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    loop {
        if let Ok(answer) = reqwest::get(format!("http://{listen}/readyz")).await {
            assert_eq!(answer.status(), 503);
            if answer.text().await.unwrap().contains("crd") {
                break;
            }
        }
        assert!(std::time::Instant::now() < deadline, "{}", stage.operator_log().await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    control_plane.kubectl(["apply", "-k", root().join("crds").to_str().unwrap()]).await.unwrap();
    control_plane
        .kubectl([
            "wait",
            "--for=condition=Established",
            "crd/manageddevopsidentities.mdi-operator.io",
            "--timeout=30s",
        ])
        .await
        .unwrap();
    stage.ready("agents").await;
    stage.stop_operator().await;
    drop(stage);
    control_plane.stop().await.unwrap();
}

pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
