//! Looks at what a peer sends as it passes, and refuses it before anybody makes room for it.
//!
//! Nothing is kept but counters and the command that is coming: a frame's length is known from its
//! header, and the header is judged when its last byte comes.

use bytes::{Bytes, BytesMut};

use super::frame::MAX_HEADER_BYTES;
use super::greeting::{self, GREETING_BYTES};
use super::{FrameHeader, FrameKind, ZmtpError};

/// What a peer may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one message, all its frames together.
    pub message_bytes: u64,
    /// Frames of one message.
    pub parts: u32,
    /// Bytes of one command.
    pub command_bytes: u64,
}

/// Judges the bytes of one peer, from its greeting on.
#[derive(Debug)]
pub struct Guard {
    limits: Limits,
    stage: Stage,
    is_ready: bool,
    /// Of the message that is coming.
    parts: u32,
    message_bytes: u64,
    /// Of the command that is coming.
    command: BytesMut,
}

/// What becomes of the bytes that passed.
pub trait Passed {
    /// Bytes of the greeting, of READY or of messages, in order.
    fn bytes(&mut self, bytes: &[u8]);
    /// The body of a command after READY: these concern the connection, not the socket behind it.
    fn command(&mut self, body: Bytes);
}

/// Nothing becomes of them.
impl Passed for () {
    fn bytes(&mut self, _: &[u8]) {}
    fn command(&mut self, _: Bytes) {}
}

#[derive(Debug)]
enum Stage {
    Greeting { seen: usize },
    Header(Header),
    Body { kind: FrameKind, left: u64 },
}

/// The bytes of a header that is not whole yet.
#[derive(Debug, Default)]
struct Header {
    bytes: [u8; MAX_HEADER_BYTES],
    len: usize,
}

impl Header {
    fn push(&mut self, byte: u8) -> Result<Option<FrameHeader>, ZmtpError> {
        if let Some(place) = self.bytes.get_mut(self.len) {
            *place = byte;
            self.len += 1;
        }
        Ok(FrameHeader::parse(self.bytes())?.map(|(header, _)| header))
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl Guard {
    /// Begins before the greeting.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            stage: Stage::Greeting { seen: 0 },
            is_ready: false,
            parts: 0,
            message_bytes: 0,
            command: BytesMut::new(),
        }
    }

    /// Begins after the handshake, with who is trusted to end its messages.
    #[must_use]
    pub fn trusting() -> Self {
        Self {
            stage: Stage::Header(Header::default()),
            is_ready: true,
            ..Self::new(Limits {
                message_bytes: u64::MAX,
                parts: u32::MAX,
                command_bytes: u64::MAX,
            })
        }
    }

    /// Returns whether a whole message, or none, has come.
    #[must_use]
    pub fn is_between_messages(&self) -> bool {
        self.parts == 0 && matches!(&self.stage, Stage::Header(header) if header.len == 0)
    }

    /// Returns whether the peer's first command, READY, has come.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.is_ready
    }

    /// Judges the next bytes. After an error the connection is to be closed.
    ///
    /// # Errors
    /// Says what is too much, or not ZMTP.
    pub fn check(&mut self, bytes: &[u8]) -> Result<(), ZmtpError> {
        self.sift(bytes, &mut ())
    }

    /// Judges the next bytes, and hands on what passed.
    ///
    /// # Errors
    /// Says what is too much, or not ZMTP.
    pub fn sift(&mut self, mut bytes: &[u8], passed: &mut impl Passed) -> Result<(), ZmtpError> {
        while let Some((&byte, rest)) = bytes.split_first() {
            bytes = match &mut self.stage {
                Stage::Greeting { seen } => {
                    greeting::check_byte(*seen, byte)?;
                    *seen += 1;
                    if *seen == GREETING_BYTES {
                        self.stage = Stage::Header(Header::default());
                    }
                    passed.bytes(&[byte]);
                    rest
                }
                Stage::Header(header) => {
                    if let Some(parsed) = header.push(byte)? {
                        let head = std::mem::take(header);
                        self.admit(parsed)?;
                        if !self.keeps(parsed.kind) {
                            passed.bytes(head.bytes());
                        }
                        self.enter(parsed.kind, parsed.length, passed);
                    }
                    rest
                }
                Stage::Body { kind, left } => {
                    let here = usize::try_from(*left).unwrap_or(usize::MAX);
                    let (body, rest) = bytes.split_at(here.min(bytes.len()));
                    let (kind, left) = (*kind, *left - body.len() as u64);
                    match self.keeps(kind) {
                        true => self.command.extend_from_slice(body),
                        false => passed.bytes(body),
                    }
                    self.enter(kind, left, passed);
                    rest
                }
            };
        }
        Ok(())
    }

    /// Returns whether a frame is not handed on as it comes.
    fn keeps(&self, kind: FrameKind) -> bool {
        self.is_ready && kind == FrameKind::Command
    }

    /// Judges a frame by its header.
    fn admit(&mut self, header: FrameHeader) -> Result<(), ZmtpError> {
        match header.kind {
            FrameKind::Command if header.length > self.limits.command_bytes => {
                Err(ZmtpError::CommandTooLong {
                    bytes: header.length,
                    limit: self.limits.command_bytes,
                })
            }
            FrameKind::Command => Ok(()),
            FrameKind::Part { .. } if !self.is_ready => Err(ZmtpError::BeforeReady),
            FrameKind::Part { .. } => {
                self.parts += 1;
                self.message_bytes = self.message_bytes.saturating_add(header.length);
                if self.message_bytes > self.limits.message_bytes {
                    Err(ZmtpError::MessageTooLong {
                        bytes: self.message_bytes,
                        limit: self.limits.message_bytes,
                    })
                } else if self.parts > self.limits.parts {
                    Err(ZmtpError::TooManyParts {
                        limit: self.limits.parts,
                    })
                } else {
                    Ok(())
                }
            }
        }
    }

    /// Goes on in a body of which `left` bytes are to come.
    fn enter(&mut self, kind: FrameKind, left: u64, passed: &mut impl Passed) {
        if left > 0 {
            self.stage = Stage::Body { kind, left };
            return;
        }
        self.stage = Stage::Header(Header::default());
        match kind {
            FrameKind::Command if self.is_ready => passed.command(self.command.split().freeze()),
            FrameKind::Command => self.is_ready = true,
            FrameKind::Part { is_last: true } => {
                self.parts = 0;
                self.message_bytes = 0;
            }
            FrameKind::Part { is_last: false } => {}
        }
    }
}
