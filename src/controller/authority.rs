//! The last look before a write to Azure: is the object still as the pass has decided on?
//!
//! Minutes may lie between the decision that a write is due and the moment at which it may leave: a turn, a slot, a slow
//! answer. Whoever has changed the object meanwhile (another spec, `suspend`, another policy, a deletion, another object of
//! the name) has ended what the pass was about. Must never wait for anything but the API server.

use super::{
    Operator,
    object::{Subject, WriteError},
};
use crate::runtime::{
    leadership::{Authority, NotSent, Permit},
    moment::Moment,
};

impl Operator {
    /// Leave to write to the API server.
    pub(super) fn permit(&self) -> Result<Permit<'_>, WriteError> {
        Ok(self.leadership.permit().ok_or(NotSent::NotPermitted)?)
    }

    /// Leave to write to Azure, on the strength of a resource that was read at this moment. The object is read again, unless
    /// a write of ours has shown since then that it is the one that was decided on.
    pub(super) async fn authority(
        &self,
        subject: &mut Subject,
        resource_read: Moment,
    ) -> Result<Authority<'_>, WriteError> {
        if subject.read < resource_read {
            subject.confirm().await?;
        }
        self.authority_over(subject, subject.read).await
    }

    /// The same for an object that was confirmed just now; `rests_on` is the oldest of all that the write rests on.
    pub(super) async fn authority_over(
        &self,
        subject: &Subject,
        rests_on: Moment,
    ) -> Result<Authority<'_>, WriteError> {
        // The fences may have been drawn anew. The pass that comes next tells it.
        if self.beyond_the_fence(&subject.object).await?.is_some() {
            return Err(WriteError::Conflict);
        }
        Ok(self.permit()?.to_azure(rests_on, subject.begins_before))
    }
}
