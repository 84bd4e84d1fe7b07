//! The Azure CLI, as `azure_identity` sees it: only a success comes through as its output.
//!
//! For a person's own machine. `az` runs with the operator's environment, its proxies included. Must never wait for a
//! person: `az` gets no input, and not all the time in the world.

use std::{ffi::OsStr, io, process::Output, process::Stdio, time::Duration};

use async_trait::async_trait;
use azure_identity::Executor;
use tokio::process::Command;

use super::{Carried, failed};
use crate::domain::failure::{Cause, Failure, sign_in::AZURE_CLI_FAILED};

/// `az` is slow: it takes a second or two when all is well, and signs in by itself from time to time.
const PATIENCE: Duration = Duration::from_mins(1);
/// What a shell ends with where it does not find the program.
const NOT_FOUND: i32 = 127;

#[derive(Debug)]
pub(super) struct Az {
    target: String,
    patience: Duration,
}

impl Az {
    pub(super) fn new(target: String) -> Self {
        Self { target, patience: PATIENCE }
    }

    /// Whatever went wrong, it is told in the words of `az`, and the cure is to log in. Where Entra is behind it, by its code.
    fn failed(&self, message: &str) -> Failure {
        let entra = message.find("AADSTS").map(|at| &message[at..]);
        let code = entra.and_then(|text| text.split(|c: char| !c.is_ascii_alphanumeric()).next());
        let cause = Cause::SignInFailed(Some(AZURE_CLI_FAILED.into()));
        failed(&self.target, cause, code.unwrap_or(AZURE_CLI_FAILED), message)
    }

    async fn output(&self, program: &OsStr, arguments: &[&OsStr]) -> Result<Output, Failure> {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
        let output = match tokio::time::timeout(self.patience, command.output()).await {
            Ok(Ok(output)) => output,
            Ok(Err(error)) => return Err(self.failed(&format!("az cannot be run: {error}"))),
            Err(_) => {
                return Err(self.failed(&format!("az did not end within {} s", self.patience.as_secs())));
            }
        };
        let said = String::from_utf8_lossy(&output.stderr);
        match output.status.code() {
            Some(0) => Ok(output),
            Some(NOT_FOUND) => Err(self.failed("az is not on the PATH: install the Azure CLI")),
            _ if said.trim().is_empty() => Err(self.failed(&format!("az ended with {}", output.status))),
            _ => Err(self.failed(said.trim_start().trim_start_matches("ERROR: "))),
        }
    }
}

#[async_trait]
impl Executor for Az {
    async fn run(&self, program: &OsStr, arguments: &[&OsStr]) -> io::Result<Output> {
        self.output(program, arguments).await.map_err(|failure| io::Error::other(Carried(failure)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn failure(script: &str) -> Failure {
        let az = Az { target: "az/t".into(), patience: Duration::from_millis(500) };
        az.output(OsStr::new("/bin/sh"), &[OsStr::new("-c"), OsStr::new(script)]).await.unwrap_err()
    }

    #[tokio::test]
    async fn what_az_complains_of_is_told_in_its_words_and_by_the_code_of_entra() {
        let rows = [
            ("no-such-az-at-all", AZURE_CLI_FAILED, "az is not on the PATH: install the Azure CLI"),
            (
                "echo \"ERROR: Please run 'az login'.\" >&2; exit 1",
                AZURE_CLI_FAILED,
                "Please run 'az login'.",
            ),
            (
                "echo 'AADSTS70043: The refresh token has expired.' >&2; exit 1",
                "AADSTS70043",
                "AADSTS70043: The",
            ),
            ("exit 3", AZURE_CLI_FAILED, "az ended with exit status: 3"),
            ("sleep 10", AZURE_CLI_FAILED, "az did not end within 0 s"),
            ("read line; echo waited >&2; exit 1", AZURE_CLI_FAILED, "waited"),
        ];
        for (script, code, message) in rows {
            let failure = failure(script).await;
            assert_eq!(failure.cause, Cause::SignInFailed(Some(AZURE_CLI_FAILED.into())), "{script}");
            assert_eq!(failure.code, code, "{script}");
            assert!(failure.message.starts_with(message), "{}", failure.message);
        }
    }
}
