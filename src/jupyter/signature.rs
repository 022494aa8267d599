//! Signatures of messages: they are made and checked, and a signature that repeats is refused.
//! Pure.
//!
//! Source: Jupyter messaging spec 5.5, "The wire protocol"; jupyter_client, "Security".

use std::collections::{HashSet, VecDeque};
use std::fmt;

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha224, Sha256, Sha384, Sha512};
use subtle::ConstantTimeEq as _;

/// The default of connection files. The schemes with SHA-1, SHA-224, SHA-384 and SHA-512 are
/// accepted too.
pub const SIGNATURE_SCHEME: &str = "hmac-sha256";

/// How many signatures are remembered: as many as jupyter_client remembers.
pub const REPLAY_WINDOW: usize = 65_536;

/// The length in bytes of the longest signature, the one of SHA-512.
const MAX_TAG_BYTES: usize = 64;

/// The HMAC over the four JSON frames. If the key is empty, messages are neither signed nor
/// checked.
#[derive(Clone)]
pub struct Signer(Option<Keyed>);

/// An HMAC that has its key and is copied for each message; one variant for each scheme.
#[derive(Clone)]
enum Keyed {
    Sha1(Hmac<Sha1>),
    Sha224(Hmac<Sha224>),
    Sha256(Hmac<Sha256>),
    Sha384(Hmac<Sha384>),
    Sha512(Hmac<Sha512>),
}

/// Why a signature is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The message has no signature, but a key is set.
    #[error("the message is not signed")]
    Missing,
    /// The signature does not match the frames.
    #[error("the signature does not match")]
    Wrong,
    /// The signature was seen before.
    #[error("the message was received before (its signature repeats)")]
    Repeated,
}

/// The connection file asks for a signature scheme that is not supported.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("signature scheme `{0}` is not supported: use `hmac-sha256`")]
pub struct UnsupportedScheme(pub String);

impl Signer {
    /// Makes the signer for the `signature_scheme` and the `key` of a connection file. If the key
    /// is empty, the scheme is not looked at.
    ///
    /// # Errors
    /// If `scheme` is none of `hmac-sha1`, `-sha224`, `-sha256`, `-sha384` and `-sha512`.
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

    /// Returns the signature frame for `signed`, the joined frames: lowercase hexadecimal, or
    /// empty.
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

    /// Checks `signature` against the frames as they were received, in constant time.
    ///
    /// Returns the tag for the replay window; `None` if messages are not signed.
    pub(super) fn verify(
        &self,
        signature: &[u8],
        frames: [&[u8]; 4],
    ) -> Result<Option<Tag>, SignatureError> {
        let Some(keyed) = &self.0 else {
            return Ok(None);
        };
        if signature.is_empty() {
            return Err(SignatureError::Missing);
        }
        let claimed = parse_hex(signature).ok_or(SignatureError::Wrong)?;
        let tag = keyed.tag(frames);
        if !bool::from(tag.ct_eq(&claimed)) {
            return Err(SignatureError::Wrong);
        }
        let start = tag.first_chunk().ok_or(SignatureError::Wrong)?;
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

/// An HMAC takes a key of any length, so `None` is never returned.
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

/// The part of a verified signature that the replay window remembers.
///
/// It is eight bytes of a MAC. Without the key nobody can produce a wanted value, and the chance
/// that a tag equals one of 65,536 others is 1 in 2^48.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Tag(u64);

/// The last [`REPLAY_WINDOW`] verified signatures: if a message comes twice, it is refused.
#[derive(Debug, Default)]
pub struct ReplayWindow {
    seen: HashSet<Tag>,
    order: VecDeque<Tag>,
}

impl ReplayWindow {
    /// Remembers `tag`.
    ///
    /// # Errors
    /// If `tag` is already in the window.
    pub(super) fn admit(&mut self, tag: Tag) -> Result<(), SignatureError> {
        if !self.seen.insert(tag) {
            return Err(SignatureError::Repeated);
        }
        self.order.push_back(tag);
        if self.order.len() > REPLAY_WINDOW
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        Ok(())
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
