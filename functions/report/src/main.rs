use aws::client::Aws;
use lambda_runtime::Error;
use report::Stack;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let stack = Stack { bucket: std::env::var("REPORT_BUCKET")?, log_group: std::env::var("LOG_GROUP")? };
    aws::edge::serve(env!("CARGO_PKG_NAME"), async |aws: &Aws, request: report::Request| report::handle(aws, &stack, request).await).await
}
