//! One connection of a socket of our own: bytes in, events out, no I/O.
//!
//! The greeting ([`GREETING`](super::GREETING)) is sent by the caller; everything after it that the
//! protocol wants sent comes as [`Event::Send`].

use bytes::{Bytes, BytesMut};

use super::command::{self, Command};
use super::greeting::GREETING_BYTES;
use super::{FrameHeader, FrameKind, Guard, Limits, ZmtpError};

/// The kinds of socket that are our own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SocketType {
    /// Publishes, and hears of subscriptions.
    Xpub,
    /// Answers requests.
    Rep,
}

impl SocketType {
    /// Returns the name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Xpub => "XPUB",
            Self::Rep => "REP",
        }
    }

    /// Returns whether a socket of the kind `peer` may connect.
    fn talks_to(self, peer: &[u8]) -> bool {
        match self {
            Self::Xpub => matches!(peer, b"SUB" | b"XSUB"),
            Self::Rep => matches!(peer, b"REQ" | b"DEALER"),
        }
    }
}

/// What the bytes of a peer mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The protocol wants this sent to the peer.
    Send(Bytes),
    /// The handshake is over.
    Ready,
    /// The peer wants messages whose first frame begins so.
    Subscribe(Bytes),
    /// It wants them no more.
    Cancel(Bytes),
    /// A message. An XPUB never gets one.
    Message(Vec<Bytes>),
}

/// The state of one connection.
#[derive(Debug)]
pub struct Link {
    socket: SocketType,
    guard: Guard,
    /// What came and is not handed out yet: at most one message, and what was read behind it.
    buffer: BytesMut,
    stage: Stage,
    /// The frames of a message whose last one is to come.
    parts: Vec<Bytes>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Greeting,
    Handshake,
    Traffic,
}

impl Link {
    /// Begins a connection on which nothing came yet.
    #[must_use]
    pub fn new(socket: SocketType, limits: Limits) -> Self {
        Self {
            socket,
            guard: Guard::new(limits),
            buffer: BytesMut::new(),
            stage: Stage::Greeting,
            parts: Vec::new(),
        }
    }

    /// Returns whether the handshake is over.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.stage == Stage::Traffic
    }

    /// Takes the next bytes of the peer; [`next`](Self::next) says what they mean.
    ///
    /// # Errors
    /// When they are too much, or not ZMTP: the connection is to be closed.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<(), ZmtpError> {
        self.guard.check(bytes)?;
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// Returns the next event; `None` if more bytes are needed.
    ///
    /// # Errors
    /// When the peer breaks the protocol: the connection is to be closed.
    #[expect(
        clippy::should_implement_trait,
        reason = "fallible, and goes on after `None`"
    )]
    pub fn next(&mut self) -> Result<Option<Event>, ZmtpError> {
        if self.stage == Stage::Greeting {
            if self.buffer.len() < GREETING_BYTES {
                return Ok(None);
            }
            // Judged by the guard, byte by byte.
            let _greeting = self.buffer.split_to(GREETING_BYTES);
            self.stage = Stage::Handshake;
            return Ok(Some(Event::Send(command::ready(self.socket.as_str()))));
        }
        while let Some((kind, body)) = self.frame()? {
            let event = match kind {
                FrameKind::Command => self.command(body)?,
                FrameKind::Part { is_last } => {
                    self.parts.push(body);
                    match is_last {
                        true => self.message(),
                        false => None,
                    }
                }
            };
            if event.is_some() {
                return Ok(event);
            }
        }
        Ok(None)
    }

    /// Takes the next whole frame out of the buffer.
    fn frame(&mut self) -> Result<Option<(FrameKind, Bytes)>, ZmtpError> {
        let Some((header, header_bytes)) = FrameHeader::parse(&self.buffer)? else {
            return Ok(None);
        };
        let whole = usize::try_from(header.length)
            .ok()
            .and_then(|length| length.checked_add(header_bytes));
        match whole {
            Some(whole) if whole <= self.buffer.len() => {
                let frame = self.buffer.split_to(whole).freeze();
                Ok(Some((header.kind, frame.slice(header_bytes..))))
            }
            _ => Ok(None),
        }
    }

    fn command(&mut self, body: Bytes) -> Result<Option<Event>, ZmtpError> {
        let command = Command::parse(body)?;
        if self.stage == Stage::Handshake {
            return match command {
                Command::Ready { socket_type } if self.socket.talks_to(&socket_type) => {
                    self.stage = Stage::Traffic;
                    Ok(Some(Event::Ready))
                }
                Command::Ready { .. } => Err(ZmtpError::SocketType),
                _ => Err(ZmtpError::Command),
            };
        }
        Ok(match command {
            Command::Subscribe(topic) => Some(Event::Subscribe(topic)),
            Command::Cancel(topic) => Some(Event::Cancel(topic)),
            Command::Ping { context } => Some(Event::Send(command::pong(&context))),
            Command::Ready { .. } | Command::Other => None,
        })
    }

    /// Says what a whole message means. ZMTP 3.0 sends subscriptions as messages of one frame.
    fn message(&mut self) -> Option<Event> {
        let parts = std::mem::take(&mut self.parts);
        if self.socket != SocketType::Xpub {
            return Some(Event::Message(parts));
        }
        match parts.as_slice() {
            [only] => match only.first() {
                Some(1) => Some(Event::Subscribe(only.slice(1..))),
                Some(0) => Some(Event::Cancel(only.slice(1..))),
                _ => None,
            },
            _ => None,
        }
    }
}
