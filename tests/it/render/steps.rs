//! Every kind of step, as each kind of client gets it. Read a snapshot before accepting it.

use claude_kernel::chat::settings::ThinkingShow;
use claude_kernel::render::renderer::DisplayMode;
use expect_test::expect;
use serde_json::{Value, json};

use super::transcripts::{Story, check, print};

#[test]
fn the_last_failed_step_is_open() {
    let story = || {
        Story::new()
            .call(
                "toolu_1",
                "bash_code_execution",
                &json!({"command": "false"}),
            )
            .bash_result("toolu_1", "", "", 1, &[])
            .text(&["It failed."])
            .finished()
    };
    for client in [DisplayMode::Live, DisplayMode::Batch] {
        let published = story().play(client, ThinkingShow::Fold);
        let text = print(&published);
        assert!(
            text.contains("<details open><summary>Bash - false - <b>exit 1</b></summary>"),
            "{text}"
        );
    }
}

#[test]
fn every_kind_of_step() {
    let editor = "text_editor_code_execution";
    let edited = |id: &str, content: Value| json!({"type": "text_editor_code_execution_tool_result", "tool_use_id": id, "content": content});
    let story = Story::new()
        .call("t1", editor, &json!({"command": "create", "path": "/w/fit.py", "file_text": "print('fit')\n"}))
        .result(edited("t1", json!({"type": "text_editor_code_execution_create_result", "is_file_update": false})))
        .call("t2", "bash_code_execution", &json!({"command": "cd /w && python3 fit.py"}))
        .bash_result("t2", "fit\n", "", 0, &[])
        .call("t3", editor, &json!({"command": "str_replace", "path": "/w/fit.py", "old_str": "fit", "new_str": "fat"}))
        .result(edited("t3", json!({"type": "text_editor_code_execution_str_replace_result", "old_start": 1, "old_lines": 1, "new_start": 1, "new_lines": 1, "lines": ["-print('fit')", "+print('fat')"]})))
        .call("t4", editor, &json!({"command": "view", "path": "/w/none"}))
        .result(edited("t4", json!({"type": "text_editor_code_execution_tool_result_error", "error_code": "file_not_found", "error_message": "no <such> file"})))
        .call("t5", "code_execution", &json!({"code": "while True: pass"}))
        .result(json!({"type": "code_execution_tool_result", "tool_use_id": "t5", "content": {"type": "code_execution_tool_result_error", "error_code": "execution_time_exceeded"}}))
        .call("t6", "code_execution", &json!({"code": "search()"}))
        .result(json!({"type": "code_execution_tool_result", "tool_use_id": "t6", "content": {"type": "encrypted_code_execution_result", "encrypted_stdout": "x", "stderr": "", "return_code": 0, "content": []}}))
        .call("t7", "web_search", &json!({"query": "anomaly detection"}))
        .result(json!({"type": "web_search_tool_result", "tool_use_id": "t7", "content": [
            {"type": "web_search_result", "url": "https://e.x/a?b=(1)&c=2", "title": "A [title](javascript:1)", "encrypted_content": "x"},
            {"type": "web_search_result", "url": "javascript:alert(1)", "title": "Evil", "encrypted_content": "x"}]}))
        .call("t8", "web_fetch", &json!({"url": "https://e.x"}))
        .result(json!({"type": "web_fetch_tool_result", "tool_use_id": "t8", "content": {"type": "web_fetch_tool_result_error", "error_code": "url_not_accessible"}}))
        .call("t9", "tool_search_tool_bm25", &json!({"query": "weather"}))
        .result(json!({"type": "tool_search_tool_result", "tool_use_id": "t9", "content": {"type": "tool_search_tool_search_result", "tool_references": [{"type": "tool_reference", "tool_name": "forecast"}]}}))
        .result(json!({"type": "hologram", "beam": 1}))
        .result(json!({"type": "fallback", "from": {"model": "claude-opus-5-5"}, "to": {"model": "claude-sonnet-5-5"}}))
        .finished();
    check(
        story,
        DisplayMode::Batch,
        &expect![[r#"
            26 ms display d-0
             text/markdown
              <details><summary>Editor - create /w/fit.py - running</summary>

              <div style="border-left: 3px solid #cfd8dc; padding-left: 12px">

              <div style="font-family: monospace; margin-bottom: 1em">

              ```python
              print('fit')
              ```

              </div>

              </div>

              </details>
             text/plain
              Editor - create /w/fit.py - running
            31 ms update d-0
             text/markdown
              <details><summary>Editor - create /w/fit.py - created</summary>

              <div style="border-left: 3px solid #cfd8dc; padding-left: 12px">

              <div style="font-family: monospace; margin-bottom: 1em">

              ```python
              print('fit')
              ```

              </div>

              </div>

              </details>
             text/plain
              Editor - create /w/fit.py - created

              create /w/fit.py
              print('fit')
             {"claude_kernel":{"block":"step","tool":"text_editor_code_execution"}}
            58 ms display d-1
             text/markdown
              <details><summary>Python - print('fit') - running</summary>

              <div style="border-left: 3px solid #cfd8dc; padding-left: 12px">

              <div style="font-family: monospace; margin-bottom: 1em">

              ```python
              print('fit')
              ```

              </div>

              Shell

              <div style="font-family: monospace; margin-bottom: 1em">

              ```bash
              cd /w && python3 fit.py
              ```

              </div>

              </div>

              </details>
             text/plain
              Python - print('fit') - running
            63 ms update d-1
             text/markdown
              <details><summary>Python - print('fit') - ok</summary>

              <div style="border-left: 3px solid #cfd8dc; padding-left: 12px">

              <div style="font-family: monospace; margin-bottom: 1em">

              ```python
              print('fit')
              ```

              </div>

              Shell

              <div style="font-family: monospace; margin-bottom: 1em">

              ```bash
              cd /w && python3 fit.py
              ```

              </div>

              </div>

              </details>
             text/plain
              Python - print('fit') - ok

              cd /w && python3 fit.py
             {"claude_kernel":{"block":"step","tool":"bash_code_execution","exit_code":0}}
            63 ms stdout "fit\n"
            90 ms display d-2
             text/markdown
              <details><summary>Editor - edit /w/fit.py - running</summary>

              <div style="border-left: 3px solid #cfd8dc; padding-left: 12px">

              <div style="font-family: monospace; margin-bottom: 1em">

              ```diff
              -fit
              +fat
              ```

              </div>

              </div>

              </details>
             text/plain
              Editor - edit /w/fit.py - running
            95 ms update d-2
             text/markdown
              <details><summary>Editor - edit /w/fit.py - ok</summary>

              <div style="border-left: 3px solid #cfd8dc; padding-left: 12px">

              At line 1

              Change

              <div style="font-family: monospace; margin-bottom: 1em">

              ```diff
              -print('fit')
              +print('fat')
              ```

              </div>

              </div>

              </details>
             text/plain
              Editor - edit /w/fit.py - ok

              str_replace /w/fit.py
              -fit
              +fat

              At line 1

              Change
              -print('fit')
              +print('fat')
             {"claude_kernel":{"block":"step","tool":"text_editor_code_execution"}}
            122 ms display d-3
             text/markdown
              <details><summary>Editor - view /w/none - running</summary>



              </details>
             text/plain
              Editor - view /w/none - running
            127 ms update d-3
             text/markdown
              <details open><summary>Editor - view /w/none - <b>failed</b></summary>

              <div style="border-left: 3px solid #cfd8dc; padding-left: 12px">

              The tool failed: file_not_found (no &#60;such&#62; file)

              There is no such file in the sandbox.

              </div>

              </details>
             text/plain
              Editor - view /w/none - failed

              The tool failed: file_not_found (no <such> file)

              There is no such file in the sandbox.
             {"claude_kernel":{"block":"step","tool":"text_editor_code_execution"}}
            154 ms display d-4
             text/markdown
              <details><summary>Python - while True: pass - running</summary>

              <div style="border-left: 3px solid #cfd8dc; padding-left: 12px">

              <div style="font-family: monospace; margin-bottom: 1em">

              ```python
              while True: pass
              ```

              </div>

              </div>

              </details>
             text/plain
              Python - while True: pass - running
            159 ms update d-4
             text/markdown
              <details open><summary>Python - while True: pass - <b>failed</b></summary>

              <div style="border-left: 3px solid #cfd8dc; padding-left: 12px">

              The tool failed: execution_time_exceeded

              It took longer than the sandbox allows (see %help limits): ask for smaller pieces of work, or for less data.

              Code

              <div style="font-family: monospace; margin-bottom: 1em">

              ```python
              while True: pass
              ```

              </div>

              </div>

              </details>
             text/plain
              Python - while True: pass - failed

              The tool failed: execution_time_exceeded

              It took longer than the sandbox allows (see %help limits): ask for smaller pieces of work, or for less data.
             {"claude_kernel":{"block":"step","tool":"code_execution"}}
            186 ms display d-5
             text/markdown
              <details><summary>Python - search() - running</summary>

              <div style="border-left: 3px solid #cfd8dc; padding-left: 12px">

              <div style="font-family: monospace; margin-bottom: 1em">

              ```python
              search()
              ```

              </div>

              </div>

              </details>
             text/plain
              Python - search() - running
            191 ms update d-5
             text/markdown
              <details><summary>Python - search() - ok</summary>

              <div style="border-left: 3px solid #cfd8dc; padding-left: 12px">

              <div style="font-family: monospace; margin-bottom: 1em">

              ```python
              search()
              ```

              </div>

              The output is encrypted: the API shows it to Claude only.

              </div>

              </details>
             text/plain
              Python - search() - ok

              The output is encrypted: the API shows it to Claude only.
             {"claude_kernel":{"block":"step","tool":"code_execution","exit_code":0}}
            218 ms display d-6
             text/markdown
              <details><summary>Web search - anomaly detection - running</summary>



              </details>
             text/plain
              Web search - anomaly detection - running
            223 ms update d-6
             text/markdown
              <details><summary>Web search - anomaly detection - 2 results</summary>

              <div style="border-left: 3px solid #cfd8dc; padding-left: 12px">

              1. [A &#91;title&#93;(javascript:1)](https://e.x/a?b=%281%29&amp;c=2)
              2. Evil

              </div>

              </details>
             text/plain
              Web search - anomaly detection - 2 results

              1. A [title](javascript:1) <https://e.x/a?b=(1)&c=2>
              2. Evil <javascript:alert(1)>
             {"claude_kernel":{"block":"step","tool":"web_search"}}
            250 ms display d-7
             text/markdown
              <details><summary>Web fetch - https://e.x - running</summary>



              </details>
             text/plain
              Web fetch - https://e.x - running
            255 ms update d-7
             text/markdown
              <details open><summary>Web fetch - https://e.x - <b>failed</b></summary>

              <div style="border-left: 3px solid #cfd8dc; padding-left: 12px">

              The tool failed: url_not_accessible

              The page could not be reached.

              </div>

              </details>
             text/plain
              Web fetch - https://e.x - failed

              The tool failed: url_not_accessible

              The page could not be reached.
             {"claude_kernel":{"block":"step","tool":"web_fetch"}}
            282 ms display d-8
             text/markdown
              <details><summary>Tool search - weather - running</summary>



              </details>
             text/plain
              Tool search - weather - running
            287 ms update d-8
             text/markdown
              <details><summary>Tool search - weather - ok</summary>

              <div style="border-left: 3px solid #cfd8dc; padding-left: 12px">

              Found: forecast

              </div>

              </details>
             text/plain
              Tool search - weather - ok

              Found: forecast
             {"claude_kernel":{"block":"step","tool":"tool_search_tool_bm25"}}
            293 ms display -
             text/markdown
              <sub style="opacity: 0.6">A block of kind hologram, which this version cannot show.</sub>
             text/plain
              A block of kind hologram, which this version cannot show.
             {"claude_kernel":{"block":"unknown"}}
            299 ms display -
             text/markdown
              <sub style="opacity: 0.6">claude-sonnet-5-5 went on where claude-opus-5-5 stopped.</sub>
             text/plain
              claude-sonnet-5-5 went on where claude-opus-5-5 stopped.
             {"claude_kernel":{"block":"fallback"}}
            301 ms display d-11
             text/markdown
              <sub style="opacity: 0.6">opus-5-5 · effort high · 3.2k in (2.9k cached), 1.1k out · 2 runs · <span>&#36;</span>0.041</sub>
             text/plain
              opus-5-5 · effort high · 3.2k in (2.9k cached), 1.1k out · 2 runs · $0.041
             {"claude_kernel":{"block":"receipt","model":"claude-opus-5-5","effort":"high","usage":{"input_tokens":300,"cache_creation_input_tokens":0,"cache_read_input_tokens":2900,"output_tokens":1100,"thinking_tokens":74,"web_search_requests":0},"runs":2,"cost_usd":0.0412,"at_least":false,"cache_miss":null,"turn":4,"saw":[],"stale":0,"sandbox_ahead":false,"offline":false}}
        "#]],
    );
}
