//! THE PROCESS: settings, time, leadership, telemetry, health and shutdown.

pub mod clock;
pub mod leadership;
pub mod metrics;
