//! The secrets of one control plane: a certificate authority, certificates, tokens, kubeconfigs.
//!
//! Makes them and writes them to files that only the user can read. Must never be taken from, or given to,
//! another instance: since each has an authority of its own, an API server that was handed a port that now
//! belongs to somebody else's etcd is refused instead of writing there.

use crate::Error;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use std::fmt;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// The files that the components are started with.
pub(crate) struct Credentials {
    directory: PathBuf,
    admin: String,
    controller_manager: String,
}

/// Without the tokens: a test prints what it fails on.
impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { directory, admin: _, controller_manager: _ } = self;
        formatter.debug_struct("Credentials").field("directory", directory).finish_non_exhaustive()
    }
}

impl Credentials {
    /// Fresh ones, in `directory`.
    pub(crate) fn make(directory: &Path) -> Result<Self, Error> {
        let token = || Uuid::new_v4().simple().to_string();
        let made = Self { directory: directory.to_path_buf(), admin: token(), controller_manager: token() };
        let authority_key = KeyPair::generate()?;
        let mut authority = CertificateParams::default();
        authority.distinguished_name.push(DnType::CommonName, "control plane of a test");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let authority_certificate = authority.self_signed(&authority_key)?;
        let issuer = Issuer::new(authority, authority_key);

        // One for both servers and for the API server as etcd's client: all of it is one cluster on
        // loopback, made and thrown away together.
        let key = KeyPair::generate()?;
        let mut names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
        names.push("kubernetes.default.svc".to_owned());
        let mut certificate = CertificateParams::new(names)?;
        certificate.distinguished_name.push(DnType::CommonName, "control-plane");
        certificate.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        certificate.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = certificate.signed_by(&key, &issuer)?;

        let accounts_key = KeyPair::generate()?;
        for (file, text) in [
            (made.authority(), authority_certificate.pem()),
            (made.certificate(), certificate.pem()),
            (made.key(), key.serialize_pem()),
            (made.accounts_key(), accounts_key.serialize_pem()),
            (made.accounts_public_key(), accounts_key.public_key_pem()),
            (made.tokens(), made.token_table()),
        ] {
            write_private(&file, &text)?;
        }
        Ok(made)
    }

    pub(crate) fn authority(&self) -> PathBuf {
        self.directory.join("ca.crt")
    }

    pub(crate) fn certificate(&self) -> PathBuf {
        self.directory.join("server.crt")
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.directory.join("server.key")
    }

    /// What the API server signs the tokens of service accounts with.
    pub(crate) fn accounts_key(&self) -> PathBuf {
        self.directory.join("service-accounts.key")
    }

    pub(crate) fn accounts_public_key(&self) -> PathBuf {
        self.directory.join("service-accounts.pub")
    }

    pub(crate) fn tokens(&self) -> PathBuf {
        self.directory.join("tokens.csv")
    }

    /// The controller manager comes under its usual name and with its usual rights only.
    fn token_table(&self) -> String {
        let Self { directory: _, admin, controller_manager } = self;
        format!(
            "{admin},admin,admin,\"system:masters\"\n{controller_manager},system:kube-controller-manager,controller-manager\n"
        )
    }

    /// Writes the kubeconfig of the administrator.
    pub(crate) fn write_admin_kubeconfig(&self, server: &str, file: &Path) -> Result<(), Error> {
        self.write_kubeconfig(server, "admin", &self.admin, file)
    }

    /// Writes the kubeconfig of the controller manager.
    pub(crate) fn write_controller_manager_kubeconfig(&self, server: &str, file: &Path) -> Result<(), Error> {
        self.write_kubeconfig(server, "controller-manager", &self.controller_manager, file)
    }

    /// Writes a kubeconfig that trusts this control plane only. It is JSON, which is YAML too.
    pub(crate) fn write_kubeconfig(
        &self,
        server: &str,
        user: &str,
        token: &str,
        file: &Path,
    ) -> Result<(), Error> {
        let name = "control-plane";
        let kubeconfig = serde_json::json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": {"server": server, "certificate-authority": self.authority()}}],
            "users": [{"name": user, "user": {"token": token}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": user}}],
            "current-context": name,
        });
        write_private(file, &format!("{kubeconfig:#}\n"))
    }
}

/// Readable by the user alone from the first moment: a later `chmod` would leave a gap.
pub(crate) fn write_private(file: &Path, text: &str) -> Result<(), Error> {
    let failed = || Error::io(format!("write {}", file.display()));
    // An existing file keeps its mode, so it must not be there.
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed()(error)),
        _ => {}
    }
    let mut opened =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).map_err(failed())?;
    opened.write_all(text.as_bytes()).map_err(failed())
}
