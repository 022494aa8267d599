//! Reads a source file's imports: every path through `crate::`, `super::` or `claude_kernel::`.
//!
//! Not a parser of Rust: comments and strings are cut out, the rest is words and braces, which is
//! enough to follow paths, groups of them, and `super` in inline modules.

use std::collections::BTreeSet;

/// `src/cell/magics/mod.rs` → `["cell", "magics"]`; `src/lib.rs` → `[]`; `src/main.rs` → `["main"]`.
pub(super) fn module_path(file: &str) -> Vec<String> {
    let inner = file.trim_start_matches("src/").trim_end_matches(".rs");
    let mut path: Vec<String> = inner.split('/').map(str::to_owned).collect();
    if matches!(path.last().map(String::as_str), Some("mod" | "lib")) {
        path.pop();
    }
    path
}

/// Source without comments, strings and character literals, so that only code is searched.
pub(super) fn code_only(source: &str) -> String {
    let chars: Vec<char> = source.chars().collect();
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let mut out = String::with_capacity(source.len());
    let mut i = 0;
    while i < chars.len() {
        let prev_is_word = i > 0 && (at(i - 1).is_alphanumeric() || at(i - 1) == '_');
        let raw_start = !prev_is_word && (at(i) == 'r' || (at(i) == 'b' && at(i + 1) == 'r'));
        let hashes_at = i + 1 + usize::from(at(i) == 'b');
        let hashes = (hashes_at..).take_while(|&j| at(j) == '#').count();
        if at(i) == '/' && at(i + 1) == '/' {
            while i < chars.len() && at(i) != '\n' {
                i += 1;
            }
        } else if at(i) == '/' && at(i + 1) == '*' {
            let mut depth = 0;
            while i < chars.len() {
                if at(i) == '/' && at(i + 1) == '*' {
                    depth += 1;
                    i += 2;
                } else if at(i) == '*' && at(i + 1) == '/' {
                    depth -= 1;
                    i += 2;
                } else {
                    i += 1;
                }
                if depth == 0 {
                    break;
                }
            }
        } else if raw_start && at(hashes_at + hashes) == '"' {
            i = hashes_at + hashes + 1;
            while i < chars.len() && !(at(i) == '"' && (1..=hashes).all(|n| at(i + n) == '#')) {
                i += 1;
            }
            i += 1 + hashes;
        } else if at(i) == '"' {
            i += 1;
            while i < chars.len() && at(i) != '"' {
                i += if at(i) == '\\' { 2 } else { 1 };
            }
            i += 1;
        } else if at(i) == '\'' && at(i + 1) == '\\' {
            i += 3;
            while i < chars.len() && at(i) != '\'' {
                i += 1;
            }
            i += 1;
        } else if at(i) == '\'' && at(i + 2) == '\'' {
            i += 3;
        } else {
            out.push(at(i));
            i += 1;
        }
    }
    out
}

/// A word or `::`, `{`, `}`, `,`, `*`: enough of Rust to read paths.
fn tokens(code: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut chars = code.chars().peekable();
    while let Some(c) = chars.next() {
        if c.is_alphanumeric() || c == '_' {
            word.push(c);
            continue;
        }
        if !word.is_empty() {
            out.push(std::mem::take(&mut word));
        }
        if c == ':' && chars.peek() == Some(&':') {
            chars.next();
            out.push("::".to_owned());
        } else if !c.is_whitespace() {
            out.push(c.to_string());
        }
    }
    out.push(word);
    out
}

/// Everything a file of the library names through `crate::`, `super::` or (in `main.rs`)
/// `claude_kernel::`: the first two segments below the crate's root.
pub(super) fn imports(file: &str, source: &str) -> BTreeSet<Vec<String>> {
    let here = module_path(file);
    let tokens = tokens(&code_only(source));
    let mut found = BTreeSet::new();
    // Inside `mod tests { … }` one `super` more is needed for the same place.
    let mut depth = 0_usize;
    let mut inline: Vec<usize> = Vec::new();
    let mut i = 0;
    while i < tokens.len() {
        let token = tokens[i].as_str();
        let next = tokens.get(i + 1).map_or("", String::as_str);
        match token {
            "{" => depth += 1,
            "}" => {
                depth = depth.saturating_sub(1);
                if inline.last() == Some(&depth) {
                    inline.pop();
                }
            }
            "mod" if tokens.get(i + 2).is_some_and(|t| t == "{") => inline.push(depth),
            "crate" | "claude_kernel" if next == "::" => {
                collect(&tokens, i + 2, &[], &mut found);
            }
            "super" if next == "::" && (i == 0 || tokens[i - 1] != "::") => {
                let mut ups = 0;
                while tokens.get(i).is_some_and(|t| t == "super")
                    && tokens.get(i + 1).is_some_and(|t| t == "::")
                {
                    ups += 1;
                    i += 2;
                }
                let levels = here.len() + inline.len();
                let kept = levels.saturating_sub(ups).min(here.len());
                collect(&tokens, i, &here[..kept], &mut found);
                continue;
            }
            _ => {}
        }
        i += 1;
    }
    found
}

/// Reads the path (or the group of paths) at `i`, below `prefix`; returns where it ends.
fn collect(
    tokens: &[String],
    mut i: usize,
    prefix: &[String],
    found: &mut BTreeSet<Vec<String>>,
) -> usize {
    let mut path = prefix.to_vec();
    loop {
        match tokens.get(i).map(String::as_str) {
            Some("{") => {
                i += 1;
                while tokens.get(i).is_some_and(|t| t != "}") {
                    i = collect(tokens, i, &path, found);
                    // `as name`, then the comma.
                    while tokens.get(i).is_some_and(|t| t != "," && t != "}") {
                        i += 1;
                    }
                    if tokens.get(i).is_some_and(|t| t == ",") {
                        i += 1;
                    }
                }
                return i + 1;
            }
            Some("}") | None => return i,
            Some(word) => {
                path.push(word.to_owned());
                i += 1;
            }
        }
        if tokens.get(i).map(String::as_str) == Some("::") {
            i += 1;
        } else {
            path.truncate(2);
            found.insert(path);
            return i;
        }
    }
}

#[test]
fn the_reader_of_imports_sees_every_form() {
    let source = r##"
        //! crate::kernel::actor in a comment
        /* crate::cli::run /* nested */ crate::cli::run */
        use crate::anthropic::{self as api, block::{Block, View}, client::Client};
        use crate::{host::Host, chat};
        use super::super::cli::run;
        use super::sibling;
        fn f() -> crate::render::Renderer { let c = 'c'; "crate::notebook::x"; r#"crate::main"#; crate::cell::parse(x) }
        mod tests { use super::super::super::emulator::server; use super::super::parse; }
        fn g() { super::super::jupyter::wire() }
    "##;
    let found: Vec<String> = imports("src/cell/complete.rs", source)
        .into_iter()
        .map(|p| p.join("::"))
        .collect();
    assert_eq!(
        found,
        [
            "anthropic::block",
            "anthropic::client",
            "anthropic::self",
            "cell::parse",
            "cell::sibling",
            "chat",
            "cli::run",
            "emulator::server",
            "host::Host",
            "jupyter::wire",
            "render::Renderer",
        ]
    );
}
