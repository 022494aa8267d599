//! Frames: a byte of flags, a length of one byte or eight, the body.

use bytes::{BufMut, Bytes, BytesMut};

use super::ZmtpError;

const MORE: u8 = 0b001;
const LONG: u8 = 0b010;
const COMMAND: u8 = 0b100;

/// Bytes of the longest header.
pub const MAX_HEADER_BYTES: usize = 9;

/// A frame of this many bytes or more is sent from where it lies; a smaller one is copied next to
/// its neighbours, which costs less than one more buffer for the operating system to gather.
const SHARED_FROM_BYTES: usize = 4096;

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameKind {
    /// A frame of a message.
    Part {
        /// Whether the message ends with it.
        is_last: bool,
    },
    /// A command of the protocol itself.
    Command,
}

/// What stands before the body of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// What the frame is.
    pub kind: FrameKind,
    /// Bytes of its body.
    pub length: u64,
}

impl FrameHeader {
    /// Reads the header at the beginning of `bytes`; returns it and its own length. `None` if it is
    /// not whole yet.
    ///
    /// # Errors
    /// When the flags mean nothing.
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
/// with the caller, not copied. Without a frame there is no message and no piece.
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
