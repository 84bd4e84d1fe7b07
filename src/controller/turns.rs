//! From the read to the record that follows its write, an identity belongs to one pass of the process, and so does a pool.
//!
//! A pass takes the turn of its identity first and of one pool at a time after that, so no two passes wait for each other.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex as PlainMutex},
};

use tokio::sync::{Mutex, OwnedMutexGuard};

/// Whose turn it is, for each thing.
#[derive(Debug)]
pub(super) struct Turns<K>(PlainMutex<HashMap<K, Arc<Mutex<()>>>>);

impl<K> Default for Turns<K> {
    fn default() -> Self {
        Self(PlainMutex::default())
    }
}

/// The thing is this pass's until the turn is dropped.
#[derive(Debug)]
pub(super) struct Turn(#[expect(dead_code, reason = "held, not read")] OwnedMutexGuard<()>);

impl<K: Clone + Eq + Hash> Turns<K> {
    /// Waits for the turn, in the order of asking.
    pub(super) async fn take(&self, id: &K) -> Turn {
        let turn = {
            let mut turns = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            // Nobody waits for a turn that only this map knows of.
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            Arc::clone(turns.entry(id.clone()).or_default())
        };
        Turn(turn.lock_owned().await)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::names::{IdentityId, SubscriptionId};

    #[tokio::test]
    async fn an_identity_belongs_to_one_pass_at_a_time_and_others_are_free() {
        let id = |name| {
            let subscription = SubscriptionId::parse("11111111-2222-3333-4444-555555555555").unwrap();
            IdentityId::new(subscription, "builds", name).unwrap()
        };
        let turns = Turns::default();
        let first = turns.take(&id("agents")).await;
        let _other = turns.take(&id("others")).await;
        let same = id("AGENTS");
        let again = turns.take(&same);
        tokio::pin!(again);
        assert!(futures::poll!(&mut again).is_pending());
        drop(first);
        again.await;
    }
}
