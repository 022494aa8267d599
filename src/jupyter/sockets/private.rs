//! An address that only this process can connect to. The sockets of the `zeromq` crate listen
//! there.
//!
//! Edge. It is a Unix socket in a private folder. On Linux the file is removed before anybody
//! connects: a handle to the socket is enough to connect, and a killed kernel leaves no file
//! behind.
#![expect(
    clippy::disallowed_methods,
    reason = "edge: holds a handle on its own socket"
)]

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tokio::net::UnixStream;

/// If the directory that the environment names cannot be used, these are tried in turn.
const DIRECTORIES: [&str; 3] = ["/tmp", "/dev/shm", "/var/tmp"];

/// How the listener can be reached.
#[derive(Debug)]
pub(super) enum Address {
    /// By a handle to a socket that no longer has a name.
    #[cfg(target_os = "linux")]
    Handle(std::fs::File),
    /// By its path, in a folder that is removed at the end.
    Path(TempDir),
}

/// Makes a listener, and returns it with the address at which it can be reached.
///
/// # Errors
/// If there is no folder in which a socket can be made; the error is the one of the last folder.
pub(super) fn listen() -> io::Result<(UnixListener, Address)> {
    let mut tried = listen_in(&std::env::temp_dir());
    for directory in DIRECTORIES {
        if tried.is_ok() {
            break;
        }
        tried = listen_in(Path::new(directory));
    }
    tried
}

fn listen_in(directory: &Path) -> io::Result<(UnixListener, Address)> {
    let folder = tempfile::Builder::new()
        .prefix("ck-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in(directory)?;
    let listener = UnixListener::bind(socket_in(&folder))?;
    Ok((listener, Address::of(folder)))
}

fn socket_in(folder: &TempDir) -> PathBuf {
    folder.path().join("s")
}

impl Address {
    #[cfg(target_os = "linux")]
    fn of(folder: TempDir) -> Self {
        use std::os::unix::fs::OpenOptionsExt as _;

        let handle = std::fs::OpenOptions::new()
            .read(true)
            .custom_flags(nix::fcntl::OFlag::O_PATH.bits())
            .open(socket_in(&folder));
        match handle {
            // If there is no `/proc`, a handle cannot be used to connect.
            Ok(handle) if path_of(&handle).exists() => Self::Handle(handle),
            _ => Self::Path(folder),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn of(folder: TempDir) -> Self {
        Self::Path(folder)
    }

    /// Connects to the listener.
    pub(super) async fn connect(&self) -> io::Result<UnixStream> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Handle(handle) => UnixStream::connect(path_of(handle)).await,
            Self::Path(folder) => UnixStream::connect(socket_in(folder)).await,
        }
    }
}

#[cfg(target_os = "linux")]
fn path_of(handle: &std::fs::File) -> PathBuf {
    use std::os::fd::AsRawFd as _;

    PathBuf::from(format!("/proc/self/fd/{}", handle.as_raw_fd()))
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    #[tokio::test]
    async fn it_is_reached_by_its_address_and_leaves_no_file() {
        let directory = tempfile::tempdir().unwrap();
        let (listener, address) = listen_in(directory.path()).unwrap();
        for _ in 0..3 {
            let mut stream = address.connect().await.unwrap();
            stream.write_all(b"x").await.unwrap();
            listener.accept().unwrap();
        }
        drop((listener, address));
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_that_cannot_hold_a_socket_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        listen_in(&directory.path().join("missing")).unwrap_err();
        // With this folder, the path of a socket is longer than the system accepts.
        let deep = directory.path().join("d".repeat(120));
        std::fs::create_dir(&deep).unwrap();
        listen_in(&deep).unwrap_err();
        assert_eq!(std::fs::read_dir(&deep).unwrap().count(), 0);
    }
}
