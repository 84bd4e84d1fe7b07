//! What can go wrong in the harness, told so that the reader knows the next step.
//!
//! Pure: only words. Must never carry a token; the logs quoted in it are those of the control plane, which
//! do not print them.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why the harness could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A directory given by the user lacks a program that nothing works without.
    #[error(
        "{program} is not in {directory} (KUBEBUILDER_ASSETS): fill it with setup-envtest, or unset KUBEBUILDER_ASSETS to have the programs built from Go modules"
    )]
    ProgramMissing {
        /// The program looked for.
        program: &'static str,
        /// Where it should have been.
        directory: PathBuf,
    },

    /// The programs have to be built and there is no Go to do it.
    #[error(
        "go is not on the PATH, and the control plane has to be built: install Go 1.26 or newer (https://go.dev/dl), or set KUBEBUILDER_ASSETS to a directory made by setup-envtest"
    )]
    GoMissing,

    /// There is no place to keep the programs in.
    #[error(
        "neither XDG_CACHE_HOME nor HOME is set: set one, the control plane's programs are kept below it"
    )]
    NoCacheFolder,

    /// Go refused to build a program.
    #[error("go could not build {program}: its last words were\n{log}")]
    Build {
        /// The program.
        program: &'static str,
        /// The end of what Go printed.
        log: String,
    },

    /// A component ended, or never became ready.
    #[error("{component} {what}: the last lines of its log are\n{log}")]
    Component {
        /// The component.
        component: &'static str,
        /// What it did.
        what: String,
        /// The end of its log.
        log: String,
    },

    /// `kubectl` ended with an error.
    #[error("kubectl {arguments} failed: {stderr}")]
    Kubectl {
        /// What it was asked.
        arguments: String,
        /// What it answered.
        stderr: String,
    },

    /// The operator did not end when told to.
    #[error("the operator (process {pid}) still runs {after:?} after SIGTERM: its last words were\n{log}")]
    OperatorStays {
        /// Its process id.
        pid: u32,
        /// How long it was waited for.
        after: Duration,
        /// The end of its log.
        log: String,
    },

    /// The operator has ended, so it cannot be signalled.
    #[error("the operator has ended already, there is no process to send {signal} to")]
    OperatorGone {
        /// The signal that was to be sent.
        signal: &'static str,
    },

    /// A file or process could not be dealt with.
    #[error("cannot {what}: {source}")]
    Io {
        /// What was tried, with the name of the file or program.
        what: String,
        /// Why it failed.
        source: std::io::Error,
    },

    /// A certificate could not be made.
    #[error("cannot make the control plane's certificates: {0}")]
    Certificate(#[from] rcgen::Error),

    /// A client for the control plane could not be made.
    #[error("cannot make a client from {kubeconfig}: {reason}")]
    Client {
        /// The file it was to be made from.
        kubeconfig: PathBuf,
        /// Why it could not.
        reason: String,
    },
}

impl Error {
    /// For `map_err` on I/O: `what` completes "cannot …".
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

/// The last lines of a log, indented, for an error message.
pub(crate) fn last_lines(log: &Path) -> String {
    let text = match std::fs::read(log) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => format!("({} cannot be read: {error})", log.display()),
    };
    last_lines_of(&text)
}

/// The same for a text that is at hand.
pub(crate) fn last_lines_of(text: &str) -> String {
    const LINES: usize = 15;
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let start = lines.len().saturating_sub(LINES);
    if lines.is_empty() {
        return "    (nothing)".to_owned();
    }
    lines[start..].iter().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}
