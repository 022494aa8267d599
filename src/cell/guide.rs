//! The pages of the user guide (`docs/guide`), which a person reads without its files: `%help guide`.
//! Pure.

use super::shown::{Part, Shown, wrap};

/// A page of the guide.
#[derive(Debug)]
pub(super) struct Page {
    /// The name of its file, without the ending.
    pub(super) name: &'static str,
    text: &'static str,
}

/// Reads the page of this name.
macro_rules! page {
    ($name:literal) => {
        Page {
            name: $name,
            text: include_str!(concat!("../../docs/guide/src/", $name, ".md")),
        }
    };
}

/// All pages, in the order of the guide.
pub(super) const PAGES: [Page; 11] = [
    page!("first-notebook"),
    page!("data"),
    page!("results"),
    page!("tools"),
    page!("money"),
    page!("conversations"),
    page!("sharing"),
    page!("headless"),
    page!("editors"),
    page!("security"),
    page!("trouble"),
];

/// Returns the page of this name; the list of pages if there is no name.
pub(super) fn shown(name: &str) -> Option<Shown> {
    if name.is_empty() {
        return Some(list());
    }
    let page = PAGES.iter().find(|page| page.name == name)?;
    let text = linked(page.text);
    Some(Shown {
        plain: plain(&text),
        markdown: text,
    })
}

fn list() -> Shown {
    let rows: Vec<(Part, Part)> = PAGES
        .iter()
        .map(|page| {
            let title = page.text.lines().next().unwrap_or_default();
            let title = title.trim_start_matches(['#', ' ']);
            let call = Part::code(&format!("%help guide {}", page.name));
            (call, Part::ours(title))
        })
        .collect();
    Shown::default()
        .paragraph("A page for each task; every sample in them is run by a test.")
        .entries(["page", "about"], &rows)
}

/// Leaves out what is written for the tests; a link to another page becomes the call that shows it.
fn linked(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.starts_with("<!--"));
    let text = lines.collect::<Vec<_>>().join("\n");
    let (mut out, mut rest) = (String::new(), text.as_str());
    while let Some((before, title, page, after)) = link(rest) {
        out.push_str(before);
        out.push_str(&match PAGES.iter().any(|known| known.name == page) {
            true => format!("`%help guide {page}`"),
            false => format!("[{title}]({page}.md)"),
        });
        rest = after;
    }
    out.push_str(rest);
    out.push('\n');
    out
}

/// Finds a link to a page; returns what stands before it, its title, the page, and what stands behind.
fn link(text: &str) -> Option<(&str, &str, &str, &str)> {
    let (head, rest) = text.split_once("](")?;
    let (page, after) = rest.split_once(".md)")?;
    let (before, title) = head.rsplit_once('[')?;
    Some((before, title, page, after))
}

/// The page for a terminal: paragraphs wrapped, code indented, a row of a table in a line.
fn plain(text: &str) -> String {
    let mut out: Vec<String> = Vec::new();
    let mut words = String::new();
    let mut is_code = false;
    for line in text.lines() {
        let marks = ["#", "|", "- ", "```"];
        let begins = line.is_empty() || marks.iter().any(|mark| line.starts_with(mark));
        if begins && !words.is_empty() {
            out.push(prose(&words));
            words.clear();
        }
        if line.starts_with("```") {
            is_code = !is_code;
        } else if is_code {
            out.push(format!("    {line}").trim_end().to_owned());
        } else if line.starts_with('|') {
            out.extend(row(line));
        } else if begins && !line.starts_with("- ") {
            out.push(line.trim_start_matches('#').trim_start().to_owned());
        } else {
            if !words.is_empty() {
                words.push(' ');
            }
            words.push_str(line.trim());
        }
    }
    if !words.is_empty() {
        out.push(prose(&words));
    }
    // What was left out leaves no gap.
    out.dedup_by(|line, before| line.is_empty() && before.is_empty());
    out.join("\n").trim_end().to_owned()
}

fn prose(text: &str) -> String {
    let indent = if text.starts_with("- ") { "  " } else { "" };
    wrap(&text.replace('`', "").replace("**", ""), indent)
}

/// A row of a table; `None` for its head.
fn row(line: &str) -> Option<String> {
    let cells = line.trim_matches('|').split('|').map(str::trim);
    let cells: Vec<&str> = cells.collect();
    match cells.as_slice() {
        [name, ..] if !name.starts_with('`') => None,
        [name, rest @ ..] => Some(prose(&format!("- {name}: {}", rest.join("; see ")))),
        [] => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_of_the_guide_is_there() {
        let summary = include_str!("../../docs/guide/src/SUMMARY.md");
        let listed = summary.lines().filter_map(link);
        let listed: Vec<&str> = listed.map(|(_, _, page, _)| page).collect();
        let known: Vec<&str> = PAGES.iter().map(|page| page.name).collect();
        assert_eq!(known, listed);
    }

    #[test]
    fn a_page_reads_well_in_both_forms() {
        for page in &PAGES {
            let shown = shown(page.name).unwrap();
            for form in [&shown.markdown, &shown.plain] {
                assert!(!form.contains("<!--") && link(form).is_none(), "{form}");
            }
            let is_long = |line: &&str| line.chars().count() > 79 && !line.starts_with("    ");
            assert_eq!(shown.plain.lines().find(is_long), None, "{}", page.name);
            let is_marked = |line: &&str| line.contains('`') && !line.starts_with("    ");
            assert_eq!(shown.plain.lines().find(is_marked), None, "{}", page.name);
            assert!(!shown.plain.contains("\n\n\n"), "{}", shown.plain);
        }
        let money = shown("money").unwrap().plain;
        assert!(money.starts_with("Money\n\nEach answer ends"), "{money}");
        assert!(money.contains("\n    %budget $2 cell=$0.25\n"), "{money}");
        let trouble = shown("trouble").unwrap().plain;
        let row = "\n- BillingError: the account has no credit; see %help guide money\n";
        assert!(trouble.contains(row), "{trouble}");
    }
}
