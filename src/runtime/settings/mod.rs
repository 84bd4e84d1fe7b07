//! Settings: what an administrator writes, and what the process works with.
//!
//! [`command_line`] is the manual (`--help`) and takes every text as it comes; [`check`] is the only way from there to
//! values that the rest may trust. Reads the environment and the files that settings name, and only once, at start.
//! Must never hold a secret in a type that can print it.

mod check;
mod checked;
mod command_line;
mod error;
mod names;
mod sign_in;

pub use checked::{AzureSettings, CheckedSettings, LogSettings, Namespaces};
pub use command_line::{Command, CommandLine, CredentialKind, LogFormat, Settings};
pub use error::SettingsError;

#[cfg(test)]
mod tests;
