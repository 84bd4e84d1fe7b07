//! One call of `kubectl`, by one user of one control plane.
//!
//! On the I/O side. Must never see the kubeconfig, the cache or the plugins of the person at the machine:
//! the environment is built from nothing.

use crate::Error;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// `kubectl` with its kubeconfig.
#[derive(Debug, Clone)]
pub struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
    home: PathBuf,
    group: i32,
}

impl Kubectl {
    pub(crate) fn new(program: PathBuf, kubeconfig: &Path, home: &Path, group: i32) -> Self {
        Self { program, kubeconfig: kubeconfig.to_path_buf(), home: home.to_path_buf(), group }
    }

    /// Runs `kubectl` and returns what it printed; an error carries what it complained about. Paths among the
    /// arguments are relative to the current directory, as in a shell.
    pub async fn run<I>(&self, arguments: I) -> Result<String, Error>
    where
        I: IntoIterator,
        I::Item: AsRef<OsStr>,
    {
        self.run_with_input(arguments, "").await
    }

    /// The same, with `input` on its standard input (`-f -`).
    pub async fn run_with_input<I>(&self, arguments: I, input: &str) -> Result<String, Error>
    where
        I: IntoIterator,
        I::Item: AsRef<OsStr>,
    {
        let arguments: Vec<OsString> = arguments.into_iter().map(|one| one.as_ref().to_owned()).collect();
        let named = arguments.join(OsStr::new(" ")).to_string_lossy().into_owned();
        let failed = || Error::io(format!("run kubectl {named}"));
        let mut child = Command::new(&self.program)
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .args(&arguments)
            .env_clear()
            .env("HOME", &self.home)
            .process_group(self.group)
            .kill_on_drop(true)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed())?;
        let to_child = child.stdin.take();
        // Both at once: a child that prints before it has read everything must not block us, nor we it.
        let write = async {
            if let Some(mut pipe) = to_child {
                // It may refuse the command without reading; its own words tell more than a broken pipe.
                let _ = pipe.write_all(input.as_bytes()).await;
            }
        };
        let (output, ()) = tokio::join!(child.wait_with_output(), write);
        let output = output.map_err(failed())?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            let stderr = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            Err(Error::Kubectl { arguments: named, stderr })
        }
    }

    /// `kubectl apply` of a YAML text.
    pub async fn apply(&self, yaml: &str) -> Result<String, Error> {
        self.run_with_input(["apply", "-f", "-"], yaml).await
    }
}
