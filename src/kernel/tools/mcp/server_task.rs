//! The task that owns one server's connection: lists, calls, limits, a new start after an end.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, OptionFuture};
use futures::stream::{FuturesUnordered, StreamExt as _};
use rmcp::model::{CallToolRequestParams, PaginatedRequestParams};
use rmcp::service::{Peer, RoleClient, ServiceError};
use tokio::io::AsyncReadExt as _;
use tokio::process::ChildStderr;
use tokio::sync::{mpsc, oneshot};

use super::connect::{Budget, Connection, Listener, over_http, over_pipes, start};
use super::error::ServerError;
use super::{Address, Listing, MAX_LISTED, Offered, Request, content, said};
use crate::host::Host;
use crate::kernel::tools::limits::cut;
use crate::kernel::tools::worker::Answer;

/// How long a server may take to start and introduce itself: `uvx` and `npx` fetch it first.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How long a list of tools may take.
const LIST_LIMIT: Duration = Duration::from_secs(30);
/// Pages of one list: a server that never stops is cut off.
const MAX_PAGES: usize = 20;
/// What is kept of a server's error output, to be shown when it fails.
const MAX_STDERR_BYTES: usize = 4_000;
/// How long what a failing server still says is waited for.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// The longest description taken of a tool, in characters.
const MAX_DESCRIPTION: usize = 8_000;

struct ServerTask {
    address: Address,
    host: Arc<dyn Host>,
    connection: Option<Connection>,
    stderr: Option<ChildStderr>,
    said: Vec<u8>,
    listener: Listener,
    calls: FuturesUnordered<BoxFuture<'static, Finished>>,
}

/// A call that has ended, and who waits for it.
struct Finished {
    /// The answer, or why there is none.
    result: Result<Answer, ServerError>,
    reply: oneshot::Sender<Answer>,
}

/// Serves until all handles are gone.
pub(super) async fn serve(
    address: Address,
    host: Arc<dyn Host>,
    mut requests: mpsc::Receiver<Request>,
) {
    let mut task = ServerTask {
        address,
        host,
        connection: None,
        stderr: None,
        said: Vec::new(),
        listener: Listener::default(),
        calls: FuturesUnordered::new(),
    };
    loop {
        let mut buffer = [0; 2048];
        tokio::select! {
            biased;
            request = requests.recv() => match request {
                Some(request) => task.take(request).await,
                None => return,
            },
            Some(finished) = task.calls.next() => task.finish(finished).await,
            Some(read) = OptionFuture::from(task.stderr.as_mut().map(|pipe| pipe.read(&mut buffer))) => match read {
                Ok(0) | Err(_) => task.stderr = None,
                Ok(length) => hear(&mut task.said, buffer.get(..length).unwrap_or_default()),
            },
        }
    }
}

impl ServerTask {
    async fn take(&mut self, request: Request) {
        // If nobody waits for the answer any more, it is dropped.
        match request {
            Request::HasChanged(reply) => {
                let changed = self.listener.changed.swap(false, Ordering::Relaxed);
                let _unwanted = reply.send(changed);
            }
            Request::Tools(mut reply) => {
                let listed = tokio::select! {
                    listed = self.list() => listed,
                    () = reply.closed() => return,
                };
                let listed = match listed {
                    Ok(listing) => Ok(listing),
                    Err(error) => Err(self.with_last_words(error).await),
                };
                let _unwanted = reply.send(listed);
            }
            Request::Call {
                name,
                arguments,
                direct,
                limit,
                mut reply,
            } => {
                let connected = tokio::select! {
                    connected = self.connect() => connected,
                    () = reply.closed() => return,
                };
                let peer = match connected {
                    Ok(peer) => peer,
                    Err(error) => {
                        let result = Err(error);
                        return self.finish(Finished { result, reply }).await;
                    }
                };
                let host = Arc::clone(&self.host);
                self.calls.push(Box::pin(async move {
                    let params = CallToolRequestParams::new(name).with_arguments(arguments);
                    let result = tokio::select! {
                        result = peer.call_tool(params) => match result {
                            Ok(result) => match serde_json::to_value(&result) {
                                Ok(value) => Ok(content::answer(&value, direct)),
                                Err(error) => Err(ServerError::Unreadable(error)),
                            },
                            // An error of the tool, not of the connection.
                            Err(error @ ServiceError::McpError(_)) => Ok(Answer::failed(said::of_tool(&error))),
                            Err(error) => Err(ServerError::Failed { why: said::asking(&error) }),
                        },
                        () = host.sleep(limit) => Ok(Answer::failed(format!(
                            "the MCP server did not answer within {} s, the time limit of the call",
                            limit.as_secs()
                        ))),
                        // Dropping the call tells the server.
                        () = reply.closed() => Ok(Answer::failed("nobody waits for it")),
                    };
                    Finished { result, reply }
                }));
            }
        }
    }

    async fn finish(&mut self, finished: Finished) {
        let answer = match finished.result {
            Ok(answer) => answer,
            Err(error) => {
                let said = self.with_last_words(error).await.to_string();
                // Claude knows the tool, not that a server is behind it.
                Answer::failed(match said.strip_prefix("it ") {
                    Some(rest) => format!("the MCP server {rest}"),
                    None => said,
                })
            }
        };
        let _unwanted = finished.reply.send(answer);
    }

    /// Returns a connection that is open, making one where needed.
    async fn connect(&mut self) -> Result<Peer<RoleClient>, ServerError> {
        if let Some(connection) = &self.connection {
            if !connection.service.is_closed() && !connection.service.is_transport_closed() {
                connection.budget.renew();
                return Ok(connection.service.peer().clone());
            }
            self.connection = None;
        }
        self.said.clear();
        let (listener, budget) = (self.listener.clone(), Budget::new());
        let limit = self.host.sleep(START_LIMIT);
        let (child, work) = match start(&self.address)? {
            Some((child, stdin, stdout, stderr)) => {
                self.stderr = Some(stderr);
                let work = over_pipes(stdin, stdout, listener, budget.clone()).boxed();
                (Some(child), work)
            }
            None => (None, over_http(&self.address, listener).boxed()),
        };
        tokio::pin!(work, limit);
        let mut buffer = [0; 2048];
        let service = loop {
            tokio::select! {
                made = &mut work => break made.map_err(|error| explain(error, &budget))?,
                () = &mut limit => return Err(ServerError::NoIntroduction { limit: START_LIMIT }),
                // A server that fills its error output would stand still.
                Some(read) = OptionFuture::from(self.stderr.as_mut().map(|pipe| pipe.read(&mut buffer))) => match read {
                    Ok(0) | Err(_) => self.stderr = None,
                    Ok(length) => hear(&mut self.said, buffer.get(..length).unwrap_or_default()),
                },
            }
        };
        budget.renew();
        let peer = service.peer().clone();
        self.connection = Some(Connection {
            service,
            budget,
            _child: child,
        });
        Ok(peer)
    }

    async fn list(&mut self) -> Result<Listing, ServerError> {
        let peer = self.connect().await?;
        let limit = self.host.sleep(LIST_LIMIT);
        tokio::select! {
            listed = pages(&peer) => listed,
            () = limit => Err(ServerError::NoList { limit: LIST_LIMIT }),
        }
    }

    /// Adds what the server said on its error output, where it has ended.
    async fn with_last_words(&mut self, error: ServerError) -> ServerError {
        let error = match &self.connection {
            Some(connection) => explain(error, &connection.budget),
            None => error,
        };
        if let Some(stderr) = &mut self.stderr {
            let mut rest = Vec::new();
            let mut limited = stderr.take(64 * 1024);
            let reading = limited.read_to_end(&mut rest);
            // A server that lives on keeps the pipe open; what matters is there at once.
            let _open = tokio::time::timeout(LAST_WORDS, reading).await;
            hear(&mut self.said, &rest);
        }
        let said = String::from_utf8_lossy(&self.said);
        match said.trim() {
            "" => error,
            said => ServerError::LastWords {
                error: Box::new(error),
                said: said.to_owned(),
            },
        }
    }
}

/// Whatever went wrong with a server that floods its output, that is why.
fn explain(error: ServerError, budget: &Budget) -> ServerError {
    match budget.is_spent() {
        true => ServerError::Flooded,
        false => error,
    }
}

fn hear(said: &mut Vec<u8>, piece: &[u8]) {
    said.extend_from_slice(piece);
    let over = said.len().saturating_sub(MAX_STDERR_BYTES);
    said.drain(..over);
}

async fn pages(peer: &Peer<RoleClient>) -> Result<Listing, ServerError> {
    let mut listing = Listing::default();
    let mut cursor = None;
    for _ in 0..MAX_PAGES {
        let params = PaginatedRequestParams::default().with_cursor(cursor.take());
        let page = peer
            .list_tools(Some(params))
            .await
            .map_err(|error| ServerError::Failed {
                why: said::asking(&error),
            })?;
        for tool in page.tools {
            if listing.tools.len() == MAX_LISTED {
                listing.is_cut = true;
                return Ok(listing);
            }
            listing.tools.push(Offered {
                name: tool.name.into_owned(),
                description: tool
                    .description
                    .map(|text| cut(&text, MAX_DESCRIPTION))
                    .unwrap_or_default(),
                input_schema: tool.input_schema.as_ref().clone(),
            });
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(listing);
        }
    }
    listing.is_cut = true;
    Ok(listing)
}
