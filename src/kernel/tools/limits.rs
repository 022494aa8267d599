//! How much of a tool's result goes to Claude.

/// Characters of one text in the conversation: about 15,000 tokens. The worker's program holds the
/// same numbers.
pub const MAX_TEXT: usize = 50_000;
/// Characters that code in the sandbox gets, where they cost no tokens.
pub const MAX_SANDBOX_TEXT: usize = 5_000_000;
/// The largest image in base64 (`docs/protocol.md#images`).
pub const MAX_IMAGE_BASE64: usize = 10_000_000;
/// The widest and highest image, in pixels (`docs/protocol.md#images`).
pub const MAX_IMAGE_SIDE: usize = 8_000;
/// The largest PDF in base64: a request takes 32 MB, and the conversation needs room too.
pub const MAX_PDF_BASE64: usize = 20_000_000;

/// Returns how long a text may be.
#[must_use]
pub fn text_limit(direct: bool) -> usize {
    if direct { MAX_TEXT } else { MAX_SANDBOX_TEXT }
}

/// Cuts a text, and says so.
#[must_use]
pub fn cut(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((end, _)) => format!(
            "{}\n(cut here: {limit} of {} characters shown; ask for less)",
            text.get(..end).unwrap_or_default(),
            text.chars().count()
        ),
        None => text.to_owned(),
    }
}
