//! Each part of the object, judged: is the directory matched, is the identity ready?

use super::{
    part::{Course, Part, Tri},
    texts,
    told::{Finding, Refusal, Told, told_reason},
};
use crate::{
    api::conditions::{Reason, types},
    domain::{
        directory::{self, Directory},
        failure::Class,
        observed::Observed,
        plan::Verdict,
    },
};

impl Told<'_> {
    pub(super) fn directory_part(&self) -> Part {
        let Some((desired, observed, _)) = self.finding.judged() else {
            return self.unjudged(types::DIRECTORY_MATCHED);
        };
        match directory::judge(desired, observed) {
            Directory::Matched(tenant) => self.still_moved(observed).unwrap_or_else(|| {
                Part::done(Reason::SameDirectory, texts::same_directory(desired, &tenant))
            }),
            Directory::Mismatched(mismatch) => Part::stuck(mismatch.reason(), mismatch.told(desired)),
            Directory::OrganizationNotFound => self.after_grace(
                types::DIRECTORY_MATCHED,
                Part::new(
                    Tri::Unknown,
                    Reason::OrganizationNotFound,
                    texts::no_such_organization(desired),
                    Course::Retrying { class: Class::Missing, not_before: None },
                ),
            ),
            Directory::Unknown(failure) => {
                self.failed(types::DIRECTORY_MATCHED, directory::doubt_reason(&failure), &failure)
            }
        }
    }

    /// An identity that was seen to belong to the old directory is believed to until it can be read again.
    fn still_moved(&self, observed: &Observed) -> Option<Part> {
        let prior = self.prior_condition(types::DIRECTORY_MATCHED)?;
        let moved = prior.reason == Reason::SubscriptionMoved.as_str()
            && prior.observed_generation == Some(self.generation);
        (moved && observed.identity.failure().is_some())
            .then(|| Part::stuck(Reason::SubscriptionMoved, prior.message.clone()))
    }

    pub(super) fn identity_part(&self) -> Part {
        let Some((desired, observed, verdict)) = self.finding.judged() else {
            return self.unjudged(types::IDENTITY_READY);
        };
        let id = &desired.identity;
        match verdict {
            Verdict::UpToDate => Part::done(Reason::UpToDate, texts::up_to_date(id)),
            Verdict::Pending { reason, changes } => {
                Part::stuck(*reason, texts::pending(id, *reason, changes))
            }
            Verdict::AwaitsDirectory => Part::new(
                Tri::False,
                Reason::DirectoryNotMatched,
                texts::awaits_the_directory(id, &observed.identity),
                Course::Working,
            ),
            Verdict::Settling => {
                Part::new(Tri::Unknown, Reason::Settling, texts::settling(id), Course::Settling)
            }
            Verdict::SubscriptionDisabled => Part::stuck(Reason::SubscriptionDisabled, texts::disabled(id)),
            Verdict::AdoptionRefused { found, policy } => {
                Part::stuck(Reason::AdoptionRefused, texts::refused(id, self.record, found, *policy))
            }
            Verdict::OwnershipConflict(owner) => {
                Part::stuck(Reason::OwnershipConflict, texts::conflict(id, owner))
            }
            Verdict::LocationConflict(found) => {
                Part::stuck(Reason::LocationConflict, texts::elsewhere(id, found, &desired.location))
            }
            Verdict::TooManyTags(count) => Part::stuck(Reason::TooManyTags, texts::too_many_tags(id, *count)),
            Verdict::Failed(failure) => self.failed(types::IDENTITY_READY, failure.cause.reason(), failure),
        }
    }

    /// A part that this pass has not judged: what stood before, if it still speaks of this generation.
    pub(super) fn unjudged(&self, kind: &'static str) -> Part {
        let unknown = |reason, message: &str, course| Part::new(Tri::Unknown, reason, message.into(), course);
        match self.finding {
            Finding::UnderWay(doing) | Finding::Acting { doing, .. } | Finding::Registering { doing, .. } => {
                self.matched_before(kind)
                    .unwrap_or_else(|| unknown(Reason::Progressing, doing, Course::Working))
            }
            Finding::Deleting(departure) => unknown(Reason::Deleting, departure.problem, Course::Working),
            Finding::Invalid(Refusal { reason, problem }) => unknown(reason, problem, Course::Stuck),
            Finding::NeverLookedAt | Finding::Judged { .. } => {
                unknown(Reason::Suspended, "not looked at: set spec.suspend: false", Course::Done)
            }
        }
    }

    /// A directory that matched still does between two steps of a pass; of the identity nothing is claimed meanwhile.
    fn matched_before(&self, kind: &'static str) -> Option<Part> {
        let prior = self.prior_condition(types::DIRECTORY_MATCHED).filter(|prior| {
            kind == prior.type_
                && prior.observed_generation == Some(self.generation)
                && prior.status == Tri::True.as_str()
        })?;
        Some(Part::done(told_reason(prior)?, prior.message.clone()))
    }
}
