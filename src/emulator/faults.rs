//! Things that go wrong on demand.
//!
//! A fault is armed by the Rust handle, by `POST /_emulator/faults`, or written in a script as
//! `<!-- fault: … -->`. Each strikes `times` times. A request takes at most one armed fault of
//! each kind (any number of gates), in the order they were armed; one that answers in place of the
//! API (`status`, `reset`, `first_event`, `refuse_…`) takes none after it.
//!
//! | kind | fields |
//! |---|---|
//! | `status` (in scripts also the number itself) | `status`, `retry_after`, `retry_after_ms`, `should_retry`, `message`, `error_code`, `body` (sent as HTML in place of JSON) |
//! | `reset` | the connection is reset before any answer |
//! | `slow_start` | `ms` before the first byte |
//! | `cut` | `at`, `clean`: the stream ends, by a reset or (clean) as if complete |
//! | `error` | `at`, `error_type`, `message`: an `error` event, then the end |
//! | `stall` | `at`, `ms`: nothing more for so long, or for ever |
//! | `gate` | `at`, `name`: nothing more until the gate is opened |
//! | `chunks` | `size` in bytes, or `split_utf8`: how the stream is cut into writes |
//! | `surrogates` | characters beyond U+FFFF come as escapes, halved between two deltas; each `U+FFFD` as half a character |
//! | `unknown_event`, `unknown_block` | `at`: something the protocol may grow |
//! | `unknown_beta` | `beta` (else `inline-tools-2026-09-15`): requests with this header are refused, as by an older deployment; `ignored`: the header is lost on the way. Strikes only them |
//! | `expire_container` | the container in the request has expired, for good. `told` says how: `event` (the first event of a stream, else 404), `not_found` (404), `internal` (a bare 500), `result` (in the results of its steps) |
//! | `first_event` | `error_type`, `message`: an `error` event in place of all others, after HTTP 200; without a stream the status that belongs to it |
//! | `refuse_thinking` | requests with thinking are refused. Strikes only them |
//! | `other_organization` | from here on the account is another organization's, which cannot read what was thought so far |
//! | `refuse_diagnostics` | requests with `diagnostics` are refused, as by other clouds. Strikes only them |
//! | `old_version` | `anthropic-version: 2026-10-21` is refused, as by an older deployment. Strikes only it |
//! | `fail_download` | `status`: downloading a file fails |
//! | `deltas` | `count`, `size`, `every_ms`: the answer is this much generated text |
//!
//! `at` is `after_events=N` or `after_deltas=N`, counted over the response; without it a fault in
//! a script strikes where it stands, an armed one after `message_start`.

mod handle;
mod parse;

use serde_json::{Map, Value};

use super::error::ApiError;
use super::headers::Version;
use super::request::{is_thinking, text};
pub use handle::{Ended, Faults};
pub(in crate::emulator) use handle::{stand_before, strikes};
use parse::Fields;

/// One fault.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// What happens.
    pub kind: FaultKind,
    /// How many requests it strikes.
    pub times: u32,
    /// What the request's path must contain.
    pub path: String,
}

/// What goes wrong. The fields are described in the module's table.
#[derive(Debug, Clone, PartialEq)]
pub enum FaultKind {
    /// An error in place of an answer.
    Status(Refusal),
    /// A TCP reset in place of an answer.
    Reset,
    /// A late answer.
    SlowStart {
        /// Milliseconds.
        ms: u64,
    },
    /// Something within the stream.
    Stream(At, Disturbance),
    /// How the bytes are cut.
    Chunks(Chunking),
    /// How characters beyond U+FFFF are written.
    Surrogates,
    /// A header that is not known here; other requests are not struck.
    UnknownBeta {
        /// The name in `anthropic-beta`.
        beta: String,
        /// Dropped in place of refused.
        ignored: bool,
    },
    /// The request's container has expired.
    ExpireContainer(Told),
    /// An `error` event in place of the stream's first.
    FirstEvent {
        /// `error.type`.
        kind: String,
        /// `error.message`; the usual one of the type when `None`.
        message: Option<String>,
    },
    /// Something in the request is refused, whatever else it holds; others are not struck.
    Refuse(Refused),
    /// The account is another organization's from here on.
    OtherOrganization,
    /// Generated text in place of a script's.
    Deltas(Deltas),
}

/// How a client learns that a container has expired (`claude-api.md` 0.1, 1 and 15).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Told {
    /// By the first event of a stream; by a 404 without one.
    #[default]
    Event,
    /// By a 404.
    NotFound,
    /// By a 500 that says nothing.
    Internal,
    /// By the results of steps in it.
    Result,
}

/// What is refused wherever it is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Thinking in the history.
    Thinking,
    /// The field `diagnostics`.
    Diagnostics,
    /// The newest `anthropic-version`.
    Version,
}

/// An HTTP error.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Refusal {
    /// The status code.
    pub status: u16,
    /// The `retry-after` header.
    pub retry_after: Option<String>,
    /// The `retry-after-ms` header.
    pub retry_after_ms: Option<String>,
    /// The `x-should-retry` header.
    pub should_retry: Option<bool>,
    /// `error.message`.
    pub message: Option<String>,
    /// `error.details.error_code`.
    pub error_code: Option<String>,
    /// A body that is not JSON, as a proxy sends.
    pub body: Option<String>,
}

/// Where in the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// In a script: where it stands.
    Here,
    /// After so many events of any kind.
    Events(u64),
    /// After so many `content_block_delta` events.
    Deltas(u64),
}

/// What happens in the stream.
#[derive(Debug, Clone, PartialEq)]
pub enum Disturbance {
    /// It ends.
    Cut {
        /// As a complete HTTP response, not as a broken connection.
        clean: bool,
    },
    /// An `error` event, then the end.
    Error {
        /// `error.type`.
        kind: String,
        /// `error.message`.
        message: String,
    },
    /// Silence.
    Stall {
        /// Milliseconds; for ever when `None`.
        ms: Option<u64>,
    },
    /// Silence until [`Faults::open_gate`].
    Gate {
        /// The gate's name.
        name: String,
    },
    /// An event of an unknown kind.
    UnknownEvent,
    /// A content block of an unknown kind, as soon as no other block is open.
    UnknownBlock,
}

/// How a stream is cut into writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chunking {
    /// So many bytes each, across events.
    Size(usize),
    /// Within every character of several bytes.
    SplitUtf8,
}

/// Generated text, for measuring clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deltas {
    /// How many deltas.
    pub count: u64,
    /// Bytes of text in each.
    pub size: usize,
    /// Milliseconds from one to the next; 0 for as fast as they are read.
    pub every_ms: u64,
}

/// A gate's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Closed,
    Reached,
    Open,
}

impl Fault {
    /// Reads a fault from JSON, as `POST /_emulator/faults` takes it.
    ///
    /// # Errors
    /// One sentence that names the unknown kind or field.
    pub fn from_json(value: &Value) -> Result<Self, String> {
        let map = value.as_object().ok_or("a fault is an object")?;
        let mut fields = Fields(map.clone());
        let fault = fields.fault(At::Events(1))?;
        fields.finish()?;
        Ok(fault)
    }

    /// Reads a fault from a script: a kind, then `name=value` pairs.
    ///
    /// # Errors
    /// One sentence that names the unknown kind or field.
    pub fn from_script(text: &str) -> Result<Self, String> {
        let mut words = text.split_whitespace();
        let kind = words.next().ok_or("a fault needs a kind")?;
        let mut map = Map::new();
        if let Ok(status) = kind.parse::<u16>() {
            map.insert("kind".into(), "status".into());
            map.insert("status".into(), status.into());
        } else {
            map.insert("kind".into(), kind.into());
        }
        for word in words {
            let (name, value) = word
                .split_once('=')
                .ok_or_else(|| format!("`{word}` in a fault is not `name=value`"))?;
            let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
            map.insert(name.replace('-', "_"), value);
        }
        let mut fields = Fields(map);
        let fault = fields.fault(At::Here)?;
        fields.finish()?;
        Ok(fault)
    }

    /// A fault that strikes one `POST /v1/messages`.
    #[must_use]
    pub fn once(kind: FaultKind) -> Self {
        Self {
            kind,
            times: 1,
            path: "/v1/messages".into(),
        }
    }

    /// The same fault, striking `times` times.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }
}

/// What of a request decides whether a fault strikes it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent<'a> {
    pub(super) betas: &'a [String],
    pub(super) version: Option<Version>,
    pub(super) body: &'a Value,
}

impl FaultKind {
    /// Whether a request can be struck at all.
    pub(super) fn concerns(&self, sent: &Sent<'_>) -> bool {
        match self {
            Self::UnknownBeta { beta, .. } => sent.betas.contains(beta),
            Self::Refuse(Refused::Thinking) => thinks(sent.body),
            Self::Refuse(Refused::Diagnostics) => sent.body.get("diagnostics").is_some(),
            Self::Refuse(Refused::Version) => sent.version == Some(Version::New),
            Self::ExpireContainer(_) => container_of(sent.body).is_some(),
            _ => true,
        }
    }
}

impl Refused {
    /// The error this leads to.
    pub(super) fn error(self) -> ApiError {
        ApiError::invalid(match self {
            Self::Thinking => "messages: `thinking` blocks of this conversation cannot be used",
            Self::Diagnostics => "diagnostics: Extra inputs are not permitted",
            Self::Version => "Invalid API version",
        })
    }
}

/// Returns the container that a body names.
fn container_of(body: &Value) -> Option<&str> {
    let container = body.get("container")?;
    container.as_str().or_else(|| text(container, "id"))
}

/// Whether there is thinking in the messages of a body.
fn thinks(body: &Value) -> bool {
    let messages = body.get("messages").and_then(Value::as_array);
    let contents = messages.into_iter().flatten();
    let contents = contents.filter_map(|message| message.get("content")?.as_array());
    contents.flatten().any(is_thinking)
}

impl Refusal {
    /// The error this stands for.
    pub(super) fn error(&self) -> ApiError {
        let mut error = ApiError::status(self.status, self.message.clone());
        if let Some(code) = &self.error_code {
            error = error.code(code);
        }
        let headers = [
            ("retry-after", self.retry_after.clone()),
            ("retry-after-ms", self.retry_after_ms.clone()),
            ("x-should-retry", self.should_retry.map(|is| is.to_string())),
        ];
        for (name, value) in headers {
            if let Some(value) = value {
                error.headers.push((name.into(), value));
            }
        }
        error
    }
}

/// The faults one request takes.
#[derive(Debug, Clone, Default)]
pub(super) struct Taken(pub(super) Vec<FaultKind>);

impl Taken {
    /// Takes what strikes a request to `path` from the armed ones.
    pub(super) fn from(armed: &mut Vec<Fault>, path: &str, sent: &Sent<'_>) -> Self {
        let mut taken: Vec<FaultKind> = Vec::new();
        for fault in armed.iter_mut() {
            let gate = matches!(fault.kind, FaultKind::Stream(_, Disturbance::Gate { .. }));
            let again = taken.iter().any(|kind| same_kind(kind, &fault.kind));
            let aimed = path.contains(&fault.path) && fault.kind.concerns(sent);
            if fault.times == 0 || !aimed || (again && !gate) {
                continue;
            }
            fault.times -= 1;
            taken.push(fault.kind.clone());
            let answers = matches!(
                fault.kind,
                FaultKind::Status(_)
                    | FaultKind::Reset
                    | FaultKind::FirstEvent { .. }
                    | FaultKind::Refuse(_)
            );
            if answers {
                break;
            }
        }
        armed.retain(|fault| fault.times > 0);
        Self(taken)
    }

    /// Whether a header of the request is lost on the way.
    pub(super) fn hides(&self, sent: &str) -> bool {
        self.0.iter().any(
            |kind| matches!(kind, FaultKind::UnknownBeta { beta, ignored: true } if beta == sent),
        )
    }
}

fn same_kind(one: &FaultKind, other: &FaultKind) -> bool {
    use std::mem::discriminant;
    match (one, other) {
        (FaultKind::Stream(_, one), FaultKind::Stream(_, other)) => {
            discriminant(one) == discriminant(other)
        }
        (FaultKind::UnknownBeta { beta: one, .. }, FaultKind::UnknownBeta { beta: other, .. }) => {
            one == other
        }
        (FaultKind::Refuse(one), FaultKind::Refuse(other)) => one == other,
        _ => discriminant(one) == discriminant(other),
    }
}
