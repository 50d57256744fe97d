//! HTTPS for the SDK, with the TLS library of the PostgreSQL connections: the SDK's default would add a second one, a
//! tenth of every binary.

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use hyper_tls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector as Tcp;
use hyper_util::rt::TokioExecutor;

use crate::evidence::{Evidence, Measured};

/// One client with its pool of connections. It verifies against the system's authorities, and records each request as evidence.
#[must_use]
pub fn client(evidence: Evidence) -> SharedHttpClient {
    let inner = SharedHttpConnector::new(Https(Client::builder(TokioExecutor::new()).build(HttpsConnector::new())));
    let connector = SharedHttpConnector::new(Measured { inner, evidence });
    http_client_fn(move |_settings, _components| connector.clone())
}

#[derive(Debug)]
struct Https(Client<HttpsConnector<Tcp>, SdkBody>);

impl HttpConnector for Https {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into()))),
        };
        let response = self.0.request(request);
        HttpConnectorFuture::new(async move {
            // The SDK may retry after a transport error: all our calls can be repeated.
            let response = response.await.map_err(|error| ConnectorError::io(error.into()))?;
            HttpResponse::try_from(response.map(SdkBody::from_body_1_x)).map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}
