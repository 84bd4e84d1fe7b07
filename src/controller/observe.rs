//! Reads what is true, for one object, each read under its own deadline. A read that fails is a fact, not an error.
//!
//! Must never let a write rest on a read that something slow came after.

use super::{
    Operator,
    act::Tools,
    object::{Subject, WriteError, read},
    siblings::names,
};
use crate::{
    api::v1alpha1::Mode,
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
    /// Everything that a decision rests on. The look-ups may be slow, so the identity is read after them, and under leave to
    /// write where that can be had: then a write may rest on this very read.
    pub(super) async fn observe(
        &self,
        subject: &Subject,
        me: &Me<'_>,
        desired: &Desired,
        freshness: Freshness,
        tools: &mut Tools,
    ) -> Result<Observed, WriteError> {
        let (organization, subscription) = tokio::join!(
            self.azure.organizations.directory(&desired.organization, freshness),
            self.azure.subscriptions.get(&CREDENTIAL, desired.identity.subscription(), freshness),
        );
        let mut observed = Observed {
            organization,
            subscription,
            identity: Fact::Absent,
            absence: Absence::Once,
            mark_owner: None,
            siblings: self.siblings(&subject.object, &desired.identity).await?,
        };
        let record = Record::of(&subject.status());
        let identity = self.read_identity(desired, &record, &observed, tools).await;
        self.place(subject, me, &desired.identity, identity, &mut observed).await;
        Ok(observed)
    }

    async fn read_identity(
        &self,
        desired: &Desired,
        record: &Record,
        observed: &Observed,
        tools: &mut Tools,
    ) -> Fact<Identity> {
        let (id, writer) = (&desired.identity, &self.azure.writer);
        let slot = match (judge(desired, observed), desired.mode) {
            (Directory::Matched(_), Mode::Manage) if expects_to_write(desired, record) => {
                match writer.reserve(&CREDENTIAL, id).await {
                    Ok(slot) => Some(slot),
                    Err(failure) => return Fact::Unknown(failure),
                }
            }
            (Directory::Matched(_), Mode::Manage) => writer.reserve_if_free(&CREDENTIAL, id),
            _ => None,
        };
        let Some(slot) = slot else { return self.azure.identities.get(&CREDENTIAL, id).await };
        let (identity, basis) = writer.read(slot).await;
        tools.basis = basis;
        identity
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
        observed.absence = self.absence(subject, &identity);
        observed.mark_owner = None;
        if let Fact::Known(identity) = &identity
            && let Some(owner) = owner_to_look_up(me, &MarkSeen::in_tags(&identity.tags, me.cluster))
        {
            observed.mark_owner = Some(self.look_up_owner(owner, id).await);
        }
        observed.identity = identity;
    }

    /// What it is worth that an identity is not there, if it is not.
    pub(super) fn absence(&self, subject: &Subject, identity: &Fact<Identity>) -> Absence {
        let uid = subject.uid();
        if identity.is_gone() {
            return self.memory.absent(&uid, self.clock.elapsed());
        }
        if let Fact::Known(_) = identity {
            self.memory.present(&uid);
        }
        Absence::Once
    }

    /// Live, because the store may lag, and may not even watch that namespace.
    async fn look_up_owner(&self, owner: &ObjectKey, id: &IdentityId) -> MarkOwner {
        match read(&self.client, owner).await {
            Ok(None) => MarkOwner::Gone,
            Ok(Some((guarded, _))) => match guarded.0 {
                Ok(object) if names(&object, id) => MarkOwner::Stands,
                Ok(_) => MarkOwner::Gone,
                Err(_) => MarkOwner::Unreadable,
            },
            Err(_) => MarkOwner::Unreadable,
        }
    }
}
