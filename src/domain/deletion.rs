//! `deletionPolicy: Delete`: may the identity go with the object, and if not, why not?
//!
//! Only what this object itself created, this very principal, is ever deleted, and only when nothing is known to need it.
//! In every other case it acts as Retain and says why, or waits and says what stands in the way.

use crate::{
    api::v1alpha1::{Mode, Origin},
    domain::{
        claim::{Sibling, may_take},
        failure::Failure,
        mark::MarkSeen,
        names::{IdentityId, ObjectKey, PoolId},
        observed::{Fact, Identity},
        ownership::{Me, Ownership, assess},
        pool::{Motion, Pool},
        record::Record,
    },
};

/// Whether the definition of the kind is being deleted, and all objects with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Definition {
    /// It stands.
    Stands,
    /// It goes, which nobody means as "delete all identities".
    Terminating,
    /// It may not be read.
    Unreadable,
}

/// What `Delete` comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deletion {
    /// It acts as Retain.
    Retain(WhyRetain),
    /// It may be deleted, once the pools are left.
    Allowed,
    /// The identity is gone already; only our entries in pools are left to take away.
    Gone,
    /// Whether it may be deleted cannot be told now.
    Unknown(Failure),
}

/// Why `Delete` acts as Retain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhyRetain {
    /// The status records another identity than the spec names.
    OtherId,
    /// The definition of the kind is being deleted.
    DefinitionTerminating,
    /// Whether it is, may not be read.
    DefinitionUnreadable,
    /// It is not this object's.
    NotOurs,
    /// It was not created by this object, as far as its record goes.
    NotCreated,
    /// Another object manages it.
    Shared(ObjectKey),
}

/// Decides what `Delete` comes to.
pub fn decide(
    me: &Me,
    id: &IdentityId,
    recorded_id: Option<&str>,
    record: &Record,
    definition: Definition,
    siblings: &[Sibling],
    identity: &Fact<Identity>,
) -> Deletion {
    if recorded_id.is_some_and(|recorded| !id.matches(recorded)) {
        return Deletion::Retain(WhyRetain::OtherId);
    }
    match definition {
        Definition::Stands => {}
        Definition::Terminating => return Deletion::Retain(WhyRetain::DefinitionTerminating),
        Definition::Unreadable => return Deletion::Retain(WhyRetain::DefinitionUnreadable),
    }
    let identity = match identity {
        Fact::Known(identity) => identity,
        Fact::Absent => return Deletion::Gone,
        Fact::Unknown(failure) => return Deletion::Unknown(failure.clone()),
    };
    let seen = MarkSeen::in_tags(&identity.tags);
    let created_by_mark = match (assess(me, record, &seen, &identity.principal, None), &seen) {
        (Ownership::Ours(_), MarkSeen::Complete(mark)) => mark.origin == Origin::Created,
        (Ownership::Ours(_), MarkSeen::None | MarkSeen::Incomplete(_)) => false,
        (Ownership::Vacant { .. } | Ownership::Anothers(_), _) => {
            return Deletion::Retain(WhyRetain::NotOurs);
        }
    };
    let created_by_record = record
        .holding
        .as_ref()
        .is_some_and(|held| held.origin == Origin::Created && held.principal == identity.principal);
    if !(created_by_mark && created_by_record) {
        return Deletion::Retain(WhyRetain::NotCreated);
    }
    match siblings.iter().find(|other| manages(me, other)) {
        Some(other) => Deletion::Retain(WhyRetain::Shared(other.object.clone())),
        None => Deletion::Allowed,
    }
}

/// Another object counts also while it is suspended or held up, unless it could never take what we leave.
fn manages(me: &Me, other: &Sibling) -> bool {
    let family = other.object.namespace == me.object.namespace;
    other.mode == Mode::Manage && !other.terminating && may_take(other.adoption, family)
}

/// What stands in the way of a deletion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// These pools list the identity, and not by this object's doing.
    Listed(Vec<PoolId>),
    /// A pool that is left is being changed.
    Moving(String),
    /// A pool cannot be left: its name, and why.
    PoolFailed(String, Failure),
    /// The pools cannot be listed.
    NotListed(Failure),
    /// Azure refuses the deletion, or cannot be asked.
    Refused(Failure),
}

/// The pools that list an identity.
pub fn listing<'a>(id: &IdentityId, pools: impl IntoIterator<Item = &'a Pool>) -> Option<Obstacle> {
    let listed: Vec<&Pool> = pools.into_iter().filter(|pool| pool.identities.entry(id).is_some()).collect();
    match listed[..] {
        [] => None,
        [only] if only.motion() == Motion::Moving => Some(Obstacle::Moving(only.id.name().to_owned())),
        _ => Some(Obstacle::Listed(listed.iter().map(|pool| pool.id.clone()).collect())),
    }
}

impl WhyRetain {
    /// As an event says it.
    pub fn told(&self) -> String {
        match self {
            Self::OtherId => "its status records another identity than its spec names".into(),
            Self::DefinitionTerminating => "the definition of the kind is being deleted".into(),
            Self::DefinitionUnreadable => "whether the definition of the kind is being deleted may not be read (the right to get it is missing)".into(),
            Self::NotOurs => "the identity is not this object's any more".into(),
            Self::NotCreated => "Azure did not confirm that this object created this very principal".into(),
            Self::Shared(other) => format!("object {other} manages the identity too"),
        }
    }
}

impl Obstacle {
    /// What stands in the way, and the next step.
    pub fn told(&self, id: &IdentityId) -> String {
        let what = match self {
            Self::Listed(pools) => {
                let pools: Vec<String> = pools.iter().take(5).map(ToString::to_string).collect();
                format!("it is listed by {}: take it out there", pools.join(", "))
            }
            Self::Moving(pool) => {
                format!("pool {pool} is not left yet: it is being changed, or was a moment ago")
            }
            Self::PoolFailed(pool, failure) => format!("pool {pool} cannot be left: {}", failure.told()),
            Self::NotListed(failure) => {
                format!("the pools that may use it cannot be listed: {}", failure.told())
            }
            Self::Refused(failure) => failure.told(),
        };
        format!(
            "identity {id:#} is not deleted, because {what}; or set spec.deletionPolicy: Retain to let the object go and leave the identity"
        )
    }

    /// Whether it passes by itself.
    pub fn passes(&self) -> bool {
        match self {
            Self::Moving(_) => true,
            Self::Listed(_) => false,
            Self::PoolFailed(_, failure) | Self::NotListed(failure) | Self::Refused(failure) => {
                super::standing::hides_the_truth(failure)
            }
        }
    }
}

#[cfg(test)]
mod tests;
