//! The greeting: the first 64 bytes that each side of a connection sends.

use super::ZmtpError;

/// The length of a greeting, in bytes.
pub const GREETING_BYTES: usize = 64;

/// The position of the major version.
const MAJOR: usize = 10;

/// The position at which the mechanism's name begins, and the one at which it ends at the latest.
const MECHANISM: usize = 12;
const MECHANISM_END: usize = 32;

/// The only mechanism that is supported; on the wire, zeros follow it.
const NULL: &[u8; 4] = b"NULL";

/// The greeting that this side sends: ZMTP 3.1, mechanism NULL.
pub const GREETING: [u8; GREETING_BYTES] = greeting();

const fn greeting() -> [u8; GREETING_BYTES] {
    let [n, u, l, l2] = *NULL;
    let mut bytes = [0; GREETING_BYTES];
    let start = [0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 1, n, u, l, l2];
    let (head, _) = bytes.split_at_mut(start.len());
    head.copy_from_slice(&start);
    bytes
}

/// Checks one byte of a peer's greeting. `at` counts from 0.
///
/// # Errors
/// If the byte is not allowed at this position.
pub(super) fn check_byte(at: usize, byte: u8) -> Result<(), ZmtpError> {
    match at {
        0 if byte != 0xff => Err(ZmtpError::NotZmtp),
        9 if byte & 1 == 0 => Err(ZmtpError::NotZmtp),
        MAJOR if byte < 3 => Err(ZmtpError::Version { major: byte }),
        MECHANISM..MECHANISM_END if byte != NULL.get(at - MECHANISM).copied().unwrap_or(0) => {
            Err(ZmtpError::Mechanism)
        }
        _ => Ok(()),
    }
}
