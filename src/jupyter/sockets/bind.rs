//! Binds the addresses of a connection file, one after the other.
//!
//! Edge.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use zeromq::ZmqError;

use super::listener::{Listener, SocketFile};
use crate::host::Host;
use crate::jupyter::connection_file::{ConnectionFile, Endpoint};
use crate::jupyter::signature::UnsupportedScheme;

/// How often an address that is in use is tried: for about two seconds in all. A kernel that is
/// shutting down may hold it for as long as that.
const BIND_ATTEMPTS: u32 = 100;

/// The pause between two attempts.
const BIND_PAUSE: Duration = Duration::from_millis(20);

/// The longest path of a socket that the system accepts, without the final zero byte.
const MAX_PATH_BYTES: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// Why the sockets could not be bound.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The key of the connection file is for a scheme that is not supported.
    #[error(transparent)]
    Scheme(#[from] UnsupportedScheme),
    /// The operating system refused the address.
    #[error("cannot listen on {endpoint} for `{name}`: {source}")]
    Listen {
        /// The field of the connection file, such as `shell_port`.
        name: &'static str,
        /// The address.
        endpoint: Endpoint,
        /// The reason that the system gave.
        source: io::Error,
    },
    /// The path of an ipc socket is longer than the system accepts.
    #[error(
        "the path of the socket `{}` for `{name}` has {} bytes, at most {MAX_PATH_BYTES} are possible",
        path.display(),
        path.as_os_str().len()
    )]
    PathTooLong {
        /// The field of the connection file, such as `shell_port`.
        name: &'static str,
        /// The path.
        path: PathBuf,
    },
    /// ZeroMQ refused the listener.
    #[error("cannot serve `{name}`: {source}")]
    Serve {
        /// The field of the connection file, such as `shell_port`.
        name: &'static str,
        /// The reason that ZeroMQ gave.
        source: ZmqError,
    },
    /// No folder was found for the socket that the ROUTER listens on.
    #[error("cannot make a private socket for `{name}`: {source}")]
    Private {
        /// The field of the connection file, such as `shell_port`.
        name: &'static str,
        /// The reason.
        source: io::Error,
    },
}

/// Binds one address after the other.
pub(super) struct Binder<'a> {
    file: &'a ConnectionFile,
    host: Arc<dyn Host>,
    attempts_left: u32,
    /// The socket files of the ipc transport that were made.
    pub(super) files: Vec<SocketFile>,
}

impl<'a> Binder<'a> {
    pub(super) fn new(file: &'a ConnectionFile, host: Arc<dyn Host>) -> Self {
        Self {
            file,
            host,
            attempts_left: BIND_ATTEMPTS,
            files: Vec::new(),
        }
    }

    /// Binds the address for `port`, and sets `port` to the port that was bound.
    pub(super) async fn bind(
        &mut self,
        name: &'static str,
        port: &mut u16,
    ) -> Result<Listener, BindError> {
        loop {
            let number = self.number(*port);
            let endpoint = self.file.endpoint(number);
            match Listener::bind(&endpoint) {
                Ok((listener, file)) => {
                    self.files.extend(file);
                    *port = listener.port().unwrap_or(number);
                    return Ok(listener);
                }
                Err(error)
                    if error.kind() == io::ErrorKind::AddrInUse && self.attempts_left > 0 =>
                {
                    self.attempts_left -= 1;
                    self.host.sleep(BIND_PAUSE).await;
                }
                Err(source) => {
                    return Err(match endpoint {
                        Endpoint::Ipc(path) if path.as_os_str().len() > MAX_PATH_BYTES => {
                            BindError::PathTooLong { name, path }
                        }
                        endpoint => BindError::Listen {
                            name,
                            endpoint,
                            source,
                        },
                    });
                }
            }
        }
    }

    /// Returns the port to bind. If an ipc port is 0, this is the first number for which there is
    /// no file.
    fn number(&self, port: u16) -> u16 {
        let is_free = |number: &u16| match self.file.endpoint(*number) {
            Endpoint::Ipc(path) => {
                let given = self.file.ports.each();
                path.symlink_metadata().is_err() && given.iter().all(|(_, port)| port != number)
            }
            Endpoint::Tcp(..) => false,
        };
        match port {
            0 => (1..=u16::MAX).find(is_free).unwrap_or(0),
            port => port,
        }
    }
}
