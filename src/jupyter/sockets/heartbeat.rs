//! The heartbeat: what a client sends is sent back to it, whatever the other clients do.
//!
//! Edge. This REP socket belongs to this project. The one of the `zeromq` crate serves its clients
//! in turn, so that a client that does not read makes the others wait.

use std::io;

use bytes::Bytes;
use futures::future::BoxFuture;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_util::sync::CancellationToken;

use super::listener::Stream;
use crate::jupyter::zmtp::{self, Event, GREETING, Limits, Link, SocketType, ZmtpError};

/// What a client may send. Clients send `ping`.
const LIMITS: Limits = Limits {
    message_bytes: 1024 * 1024,
    parts: 64,
    command_bytes: 4096,
};

/// How many bytes are read at a time.
const READ_BYTES: usize = 1024;

#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Zmtp(#[from] ZmtpError),
}

/// Serves one client until it leaves or `closing` is cancelled. If the handshake is not over at
/// `deadline`, the connection ends then.
pub(super) async fn echo(
    stream: Stream,
    closing: CancellationToken,
    deadline: BoxFuture<'static, ()>,
) {
    let ended = tokio::select! {
        () = closing.cancelled() => return,
        ended = converse(stream, deadline) => ended,
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "heartbeat: a connection ended");
    }
}

async fn converse(mut stream: Stream, mut deadline: BoxFuture<'static, ()>) -> Result<(), Ended> {
    let mut link = Link::new(SocketType::Rep, LIMITS);
    let mut buffer = [0; READ_BYTES];
    stream.write_all(&GREETING).await?;
    loop {
        let read = tokio::select! {
            read = stream.read(&mut buffer) => read?,
            () = &mut deadline, if !link.is_ready() => return Ok(()),
        };
        let bytes = buffer.get(..read).unwrap_or_default();
        if bytes.is_empty() {
            return Ok(());
        }
        link.receive(bytes)?;
        while let Some(event) = link.next()? {
            match event {
                Event::Send(bytes) => stream.write_all(&bytes).await?,
                Event::Message(frames) if is_request(&frames) => {
                    for piece in zmtp::encode(&frames) {
                        stream.write_all(&piece).await?;
                    }
                }
                Event::Message(_) | Event::Ready | Event::Subscribe(_) | Event::Cancel(_) => {}
            }
        }
    }
}

/// Returns whether the frames are a request: its body comes after an empty frame.
fn is_request(frames: &[Bytes]) -> bool {
    let envelope = frames.iter().position(Bytes::is_empty);
    envelope.is_some_and(|end| end + 1 < frames.len())
}
