//! Addresses: they are bound, a socket file that a killed kernel left is removed, and connections
//! are accepted.
//!
//! Edge.
#![expect(
    clippy::disallowed_methods,
    reason = "edge: removes the socket files that it made or that a killed kernel left"
)]

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio_util::either::Either;

use crate::host::Host;
use crate::jupyter::connection_file::Endpoint;

/// How many connections one socket may have. A front end has one or two. Each costs up to three
/// file descriptors, and a process often has only 1,024 of them.
pub(in crate::jupyter) const MAX_CONNECTIONS: usize = 64;

/// How long a peer may take for the handshake.
pub(in crate::jupyter) const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);

/// The pause after an error of `accept` that may occur again at once, such as when no file
/// descriptors are left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A connection of either transport.
pub(in crate::jupyter) type Stream = Either<TcpStream, UnixStream>;

/// A bound address.
#[derive(Debug)]
pub(in crate::jupyter) enum Listener {
    /// `tcp`.
    Tcp(TcpListener),
    /// `ipc`.
    Ipc(UnixListener),
}

impl Listener {
    /// Binds an address. If it is an ipc address, also returns the file that was made.
    pub(super) fn bind(endpoint: &Endpoint) -> io::Result<(Self, Option<SocketFile>)> {
        match endpoint {
            Endpoint::Tcp(ip, port) => {
                let listener = std::net::TcpListener::bind((ip.as_str(), *port))?;
                listener.set_nonblocking(true)?;
                Ok((Self::Tcp(TcpListener::from_std(listener)?), None))
            }
            Endpoint::Ipc(path) => {
                remove_stale(path)?;
                let listener = UnixListener::bind(path)?;
                Ok((Self::Ipc(listener), SocketFile::of(path)))
            }
        }
    }

    /// Returns the port of a tcp address, even if the system chose it.
    pub(super) fn port(&self) -> Option<u16> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok().map(|address| address.port()),
            Self::Ipc(_) => None,
        }
    }

    /// Waits for the next connection; after an error it tries again. Cancel-safe.
    pub(in crate::jupyter) async fn accept(&mut self, host: &dyn Host) -> Stream {
        loop {
            let accepted = match self {
                Self::Tcp(listener) => listener.accept().await.and_then(|(stream, _)| {
                    // A reply must leave at once, even if the one before is not acknowledged yet.
                    stream.set_nodelay(true)?;
                    Ok(Either::Left(stream))
                }),
                Self::Ipc(listener) => listener.accept().await.map(|(s, _)| Either::Right(s)),
            };
            match accepted {
                Ok(stream) => return stream,
                Err(error) => {
                    tracing::debug!(%error, "cannot accept a connection");
                    host.sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

/// Removes the socket file that a killed kernel left. If a process answers there, the file is in
/// use and stays.
fn remove_stale(path: &Path) -> io::Result<()> {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_socket());
    if !is_socket {
        return Ok(());
    }
    match StdUnixStream::connect(path) {
        Ok(_) => Err(io::ErrorKind::AddrInUse.into()),
        Err(_) => fs::remove_file(path),
    }
}

/// A socket file that this kernel made. If it is dropped, the file is removed, unless another one
/// has replaced it.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl SocketFile {
    fn of(path: &Path) -> Option<Self> {
        let meta = fs::symlink_metadata(path).ok()?;
        Some(Self {
            path: path.to_owned(),
            device: meta.dev(),
            inode: meta.ino(),
        })
    }

    pub(super) fn remove(&self) {
        let ours = fs::symlink_metadata(&self.path)
            .is_ok_and(|meta| meta.dev() == self.device && meta.ino() == self.inode);
        if ours && let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!(%error, path = %self.path.display(), "cannot remove a socket file");
        }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        self.remove();
    }
}
