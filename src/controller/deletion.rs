//! A deletion that takes the identity along: our entries leave the pools, the pools are listed, then the identity goes, and
//! the object goes once it is seen gone.
//!
//! What comes next is [`crate::domain::farewell::part`]'s to say; here it is done. What is blocked is tried again at the
//! slow pace, and a policy changed to Retain frees it at once.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{Api, CustomResourceExt as _};

use super::{
    Operator,
    act::{Halt, may_be_done},
    object::{Subject, WriteError},
    observe::CREDENTIAL,
    reconcile::Pass,
    siblings::key,
};
use crate::{
    api::{ManagedDevOpsIdentity, names::event},
    azure::Basis,
    domain::{
        claim::Sibling,
        desired::Desired,
        failure::Failure,
        farewell::{
            Definition, Leavetaking, Obstacle, Parting, WhyRetained, part, subscriptions_in_question,
        },
        names::IdentityId,
        observed::{Absence, Fact, Identity, Observed},
        ownership::Me,
        pool::Pool,
        record::{Holding, Record},
        registration::PoolJudged,
    },
    runtime::moment::Moment,
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

/// What was found out so far.
struct Found {
    /// The other objects that name the identity; from the API server itself once there is a basis.
    siblings: Vec<Sibling>,
    definition: Definition,
    identity: Fact<Identity>,
    absence: Absence,
    not_left: Option<Vec<PoolJudged>>,
    listed: Option<Result<Vec<Pool>, Failure>>,
    refused: Option<Failure>,
    /// What a DELETE may rest on: the last read, made under leave to write, and when all objects were read before it.
    basis: Option<(Basis, Moment)>,
}

impl Operator {
    /// Deletes what this object created, if nothing stands in the way. In the turn of the identity.
    pub(super) async fn delete(&self, subject: &mut Subject, desired: Desired) -> Result<Parted, WriteError> {
        let me = Me { cluster: &self.cluster, object: key(&subject.object) };
        let id = &desired.identity;
        let identity = self.azure.identities.get(&CREDENTIAL, id).await;
        let mut found = Found {
            siblings: self.siblings(&subject.object, id).await?,
            definition: self.definition().await?,
            absence: self.absence(subject, &identity),
            identity,
            not_left: None,
            listed: None,
            refused: None,
            basis: None,
        };
        for _ in 0..STEPS_AT_MOST {
            match self.next_parting(subject, &me, &desired, &found) {
                // The policy is the one that brought us here; where it changes, the pass begins anew.
                Parting::Retain => return Err(WriteError::Conflict),
                Parting::End => {
                    self.tell_deleted(subject, id).await;
                    return Ok(Parted::Gone);
                }
                Parting::RetainInstead(why) => return Ok(Parted::Retained(why)),
                Parting::Blocked(obstacle) => return Ok(Parted::Blocked(obstacle)),
                Parting::LeavePools => {
                    let identity = &found.identity;
                    found.not_left = Some(self.leave_all_pools(subject, &me, &desired, identity).await?);
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
                Parting::Delete => match self.delete_identity(subject, id, &mut found).await {
                    Ok(()) => {}
                    Err(Halt::Azure(failure)) => found.refused = Some(failure),
                    Err(Halt::Cluster(error)) => return Err(error),
                },
            }
        }
        Err(WriteError::Conflict)
    }

    /// The identity is seen gone. That it went by this object's doing is known to the process that did it.
    async fn tell_deleted(&self, subject: &Subject, id: &IdentityId) {
        let held = Record::of(&subject.status()).holding;
        if let Some(Holding { principal, .. }) = held
            && self.memory.has_deleted(&subject.uid())
        {
            let note =
                format!("deleted identity {id:#}, principal {principal}, which this object had created");
            self.events.normal(&subject.reference(), event::DELETED, &note).await;
        }
    }

    fn next_parting(&self, subject: &Subject, me: &Me<'_>, desired: &Desired, found: &Found) -> Parting {
        let status = subject.status();
        part(&Leavetaking {
            me,
            id: &desired.identity,
            shown_id: status.identity.as_ref().and_then(|identity| identity.resource_id.as_deref()),
            policy: desired.deletion,
            mode: desired.mode,
            record: &Record::of(&status),
            identity: &found.identity,
            absence: found.absence,
            deleted_lately: self.memory.deleted_lately(&subject.uid(), self.clock.elapsed()),
            siblings: &found.siblings,
            definition: found.definition,
            not_left: found.not_left.as_deref(),
            listed: found.listed.as_ref(),
            refused: found.refused.as_ref(),
        })
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

    /// Deletes the identity; if what that rests on was not read yet, it is, and the question is asked again.
    ///
    /// Right before a DELETE, once there is leave to write, all is read live and nothing comes between: every object that
    /// names the identity, the definition of the kind, the identity, and last this object.
    async fn delete_identity(
        &self,
        subject: &mut Subject,
        id: &IdentityId,
        found: &mut Found,
    ) -> Result<(), Halt> {
        let Some((basis, listed)) = found.basis.take() else {
            let slot = self.azure.writer.reserve(&CREDENTIAL, id).await?;
            let (siblings, listed) = self.siblings_live(&subject.object, id).await?;
            (found.siblings, found.definition) = (siblings, self.definition().await?);
            let (identity, basis) = self.azure.writer.read(slot).await;
            found.see(self, subject, identity);
            found.basis = basis.map(|basis| (basis, listed));
            return Ok(());
        };
        subject.confirm().await?;
        let authority = self.authority_over(subject, subject.read.min(listed)).await?;
        let deleted = self.azure.writer.delete(&authority, basis).await;
        if let Err(failure) = &deleted
            && !may_be_done(failure)
        {
            return Ok(deleted?);
        }
        // Whatever was answered: that it is gone, only reads show.
        let identity = self.azure.identities.get(&CREDENTIAL, id).await;
        if deleted.is_ok() || identity.is_gone() {
            self.memory.deletion_sent(&subject.uid(), self.clock.elapsed());
        }
        found.see(self, subject, identity);
        if found.identity.is_gone() { Ok(()) } else { Ok(deleted?) }
    }
}

impl Found {
    fn see(&mut self, operator: &Operator, subject: &Subject, identity: Fact<Identity>) {
        self.absence = operator.absence(subject, &identity);
        self.identity = identity;
    }
}
