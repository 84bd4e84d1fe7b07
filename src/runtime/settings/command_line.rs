//! The command line: sub-commands, and every setting with its text for `--help`.
//!
//! Values stay texts here, so that a bad one is told by [`super::check`] in the same words whether it came as a flag
//! or as a variable, and `crd` and `version` work in any environment.

use std::ffi::OsString;

use azure_core::credentials::Secret;
use clap::{Args, Parser, Subcommand, ValueEnum};

use super::names::{default, variable};

const SIGN_IN: &str = "Sign-in to Microsoft Entra";
const AZURE: &str = "Azure";
const KUBERNETES: &str = "Kubernetes";
const PROCESS: &str = "Process";

/// Keeps the managed identities of Azure Managed DevOps Pools true.
///
/// Settings are flags or environment variables; a flag wins, and an empty variable counts as absent. Without a
/// sub-command the operator runs. The cluster is the one of KUBECONFIG, else the one that the pod runs in. Where the
/// variable HTTPS_PROXY names a proxy, all but the hosts in NO_PROXY are reached by way of it.
#[derive(Debug, Parser)]
#[expect(clippy::doc_markdown, reason = "these texts are printed as they stand")]
#[command(name = "mdi-operator", bin_name = "mdi-operator", version, args_conflicts_with_subcommands = true)]
pub struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    settings: Settings,
}

/// What the process is asked to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the operator (the default).
    Run(Box<Settings>),
    /// Print the definition of the kind, for kubectl apply.
    Crd,
    /// Print the version.
    Version,
}

impl CommandLine {
    /// What the arguments (the first is the program's name) and the environment ask for.
    ///
    /// # Errors
    /// An argument that does not exist, and also the wish for help: see [`clap::Error::use_stderr`].
    pub fn read<A>(arguments: A) -> Result<Command, clap::Error>
    where
        A: IntoIterator,
        A::Item: Into<OsString> + Clone,
    {
        let line = Self::try_parse_from(arguments)?;
        Ok(match line.command.unwrap_or(Command::Run(Box::new(line.settings))) {
            Command::Run(mut settings) => {
                settings.client_secret = std::env::var(variable::CLIENT_SECRET).ok().map(Secret::new);
                settings.https_proxy = in_either_case(variable::HTTPS_PROXY).map(Secret::new);
                settings.no_proxy = in_either_case(variable::NO_PROXY);
                Command::Run(settings)
            }
            other @ (Command::Crd | Command::Version) => other,
        })
    }
}

/// These two are written in small letters as often as in capital ones, which count first.
fn in_either_case(variable: &str) -> Option<String> {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    set(variable).or_else(|| set(&variable.to_ascii_lowercase()))
}

/// Every setting as it was given.
#[derive(Debug, Args)]
#[expect(clippy::doc_markdown, reason = "these texts are printed as they stand")]
pub struct Settings {
    /// Directory (tenant) that the operator signs in to: that of the subscriptions
    #[arg(long, env = variable::TENANT_ID, value_name = "GUID", help_heading = SIGN_IN)]
    pub azure_tenant_id: Option<String>,

    /// Application (client) id that the operator signs in with
    ///
    /// With managed-identity, that of one of the machine's identities; left out, the machine's own is meant.
    #[arg(long, env = variable::CLIENT_ID, value_name = "GUID", help_heading = SIGN_IN)]
    pub azure_client_id: Option<String>,

    /// How to sign in: workload-identity, client-secret, client-certificate, managed-identity or azure-cli
    ///
    /// May be left out where only one of the token file, the secret and the certificate is set; managed-identity (of the
    /// machine) and azure-cli (of a person) are used only when named. There is no silent chain: one kind is used, and no
    /// other tried.
    #[arg(long, env = variable::CREDENTIAL, value_name = "KIND", help_heading = SIGN_IN)]
    pub credential: Option<String>,

    /// Token of the service account, for workload-identity; its webhook sets this by itself
    #[arg(long, env = variable::FEDERATED_TOKEN_FILE, value_name = "FILE", help_heading = SIGN_IN)]
    pub azure_federated_token_file: Option<String>,

    /// File with the client secret, for client-secret
    ///
    /// The secret itself may also stand in the variable AZURE_CLIENT_SECRET. It has no flag, because every user of a
    /// machine can read the arguments of its processes.
    #[arg(long, env = variable::CLIENT_SECRET_FILE, value_name = "FILE", help_heading = SIGN_IN)]
    pub azure_client_secret_file: Option<String>,

    /// From the variable alone.
    #[arg(skip)]
    pub client_secret: Option<Secret>,

    /// PEM file with the certificate and its private key, for client-certificate
    ///
    /// Read anew for each sign-in, so a renewed one counts without a restart.
    #[arg(long, env = variable::CLIENT_CERTIFICATE_PATH, value_name = "FILE", help_heading = SIGN_IN)]
    pub azure_client_certificate_path: Option<String>,

    /// Where tokens come from
    #[arg(long, env = variable::AUTHORITY_HOST, value_name = "URL", default_value = default::AUTHORITY_HOST, help_heading = SIGN_IN)]
    pub azure_authority_host: String,

    /// Where Azure Resource Manager answers
    #[arg(long, env = variable::RESOURCE_MANAGER_ENDPOINT, value_name = "URL", default_value = default::RESOURCE_MANAGER, help_heading = AZURE)]
    pub azure_resource_manager_endpoint: String,

    /// What tokens for Azure Resource Manager are asked for
    #[arg(long, env = variable::RESOURCE_MANAGER_AUDIENCE, value_name = "URL", default_value = default::RESOURCE_MANAGER, help_heading = AZURE)]
    pub azure_resource_manager_audience: String,

    /// Further hosts, separated by commas, that long-running operations and lists of Resource Manager may point to
    ///
    /// Azure names addresses to go on with. A token is sent only to the host of the endpoint above, and to these.
    #[arg(long, env = variable::FURTHER_HOSTS, value_name = "HOSTS", help_heading = AZURE)]
    pub further_hosts: Option<String>,

    /// Where Azure DevOps answers
    #[arg(long, env = variable::DEVOPS_ENDPOINT, value_name = "URL", default_value = default::DEVOPS, help_heading = AZURE)]
    pub azure_devops_endpoint: String,

    /// Certificates (PEM) to trust in addition, such as those of an inspecting proxy
    #[arg(long, env = variable::CA_FILE, value_name = "FILE", help_heading = AZURE)]
    pub ca_file: Option<String>,

    /// Name of this cluster in the marks on identities [default: the uid of namespace kube-system]
    ///
    /// Choose one (1 to 63 letters, digits, dots, hyphens, underscores) before you rely on restoring into a new
    /// cluster: the default does not survive that. Two clusters must never share one.
    #[arg(long, env = variable::CLUSTER_ID, value_name = "ID", help_heading = KUBERNETES)]
    pub cluster_id: Option<String>,

    /// Ids that this cluster had before, separated by commas: marks that bear them count as its own and are rewritten
    ///
    /// For a cluster that was rebuilt, or that was given an id of its own later. List an id only when the operator that
    /// wrote it no longer runs, and never two clusters each other's: both would hold the same identities.
    #[arg(long, env = variable::FORMER_CLUSTER_IDS, value_name = "IDS", help_heading = KUBERNETES)]
    pub former_cluster_ids: Option<String>,

    /// Namespaces to watch, separated by commas [default: all]
    #[arg(long, env = variable::NAMESPACES, value_name = "NAMES", help_heading = KUBERNETES)]
    pub namespaces: Option<String>,

    /// Which namespace may use which subscriptions and organizations [default: every one may use all]
    ///
    /// With a file, a namespace that no rule names may use nothing. A change of the file counts within seconds, without
    /// a restart. A file that cannot be used ends the process at start; later, the last good one stays in force. See
    /// deploy/samples/fences-two-teams.yaml.
    #[arg(long, env = variable::FENCES_FILE, value_name = "FILE", help_heading = KUBERNETES)]
    pub fences_file: Option<String>,

    /// How many objects are worked on at the same time, 1 to 64
    #[arg(long, env = variable::CONCURRENCY, value_name = "NUMBER", default_value = default::CONCURRENCY, help_heading = KUBERNETES)]
    pub concurrency: String,

    /// Where /healthz, /readyz and /metrics answer
    #[arg(long, env = variable::LISTEN, value_name = "ADDRESS", default_value = default::LISTEN, help_heading = PROCESS)]
    pub listen: String,

    /// What is logged: a level, or target=level, separated by commas
    #[arg(long, env = variable::LOG, value_name = "FILTER", default_value = default::LOG, help_heading = PROCESS)]
    pub log: String,

    /// How it is logged: human or json
    #[arg(long, env = variable::LOG_FORMAT, value_name = "FORMAT", default_value = default::LOG_FORMAT, help_heading = PROCESS)]
    pub log_format: String,

    /// For tests: lets this many seconds of waiting pass in one
    ///
    /// Accepted only while all three endpoints are loopback addresses.
    #[arg(long, env = variable::TEST_TIME_SCALE, value_name = "NUMBER", hide_short_help = true, help_heading = PROCESS)]
    pub test_time_scale: Option<String>,

    /// For tests: where a stand-in for the metadata service answers, which managed-identity asks
    ///
    /// A loopback address, accepted only while all three endpoints are too.
    #[arg(long, env = variable::TEST_METADATA_SERVICE, value_name = "URL", hide_short_help = true, help_heading = PROCESS)]
    pub test_metadata_service: Option<String>,

    /// From the variable alone: it may hold a password.
    #[arg(skip)]
    pub https_proxy: Option<Secret>,

    /// From the variable alone, as its companion.
    #[arg(skip)]
    pub no_proxy: Option<String>,
}

/// Ways to sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CredentialKind {
    /// With the token of the pod's service account.
    WorkloadIdentity,
    /// With a secret of the application.
    ClientSecret,
    /// With a certificate of the application.
    ClientCertificate,
    /// As an identity of the machine.
    ManagedIdentity,
    /// As the person who is logged in to the Azure CLI.
    AzureCli,
}

/// Shapes of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_well_formed() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn every_setting_is_a_flag_and_a_variable_of_the_same_name_with_a_text_and_a_heading() {
        let command = CommandLine::command();
        let own = command.get_arguments().filter(|a| !["help", "version"].contains(&a.get_id().as_str()));
        for argument in own {
            let flag = argument.get_long().unwrap();
            let variable = argument.get_env().and_then(|v| v.to_str()).expect(flag);
            assert_eq!(super::super::error::flag(variable).as_deref(), Some(flag));
            assert!(argument.get_help().is_some(), "{flag}");
            assert!(argument.get_help_heading().is_some(), "{flag}");
        }
    }

    #[test]
    fn help_never_offers_a_flag_for_the_secret() {
        let help = CommandLine::command().render_long_help().to_string();
        assert!(help.contains(variable::CLIENT_SECRET));
        assert!(!help.contains("--azure-client-secret "));
        for for_tests in [variable::TEST_TIME_SCALE, variable::TEST_METADATA_SERVICE] {
            assert!(help.contains(for_tests));
            assert!(!CommandLine::command().render_help().to_string().contains(for_tests));
        }
    }

    #[test]
    fn settings_stand_before_no_sub_command_or_after_run() {
        let concurrency = |arguments: &[&str]| match CommandLine::read(arguments).unwrap() {
            Command::Run(settings) => settings.concurrency,
            other => panic!("{other:?}"),
        };
        assert_eq!(concurrency(&["mdi-operator", "--concurrency", "3"]), "3");
        assert_eq!(concurrency(&["mdi-operator", "run", "--concurrency", "3"]), "3");
        assert!(CommandLine::read(["mdi-operator", "--concurrency", "3", "crd"]).is_err());
        assert!(matches!(CommandLine::read(["mdi-operator", "crd"]).unwrap(), Command::Crd));
    }
}
