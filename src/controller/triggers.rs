//! Which passes an event of the watch asks for.
//!
//! Our own status writes come back as events and must wake nobody, or a settled object would never rest. So an object
//! is looked at again only when something changed that a decision depends on, or when somebody else wrote its status or
//! stripped its finalizer; and its siblings only when their claim may have changed.
//!
//! A list anew is taken over by the store as a whole, at its end: whatever it asks for is asked for then, for before that
//! the store does not have what the list has brought.

use std::{
    collections::{HashMap, HashSet},
    sync::Mutex,
};

use kube::{
    Resource as _, ResourceExt as _,
    api::ObjectMeta,
    runtime::{reflector::ObjectRef, watcher::Event},
};

use super::{
    Guarded,
    memory::{Fingerprint, Memory},
    namesakes::Namesakes,
    siblings::as_sibling,
};
use crate::{
    api::{
        ManagedDevOpsIdentity,
        conditions::Reason,
        names::{FINALIZER, RECONCILE_REQUESTED_AT},
    },
    domain::{
        desired::named_identity,
        names::IdentityId,
        record::{Holding, Record},
    },
};

/// What a pass of the object itself depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Own {
    generation: Option<i64>,
    terminating: bool,
    requested_at: Option<String>,
    readable: bool,
    /// Something is held, and the finalizer that has to stand for that is not there: somebody stripped it.
    unguarded: bool,
}

/// What the claims of its siblings depend on. Pools and what was applied are nobody else's business.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Claim {
    generation: Option<i64>,
    terminating: bool,
    stalled: Option<Reason>,
    holding: Option<Holding>,
}

#[derive(Debug, Clone)]
struct Seen {
    own: Own,
    /// The identity that it names, and its claim; absent while the object cannot be read.
    claim: Option<(IdentityId, Claim)>,
    /// What its status says, in short.
    status: Fingerprint,
}

impl Seen {
    fn identity(&self) -> Option<&IdentityId> {
        self.claim.as_ref().map(|(identity, _)| identity)
    }
}

/// A list that is under way.
#[derive(Debug, Default)]
struct Listing {
    uids: HashSet<String>,
    wanted: Vec<ObjectRef<Guarded>>,
}

/// What was last seen of each object of one watch, by uid.
#[derive(Debug, Default)]
pub(super) struct Triggers {
    seen: Mutex<HashMap<String, Seen>>,
    listing: Mutex<Listing>,
}

impl Triggers {
    /// The passes that an event asks for. The store has taken the event already.
    pub(super) fn on(
        &self,
        event: &Event<Guarded>,
        namesakes: &Namesakes,
        memory: &Memory,
    ) -> Vec<ObjectRef<Guarded>> {
        match event {
            Event::Init => {
                // What a list that broke off had asked for is still to be answered.
                lock(&self.listing).uids.clear();
                vec![]
            }
            Event::InitApply(object) => {
                let wanted = self.applied(object, namesakes, memory);
                let mut listing = lock(&self.listing);
                listing.uids.extend(object.uid());
                listing.wanted.extend(wanted);
                vec![]
            }
            Event::Apply(object) => self.applied(object, namesakes, memory),
            Event::Delete(object) => self.gone(&object.uid().unwrap_or_default(), namesakes, memory),
            // What vanished while the watch was away is not reported, only missing from the list.
            Event::InitDone => {
                let Listing { uids, mut wanted } = std::mem::take(&mut *lock(&self.listing));
                let vanished: Vec<String> =
                    lock(&self.seen).keys().filter(|uid| !uids.contains(*uid)).cloned().collect();
                wanted.extend(vanished.iter().flat_map(|uid| self.gone(uid, namesakes, memory)));
                wanted
            }
        }
    }

    fn applied(&self, guarded: &Guarded, namesakes: &Namesakes, memory: &Memory) -> Vec<ObjectRef<Guarded>> {
        let uid = guarded.uid().unwrap_or_default();
        let object = guarded.0.as_ref().ok();
        let now = Seen {
            own: own(guarded.meta(), object),
            claim: object.and_then(|object| Some((named_identity(object).ok()?, claim(object)))),
            status: object.and_then(|object| object.status.as_ref()).map(Fingerprint::of).unwrap_or_default(),
        };
        let before = lock(&self.seen).insert(uid.clone(), now.clone());
        let named = before.as_ref().and_then(Seen::identity);
        if named != now.identity() {
            if let Some(identity) = named {
                namesakes.remove(identity, &uid);
            }
            if let Some(identity) = now.identity() {
                namesakes.add(identity, guarded);
            }
        }
        let mut wanted = vec![];
        let somebody_else_wrote_status = before
            .as_ref()
            .is_some_and(|before| before.status != now.status && !memory.has_told(&uid, now.status));
        if somebody_else_wrote_status || before.as_ref().is_none_or(|before| before.own != now.own) {
            wanted.push(ObjectRef::from_obj(guarded));
        }
        if before.as_ref().is_none_or(|before| before.claim != now.claim) {
            wanted.extend(siblings(&uid, &now, namesakes));
        }
        wanted
    }

    fn gone(&self, uid: &str, namesakes: &Namesakes, memory: &Memory) -> Vec<ObjectRef<Guarded>> {
        memory.forget(uid);
        let Some(seen) = lock(&self.seen).remove(uid) else { return vec![] };
        if let Some(identity) = seen.identity() {
            namesakes.remove(identity, uid);
        }
        siblings(uid, &seen, namesakes)
    }
}

fn own(meta: &ObjectMeta, object: Option<&ManagedDevOpsIdentity>) -> Own {
    let record = object.and_then(|object| object.status.as_ref()).map(Record::of).unwrap_or_default();
    let guarded = meta.finalizers.iter().flatten().any(|finalizer| finalizer == FINALIZER);
    Own {
        generation: meta.generation,
        terminating: meta.deletion_timestamp.is_some(),
        requested_at: meta.annotations.as_ref().and_then(|a| a.get(RECONCILE_REQUESTED_AT)).cloned(),
        readable: object.is_some(),
        unguarded: !guarded && (record.holding.is_some() || record.may_hold_entries()),
    }
}

fn claim(object: &ManagedDevOpsIdentity) -> Claim {
    let sibling = as_sibling(object);
    Claim {
        generation: object.metadata.generation,
        terminating: sibling.terminating,
        stalled: sibling.stalled,
        holding: sibling.record.holding,
    }
}

fn siblings(uid: &str, seen: &Seen, namesakes: &Namesakes) -> Vec<ObjectRef<Guarded>> {
    let others = seen.identity().map(|identity| namesakes.of(identity, uid));
    others.into_iter().flatten().map(|(_, object)| object).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(name: &str) -> Guarded {
        let object = json!({
            "apiVersion": "mdi-operator.io/v1alpha1", "kind": "ManagedDevOpsIdentity",
            "metadata": {"namespace": "team-a", "name": name, "uid": name, "generation": 1},
            "spec": {
                "organization": "contoso",
                "identity": {
                    "subscriptionId": "55555555-5555-4555-8555-555555555555",
                    "resourceGroup": "builds", "location": "westeurope", "name": "agents",
                },
            },
        });
        serde_json::from_value(object).unwrap()
    }

    /// The names of the passes that events ask for, event by event.
    fn asked(triggers: &Triggers, events: Vec<Event<Guarded>>) -> Vec<Vec<String>> {
        let (namesakes, memory) = (Namesakes::default(), Memory::default());
        let ask = |event| triggers.on(&event, &namesakes, &memory).into_iter().map(|it| it.name).collect();
        events.into_iter().map(ask).collect()
    }

    #[test]
    fn what_a_list_asks_for_is_asked_for_at_its_end_when_the_store_has_taken_it_over() {
        let triggers = Triggers::default();
        let list = |names: &[&str]| {
            let applied = names.iter().map(|name| Event::InitApply(object(name)));
            [Event::Init].into_iter().chain(applied).chain([Event::InitDone]).collect::<Vec<_>>()
        };
        let nothing: [&str; 0] = [];
        let first = asked(&triggers, list(&["a"]));
        assert_eq!(first, [&nothing[..], &nothing, &["a"]]);
        let anew = asked(&triggers, list(&["a", "new"]));
        assert_eq!(anew[..3], [&nothing[..], &nothing, &nothing]);
        assert!(anew[3].contains(&"new".to_owned()), "{anew:?}");
    }

    #[test]
    fn what_a_list_that_broke_off_had_asked_for_is_asked_for_by_the_next() {
        let triggers = Triggers::default();
        let events = vec![
            Event::Init,
            Event::InitApply(object("a")),
            Event::Init,
            Event::InitApply(object("a")),
            Event::InitDone,
        ];
        assert_eq!(asked(&triggers, events).last().unwrap(), &["a"]);
    }
}
