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
use sha1::Sha1;
use sha2::{Sha224, Sha256, Sha384, Sha512};
use subtle::ConstantTimeEq as _;

use super::wire::WireError;
use crate::host::Host;

/// The protocol version in every header and in `kernel_info_reply`.
///
/// 5.5: subscribers of iopub are welcomed, and control answers `kernel_info_request`.
pub const PROTOCOL_VERSION: &str = "5.5";

/// The default of connection files; the schemes with SHA-1, SHA-224, SHA-384 and SHA-512 are taken too.
pub const SIGNATURE_SCHEME: &str = "hmac-sha256";

/// How many signatures are remembered; jupyter_client keeps as many.
pub const REPLAY_WINDOW: usize = 65_536;

/// Bytes of the longest signature, that of SHA-512.
const MAX_TAG_BYTES: usize = 64;

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

/// HMAC over the four JSON frames; with an empty key messages are neither signed nor checked.
#[derive(Clone)]
pub struct Signer(Option<Keyed>);

/// A key that waits for what it is to sign, for each scheme that is offered.
#[derive(Clone)]
enum Keyed {
    Sha1(Hmac<Sha1>),
    Sha224(Hmac<Sha224>),
    Sha256(Hmac<Sha256>),
    Sha384(Hmac<Sha384>),
    Sha512(Hmac<Sha512>),
}

/// The signature scheme of a connection file is one that is not offered.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("signature scheme `{0}` is not supported: use `hmac-sha256`")]
pub struct UnsupportedScheme(pub String);

impl Signer {
    /// Makes the signer for a connection file's `signature_scheme` and `key`. With an empty key no
    /// scheme is needed.
    ///
    /// # Errors
    /// When `scheme` is none of `hmac-sha1`, `-sha224`, `-sha256`, `-sha384` and `-sha512`.
    pub fn new(scheme: &str, key: &[u8]) -> Result<Self, UnsupportedScheme> {
        if key.is_empty() {
            return Ok(Self(None));
        }
        let keyed = match scheme {
            "hmac-sha1" => keyed(key).map(Keyed::Sha1),
            "hmac-sha224" => keyed(key).map(Keyed::Sha224),
            SIGNATURE_SCHEME => keyed(key).map(Keyed::Sha256),
            "hmac-sha384" => keyed(key).map(Keyed::Sha384),
            "hmac-sha512" => keyed(key).map(Keyed::Sha512),
            _ => None,
        };
        match keyed {
            Some(keyed) => Ok(Self(Some(keyed))),
            None => Err(UnsupportedScheme(scheme.to_owned())),
        }
    }

    /// Makes a signer that signs nothing and accepts everything.
    #[must_use]
    pub fn unsigned() -> Self {
        Self(None)
    }

    /// Returns the signature frame of the joined `signed` frames: lowercase hex, or empty.
    #[must_use]
    pub fn sign(&self, signed: &[u8]) -> Bytes {
        let Some(keyed) = &self.0 else {
            return Bytes::new();
        };
        let tag = keyed.tag([signed]);
        let mut hex = Vec::with_capacity(2 * tag.len());
        for byte in tag {
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
        let Some(keyed) = &self.0 else {
            return Ok(None);
        };
        if signature.is_empty() {
            return Err(WireError::Unsigned);
        }
        let claimed = parse_hex(signature).ok_or(WireError::BadSignature)?;
        let tag = keyed.tag(frames);
        if !bool::from(tag.ct_eq(&claimed)) {
            return Err(WireError::BadSignature);
        }
        let start = tag.first_chunk().ok_or(WireError::BadSignature)?;
        Ok(Some(Tag(u64::from_le_bytes(*start))))
    }
}

impl Keyed {
    fn tag<const N: usize>(&self, frames: [&[u8]; N]) -> Vec<u8> {
        match self {
            Self::Sha1(mac) => tag(mac, frames),
            Self::Sha224(mac) => tag(mac, frames),
            Self::Sha256(mac) => tag(mac, frames),
            Self::Sha384(mac) => tag(mac, frames),
            Self::Sha512(mac) => tag(mac, frames),
        }
    }
}

/// HMAC takes a key of any length; `None` does not come.
fn keyed<M: KeyInit>(key: &[u8]) -> Option<M> {
    M::new_from_slice(key).ok()
}

fn tag<M: Mac + Clone, const N: usize>(mac: &M, frames: [&[u8]; N]) -> Vec<u8> {
    let mut mac = mac.clone();
    for frame in frames {
        mac.update(frame);
    }
    mac.finalize().into_bytes().to_vec()
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Some(Keyed::Sha1(_)) => "Signer(hmac-sha1)",
            Some(Keyed::Sha224(_)) => "Signer(hmac-sha224)",
            Some(Keyed::Sha256(_)) => "Signer(hmac-sha256)",
            Some(Keyed::Sha384(_)) => "Signer(hmac-sha384)",
            Some(Keyed::Sha512(_)) => "Signer(hmac-sha512)",
            None => "Signer(unsigned)",
        })
    }
}

/// What the replay window remembers of a verified signature.
///
/// Eight bytes of a MAC: nobody without the key can aim at them, and a chance match among 65,536 is
/// one in 2^48.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Tag(u64);

/// The last [`REPLAY_WINDOW`] verified signatures: a message that comes twice is refused.
#[derive(Debug, Default)]
pub struct ReplayWindow {
    seen: HashSet<Tag>,
    order: VecDeque<Tag>,
}

impl ReplayWindow {
    /// Returns false when `tag` was admitted before and is still in the window.
    pub(super) fn admit(&mut self, tag: Tag) -> bool {
        if !self.seen.insert(tag) {
            return false;
        }
        self.order.push_back(tag);
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

fn parse_hex(text: &[u8]) -> Option<Vec<u8>> {
    let (pairs, []) = text.as_chunks::<2>() else {
        return None;
    };
    if pairs.len() > MAX_TAG_BYTES {
        return None;
    }
    let byte = |[high, low]: &[u8; 2]| Some(nibble(*high)? << 4 | nibble(*low)?);
    pairs.iter().map(byte).collect()
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}
