//! The connections that a call opens, each a task: Lambda freezes the process after the answer, and one that is still open then stays open
//! at its server.

use std::sync::Mutex;
use std::time::Duration;

use tokio::task::JoinSet;

static CONNECTIONS: Mutex<Option<JoinSet<()>>> = Mutex::new(None);

/// Runs a connection until it ends; [`all_closed`] waits for that.
pub fn spawn(connection: impl Future<Output = ()> + Send + 'static) {
    if let Ok(mut connections) = CONNECTIONS.lock() {
        connections.get_or_insert_default().spawn(connection);
    }
}

/// Waits, for two seconds at most, until every dropped session has closed its connection.
pub async fn all_closed() {
    let connections = CONNECTIONS.lock().ok().and_then(|mut connections| connections.take());
    if let Some(mut connections) = connections {
        let all = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(Duration::from_secs(2), all).await.is_err() {
            tracing::warn!("a connection to PostgreSQL did not close");
        }
    }
}
