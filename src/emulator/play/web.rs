//! Plays searches and fetches: results from the script, limits and domains from the request
//! (`docs/protocol.md#web-tools`), citations from footnote marks (`docs/protocol.md#citations`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::Player;
use super::stop::{Next, Stop};
use crate::emulator::id;
use crate::emulator::message::{Role, kind, text};
use crate::emulator::request::Request;
use crate::emulator::script::Page;
use crate::emulator::stream::Over;
use crate::emulator::usage;

/// The longest `cited_text`, in characters.
const MAX_CITED_CHARS: usize = 150;
/// What newer types of the tools mean if `allowed_callers` is not given.
const BY_CODE: &str = "code_execution_20260120";

/// A page that was shown in a turn, and how it was shown.
#[derive(Debug)]
pub(super) struct Shown {
    page: Page,
    /// Its number among the documents of the conversation, if the whole page was read.
    document: Option<Document>,
}

/// A page as a document (`docs/protocol.md#citations`).
#[derive(Debug)]
struct Document {
    index: usize,
    /// Whether the request wants it cited.
    cites: bool,
}

/// A piece of prose and the numbers of the sources that it cites, from 1.
type Cited<'a> = (&'a str, Vec<usize>);

impl Player {
    /// Plays a search and what it finds.
    pub(super) async fn search(&mut self, query: &str, pages: &[Page]) -> Result<Next, Over> {
        let Some(tool) = self.web_tool("web_search").cloned() else {
            return self
                .text(&format!(
                    "Not searched, because the request has no web search tool: {query}\n\n"
                ))
                .await;
        };
        let found = if let Some(code) = self.refusal(&tool, "web_search") {
            // A search that fails is not billed and cannot be cited.
            json!({"type": "web_search_tool_result_error", "error_code": code})
        } else {
            self.opening.usage.searched();
            let open: Vec<&Page> = pages
                .iter()
                .filter(|page| is_open(&tool, &page.url))
                .collect();
            self.shown.extend(open.iter().map(|page| Shown {
                page: (*page).clone(),
                document: None,
            }));
            open.iter()
                .map(|page| {
                    json!({"type": "web_search_result", "url": page.url, "title": page.title,
                        "encrypted_content": sealed(&page.text), "page_age": null})
                })
                .collect()
        };
        self.web_call(&tool, "web_search", &json!({"query": query}), &found)
            .await
    }

    /// Plays the fetch of a whole page.
    pub(super) async fn fetch(&mut self, page: &Page) -> Result<Next, Over> {
        let Some(tool) = self.web_tool("web_fetch").cloned() else {
            return self
                .text(&format!(
                    "Not read, because the request has no web fetch tool: {}\n\n",
                    page.url
                ))
                .await;
        };
        let refusal = match self.refusal(&tool, "web_fetch") {
            None if !is_open(&tool, &page.url) => Some("url_not_allowed"),
            None if !self.is_known(&page.url) => Some("url_not_in_prior_context"),
            refusal => refusal,
        };
        let content = match refusal {
            Some(code) => json!({"type": "web_fetch_tool_result_error", "error_code": code}),
            None => {
                self.opening.usage.fetched();
                self.shown.push(Shown {
                    page: page.clone(),
                    document: Some(Document {
                        index: self.documents(),
                        cites: tool.pointer("/citations/enabled") == Some(&json!(true)),
                    }),
                });
                json!({"type": "web_fetch_result", "url": page.url, "retrieved_at": "2026-01-01T00:00:00Z",
                    "content": {"type": "document", "title": page.title, "citations": tool.get("citations"),
                        "source": {"type": "text", "media_type": "text/plain", "data": page.text}}})
            }
        };
        self.web_call(&tool, "web_fetch", &json!({"url": page.url}), &content)
            .await
    }

    /// Sends the call and its result. They come from code, unless the request lets the model call
    /// directly.
    async fn web_call(
        &mut self,
        tool: &Value,
        name: &str,
        input: &Value,
        content: &Value,
    ) -> Result<Next, Over> {
        let host = self.app.shared.host.clone();
        let code = (!is_direct(tool)).then(|| id::fresh(host.as_ref(), "srvtoolu"));
        let mut caller = json!({"type": "direct"});
        if let Some(code) = &code {
            let program = format!("results = await {name}({input})");
            if !self
                .call_block(
                    "server_tool_use",
                    code,
                    "code_execution",
                    &json!({"code": program}),
                )
                .await?
            {
                return Ok(Next::Stop(Stop::plain("max_tokens")));
            }
            caller = json!({"type": BY_CODE, "tool_id": code});
        }
        let id = id::fresh(host.as_ref(), "srvtoolu");
        if code.is_some() {
            let call = json!({"type": "server_tool_use", "id": id, "name": name, "input": input, "caller": caller});
            self.call_by_code(&call).await?;
        } else if !self.call_block("server_tool_use", &id, name, input).await? {
            return Ok(Next::Stop(Stop::plain("max_tokens")));
        }
        let result = json!({"type": format!("{name}_tool_result"), "tool_use_id": id, "caller": caller, "content": content});
        self.opening.usage.read_result(usage::of_block(&result));
        self.whole(&result).await?;
        if let Some(code) = code {
            let result = json!({"type": "code_execution_tool_result", "tool_use_id": code,
                "content": {"type": "encrypted_code_execution_result", "encrypted_stdout": sealed(&content.to_string()),
                    "stderr": "", "return_code": 0, "content": []}});
            self.whole(&result).await?;
        }
        self.acted = true;
        self.resample = true;
        Ok(Next::Part)
    }

    /// Sends prose. Its footnote marks, such as `[^1]`, cite the sources that this turn has shown
    /// so far.
    pub(super) async fn prose(&mut self, prose: &str) -> Result<Next, Over> {
        let cited = marks(prose);
        if self.shown.is_empty() || cited.iter().all(|(_, numbers)| numbers.is_empty()) {
            return self.text(prose).await;
        }
        for (words, numbers) in cited {
            let citations: Vec<Value> = numbers
                .iter()
                .filter_map(|number| self.shown.get(number.checked_sub(1)?))
                .filter_map(citation)
                .collect();
            if citations.is_empty() {
                if let Next::Stop(stop) = self.text(words).await? {
                    return Ok(Next::Stop(stop));
                }
                continue;
            }
            self.cited(words, &citations).await?;
        }
        Ok(Next::Part)
    }

    fn web_tool(&self, name: &str) -> Option<&Value> {
        self.opening
            .request
            .offered
            .iter()
            .find(|tool| text(tool, "name") == Some(name))
    }

    /// Returns the `error_code` with which a call is refused, if it is.
    fn refusal(&self, tool: &Value, name: &str) -> Option<&'static str> {
        let most = tool.get("max_uses").and_then(Value::as_u64)?;
        let at = self
            .opening
            .request
            .messages
            .iter()
            .rposition(|message| message.role == Role::User);
        let echoed = self
            .opening
            .request
            .messages
            .iter()
            .skip(at.map_or(0, |at| at + 1));
        let used = echoed
            .flat_map(|message| &message.blocks)
            .chain(&self.content)
            .filter(|block| kind(block) == "server_tool_use" && text(block, "name") == Some(name))
            .count();
        (used as u64 >= most).then_some("max_uses_exceeded")
    }

    /// How many documents the conversation has so far.
    fn documents(&self) -> usize {
        let said = self.opening.request.messages.iter();
        let said = said.flat_map(|message| &message.blocks);
        said.chain(&self.content)
            .filter(|block| {
                kind(block) == "document"
                    || block.pointer("/content/content/type") == Some(&json!("document"))
            })
            .count()
    }

    /// Whether the conversation named this address before.
    fn is_known(&self, url: &str) -> bool {
        let said = self
            .opening
            .request
            .messages
            .iter()
            .flat_map(|message| &message.blocks);
        said.chain(&self.content)
            .any(|block| block.to_string().contains(url))
    }
}

fn is_direct(tool: &Value) -> bool {
    let is_new = text(tool, "type").is_some_and(|kind| kind.rsplit('_').next() >= Some("20260209"));
    match tool.get("allowed_callers").and_then(Value::as_array) {
        Some(callers) => callers.iter().any(|caller| caller == "direct"),
        None => !is_new,
    }
}

/// Returns the pages that earlier calls of a turn showed, as far as their results tell.
pub(super) fn shown_before(request: &Request) -> Vec<Shown> {
    let at = request.messages.iter().rposition(|message| {
        message.role == Role::User && message.blocks.iter().any(|b| kind(b) != "tool_result")
    });
    let said = request.messages.iter().skip(at.map_or(0, |at| at + 1));
    let results = said
        .flat_map(|message| &message.blocks)
        .filter(|block| kind(block) == "web_search_tool_result");
    results
        .filter_map(|block| block.get("content")?.as_array())
        .flatten()
        .map(|found| Shown {
            page: Page {
                url: text(found, "url").unwrap_or_default().to_owned(),
                title: text(found, "title").unwrap_or_default().to_owned(),
                text: String::new(),
            },
            document: None,
        })
        .collect()
}

/// Whether the domains of the request allow a page. A domain includes all below it.
fn is_open(tool: &Value, url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest.split(['/', ':', '?']).next().unwrap_or_default();
    let names = |field: &str| {
        let domains = tool.get(field).and_then(Value::as_array)?;
        Some(domains.iter().filter_map(Value::as_str).any(|domain| {
            let (name, path) = domain.split_once('/').unwrap_or((domain, ""));
            let below = host == name || host.ends_with(&format!(".{name}"));
            below
                && rest
                    .get(host.len()..)
                    .unwrap_or_default()
                    .trim_start_matches('/')
                    .starts_with(path)
        }))
    };
    names("allowed_domains").unwrap_or(true) && !names("blocked_domains").unwrap_or(false)
}

/// Text that only the API could read.
fn sealed(content: &str) -> String {
    STANDARD.encode(Sha256::digest(content.as_bytes()))
}

/// Returns what a citation says of its source. A page that was read is a document.
fn citation(shown: &Shown) -> Option<Value> {
    let page = &shown.page;
    let cited: String = page.text.chars().take(MAX_CITED_CHARS).collect();
    let Some(document) = &shown.document else {
        return Some(
            json!({"type": "web_search_result_location", "cited_text": cited, "url": page.url,
            "title": page.title, "encrypted_index": sealed(&page.url)}),
        );
    };
    let end = cited.chars().count();
    document.cites.then(|| {
        json!({"type": "char_location", "cited_text": cited, "document_index": document.index,
            "document_title": page.title, "start_char_index": 0, "end_char_index": end, "file_id": null})
    })
}

/// Splits prose at its footnote marks. A mark cites the text before it, back to the beginning of
/// the sentence; the other text is not cited.
fn marks(prose: &str) -> Vec<Cited<'_>> {
    let mut out: Vec<Cited<'_>> = Vec::new();
    let mut rest = prose;
    while let Some(at) = rest.find("[^") {
        let (before, mut after) = rest.split_at(at);
        let mut numbers = Vec::new();
        while let Some((number, tail)) = after
            .strip_prefix("[^")
            .and_then(|mark| mark.split_once(']'))
        {
            let Ok(number) = number.parse() else { break };
            numbers.push(number);
            after = tail;
        }
        if numbers.is_empty() {
            break;
        }
        let sentence = sentence_start(before);
        let (plain, cited) = before.split_at(sentence);
        // A block must not be white space alone: it is joined to the text that follows.
        if plain.trim().is_empty() {
            out.push((before, numbers));
        } else {
            out.push((plain, Vec::new()));
            out.push((cited, numbers));
        }
        rest = after;
    }
    if !rest.is_empty() {
        out.push((rest, Vec::new()));
    }
    out
}

/// Returns where the last sentence of a text begins: after a line end, or after a full stop and a
/// space.
fn sentence_start(text: &str) -> usize {
    let mut start = 0;
    for (at, c) in text.char_indices() {
        let after = at + c.len_utf8();
        let rest = text.get(after..).unwrap_or_default();
        let ends = c == '\n' || matches!(c, '.' | '!' | '?') && rest.starts_with([' ', '\n']);
        if ends && !rest.trim().is_empty() {
            start = after;
        }
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_cite_the_sentence_before_them() {
        assert_eq!(
            marks("One. Two is so.[^1][^2] Three.\n\n- Four[^3]\n"),
            [
                ("One.", vec![]),
                (" Two is so.", vec![1, 2]),
                (" Three.\n\n", vec![]),
                ("- Four", vec![3]),
                ("\n", vec![]),
            ]
        );
        assert_eq!(marks("no [^x] marks"), [("no [^x] marks", vec![])]);
    }

    #[test]
    fn a_domain_stands_for_all_below_it() {
        let only = json!({"allowed_domains": ["example.org", "a.com/docs"]});
        for (url, expected) in [
            ("https://example.org/x", true),
            ("https://www.example.org", true),
            ("https://badexample.org", false),
            ("https://a.com/docs/1", true),
            ("https://a.com/blog", false),
        ] {
            assert_eq!(is_open(&only, url), expected, "{url}");
        }
        assert!(!is_open(
            &json!({"blocked_domains": ["x.org"]}),
            "http://a.x.org/"
        ));
        assert!(!is_direct(&json!({"type": "web_search_20260318"})));
        assert!(is_direct(&json!({"type": "web_search_20250305"})));
        assert!(is_direct(
            &json!({"type": "web_search_20260318", "allowed_callers": ["direct"]})
        ));
    }
}
