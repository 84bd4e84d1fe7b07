//! Which passes an event of the watch asks for.
//!
//! Our own status writes come back as events and must wake nobody, or a settled object would never rest. So an object
//! is looked at again only when something changed that a decision depends on, and its siblings only when their claim
//! may have changed.

use std::{
    collections::{HashMap, HashSet},
    sync::Mutex,
};

use kube::{
    Resource as _, ResourceExt as _,
    api::ObjectMeta,
    runtime::{
        reflector::{ObjectRef, Store},
        watcher::Event,
    },
};

use super::{
    Guarded,
    memory::Memory,
    siblings::{as_sibling, names},
};
use crate::{
    api::{ManagedDevOpsIdentity, conditions::Reason, names::RECONCILE_REQUESTED_AT},
    domain::{desired::named_identity, names::IdentityId, record::Record},
};

/// What a pass of the object itself depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Own {
    generation: Option<i64>,
    terminating: bool,
    requested_at: Option<String>,
    readable: bool,
}

/// What the claims of its siblings depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Claim {
    generation: Option<i64>,
    terminating: bool,
    stalled: Option<Reason>,
    record: Record,
}

#[derive(Debug, Clone)]
struct Seen {
    own: Own,
    /// The identity that it names, and its claim; absent while the object cannot be read.
    claim: Option<(IdentityId, Claim)>,
}

/// What was last seen of each object of one watch, by uid.
#[derive(Debug, Default)]
pub(super) struct Triggers {
    seen: Mutex<HashMap<String, Seen>>,
    listed: Mutex<HashSet<String>>,
}

impl Triggers {
    /// The passes that an event asks for. The store has taken the event already.
    pub(super) fn on(
        &self,
        event: &Event<Guarded>,
        stores: &[Store<Guarded>],
        memory: &Memory,
    ) -> Vec<ObjectRef<Guarded>> {
        match event {
            Event::Init => {
                lock(&self.listed).clear();
                vec![]
            }
            Event::InitApply(object) => {
                lock(&self.listed).extend(object.uid());
                self.applied(object, stores)
            }
            Event::Apply(object) => self.applied(object, stores),
            Event::Delete(object) => self.gone(&object.uid().unwrap_or_default(), stores, memory),
            // What vanished while the watch was away is not reported, only missing from the list.
            Event::InitDone => {
                let listed = std::mem::take(&mut *lock(&self.listed));
                let vanished: Vec<String> =
                    lock(&self.seen).keys().filter(|uid| !listed.contains(*uid)).cloned().collect();
                vanished.iter().flat_map(|uid| self.gone(uid, stores, memory)).collect()
            }
        }
    }

    fn applied(&self, guarded: &Guarded, stores: &[Store<Guarded>]) -> Vec<ObjectRef<Guarded>> {
        let uid = guarded.uid().unwrap_or_default();
        let now = Seen {
            own: own(guarded.meta(), guarded.0.is_ok()),
            claim: guarded
                .0
                .as_ref()
                .ok()
                .and_then(|object| Some((named_identity(object).ok()?, claim(object)))),
        };
        let before = lock(&self.seen).insert(uid.clone(), now.clone());
        let mut wanted = vec![];
        if before.as_ref().is_none_or(|before| before.own != now.own) {
            wanted.push(ObjectRef::from_obj(guarded));
        }
        if before.as_ref().is_none_or(|before| before.claim != now.claim) {
            wanted.extend(siblings(&uid, &now, stores));
        }
        wanted
    }

    fn gone(&self, uid: &str, stores: &[Store<Guarded>], memory: &Memory) -> Vec<ObjectRef<Guarded>> {
        memory.forget(uid);
        let seen = lock(&self.seen).remove(uid);
        seen.map(|seen| siblings(uid, &seen, stores)).unwrap_or_default()
    }
}

fn own(meta: &ObjectMeta, readable: bool) -> Own {
    Own {
        generation: meta.generation,
        terminating: meta.deletion_timestamp.is_some(),
        requested_at: meta.annotations.as_ref().and_then(|a| a.get(RECONCILE_REQUESTED_AT)).cloned(),
        readable,
    }
}

fn claim(object: &ManagedDevOpsIdentity) -> Claim {
    let sibling = as_sibling(object);
    Claim {
        generation: object.metadata.generation,
        terminating: sibling.terminating,
        stalled: sibling.stalled,
        record: sibling.record,
    }
}

fn siblings(uid: &str, seen: &Seen, stores: &[Store<Guarded>]) -> Vec<ObjectRef<Guarded>> {
    let Some((identity, _)) = &seen.claim else { return vec![] };
    stores
        .iter()
        .flat_map(|store| {
            store.state_filter(|other: &Guarded| other.0.as_ref().is_ok_and(|other| names(other, identity)))
        })
        .filter(|other| other.uid().as_deref() != Some(uid))
        .map(|other| ObjectRef::from_obj(&*other))
        .collect()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
