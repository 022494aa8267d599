//! Accepts connections, up to a limit, and gives each one its own task.
//!
//! Edge.

use std::sync::Arc;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::listener::{Listener, MAX_CONNECTIONS, Stream};
use crate::host::Host;

/// Serves the connections of `listener` until `closing` is cancelled; then waits for those that
/// still have bytes to write. If the future is dropped, all of them end.
pub(super) async fn serve<F>(
    mut listener: Listener,
    closing: CancellationToken,
    host: Arc<dyn Host>,
    connection: impl Fn(Stream) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = closing.cancelled() => break,
            stream = listener.accept(&*host) => {
                if connections.len() < MAX_CONNECTIONS {
                    connections.spawn(connection(stream));
                } else {
                    tracing::warn!("refused a connection, there are {MAX_CONNECTIONS}");
                }
            }
            Some(_ended) = connections.join_next() => {}
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}
