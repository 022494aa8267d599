//! What a sandbox may make to hurt a reader, through the whole kernel: a step of the backend makes
//! it, the notebook's outputs are judged. The corpus is in `tests/data/hostile`.

mod contents;
mod names;
mod sizes;
mod terminal;

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pulldown_cmark::{Event, Options, Parser, Tag};

use crate::support::rig::Ran;

/// The only HTML that an output may hold.
const OURS: [&str; 16] = [
    "<details>",
    "<details open>",
    "</details>",
    "<summary>",
    "</summary>",
    "<span>",
    "</span>",
    "<code>",
    "</code>",
    "<sub>",
    "</sub>",
    "<b>",
    "</b>",
    "<div style=\"font-family: monospace; margin-bottom: 1em\">",
    "<div style=\"border-left: 3px solid #cfd8dc; padding-left: 12px\">",
    "<sub style=\"opacity: 0.6\">",
];

/// Reads a file of the corpus.
fn corpus(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/hostile");
    std::fs::read(path.join(name)).unwrap()
}

/// A script whose prompt `Make them` makes these files in one step.
fn making(files: &[(&str, &[u8])]) -> String {
    let files: Vec<(String, String)> = files
        .iter()
        .map(|(name, content)| (STANDARD.encode(name), STANDARD.encode(content)))
        .collect();
    let files = STANDARD.encode(serde_json::to_string(&files).unwrap());
    format!(
        "# Make them\n\n```python\n# Make the files\nimport base64, json, os\n\
         for name, content in json.loads(base64.b64decode('{files}')):\n    \
         path = os.path.join(os.environ['OUTPUT_DIR'], base64.b64decode(name).decode())\n    \
         open(path, 'wb').write(base64.b64decode(content))\n```\n\nMade.\n"
    )
}

/// Every representation of every display of a cell: type and text.
fn shown(ran: &Ran) -> Vec<(String, String)> {
    let mut shown = Vec::new();
    for kind in ["display_data", "update_display_data"] {
        for content in ran.iopub(kind) {
            for (mime, value) in content["data"].as_object().unwrap() {
                let text = value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned);
                shown.push((mime.clone(), text));
            }
        }
    }
    shown
}

/// Fails unless nothing in the outputs can act, and returns where their links and images lead.
#[track_caller]
fn check_harmless(ran: &Ran) -> Vec<String> {
    let mut targets = Vec::new();
    for (mime, text) in shown(ran) {
        match mime.as_str() {
            "text/markdown" => targets.extend(check_markdown(&text)),
            "text/plain" => assert!(!text.contains(is_control), "{text:?}"),
            "image/png" | "image/jpeg" | "image/gif" | "image/webp" => {}
            other => panic!("an output of type {other}: {text}"),
        }
    }
    for stream in ran.iopub("stream") {
        let text = stream["text"].as_str().unwrap();
        // A terminal's live line is taken away again, if a step takes so long that there is one.
        if text.chars().all(|c| matches!(c, '\u{8}' | ' ')) {
            continue;
        }
        assert!(
            !text.contains(|c| is_control(c) && c != '\u{1b}'),
            "{text:?}"
        );
    }
    targets
}

fn is_control(c: char) -> bool {
    c.is_control() && c != '\n' && c != '\t'
}

#[track_caller]
pub(crate) fn check_markdown(markdown: &str) -> Vec<String> {
    assert!(!markdown.contains(is_control), "{markdown:?}");
    let mut targets = Vec::new();
    let tables = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    for options in [tables, tables | Options::ENABLE_MATH, Options::empty()] {
        for event in Parser::new_ext(markdown, options) {
            match event {
                Event::Html(html) | Event::InlineHtml(html) => {
                    for tag in html.split_inclusive('>').map(str::trim) {
                        let tag = tag.find('<').map_or(tag, |at| &tag[at..]);
                        let ours = !tag.contains('<') || OURS.contains(&tag) || tag == "</div>";
                        assert!(ours, "{tag:?} in {markdown:?}");
                    }
                }
                Event::Start(Tag::Link { dest_url, .. }) => {
                    let target = dest_url.to_lowercase();
                    let web = ["https://", "http://", "mailto:"]
                        .iter()
                        .any(|scheme| target.starts_with(scheme));
                    // A scheme ends before any of these.
                    let head = target.split(['/', '?', '#']).next().unwrap();
                    let relative = !head.contains(':') && !target.starts_with('/');
                    assert!(web || relative, "{dest_url:?} in {markdown:?}");
                    targets.push(dest_url.into_string());
                }
                Event::Start(Tag::Image { dest_url, .. }) => {
                    let own = dest_url.starts_with("claude_files/");
                    assert!(own && !decoded(&dest_url).contains(".."), "{dest_url:?}");
                    targets.push(dest_url.into_string());
                }
                _ => {}
            }
        }
    }
    targets
}

/// Undoes percent-encoding, as a browser does before it asks for a file.
fn decoded(target: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = target.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after
            .get(..2)
            .and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
