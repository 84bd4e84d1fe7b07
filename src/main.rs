//! The composition root: reads the settings, puts the parts together, and says how it ended.

use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use mdi_operator::api::crd;
use mdi_operator::azure::Azure;
use mdi_operator::controller;
use mdi_operator::runtime::clock::Clock;
use mdi_operator::runtime::cluster::Cluster;
use mdi_operator::runtime::fences::FencesInForce;
use mdi_operator::runtime::health::Health;
use mdi_operator::runtime::leadership::Leadership;
use mdi_operator::runtime::metrics::Metrics;
use mdi_operator::runtime::server::Server;
use mdi_operator::runtime::settings::{CheckedSettings, Command, CommandLine, Settings};
use mdi_operator::runtime::shutdown::{Drained, Shutdown};
use mdi_operator::runtime::telemetry;

type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

/// One thread: what is done is waiting, and no answer has to be handed to another thread.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let outcome = match CommandLine::read(std::env::args_os()) {
        Ok(Command::Run(settings)) => Box::pin(run(*settings)).await,
        Ok(Command::Crd) => crd::yaml().and_then(|yaml| print(&yaml)),
        Ok(Command::Version) => print(concat!("mdi-operator ", env!("CARGO_PKG_VERSION"), "\n")),
        Err(help) if !help.use_stderr() => print(&help.render().to_string()),
        Err(mistake) => Err(without_usage(&mistake.to_string()).into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn run(settings: Settings) -> Outcome {
    let CheckedSettings {
        azure,
        cluster_id,
        former_cluster_ids,
        namespaces,
        fences,
        concurrency,
        listen,
        log,
        time_scale,
    } = settings.check()?;
    telemetry::start(log)?;
    let metrics = Metrics::new()?;
    let health = Health::default();
    let shutdown = Shutdown::on_signal(health.clone())?;
    let server = Server::bind(listen).await?;
    let listen = server.address()?;
    tokio::spawn(server.serve(health.clone(), metrics.clone()));

    let Some(cluster) = shutdown
        .unless_begun(Cluster::connect(cluster_id, former_cluster_ids, &azure.proxies))
        .await
        .transpose()?
    else {
        return Ok(());
    };
    let clock = time_scale.map_or_else(Clock::real, Clock::scaled);
    let leadership = Arc::new(Leadership::of_the_only_replica());
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        cluster = cluster.url,
        cluster_id = cluster.ids.current(),
        %namespaces,
        authority_host = %azure.authority_host,
        resource_manager = %azure.resource_manager,
        devops = %azure.devops,
        tenant = azure.credential.tenant().map(tracing::field::display),
        client = azure.credential.client().map(tracing::field::display),
        credential = %azure.credential,
        proxy = %azure.proxies,
        %listen,
        "starting"
    );
    if let Some(scale) = time_scale {
        tracing::warn!(scale, "MDI_TEST_TIME_SCALE is in force: waiting is shorter than it says");
    }
    metrics.set_concurrency(concurrency);
    let fences = FencesInForce::start(fences, metrics.clone());

    let azure = Azure::connect(azure.into(), clock, metrics.clone())?;
    let work = async {
        let known = cluster.until_crd_is_served(&namespaces, &health, &metrics);
        if shutdown.unless_begun(known).await.is_none() {
            return;
        }
        let setup = controller::Setup {
            cluster,
            namespaces: namespaces.clone(),
            concurrency,
            fences,
            azure,
            leadership,
            clock,
            metrics: metrics.clone(),
            health: health.clone(),
        };
        controller::run(setup, &shutdown).await;
    };
    match shutdown.drain(health.beat_during(Box::pin(work))).await {
        Drained::Whole(()) => tracing::info!("ended"),
        Drained::Cut => tracing::warn!("ended with passes under way; they are taken up at the next start"),
    }
    Ok(())
}

/// Unlike `print!`, no panic where the reader has gone.
fn print(text: &str) -> Outcome {
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}

/// An error with all that it came from, each said once: some errors repeat their cause in their own text.
fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut line = one_line(&error.to_string());
    let mut next = error.source();
    while let Some(cause) = next {
        next = cause.source();
        let cause = one_line(&cause.to_string());
        if !line.contains(&cause) {
            line = format!("{line}: {cause}");
        }
    }
    line
}

/// Of a mistake on the command line, what is wrong; the rest `--help` tells better.
fn without_usage(text: &str) -> String {
    let wrong = text.split("Usage:").next().unwrap_or(text).split("For more information").next();
    format!("{}; see mdi-operator --help", one_line(wrong.unwrap_or(text).trim_start_matches("error: ")))
}

fn one_line(text: &str) -> String {
    text.lines().map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_on_the_command_line_is_told_in_one_line() {
        let line = |arguments: &[&str]| {
            without_usage(
                &CommandLine::read([&["mdi-operator"], arguments].concat()).unwrap_err().to_string(),
            )
        };
        assert_eq!(
            line(&["--namespces", "a"]),
            "unexpected argument '--namespces' found; tip: a similar argument exists: '--namespaces'; \
             see mdi-operator --help"
        );
        assert_eq!(line(&["walk"]), "unrecognized subcommand 'walk'; see mdi-operator --help");
    }

    #[test]
    fn a_cause_is_told_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("no sign-in: {0}")]
        struct Outer(#[source] std::io::Error);
        let error = Outer(std::io::Error::other("no\n  network"));
        assert_eq!(with_causes(&error), "no sign-in: no; network");
    }
}
