//! Reads what is true, for one object, each read under its own deadline. A read that fails is a fact, not an error.

use super::{
    Operator,
    act::Tools,
    object::{Subject, WriteError, read},
    siblings::names,
};
use crate::{
    azure::{CredentialKey, Freshness},
    domain::{
        desired::Desired,
        directory::{Directory, judge},
        mark::MarkSeen,
        names::{IdentityId, ObjectKey},
        observed::{Absence, Fact, Identity, MarkOwner, Observed},
        ownership::{Me, owner_to_look_up},
        plan::expects_to_write,
        record::Record,
    },
};

/// Who signs in for this object. Later each may bring its own service account.
pub(super) const CREDENTIAL: CredentialKey = CredentialKey::Operator;

impl Operator {
    /// Everything that a decision rests on, read at once, but for an object that holds nothing yet and so is about to
    /// write: the identity is read last, once there is leave to write, so that the read need not be done again.
    pub(super) async fn observe(
        &self,
        subject: &Subject,
        me: &Me<'_>,
        desired: &Desired,
        freshness: Freshness,
        tools: &mut Tools,
    ) -> Result<Observed, WriteError> {
        let siblings = self.siblings(&subject.object, &desired.identity).await?;
        let directories = async {
            tokio::join!(
                self.azure.organizations.directory(&desired.organization, freshness),
                self.azure.subscriptions.get(&CREDENTIAL, desired.identity.subscription(), freshness),
            )
        };
        let about_to_write = expects_to_write(desired, &Record::of(&subject.status()));
        let ((organization, subscription), identity) = if about_to_write {
            (directories.await, None)
        } else {
            let identity = self.azure.identities.get(&CREDENTIAL, &desired.identity);
            let (directories, identity) = tokio::join!(directories, identity);
            (directories, Some(identity))
        };
        let mut observed = Observed {
            organization,
            subscription,
            identity: Fact::Absent,
            absence: Absence::Once,
            mark_owner: None,
            siblings,
        };
        let identity = match identity {
            Some(identity) => identity,
            None => self.read_with_leave_to_write(desired, &observed, tools).await,
        };
        self.place(subject, me, &desired.identity, identity, &mut observed).await;
        Ok(observed)
    }

    async fn read_with_leave_to_write(
        &self,
        desired: &Desired,
        observed: &Observed,
        tools: &mut Tools,
    ) -> Fact<Identity> {
        if let Directory::Matched(_) = judge(desired, observed)
            && let Err(failure) = tools.reserve(self, &desired.identity).await
        {
            return Fact::Unknown(failure);
        }
        self.azure.identities.get(&CREDENTIAL, &desired.identity).await
    }

    /// Reads the identity alone, anew.
    pub(super) async fn observe_identity(
        &self,
        subject: &Subject,
        me: &Me<'_>,
        id: &IdentityId,
        observed: &mut Observed,
    ) {
        let identity = self.azure.identities.get(&CREDENTIAL, id).await;
        self.place(subject, me, id, identity, observed).await;
    }

    /// Puts an identity, as it was read or as Azure answered, among the facts.
    pub(super) async fn place(
        &self,
        subject: &Subject,
        me: &Me<'_>,
        id: &IdentityId,
        identity: Fact<Identity>,
        observed: &mut Observed,
    ) {
        observed.mark_owner = None;
        match &identity {
            Fact::Known(identity) => {
                self.memory.present(&subject.uid());
                if let Some(owner) = owner_to_look_up(me, &MarkSeen::in_tags(&identity.tags, me.cluster)) {
                    observed.mark_owner = Some(self.look_up_owner(owner, id).await);
                }
            }
            Fact::Absent => observed.absence = self.memory.absent(&subject.uid(), self.clock.elapsed()),
            Fact::Unknown(_) => {}
        }
        observed.identity = identity;
    }

    /// Live, because the store may lag, and may not even watch that namespace.
    async fn look_up_owner(&self, owner: &ObjectKey, id: &IdentityId) -> MarkOwner {
        match read(&self.client, owner).await {
            Ok(None) => MarkOwner::Gone,
            Ok(Some(guarded)) => match guarded.0 {
                Ok(object) if names(&object, id) => MarkOwner::Stands,
                Ok(_) => MarkOwner::Gone,
                Err(_) => MarkOwner::Unreadable,
            },
            Err(_) => MarkOwner::Unreadable,
        }
    }
}
