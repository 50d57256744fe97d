use lambda_runtime::Error;
use shared::aws::Aws;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let bucket = std::env::var("REPORT_BUCKET")?;
    shared::edge::serve(env!("CARGO_PKG_NAME"), async |aws: &Aws, request: report::Request| report::handle(aws, &bucket, request).await).await
}
