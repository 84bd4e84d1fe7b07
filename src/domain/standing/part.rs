//! One part of the object, judged: what its condition says, and how it goes on.

use std::time::Duration;

use crate::{
    api::conditions::Reason,
    domain::failure::{Class, Failure},
};

/// A condition in the making.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) status: Tri,
    pub(super) reason: Reason,
    pub(super) message: String,
    pub(super) course: Course,
    pub(super) trouble: Trouble,
}

/// What a failure means for a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// There is none.
    None,
    /// It leaves what was last told as it is.
    Kept,
    /// It is told.
    Told(Failure),
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
    /// Waits for what Azure carries out: not to be asked about before this time has passed.
    Waiting(Duration),
    /// Azure lags behind.
    Settling,
    /// Failed, and tried again.
    Retrying { class: Class, not_before: Option<Duration> },
    /// A person has to do something.
    Stuck,
}

impl Part {
    pub(super) fn new(status: Tri, reason: Reason, message: String, course: Course) -> Self {
        Self { status, reason, message, course, trouble: Trouble::None }
    }

    pub(super) fn done(reason: Reason, message: String) -> Self {
        Self::new(Tri::True, reason, message, Course::Done)
    }

    pub(super) fn stuck(reason: Reason, message: String) -> Self {
        Self::new(Tri::False, reason, message, Course::Stuck)
    }

    /// A part whose read or write failed, and is tried again.
    pub(super) fn failed(status: Tri, reason: Reason, message: String, failure: &Failure) -> Self {
        let course = Course::Retrying { class: failure.class(), not_before: failure.retry_after };
        Self { trouble: Trouble::Told(failure.clone()), ..Self::new(status, reason, message, course) }
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
            Self::Working | Self::Waiting(_) => 1,
            Self::Settling => 2,
            Self::Retrying { .. } => 3,
            Self::Stuck => 4,
        }
    }
}
