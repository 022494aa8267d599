//! The sockets are bound: over tcp and ipc, on addresses in use, beside stale files.

use std::fs;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::time::Duration;

use claude_kernel::host::{Host, SystemHost};
use claude_kernel::jupyter::connection::{Channel, Connection};
use claude_kernel::jupyter::connection_file::Ports;
use claude_kernel::jupyter::sockets::Bound;
use expect_test::expect;
use futures::future::BoxFuture;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::support::frontend::{self, Client};
use crate::support::host::FixedHost;

use super::{check_round_trip, echo, start};

#[tokio::test]
async fn all_five_sockets_over_tcp() {
    let file = frontend::tcp_file();
    let _kernel = start(&file).await;
    let mut client = Client::connect(&file).await;
    client.ready().await;
    check_round_trip(&mut client).await;
}

#[tokio::test]
async fn all_five_sockets_over_ipc_and_no_file_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let file = frontend::ipc_file(dir.path());
    // A kernel that was killed leaves its file behind.
    drop(UnixListener::bind(dir.path().join("kernel-1")).unwrap());
    let mut kernel = start(&file).await;
    let mut client = Client::connect(&file).await;
    client.ready().await;
    check_round_trip(&mut client).await;
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 5);

    client
        .send(Channel::Control, "shutdown_request", json!({}))
        .await;
    kernel.join_next().await.unwrap().unwrap();
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_file_that_is_no_socket_is_not_removed() {
    let dir = tempfile::tempdir().unwrap();
    let file = frontend::ipc_file(dir.path());
    fs::create_dir(dir.path().join("kernel-3")).unwrap();
    let error = Connection::bind(&file, FixedHost::new()).await.unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("for `stdin_port`: Address already in use (os error 98)"),
        "{error}"
    );
    assert!(dir.path().join("kernel-3").is_dir());
    // What was bound before is let go.
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

/// A host that says when somebody sleeps.
#[derive(Debug)]
struct WatchedHost {
    host: Arc<FixedHost>,
    sleeps: mpsc::Sender<()>,
}

impl Host for WatchedHost {
    fn now(&self) -> chrono::DateTime<chrono::Utc> {
        self.host.now()
    }
    fn elapsed(&self) -> Duration {
        self.host.elapsed()
    }
    fn uuid(&self) -> uuid::Uuid {
        self.host.uuid()
    }
    fn random(&self) -> f64 {
        self.host.random()
    }
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let sleeps = self.sleeps.clone();
        let slept = self.host.sleep(duration);
        Box::pin(async move {
            sleeps.send(()).await.ok();
            slept.await;
        })
    }
}

#[tokio::test]
async fn an_address_in_use_is_tried_again_for_two_seconds() {
    let file = frontend::tcp_file();
    let taken = TcpListener::bind(("127.0.0.1", file.ports.control)).unwrap();
    let host = FixedHost::new();
    let error = Connection::bind(&file, host.clone()).await.unwrap_err();
    let expected = format!(
        "cannot listen on tcp://127.0.0.1:{} for `control_port`: Address already in use (os error 98)",
        file.ports.control
    );
    assert_eq!(error.to_string(), expected);
    assert_eq!(host.elapsed(), Duration::from_secs(2));

    let (sleeps, mut slept) = mpsc::channel(1);
    let mut release = JoinSet::new();
    release.spawn(async move {
        slept.recv().await;
        drop(taken);
        while slept.recv().await.is_some() {}
    });
    let host = WatchedHost { host, sleeps };
    Connection::bind(&file, Arc::new(host)).await.unwrap();
}

#[tokio::test]
async fn a_scheme_that_is_not_offered_is_named() {
    let mut file = frontend::tcp_file();
    file.signature_scheme = "hmac-md5".to_owned();
    let error = Connection::bind(&file, FixedHost::new()).await.unwrap_err();
    expect!["signature scheme `hmac-md5` is not supported: use `hmac-sha256`"]
        .assert_eq(&error.to_string());
}

#[tokio::test]
async fn every_scheme_of_jupyter_is_spoken() {
    for scheme in ["hmac-sha1", "hmac-sha224", "hmac-sha384", "hmac-sha512"] {
        let mut file = frontend::tcp_file();
        file.signature_scheme = scheme.to_owned();
        let _kernel = start(&file).await;
        let mut client = Client::connect(&file).await;
        client.ready().await;
        check_round_trip(&mut client).await;
    }
}

#[tokio::test]
async fn ports_that_are_not_given_are_found() {
    let dir = tempfile::tempdir().unwrap();
    let mut over_ipc = frontend::ipc_file(dir.path());
    over_ipc.ports = Ports {
        // Given: the others are not to be this one.
        shell: 2,
        ..Ports::default()
    };
    fs::write(dir.path().join("kernel-1"), "taken").unwrap();
    let mut over_tcp = frontend::tcp_file();
    over_tcp.ports = Ports {
        control: over_tcp.ports.control,
        ..Ports::default()
    };
    for mut file in [over_tcp, over_ipc] {
        let bound = Bound::bind(&file, Arc::new(SystemHost::new()))
            .await
            .unwrap();
        let given = file.ports;
        file.ports = bound.ports();
        let ports = file.ports.each();
        assert!(!file.lacks_ports(), "{ports:?}");
        for ((_, given), (_, port)) in given.each().iter().zip(ports) {
            assert!(*given == 0 || *given == port, "{ports:?}");
        }
        let mut kernel = JoinSet::new();
        kernel.spawn(echo(bound.serve().await.unwrap()));
        let mut client = Client::connect(&file).await;
        client.ready().await;
        check_round_trip(&mut client).await;
    }
    assert_eq!(
        fs::read_to_string(dir.path().join("kernel-1")).unwrap(),
        "taken"
    );
}

#[tokio::test]
async fn an_address_in_brackets_is_bound() {
    let mut file = frontend::tcp_file();
    file.ip = "[127.0.0.1]".to_owned();
    let _kernel = start(&file).await;
    file.ip = "127.0.0.1".to_owned();
    let mut client = Client::connect(&file).await;
    client.ready().await;
    check_round_trip(&mut client).await;
}

#[tokio::test]
async fn a_path_that_is_too_long_for_a_socket_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let deep = dir.path().join("d".repeat(150));
    fs::create_dir(&deep).unwrap();
    let file = frontend::ipc_file(&deep);
    let error = Connection::bind(&file, FixedHost::new()).await.unwrap_err();
    let bytes = deep.as_os_str().len() + "/kernel-5".len();
    let expected = format!("for `hb_port` has {bytes} bytes, at most 107 are possible");
    assert!(error.to_string().contains(&expected), "{error}");
}
