//! From texts to values that need no second look.
//!
//! Every rule about a setting stands here, but for the credential ([`super::sign_in`]). Reads the files that hold a secret
//! or certificates; the token file is left to the sign-in, because it is written anew every hour.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use azure_core::credentials::Secret;
use clap::ValueEnum;
use reqwest::{Certificate, Url};
use tracing_subscriber::filter::{LevelFilter, Targets};

use super::names::{default, variable};
use super::sign_in::Given;
use super::{AzureSettings, CheckedSettings, LogSettings, Namespaces, Settings, SettingsError};
use crate::domain::fence::Fences;
use crate::domain::names::is_namespace;
use crate::runtime::fences::FencesFile;
use crate::runtime::proxies::Proxies;

pub(super) type Checked<T> = Result<T, SettingsError>;

impl Settings {
    /// Values that need no second look, or the first setting that cannot be used.
    pub fn check(self) -> Checked<CheckedSettings> {
        let Self {
            azure_tenant_id,
            azure_client_id,
            credential,
            azure_federated_token_file,
            azure_client_secret_file,
            client_secret,
            azure_client_certificate_path,
            azure_authority_host,
            azure_resource_manager_endpoint,
            azure_resource_manager_audience,
            further_hosts,
            azure_devops_endpoint,
            ca_file,
            cluster_id,
            former_cluster_ids,
            namespaces,
            fences_file,
            concurrency,
            listen,
            log,
            log_format,
            test_time_scale,
            test_metadata_service,
            https_proxy,
            no_proxy,
        } = self;
        let authority_host =
            endpoint(variable::AUTHORITY_HOST, or(&azure_authority_host, default::AUTHORITY_HOST))?;
        let test_metadata_service = given(test_metadata_service);
        let credential = Given {
            kind: given(credential),
            authority: authority_host.clone(),
            tenant: given(azure_tenant_id),
            client: given(azure_client_id),
            token_file: given(azure_federated_token_file).map(PathBuf::from),
            secret: client_secret.filter(|s| !s.secret().is_empty()),
            secret_file: given(azure_client_secret_file).map(PathBuf::from),
            certificate_file: given(azure_client_certificate_path).map(PathBuf::from),
            metadata_service: metadata_service(test_metadata_service.as_deref())?,
        };
        let azure = AzureSettings {
            authority_host,
            credential: credential.credential()?,
            resource_manager: endpoint(
                variable::RESOURCE_MANAGER_ENDPOINT,
                or(&azure_resource_manager_endpoint, default::RESOURCE_MANAGER),
            )?,
            resource_manager_audience: audience(or(
                &azure_resource_manager_audience,
                default::RESOURCE_MANAGER,
            ))?,
            further_hosts: given(further_hosts).map(|hosts| listed(&hosts)).unwrap_or_default(),
            devops: endpoint(variable::DEVOPS_ENDPOINT, or(&azure_devops_endpoint, default::DEVOPS))?,
            extra_ca: given(ca_file).map(|file| certificates(Path::new(&file))).transpose()?,
            proxies: proxies(https_proxy.as_ref(), given(no_proxy).as_deref())?,
        };
        let cluster_id =
            given(cluster_id).map(|id| check_cluster_id(variable::CLUSTER_ID, id)).transpose()?;
        let former_cluster_ids =
            given(former_cluster_ids).map_or(Ok(vec![]), |ids| former(&ids, cluster_id.as_deref()))?;
        if test_metadata_service.is_some() {
            only_against_a_simulator(variable::TEST_METADATA_SERVICE, &azure)?;
        }
        Ok(CheckedSettings {
            time_scale: given(test_time_scale).map(|scale| time_scale(&scale, &azure)).transpose()?,
            azure,
            cluster_id,
            former_cluster_ids,
            namespaces: given(namespaces).map_or(Ok(Namespaces::All), |names| watched(&names))?,
            fences: given(fences_file).map(|file| fences(PathBuf::from(file))).transpose()?,
            concurrency: check_concurrency(or(&concurrency, default::CONCURRENCY))?,
            listen: address(or(&listen, default::LISTEN))?,
            log: LogSettings {
                format: choice(variable::LOG_FORMAT, or(&log_format, default::LOG_FORMAT))?,
                filter: filter(or(&log, default::LOG))?,
            },
        })
    }
}

/// A variable that is set to nothing, as a `ConfigMap` often leaves it, counts as absent.
fn given(value: Option<String>) -> Option<String> {
    value.filter(|v| !v.is_empty())
}

fn or<'a>(value: &'a str, default: &'a str) -> &'a str {
    if value.is_empty() { default } else { value }
}

fn certificates(file: &Path) -> Checked<String> {
    let text = String::from_utf8(read(variable::CA_FILE, file)?).unwrap_or_default();
    // A bundle without a certificate is no error to its parser, and then nothing would be trusted in addition.
    match Certificate::from_pem_bundle(text.as_bytes()) {
        Ok(found) if !found.is_empty() => Ok(text),
        Ok(_) | Err(_) => Err(SettingsError::bad(
            variable::CA_FILE,
            format!("{} holds no certificate in PEM form", file.display()),
            "name a file of -----BEGIN CERTIFICATE----- blocks",
        )),
    }
}

pub(super) fn read(variable: &str, file: &Path) -> Checked<Vec<u8>> {
    std::fs::read(file).map_err(|error| {
        let problem = format!("{} cannot be read ({error})", file.display());
        SettingsError::bad(variable, problem, "name a file that the operator may read")
    })
}

fn endpoint(variable: &str, value: &str) -> Checked<Url> {
    let bad = |problem: &str| {
        let remedy = "give an address such as https://management.azure.com";
        Err(SettingsError::bad(variable, format!("{value:?} {problem}"), remedy))
    };
    match Url::parse(value) {
        Err(error) => bad(&format!("is not a URL ({error})")),
        Ok(url) if url.scheme() != "https" => bad("does not begin with https://"),
        Ok(url) if url.path() != "/" || url.query().is_some() || url.fragment().is_some() => {
            bad("has more than scheme, host and port")
        }
        // The value is not repeated: it may hold a password.
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            Err(SettingsError::bad(variable, "holds a user name or password", "take it out"))
        }
        Ok(url) => Ok(url),
    }
}

fn audience(value: &str) -> Checked<String> {
    match Url::parse(value) {
        Ok(url) if url.scheme() == "https" => Ok(value.trim_end_matches('/').to_owned()),
        Ok(_) | Err(_) => Err(SettingsError::bad(
            variable::RESOURCE_MANAGER_AUDIENCE,
            format!("{value:?} is not a URL that begins with https://"),
            "give the audience of the cloud's Resource Manager, such as https://management.azure.com",
        )),
    }
}

/// Reqwest and kube would each read these by themselves, and pass over what they cannot use.
fn proxies(https_proxy: Option<&Secret>, no_proxy: Option<&str>) -> Checked<Proxies> {
    let address = https_proxy.map(Secret::secret).filter(|address| !address.is_empty());
    Proxies::parse(address, no_proxy).map_err(|problem| {
        SettingsError::bad(variable::HTTPS_PROXY, problem, "give one such as http://proxy.example.com:3128")
    })
}

/// Where it always is, or its stand-in on loopback.
fn metadata_service(stand_in: Option<&str>) -> Checked<Url> {
    let address = stand_in.unwrap_or(default::METADATA_SERVICE);
    match Url::parse(address) {
        Ok(url) if stand_in.is_none() || (url.scheme() == "http" && is_loopback(&url)) => Ok(url),
        Ok(_) | Err(_) => Err(SettingsError::bad(
            variable::TEST_METADATA_SERVICE,
            format!("{address:?} is not a loopback address that begins with http://"),
            "do not set it",
        )),
    }
}

fn only_against_a_simulator(setting: &str, azure: &AzureSettings) -> Checked<()> {
    let endpoints = [
        (variable::AUTHORITY_HOST, &azure.authority_host),
        (variable::RESOURCE_MANAGER_ENDPOINT, &azure.resource_manager),
        (variable::DEVOPS_ENDPOINT, &azure.devops),
    ];
    match endpoints.into_iter().find(|(_, url)| !is_loopback(url)) {
        None => Ok(()),
        Some((name, url)) => {
            let problem = format!("is for tests against a simulator, but {name} is {url}");
            Err(SettingsError::bad(setting, problem, "do not set it"))
        }
    }
}

fn time_scale(value: &str, azure: &AzureSettings) -> Checked<f64> {
    only_against_a_simulator(variable::TEST_TIME_SCALE, azure)?;
    match value.parse::<f64>() {
        Ok(scale) if (1.0..=10_000.0).contains(&scale) => Ok(scale),
        Ok(_) | Err(_) => Err(SettingsError::bad(
            variable::TEST_TIME_SCALE,
            format!("{value:?} is not a number from 1 to 10000"),
            "60 lets a minute pass in a second",
        )),
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn check_cluster_id(variable: &'static str, value: String) -> Checked<String> {
    let fits = (1..=63).contains(&value.len())
        && value.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    if fits {
        Ok(value)
    } else {
        let remedy = "use 1 to 63 letters, digits, dots, hyphens and underscores";
        Err(SettingsError::bad(variable, format!("{value:?} is no cluster id"), remedy))
    }
}

fn former(ids: &str, current: Option<&str>) -> Checked<Vec<String>> {
    let ids: Vec<String> = ids
        .split(',')
        .map(|id| check_cluster_id(variable::FORMER_CLUSTER_IDS, id.trim().to_owned()))
        .collect::<Checked<_>>()?;
    match current.filter(|current| ids.iter().any(|id| id == current)) {
        None => Ok(ids),
        Some(current) => {
            let problem = format!("{current:?} is what this cluster is called now, by MDI_CLUSTER_ID");
            let remedy = "list only ids that no operator writes any more";
            Err(SettingsError::bad(variable::FORMER_CLUSTER_IDS, problem, remedy))
        }
    }
}

fn watched(names: &str) -> Checked<Namespaces> {
    let mut watched: Vec<String> = Vec::new();
    for name in names.split(',').map(str::trim) {
        if !is_namespace(name) {
            let remedy = "separate names by commas, or leave it out to watch all namespaces";
            let problem = format!("{name:?} is not the name of a namespace");
            return Err(SettingsError::bad(variable::NAMESPACES, problem, remedy));
        }
        // Watched twice, each object would be worked on twice at a time.
        if !watched.iter().any(|w| w == name) {
            watched.push(name.to_owned());
        }
    }
    Ok(Namespaces::Only(watched))
}

/// The parts of a list that is separated by commas. What is not a host is told when the connections are made.
fn listed(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

fn fences(file: PathBuf) -> Checked<FencesFile> {
    let text = String::from_utf8(read(variable::FENCES_FILE, &file)?).map_err(|_| {
        let problem = format!("{} is not a text", file.display());
        SettingsError::bad(variable::FENCES_FILE, problem, "write it in UTF-8")
    })?;
    match Fences::parse(&text) {
        Ok(fences) => Ok(FencesFile { path: file, text, fences }),
        Err(error) => {
            let problem = format!("{}: {}", file.display(), error.problem);
            Err(SettingsError::bad(variable::FENCES_FILE, problem, error.remedy))
        }
    }
}

fn check_concurrency(value: &str) -> Checked<u16> {
    match value.parse() {
        Ok(number @ 1..=64) => Ok(number),
        Ok(_) | Err(_) => Err(SettingsError::bad(
            variable::CONCURRENCY,
            format!("{value:?} is not a whole number from 1 to 64"),
            "32 is a good one",
        )),
    }
}

fn address(value: &str) -> Checked<SocketAddr> {
    value.parse().map_err(|_| {
        let problem = format!("{value:?} is not an address with a port");
        SettingsError::bad(variable::LISTEN, problem, "give one such as 0.0.0.0:8080 or [::]:8080")
    })
}

pub(super) fn choice<T: ValueEnum>(variable: &str, value: &str) -> Checked<T> {
    T::from_str(value, false).map_err(|_| {
        let known: Vec<String> = T::value_variants()
            .iter()
            .filter_map(ValueEnum::to_possible_value)
            .map(|v| v.get_name().to_owned())
            .collect();
        SettingsError::bad(variable, format!("{value:?} is not known"), format!("use {}", known.join(" or ")))
    })
}

fn filter(value: &str) -> Checked<Targets> {
    let bad = |part: &str| {
        let remedy = "use off, error, warn, info, debug or trace, or target=level such as mdi_operator=debug";
        SettingsError::bad(variable::LOG, format!("{part:?} is not a level"), remedy)
    };
    // A lone word that is no level would be taken for a target, and nothing else be logged at all.
    for part in value.split(',') {
        let level = part.rsplit_once('=').map_or(part, |(_, level)| level);
        match LevelFilter::from_str(level) {
            Ok(_) if !level.is_empty() => {}
            Ok(_) | Err(_) => return Err(bad(part)),
        }
    }
    Targets::from_str(value).map_err(|_| bad(value))
}
