//! A deleted object: what it takes away, what it lets go, and what it leaves.
//!
//! *Retain* leaves the identity whole and only releases its mark, at one try; it never hangs ([`decide`]).
//!
//! *Delete* deletes only what this object is known to have created, and only when nobody uses it any more
//! ([`part`]). In every doubt about whose the identity is, it acts as Retain; in every doubt about who uses it, it waits.
//!
//! Neither ends on a single "not there": replicas of Azure lag, and a mark that is left standing is seen by nobody. Nor is
//! the answer to a DELETE an absence: only reads show one.
//!
//! ```text
//! held by another, not created here, … ─► Retain
//! else our entries leave the pools ─► no other pool lists the identity, none is moving ─► delete ─► seen gone, twice ─► end
//!             └─ one cannot ──────────┴─ one does, or lists are not readable ─┴─ a lock, a right ─► blocked
//! ```

use std::{collections::BTreeSet, time::Duration};

use crate::{
    api::v1alpha1::{DeletionPolicy, Mode, Origin},
    domain::{
        claim::{Contested, Sibling},
        desired::WantedPool,
        failure::{Cause, Failure},
        mark::{Mark, MarkSeen},
        names::{IdentityId, ObjectKey, PoolId, PrincipalId, SubscriptionId},
        observed::{Absence, Fact, Identity},
        ownership::{Me, Ownership, assess},
        pool::{Motion, Pool},
        record::{Holding, Record},
        registration::{Judgement, PoolJudged},
        tags::Tags,
    },
};

/// What Retain does.
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
    /// It is not there, which one look does not prove. Look once more, some seconds later.
    LookAgain,
    /// Azure did not answer. End, and say what was left.
    LeaveBehind(Failure),
}

/// What Retain does, given what was read of the identity, and what it is worth if that is "not there".
pub fn decide(me: &Me<'_>, record: &Record, identity: &Fact<Identity>, absence: Absence) -> Farewell {
    let identity = match identity {
        Fact::Known(identity) => identity,
        gone if gone.is_gone() => {
            return match absence {
                Absence::Confirmed => Farewell::NothingToRelease,
                Absence::Once | Absence::JustCreated => Farewell::LookAgain,
            };
        }
        Fact::Absent => return Farewell::LookAgain,
        Fact::Unknown(failure) => return Farewell::LeaveBehind(failure.clone()),
    };
    let seen = MarkSeen::in_tags(&identity.tags, me.cluster);
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

/// Whether the definition of the kind stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Definition {
    /// It does.
    Stands,
    /// It is being deleted, and all objects with it: nobody asked for this object's end.
    Terminates,
    /// It may not be read.
    Unreadable,
}

/// Everything that a farewell rests on.
#[derive(Debug, Clone)]
pub struct Leavetaking<'a> {
    /// Who leaves.
    pub me: &'a Me<'a>,
    /// Which identity the spec names.
    pub id: &'a IdentityId,
    /// The id that status shows, if it shows one.
    pub shown_id: Option<&'a str>,
    /// The policy, as it stands now.
    pub policy: DeletionPolicy,
    /// The mode, as it stands now.
    pub mode: Mode,
    /// What is remembered.
    pub record: &'a Record,
    /// The identity.
    pub identity: &'a Fact<Identity>,
    /// What it is worth, if it is not there.
    pub absence: Absence,
    /// Whether a DELETE was sent so lately that a replica may not know of it.
    pub deleted_lately: bool,
    /// The other objects of this cluster that name it. Before a DELETE they are read from the API server itself.
    pub siblings: &'a [Sibling],
    /// Whether the definition of the kind stands.
    pub definition: Definition,
    /// The pools that could not be left yet; `None` before it was tried.
    pub not_left: Option<&'a [PoolJudged]>,
    /// All pools of the [`subscriptions_in_question`]; `None` before they were listed.
    pub listed: Option<&'a Result<Vec<Pool>, Failure>>,
    /// Why Azure did not delete the identity, if it was asked and did not.
    pub refused: Option<&'a Failure>,
}

/// What the farewell does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parting {
    /// Retain, as the policy says.
    Retain,
    /// Retain, although the policy says Delete.
    RetainInstead(WhyRetained),
    /// Azure: take our entries out of the pools that are remembered, then ask again.
    LeavePools,
    /// List the pools of the subscriptions in question, then ask again.
    ListPools,
    /// Azure: delete the identity as it was read; then look whether it is gone.
    Delete,
    /// Nothing is left to be taken away. End.
    End,
    /// Something stands in the way: say so, and try again later.
    Blocked(Obstacle),
}

/// Why an identity is retained although the policy says Delete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhyRetained {
    /// Status records another identity than the spec names.
    OtherIdentity(String),
    /// `mode: Observe` writes nothing.
    OnlyObserved,
    /// This object is not known to have created it.
    NotCreated,
    /// It is not the identity that this object created: the principal that is there.
    Replaced(PrincipalId),
    /// It does not bear this object's mark with origin `Created`.
    NotMarked,
    /// Another object manages it.
    Managed(ObjectKey),
    /// The kind itself is being deleted.
    DefinitionTerminates,
    /// Whether it is may not be read.
    DefinitionUnreadable,
}

/// What stands in the way of a deletion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// Whether the identity is there, and whose it is, could not be read.
    Unreadable(Failure),
    /// Our entries could not be taken out of these pools yet.
    NotLeft(Vec<PoolJudged>),
    /// These pools list the identity.
    Listed(Vec<PoolId>),
    /// These pools are being changed: what they will list is not known.
    Moving(Vec<PoolId>),
    /// Which pools list the identity could not be found out.
    NotListed(Failure),
    /// Azure did not delete it.
    Refused(Failure),
    /// It is not there, which one look does not prove.
    NotSeenGone,
    /// It was deleted a moment ago, and Azure still shows it.
    StillShown,
}

/// What the farewell does next.
pub fn part(it: &Leavetaking<'_>) -> Parting {
    match it.policy {
        DeletionPolicy::Retain => return Parting::Retain,
        DeletionPolicy::Delete => {}
    }
    if let Some(why) = it.why_retained() {
        return Parting::RetainInstead(why);
    }
    if let Fact::Unknown(failure) = it.identity
        && !it.identity.is_gone()
    {
        return Parting::Blocked(Obstacle::Unreadable(failure.clone()));
    }
    match it.not_left {
        Some([]) => {}
        Some(pools) => return Parting::Blocked(Obstacle::NotLeft(pools.to_vec())),
        None if it.record.may_hold_entries() => return Parting::LeavePools,
        None => {}
    }
    let Fact::Known(_) = it.identity else {
        return match it.absence {
            Absence::Confirmed => Parting::End,
            Absence::Once | Absence::JustCreated => Parting::Blocked(Obstacle::NotSeenGone),
        };
    };
    if it.deleted_lately {
        return Parting::Blocked(Obstacle::StillShown);
    }
    let pools = match it.listed {
        None => return Parting::ListPools,
        Some(Err(failure)) => return Parting::Blocked(Obstacle::NotListed(failure.clone())),
        Some(Ok(pools)) => pools,
    };
    let those = |of_interest: &dyn Fn(&Pool) -> bool| -> Vec<PoolId> {
        pools.iter().filter(|pool| of_interest(pool)).map(|pool| pool.id.clone()).collect()
    };
    let (listed, moving) = (
        those(&|pool| pool.identities.entry(it.id).is_some()),
        those(&|pool| pool.motion() == Motion::Moving),
    );
    match (listed.is_empty(), moving.is_empty(), it.refused) {
        (false, _, _) => Parting::Blocked(Obstacle::Listed(listed)),
        (true, false, _) => Parting::Blocked(Obstacle::Moving(moving)),
        (true, true, Some(failure)) => Parting::Blocked(Obstacle::Refused(failure.clone())),
        (true, true, None) => Parting::Delete,
    }
}

/// Where pools may list the identity: in its own subscription, and in those of the pools that the object has to do with.
pub fn subscriptions_in_question(
    id: &IdentityId,
    wanted: &[WantedPool],
    record: &Record,
) -> BTreeSet<SubscriptionId> {
    let pools = wanted.iter().map(|pool| &pool.id).chain(record.pools.values().map(|pool| &pool.id));
    [id.subscription()].into_iter().chain(pools.map(PoolId::subscription)).cloned().collect()
}

impl Leavetaking<'_> {
    fn why_retained(&self) -> Option<WhyRetained> {
        if let Some(other) = self.shown_id.filter(|shown| !self.id.matches(shown)) {
            return Some(WhyRetained::OtherIdentity(other.to_owned()));
        }
        match self.mode {
            Mode::Manage => {}
            Mode::Observe => return Some(WhyRetained::OnlyObserved),
        }
        match self.definition {
            Definition::Stands => {}
            Definition::Terminates => return Some(WhyRetained::DefinitionTerminates),
            Definition::Unreadable => return Some(WhyRetained::DefinitionUnreadable),
        }
        let Some(Holding { principal: created, origin: Origin::Created }) = &self.record.holding else {
            return Some(WhyRetained::NotCreated);
        };
        let seen = self
            .identity
            .known()
            .map(|identity| (MarkSeen::in_tags(&identity.tags, self.me.cluster), identity));
        if let Some((mark, identity)) = &seen {
            if identity.principal != *created {
                return Some(WhyRetained::Replaced(identity.principal.clone()));
            }
            if !self.is_own_mark_of_creation(mark) {
                return Some(WhyRetained::NotMarked);
            }
        }
        let contested = Contested {
            cluster: self.me.cluster,
            identity: seen.as_ref().map(|(mark, identity)| (mark, &identity.principal)),
            mark_owner: None,
        };
        // An object of another namespace is no heir: what the owner said of the identity's end counts.
        let heir = self.siblings.iter().find(|sibling| {
            sibling.object.namespace == self.me.object.namespace && sibling.manages_after_a_release(contested)
        });
        heir.map(|heir| WhyRetained::Managed(heir.object.clone()))
    }

    fn is_own_mark_of_creation(&self, mark: &MarkSeen) -> bool {
        match mark {
            MarkSeen::Complete(Mark {
                cluster,
                outdated: _,
                object,
                origin: Origin::Created,
                released: _,
            }) => *cluster == self.me.cluster.current() && *object == self.me.object,
            MarkSeen::Complete(_) | MarkSeen::Incomplete(_) | MarkSeen::None => false,
        }
    }
}

impl WhyRetained {
    /// The text of the event.
    pub fn told(&self, id: &IdentityId) -> String {
        let why = match self {
            Self::OtherIdentity(other) => format!("status records another identity, {other}"),
            Self::OnlyObserved => "this object only observes (mode: Observe)".into(),
            Self::NotCreated => "this object is not known to have created it".into(),
            Self::Replaced(found) => {
                format!("somebody re-created it: it is principal {found}, which this object did not create")
            }
            Self::NotMarked => "it does not bear this object's mark with origin Created".into(),
            Self::Managed(other) => format!("object {other} manages it too"),
            Self::DefinitionTerminates => "the kind ManagedDevOpsIdentity itself is being deleted".into(),
            Self::DefinitionUnreadable => {
                "the operator may not read whether the kind ManagedDevOpsIdentity itself is being deleted"
                    .into()
            }
        };
        format!(
            "deletionPolicy: Delete acts as Retain, because {why}; identity {id:#} stays in Azure: delete it by hand if nobody needs it"
        )
    }
}

/// For whose doing a farewell waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitsFor {
    /// The operator's own, in some seconds.
    AnotherLook,
    /// What passes without anybody's doing, if it is as it should be.
    Others,
    /// Somebody has to do something.
    APerson,
}

/// More than a message needs to name.
const NAMED_AT_MOST: usize = 5;

impl Obstacle {
    /// What stands in the way, and the next step.
    pub fn told(&self, id: &IdentityId) -> String {
        let (what, step) = match self {
            Self::NotSeenGone => {
                return format!(
                    "Azure does not show identity {id:#} any more: it is asked once more before this object goes"
                );
            }
            Self::StillShown => {
                return format!(
                    "identity {id:#} was deleted a moment ago, and Azure still shows it: it is asked again"
                );
            }
            Self::Unreadable(failure) => (format!("it cannot be read: {}", failure.told()), None),
            Self::NotLeft(pools) => (
                format!(
                    "the identity could not be taken out of {} yet{}",
                    names(pools.iter().map(|pool| pool.name.as_str())),
                    self.failure().map(|failure| format!(": {}", failure.told())).unwrap_or_default()
                ),
                None,
            ),
            Self::Listed(pools) => {
                (format!("it is in use by {}", ids(pools)), Some("take it out of their lists of identities"))
            }
            Self::Moving(pools) => (
                format!("it is not known what will be listed, once its change is over, by {}", ids(pools)),
                Some("nothing needs to be done: it is tried again when that is over"),
            ),
            Self::NotListed(failure) => {
                (format!("which pools use it could not be found out: {}", failure.told()), None)
            }
            Self::Refused(Failure { cause: Cause::ScopeLocked, code, message, .. }) => (
                format!("a lock keeps it: {code}: {}", message.trim_end_matches('.')),
                Some("remove the lock that Azure names"),
            ),
            Self::Refused(failure) => (format!("Azure did not delete it: {}", failure.told()), None),
        };
        let step = step.map(|step| format!("; {step}")).unwrap_or_default();
        format!(
            "identity {id:#} is not deleted, because {what}{step}; or set spec.deletionPolicy: Retain, which lets this object go and leaves the identity"
        )
    }

    /// The failure behind it, if there is one.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Unreadable(failure) | Self::NotListed(failure) | Self::Refused(failure) => Some(failure),
            Self::NotLeft(pools) => pools.iter().find_map(PoolJudged::failure),
            Self::Listed(_) | Self::Moving(_) | Self::NotSeenGone | Self::StillShown => None,
        }
    }

    /// For whose doing it waits.
    pub fn waits_for(&self) -> WaitsFor {
        match self {
            Self::NotSeenGone | Self::StillShown => WaitsFor::AnotherLook,
            _ if self.passes_by_itself() => WaitsFor::Others,
            _ => WaitsFor::APerson,
        }
    }

    /// How long Azure asked to be left alone about what it waits for.
    pub fn ask_again_after(&self) -> Option<Duration> {
        let Self::NotLeft(pools) = self else { return None };
        let waits = pools.iter().filter_map(|pool| match &pool.judgement {
            Judgement::LeavingWaits { again, .. } => *again,
            _ => None,
        });
        waits.max()
    }

    fn passes_by_itself(&self) -> bool {
        match self {
            Self::Moving(_) | Self::NotSeenGone | Self::StillShown => true,
            Self::Listed(_) => false,
            Self::NotLeft(pools) => pools.iter().all(|pool| match &pool.judgement {
                Judgement::LeavingWaits { .. } => true,
                Judgement::LeavingFailed(failure) => failure.hides_the_truth(),
                Judgement::Wanted(_) | Judgement::LeavingPending(_) => false,
            }),
            Self::Unreadable(failure) | Self::NotListed(failure) | Self::Refused(failure) => {
                failure.hides_the_truth() || failure.cause == Cause::ResourceGroupBeingDeleted
            }
        }
    }
}

fn ids(pools: &[PoolId]) -> String {
    let ids: Vec<String> = pools.iter().map(ToString::to_string).collect();
    names(ids.iter().map(String::as_str))
}

/// "pool a", "pools a, b", "pools a, b, c, d, e and 3 more".
fn names<'a>(pools: impl ExactSizeIterator<Item = &'a str>) -> String {
    let count = pools.len();
    let listed = pools.take(NAMED_AT_MOST).collect::<Vec<_>>().join(", ");
    let kind = if count == 1 { "pool" } else { "pools" };
    match count.saturating_sub(NAMED_AT_MOST) {
        0 => format!("{kind} {listed}"),
        more => format!("{kind} {listed} and {more} more"),
    }
}

#[cfg(test)]
mod tests;
