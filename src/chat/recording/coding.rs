//! How a recording is written: JSON, deflated, in base64, beside the digests by which it is found.
//!
//! Anybody can edit a notebook: what is read has a limit before and after it is inflated, a version
//! that is known, and the digests that it says it has. Never panics.

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::Deserialize;
use serde_json::Value;

use crate::chat::conversation::digest::Digest;

use super::Recording;
use crate::chat::coded::{SUMMARY, VERSION};

pub use crate::chat::coded::Coded;

/// The largest recording that is written or read, in bytes of base64.
pub const MAX_CODED_BYTES: usize = 16 * 1024 * 1024;
/// The largest recording once it is inflated, in bytes.
pub const MAX_JSON_BYTES: u64 = 64 * 1024 * 1024;
/// If a recording has more bytes than this, the person is told.
pub const LARGE_BYTES: usize = 1_000_000;

/// Why a recording cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It is no recording.
    #[error("it is damaged")]
    Damaged,
    /// A newer version wrote it.
    #[error("a newer version of claude-kernel wrote it (version {version})")]
    Newer {
        /// Its version.
        version: u64,
    },
    /// It has too many bytes.
    #[error("it is larger than any recording that claude-kernel writes")]
    TooLarge,
    /// It was changed after it was written.
    #[error("it was changed after it was written")]
    Changed,
}

impl Coded {
    /// Writes a recording; `None` if it is too large to be kept.
    #[must_use]
    pub fn of(recording: &Recording) -> Option<Self> {
        let text = serde_json::to_vec(recording).ok()?;
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(6));
        encoder.write_all(&text).ok()?;
        let data = STANDARD.encode(encoder.finish().ok()?);
        (data.len() <= MAX_CODED_BYTES).then(|| Self {
            above: recording.asked.above,
            prompt: recording.asked.prompt,
            id: recording.digest(),
            is_summary: false,
            data: data.into(),
        })
    }

    /// Reads what stands in the metadata of a receipt, without inflating it.
    ///
    /// # Errors
    /// If it is no recording, too large, or of a newer version.
    pub fn read(value: &Value) -> Result<Self, Unreadable> {
        let version = value.get("version").and_then(Value::as_u64);
        match version {
            Some(VERSION) => {}
            Some(version) if version > VERSION => return Err(Unreadable::Newer { version }),
            _ => return Err(Unreadable::Damaged),
        }
        let digest = |name: &str| {
            let value = value.get(name).ok_or(Unreadable::Damaged)?;
            Digest::deserialize(value).map_err(|_| Unreadable::Damaged)
        };
        let data = value.get("data").and_then(Value::as_str);
        let data = data.ok_or(Unreadable::Damaged)?;
        if data.len() > MAX_CODED_BYTES {
            return Err(Unreadable::TooLarge);
        }
        Ok(Self {
            above: digest("above")?,
            prompt: digest("prompt")?,
            id: digest("id")?,
            is_summary: value.get("of").and_then(Value::as_str) == Some(SUMMARY),
            data: Arc::from(data),
        })
    }

    /// Inflates and reads the recording.
    ///
    /// # Errors
    /// If it is damaged, too large, or not what its digests say.
    pub fn recording(&self) -> Result<Recording, Unreadable> {
        let deflated = STANDARD.decode(&*self.data);
        let deflated = deflated.map_err(|_| Unreadable::Damaged)?;
        let mut text = Vec::new();
        let mut inflating = DeflateDecoder::new(deflated.as_slice()).take(MAX_JSON_BYTES + 1);
        let read = inflating.read_to_end(&mut text);
        read.map_err(|_| Unreadable::Damaged)?;
        if text.len() as u64 > MAX_JSON_BYTES {
            return Err(Unreadable::TooLarge);
        }
        let recording: Recording =
            serde_json::from_slice(&text).map_err(|_| Unreadable::Damaged)?;
        let asked = &recording.asked;
        if (asked.above, asked.prompt, recording.digest()) != (self.above, self.prompt, self.id) {
            return Err(Unreadable::Changed);
        }
        match recording.is_sound() {
            true => Ok(recording),
            false => Err(Unreadable::Damaged),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::chat::receipt::Receipt;
    use crate::chat::recording::asked::Asked;
    use crate::chat::recording::{Call, RecordedFile};
    use crate::chat::settings::Settings;

    fn recording() -> Recording {
        let settings = Settings::default();
        let thinking = json!({"type": "thinking", "thinking": "hm", "signature": "s"});
        let text = json!({"type": "text", "text": "Four."});
        Recording {
            asked: Asked::of(
                Digest::default(),
                "2 + 2?",
                (&settings, &settings),
                None,
                Vec::new(),
            ),
            prompt: "2 + 2?".to_owned(),
            told: Vec::new(),
            calls: vec![Call {
                model: Some("claude-opus-5-5".to_owned()),
                stop: [("stop_reason".to_owned(), json!("end_turn"))]
                    .into_iter()
                    .collect(),
                blocks: vec![thinking, text],
            }],
            tools: Vec::new(),
            files: vec![RecordedFile {
                id: "file_r1".to_owned(),
                name: "../../x".to_owned(),
                sha256: "0a".repeat(32),
                ..RecordedFile::default()
            }],
            receipt: Receipt::default(),
        }
    }

    #[test]
    fn a_recording_is_read_as_it_was_written_and_slim_has_the_same_digest() {
        let coded = Coded::of(&recording()).unwrap();
        let read = Coded::read(&coded.value()).unwrap();
        assert_eq!(read.recording().unwrap(), recording());
        let slim = recording().slim();
        assert_eq!(slim.calls[0].blocks.len(), 1);
        assert_eq!(slim.digest(), recording().digest());
        assert_eq!(Coded::of(&recording()), Coded::of(&recording()));
    }

    #[test]
    fn what_was_changed_cut_or_blown_up_is_refused() {
        let coded = Coded::of(&recording()).unwrap();
        let mut forged = recording();
        forged.calls[0].blocks[1]["text"] = json!("Five.");
        let forged = Coded {
            data: Coded::of(&forged).unwrap().data,
            ..coded.clone()
        };
        assert_eq!(forged.recording(), Err(Unreadable::Changed));
        let cut = Coded {
            data: coded.data[..8].into(),
            ..coded.clone()
        };
        assert_eq!(cut.recording(), Err(Unreadable::Damaged));
        let mut bomb = DeflateEncoder::new(Vec::new(), Compression::new(9));
        for _ in 0..101 {
            bomb.write_all(&vec![b' '; 1_000_000]).unwrap();
        }
        let bomb = Coded {
            data: STANDARD.encode(bomb.finish().unwrap()).into(),
            ..coded.clone()
        };
        assert!(bomb.len_bytes() < 200_000);
        assert_eq!(bomb.recording(), Err(Unreadable::TooLarge));
        let mut newer = coded.value();
        newer["version"] = json!(2);
        assert_eq!(Coded::read(&newer), Err(Unreadable::Newer { version: 2 }));
        for odd in [
            json!(null),
            json!([]),
            json!({"version": 1}),
            json!({"version": "1"}),
            json!(7),
        ] {
            assert_eq!(Coded::read(&odd), Err(Unreadable::Damaged), "{odd}");
        }
    }
}
