//! The simulated Azure of one row: ten subscriptions of one tenant, and for each object pools of its own.
//!
//! Pure data. Both kinds of limits are in force. Must never be kinder than the
//! simulator's defaults.

use azure_simulator::{
    Config, PoolTimes, Settings, Throttling,
    world::{Group, Name, Pool, PoolId, Sample, Subscription},
};
use serde_json::{Value, json};
use std::path::Path;

/// How many subscriptions the objects are spread over, one after the other.
pub const SUBSCRIPTIONS: u32 = 10;
/// The identity provider's limit of creations in one tenant.
pub const CREATIONS_PER_SECOND: f64 = 10.0;

/// How large a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Objects, each with an identity of its own.
    pub objects: u32,
    /// Pools of each object, its own too.
    pub pools: u32,
}

/// What one row is about.
#[derive(Debug)]
pub struct Land {
    /// Names that are the same in every row.
    pub sample: Sample,
    /// How large it is.
    pub size: Size,
}

impl Land {
    /// A land of this size.
    pub fn new(size: Size) -> Self {
        Self { sample: Sample::default(), size }
    }

    /// Seconds that the provider's own limit asks for: nobody can be faster.
    pub fn limit_in_seconds(&self) -> f64 {
        f64::from(self.size.objects) / CREATIONS_PER_SECOND
    }

    /// What the simulator is started with.
    pub fn azure(&self, pool_seconds: f64, time_scale: f64, log: &Path) -> Config {
        let Sample { tenant, group, location, .. } = &self.sample;
        let mut world = self.sample.world();
        world.identities.clear();
        world.pools.clear();
        world.subscriptions.clear();
        for index in 0..SUBSCRIPTIONS {
            let mut subscription = Subscription::new(tenant, &format!("Contoso Build {index}"));
            subscription.groups.insert(Name::from(group.as_str()), Group::new(location));
            world.subscriptions.insert(Name::from(subscription_id(index)), subscription);
        }
        for object in 0..self.size.objects {
            for pool in self.pools(object) {
                let id = PoolId::new(&subscription_id(object), group, &pool).to_string();
                world
                    .pools
                    .insert(Name::from(id), Pool::azure_devops(location, &["https://dev.azure.com/contoso"]));
            }
        }
        Config {
            log_file: Some(log.to_owned()),
            seed: Some(1),
            time_scale,
            settings: Settings {
                throttling: Throttling { resource_manager: true, provider: true },
                pools: PoolTimes { update_seconds: pool_seconds, ..PoolTimes::default() },
                ..Settings::default()
            },
            ..Config::with_world(world)
        }
    }

    /// The name of an object, and of its identity.
    pub fn name(object: u32) -> String {
        format!("agents-{object:04}")
    }

    fn pools(&self, object: u32) -> impl Iterator<Item = String> + use<> {
        (0..self.size.pools).map(move |pool| format!("pool-{object:04}-{pool}"))
    }

    /// An object as a team would write it, with every default left to the API server.
    pub fn object(&self, object: u32) -> Value {
        let pools: Vec<Value> = self.pools(object).map(|name| json!({ "name": name })).collect();
        let mut spec = json!({
            "organization": "contoso",
            "identity": {
                "subscriptionId": subscription_id(object),
                "resourceGroup": self.sample.group,
                "location": self.sample.location,
            },
        });
        if !pools.is_empty() {
            spec["pools"] = Value::Array(pools);
        }
        json!({
            "apiVersion": "mdi-operator.io/v1alpha1",
            "kind": "ManagedDevOpsIdentity",
            "metadata": { "name": Self::name(object) },
            "spec": spec,
        })
    }
}

/// The subscription of the object with this number.
fn subscription_id(object: u32) -> String {
    format!("55555555-5555-4555-8555-5555555555{:02}", object % SUBSCRIPTIONS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_spread_evenly_and_each_has_pools_of_its_own() {
        let land = Land::new(Size { objects: 100, pools: 3 });
        let config = land.azure(0.0, 1.0, Path::new("log"));
        assert_eq!(config.world.subscriptions.len(), 10);
        assert_eq!(config.world.pools.len(), 300);
        let in_the_first = (0..100)
            .filter(|n| land.object(*n)["spec"]["identity"]["subscriptionId"] == subscription_id(0).as_str());
        assert_eq!(in_the_first.count(), 10);
        assert!(config.settings.throttling.provider && config.settings.throttling.resource_manager);
    }

    #[test]
    fn a_thousand_creations_take_a_hundred_seconds() {
        let seconds = Land::new(Size { objects: 1000, pools: 0 }).limit_in_seconds();
        assert!((seconds - 100.0).abs() < 1e-9);
    }
}
