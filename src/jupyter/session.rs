//! Who we are on the wire: session id, user name, signing key, and the window of seen signatures.
//!
//! Pure: time and the session's id come from the [`Host`]. Every header made here has a message id
//! of its own, so no two messages of a process carry the same signature (clients refuse repeats).
//!
//! Source: Jupyter messaging spec 5.5, "General Message Format"; jupyter_client, "Security".

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use chrono::SecondsFormat;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

use super::wire::WireError;
use crate::host::Host;

/// The protocol version in every header and in `kernel_info_reply`.
///
/// 5.5: subscribers of iopub are welcomed, and control answers `kernel_info_request`.
pub const PROTOCOL_VERSION: &str = "5.5";

/// The only signature scheme offered, and the default of connection files.
pub const SIGNATURE_SCHEME: &str = "hmac-sha256";

/// How many signatures are remembered; jupyter_client keeps as many.
pub const REPLAY_WINDOW: usize = 65_536;

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

/// HMAC-SHA256 over the four JSON frames; with an empty key messages are neither signed nor checked.
#[derive(Clone)]
pub struct Signer(Option<Hmac<Sha256>>);

/// The signature scheme of a connection file is one that is not offered.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("signature scheme `{0}` is not supported: use `hmac-sha256`")]
pub struct UnsupportedScheme(pub String);

/// A verified signature, as bytes.
pub(super) type Tag = [u8; 32];

impl Signer {
    /// Makes the signer for a connection file's `signature_scheme` and `key`.
    ///
    /// # Errors
    /// When `scheme` is another than [`SIGNATURE_SCHEME`], even if the key is empty.
    pub fn new(scheme: &str, key: &[u8]) -> Result<Self, UnsupportedScheme> {
        if scheme != SIGNATURE_SCHEME {
            return Err(UnsupportedScheme(scheme.to_owned()));
        }
        // HMAC takes a key of any length, so the error cannot come; if it did, nothing would verify.
        if key.is_empty() {
            return Ok(Self(None));
        }
        Hmac::new_from_slice(key)
            .map(|mac| Self(Some(mac)))
            .map_err(|_| UnsupportedScheme(scheme.to_owned()))
    }

    /// Makes a signer that signs nothing and accepts everything.
    #[must_use]
    pub fn unsigned() -> Self {
        Self(None)
    }

    /// Returns the signature frame of the joined `signed` frames: lowercase hex, or empty.
    #[must_use]
    pub fn sign(&self, signed: &[u8]) -> Bytes {
        let Some(mac) = &self.0 else {
            return Bytes::new();
        };
        let mut mac = mac.clone();
        mac.update(signed);
        let mut hex = Vec::with_capacity(64);
        for byte in mac.finalize().into_bytes() {
            hex.push(hex_digit(byte >> 4));
            hex.push(hex_digit(byte & 0xf));
        }
        hex.into()
    }

    /// Checks `signature` against the frames as they came, in constant time.
    ///
    /// Returns the tag for the replay window; `None` when messages are unsigned.
    pub(super) fn verify(
        &self,
        signature: &[u8],
        frames: [&[u8]; 4],
    ) -> Result<Option<Tag>, WireError> {
        let Some(mac) = &self.0 else {
            return Ok(None);
        };
        if signature.is_empty() {
            return Err(WireError::Unsigned);
        }
        let tag = parse_hex(signature).ok_or(WireError::BadSignature)?;
        let mut mac = mac.clone();
        for frame in frames {
            mac.update(frame);
        }
        mac.verify_slice(&tag)
            .map_err(|_| WireError::BadSignature)?;
        Ok(Some(tag))
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Some(_) => "Signer(hmac-sha256)",
            None => "Signer(unsigned)",
        })
    }
}

/// The last [`REPLAY_WINDOW`] verified signatures: a message that comes twice is refused.
#[derive(Debug, Default)]
pub struct ReplayWindow {
    seen: HashSet<u64>,
    order: VecDeque<u64>,
}

impl ReplayWindow {
    /// Returns false when `tag` was admitted before and is still in the window.
    pub(super) fn admit(&mut self, tag: &Tag) -> bool {
        // Eight bytes of a MAC: nobody without the key can aim at them, and a chance match among
        // 65,536 is one in 2^48.
        let [a, b, c, d, e, f, g, h, ..] = *tag;
        let short = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        if !self.seen.insert(short) {
            return false;
        }
        self.order.push_back(short);
        if self.order.len() > REPLAY_WINDOW
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        true
    }
}

fn hex_digit(nibble: u8) -> u8 {
    match nibble {
        0..=9 => b'0' + nibble,
        _ => b'a' + nibble - 10,
    }
}

fn parse_hex(text: &[u8]) -> Option<Tag> {
    let (pairs, []) = text.as_chunks::<2>() else {
        return None;
    };
    let mut tag = Tag::default();
    if pairs.len() != tag.len() {
        return None;
    }
    for (byte, [high, low]) in tag.iter_mut().zip(pairs) {
        *byte = nibble(*high)? << 4 | nibble(*low)?;
    }
    Some(tag)
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}
