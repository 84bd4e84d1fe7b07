//! Watches the objects and runs passes over them until the process is told to stop.
//!
//! One watch and one store per watched namespace, or one for all. No pass begins before every first list is there:
//! who owns a disputed identity cannot be told from a part of the objects.

use std::{convert::Infallible, pin::pin, sync::Arc, time::Duration};

use futures::{
    FutureExt as _, Stream, StreamExt as _, TryStreamExt as _,
    channel::mpsc::UnboundedReceiver,
    future::{self, join_all},
    stream,
};
use kube::{
    Api, ResourceExt as _,
    core::ApiResource,
    runtime::{
        WatchStreamExt as _,
        controller::{self, Config, applier},
        reflector::{self, ObjectRef, Store, reflector, store::Writer},
        watcher,
    },
};
use tokio::sync::Semaphore;

use super::{
    Guarded, Operator,
    asks::Asks,
    attempt::attempt,
    events::Events,
    fences::Fencing,
    memory::Memory,
    namesakes::Namesakes,
    triggers::Triggers,
    turns::Turns,
    watch_health::{BackOff, WatchHealth},
};
use crate::{
    api::{
        ManagedDevOpsIdentity,
        conditions::{Reason, types},
    },
    azure::Azure,
    domain::{desired::Desired, schedule::slow_pace},
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
    let (asks, asked) = Asks::new(namespaces);
    let operator = Arc::new(Operator {
        asks,
        watching: WatchHealth::new(health.clone(), metrics.clone()),
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
    let lines = apis.into_iter().zip(writers).zip(asked).enumerate();
    let passes = lines.map(|(index, ((api, writer), asked))| {
        let operator = Arc::clone(operator);
        let again = Arc::clone(&operator);
        let store = operator.stores[index].clone();
        let anew = operator.fencing.looks_anew(store.clone()).map(Ok);
        let queue = queue(index, api, writer, asked, Arc::clone(&operator));
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
        .for_each(move |ended| {
            if let Err(error) = ended {
                tracing::debug!(%error, "a pass was not begun");
                again.ask_for_what_was_not_found(error);
            }
            future::ready(())
        })
    });
    let passes: Vec<_> = passes.collect();
    let mut work = pin!(join_all(passes).map(drop));
    let mut lists = pin!(lists);
    let mut count = tokio::time::interval(COUNT);
    let mut ending = pin!(shutdown.begun());
    let mut signs_in_again = operator.azure.signs_in_again.clone();
    let (mut listed, mut ends) = (false, false);
    loop {
        tokio::select! {
            () = &mut work => return,
            Ok(()) = signs_in_again.changed() => operator.wake_who_waits_for_a_sign_in(),
            () = &mut ending, if !ends => {
                ends = true;
                operator.leadership.begin_no_more();
            }
            () = &mut lists, if !listed => listed = true,
            _ = count.tick() => {
                operator.count_objects();
                operator.sweep();
                operator.watching.look_again();
            }
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
    index: usize,
    api: Api<Guarded>,
    writer: Writer<Guarded>,
    asked: UnboundedReceiver<ObjectRef<Guarded>>,
    operator: Arc<Operator>,
) -> impl Stream<Item = Result<ObjectRef<Guarded>, watcher::Error>> + Send {
    let triggers = Triggers::default();
    let fails = Arc::clone(&operator);
    let watched = reflector(
        writer,
        watcher(api, watcher::Config::default()).backoff(BackOff::default()).map_ok(without_managed_fields),
    )
    .inspect_err(move |error| {
        tracing::warn!(%error, "the watch failed and is begun anew");
        fails.watching.failed(index, error);
    })
    .map_ok(move |event| {
        // A list that only begins has brought nothing yet.
        if !matches!(event, watcher::Event::Init) {
            operator.watching.works(index);
        }
        for object in triggers.on(&event, &operator.namesakes, &operator.memory) {
            operator.asks.ask(object);
        }
    })
    .try_filter_map(|()| future::ready(Ok(None)));
    stream::select(watched, asked.map(Ok))
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
    /// A pass that was asked for found no object. Where the store has it by now, it is asked for again.
    fn ask_for_what_was_not_found(&self, error: controller::Error<Infallible, watcher::Error>) {
        let controller::Error::ObjectNotFound(object) = error else { return };
        let namespace = object.namespace.as_deref().unwrap_or_default();
        let object = ObjectRef::new(&object.name).within(namespace);
        if self.stores.iter().any(|store| store.get(&object).is_some()) {
            self.asks.ask(object);
        }
    }

    /// Signing in works again: whoever was told that it had failed need not wait for its time.
    fn wake_who_waits_for_a_sign_in(&self) {
        let failed = Reason::SignInFailed.as_str();
        for guarded in self.stores.iter().flat_map(Store::state) {
            let status = guarded.0.as_ref().ok().and_then(|object| object.status.as_ref());
            let conditions = status.into_iter().flat_map(|status| &status.conditions);
            if conditions.into_iter().any(|condition| condition.reason == failed) {
                self.asks.ask(ObjectRef::from_obj(&*guarded));
            }
        }
    }

    /// Looks for objects that nobody has looked at for twice the time that they may be left alone, and has them looked at.
    fn sweep(&self) {
        let now = self.clock.elapsed();
        for guarded in self.stores.iter().flat_map(Store::state) {
            let uid = guarded.uid().unwrap_or_default();
            let interval = guarded.0.as_ref().ok().and_then(|object| Desired::of(object).ok());
            let alone = slow_pace(interval.map(|desired| desired.interval).unwrap_or_default());
            if self.memory.is_overdue(&uid, alone * 2, now) {
                self.metrics.object_overdue();
                tracing::warn!(object = %ObjectRef::from_obj(&*guarded), "nobody had looked at the object");
                self.asks.ask(ObjectRef::from_obj(&*guarded));
            }
        }
    }

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
