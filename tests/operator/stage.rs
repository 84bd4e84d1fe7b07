//! The stage of every test here: a real API server shared by all, and for each test a namespace, a simulated Azure and
//! an operator of its own, with the shipped manifests' service account and rights.
//!
//! The operator's and the simulator's clocks run faster by the same factor, so that grace and pace can be watched.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use azure_simulator::{
    Config, LoggedRequest, Settings, Simulator, Throttling,
    world::{Sample, World},
};
use harness::{ApiProxy, ControlPlane, Operator, Rule};
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use mdi_operator::api::{ManagedDevOpsIdentity, conditions::types, names::RECONCILE_REQUESTED_AT};
use serde_json::{Value, json};
use tokio::sync::{Mutex, OnceCell};

/// How much faster than real time the clocks run.
pub const TIME_SCALE: f64 = 30.0;
/// How long a test waits for what must come, in real time.
const PATIENCE: Duration = Duration::from_secs(40);

static CONTROL_PLANE: OnceCell<ControlPlane> = OnceCell::const_new();
static SERIAL: AtomicU32 = AtomicU32::new(0);

/// The control plane, with `deploy/base` applied to it.
pub async fn control_plane() -> &'static ControlPlane {
    CONTROL_PLANE
        .get_or_init(|| async {
            let control_plane = ControlPlane::start().await.expect("a control plane");
            apply_base(&control_plane).await;
            control_plane
        })
        .await
}

/// Applies `deploy/base`, and waits until the kind is known.
pub async fn apply_base(control_plane: &ControlPlane) {
    let base = root().join("deploy/base");
    control_plane.kubectl(["apply", "-k", base.to_str().unwrap()]).await.expect("deploy/base");
    let kind = "crd/manageddevopsidentities.mdi-operator.io";
    let wait = ["wait", "--for=condition=Established", kind, "--timeout=30s"];
    control_plane.kubectl(wait).await.expect("the kind");
}

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// One test's world.
pub struct Stage {
    pub azure: Simulator,
    pub sample: Sample,
    pub namespace: String,
    pub client: Client,
    kubeconfig: PathBuf,
    ca_file: PathBuf,
    time_scale: f64,
    operator: Mutex<Option<Operator>>,
}

impl Stage {
    /// A world like the sample's, and an operator at work in it.
    pub async fn set() -> Self {
        let stage = Self::without_operator(|_| {}).await;
        stage.start_operator(&[]).await;
        stage
    }

    /// The same with a hand laid on the world first, and nobody at work yet.
    pub async fn without_operator(change: impl FnOnce(&mut World)) -> Self {
        Self::build(control_plane().await, TIME_SCALE, change).await
    }

    /// A world on a control plane of its own, and nobody at work yet.
    pub async fn on(control_plane: &ControlPlane) -> Self {
        Self::build(control_plane, TIME_SCALE, |_| {}).await
    }

    /// The same at a pace of its own.
    pub async fn at_pace(control_plane: &ControlPlane, time_scale: f64) -> Self {
        Self::build(control_plane, time_scale, |_| {}).await
    }

    async fn build(control_plane: &ControlPlane, time_scale: f64, change: impl FnOnce(&mut World)) -> Self {
        let sample = Sample::default();
        let mut world = sample.world();
        change(&mut world);
        let azure = Simulator::start(Config {
            time_scale,
            settings: Settings {
                throttling: Throttling { resource_manager: true, provider: true },
                ..Settings::default()
            },
            ..Config::with_world(world)
        })
        .await
        .expect("a simulator");
        eprintln!("simulator seed: {}", azure.seed());
        let number = SERIAL.fetch_add(1, Ordering::Relaxed);
        let namespace = format!("team-{}-{number}", std::process::id());
        control_plane.kubectl(["create", "namespace", &namespace]).await.expect("a namespace");
        let kubeconfig = control_plane
            .service_account_kubeconfig("mdi-operator-system", "mdi-operator")
            .await
            .expect("an account");
        let ca_file = control_plane.directory().join(format!("azure-ca-{number}.pem"));
        azure.write_ca(&ca_file).expect("a CA file");
        Self {
            azure,
            sample,
            namespace,
            client: control_plane.client(),
            kubeconfig,
            ca_file,
            time_scale,
            operator: Mutex::new(None),
        }
    }

    /// The same Azure, seen from another cluster: the namespace is there anew, and empty; nobody is at work yet.
    pub async fn moved_to(self, control_plane: &ControlPlane) -> Self {
        control_plane.kubectl(["create", "namespace", &self.namespace]).await.expect("a namespace");
        let kubeconfig = control_plane
            .service_account_kubeconfig("mdi-operator-system", "mdi-operator")
            .await
            .expect("an account");
        Self { client: control_plane.client(), kubeconfig, ..self }
    }

    /// What the operator is started with.
    pub fn settings(&self) -> Vec<(String, String)> {
        [
            ("AZURE_AUTHORITY_HOST", self.azure.authority()),
            ("AZURE_RESOURCE_MANAGER_ENDPOINT", self.azure.resource_manager()),
            ("AZURE_DEVOPS_ENDPOINT", self.azure.devops()),
            ("AZURE_TENANT_ID", self.sample.tenant.clone()),
            ("AZURE_CLIENT_ID", self.sample.client_id.clone()),
            ("AZURE_CLIENT_SECRET", self.sample.client_secret.clone()),
            ("MDI_CA_FILE", self.ca_file.display().to_string()),
            ("MDI_NAMESPACES", self.namespace.clone()),
            ("MDI_LISTEN", "127.0.0.1:0".into()),
            ("MDI_LOG", "info,mdi_operator=debug".into()),
            ("MDI_TEST_TIME_SCALE", self.time_scale.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    /// Starts an operator, with settings beside or instead of the usual ones.
    pub async fn start_operator(&self, more: &[(&str, &str)]) {
        self.start_operator_by(&self.kubeconfig, more).await;
    }

    /// The same behind a proxy that does with its requests to the API server as it is told.
    pub async fn start_operator_behind_a_proxy(&self, more: &[(&str, &str)]) -> ApiProxy {
        let proxy = ApiProxy::start(&self.kubeconfig).await.expect("a proxy");
        self.start_operator_by(proxy.kubeconfig(), more).await;
        proxy
    }

    /// The same, with its first request of a method on paths like `path` held.
    pub async fn start_operator_held_at(
        &self,
        method: &str,
        path: &str,
        more: &[(&str, &str)],
    ) -> (ApiProxy, Rule) {
        let proxy = ApiProxy::start(&self.kubeconfig).await.expect("a proxy");
        let held = proxy.hold_before(method, path);
        self.start_operator_by(proxy.kubeconfig(), more).await;
        (proxy, held)
    }

    async fn start_operator_by(&self, kubeconfig: &Path, more: &[(&str, &str)]) {
        let mut settings = self.settings();
        for (name, value) in more {
            settings.retain(|(known, _)| known != name);
            settings.push(((*name).to_owned(), (*value).to_owned()));
        }
        let binary = Path::new(env!("CARGO_BIN_EXE_mdi-operator"));
        let operator = Operator::start(binary, kubeconfig, settings, ["run"]).expect("the operator");
        *self.operator.lock().await = Some(operator);
    }

    /// Stops the operator as a kubelet does, and expects it to end well.
    pub async fn stop_operator(&self) {
        if let Some(mut operator) = self.operator.lock().await.take() {
            let status = operator.terminate(Duration::from_secs(30)).await.expect("an end");
            assert!(status.success(), "the operator ended with {status}:\n{}", operator.log());
        }
    }

    /// Kills the operator, as a node that fails does.
    pub async fn kill_operator(&self) {
        if let Some(mut operator) = self.operator.lock().await.take() {
            operator.kill().await.expect("an end");
        }
    }

    /// Stops the operator in its tracks, as a node does that is frozen: clocks go on.
    pub async fn pause_operator(&self) {
        self.operator.lock().await.as_mut().expect("an operator").pause().await.expect("a signal");
    }

    /// Lets it go on.
    pub async fn resume_operator(&self) {
        self.operator.lock().await.as_mut().expect("an operator").resume().await.expect("a signal");
    }

    /// All that the operator has printed.
    pub async fn operator_log(&self) -> String {
        self.operator.lock().await.as_ref().map(Operator::log).unwrap_or_default()
    }

    /// Waits until the operator has ended by itself, and gives all that it printed.
    pub async fn until_operator_ends(&self) -> String {
        let mut operator = self.operator.lock().await.take().expect("an operator");
        let status = tokio::time::timeout(PATIENCE, operator.wait()).await;
        let status = status.unwrap_or_else(|_| panic!("it goes on:\n{}", operator.log())).expect("an end");
        assert!(!status.success(), "{}", operator.log());
        operator.log()
    }

    /// What the operator is given to find the API server.
    pub fn kubeconfig(&self) -> String {
        std::fs::read_to_string(&self.kubeconfig).expect("a kubeconfig")
    }

    /// Address of the API server, as the operator knows it.
    pub fn api_server(&self) -> String {
        let kubeconfig = kube::config::Kubeconfig::from_yaml(&self.kubeconfig()).expect("a kubeconfig");
        kubeconfig.clusters[0].cluster.clone().and_then(|cluster| cluster.server).expect("an address")
    }

    pub fn api(&self) -> Api<ManagedDevOpsIdentity> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// The spec of an object for organization `contoso` with all defaults, changed as wished.
    pub fn spec(&self, change: impl FnOnce(&mut Value)) -> Value {
        let mut spec = json!({
            "organization": "contoso",
            "identity": {
                "subscriptionId": self.sample.subscription,
                "resourceGroup": self.sample.group,
                "location": self.sample.location,
            },
        });
        change(&mut spec);
        spec
    }

    /// Applies an object as `kubectl apply --server-side` does.
    pub async fn apply(&self, name: &str, spec: Value) -> ManagedDevOpsIdentity {
        self.try_apply(name, spec).await.expect("a valid object")
    }

    /// The same, where the API server may refuse it.
    pub async fn try_apply(&self, name: &str, spec: Value) -> Result<ManagedDevOpsIdentity, kube::Error> {
        let object = json!({
            "apiVersion": "mdi-operator.io/v1alpha1", "kind": "ManagedDevOpsIdentity",
            "metadata": {"name": name}, "spec": spec,
        });
        self.api().patch(name, &PatchParams::apply("tester").force(), &Patch::Apply(object)).await
    }

    /// Applies an object with all defaults and waits until it is ready.
    pub async fn ready(&self, name: &str) -> ManagedDevOpsIdentity {
        self.apply(name, self.spec(|_| {})).await;
        self.until(name, "Ready", |object| condition(object, types::READY) == Some(("True", "Succeeded")))
            .await
    }

    /// Asks for a pass now, as a user in a hurry does, and waits until it was answered.
    pub async fn request(&self, name: &str) -> ManagedDevOpsIdentity {
        let token = format!("request-{}", SERIAL.fetch_add(1, Ordering::Relaxed));
        let patch = json!({"metadata": {"annotations": {RECONCILE_REQUESTED_AT: token}}});
        self.api().patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.expect("an annotation");
        self.until(name, "an answer to the request", |object| {
            object.status.as_ref().and_then(|s| s.last_handled_reconcile_at.as_deref()) == Some(&token)
        })
        .await
    }

    /// Waits until an object is as it must become; fails with all that is known.
    pub async fn until(
        &self,
        name: &str,
        what: &str,
        is_so: impl Fn(&ManagedDevOpsIdentity) -> bool,
    ) -> ManagedDevOpsIdentity {
        let begun = Instant::now();
        loop {
            let object = self.api().get_opt(name).await.expect("the API server");
            if let Some(object) = object.as_ref().filter(|object| is_so(object)) {
                return object.clone();
            }
            if begun.elapsed() > PATIENCE {
                let seen = object.map(|object| serde_json::to_string_pretty(&object.status).unwrap());
                panic!(
                    "{name} never came to: {what}\n{}\n{}",
                    seen.unwrap_or_default(),
                    self.operator_log().await
                );
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until `Ready` has this reason, `Stalled` with it if it is one for a person.
    pub async fn until_reason(&self, name: &str, reason: &str) -> ManagedDevOpsIdentity {
        self.until(name, reason, |object| condition(object, types::READY).is_some_and(|(_, r)| r == reason))
            .await
    }

    /// Waits until `Stalled` has this reason.
    pub async fn until_stalled(&self, name: &str, reason: &str) -> ManagedDevOpsIdentity {
        self.until(name, reason, |object| condition(object, types::STALLED) == Some(("True", reason))).await
    }

    /// Deletes an object and waits until it is gone.
    pub async fn delete(&self, name: &str) {
        self.begin_deletion(name).await;
        self.until_gone(name).await;
    }

    /// Deletes an object and waits for nothing.
    pub async fn begin_deletion(&self, name: &str) {
        self.api().delete(name, &kube::api::DeleteParams::default()).await.expect("a deletion");
    }

    /// Waits until an object is gone.
    pub async fn until_gone(&self, name: &str) {
        let begun = Instant::now();
        while let Some(object) = self.api().get_opt(name).await.expect("the API server") {
            let status = || serde_json::to_string_pretty(&object.status).unwrap();
            assert!(
                begun.elapsed() < PATIENCE,
                "{name} was never let go\n{}\n{}",
                status(),
                self.operator_log().await
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Applies an object that is to be deleted with its identity, and waits until it is ready.
    pub async fn ready_to_delete(&self, name: &str, pools: &[&str]) {
        let pools: Vec<_> = pools.iter().map(|pool| json!({"name": pool})).collect();
        let spec = self.spec(|spec| {
            spec["deletionPolicy"] = json!("Delete");
            spec["interval"] = json!("1m");
            spec["pools"] = json!(pools);
        });
        self.apply(name, spec).await;
        self.until_reason(name, "Succeeded").await;
    }

    /// Whether an identity of the sample's group exists.
    pub fn exists(&self, name: &str) -> bool {
        let id = self.id(name);
        self.azure.state().with(|world| world.identity(&id).is_some())
    }

    /// Changes the spec of an object as `kubectl patch` does.
    pub async fn patch_spec(&self, name: &str, spec: Value) {
        let patch = json!({ "spec": spec });
        self.api().patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.expect("a valid change");
    }

    /// Asks for a pass now, and waits for nothing.
    pub async fn ask_for_a_look(&self, name: &str) {
        let token = format!("look-{}", SERIAL.fetch_add(1, Ordering::Relaxed));
        let patch = json!({"metadata": {"annotations": {RECONCILE_REQUESTED_AT: token}}});
        self.api().patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.expect("an annotation");
    }

    /// Sets a tag of an identity, as somebody at the portal does.
    pub fn set_tag(&self, name: &str, key: &str, value: &str) {
        let id = self.id(name);
        self.azure.state().with(|world| world.set_tag(&id, key, value)).expect("an identity");
    }

    /// Waits for a time of the operator's clock.
    pub async fn let_pass(&self, time: Duration) {
        tokio::time::sleep(time.div_f64(TIME_SCALE)).await;
    }

    /// Requests to Resource Manager and Azure DevOps since the log was cleared.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.azure
            .log()
            .into_iter()
            .filter(|request| !request.path.contains("oauth2") && !request.path.contains(".well-known"))
            .collect()
    }

    /// How often a method was used on identities.
    pub fn identity_requests(&self, method: &str) -> usize {
        self.requests()
            .iter()
            .filter(|r| r.method == method && r.path.to_lowercase().contains("/userassignedidentities"))
            .count()
    }

    /// Writes to Resource Manager since the log was cleared.
    pub fn writes(&self) -> Vec<String> {
        self.requests()
            .iter()
            .filter(|request| !["GET", "HEAD"].contains(&request.method.as_str()))
            .map(|request| format!("{} {}", request.method, request.path))
            .collect()
    }

    /// The ARM id of an identity of the sample's group.
    pub fn id(&self, name: &str) -> String {
        self.sample.identity_id(name).replace("/resourcegroups/", "/resourceGroups/")
    }

    /// A tag of an identity.
    pub fn tag(&self, name: &str, key: &str) -> Option<String> {
        let id = self.id(name);
        self.azure.state().with(|world| {
            let identity = world.identity(&id)?;
            identity.tags.iter().find(|(k, _)| k.as_str().eq_ignore_ascii_case(key)).map(|(_, v)| v.clone())
        })
    }

    /// Reasons of the events about an object.
    pub async fn events(&self, name: &str) -> Vec<(String, String)> {
        let all =
            Api::<k8s_openapi::api::events::v1::Event>::namespaced(self.client.clone(), &self.namespace);
        let all = all.list(&kube::api::ListParams::default()).await.expect("events");
        all.items
            .into_iter()
            .filter(|event| event.regarding.as_ref().and_then(|r| r.name.as_deref()) == Some(name))
            .map(|event| (event.type_.unwrap_or_default(), event.reason.unwrap_or_default()))
            .collect()
    }

    /// Waits for an event of this type and reason.
    pub async fn until_event(&self, name: &str, type_: &str, reason: &str) {
        let begun = Instant::now();
        loop {
            let events = self.events(name).await;
            if events.iter().any(|(t, r)| t == type_ && r == reason) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "no event {type_} {reason} about {name}, only {events:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// Status and reason of a condition.
pub fn condition<'a>(object: &'a ManagedDevOpsIdentity, kind: &str) -> Option<(&'a str, &'a str)> {
    let condition = object.status.as_ref()?.conditions.iter().find(|c| c.type_ == kind)?;
    Some((&condition.status, &condition.reason))
}

/// Message of a condition.
pub fn message(object: &ManagedDevOpsIdentity, kind: &str) -> String {
    let conditions = object.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    conditions.iter().find(|c| c.type_ == kind).map(|c| c.message.clone()).unwrap_or_default()
}
