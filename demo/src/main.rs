//! `make demo`: the main job, for a person to watch.
//!
//! A real etcd and kube-apiserver, the operator as it ships with its own service account and rights, and a simulated
//! Azure. Each step shows the command that a user would type and what it then prints. Without a terminal, or with
//! `CI=true`, it ends by itself, with code 0 only if everything happened. It leaves no process behind, and it never
//! looks at a cluster that was on the machine before.

mod scene;
mod story;

use std::{
    io::{IsTerminal as _, Write as _},
    process::ExitCode,
};

use scene::{Mishap, Scene};
use tokio::sync::watch;

#[tokio::main]
async fn main() -> ExitCode {
    let mut stop = stop();
    match play(&mut stop).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(mishap) => {
            let _ = std::io::stdout().flush();
            eprintln!("error: {mishap}");
            ExitCode::FAILURE
        }
    }
}

/// Everything that was started ends when the scene is struck or dropped, whichever way this is left.
async fn play(stop: &mut Stop) -> Result<(), Mishap> {
    let Some(scene) = unless(stop, Scene::set()).await else { return Err(Mishap::stopped()) };
    let scene = scene?;
    let Some(told) = unless(stop, story::tell(&scene)).await else {
        scene.strike().await?;
        return Err(Mishap::stopped());
    };
    told?;
    let by_itself = std::env::var_os("CI").is_some_and(|ci| ci == "true") || !std::io::stdin().is_terminal();
    if by_itself {
        println!("\nall of it happened; a person at a terminal could play on now");
    } else {
        scene.invite();
        let _ = stop.wait_for(|asked| *asked).await;
        println!("\nstopping");
    }
    scene.strike().await
}

/// Whether Ctrl-C or SIGTERM came.
type Stop = watch::Receiver<bool>;

/// The one place that listens, so that no two of them wait for the same Ctrl-C.
fn stop() -> Stop {
    let (asked, stop) = watch::channel(false);
    tokio::spawn(async move {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            () = terminated() => {}
        }
        asked.send_replace(true);
        // Kept, so that whoever asks later still learns it.
        asked.closed().await;
    });
    stop
}

async fn unless<T>(stop: &mut Stop, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        done = work => Some(done),
        _ = stop.wait_for(|asked| *asked) => None,
    }
}

async fn terminated() {
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut signal) => {
            signal.recv().await;
        }
        Err(_) => std::future::pending().await,
    }
}
