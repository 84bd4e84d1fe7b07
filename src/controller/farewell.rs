//! The farewell of a deleted object: release the mark at one try, then let it go. It never hangs, and deletes nothing.

use super::{
    Operator,
    object::{Subject, WriteError},
    observe::CREDENTIAL,
    siblings::key,
};
use crate::{
    api::names::event,
    azure::IdentityPatch,
    domain::{
        desired::named_identity,
        failure::Failure,
        farewell::{Farewell, asked_for_more, decide},
        names::{IdentityId, PrincipalId},
        ownership::Me,
        plan::Finalizer,
        record::Record,
        schedule::Outcome,
        tags::Tags,
    },
};

impl Operator {
    /// Lets a deleted object go.
    pub(super) async fn farewell(&self, mut subject: Subject) -> Result<Outcome, WriteError> {
        if subject.finalizer() == Finalizer::Absent {
            return Ok(Outcome::Settled);
        }
        let about = subject.reference();
        if asked_for_more(subject.object.spec.deletion_policy) {
            let note = "deletionPolicy: Delete acts as Retain in this version, because the pools that use the identity are not known: the identity stays in Azure";
            self.events.warning(&about, event::RETAINED, note).await;
        }
        let beyond = self.beyond_the_fence(&subject.object).await?;
        match (named_identity(&subject.object), beyond) {
            (Ok(id), Some(beyond)) => {
                let note = format!(
                    "identity {id} stays in Azure as it is, mark included, and no request was sent: {beyond}"
                );
                self.events.warning(&about, event::LEFT_BEHIND, &note).await;
            }
            (Ok(id), None) => {
                let _turn = self.turns.take(&id).await;
                self.let_go(&subject, &id).await;
            }
            (Err(invalid), _) => {
                self.events
                    .warning(
                        &about,
                        event::LEFT_BEHIND,
                        &format!("left as it is: the identity cannot be told, {invalid}"),
                    )
                    .await;
            }
        }
        match subject.set_finalizer(Finalizer::Absent).await {
            Ok(()) | Err(WriteError::Gone) => Ok(Outcome::Settled),
            Err(error) => Err(error),
        }
    }

    async fn let_go(&self, subject: &Subject, id: &IdentityId) {
        let about = subject.reference();
        let me = Me { cluster: self.cluster.clone(), object: key(&subject.object) };
        let identity = self.azure.identities.get(&CREDENTIAL, id).await;
        let failure = match decide(&me, &Record::of(&subject.status()), &identity) {
            Farewell::NothingToRelease => return,
            Farewell::LeaveBehind(failure) => Some(failure),
            Farewell::Release { tags, principal } => self.release(subject, id, tags, &principal).await.err(),
        };
        match failure {
            None => {
                let note = format!("released identity {id}: it stays in Azure, whole");
                self.events.normal(&about, event::RELEASED, &note).await;
            }
            Some(failure) => {
                let note = format!(
                    "identity {id} stays in Azure with this object's mark, which could not be released: {}; remove its mdi-operator- tags by hand if nobody takes it over",
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
