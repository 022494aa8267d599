//! What a connection file may contain.

use expect_test::{Expect, expect};
use serde_json::json;

use super::*;

fn full() -> Value {
    json!({
        "transport": "tcp", "ip": "127.0.0.1", "key": "a secret",
        "signature_scheme": "hmac-sha256", "kernel_name": "k",
        "shell_port": 1, "iopub_port": 2, "stdin_port": 3, "control_port": 4, "hb_port": "5",
    })
}

fn with(field: &str, value: Value) -> String {
    let mut file = full();
    file[field] = value;
    file.to_string()
}

fn check_error(text: &str, expected: &Expect) {
    expected.assert_eq(&ConnectionFile::parse(text).unwrap_err().to_string());
}

#[test]
fn ports_are_numbers_or_strings_and_the_key_is_not_shown() {
    let file = ConnectionFile::parse(&full().to_string()).unwrap();
    expect![[r#"
        ConnectionFile {
            transport: Tcp,
            ip: "127.0.0.1",
            ports: Ports {
                shell: 1,
                control: 4,
                stdin: 3,
                iopub: 2,
                heartbeat: 5,
            },
            key: Key(…),
            signature_scheme: "hmac-sha256",
            kernel_name: Some(
                "k",
            ),
            jupyter_session: None,
        }
    "#]]
    .assert_debug_eq(&file);
    assert_eq!(file.key.as_bytes(), b"a secret");
}

#[test]
fn what_is_missing_takes_its_default_if_there_is_one() {
    let text = r#"{"shell_port":1,"iopub_port":2,"stdin_port":3,"control_port":4,"hb_port":5}"#;
    let file = ConnectionFile::parse(text).unwrap();
    assert_eq!(file.endpoint(1).to_string(), "tcp://127.0.0.1:1");
    assert_eq!(file.signature_scheme, SIGNATURE_SCHEME);
    assert_eq!(file.key.as_bytes(), b"");
}

#[test]
fn endpoints() {
    for (transport, ip, expected) in [
        ("tcp", "0.0.0.0", "tcp://0.0.0.0:7"),
        ("tcp", "*", "tcp://0.0.0.0:7"),
        ("tcp", "::1", "tcp://[::1]:7"),
        ("tcp", "[::1]", "tcp://[::1]:7"),
        ("TCP", "localhost", "tcp://localhost:7"),
        ("ipc", "/run/a b/kernel", "ipc:///run/a b/kernel-7"),
    ] {
        let mut file = full();
        file["transport"] = transport.into();
        file["ip"] = ip.into();
        let file = ConnectionFile::parse(&file.to_string()).unwrap();
        assert_eq!(file.endpoint(7).to_string(), expected);
    }
}

#[test]
fn a_byte_order_mark_is_passed_over() {
    let file = ConnectionFile::parse(&format!("\u{feff}{}", full())).unwrap();
    assert_eq!(file.ports.shell, 1);
}

#[test]
fn paths_may_hold_bytes_that_are_no_text() {
    let text = r#"{"transport": "ipc", "ip": "/run/\udcff\ud83d\ude00 \udc80/k",
        "jupyter_session": "/home/\udce9\udcff/a b.ipynb", "kernel_name": "\ud800"}"#;
    let file = ConnectionFile::parse(text).unwrap();
    let bytes = |path: PathBuf| path.into_os_string().into_vec();
    let Endpoint::Ipc(path) = file.endpoint(3) else {
        panic!("{file:?}");
    };
    let expected = [b"/run/\xff", "😀 ".as_bytes(), b"\x80/k-3"].concat();
    assert_eq!(bytes(path), expected);
    let session = bytes(file.jupyter_session.clone().unwrap());
    assert_eq!(session, b"/home/\xe9\xff/a b.ipynb");
    // The paths are written as they were read.
    let written: String = file.complete(text).unwrap();
    assert!(
        written.contains(r#""/home/\udce9\udcff/a b.ipynb""#),
        "{written}"
    );
    assert_eq!(ConnectionFile::parse(&written).unwrap().ip, file.ip);
}

#[test]
fn what_was_found_is_added_and_the_rest_stays() {
    let text = r#"{"name": {"n": 1.50}, "hb_port": "5", "shell_port": 0, "ip": null}"#;
    let mut file = ConnectionFile::parse(text).unwrap();
    assert!(file.lacks_ports());
    file.ports = Ports {
        shell: 1,
        control: 2,
        stdin: 3,
        iopub: 4,
        heartbeat: 5,
    };
    assert!(!file.lacks_ports());
    expect![[r#"
        {
          "name": {
            "n": 1.50
          },
          "hb_port": 5,
          "shell_port": 1,
          "ip": "127.0.0.1",
          "transport": "tcp",
          "key": "",
          "signature_scheme": "hmac-sha256",
          "control_port": 2,
          "stdin_port": 3,
          "iopub_port": 4
        }"#]]
    .assert_eq(&file.complete(text).unwrap());
}

#[test]
fn a_corrupt_file_is_told_by_its_field() {
    check_error(
        "",
        &expect![
            "the connection file is not valid JSON: EOF while parsing a value at line 1 column 0"
        ],
    );
    check_error("[]", &expect!["the connection file is not a JSON object"]);
    check_error(
        r#"{"transport": "ipc"}"#,
        &expect!["the connection file has no `ip`"],
    );
    check_error(
        &with("iopub_port", json!("70000")),
        &expect![[
            r#"`iopub_port` in the connection file is `"70000"`, expected a port from 1 to 65535"#
        ]],
    );
    check_error(
        &with("stdin_port", json!(-1)),
        &expect!["`stdin_port` in the connection file is `-1`, expected a port from 1 to 65535"],
    );
    check_error(
        &with("transport", json!("udp")),
        &expect![[r#"`transport` in the connection file is `"udp"`, expected `tcp` or `ipc`"#]],
    );
    check_error(
        &with("ip", json!(["x".repeat(100)])),
        &expect![[
            r#"`ip` in the connection file is `["xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…`, expected a string"#
        ]],
    );
    check_error(
        &with("key", json!(["a secret"])),
        &expect!["`key` in the connection file is not a string, expected a string"],
    );
    check_error(
        &with("curve_publickey", json!("x")),
        &expect![
            "the connection file asks for CURVE encryption (`curve_publickey`), which is not supported: set `transport_encryption` to `disabled`"
        ],
    );
    check_error(
        r#"{"registration_port": 1, "registration_ip": "127.0.0.1"}"#,
        &expect![
            "this is a registration file (it has `registration_port`): only connection files with five ports are supported"
        ],
    );
}
