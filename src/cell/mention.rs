//! `@path` in a prompt: which words may be meant as files.
//!
//! Pure: whether there is such a file, and whether it may be attached, is the kernel's to find out.
//! Not looked at: fenced code, code between backticks, and an `@` inside a word, as in an address.

use std::collections::{HashMap, VecDeque};

/// The most mentions of a prompt that are looked at. Nobody names more files in one prompt.
const MOST: usize = 100;

/// A word behind an `@`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    /// What stands behind the `@`, without quotes.
    pub path: String,
    /// Whether it stood in quotes, which nobody types for anything but a file.
    pub quoted: bool,
}

impl Mention {
    /// Returns the paths it may mean, the likeliest first: a full stop at the end may be the
    /// sentence's.
    #[must_use]
    pub fn readings(&self) -> Vec<&str> {
        let bare = self.path.trim_end_matches(|c: char| {
            matches!(
                c,
                '.' | ',' | ';' | ':' | '!' | '?' | ')' | ']' | '}' | '\'' | '"' | '*' | '_' | '>'
            )
        });
        if self.quoted || bare.is_empty() || bare == self.path {
            vec![&self.path]
        } else {
            vec![&self.path, bare]
        }
    }

    /// Returns whether it looks like a path rather than a name or a handle.
    #[must_use]
    pub fn looks_like_path(&self) -> bool {
        self.quoted
            || self.readings().last().is_some_and(|path| {
                let scheme = path.contains("://");
                !scheme && (path.contains('/') || has_known_ending(path))
            })
    }
}

/// Whether a name ends as files of a known type do. Domains end alike: `.com` is no file here.
fn has_known_ending(path: &str) -> bool {
    let ending = path.rsplit_once('.').map(|(_, ending)| ending);
    ending.is_some_and(|ending| !ending.eq_ignore_ascii_case("com"))
        && mime_guess::from_path(path).first().is_some()
}

/// Finds the mentions of a prompt, in order, each once.
#[must_use]
pub fn find(prompt: &str) -> Vec<Mention> {
    let mut found: Vec<Mention> = Vec::new();
    if !prompt.contains('@') {
        return found;
    }
    let mut fence: Option<(char, usize)> = None;
    for line in prompt.lines() {
        if let Some((sign, length, rest)) = fence_of(line) {
            match fence {
                None => {
                    fence = Some((sign, length));
                    continue;
                }
                Some((open, least)) if open == sign && length >= least && rest.is_empty() => {
                    fence = None;
                    continue;
                }
                Some(_) => {}
            }
        }
        if fence.is_none() {
            in_line(line, &mut found);
        }
        if found.len() >= MOST {
            found.truncate(MOST);
            break;
        }
    }
    found
}

/// Reads a line that may open or close a fence: its sign, how many, and what follows.
fn fence_of(line: &str) -> Option<(char, usize, &str)> {
    let line = line.trim_start();
    let sign = line.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let rest = line.trim_start_matches(sign);
    let length = line.len() - rest.len();
    let opens = length >= 3 && !(sign == '`' && rest.contains('`'));
    opens.then_some((sign, length, rest.trim()))
}

fn in_line(line: &str, found: &mut Vec<Mention>) {
    let mut rest = line;
    let mut before = ' ';
    let mut runs = Runs::of(line);
    while let Some(c) = rest.chars().next() {
        let after = rest.get(c.len_utf8()..).unwrap_or_default();
        if c == '`' {
            let at = line.len() - rest.len();
            let ticks = rest.len() - rest.trim_start_matches('`').len();
            // Code ends at the next run of as many backticks. If there is none, the run is text.
            let end = runs.next(ticks, at + ticks).unwrap_or(at) + ticks;
            rest = line.get(end..).unwrap_or_default();
            before = '`';
            continue;
        }
        if c == '@'
            && before.is_whitespace()
            && let Some((mention, length)) = mention(after)
        {
            rest = after.get(length..).unwrap_or_default();
            before = '@';
            if !found.contains(&mention) {
                found.push(mention);
            }
            if found.len() >= MOST {
                return;
            }
            continue;
        }
        before = c;
        rest = after;
    }
}

/// Where the runs of backticks of a line begin, by their lengths: looked for once, not from each run.
struct Runs(HashMap<usize, VecDeque<usize>>);

impl Runs {
    fn of(line: &str) -> Self {
        let mut runs: HashMap<usize, VecDeque<usize>> = HashMap::new();
        let mut from = 0;
        while let Some(at) = line.get(from..).and_then(|rest| rest.find('`')) {
            let run = line.get(from + at..).unwrap_or_default();
            let ticks = run.len() - run.trim_start_matches('`').len();
            runs.entry(ticks).or_default().push_back(from + at);
            from += at + ticks;
        }
        Self(runs)
    }

    /// The next run of this length that begins at or behind `from`. What is asked for later begins
    /// later.
    fn next(&mut self, ticks: usize, from: usize) -> Option<usize> {
        let starts = self.0.get_mut(&ticks)?;
        while starts.front().is_some_and(|start| *start < from) {
            starts.pop_front();
        }
        starts.front().copied()
    }
}

/// Reads what stands behind an `@`; also returns its length in bytes.
fn mention(after: &str) -> Option<(Mention, usize)> {
    let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''));
    if let Some(quote) = quote {
        let (path, _) = after.get(1..)?.split_once(quote)?;
        let mention = Mention {
            path: path.to_owned(),
            quoted: true,
        };
        return (!path.trim().is_empty()).then_some((mention, path.len() + 2));
    }
    let end = after.find(char::is_whitespace).unwrap_or(after.len());
    let path = after.get(..end)?;
    let mention = Mention {
        path: path.to_owned(),
        quoted: false,
    };
    (!path.is_empty() && !path.starts_with(['@', '{'])).then_some((mention, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(prompt: &str) -> Vec<String> {
        find(prompt).into_iter().map(|found| found.path).collect()
    }

    #[test]
    fn files_are_words_after_an_at_sign() {
        for (prompt, expected) in [
            (
                "Compare @q1.csv and @data/q2.csv",
                vec!["q1.csv", "data/q2.csv"],
            ),
            ("@a.csv", vec!["a.csv"]),
            ("see\n@a.csv\tand @a.csv", vec!["a.csv"]),
            (
                "@\"my data.csv\" or @'your data.csv'!",
                vec!["my data.csv", "your data.csv"],
            ),
            ("write to ann@example.org", vec![]),
            ("@ alone, @", vec![]),
            ("@{{name}} @@twice", vec![]),
            ("an open @\"quote", vec![]),
            ("`@code` and ``a @b`` but @c.csv", vec!["c.csv"]),
            ("a tick ` and @c.csv", vec!["c.csv"]),
            ("é @größe.csv 😀 @数据.csv", vec!["größe.csv", "数据.csv"]),
        ] {
            assert_eq!(paths(prompt), expected, "{prompt:?}");
        }
    }

    #[test]
    fn code_is_not_looked_at() {
        assert_eq!(
            paths("```python\n@property\n~~~\n```\n@a.csv\n~~~\n@b.csv\n```\n@c.csv"),
            ["a.csv"]
        );
    }

    #[test]
    fn the_sentence_may_own_the_last_sign() {
        let found = find("Look at @a.csv.");
        assert_eq!(found[0].readings(), ["a.csv.", "a.csv"]);
        assert_eq!(find("@\"a.csv.\"")[0].readings(), ["a.csv."]);
        assert_eq!(find("@...")[0].readings(), ["..."]);
    }

    #[test]
    fn some_words_look_like_paths() {
        for (prompt, expected) in [
            ("@data/x", true),
            ("@sales.csv", true),
            ("@sales.csv,", true),
            ("@'x'", true),
            ("@property", false),
            ("@dataclass(frozen=True)", false),
            ("@pytest.fixture", false),
            ("@example.com", false),
            ("@https://x.org/y", false),
        ] {
            assert_eq!(find(prompt)[0].looks_like_path(), expected, "{prompt}");
        }
    }

    #[test]
    fn a_flood_is_cut() {
        let flood: String = (0..10_000).map(|n| format!("@f{n} \n")).collect();
        assert_eq!(find(&flood).len(), MOST);
    }
}
