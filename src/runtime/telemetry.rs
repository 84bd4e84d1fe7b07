//! Logs, on standard error: for people, or one JSON object a line.
//!
//! Started once, by the composition root. No header and no body is ever given to it.

use std::io::IsTerminal as _;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt};

use super::settings::{LogFormat, LogSettings};

/// What would say the same thing a second time. `MDI_LOG` can bring each of them back.
const QUIET: [(&str, LevelFilter); 8] = [
    // These two log as errors what the caller gets as an error, and may expect.
    ("kube_client::client::builder", LevelFilter::OFF),
    ("rustls_platform_verifier", LevelFilter::OFF),
    ("hyper", LevelFilter::WARN),
    ("hyper_util", LevelFilter::WARN),
    ("tower", LevelFilter::WARN),
    ("reqwest", LevelFilter::WARN),
    ("azure_core", LevelFilter::WARN),
    ("azure_identity", LevelFilter::WARN),
];

/// Logs from here on.
///
/// # Errors
/// A process has one log: the second start fails.
pub fn start(settings: LogSettings) -> Result<(), tracing_subscriber::util::TryInitError> {
    let lines = fmt::layer().with_writer(std::io::stderr);
    let lines = match settings.format {
        LogFormat::Human => lines.with_ansi(std::io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_span_list(false).boxed(),
    };
    tracing_subscriber::registry().with(lines.with_filter(quietened(settings.filter))).try_init()
}

fn quietened(wanted: Targets) -> Targets {
    let base = Targets::new().with_targets(QUIET);
    match wanted.default_level() {
        Some(level) => base.with_default(level).with_targets(wanted),
        None => base.with_targets(wanted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    #[test]
    fn a_level_for_all_leaves_the_noisy_ones_quiet_and_a_level_for_one_wins() {
        let all = quietened("debug".parse().unwrap());
        assert!(all.would_enable("mdi_operator::controller", &Level::DEBUG));
        assert!(!all.would_enable("kube_client::client::builder", &Level::ERROR));
        assert!(!all.would_enable("hyper_util::client", &Level::INFO));
        let one = quietened("info,kube_client::client::builder=debug".parse().unwrap());
        assert!(one.would_enable("kube_client::client::builder", &Level::DEBUG));
        assert!(!one.would_enable("mdi_operator", &Level::DEBUG));
    }
}
