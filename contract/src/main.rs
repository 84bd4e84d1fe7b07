//! Compares the simulator with the official descriptions of the services that it stands in for.
//!
//! ```text
//!   descriptions ──▶ operations ──▶ schemas ──▶ bodies, good and bad ──▶ simulator
//!                                      │                                    │
//!                                      └──────────▶ validator ◀── answers ──┘──▶ report
//! ```
//!
//! It fails if an answer, a refusal or the handling of a body differs from the description and is not among the known
//! deviations, and if nothing was compared. It must never be needed to build or test the project: the descriptions are
//! not part of it.

mod bodies;
mod deviations;
mod documents;
mod folder;
mod operations;
mod report;
mod schema;
mod stage;
mod verdict;
mod walk;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use crate::documents::Documents;
use crate::report::Report;
use crate::stage::Stage;

/// Compares the simulator's answers and refusals with the official descriptions.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The `specification` folder of Azure/azure-rest-api-specs, or the checkout that holds it
    #[arg(env = "SPECS", value_name = "FOLDER")]
    specs: Option<PathBuf>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(faults) if faults.is_empty() => ExitCode::SUCCESS,
        Ok(faults) => {
            println!("\nfailures: {}", faults.len());
            for fault in faults {
                println!("  {fault}");
            }
            ExitCode::FAILURE
        }
        Err(problem) => {
            eprintln!("contract: {problem}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<Vec<String>, String> {
    // An empty variable is as good as none.
    let given = arguments.specs.filter(|folder| !folder.as_os_str().is_empty());
    let descriptions = folder::descriptions(given.as_deref())?;
    let documents = Documents::default();
    let mut report = Report::default();
    for description in &descriptions {
        let stage = Stage::new().await?;
        walk::description(&stage, &documents, description, &descriptions, &mut report).await?;
    }
    print!("{}", report.text());
    Ok(report.faults())
}
