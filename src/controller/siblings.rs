//! The objects of this cluster that name the same identity, from the watch's own store.

use kube::ResourceExt as _;

use super::{Guarded, Operator};
use crate::{
    api::{
        ManagedDevOpsIdentity,
        conditions::{Reason, types},
    },
    domain::{
        claim::Sibling,
        names::{IdentityId, ObjectKey},
        record::Record,
    },
};

/// An object, as its siblings see it.
pub(super) fn as_sibling(object: &ManagedDevOpsIdentity) -> Sibling {
    let status = object.status.as_ref();
    let stalled = status
        .and_then(|status| status.conditions.iter().find(|c| c.type_ == types::STALLED && c.status == "True"))
        .and_then(|stalled| Reason::ALL.iter().copied().find(|reason| reason.as_str() == stalled.reason));
    Sibling {
        object: key(object),
        uid: object.uid().unwrap_or_default(),
        created: object.creation_timestamp().map(|time| time.0).unwrap_or_default(),
        mode: object.spec.mode,
        adoption: object.spec.adoption_policy,
        suspended: object.spec.suspend,
        terminating: object.metadata.deletion_timestamp.is_some(),
        stalled,
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
    pub(super) fn siblings(&self, me: &ManagedDevOpsIdentity, id: &IdentityId) -> Vec<Sibling> {
        self.stores
            .iter()
            .flat_map(|store| {
                store.state_filter(|other: &Guarded| other.0.as_ref().is_ok_and(|other| names(other, id)))
            })
            .filter_map(|other| other.0.as_ref().ok().map(as_sibling))
            .filter(|other| Some(other.uid.as_str()) != me.uid().as_deref())
            .collect()
    }
}
