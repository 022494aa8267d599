//! Things that go wrong on demand.
//!
//! A fault is armed by the Rust handle, by `POST /_emulator/faults`, or written in a script as
//! `<!-- fault: … -->`. Each strikes `times` times. A request takes at most one armed fault of
//! each kind (any number of gates), in the order they were armed; one that answers in place of the
//! API (`status`, `reset`) takes none after it.
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
//! | `unknown_event`, `unknown_block` | `at`: something the protocol may grow |
//! | `expire_container` | the container in the request has expired |
//! | `fail_download` | `status`: downloading a file fails |
//! | `deltas` | `count`, `size`, `every_ms`: the answer is this much generated text |
//!
//! `at` is `after_events=N` or `after_deltas=N`, counted over the response; without it a fault in
//! a script strikes where it stands, an armed one after `message_start`.

use serde_json::{Map, Value};
use tokio::sync::watch;

use super::error::ApiError;
use super::state::{Recorded, Shared};

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
    /// The request's container has expired.
    ExpireContainer,
    /// Generated text in place of a script's.
    Deltas(Deltas),
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

/// The fields of a fault that have not been read yet.
struct Fields(Map<String, Value>);

impl Fields {
    fn fault(&mut self, default_at: At) -> Result<Fault, String> {
        let kind = self.text("kind")?.ok_or("a fault needs a `kind`")?;
        let times = self.number("times")?.unwrap_or(1);
        let mut path = self.text("path")?;
        let kind = match kind.as_str() {
            "status" => FaultKind::Status(self.refusal(None)?),
            "fail_download" => {
                path.get_or_insert_with(|| "/content".into());
                FaultKind::Status(self.refusal(Some(500))?)
            }
            "reset" => FaultKind::Reset,
            "slow_start" => FaultKind::SlowStart {
                ms: self.needed("ms")?,
            },
            "chunks" => FaultKind::Chunks(self.chunking()?),
            "expire_container" => FaultKind::ExpireContainer,
            "deltas" => FaultKind::Deltas(Deltas {
                count: self.needed("count")?,
                size: usize::try_from(self.number("size")?.unwrap_or(20)).unwrap_or(20),
                every_ms: self.number("every_ms")?.unwrap_or(0),
            }),
            other => {
                let disturbance = self.disturbance(other)?;
                FaultKind::Stream(self.at(default_at)?, disturbance)
            }
        };
        Ok(Fault {
            kind,
            times: u32::try_from(times).unwrap_or(u32::MAX),
            path: path.unwrap_or_else(|| "/v1/messages".into()),
        })
    }

    fn disturbance(&mut self, kind: &str) -> Result<Disturbance, String> {
        Ok(match kind {
            "cut" => Disturbance::Cut {
                clean: self.flag("clean")?.unwrap_or(false),
            },
            "error" => Disturbance::Error {
                kind: self
                    .text("error_type")?
                    .unwrap_or_else(|| "overloaded_error".into()),
                message: self.text("message")?.unwrap_or_else(|| "Overloaded".into()),
            },
            "stall" => Disturbance::Stall {
                ms: self.number("ms")?,
            },
            "gate" => Disturbance::Gate {
                name: self.text("name")?.ok_or("a gate needs a `name`")?,
            },
            "unknown_event" => Disturbance::UnknownEvent,
            "unknown_block" => Disturbance::UnknownBlock,
            other => return Err(format!("there is no fault `{other}`")),
        })
    }

    fn refusal(&mut self, status: Option<u64>) -> Result<Refusal, String> {
        let status = self
            .number("status")?
            .or(status)
            .ok_or("a `status` fault needs a `status`")?;
        let status = u16::try_from(status)
            .ok()
            .filter(|status| (400..=599).contains(status))
            .ok_or_else(|| format!("`{status}` is not an HTTP error status"))?;
        Ok(Refusal {
            status,
            retry_after: self.text("retry_after")?,
            retry_after_ms: self.text("retry_after_ms")?,
            should_retry: self.flag("should_retry")?,
            message: self.text("message")?,
            error_code: self.text("error_code")?,
            body: self.text("body")?,
        })
    }

    fn chunking(&mut self) -> Result<Chunking, String> {
        if self.flag("split_utf8")?.unwrap_or(false) {
            return Ok(Chunking::SplitUtf8);
        }
        match self.number("size")? {
            Some(size) if size > 0 => Ok(Chunking::Size(usize::try_from(size).unwrap_or(1))),
            _ => Err("`chunks` needs a `size` in bytes, or `split_utf8`".into()),
        }
    }

    fn at(&mut self, default: At) -> Result<At, String> {
        Ok(
            match (self.number("after_events")?, self.number("after_deltas")?) {
                (Some(events), None) => At::Events(events),
                (None, Some(deltas)) => At::Deltas(deltas),
                (None, None) => default,
                (Some(_), Some(_)) => {
                    return Err("either `after_events` or `after_deltas`, not both".into());
                }
            },
        )
    }

    fn text(&mut self, name: &str) -> Result<Option<String>, String> {
        match self.0.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(_) => Err(format!("`{name}` must be text")),
        }
    }

    fn number(&mut self, name: &str) -> Result<Option<u64>, String> {
        match self.0.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => value
                .as_u64()
                .map(Some)
                .ok_or_else(|| format!("`{name}` must be a whole number")),
        }
    }

    fn needed(&mut self, name: &str) -> Result<u64, String> {
        self.number(name)?
            .ok_or_else(|| format!("the fault needs `{name}`"))
    }

    fn flag(&mut self, name: &str) -> Result<Option<bool>, String> {
        match self.0.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(is)) => Ok(Some(is)),
            Some(_) => Err(format!("`{name}` must be true or false")),
        }
    }

    fn finish(self) -> Result<(), String> {
        match self.0.keys().next() {
            Some(name) => Err(format!("this fault has no field `{name}`")),
            None => Ok(()),
        }
    }
}

/// The faults one request takes.
#[derive(Debug, Clone, Default)]
pub(super) struct Taken(pub(super) Vec<FaultKind>);

impl Taken {
    /// Takes what strikes a request to `path` from the armed ones.
    pub(super) fn from(armed: &mut Vec<Fault>, path: &str) -> Self {
        let mut taken: Vec<FaultKind> = Vec::new();
        for fault in armed.iter_mut() {
            let gate = matches!(fault.kind, FaultKind::Stream(_, Disturbance::Gate { .. }));
            let again = taken.iter().any(|kind| same_kind(kind, &fault.kind));
            if fault.times == 0 || !path.contains(&fault.path) || (again && !gate) {
                continue;
            }
            fault.times -= 1;
            taken.push(fault.kind.clone());
            if matches!(fault.kind, FaultKind::Status(_) | FaultKind::Reset) {
                break;
            }
        }
        armed.retain(|fault| fault.times > 0);
        Self(taken)
    }
}

fn same_kind(one: &FaultKind, other: &FaultKind) -> bool {
    use std::mem::discriminant;
    match (one, other) {
        (FaultKind::Stream(_, one), FaultKind::Stream(_, other)) => {
            discriminant(one) == discriminant(other)
        }
        _ => discriminant(one) == discriminant(other),
    }
}

/// The Rust handle: arms faults, opens gates, reads the requests received.
#[derive(Debug, Clone)]
pub struct Faults {
    shared: Shared,
}

/// The server has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the offline backend has ended")]
pub struct Ended;

impl Faults {
    pub(super) fn new(shared: Shared) -> Self {
        Self { shared }
    }

    /// Arms a fault.
    ///
    /// # Errors
    /// When the server has ended.
    pub async fn add(&self, fault: Fault) -> Result<(), Ended> {
        let armed = self.shared.with(|state| state.faults.push(fault)).await;
        armed.map_err(|_| Ended)
    }

    /// Disarms everything and opens every gate.
    ///
    /// # Errors
    /// When the server has ended.
    pub async fn clear(&self) -> Result<(), Ended> {
        let cleared = self.shared.with(|state| {
            state.faults.clear();
            for (_, gate) in state.gates.drain() {
                gate.send_replace(Phase::Open);
            }
        });
        cleared.await.map_err(|_| Ended)
    }

    /// Waits until a response stands before the gate. The caller sets the limit.
    ///
    /// # Errors
    /// When the server has ended.
    pub async fn gate_reached(&self, name: &str) -> Result<(), Ended> {
        let mut gate = self.gate(name).await?.subscribe();
        let reached = gate.wait_for(|phase| *phase != Phase::Closed).await;
        reached.map(|_| ()).map_err(|_| Ended)
    }

    /// Lets the response behind the gate go on; a gate not reached yet will not hold.
    ///
    /// # Errors
    /// When the server has ended.
    pub async fn open_gate(&self, name: &str) -> Result<(), Ended> {
        let name = name.to_owned();
        let opened = self.shared.with(move |state| {
            let gate = gate_of(&mut state.gates, &name);
            if gate.send_replace(Phase::Open) == Phase::Reached {
                state.gates.remove(&name);
            }
        });
        opened.await.map_err(|_| Ended)
    }

    /// Returns the requests received, oldest first (the last 500).
    ///
    /// # Errors
    /// When the server has ended.
    pub async fn requests(&self) -> Result<Vec<Recorded>, Ended> {
        let recorded = self
            .shared
            .with(|state| state.requests.iter().cloned().collect());
        recorded.await.map_err(|_| Ended)
    }

    async fn gate(&self, name: &str) -> Result<watch::Sender<Phase>, Ended> {
        let name = name.to_owned();
        let gate = self
            .shared
            .with(move |state| gate_of(&mut state.gates, &name));
        gate.await.map_err(|_| Ended)
    }
}

fn gate_of(
    gates: &mut std::collections::HashMap<String, watch::Sender<Phase>>,
    name: &str,
) -> watch::Sender<Phase> {
    gates
        .entry(name.to_owned())
        .or_insert_with(|| watch::Sender::new(Phase::Closed))
        .clone()
}

/// Stands before a gate until it is opened; one that is open already lets pass once.
pub(super) async fn stand_before(shared: &Shared, name: &str) -> Result<(), ApiError> {
    let owned = name.to_owned();
    let gate = shared
        .with(move |state| {
            let gate = gate_of(&mut state.gates, &owned);
            if *gate.borrow() == Phase::Open {
                state.gates.remove(&owned);
                return None;
            }
            gate.send_replace(Phase::Reached);
            Some(gate.subscribe())
        })
        .await?;
    if let Some(mut gate) = gate {
        // An error means the gate is gone with the server; the stream ends with it.
        let _ = gate.wait_for(|phase| *phase == Phase::Open).await;
    }
    Ok(())
}

/// Strikes a fault written in a script: true while it has struck fewer than its `times`.
pub(super) async fn strikes(shared: &Shared, place: String, times: u32) -> Result<bool, ApiError> {
    shared
        .with(move |state| {
            let struck = state.struck.entry(place).or_insert(0);
            *struck = struck.saturating_add(1);
            *struck <= times
        })
        .await
}
