//! One way out: every request to Azure passes [`Transport::send`], and nothing else sends.
//!
//! It keeps the deadline, caps the answer, counts and logs. It goes by https and by way of the proxy that the settings
//! name; only what is asked of the machine's own metadata service goes in the clear, and never to a proxy. Must never
//! follow a redirect (it could carry a token to another host), log a query or a header, or give meaning to a status: that
//! is `classify`.

use std::{
    error::Error as _,
    fmt,
    time::{Duration, Instant},
};

use reqwest::{
    Certificate, Client, ClientBuilder, Request, StatusCode,
    header::{HeaderMap, HeaderName},
    redirect::Policy,
};

use super::{classify, settings::ConnectError, words};
use crate::{
    api::names::USER_AGENT,
    domain::failure::{Cause, Failure},
    runtime::{metrics::Metrics, moment::Moment, proxies::Proxies},
};

/// From the first byte sent to the last received. Resource Manager gives its providers 60 s, but the resources of this
/// operator answer in one or two; whoever takes longer is looked at again rather than waited for. In real time.
const DEADLINE: Duration = Duration::from_secs(30);
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
/// A thousand times what any answer needs; a broken proxy must not fill the memory.
const LARGEST_ANSWER: usize = 1 << 20;

const CONNECTION_FAILED: &str = "ConnectionFailed";

/// Ties an answer to the request for Azure's support.
pub(super) const CORRELATION_ID: HeaderName = HeaderName::from_static("x-ms-correlation-request-id");

/// Whom a request goes to, as metrics and logs call it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    Entra,
    Metadata,
    ResourceManager,
    DevOps,
}

impl Service {
    fn label(self) -> &'static str {
        match self {
            Self::Entra => "entra",
            Self::Metadata => "metadata_service",
            Self::ResourceManager => "resource_manager",
            Self::DevOps => "devops",
        }
    }
}

/// A whole answer, of whatever status.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// The answer's, else the request's.
    pub(super) correlation_id: Option<String>,
    /// The moment that it speaks of, for whoever writes on the strength of it.
    pub(super) as_of: Moment,
}

impl Answer {
    /// The body as what it should be.
    pub(super) fn json<T: serde::de::DeserializeOwned>(&self, target: &str) -> Result<T, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let fault = match error.classify() {
                serde_json::error::Category::Data => error.to_string(),
                _ => "it is not JSON".into(),
            };
            classify::unexpected(self, target, &format!("the answer cannot be read: {fault}"))
        })
    }
}

/// The client. Clones share its connections.
#[derive(Clone)]
pub(super) struct Transport {
    client: Client,
    proxies: Proxies,
    metrics: Metrics,
}

/// A client says nothing that helps, and much.
impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").finish_non_exhaustive()
    }
}

impl Transport {
    pub(super) fn new(
        extra_ca: Option<&str>,
        proxies: &Proxies,
        metrics: Metrics,
    ) -> Result<Self, ConnectError> {
        let extra = match extra_ca {
            Some(pem) => Certificate::from_pem_bundle(pem.as_bytes()).map_err(ConnectError::ExtraCa)?,
            None => Vec::new(),
        };
        let mut client = bare().https_only(true).tls_certs_merge(extra);
        if let Some(proxy) = proxies.for_reqwest().map_err(ConnectError::Client)? {
            client = client.proxy(proxy);
        }
        let client = client.build().map_err(ConnectError::Client)?;
        Ok(Self { client, proxies: proxies.clone(), metrics })
    }

    /// For the machine's own metadata service, which speaks no TLS and is behind no proxy.
    pub(super) fn in_the_clear(&self) -> Result<Self, ConnectError> {
        let client = bare().build().map_err(ConnectError::Client)?;
        Ok(Self { client, proxies: Proxies::default(), metrics: self.metrics.clone() })
    }

    /// Sends once. Any whole answer is `Ok`; `target` is what a failure names.
    pub(super) async fn send(
        &self,
        service: Service,
        target: &str,
        request: Request,
    ) -> Result<Answer, Failure> {
        let verb = request.method().clone();
        let url = request.url().clone();
        let asked_as = correlation_id(request.headers());
        let (started, sent) = (Instant::now(), Moment::now());
        let outcome = self.exchange(request).await;
        let took = started.elapsed();

        let code = outcome.as_ref().map_or("error", |answer| answer.status.as_str()).to_owned();
        self.metrics.azure_request(service.label(), verb.as_str(), &code, took);
        tracing::debug!(
            service = service.label(), %verb, path = url.path(), code, correlation_id = asked_as,
            took_ms = took.as_millis(), "request to Azure"
        );
        match outcome {
            Ok(mut answer) => {
                answer.as_of = sent.answered();
                answer.correlation_id = correlation_id(&answer.headers).or(asked_as);
                Ok(answer)
            }
            Err(trouble) => {
                let (cause, code) = trouble.means();
                let proxy = (code == CONNECTION_FAILED).then(|| self.proxies.on_the_way_to(url.as_str()));
                let by_way_of = proxy.flatten().map(|it| format!(", by way of {it}")).unwrap_or_default();
                Err(Failure {
                    cause,
                    code: code.into(),
                    message: words::steady(&format!("{trouble}{by_way_of}")),
                    target: target.into(),
                    correlation_id: asked_as,
                    retry_after: None,
                })
            }
        }
    }

    async fn exchange(&self, request: Request) -> Result<Answer, Trouble> {
        let mut response = self.client.execute(request).await?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > LARGEST_ANSWER {
                return Err(Trouble::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        let status = response.status();
        let headers = std::mem::take(response.headers_mut());
        Ok(Answer { status, headers, body, correlation_id: None, as_of: Moment::now() })
    }
}

/// What all clients have in common. Which proxy counts, the settings say alone.
fn bare() -> ClientBuilder {
    Client::builder()
        .user_agent(USER_AGENT)
        .redirect(Policy::none())
        .connect_timeout(CONNECT_DEADLINE)
        .timeout(DEADLINE)
        .no_proxy()
}

fn correlation_id(headers: &HeaderMap) -> Option<String> {
    headers.get(CORRELATION_ID).and_then(|id| id.to_str().ok()).map(str::to_owned)
}

/// Why there is no whole answer.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("{}", innermost(.0))]
    Http(#[from] reqwest::Error),
    #[error("the answer is larger than {LARGEST_ANSWER} bytes")]
    TooLarge,
}

impl Trouble {
    /// A request that was sent may have been carried out, whatever broke afterwards: the caller reads again.
    fn means(&self) -> (Cause, &'static str) {
        match self {
            Self::Http(error) if error.is_builder() => (Cause::Unexpected, "RequestNotSent"),
            Self::Http(error) if error.is_timeout() => (Cause::Unavailable, "DeadlineExceeded"),
            Self::Http(error) if error.is_connect() => (Cause::Unavailable, CONNECTION_FAILED),
            Self::Http(_) => (Cause::Unavailable, "ConnectionBroken"),
            Self::TooLarge => (Cause::Unexpected, "AnswerTooLarge"),
        }
    }
}

/// The last link of the chain says what is wrong; the first would say "error sending request" and the whole URL.
fn innermost(error: &reqwest::Error) -> String {
    let Some(mut cause) = error.source() else { return "the request could not be sent".into() };
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transport() -> Transport {
        by_way_of(&Proxies::default())
    }

    fn by_way_of(proxies: &Proxies) -> Transport {
        Transport::new(None, proxies, Metrics::new().unwrap()).unwrap()
    }

    async fn failure(url: &str) -> Failure {
        failure_of(&transport(), url).await
    }

    async fn failure_of(transport: &Transport, url: &str) -> Failure {
        let request = Request::new(reqwest::Method::GET, url.parse().unwrap());
        transport.send(Service::DevOps, "contoso", request).await.err().unwrap()
    }

    #[tokio::test]
    async fn refuses_to_send_in_the_clear() {
        let failure = failure("http://127.0.0.1:1/contoso?secret=s3cr3t").await;
        assert_eq!((failure.cause, failure.code.as_str()), (Cause::Unexpected, "RequestNotSent"));
        assert!(!failure.message.contains("s3cr3t"), "{}", failure.message);
    }

    #[tokio::test]
    async fn a_closed_port_is_unavailable_and_the_message_names_the_fault_not_the_query() {
        let failure = failure("https://127.0.0.1:1/contoso?secret=s3cr3t").await;
        assert_eq!((failure.cause, failure.code.as_str()), (Cause::Unavailable, "ConnectionFailed"));
        assert!(failure.message.contains("refused"), "{}", failure.message);
    }

    #[test]
    fn extra_certificate_authorities_must_be_pem() {
        let nonsense = Some("-----BEGIN CERTIFICATE-----\nnonsense\n");
        assert!(Transport::new(nonsense, &Proxies::default(), Metrics::new().unwrap()).is_err());
    }

    #[tokio::test]
    async fn a_proxy_out_of_reach_is_named_without_its_password_unless_it_is_not_on_the_way() {
        let proxies = |without| Proxies::parse(Some("http://me:hush@127.0.0.1:1"), without).unwrap();
        let failure = failure_of(&by_way_of(&proxies(None)), "https://azure.invalid/").await;
        assert_eq!((&failure.cause, failure.code.as_str()), (&Cause::Unavailable, "ConnectionFailed"));
        assert!(
            failure.message.ends_with("by way of the proxy http://127.0.0.1:1/ (HTTPS_PROXY, NO_PROXY)"),
            "{failure:?}"
        );
        assert!(!failure.message.contains("hush"), "{failure:?}");
        let failure = failure_of(&by_way_of(&proxies(Some("127.0.0.0/8"))), "https://127.0.0.2:1/").await;
        assert!(!failure.message.contains("proxy"), "{failure:?}");
    }

    #[tokio::test]
    async fn what_goes_in_the_clear_goes_to_no_proxy() {
        let proxies = Proxies::parse(Some("http://127.0.0.1:1"), None).unwrap();
        let clear = by_way_of(&proxies).in_the_clear().unwrap();
        let failure = failure_of(&clear, "http://127.0.0.1:1/metadata").await;
        assert_eq!(failure.code, "ConnectionFailed");
        assert!(!failure.message.contains("proxy"), "{failure:?}");
    }
}
