//! The tasks that serve the sockets, and how they end.
//!
//! Edge.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use zeromq::MultiPeerBackend;

use super::listener::SocketFile;
use crate::host::Host;

/// How often [`Running::close`] checks whether the last writer has finished.
const CLOSE_PAUSE: Duration = Duration::from_millis(1);

/// The tasks that serve the sockets. If it is dropped, they end.
#[derive(Debug)]
pub(in crate::jupyter) struct Running {
    pub(super) host: Arc<dyn Host>,
    pub(super) tasks: JoinSet<()>,
    pub(super) closing: CancellationToken,
    /// The writers of the ROUTERs. Each exists as long as one of its connections still has bytes to
    /// write.
    pub(super) writing: Vec<Weak<dyn MultiPeerBackend>>,
    /// The relays, which pass on what these connections write.
    pub(super) relays: TaskTracker,
    /// The socket files of the ipc transport.
    pub(super) files: Vec<SocketFile>,
}

impl Running {
    /// Closes the sockets. Completes when every connection has written what was queued for it.
    pub(in crate::jupyter) async fn close(&self) {
        self.closing.cancel();
        while self
            .writing
            .iter()
            .any(|backend| backend.strong_count() > 0)
        {
            self.host.sleep(CLOSE_PAUSE).await;
        }
        self.relays.wait().await;
    }

    /// Closes the sockets at once, even if something is still queued, and removes the files of the
    /// ipc transport.
    pub(in crate::jupyter) fn abandon(&self) {
        self.closing.cancel();
        for file in &self.files {
            file.remove();
        }
    }
}
