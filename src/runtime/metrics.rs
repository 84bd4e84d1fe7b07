//! What the process counts. Label values come from closed sets only: never a name, an error text or a URL.
//!
//! Dashboards made for controller-runtime work unchanged; our own names begin with `mdi_`.

use std::time::Duration;

use prometheus::{Counter, HistogramOpts, HistogramVec};
use prometheus::{IntCounterVec, Opts, Registry, exponential_buckets};

/// The counters of this process.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    throttled: Counter,
    request_seconds: HistogramVec,
}

impl Metrics {
    /// All counters, registered.
    ///
    /// # Errors
    /// Two metrics of one name, which is a bug of this module.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let requests = IntCounterVec::new(
            Opts::new(
                "mdi_azure_requests_total",
                "Requests sent to Azure, by service, verb and status code (or error)",
            ),
            &["service", "verb", "code"],
        )?;
        let throttled =
            Counter::new("mdi_azure_throttled_seconds_total", "Seconds that Azure asked to wait")?;
        let request_seconds = HistogramVec::new(
            HistogramOpts::new(
                "mdi_azure_request_duration_seconds",
                "Time from sending a request to its whole answer",
            )
            .buckets(exponential_buckets(0.01, 2.0, 12)?),
            &["service", "verb"],
        )?;
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(throttled.clone()))?;
        registry.register(Box::new(request_seconds.clone()))?;
        Ok(Self { registry, requests, throttled, request_seconds })
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

    /// Everything, in the text format of Prometheus.
    pub fn render(&self) -> String {
        prometheus::TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap_or_default()
    }
}
