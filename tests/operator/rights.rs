//! The shipped manifests on a real API server: they apply, and their rights are enough and no more.

use crate::stage::{control_plane, root};

#[tokio::test]
async fn the_samples_are_valid_objects() {
    let samples = root().join("deploy/samples");
    let control_plane = control_plane().await;
    let printed =
        control_plane.kubectl(["apply", "--dry-run=server", "-k", samples.to_str().unwrap()]).await.unwrap();
    assert!(printed.lines().count() >= 3, "{printed}");
}

#[tokio::test]
async fn the_operator_may_do_what_it_does_and_nothing_else() {
    let control_plane = control_plane().await;
    let kubeconfig =
        control_plane.service_account_kubeconfig("mdi-operator-system", "mdi-operator").await.unwrap();
    let as_operator = control_plane.kubectl_as(&kubeconfig);
    let may = [
        "list manageddevopsidentities.mdi-operator.io",
        "watch manageddevopsidentities.mdi-operator.io",
        "patch manageddevopsidentities.mdi-operator.io",
        "create events.events.k8s.io",
        "get namespaces/kube-system",
    ];
    let may_not = [
        "create manageddevopsidentities.mdi-operator.io",
        "delete manageddevopsidentities.mdi-operator.io",
        "get secrets",
        "patch events.events.k8s.io",
        "list namespaces",
        "get pods",
        "patch customresourcedefinitions.apiextensions.k8s.io",
        "create serviceaccounts --subresource=token",
    ];
    for (verbs, expected) in [(&may[..], true), (&may_not[..], false)] {
        for verb in verbs {
            // It answers "no" by its exit code.
            let arguments = ["auth", "can-i"].into_iter().chain(verb.split(' ')).chain(["-A"]);
            assert_eq!(as_operator.run(arguments).await.is_ok(), expected, "{verb}");
        }
    }
}

#[tokio::test]
async fn only_the_viewer_is_aggregated_and_nobody_may_write_status() {
    let control_plane = control_plane().await;
    let can = async |who: &str, verb: &str, what: &str| {
        let user = format!("--as-group={who}");
        let arguments = ["auth", "can-i", verb, what, "--as=somebody", user.as_str()];
        control_plane.kubectl(arguments).await.is_ok()
    };
    for role in ["view", "edit", "admin"] {
        let binding = format!("people-{role}");
        let group = format!("--group=people-{role}");
        let cluster_role = format!("--clusterrole={role}");
        control_plane
            .kubectl(["create", "clusterrolebinding", &binding, &cluster_role, &group])
            .await
            .unwrap();
    }
    let kind = "manageddevopsidentities.mdi-operator.io";
    let begun = std::time::Instant::now();
    while !can("people-view", "get", kind).await {
        assert!(begun.elapsed().as_secs() < 20, "the viewer was never aggregated into view");
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    for group in ["people-view", "people-edit", "people-admin"] {
        assert!(!can(group, "create", kind).await, "{group}");
        assert!(!can(group, "patch", &format!("{kind}/status")).await, "{group}");
    }
}
