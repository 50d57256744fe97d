//! Measures requests to AWS where they leave the process: each attempt separately, whichever client makes it.

use std::time::Instant;

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use serde_json::Value;

use super::{Evidence, Request, now_ms};

/// No answer: the connection failed, or the SDK abandoned the attempt.
const NO_ANSWER: &str = "NoAnswer";

/// Records each request that passes through it. Answers are read to their end here, so that their time counts; all of them are
/// small enough for memory, where the SDK would read them as well.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) inner: SharedHttpConnector,
    pub(crate) evidence: Evidence,
}

impl HttpConnector for Measured {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let attempt = Attempt::begin(self.evidence.clone(), &request);
        let response = self.inner.call(request);
        HttpConnectorFuture::new(async move {
            let mut response = response.await?;
            let body = ByteStream::new(response.take_body()).collect().await.map_err(|error| ConnectorError::io(error.into()))?.into_bytes();
            attempt.end(&response, &body);
            *response.body_mut() = SdkBody::from(body);
            Ok(response)
        })
    }
}

/// A request in progress. An abandoned one is dropped.
struct Attempt {
    evidence: Evidence,
    began: Instant,
    request: Request,
}

impl Attempt {
    fn begin(evidence: Evidence, request: &HttpRequest) -> Self {
        let request = Request {
            service: service(request).to_owned(),
            operation: operation(request).to_owned(),
            at_ms: now_ms(),
            ms: 0,
            error: Some(NO_ANSWER.to_owned()),
        };
        Self { evidence, began: Instant::now(), request }
    }

    fn end(mut self, response: &HttpResponse, body: &[u8]) {
        self.request.error = (!response.status().is_success()).then(|| error_code(response, body));
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.request.ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.evidence.note(|seen| seen.requests.push(self.request.clone()));
    }
}

/// The service that a request is signed for. Source: IAM user guide, "Elements of an AWS API request signature", credential scope.
fn service(request: &HttpRequest) -> &str {
    let scope = request.headers().get("authorization").and_then(|signature| signature.split_once("Credential="));
    scope.and_then(|(_, scope)| scope.split('/').nth(3)).unwrap_or("unsigned")
}

/// Each AWS protocol has the operation's name in a different place. Source: Smithy, "AWS protocols".
fn operation(request: &HttpRequest) -> &str {
    let target = || request.headers().get("x-amz-target").and_then(|target| target.rsplit('.').next());
    let (path, query) = request.uri().split_once('?').unwrap_or((request.uri(), ""));
    let of_cbor = || path.split_once("/operation/").map(|(_, operation)| operation);
    let of_query = || parameter(request.body().bytes().and_then(|body| std::str::from_utf8(body).ok())?, "Action");
    // The SDK writes it there for S3.
    let of_rest = || parameter(query, "x-id");
    target().or_else(of_cbor).or_else(of_rest).or_else(of_query).unwrap_or_else(|| request.method())
}

fn parameter<'a>(parameters: &'a str, name: &str) -> Option<&'a str> {
    parameters.split('&').find_map(|parameter| parameter.split_once('=').filter(|(found, _)| *found == name).map(|(_, value)| value))
}

/// The error code, in the place of its protocol.
fn error_code(response: &HttpResponse, body: &[u8]) -> String {
    let body = String::from_utf8_lossy(body);
    let json: Option<Value> = serde_json::from_str(&body).ok();
    let header = |name| response.headers().get(name);
    let of_xml = || body.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>")).map(|(code, _)| code);
    let code = header("x-amzn-errortype").or_else(|| header("x-amzn-query-error")).or_else(of_xml);
    let code = code.or_else(|| json.as_ref().and_then(|json| json["__type"].as_str()));
    // As in `com.amazonaws.rds#DBInstanceNotFound`, `DBInstanceNotFound:http://…` and `DBInstanceNotFound;Sender`.
    let bare = code.and_then(|code| code.rsplit('#').next()?.split([':', ';']).next()).filter(|code| !code.is_empty());
    bare.map_or_else(|| format!("HTTP-{}", response.status().as_u16()), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_smithy_runtime_api::http::StatusCode;

    const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=AKIA/20261130/eu-central-1/rds/aws4_request, SignedHeaders=host, Signature=0";

    fn request(body: &'static str, path: &str, headers: &[(&'static str, &'static str)]) -> HttpRequest {
        let mut request = HttpRequest::new(SdkBody::from(body));
        request.set_method("POST").unwrap();
        request.set_uri(format!("https://service.example{path}")).unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, *value);
        }
        request
    }

    fn answer(status: u16, body: &'static str) -> HttpResponse {
        HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::from(body))
    }

    #[test]
    fn the_operation_is_found_in_every_protocol_of_ours() {
        let found = |body, path, headers| operation(&request(body, path, headers)).to_owned();
        assert_eq!(found("Action=DescribeDBInstances&Version=2014-10-31", "/", &[]), "DescribeDBInstances");
        assert_eq!(found("{}", "/", &[("x-amz-target", "Logs_20140328.FilterLogEvents")]), "FilterLogEvents");
        assert_eq!(found("", "/service/GraniteServiceVersion20100801/operation/GetMetricData", &[]), "GetMetricData");
        assert_eq!(found("Action=Forged&", "/bucket/key?x-id=PutObject", &[]), "PutObject");
        assert_eq!(service(&request("", "/", &[("authorization", SIGNED)])), "rds");
    }

    #[test]
    fn the_code_is_found_in_every_protocol_of_ours() {
        let found = |status, body| error_code(&answer(status, body), body.as_bytes());
        assert_eq!(found(404, "<ErrorResponse><Error><Code>DBSnapshotNotFound</Code></Error></ErrorResponse>"), "DBSnapshotNotFound");
        assert_eq!(found(400, r#"{"__type": "com.amazonaws.kms#NotFoundException", "message": "m"}"#), "NotFoundException");
        assert_eq!(found(503, "<html>"), "HTTP-503");
        let mut named = answer(400, "");
        named.headers_mut().insert("x-amzn-errortype", "ThrottlingException:http://internal");
        assert_eq!(error_code(&named, b""), "ThrottlingException");
    }

    #[derive(Debug)]
    struct Answers;

    impl HttpConnector for Answers {
        fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
            if operation(&request) == "Never" {
                return HttpConnectorFuture::new(std::future::pending());
            }
            HttpConnectorFuture::ready(Ok(answer(400, "<Code>Throttling</Code>")))
        }
    }

    #[tokio::test]
    async fn what_is_answered_and_what_is_given_up_is_written_down_and_the_answer_is_handed_on() {
        let evidence = Evidence::default();
        let measured = Measured { inner: SharedHttpConnector::new(Answers), evidence: evidence.clone() };
        let answered = measured.call(request("Action=CopyDBSnapshot", "/", &[("authorization", SIGNED)])).await.unwrap();
        assert_eq!(answered.body().bytes(), Some(b"<Code>Throttling</Code>".as_slice()));
        drop(measured.call(request("Action=Never", "/", &[])));
        let described: Vec<_> = evidence.take().requests.into_iter().map(|request| (request.service, request.operation, request.error)).collect();
        let line = |service: &str, operation: &str, error: &str| (service.to_owned(), operation.to_owned(), Some(error.to_owned()));
        assert_eq!(described, [line("rds", "CopyDBSnapshot", "Throttling"), line("unsigned", "Never", "NoAnswer")]);
    }
}
