//! Checks what a peer sends while it passes, and refuses it before memory is allocated for it.
//!
//! Only counters and the command that is being received are kept. The length of a frame is known
//! from its header, and the header is checked when its last byte comes.

use bytes::{Bytes, BytesMut};

use super::frame::MAX_HEADER_BYTES;
use super::greeting::{self, GREETING_BYTES};
use super::{FrameHeader, FrameKind, ZmtpError};

/// What a peer may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The bytes of one message, all its frames together.
    pub message_bytes: u64,
    /// The number of frames of one message.
    pub parts: u32,
    /// The bytes of one command.
    pub command_bytes: u64,
}

/// Checks the bytes of one peer, beginning with its greeting.
#[derive(Debug)]
pub struct Guard {
    limits: Limits,
    stage: Stage,
    is_ready: bool,
    /// The counters of the message that is being received.
    parts: u32,
    message_bytes: u64,
    /// The command that is being received.
    command: BytesMut,
}

/// What is done with the bytes that passed the check.
pub trait Passed {
    /// Takes bytes of the greeting, of READY or of messages, in order.
    fn bytes(&mut self, bytes: &[u8]);
    /// Takes the body of a command after READY. Such commands concern the connection and not the
    /// socket behind it.
    fn command(&mut self, body: Bytes);
}

/// Does nothing with the bytes.
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

/// The bytes of a header that is not complete yet.
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
    /// Makes a guard for a connection whose greeting has not come yet.
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

    /// Makes a guard without limits, for a trusted peer whose handshake is over. It only follows
    /// where messages end.
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

    /// Returns whether no message is half received.
    #[must_use]
    pub fn is_between_messages(&self) -> bool {
        self.parts == 0 && matches!(&self.stage, Stage::Header(header) if header.len == 0)
    }

    /// Returns whether the peer's first command, READY, has come.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.is_ready
    }

    /// Checks the next bytes. If it returns an error, close the connection.
    ///
    /// # Errors
    /// If the bytes exceed a limit or are not ZMTP.
    pub fn check(&mut self, bytes: &[u8]) -> Result<(), ZmtpError> {
        self.sift(bytes, &mut ())
    }

    /// Checks the next bytes, and hands on those that passed.
    ///
    /// # Errors
    /// If the bytes exceed a limit or are not ZMTP.
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

    /// Returns whether a frame is kept until it is complete and not handed on piece by piece.
    fn keeps(&self, kind: FrameKind) -> bool {
        self.is_ready && kind == FrameKind::Command
    }

    /// Checks a frame by its header.
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

    /// Continues in a body of which `left` bytes are still missing.
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
