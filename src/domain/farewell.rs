//! A deleted object: what it lets go, and what it leaves.
//!
//! Retain leaves the identity whole and only releases its mark, at one try; it never hangs. When an identity may go with
//! its object is [`super::deletion`]'s to say.

use crate::domain::{
    failure::Failure,
    mark::{Mark, MarkSeen},
    names::PrincipalId,
    observed::{Fact, Identity},
    ownership::{Me, Ownership, assess},
    record::Record,
    tags::Tags,
};

/// What the farewell does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Farewell {
    /// Azure: write the tags with the released mark, then end.
    Release {
        /// The whole tag map.
        tags: Tags,
        /// The principal that was read.
        principal: PrincipalId,
    },
    /// Nothing there is ours to release. End.
    NothingToRelease,
    /// Azure did not answer. End, and say what was left.
    LeaveBehind(Failure),
}

/// What the farewell does, given what was read of the identity.
pub fn decide(me: &Me, record: &Record, identity: &Fact<Identity>) -> Farewell {
    let identity = match identity {
        Fact::Known(identity) => identity,
        Fact::Absent => return Farewell::NothingToRelease,
        Fact::Unknown(failure) => return Farewell::LeaveBehind(failure.clone()),
    };
    let seen = MarkSeen::in_tags(&identity.tags);
    match (assess(me, record, &seen, &identity.principal, None), seen) {
        (Ownership::Ours(_), MarkSeen::Complete(mark)) if !mark.released => {
            let mut tags = identity.tags.clone();
            Mark { released: true, ..mark }.write(&mut tags);
            Farewell::Release { tags, principal: identity.principal.clone() }
        }
        // A mark that somebody took away is not put back only to be released.
        (Ownership::Ours(_) | Ownership::Vacant { .. } | Ownership::Anothers(_), _) => {
            Farewell::NothingToRelease
        }
    }
}

#[cfg(test)]
mod tests;
