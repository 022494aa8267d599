//! MCP servers: programs or addresses whose tools become Claude's.
//!
//! [`Server`] is the handle. A task of its own (in `server_task`) owns the connection. Invariant: every
//! call gets one answer within its limit, whatever the server sends, and a server that is gone is
//! started again for the next call.

mod connect;
mod content;
mod error;
mod said;
mod server_task;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::worker::Answer;
use crate::config::Secret;
use crate::host::Host;

pub use error::ServerError;

/// Calls that wait for one server.
const QUEUE: usize = 64;
/// Tools taken of one server. More would leave no room for the conversation.
pub const MAX_TOOLS: usize = 128;
/// Tools read of one server's list, to choose from.
const MAX_LISTED: usize = 2_000;

/// Where a server is.
#[derive(Debug, Clone)]
pub enum Address {
    /// A program, spoken to over its standard input and output.
    Command {
        /// The program and its arguments.
        words: Vec<String>,
        /// Its whole environment.
        environment: Vec<(String, String)>,
        /// Where it runs.
        directory: PathBuf,
    },
    /// Streamable HTTP.
    Url {
        /// As typed.
        url: String,
        /// Sent as `Authorization: Bearer`.
        token: Option<Secret>,
    },
}

impl Address {
    /// Returns the address as it may be shown.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Self::Command { words, .. } => words.join(" "),
            Self::Url { url, .. } => url.clone(),
        }
    }
}

/// One tool of a server.
#[derive(Debug, Clone, PartialEq)]
pub struct Offered {
    /// The server's own name for it.
    pub name: String,
    /// What it does.
    pub description: String,
    /// Its arguments.
    pub input_schema: Map<String, Value>,
}

/// What the handle asks of the task.
#[derive(Debug)]
enum Request {
    Tools(oneshot::Sender<Result<Listing, ServerError>>),
    Call {
        name: String,
        arguments: Map<String, Value>,
        direct: bool,
        limit: Duration,
        reply: oneshot::Sender<Answer>,
    },
    HasChanged(oneshot::Sender<bool>),
}

/// What a server offers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Listing {
    /// Its tools, at most 2,000.
    pub tools: Vec<Offered>,
    /// Whether there are more.
    pub is_cut: bool,
}

/// The handle of a server. Dropping the last clone ends it.
#[derive(Debug, Clone)]
pub struct Server {
    requests: mpsc::Sender<Request>,
    _task: Arc<JoinSet<()>>,
}

impl Server {
    /// Makes a server; it is started or asked with the first request.
    #[must_use]
    pub fn new(address: Address, host: Arc<dyn Host>) -> Self {
        let (requests, receiver) = mpsc::channel(QUEUE);
        let mut tasks = JoinSet::new();
        tasks.spawn(server_task::serve(address, host, receiver));
        Self {
            requests,
            _task: Arc::new(tasks),
        }
    }

    /// Lists the server's tools, starting it where needed.
    ///
    /// # Errors
    /// Why there is no list, with what the server said on its error output.
    pub async fn tools(&self) -> Result<Listing, ServerError> {
        let (reply, answer) = oneshot::channel();
        if self.requests.send(Request::Tools(reply)).await.is_err() {
            return Err(ServerError::Gone);
        }
        answer.await.unwrap_or(Err(ServerError::Gone))
    }

    /// Returns whether the server has said, since the last time, that its tools changed.
    pub async fn has_changed(&self) -> bool {
        let (reply, answer) = oneshot::channel();
        let sent = self.requests.send(Request::HasChanged(reply)).await;
        sent.is_ok() && answer.await.unwrap_or(false)
    }

    /// Calls a tool. Dropping the future cancels it.
    pub async fn call(
        &self,
        name: String,
        arguments: Map<String, Value>,
        direct: bool,
        limit: Duration,
    ) -> Answer {
        let (reply, answer) = oneshot::channel();
        let request = Request::Call {
            name,
            arguments,
            direct,
            limit,
            reply,
        };
        if self.requests.send(request).await.is_err() {
            return Answer::failed(ServerError::Gone.to_string());
        }
        let gone = |_| Answer::failed(ServerError::Gone.to_string());
        answer.await.unwrap_or_else(gone)
    }
}
