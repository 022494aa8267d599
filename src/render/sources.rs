//! What an answer cites: numbers in the text, one folded list at its end.

use serde_json::{Value, json};

use super::foreign;
use super::screen::{Form, fold};

/// The sources cited so far in a turn, in the order of their numbers.
#[derive(Debug, Default)]
pub(crate) struct Sources(Vec<Source>);

#[derive(Debug, PartialEq)]
struct Source {
    title: String,
    url: String,
}

impl Sources {
    /// Notes the sources of citations (`claude-api.md` 6.3); returns their numbers as links.
    pub(crate) fn cite(&mut self, citations: &[Value]) -> String {
        let mut numbers: Vec<usize> = Vec::new();
        for source in citations.iter().filter_map(source) {
            let known = self.0.iter().position(|known| *known == source);
            let number = known.unwrap_or_else(|| {
                self.0.push(source);
                self.0.len() - 1
            });
            if !numbers.contains(&number) {
                numbers.push(number);
            }
        }
        let mark = |index: usize| {
            let url = self.0.get(index).map_or("", |source| &source.url);
            let number = index + 1;
            match foreign::web_link(url) {
                Some(target) => format!(" [[{number}]]({target})"),
                None => format!(" [{number}]"),
            }
        };
        numbers.into_iter().map(mark).collect()
    }

    /// Returns the list, if anything was cited.
    pub(crate) fn form(&self) -> Option<Form> {
        if self.0.is_empty() {
            return None;
        }
        let (mut list, mut plain) = (String::new(), "Sources\n".to_owned());
        for (number, source) in (1..).zip(&self.0) {
            let link = source_link(&source.title, &source.url);
            list.push_str(&format!("{number}. {link}\n"));
            let line = format!("{number}. {} <{}>", source.title, source.url);
            plain.push_str(&foreign::printable(&line).replace('\n', " "));
            plain.push('\n');
        }
        let summary = format!("Sources ({})", self.0.len());
        let markdown = fold(&summary, list.trim_end(), false);
        Some(Form::new(markdown, plain, json!({ "block": "sources" })))
    }
}

fn source(citation: &Value) -> Option<Source> {
    let first = |keys: [&str; 2]| {
        keys.iter()
            .filter_map(|key| citation.get(key).and_then(Value::as_str))
            .find(|text| !text.is_empty())
            .unwrap_or_default()
            .to_owned()
    };
    let (title, url) = (first(["title", "document_title"]), first(["url", "source"]));
    (!title.is_empty() || !url.is_empty()).then_some(Source { title, url })
}

/// Returns a link that shows the title, or the address where there is none.
pub(crate) fn source_link(title: &str, url: &str) -> String {
    let shown = if title.trim().is_empty() { url } else { title };
    let shown = foreign::inline(&foreign::shorten(shown, 120));
    match foreign::web_link(url) {
        Some(target) => format!("[{shown}]({target})"),
        None => shown,
    }
}
