//! Whose is an identity that exists? The table of the first rule, as one function.
//!
//! | seen in Azure | is |
//! |---|---|
//! | our mark, and the record, if any, has this principal | ours |
//! | our mark, but the record has another principal | vacant: re-created with copied tags |
//! | no whole mark, but the record has this principal | ours: the mark was taken away |
//! | no mark otherwise | vacant |
//! | a released mark of somebody else | vacant, perhaps of the family |
//! | an unreleased mark of this cluster whose object is gone | as if released |
//! | anything else | another's |

use crate::domain::{
    cluster::ClusterIds,
    mark::{Mark, MarkSeen},
    names::{ObjectKey, PrincipalId},
    observed::MarkOwner,
    record::Record,
};

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Me<'a> {
    /// The ids of this cluster.
    pub cluster: &'a ClusterIds,
    /// The object.
    pub object: ObjectKey,
}

impl Me<'_> {
    fn is_of_the_cluster_of(&self, mark: &Mark) -> bool {
        mark.cluster == self.cluster.current()
    }
}

/// Whose an identity is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ownership {
    /// This object's.
    Ours(MarkSeen),
    /// Nobody's.
    Vacant {
        /// Released by an object of our own namespace: a rename or a hand-over.
        family: bool,
    },
    /// Somebody else's.
    Anothers(Owner),
}

/// Somebody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// Another object of this cluster.
    Sibling(ObjectKey),
    /// An object of another cluster.
    Elsewhere {
        /// Id of its cluster.
        cluster: String,
        /// The object.
        object: ObjectKey,
    },
    /// Not to be told: a mark of which a part is missing; the keys that stand.
    Unclear(Vec<String>),
}

/// Whether the mark names an object of this cluster that has to be looked up before [`assess`] can tell.
pub fn owner_to_look_up<'a>(me: &Me<'_>, seen: &'a MarkSeen) -> Option<&'a ObjectKey> {
    match seen {
        MarkSeen::Complete(mark)
            if !mark.released && me.is_of_the_cluster_of(mark) && mark.object != me.object =>
        {
            Some(&mark.object)
        }
        _ => None,
    }
}

/// Whose the identity with this mark and this principal is.
pub fn assess(
    me: &Me<'_>,
    record: &Record,
    seen: &MarkSeen,
    principal: &PrincipalId,
    mark_owner: Option<&MarkOwner>,
) -> Ownership {
    let ours = || Ownership::Ours(seen.clone());
    match seen {
        MarkSeen::Complete(mark) if me.is_of_the_cluster_of(mark) && mark.object == me.object => {
            if record.holding.is_none() || record.holds(principal) {
                ours()
            } else {
                Ownership::Vacant { family: false }
            }
        }
        MarkSeen::None | MarkSeen::Incomplete(_) if record.holds(principal) => ours(),
        MarkSeen::None => Ownership::Vacant { family: false },
        MarkSeen::Incomplete(keys) => Ownership::Anothers(Owner::Unclear(keys.clone())),
        MarkSeen::Complete(mark) if mark.released => Ownership::Vacant { family: is_family(me, mark) },
        MarkSeen::Complete(mark) if me.is_of_the_cluster_of(mark) && mark_owner == Some(&MarkOwner::Gone) => {
            Ownership::Vacant { family: is_family(me, mark) }
        }
        MarkSeen::Complete(mark) if me.is_of_the_cluster_of(mark) => {
            Ownership::Anothers(Owner::Sibling(mark.object.clone()))
        }
        MarkSeen::Complete(Mark { cluster, object, .. }) => {
            Ownership::Anothers(Owner::Elsewhere { cluster: cluster.clone(), object: object.clone() })
        }
    }
}

fn is_family(me: &Me<'_>, mark: &Mark) -> bool {
    me.is_of_the_cluster_of(mark) && mark.object.namespace == me.object.namespace
}

#[cfg(test)]
mod tests;
