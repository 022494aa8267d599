//! Identifiers in the API's form: a prefix, `01`, and 22 letters and digits.

use uuid::Uuid;

use crate::host::Host;

const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
/// How many letters and digits an id needs: 58^22 is more than 2^128.
const LENGTH: usize = 22;

/// Returns a fresh id such as `msg_01XFDUDYJgAACzvnptvVoYEL`; `prefix` is `msg`, `file`, …
pub(super) fn fresh(host: &dyn Host, prefix: &str) -> String {
    format!("{prefix}_01{}", base58(host.uuid()))
}

fn base58(uuid: Uuid) -> String {
    let mut rest = uuid.as_u128();
    let mut text = String::with_capacity(LENGTH);
    for _ in 0..LENGTH {
        let digit = usize::try_from(rest % 58).unwrap_or_default();
        text.push(char::from(*ALPHABET.get(digit).unwrap_or(&b'1')));
        rest /= 58;
    }
    text
}
