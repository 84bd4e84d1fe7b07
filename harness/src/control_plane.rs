//! A running control plane: etcd, API server, controller manager.
//!
//! On the I/O side. Each is a world of its own, in a directory of its own, on ports of its own, and any
//! number may run side by side. Must never read or write an ambient kubeconfig, and never outlive the
//! process that started it.

use crate::build::say;
use crate::component::{Component, Start, audit_log, free_ports, is_about_a_port};
use crate::credentials::Credentials;
use crate::instance::{self, Directory};
use crate::leash::Leash;
use crate::programs::{APISERVER, CONTROLLER_MANAGER};
use crate::{Error, Kubectl, Programs};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Seconds on an idle machine; this is for one that is compiling beside us.
const START_DEADLINE: Duration = Duration::from_mins(2);
const POLL: Duration = Duration::from_millis(50);
/// A free port can be taken by somebody else before we listen on it; not three times in a row.
const ATTEMPTS: u32 = 3;
/// Longer than anybody watches the demo.
const TOKEN_LIFETIME: &str = "12h";

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
        let directory = blocking(|| Directory::create(&instance::folder())).await?;
        let leash = Leash::with_directory(directory.path())?;
        let credentials = Credentials::make(directory.path())?;
        let [client_port, peer_port, port] = free_ports()?;
        let server = format!("https://127.0.0.1:{port}");
        let admin_kubeconfig = directory.path().join("admin.kubeconfig");
        credentials.write_admin_kubeconfig(&server, &admin_kubeconfig)?;
        let config = config(&admin_kubeconfig).await?;

        let start = Start { directory: directory.path(), leash: &leash, credentials: &credentials };
        // The API server waits for etcd by itself.
        let mut components = vec![
            start.etcd(&programs.etcd(), client_port, peer_port)?,
            start.apiserver(&programs.apiserver(), client_port, port)?,
        ];
        // A client of its own for waiting, and let go afterwards: see `client`.
        let client = new_client(&config, &admin_kubeconfig)?;
        until(deadline, &mut components, APISERVER, async || is_ready(&client).await).await?;

        if let Some(program) = programs.controller_manager() {
            let kubeconfig = directory.path().join("controller-manager.kubeconfig");
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
        self.directory.path()
    }

    /// The API server's own log of single requests of service accounts, with the bodies of writes: one JSON object a
    /// line, as `audit.k8s.io/v1` has it.
    pub fn audit_log(&self) -> PathBuf {
        audit_log(self.directory.path())
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
        Kubectl::new(self.programs.kubectl(), kubeconfig, self.directory.path(), self.leash.group())
    }

    /// A kubeconfig for a service account that exists, with a token that the API server issued for it: what
    /// a pod would have.
    pub async fn service_account_kubeconfig(&self, namespace: &str, name: &str) -> Result<PathBuf, Error> {
        let token = self
            .kubectl(["create", "token", name, "--namespace", namespace, "--duration", TOKEN_LIFETIME])
            .await?;
        // Each call has a file of its own: several tests may ask at once.
        let file = format!("{namespace}.{name}.{}.kubeconfig", Uuid::new_v4().simple());
        let file = self.directory.path().join(file);
        self.credentials.write_kubeconfig(&self.server, name, token.trim(), &file)?;
        Ok(file)
    }

    /// Ends it and returns when its processes and its directory are gone.
    pub async fn stop(self) -> Result<(), Error> {
        let path = self.directory.path().to_path_buf();
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
            return Err(match components.iter().find(|one| one.name() == component) {
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
