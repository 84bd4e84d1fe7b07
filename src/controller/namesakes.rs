//! Which objects name which identity: an index beside the stores, kept by the events of the watches.
//!
//! Every pass asks for its siblings, and a search through all objects would cost each pass more with every object. Must
//! never hold what an object says: that is read in the stores.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use kube::{ResourceExt as _, runtime::reflector::ObjectRef};

use super::Guarded;
use crate::domain::names::IdentityId;

/// The index, shared by all watches.
#[derive(Debug, Default)]
pub(super) struct Namesakes(Mutex<HashMap<IdentityId, BTreeMap<String, ObjectRef<Guarded>>>>);

impl Namesakes {
    /// An object names this identity.
    pub(super) fn add(&self, identity: &IdentityId, object: &Guarded) {
        let uid = object.uid().unwrap_or_default();
        self.index().entry(identity.clone()).or_default().insert(uid, ObjectRef::from_obj(object));
    }

    /// The object with this uid does not name it any more.
    pub(super) fn remove(&self, identity: &IdentityId, uid: &str) {
        let mut index = self.index();
        if let Some(objects) = index.get_mut(identity) {
            objects.remove(uid);
            if objects.is_empty() {
                index.remove(identity);
            }
        }
    }

    /// Uid and name of all objects but one that name an identity.
    pub(super) fn of(&self, identity: &IdentityId, but: &str) -> Vec<(String, ObjectRef<Guarded>)> {
        let index = self.index();
        let others = index.get(identity).into_iter().flatten().filter(|(uid, _)| *uid != but);
        others.map(|(uid, object)| (uid.clone(), object.clone())).collect()
    }

    fn index(&self) -> MutexGuard<'_, HashMap<IdentityId, BTreeMap<String, ObjectRef<Guarded>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::names::SubscriptionId;

    fn identity(name: &str) -> IdentityId {
        let subscription = SubscriptionId::parse("11111111-2222-3333-4444-555555555555").unwrap();
        IdentityId::new(subscription, "builds", name).unwrap()
    }

    /// Only names matter here, so it need not be one that can be read.
    fn object(name: &str, uid: &str) -> Guarded {
        let object = json!({"metadata": {"namespace": "team-a", "name": name, "uid": uid}});
        serde_json::from_value(object).unwrap()
    }

    fn others(namesakes: &Namesakes, name: &str, but: &str) -> Vec<String> {
        namesakes.of(&identity(name), but).into_iter().map(|(uid, _)| uid).collect()
    }

    #[test]
    fn objects_that_name_one_identity_find_each_other_whatever_its_case() {
        let namesakes = Namesakes::default();
        for (name, uid) in [("a", "1"), ("b", "2"), ("b", "2")] {
            namesakes.add(&identity("agents"), &object(name, uid));
        }
        namesakes.add(&identity("others"), &object("c", "3"));
        assert_eq!(others(&namesakes, "AGENTS", "1"), ["2"]);
        assert_eq!(others(&namesakes, "agents", "3"), ["1", "2"]);
        assert_eq!(others(&namesakes, "others", "3"), [""; 0]);
    }

    #[test]
    fn the_end_of_an_object_leaves_its_successor_of_the_same_name() {
        let namesakes = Namesakes::default();
        namesakes.add(&identity("agents"), &object("a", "old"));
        namesakes.add(&identity("agents"), &object("a", "new"));
        namesakes.remove(&identity("agents"), "old");
        assert_eq!(others(&namesakes, "agents", "another"), ["new"]);
        namesakes.remove(&identity("agents"), "new");
        assert!(namesakes.index().is_empty());
    }
}
