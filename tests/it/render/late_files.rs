//! Files that come while the answer is being written.

use claude_kernel::anthropic::block::Block;
use claude_kernel::anthropic::event::Delta;
use claude_kernel::chat::turn::{Activity, Update};
use claude_kernel::render::renderer::DisplayMode;
use expect_test::expect;
use serde_json::json;

use super::transcripts::{PNG, Story, check};

/// A file comes in the middle of a sentence.
fn interrupted_by_a_file() -> Story {
    let text = |text: &str| Block::from_raw(json!({"type": "text", "text": text}));
    let (start, ordinal) = (text("It costs "), 2);
    Story::new()
        .call(
            "toolu_1",
            "bash_code_execution",
            &json!({ "command": "draw" }),
        )
        .bash_result("toolu_1", "", "", 0, &["file_1", "file_2"])
        .doing(0, Activity::Writing)
        .then(
            5,
            Update::BlockStarted {
                ordinal,
                block: start,
            },
        )
        .file("file_1", "revenue.png", "image/png", PNG)
        .file("file_2", "a.txt", "text/plain", b"a\n")
        .then(
            1_900,
            Update::BlockDelta {
                ordinal,
                delta: Delta::Text("$5.".to_owned()),
            },
        )
        .then(
            1,
            Update::BlockFinished {
                ordinal,
                block: text("It costs $5."),
            },
        )
        .finished()
}

#[test]
fn a_file_that_comes_while_a_terminal_is_written_to_waits_for_the_end_of_the_text() {
    check(
        interrupted_by_a_file(),
        DisplayMode::Terminal,
        &expect![[r#"
            26 ms stdout "[Bash - draw]\n    draw\n"
            31 ms stdout "No output\n"
            31 ms stdout "\n"
            37 ms stdout "It costs "
            1999 ms stdout "$5."
            1999 ms stdout "\n"
            1999 ms display -
             image/png
              iVBORw0KGgoAAAAN
             text/plain
              revenue.png (1 x 1 pixels, claude_files/revenue.png)
             {"image/png":{"width":1,"height":1,"alt":"revenue.png"},"claude_kernel":{"block":"file","path":"claude_files/revenue.png","mime_type":"image/png","size_bytes":70,"sha256":"","step":0}}
            1999 ms stdout "claude_files/a.txt (2 B)\n"
            1999 ms stdout "opus-5-5 · effort high · 3.2k in (2.9k cached), 1.1k out · 2 runs · $0.041\n"
        "#]],
    );
}

#[test]
fn a_file_that_comes_late_leaves_the_sentence_whole() {
    check(
        interrupted_by_a_file(),
        DisplayMode::Live,
        &expect![[r#"
            26 ms display d-0
             text/markdown
              <details><summary>Bash - draw - running</summary>

              <div style="border-left: 3px solid #cfd8dc; padding-left: 12px">

              <div style="font-family: monospace; margin-bottom: 1em">

              ```bash
              draw
              ```

              </div>

              </div>

              </details>
            31 ms update d-0
             text/markdown
              <details><summary>Bash - draw - ok</summary>

              <div style="border-left: 3px solid #cfd8dc; padding-left: 12px">

              <div style="font-family: monospace; margin-bottom: 1em">

              ```bash
              draw
              ```

              </div>

              No output

              </div>

              </details>
             text/plain
              Bash - draw - ok

              No output
             {"claude_kernel":{"block":"step","tool":"bash_code_execution","exit_code":0}}
            31 ms display d-1
             text/markdown
              <sub style="opacity: 0.6">Fetching a file …</sub>
            31 ms display d-2
             text/markdown
              <sub style="opacity: 0.6">Fetching a file …</sub>
            37 ms display d-3
             text/markdown
              It costs
            67 ms update d-1
             image/png
              iVBORw0KGgoAAAAN
             text/plain
              revenue.png (1 x 1 pixels, claude_files/revenue.png)
             {"image/png":{"width":1,"height":1,"alt":"revenue.png"},"claude_kernel":{"block":"file","path":"claude_files/revenue.png","mime_type":"image/png","size_bytes":70,"sha256":"","step":0}}
            97 ms update d-2
             text/markdown
              <details><summary>a.txt (2 B)</summary>

              [a.txt](claude_files/a.txt)

              <div style="font-family: monospace; margin-bottom: 1em">

              ```text
              a
              ```

              </div>

              </details>
             text/plain
              claude_files/a.txt (2 B)
              a
             {"claude_kernel":{"block":"file","path":"claude_files/a.txt","mime_type":"text/plain","size_bytes":2,"sha256":"","step":0}}
            1999 ms update d-3
             text/markdown
              It costs <span>&#36;</span>5.
             text/plain
              It costs $5.
             {"claude_kernel":{"block":"text"}}
            1999 ms display d-4
             text/markdown
              <sub style="opacity: 0.6">Files: [revenue.png](claude_files/revenue.png) (70 B)</sub>

              <sub style="opacity: 0.6">opus-5-5 · effort high · 3.2k in (2.9k cached), 1.1k out · 2 runs · <span>&#36;</span>0.041</sub>
             text/plain
              Files: claude_files/revenue.png (70 B)
              opus-5-5 · effort high · 3.2k in (2.9k cached), 1.1k out · 2 runs · $0.041
             {"claude_kernel":{"block":"receipt","model":"claude-opus-5-5","effort":"high","usage":{"input_tokens":300,"cache_creation_input_tokens":0,"cache_read_input_tokens":2900,"output_tokens":1100,"thinking_tokens":74,"web_search_requests":0},"runs":2,"cost_usd":0.0412,"at_least":false,"cache_miss":null,"turn":4,"saw":[],"stale":0,"sandbox_ahead":false,"offline":false}}
        "#]],
    );
}
