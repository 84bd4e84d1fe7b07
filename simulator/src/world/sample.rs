//! A small ready-made world, so that a first try needs no writing of JSON.
//!
//! Its ids are fixed on purpose: they can stand in manifests and in examples. Must never hold anything real.

use serde_json::json;

use super::{
    Application, Attached, Entry, FederatedCredential, Group, Identity, IdentityId, IsolationScope, Machine,
    Name, Names, Organization, Pool, PoolId, Secret, Subscription, SystemIdentity, Tenant, World,
};

/// The names in the ready-made world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The tenant of the subscription and of `contoso`.
    pub tenant: String,
    /// Another tenant, that of `fabrikam`.
    pub other_tenant: String,
    /// An application of `tenant`.
    pub client_id: String,
    /// Its object id.
    pub object_id: String,
    /// Its client secret.
    pub client_secret: String,
    /// The subscription, in `tenant`.
    pub subscription: String,
    /// The resource group.
    pub group: String,
    /// The region of the group.
    pub location: String,
    /// Another subscription in `tenant`, where identities of other people are.
    pub platform_subscription: String,
    /// The resource group there.
    pub platform_group: String,
}

impl Default for Sample {
    fn default() -> Self {
        Self {
            tenant: "11111111-1111-4111-8111-111111111111".to_owned(),
            other_tenant: "22222222-2222-4222-8222-222222222222".to_owned(),
            client_id: "33333333-3333-4333-8333-333333333333".to_owned(),
            object_id: "44444444-4444-4444-8444-444444444444".to_owned(),
            client_secret: "simulated-client-secret".to_owned(),
            subscription: "55555555-5555-4555-8555-555555555555".to_owned(),
            group: "rg-build".to_owned(),
            location: "westeurope".to_owned(),
            platform_subscription: "66666666-6666-4666-8666-666666666666".to_owned(),
            platform_group: "rg-platform".to_owned(),
        }
    }
}

impl Sample {
    /// The world with these names: organizations `contoso` (same tenant), `fabrikam` (another) and `personal` (none);
    /// the pools `pool-linux` and `pool-windows` of `contoso`, and `pool-github`, which is not of Azure DevOps at all.
    pub fn world(&self) -> World {
        let application = Application {
            object_id: self.object_id.clone(),
            secrets: vec![Secret { value: self.client_secret.clone(), expires_at: None }],
            certificates: Vec::new(),
            federated: vec![FederatedCredential {
                issuer: "https://kubernetes.default.svc.cluster.local".to_owned(),
                subject: "system:serviceaccount:mdi-operator-system:mdi-operator".to_owned(),
                audience: "api://AzureADTokenExchange".to_owned(),
            }],
        };
        let home = Tenant {
            display_name: "Contoso".to_owned(),
            applications: Names::from([(Name::from(self.client_id.as_str()), application)]),
        };
        let other = Tenant { display_name: "Fabrikam".to_owned(), applications: Names::new() };
        let mut subscription = Subscription::new(&self.tenant, "Contoso Build");
        subscription.groups.insert(Name::from(self.group.as_str()), Group::new(&self.location));
        let mut platform = Subscription::new(&self.tenant, "Contoso Platform");
        platform.groups.insert(Name::from(self.platform_group.as_str()), Group::new(&self.location));
        World {
            tenants: Names::from([
                (Name::from(self.tenant.as_str()), home),
                (Name::from(self.other_tenant.as_str()), other),
            ]),
            machine: Machine { system: None, user: vec![self.client_id.clone()] },
            subscriptions: Names::from([
                (Name::from(self.subscription.as_str()), subscription),
                (Name::from(self.platform_subscription.as_str()), platform),
            ]),
            identities: self.foreign_identities(),
            pools: self.pools(),
            organizations: Names::from([
                (Name::from("contoso"), Organization::connected(&self.tenant)),
                (Name::from("fabrikam"), Organization::connected(&self.other_tenant)),
                (Name::from("personal"), Organization::not_connected()),
            ]),
            ..World::default()
        }
    }

    /// Identities that belong to nobody of interest, and are attached to the pools.
    fn foreign_identities(&self) -> Names<Identity> {
        [("id-artifacts", 'a'), ("id-signing", 'b')]
            .map(|(name, digit)| {
                let guid = |first: &str| {
                    let run = |length: usize| digit.to_string().repeat(length);
                    format!("{first}{}-{}-4{}-8{}-{}", run(7), run(4), run(3), run(3), run(12))
                };
                let identity = Identity {
                    location: self.location.clone(),
                    tags: Names::new(),
                    isolation_scope: IsolationScope::None,
                    tenant_id: self.tenant.clone(),
                    client_id: guid("c"),
                    principal_id: guid("d"),
                    created_at: None,
                };
                (Name::from(self.foreign_identity_id(name)), identity)
            })
            .into()
    }

    fn pools(&self) -> Names<Pool> {
        let of_others = |names: &[&str]| {
            let identities = self.foreign_identities();
            names
                .iter()
                .map(|name| Name::from(self.foreign_identity_id(name)))
                .filter_map(|key| identities.get(&key).map(|identity| (key.clone(), Entry::of(identity))))
                .collect()
        };
        let system = SystemIdentity {
            principal_id: "77777777-7777-4777-8777-777777777777".to_owned(),
            tenant_id: self.tenant.clone(),
        };
        // A member that came with a version newer than any client knows.
        let later = json!({"mode": "Rolling", "waves": [10, 90]});
        let linux = Pool::azure_devops(&self.location, &["https://dev.azure.com/contoso"])
            .with_identity(Attached { system: None, user: of_others(&["id-artifacts", "id-signing"]) })
            .with_property("upgradeProfile", later);
        let windows = Pool::azure_devops(&self.location, &["https://contoso.visualstudio.com"])
            .with_identity(Attached { system: Some(system), user: of_others(&["id-signing"]) });
        let github = Pool::github(&self.location, &["https://github.com/contoso"]);
        [("pool-linux", linux), ("pool-windows", windows), ("pool-github", github)]
            .map(|(name, pool)| (Name::from(self.pool_id(name)), pool))
            .into()
    }

    /// The ARM id of a pool in the sample's group.
    pub fn pool_id(&self, name: &str) -> String {
        PoolId::new(&self.subscription, &self.group, name).to_string()
    }

    /// The ARM id of an identity of other people, as one of them typed it.
    pub fn foreign_identity_id(&self, name: &str) -> String {
        let id = IdentityId::new(&self.platform_subscription, &self.platform_group, name);
        id.to_string().replace("/resourcegroups/", "/resourceGroups/")
    }

    /// The ARM id of an identity in the sample's group.
    pub fn identity_id(&self, name: &str) -> String {
        IdentityId::new(&self.subscription, &self.group, name).to_string()
    }
}
