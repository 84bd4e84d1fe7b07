//! A proxy between the operator and the API server that does as it is told: it lets a request stand, answers in the API
//! server's place, or lets a watch fall silent, as a load balancer does that has forgotten a connection.
//!
//! Plain HTTP on loopback towards the operator, whose bearer token passes through. Must never answer by itself where it was
//! not told to, and never change what passes.

use crate::Error;
use crate::credentials::write_private;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use axum::{Router, http::StatusCode};
use futures::stream;
use kube::config::Kubeconfig;
use serde_json::json;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How long a tester waits for a request that never comes.
const PATIENCE: Duration = Duration::from_mins(1);
/// More than any request of the operator has.
const BODY_LIMIT: usize = 4 << 20;

/// What is done with a request that a rule is about.
#[derive(Clone, Debug)]
enum Effect {
    HoldBefore,
    HoldAfter,
    Answer { status: u16, reason: String },
}

/// What requests a rule is about, and what became of it.
#[derive(Debug)]
struct RuleState {
    method: String,
    path: String,
    effect: Effect,
    once: bool,
    /// How many requests it was about so far.
    taken: AtomicU64,
    /// How many of them have come to where they are held or answered.
    arrived: watch::Sender<u64>,
    over: watch::Sender<bool>,
}

/// A tester's hand on a rule. Dropped, it is over, and whoever stands there goes on.
#[derive(Debug)]
#[must_use = "a rule that nobody holds is over"]
pub struct Rule(Arc<RuleState>);

#[derive(Debug)]
struct Shared {
    server: String,
    client: reqwest::Client,
    rules: Mutex<Vec<Arc<RuleState>>>,
    muted: watch::Sender<bool>,
    /// How often watches were cut.
    cut: watch::Sender<u64>,
}

/// A running proxy. Dropped, it takes no new connections.
#[derive(Debug)]
pub struct ApiProxy {
    shared: Arc<Shared>,
    port: u16,
    kubeconfig: PathBuf,
    serving: JoinHandle<()>,
}

impl ApiProxy {
    /// Starts one before the API server that a kubeconfig of a [`ControlPlane`](crate::ControlPlane) names.
    pub async fn start(kubeconfig: &Path) -> Result<Self, Error> {
        let odd = |source: String| Error::Io {
            what: format!("use {}", kubeconfig.display()),
            source: std::io::Error::other(source),
        };
        let config = Kubeconfig::read_from(kubeconfig).map_err(|error| odd(error.to_string()))?;
        let cluster = config.clusters.first().and_then(|named| named.cluster.clone()).unwrap_or_default();
        let authority = cluster.certificate_authority.map(PathBuf::from).unwrap_or_default();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(Error::io("open a port"))?;
        let port = listener.local_addr().map_err(Error::io("open a port"))?.port();
        let pem = std::fs::read(&authority).map_err(Error::io(format!("read {}", authority.display())))?;
        let authority = reqwest::Certificate::from_pem(&pem).map_err(|error| odd(error.to_string()))?;
        let client = reqwest::Client::builder()
            .tls_certs_only([authority])
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .http1_only()
            .build()
            .map_err(|error| odd(error.to_string()))?;
        let shared = Arc::new(Shared {
            server: cluster.server.unwrap_or_default().trim_end_matches('/').to_owned(),
            client,
            rules: Mutex::default(),
            muted: watch::Sender::new(false),
            cut: watch::Sender::new(0),
        });
        let app = Router::new().fallback(pass).with_state(Arc::clone(&shared));
        let serving = tokio::spawn(async move {
            // `axum::serve` never fails once it has its listener.
            let _ = axum::serve(listener, app).await;
        });
        let kubeconfig = rewritten(config, kubeconfig, port)?;
        Ok(Self { shared, port, kubeconfig, serving })
    }

    /// The kubeconfig by which the API server is reached through here.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The port on loopback.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Holds the next request of a method on paths like `path` until the rule is over.
    ///
    /// In `path`, `*` stands for any text; a query is no part of it, but a watch has the path `…?watch`.
    pub fn hold_before(&self, method: &str, path: &str) -> Rule {
        self.add(method, path, Effect::HoldBefore, true)
    }

    /// Passes the next such request on, and holds its answer until the rule is over.
    pub fn hold_after(&self, method: &str, path: &str) -> Rule {
        self.add(method, path, Effect::HoldAfter, true)
    }

    /// Answers all such requests in the API server's place, until the rule is over.
    pub fn answer(&self, method: &str, path: &str, status: u16, reason: &str) -> Rule {
        self.add(method, path, Effect::Answer { status, reason: reason.into() }, false)
    }

    /// Watches that are open stay open and say nothing any more; new ones too.
    pub fn mute_watches(&self) {
        self.shared.muted.send_replace(true);
    }

    /// Watches that are open end.
    pub fn cut_watches(&self) {
        self.shared.cut.send_modify(|times| *times += 1);
    }

    /// Watches speak again.
    pub fn unmute_watches(&self) {
        self.shared.muted.send_replace(false);
    }

    fn add(&self, method: &str, path: &str, effect: Effect, once: bool) -> Rule {
        let state = Arc::new(RuleState {
            method: method.to_owned(),
            path: path.to_owned(),
            effect,
            once,
            taken: AtomicU64::new(0),
            arrived: watch::Sender::new(0),
            over: watch::Sender::new(false),
        });
        self.shared.rules().push(Arc::clone(&state));
        Rule(state)
    }
}

impl Drop for ApiProxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Rule {
    /// Waits until a request has come that the rule is about; one whose answer is held has been carried out then.
    ///
    /// # Panics
    /// None comes within a minute.
    pub async fn reached(&self) {
        let RuleState { method, path, arrived, .. } = &*self.0;
        let mut arrived = arrived.subscribe();
        let come = tokio::time::timeout(PATIENCE, arrived.wait_for(|count| *count > 0)).await;
        assert!(come.is_ok_and(|come| come.is_ok()), "no {method} {path} came within {PATIENCE:?}");
    }

    /// How many requests have come that the rule is about.
    pub fn count(&self) -> u64 {
        *self.0.arrived.borrow()
    }

    /// The rule is over: whoever stands there goes on.
    pub fn open(&self) {
        self.0.over.send_replace(true);
    }
}

impl Drop for Rule {
    fn drop(&mut self) {
        self.open();
    }
}

impl RuleState {
    fn is_about(&self, method: &str, path: &str) -> bool {
        let spent = self.once && self.taken.load(Ordering::Relaxed) > 0;
        !spent
            && !*self.over.borrow()
            && self.method.eq_ignore_ascii_case(method)
            && is_like(&self.path, path)
    }

    fn arrive(&self) {
        self.arrived.send_modify(|count| *count += 1);
    }

    async fn until_over(&self) {
        // An error means that nobody holds the rule any more, which is as good.
        let _ = self.over.subscribe().wait_for(|over| *over).await;
    }
}

/// Whether a path is like a pattern, in which `*` stands for any text.
fn is_like(pattern: &str, path: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(mut rest) = pieces.next().and_then(|first| path.strip_prefix(first)) else { return false };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else { return rest.is_empty() };
    for piece in pieces {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}

impl Shared {
    fn rules(&self) -> MutexGuard<'_, Vec<Arc<RuleState>>> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first rule that is about a request, which counts it.
    fn rule_about(&self, method: &str, path: &str) -> Option<Arc<RuleState>> {
        let mut rules = self.rules();
        rules.retain(|rule| !*rule.over.borrow());
        let rule = rules.iter().find(|rule| rule.is_about(method, path)).cloned()?;
        rule.taken.fetch_add(1, Ordering::Relaxed);
        Some(rule)
    }
}

async fn pass(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let is_watch = head.uri.query().unwrap_or_default().contains("watch=");
    let path = if is_watch { format!("{}?watch", head.uri.path()) } else { head.uri.path().to_owned() };
    let rule = shared.rule_about(head.method.as_str(), &path);
    match rule.as_deref() {
        Some(rule @ RuleState { effect: Effect::Answer { status, reason }, .. }) => {
            rule.arrive();
            return refusal(*status, reason);
        }
        Some(rule @ RuleState { effect: Effect::HoldBefore, .. }) => {
            rule.arrive();
            rule.until_over().await;
        }
        Some(RuleState { effect: Effect::HoldAfter, .. }) | None => {}
    }
    let Ok(body) = to_bytes(body, BODY_LIMIT).await else { return refusal(413, "RequestEntityTooLarge") };
    let mut headers = head.headers;
    headers.remove("host");
    let request = shared
        .client
        .request(head.method, format!("{}{}", shared.server, head.uri))
        .headers(headers)
        .body(body);
    let Ok(answer) = request.send().await else { return refusal(502, "BadGateway") };
    if let Some(rule @ RuleState { effect: Effect::HoldAfter, .. }) = rule.as_deref() {
        rule.arrive();
        rule.until_over().await;
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = answer.status();
    *response.headers_mut() = answer.headers().clone();
    // The body is framed anew.
    response.headers_mut().remove("transfer-encoding");
    let whims = is_watch.then(|| (shared.muted.subscribe(), shared.cut.subscribe()));
    *response.body_mut() = Body::from_stream(stream::unfold((answer, whims), next_chunk));
    response
}

/// Whether watches are muted, and how often they were cut.
type Whims = (watch::Receiver<bool>, watch::Receiver<u64>);

/// The next part of a body; of a watch, when it may speak, and as long as it is not cut.
async fn next_chunk(
    (mut answer, mut whims): (reqwest::Response, Option<Whims>),
) -> Option<(reqwest::Result<Bytes>, (reqwest::Response, Option<Whims>))> {
    let chunk = match &mut whims {
        None => answer.chunk().await,
        Some((muted, cut)) => tokio::select! {
            chunk = answer.chunk() => {
                let _ = muted.wait_for(|muted| !*muted).await;
                chunk
            }
            _ = cut.changed() => return None,
        },
    };
    chunk.transpose().map(|chunk| (chunk, (answer, whims)))
}

/// A refusal as the API server words it.
fn refusal(status: u16, reason: &str) -> Response {
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": format!("{reason}: as the test wants it"), "reason": reason, "code": status,
    });
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert("content-type", axum::http::HeaderValue::from_static("application/json"));
    response
}

/// The same kubeconfig with the proxy as its server, in a file beside it.
fn rewritten(mut config: Kubeconfig, kubeconfig: &Path, port: u16) -> Result<PathBuf, Error> {
    for cluster in config.clusters.iter_mut().filter_map(|named| named.cluster.as_mut()) {
        cluster.server = Some(format!("http://127.0.0.1:{port}"));
        (cluster.certificate_authority, cluster.certificate_authority_data) = (None, None);
    }
    let file = kubeconfig.with_extension(format!("proxy-{port}"));
    let text = serde_json::to_string(&config).map_err(|error| Error::Io {
        what: format!("write {}", file.display()),
        source: std::io::Error::other(error),
    })?;
    write_private(&file, &text)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text_and_the_rest_must_be_there_as_a_whole() {
        for (pattern, path, expected) in [
            ("*/status", "/apis/x/namespaces/a/mdis/b/status", true),
            ("*/status", "/apis/x/status/b", false),
            ("/api/*/b", "/api/a/b", true),
            ("/api", "/api", true),
            ("/api", "/apis", false),
            ("*/mdis?watch", "/apis/x/mdis?watch", true),
            ("*/mdis", "/apis/x/mdis?watch", false),
        ] {
            assert_eq!(is_like(pattern, path), expected, "{pattern} {path}");
        }
    }
}
