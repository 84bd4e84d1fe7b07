//! What a read sees while a write has not reached all replicas yet: the state as it was one delay ago.
//!
//! Only reads may look here; a write that did would lose other writes.

use jiff::Timestamp;

use crate::world::{Name, Names};

#[derive(Debug)]
struct Older<T> {
    shown_until: Timestamp,
    state: Option<T>,
}

/// Older states of one kind of thing that are still shown.
#[derive(Debug)]
pub(crate) struct Replicas<T>(Names<Vec<Older<T>>>);

impl<T> Default for Replicas<T> {
    fn default() -> Self {
        Self(Names::new())
    }
}

impl<T: Clone> Replicas<T> {
    /// Keeps the state from before a write, to be shown until a moment.
    pub(crate) fn remember(&mut self, id: &Name, state: Option<T>, shown_until: Timestamp) {
        self.0.entry(id.clone()).or_default().push(Older { shown_until, state });
    }

    /// One thing as a read sees it now.
    pub(crate) fn one<'a>(
        &'a self,
        id: &'a Name,
        current: Option<(&'a Name, &'a T)>,
        now: Timestamp,
    ) -> Option<(&'a Name, &'a T)> {
        let older = self.0.get_key_value(id);
        match older
            .and_then(|(key, states)| Some((key, states.iter().find(|older| older.shown_until > now)?)))
        {
            Some((key, older)) => older.state.as_ref().map(|state| (key, state)),
            None => current,
        }
    }

    /// All things as a list sees them now.
    pub(crate) fn view(&mut self, current: &Names<T>, now: Timestamp) -> Names<T> {
        self.0.retain(|_, states| {
            states.retain(|older| older.shown_until > now);
            !states.is_empty()
        });
        let mut seen = current.clone();
        for (id, states) in &self.0 {
            match states.first().map(|older| &older.state) {
                Some(Some(state)) => {
                    seen.insert(id.clone(), state.clone());
                }
                Some(None) => {
                    seen.remove(id);
                }
                None => {}
            }
        }
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::later;
    use crate::world::{Sample, World};

    #[test]
    fn reads_follow_the_writes_one_delay_later() {
        let sample = Sample::default();
        let id = Name::from(sample.identity_id("one"));
        let mut world = World::default();
        world.subscriptions = sample.world().subscriptions;
        let mut replicas = Replicas::default();
        let start = Timestamp::UNIX_EPOCH;

        replicas.remember(&id, None, later(start, 10.0));
        world.create_identity(id.as_str(), "westeurope", Names::new()).unwrap();
        let created = world.identities.clone();
        replicas.remember(&id, created.get(&id).cloned(), later(start, 15.0));
        world.set_tag(id.as_str(), "a", "b").unwrap();

        for (at, expected) in [(9.0, &Names::new()), (12.0, &created), (15.0, &world.identities)] {
            let now = later(start, at);
            let one = replicas.one(&id, world.identities.get_key_value(&id), now);
            assert_eq!(one, expected.get_key_value(&id));
            assert_eq!(&replicas.view(&world.identities, now), expected);
        }
    }
}
