//! The farewell of a deleted object: release the mark at one try, then let it go. Retain never hangs.
//!
//! What `deletionPolicy: Delete` takes along is in [`super::deletion`].

use super::{
    Operator,
    deletion::Parted,
    object::{Subject, WriteError},
    observe::CREDENTIAL,
    siblings::key,
};
use crate::{
    api::{names::event, v1alpha1::DeletionPolicy},
    azure::IdentityPatch,
    domain::{
        desired::{Desired, named_identity},
        failure::Failure,
        farewell::{Farewell, Obstacle, decide},
        names::{IdentityId, PrincipalId},
        ownership::Me,
        plan::Finalizer,
        record::Record,
        schedule::Outcome,
        standing::{Finding, Refusal},
        tags::Tags,
    },
};

impl Operator {
    /// Lets a deleted object go.
    pub(super) async fn farewell(&self, mut subject: Subject) -> Result<Outcome, WriteError> {
        if subject.finalizer() == Finalizer::Absent {
            return Ok(Outcome::Settled);
        }
        if let Some(obstacle) = self.part(&mut subject).await? {
            return self.wait_for(subject, &obstacle).await;
        }
        match subject.set_finalizer(Finalizer::Absent).await {
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
        let _turn = self.turns.take(&id).await;
        match (subject.object.spec.deletion_policy, Desired::of(&subject.object)) {
            (DeletionPolicy::Delete, Ok(desired)) => match self.delete(subject, desired).await? {
                Parted::Gone => return Ok(None),
                Parted::Blocked(obstacle) => return Ok(Some(obstacle)),
                Parted::Retained(why) => self.tell_retained(subject, &why.told(&id)).await,
            },
            (DeletionPolicy::Delete, Err(invalid)) => {
                self.tell_retained(
                    subject,
                    &format!("deletionPolicy: Delete acts as Retain, because {invalid}"),
                )
                .await;
            }
            (DeletionPolicy::Retain, _) => {}
        }
        self.let_go(subject, &id).await;
        Ok(None)
    }

    async fn tell_retained(&self, subject: &Subject, why: &str) {
        self.events.warning(&subject.reference(), event::RETAINED, why).await;
    }

    async fn wait_for(&self, mut subject: Subject, obstacle: &Obstacle) -> Result<Outcome, WriteError> {
        let Ok(id) = named_identity(&subject.object) else { return Ok(Outcome::Stalled) };
        let (problem, record) = (obstacle.told(&id), Record::of(&subject.status()));
        if obstacle.passes_by_itself() {
            self.report(&mut subject, &record, Some(&id), Finding::Deleting(&problem)).await?;
            return Ok(Outcome::Settling);
        }
        let blocked = Finding::Invalid(Refusal::deletion_blocked(&problem));
        self.report(&mut subject, &record, Some(&id), blocked).await
    }

    async fn let_go(&self, subject: &Subject, id: &IdentityId) {
        let about = subject.reference();
        let me = Me { cluster: &self.cluster, object: key(&subject.object) };
        let identity = self.azure.identities.get(&CREDENTIAL, id).await;
        let failure = match decide(&me, &Record::of(&subject.status()), &identity) {
            Farewell::NothingToRelease => return,
            Farewell::LeaveBehind(failure) => Some(failure),
            Farewell::Release { tags, principal } => self.release(subject, id, tags, &principal).await.err(),
        };
        match failure {
            None => {
                let note = format!("released identity {id:#}: it stays in Azure, whole");
                self.events.normal(&about, event::RELEASED, &note).await;
            }
            Some(failure) => {
                let note = format!(
                    "identity {id:#} stays in Azure with this object's mark, which could not be released: {}; remove its mdi-operator- tags by hand if nobody takes it over",
                    failure.told()
                );
                self.events.warning(&about, event::LEFT_BEHIND, &note).await;
            }
        }
    }

    async fn release(
        &self,
        subject: &Subject,
        id: &IdentityId,
        tags: Tags,
        read: &PrincipalId,
    ) -> Result<(), Failure> {
        let slot = self.azure.writer.reserve(&CREDENTIAL, id).await?;
        let permit = self.permit(&id.to_string())?;
        let patch = IdentityPatch { tags: Some(tags), isolation_scope: None };
        let identity = self.azure.writer.patch(&permit, slot, &patch).await?;
        if identity.principal == *read { Ok(()) } else { self.withdraw_mark(subject, &identity, read).await }
    }
}
