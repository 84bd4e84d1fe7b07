//! The commands of the pages, typed in a newcomer's order, on a real API server with the operator at work.

use std::{fs, path::Path, process::Stdio, time::Duration};

use azure_simulator::{Config, Sample, Simulator};
use harness::{ControlPlane, Operator};
use mdi_operator::domain::fence::Fences;
use tokio::process::Command;

use crate::pages::{PAGES, Typed, blocks, chapter, commands, read, root};

/// What cannot run here, by how it begins: it wants Azure, a container engine or a kubelet, or it is what runs this test.
const ELSEWHERE: [&str; 6] = [
    "az ",
    "docker ",
    "make ",
    "kubectl -n mdi-operator-system rollout status ",
    "kubectl -n mdi-operator-system logs ",
    "cargo run -p azure-simulator ",
];

/// A shell in a directory that looks like the repository to the commands, on a control plane of its own.
struct Desk {
    control_plane: ControlPlane,
    folder: tempdir::Folder,
    typed: Vec<String>,
}

impl Desk {
    /// Types one line, and gives what it prints.
    async fn run(&self, line: &str) -> (bool, String) {
        let tools = self.control_plane.programs().kubectl();
        let path = format!("{}:/usr/bin:/bin", tools.parent().unwrap().display());
        let output = Command::new("sh")
            .args(["-c", line])
            .current_dir(&self.folder.0)
            .env_clear()
            .env("PATH", path)
            .env("HOME", &self.folder.0)
            .env("KUBECONFIG", self.folder.0.join("kubeconfig"))
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .unwrap();
        let printed =
            [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
        (output.status.success(), printed)
    }

    /// Types the commands of a text and compares what they print with what the text shows.
    async fn follow(&mut self, text: &str) {
        for Typed { command, printed } in commands(text) {
            self.typed.push(command.clone());
            if ELSEWHERE.iter().any(|elsewhere| command.starts_with(elsewhere)) {
                continue;
            }
            let (success, seen) = self.run(&command).await;
            assert_eq!(success, !printed.contains(" is invalid: "), "$ {command}\n{seen}");
            assert!(shows(&printed, &seen), "$ {command}\nprints\n{seen}\nand not\n{printed}");
        }
    }
}

/// Whether a page shows what was printed: blanks, line ends and ages aside, and `…` for what was left out.
fn shows(page: &str, printed: &str) -> bool {
    let words = |text: &str| {
        let is_age = |word: &str| word.strip_suffix('s').is_some_and(|n| n.parse::<u32>().is_ok());
        text.split_whitespace().map(|w| if is_age(w) { "1s" } else { w }).collect::<Vec<_>>().join(" ")
    };
    let mut rest = words(printed);
    words(page).split('…').all(|part| match rest.find(part) {
        Some(at) => {
            rest = rest.split_off(at + part.len());
            true
        }
        None => false,
    })
}

#[test]
fn a_page_shows_what_was_printed() {
    assert!(shows("A  READY\nb  2s", "A READY\nb   17s"));
    assert!(shows("id 22222222-… in\n11…", "id 22222222-2222 in 1111"));
    assert!(!shows("True", "False"));
}

#[tokio::test]
async fn a_newcomer_who_follows_the_pages_sees_what_they_say() {
    let control_plane = ControlPlane::start().await.expect("a control plane");
    let mut desk = Desk { folder: tempdir::Folder::new(), control_plane, typed: vec![] };
    let folder = desk.folder.0.clone();
    for part in ["deploy", "crds"] {
        copy(&root().join(part), &folder.join(part));
    }
    fs::copy(desk.control_plane.admin_kubeconfig(), folder.join("kubeconfig")).unwrap();
    let first = blocks(&chapter("README.md", "## Your first object"), "yaml").remove(0);
    let with_a_url =
        first.replace("my-agents", "with-a-url").replace(": contoso ", ": https://dev.azure.com/contoso ");
    fs::write(folder.join("with-a-url.yaml"), with_a_url).unwrap();
    let overlay = blocks(&chapter("README.md", "## On a real cluster"), "yaml").remove(0);
    fs::create_dir(folder.join("my-cluster")).unwrap();
    fs::write(folder.join("my-cluster/kustomization.yaml"), &overlay).unwrap();

    for prepare in [
        "kubectl apply -k deploy/base",
        "kubectl wait --for=condition=Established crd/manageddevopsidentities.mdi-operator.io --timeout=30s",
        "kubectl create namespace team-a",
        "kubectl create namespace argocd",
        "kubectl -n argocd create configmap argocd-cm --from-literal=url=https://argocd.example.com",
    ] {
        let (success, seen) = desk.run(prepare).await;
        assert!(success, "$ {prepare}\n{seen}");
    }
    let azure = Simulator::start(Config::with_world(Sample::default().world())).await.expect("a simulator");
    let operator = operator(&desk, &azure).await;

    let other = first.replace("my-agents", "other").replace("contoso ", "fabrikam ");
    desk.control_plane
        .kubectl_as(&folder.join("kubeconfig"))
        .run_with_input(["-n", "team-a", "apply", "-f", "-"], &other)
        .await
        .unwrap();
    desk.follow(&chapter("README.md", "## Your first object")).await;
    assert!(desk.run("kubectl explain mdi.spec && kubectl explain mdi.status").await.0);
    assert!(
        desk.run("kubectl get mdi my-agents -o jsonpath='{.status.identity.clientId}'").await.1.len() == 36
    );
    desk.follow(&chapter("README.md", "## Pools")).await;
    desk.follow(&read("docs/reference.md")).await;
    let handled =
        "kubectl wait mdi/my-agents --timeout=30s --for=jsonpath='{.status.lastHandledReconcileAt}'";
    assert!(desk.run(handled).await.0, "a request is answered");

    let install = chapter("README.md", "## On a real cluster");
    let (before, uninstall) = install.split_once("### Upgrade and uninstall").unwrap();
    desk.follow(before).await;
    let (_, rendered) = desk.run("kubectl kustomize my-cluster").await;
    for set in
        ["registry.example.com/mdi-operator:0.1.0", "production-west", "33333333-3333-4333-8333-333333333333"]
    {
        assert!(rendered.contains(set), "{set} is not in\n{rendered}");
    }
    desk.follow(&chapter("README.md", "## GitOps")).await;
    let (_, settings) = desk.run("kubectl -n argocd get configmap argocd-cm -o yaml").await;
    assert!(
        settings.contains("url: https://argocd.example.com") && settings.contains("spec.suspend is true"),
        "{settings}"
    );
    desk.follow(&read("deploy/README.md")).await;

    // While no operator runs: a deleted object stays until it is freed by hand, and so does the definition.
    operator.pause().await;
    let stuck = "kubectl delete mdi my-agents --timeout=2s";
    assert!(!desk.run(stuck).await.0, "an object is not deleted without an operator");
    let (rest, by_hand) = uninstall.split_once("The first command").unwrap();
    desk.follow(by_hand).await;
    assert!(!desk.run("kubectl get mdi my-agents").await.0, "it is free");
    operator.resume().await;
    desk.follow(rest).await;
    let left = desk.run("kubectl get crd,namespace,clusterrole -o name | grep -c mdi-operator").await.1;
    assert_eq!(left.trim(), "0", "all of it is gone");

    let all: Vec<String> =
        PAGES.iter().flat_map(|page| commands(&read(page))).map(|typed| typed.command).collect();
    let untyped: Vec<&String> = all.iter().filter(|command| !desk.typed.contains(command)).collect();
    assert!(untyped.iter().all(|command| command.starts_with("make ")), "never typed: {untyped:?}");
    operator.end().await;
    azure.stop().await;
    desk.control_plane.stop().await.unwrap();
}

#[test]
fn the_first_object_is_the_sample_and_fits_the_simulated_azure() {
    let uncommented = |text: &str| -> Vec<String> {
        text.lines()
            .map(|line| line.split(" # ").next().unwrap_or_default().trim_end().to_owned())
            .filter(|line| !line.starts_with('#') && !line.is_empty())
            .collect()
    };
    let first = blocks(&chapter("README.md", "## Your first object"), "yaml").remove(0);
    let sample = read("deploy/samples/first.yaml");
    assert_eq!(uncommented(&first), uncommented(&sample));
    let world = Sample::default();
    for name in [world.subscription, world.group, world.location] {
        assert!(first.contains(&name), "{name}");
    }
}

#[test]
fn the_fences_that_the_readme_shows_are_a_file_that_can_be_used() {
    let shown = blocks(&chapter("README.md", "## Fences"), "yaml").remove(0);
    assert_eq!(Fences::parse(&shown).unwrap().rules(), 1);
}

/// The operator's process.
struct Running(tokio::sync::Mutex<Operator>);

impl Running {
    async fn pause(&self) {
        self.0.lock().await.pause().await.unwrap();
    }

    async fn resume(&self) {
        self.0.lock().await.resume().await.unwrap();
    }

    async fn end(self) {
        assert!(self.0.into_inner().terminate(Duration::from_secs(30)).await.unwrap().success());
    }
}

async fn operator(desk: &Desk, azure: &Simulator) -> Running {
    let sample = Sample::default();
    let ca = desk.folder.0.join("azure-ca.pem");
    azure.write_ca(&ca).unwrap();
    let account =
        desk.control_plane.service_account_kubeconfig("mdi-operator-system", "mdi-operator").await.unwrap();
    let settings = [
        ("AZURE_AUTHORITY_HOST", azure.authority()),
        ("AZURE_RESOURCE_MANAGER_ENDPOINT", azure.resource_manager()),
        ("AZURE_DEVOPS_ENDPOINT", azure.devops()),
        ("AZURE_TENANT_ID", sample.tenant),
        ("AZURE_CLIENT_ID", sample.client_id),
        ("AZURE_CLIENT_SECRET", sample.client_secret),
        ("MDI_CA_FILE", ca.display().to_string()),
        ("MDI_LISTEN", "127.0.0.1:0".into()),
    ]
    .map(|(name, value)| (name.to_owned(), value));
    let binary = Path::new(env!("CARGO_BIN_EXE_mdi-operator"));
    Running(Operator::start(binary, &account, settings, ["run"]).unwrap().into())
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

mod tempdir {
    use std::path::{Path, PathBuf};

    /// A directory that goes with its owner.
    pub struct Folder(pub PathBuf);

    impl Folder {
        pub fn new() -> Self {
            let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("docs-{}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}
