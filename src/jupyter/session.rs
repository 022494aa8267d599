//! The identity of the kernel in its messages: session id, user name, signing key.
//!
//! Pure: the time and the session's id come from the [`Host`]. Every header made here has its own
//! message id. So no two messages of a process have the same signature; clients refuse a signature
//! that repeats.
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
/// With version 5.5, a new subscriber of iopub gets a welcome message, and control answers
/// `kernel_info_request`.
pub const PROTOCOL_VERSION: &str = "5.5";

/// `username` of every message from the kernel.
const USERNAME: &str = "kernel";

/// The identity of one kernel process. By its id, front ends tell a new process from an old one.
#[derive(Debug)]
pub struct Session {
    id: String,
    sent: AtomicU64,
    signer: Signer,
    host: Arc<dyn Host>,
}

impl Session {
    /// Makes a session with a new id.
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

    /// Returns the signer, which signs and verifies the messages of this session.
    #[must_use]
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    /// Returns the host that the session takes the time from.
    #[must_use]
    pub fn host(&self) -> &Arc<dyn Host> {
        &self.host
    }

    /// Returns the JSON of a new header, with a new `msg_id` and the present date.
    #[must_use]
    pub fn header(&self, msg_type: &str) -> String {
        let number = self.sent.fetch_add(1, Ordering::Relaxed);
        let date = self.host.now().to_rfc3339_opts(SecondsFormat::Micros, true);
        // `Value` is displayed as JSON, so the one part that a caller chooses is escaped.
        let msg_type = Value::from(msg_type);
        let id = &self.id;
        format!(
            r#"{{"msg_id":"{id}_{number}","session":"{id}","username":"{USERNAME}","date":"{date}","msg_type":{msg_type},"version":"{PROTOCOL_VERSION}"}}"#
        )
    }
}
