//! The connection file: the addresses to bind and the key to sign with.
//!
//! Pure. It turns text into a value, with an error that names the field, and a value into text.
//! [`sockets::file`](super::sockets::file) reads and writes the file.
//!
//! Source: jupyter_client, "Connection files"; ports may be strings (JEP 106).

use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

use serde_json::{Map, Value};

use super::json;
use super::signature::SIGNATURE_SCHEME;

/// The content of a connection file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionFile {
    /// `tcp` or `ipc`.
    pub transport: Transport,
    /// The address to bind. If the transport is ipc, it is the first part of the paths of the
    /// sockets, as [`path_of`] reads it.
    pub ip: String,
    /// One port per socket; if the transport is ipc, it is the last part of the socket's path. If
    /// it is 0, the kernel has to find one.
    pub ports: Ports,
    /// The signing key; if it is empty, messages are not signed.
    pub key: Key,
    /// The scheme, such as `hmac-sha256`; it is checked when the sockets are bound.
    pub signature_scheme: String,
    /// `kernel_name`, if a launcher wrote it.
    pub kernel_name: Option<String>,
    /// `jupyter_session`: the path of the notebook, if a server launched the kernel for one.
    pub jupyter_session: Option<PathBuf>,
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
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

/// The address that one socket is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// Address and port.
    Tcp(String, u16),
    /// The path of the socket file.
    Ipc(PathBuf),
}

/// The signing key; its text is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(Option<String>);

/// What is wrong with a connection file.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionFileError {
    /// The text is not JSON.
    #[error("the connection file is not valid JSON: {0}")]
    NotJson(#[source] serde_json::Error),
    /// The text is JSON, but not an object.
    #[error("the connection file is not a JSON object")]
    NotObject,
    /// The file is a registration file (JEP 66).
    #[error(
        "this is a registration file (it has `registration_port`): only connection files with five ports are supported"
    )]
    Registration,
    /// The file has CURVE keys. The client would wait forever for an encrypted handshake.
    #[error(
        "the connection file asks for CURVE encryption (`curve_publickey`), which is not supported: set `transport_encryption` to `disabled`"
    )]
    Curve,
    /// A required field is missing.
    #[error("the connection file has no `{field}`")]
    Missing {
        /// The field's name.
        field: &'static str,
    },
    /// The value of a field is not possible.
    #[error("`{field}` in the connection file is {found}, expected {expected}")]
    Field {
        /// The field's name.
        field: &'static str,
        /// Its value as JSON, shortened.
        found: String,
        /// The values that are possible.
        expected: &'static str,
    },
}

impl ConnectionFile {
    /// Reads the text of a connection file.
    ///
    /// # Errors
    /// If a field is missing or wrong; the error names the first one.
    pub fn parse(text: &str) -> Result<Self, ConnectionFileError> {
        let map = members(text)?;
        if map.contains_key("registration_port") && !map.contains_key("shell_port") {
            return Err(ConnectionFileError::Registration);
        }
        if map.get("curve_publickey").is_some_and(|key| !key.is_null()) {
            return Err(ConnectionFileError::Curve);
        }
        let transport = match text_field(&map, "transport")?.as_deref() {
            None => Transport::Tcp,
            Some(name) if name.eq_ignore_ascii_case("tcp") => Transport::Tcp,
            Some(name) if name.eq_ignore_ascii_case("ipc") => Transport::Ipc,
            Some(other) => return Err(wrong("transport", &other.into(), "`tcp` or `ipc`")),
        };
        let ip = match (text_field(&map, "ip")?, transport) {
            (Some(ip), _) if !ip.is_empty() => ip,
            (_, Transport::Tcp) => "127.0.0.1".to_owned(),
            // A path has no default, because the client chooses it.
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
            key: Key(text_field(&map, "key")?),
            signature_scheme: text_field(&map, "signature_scheme")?
                .filter(|scheme| !scheme.is_empty())
                .unwrap_or_else(|| SIGNATURE_SCHEME.to_owned()),
            kernel_name: text_field(&map, "kernel_name")?,
            jupyter_session: text_field(&map, "jupyter_session")?.map(|path| path_of(&path)),
        })
    }

    /// Returns whether the kernel has to find the ports, and to write them into the file.
    #[must_use]
    pub fn lacks_ports(&self) -> bool {
        self.ports.each().iter().any(|(_, port)| *port == 0)
    }

    /// Returns `text`, the file as it was read, with the ports of this value. If `text` lacks the
    /// transport, the address, the key or the scheme, it is added.
    ///
    /// # Errors
    /// If `text` is not a connection file.
    pub fn complete(&self, text: &str) -> Result<String, ConnectionFileError> {
        let mut map = members(text)?;
        let mut fill = |field: &str, value: Value| {
            let found = map.entry(field).or_insert(Value::Null);
            if found.is_null() {
                *found = value;
            }
        };
        fill("transport", self.transport.as_str().into());
        fill("ip", self.ip.as_str().into());
        fill("key", self.key.0.as_deref().unwrap_or_default().into());
        fill("signature_scheme", self.signature_scheme.as_str().into());
        for (field, port) in self.ports.each() {
            map.insert(field.to_owned(), port.into());
        }
        let json = serde_json::to_string_pretty(&map).unwrap_or_default();
        Ok(with_lone_surrogates(&json))
    }

    /// Returns the address to bind for the socket with `port`.
    #[must_use]
    pub fn endpoint(&self, port: u16) -> Endpoint {
        match self.transport {
            // In ZeroMQ, `*` means "all interfaces".
            Transport::Tcp if self.ip == "*" => Endpoint::Tcp("0.0.0.0".to_owned(), port),
            Transport::Tcp => {
                let plain = self
                    .ip
                    .strip_prefix('[')
                    .and_then(|ip| ip.strip_suffix(']'));
                Endpoint::Tcp(plain.unwrap_or(&self.ip).to_owned(), port)
            }
            Transport::Ipc => Endpoint::Ipc(path_of(&format!("{}-{port}", self.ip))),
        }
    }
}

impl Transport {
    /// Returns the name that the file uses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Ipc => "ipc",
        }
    }
}

impl Ports {
    /// Returns each port with the name of its field.
    #[must_use]
    pub fn each(self) -> [(&'static str, u16); 5] {
        [
            ("shell_port", self.shell),
            ("control_port", self.control),
            ("stdin_port", self.stdin),
            ("iopub_port", self.iopub),
            ("hb_port", self.heartbeat),
        ]
    }
}

/// If a byte of a path is not text, Python writes it as a lone surrogate. While the file is parsed,
/// such a byte is one of the characters that begin here; nobody uses these characters.
const FIRST_BYTE: u32 = 0x0010_FC00;

/// Returns the path; its bytes need not be valid text.
#[must_use]
pub fn path_of(text: &str) -> PathBuf {
    let mut bytes = Vec::with_capacity(text.len());
    for character in text.chars() {
        match u32::from(character)
            .checked_sub(FIRST_BYTE)
            .map(u8::try_from)
        {
            Some(Ok(byte)) if byte >= 0x80 => bytes.push(byte),
            _ => bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    PathBuf::from(OsString::from_vec(bytes))
}

/// Reads the members of a file. A byte order mark at its beginning is ignored.
fn members(text: &str) -> Result<Map<String, Value>, ConnectionFileError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let as_pair = |unit: u16| match unit {
        // With this surrogate before it, it is one of the characters that begin at `FIRST_BYTE`.
        0xDC80..=0xDCFF => format!("\\uDBFF\\u{unit:04X}"),
        _ => "\\uFFFD".to_owned(),
    };
    let paired = json::replace_lone_surrogates(text, as_pair);
    let text = paired.as_deref().unwrap_or(text);
    match serde_json::from_str(text).map_err(ConnectionFileError::NotJson)? {
        Value::Object(map) => Ok(map),
        _ => Err(ConnectionFileError::NotObject),
    }
}

/// Writes the characters that begin at `FIRST_BYTE` as Python does.
fn with_lone_surrogates(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        match u32::from(character)
            .checked_sub(FIRST_BYTE)
            .map(u8::try_from)
        {
            Some(Ok(byte)) if byte >= 0x80 => text.push_str(&format!("\\udc{byte:02x}")),
            _ => text.push(character),
        }
    }
    text
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
    /// Makes a key from its text.
    #[must_use]
    pub fn new(key: impl Into<String>) -> Self {
        Self(Some(key.into()))
    }

    /// Returns whether the file has no key; an empty key is not missing.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        self.0.is_none()
    }

    /// Returns the bytes that the HMAC uses.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default().as_bytes()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.as_bytes().is_empty() {
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
        // A key is a secret even if its type is wrong, so its value is not shown.
        Some(_) if field == "key" => Err(ConnectionFileError::Field {
            field,
            found: "not a string".to_owned(),
            expected: "a string",
        }),
        Some(other) => Err(wrong(field, other, "a string")),
    }
}

fn port(map: &Map<String, Value>, field: &'static str) -> Result<u16, ConnectionFileError> {
    let value = map.get(field).unwrap_or(&Value::Null);
    let port = match value {
        Value::Null => Some(0),
        Value::Number(number) => number.as_u64(),
        Value::String(text) if text.trim().is_empty() => Some(0),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    port.and_then(|port| u16::try_from(port).ok())
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
mod tests;
