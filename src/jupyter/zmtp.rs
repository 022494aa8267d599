//! ZMTP 3, the protocol below ZeroMQ sockets: bytes to frames and back. Pure.
//!
//! [`Guard`] checks the bytes of a peer while they pass, and refuses what is too large before
//! memory is allocated for it. [`Link`] is one connection of a socket of this project: it answers
//! the handshake and returns messages. [`encode`] writes a message.
//!
//! Only the mechanism NULL is supported. Sources: ZeroMQ RFC 23 (ZMTP 3.0) and RFC 37 (ZMTP 3.1).

mod command;
mod frame;
mod greeting;
mod guard;
mod link;

pub use command::{answer_to, ready};
pub use frame::{FrameHeader, FrameKind, MAX_HEADER_BYTES, encode};
pub use greeting::{GREETING, GREETING_BYTES};
pub use guard::{Guard, Limits, Passed};
pub use link::{Event, Link, SocketType};

/// Why a connection is closed: what the peer sent is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ZmtpError {
    /// The first bytes are not a greeting.
    #[error("the peer does not speak ZMTP")]
    NotZmtp,
    /// The peer speaks ZMTP 1 or 2.
    #[error("the peer speaks ZMTP {major}, 3 is needed")]
    Version {
        /// The major version that it offered.
        major: u8,
    },
    /// The peer asks for another security mechanism than NULL.
    #[error("the peer asks for another security mechanism than NULL")]
    Mechanism,
    /// The flags of a frame are not valid.
    #[error("a frame has the flags {flags:#04x}")]
    Flags {
        /// The first byte of the frame.
        flags: u8,
    },
    /// A frame of a message came before the end of the handshake.
    #[error("a message came before READY")]
    BeforeReady,
    /// A message is too long, counted up to the frame that was announced last.
    #[error("a message of {bytes} bytes is announced, {limit} are allowed")]
    MessageTooLong {
        /// How long it would be.
        bytes: u64,
        /// How long it may be.
        limit: u64,
    },
    /// A message has too many frames.
    #[error("a message has more than {limit} frames")]
    TooManyParts {
        /// How many it may have.
        limit: u32,
    },
    /// A command is too long.
    #[error("a command of {bytes} bytes is announced, {limit} are allowed")]
    CommandTooLong {
        /// How long it would be.
        bytes: u64,
        /// How long it may be.
        limit: u64,
    },
    /// A command cannot be parsed, or another command was expected.
    #[error("a command is malformed")]
    Command,
    /// The peer's socket has a type that this socket does not talk to.
    #[error("the peer's socket is of a type that this one does not talk to")]
    SocketType,
    /// The peer subscribes to too many topics.
    #[error("the peer subscribes to more than {limit} topics")]
    TooManyTopics {
        /// How many it may have.
        limit: usize,
    },
}
