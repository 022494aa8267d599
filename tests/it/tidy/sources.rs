//! Citations lead somewhere: what the code says of the two protocols stands in `docs/protocol.md`,
//! under the heading that a comment names. No comment cites a document that is not here.

use std::collections::BTreeSet;

use super::read;
use super::repository::{repository_files, text_of};

const PROTOCOL: &str = "docs/protocol.md";

/// The anchors of a Markdown document, in order: its headings as GitHub makes links of them.
fn anchors(markdown: &str) -> Vec<String> {
    let mut in_code = false;
    let mut anchors = Vec::new();
    for line in markdown.lines() {
        if line.starts_with("```") {
            in_code = !in_code;
        }
        let heading = line.trim_start_matches('#');
        if !in_code && heading.len() < line.len() && heading.starts_with(' ') {
            anchors.push(slug(heading.trim()));
        }
    }
    anchors
}

fn slug(heading: &str) -> String {
    heading
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

/// What a text cites of the protocol document: `#one` or `#one, #two` behind its name. An empty
/// string stands for a citation of the whole document.
fn cited(text: &str) -> Vec<String> {
    let is_anchor = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let mut cited = Vec::new();
    for after in text.split(PROTOCOL).skip(1) {
        let before = cited.len();
        let mut rest = after;
        while let Some(anchor) = rest.strip_prefix('#') {
            let end = anchor.find(|c| !is_anchor(c)).unwrap_or(anchor.len());
            cited.push(anchor[..end].to_owned());
            rest = anchor[end..].strip_prefix(", ").unwrap_or_default();
        }
        if cited.len() == before {
            cited.push(String::new());
        }
    }
    cited
}

/// Documents that a comment cites: `NAME.md` in a comment, beside a number of a part of it, or in
/// brackets. Names of files that a person may have (`a.claude.md`, `notes.md`) are no citations.
fn documents(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let comments: Vec<&str> = (source.lines().map(str::trim_start))
        .filter_map(|line| line.strip_prefix("//").or_else(|| line.strip_prefix('#')))
        .map(|line| line.trim_start_matches(['/', '!', ' ']))
        .collect();
    let comments = comments.join(" ");
    for (at, _) in comments.match_indices(".md") {
        let before = &comments[..at];
        let start = before
            .rfind(|c: char| !(c.is_ascii_alphanumeric() || "-_./".contains(c)))
            .map_or(0, |i| i + 1);
        let name = &before[start..];
        let after = comments[at + ".md".len()..].trim_start_matches('`');
        let numbered = (after.strip_prefix(' ').or_else(|| after.strip_prefix(", ")))
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        let bracketed = before[..start].trim_end_matches('`').ends_with('(');
        if !name.is_empty() && (numbered || bracketed) {
            found.push(format!("{name}.md"));
        }
    }
    found
}

#[test]
fn a_citation_that_leads_nowhere_is_named() {
    let markdown =
        "# The two protocols\n## Tools: `code`\n```\n# no heading\n```\n### in-place tools\n";
    assert_eq!(
        anchors(markdown),
        ["the-two-protocols", "tools-code", "in-place-tools"]
    );
    let text = format!("(`{PROTOCOL}#a-b, #c`, and so on) {PROTOCOL}#d. {PROTOCOL} `{PROTOCOL}#e`");
    assert_eq!(cited(&text), ["a-b", "c", "d", "", "e"]);
    let source = "//! Read `facts.md` 3.1 first.\n/// So it is (`other/facts.md`\n/// and more), or \
                  `notes.md`.\nlet x = \"(text.md) 1\";\n# A part of it (`more.md`, \"Part\").\n";
    assert_eq!(documents(source), ["facts.md", "other/facts.md", "more.md"]);
}

#[test]
fn every_citation_leads_into_the_house() {
    let known = anchors(&read(PROTOCOL));
    let mut complaints = Vec::new();
    let mut seen = BTreeSet::new();
    for anchor in &known {
        if !seen.insert(anchor) {
            complaints.push(format!(
                "{PROTOCOL}: two headings have the anchor `#{anchor}`"
            ));
        }
    }
    for file in repository_files() {
        let Some((name, text)) = text_of(&file) else {
            continue;
        };
        if name == PROTOCOL || name.ends_with("tidy/sources.rs") {
            continue;
        }
        let is_code = name.ends_with(".rs") || name.ends_with(".py");
        for anchor in cited(&text) {
            if anchor.is_empty() && is_code {
                complaints.push(format!(
                    "{name}: say which part of {PROTOCOL}: `{PROTOCOL}#…`"
                ));
            } else if !anchor.is_empty() && !known.contains(&anchor) {
                complaints.push(format!("{name}: {PROTOCOL} has no `#{anchor}`"));
            }
        }
        if is_code {
            for document in documents(&text) {
                if !super::root().join(&document).is_file() {
                    complaints.push(format!("{name}: cites `{document}`, which is not here"));
                }
            }
        }
    }
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}
