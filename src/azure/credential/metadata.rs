//! The metadata service of an Azure machine (IMDS), as `azure_identity` sees it: the one address that is asked in the
//! clear, since it never leaves the machine.
//!
//! Must never ask anywhere else, whatever the environment says, and never hand on a header: `azure_identity` obeys
//! variables of other Azure services, which would send the question, and a secret with it, to whoever set them.

use async_trait::async_trait;
use azure_core::http::{
    AsyncRawResponse, ClientOptions, HttpClient, Url, headers::Headers, request::Request,
};
use reqwest::{
    Method,
    header::{HeaderName, HeaderValue},
};

use super::{carrying, failed, token_endpoint::once_over};
use crate::{
    azure::{
        classify,
        transport::{Service, Transport},
    },
    domain::failure::{
        Cause, Failure,
        sign_in::{CREDENTIAL_UNUSABLE, METADATA_SERVICE_SILENT},
    },
};

/// Where `azure_identity` believes the service to be; it has no setting for that.
const BUILT_IN: &str = "http://169.254.169.254/metadata/identity/oauth2/token";
/// What makes `azure_identity` look elsewhere: for App Service, Arc, Service Fabric, Cloud Shell, Machine Learning.
const LEADS_ASTRAY: [&str; 2] = ["IDENTITY_ENDPOINT", "MSI_ENDPOINT"];

/// Told before anything is asked.
pub(super) fn is_not_led_astray(target: &str) -> Result<(), Failure> {
    match LEADS_ASTRAY.into_iter().find(|name| std::env::var_os(name).is_some()) {
        Some(name) => Err(elsewhere(target, name)),
        None => Ok(()),
    }
}

fn elsewhere(target: &str, named_by: &str) -> Failure {
    let message = format!(
        "the environment variable {named_by} names another source of tokens than the machine's metadata service, the \
         only one that is asked: take it out"
    );
    failed(target, Cause::SignInFailed(None), CREDENTIAL_UNUSABLE, &message)
}

#[derive(Debug)]
pub(super) struct MetadataService {
    address: Url,
    target: String,
    transport: Transport,
}

impl MetadataService {
    pub(super) fn new(address: Url, target: String, transport: Transport) -> Self {
        Self { address, target, transport }
    }

    /// What the credential is to work with. It has retries of its own and no way to switch them off; they are for
    /// answers and for I/O errors, and neither comes through [`HttpClient::execute_request`].
    pub(super) fn options(self) -> ClientOptions {
        once_over(self)
    }

    /// The same question, asked at our address. Only its query counts.
    fn translated(&self, request: &Request) -> Result<reqwest::Request, Failure> {
        let mut asked = request.url().clone();
        let query = asked.query().map(str::to_owned);
        asked.set_query(None);
        if asked.as_str() != BUILT_IN {
            return Err(elsewhere(&self.target, LEADS_ASTRAY[0]));
        }
        let mut url = self.address.clone();
        url.set_path(asked.path());
        url.set_query(query.as_deref());
        let mut translated = reqwest::Request::new(Method::GET, url);
        translated
            .headers_mut()
            .insert(HeaderName::from_static("metadata"), HeaderValue::from_static("true"));
        Ok(translated)
    }
}

#[async_trait]
impl HttpClient for MetadataService {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let request = self.translated(request).map_err(carrying)?;
        let answer = self
            .transport
            .send(Service::Metadata, &self.target, request)
            .await
            .map_err(|failure| carrying(as_seen_from_a_pod(failure)))?;
        if !answer.status.is_success() {
            return Err(carrying(classify::metadata_refusal(&answer, &self.target)));
        }
        Ok(AsyncRawResponse::from_bytes(answer.status.as_u16().into(), Headers::new(), answer.body))
    }
}

/// The service is part of the machine. Where it is out of reach, it mostly is not there at all, and does not come back.
fn as_seen_from_a_pod(failure: Failure) -> Failure {
    match failure.cause {
        Cause::Unavailable => Failure {
            cause: Cause::SignInFailed(Some(METADATA_SERVICE_SILENT.into())),
            code: METADATA_SERVICE_SILENT.into(),
            ..failure
        },
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::{metrics::Metrics, proxies::Proxies};

    fn service() -> MetadataService {
        let transport = Transport::new(None, &Proxies::default(), Metrics::new().unwrap()).unwrap();
        let address = "http://127.0.0.1:1".parse().unwrap();
        MetadataService::new(address, "t".into(), transport.in_the_clear().unwrap())
    }

    fn request(url: &str) -> Request {
        let mut request = Request::new(url.parse().unwrap(), azure_core::http::Method::Get);
        request.insert_header("metadata", "true");
        request.insert_header("x-identity-header", "s3cr3t");
        request
    }

    #[test]
    fn the_question_goes_to_our_address_with_its_query_and_no_header_but_one() {
        let asked = service().translated(&request(&format!("{BUILT_IN}?resource=r&client_id=c"))).unwrap();
        let expected = "http://127.0.0.1:1/metadata/identity/oauth2/token?resource=r&client_id=c";
        assert_eq!(asked.url().as_str(), expected);
        let headers: Vec<_> = asked.headers().iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(headers, ["metadata"]);
    }

    #[test]
    fn a_question_that_the_environment_sends_elsewhere_is_not_asked() {
        for url in ["http://10.0.0.1/metadata/identity/oauth2/token", "http://169.254.169.254/msi/token"] {
            let failure = service().translated(&request(url)).unwrap_err();
            assert_eq!(failure.cause, Cause::SignInFailed(None));
            assert!(failure.message.contains("IDENTITY_ENDPOINT"), "{}", failure.message);
        }
    }
}
