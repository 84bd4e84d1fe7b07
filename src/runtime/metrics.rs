//! What the process counts. Label values come from closed sets only: never a name, an error text or a URL.
//!
//! Dashboards made for controller-runtime work unchanged; our own names begin with `mdi_`.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use prometheus::core::Collector;
use prometheus::{
    Counter, Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    Opts, Registry, exponential_buckets,
};

use crate::api::conditions::Reason;
use crate::api::names::CONTROLLER;

/// The counters of this process.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    throttled: Counter,
    request_seconds: HistogramVec,
    passes: IntCounterVec,
    pass_errors: IntCounter,
    pass_errors_terminal: IntCounter,
    pass_panics: IntCounter,
    pass_seconds: Histogram,
    active: IntGauge,
    concurrency: IntGauge,
    objects: IntGaugeVec,
    // Held while `objects` is filled and while it is read: a scrape must not see half of them.
    counting: Arc<Mutex<()>>,
    last_good_pass: Gauge,
    drift_corrected: IntCounter,
    objects_overdue: IntCounter,
    crd_missing: IntGauge,
    watches_failing: IntGaugeVec,
    fences_stale: IntGauge,
}

/// How one pass over one object ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing is left to do, not even later.
    Success,
    /// Goes on at once.
    Requeue,
    /// All went well, or waits for something known; looks again later.
    RequeueAfter,
    /// Failed, and is tried again soon.
    Error,
    /// Failed, and waits for a person.
    TerminalError,
    /// A bug.
    Panic,
}

impl Outcome {
    /// The four results that controller-runtime knows.
    const fn result(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Requeue => "requeue",
            Self::RequeueAfter => "requeue_after",
            Self::Error | Self::TerminalError | Self::Panic => "error",
        }
    }
}

impl Metrics {
    /// All counters, registered.
    ///
    /// # Errors
    /// Two metrics of one name, which is a bug of this module.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let new = Registering(&registry);
        let metrics = Self {
            requests: new.metric(IntCounterVec::new(
                Opts::new(
                    "mdi_azure_requests_total",
                    "Requests sent to Azure, by service, verb and status code (or error)",
                ),
                &["service", "verb", "code"],
            ))?,
            throttled: new.metric(Counter::new(
                "mdi_azure_throttled_seconds_total",
                "Seconds that Azure asked to wait",
            ))?,
            request_seconds: new.metric(HistogramVec::new(
                HistogramOpts::new(
                    "mdi_azure_request_duration_seconds",
                    "Time from sending a request to its whole answer",
                )
                .buckets(exponential_buckets(0.01, 2.0, 12)?),
                &["service", "verb"],
            ))?,
            passes: new.metric(IntCounterVec::new(
                of_controller("controller_runtime_reconcile_total", "Passes over objects, by result"),
                &["result"],
            ))?,
            pass_errors: new.metric(IntCounter::with_opts(of_controller(
                "controller_runtime_reconcile_errors_total",
                "Passes that failed",
            )))?,
            pass_errors_terminal: new.metric(IntCounter::with_opts(of_controller(
                "controller_runtime_terminal_reconcile_errors_total",
                "Passes that failed and wait for a person",
            )))?,
            pass_panics: new.metric(IntCounter::with_opts(of_controller(
                "controller_runtime_reconcile_panics_total",
                "Passes that ended in a panic: each one is a bug",
            )))?,
            pass_seconds: new.metric(Histogram::with_opts(
                HistogramOpts::from(of_controller(
                    "controller_runtime_reconcile_time_seconds",
                    "Length of a pass",
                ))
                .buckets(exponential_buckets(0.005, 2.0, 14)?),
            ))?,
            active: new.metric(IntGauge::with_opts(of_controller(
                "controller_runtime_active_workers",
                "Passes under way",
            )))?,
            concurrency: new.metric(IntGauge::with_opts(of_controller(
                "controller_runtime_max_concurrent_reconciles",
                "Passes that may be under way",
            )))?,
            objects: new.metric(IntGaugeVec::new(
                Opts::new("mdi_objects", "Objects, by status and reason of their condition Ready"),
                &["ready", "reason"],
            ))?,
            counting: Arc::default(),
            last_good_pass: new.metric(Gauge::new(
                "mdi_last_good_pass_timestamp_seconds",
                "When a pass last ended without a failure, 0 before the first",
            ))?,
            objects_overdue: new.metric(IntCounter::new(
                "mdi_objects_overdue_total",
                "Objects that nobody had looked at for twice the time that they may be left alone",
            ))?,
            drift_corrected: new.metric(IntCounter::new(
                "mdi_drift_corrected_total",
                "Changes by others in Azure that were taken back",
            ))?,
            crd_missing: new
                .metric(IntGauge::new("mdi_crd_missing", "1 while the API server does not know the kind"))?,
            watches_failing: new.metric(IntGaugeVec::new(
                Opts::new(
                    "mdi_watches_failing",
                    "Watches of objects that fail again and again, by HTTP status (or error)",
                ),
                &["code"],
            ))?,
            fences_stale: new.metric(IntGauge::new(
                "mdi_fences_stale",
                "1 while the fences file cannot be used and the last good one stays in force",
            ))?,
            registry: registry.clone(),
        };
        let version = Opts::new("mdi_build_info", "1, with the version as a label")
            .const_label("version", env!("CARGO_PKG_VERSION"));
        new.metric(IntGauge::with_opts(version))?.set(1);
        #[cfg(target_os = "linux")]
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        // A rate can only be taken of a series that was there before its first event.
        for outcome in [Outcome::Success, Outcome::Requeue, Outcome::RequeueAfter, Outcome::Error] {
            metrics.passes.with_label_values(&[outcome.result()]).inc_by(0);
        }
        Ok(metrics)
    }

    /// Counts one request to Azure. `code` is a status code, or `error` where no answer came.
    pub fn azure_request(&self, service: &'static str, verb: &str, code: &str, took: Duration) {
        self.requests.with_label_values(&[service, verb, code]).inc();
        self.request_seconds.with_label_values(&[service, verb]).observe(took.as_secs_f64());
    }

    /// Counts how long Azure asked to wait.
    pub fn azure_throttled(&self, wait: Duration) {
        self.throttled.inc_by(wait.as_secs_f64());
    }

    /// Tells how many passes may be under way.
    pub fn set_concurrency(&self, limit: u16) {
        self.concurrency.set(limit.into());
    }

    /// A pass over an object begins.
    pub fn pass(&self) -> Pass<'_> {
        self.active.inc();
        Pass { metrics: self, since: Instant::now() }
    }

    /// Counts one object that nobody had looked at.
    pub fn object_overdue(&self) {
        self.objects_overdue.inc();
    }

    /// Counts one change by others that was taken back.
    pub fn drift_corrected(&self) {
        self.drift_corrected.inc();
    }

    /// These watches fail, by what they get.
    pub fn set_failing_watches(&self, codes: &[&str]) {
        self.watches_failing.reset();
        for code in codes {
            self.watches_failing.with_label_values(&[*code]).inc();
        }
    }

    /// The API server does not know the kind.
    pub fn crd_is_missing(&self) {
        self.crd_missing.set(1);
    }

    /// The API server knows the kind.
    pub fn crd_is_served(&self) {
        self.crd_missing.set(0);
    }

    /// The fences file cannot be used; the last good one stays in force.
    pub fn fences_are_stale(&self) {
        self.fences_stale.set(1);
    }

    /// The fences in force are those of the file.
    pub fn fences_are_current(&self) {
        self.fences_stale.set(0);
    }

    /// Counts all objects anew, each by status and reason of its condition Ready.
    ///
    /// Both come from a status that anybody with the right can write, so what is not ours counts as `Other`.
    pub fn set_objects<R: AsRef<str>, S: AsRef<str>>(&self, objects: impl IntoIterator<Item = (R, S)>) {
        let _counting = self.counting.lock().unwrap_or_else(PoisonError::into_inner);
        self.objects.reset();
        for (ready, reason) in objects {
            let ready = ["True", "False"].into_iter().find(|s| *s == ready.as_ref()).unwrap_or("Unknown");
            let reason =
                Reason::ALL.iter().map(|r| r.as_str()).find(|r| *r == reason.as_ref()).unwrap_or("Other");
            self.objects.with_label_values(&[ready, reason]).inc();
        }
    }

    /// Everything, in the text format of Prometheus.
    pub fn render(&self) -> String {
        let families = {
            let _counting = self.counting.lock().unwrap_or_else(PoisonError::into_inner);
            self.registry.gather()
        };
        prometheus::TextEncoder::new().encode_to_string(&families).unwrap_or_default()
    }
}

/// A pass under way. Dropped without an outcome (the process ends), it counts as none.
#[derive(Debug)]
#[must_use = "a pass lasts until it is dropped"]
pub struct Pass<'a> {
    metrics: &'a Metrics,
    since: Instant,
}

impl Pass<'_> {
    /// Counts how it ended.
    pub fn end(self, outcome: Outcome) {
        let metrics = self.metrics;
        metrics.passes.with_label_values(&[outcome.result()]).inc();
        metrics.pass_seconds.observe(self.since.elapsed().as_secs_f64());
        match outcome {
            Outcome::Success | Outcome::Requeue | Outcome::RequeueAfter => {
                let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
                metrics.last_good_pass.set(now.as_secs_f64());
            }
            Outcome::Error => metrics.pass_errors.inc(),
            Outcome::TerminalError => {
                metrics.pass_errors.inc();
                metrics.pass_errors_terminal.inc();
            }
            Outcome::Panic => {
                metrics.pass_errors.inc();
                metrics.pass_panics.inc();
            }
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.metrics.active.dec();
    }
}

struct Registering<'a>(&'a Registry);

impl Registering<'_> {
    fn metric<M: Collector + Clone + 'static>(
        &self,
        made: Result<M, prometheus::Error>,
    ) -> Result<M, prometheus::Error> {
        let metric = made?;
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }
}

fn of_controller(name: &str, help: &str) -> Opts {
    Opts::new(name, help).const_label("controller", CONTROLLER)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(metrics: &Metrics, series: &str) -> Option<String> {
        metrics.render().lines().find_map(|l| l.strip_prefix(&format!("{series} ")).map(str::to_owned))
    }

    #[test]
    fn a_pass_is_counted_under_the_names_that_dashboards_know() {
        let metrics = Metrics::new().unwrap();
        let of = |name: &str| {
            line(&metrics, &format!(r#"controller_runtime_{name}{{controller="{CONTROLLER}"}}"#))
        };
        let by = |result: &str| {
            let series = format!(
                r#"controller_runtime_reconcile_total{{controller="{CONTROLLER}",result="{result}"}}"#
            );
            line(&metrics, &series)
        };
        assert_eq!(by("error").as_deref(), Some("0"), "is there before its first event");
        metrics.set_concurrency(8);
        let pass = metrics.pass();
        assert_eq!(of("active_workers").as_deref(), Some("1"));
        pass.end(Outcome::RequeueAfter);
        metrics.pass().end(Outcome::Error);
        metrics.pass().end(Outcome::TerminalError);
        metrics.pass().end(Outcome::Panic);
        drop(metrics.pass());
        assert_eq!(of("active_workers").as_deref(), Some("0"));
        assert_eq!(of("max_concurrent_reconciles").as_deref(), Some("8"));
        assert_eq!(by("requeue_after").as_deref(), Some("1"));
        assert_eq!(by("error").as_deref(), Some("3"));
        assert_eq!(of("reconcile_errors_total").as_deref(), Some("3"));
        assert_eq!(of("terminal_reconcile_errors_total").as_deref(), Some("1"));
        assert_eq!(of("reconcile_panics_total").as_deref(), Some("1"));
        assert_eq!(of("reconcile_time_seconds_count").as_deref(), Some("4"));
        assert_ne!(line(&metrics, "mdi_last_good_pass_timestamp_seconds").as_deref(), Some("0"));
    }

    #[test]
    fn objects_are_counted_anew_and_never_by_a_text_that_is_not_ours() {
        let metrics = Metrics::new().unwrap();
        metrics.set_objects([("True", "Succeeded"), ("True", "Succeeded"), ("False", "AdoptionRefused")]);
        metrics.set_objects([("True", "Succeeded"), ("Perhaps", "who knows")]);
        let objects =
            |ready, reason| line(&metrics, &format!(r#"mdi_objects{{ready="{ready}",reason="{reason}"}}"#));
        assert_eq!(objects("True", "Succeeded").as_deref(), Some("1"));
        assert_eq!(objects("Unknown", "Other").as_deref(), Some("1"));
        assert_eq!(objects("False", "AdoptionRefused"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_process_itself_is_counted() {
        let metrics = Metrics::new().unwrap();
        assert!(line(&metrics, "process_resident_memory_bytes").is_some());
        let build = format!(r#"mdi_build_info{{version="{}"}}"#, env!("CARGO_PKG_VERSION"));
        assert_eq!(line(&metrics, &build).as_deref(), Some("1"));
    }
}
