//! Whether a cursor stands in the name of a file, and how a name is written there. Pure: which
//! files there are is the kernel's to know.

use super::complete::{CursorContext, cursor_context, first, has_open_fence};

/// Which files fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fits {
    /// Any file below the notebook's folder.
    Path,
    /// A file that Claude made.
    Artifact,
    /// A file that was attached, or that Claude made.
    Known,
}

/// A name being typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathAt {
    /// What is there of it, without quotes.
    pub typed: String,
    /// Which files fit.
    pub fits: Fits,
    /// First code point to replace.
    pub start: usize,
    /// One past the last.
    pub end: usize,
    written: Written,
}

/// How a name with blanks is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    /// Behind an `@`.
    Mention,
    /// As a shell takes it.
    Shell,
    /// As it is.
    Bare,
}

impl PathAt {
    /// Returns a name as it is to be inserted; `None` for one that cannot be written here. A folder
    /// ends in `/`, and its quote stays open for what follows.
    #[must_use]
    pub fn write(&self, path: &str) -> Option<String> {
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '/' | '_' | '-');
        if self.written == Written::Bare || path.chars().all(plain) {
            return Some(path.to_owned());
        }
        let quote = ['"', '\'']
            .into_iter()
            .find(|quote| !path.contains(*quote))?;
        if self.written == Written::Shell && quote == '"' && path.contains(['\\', '$', '`']) {
            return shlex::try_quote(path)
                .ok()
                .map(|quoted| quoted.into_owned());
        }
        let end = if path.ends_with('/') {
            String::new()
        } else {
            quote.to_string()
        };
        Some(format!("{quote}{path}{end}"))
    }
}

/// Looks at the text before a cursor given in code points.
#[must_use]
pub fn path_at(code: &str, cursor_pos: usize) -> Option<PathAt> {
    let before = first(code, cursor_pos);
    let line_start = before.rfind(['\n', '\r']).map_or(0, |at| at + 1);
    let (above, line) = before.split_at_checked(line_start)?;
    let (word, typed, fits, written) = match cursor_context(before) {
        CursorContext::Value {
            magic,
            before: words,
            ..
        } => {
            let (_, rest) = line.trim_start().split_once(char::is_whitespace)?;
            match magic.name {
                "attach" => shell_word(rest, Fits::Path)?,
                "get" if words.last() == Some(&"-o") => shell_word(rest, Fits::Path)?,
                "get" => shell_word(rest, Fits::Artifact)?,
                "rm" => shell_word(rest, Fits::Known)?,
                "system" => {
                    let (_, path) = rest.split_once("--file")?;
                    let path = path.strip_prefix(char::is_whitespace)?.trim_start();
                    let typed = path.trim_start_matches(['"', '\'']);
                    (path, typed.to_owned(), Fits::Path, Written::Bare)
                }
                _ => return None,
            }
        }
        CursorContext::Elsewhere if !has_open_fence(above) => mention(line)?,
        _ => return None,
    };
    let end = before.chars().count();
    Some(PathAt {
        typed,
        fits,
        start: end - word.chars().count(),
        end,
        written,
    })
}

type Word<'a> = (&'a str, String, Fits, Written);

/// The last word of a line, as a shell splits it.
fn shell_word(rest: &str, fits: Fits) -> Option<Word<'_>> {
    let (mut start, mut open) = (0, None);
    for (at, c) in rest.char_indices() {
        match open {
            Some(quote) if c == quote => open = None,
            Some(_) => {}
            None if matches!(c, '"' | '\'') => open = Some(c),
            None if c.is_whitespace() => start = at + c.len_utf8(),
            None => {}
        }
    }
    let word = rest.get(start..)?;
    let typed = word.trim_matches(['"', '\'']);
    (!word.starts_with("--")).then(|| (word, typed.to_owned(), fits, Written::Shell))
}

/// The mention at the end of a line.
fn mention(line: &str) -> Option<Word<'_>> {
    let at = line.match_indices('@').map(|(at, _)| at).rfind(|at| {
        let before = line.get(..*at).unwrap_or_default();
        before.chars().next_back().is_none_or(char::is_whitespace)
    })?;
    let (before, word) = line.split_at_checked(at)?;
    // In code between backticks.
    if before.matches('`').count() % 2 == 1 {
        return None;
    }
    let word = word.strip_prefix('@')?;
    let quote = word.chars().next().filter(|c| matches!(c, '"' | '\''));
    let typed = match quote {
        Some(quote) => word.strip_prefix(quote)?,
        None => word,
    };
    let is_over = match quote {
        Some(quote) => typed.contains(quote),
        None => typed.contains(char::is_whitespace),
    };
    (!is_over).then(|| (word, typed.to_owned(), Fits::Path, Written::Mention))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(code: &str) -> Option<(String, usize, Fits)> {
        path_at(code, usize::MAX).map(|at| (at.typed, at.start, at.fits))
    }

    #[test]
    fn names_are_found_where_files_are_named() {
        let path = |typed: &str, start| Some((typed.to_owned(), start, Fits::Path));
        for (code, expected) in [
            ("Compare @q1", path("q1", 9)),
            ("@", path("", 1)),
            ("😀 @da", path("da", 3)),
            ("é\n@data/q", path("data/q", 3)),
            ("@\"my da", path("my da", 1)),
            ("@a.csv is", None),
            ("ann@da", None),
            ("`x @da", None),
            ("```\n@da", None),
            ("%attach da", path("da", 8)),
            ("%attach ", path("", 8)),
            ("%attach 'my da", path("my da", 8)),
            ("%upload a.csv data/", path("data/", 14)),
            ("%attach --im", None),
            ("%system --file no tes", path("no tes", 15)),
            ("%system Say @x", None),
            ("%get re", Some(("re".to_owned(), 5, Fits::Artifact))),
            ("%get a.csv -o da", path("da", 14)),
            ("%rm re", Some(("re".to_owned(), 4, Fits::Known))),
            ("%effort hi", None),
            ("{{na", None),
        ] {
            assert_eq!(at(code), expected, "{code:?}");
        }
    }

    #[test]
    fn names_are_written_so_that_they_are_read_back() {
        for (code, path, expected) in [
            ("@", "a.csv", Some("a.csv")),
            ("@", "my data.csv", Some("\"my data.csv\"")),
            ("@", "my folder/", Some("\"my folder/")),
            ("@", "a\"b.csv", Some("'a\"b.csv'")),
            ("@", "a\"'b.csv", None),
            ("%attach ", "my data.csv", Some("\"my data.csv\"")),
            ("%attach ", "a $x.csv", Some("'a $x.csv'")),
            ("%system --file ", "my notes.txt", Some("my notes.txt")),
        ] {
            let at = path_at(code, usize::MAX).unwrap();
            assert_eq!(at.write(path).as_deref(), expected, "{code}{path}");
        }
    }
}
