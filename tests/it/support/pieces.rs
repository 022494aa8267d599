//! Cuts a text into pieces, as a stream brings it.

/// Returns pieces of about `size` bytes.
pub(crate) fn pieces(text: &str, size: usize) -> Vec<&str> {
    pieces_of(text, &[size])
}

/// Returns pieces of about these sizes in bytes, which begin anew when all were used.
pub(crate) fn pieces_of<'t>(text: &'t str, sizes: &[usize]) -> Vec<&'t str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, more) = rest.split_at(rest.ceil_char_boundary((*size).min(rest.len())));
        pieces.push(piece);
        rest = more;
    }
    pieces
}
