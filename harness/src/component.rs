//! The processes that a control plane consists of, and the flags that each is started with.
//!
//! On the I/O side. Must never give a component anything of the environment: etcd would take settings from it,
//! and the others a proxy.

use crate::Error;
use crate::credentials::Credentials;
use crate::error::last_lines;
use crate::leash::Leash;
use crate::programs::{APISERVER, CONTROLLER_MANAGER, ETCD_SERVER};
use std::fs::File;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// What is written down: requests of service accounts, watches left out, but for Kubernetes' own.
const AUDIT_POLICY: &str = "\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: None
    userGroups: [\"system:serviceaccounts:kube-system\"]
  - level: Request
    userGroups: [\"system:serviceaccounts\"]
    verbs: [get, list, create, update, patch, delete]
  - level: None
";

/// Where it is written.
pub(crate) fn audit_log(directory: &Path) -> PathBuf {
    directory.join("audit.jsonl")
}

/// One of the processes.
#[derive(Debug)]
pub(crate) struct Component {
    name: &'static str,
    process: Child,
    log: PathBuf,
}

impl Component {
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// An error if it has ended: none of them may.
    pub(crate) fn check(&mut self) -> Result<(), Error> {
        match self.process.try_wait().map_err(Error::io(format!("ask after {}", self.name)))? {
            None => Ok(()),
            Some(status) => Err(self.failed(format!("ended with {status}"))),
        }
    }

    pub(crate) fn failed(&self, what: String) -> Error {
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
pub(crate) struct Start<'a> {
    pub(crate) directory: &'a Path,
    pub(crate) leash: &'a Leash,
    pub(crate) credentials: &'a Credentials,
}

impl Start<'_> {
    pub(crate) fn etcd(&self, program: &Path, client_port: u16, peer_port: u16) -> Result<Component, Error> {
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

    pub(crate) fn apiserver(&self, program: &Path, etcd_port: u16, port: u16) -> Result<Component, Error> {
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
        let policy = self.directory.join("audit-policy.yaml");
        std::fs::write(&policy, AUDIT_POLICY).map_err(Error::io(format!("write {}", policy.display())))?;
        server.arg("--audit-policy-file").arg(&policy).arg("--audit-log-path").arg(audit_log(self.directory));
        // Nothing runs pods here, so none has to wait for its account's token.
        server.args(["--disable-admission-plugins", "ServiceAccount"]);
        self.spawn(APISERVER, server)
    }

    pub(crate) fn controller_manager(&self, program: &Path, kubeconfig: &Path) -> Result<Component, Error> {
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

/// Ports that are free now. All are held until all are known, so they differ.
pub(crate) fn free_ports<const N: usize>() -> Result<[u16; N], Error> {
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

/// Whether a component failed because somebody else had taken its port.
pub(crate) fn is_about_a_port(error: &Error) -> bool {
    matches!(error, Error::Component { log, .. } if log.contains("address already in use"))
}

#[cfg(test)]
mod tests {
    use super::free_ports;

    #[test]
    fn free_ports_differ() {
        let [one, other] = free_ports().unwrap();
        assert_ne!(one, other);
    }
}
