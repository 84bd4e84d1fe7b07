//! What is said about a setting that cannot be used: one line with its name, what is wrong, and the next step.

use super::names::variable::{CLIENT_SECRET, HTTPS_PROXY, NO_PROXY};

/// A setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: {problem}; {remedy}")]
pub struct SettingsError {
    setting: String,
    problem: String,
    remedy: String,
}

impl SettingsError {
    /// The value of the setting `variable` is not usable.
    pub(super) fn bad(variable: &str, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { setting: shown(variable), problem: problem.into(), remedy: remedy.into() }
    }

    /// The setting `variable` is needed, and absent.
    pub(super) fn missing(variable: &str, remedy: impl Into<String>) -> Self {
        Self::bad(variable, "is not set", remedy)
    }

    /// Settings that contradict each other, or of which one is needed.
    pub(super) fn together(variables: &[&str], problem: &str, remedy: impl Into<String>) -> Self {
        Self { setting: variables.join(", "), problem: problem.to_owned(), remedy: remedy.into() }
    }
}

/// Secrets have no flag, nor has the proxy, whose address may hold one; every other flag is named after its variable, ours
/// without the prefix.
pub(super) fn flag(variable: &str) -> Option<String> {
    let name = variable.strip_prefix("MDI_").unwrap_or(variable);
    (![CLIENT_SECRET, HTTPS_PROXY, NO_PROXY].contains(&variable))
        .then(|| name.to_ascii_lowercase().replace('_', "-"))
}

/// Both names, for a reader may have used either.
fn shown(variable: &str) -> String {
    flag(variable).map_or_else(|| variable.to_owned(), |flag| format!("{variable} (--{flag})"))
}
