//! The guard in front of a ROUTER of the `zeromq` crate: bytes pass unchanged or not at all.
//!
//! Edge. When a frame is announced, the crate allocates memory for it, however large it is; and it
//! accepts messages with any number of frames. So peers connect to this relay, which checks what
//! they send before the crate sees it. The relay also makes the handshake with the peer at once. If
//! a peer does not finish it, it never reaches the crate; if it does, it need not wait for two
//! handshakes, one after the other.

use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::future::BoxFuture;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::listener::Stream;
use super::private::Address;
use crate::jupyter::zmtp::{
    self, FrameHeader, GREETING, GREETING_BYTES, Guard, Limits, MAX_HEADER_BYTES, Passed, ZmtpError,
};

/// The type of the socket that peers see.
const ROUTER: &str = "ROUTER";

/// What a client may send. The largest request that front ends allow has about 10 MB. A message has
/// a few frames, and one for each buffer of a widget.
const LIMITS: Limits = Limits {
    message_bytes: 128 * 1024 * 1024,
    parts: 1024,
    command_bytes: 8 * 1024,
};

/// How many answers to pings may wait for the end of a message.
const PONGS: usize = 4;

/// How many bytes are read at a time.
const READ_BYTES: usize = 16 * 1024;

#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Zmtp(#[from] ZmtpError),
    #[error("the peer does not say what it is")]
    Silent,
    #[error("the peer left before it said what it is")]
    Gone,
}

/// Serves one connection. After `closing` is cancelled, it continues only until the last messages
/// of the kernel are written. If the peer has not finished the handshake at `deadline`, the
/// connection ends.
pub(super) async fn relay(
    outside: Stream,
    inside: Arc<Address>,
    closing: CancellationToken,
    deadline: BoxFuture<'static, ()>,
) {
    let (from_peer, mut to_peer) = tokio::io::split(outside);
    let (pongs, answers) = mpsc::channel(PONGS);
    let mut inbound = Inbound {
        from_peer,
        guard: Guard::new(LIMITS),
        space: vec![0; READ_BYTES],
        taken: Taken {
            messages: BytesMut::new(),
            pongs,
        },
    };
    let opened = tokio::select! {
        () = closing.cancelled() => return,
        () = deadline => Err(Ended::Silent),
        opened = inbound.open(&mut to_peer) => opened,
    };
    let ended = match opened {
        Ok(()) => pass(inbound, (to_peer, answers), &inside, &closing).await,
        Err(error) => Err(error),
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended");
    }
}

/// Passes on the bytes in both directions.
async fn pass(
    mut inbound: Inbound,
    (to_peer, answers): (WriteHalf<Stream>, mpsc::Receiver<Bytes>),
    inside: &Address,
    closing: &CancellationToken,
) -> Result<(), Ended> {
    let (from_router, to_router) = inside.connect().await?.into_split();
    let inbound = async {
        tokio::select! {
            // The router sees that no more bytes will come, writes what is left, and closes.
            () = closing.cancelled() => Ok(()),
            ended = inbound.pass(to_router) => ended,
        }
    };
    let outbound = forward(from_router, to_peer, answers);
    tokio::pin!(inbound, outbound);
    tokio::select! {
        () = &mut outbound => Ok(()),
        ended = &mut inbound => {
            ended?;
            outbound.await;
            Ok(())
        }
    }
}

/// The direction from the peer to the router.
struct Inbound {
    from_peer: ReadHalf<Stream>,
    guard: Guard,
    space: Vec<u8>,
    taken: Taken,
}

/// Bytes that were checked and are not passed on yet.
struct Taken {
    messages: BytesMut,
    pongs: mpsc::Sender<Bytes>,
}

impl Passed for Taken {
    fn bytes(&mut self, bytes: &[u8]) {
        self.messages.extend_from_slice(bytes);
    }

    fn command(&mut self, body: Bytes) {
        // If a peer pings faster than it reads, the queue is full and some of its pings get no
        // answer.
        if let Some(pong) = zmtp::answer_to(body) {
            self.pongs.try_send(pong).unwrap_or_default();
        }
    }
}

impl Inbound {
    /// Makes the handshake. The bytes that the peer sent in it are kept; they still have to be
    /// passed on.
    async fn open(&mut self, to_peer: &mut WriteHalf<Stream>) -> Result<(), Ended> {
        let opening = [&GREETING[..], &zmtp::ready(ROUTER)].concat();
        to_peer.write_all(&opening).await?;
        while !self.guard.is_ready() {
            if !self.read().await? {
                return Err(Ended::Gone);
            }
        }
        Ok(())
    }

    /// Passes on what the peer sends, until it closes the connection or sends what is not allowed.
    async fn pass(&mut self, mut to_router: OwnedWriteHalf) -> Result<(), Ended> {
        loop {
            // A router that is gone may have left messages for the peer, so this is not an error.
            if to_router.write_all(&self.taken.messages).await.is_err() {
                return Ok(());
            }
            self.taken.messages.clear();
            if !self.read().await? {
                return Ok(());
            }
        }
    }

    /// Reads some bytes and checks them; false at the end of the connection.
    async fn read(&mut self) -> Result<bool, ZmtpError> {
        // A broken connection counts as one that has ended.
        let read = self.from_peer.read(&mut self.space).await.unwrap_or(0);
        let bytes = self.space.get(..read).unwrap_or_default();
        self.guard.sift(bytes, &mut self.taken)?;
        Ok(read > 0)
    }
}

/// Passes on what the router sends, until it closes. If the peer is gone, what the router sends is
/// still read: if the router could not send it, it would drop what the peer had sent before.
async fn forward(
    mut from_router: OwnedReadHalf,
    mut to_peer: WriteHalf<Stream>,
    answers: mpsc::Receiver<Bytes>,
) {
    if answer(&mut from_router, &mut to_peer, answers)
        .await
        .is_err()
    {
        let heard = tokio::io::copy(&mut from_router, &mut tokio::io::sink()).await;
        tracing::debug!(?heard, "a peer was gone before it was answered");
    }
}

async fn answer(
    from_router: &mut OwnedReadHalf,
    to_peer: &mut WriteHalf<Stream>,
    mut answers: mpsc::Receiver<Bytes>,
) -> io::Result<()> {
    skip_handshake(from_router).await?;
    let mut said = Guard::trusting();
    let mut space = vec![0; READ_BYTES];
    loop {
        let bytes = tokio::select! {
            read = from_router.read(&mut space) => space.get(..read?).unwrap_or_default(),
            // A pong must not be sent in the middle of a message.
            Some(pong) = answers.recv(), if said.is_between_messages() => {
                to_peer.write_all(&pong).await?;
                continue;
            }
        };
        if bytes.is_empty() {
            // The peer sees the end of the connection after it has read everything.
            return to_peer.shutdown().await;
        }
        said.check(bytes).map_err(io::Error::other)?;
        to_peer.write_all(bytes).await?;
    }
}

/// Reads the router's greeting and READY. They are not passed on, because the relay has already
/// sent its own to the peer.
async fn skip_handshake(from_router: &mut OwnedReadHalf) -> io::Result<()> {
    let mut greeting = [0; GREETING_BYTES];
    from_router.read_exact(&mut greeting).await?;
    let mut header = Vec::with_capacity(MAX_HEADER_BYTES);
    let ready = loop {
        header.push(from_router.read_u8().await?);
        if let Some((ready, _)) = FrameHeader::parse(&header).map_err(io::Error::other)? {
            break ready;
        }
    };
    let mut ready = from_router.take(ready.length);
    tokio::io::copy(&mut ready, &mut tokio::io::sink()).await?;
    Ok(())
}
