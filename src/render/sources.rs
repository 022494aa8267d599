//! What an answer cites: numbers in the text, and one folded list at its end.

use serde_json::{Value, json};

use super::foreign;
use super::screen::{Form, fold};

/// The sources cited so far in a turn, in the order of their numbers.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    cited: Vec<Source>,
    /// Pages that were read: a citation of one of them names only its title.
    read: Vec<Source>,
}

#[derive(Debug, Clone)]
struct Source {
    title: String,
    url: String,
}

impl Source {
    /// Whether two sources are the same: by address, or by title if there is no address.
    fn is(&self, other: &Self) -> bool {
        match self.url.is_empty() && other.url.is_empty() {
            true => self.title == other.title,
            false => self.url == other.url,
        }
    }
}

impl Sources {
    /// Notes a page that was read (`web_fetch_result`).
    pub(crate) fn read(&mut self, result: &Value) {
        let text = |pointer: &str| result.pointer(pointer).and_then(Value::as_str);
        let url = text("/url").unwrap_or_default().to_owned();
        let title = text("/content/title").unwrap_or_default().to_owned();
        self.read.push(Source { title, url });
    }

    /// Gives a citation of a document the address of the page that the document is.
    fn located(&self, mut source: Source) -> Source {
        if source.url.is_empty() {
            let page = self.read.iter().rfind(|page| page.title == source.title);
            source.url = page.map(|page| page.url.clone()).unwrap_or_default();
        }
        source
    }

    /// Notes the sources of citations (`docs/protocol.md#citations`); returns their numbers as
    /// links.
    pub(crate) fn cite(&mut self, citations: &[Value]) -> String {
        let mut numbers: Vec<usize> = Vec::new();
        for source in citations.iter().map(source) {
            let source = self.located(source);
            if source.title.is_empty() && source.url.is_empty() {
                continue;
            }
            let known = self.cited.iter().position(|known| known.is(&source));
            let number = known.unwrap_or_else(|| {
                self.cited.push(source);
                self.cited.len() - 1
            });
            if !numbers.contains(&number) {
                numbers.push(number);
            }
        }
        let mark = |index: usize| {
            let url = self.cited.get(index).map_or("", |source| &source.url);
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
        if self.cited.is_empty() {
            return None;
        }
        let (mut list, mut plain) = (String::new(), "Sources\n".to_owned());
        for (number, source) in (1..).zip(&self.cited) {
            let link = source_link(&source.title, &source.url);
            list.push_str(&format!("{number}. {link}\n"));
            let line = format!("{number}. {} <{}>", source.title, source.url);
            plain.push_str(&foreign::printable(&line).replace('\n', " "));
            plain.push('\n');
        }
        let summary = format!("Sources ({})", self.cited.len());
        let markdown = fold(&summary, list.trim_end(), false);
        Some(Form::new(markdown, plain, json!({ "block": "sources" })))
    }
}

fn source(citation: &Value) -> Source {
    let first = |keys: [&str; 2]| {
        keys.iter()
            .filter_map(|key| citation.get(key).and_then(Value::as_str))
            .find(|text| !text.is_empty())
            .unwrap_or_default()
            .to_owned()
    };
    let (title, url) = (first(["title", "document_title"]), first(["url", "source"]));
    Source { title, url }
}

/// Returns a link that shows the title, or the address if there is no title.
pub(crate) fn source_link(title: &str, url: &str) -> String {
    let shown = if title.trim().is_empty() { url } else { title };
    let shown = foreign::inline(&foreign::shorten(shown, 120));
    match foreign::web_link(url) {
        Some(target) => format!("[{shown}]({target})"),
        None => shown,
    }
}
