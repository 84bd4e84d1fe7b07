//! The objects of this cluster that name the same identity, as the stores of the watches have them.

use kube::ResourceExt as _;

use super::{Operator, object::WriteError};
use crate::{
    api::ManagedDevOpsIdentity,
    domain::{
        claim::Sibling,
        names::{IdentityId, ObjectKey},
        record::Record,
        standing::stalled_for_the_identity,
    },
};

/// An object, as its siblings see it. Taken to be within its fences, as is every object that a pass is about.
pub(super) fn as_sibling(object: &ManagedDevOpsIdentity) -> Sibling {
    let status = object.status.as_ref();
    Sibling {
        object: key(object),
        uid: object.uid().unwrap_or_default(),
        created: object.creation_timestamp().map(|time| time.0).unwrap_or_default(),
        mode: object.spec.mode,
        adoption: object.spec.adoption_policy,
        suspended: object.spec.suspend,
        terminating: object.metadata.deletion_timestamp.is_some(),
        within_fences: true,
        stalled: status.and_then(stalled_for_the_identity),
        record: status.map(Record::of).unwrap_or_default(),
    }
}

/// Namespace and name.
pub(super) fn key(object: &ManagedDevOpsIdentity) -> ObjectKey {
    ObjectKey::new(object.namespace().unwrap_or_default(), object.name_any())
}

/// Whether an object names this identity, without taking its names apart.
pub(super) fn names(object: &ManagedDevOpsIdentity, id: &IdentityId) -> bool {
    let spec = &object.spec.identity;
    let name = spec.name.as_deref().or(object.metadata.name.as_deref()).unwrap_or_default();
    spec.subscription_id.eq_ignore_ascii_case(id.subscription().as_str())
        && name.eq_ignore_ascii_case(id.name())
        && spec.resource_group.to_lowercase() == id.resource_group().to_lowercase()
}

impl Operator {
    /// All objects but this one that name the identity.
    pub(super) async fn siblings(
        &self,
        me: &ManagedDevOpsIdentity,
        id: &IdentityId,
    ) -> Result<Vec<Sibling>, WriteError> {
        let mut siblings = vec![];
        for (uid, object) in self.namesakes.of(id, &me.uid().unwrap_or_default()) {
            let Some(other) = self.stores.iter().find_map(|store| store.get(&object)) else { continue };
            // Under the same name there may be another object by now, which is in the index for itself.
            if let Ok(other) = &other.0
                && other.metadata.uid.as_deref() == Some(&uid)
            {
                let within_fences = self.beyond_the_fence(other).await?.is_none();
                siblings.push(Sibling { within_fences, ..as_sibling(other) });
            }
        }
        Ok(siblings)
    }
}
