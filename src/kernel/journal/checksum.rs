//! The checksum at the end of each line of a journal, so that one flipped bit is not taken for what
//! was said. Pure.
//!
//! `{"t":…}` becomes `{"t":…,"crc":"0a1b2c3d"}`: the CRC-32 of all that stands before the comma. Older
//! kernels skip the field, and lines of older kernels lack it.

/// What stands before the eight digits.
const KEY: &str = ",\"crc\":\"";
/// What stands behind them.
const END: &str = "\"}";
/// How long the digits are.
const DIGITS: usize = 8;

/// Returns lines, each a JSON object, with their checksums.
#[must_use]
pub(super) fn sealed(lines: &str) -> String {
    let count = lines.bytes().filter(|byte| *byte == b'\n').count();
    let more = count * (KEY.len() + DIGITS + END.len());
    let mut sealed = String::with_capacity(lines.len() + more);
    for line in lines.split_inclusive('\n') {
        match line.strip_suffix("}\n") {
            // An object without a field has no room for a comma.
            Some(open) if open.len() > 1 => {
                let crc = crc32fast::hash(open.as_bytes());
                sealed.push_str(&format!("{open}{KEY}{crc:08x}{END}\n"));
            }
            _ => sealed.push_str(line),
        }
    }
    sealed
}

/// Returns whether a line is as it was written; true for one without a checksum.
#[must_use]
pub(super) fn is_intact(line: &[u8]) -> bool {
    let Some((open, crc)) = parts(line) else {
        return true;
    };
    format!("{:08x}", crc32fast::hash(open)).as_bytes() == crc
}

/// What the checksum is of, and its digits.
fn parts(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = line.strip_suffix(END.as_bytes())?;
    let (rest, crc) = rest.split_at_checked(rest.len().checked_sub(DIGITS)?)?;
    Some((rest.strip_suffix(KEY.as_bytes())?, crc))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s9_a_line_that_changed_by_one_bit_is_seen() {
        let line = r#"{"t":"cell","line":1,"input":"größe, \"}"}"#;
        let text = sealed(&format!("{line}\n"));
        let whole = text.trim_end().as_bytes();
        assert!(is_intact(whole), "{text}");
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["input"], "größe, \"}");
        let (content, _) = parts(whole).unwrap();
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut changed = whole.to_vec();
                changed[at] ^= 1 << bit;
                // Where the key itself is hit, the line looks like an old one: it is whole otherwise.
                let is_key = parts(&changed).is_none() && at >= content.len();
                assert!(is_key || !is_intact(&changed), "byte {at}, bit {bit}");
            }
        }
    }

    #[test]
    fn s9_old_lines_and_odd_ones_are_left_as_they_are() {
        for line in [
            "{}",
            "",
            "{\"t\":\"x\"}",
            "[1]",
            "}",
            "\"}",
            ",\"crc\":\"\"}",
        ] {
            assert!(is_intact(line.as_bytes()), "{line}");
        }
        assert_eq!(sealed("{}\n[1]\n"), "{}\n[1]\n");
        assert_eq!(sealed(""), "");
        let two = sealed("{\"a\":1}\n{\"b\":2}\n");
        assert!(two.lines().count() == 2 && two.lines().all(|line| line.contains("crc")));
    }
}
