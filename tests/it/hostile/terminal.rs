//! What a step prints: escapes for a terminal, and 200 MB of it.

use super::{check_harmless, corpus, making, shown};
use claude_kernel::emulator::faults::Fault;
use serde_json::json;

use crate::support::rig::{Asks, Ran, Rig};

fn streams(ran: &Ran) -> String {
    ran.iopub("stream")
        .iter()
        .map(|content| content["text"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn only_colours_reach_a_terminal_and_nothing_a_page() {
    let console = corpus("console.txt");
    // What a step makes is taken away from it: this one is made where the next one finds it.
    let script = making(&[("console.txt", &console)]).replace("'OUTPUT_DIR'", "'HOME'")
        + "\n# Print it\n\n```bash\n# Print it\ncat ~/console.txt; cat ~/console.txt >&2\n```\n\nPrinted.\n";
    let mut rig = Rig::start(&script).await;
    rig.cell("Make them").await;
    for asks in [Asks::Console, Asks::Batch, Asks::Lab] {
        let ran = rig.cell_as(asks, "Print it").await;
        assert_eq!(ran.reply()["status"], "ok", "{}", ran.transcript());
        check_harmless(&ran);
        let text = ran.text();
        for shown in [
            "clipboard: []",
            "link: [words]",
            "device: []",
            "back: abc",
            "progress: 100%",
        ] {
            assert!(text.contains(shown), "{shown}: {text}");
        }
        assert!(!text.contains("hostile title"), "{text}");
        assert!(
            text.contains("direction: [[U+202E]gnp.exe[U+202C]]"),
            "{text}"
        );
        // The streams of a batch run have colours too: its pages draw them as a terminal does.
        if asks != Asks::Lab {
            let red = "\u{1b}[1;31mred\u{1b}[0m and \u{1b}[38;5;208morange\u{1b}[0m";
            assert_eq!(text.matches(red).count(), 2, "{text:?}");
            // A colour that was left on is ended.
            assert!(text.contains("last line\u{1b}[31m\u{1b}[0m\n"), "{text:?}");
            let streams = streams(&ran);
            let codes: Vec<&str> = streams.split('\u{1b}').skip(1).collect();
            assert!(
                codes
                    .iter()
                    .all(|code| code.starts_with('[') && code.contains('m')),
                "{codes:?}"
            );
            assert_eq!(text.matches('\u{1b}').count(), codes.len(), "{text:?}");
        } else {
            assert!(
                !ran.transcript().contains("\\u001b"),
                "{}",
                ran.transcript()
            );
        }
    }
}

#[tokio::test]
async fn two_hundred_megabytes_of_output_are_shown_by_their_ends() {
    let script = "# Print it\n\n```bash\n# Print a lot\n\
                  echo first; head -c 100000000 /dev/zero | tr '\\0' 'x' | fold -w 100; echo; echo last; \
                  head -c 100000000 /dev/zero >&2\n```\n\nPrinted.\n";
    let mut rig = Rig::start(script).await;
    for asks in [Asks::Batch, Asks::Lab, Asks::Console] {
        let ran = rig.cell_as(asks, "Print it").await;
        assert_eq!(ran.reply()["status"], "ok", "{}", ran.transcript());
        check_harmless(&ran);
        let bytes: usize = shown(&ran).iter().map(|(_, text)| text.len()).sum();
        let bytes = bytes + streams(&ran).len();
        assert!(bytes < 1_000_000, "{bytes}");
        let text = ran.text();
        assert!(
            text.contains("first\nxxx") && text.contains("\nlast\n"),
            "{bytes}"
        );
        assert!(text.contains("left out …]"), "{bytes}");
    }
}

/// What the API, a stream, a classifier, an MCP server and a cell's own arguments say (W15, S5).
#[tokio::test]
async fn w15_foreign_words_in_errors_and_magics_move_no_terminal() {
    const EVIL: &str = "a\u{1b}]0;owned\u{7}b\u{1b}[31mc\u{202e}d\u{9b}2Je\u{2066}f";
    let mut rig = Rig::start("# /.*/\n\nSaid.\n").await;
    for (fault, cell) in [
        (Some(json!({"kind": "status", "status": 400, "message": EVIL}).to_string()), "Say 1".to_owned()),
        (Some(json!({"kind": "first_event", "error_type": "api_error", "message": EVIL}).to_string()), "Say 2".to_owned()),
        (Some(json!({"kind": "error", "after_events": 2, "error_type": "api_error", "message": EVIL}).to_string()), "Say 3".to_owned()),
        (None, format!("%fork {EVIL}")),
        (None, format!("%thread {EVIL}")),
        (None, format!("%model {EVIL}")),
        (None, format!("%{EVIL}")),
        (None, format!("%set x {EVIL}\n%vars")),
        (None, format!("%attach {EVIL}")),
        (None, format!("%beta add x-{EVIL}")),
        (None, format!("%mcp add odd -- sh -c \"printf '{EVIL}' >&2; exit 3\"")),
    ] {
        for asks in [Asks::Console, Asks::Batch, Asks::Lab] {
            if let Some(fault) = &fault {
                let fault: serde_json::Value = serde_json::from_str(fault).unwrap();
                let fault = Fault::from_json(&fault).unwrap();
                rig.emulator.faults().add(fault).await.unwrap();
            }
            let ran = rig.cell_as(asks, &cell).await;
            let told: Vec<String> = ["error", "stream", "display_data", "execute_result"]
                .iter()
                .flat_map(|kind| ran.iopub(kind))
                .flat_map(texts)
                .collect();
            assert!(!told.is_empty(), "{cell:?}");
            for text in told.iter().chain(&texts(ran.reply())) {
                let odd = |c: char| {
                    c.is_control() && c != '\n' && c != '\t'
                        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
                };
                assert!(!text.contains(odd), "{cell:?}: {text:?}");
            }
        }
    }
}

/// Every text in a message, however deep.
fn texts(value: &serde_json::Value) -> Vec<String> {
    match value {
        serde_json::Value::String(text) => vec![text.clone()],
        serde_json::Value::Array(items) => items.iter().flat_map(texts).collect(),
        serde_json::Value::Object(fields) => fields.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}
