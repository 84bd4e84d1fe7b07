//! A deletion that takes the identity along: our entries leave the pools, the pools are listed, then the identity goes.
//!
//! Every doubt ends in Retain or in `DeletionBlocked`; nothing is deleted on a guess. What is blocked is tried again at the
//! slow pace, and a policy changed to Retain frees it at once.

use std::collections::BTreeSet;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{Api, CustomResourceExt as _};

use super::{
    Operator,
    act::Halt,
    object::{Subject, WriteError},
    observe::CREDENTIAL,
    reconcile::Pass,
    siblings::key,
};
use crate::{
    api::{ManagedDevOpsIdentity, names::event},
    domain::{
        deletion::{Definition, Deletion, Obstacle, WhyRetain, decide, listing},
        desired::Desired,
        failure::Failure,
        names::SubscriptionId,
        observed::{Absence, Fact, Identity, Observed},
        ownership::Me,
        pool::Pool,
        record::Record,
        registration::{Judgement, PoolJudged},
    },
};

/// How a deletion ended.
pub(super) enum Deleted {
    /// The identity is gone, and nothing of ours is left in a pool.
    Gone,
    /// It acts as Retain.
    Retained(WhyRetain),
    /// Something stands in the way.
    Blocked(Obstacle),
}

impl Operator {
    /// Deletes what this object created, if nothing stands in the way. In the turn of the identity.
    pub(super) async fn delete(
        &self,
        subject: &mut Subject,
        desired: Desired,
    ) -> Result<Deleted, WriteError> {
        let me = Me { cluster: self.cluster.clone(), object: key(&subject.object) };
        let identity = self.azure.identities.get(&CREDENTIAL, &desired.identity).await;
        match self.may_delete(subject, &me, &desired, &identity).await? {
            Deletion::Retain(why) => return Ok(Deleted::Retained(why)),
            Deletion::Unknown(failure) => return Ok(Deleted::Blocked(Obstacle::Refused(failure))),
            Deletion::Allowed | Deletion::Gone => {}
        }
        let pools_of = subscriptions(&desired, &Record::of(&subject.status()));
        if let Some(obstacle) = self.leave_all_pools(subject, &me, &desired, &identity).await? {
            return Ok(Deleted::Blocked(obstacle));
        }
        if identity == Fact::Absent {
            return Ok(Deleted::Gone);
        }
        match self.list_pools(pools_of).await {
            Err(failure) => return Ok(Deleted::Blocked(Obstacle::NotListed(failure))),
            Ok(pools) => {
                if let Some(obstacle) = listing(&desired.identity, &pools) {
                    return Ok(Deleted::Blocked(obstacle));
                }
            }
        }
        match self.delete_identity(subject, &me, &desired).await {
            Ok(deleted) => Ok(deleted),
            Err(Halt::Azure(failure)) => Ok(Deleted::Blocked(Obstacle::Refused(failure))),
            Err(Halt::Cluster(error)) => Err(error),
        }
    }

    async fn may_delete(
        &self,
        subject: &Subject,
        me: &Me,
        desired: &Desired,
        identity: &Fact<Identity>,
    ) -> Result<Deletion, WriteError> {
        let siblings = self.siblings(&subject.object, &desired.identity).await?;
        let status = subject.status();
        let recorded = status.identity.as_ref().and_then(|identity| identity.resource_id.as_deref());
        let definition = self.definition().await?;
        Ok(decide(me, &desired.identity, recorded, &Record::of(&status), definition, &siblings, identity))
    }

    /// Whether the kind goes, with all its objects.
    async fn definition(&self) -> Result<Definition, WriteError> {
        let definitions = Api::<CustomResourceDefinition>::all(self.client.clone());
        match definitions.get_metadata(ManagedDevOpsIdentity::crd_name()).await {
            Ok(definition) if definition.metadata.deletion_timestamp.is_none() => Ok(Definition::Stands),
            Ok(_) => Ok(Definition::Terminating),
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(Definition::Terminating),
            Err(kube::Error::Api(status)) if status.is_forbidden() => Ok(Definition::Unreadable),
            Err(error) => Err(error.into()),
        }
    }

    /// Our entries leave the pools; the first that cannot be left yet is what stands in the way.
    async fn leave_all_pools(
        &self,
        subject: &mut Subject,
        me: &Me,
        desired: &Desired,
        identity: &Fact<Identity>,
    ) -> Result<Option<Obstacle>, WriteError> {
        let mut pass = Pass {
            operator: self,
            subject: subject.clone(),
            me: me.clone(),
            desired: desired.clone(),
            // Leaving needs neither the organization nor the directory, so neither was asked for.
            observed: Observed {
                organization: Fact::Absent,
                subscription: Fact::Absent,
                identity: identity.clone(),
                absence: Absence::Once,
                mark_owner: None,
                siblings: vec![],
            },
            record: Record::of(&subject.status()),
        };
        let mut obstacle = None;
        for (name, record) in pass.record.pools.clone() {
            let seen = pass.look_at_pool(&record.id, record.operation.as_deref()).await;
            if let Some(judged) = pass.leave_pool(&name, &record.id, seen).await? {
                obstacle = obstacle.or(Some(in_the_way(judged)));
            }
        }
        pass.write_ahead("the pools are being left").await?;
        *subject = pass.subject;
        Ok(obstacle)
    }

    async fn list_pools(&self, subscriptions: BTreeSet<SubscriptionId>) -> Result<Vec<Pool>, Failure> {
        let mut pools = vec![];
        for subscription in subscriptions {
            pools.extend(self.azure.pools.list(&CREDENTIAL, &subscription).await?);
        }
        Ok(pools)
    }

    /// On one more read, made after the leave to write: between the two lies only the decision.
    async fn delete_identity(&self, subject: &Subject, me: &Me, desired: &Desired) -> Result<Deleted, Halt> {
        let slot = self.azure.writer.reserve(&CREDENTIAL, &desired.identity).await?;
        let identity = self.azure.identities.get(&CREDENTIAL, &desired.identity).await;
        match self.may_delete(subject, me, desired, &identity).await? {
            Deletion::Retain(why) => Ok(Deleted::Retained(why)),
            Deletion::Unknown(failure) => Err(failure.into()),
            Deletion::Gone => Ok(Deleted::Gone),
            Deletion::Allowed => {
                let permit = self.permit(&desired.identity.to_string())?;
                self.azure.writer.delete(&permit, slot).await?;
                let note = format!("deleted identity {:#}, which this object had created", desired.identity);
                self.events.normal(&subject.reference(), event::DELETED, &note).await;
                Ok(Deleted::Gone)
            }
        }
    }
}

/// Where pools are that may list the identity, as far as this object knows.
fn subscriptions(desired: &Desired, record: &Record) -> BTreeSet<SubscriptionId> {
    let of_the_spec = desired.pools.iter().map(|pool| pool.id.subscription().clone());
    let of_the_record = record.pools.values().map(|pool| pool.id.subscription().clone());
    of_the_spec.chain(of_the_record).chain([desired.identity.subscription().clone()]).collect()
}

fn in_the_way(PoolJudged { name, provisioning_state: _, entry: _, judgement }: PoolJudged) -> Obstacle {
    match judgement {
        Judgement::LeavingFailed(failure) => Obstacle::PoolFailed(name, failure),
        Judgement::LeavingWaits { .. } | Judgement::Wanted(_) => Obstacle::Moving(name),
    }
}
