//! The scene: control plane, simulated Azure and operator, and the ways to act on them and to show it.

use std::{
    fmt::Display,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use azure_simulator::{
    Config, Hand, Settings, Simulator, Throttling,
    world::{Pool, Sample},
};
use harness::{ControlPlane, Operator};
use tokio::sync::Mutex;

/// Minutes of waiting pass in seconds.
const TIME_SCALE: f64 = 10.0;
/// How long a step may take before the demo counts as failed.
const PATIENCE: Duration = Duration::from_mins(1);
/// Where the objects of the demo live.
pub const NAMESPACE: &str = "team-a";
/// What the two teams may use.
pub const FENCES: &str = "\
rules:
  - namespaces: [team-a]
    subscriptions:
      - subscriptionId: 55555555-5555-4555-8555-555555555555
    organizations: [\"*\"]
    allowAdopt: true
    allowDelete: true
  - namespaces: [team-b]
    subscriptions:
      - subscriptionId: 55555555-5555-4555-8555-555555555555
        resourceGroups: [rg-team-b]
    organizations: [contoso]
";

/// What went wrong, for a person to read.
#[derive(Debug)]
pub struct Mishap(String);

impl Mishap {
    /// Somebody asked to stop before the end.
    pub fn stopped() -> Self {
        Self("stopped before the end".into())
    }
}

impl Display for Mishap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: std::error::Error> From<E> for Mishap {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// Everything that runs.
pub struct Scene {
    control_plane: ControlPlane,
    azure: Simulator,
    operator: Mutex<Operator>,
    /// The names in the simulated Azure.
    pub sample: Sample,
}

impl Scene {
    /// Starts everything, and says so while it does.
    pub async fn set() -> Result<Self, Mishap> {
        let begun = Instant::now();
        say("a real control plane: etcd, kube-apiserver, kube-controller-manager");
        let control_plane = ControlPlane::start().await?;
        say(&format!("… answers after {:.1} s at {}", begun.elapsed().as_secs_f64(), control_plane.server()));

        let sample = Sample::default();
        let azure = Simulator::start(Config {
            time_scale: TIME_SCALE,
            settings: Settings {
                throttling: Throttling { resource_manager: true, provider: true },
                ..Settings::default()
            },
            ..Config::with_world(sample.world())
        })
        .await?;
        let ca = control_plane.directory().join("azure-ca.pem");
        azure.write_ca(&ca)?;
        say(&format!("a simulated Azure: {} (try `curl {}`)", azure.resource_manager(), azure.admin()));

        say("kubectl apply -k deploy/base: the kind, the operator's service account and its rights");
        let base = root().join("deploy/base");
        control_plane.kubectl(["apply", "-k", &base.display().to_string()]).await?;
        control_plane
            .kubectl([
                "wait",
                "--for=condition=Established",
                "crd/manageddevopsidentities.mdi-operator.io",
                "--timeout=30s",
            ])
            .await?;
        for namespace in [NAMESPACE, "team-b"] {
            control_plane.kubectl(["create", "namespace", namespace]).await?;
        }
        let fences = control_plane.directory().join("fences.yaml");
        fs::write(&fences, FENCES)?;

        let account = control_plane.service_account_kubeconfig("mdi-operator-system", "mdi-operator").await?;
        let settings = [
            ("AZURE_AUTHORITY_HOST", azure.authority()),
            ("AZURE_RESOURCE_MANAGER_ENDPOINT", azure.resource_manager()),
            ("AZURE_DEVOPS_ENDPOINT", azure.devops()),
            ("AZURE_TENANT_ID", sample.tenant.clone()),
            ("AZURE_CLIENT_ID", sample.client_id.clone()),
            ("AZURE_CLIENT_SECRET", sample.client_secret.clone()),
            ("MDI_CA_FILE", ca.display().to_string()),
            ("MDI_FENCES_FILE", fences.display().to_string()),
            ("MDI_LISTEN", "127.0.0.1:0".into()),
            ("MDI_TEST_TIME_SCALE", TIME_SCALE.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value));
        let operator = Operator::start(&binary()?, &account, settings, ["run"])?;
        say(&format!(
            "the operator, as service account mdi-operator; its log: {}",
            operator.log_file().display()
        ));
        say(&format!("its clock and Azure's run {TIME_SCALE} times faster than yours"));
        Ok(Self { control_plane, azure, operator: Mutex::new(operator), sample })
    }

    /// Types a `kubectl` command for the person, and prints what it prints.
    pub async fn kubectl(&self, arguments: &str) -> Result<String, Mishap> {
        self.kubectl_in(NAMESPACE, arguments).await
    }

    /// The same in another namespace.
    pub async fn kubectl_in(&self, namespace: &str, arguments: &str) -> Result<String, Mishap> {
        println!("\n  $ kubectl -n {namespace} {arguments}");
        let printed = self.quietly(namespace, arguments).await?;
        printed.lines().for_each(|line| println!("  {line}"));
        Ok(printed)
    }

    async fn quietly(&self, namespace: &str, arguments: &str) -> Result<String, Mishap> {
        let words = split(arguments);
        let words = words.iter().map(String::as_str);
        Ok(self.control_plane.kubectl(["--namespace", namespace].into_iter().chain(words)).await?)
    }

    /// Writes a manifest to a file, shows it, and applies it.
    pub async fn apply(&self, file: &str, manifest: &str) -> Result<(), Mishap> {
        self.apply_in(NAMESPACE, file, manifest).await
    }

    /// The same in another namespace.
    pub async fn apply_in(&self, namespace: &str, file: &str, manifest: &str) -> Result<(), Mishap> {
        let path = self.control_plane.directory().join(file);
        fs::write(&path, manifest)?;
        println!();
        manifest.lines().for_each(|line| println!("  | {line}"));
        self.kubectl_in(namespace, &format!("apply -f {}", path.display())).await.map(drop)
    }

    /// Lets an outside hand act on Azure, and shows the command for it.
    pub fn outside_hand(&self, hand: &Hand) -> Result<(), Mishap> {
        let mut fields = serde_json::to_value(hand)?;
        let name = fields.as_object_mut().and_then(|fields| fields.remove("hand"));
        let name = name.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default();
        println!("\n  $ curl -d '{fields}' {}/hands/{name}", self.azure.admin().trim_end_matches('/'));
        self.azure.state().act(hand)?;
        Ok(())
    }

    /// Asks for a pass now, as a user in a hurry does, and shows it.
    pub async fn request(&self, name: &str) -> Result<(), Mishap> {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
        self.kubectl(&format!("annotate mdi {name} --overwrite mdi-operator.io/reconcile-requested-at={now}"))
            .await
            .map(drop)
    }

    /// Waits until a field of an object, by JSON path, has a value.
    pub async fn until(&self, name: &str, path: &str, wanted: &str) -> Result<(), Mishap> {
        self.until_in(NAMESPACE, name, path, wanted).await
    }

    /// The same in another namespace.
    pub async fn until_in(
        &self,
        namespace: &str,
        name: &str,
        path: &str,
        wanted: &str,
    ) -> Result<(), Mishap> {
        let begun = Instant::now();
        loop {
            let seen = self
                .quietly(namespace, &format!("get mdi {name} -o jsonpath={path}"))
                .await
                .unwrap_or_default();
            if seen.trim() == wanted {
                return Ok(());
            }
            if begun.elapsed() > PATIENCE {
                let log = self.operator.lock().await.log();
                return Err(Mishap(format!(
                    "{name}: {path} is {seen:?}, never became {wanted:?}; the operator's log:\n{log}"
                )));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until `Ready` has this reason.
    pub async fn until_reason(&self, name: &str, reason: &str) -> Result<(), Mishap> {
        self.until(name, r#"{.status.conditions[?(@.type=="Ready")].reason}"#, reason).await
    }

    /// A field of an object, by JSON path.
    pub async fn field(&self, name: &str, path: &str) -> Result<String, Mishap> {
        self.quietly(NAMESPACE, &format!("get mdi {name} -o jsonpath={path}")).await
    }

    /// Lets time pass on the operator's clock.
    pub async fn let_pass(&self, time: Duration) {
        tokio::time::sleep(time.div_f64(TIME_SCALE)).await;
    }

    /// The tags of an identity in Azure, shown; `None` if there is no such identity.
    pub fn show_tags(&self, name: &str) -> Option<Vec<(String, String)>> {
        let id = self.sample.identity_id(name);
        let tags = self.azure.state().with(|world| {
            let identity = world.identity(&id)?;
            Some(
                identity
                    .tags
                    .iter()
                    .map(|(key, value)| (key.as_str().to_owned(), value.clone()))
                    .collect::<Vec<_>>(),
            )
        })?;
        println!("\n  in Azure, the tags of {name}:");
        for (key, value) in &tags {
            println!("    {key} = {value}");
        }
        Some(tags)
    }

    /// The entries of a pool's identity block, shown.
    pub fn show_pool(&self, name: &str) {
        println!("\n  in Azure, the identities of {name}:");
        for key in self.pool(name).identity.user.keys() {
            println!("    {}", key.as_str().rsplit('/').next().unwrap_or_default());
        }
    }

    /// Whether a pool bears an identity.
    pub fn is_registered(&self, pool: &str, identity: &str) -> bool {
        self.pool(pool).identity.entry(&self.sample.identity_id(identity)).is_some()
    }

    /// A pool with all that others have in it, and without one identity.
    pub fn pool_of_others(&self, pool: &str, identity: &str) -> Pool {
        let mut pool = self.pool(pool);
        pool.identity.user.remove(&self.sample.identity_id(identity).as_str().into());
        pool
    }

    fn pool(&self, name: &str) -> Pool {
        let id = self.sample.pool_id(name);
        self.azure
            .state()
            .with(|world| world.pools.get(&id.as_str().into()).cloned())
            .unwrap_or_else(|| Pool::github("", &[]))
    }

    /// How many requests Azure has seen.
    pub fn requests(&self) -> usize {
        self.azure.log().len()
    }

    /// How many requests with this method Azure has seen on identities.
    pub fn identity_requests(&self, method: &str) -> usize {
        self.azure
            .log()
            .iter()
            .filter(|r| r.method == method && r.path.to_lowercase().contains("userassignedidentities"))
            .count()
    }

    /// Tells a person at a terminal how to play on.
    pub fn invite(&self) {
        let kubectl = self.control_plane.programs().kubectl();
        println!("\nThe cluster is yours until Ctrl-C:");
        println!("  export KUBECONFIG={}", self.control_plane.admin_kubeconfig().display());
        println!("  alias kubectl={}", kubectl.display());
        println!("  kubectl config set-context --current --namespace {NAMESPACE}");
        println!("  kubectl apply -f deploy/samples/first.yaml");
        println!("  kubectl get mdi -A");
        println!(
            "Azure's other side, with outside hands, faults and the log of requests: curl {}",
            self.azure.admin()
        );
    }

    /// Ends everything in order.
    pub async fn strike(self) -> Result<(), Mishap> {
        let Self { control_plane, azure, operator, sample: _ } = self;
        let mut operator = operator.into_inner();
        let status = operator.terminate(Duration::from_secs(30)).await?;
        azure.stop().await;
        control_plane.stop().await?;
        if status.success() { Ok(()) } else { Err(Mishap(format!("the operator ended with {status}"))) }
    }
}

/// Something did not happen that should have.
pub fn expect(holds: bool, what: &str) -> Result<(), Mishap> {
    if holds { Ok(()) } else { Err(Mishap(format!("this should have been so: {what}"))) }
}

fn say(what: &str) {
    println!("  {what}");
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).unwrap_or_default()
}

/// The operator lies beside this program.
fn binary() -> Result<PathBuf, Mishap> {
    let beside = std::env::current_exe()?.with_file_name("mdi-operator");
    if beside.exists() {
        Ok(beside)
    } else {
        Err(Mishap(format!("{} is missing: run `make demo`", beside.display())))
    }
}

/// Words as a shell would make them, for the few quotes that the story needs.
fn split(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for character in line.chars() {
        match character {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            other => words.iter_mut().last().into_iter().for_each(|word| word.push(other)),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}
