//! Requests that look but do not run: kernel_info, complete, inspect, is_complete, history,
//! comm_info. Pure: content in, reply out.

use std::collections::HashSet;

use serde_json::Value;

use crate::cell;
use crate::cell::complete::{Completeness, Completion};
use crate::cell::magic::Candidate;
use crate::cell::path_at::{Fits, path_at};
use crate::jupyter::messages::Empty;
use crate::jupyter::messages::shell::{
    CompleteMetadata, CompleteReply, HistoryReply, HistoryText, InspectReply, IsCompleteReply,
    KernelInfoReply, LanguageInfo, LookReply, MatchType,
};
use crate::jupyter::mime::MimeBundle;
use crate::jupyter::request::{Cursor, History, HistoryAccess, text};
use crate::jupyter::session::PROTOCOL_VERSION;
use crate::kernel::history_entry::HistoryEntry;

/// Returns who the kernel is.
#[must_use]
pub fn kernel_info(offline: bool) -> KernelInfoReply {
    let version = env!("CARGO_PKG_VERSION");
    let (name, banner) = if offline {
        (
            "claude-offline",
            format!(
                "claude-kernel {version} (offline): scripted answers, real commands, no key, no cost"
            ),
        )
    } else {
        (
            "claude",
            format!(
                "claude-kernel {version}: the text of a cell is the prompt. %help shows what else there is."
            ),
        )
    };
    KernelInfoReply {
        protocol_version: PROTOCOL_VERSION,
        implementation: "claude-kernel",
        implementation_version: version,
        language_info: LanguageInfo {
            name,
            version,
            mimetype: "text/markdown",
            // Exporters name a script by it. With `.md`, the script and the Markdown export of a
            // notebook would overwrite each other; a suffix of two parts is cut by some of them.
            file_extension: ".claude",
            pygments_lexer: "markdown",
            codemirror_mode: "markdown",
        },
        banner,
        help_links: Vec::new(),
        debugger: false,
        supported_features: Vec::new(),
    }
}

/// Answers a `complete_request`.
#[must_use]
pub fn complete(content: &Value, context: &cell::magic::Context<'_>) -> LookReply {
    let Cursor { code, cursor_pos } = Cursor::read(content);
    complete_reply(&cell::complete::complete(&code, cursor_pos, context))
}

/// Answers a `complete_request` where a file is being named; `None` where none is. The names come
/// from `files`.
#[must_use]
pub fn complete_path(
    content: &Value,
    files: impl Fn(Fits, &str) -> Vec<String>,
) -> Option<LookReply> {
    let Cursor { code, cursor_pos } = Cursor::read(content);
    let at = path_at(&code, cursor_pos)?;
    let names = files(at.fits, &at.typed);
    Some(complete_reply(&Completion {
        matches: Candidate::list("path", names.iter().filter_map(|name| at.write(name))),
        cursor_start: at.start,
        cursor_end: at.end,
    }))
}

fn complete_reply(completion: &Completion) -> LookReply {
    let (start, end) = (completion.cursor_start, completion.cursor_end);
    let types = completion.matches.iter().map(|item| MatchType {
        start,
        end,
        text: item.text.clone(),
        kind: item.kind,
    });
    LookReply::Complete(CompleteReply {
        matches: completion
            .matches
            .iter()
            .map(|item| item.text.clone())
            .collect(),
        cursor_start: start,
        cursor_end: end,
        metadata: CompleteMetadata {
            types: types.collect(),
        },
    })
}

/// Answers an `inspect_request`.
#[must_use]
pub fn inspect(content: &Value, context: &cell::magic::Context<'_>) -> LookReply {
    let Cursor { code, cursor_pos } = Cursor::read(content);
    let help = cell::complete::inspect(&code, cursor_pos, context);
    LookReply::Inspect(InspectReply {
        found: help.is_some(),
        data: help
            .map(|help| MimeBundle::markdown(help.markdown, help.plain))
            .unwrap_or_default(),
        metadata: Empty::new(),
    })
}

/// Answers an `is_complete_request`.
#[must_use]
pub fn is_complete(content: &Value) -> LookReply {
    let reply = match cell::complete::is_complete(&text(content, "code")) {
        Completeness::Complete => IsCompleteReply::Complete,
        Completeness::Incomplete => IsCompleteReply::Incomplete { indent: "" },
        Completeness::Invalid => IsCompleteReply::Invalid,
    };
    LookReply::IsComplete(reply)
}

/// Answers a `history_request`. `past` holds the cells of earlier sessions, oldest first;
/// sessions count up from 1, the running one is the last.
#[must_use]
pub fn history(content: &Value, past: &[Vec<HistoryEntry>], entries: &[HistoryEntry]) -> LookReply {
    let History { output, access } = History::read(content);
    let sessions = past.iter().map(Vec::as_slice).chain([entries]);
    let numbered: Vec<(i64, &HistoryEntry)> = sessions
        .zip(1i64..)
        .flat_map(|(cells, session)| cells.iter().map(move |cell| (session, cell)))
        .collect();
    let current = i64::try_from(past.len())
        .unwrap_or(i64::MAX)
        .saturating_add(1);
    let picked: Vec<(i64, &HistoryEntry)> = match access {
        HistoryAccess::Range {
            session,
            start,
            stop,
        } => {
            let session = match session {
                ..=0 => current.saturating_add(session),
                session => session,
            };
            numbered
                .into_iter()
                .filter(|(number, entry)| {
                    let line = i64::from(entry.line);
                    *number == session && line >= start && stop.is_none_or(|stop| line < stop)
                })
                .collect()
        }
        HistoryAccess::Tail { n } => last(numbered, n),
        HistoryAccess::Search { pattern, unique, n } => {
            let mut found: Vec<(i64, &HistoryEntry)> = numbered
                .into_iter()
                .filter(|(_, entry)| glob_matches(&pattern, &entry.input))
                .collect();
            if unique {
                let mut seen = HashSet::new();
                found.reverse();
                found.retain(|(_, entry)| seen.insert(entry.input.as_str()));
                found.reverse();
            }
            last(found, n.unwrap_or(usize::MAX))
        }
    };
    let history = picked.into_iter().map(|(session, entry)| {
        let input = entry.input.clone();
        let text = match output {
            true => HistoryText::Both(input, entry.output.clone()),
            false => HistoryText::Input(input),
        };
        (session, entry.line, text)
    });
    LookReply::History(HistoryReply {
        history: history.collect(),
    })
}

fn last<T>(entries: Vec<T>, n: usize) -> Vec<T> {
    let skip = entries.len().saturating_sub(n);
    entries.into_iter().skip(skip).collect()
}

/// Matches `*` and `?` over the whole text, in time proportional to pattern × text.
fn glob_matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    // `reached[i]`: the first i characters of the pattern match what was read so far.
    let mut reached = vec![false; pattern.len() + 1];
    let set = |row: &mut Vec<bool>, at: usize| {
        if let Some(cell) = row.get_mut(at) {
            *cell = true;
        }
    };
    let spread = |row: &mut Vec<bool>| {
        for (at, symbol) in pattern.iter().enumerate() {
            if *symbol == '*' && row.get(at) == Some(&true) {
                set(row, at + 1);
            }
        }
    };
    set(&mut reached, 0);
    spread(&mut reached);
    for character in text.chars() {
        let mut next = vec![false; pattern.len() + 1];
        for (at, symbol) in pattern.iter().enumerate() {
            if reached.get(at) == Some(&true) {
                if *symbol == '*' {
                    set(&mut next, at);
                } else if *symbol == '?' || *symbol == character {
                    set(&mut next, at + 1);
                }
            }
        }
        spread(&mut next);
        reached = next;
    }
    reached.last() == Some(&true)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entries() -> Vec<HistoryEntry> {
        [(1, "a prompt"), (2, "%model"), (3, "a prompt"), (4, "b")]
            .map(|(line, input)| HistoryEntry {
                line,
                input: input.to_owned(),
                output: format!("out {line}"),
            })
            .into()
    }

    fn written(reply: &LookReply) -> Value {
        serde_json::to_value(reply).unwrap()
    }

    fn lines(content: &Value) -> Vec<i64> {
        written(&history(content, &[], &entries()))["history"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry[1].as_i64().unwrap())
            .collect()
    }

    #[test]
    fn history_answers_range_tail_and_search() {
        assert_eq!(lines(&json!({"hist_access_type": "tail", "n": 2})), [3, 4]);
        assert_eq!(
            lines(&json!({"hist_access_type": "range", "session": 0, "start": 2, "stop": 4})),
            [2, 3]
        );
        assert_eq!(
            lines(&json!({"hist_access_type": "range", "session": -1, "start": 0})),
            [0i64; 0]
        );
        assert_eq!(
            lines(&json!({"hist_access_type": "search", "pattern": "a*t"})),
            [1, 3]
        );
        assert_eq!(
            lines(&json!({"hist_access_type": "search", "pattern": "a*t", "unique": true})),
            [3]
        );
        assert_eq!(
            lines(&json!({"hist_access_type": "search", "pattern": "*", "n": 3})),
            [2, 3, 4]
        );
    }

    #[test]
    fn history_with_output_has_pairs() {
        let reply = history(
            &json!({"hist_access_type": "tail", "n": 1, "output": true}),
            &[],
            &entries(),
        );
        assert_eq!(written(&reply)["history"], json!([[1, 4, ["b", "out 4"]]]));
    }

    #[test]
    fn globs() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("*", "", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*b*", "abc", true),
            ("a*b*c", "aXbYc", true),
            ("a", "ab", false),
        ] {
            assert_eq!(glob_matches(pattern, text), expected, "{pattern} on {text}");
        }
    }
}
