//! What a simulator is started with.
//!
//! Things that can change later are in [`crate::Settings`].

use std::path::PathBuf;

use crate::settings::Settings;
use crate::world::World;

/// What a simulator is started with. The default serves an empty world on free ports.
#[derive(Clone, Debug)]
pub struct Config {
    /// What exists at the start.
    pub world: World,
    /// Where to listen.
    pub ports: Ports,
    /// Seed of all generated GUIDs; a random one is chosen and told by [`crate::Simulator::seed`] if absent.
    pub seed: Option<u64>,
    /// Simulated seconds in one real second; 0 stands still.
    pub time_scale: f64,
    /// A file for the request log, as JSON lines. It is overwritten.
    pub log_file: Option<PathBuf>,
    /// Limits, delays and open questions.
    pub settings: Settings,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            world: World::default(),
            ports: Ports::default(),
            seed: None,
            time_scale: 1.0,
            log_file: None,
            settings: Settings::default(),
        }
    }
}

impl Config {
    /// A start with this world.
    pub fn with_world(world: World) -> Self {
        Self { world, ..Self::default() }
    }
}

/// Ports on 127.0.0.1; 0 takes a free one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ports {
    /// The Entra authority.
    pub authority: u16,
    /// The metadata service of a machine, plain HTTP.
    pub metadata: u16,
    /// Resource Manager.
    pub resource_manager: u16,
    /// Azure DevOps.
    pub devops: u16,
    /// The admin port, plain HTTP.
    pub admin: u16,
}
