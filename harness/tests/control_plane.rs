//! The control plane is a real one: it authenticates, refuses, and tidies up as a cluster does.

use harness::{ControlPlane, Error};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::Api;
use kube::api::PostParams;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !holds().await {
        assert!(Instant::now() < deadline, "still not so after a minute: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

const ACCOUNT_THAT_READS_CONFIG_MAPS: &str = "
apiVersion: v1
kind: ServiceAccount
metadata: {name: reader, namespace: default}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader, namespace: default}
rules:
- {apiGroups: [''], resources: [configmaps], verbs: [get, list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: reader, namespace: default}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects:
- {kind: ServiceAccount, name: reader, namespace: default}
";

#[tokio::test]
async fn it_is_ready_and_tells_the_version_it_was_built_from() {
    let control_plane = ControlPlane::start().await.unwrap();
    assert_eq!(control_plane.kubectl(["get", "--raw", "/readyz"]).await.unwrap(), "ok");
    let version = control_plane.client().apiserver_version().await.unwrap();
    assert!(version.git_version.starts_with("v1."), "{}", version.git_version);
    control_plane.stop().await.unwrap();
}

#[tokio::test]
async fn a_service_account_gets_what_its_role_says_and_nothing_else() {
    let control_plane = ControlPlane::start().await.unwrap();
    control_plane.apply(ACCOUNT_THAT_READS_CONFIG_MAPS).await.unwrap();
    let kubeconfig = control_plane.service_account_kubeconfig("default", "reader").await.unwrap();
    assert_eq!(std::fs::metadata(&kubeconfig).unwrap().permissions().mode() & 0o777, 0o600);

    let reader = control_plane.kubectl_as(&kubeconfig);
    let name = reader.run(["auth", "whoami", "-o", "jsonpath={.status.userInfo.username}"]).await.unwrap();
    assert_eq!(name, "system:serviceaccount:default:reader");
    // A role takes a moment to reach the API server's own authorizer.
    until("the account reads config maps", async || reader.run(["get", "configmaps"]).await.is_ok()).await;

    let Err(Error::Kubectl { arguments, stderr }) = reader.run(["get", "secrets"]).await else {
        panic!("the account may read secrets")
    };
    assert_eq!(arguments, "get secrets");
    assert!(
        stderr.contains("Forbidden") && stderr.contains("system:serviceaccount:default:reader"),
        "{stderr}"
    );
}

#[tokio::test]
async fn an_account_that_is_not_there_has_no_kubeconfig() {
    let control_plane = ControlPlane::start().await.unwrap();
    let error = control_plane.service_account_kubeconfig("default", "nobody").await.unwrap_err().to_string();
    assert!(error.contains("\"nobody\" not found"), "{error}");
}

#[tokio::test]
async fn who_comes_without_a_token_or_trusts_another_authority_is_refused() {
    let (one, other) = tokio::join!(ControlPlane::start(), ControlPlane::start());
    let (one, other) = (one.unwrap(), other.unwrap());

    let text = std::fs::read_to_string(one.admin_kubeconfig()).unwrap();
    let write = |name: &str, text: String| -> PathBuf {
        let file = one.directory().join(name);
        std::fs::write(&file, text).unwrap();
        file
    };
    let misled = write("misled", text.replace(one.server(), other.server()));
    let error = one.kubectl_as(&misled).run(["get", "namespaces"]).await.unwrap_err().to_string();
    assert!(error.contains("certificate signed by unknown authority"), "{error}");

    let guess = write("guess", text.replace("\"token\": \"", "\"token\": \"x"));
    let error = one.kubectl_as(&guess).run(["get", "namespaces"]).await.unwrap_err().to_string();
    assert!(error.contains("Unauthorized") || error.contains("must be logged in"), "{error}");
}

#[tokio::test]
async fn two_side_by_side_know_nothing_of_each_other() {
    let (one, other) = tokio::join!(ControlPlane::start(), ControlPlane::start());
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_ne!(one.directory(), other.directory());

    one.kubectl(["create", "namespace", "only-here"]).await.unwrap();
    one.kubectl(["get", "namespace", "only-here"]).await.unwrap();
    let error = other.kubectl(["get", "namespace", "only-here"]).await.unwrap_err().to_string();
    assert!(error.contains("NotFound"), "{error}");

    one.stop().await.unwrap();
    assert_eq!(other.kubectl(["get", "--raw", "/readyz"]).await.unwrap(), "ok");
}

/// Without a controller manager (programs from setup-envtest) this cannot be, and the harness has said so.
#[tokio::test]
async fn namespaces_vanish_owned_objects_are_collected_and_roles_are_aggregated() {
    let control_plane = ControlPlane::start().await.unwrap();
    if control_plane.programs().controller_manager().is_none() {
        return;
    }
    let client = control_plane.client();
    let namespaces = Api::<Namespace>::all(client.clone());
    control_plane.kubectl(["create", "namespace", "passing"]).await.unwrap();
    control_plane.kubectl(["create", "configmap", "inside", "--namespace", "passing"]).await.unwrap();

    let config_maps = Api::<ConfigMap>::namespaced(client, "default");
    let mut owner = ConfigMap::default();
    owner.metadata.name = Some("owner".to_owned());
    let owner = config_maps.create(&PostParams::default(), &owner).await.unwrap();
    let mut dependent = ConfigMap::default();
    dependent.metadata.name = Some("owned".to_owned());
    dependent.metadata.owner_references =
        kube::Resource::owner_ref(&owner, &()).map(|reference| vec![reference]);
    config_maps.create(&PostParams::default(), &dependent).await.unwrap();

    control_plane.kubectl(["delete", "namespace", "passing", "--wait=false"]).await.unwrap();
    control_plane.kubectl(["delete", "configmap", "owner"]).await.unwrap();
    until("the namespace is gone", async || namespaces.get_opt("passing").await.unwrap().is_none()).await;
    until("the owned object is gone", async || config_maps.get_opt("owned").await.unwrap().is_none()).await;

    let rule = "
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: see-widgets
  labels: {rbac.authorization.k8s.io/aggregate-to-view: 'true'}
rules:
- {apiGroups: [widgets.test], resources: [widgets], verbs: [get]}
";
    control_plane.apply(rule).await.unwrap();
    until("the rule is part of the view role", async || {
        control_plane
            .kubectl(["get", "clusterrole", "view", "-o", "yaml"])
            .await
            .unwrap()
            .contains("widgets.test")
    })
    .await;
}
