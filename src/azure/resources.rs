//! One resource by its id, of whatever kind: how it is read, and the two steps of a write.
//!
//! ```text
//! reserve (waits) ─► WriteSlot ─► read ─► Basis ─► decide ─► write (with an Authority)
//! ```
//!
//! Azure knows no version of an identity or a pool, so the read before a write is all that stands between us and another's
//! write. A write therefore takes a [`Basis`], and the only way to one is a read that was made once there was leave to
//! write: another order does not compile. Must never know what is in a resource.

use reqwest::Method;
use serde_json::Value;

use super::{
    classify,
    credential::CredentialKey,
    errand::Errand,
    pacing::Slot,
    resource_manager::{Call, ResourceManager, WriteFailure},
    transport::Answer,
};
use crate::{
    domain::{
        failure::{Cause, Failure},
        names::{ManagedPool, ResourceId, ResourceKind, UserAssignedIdentity},
        observed::Fact,
    },
    runtime::{leadership::Authority, moment::Moment},
};

/// A kind of resource that is asked for by its id.
pub(super) trait Asked: ResourceKind {
    /// The version of Azure's interface that the operator was written for.
    const API_VERSION: &'static str;

    fn reading(id: ResourceId<Self>) -> Errand;
    fn writing(id: ResourceId<Self>) -> Errand;
}

impl Asked for UserAssignedIdentity {
    const API_VERSION: &'static str = "2024-11-30";

    fn reading(id: ResourceId<Self>) -> Errand {
        Errand::ReadIdentity(id)
    }

    fn writing(id: ResourceId<Self>) -> Errand {
        Errand::WriteIdentity(id)
    }
}

impl Asked for ManagedPool {
    const API_VERSION: &'static str = "2025-09-20";

    fn reading(id: ResourceId<Self>) -> Errand {
        Errand::ReadPool(id)
    }

    fn writing(id: ResourceId<Self>) -> Errand {
        Errand::WritePool(id)
    }
}

/// Leave to write to one resource once. Dropped unused, it costs nothing.
#[derive(Debug)]
pub struct WriteSlot<K = UserAssignedIdentity> {
    slot: Slot,
    key: CredentialKey,
    pub(super) id: ResourceId<K>,
}

/// Proof that the resource was read under leave to write it, and when. Dropped unused, it costs nothing.
#[derive(Debug)]
pub struct Basis<K = UserAssignedIdentity> {
    slot: WriteSlot<K>,
    read: Moment,
}

impl<K> Basis<K> {
    /// The moment that the read speaks of.
    pub fn read(&self) -> Moment {
        self.read
    }

    pub(super) fn id(&self) -> &ResourceId<K> {
        &self.slot.id
    }
}

impl ResourceManager {
    /// A resource as it is now.
    pub(super) async fn read<K: Asked>(
        &self,
        key: &CredentialKey,
        id: &ResourceId<K>,
    ) -> Result<Answer, Failure> {
        let slot = self.slot(K::reading(id.clone())).await?;
        let address = self.hosts().of(&id.to_string(), K::API_VERSION);
        self.call(key, slot, &Call::get(address)).await
    }

    /// Waits until a write to this resource may leave.
    pub(super) async fn reserve<K: Asked>(
        &self,
        key: &CredentialKey,
        id: &ResourceId<K>,
    ) -> Result<WriteSlot<K>, Failure> {
        let slot = self.slot(K::writing(id.clone())).await?;
        Ok(WriteSlot { slot, key: key.clone(), id: id.clone() })
    }

    /// The same, if it may leave now.
    pub(super) fn reserve_if_free<K: Asked>(
        &self,
        key: &CredentialKey,
        id: &ResourceId<K>,
    ) -> Option<WriteSlot<K>> {
        let slot = self.free_slot(K::writing(id.clone()))?;
        Some(WriteSlot { slot, key: key.clone(), id: id.clone() })
    }

    /// The resource as it is now, and what a write may rest on; that is missing where it could not be read.
    pub(super) async fn read_to_write<K: Asked, T>(
        &self,
        slot: WriteSlot<K>,
        take_apart: impl FnOnce(&Answer, &ResourceId<K>) -> Result<T, Failure>,
    ) -> (Fact<T>, Option<Basis<K>>) {
        let reading = match self.slot(K::reading(slot.id.clone())).await {
            Ok(reading) => reading,
            Err(failure) => return (Fact::Unknown(failure), None),
        };
        let (sent, call) = (Moment::now(), Call::get(self.hosts().of(&slot.id.to_string(), K::API_VERSION)));
        match self.call(&slot.key, reading, &call).await {
            Ok(answer) => match take_apart(&answer, &slot.id) {
                Ok(value) => (Fact::Known(value), Some(Basis { slot, read: answer.as_of })),
                Err(failure) => (Fact::Unknown(failure), None),
            },
            Err(failure) if is_absence(&failure) => {
                (Fact::Absent, Some(Basis { slot, read: sent.answered() }))
            }
            Err(failure) => (Fact::Unknown(failure), None),
        }
    }

    /// Writes to the resource that was read for it, if the write may still leave. After a failure of Azure it may be
    /// written all the same.
    pub(super) async fn write<K: Asked>(
        &self,
        authority: &Authority<'_>,
        basis: Basis<K>,
        verb: Method,
        body: Option<Value>,
    ) -> Result<Answer, WriteFailure> {
        let Basis { slot: WriteSlot { slot, key, id }, read } = basis;
        let address = self.hosts().of(&id.to_string(), K::API_VERSION);
        self.call_to_write(&key, slot, &Call { verb, address, body }, authority, read).await
    }
}

/// The outcome of a read as a fact: `Absent` only if all that the resource would live in is there.
pub(super) fn fact<T>(outcome: Result<T, Failure>) -> Fact<T> {
    match outcome {
        Ok(value) => Fact::Known(value),
        Err(failure) if is_absence(&failure) => Fact::Absent,
        Err(failure) => Fact::Unknown(failure),
    }
}

/// Whether Azure says: the resource itself is not there, all that it lives in is.
pub(super) fn is_absence(failure: &Failure) -> bool {
    failure.cause == Cause::Conflict && failure.code == classify::RESOURCE_NOT_FOUND
}

/// A success that no write of ours can have.
pub(super) fn wrong_success<K: ResourceKind>(answer: &Answer, id: &ResourceId<K>) -> Failure {
    let message = format!("the answer was {}, which says nothing of this write", answer.status);
    classify::unexpected(answer, &id.to_string(), &message)
}
