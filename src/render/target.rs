//! Where links and images may lead: links to http, https, mailto and relative paths; images only to
//! our own folder.
//!
//! Looks at the source as written, not at what a parser makes of it, and refuses everything
//! unusual.

use std::sync::LazyLock;

use regex::Regex;

static AUTOLINK: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^<(?:https?://|mailto:)[A-Za-z0-9\-._~:/?#@!&'+,;=%]+>").ok());
static TAIL: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"^\]\(\s*([^\s<>"'`\\$]*)(?:\s+(?:"[^"<>`$\\]*"|'[^'<>`$\\]*'))?\s*\)$"#).ok()
});
static DEFINITION: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"^\[[^\[\]<>`$\\\n]+\]:[ \t]*([^\s<>"'`\\$]+)(?:[ \t]+(?:"[^"<>`$\\]*"|'[^'<>`$\\]*'))?\s*$"#)
        .ok()
});
/// The most characters of a target in angle brackets. They are counted separately: as a part of the
/// pattern, the limit would make a compiled pattern of more than a megabyte.
pub(crate) const MAX_BRACKETED: usize = 500;
/// A target in angle brackets.
pub(crate) static BRACKETED: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?<before>\]\()<(?<target>[^<>\n\\`$]+)>").ok());
/// A definition whose target is in angle brackets.
pub(crate) static BRACKETED_DEFINITION: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?m)(?<before>^[ >]*\[[^\[\]<>`$\\\n]+\]:[ \t]*)<(?<target>[^<>\s\\`$]+)>").ok()
});

/// Returns the address in angle brackets that `text` begins with, with its brackets.
pub(crate) fn autolink(text: &str) -> Option<&str> {
    let found = AUTOLINK.as_ref()?.find(text)?;
    Some(found.as_str())
}

/// Returns the target of `](target "title")`, if it is harmless.
pub(crate) fn of_tail(tail: &str) -> Option<&str> {
    let found = TAIL.as_ref()?.captures(tail)?.get(1)?;
    Some(found.as_str()).filter(|target| is_harmless(target) && !tail.contains("@@"))
}

/// Whether `text` is a reference definition with a harmless target. Where the line above became text, it is
/// no definition any more but a part of that paragraph, so no link and no image may stand in it.
pub(crate) fn is_definition(text: &str) -> bool {
    if text.matches('[').count() > 1 {
        return false;
    }
    DEFINITION
        .as_ref()
        .and_then(|pattern| pattern.captures(text))
        .and_then(|found| found.get(1))
        .is_some_and(|target| is_harmless(target.as_str()) && !text.contains("@@"))
}

/// Whether a link may lead to this target: http, https, mailto, or a relative path or fragment.
pub(crate) fn is_harmless(target: &str) -> bool {
    let lower = target.to_ascii_lowercase();
    if target.chars().any(|c| c.is_control() || c.is_whitespace()) || target.contains('\\') {
        return false;
    }
    if ["http://", "https://"].iter().any(|scheme| {
        lower
            .strip_prefix(scheme)
            .is_some_and(|rest| !rest.is_empty())
    }) || lower.starts_with("mailto:")
    {
        return true;
    }
    let path = target.split(['?', '#']).next().unwrap_or_default();
    // Entities could hide a colon. A leading slash leads to the server that shows the notebook.
    !path.contains([':', '&', ';']) && !target.starts_with('/')
}

/// Whether an image may be loaded from there.
pub(crate) fn is_own_file(target: &str) -> bool {
    let lower = target.to_ascii_lowercase();
    target.starts_with("claude_files/")
        && !["..", "%2e", "%2f", "%5c"]
            .iter()
            .any(|way_out| lower.contains(way_out))
}
