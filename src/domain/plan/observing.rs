//! The decision under `mode: Observe`: nothing is written to Azure, and what `Manage` would do is told.

use super::{
    decision::Situation,
    step::{Next, Step, Verdict},
};
use crate::{
    api::conditions::Reason,
    domain::{
        difference::differences,
        mark::MarkSeen,
        observed::{Absence, Identity},
        ownership::{Owner, Ownership},
        record::Record,
    },
};

impl Situation<'_> {
    /// Compares, and takes no part in the question whose the identity is; what is not ours any more is let go.
    pub(super) fn observe(self, identity: &Identity) -> Next {
        let seen = MarkSeen::in_tags(&identity.tags, self.cluster);
        match self.ownership(&seen, identity) {
            Ownership::Ours(_) => {}
            Ownership::Anothers(Owner::Sibling(_) | Owner::Elsewhere { .. })
                if *self.record != Record::default() =>
            {
                return Next::Act(Step::Remember(Record::default()));
            }
            Ownership::Anothers(Owner::Unclear(_)) | Ownership::Vacant { .. }
                if self.remembers_another(&identity.principal) =>
            {
                return Next::Act(Step::ForgetTheGone);
            }
            Ownership::Anothers(_) | Ownership::Vacant { .. } => {
                if self.record.holding.is_none() && self.keeps_a_finalizer_for_nothing() {
                    return Next::Act(Step::RemoveFinalizer);
                }
            }
        }
        if identity.location != self.desired.location {
            return Next::Tell(Verdict::LocationConflict(identity.location.clone()));
        }
        let differences = differences(self.desired, self.record.applied.as_ref(), identity);
        if differences.is_empty() {
            return Next::Tell(Verdict::UpToDate);
        }
        let changes = differences.iter().map(|d| d.part.pending()).collect();
        Next::Tell(Verdict::Pending { reason: Reason::ChangesPending, changes })
    }

    pub(super) fn observe_absence(self) -> Next {
        if self.may_still_be_there() {
            return Next::Tell(Verdict::Settling);
        }
        let holds_nothing = self.record.holding.is_none() && self.observed.absence == Absence::Confirmed;
        if holds_nothing && self.keeps_a_finalizer_for_nothing() {
            return Next::Act(Step::RemoveFinalizer);
        }
        Next::Tell(Verdict::Pending {
            reason: Reason::ChangesPending,
            changes: vec![self.pending_creation()],
        })
    }
}
