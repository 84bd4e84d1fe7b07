//! The control plane by hand: to look around in, or to have its programs ready before a test needs them.
//!
//! On the I/O side. Must never print anything but the kubeconfig's path on standard output, so that a
//! script can take it from there.

use harness::{ControlPlane, Error, Programs};
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str = "usage: control-plane [prepare]

  (nothing)  start a control plane, print the path of its kubeconfig, run until Ctrl-C
  prepare    only make its programs ready: found, or built from Go modules";

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => run().await,
        ["prepare"] => Programs::prepare().map(drop),
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Error> {
    // Before signals are ours: a build takes minutes, and a Ctrl-C must end it at once.
    Programs::prepare()?;

    let failed = |source| Error::Io { what: "listen for signals".to_owned(), source };
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let stop = async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    tokio::pin!(stop);

    // A start that is given up is cleaned up when its future is dropped.
    let control_plane = tokio::select! {
        started = ControlPlane::start() => started?,
        () = &mut stop => return Ok(()),
    };
    println!("{}", control_plane.admin_kubeconfig().display());
    eprintln!(
        "{} is up; kubectl is {}; Ctrl-C ends it and removes all of it",
        control_plane.server(),
        control_plane.programs().kubectl().display()
    );
    stop.await;
    control_plane.stop().await
}
