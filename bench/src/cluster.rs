//! The control plane of all rows, and each row's objects on it.
//!
//! On the I/O side. What is written is written before the operator starts, or said to be: between that the bench only
//! watches, so that every other write is the operator's.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use harness::ControlPlane;
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams},
    runtime::watcher::{self, Event, watcher},
};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::{
    Mishap,
    process::{Series, series},
    world::Land,
};

/// How many writes of the bench are under way at once.
const AT_ONCE: usize = 16;

/// Starts the one control plane, with `deploy/base` on it.
pub async fn start(root: &Path) -> Result<ControlPlane, Mishap> {
    let control_plane = ControlPlane::start().await?;
    let base = root.join("deploy/base").display().to_string();
    control_plane.kubectl(["apply", "-k", &base]).await?;
    let kind = "crd/manageddevopsidentities.mdi-operator.io";
    control_plane.kubectl(["wait", "--for=condition=Established", kind, "--timeout=30s"]).await?;
    Ok(control_plane)
}

/// The objects of one row, in a namespace of their own.
pub struct Objects {
    api: Api<DynamicObject>,
    client: Client,
}

impl Objects {
    /// In a new namespace.
    pub async fn new(control_plane: &ControlPlane, namespace: &str) -> Result<Self, Mishap> {
        control_plane.kubectl(["create", "namespace", namespace]).await?;
        let kind = GroupVersionKind::gvk("mdi-operator.io", "v1alpha1", "ManagedDevOpsIdentity");
        let resource = ApiResource::from_gvk_with_plural(&kind, "manageddevopsidentities");
        let client = control_plane.client();
        Ok(Self { api: Api::namespaced_with(client.clone(), namespace, &resource), client })
    }

    /// Creates all objects of a land.
    pub async fn create(&self, land: &Land) -> Result<(), Mishap> {
        let create = async |object: Value| -> Result<(), Mishap> {
            self.api.create(&PostParams::default(), &serde_json::from_value(object)?).await?;
            Ok(())
        };
        stream::iter((0..land.size.objects).map(|object| create(land.object(object))))
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await
    }

    /// Has all objects looked at at another pace.
    pub async fn set_interval(&self, land: &Land, interval: &str) -> Result<(), Mishap> {
        let patch = Patch::Merge(json!({ "spec": { "interval": interval } }));
        let change = async |object: u32| -> Result<(), Mishap> {
            self.api.patch(&Land::name(object), &PatchParams::default(), &patch).await?;
            Ok(())
        };
        stream::iter((0..land.size.objects).map(change)).buffer_unordered(AT_ONCE).try_collect().await
    }

    /// Watches them from now on.
    pub fn watch(&self) -> Watch {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let told = Arc::clone(&seen);
        let api = self.api.clone();
        let task = tokio::spawn(async move {
            let mut events = watcher(api, watcher::Config::default()).boxed();
            while let Some(event) = events.next().await {
                // A watch that breaks is begun anew by the stream itself.
                let Ok(event) = event else { continue };
                let mut seen = locked(&told);
                match event {
                    Event::Apply(object) | Event::InitApply(object) => seen.take_in(&object),
                    Event::Init | Event::InitDone | Event::Delete(_) => {}
                }
            }
        });
        Watch { seen, task }
    }

    /// What the API server counts of itself.
    pub async fn requests_to_api_server(&self) -> Result<Vec<Series>, Mishap> {
        let request = http::Request::get("/metrics").body(Vec::new())?;
        let mut all = series(&self.client.request_text(request).await?);
        all.retain(|one| {
            one.name == "apiserver_request_total"
                && (one.is("group", "mdi-operator.io") || one.is("resource", "events"))
        });
        Ok(all)
    }
}

/// Writes among the requests that an API server has counted.
pub fn writes(requests: &[Series]) -> f64 {
    let verbs = ["POST", "PUT", "PATCH", "APPLY", "DELETE", "DELETECOLLECTION"];
    requests.iter().filter(|one| verbs.iter().any(|verb| one.is("verb", verb))).map(|one| one.value).sum()
}

/// Reads among them; watches, which last, are left out.
pub fn reads(requests: &[Series]) -> f64 {
    let verbs = ["GET", "LIST"];
    requests.iter().filter(|one| verbs.iter().any(|verb| one.is("verb", verb))).map(|one| one.value).sum()
}

/// What has been seen of the objects.
#[derive(Debug, Default)]
pub struct Seen {
    objects: HashMap<String, Object>,
    /// When a status was first seen on any of them.
    pub first_status: Option<Instant>,
}

#[derive(Debug)]
struct Object {
    ready_since: Option<Instant>,
    is_told: bool,
    why: String,
}

impl Seen {
    fn take_in(&mut self, object: &DynamicObject) {
        let status = &object.data["status"];
        if status.is_object() {
            self.first_status.get_or_insert_with(Instant::now);
        }
        let empty = Vec::new();
        let conditions = status["conditions"].as_array().unwrap_or(&empty);
        let ready = conditions.iter().find(|condition| condition["type"] == "Ready");
        let is_ready = ready.is_some_and(|ready| ready["status"] == "True");
        let is_told = is_ready && status["observedGeneration"].as_i64() == object.metadata.generation;
        let why = ready.map(|ready| format!("{} {}", ready["reason"], ready["message"])).unwrap_or_default();
        let name = object.metadata.name.clone().unwrap_or_default();
        let before = self.objects.get(&name).and_then(|before| before.ready_since);
        let ready_since = is_told.then(|| before.unwrap_or_else(Instant::now));
        self.objects.insert(name, Object { ready_since, is_told, why });
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// How many are ready, with their newest generation.
    pub fn ready(&self) -> usize {
        self.objects.values().filter(|object| object.is_told).count()
    }

    /// When the last of them became ready.
    pub fn last_ready(&self) -> Option<Instant> {
        self.objects.values().filter_map(|object| object.ready_since).max()
    }

    /// What is said of one that is not ready.
    pub fn complaint(&self) -> Option<String> {
        let (name, object) = self.objects.iter().find(|(_, object)| !object.is_told)?;
        Some(format!("{name}: {}", object.why))
    }
}

/// A watch on all objects of a row; it ends when dropped.
#[derive(Debug)]
pub struct Watch {
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

impl Watch {
    /// What has been seen until now.
    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        locked(&self.seen)
    }

    /// Waits until it is so, which `what` names.
    pub async fn until(
        &self,
        what: &str,
        patience: Duration,
        is_so: impl Fn(&Seen) -> bool,
    ) -> Result<(), Mishap> {
        let begun = Instant::now();
        while !is_so(&self.seen()) {
            if begun.elapsed() > patience {
                let complaint = self.seen().complaint().unwrap_or_default();
                return Err(Mishap(format!("not {what} after {patience:?}; {complaint}")));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
