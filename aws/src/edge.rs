//! A function's entry point on Lambda: decode, call the step, log once, answer.

use std::cell::Cell;
use std::time::Instant;

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use shared::error::{ErrorName, Result, StepError, chain};
use shared::{connections, names};
use tracing::level_filters::LevelFilter;

use crate::client::Aws;
use crate::evidence::{self, Call, Line};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Serves invocations of a function with one step until Lambda ends the process.
///
/// The payload is decoded here, not by the runtime, so that an invalid one fails by name like everything else.
///
/// # Errors
/// Only if the runtime's own API is gone.
pub async fn serve<Request, Response>(function: &str, step: impl AsyncFn(&Aws, Request) -> Result<Response>) -> Result<(), lambda_runtime::Error>
where
    Request: DeserializeOwned,
    Response: Serialize,
{
    let began = Instant::now();
    let level = std::env::var("RUST_LOG").ok().and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO);
    tracing_subscriber::fmt().json().with_max_level(level).with_ansi(false).without_time().init();
    // Entered for good, so that lines of spawned tasks have it as well: one thread polls them all. At level error, which no filter leaves out.
    let _version = tracing::error_span!("function", version = VERSION).entered();
    let aws = Aws::from_env();
    let init_ms = Cell::new(Some(since(began)));
    let serve_one = async |event: LambdaEvent<Value>| {
        let (at_ms, began) = (evidence::now_ms(), Instant::now());
        let execution = evidence::execution_of(&event.payload).map(names::key);
        let answer = answer(&aws, &step, event).await;
        let (seen, init_ms) = (aws.evidence.take(), init_ms.take());
        if let Some(key) = execution {
            let error = answer.as_ref().err().map(|error| error.error_type.clone());
            let memory_size_mb = std::env::var("AWS_LAMBDA_FUNCTION_MEMORY_SIZE").ok().and_then(|size| size.parse().ok());
            let peak_memory_bytes = evidence::peak_memory_bytes();
            let call = Call { at_ms, ms: since(began), init_ms, peak_memory_bytes, memory_size_mb, error };
            evidence::print(&Line { message: evidence::message(&key), function: function.to_owned(), version: VERSION.to_owned(), call, seen });
        }
        answer
    };
    lambda_runtime::run(service_fn(serve_one)).await
}

fn since(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Answers the health check of `make doctor`, and does nothing else.
#[derive(Serialize)]
#[serde(untagged)]
enum Answer<Response> {
    Runs { version: &'static str },
    Done(Response),
}

async fn answer<Request, Response>(
    aws: &Aws,
    step: &impl AsyncFn(&Aws, Request) -> Result<Response>,
    event: LambdaEvent<Value>,
) -> Result<Answer<Response>, Diagnostic>
where
    Request: DeserializeOwned,
    Response: Serialize,
{
    if event.payload == json!({"action": "ping"}) {
        return Ok(Answer::Runs { version: VERSION });
    }
    let request = serde_json::from_value(event.payload)
        .map_err(|error| StepError::new(ErrorName::Internal, format!("the state machine and this function disagree about the payload: {error}")))?;
    // Boxed: the layout of a whole step would be too deep for the compiler.
    let result = Box::pin(step(aws, request)).await;
    // Lambda freezes the process after the answer: sessions still open then stay open at the server.
    connections::all_closed().await;
    result.map(Answer::Done).map_err(|error| {
        tracing::error!(name = %error.name, error = %chain(&error), "the step failed");
        Diagnostic::from(error)
    })
}
