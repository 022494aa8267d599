//! The connection file: where to bind and which key to sign with.
//!
//! Pure: text to value, with an error that names the field. Reading the file is
//! [`sockets::read_connection_file`](super::sockets::read_connection_file).
//!
//! Source: jupyter_client, "Connection files"; ports may be strings (JEP 106).

use std::fmt;
use std::path::PathBuf;

use serde_json::{Map, Value};

use super::session::SIGNATURE_SCHEME;

/// What a connection file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionFile {
    /// `tcp` or `ipc`.
    pub transport: Transport,
    /// The address to bind, or for ipc the path prefix of the sockets.
    pub ip: String,
    /// One port per socket; for ipc a suffix of its path.
    pub ports: Ports,
    /// The signing key; empty for unsigned messages.
    pub key: Key,
    /// Such as `hmac-sha256`; checked when the sockets are bound.
    pub signature_scheme: String,
    /// `kernel_name`, when a launcher wrote it.
    pub kernel_name: Option<String>,
    /// `jupyter_session`: the path of the notebook, when a server launched the kernel for one.
    pub jupyter_session: Option<String>,
}

/// How front ends reach the sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// `tcp://ip:port`.
    Tcp,
    /// `ipc://ip-port`.
    Ipc,
}

/// The five ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// `shell_port`.
    pub shell: u16,
    /// `control_port`.
    pub control: u16,
    /// `stdin_port`.
    pub stdin: u16,
    /// `iopub_port`.
    pub iopub: u16,
    /// `hb_port`.
    pub heartbeat: u16,
}

/// Where one socket is bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// Address and port.
    Tcp(String, u16),
    /// Path of the socket file.
    Ipc(PathBuf),
}

/// The signing key; never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(String);

/// What is wrong with a connection file.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionFileError {
    /// Not JSON at all.
    #[error("the connection file is not valid JSON: {0}")]
    NotJson(#[source] serde_json::Error),
    /// JSON, but not an object.
    #[error("the connection file is not a JSON object")]
    NotObject,
    /// JEP 66.
    #[error(
        "this is a registration file (it has `registration_port`): only connection files with five ports are supported"
    )]
    Registration,
    /// CURVE keys: the client would wait for an encrypted handshake for ever.
    #[error(
        "the connection file asks for CURVE encryption (`curve_publickey`), which is not supported: set `transport_encryption` to `disabled`"
    )]
    Curve,
    /// A needed field is missing.
    #[error("the connection file has no `{field}`")]
    Missing {
        /// The field's name.
        field: &'static str,
    },
    /// A field holds what it cannot hold.
    #[error("`{field}` in the connection file is {found}, expected {expected}")]
    Field {
        /// The field's name.
        field: &'static str,
        /// Its value, as JSON; shortened.
        found: String,
        /// What belongs there.
        expected: &'static str,
    },
}

impl ConnectionFile {
    /// Reads the text of a connection file.
    ///
    /// # Errors
    /// Names the first field that is missing or wrong.
    pub fn parse(text: &str) -> Result<Self, ConnectionFileError> {
        let value: Value = serde_json::from_str(text).map_err(ConnectionFileError::NotJson)?;
        let Value::Object(map) = value else {
            return Err(ConnectionFileError::NotObject);
        };
        if map.contains_key("registration_port") && !map.contains_key("shell_port") {
            return Err(ConnectionFileError::Registration);
        }
        if map.get("curve_publickey").is_some_and(|key| !key.is_null()) {
            return Err(ConnectionFileError::Curve);
        }
        let transport = match text_field(&map, "transport")?.as_deref() {
            None | Some("tcp") => Transport::Tcp,
            Some("ipc") => Transport::Ipc,
            Some(other) => return Err(wrong("transport", &other.into(), "`tcp` or `ipc`")),
        };
        let ip = match (text_field(&map, "ip")?, transport) {
            (Some(ip), _) if !ip.is_empty() => ip,
            (_, Transport::Tcp) => "127.0.0.1".to_owned(),
            // There is no default for a path: the client made it up.
            (_, Transport::Ipc) => return Err(ConnectionFileError::Missing { field: "ip" }),
        };
        Ok(Self {
            transport,
            ip,
            ports: Ports {
                shell: port(&map, "shell_port")?,
                control: port(&map, "control_port")?,
                stdin: port(&map, "stdin_port")?,
                iopub: port(&map, "iopub_port")?,
                heartbeat: port(&map, "hb_port")?,
            },
            key: Key(text_field(&map, "key")?.unwrap_or_default()),
            signature_scheme: text_field(&map, "signature_scheme")?
                .filter(|scheme| !scheme.is_empty())
                .unwrap_or_else(|| SIGNATURE_SCHEME.to_owned()),
            kernel_name: text_field(&map, "kernel_name")?,
            jupyter_session: text_field(&map, "jupyter_session")?,
        })
    }

    /// Returns where the socket with `port` is bound.
    #[must_use]
    pub fn endpoint(&self, port: u16) -> Endpoint {
        match self.transport {
            // ZeroMQ's way to say "all interfaces".
            Transport::Tcp if self.ip == "*" => Endpoint::Tcp("0.0.0.0".to_owned(), port),
            Transport::Tcp => Endpoint::Tcp(self.ip.clone(), port),
            Transport::Ipc => Endpoint::Ipc(PathBuf::from(format!("{}-{port}", self.ip))),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(ip, port) if ip.contains(':') => write!(f, "tcp://[{ip}]:{port}"),
            Self::Tcp(ip, port) => write!(f, "tcp://{ip}:{port}"),
            Self::Ipc(path) => write!(f, "ipc://{}", path.display()),
        }
    }
}

impl Key {
    /// Makes a key of its text.
    #[must_use]
    pub fn new(key: impl Into<String>) -> Self {
        Self(key.into())
    }

    /// Returns the bytes that HMAC takes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() {
            "Key(empty)"
        } else {
            "Key(…)"
        })
    }
}

fn text_field(
    map: &Map<String, Value>,
    field: &'static str,
) -> Result<Option<String>, ConnectionFileError> {
    match map.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        // A key is a secret, even one of the wrong type.
        Some(_) if field == "key" => Err(ConnectionFileError::Field {
            field,
            found: "not a string".to_owned(),
            expected: "a string",
        }),
        Some(other) => Err(wrong(field, other, "a string")),
    }
}

fn port(map: &Map<String, Value>, field: &'static str) -> Result<u16, ConnectionFileError> {
    let value = map
        .get(field)
        .filter(|value| !value.is_null())
        .ok_or(ConnectionFileError::Missing { field })?;
    let port = match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    port.and_then(|port| u16::try_from(port).ok())
        .filter(|port| *port != 0)
        .ok_or_else(|| wrong(field, value, "a port from 1 to 65535"))
}

fn wrong(field: &'static str, found: &Value, expected: &'static str) -> ConnectionFileError {
    const SHOWN: usize = 60;
    let mut found = format!("`{found}`");
    if found.chars().count() > SHOWN {
        found = found.chars().take(SHOWN).chain(['…', '`']).collect();
    }
    ConnectionFileError::Field {
        field,
        found,
        expected,
    }
}

#[cfg(test)]
mod tests {
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
    fn a_corrupt_file_is_told_by_its_field() {
        check_error(
            "",
            &expect![
                "the connection file is not valid JSON: EOF while parsing a value at line 1 column 0"
            ],
        );
        check_error("[]", &expect!["the connection file is not a JSON object"]);
        check_error("{}", &expect!["the connection file has no `shell_port`"]);
        check_error(
            &with("hb_port", Value::Null),
            &expect!["the connection file has no `hb_port`"],
        );
        check_error(
            &with("iopub_port", json!("70000")),
            &expect![[
                r#"`iopub_port` in the connection file is `"70000"`, expected a port from 1 to 65535"#
            ]],
        );
        check_error(
            &with("stdin_port", json!(0)),
            &expect!["`stdin_port` in the connection file is `0`, expected a port from 1 to 65535"],
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
}
