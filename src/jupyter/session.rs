//! Who the kernel is on the wire: session id, user name, signing key.
//!
//! Pure: the time and the session's id come from the [`Host`]. Every header made here has a message
//! id of its own. So no two messages of a process have the same signature; clients refuse a
//! signature that repeats.
//!
//! Source: Jupyter messaging spec 5.5, "General Message Format".

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::SecondsFormat;
use serde_json::Value;

use super::signature::Signer;
use crate::host::Host;

/// The protocol version in every header and in `kernel_info_reply`.
///
/// 5.5: subscribers of iopub are welcomed, and control answers `kernel_info_request`.
pub const PROTOCOL_VERSION: &str = "5.5";

/// `username` of every message from the kernel.
const USERNAME: &str = "kernel";

/// The identity of one kernel process: front ends tell an old process from a new one by its id.
#[derive(Debug)]
pub struct Session {
    id: String,
    sent: AtomicU64,
    signer: Signer,
    host: Arc<dyn Host>,
}

impl Session {
    /// Makes a session with a fresh id.
    #[must_use]
    pub fn new(host: Arc<dyn Host>, signer: Signer) -> Self {
        Self {
            id: host.uuid().to_string(),
            sent: AtomicU64::new(0),
            signer,
            host,
        }
    }

    /// Returns the session's id, a uuid.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns what signs and verifies this session's messages.
    #[must_use]
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    /// Returns where the session takes its time from.
    #[must_use]
    pub fn host(&self) -> &Arc<dyn Host> {
        &self.host
    }

    /// Returns the JSON of a new header: a fresh `msg_id` and the date of now.
    #[must_use]
    pub fn header(&self, msg_type: &str) -> String {
        let number = self.sent.fetch_add(1, Ordering::Relaxed);
        let date = self.host.now().to_rfc3339_opts(SecondsFormat::Micros, true);
        // `Value`'s Display is JSON: the one part that a caller chooses is escaped.
        let msg_type = Value::from(msg_type);
        let id = &self.id;
        format!(
            r#"{{"msg_id":"{id}_{number}","session":"{id}","username":"{USERNAME}","date":"{date}","msg_type":{msg_type},"version":"{PROTOCOL_VERSION}"}}"#
        )
    }
}
