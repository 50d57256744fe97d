use lambda_runtime::Error;
use report::Stack;
use shared::aws::Aws;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let stack = Stack { bucket: std::env::var("REPORT_BUCKET")?, log_group: std::env::var("LOG_GROUP")? };
    shared::edge::serve(env!("CARGO_PKG_NAME"), async |aws: &Aws, request: report::Request| report::handle(aws, &stack, request).await).await
}
