//! What the process remembers of an object between passes, by uid.
//!
//! None of it is needed for safety: after a restart it is empty, and the next pass only waits a little longer before
//! it concludes anything. What must survive a crash stands in status (`domain::record`); what could not be stored there
//! yet waits here.

use std::{
    collections::{HashMap, VecDeque},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Mutex,
    time::Duration,
};

use crate::{
    api::v1alpha1::ManagedDevOpsIdentityStatus,
    domain::{
        names::PoolId,
        observed::{Absence, LOOK_AGAIN_AFTER},
        record::Record,
        registration::PoolMemory,
    },
};

/// A creation of ours is given this long to show everywhere.
const SETTLES_WITHIN: Duration = Duration::from_mins(1);
/// So long a deletion waits before people hear of it.
const WAITS_LONG: Duration = Duration::from_mins(1);
/// So many of our own status writes may be on their way back as events.
const OWN_WRITES: usize = 8;

/// What a status says, in short: enough to tell our own from another's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Fingerprint(u64);

impl Fingerprint {
    /// Lists come back from the API server in an order of its own.
    pub(super) fn of(status: &ManagedDevOpsIdentityStatus) -> Self {
        let mut status = status.clone();
        status.conditions.sort_by(|one, other| one.type_.cmp(&other.type_));
        status.pools.sort_by(|one, other| one.name.cmp(&other.name));
        let mut hasher = DefaultHasher::new();
        // A status is made of what can be written as JSON.
        serde_json::to_string(&status).unwrap_or_default().hash(&mut hasher);
        Self(hasher.finish())
    }
}

/// What is remembered of all objects.
#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<HashMap<String, Remembered>>);

/// What is remembered of one object. Times are those of the process' clock.
#[derive(Debug, Default, Clone)]
struct Remembered {
    attempts: u32,
    absent_since: Option<Duration>,
    creation_sent: Option<Duration>,
    deletion_sent: Option<Duration>,
    /// What an answer has taught and no status write has carried yet.
    unstored: Option<Record>,
    in_the_dark_since: Option<Duration>,
    last_look: Option<Duration>,
    /// When a sweep first met it without a look.
    waits_since: Option<Duration>,
    suspension_told: Option<i64>,
    told: VecDeque<Fingerprint>,
    deletion_waits: Option<(Duration, bool)>,
    pools: HashMap<PoolId, PoolMemory>,
}

impl Memory {
    fn with<T>(&self, uid: &str, change: impl FnOnce(&mut Remembered) -> T) -> T {
        let mut all = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        change(all.entry(uid.to_owned()).or_default())
    }

    /// The object is gone.
    pub(super) fn forget(&self, uid: &str) {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).remove(uid);
    }

    /// A look at the object; whether it is the first of this process.
    pub(super) fn look(&self, uid: &str, now: Duration) -> bool {
        self.with(uid, |it| it.last_look.replace(now).is_none())
    }

    /// Whether nobody has looked at the object for so long. Said once in that time.
    pub(super) fn is_overdue(&self, uid: &str, after: Duration, now: Duration) -> bool {
        self.with(uid, |it| {
            let waits_since = it.waits_since.get_or_insert(now);
            let since = it.last_look.map_or(*waits_since, |last| last.max(*waits_since));
            let is_overdue = now.saturating_sub(since) >= after;
            if is_overdue {
                *waits_since = now;
            }
            is_overdue
        })
    }

    /// How many passes in a row, this one included, came to nothing final.
    pub(super) fn count_attempt(&self, uid: &str) -> u32 {
        self.with(uid, |it| {
            it.attempts = it.attempts.saturating_add(1);
            it.attempts
        })
    }

    /// A pass came to something final.
    pub(super) fn reset_attempts(&self, uid: &str) {
        self.with(uid, |it| it.attempts = 0);
    }

    /// A creation is on its way to Azure.
    pub(super) fn creation_sent(&self, uid: &str, now: Duration) {
        self.with(uid, |it| it.creation_sent = Some(now));
    }

    /// The creation was refused: there is nothing to wait for.
    pub(super) fn creation_refused(&self, uid: &str) {
        self.with(uid, |it| it.creation_sent = None);
    }

    /// A deletion was taken by Azure, or may have been. The creation before it explains no absence any more.
    pub(super) fn deletion_sent(&self, uid: &str, now: Duration) {
        self.with(uid, |it| (it.creation_sent, it.deletion_sent) = (None, Some(now)));
    }

    /// Whether this process has sent a deletion.
    pub(super) fn has_deleted(&self, uid: &str) -> bool {
        self.with(uid, |it| it.deletion_sent.is_some())
    }

    /// Whether a deletion is so fresh that a replica may not know of it.
    pub(super) fn deleted_lately(&self, uid: &str, now: Duration) -> bool {
        self.with(uid, |it| it.deletion_sent.is_some_and(|at| now.saturating_sub(at) < SETTLES_WITHIN))
    }

    /// A status of ours is about to be written.
    pub(super) fn tell(&self, uid: &str, status: Fingerprint) {
        self.with(uid, |it| {
            it.told.push_back(status);
            if it.told.len() > OWN_WRITES {
                it.told.pop_front();
            }
        });
    }

    /// Whether this process has written that status of late.
    pub(super) fn has_told(&self, uid: &str, status: Fingerprint) -> bool {
        self.with(uid, |it| it.told.contains(&status))
    }

    /// An answer has taught this; it is to be stored before anything else is done for the object.
    pub(super) fn keep_record(&self, uid: &str, record: &Record) {
        self.with(uid, |it| it.unstored = Some(record.clone()));
    }

    /// What was kept stands in status now.
    pub(super) fn record_stored(&self, uid: &str) {
        self.with(uid, |it| it.unstored = None);
    }

    /// What is still to be stored.
    pub(super) fn unstored_record(&self, uid: &str) -> Option<Record> {
        self.with(uid, |it| it.unstored.clone())
    }

    /// The identity was seen.
    pub(super) fn present(&self, uid: &str) {
        self.with(uid, |it| it.absent_since = None);
    }

    /// The identity was not there: what that is worth.
    pub(super) fn absent(&self, uid: &str, now: Duration) -> Absence {
        self.with(uid, |it| {
            if it.creation_sent.is_some_and(|sent| now.saturating_sub(sent) < SETTLES_WITHIN) {
                return Absence::JustCreated;
            }
            let since = *it.absent_since.get_or_insert(now);
            if now.saturating_sub(since) >= LOOK_AGAIN_AFTER { Absence::Confirmed } else { Absence::Once }
        })
    }

    /// Throttling or an outage hid the truth: for how long now, in a row.
    pub(super) fn in_the_dark(&self, uid: &str, now: Duration) -> Duration {
        self.with(uid, |it| now.saturating_sub(*it.in_the_dark_since.get_or_insert(now)))
    }

    /// Nothing hid the truth.
    pub(super) fn in_the_light(&self, uid: &str) {
        self.with(uid, |it| it.in_the_dark_since = None);
    }

    /// What is remembered of a pool of an object, to look at or to add to.
    pub(super) fn of_pool<T>(
        &self,
        uid: &str,
        pool: &PoolId,
        change: impl FnOnce(&mut PoolMemory) -> T,
    ) -> T {
        self.with(uid, |it| change(it.pools.entry(pool.clone()).or_default()))
    }

    /// Whether it is time to tell, once, that the deletion waits for what passes by itself: not of every change that takes
    /// some seconds.
    pub(super) fn tell_deletion_waits(&self, uid: &str, now: Duration) -> bool {
        self.with(uid, |it| {
            let (since, told) = it.deletion_waits.get_or_insert((now, false));
            let waits_long = now.saturating_sub(*since) >= WAITS_LONG;
            waits_long && !std::mem::replace(told, true)
        })
    }

    /// Whether the suspension of this generation has not been told yet.
    pub(super) fn tell_suspension(&self, uid: &str, generation: i64) -> bool {
        self.with(uid, |it| it.suspension_told.replace(generation) != Some(generation))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn an_absence_is_certain_only_when_it_is_seen_again_some_seconds_later() {
        let memory = Memory::default();
        assert_eq!(memory.absent("a", at(0)), Absence::Once);
        assert_eq!(memory.absent("a", at(2)), Absence::Once);
        assert_eq!(memory.absent("a", at(5)), Absence::Confirmed);
        memory.present("a");
        assert_eq!(memory.absent("a", at(60)), Absence::Once);
    }

    #[test]
    fn an_absence_right_after_our_own_creation_proves_nothing() {
        let memory = Memory::default();
        memory.creation_sent("a", at(0));
        assert_eq!(memory.absent("a", at(59)), Absence::JustCreated);
        assert_eq!(memory.absent("a", at(60)), Absence::Once);
        assert_eq!(memory.absent("a", at(65)), Absence::Confirmed);
    }

    #[test]
    fn an_absence_after_our_own_deletion_is_one_however_fresh_the_creation_was() {
        let memory = Memory::default();
        memory.creation_sent("a", at(0));
        memory.deletion_sent("a", at(10));
        assert!(
            memory.has_deleted("a")
                && memory.deleted_lately("a", at(69))
                && !memory.deleted_lately("a", at(70))
        );
        assert_eq!(memory.absent("a", at(10)), Absence::Once);
        assert_eq!(memory.absent("a", at(15)), Absence::Confirmed);
    }

    #[test]
    fn an_object_that_nobody_looks_at_is_overdue_once_in_that_time_and_one_that_is_looked_at_never() {
        let memory = Memory::default();
        let overdue = |memory: &Memory, seconds: u64| memory.is_overdue("a", at(100), at(seconds));
        let told: Vec<u64> = (0..250).filter(|seconds| overdue(&memory, *seconds)).collect();
        assert_eq!(told, [100, 200]);
        assert!(memory.look("a", at(250)), "its first look");
        let told: Vec<u64> = (250..400).filter(|seconds| overdue(&memory, *seconds)).collect();
        assert_eq!(told, [350]);
        assert!(!memory.look("a", at(400)));
    }

    #[test]
    fn a_deletion_that_waits_is_told_of_once_and_not_at_once() {
        let memory = Memory::default();
        let told: Vec<u64> =
            (0..200).filter(|seconds| memory.tell_deletion_waits("a", at(*seconds))).collect();
        assert_eq!(told, [60]);
    }

    #[test]
    fn the_dark_is_counted_from_the_first_pass_in_it() {
        let memory = Memory::default();
        assert_eq!(memory.in_the_dark("a", at(10)), at(0));
        assert_eq!(memory.in_the_dark("a", at(40)), at(30));
        memory.in_the_light("a");
        assert_eq!(memory.in_the_dark("a", at(50)), at(0));
    }
}
