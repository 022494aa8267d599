//! How a server is reached: a child process over its pipes, or streamable HTTP.
//!
//! What a server may send is bounded: a line or body by `rmcp`'s limits, everything between two
//! requests of ours by a budget of bytes.

use std::io;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use rmcp::handler::client::ClientHandler;
use rmcp::model::{ClientCapabilities, ClientConfig, Implementation};
use rmcp::service::{NotificationContext, RoleClient, RunningService, serve_client};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::async_rw::AsyncRwTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

use super::error::ServerError;
use super::{Address, said};
use crate::host::unnumbered;
use crate::kernel::tools::group::{Group, Mark};

/// The longest message of a server: a result with images fits.
const MAX_MESSAGE_BYTES: usize = 16 * 1024 * 1024;
/// What a server may send before it has introduced itself.
const GREETING_BYTES: u64 = 1024 * 1024;
/// What a server may send for one request of ours; beyond it, it floods, and is cut off.
const BUDGET_BYTES: u64 = 64 * 1024 * 1024;

/// A server that has answered `initialize`.
pub(super) struct Connection {
    pub(super) service: RunningService<RoleClient, Listener>,
    pub(super) budget: Budget,
    /// Ends with the connection.
    pub(super) _child: Option<Running>,
}

/// What a connection is told without asking.
#[derive(Debug, Clone, Default)]
pub(super) struct Listener {
    pub(super) changed: Arc<AtomicBool>,
}

impl ClientHandler for Listener {
    fn get_info(&self) -> ClientConfig {
        ClientConfig::new(
            ClientCapabilities::default(),
            Implementation::new("claude-kernel", env!("CARGO_PKG_VERSION")),
        )
    }

    fn on_tool_list_changed(
        &self,
        _context: NotificationContext<RoleClient>,
    ) -> impl Future<Output = ()> + Send + '_ {
        self.changed.store(true, Ordering::Relaxed);
        std::future::ready(())
    }
}

/// A server's process. Dropping it ends it and everything it started.
#[derive(Debug)]
pub(super) struct Running {
    _group: Group,
    _child: Child,
}

/// A process that was started, with its pipes.
pub(super) type Started = (Running, ChildStdin, ChildStdout, ChildStderr);

/// Starts a server's process.
///
/// # Errors
/// Why not.
pub(super) fn start(address: &Address) -> Result<Option<Started>, ServerError> {
    let Address::Command {
        words,
        environment,
        directory,
    } = address
    else {
        return Ok(None);
    };
    let Some((program, arguments)) = words.split_first() else {
        return Err(ServerError::NoCommand);
    };
    let mut command = Command::new(program);
    let mark = Mark::set(command.args(arguments).env_clear());
    let mut child = command
        .envs(environment.iter().cloned())
        .current_dir(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|source| ServerError::NotStarted {
            program: program.clone(),
            source,
        })?;
    let group = Group::of(&child, mark);
    let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let running = Running {
        _group: group,
        _child: child,
    };
    match pipes {
        (Some(stdin), Some(stdout), Some(stderr)) => Ok(Some((running, stdin, stdout, stderr))),
        _ => Err(ServerError::NoPipes {
            program: program.clone(),
        }),
    }
}

/// Speaks MCP over the pipes of a process.
///
/// # Errors
/// Why not.
pub(super) async fn over_pipes(
    stdin: ChildStdin,
    stdout: ChildStdout,
    listener: Listener,
    budget: Budget,
) -> Result<RunningService<RoleClient, Listener>, ServerError> {
    let transport = AsyncRwTransport::new_client(Metered { stdout, budget }, stdin)
        .with_max_line_length(MAX_MESSAGE_BYTES);
    serve_client(listener, transport)
        .await
        .map_err(|error| ServerError::Failed {
            why: said::opening(&error),
        })
}

/// Speaks MCP over HTTP.
///
/// # Errors
/// Why not.
pub(super) async fn over_http(
    address: &Address,
    listener: Listener,
) -> Result<RunningService<RoleClient, Listener>, ServerError> {
    let Address::Url { url, token } = address else {
        return Err(ServerError::NoUrl);
    };
    // Another part of the program may have chosen already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // No redirects: they would carry the token to another place.
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .pool_max_idle_per_host(0)
        .build()
        .map_err(|error| ServerError::Failed {
            why: unnumbered(&error),
        })?;
    let mut config = StreamableHttpClientTransportConfig::with_uri(url.as_str())
        .max_json_response_size(MAX_MESSAGE_BYTES)
        .max_sse_event_size(MAX_MESSAGE_BYTES);
    if let Some(token) = token {
        config = config.auth_header(token.expose());
    }
    let transport = StreamableHttpClientTransport::with_client(client, config);
    serve_client(listener, transport)
        .await
        .map_err(|error| ServerError::Failed {
            why: said::opening(&error),
        })
}

/// How much a server may still send.
#[derive(Debug, Clone)]
pub(super) struct Budget(Arc<AtomicU64>);

impl Budget {
    pub(super) fn new() -> Self {
        Self(Arc::new(AtomicU64::new(GREETING_BYTES)))
    }

    /// A request of ours: the server may answer again.
    pub(super) fn renew(&self) {
        self.0.store(BUDGET_BYTES, Ordering::Relaxed);
    }

    pub(super) fn is_spent(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}

/// Reads a server's output until the budget is spent.
struct Metered {
    stdout: ChildStdout,
    budget: Budget,
}

impl AsyncRead for Metered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let left = self.budget.0.load(Ordering::Relaxed);
        if left == 0 {
            return Poll::Ready(Err(io::Error::other("the server floods its output")));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stdout).poll_read(context, buffer);
        let count = u64::try_from(buffer.filled().len() - before).unwrap_or(u64::MAX);
        self.budget
            .0
            .store(left.saturating_sub(count), Ordering::Relaxed);
        read
    }
}
