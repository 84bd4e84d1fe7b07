//! The rules of kstatus: what the parts come to as `Ready`, and at most one of `Reconciling` and `Stalled`.
//!
//! Stalled means that a person has to do something, and that Ready is False. Everything else that is not as it should be
//! is Reconciling, so that whoever waits for the object goes on waiting.

use super::part::{Course, Part, Tri};
use crate::{
    api::conditions::{Reason, types},
    domain::schedule::Outcome,
};

/// The part in the worst way speaks for the object; of two that fare alike, the identity's words say most, the pools' least.
pub(super) fn summarise(
    directory: &Part,
    identity: &Part,
    pools: &Part,
) -> (Part, Option<(&'static str, Part)>, Outcome) {
    let parts = [directory, identity, pools];
    if let Some(stuck) = parts.iter().find(|part| part.course == Course::Stuck) {
        let ready = Part { status: Tri::False, ..(*stuck).clone() };
        let stalled = Part { status: Tri::True, ..(*stuck).clone() };
        return (ready, Some((types::STALLED, stalled)), Outcome::Stalled);
    }
    let Some(open) = [pools, directory, identity]
        .into_iter()
        .max_by_key(|part| part.course.urgency())
        .filter(|part| part.course != Course::Done)
    else {
        return match parts.iter().find(|part| part.status != Tri::True) {
            Some(suspended) => (Part { status: Tri::False, ..(*suspended).clone() }, None, Outcome::Settled),
            None => (Part::done(Reason::Succeeded, identity.message.clone()), None, Outcome::Settled),
        };
    };
    let status = if parts.iter().any(|part| part.status == Tri::False) { Tri::False } else { Tri::Unknown };
    let (reason, outcome) = match open.course {
        Course::Retrying { class, not_before } => {
            (Reason::ProgressingWithRetry, Outcome::Retrying { class, not_before })
        }
        Course::Waiting(not_before) => (Reason::Progressing, Outcome::Waiting(not_before)),
        Course::Settling | Course::Working | Course::Done | Course::Stuck => {
            (Reason::Progressing, Outcome::Settling)
        }
    };
    let ready = Part { status, ..open.clone() };
    let reconciling = Part { status: Tri::True, reason, ..open.clone() };
    (ready, Some((types::RECONCILING, reconciling)), outcome)
}
