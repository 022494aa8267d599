//! What a step prints: escapes for a terminal, and 200 MB of it.

use super::{check_harmless, corpus, making, shown};
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
        if asks == Asks::Console {
            let red = "\u{1b}[1;31mred\u{1b}[0m and \u{1b}[38;5;208morange\u{1b}[0m";
            assert_eq!(text.matches(red).count(), 2, "{text:?}");
            // A colour that was left on is ended.
            assert!(text.contains("last line\u{1b}[31m\u{1b}[0m\n"), "{text:?}");
            let codes: Vec<&str> = text.split('\u{1b}').skip(1).collect();
            assert!(
                codes
                    .iter()
                    .all(|code| code.starts_with('[') && code.contains('m')),
                "{codes:?}"
            );
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
