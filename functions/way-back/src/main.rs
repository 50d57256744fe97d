use lambda_runtime::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    aws::edge::serve(env!("CARGO_PKG_NAME"), way_back::handle).await
}
