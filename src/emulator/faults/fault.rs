//! A fault as data: what happens, where, how often, and to which requests.

use serde_json::Value;

use crate::emulator::error::ApiError;
use crate::emulator::headers::Version;
use crate::emulator::message::{is_thinking, text};

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
    /// A request with this header is refused or loses the header. Other requests are not struck.
    UnknownBeta {
        /// The name in `anthropic-beta`.
        beta: String,
        /// Whether the header is dropped; if not, the request is refused.
        ignored: bool,
    },
    /// The request's container has expired.
    ExpireContainer(Told),
    /// An `error` event in place of the first event of the stream.
    FirstEvent {
        /// `error.type`.
        kind: String,
        /// `error.message`; if `None`, the usual message of the type.
        message: Option<String>,
    },
    /// A request that holds this is refused, whatever else it holds. Other requests are not struck.
    Refuse(Refused),
    /// From here on the account belongs to another organization.
    OtherOrganization,
    /// Generated text in place of the text of a script.
    Deltas(Deltas),
}

/// How a client learns that a container has expired (`docs/protocol.md#expired-sandbox`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Told {
    /// By the first event of a stream. If the response is not streamed, by a 404.
    #[default]
    Event,
    /// By a 404.
    NotFound,
    /// By a 500 that says nothing.
    Internal,
    /// By the results of the steps that use the container.
    Result,
}

/// What is refused, wherever in a request it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Thinking in the history.
    Thinking,
    /// Keys of blocks that no published type has.
    UnknownKeys,
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
    /// A body that is not JSON, as a proxy sends it.
    pub body: Option<String>,
}

/// Where in the stream the fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// In a script: at its place there.
    Here,
    /// After so many events of any kind.
    Events(u64),
    /// After so many `content_block_delta` events.
    Deltas(u64),
}

/// What happens in the stream.
#[derive(Debug, Clone, PartialEq)]
pub enum Disturbance {
    /// The stream ends.
    Cut {
        /// Whether it ends like a complete HTTP response. If not, like a broken connection.
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
        /// For so many milliseconds; for ever if `None`.
        ms: Option<u64>,
    },
    /// Silence until [`Faults::open_gate`](super::Faults::open_gate) is called.
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
    /// Pieces of this many bytes, across the borders of events.
    Size(usize),
    /// A cut within every character that has several bytes.
    SplitUtf8,
}

/// Generated text, for measuring clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deltas {
    /// How many deltas.
    pub count: u64,
    /// Bytes of text in each.
    pub size: usize,
    /// Milliseconds between two of them; 0 sends them as fast as the client reads.
    pub every_ms: u64,
}

/// How far a gate has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::emulator) enum Phase {
    Closed,
    Reached,
    Open,
}

impl Fault {
    /// A fault that strikes one `POST /v1/messages`.
    #[must_use]
    pub fn once(kind: FaultKind) -> Self {
        Self {
            kind,
            times: 1,
            path: "/v1/messages".into(),
        }
    }

    /// Returns the same fault, but it strikes `times` times.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }
}

/// The parts of a request that decide whether a fault strikes it.
#[derive(Debug, Clone, Copy)]
pub(in crate::emulator) struct Sent<'a> {
    pub(in crate::emulator) betas: &'a [String],
    pub(in crate::emulator) version: Option<Version>,
    pub(in crate::emulator) body: &'a Value,
}

impl FaultKind {
    /// Returns the fault in the form in which it strikes this request: if something is refused, the
    /// error names the place.
    pub(in crate::emulator) fn on(self, sent: &Sent<'_>) -> Self {
        match self {
            Self::Refuse(what) => Self::Status(Refusal {
                status: 400,
                message: Some(what.text(sent.body)),
                ..Refusal::default()
            }),
            other => other,
        }
    }

    /// Whether the fault can strike this request at all.
    pub(in crate::emulator) fn concerns(&self, sent: &Sent<'_>) -> bool {
        match self {
            Self::UnknownBeta { beta, .. } => sent.betas.contains(beta),
            Self::Refuse(Refused::Thinking) => thinks(sent.body),
            Self::Refuse(Refused::UnknownKeys) => unknown_key(sent.body).is_some(),
            Self::Refuse(Refused::Diagnostics) => sent.body.get("diagnostics").is_some(),
            Self::Refuse(Refused::Version) => sent.version == Some(Version::New),
            Self::ExpireContainer(_) => container_of(sent.body).is_some(),
            _ => true,
        }
    }
}

impl Refused {
    /// The text with which the API refuses this body.
    fn text(self, body: &Value) -> String {
        match self {
            Self::Thinking => {
                "messages: `thinking` blocks of this conversation cannot be used".into()
            }
            Self::UnknownKeys => {
                let place = unknown_key(body).unwrap_or_default();
                format!("{place}: Extra inputs are not permitted")
            }
            Self::Diagnostics => "diagnostics: Extra inputs are not permitted".into(),
            Self::Version => "Invalid API version".into(),
        }
    }
}

/// Finds a key, in a block of an answer, that no published type has; returns its place.
fn unknown_key(body: &Value) -> Option<String> {
    const KEY: &str = "abort_reason";
    let messages = body.get("messages")?.as_array()?.iter().enumerate();
    let blocks = messages.flat_map(|(i, message)| {
        let blocks = message.get("content").and_then(Value::as_array);
        let blocks = blocks.into_iter().flatten().enumerate();
        blocks.map(move |(j, block)| (i, j, block))
    });
    let has_it = |block: &Value| block.get("content").and_then(|it| it.get(KEY)).is_some();
    let mut found = blocks.filter(|(_, _, block)| has_it(block));
    let (i, j, block) = found.next()?;
    let kind = text(block, "type").unwrap_or_default();
    Some(format!("messages.{i}.content.{j}.{kind}.content.{KEY}"))
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
    /// The error that this fault sends.
    pub(in crate::emulator) fn error(&self) -> ApiError {
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

/// The faults that one request takes.
#[derive(Debug, Clone, Default)]
pub(in crate::emulator) struct Taken(pub(in crate::emulator) Vec<FaultKind>);

impl Taken {
    /// Takes, from the armed faults, those that strike a request to `path`.
    pub(in crate::emulator) fn from(armed: &mut Vec<Fault>, path: &str, sent: &Sent<'_>) -> Self {
        let mut taken: Vec<FaultKind> = Vec::new();
        for fault in armed.iter_mut() {
            let gate = matches!(fault.kind, FaultKind::Stream(_, Disturbance::Gate { .. }));
            let again = taken.iter().any(|kind| same_kind(kind, &fault.kind));
            let aimed = path.contains(&fault.path) && fault.kind.concerns(sent);
            if fault.times == 0 || !aimed || (again && !gate) {
                continue;
            }
            fault.times -= 1;
            taken.push(fault.kind.clone().on(sent));
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
    pub(in crate::emulator) fn hides(&self, sent: &str) -> bool {
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
