//! One resource by its id, of whatever kind: how it is read, and the two steps of a write.
//!
//! ```text
//! reserve ─► WriteSlot ─► waited? read again, decide again ─► write
//! ```
//!
//! Azure knows no version of an identity or a pool, so the read before a write is all that stands between us and another's
//! write. Every write passes [`ResourceManager::write`], which takes a permit. Must never know what is in a resource.

use reqwest::Method;
use serde_json::Value;

use super::{
    classify,
    credential::CredentialKey,
    errand::Errand,
    pacing::{Slot, Waited},
    resource_manager::{Call, ResourceManager},
    transport::Answer,
};
use crate::{
    domain::{
        failure::{Cause, Failure},
        names::{ManagedPool, ResourceId, ResourceKind, UserAssignedIdentity},
        observed::Fact,
    },
    runtime::leadership::Permit,
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

impl<K> WriteSlot<K> {
    /// Whether there was a wait for it: what was read before is then no longer fresh.
    pub fn waited(&self) -> bool {
        match self.slot.waited() {
            Waited::Yes => true,
            Waited::No => false,
        }
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

    /// Writes to the resource that the slot is for. After a failure it may be written all the same.
    pub(super) async fn write<K: Asked>(
        &self,
        _permit: &Permit<'_>,
        slot: WriteSlot<K>,
        verb: Method,
        body: Option<Value>,
    ) -> Result<Answer, Failure> {
        let WriteSlot { slot, key, id } = slot;
        let address = self.hosts().of(&id.to_string(), K::API_VERSION);
        self.call(&key, slot, &Call { verb, address, body }).await
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
