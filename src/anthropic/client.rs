//! The calls of the API, one attempt each. Retrying is decided elsewhere (`retry`). An edge.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::{Method, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::address::segment;
use super::call::{Call, Payload};
use super::error::ApiError;
use super::event::StreamEvent;
use super::event::surrogates::{self, Joiner};
use super::model::ModelInfo;
use super::request::{CountTokensRequest, MessagesRequest};
use super::sse::{Decoder, Event};
use super::transport::{Transport, cause, read_start};
use crate::config::KnownSecrets;

pub use super::call::{API_VERSION, OLD_API_VERSION};
pub use super::transport::{ClientOptions, DEFAULT_BASE_URL};

/// With this header the list says which models sum up conversations
/// (`docs/protocol.md#models-api`).
const MODEL_BETAS: [&str; 1] = ["compact-2026-09-04"];
/// Pages of models that are read; the API has fewer than a hundred models and 1000 to a page.
const MAX_MODEL_PAGES: usize = 20;
/// The largest JSON answer that is read, in bytes.
const MAX_JSON_BYTES: usize = 32 * 1024 * 1024;
/// The most bytes of one stream that are read, so that an endless stream does not fill the memory.
/// Twice what a request may have, because a request has to carry the answer back.
const MAX_STREAM_BYTES: u64 = 64 * 1024 * 1024;
/// The largest body of a Messages request, in bytes (`docs/protocol.md#endpoints`): 32 MB, read
/// strictly.
pub const MAX_REQUEST_BYTES: usize = 32_000_000;
/// How long the end of a finished answer is waited for, so that the connection can be used again.
const LAST_BYTES: Duration = Duration::from_millis(100);

/// A client for one base URL and one set of credentials; cheap to clone, connections pooled.
#[derive(Debug, Clone)]
pub struct Client {
    transport: Arc<Transport>,
}

impl Client {
    /// Makes a client. Nothing is looked up, loaded or connected before the first call.
    #[must_use]
    pub fn new(options: ClientOptions) -> Self {
        let environment = &options.environment;
        if options.key.is_none()
            && environment.get("ANTHROPIC_API_KEY").is_some()
            && environment.get("ANTHROPIC_AUTH_TOKEN").is_some()
        {
            tracing::warn!(
                "both `ANTHROPIC_API_KEY` and `ANTHROPIC_AUTH_TOKEN` are set: the key is used"
            );
        }
        Self {
            transport: Arc::new(Transport::new(options)),
        }
    }

    /// Returns where credentials come from, such as `ANTHROPIC_API_KEY` in backquotes. No secret.
    ///
    /// # Errors
    /// [`ApiError::NoCredentials`], saying what to do.
    pub fn credentials_origin(&self) -> Result<String, ApiError> {
        Ok(self.transport.find_credentials()?.origin)
    }

    /// Returns what the calls carry that must not be seen.
    #[must_use]
    pub fn secrets(&self) -> KnownSecrets {
        self.transport.secrets()
    }

    /// Returns what the client was made of.
    #[must_use]
    pub fn options(&self) -> &ClientOptions {
        self.transport.options()
    }

    /// Opens a stream of one message: one attempt, complete when the response headers are here.
    ///
    /// # Errors
    /// Any [`ApiError`] but `Stream` and `Truncated`.
    pub async fn stream(&self, request: &MessagesRequest) -> Result<EventStream, ApiError> {
        let response = self.post("/v1/messages", request, request).await?;
        let head = |name: &str| response.headers().get(name)?.to_str().ok();
        let content_type = head("content-type").unwrap_or("text/event-stream");
        if !content_type.trim_start().starts_with("text/event-stream") {
            let (content_type, id) = (
                content_type.to_owned(),
                head("request-id").map(str::to_owned),
            );
            let body = read_start(response).await;
            // Before the text is cut to length, which could leave half of a secret.
            let body = String::from_utf8_lossy(&body);
            let body = self.transport.secrets().cover(&body, "…").into_owned();
            let error = ApiError::from_body(&content_type, body.as_bytes(), id.as_deref());
            return Err(self.transport.hidden(error));
        }
        Ok(EventStream::new(
            response,
            self.transport.options().read_timeout,
            self.transport.secrets(),
        ))
    }

    /// Counts the input tokens of a request (`docs/protocol.md#token-counting`). Free; an estimate.
    ///
    /// # Errors
    /// Any [`ApiError`] but `Stream`.
    pub async fn count_tokens(&self, request: &MessagesRequest) -> Result<u64, ApiError> {
        let response = self
            .post(
                "/v1/messages/count_tokens",
                &CountTokensRequest::of(request),
                request,
            )
            .await?;
        let count: Value = read_json(response).await?;
        count
            .get("input_tokens")
            .and_then(Value::as_u64)
            .ok_or_else(|| ApiError::Protocol {
                reason: "a count without `input_tokens`".to_owned(),
            })
    }

    /// Lists the models the credentials may use, active and deprecated
    /// (`docs/protocol.md#models-api`).
    ///
    /// # Errors
    /// Any [`ApiError`] but `Stream`.
    pub async fn models(&self) -> Result<Vec<ModelInfo>, ApiError> {
        let mut models = Vec::new();
        let mut path = "/v1/models?limit=1000".to_owned();
        for _ in 0..MAX_MODEL_PAGES {
            let page = match self.models_page(&path, &MODEL_BETAS).await {
                // Some gateways know no betas.
                Err(ApiError::Status { status: 400, .. }) => self.models_page(&path, &[]).await?,
                page => page?,
            };
            let data = page.get("data").and_then(Value::as_array);
            models.extend(data.into_iter().flatten().filter_map(ModelInfo::from_raw));
            let has_more = page.get("has_more").and_then(Value::as_bool) == Some(true);
            match page.get("last_id").and_then(Value::as_str) {
                Some(last) if has_more => {
                    path = format!("/v1/models?limit=1000&after_id={}", segment(last)?);
                }
                _ => break,
            }
        }
        Ok(models)
    }

    async fn models_page(&self, path: &str, betas: &[&str]) -> Result<Value, ApiError> {
        let betas: Vec<String> = betas.iter().map(|beta| (*beta).to_owned()).collect();
        let call = Call {
            method: Method::GET,
            path,
            accept: "application/json",
            betas: &betas,
            version: API_VERSION,
            body: None,
        };
        read_json(self.transport.send(&call).await?).await
    }

    pub(super) async fn get(&self, path: &str, accept: &'static str) -> Result<Response, ApiError> {
        self.transport
            .send(&Call {
                method: Method::GET,
                path,
                accept,
                betas: &[],
                version: API_VERSION,
                body: None,
            })
            .await
    }

    pub(super) async fn call(&self, call: &Call<'_>) -> Result<Response, ApiError> {
        self.transport.send(call).await
    }

    async fn post(
        &self,
        path: &str,
        body: &impl Serialize,
        request: &MessagesRequest,
    ) -> Result<Response, ApiError> {
        let body = serde_json::to_vec(body).map_err(|error| ApiError::Protocol {
            reason: format!("a request that is no JSON ({error})"),
        })?;
        if body.len() > MAX_REQUEST_BYTES {
            return Err(ApiError::TooLarge {
                bytes: body.len(),
                limit: MAX_REQUEST_BYTES,
            });
        }
        self.transport
            .send(&Call {
                method: Method::POST,
                path,
                accept: "application/json",
                betas: &request.betas,
                version: request.version.as_str(),
                body: Some(Payload::Json(Bytes::from(body))),
            })
            .await
    }
}

/// The events of one response. Dropping it closes the connection.
#[derive(Debug)]
pub struct EventStream {
    /// `None` once nothing more is to be read.
    response: Option<Response>,
    request_id: Option<String>,
    decoder: Decoder,
    read_timeout: Duration,
    received_bytes: u64,
    is_complete: bool,
    /// Joins characters that were cut in two between deltas.
    joiner: Joiner,
    /// Whether the answer has said why it stops: nothing that matters follows.
    has_stopped: bool,
    /// Whether the connection has ended.
    has_ended: bool,
    /// What was read behind the last event, and was no part of it.
    held: Option<Result<StreamEvent, ApiError>>,
    /// Events that were read already.
    read_ahead: VecDeque<StreamEvent>,
    /// What no error may say.
    secrets: KnownSecrets,
}

impl EventStream {
    fn new(response: Response, read_timeout: Duration, secrets: KnownSecrets) -> Self {
        let request_id = response
            .headers()
            .get("request-id")
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        Self {
            response: Some(response),
            request_id,
            decoder: Decoder::new(),
            read_timeout,
            received_bytes: 0,
            is_complete: false,
            joiner: Joiner::default(),
            has_stopped: false,
            has_ended: false,
            held: None,
            read_ahead: VecDeque::new(),
            secrets,
        }
    }

    /// Returns the API's id of the request.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// Returns the next event; `None` after `message_stop` and after an error. Cancel-safe.
    ///
    /// An `error` event comes as [`ApiError::Stream`]; silence, a broken connection and an early
    /// end as [`ApiError::Truncated`]: none of them is tried again by itself.
    pub async fn next(&mut self) -> Option<Result<StreamEvent, ApiError>> {
        if !self.read_ahead.is_empty() {
            // What came at once is handed on piece by piece: others get their turn between two.
            tokio::task::yield_now().await;
        }
        if let Some(event) = self.read_ahead.pop_front() {
            return Some(Ok(event));
        }
        loop {
            if let Some(event) = self.next_ready() {
                return Some(event);
            }
            if self.is_complete {
                self.drain().await;
                return None;
            }
            let response = self.response.as_mut()?;
            let error = match response.chunk().await {
                Ok(Some(bytes)) => {
                    self.received_bytes += bytes.len() as u64;
                    if self.received_bytes <= MAX_STREAM_BYTES {
                        self.decoder.push(&bytes);
                        continue;
                    }
                    ApiError::Protocol {
                        reason: format!("an answer larger than {MAX_STREAM_BYTES} bytes"),
                    }
                }
                // The blank line behind the last event may be missing.
                Ok(None) if self.decoder.end() => {
                    self.has_ended = true;
                    continue;
                }
                Ok(None) => no_end(),
                Err(error) if error.is_timeout() => ApiError::Truncated {
                    reason: format!("no byte for {} s", self.read_timeout.as_secs()),
                },
                Err(error) => ApiError::Truncated {
                    reason: cause(&error),
                },
            };
            if let Some(next) = self.parsed(Err(error)) {
                return Some(next);
            }
        }
    }

    /// Returns the next event if its bytes are here. `None` says that [`next`](Self::next) is to be
    /// asked.
    ///
    /// Pieces of one text whose bytes are here come as one, because a short piece costs its readers as
    /// much as a longer one.
    pub fn next_ready(&mut self) -> Option<Result<StreamEvent, ApiError>> {
        let mut event = match self.one_ready()? {
            Ok(event) => event,
            Err(error) => return Some(Err(error)),
        };
        while event.is_short_piece()
            && let Some(next) = self.one_ready()
        {
            self.held = match next {
                Ok(next) => event.append(next).map(Ok),
                Err(error) => Some(Err(error)),
            };
            if self.held.is_some() {
                break;
            }
        }
        Some(Ok(event))
    }

    fn one_ready(&mut self) -> Option<Result<StreamEvent, ApiError>> {
        if self.held.is_some() {
            return self.held.take();
        }
        loop {
            if self.is_complete || self.response.is_none() || !self.read_ahead.is_empty() {
                return None;
            }
            let parsed = match self.decoder.next_event() {
                Ok(Some(event)) => read(&event),
                Ok(None) => return None,
                Err(error) => Err(ApiError::Protocol {
                    reason: error.to_string(),
                }),
            };
            if let Some(next) = self.parsed(parsed) {
                return Some(next);
            }
        }
    }

    /// Takes what was read of an event; returns what follows from it, if anything does yet.
    fn parsed(
        &mut self,
        parsed: Result<(StreamEvent, bool), ApiError>,
    ) -> Option<Result<StreamEvent, ApiError>> {
        let parsed = match parsed {
            // Only the last frame is missing: the answer itself is whole.
            Err(_) if self.has_stopped => Ok((StreamEvent::MessageStop, false)),
            // The last event was cut in the middle.
            Err(_) if self.has_ended => Err(no_end()),
            other => other,
        };
        self.has_stopped |= matches!(&parsed, Ok((event, _)) if event.stops());
        match parsed {
            Ok((StreamEvent::Error { error }, _)) => Some(self.fail(error)),
            Ok((event, is_marked)) => {
                self.is_complete = event == StreamEvent::MessageStop;
                let (before, event) = self.joiner.join(event, is_marked);
                if before.is_none() && event.is_one_piece() {
                    return Some(Ok(event));
                }
                self.read_ahead.extend(before);
                self.read_ahead.extend(event.in_pieces());
                self.read_ahead.pop_front().map(Ok)
            }
            Err(error) => Some(self.fail(error)),
        }
    }

    fn fail(&mut self, error: ApiError) -> Result<StreamEvent, ApiError> {
        self.response = None;
        Err(match error.without(&self.secrets) {
            ApiError::Stream {
                kind,
                message,
                code,
                request_id: None,
            } => ApiError::Stream {
                kind,
                message,
                code,
                request_id: self.request_id.clone(),
            },
            other => other,
        })
    }

    /// Reads the end of the body, which gives the connection back to the pool.
    async fn drain(&mut self) {
        if let Some(mut response) = self.response.take() {
            let end = async { while let Ok(Some(_)) = response.chunk().await {} };
            let _ = tokio::time::timeout(LAST_BYTES, end).await;
        }
    }
}

fn no_end() -> ApiError {
    ApiError::Truncated {
        reason: "it ended without `message_stop`".to_owned(),
    }
}

/// Reads an event. The second value says whether private characters stand for halves of characters
/// in it (see `surrogates`).
fn read(event: &Event<'_>) -> Result<(StreamEvent, bool), ApiError> {
    // Some gateways leave the names out, or give all events the same: the data repeats the name.
    let of_data = match &*event.name {
        "" | "message" => StreamEvent::name_in(&event.data),
        _ => None,
    };
    let name = of_data.as_deref().unwrap_or(&event.name);
    let marked = match name {
        "content_block_delta" => surrogates::marked(&event.data),
        _ => None,
    };
    let data = marked.as_deref().unwrap_or(&event.data);
    Ok((StreamEvent::parse(name, data)?, marked.is_some()))
}

pub(super) async fn read_json<T: DeserializeOwned>(mut response: Response) -> Result<T, ApiError> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break,
            Err(error) => {
                return Err(ApiError::Truncated {
                    reason: cause(&error),
                });
            }
        }
        if body.len() > MAX_JSON_BYTES {
            return Err(ApiError::Protocol {
                reason: format!("an answer larger than {MAX_JSON_BYTES} bytes"),
            });
        }
    }
    serde_json::from_slice(&body).map_err(|error| ApiError::Protocol {
        reason: format!("an answer that is not the JSON asked for ({error})"),
    })
}
