//! Commands: READY of the handshake, and the subscriptions and pings of ZMTP 3.1.

use bytes::{BufMut, Bytes, BytesMut};

use super::{FrameHeader, FrameKind, ZmtpError};

/// The property of READY that names the type of socket.
const SOCKET_TYPE: &[u8] = b"Socket-Type";

/// A command of a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Command {
    /// READY: it ends the handshake and has the type of the peer's socket.
    Ready { socket_type: Bytes },
    /// The peer wants the messages of this topic.
    Subscribe(Bytes),
    /// The peer no longer wants them.
    Cancel(Bytes),
    /// The peer asks whether this side is alive. The answer must contain the context.
    Ping { context: Bytes },
    /// Any other command; it needs no reaction.
    Other,
}

impl Command {
    /// Reads the body of a command frame.
    pub(super) fn parse(mut body: Bytes) -> Result<Self, ZmtpError> {
        let name = short(&mut body)?;
        Ok(match &name[..] {
            b"READY" => Self::Ready {
                socket_type: socket_type(body)?,
            },
            b"SUBSCRIBE" => Self::Subscribe(body),
            b"CANCEL" => Self::Cancel(body),
            // The first two bytes say how long the peer will wait.
            b"PING" if body.len() >= 2 => Self::Ping {
                context: body.split_off(2),
            },
            b"PING" => return Err(ZmtpError::Command),
            _ => Self::Other,
        })
    }
}

/// Writes READY, which ends the handshake, for a socket of this type, such as `ROUTER`.
#[must_use]
pub fn ready(socket_type: &str) -> Bytes {
    let mut body = BytesMut::new();
    put_short(&mut body, SOCKET_TYPE);
    // The name of a socket type has only a few letters.
    body.put_u32(u32::try_from(socket_type.len()).unwrap_or_default());
    body.put_slice(socket_type.as_bytes());
    command(b"READY", &body)
}

/// Returns the answer to a command, given its body; `None` if the command needs no answer.
#[must_use]
pub fn answer_to(body: Bytes) -> Option<Bytes> {
    match Command::parse(body) {
        Ok(Command::Ping { context }) => Some(pong(&context)),
        _ => None,
    }
}

/// Writes the answer to a ping.
pub(super) fn pong(context: &[u8]) -> Bytes {
    command(b"PONG", context)
}

fn command(name: &[u8], data: &[u8]) -> Bytes {
    let mut frame = BytesMut::new();
    let header = FrameHeader {
        kind: FrameKind::Command,
        length: (1 + name.len() + data.len()) as u64,
    };
    header.append_to(&mut frame);
    put_short(&mut frame, name);
    frame.put_slice(data);
    frame.freeze()
}

/// Returns the property `Socket-Type`. The case of a property's name does not matter.
fn socket_type(mut properties: Bytes) -> Result<Bytes, ZmtpError> {
    while !properties.is_empty() {
        let name = short(&mut properties)?;
        let length = take(&mut properties, 4)?;
        let length = length
            .iter()
            .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        let value = take(&mut properties, length)?;
        if name.eq_ignore_ascii_case(SOCKET_TYPE) {
            return Ok(value);
        }
    }
    Err(ZmtpError::Command)
}

/// Takes a text from the beginning of `bytes`; one byte before it gives its length.
fn short(bytes: &mut Bytes) -> Result<Bytes, ZmtpError> {
    let length = take(bytes, 1)?.first().copied().unwrap_or_default();
    take(bytes, usize::from(length))
}

fn take(bytes: &mut Bytes, length: usize) -> Result<Bytes, ZmtpError> {
    match length <= bytes.len() {
        true => Ok(bytes.split_to(length)),
        false => Err(ZmtpError::Command),
    }
}

fn put_short(buffer: &mut BytesMut, text: &[u8]) {
    // The names are constants of this module, and short.
    buffer.put_u8(u8::try_from(text.len()).unwrap_or_default());
    buffer.put_slice(text);
}
