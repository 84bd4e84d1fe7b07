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

#[tokio::main]
async fn main() -> ExitCode {
    let played = tokio::select! {
        played = play() => played,
        _ = tokio::signal::ctrl_c() => {
            println!("\nstopped");
            return ExitCode::from(130);
        }
        () = terminated() => return ExitCode::from(143),
    };
    match played {
        Ok(()) => ExitCode::SUCCESS,
        Err(mishap) => {
            let _ = std::io::stdout().flush();
            eprintln!("error: {mishap}");
            ExitCode::FAILURE
        }
    }
}

/// Everything that was started ends when the scene is dropped, whichever way this is left.
async fn play() -> Result<(), Mishap> {
    let scene = Scene::set().await?;
    story::tell(&scene).await?;
    let by_itself = std::env::var_os("CI").is_some_and(|ci| ci == "true") || !std::io::stdin().is_terminal();
    if by_itself {
        println!("\nall of it happened; a person at a terminal could play on now");
    } else {
        scene.invite();
        let _ = tokio::signal::ctrl_c().await;
        println!("\nstopping");
    }
    scene.strike().await
}

async fn terminated() {
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut signal) => {
            signal.recv().await;
        }
        Err(_) => std::future::pending().await,
    }
}
