//! Watches the objects and runs passes over them until the process is told to stop.
//!
//! One watch and one store per watched namespace, or one for all. No pass begins before every first list is there:
//! who owns a disputed identity cannot be told from a part of the objects.

use std::{convert::Infallible, pin::pin, sync::Arc, time::Duration};

use futures::{FutureExt as _, Stream, StreamExt as _, TryStreamExt as _, future::join_all, stream};
use kube::{
    Api,
    core::ApiResource,
    runtime::{
        WatchStreamExt as _,
        controller::{Config, applier},
        reflector::{self, ObjectRef, Store, reflector, store::Writer},
        watcher,
    },
};
use tokio::sync::Semaphore;

use super::{
    Guarded, Operator, attempt::attempt, events::Events, fences::Fencing, memory::Memory,
    namesakes::Namesakes, triggers::Triggers, turns::Turns,
};
use crate::{
    api::{ManagedDevOpsIdentity, conditions::types},
    azure::Azure,
    runtime::{
        clock::Clock,
        cluster::Cluster,
        fences::FencesInForce,
        health::{Gate, Health},
        leadership::Leadership,
        metrics::Metrics,
        settings::Namespaces,
        shutdown::Shutdown,
    },
};

/// How often the objects are counted for the metrics, in real time.
const COUNT: Duration = Duration::from_secs(5);

/// What the controller needs to run.
pub struct Setup {
    /// The cluster.
    pub cluster: Cluster,
    /// Watched namespaces.
    pub namespaces: Namespaces,
    /// How many passes run at once.
    pub concurrency: u16,
    /// What each namespace may use.
    pub fences: FencesInForce,
    /// Azure.
    pub azure: Azure,
    /// Who may write.
    pub leadership: Arc<Leadership>,
    /// The time.
    pub clock: Clock,
    /// The counters.
    pub metrics: Metrics,
    /// Readiness and liveness.
    pub health: Health,
}

/// Runs until `shutdown` begins, then finishes the passes that are under way.
pub async fn run(setup: Setup, shutdown: &Shutdown) {
    let Setup { cluster, namespaces, concurrency, fences, azure, leadership, clock, metrics, health } = setup;
    let Cluster { ids, url: _, watching, working } = cluster;
    let apis: Vec<Api<Guarded>> = each(
        &namespaces,
        || Api::all(watching.clone()),
        |namespace| Api::namespaced(watching.clone(), namespace),
    );
    let kind = ApiResource::erase::<ManagedDevOpsIdentity>(&());
    let watched = each(
        &namespaces,
        || Api::all_with(working.clone(), &kind),
        |namespace| Api::namespaced_with(working.clone(), namespace, &kind),
    );
    let (stores, writers): (Vec<Store<Guarded>>, Vec<Writer<Guarded>>) =
        apis.iter().map(|_| reflector::store()).unzip();
    let operator = Arc::new(Operator {
        events: Events::new(working.clone(), Arc::clone(&leadership)),
        watched,
        client: working,
        azure,
        leadership,
        clock,
        metrics,
        cluster: ids,
        fencing: Fencing::new(fences),
        stores,
        namesakes: Namesakes::default(),
        memory: Memory::default(),
        turns: Turns::default(),
        pool_turns: Turns::default(),
        workers: Arc::new(Semaphore::new(concurrency.into())),
    });
    let lists = announce_first_lists(&operator, &health);
    let operator = &operator;
    let passes = apis.into_iter().zip(writers).enumerate().map(|(index, (api, writer))| {
        let operator = Arc::clone(operator);
        let store = operator.stores[index].clone();
        let anew = operator.fencing.looks_anew(store.clone()).map(Ok);
        let queue = queue(api, writer, Arc::clone(&operator));
        let queue = stream::select(queue, anew).take_until(shutdown.begun());
        let config = Config::default().concurrency(concurrency);
        applier(
            |object, operator| attempt(object, operator).boxed(),
            |_, never: &Infallible, _| match *never {},
            operator,
            store,
            queue,
            config,
        )
        .for_each(async |ended| {
            if let Err(error) = ended {
                tracing::debug!(%error, "a pass was not begun");
            }
        })
    });
    let passes: Vec<_> = passes.collect();
    let mut work = pin!(join_all(passes).map(drop));
    let mut lists = pin!(lists);
    let mut count = tokio::time::interval(COUNT);
    let mut ending = pin!(shutdown.begun());
    let (mut listed, mut ends) = (false, false);
    loop {
        tokio::select! {
            () = &mut work => return,
            () = &mut ending, if !ends => {
                ends = true;
                operator.leadership.begin_no_more();
            }
            () = &mut lists, if !listed => listed = true,
            _ = count.tick() => operator.count_objects(),
        }
    }
}

/// One for each watched namespace, or one for all.
fn each<K>(namespaces: &Namespaces, all: impl Fn() -> Api<K>, one: impl Fn(&str) -> Api<K>) -> Vec<Api<K>> {
    match namespaces {
        Namespaces::All => vec![all()],
        Namespaces::Only(names) => names.iter().map(|name| one(name)).collect(),
    }
}

/// The passes that one watch asks for, once all first lists are there.
fn queue(
    api: Api<Guarded>,
    writer: Writer<Guarded>,
    operator: Arc<Operator>,
) -> impl Stream<Item = Result<ObjectRef<Guarded>, watcher::Error>> + Send {
    let triggers = Triggers::default();
    reflector(
        writer,
        watcher(api, watcher::Config::default()).default_backoff().map_ok(without_managed_fields),
    )
    .inspect_err(|error| tracing::warn!(%error, "the watch failed and is begun anew"))
    .map_ok(move |event| stream::iter(triggers.on(&event, &operator.namesakes, &operator.memory)).map(Ok))
    .try_flatten()
}

/// Nobody reads them here, and they are the larger part of a small object.
fn without_managed_fields(mut event: watcher::Event<Guarded>) -> watcher::Event<Guarded> {
    if let watcher::Event::Apply(object) | watcher::Event::InitApply(object) = &mut event {
        kube::ResourceExt::managed_fields_mut(object).clear();
    }
    event
}

fn announce_first_lists(operator: &Arc<Operator>, health: &Health) -> impl Future<Output = ()> + use<> {
    let (stores, health) = (operator.stores.clone(), health.clone());
    async move {
        join_all(stores.iter().map(Store::wait_until_ready)).await;
        health.open(Gate::FirstListDone);
        tracing::info!(objects = stores.iter().map(Store::len).sum::<usize>(), "first list done");
    }
}

impl Operator {
    /// Whether every watch has listed its objects once.
    pub(super) fn knows_all_objects(&self) -> bool {
        self.stores.iter().all(|store| store.wait_until_ready().now_or_never().is_some())
    }

    /// Counts the objects by `Ready` and reason.
    fn count_objects(&self) {
        let objects = self.stores.iter().flat_map(Store::state);
        self.metrics
            .set_objects(objects.map(|guarded| guarded.0.as_ref().ok().and_then(ready).unwrap_or_default()));
    }
}

fn ready(object: &ManagedDevOpsIdentity) -> Option<(String, String)> {
    let conditions = &object.status.as_ref()?.conditions;
    conditions.iter().find(|c| c.type_ == types::READY).map(|c| (c.status.clone(), c.reason.clone()))
}
