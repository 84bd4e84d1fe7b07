//! `make bench`: what the operator costs, for a person to read.
//!
//! The binary that ships, on a real control plane and against a simulated Azure with both kinds of limits in force. Each
//! row is a world of its own, and every figure of it can be found again in the log that is kept. No figure is ever an
//! assertion: machines differ. It fails only where a row could not be measured.

mod cluster;
mod process;
mod row;
mod table;
mod tally;
mod world;

use std::{
    fmt::Display,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Parser;

use crate::{
    row::{Setup, measure},
    table::Machine,
    world::Size,
};

/// Measures what the operator costs and prints it as Markdown.
#[derive(Debug, Parser)]
struct Arguments {
    /// Numbers of objects, separated by commas
    #[arg(long, value_delimiter = ',', default_values_t = [1, 100, 1000])]
    objects: Vec<u32>,
    /// Numbers of pools of each object, separated by commas
    #[arg(long, value_delimiter = ',', default_values_t = [0, 1, 3])]
    pools: Vec<u32>,
    /// Seconds that a change of a pool takes; with 0 it is done at once
    #[arg(long, default_value_t = 0.0)]
    pool_seconds: f64,
    /// How much faster than ours the clocks of Azure and the operator run, to try something out
    #[arg(long, default_value_t = 1.0, value_parser = time_scale)]
    time_scale: f64,
    /// The operator's program [default: the one beside this]
    #[arg(long)]
    binary: Option<PathBuf>,
    /// A further setting of the operator, NAME=VALUE
    #[arg(long = "set", value_parser = setting)]
    settings: Vec<(String, String)>,
    /// Where the logs go [default: a folder beside the programs]
    #[arg(long)]
    folder: Option<PathBuf>,
}

fn time_scale(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|scale| (0.1..=1000.0).contains(scale))
        .ok_or_else(|| "it takes 0.1 to 1000".into())
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("it takes NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Why something could not be measured, for a person to read.
#[derive(Debug)]
pub struct Mishap(String);

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

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(mishap) => {
            eprintln!("error: {mishap}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every row could be measured.
async fn run(arguments: Arguments) -> Result<bool, Mishap> {
    let here = std::env::current_exe()?;
    let binary = arguments.binary.unwrap_or_else(|| here.with_file_name("mdi-operator"));
    let folder = arguments.folder.unwrap_or_else(|| here.with_file_name("bench-logs"));
    let folder = std::path::absolute(folder)?;
    fs::create_dir_all(&folder)?;
    let machine = Machine::of(&binary, root())?;
    let control_plane = cluster::start(root()).await?;
    let setup = Setup {
        control_plane: &control_plane,
        binary: &binary,
        folder: &folder,
        pool_seconds: arguments.pool_seconds,
        time_scale: arguments.time_scale,
        settings: &arguments.settings,
    };
    let (mut rows, mut failures) = (Vec::new(), Vec::new());
    for &pools in &arguments.pools {
        for &objects in &arguments.objects {
            eprintln!("measuring {objects} objects with {pools} pools each");
            match measure(&setup, Size { objects, pools }).await {
                Ok(row) => rows.push(row),
                Err(mishap) => {
                    eprintln!("{objects} objects with {pools} pools could not be measured: {mishap}");
                    failures.push(format!("{objects} objects with {pools} pools: {mishap}"));
                }
            }
        }
    }
    let page = table::page(&machine, &setup, &rows, &failures);
    control_plane.stop().await?;
    println!("{page}");
    fs::write(folder.join("bench.md"), &page)?;
    eprintln!("the logs behind it: {}", folder.display());
    Ok(failures.is_empty())
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}
