//! File names from outside, made safe for a folder, a Markdown link, a shell and a terminal. Pure.
//!
//! Invariant: a safe name is one path component of at most [`MAX_NAME_BYTES`] bytes. It begins with
//! neither `.` nor `-`, is not the name of a device, and shows its true extension. If a safe name
//! is made safe again, it does not change.

/// The longest file name that is kept, in bytes: most file systems take 255, and a version number
/// needs room.
const MAX_NAME_BYTES: usize = 120;
/// The longest extension that is kept, in bytes: anything longer is not an extension.
const MAX_EXTENSION_BYTES: usize = 20;

/// Turns a name from outside into a safe one.
pub(super) fn safe_name(name: &str) -> String {
    let mut safe = mended(name);
    // What is cut off may leave a name that is split in another way than the first was: `a.tar` before
    // what was the whole extension. Each round only shortens, or puts the one `_` before a stem.
    loop {
        let again = mended(&safe);
        if again == safe {
            return safe;
        }
        safe = again;
    }
}

fn mended(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let mut safe = String::new();
    for c in last.chars() {
        // Nothing longer than this is kept, and the name itself may be of any length.
        if safe.len() > 64 * MAX_NAME_BYTES {
            break;
        }
        match c {
            c if c.is_whitespace() && !c.is_control() && !is_invisible(c) => {
                // Many spaces would hide the true extension, because it is then too far to the
                // right.
                if !safe.ends_with(' ') {
                    safe.push(' ');
                }
            }
            '<' | '>' | ':' | '"' | '|' | '?' | '*' => safe.push('_'),
            c if c.is_control() || is_invisible(c) || is_look_alike(c) => safe.push('_'),
            c => safe.push(c),
        }
    }
    let safe = safe.trim_matches([' ', '.']);
    let (stem, extension) = split(safe);
    let extension = clip(extension, MAX_EXTENSION_BYTES).trim_matches([' ', '.']);
    let room = MAX_NAME_BYTES - "_".len() - ".".len() - extension.len();
    let mut stem = clip(stem, room).trim_matches([' ', '.']).to_owned();
    // A dash would begin an option of a command, and a tilde would mean a home directory.
    if is_reserved(&stem) || stem.starts_with(['-', '~']) {
        stem.insert(0, '_');
    }
    match (stem.is_empty(), extension.is_empty()) {
        (true, true) => "unnamed".to_owned(),
        (true, false) => format!("unnamed.{extension}"),
        (false, true) => stem,
        (false, false) => format!("{stem}.{extension}"),
    }
}

/// Returns the name of a version: `a.csv`, `a-2.csv`, `a-3.csv`, ….
pub(super) fn versioned(name: &str, version: u32) -> String {
    let (stem, extension) = split(name);
    match (version, extension) {
        (1, _) => name.to_owned(),
        (_, "") => format!("{stem}-{version}"),
        _ => format!("{stem}-{version}.{extension}"),
    }
}

/// Returns stem and extension. `tar.gz` and others of its kind count as one extension.
fn split(name: &str) -> (&str, &str) {
    match name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() => match stem.strip_suffix(".tar") {
            Some(inner) if !inner.is_empty() => name
                .split_at_checked(inner.len())
                .map_or((stem, extension), |(stem, rest)| {
                    (stem, rest.trim_start_matches('.'))
                }),
            _ => (stem, extension),
        },
        _ => (name, ""),
    }
}

/// Characters that take no room or change the direction of text: with them a name could look like
/// another.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffd}' | '\u{e0000}'..='\u{e0fff}')
}

/// Characters that look like the separators of a path, like its dots, or like the dash of an
/// option.
fn is_look_alike(c: char) -> bool {
    matches!(
        c,
        '\u{2044}'
            | '\u{2215}'
            | '\u{29f8}'
            | '\u{ff0f}'
            | '\u{2216}'
            | '\u{29f5}'
            | '\u{29f9}'
            | '\u{fe68}'
            | '\u{ff3c}'
            | '\u{2024}'
            | '\u{2025}'
            | '\u{fe52}'
            | '\u{ff0e}'
            | '\u{ff1a}'
            | '\u{fe55}'
            | '\u{a789}'
    )
}

/// Names that Windows reserves for devices, with any extension.
fn is_reserved(stem: &str) -> bool {
    let base = stem
        .split('.')
        .next()
        .unwrap_or_default()
        .trim_end()
        .to_uppercase();
    let numbered = |prefix: &str| {
        base.strip_prefix(prefix).is_some_and(|rest| {
            let mut chars = rest.chars();
            let first = chars.next();
            chars.next().is_none()
                && first.is_some_and(|c| c.is_ascii_digit() || matches!(c, '¹' | '²' | '³'))
        })
    };
    let names = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$"];
    names.contains(&base.as_str()) || numbered("COM") || numbered("LPT")
}

/// Cuts a text to at most `bytes` bytes, between characters.
fn clip(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_from_outside_stay_in_the_folder() {
        for (name, expected) in [
            ("revenue.png", "revenue.png"),
            ("Umsätze 2026.csv", "Umsätze 2026.csv"),
            ("売上.csv", "売上.csv"),
            ("archive.tar.gz", "archive.tar.gz"),
            ("../../x", "x"),
            ("/etc/passwd", "passwd"),
            ("..\\..\\boot.ini", "boot.ini"),
            ("..", "unnamed"),
            ("", "unnamed"),
            ("...", "unnamed"),
            ("a/", "unnamed"),
            (".hidden", "hidden"),
            (".index.jsonl", "index.jsonl"),
            (".part-x", "part-x"),
            ("a\u{0}b\n.csv", "a_b_.csv"),
            ("a\u{9b}31m.csv", "a_31m.csv"),
            ("gpj.\u{202e}evil.exe", "gpj._evil.exe"),
            ("a\u{200b}b.csv", "a_b.csv"),
            ("\u{ff0e}\u{ff0e}\u{ff0f}x", "___x"),
            ("report.pdf            .exe", "report.pdf.exe"),
            ("a\u{a0}\u{3000}b.csv", "a b.csv"),
            ("-rf", "_-rf"),
            ("--help.csv", "_--help.csv"),
            ("~root", "_~root"),
            ("CON", "_CON"),
            ("com1.txt", "_com1.txt"),
            ("NUL.tar.gz", "_NUL.tar.gz"),
            ("lpt\u{b9}.csv", "_lpt\u{b9}.csv"),
            ("conin$", "_conin$"),
            ("console.log", "console.log"),
            ("a<b>|c?.txt", "a_b__c_.txt"),
            ("100%.csv", "100%.csv"),
            ("a#b&c=d;e'f.csv", "a#b&c=d;e'f.csv"),
        ] {
            assert_eq!(safe_name(name), expected, "{name:?}");
        }
        for long in ["é".repeat(5000), format!("a.{}", "x".repeat(5000))] {
            assert!(safe_name(&long).len() <= MAX_NAME_BYTES);
        }
        assert!(safe_name(&format!("{}.csv", "x".repeat(5000))).ends_with("x.csv"));
    }

    #[test]
    fn versions_keep_the_extension() {
        assert_eq!(versioned("a.csv", 1), "a.csv");
        assert_eq!(versioned("a.csv", 2), "a-2.csv");
        assert_eq!(versioned("a.tar.gz", 3), "a-3.tar.gz");
        assert_eq!(versioned("Makefile", 2), "Makefile-2");
    }

    #[test]
    fn a_name_that_is_split_in_another_way_once_it_is_cut_is_made_safe_again() {
        let long = "x".repeat(20);
        for name in [format!("a.tar .{long}"), format!("a.tar..{long}")] {
            assert_eq!(safe_name(&name), format!("a.tar.{}", &long[..16]));
        }
        let stem = "a".repeat(94);
        assert_eq!(
            safe_name(&format!("{stem}.tarball.{long}")),
            format!("{stem}.tar.{}", &long[..16])
        );
    }

    proptest! {
        #[test]
        fn every_name_is_safe(name in "\\PC{0,8}|[\\x00-\\x7f]{0,40}|[./\\\\~ -]{0,9}|(\\PC|[.]){0,200}") {
            let safe = safe_name(&name);
            prop_assert!(!safe.is_empty() && safe.len() <= MAX_NAME_BYTES, "{safe:?}");
            prop_assert!(!safe.starts_with(['.', '-', '~', ' ']) && !safe.ends_with(['.', ' ']), "{safe:?}");
            prop_assert!(!safe.contains(['/', '\\', ':']) && !safe.contains(char::is_control), "{safe:?}");
            prop_assert_eq!(safe_name(&safe), safe);
        }
    }
}
