//! Reading a fault: JSON from the control endpoint, `name=value` words from a script.

use serde_json::{Map, Value};

use super::{At, Chunking, Deltas, Disturbance, Fault, FaultKind, Refusal, Refused, Told};

/// The header that `unknown_beta` is about unless it says so.
const INLINE_TOOLS: &str = "inline-tools-2026-09-15";

/// The fields of a fault that have not been read yet.
pub(super) struct Fields(pub(super) Map<String, Value>);

impl Fields {
    pub(super) fn fault(&mut self, default_at: At) -> Result<Fault, String> {
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

    fn told(&mut self) -> Result<Told, String> {
        match self.text("told")?.as_deref() {
            None | Some("event") => Ok(Told::Event),
            Some("not_found") => Ok(Told::NotFound),
            Some("internal") => Ok(Told::Internal),
            Some("result") => Ok(Told::Result),
            Some(other) => Err(format!("an expired container is not told by `{other}`")),
        }
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

    pub(super) fn finish(self) -> Result<(), String> {
        match self.0.keys().next() {
            Some(name) => Err(format!("this fault has no field `{name}`")),
            None => Ok(()),
        }
    }
}
