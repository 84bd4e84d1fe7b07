//! The fences, as passes meet them: the fence of a namespace with its labels, and the looks that a new file asks for.
//!
//! Labels are read only where a rule selects by them. A namespace that must not be read (no right) matches no selector;
//! an API server that does not answer says nothing about labels, so the pass fails and is tried again.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures::{Stream, StreamExt as _, stream};
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client,
    runtime::reflector::{ObjectRef, Store},
};

use super::{Guarded, Operator, object::WriteError};
use crate::{
    api::ManagedDevOpsIdentity,
    azure::Freshness,
    domain::{
        desired::Desired,
        fence::{Fence, Fences, Labels},
    },
    runtime::fences::FencesInForce,
};

/// How long labels are believed, in real time.
const LABELS_LIVE: Duration = Duration::from_secs(10);

/// The fences in force, and the labels that they ask for.
pub(super) struct Fencing {
    in_force: FencesInForce,
    labels: Mutex<HashMap<String, (Instant, Option<Labels>)>>,
}

impl Fencing {
    pub(super) fn new(in_force: FencesInForce) -> Self {
        Self { in_force, labels: Mutex::default() }
    }

    /// All objects of a store, each time that the fences change.
    pub(super) fn looks_anew(
        &self,
        store: Store<Guarded>,
    ) -> impl Stream<Item = ObjectRef<Guarded>> + Send + use<> {
        stream::unfold(self.in_force.clone(), async |mut in_force| {
            in_force.changed().await;
            Some(((), in_force))
        })
        .flat_map(move |()| {
            stream::iter(store.state().into_iter().map(|object| ObjectRef::from_obj(&*object)))
        })
    }

    async fn labels(
        &self,
        client: &Client,
        namespace: &str,
        freshness: Freshness,
    ) -> Result<Option<Labels>, kube::Error> {
        let known = self.known().get(namespace).cloned();
        if let (Some((at, labels)), Freshness::Shared) = (known, freshness)
            && at.elapsed() < LABELS_LIVE
        {
            return Ok(labels);
        }
        let labels = match Api::<Namespace>::all(client.clone()).get_metadata(namespace).await {
            Ok(namespace) => Some(namespace.metadata.labels.unwrap_or_default()),
            Err(kube::Error::Api(status)) if status.is_forbidden() => None,
            // On its way out, with all that is in it.
            Err(kube::Error::Api(status)) if status.is_not_found() => Some(Labels::default()),
            Err(error) => return Err(error),
        };
        let mut known = self.known();
        known.retain(|_, (at, _)| at.elapsed() < LABELS_LIVE);
        known.insert(namespace.to_owned(), (Instant::now(), labels.clone()));
        Ok(labels)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<String, (Instant, Option<Labels>)>> {
        self.labels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Operator {
    /// The fence around a namespace.
    pub(super) async fn fence_around(
        &self,
        namespace: &str,
        freshness: Freshness,
    ) -> Result<Fence, WriteError> {
        let fences: Arc<Fences> = self.fencing.in_force.current();
        let labels = if fences.ask_for_labels() {
            self.fencing.labels(&self.client, namespace, freshness).await?
        } else {
            None
        };
        Ok(fences.around(namespace, labels.as_ref()))
    }

    /// Why nothing may be done for an object: the field of its spec that reaches beyond the fence.
    ///
    /// A spec that cannot be used may ask for anything, so behind a fence it gets nothing.
    pub(super) async fn beyond_the_fence(
        &self,
        object: &ManagedDevOpsIdentity,
    ) -> Result<Option<String>, WriteError> {
        let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
        let fence = self.fence_around(namespace, Freshness::Shared).await?;
        Ok(match Desired::of(object) {
            Ok(desired) => fence.admits(&desired).err().map(|beyond| beyond.to_string()),
            Err(_) if fence.is_open() => None,
            Err(invalid) => Some(invalid.to_string()),
        })
    }
}
