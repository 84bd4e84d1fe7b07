//! The farewell of a deleted object: release the mark at one try, then let it go. Retain never hangs.
//!
//! What `deletionPolicy: Delete` takes along is in [`super::deletion`]. An absence ends neither before it was seen twice.

use super::{
    Operator,
    act::Halt,
    deletion::Parted,
    object::{Subject, WriteError},
    observe::CREDENTIAL,
    siblings::key,
};
use crate::{
    api::{names::event, v1alpha1::DeletionPolicy},
    azure::{Basis, IdentityPatch},
    domain::{
        desired::{Desired, named_identity},
        farewell::{Farewell, Obstacle, WaitsFor, decide},
        names::{IdentityId, PrincipalId},
        observed::Fact,
        ownership::Me,
        plan::Finalizer,
        record::Record,
        schedule::Outcome,
        standing::{Departure, Finding},
        tags::Tags,
    },
};

impl Operator {
    /// Lets a deleted object go. In the turn of its identity.
    pub(super) async fn farewell(&self, mut subject: Subject) -> Result<Outcome, WriteError> {
        if subject.finalizer() == Finalizer::Absent {
            return Ok(Outcome::Settled);
        }
        if let Some(obstacle) = self.part(&mut subject).await? {
            return self.wait_for(subject, &obstacle).await;
        }
        match subject.set_finalizer(self.permit()?, Finalizer::Absent).await {
            Ok(()) | Err(WriteError::Gone) => Ok(Outcome::Settled),
            Err(error) => Err(error),
        }
    }

    /// Deletes, releases or leaves the identity; what stands in the way, if anything does.
    async fn part(&self, subject: &mut Subject) -> Result<Option<Obstacle>, WriteError> {
        let about = subject.reference();
        let id = match named_identity(&subject.object) {
            Ok(id) => id,
            Err(invalid) => {
                let note = format!("left as it is: the identity cannot be told, {invalid}");
                self.events.warning(&about, event::LEFT_BEHIND, &note).await;
                return Ok(None);
            }
        };
        if let Some(beyond) = self.beyond_the_fence(&subject.object).await? {
            let note = format!(
                "identity {id:#} stays in Azure as it is, mark included, and no request was sent: {beyond}"
            );
            self.events.warning(&about, event::LEFT_BEHIND, &note).await;
            return Ok(None);
        }
        let retained = match (subject.object.spec.deletion_policy, Desired::of(&subject.object)) {
            (DeletionPolicy::Delete, Ok(desired)) => match self.delete(subject, desired).await? {
                Parted::Gone => return Ok(None),
                Parted::Blocked(obstacle) => return Ok(Some(obstacle)),
                Parted::Retained(why) => Some(why.told(&id)),
            },
            (DeletionPolicy::Delete, Err(invalid)) => {
                Some(format!("deletionPolicy: Delete acts as Retain, because {invalid}"))
            }
            (DeletionPolicy::Retain, _) => None,
        };
        self.let_go(subject, &id, retained.as_deref()).await
    }

    /// Tells what the object waits for. What passes by itself is asked about soon.
    async fn wait_for(&self, mut subject: Subject, obstacle: &Obstacle) -> Result<Outcome, WriteError> {
        let (Ok(id), Some(since)) = (named_identity(&subject.object), subject.deleted_at()) else {
            return Ok(Outcome::Stalled);
        };
        let (problem, record) = (obstacle.told(&id), Record::of(&subject.status()));
        let departure = Departure {
            problem: &problem,
            waits_for_whom: obstacle.waits_for(),
            since,
            identity_is_gone: *obstacle == Obstacle::NotSeenGone,
            leaves_pools: subject.object.spec.deletion_policy == DeletionPolicy::Delete,
        };
        let outcome = self.report(&mut subject, &record, Some(&id), Finding::Deleting(departure)).await?;
        if obstacle.waits_for() == WaitsFor::Others
            && self.memory.tell_deletion_waits(&subject.uid(), self.clock.elapsed())
        {
            self.events.normal(&subject.reference(), event::DELETION_WAITS, &problem).await;
        }
        Ok(match (outcome, obstacle.ask_again_after()) {
            (Outcome::Settling, Some(again)) => Outcome::Waiting(again),
            _ => outcome,
        })
    }

    /// Releases the mark, if it is ours, on a read that was made under leave to write. Why it is retained is told once that is
    /// done, and only of an identity that is there.
    async fn let_go(
        &self,
        subject: &mut Subject,
        id: &IdentityId,
        retained: Option<&str>,
    ) -> Result<Option<Obstacle>, WriteError> {
        let me = Me { cluster: &self.cluster, object: key(&subject.object) };
        let (identity, basis) = match self.azure.writer.reserve(&CREDENTIAL, id).await {
            Ok(slot) => self.azure.writer.read(slot).await,
            Err(failure) => (Fact::Unknown(failure), None),
        };
        let absence = self.absence(subject, &identity);
        let failure = match (decide(&me, &Record::of(&subject.status()), &identity, absence), basis) {
            (Farewell::LookAgain, _) => return Ok(Some(Obstacle::NotSeenGone)),
            (Farewell::LeaveBehind(failure), _) => Some(failure),
            (Farewell::Release { tags, principal }, Some(basis)) => {
                match self.release(subject, &me, basis, tags, &principal).await {
                    Ok(()) => {
                        let note = format!("released identity {id:#}: it stays in Azure, whole");
                        self.events.normal(&subject.reference(), event::RELEASED, &note).await;
                        None
                    }
                    Err(Halt::Azure(failure)) => Some(failure),
                    Err(Halt::Cluster(error)) => return Err(error),
                }
            }
            (Farewell::NothingToRelease | Farewell::Release { .. }, _) => None,
        };
        let about = subject.reference();
        if let Some(why) = retained.filter(|_| !identity.is_gone()) {
            self.events.warning(&about, event::RETAINED, why).await;
        }
        if let Some(failure) = failure {
            let note = format!(
                "identity {id:#} stays in Azure with this object's mark, which could not be released: {}; remove its mdi-operator- tags by hand if nobody takes it over",
                failure.told()
            );
            self.events.warning(&about, event::LEFT_BEHIND, &note).await;
        }
        Ok(None)
    }

    async fn release(
        &self,
        subject: &mut Subject,
        me: &Me<'_>,
        basis: Basis,
        tags: Tags,
        read: &PrincipalId,
    ) -> Result<(), Halt> {
        let authority = self.authority(subject, basis.read()).await?;
        let patch = IdentityPatch { tags: Some(tags), isolation_scope: None };
        let identity = self.azure.writer.patch(&authority, basis, &patch).await?;
        if identity.principal == *read {
            return Ok(());
        }
        self.withdraw_mark(subject, me, &identity, read).await
    }
}
