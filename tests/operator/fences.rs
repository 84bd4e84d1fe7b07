//! Fences between namespaces: what is allowed works, what is not causes no request, and a file changes while we run.

use std::{
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use mdi_operator::api::conditions::types;
use serde_json::{Value, json};

use crate::{
    process::{CLIENT, SECRET, TENANT, free_port, run},
    stage::{Stage, condition, control_plane, message, root},
};

/// A mounted `ConfigMap`: links to links, of which the kubelet swaps one.
struct Mount(PathBuf);

impl Mount {
    async fn new(stage: &Stage, text: &str) -> Self {
        let directory = control_plane().await.directory().join(format!("fences-{}", stage.namespace));
        std::fs::create_dir_all(&directory).unwrap();
        symlink("..data/fences.yaml", directory.join("fences.yaml")).unwrap();
        let mount = Self(directory);
        mount.change(text);
        mount
    }

    fn change(&self, text: &str) {
        let version = format!("..{}", uuid::Uuid::new_v4());
        std::fs::create_dir(self.0.join(&version)).unwrap();
        std::fs::write(self.0.join(&version).join("fences.yaml"), text).unwrap();
        symlink(&version, self.0.join("..next")).unwrap();
        std::fs::rename(self.0.join("..next"), self.0.join("..data")).unwrap();
    }

    fn vanish(&self) {
        std::fs::remove_file(self.0.join("..data")).unwrap();
    }

    fn file(&self) -> String {
        self.0.join("fences.yaml").display().to_string()
    }
}

/// A rule that lets these namespaces use the sample's group for `contoso`, with more lines in it.
fn rule(stage: &Stage, namespaces: &str, more: &str) -> String {
    format!(
        "  - {namespaces}\n    subscriptions:\n      - subscriptionId: {}\n        resourceGroups: [{}]\n    organizations: [contoso]\n{more}",
        stage.sample.subscription.to_uppercase(),
        stage.sample.group.to_uppercase(),
    )
}

fn fences(rules: &[String]) -> String {
    format!("rules:\n{}", rules.join(""))
}

const CLOSED: &str = "rules: []\n";

fn open_for(stage: &Stage) -> String {
    fences(&[rule(stage, &format!("namespaces: [{}]", stage.namespace), "")])
}

async fn fenced(text: impl FnOnce(&Stage) -> String) -> (Stage, Mount) {
    let stage = Stage::without_operator(|_| {}).await;
    let mount = Mount::new(&stage, &text(&stage)).await;
    stage.start_operator(&[("MDI_FENCES_FILE", &mount.file())]).await;
    (stage, mount)
}

/// A stage with a second team's namespace, whose name it returns, and nobody at work yet.
async fn two_teams() -> (Stage, String) {
    let stage = Stage::without_operator(|_| {}).await;
    let other = format!("{}-b", stage.namespace);
    control_plane().await.kubectl(["create", "namespace", &other]).await.unwrap();
    (stage, other)
}

async fn start_for_both(stage: &Stage, other: &str, mount: &Mount) {
    let namespaces = format!("{},{other}", stage.namespace);
    stage.start_operator(&[("MDI_NAMESPACES", &namespaces), ("MDI_FENCES_FILE", &mount.file())]).await;
}

async fn until_log(stage: &Stage, what: &str) {
    let begun = Instant::now();
    while !stage.operator_log().await.contains(what) {
        let log = stage.operator_log().await;
        assert!(begun.elapsed() < Duration::from_secs(20), "never said: {what}\n{log}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_team_within_its_fence_is_served_and_for_one_beyond_nothing_is_asked_of_azure() {
    let (mut stage, other) = two_teams().await;
    let elsewhere = format!(
        "  - namespaces: [{other}]\n    subscriptions:\n      - subscriptionId: {}\n    organizations: ['*']\n",
        stage.sample.other_tenant,
    );
    let text = fences(&[rule(&stage, &format!("namespaces: [{}]", stage.namespace), ""), elsewhere]);
    let mount = Mount::new(&stage, &text).await;
    start_for_both(&stage, &other, &mount).await;
    stage.ready("agents").await;
    stage.azure.clear_log();

    stage.apply("greedy", stage.spec(|spec| spec["adoptionPolicy"] = json!("Adopt"))).await;
    let greedy = stage.until_stalled("greedy", "ScopeNotAllowed").await;
    assert!(message(&greedy, types::READY).starts_with("spec.adoptionPolicy: Adopt may not be used in"));
    stage.apply("ruthless", stage.spec(|spec| spec["deletionPolicy"] = json!("Delete"))).await;
    let ruthless = stage.until_stalled("ruthless", "ScopeNotAllowed").await;
    assert!(message(&ruthless, types::READY).starts_with("spec.deletionPolicy: Delete may not be used in"));

    stage.namespace.clone_from(&other);
    stage.apply("intruder", stage.spec(|_| {})).await;
    stage.until_stalled("intruder", "ScopeNotAllowed").await;
    let intruder = stage.request("intruder").await;
    assert_eq!(condition(&intruder, types::READY), Some(("False", "ScopeNotAllowed")));
    assert_eq!(condition(&intruder, types::DIRECTORY_MATCHED), Some(("Unknown", "ScopeNotAllowed")));
    assert_eq!(condition(&intruder, types::RECONCILING), None);
    assert_eq!(intruder.metadata.finalizers, None);
    let told = message(&intruder, types::READY);
    for part in ["spec.identity.subscriptionId", &stage.sample.subscription, &other, "MDI_FENCES_FILE"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    stage.until_event("intruder", "Warning", "ScopeNotAllowed").await;
    assert_eq!(stage.azure.log().len(), 0, "nothing is asked, not even for a token");
    stage.delete("intruder").await;
    assert_eq!(stage.azure.log().len(), 0);
}

#[tokio::test]
async fn a_changed_file_opens_and_closes_without_a_restart() {
    let (stage, mount) = fenced(|_| CLOSED.into()).await;
    stage.apply("agents", stage.spec(|_| {})).await;
    let object = stage.until_stalled("agents", "ScopeNotAllowed").await;
    assert!(message(&object, types::READY).starts_with("metadata.namespace: no rule"));
    assert_eq!(stage.azure.log().len(), 0);

    // Its own next look is a minute away in real time; these come at once.
    mount.change(&open_for(&stage));
    let served = stage.until_reason("agents", "Succeeded").await;
    assert!(stage.operator_log().await.contains("the fences file was read anew and is in force"));

    mount.change(CLOSED);
    let refused = stage.until_stalled("agents", "ScopeNotAllowed").await;
    assert_eq!(refused.metadata.finalizers, served.metadata.finalizers, "what is held is still held");
    let status = |object: &mdi_operator::api::ManagedDevOpsIdentity| object.status.clone().unwrap();
    assert_eq!(status(&refused).identity, status(&served).identity);
    stage.azure.clear_log();
    stage.request("agents").await;
    assert_eq!(stage.azure.log().len(), 0);
}

#[tokio::test]
async fn a_bad_or_missing_new_file_leaves_the_last_good_one_in_force_loudly() {
    const LOUD: &str = "the fences file cannot be used: the last good one stays in force";
    let stage = Stage::without_operator(|_| {}).await;
    let mount = Mount::new(&stage, &open_for(&stage)).await;
    let listen = format!("127.0.0.1:{}", free_port());
    stage.start_operator(&[("MDI_FENCES_FILE", &mount.file()), ("MDI_LISTEN", &listen)]).await;
    stage.ready("agents").await;
    let get = async |path: &str| {
        let answer = reqwest::get(format!("http://{listen}{path}")).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let told_stale = async || get("/metrics").await.1.contains("\nmdi_fences_stale 1\n");
    assert!(!told_stale().await);

    mount.change("rules:\n  - namespaces: [team-a]\n    everything: true\n");
    until_log(&stage, LOUD).await;
    assert!(told_stale().await);
    assert_eq!(get("/readyz").await.0, 200);
    // Two more looks at the same file say nothing more.
    tokio::time::sleep(Duration::from_secs(7)).await;
    let log = stage.operator_log().await;
    assert_eq!(log.matches(LOUD).count(), 1, "{log}");
    assert!(log.contains("line 3") && log.contains("everything"), "{log}");
    stage.apply("more", stage.spec(|_| {})).await;
    stage.until_reason("more", "Succeeded").await;
    stage.apply("elsewhere", stage.spec(|spec| spec["organization"] = json!("fabrikam"))).await;
    stage.until_stalled("elsewhere", "ScopeNotAllowed").await;

    mount.vanish();
    until_log(&stage, "cannot be read").await;
    assert!(told_stale().await);
    let object = stage.request("elsewhere").await;
    assert_eq!(condition(&object, types::STALLED), Some(("True", "ScopeNotAllowed")), "it never opens");

    mount.change(CLOSED);
    stage.until_stalled("agents", "ScopeNotAllowed").await;
    assert!(!told_stale().await);
}

#[tokio::test]
async fn a_bad_or_missing_file_at_start_ends_the_process_with_one_line() {
    let bad = std::env::temp_dir().join(format!("mdi-operator-bad-fences-{}", std::process::id()));
    std::fs::write(&bad, "rules:\n  - namespaces: [team-*]\n    subscriptions: [{subscriptionId: '*'}]\n    organizations: ['*']\n").unwrap();
    let cases: [(&Path, &str); 2] = [
        (&bad, "line 2, namespaces: \"team-*\" is not the name of a namespace; write each name in full"),
        (Path::new("/nowhere/fences.yaml"), "cannot be read (No such file"),
    ];
    for (file, wrong) in cases {
        let file = file.to_str().unwrap();
        let (success, output) = run(&[TENANT, CLIENT, SECRET, ("MDI_FENCES_FILE", file)], &[]).await;
        assert!(!success, "{file}");
        assert!(output.starts_with(&format!("error: MDI_FENCES_FILE (--fences-file): {file}")), "{output}");
        assert!(output.contains(wrong) && output.trim_end().lines().count() == 1, "{output}");
    }
    std::fs::remove_file(&bad).unwrap();
}

#[tokio::test]
async fn without_a_file_all_is_allowed_and_a_warning_says_so() {
    let stage = Stage::set().await;
    stage.ready("agents").await;
    let log = stage.operator_log().await;
    assert!(log.contains("WARN") && log.contains("there are no fences"), "{log}");
}

#[tokio::test]
async fn a_deletion_beyond_the_fence_sends_no_request_and_says_what_was_left() {
    let (stage, mount) = fenced(|stage| {
        fences(&[rule(stage, &format!("namespaces: [{}]", stage.namespace), "    allowDelete: true\n")])
    })
    .await;
    stage.ready("agents").await;
    stage.apply("doomed", stage.spec(|spec| spec["deletionPolicy"] = json!("Delete"))).await;
    stage.until_reason("doomed", "Succeeded").await;

    // The place is still allowed, Delete is not any more.
    mount.change(&open_for(&stage));
    stage.until_stalled("doomed", "ScopeNotAllowed").await;
    stage.azure.clear_log();
    stage.delete("doomed").await;
    // The other object is within its fence, and may be looked at meanwhile.
    assert!(!stage.azure.log().iter().any(|request| request.path.contains("doomed")));
    stage.until_event("doomed", "Warning", "IdentityLeftBehind").await;

    mount.change(CLOSED);
    stage.until_stalled("agents", "ScopeNotAllowed").await;
    stage.azure.clear_log();
    stage.delete("agents").await;
    assert_eq!(stage.azure.log().len(), 0);
    stage.until_event("agents", "Warning", "IdentityLeftBehind").await;
    for name in ["agents", "doomed"] {
        assert_eq!(
            stage.tag(name, "mdi-operator-object"),
            Some(format!("{}/{name}", stage.namespace)),
            "the identity is whole"
        );
        assert_eq!(stage.tag(name, "mdi-operator-released"), None);
    }
}

#[tokio::test]
async fn an_older_object_beyond_its_fence_does_not_stand_in_the_way_of_one_within() {
    let (mut stage, other) = two_teams().await;
    let mount = Mount::new(&stage, &fences(&[rule(&stage, &format!("namespaces: [{other}]"), "")])).await;
    let shared = |stage: &Stage| -> Value { stage.spec(|spec| spec["identity"]["name"] = json!("shared")) };
    stage.apply("older", shared(&stage)).await;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let first = std::mem::replace(&mut stage.namespace, other.clone());
    stage.apply("younger", shared(&stage)).await;
    stage.namespace = first.clone();
    start_for_both(&stage, &other, &mount).await;
    stage.until_stalled("older", "ScopeNotAllowed").await;
    stage.namespace.clone_from(&other);
    stage.until_reason("younger", "Succeeded").await;
    assert_eq!(stage.tag("shared", "mdi-operator-object"), Some(format!("{other}/younger")));
}

#[tokio::test]
async fn labels_of_a_namespace_are_read_with_the_right_to_and_without_it_the_message_says_so() {
    let (stage, _mount) =
        fenced(|stage| fences(&[rule(stage, "namespaceSelector: {matchLabels: {team: a}}", "")])).await;
    let control_plane = control_plane().await;
    let namespace = stage.namespace.as_str();
    control_plane.kubectl(["label", "namespace", namespace, "team=a"]).await.unwrap();
    stage.apply("agents", stage.spec(|_| {})).await;
    let object = stage.until_stalled("agents", "ScopeNotAllowed").await;
    let told = message(&object, types::READY);
    assert!(told.contains("give it the right to get namespaces"), "{told}");
    assert_eq!(stage.azure.log().len(), 0);

    // For this namespace alone: others' tests share the account.
    let in_it = ["-n", namespace];
    let role = ["create", "role", "labels", "--verb=get", "--resource=namespaces"];
    control_plane.kubectl(role.into_iter().chain(in_it)).await.unwrap();
    let account = "--serviceaccount=mdi-operator-system:mdi-operator";
    let binding = ["create", "rolebinding", "labels", "--role=labels", account];
    control_plane.kubectl(binding.into_iter().chain(in_it)).await.unwrap();
    let begun = Instant::now();
    // The API server itself takes a moment to know of a new right.
    while condition(&stage.request("agents").await, types::READY) != Some(("True", "Succeeded")) {
        assert!(begun.elapsed() < Duration::from_secs(20), "{}", stage.operator_log().await);
    }

    control_plane.kubectl(["label", "namespace", namespace, "team-"]).await.unwrap();
    stage.azure.clear_log();
    let object = stage.request("agents").await;
    let told = message(&object, types::STALLED);
    assert!(told.starts_with("metadata.namespace: no rule") && !told.contains("labels"), "{told}");
    assert_eq!(stage.azure.log().len(), 0);
}

#[tokio::test]
async fn the_overlay_mounts_the_file_under_the_name_that_the_setting_says() {
    let control_plane = control_plane().await;
    let overlay = root().join("deploy/overlays/fenced");
    let overlay = overlay.to_str().unwrap();
    let applied = control_plane.kubectl(["apply", "--dry-run=server", "-k", overlay]).await.unwrap();
    assert!(applied.contains("configmap/mdi-operator-fences created"), "{applied}");
    let rights = format!("{overlay}/namespace-labels.yaml");
    control_plane.kubectl(["apply", "--dry-run=server", "-f", &rights]).await.unwrap();
    let printed = control_plane.kubectl(["kustomize", overlay]).await.unwrap();
    for part in [
        "MDI_FENCES_FILE: /etc/mdi-operator/fences/fences.yaml",
        "mountPath: /etc/mdi-operator/fences\n",
        "      - configMap:\n          name: mdi-operator-fences\n",
        "fences.yaml: |",
    ] {
        assert!(printed.contains(part), "{part} is missing in\n{printed}");
    }
}
