//! Who may write.
//!
//! Every write takes a [`Permit`], and only [`Leadership`] can make one: writing without leadership does not compile. A
//! write to Azure takes an [`Authority`], which is a permit and the age of what the write rests on. Both are looked at
//! again as the last act before the request leaves, because minutes may lie between the two.
//!
//! Until there is a lease, the start of the process hands out leadership, which is right for one replica that is stopped
//! before the next one starts; it does not protect from two replicas. A process that is shutting down begins no write to
//! Azure any more, since the next one may be at work already; what an answer has taught it may still store.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use super::moment::Moment;

/// A write leaves only while what it rests on was read no longer ago. In real time.
pub const READ_LIVES: Duration = Duration::from_secs(10);

/// That this process is the one that writes.
#[derive(Debug, Default)]
pub struct Leadership {
    begins_no_more: AtomicBool,
}

/// Leave to write to the API server, or with an [`Authority`] to Azure. Not to be kept.
#[derive(Debug, Clone, Copy)]
pub struct Permit<'a>(&'a Leadership);

/// Leave to begin one write to Azure for one object.
#[derive(Debug, Clone, Copy)]
pub struct Authority<'a> {
    permit: Permit<'a>,
    rests_on: Moment,
    begins_before: Instant,
}

/// Why a write did not leave. Nothing was sent; the pass begins anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotSent {
    /// What the write rests on was read too long ago: the process was slow, or stood still.
    #[error("what the write rests on was read more than {} s ago", READ_LIVES.as_secs())]
    ReadTooOld,
    /// The pass would be cut off before the answer.
    #[error("the pass would end before the answer")]
    PassTooOld,
    /// The process is shutting down, or another one leads.
    #[error("this process does not begin writes any more")]
    NotPermitted,
}

impl Leadership {
    /// Leadership by being the only process. Called once, by the composition root.
    pub fn of_the_only_replica() -> Self {
        Self::default()
    }

    /// Leave to write now; `None` once leadership is lost.
    pub fn permit(&self) -> Option<Permit<'_>> {
        Some(Permit(self))
    }

    /// The process is shutting down: no further write to Azure is begun.
    pub fn begin_no_more(&self) {
        self.begins_no_more.store(true, Ordering::Relaxed);
    }
}

impl<'a> Permit<'a> {
    /// Leave to begin a write to Azure that rests on the object as it was read at this moment, before this time.
    pub fn to_azure(self, rests_on: Moment, begins_before: Instant) -> Authority<'a> {
        Authority { permit: self, rests_on, begins_before }
    }
}

impl Authority<'_> {
    /// The last act before a write leaves that rests, beside the object, on a resource that was read at this moment.
    ///
    /// # Errors
    /// The write must not leave.
    pub fn check(&self, resource_read: Moment) -> Result<(), NotSent> {
        if self.permit.0.begins_no_more.load(Ordering::Relaxed) {
            return Err(NotSent::NotPermitted);
        }
        if Instant::now() >= self.begins_before {
            return Err(NotSent::PassTooOld);
        }
        if self.rests_on.min(resource_read).age() > READ_LIVES {
            return Err(NotSent::ReadTooOld);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_a_minute() -> Instant {
        Instant::now() + Duration::from_mins(1)
    }

    #[test]
    fn a_write_leaves_only_while_all_that_it_rests_on_is_fresh() {
        let leadership = Leadership::of_the_only_replica();
        let (now, old) = (Moment::now(), Moment::now().earlier(READ_LIVES + Duration::from_secs(1)));
        for (object, resource, expected) in
            [(now, now, Ok(())), (old, now, Err(NotSent::ReadTooOld)), (now, old, Err(NotSent::ReadTooOld))]
        {
            let authority = leadership.permit().unwrap().to_azure(object, in_a_minute());
            assert_eq!(authority.check(resource), expected);
        }
    }

    #[test]
    fn no_write_is_begun_that_the_end_of_its_pass_would_cut_off() {
        let leadership = Leadership::of_the_only_replica();
        let authority = leadership.permit().unwrap().to_azure(Moment::now(), Instant::now());
        assert_eq!(authority.check(Moment::now()), Err(NotSent::PassTooOld));
    }

    #[test]
    fn a_process_that_is_shutting_down_begins_no_write_to_azure_and_may_still_store_what_it_learned() {
        let leadership = Leadership::of_the_only_replica();
        let authority = leadership.permit().unwrap().to_azure(Moment::now(), in_a_minute());
        leadership.begin_no_more();
        assert_eq!(authority.check(Moment::now()), Err(NotSent::NotPermitted));
        assert!(leadership.permit().is_some());
    }
}
