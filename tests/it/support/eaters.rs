//! Everything that reads text from outside, each behind one name: what the tests of growing cost and
//! the random inputs feed.
//!
//! A reader that is missing here is not tested against hostile text: a new one gets a line.

use std::time::Duration;

use bytes::Bytes;
use claude_kernel::anthropic::block::Block;
use claude_kernel::anthropic::event::{Delta, StreamEvent, surrogates};
use claude_kernel::anthropic::sse::Decoder;
use claude_kernel::cell::complete::{complete, inspect, is_complete};
use claude_kernel::cell::magic::Context;
use claude_kernel::cell::parse::{self, Cell};
use claude_kernel::cell::variables::Variables;
use claude_kernel::cell::{fill, help, mention, packages, path_at, secret, slips};
use claude_kernel::chat::conversation::digest::Digest;
use claude_kernel::chat::receipt::Receipt;
use claude_kernel::chat::recording::asked::Asked;
use claude_kernel::chat::recording::coding::Coded;
use claude_kernel::chat::recording::{Call, Recording, ToolAnswer};
use claude_kernel::chat::schema;
use claude_kernel::chat::settings::{Settings, ThinkingShow};
use claude_kernel::chat::turn::{FetchedFile, Origin, Update};
use claude_kernel::config::Secret;
use claude_kernel::emulator::script;
use claude_kernel::host::unnumbered;
use claude_kernel::jupyter::connection_file::ConnectionFile;
use claude_kernel::jupyter::request::Execute;
use claude_kernel::kernel::journal::read;
use claude_kernel::kernel::journal::redact::Redactor;
use claude_kernel::notebook::check::check;
use claude_kernel::notebook::receipts;
use claude_kernel::render::markdown::neutralise;
use claude_kernel::render::renderer::{DisplayMode, Look, Renderer};
use claude_kernel::render::value;
use serde_json::{Map, Value, json};

use super::pieces::pieces;

/// A reader of text, and how many bytes it is given at most: some work in proportion to a limit of
/// their own, which is reached early.
pub(crate) struct Eater {
    pub(crate) name: &'static str,
    pub(crate) eat: fn(&str),
}

const fn eater(name: &'static str, eat: fn(&str)) -> Eater {
    Eater { name, eat }
}

/// Cells and prompts.
pub(crate) const CELLS: &[Eater] = &[
    eater("keys of magics", |text| {
        done(secret::looks_like_key(text));
        done(secret::without_keys(text, "-"));
        done(secret::is_secret_variable("token", text));
    }),
    eater("keys of a journal", |text| {
        let own = Redactor::new([Secret::new("gateway-0123456789abcdef")]);
        done(own.redact(text));
    }),
    eater("mentions", |text| {
        for found in mention::find(text) {
            done(found.readings());
            done(found.looks_like_path());
        }
    }),
    eater("paths at a cursor", |text| {
        done(path_at::path_at(text, usize::MAX));
    }),
    eater("cells", |text| {
        if let Cell::Turn { magics, prompt } = parse::parse(text) {
            done(slips::slips(&magics, &prompt, &Settings::default()));
        }
    }),
    eater("completion", |text| {
        let settings = Settings::default();
        done(complete(text, usize::MAX, &Context::new(&settings)));
    }),
    eater("inspection", |text| {
        let settings = Settings::default();
        done(inspect(text, usize::MAX, &Context::new(&settings)));
        done(help::about(text, &Context::new(&settings)));
    }),
    eater("whether a cell is complete", |text| {
        done(is_complete(text));
    }),
    eater("variables of a prompt", |text| {
        let variables: Variables = [("a", json!({"b": [1, 2]}))].into_iter().collect();
        done(fill::fill(text, &variables));
        done(fill::misses(text, &variables));
    }),
    eater("short schemas", |text| {
        done(schema::parse_short(text));
    }),
];

/// What the API and what stands behind it send.
pub(crate) const ANSWERS: &[Eater] = &[
    eater("Markdown", |text| {
        done(neutralise(text));
    }),
    eater("an answer in one piece", |text| {
        answer_in(&[text], Delta::Text, "text", DisplayMode::Live);
    }),
    eater("an answer in pieces", |text| {
        answer_in(&pieces(text, 40), Delta::Text, "text", DisplayMode::Live);
    }),
    eater("an answer on a terminal", |text| {
        answer_in(
            &pieces(text, 40),
            Delta::Text,
            "text",
            DisplayMode::Terminal,
        );
    }),
    eater("thinking", |text| {
        answer_in(
            &pieces(text, 400),
            Delta::Thinking,
            "thinking",
            DisplayMode::Live,
        );
    }),
    eater("a step's output", step),
    eater("a step's code", |text| {
        let block = json!({
            "type": "server_tool_use", "id": "srvtoolu_1", "name": "bash_code_execution",
            "input": {"command": text},
        });
        blocks(&[block]);
    }),
    eater("a file", |text| {
        for (name, mime_type) in [
            ("a.csv", "text/csv"),
            ("a.json", "application/json"),
            ("a.md", "text/markdown"),
            ("a.svg", "image/svg+xml"),
            ("a.html", "text/html"),
            ("a.txt", "text/plain"),
        ] {
            file(name, mime_type, text);
        }
    }),
    eater("events", |text| {
        for size in [1, 4096] {
            let mut decoder = Decoder::new();
            for chunk in text.as_bytes().chunks(size) {
                decoder.push(chunk);
                while let Ok(Some(event)) = decoder.next_event() {
                    done(StreamEvent::parse(&event.name, &event.data));
                }
            }
        }
    }),
    eater("the JSON of an event", |text| {
        done(StreamEvent::parse("content_block_delta", text));
        done(surrogates::replaced(text));
    }),
    eater("a structured result", |text| {
        let schema = json!({"type": "array", "items": {"type": "object"}});
        done(schema::read(&schema, text));
    }),
    eater("values", |text| {
        let value: Value = serde_json::from_str(text).unwrap_or_else(|_| json!([text, {text: 1}]));
        done(value::markdown(&value));
        done(value::plain(&value));
    }),
    eater("what pip lists", |text| {
        done(packages::read(text));
    }),
];

/// What Jupyter, notebooks and files of ours hold.
pub(crate) const FILES: &[Eater] = &[
    eater("requests", |text| {
        done(Execute::read(
            &json!({"code": text, "user_expressions": {text: text}}),
        ));
    }),
    eater("a connection file", |text| {
        done(ConnectionFile::parse(text));
    }),
    eater("journals", |text| {
        done(read::contents(text.as_bytes()));
    }),
    eater("receipts of a notebook", |text| {
        let notebook = serde_json::from_str(text)
            .unwrap_or_else(|_| json!({"cells": [{"outputs": [{"data": {"text/plain": text}}]}]}));
        done(receipts::ledger(&notebook));
    }),
    eater("a recorded answer that is checked", |text| {
        done(check(&answered(text), &|_, _| None));
    }),
    eater("scripts of the offline model", |text| {
        done(script::parse("a.md", text));
        let variables = [("a".to_owned(), "b".to_owned())].into_iter().collect();
        done(script::substitute(text, &variables));
        done(script::step_in_prompt(text));
    }),
    eater("errors of the system", |text| {
        done(unnumbered(&text));
    }),
];

/// A notebook whose steps printed a text, and whose answer says it.
fn answered(text: &str) -> Value {
    let settings = Settings::default();
    let above = Digest::default();
    let block = json!({"type": "text", "text": text});
    let recording = Recording {
        asked: Asked::of(above, "p", (&settings, &settings), None, Vec::new()),
        prompt: "p".to_owned(),
        told: Vec::new(),
        calls: vec![Call {
            model: None,
            stop: Map::new(),
            blocks: vec![block],
        }],
        tools: vec![ToolAnswer {
            id: "x".to_owned(),
            content: json!(text.replace('1', "2")),
            is_error: false,
            printed: String::new(),
        }],
        files: Vec::new(),
        receipt: Receipt::default(),
    };
    let record = Coded::of(&recording).map(|coded| coded.value());
    let shown = text.replace('0', "3");
    json!({"cells": [{"cell_type": "code", "source": "p", "outputs": [
        {"output_type": "stream", "name": "stdout", "text": shown},
        {"output_type": "display_data", "data": {"text/plain": shown, "text/markdown": text},
            "metadata": {"claude_kernel": {"block": "text"}}},
        {"output_type": "display_data", "data": {},
            "metadata": {"claude_kernel": {"block": "receipt", "record": record}}},
    ]}]})
}

/// Whatever came of it.
fn done<T>(_result: T) {}

fn renderer(mode: DisplayMode) -> Renderer {
    let look = Look {
        columns: 80,
        is_styled: true,
    };
    Renderer::new(mode, ThinkingShow::Fold, "d-1".to_owned()).on_terminal(look)
}

fn answer_in(pieces: &[&str], delta: fn(String) -> Delta, kind: &str, mode: DisplayMode) {
    let mut renderer = renderer(mode);
    let whole = |text: &str| Block::from_raw(json!({"type": kind, kind: text}));
    let mut now = Duration::ZERO;
    let block = whole("");
    renderer.apply(Update::BlockStarted { ordinal: 0, block }, now);
    for piece in pieces {
        now += Duration::from_millis(5);
        if renderer.deadline().is_some_and(|deadline| deadline <= now) {
            renderer.tick(now);
        }
        let delta = delta((*piece).to_owned());
        renderer.apply(Update::BlockDelta { ordinal: 0, delta }, now);
    }
    let block = whole(&pieces.concat());
    renderer.apply(Update::BlockFinished { ordinal: 0, block }, now);
    renderer.apply(Update::Aborted(None), now);
}

fn blocks(raw: &[Value]) {
    for mode in [DisplayMode::Live, DisplayMode::Terminal, DisplayMode::Batch] {
        let mut renderer = renderer(mode);
        for (ordinal, raw) in raw.iter().enumerate() {
            let block = Block::from_raw(raw.clone());
            let started = block.clone();
            renderer.apply(
                Update::BlockStarted {
                    ordinal,
                    block: started,
                },
                Duration::ZERO,
            );
            renderer.apply(Update::BlockFinished { ordinal, block }, Duration::ZERO);
        }
        renderer.apply(Update::Aborted(None), Duration::ZERO);
    }
}

fn step(text: &str) {
    let call = json!({
        "type": "server_tool_use", "id": "srvtoolu_1", "name": "bash_code_execution",
        "input": {"command": "make"},
    });
    let result = json!({
        "type": "bash_code_execution_tool_result", "tool_use_id": "srvtoolu_1",
        "content": {
            "type": "bash_code_execution_result", "stdout": text, "stderr": text,
            "return_code": 0, "content": [],
        },
    });
    blocks(&[call, result]);
}

fn file(name: &str, mime_type: &str, text: &str) {
    let bytes = Bytes::copy_from_slice(text.as_bytes());
    let file = FetchedFile {
        file_id: "file_1".to_owned(),
        name: name.to_owned(),
        relative_path: format!("claude_files/{name}"),
        mime_type: mime_type.to_owned(),
        size_bytes: bytes.len() as u64,
        sha256: String::new(),
        bytes: Some(bytes),
        start: Bytes::new(),
        origin: Origin::default(),
    };
    let mut renderer = renderer(DisplayMode::Live);
    renderer.apply(Update::FileFetched { ordinal: 0, file }, Duration::ZERO);
    renderer.apply(Update::Aborted(None), Duration::ZERO);
}
