//! `run` before there is a kernel: connection files that cannot be used are one clear sentence.

use std::fs;

use serde_json::{Value, json};

use super::Machine;

/// Runs a kernel with this as its connection file; it must refuse, in one sentence and a hint.
#[track_caller]
fn check(content: &[u8], expected: &str) {
    let machine = Machine::new();
    let file = machine.path("kernel ü.json");
    fs::write(&file, content).unwrap();
    let ran = machine.run(&["run", "-f", file.to_str().unwrap()]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{ran:?}");
    let lines: Vec<&str> = ran.stderr.lines().collect();
    let [error, hint] = lines[..] else {
        panic!("not two lines: {ran:?}");
    };
    assert!(error.starts_with("error: "), "{ran:?}");
    assert!(error.contains(expected), "`{expected}` is not in {ran:?}");
    assert!(hint.starts_with("hint: "), "{ran:?}");
    assert!(!ran.stderr.contains("panicked"), "{ran:?}");
}

fn whole() -> Value {
    json!({
        "transport": "tcp", "ip": "127.0.0.1", "key": "hunter2", "signature_scheme": "hmac-sha256",
        "shell_port": 1, "control_port": 2, "stdin_port": 3, "iopub_port": 4, "hb_port": 5,
    })
}

#[track_caller]
fn check_with(field: &str, value: Value, expected: &str) {
    let mut file = whole();
    file[field] = value;
    check(file.to_string().as_bytes(), expected);
}

#[test]
fn a_corrupt_connection_file_is_one_clear_sentence() {
    check(b"", "not valid JSON");
    check(b"{\"transport\": ", "not valid JSON");
    check(b"\xff\xfe\x00", "connection file");
    check(b"[1, 2]", "not a JSON object");
    check(b"{\"transport\": \"ipc\"}", "has no `ip`");
    check_with("shell_port", json!(70000), "`shell_port`");
    check_with("shell_port", json!([]), "`shell_port`");
    check_with("transport", json!("carrier pigeon"), "`transport`");
    check_with("ip", json!("no.such.host.invalid"), "no.such.host.invalid");
    check_with("signature_scheme", json!("hmac-rot13"), "hmac-rot13");
    check(
        b"{\"transport\": \"tcp\", \"registration_port\": 5}",
        "registration file",
    );
    check_with("curve_publickey", json!("x".repeat(40)), "CURVE");
}

#[test]
fn a_connection_file_that_is_not_there_or_no_file_is_named() {
    let machine = Machine::new();
    fs::create_dir(machine.path("dir")).unwrap();
    for path in ["missing.json", "dir"] {
        let ran = machine.run(&["run", "-f", path]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{ran:?}");
        assert!(ran.stderr.lines().next().unwrap().contains(path), "{ran:?}");
        assert_eq!(ran.stderr.lines().count(), 2, "{ran:?}");
    }
}

#[test]
fn the_signing_key_is_never_in_an_error() {
    let mut file = whole();
    file["hb_port"] = json!("x");
    let machine = Machine::new();
    fs::write(machine.path("c.json"), file.to_string()).unwrap();
    let ran = machine.run(&["run", "-f", "c.json"]);
    assert_eq!(ran.code, Some(1));
    assert!(!format!("{ran:?}").contains("hunter2"), "{ran:?}");
}

#[test]
fn flags_of_the_offline_backend_need_it() {
    let machine = Machine::new();
    assert_eq!(machine.run(&["run"]).code, Some(2));
    for flag in ["--scripts", "--python"] {
        let ran = machine.run(&["run", "-f", "x", flag, "y"]);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(ran.stderr.contains("--offline"), "{ran:?}");
    }
}
