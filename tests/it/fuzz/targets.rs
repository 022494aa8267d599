//! What is fed, and what must hold of each beyond that nothing panics.

use std::hash::{DefaultHasher, Hash, Hasher};

use bytes::Bytes;
use claude_kernel::anthropic::accumulate::Accumulator;
use claude_kernel::anthropic::event::StreamEvent;
use claude_kernel::anthropic::sse::Decoder;
use claude_kernel::cell::complete::{complete, inspect};
use claude_kernel::cell::magic::Context;
use claude_kernel::cell::magics;
use claude_kernel::cell::parse::{self, Cell};
use claude_kernel::cell::secret::looks_like_key;
use claude_kernel::chat::conversation::Conversations;
use claude_kernel::chat::record::Record;
use claude_kernel::chat::settings::Settings;
use claude_kernel::config::Secret;
use claude_kernel::jupyter::connection_file::ConnectionFile;
use claude_kernel::jupyter::request::{Cursor, Execute};
use claude_kernel::jupyter::signature::{ReplayWindow, Signer};
use claude_kernel::jupyter::wire;
use claude_kernel::jupyter::zmtp::{Event, GREETING, Limits, Link, SocketType, ZmtpError};
use claude_kernel::kernel::journal::read;
use claude_kernel::kernel::journal::recovered_turn;
use claude_kernel::kernel::journal::redact::{Redactor, Stream};
use claude_kernel::notebook::receipts;
use claude_kernel::render::markdown::neutralise;
use serde_json::Value;

use super::driver::Target;
use crate::hostile::check_markdown;
use crate::support::eaters;
use crate::support::pieces::pieces;

/// All of them.
pub(super) const TARGETS: &[Target] = &[
    Target {
        name: "zmtp",
        read: zmtp,
        words: &[
            "\x04\x19\x05READY\x0bSocket-Type\0\0\0\x03SUB",
            "\x04\x05\x04PING",
            "\0\0",
            "\x01\0",
            "\x02",
        ],
    },
    Target {
        name: "messages",
        read: messages,
        words: &[
            "<IDS|MSG>",
            "\n",
            "{\"msg_type\":\"execute_request\",\"msg_id\":\"1\"}",
            "{}",
            "NaN",
            "[",
            "\\ud800",
        ],
    },
    Target {
        name: "sse",
        read: sse,
        words: &[
            "event: ",
            "data: ",
            "\r\n",
            "\n\n",
            "content_block_delta",
            "{\"type\":",
            "\"index\":",
            "\u{feff}",
            ": ",
        ],
    },
    Target {
        name: "markdown",
        read: markdown,
        words: &[
            "[",
            "](",
            "](javascript:",
            "<",
            "<script>",
            "`",
            "```\n",
            "$",
            "\\(",
            "\n",
            "| ",
            "> ",
            "- ",
            "&#",
            "![",
            "]: ",
            "@@0@@",
            "\t",
        ],
    },
    Target {
        name: "notebooks",
        read: notebooks,
        words: &[
            "\"cells\":",
            "\"outputs\":[",
            "\"metadata\":{\"claude_kernel\":",
            "\"cost_usd\":",
            "\"usage\":{",
            "null,",
        ],
    },
    Target {
        name: "journals",
        read: journals,
        words: &[
            "\n",
            "{\"t\":\"turn\"",
            "{\"t\":\"delta\"",
            "\"turn\":",
            "\"at\":",
            "{\"record\":",
            "\"block\":{",
        ],
    },
    Target {
        name: "records",
        read: records,
        words: &[
            "\n",
            "{\"turn\":",
            "\"content\":[",
            "\"type\":",
            "null",
            "{\"reset_all\":null}",
            "\"thread\":",
        ],
    },
    Target {
        name: "connection_files",
        read: connection_files,
        words: &[
            "\"ip\":",
            "\"transport\":\"ipc\"",
            "\"shell_port\":",
            "\"key\":",
            "\u{feff}",
            "[::1]",
        ],
    },
    Target {
        name: "magics",
        read: cells,
        words: &[
            "%",
            "%%",
            "\n",
            "--",
            "\"",
            "'",
            "{{",
            "}}",
            " = ",
            "%system ",
            "%%json r [",
            "%budget ",
            "%set ",
            "?",
            "\\",
        ],
    },
    Target {
        name: "keys",
        read: keys,
        words: &[
            "sk-ant-",
            "abcd",
            "ghp_",
            "-----BEGIN ",
            "PRIVATE KEY-----",
            "gate\\\"",
            "gate\"way\\01234567",
            "%22",
            "\n",
            " ",
        ],
    },
    Target {
        name: "readers",
        read: readers,
        words: &[
            "[",
            "{\"a\":",
            "\u{1b}[31m",
            "\u{1b}]8;;",
            "|",
            ",",
            "\"",
            "\n",
            "# ",
            "```bash\n",
            "{{a}}",
            "\u{202e}",
        ],
    },
    Target {
        name: "recordings",
        read: super::recordings::read,
        words: &[
            "\"calls\":[",
            "\"blocks\":[",
            "\"file_id\":\"file_r1\"",
            "../",
            "srvtoolu_r",
        ],
    },
];

pub(super) fn find(name: &str) -> &'static Target {
    TARGETS.iter().find(|target| target.name == name).unwrap()
}

/// A number for how something answered: what it is like, not what it says.
fn answer(parts: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}

/// Small numbers as they are, larger ones by their size.
fn rough(number: usize) -> u32 {
    match number {
        0..=4 => number as u32,
        more => 5 + more.ilog2(),
    }
}

/// The name of a variant.
fn variant(value: &impl std::fmt::Debug) -> String {
    let text = format!("{value:?}");
    text.chars().take_while(|c| c.is_alphanumeric()).collect()
}

fn zmtp(bytes: &[u8]) -> u64 {
    const LIMITS: Limits = Limits {
        message_bytes: 1000,
        parts: 8,
        command_bytes: 100,
    };
    let read = |chunks: &mut dyn Iterator<Item = &[u8]>| -> (Vec<Event>, Option<ZmtpError>) {
        let mut link = Link::new(SocketType::Xpub, LIMITS);
        let mut events = Vec::new();
        for chunk in chunks {
            if let Err(error) = link.receive(chunk) {
                return (events, Some(error));
            }
            loop {
                match link.next() {
                    Ok(Some(event)) => events.push(event),
                    Ok(None) => break,
                    Err(error) => return (events, Some(error)),
                }
            }
        }
        (events, None)
    };
    let greeted = [&GREETING[..], bytes].concat();
    let whole = read(&mut std::iter::once(&greeted[..]));
    for size in [1, 7] {
        let cut = read(&mut greeted.chunks(size));
        // Of two things that end a connection, and of what came before them, either may be seen first.
        assert_eq!(cut.1.is_some(), whole.1.is_some());
        assert!(cut.1.is_some() || cut.0 == whole.0, "{cut:?} {whole:?}");
    }
    read(&mut std::iter::once(bytes));
    let kinds: Vec<String> = whole.0.iter().take(8).map(variant).collect();
    answer((
        kinds,
        rough(whole.0.len()),
        whole.1.map(|error| variant(&error)),
    ))
}

fn messages(bytes: &[u8]) -> u64 {
    let frames: Vec<Bytes> = bytes
        .split(|byte| *byte == b'\n')
        .map(Bytes::copy_from_slice)
        .collect();
    let signer = Signer::new("hmac-sha256", b"").unwrap();
    let mut seen = ReplayWindow::default();
    match wire::decode(frames, &signer, &mut seen) {
        Ok(message) => {
            let execute = Execute::read(&message.content);
            let _cursor = Cursor::read(&message.content);
            answer((
                message.unreadable.is_some(),
                rough(message.content.to_string().len()),
                execute.silent,
                message.header.date.is_some(),
            ))
        }
        Err(error) => answer(variant(&error)),
    }
}

fn sse(bytes: &[u8]) -> u64 {
    let read = |size: usize| {
        let mut decoder = Decoder::new();
        let mut events = Vec::new();
        for chunk in bytes.chunks(size) {
            decoder.push(chunk);
            while let Ok(Some(event)) = decoder.next_event() {
                events.push((event.name.into_owned(), event.data.into_owned()));
            }
        }
        events
    };
    let whole = read(usize::MAX);
    assert_eq!(read(1), whole);
    assert_eq!(read(5), whole);
    let mut accumulator = Accumulator::new();
    let mut kinds = Vec::new();
    for (name, data) in &whole {
        match StreamEvent::parse(name, data) {
            Ok(event) => {
                kinds.push(variant(&event));
                accumulator.apply(&event);
            }
            Err(error) => kinds.push(variant(&error)),
        }
    }
    kinds.truncate(12);
    let salvaged = accumulator.salvage().len();
    answer((kinds, salvaged.min(4), accumulator.is_complete()))
}

fn markdown(bytes: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(bytes);
    let safe = neutralise(&text);
    let targets = check_markdown(&safe);
    let marks = ["<span>", "<code>", "&lt;", "```", "\n\n", "](", "$", "<div"];
    let marks = marks.map(|mark| rough(safe.matches(mark).count()));
    answer((targets.len().min(4), marks))
}

fn notebooks(bytes: &[u8]) -> u64 {
    let Ok(notebook) = serde_json::from_slice::<Value>(bytes) else {
        return 0;
    };
    let ledger = receipts::ledger(&notebook);
    let totals = ledger.map(|ledger| {
        let totals = ledger.totals();
        assert!(totals.cost_usd.is_finite() && totals.cost_usd >= 0.0);
        (
            rough(ledger.entries().len()),
            totals.unknown,
            totals.at_least,
            totals.cost_usd > 0.0,
        )
    });
    answer(totals)
}

fn journals(bytes: &[u8]) -> u64 {
    match read::contents(bytes) {
        Ok(contents) => {
            assert!(contents.good_bytes <= bytes.len());
            let mut conversations = Conversations::default();
            for running in &contents.partial_turns {
                let said = (running.answer(), running.shown(), running.messages());
                let _recovered = (said, recovered_turn::record(running));
            }
            let records = contents.records.len();
            for record in contents.records {
                conversations.apply(record);
            }
            answer((
                rough(records),
                contents.partial_turns.len(),
                contents.torn,
                contents.damage.map(|damage| variant(&damage)),
                rough(contents.good_bytes),
            ))
        }
        Err(error) => answer(variant(&error)),
    }
}

fn records(bytes: &[u8]) -> u64 {
    let mut conversations = Conversations::default();
    let mut kinds = Vec::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        let record: Result<Record, _> = serde_json::from_slice(line);
        if let Ok(record) = record {
            kinds.push(variant(&record));
            // It is written as it was read.
            let written = serde_json::to_value(&record).unwrap();
            let again: Record = serde_json::from_value(written.clone()).unwrap();
            assert_eq!(serde_json::to_value(&again).unwrap(), written);
            conversations.apply(record);
            let _undone = conversations.undo();
        }
    }
    kinds.truncate(8);
    answer(kinds)
}

fn connection_files(bytes: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(bytes);
    match ConnectionFile::parse(&text) {
        Ok(file) => {
            let complete = file
                .complete(&text)
                .map(|text| ConnectionFile::parse(&text).is_ok());
            assert_ne!(complete.as_ref().ok(), Some(&false), "{text}");
            answer((
                file.lacks_ports(),
                file.endpoint(1).to_string().starts_with("ipc"),
                complete.is_ok(),
            ))
        }
        Err(error) => answer(variant(&error)),
    }
}

fn cells(bytes: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(bytes);
    let settings = Settings::default();
    let context = Context::new(&settings);
    let cell = parse::parse(&text);
    let _found = complete(&text, usize::MAX, &context);
    let _shown = inspect(&text, text.chars().count() / 2, &context);
    let Cell::Turn {
        magics: calls,
        prompt,
    } = cell
    else {
        return answer(variant(&cell));
    };
    let mut outcomes = Vec::new();
    for call in &calls {
        outcomes.push(match magics::apply(call, &context) {
            Ok(effects) => (call.name.clone(), effects.iter().map(variant).collect()),
            Err(error) => (
                String::new(),
                vec![error.message.chars().take(12).collect::<String>()],
            ),
        });
    }
    outcomes.truncate(4);
    answer((outcomes, prompt.is_empty()))
}

/// No key stands in it. The last line of a private key may, and looks like one.
fn is_clean(text: &str) -> bool {
    text.contains("PRIVATE KEY-----") || !looks_like_key(text)
}

/// However a text is cut: what is given out is what the whole text gives, and holds no key.
fn keys(bytes: &[u8]) -> u64 {
    const OWN: &str = "gate\"way\\0123456789abcdef";
    let text = String::from_utf8_lossy(bytes);
    let redactor = Redactor::new([Secret::new(OWN)]);
    let whole = redactor.redact(&text).into_owned();
    assert!(!whole.contains(OWN));
    assert!(is_clean(&whole), "{whole:?}");
    let mut given = 0;
    for size in [1, 3, 40] {
        let mut stream = Stream::new(redactor.clone());
        let mut out = String::new();
        for piece in pieces(&text, size) {
            out.push_str(&stream.push(piece));
        }
        out.push_str(&stream.finish());
        assert!(
            !out.contains(OWN) && is_clean(&out),
            "{size}: {out:?} of {text:?}"
        );
        given = out.len();
    }
    answer((rough(whole.matches('[').count()), rough(given)))
}

/// All the others: which one, the first byte says.
fn readers(bytes: &[u8]) -> u64 {
    let (first, text) = bytes.split_first().unwrap_or((&0, &[]));
    let all = [eaters::CELLS, eaters::ANSWERS, eaters::FILES];
    let all: Vec<&eaters::Eater> = all.into_iter().flatten().collect();
    let eater = all[usize::from(*first) % all.len()];
    (eater.eat)(&String::from_utf8_lossy(text));
    answer((eater.name, rough(text.len())))
}
