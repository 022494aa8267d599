//! The guard in front of a ROUTER of the `zeromq` crate: bytes go through as they are, or not at all.
//!
//! Edge. The crate makes room for a frame when it is announced, however large, and takes messages of
//! any number of frames. So peers connect here; what they send is judged before the crate sees it,
//! and passed on to an address that only this process can reach.

use std::io;
use std::sync::Arc;

use futures::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::unix::OwnedWriteHalf;
use tokio_util::sync::CancellationToken;

use super::listener::Stream;
use super::private::Address;
use crate::jupyter::zmtp::{Guard, Limits, ZmtpError};

/// What a client may send. The largest request that front ends let through has about 10 MB; a
/// message has a handful of frames, and one for each buffer of a widget.
const LIMITS: Limits = Limits {
    message_bytes: 128 * 1024 * 1024,
    parts: 1024,
    command_bytes: 8 * 1024,
};

/// Read at a time.
const READ_BYTES: usize = 16 * 1024;

#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Zmtp(#[from] ZmtpError),
    #[error("the peer does not say what it is")]
    Silent,
}

/// Passes on what goes to and fro on one connection. After `closing` it only goes on until the
/// kernel's last words are written. Ends at `deadline` if the peer is silent until then.
pub(super) async fn relay(
    outside: Stream,
    inside: Arc<Address>,
    closing: CancellationToken,
    deadline: BoxFuture<'static, ()>,
) {
    if let Err(error) = pass(outside, &inside, &closing, deadline).await {
        tracing::debug!(%error, "a connection ended");
    }
}

async fn pass(
    outside: Stream,
    inside: &Address,
    closing: &CancellationToken,
    deadline: BoxFuture<'static, ()>,
) -> Result<(), Ended> {
    let (mut from_router, to_router) = inside.connect().await?.into_split();
    let (from_peer, mut to_peer) = tokio::io::split(outside);
    let inbound = async {
        tokio::select! {
            // The router notices that nothing more comes, writes what it has, and closes.
            () = closing.cancelled() => Ok(()),
            ended = check(from_peer, to_router, deadline) => ended,
        }
    };
    let outbound = async {
        tokio::io::copy(&mut from_router, &mut to_peer).await?;
        to_peer.shutdown().await?;
        Ok(())
    };
    tokio::pin!(inbound, outbound);
    tokio::select! {
        ended = &mut outbound => ended,
        ended = &mut inbound => {
            ended?;
            outbound.await
        }
    }
}

/// Passes on what the peer sends, until it has nothing more to say or says what it may not.
async fn check(
    mut from_peer: impl AsyncRead + Unpin,
    mut to_router: OwnedWriteHalf,
    mut deadline: BoxFuture<'static, ()>,
) -> Result<(), Ended> {
    let mut guard = Guard::new(LIMITS);
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let read = tokio::select! {
            read = from_peer.read(&mut buffer) => read?,
            () = &mut deadline, if !guard.is_ready() => return Err(Ended::Silent),
        };
        let bytes = buffer.get(..read).unwrap_or_default();
        if bytes.is_empty() {
            return Ok(());
        }
        guard.check(bytes)?;
        // A router that is gone may still have had something to say.
        if to_router.write_all(bytes).await.is_err() {
            return Ok(());
        }
    }
}
