//! The objects of this cluster that name the same identity: as the stores of the watches have them, and before a deletion
//! as the API server has them. A watch may hang without anybody's notice, and then its store tells of another day.

use kube::{
    ResourceExt as _,
    api::{DynamicObject, ListParams},
};

use super::{Operator, object::WriteError};
use crate::{
    api::{
        ManagedDevOpsIdentity,
        v1alpha1::{AdoptionPolicy, Mode},
    },
    domain::{
        claim::Sibling,
        names::{IdentityId, ObjectKey},
        record::Record,
        standing::stalled_for_the_identity,
    },
    runtime::moment::Moment,
};

/// How many objects a page of a list has.
const PAGE: u32 = 500;

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
    let name = spec.name.as_deref().or(object.metadata.name.as_deref());
    are_the_names_of(id, &spec.subscription_id, &spec.resource_group, name.unwrap_or_default())
}

fn are_the_names_of(id: &IdentityId, subscription: &str, group: &str, name: &str) -> bool {
    subscription.eq_ignore_ascii_case(id.subscription().as_str())
        && name.eq_ignore_ascii_case(id.name())
        && group.to_lowercase() == id.resource_group().to_lowercase()
}

/// The same of an object that this version need not be able to read.
fn names_raw(object: &DynamicObject, id: &IdentityId) -> bool {
    let spec = &object.data["spec"]["identity"];
    let text = |field: &str| spec[field].as_str();
    let name = text("name").or(object.metadata.name.as_deref());
    are_the_names_of(
        id,
        text("subscriptionId").unwrap_or_default(),
        text("resourceGroup").unwrap_or_default(),
        name.unwrap_or_default(),
    )
}

/// One that this version cannot read may want anything, so it is taken to want the identity.
fn unreadable_sibling(object: &DynamicObject) -> Sibling {
    Sibling {
        object: ObjectKey::new(object.namespace().unwrap_or_default(), object.name_any()),
        uid: object.uid().unwrap_or_default(),
        created: object.creation_timestamp().map(|time| time.0).unwrap_or_default(),
        mode: Mode::Manage,
        adoption: AdoptionPolicy::Adopt,
        suspended: false,
        terminating: object.metadata.deletion_timestamp.is_some(),
        within_fences: true,
        stalled: None,
        record: Record::default(),
    }
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

    /// The same, read from the API server, all or none. With the moment that it was so.
    pub(super) async fn siblings_live(
        &self,
        me: &ManagedDevOpsIdentity,
        id: &IdentityId,
    ) -> Result<(Vec<Sibling>, Moment), WriteError> {
        let (mut siblings, sent) = (vec![], Moment::now());
        for watched in &self.watched {
            let mut page = ListParams::default().limit(PAGE);
            loop {
                let list = watched.list(&page).await?;
                let others = list.items.into_iter().filter(|other| other.uid() != me.uid());
                for other in others.filter(|other| names_raw(other, id)) {
                    siblings.push(match other.clone().try_parse::<ManagedDevOpsIdentity>() {
                        Ok(other) => {
                            let within_fences = self.beyond_the_fence(&other).await?.is_none();
                            Sibling { within_fences, ..as_sibling(&other) }
                        }
                        Err(_) => unreadable_sibling(&other),
                    });
                }
                match list.metadata.continue_.filter(|token| !token.is_empty()) {
                    Some(token) => page = ListParams::default().limit(PAGE).continue_token(&token),
                    None => break,
                }
            }
        }
        Ok((siblings, sent.answered()))
    }
}
