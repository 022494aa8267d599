//! The listener: its sockets can be reset, and all of them end with the server.
//!
//! This file knows nothing of HTTP. If the [`Reset`] of a connection is pulled, the connection is
//! closed with a TCP RST at its next use, so that a client sees the same as when a proxy crashes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// Ends one connection abruptly.
#[derive(Debug, Clone)]
pub(super) struct Reset(CancellationToken);

impl Reset {
    /// Makes the connection close with a TCP reset.
    pub(super) fn pull(&self) {
        self.0.cancel();
    }
}

/// Accepts on loopback until the server's token is cancelled.
#[derive(Debug)]
pub(super) struct Loopback {
    listener: TcpListener,
    stop: CancellationToken,
}

impl Loopback {
    pub(super) fn new(listener: TcpListener, stop: CancellationToken) -> Self {
        Self { listener, stop }
    }
}

/// One accepted socket.
#[derive(Debug)]
pub(super) struct Conn {
    stream: TcpStream,
    reset: CancellationToken,
    cancelled: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Conn {
    fn ended(&mut self, cx: &mut Context<'_>) -> Option<io::Error> {
        match self.cancelled.as_mut().poll(cx) {
            Poll::Pending => None,
            Poll::Ready(()) => {
                if let Err(error) = self.stream.set_zero_linger() {
                    tracing::debug!(%error, "cannot make the close abrupt");
                }
                Some(io::Error::from(io::ErrorKind::ConnectionReset))
            }
        }
    }
}

impl Listener for Loopback {
    type Io = Conn;
    type Addr = std::net::SocketAddr;

    async fn accept(&mut self) -> (Conn, Self::Addr) {
        let (stream, addr) = Listener::accept(&mut self.listener).await;
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot set TCP_NODELAY");
        }
        let reset = self.stop.child_token();
        let conn = Conn {
            stream,
            cancelled: Box::pin(reset.clone().cancelled_owned()),
            reset,
        };
        (conn, addr)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

impl Connected<IncomingStream<'_, Loopback>> for Reset {
    fn connect_info(stream: IncomingStream<'_, Loopback>) -> Self {
        Self(stream.io().reset.clone())
    }
}

impl AsyncRead for Conn {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(error) = self.ended(cx) {
            return Poll::Ready(Err(error));
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Conn {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Some(error) = self.ended(cx) {
            return Poll::Ready(Err(error));
        }
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Some(error) = self.ended(cx) {
            return Poll::Ready(Err(error));
        }
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
