//! THE PROCESS: settings, time, leadership, telemetry, health and shutdown.

pub mod clock;
pub mod cluster;
pub mod fences;
pub mod health;
pub mod leadership;
pub mod metrics;
pub mod moment;
pub mod proxies;
pub mod server;
pub mod settings;
pub mod shutdown;
pub mod telemetry;
