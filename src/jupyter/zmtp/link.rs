//! One connection of a socket of this project: bytes come in, events come out, without I/O.
//!
//! The caller sends the greeting ([`GREETING`](super::GREETING)). If the protocol requires anything
//! else to be sent, it comes as [`Event::Send`].

use bytes::{Bytes, BytesMut};

use super::command::{self, Command};
use super::greeting::GREETING_BYTES;
use super::{FrameHeader, FrameKind, Guard, Limits, ZmtpError};

/// The types of socket that this project implements itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SocketType {
    /// Publishes messages, and receives subscriptions.
    Xpub,
    /// Answers requests.
    Rep,
}

impl SocketType {
    /// Returns the name that is sent in READY.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Xpub => "XPUB",
            Self::Rep => "REP",
        }
    }

    /// Returns whether a socket of the type `peer` may connect.
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
    /// The protocol requires that this is sent to the peer.
    Send(Bytes),
    /// The handshake is over.
    Ready,
    /// The peer wants messages whose first frame begins with this topic.
    Subscribe(Bytes),
    /// The peer no longer wants them.
    Cancel(Bytes),
    /// A message has come. An XPUB never gets this event.
    Message(Vec<Bytes>),
}

/// The state of one connection.
#[derive(Debug)]
pub struct Link {
    socket: SocketType,
    guard: Guard,
    /// The bytes that were received and not processed yet: at most one message, and what was read
    /// after it.
    buffer: BytesMut,
    stage: Stage,
    /// The frames of a message whose last frame has not come yet.
    parts: Vec<Bytes>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Greeting,
    Handshake,
    Traffic,
}

impl Link {
    /// Begins a connection on which nothing has been received yet.
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

    /// Takes the next bytes of the peer; [`next`](Self::next) returns what they mean.
    ///
    /// # Errors
    /// If the bytes exceed a limit or are not ZMTP. Then close the connection.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<(), ZmtpError> {
        self.guard.check(bytes)?;
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// Returns the next event; `None` if more bytes are needed.
    ///
    /// # Errors
    /// If the peer breaks the protocol. Then close the connection.
    #[expect(
        clippy::should_implement_trait,
        reason = "fallible, and goes on after `None`"
    )]
    pub fn next(&mut self) -> Result<Option<Event>, ZmtpError> {
        if self.stage == Stage::Greeting {
            if self.buffer.len() < GREETING_BYTES {
                return Ok(None);
            }
            // The guard has already checked every byte of it.
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

    /// Takes the next complete frame from the buffer.
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

    /// Returns what a complete message means. In ZMTP 3.0, a subscription is a message of one
    /// frame.
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
