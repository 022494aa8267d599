//! Reads a fault: JSON from the control endpoint, `name=value` words from a script.

use serde_json::{Map, Value};

use super::fault::{At, Chunking, Deltas, Disturbance, Fault, FaultKind, Refusal, Refused, Told};

/// The header that `unknown_beta` refuses if none is given.
const INLINE_TOOLS: &str = "inline-tools-2026-09-15";

/// Why a fault cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// The fault is not an object.
    #[error("a fault is an object")]
    NoObject,
    /// A field is missing.
    #[error("the fault needs `{0}`")]
    Missing(&'static str),
    /// No field says what happens.
    #[error("a fault needs a `kind`")]
    NoKind,
    /// An error has no status.
    #[error("a `status` fault needs a `status`")]
    NoStatus,
    /// A gate has no name.
    #[error("a gate needs a `name`")]
    NoGate,
    /// There is no such way to tell that a container has expired.
    #[error("an expired container is not told by `{0}`")]
    UnknownTold(String),
    /// A word of a script is not a `name=value` pair.
    #[error("`{0}` in a fault is not `name=value`")]
    NoPair(String),
    /// A field has the wrong type.
    #[error("`{name}` must be {what}")]
    Type {
        /// The field.
        name: &'static str,
        /// What it must be.
        what: &'static str,
    },
    /// The status is not one of an error.
    #[error("`{0}` is not an HTTP error status")]
    Status(u64),
    /// Nothing says how the stream is cut.
    #[error("`chunks` needs a `size` in bytes, or `split_utf8`")]
    Chunks,
    /// Two places in the stream are given.
    #[error("either `after_events` or `after_deltas`, not both")]
    TwoPlaces,
    /// There is no fault of this kind.
    #[error("there is no fault `{0}`")]
    UnknownKind(String),
    /// A fault of this kind has no such field.
    #[error("this fault has no field `{0}`")]
    UnknownField(String),
}

impl Fault {
    /// Reads a fault from JSON, as `POST /_emulator/faults` takes it.
    ///
    /// # Errors
    /// One sentence that names the unknown kind or field.
    pub fn from_json(value: &Value) -> Result<Self, FaultError> {
        let map = value.as_object().ok_or(FaultError::NoObject)?;
        let mut fields = Fields(map.clone());
        let fault = fields.fault(At::Events(1))?;
        fields.finish()?;
        Ok(fault)
    }

    /// Reads a fault from a script: a kind, then `name=value` pairs.
    ///
    /// # Errors
    /// One sentence that names the unknown kind or field.
    pub fn from_script(text: &str) -> Result<Self, FaultError> {
        let mut words = text.split_whitespace();
        let kind = words.next().ok_or(FaultError::NoKind)?;
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
                .ok_or_else(|| FaultError::NoPair(word.to_owned()))?;
            let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
            map.insert(name.replace('-', "_"), value);
        }
        let mut fields = Fields(map);
        let fault = fields.fault(At::Here)?;
        fields.finish()?;
        Ok(fault)
    }
}

/// The fields of a fault that have not been read yet.
struct Fields(Map<String, Value>);

impl Fields {
    fn fault(&mut self, default_at: At) -> Result<Fault, FaultError> {
        let kind = self.text("kind")?.ok_or(FaultError::NoKind)?;
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
            "surrogates" => FaultKind::Surrogates,
            "unknown_beta" => FaultKind::UnknownBeta {
                beta: self.text("beta")?.unwrap_or_else(|| INLINE_TOOLS.into()),
                ignored: self.flag("ignored")?.unwrap_or(false),
            },
            "expire_container" => FaultKind::ExpireContainer(self.told()?),
            "first_event" => FaultKind::FirstEvent {
                kind: self
                    .text("error_type")?
                    .unwrap_or_else(|| "overloaded_error".into()),
                message: self.text("message")?,
            },
            "refuse_thinking" => FaultKind::Refuse(Refused::Thinking),
            "refuse_unknown_keys" => FaultKind::Refuse(Refused::UnknownKeys),
            "refuse_diagnostics" => FaultKind::Refuse(Refused::Diagnostics),
            "old_version" => FaultKind::Refuse(Refused::Version),
            "other_organization" => FaultKind::OtherOrganization,
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

    fn disturbance(&mut self, kind: &str) -> Result<Disturbance, FaultError> {
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
                name: self.text("name")?.ok_or(FaultError::NoGate)?,
            },
            "unknown_event" => Disturbance::UnknownEvent,
            "unknown_block" => Disturbance::UnknownBlock,
            other => return Err(FaultError::UnknownKind(other.to_owned())),
        })
    }

    fn refusal(&mut self, status: Option<u64>) -> Result<Refusal, FaultError> {
        let status = self
            .number("status")?
            .or(status)
            .ok_or(FaultError::NoStatus)?;
        let status = u16::try_from(status)
            .ok()
            .filter(|status| (400..=599).contains(status))
            .ok_or(FaultError::Status(status))?;
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

    fn told(&mut self) -> Result<Told, FaultError> {
        match self.text("told")?.as_deref() {
            None | Some("event") => Ok(Told::Event),
            Some("not_found") => Ok(Told::NotFound),
            Some("internal") => Ok(Told::Internal),
            Some("result") => Ok(Told::Result),
            Some(other) => Err(FaultError::UnknownTold(other.to_owned())),
        }
    }

    fn chunking(&mut self) -> Result<Chunking, FaultError> {
        if self.flag("split_utf8")?.unwrap_or(false) {
            return Ok(Chunking::SplitUtf8);
        }
        match self.number("size")? {
            Some(size) if size > 0 => Ok(Chunking::Size(usize::try_from(size).unwrap_or(1))),
            _ => Err(FaultError::Chunks),
        }
    }

    fn at(&mut self, default: At) -> Result<At, FaultError> {
        Ok(
            match (self.number("after_events")?, self.number("after_deltas")?) {
                (Some(events), None) => At::Events(events),
                (None, Some(deltas)) => At::Deltas(deltas),
                (None, None) => default,
                (Some(_), Some(_)) => {
                    return Err(FaultError::TwoPlaces);
                }
            },
        )
    }

    fn text(&mut self, name: &'static str) -> Result<Option<String>, FaultError> {
        match self.0.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(_) => Err(FaultError::Type { name, what: "text" }),
        }
    }

    fn number(&mut self, name: &'static str) -> Result<Option<u64>, FaultError> {
        match self.0.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => value.as_u64().map(Some).ok_or(FaultError::Type {
                name,
                what: "a whole number",
            }),
        }
    }

    fn needed(&mut self, name: &'static str) -> Result<u64, FaultError> {
        self.number(name)?.ok_or(FaultError::Missing(name))
    }

    fn flag(&mut self, name: &'static str) -> Result<Option<bool>, FaultError> {
        match self.0.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(is)) => Ok(Some(is)),
            Some(_) => Err(FaultError::Type {
                name,
                what: "true or false",
            }),
        }
    }

    fn finish(self) -> Result<(), FaultError> {
        match self.0.keys().next() {
            Some(name) => Err(FaultError::UnknownField(name.clone())),
            None => Ok(()),
        }
    }
}
