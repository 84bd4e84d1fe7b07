//! What outside hands do to the world: other people, other tools, Azure itself.
//!
//! Each method is one act that a client did not ask for. They must never go through locks, rights or throttling: the
//! hand that acts here had all of those.

use super::{
    Denial, Directory, Group, Identity, IdentityId, IsolationScope, Lock, LockLevel, Name, Names, Obstacle,
    Organization, PoolId, Subscription, SubscriptionState, World,
};

/// An act that the world does not allow, with the field that was wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {value:?} {problem}")]
pub struct WorldError {
    /// The field of the request that names the missing thing.
    pub field: &'static str,
    /// What it said.
    pub value: String,
    /// What is wrong with it and what to do.
    pub problem: &'static str,
}

pub(super) fn wrong(field: &'static str, value: &str, problem: &'static str) -> WorldError {
    WorldError { field, value: value.to_owned(), problem }
}

impl World {
    /// Creates an identity with fresh ids, as another tool would.
    pub fn create_identity(
        &mut self,
        id: &str,
        location: &str,
        tags: Names<String>,
    ) -> Result<(), WorldError> {
        let parsed =
            IdentityId::parse(id).ok_or_else(|| wrong("id", id, "is not the ARM id of an identity"))?;
        if self.identity(id).is_some() {
            return Err(wrong("id", id, "exists already; delete or re-create it instead"));
        }
        let tenant_id = self.subscription_at(&parsed.subscription)?.tenant_id.clone();
        let identity = Identity {
            location: location.to_owned(),
            tags,
            isolation_scope: IsolationScope::None,
            assignment_restrictions: None,
            federated_credentials: Names::new(),
            tenant_id,
            client_id: self.guids.draw(),
            principal_id: self.guids.draw(),
            created_at: None,
        };
        self.identities.insert(Name::from(parsed.to_string()), identity);
        Ok(())
    }

    /// Deletes an identity and gives back what it was.
    pub fn delete_identity(&mut self, id: &str) -> Result<Identity, WorldError> {
        self.identities
            .remove(&Name::from(id))
            .ok_or_else(|| wrong("id", id, "is not there; list GET /world"))
    }

    /// Deletes an identity and creates it again under the same name: new principal, new client, the subscription's
    /// tenant of now. Tags are copied or lost.
    pub fn recreate_identity(&mut self, id: &str, tags: Tags) -> Result<(), WorldError> {
        let old = self.delete_identity(id)?;
        let kept = match tags {
            Tags::Copied => old.tags,
            Tags::Lost => Names::new(),
        };
        self.create_identity(id, &old.location, kept)
    }

    /// Sets one tag.
    pub fn set_tag(&mut self, id: &str, key: &str, value: &str) -> Result<(), WorldError> {
        self.identity_at(id)?.tags.insert(Name::from(key), value.to_owned());
        Ok(())
    }

    /// Removes one tag; a tag that is not there is no error.
    pub fn remove_tag(&mut self, id: &str, key: &str) -> Result<(), WorldError> {
        self.identity_at(id)?.tags.remove(&Name::from(key));
        Ok(())
    }

    /// Removes all tags.
    pub fn remove_tags(&mut self, id: &str) -> Result<(), WorldError> {
        self.identity_at(id)?.tags.clear();
        Ok(())
    }

    /// Moves a subscription to another directory. Its identities keep the tenant they were made in.
    pub fn move_subscription(&mut self, subscription: &str, tenant: &str) -> Result<(), WorldError> {
        self.known_tenant(tenant)?;
        tenant.clone_into(&mut self.subscription_at_mut(subscription)?.tenant_id);
        Ok(())
    }

    /// Changes a subscription's state.
    pub fn set_subscription_state(
        &mut self,
        subscription: &str,
        state: SubscriptionState,
    ) -> Result<(), WorldError> {
        self.subscription_at_mut(subscription)?.state = state;
        Ok(())
    }

    /// Connects an organization to a tenant; creates the organization where there is none.
    pub fn connect_organization(&mut self, name: &str, tenant: &str) -> Result<(), WorldError> {
        self.known_tenant(tenant)?;
        self.directory_of(name, Directory::Connected(tenant.to_owned()));
        Ok(())
    }

    /// Puts an organization back on Microsoft accounts; creates the organization where there is none.
    pub fn disconnect_organization(&mut self, name: &str) {
        self.directory_of(name, Directory::NotConnected);
    }

    /// Deletes an organization.
    pub fn delete_organization(&mut self, name: &str) -> Result<(), WorldError> {
        match self.organizations.remove(&Name::from(name)) {
            Some(_) => Ok(()),
            None => Err(wrong("name", name, "is no organization; list GET /world")),
        }
    }

    /// Keeps an application from managing the agent pools of an organization.
    pub fn obstruct(&mut self, name: &str, object_id: &str, obstacle: Obstacle) -> Result<(), WorldError> {
        self.organization_at(name)?.obstacles.insert(Name::from(object_id), obstacle);
        Ok(())
    }

    /// Lets an application manage the agent pools of an organization again.
    pub fn clear_obstacle(&mut self, name: &str, object_id: &str) -> Result<(), WorldError> {
        self.organization_at(name)?.obstacles.remove(&Name::from(object_id));
        Ok(())
    }

    /// Locks a resource group.
    pub fn lock(
        &mut self,
        subscription: &str,
        group: &str,
        name: &str,
        level: LockLevel,
    ) -> Result<(), WorldError> {
        self.group_at(subscription, group)?.locks.insert(Name::from(name), Lock { level, notes: None });
        Ok(())
    }

    /// Takes a lock away.
    pub fn unlock(&mut self, subscription: &str, group: &str, name: &str) -> Result<(), WorldError> {
        match self.group_at(subscription, group)?.locks.remove(&Name::from(name)) {
            Some(_) => Ok(()),
            None => Err(wrong("name", name, "is no lock of this group; list GET /world")),
        }
    }

    /// Refuses an action to an application, everywhere or below a scope.
    pub fn deny(
        &mut self,
        subscription: &str,
        client_id: &str,
        action: &str,
        scope: Option<&str>,
    ) -> Result<(), WorldError> {
        let denial = Denial { action: action.to_owned(), scope: scope.map(str::to_owned) };
        let list = self.subscription_at_mut(subscription)?.denials.entry(Name::from(client_id)).or_default();
        if !list.contains(&denial) {
            list.push(denial);
        }
        Ok(())
    }

    /// Takes all refusals of an application away.
    pub fn allow(&mut self, subscription: &str, client_id: &str) -> Result<(), WorldError> {
        self.subscription_at_mut(subscription)?.denials.remove(&Name::from(client_id));
        Ok(())
    }

    /// Sets or takes away the policy that forbids identities and pools in a group.
    pub fn set_policy(
        &mut self,
        subscription: &str,
        group: &str,
        policy: Option<&str>,
    ) -> Result<(), WorldError> {
        self.group_at(subscription, group)?.policy_denial = policy.map(str::to_owned);
        Ok(())
    }

    /// Registers a resource provider, or takes the registration away.
    pub fn set_registration(
        &mut self,
        subscription: &str,
        namespace: &str,
        registration: Registration,
    ) -> Result<(), WorldError> {
        let providers = &mut self.subscription_at_mut(subscription)?.registered_providers;
        providers.retain(|known| !known.eq_ignore_ascii_case(namespace));
        match registration {
            Registration::Registered => providers.push(namespace.to_owned()),
            Registration::Unregistered => {}
        }
        Ok(())
    }

    /// Creates a resource group.
    pub fn create_group(
        &mut self,
        subscription: &str,
        group: &str,
        location: &str,
    ) -> Result<(), WorldError> {
        self.subscription_at_mut(subscription)?
            .groups
            .entry(Name::from(group))
            .or_insert_with(|| Group::new(location));
        Ok(())
    }

    /// Starts the deletion of a resource group: it stays, and refuses writes.
    pub fn begin_group_deletion(&mut self, subscription: &str, group: &str) -> Result<(), WorldError> {
        self.group_at(subscription, group)?.being_deleted = true;
        Ok(())
    }

    /// Deletes a resource group with everything in it.
    pub fn delete_group(&mut self, subscription: &str, group: &str) -> Result<(), WorldError> {
        self.group_at(subscription, group)?;
        self.subscription_at_mut(subscription)?.groups.remove(&Name::from(group));
        let in_it = |its_subscription: &str, its_group: &str| {
            its_subscription.eq_ignore_ascii_case(subscription) && its_group.eq_ignore_ascii_case(group)
        };
        self.identities.retain(|id, _| {
            IdentityId::parse(id.as_str()).is_none_or(|id| !in_it(&id.subscription, &id.group))
        });
        self.pools
            .retain(|id, _| PoolId::parse(id.as_str()).is_none_or(|id| !in_it(&id.subscription, &id.group)));
        Ok(())
    }

    fn organization_at(&mut self, name: &str) -> Result<&mut Organization, WorldError> {
        self.organizations
            .get_mut(&Name::from(name))
            .ok_or_else(|| wrong("name", name, "is no organization; list GET /world"))
    }

    fn directory_of(&mut self, name: &str, directory: Directory) {
        self.organizations
            .entry(Name::from(name))
            .and_modify(|organization| organization.directory = directory.clone())
            .or_insert(Organization { directory, quirks: Vec::new(), obstacles: Names::new() });
    }

    fn known_tenant(&self, tenant: &str) -> Result<(), WorldError> {
        if self.tenants.contains_key(&Name::from(tenant)) {
            return Ok(());
        }
        Err(wrong("tenant", tenant, "is no tenant of this world; add it under /tenants first"))
    }

    fn subscription_at(&self, id: &str) -> Result<&Subscription, WorldError> {
        self.subscription(id).ok_or_else(|| wrong("subscription", id, "is not there; list GET /world"))
    }

    fn subscription_at_mut(&mut self, id: &str) -> Result<&mut Subscription, WorldError> {
        self.subscriptions
            .get_mut(&Name::from(id))
            .ok_or_else(|| wrong("subscription", id, "is not there; list GET /world"))
    }

    fn group_at(&mut self, subscription: &str, group: &str) -> Result<&mut Group, WorldError> {
        self.subscription_at_mut(subscription)?
            .groups
            .get_mut(&Name::from(group))
            .ok_or_else(|| wrong("group", group, "is no group of this subscription; list GET /world"))
    }

    fn identity_at(&mut self, id: &str) -> Result<&mut Identity, WorldError> {
        self.identity_mut(id).ok_or_else(|| wrong("id", id, "is not there; list GET /world"))
    }
}

/// What becomes of the tags of a re-created identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tags {
    /// Somebody put the same tags on again.
    Copied,
    /// They are gone.
    Lost,
}

/// Whether a resource provider can be used in a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// It can.
    Registered,
    /// It cannot.
    Unregistered,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::Sample;

    fn world_with(id: &str) -> World {
        let mut world = Sample::default().world();
        let tags = Names::from([(Name::from("Team"), "blue".to_owned())]);
        world.create_identity(id, "westeurope", tags).unwrap();
        world
    }

    #[test]
    fn a_recreated_identity_has_a_new_principal_and_client() {
        let id = Sample::default().identity_id("a-name");
        let mut world = world_with(&id);
        let before = world.identity(&id).unwrap().clone();
        world.recreate_identity(&id, Tags::Copied).unwrap();
        let after = world.identity(&id).unwrap();
        assert_ne!(before.principal_id, after.principal_id);
        assert_ne!(before.client_id, after.client_id);
        assert_eq!(before.tags, after.tags);
    }

    #[test]
    fn identities_keep_their_tenant_when_the_subscription_moves_and_lose_it_when_recreated() {
        let sample = Sample::default();
        let id = sample.identity_id("a-name");
        let mut world = world_with(&id);
        world.move_subscription(&sample.subscription, &sample.other_tenant).unwrap();
        assert_eq!(world.identity(&id).unwrap().tenant_id, sample.tenant);
        world.recreate_identity(&id, Tags::Lost).unwrap();
        assert_eq!(world.identity(&id).unwrap().tenant_id, sample.other_tenant);
        assert!(world.identity(&id).unwrap().tags.is_empty());
    }

    #[test]
    fn an_act_on_a_missing_thing_names_the_field() {
        let mut world = Sample::default().world();
        let error = world.set_tag("/subscriptions/none", "a", "b").unwrap_err();
        assert_eq!(error.field, "id");
        let error = world.connect_organization("contoso", "no-tenant").unwrap_err();
        assert_eq!(error.field, "tenant");
    }

    #[test]
    fn deleting_a_group_takes_its_identities_along() {
        let sample = Sample::default();
        let id = sample.identity_id("a-name");
        let mut world = world_with(&id);
        world.delete_group(&sample.subscription, &sample.group.to_uppercase()).unwrap();
        assert!(world.identity(&id).is_none());
    }
}
