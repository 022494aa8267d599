//! Frames: one byte of flags, a length of one or eight bytes, and the body.

use bytes::{BufMut, Bytes, BytesMut};

use super::ZmtpError;

const MORE: u8 = 0b001;
const LONG: u8 = 0b010;
const COMMAND: u8 = 0b100;

/// The length of the longest header, in bytes.
pub const MAX_HEADER_BYTES: usize = 9;

/// If a frame has at least this many bytes, it is sent without a copy. A smaller frame is copied
/// next to the frames around it: this costs less than one more buffer in the call to the operating
/// system.
const SHARED_FROM_BYTES: usize = 4096;

/// The kind of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameKind {
    /// A frame that belongs to a message.
    Part {
        /// Whether it is the last frame of the message.
        is_last: bool,
    },
    /// A command of the protocol itself.
    Command,
}

/// The part of a frame before its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// The kind of the frame.
    pub kind: FrameKind,
    /// The length of its body, in bytes.
    pub length: u64,
}

impl FrameHeader {
    /// Reads the header at the beginning of `bytes`; returns it and its own length. `None` if it is
    /// not complete yet.
    ///
    /// # Errors
    /// If the flags are not valid.
    pub fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, ZmtpError> {
        let Some((&flags, rest)) = bytes.split_first() else {
            return Ok(None);
        };
        let kind = match flags & !LONG {
            0 => FrameKind::Part { is_last: true },
            MORE => FrameKind::Part { is_last: false },
            COMMAND => FrameKind::Command,
            _ => return Err(ZmtpError::Flags { flags }),
        };
        let read = |length, header| (Self { kind, length }, header);
        Ok(if flags & LONG == 0 {
            rest.first().map(|&length| read(u64::from(length), 2))
        } else {
            rest.first_chunk()
                .map(|length| read(u64::from_be_bytes(*length), MAX_HEADER_BYTES))
        })
    }

    /// Appends the header, in its shortest form.
    pub fn append_to(self, buffer: &mut BytesMut) {
        let flags = match self.kind {
            FrameKind::Part { is_last: true } => 0,
            FrameKind::Part { is_last: false } => MORE,
            FrameKind::Command => COMMAND,
        };
        match u8::try_from(self.length) {
            Ok(length) => buffer.put_slice(&[flags, length]),
            Err(_) => {
                buffer.put_u8(flags | LONG);
                buffer.put_u64(self.length);
            }
        }
    }
}

/// Writes a message of these frames: the bytes to send, in a few pieces. Large frames are shared
/// with the caller and not copied. If there are no frames, there is no message and no piece.
#[must_use]
pub fn encode(frames: &[Bytes]) -> Vec<Bytes> {
    let mut pieces = Vec::new();
    let copied = |frame: &&Bytes| frame.len() < SHARED_FROM_BYTES;
    let small: usize = frames.iter().filter(copied).map(Bytes::len).sum();
    let mut buffer = BytesMut::with_capacity(small + frames.len() * MAX_HEADER_BYTES);
    for (number, frame) in frames.iter().enumerate() {
        let header = FrameHeader {
            kind: FrameKind::Part {
                is_last: number + 1 == frames.len(),
            },
            length: frame.len() as u64,
        };
        header.append_to(&mut buffer);
        if copied(&frame) {
            buffer.put_slice(frame);
        } else {
            pieces.push(buffer.split().freeze());
            pieces.push(frame.clone());
        }
    }
    if !buffer.is_empty() {
        pieces.push(buffer.freeze());
    }
    pieces
}
