//! A running control plane: etcd, API server, controller manager.
//!
//! On the I/O side. Each is a world of its own, in a directory of its own, on ports of its own, and any
//! number may run side by side. Must never read or write an ambient kubeconfig, and never outlive the
//! process that started it.

use crate::build::say;
use crate::credentials::Credentials;
use crate::error::last_lines;
use crate::leash::Leash;
use crate::programs::{APISERVER, CONTROLLER_MANAGER, ETCD_SERVER};
use crate::{Error, Kubectl, Programs, workspace};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, TryLockError};
use std::net::TcpListener;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Seconds on an idle machine; this is for one that is compiling beside us.
const START_DEADLINE: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(50);
/// A free port can be taken by somebody else before we listen on it; not three times in a row.
const ATTEMPTS: u32 = 3;
/// Longer than anybody watches the demo.
const TOKEN_LIFETIME: &str = "12h";
const LOCK: &str = "lock";

/// A control plane that runs until [`stop`](Self::stop), until it is dropped, or until this process ends in
/// any other way.
#[derive(Debug)]
pub struct ControlPlane {
    programs: Programs,
    server: String,
    credentials: Credentials,
    admin_kubeconfig: PathBuf,
    config: Config,
    // Dropped in this order: the leash kills the components and returns when they are gone, and only then
    // may the directory's lock be given up.
    leash: Leash,
    _components: Vec<Component>,
    directory: Directory,
}

impl ControlPlane {
    /// Starts one and returns when it answers. Builds its programs first if this machine has none.
    pub async fn start() -> Result<Self, Error> {
        let programs = blocking(Programs::prepare).await?;
        if let Some(shortcoming) = programs.shortcoming() {
            say(&shortcoming);
        }
        let mut attempt = 1;
        loop {
            match Self::start_with(programs.clone()).await {
                Err(error) if attempt < ATTEMPTS && is_about_a_port(&error) => attempt += 1,
                result => return result,
            }
        }
    }

    async fn start_with(programs: Programs) -> Result<Self, Error> {
        let deadline = Instant::now() + START_DEADLINE;
        let directory = blocking(|| Directory::create(&workspace::instances())).await?;
        let leash = Leash::with_directory(&directory.path)?;
        let credentials = Credentials::make(&directory.path)?;
        let [client_port, peer_port, port] = free_ports()?;
        let server = format!("https://127.0.0.1:{port}");
        let admin_kubeconfig = directory.path.join("admin.kubeconfig");
        credentials.write_admin_kubeconfig(&server, &admin_kubeconfig)?;
        let config = config(&admin_kubeconfig).await?;

        let start = Start { directory: &directory.path, leash: &leash, credentials: &credentials };
        // The API server waits for etcd by itself.
        let mut components = vec![
            start.etcd(&programs.etcd(), client_port, peer_port)?,
            start.apiserver(&programs.apiserver(), client_port, port)?,
        ];
        // A client of its own for waiting, and let go afterwards: see `client`.
        let client = new_client(&config, &admin_kubeconfig)?;
        until(deadline, &mut components, APISERVER, async || is_ready(&client).await).await?;

        if let Some(program) = programs.controller_manager() {
            let kubeconfig = directory.path.join("controller-manager.kubeconfig");
            credentials.write_controller_manager_kubeconfig(&server, &kubeconfig)?;
            components.push(start.controller_manager(&program, &kubeconfig)?);
            // The first thing that it does of all we want it for, and so the sign that it works.
            let accounts = Api::<ServiceAccount>::namespaced(client, "default");
            until(deadline, &mut components, CONTROLLER_MANAGER, async || {
                matches!(accounts.get_opt("default").await, Ok(Some(_)))
            })
            .await?;
        }
        Ok(Self {
            programs,
            server,
            credentials,
            admin_kubeconfig,
            config,
            leash,
            _components: components,
            directory,
        })
    }

    /// The kubeconfig of an administrator. It goes when the control plane goes.
    pub fn admin_kubeconfig(&self) -> &Path {
        &self.admin_kubeconfig
    }

    /// Where the API server listens.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The programs that it consists of.
    pub fn programs(&self) -> &Programs {
        &self.programs
    }

    /// The directory of this instance; free for files that should go with it.
    pub fn directory(&self) -> &Path {
        &self.directory.path
    }

    /// A new client with an administrator's rights, which never retries by itself: a test wants to see the
    /// error. Each call makes one, since a client belongs to the runtime that it was made on, and each
    /// test has its own.
    ///
    /// # Panics
    /// When called outside of a Tokio runtime. The settings themselves have made a client once, at start.
    pub fn client(&self) -> Client {
        match new_client(&self.config, &self.admin_kubeconfig) {
            Ok(client) => client,
            Err(error) => panic!("{error}, though one was made at start"),
        }
    }

    /// Runs `kubectl` as administrator.
    pub async fn kubectl<I>(&self, arguments: I) -> Result<String, Error>
    where
        I: IntoIterator,
        I::Item: AsRef<OsStr>,
    {
        self.kubectl_as(&self.admin_kubeconfig).run(arguments).await
    }

    /// `kubectl apply` of a YAML text, as administrator.
    pub async fn apply(&self, yaml: &str) -> Result<String, Error> {
        self.kubectl_as(&self.admin_kubeconfig).apply(yaml).await
    }

    /// `kubectl` as the user of another kubeconfig.
    pub fn kubectl_as(&self, kubeconfig: &Path) -> Kubectl {
        Kubectl::new(self.programs.kubectl(), kubeconfig, &self.directory.path, self.leash.group())
    }

    /// A kubeconfig for a service account that exists, with a token that the API server issued for it: what
    /// a pod would have.
    pub async fn service_account_kubeconfig(&self, namespace: &str, name: &str) -> Result<PathBuf, Error> {
        let token = self
            .kubectl(["create", "token", name, "--namespace", namespace, "--duration", TOKEN_LIFETIME])
            .await?;
        let file = self.directory.path.join(format!("{namespace}.{name}.kubeconfig"));
        self.credentials.write_kubeconfig(&self.server, name, token.trim(), &file)?;
        Ok(file)
    }

    /// Ends it and returns when its processes and its directory are gone.
    pub async fn stop(self) -> Result<(), Error> {
        let path = self.directory.path.clone();
        blocking(move || {
            drop(self);
            Ok(())
        })
        .await?;
        if path.exists() {
            let source = std::io::Error::other("it is still there after the watchdog has ended");
            return Err(Error::Io { what: format!("remove {}", path.display()), source });
        }
        Ok(())
    }
}

/// One of the processes.
#[derive(Debug)]
struct Component {
    name: &'static str,
    process: Child,
    log: PathBuf,
}

impl Component {
    /// An error if it has ended: none of them may.
    fn check(&mut self) -> Result<(), Error> {
        match self.process.try_wait().map_err(Error::io(format!("ask after {}", self.name)))? {
            None => Ok(()),
            Some(status) => Err(self.failed(format!("ended with {status}"))),
        }
    }

    fn failed(&self, what: String) -> Error {
        Error::Component { component: self.name, what, log: last_lines(&self.log) }
    }
}

impl Drop for Component {
    /// Reaps; it is dead by now, since the leash is dropped first. A start that fails drops them the other
    /// way round, so it makes sure.
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What all components are started with.
struct Start<'a> {
    directory: &'a Path,
    leash: &'a Leash,
    credentials: &'a Credentials,
}

impl Start<'_> {
    fn etcd(&self, program: &Path, client_port: u16, peer_port: u16) -> Result<Component, Error> {
        let (client, peer) =
            (format!("https://127.0.0.1:{client_port}"), format!("http://127.0.0.1:{peer_port}"));
        let mut etcd = Command::new(program);
        etcd.arg("--data-dir").arg(self.directory.join("etcd"));
        etcd.args(["--name", "one", "--initial-cluster", &format!("one={peer}")]);
        etcd.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
        etcd.args(["--listen-client-urls", &client, "--advertise-client-urls", &client]);
        etcd.arg("--client-cert-auth").arg("--trusted-ca-file").arg(self.credentials.authority());
        etcd.arg("--cert-file").arg(self.credentials.certificate());
        etcd.arg("--key-file").arg(self.credentials.key());
        // The data does not outlive the process, so it need not survive a power cut either.
        etcd.arg("--unsafe-no-fsync").args(["--log-level", "warn"]);
        self.spawn(ETCD_SERVER, etcd)
    }

    fn apiserver(&self, program: &Path, etcd_port: u16, port: u16) -> Result<Component, Error> {
        const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";
        let mut server = Command::new(program);
        server.args(["--etcd-servers", &format!("https://127.0.0.1:{etcd_port}")]);
        server.arg("--etcd-cafile").arg(self.credentials.authority());
        server.arg("--etcd-certfile").arg(self.credentials.certificate());
        server.arg("--etcd-keyfile").arg(self.credentials.key());
        server.args(["--bind-address", "127.0.0.1", "--secure-port", &port.to_string()]);
        // There is no service network, and loopback is no address for an endpoint: without the first it
        // looks for a route to the outside, without the second it complains for ever.
        server.args(["--advertise-address", "127.0.0.1", "--endpoint-reconciler-type", "none"]);
        server.args(["--service-cluster-ip-range", "10.0.0.0/24"]);
        server.arg("--cert-dir").arg(self.directory);
        server.arg("--tls-cert-file").arg(self.credentials.certificate());
        server.arg("--tls-private-key-file").arg(self.credentials.key());
        server.arg("--token-auth-file").arg(self.credentials.tokens());
        server.args(["--authorization-mode", "RBAC", "--service-account-issuer", ISSUER]);
        server.arg("--service-account-key-file").arg(self.credentials.accounts_public_key());
        server.arg("--service-account-signing-key-file").arg(self.credentials.accounts_key());
        // Nothing runs pods here, so none has to wait for its account's token.
        server.args(["--disable-admission-plugins", "ServiceAccount"]);
        self.spawn(APISERVER, server)
    }

    fn controller_manager(&self, program: &Path, kubeconfig: &Path) -> Result<Component, Error> {
        const CONTROLLERS: &str = "garbage-collector-controller,namespace-controller,serviceaccount-controller,clusterrole-aggregation-controller";
        let mut manager = Command::new(program);
        manager.arg("--kubeconfig").arg(kubeconfig).args(["--controllers", CONTROLLERS]);
        // As on a real cluster: each controller has the rights of its own account and no others.
        manager.args(["--use-service-account-credentials=true", "--leader-elect=false", "--secure-port=0"]);
        self.spawn(CONTROLLER_MANAGER, manager)
    }

    fn spawn(&self, name: &'static str, mut command: Command) -> Result<Component, Error> {
        let log = self.directory.join(format!("{name}.log"));
        let failed = || Error::io(format!("start {}", command.get_program().display()));
        let failed_to_log = || Error::io(format!("create {}", log.display()));
        let output = File::create(&log).map_err(failed_to_log())?;
        let failed = failed();
        let process = command
            .env_clear()
            .env("HOME", self.directory)
            .current_dir(self.directory)
            .process_group(self.leash.group())
            .stdin(Stdio::null())
            .stdout(output.try_clone().map_err(failed_to_log())?)
            .stderr(output)
            .spawn()
            .map_err(failed)?;
        Ok(Component { name, process, log })
    }
}

/// The directory of an instance, locked for as long as its process lives.
#[derive(Debug)]
struct Directory {
    path: PathBuf,
    _lock: File,
}

impl Directory {
    /// A new one, after what crashed runs have left was swept away. Normally a watchdog has done that;
    /// this is for a machine that was switched off, or a watchdog that was killed as well.
    fn create(instances: &Path) -> Result<Self, Error> {
        let failed = |path: &Path| Error::io(format!("create {}", path.display()));
        fs::create_dir_all(instances).map_err(failed(instances))?;
        // Between its creation and its lock a new directory looks like a stale one, so nobody sweeps then.
        let gate = instances.join(LOCK);
        let gate_file = File::create(&gate).map_err(failed(&gate))?;
        gate_file.lock().map_err(Error::io(format!("lock {}", gate.display())))?;
        sweep(instances);

        let path =
            instances.join(format!("{}-{}", std::process::id(), &Uuid::new_v4().simple().to_string()[..8]));
        DirBuilder::new().mode(0o700).create(&path).map_err(failed(&path))?;
        let lock = path.join(LOCK);
        let lock_file = File::create(&lock).map_err(failed(&lock))?;
        lock_file.lock().map_err(Error::io(format!("lock {}", lock.display())))?;
        Ok(Self { path, _lock: lock_file })
    }
}

/// Removes the directories that nobody holds. Quietly: what cannot be removed now can be next time.
fn sweep(instances: &Path) {
    let Ok(entries) = fs::read_dir(instances) else { return };
    for directory in entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()) {
        let held = match File::open(directory.join(LOCK)).map(|lock| lock.try_lock()) {
            Ok(Err(TryLockError::WouldBlock | TryLockError::Error(_))) => true,
            Ok(Ok(())) | Err(_) => false,
        };
        if !held {
            end_processes_of(&directory);
            let _ = fs::remove_dir_all(&directory);
        }
    }
}

/// Kills what still runs from a stale directory. Its path is on the command line of each component and of
/// nothing else, which a process number from an old run could not promise.
fn end_processes_of(directory: &Path) {
    let Ok(listing) = Command::new("ps").args(["-A", "-o", "pid=,args="]).output() else { return };
    let directory = format!("{}/", directory.display());
    for line in String::from_utf8_lossy(&listing.stdout).lines().filter(|line| line.contains(&directory)) {
        if let Some(pid) = line.split_whitespace().next() {
            let _ = Command::new("sh")
                .args(["-c", "kill -s KILL \"$1\"", "sh", pid])
                .stderr(Stdio::null())
                .status();
        }
    }
}

/// Ports that are free now. All are held until all are known, so they differ.
fn free_ports<const N: usize>() -> Result<[u16; N], Error> {
    let failed = || Error::io("find a free port on 127.0.0.1");
    let mut ports = [0; N];
    let mut held = Vec::new();
    for port in &mut ports {
        let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(failed())?;
        *port = listener.local_addr().map_err(failed())?.port();
        held.push(listener);
    }
    Ok(ports)
}

fn is_about_a_port(error: &Error) -> bool {
    matches!(error, Error::Component { log, .. } if log.contains("address already in use"))
}

/// Waits until `ready`, or until a component has ended, or until the deadline, for which `component` is
/// then to blame.
async fn until(
    deadline: Instant,
    components: &mut [Component],
    component: &'static str,
    mut ready: impl AsyncFnMut() -> bool,
) -> Result<(), Error> {
    loop {
        for component in &mut *components {
            component.check()?;
        }
        // An API server that has just come up may keep a request waiting.
        if let Ok(true) = tokio::time::timeout(Duration::from_secs(5), ready()).await {
            return Ok(());
        }
        if Instant::now() > deadline {
            let what = format!("is not ready after {START_DEADLINE:?}");
            return Err(match components.iter().find(|one| one.name == component) {
                Some(one) => one.failed(what),
                None => Error::Component { component, what, log: String::new() },
            });
        }
        tokio::time::sleep(POLL).await;
    }
}

async fn is_ready(client: &Client) -> bool {
    match http::Request::get("/readyz").body(Vec::new()) {
        Ok(request) => client.request_text(request).await.is_ok_and(|answer| answer == "ok"),
        Err(_) => false,
    }
}

async fn config(kubeconfig: &Path) -> Result<Config, Error> {
    let failed = |reason: String| Error::Client { kubeconfig: kubeconfig.to_path_buf(), reason };
    let read = Kubeconfig::read_from(kubeconfig).map_err(|error| failed(error.to_string()))?;
    let mut config = Config::from_custom_kubeconfig(read, &KubeConfigOptions::default())
        .await
        .map_err(|error| failed(error.to_string()))?;
    config.default_retry = false;
    // An ambient HTTPS_PROXY is not the way to loopback.
    config.proxy_url = None;
    Ok(config)
}

fn new_client(config: &Config, kubeconfig: &Path) -> Result<Client, Error> {
    Client::try_from(config.clone())
        .map_err(|error| Error::Client { kubeconfig: kubeconfig.to_path_buf(), reason: error.to_string() })
}

/// Off the runtime's threads: a test may have a single one, and its simulator on it.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::Io {
        what: "run a blocking step".to_owned(),
        source: std::io::Error::other(error),
    })?
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Instances(PathBuf);

    impl Instances {
        fn new() -> Self {
            Self(std::env::temp_dir().join(format!("instances-{}", Uuid::new_v4())))
        }
    }

    impl Drop for Instances {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_directory_of_a_crashed_run_is_swept_and_that_of_a_living_one_is_not() {
        let instances = Instances::new();
        let living = Directory::create(&instances.0).unwrap();
        let crashed = Directory::create(&instances.0).unwrap();
        let crashed_path = crashed.path.clone();
        fs::create_dir_all(crashed_path.join("etcd/member")).unwrap();
        drop(crashed);

        let new = Directory::create(&instances.0).unwrap();
        assert!(living.path.exists() && new.path.exists());
        assert!(!crashed_path.exists());
    }

    #[test]
    fn what_still_runs_from_a_stale_directory_is_ended() {
        let instances = Instances::new();
        let stale = Directory::create(&instances.0).unwrap();
        let script = stale.path.join("etcd");
        fs::write(&script, "while :; do sleep 1; done").unwrap();
        let mut process = Command::new("sh").arg(&script).spawn().unwrap();
        let other = Directory::create(&instances.0).unwrap();
        assert!(process.try_wait().unwrap().is_none());

        drop(stale);
        drop(Directory::create(&instances.0).unwrap());
        assert!(!process.wait().unwrap().success());
        drop(other);
    }

    #[test]
    fn the_directory_is_closed_to_other_users() {
        use std::os::unix::fs::PermissionsExt as _;
        let instances = Instances::new();
        let directory = Directory::create(&instances.0).unwrap();
        assert_eq!(fs::metadata(&directory.path).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn free_ports_differ() {
        let [one, other] = free_ports().unwrap();
        assert_ne!(one, other);
    }
}
