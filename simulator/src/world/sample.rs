//! A small ready-made world, so that a first try needs no writing of JSON.
//!
//! Its ids are fixed on purpose: they can stand in manifests and in examples. Must never hold anything real.

use super::{
    Application, FederatedCredential, Group, IdentityId, Name, Names, Organization, Secret, Subscription,
    Tenant, World,
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
        }
    }
}

impl Sample {
    /// The world with these names: organizations `contoso` (same tenant), `fabrikam` (another) and `personal` (none).
    pub fn world(&self) -> World {
        let application = Application {
            object_id: self.object_id.clone(),
            secrets: vec![Secret { value: self.client_secret.clone(), expires_at: None }],
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
        World {
            tenants: Names::from([
                (Name::from(self.tenant.as_str()), home),
                (Name::from(self.other_tenant.as_str()), other),
            ]),
            subscriptions: Names::from([(Name::from(self.subscription.as_str()), subscription)]),
            organizations: Names::from([
                (Name::from("contoso"), Organization::connected(&self.tenant)),
                (Name::from("fabrikam"), Organization::connected(&self.other_tenant)),
                (Name::from("personal"), Organization::not_connected()),
            ]),
            ..World::default()
        }
    }

    /// The ARM id of an identity in the sample's group.
    pub fn identity_id(&self, name: &str) -> String {
        IdentityId::new(&self.subscription, &self.group, name).to_string()
    }
}
