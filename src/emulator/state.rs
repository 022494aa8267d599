//! Everything that the backend remembers. One task owns it; other tasks send closures to that task.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::{mpsc, oneshot, watch};

use super::cache::Cache;
use super::containers::Containers;
use super::error::ApiError;
use super::faults::{Fault, Phase};
use super::file_store::FileStore;
use super::loaded_scripts::Loaded;
use super::sign::Organization;
use super::turns::Turns;
use crate::host::Host;

/// Room for every connection to have one job waiting.
const QUEUE: usize = 256;
/// How many requests are kept for `GET /_emulator/requests`. Tests read them long before they are
/// removed.
const RECORDED: usize = 500;
/// The most bytes of bodies that are kept with them: every request of a long conversation holds all
/// of it.
const RECORDED_BYTES: usize = 64 * 1024 * 1024;

/// One request as it was received.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// `POST`, `GET`, …
    pub method: String,
    /// The path with its query.
    pub target: String,
    /// In the order received, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The parsed body; null when there is none or it is not JSON.
    pub body: Value,
}

/// The state. Reached only through [`Shared::with`].
#[derive(Debug)]
pub(super) struct State {
    pub(super) faults: Vec<Fault>,
    pub(super) gates: HashMap<String, watch::Sender<Phase>>,
    /// How often each fault of a script has struck, by its place in the script.
    pub(super) struck: HashMap<String, u32>,
    /// Each request with the size of its body as it was sent.
    pub(super) requests: VecDeque<(usize, Recorded)>,
    pub(super) recorded_bytes: usize,
    pub(super) files: FileStore,
    pub(super) containers: Containers,
    pub(super) cache: Cache,
    pub(super) scripts: Loaded,
    pub(super) turns: Turns,
    /// The account as it is now.
    pub(super) organization: Organization,
}

impl State {
    pub(super) fn record(&mut self, request: Recorded, bytes: usize) {
        self.recorded_bytes += bytes;
        self.requests.push_back((bytes, request));
        while self.requests.len() > RECORDED
            || (self.recorded_bytes > RECORDED_BYTES && self.requests.len() > 1)
        {
            let oldest = self.requests.pop_front();
            self.recorded_bytes -= oldest.map_or(0, |(bytes, _)| bytes);
        }
    }
}

type Job = Box<dyn FnOnce(&mut State) + Send>;

/// A handle to the state, for any task.
#[derive(Clone)]
pub(super) struct Shared {
    jobs: mpsc::Sender<Job>,
    /// The clock and the ids.
    pub(super) host: Arc<dyn Host>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl Shared {
    /// Makes the state and the task that owns it; the caller runs the task.
    pub(super) fn new(
        host: Arc<dyn Host>,
        root: &Path,
        containers: Containers,
    ) -> (Self, impl Future<Output = ()> + Send + use<>) {
        let (jobs, mut inbox) = mpsc::channel::<Job>(QUEUE);
        let mut state = State {
            faults: Vec::new(),
            gates: HashMap::new(),
            struck: HashMap::new(),
            requests: VecDeque::new(),
            recorded_bytes: 0,
            files: FileStore::new(root.join("files")),
            containers,
            cache: Cache::default(),
            scripts: Loaded::default(),
            turns: Turns::default(),
            organization: 0,
        };
        let owner = async move {
            while let Some(job) = inbox.recv().await {
                job(&mut state);
            }
        };
        (Self { jobs, host }, owner)
    }

    /// Runs `work` on the state and returns what it returns.
    ///
    /// # Errors
    /// A 500 if the server is ending.
    pub(super) async fn with<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut State) -> R + Send + 'static,
    ) -> Result<R, ApiError> {
        let gone = || ApiError::internal("the offline backend is shutting down");
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |state| {
            // The asking side may have stopped waiting. Its work is done in any case.
            let _ = reply.send(work(state));
        });
        self.jobs.send(job).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())
    }
}
