//! A deletion that takes the identity along: our entries leave the pools, the pools are listed, then the identity goes.
//!
//! What comes next is [`crate::domain::farewell::part`]'s to say; here it is done. What is blocked is tried again at the
//! slow pace, and a policy changed to Retain frees it at once.

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
    azure::WriteSlot,
    domain::{
        desired::Desired,
        failure::Failure,
        farewell::{
            Definition, Leavetaking, Obstacle, Parting, WhyRetained, part, subscriptions_in_question,
        },
        observed::{Absence, Fact, Identity, Observed},
        ownership::Me,
        pool::Pool,
        record::Record,
        registration::PoolJudged,
    },
};

/// More steps than any sound farewell takes.
const STEPS_AT_MOST: usize = 8;

/// How a deletion ended.
pub(super) enum Parted {
    /// Nothing of ours is left, in Azure or in a pool.
    Gone,
    /// It acts as Retain.
    Retained(WhyRetained),
    /// Something stands in the way.
    Blocked(Obstacle),
}

/// What was found out so far, and the leave to write that the last read was made under.
#[derive(Default)]
struct Found {
    not_left: Option<Vec<PoolJudged>>,
    listed: Option<Result<Vec<Pool>, Failure>>,
    refused: Option<Failure>,
    slot: Option<WriteSlot>,
}

impl Operator {
    /// Deletes what this object created, if nothing stands in the way. In the turn of the identity.
    pub(super) async fn delete(&self, subject: &mut Subject, desired: Desired) -> Result<Parted, WriteError> {
        let me = Me { cluster: &self.cluster, object: key(&subject.object) };
        let (id, mut found) = (&desired.identity, Found::default());
        let mut identity = self.azure.identities.get(&CREDENTIAL, id).await;
        for _ in 0..STEPS_AT_MOST {
            match self.next_parting(subject, &me, &desired, &identity, &found).await? {
                Parting::Retain | Parting::End => return Ok(Parted::Gone),
                Parting::RetainInstead(why) => return Ok(Parted::Retained(why)),
                Parting::Blocked(obstacle) => return Ok(Parted::Blocked(obstacle)),
                Parting::LeavePools => {
                    found.not_left = Some(self.leave_all_pools(subject, &me, &desired, &identity).await?);
                }
                Parting::ListPools => {
                    let subscriptions =
                        subscriptions_in_question(id, &desired.pools, &Record::of(&subject.status()));
                    let mut listed = Ok(vec![]);
                    for subscription in subscriptions {
                        listed = match (listed, self.azure.pools.list(&CREDENTIAL, &subscription).await) {
                            (Ok(pools), Ok(more)) => Ok([pools, more].concat()),
                            (Err(failure), _) | (Ok(_), Err(failure)) => Err(failure),
                        };
                    }
                    found.listed = Some(listed);
                }
                Parting::Delete(principal) => {
                    match self.delete_identity(&desired, &mut identity, &mut found).await {
                        Ok(false) => {}
                        Ok(true) => {
                            let note = format!(
                                "deleted identity {id:#}, principal {principal}, which this object had created"
                            );
                            self.events.normal(&subject.reference(), event::DELETED, &note).await;
                            return Ok(Parted::Gone);
                        }
                        Err(Halt::Azure(failure)) => found.refused = Some(failure),
                        Err(Halt::Cluster(error)) => return Err(error),
                    }
                }
            }
        }
        Err(WriteError::Conflict)
    }

    async fn next_parting(
        &self,
        subject: &Subject,
        me: &Me<'_>,
        desired: &Desired,
        identity: &Fact<Identity>,
        found: &Found,
    ) -> Result<Parting, WriteError> {
        let siblings = self.siblings(&subject.object, &desired.identity).await?;
        let status = subject.status();
        Ok(part(&Leavetaking {
            me,
            id: &desired.identity,
            shown_id: status.identity.as_ref().and_then(|identity| identity.resource_id.as_deref()),
            policy: desired.deletion,
            mode: desired.mode,
            record: &Record::of(&status),
            identity,
            siblings: &siblings,
            definition: self.definition().await?,
            not_left: found.not_left.as_deref(),
            listed: found.listed.as_ref(),
            refused: found.refused.as_ref(),
        }))
    }

    /// Whether the kind goes, with all its objects.
    async fn definition(&self) -> Result<Definition, WriteError> {
        let definitions = Api::<CustomResourceDefinition>::all(self.client.clone());
        match definitions.get_metadata(ManagedDevOpsIdentity::crd_name()).await {
            Ok(definition) if definition.metadata.deletion_timestamp.is_none() => Ok(Definition::Stands),
            Ok(_) => Ok(Definition::Terminates),
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(Definition::Terminates),
            Err(kube::Error::Api(status)) if status.is_forbidden() => Ok(Definition::Unreadable),
            Err(error) => Err(error.into()),
        }
    }

    /// Our entries leave the pools; those that cannot be left yet.
    async fn leave_all_pools(
        &self,
        subject: &mut Subject,
        me: &Me<'_>,
        desired: &Desired,
        identity: &Fact<Identity>,
    ) -> Result<Vec<PoolJudged>, WriteError> {
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
            verdict: None,
        };
        let not_left = pass.leave_pools(pass.record.pools_to_leave(&[])).await?;
        *subject = pass.subject;
        Ok(not_left)
    }

    /// Deletes on a read that was made after the leave to write; `false` if that read had to be made first: decide again.
    async fn delete_identity(
        &self,
        desired: &Desired,
        identity: &mut Fact<Identity>,
        found: &mut Found,
    ) -> Result<bool, Halt> {
        let id = &desired.identity;
        let Some(slot) = found.slot.take() else {
            found.slot = Some(self.azure.writer.reserve(&CREDENTIAL, id).await?);
            *identity = self.azure.identities.get(&CREDENTIAL, id).await;
            return Ok(false);
        };
        let permit = self.permit(&id.to_string())?;
        self.azure.writer.delete(&permit, slot).await?;
        Ok(true)
    }
}
