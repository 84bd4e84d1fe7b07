//! The simulator as a program, for demos and for clients in other languages.
//!
//! Must never do more than start the library, say how to reach it, and wait for Ctrl-C.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use azure_simulator::{Config, Ports, Sample, Simulator, World};
use clap::Parser;

/// A stateful stand-in for Azure on loopback: Entra tokens, Resource Manager, Azure DevOps.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Port of the Entra authority; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port_authority: u16,
    /// Port of the metadata service (IMDS, plain HTTP)
    #[arg(long, default_value_t = 0)]
    port_metadata: u16,
    /// Port of Resource Manager
    #[arg(long, default_value_t = 0)]
    port_resource_manager: u16,
    /// Port of Azure DevOps
    #[arg(long, default_value_t = 0)]
    port_devops: u16,
    /// Port of the admin service (plain HTTP)
    #[arg(long, default_value_t = 0)]
    port_admin: u16,
    /// A world as JSON, in the shape of `GET /world`; a sample world if absent
    #[arg(long, value_name = "FILE")]
    world: Option<PathBuf>,
    /// Where to write the certificate authority
    #[arg(long, value_name = "FILE", default_value = "azure-simulator-ca.pem")]
    ca_file: PathBuf,
    /// Where to write the request log, as JSON lines
    #[arg(long, value_name = "FILE")]
    log_file: Option<PathBuf>,
    /// Simulated seconds in one real second; 0 stands still
    #[arg(long, default_value_t = 1.0, value_parser = time_scale)]
    time_scale: f64,
    /// Seed of generated GUIDs; a random one if absent
    #[arg(long)]
    seed: Option<u64>,
    /// Enforce the identity provider's own low limits too
    #[arg(long)]
    provider_limits: bool,
}

fn time_scale(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(scale) if f64::is_finite(scale) && scale >= 0.0 => Ok(scale),
        Ok(_) | Err(_) => Err("give a number of 0 or more".to_owned()),
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("azure-simulator: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let sample = Sample::default();
    let world = match &arguments.world {
        None => sample.world(),
        Some(file) => read_world(file)?,
    };
    let mut config = Config {
        ports: Ports {
            authority: arguments.port_authority,
            metadata: arguments.port_metadata,
            resource_manager: arguments.port_resource_manager,
            devops: arguments.port_devops,
            admin: arguments.port_admin,
        },
        seed: arguments.seed,
        time_scale: arguments.time_scale,
        log_file: arguments.log_file.clone(),
        ..Config::with_world(world)
    };
    config.settings.throttling.provider = arguments.provider_limits;
    let simulator = Simulator::start(config).await?;
    simulator
        .write_ca(&arguments.ca_file)
        .map_err(|error| format!("the CA file {} cannot be written: {error}", arguments.ca_file.display()))?;
    let ca_file = std::fs::canonicalize(&arguments.ca_file)?;
    greet(&simulator, &ca_file.display().to_string(), arguments.world.is_none().then_some(&sample));
    stopped().await?;
    simulator.stop().await;
    Ok(())
}

fn read_world(file: &Path) -> Result<World, Box<dyn Error>> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let mut reader = serde_json::Deserializer::from_str(&text);
    let world = serde_path_to_error::deserialize(&mut reader)
        .map_err(|error| format!("{}: at {}: {}", file.display(), error.path(), error.inner()))?;
    Ok(world)
}

async fn stopped() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        outcome = tokio::signal::ctrl_c() => outcome,
        _ = terminate.recv() => Ok(()),
    }
}

fn greet(simulator: &Simulator, ca_file: &str, sample: Option<&Sample>) {
    let (authority, resource_manager, devops) =
        (simulator.authority(), simulator.resource_manager(), simulator.devops());
    println!("# azure-simulator, seed {}. Admin port and manual: {}/", simulator.seed(), simulator.admin());
    println!("export AZURE_AUTHORITY_HOST={authority}");
    println!("export AZURE_RESOURCE_MANAGER_ENDPOINT={resource_manager}");
    println!("export AZURE_RESOURCE_MANAGER_AUDIENCE=https://management.azure.com");
    println!("export AZURE_DEVOPS_ENDPOINT={devops}");
    println!("export MDI_CA_FILE={ca_file}");
    let Some(sample) = sample else { return };
    println!("export AZURE_TENANT_ID={}", sample.tenant);
    println!("export AZURE_CLIENT_ID={}", sample.client_id);
    println!("export AZURE_CLIENT_SECRET={}", sample.client_secret);
    println!(
        "# Sample world: subscription {}, group {}, region {}",
        sample.subscription, sample.group, sample.location
    );
    println!(
        "# Organizations: contoso (same tenant), fabrikam (tenant {}), personal (none)",
        sample.other_tenant
    );
    println!(
        "# The machine has one identity, of the same client id; its metadata service: {}",
        simulator.metadata()
    );
    println!("# Pools: pool-linux and pool-windows (contoso), pool-github (not of Azure DevOps)");
    println!("# Try: curl --cacert {ca_file} -sI {devops}/contoso");
    println!("# A token: curl --cacert {ca_file} -s {authority}/{}/oauth2/v2.0/token \\", sample.tenant);
    println!("#   -d grant_type=client_credentials -d client_id={} \\", sample.client_id);
    println!("#   -d client_secret={} -d scope=https://management.azure.com/.default", sample.client_secret);
}
