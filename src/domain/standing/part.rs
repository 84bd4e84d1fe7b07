//! One part of the object, judged: what its condition says, and how it goes on.

use std::time::Duration;

use crate::{api::conditions::Reason, domain::failure::Class};

/// A condition in the making.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) status: Tri,
    pub(super) reason: Reason,
    pub(super) message: String,
    pub(super) course: Course,
}

/// The status of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tri {
    True,
    False,
    Unknown,
}

/// How a part goes on, from good to bad: the worst speaks for the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Course {
    /// By itself, or not at all: nothing is under way.
    Done,
    /// Waits for another part, or for the next step.
    Working,
    /// Azure lags behind.
    Settling,
    /// Failed, and tried again.
    Retrying { class: Class, not_before: Option<Duration> },
    /// A person has to do something.
    Stuck,
}

impl Part {
    pub(super) fn done(reason: Reason, message: String) -> Self {
        Self { status: Tri::True, reason, message, course: Course::Done }
    }

    pub(super) fn stuck(reason: Reason, message: String) -> Self {
        Self { status: Tri::False, reason, message, course: Course::Stuck }
    }
}

impl Tri {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }

    pub(super) fn of(text: &str) -> Option<Self> {
        [Self::True, Self::False, Self::Unknown].into_iter().find(|tri| tri.as_str() == text)
    }
}

impl Course {
    pub(super) const fn urgency(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Working => 1,
            Self::Settling => 2,
            Self::Retrying { .. } => 3,
            Self::Stuck => 4,
        }
    }
}
