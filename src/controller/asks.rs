//! Who asks for a pass over an object, and where that is heard: in the line of the watch that knows the object.
//!
//! An object of one watched namespace may ask for one of another, whose watch is another one. Must never lose what was asked.

use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use kube::runtime::reflector::ObjectRef;

use super::Guarded;
use crate::runtime::settings::Namespaces;

/// The ways into the lines of all watches.
#[derive(Debug)]
pub(super) struct Asks {
    namespaces: Namespaces,
    lines: Vec<UnboundedSender<ObjectRef<Guarded>>>,
}

impl Asks {
    /// One line for each watched namespace, or one for all, with where it is heard.
    pub(super) fn new(namespaces: Namespaces) -> (Self, Vec<UnboundedReceiver<ObjectRef<Guarded>>>) {
        let count = match &namespaces {
            Namespaces::All => 1,
            Namespaces::Only(names) => names.len(),
        };
        let (lines, heard) = (0..count).map(|_| unbounded()).unzip();
        (Self { namespaces, lines }, heard)
    }

    /// Asks for a pass. One over an object of a namespace that nobody watches is nobody's.
    pub(super) fn ask(&self, object: ObjectRef<Guarded>) {
        let line = match &self.namespaces {
            Namespaces::All => self.lines.first(),
            Namespaces::Only(names) => {
                let index = names.iter().position(|name| Some(name) == object.namespace.as_ref());
                index.and_then(|index| self.lines.get(index))
            }
        };
        if let Some(line) = line {
            // Nobody listens any more only while the process ends.
            let _ = line.unbounded_send(object);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_asked_for_in_the_line_of_its_own_namespace() {
        let (asks, mut heard) = Asks::new(Namespaces::Only(vec!["a".into(), "b".into()]));
        for namespace in ["b", "nobody-s"] {
            asks.ask(ObjectRef::new("agents").within(namespace));
        }
        drop(asks);
        let mut heard = |index: usize| heard[index].try_recv().ok().and_then(|object| object.namespace);
        assert_eq!([heard(0), heard(1), heard(1)], [None, Some("b".to_owned()), None]);
    }
}
