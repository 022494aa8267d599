//! Web search and fetch as settings, and the entries of `tools` they become
//! (`docs/protocol.md#web-tools`).
//!
//! `allowed_callers` is always `["direct"]`: the default of the newer types sends searches through
//! code in a sandbox of their own, and their results come back encrypted.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// The search tool that is sent.
const SEARCH: &str = "web_search_20260318";
/// The fetch tool that is sent.
const FETCH: &str = "web_fetch_20260318";

/// What Claude may do on the web.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Web {
    /// The most searches of a turn, and the most fetches.
    pub max_uses: Option<u32>,
    /// Only these domains; empty for all. Never beside `block`.
    pub allow: Vec<String>,
    /// Not these domains.
    pub block: Vec<String>,
    /// Whether the web may be searched.
    pub search: bool,
    /// Whether pages may be read whole.
    pub fetch: bool,
}

/// Search alone.
impl Default for Web {
    fn default() -> Self {
        Self {
            max_uses: None,
            allow: Vec::new(),
            block: Vec::new(),
            search: true,
            fetch: false,
        }
    }
}

impl Web {
    /// Returns the entries of `tools`.
    #[must_use]
    pub fn tools(&self) -> Vec<Value> {
        let mut tools = Vec::new();
        if self.search {
            tools.push(self.entry(SEARCH, "web_search"));
        }
        if self.fetch {
            let mut fetch = self.entry(FETCH, "web_fetch");
            if let Value::Object(fetch) = &mut fetch {
                fetch.insert("citations".to_owned(), json!({"enabled": true}));
            }
            tools.push(fetch);
        }
        tools
    }

    fn entry(&self, kind: &str, name: &str) -> Value {
        let mut entry = Map::new();
        entry.insert("type".to_owned(), json!(kind));
        entry.insert("name".to_owned(), json!(name));
        entry.insert("allowed_callers".to_owned(), json!(["direct"]));
        if let Some(max_uses) = self.max_uses {
            entry.insert("max_uses".to_owned(), json!(max_uses));
        }
        if !self.allow.is_empty() {
            entry.insert("allowed_domains".to_owned(), json!(self.allow));
        }
        if !self.block.is_empty() {
            entry.insert("blocked_domains".to_owned(), json!(self.block));
        }
        Value::Object(entry)
    }
}

/// Why a text is no domain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DomainError {
    /// It looks like none.
    #[error("`{0}` is no domain, such as `example.com`")]
    NoDomain(String),
    /// A `*` in front, which a domain says by itself.
    #[error("`{text}` has a `*`: a domain stands for all below it, so write `{below}`")]
    AllBelow {
        /// As typed.
        text: String,
        /// The domain without it.
        below: String,
    },
    /// A `*` elsewhere.
    #[error("`{0}` has a `*`: name each domain, such as `example.com`")]
    Pattern(String),
}

/// Reads a domain as a person types it: `example.com`, `docs.example.com/Guide`, also with a
/// scheme in front. Letters beyond ASCII become what an address has in their place, so that a name
/// that only looks like another is seen to be none.
///
/// # Errors
/// What is wrong.
pub fn domain(text: &str) -> Result<String, DomainError> {
    let text = text.trim();
    let bare = match text.split_once("://") {
        Some((scheme, rest)) if ["http", "https"].contains(&scheme.to_lowercase().as_str()) => rest,
        _ => text,
    };
    let (typed, path) = bare.split_once('/').unwrap_or((bare, ""));
    let path = path.trim_end_matches('/');
    if typed.contains('*') {
        let below = typed.trim_start_matches("*.");
        return Err(match below.contains('.') && !below.contains('*') {
            true => DomainError::AllBelow {
                text: text.to_owned(),
                below: below.to_owned(),
            },
            false => DomainError::Pattern(text.to_owned()),
        });
    }
    let no_domain = || DomainError::NoDomain(text.to_owned());
    let host = idna::domain_to_ascii(typed).map_err(|_| no_domain())?;
    let label = |label: &str| {
        !label.is_empty()
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if !host.contains('.')
        || !host.split('.').all(label)
        || path.contains(['?', '#', ' ', '@', ':', '*', '\\'])
    {
        return Err(no_domain());
    }
    // A path keeps its case.
    Ok(match path {
        "" => host,
        path => format!("{host}/{path}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_say_what_is_set_and_nothing_else() {
        let plain = Web::default().tools();
        assert_eq!(
            plain,
            [json!({"type": SEARCH, "name": "web_search", "allowed_callers": ["direct"]})]
        );
        let full = Web {
            max_uses: Some(3),
            allow: vec!["a.org".to_owned()],
            block: Vec::new(),
            search: true,
            fetch: true,
        };
        assert_eq!(
            full.tools()[1],
            json!({"type": FETCH, "name": "web_fetch", "allowed_callers": ["direct"], "max_uses": 3,
                "allowed_domains": ["a.org"], "citations": {"enabled": true}})
        );
    }

    #[test]
    fn domains_are_read_as_people_type_them() {
        for (text, expected) in [
            ("Example.com", Some("example.com")),
            (
                "https://docs.example.com/Guide/",
                Some("docs.example.com/Guide"),
            ),
            ("HTTP://A.org", Some("a.org")),
            ("münchen.de", Some("xn--mnchen-3ya.de")),
            // Cyrillic letters that look like others.
            ("аррӏе.com", Some("xn--80ak6aa92e.com")),
            ("*.com", None),
            ("ftp://a.org", None),
            ("javascript:alert(1)", None),
            ("a.org/x?y", None),
            ("localhost", None),
            ("*.example.com", None),
            ("a..b", None),
            ("-a.com", None),
            ("a.com?x=1", None),
            ("user@a.com", None),
            ("a.com:80", None),
            ("", None),
        ] {
            assert_eq!(domain(text).ok().as_deref(), expected, "{text:?}");
        }
    }
}
