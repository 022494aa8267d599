//! Whole turns as each kind of client gets them. Read a snapshot before accepting it.

use std::time::Duration;

use claude_kernel::anthropic::block::Block;
use claude_kernel::anthropic::event::Delta;
use claude_kernel::anthropic::model::Effort;
use claude_kernel::chat::receipt::Standing;
use claude_kernel::chat::receipt::{Receipt, TurnUsage};
use claude_kernel::chat::settings::ThinkingShow;
use claude_kernel::chat::turn::{Activity, FetchedFile, Update};
use claude_kernel::jupyter::mime::{Display, Output};
use claude_kernel::render::renderer::{DisplayMode, Renderer};
use expect_test::{Expect, expect};
use serde_json::{Value, json};

/// One pixel.
pub(super) const PNG: &[u8] = &[
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0x0d, 0x49, 0x48, 0x44, 0x52, 0, 0, 0,
    1, 0, 0, 0, 1, 8, 6, 0, 0, 0, 0x1f, 0x15, 0xc4, 0x89, 0, 0, 0, 0x0d, 0x49, 0x44, 0x41, 0x54,
    0x78, 0x9c, 0x63, 0xf8, 0xcf, 0xc0, 0xf0, 0x1f, 0, 5, 0, 1, 0xff, 0x89, 0x99, 0x3d, 0x1d, 0, 0,
    0, 0, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82,
];

/// A turn, told by what happens: `wait` milliseconds pass, then the update.
pub(super) struct Story {
    updates: Vec<(u64, Update)>,
    ordinal: usize,
}

impl Story {
    pub(super) fn new() -> Self {
        Self {
            updates: Vec::new(),
            ordinal: 0,
        }
    }

    pub(super) fn then(mut self, wait_ms: u64, update: Update) -> Self {
        self.updates.push((wait_ms, update));
        self
    }

    pub(super) fn doing(self, wait_ms: u64, activity: Activity) -> Self {
        self.then(wait_ms, Update::Activity(activity))
    }

    /// A block that streams in `deltas`, 20 ms apart, and ends as `whole`.
    pub(super) fn block(mut self, start: Value, deltas: Vec<Delta>, whole: Value) -> Self {
        let ordinal = self.ordinal;
        self.ordinal += 1;
        let block = Block::from_raw(start);
        self = self.then(5, Update::BlockStarted { ordinal, block });
        for delta in deltas {
            self = self.then(20, Update::BlockDelta { ordinal, delta });
        }
        let block = Block::from_raw(whole);
        self.then(1, Update::BlockFinished { ordinal, block })
    }

    pub(super) fn text(self, pieces: &[&str]) -> Self {
        let start = json!({"type": "text", "text": "", "citations": null});
        let whole = json!({"type": "text", "text": pieces.concat(), "citations": null});
        let deltas = pieces.iter().map(|piece| Delta::Text((*piece).to_owned()));
        self.doing(0, Activity::Writing)
            .block(start, deltas.collect(), whole)
    }

    pub(super) fn thinking(self, pieces: &[&str]) -> Self {
        let block = |text: String| json!({"type": "thinking", "thinking": text, "signature": "s"});
        let deltas = pieces
            .iter()
            .map(|piece| Delta::Thinking((*piece).to_owned()));
        self.doing(0, Activity::Thinking).block(
            block(String::new()),
            deltas.collect(),
            block(pieces.concat()),
        )
    }

    pub(super) fn call(self, id: &str, name: &str, input: &Value) -> Self {
        let block = |input: Value| json!({"type": "server_tool_use", "id": id, "name": name, "input": input});
        self.doing(0, Activity::WritingCode).block(
            block(json!({})),
            vec![Delta::InputJson(input.to_string())],
            block(input.clone()),
        )
    }

    pub(super) fn result(self, block: Value) -> Self {
        self.block(block.clone(), Vec::new(), block)
    }

    pub(super) fn bash_result(
        self,
        id: &str,
        stdout: &str,
        stderr: &str,
        code: i64,
        files: &[&str],
    ) -> Self {
        let files: Vec<Value> = files
            .iter()
            .map(|id| json!({"type": "bash_code_execution_output", "file_id": id}))
            .collect();
        self.result(json!({
            "type": "bash_code_execution_tool_result", "tool_use_id": id,
            "content": {"type": "bash_code_execution_result", "stdout": stdout, "stderr": stderr,
                        "return_code": code, "content": files},
        }))
    }

    pub(super) fn file(self, id: &str, name: &str, mime_type: &str, bytes: &'static [u8]) -> Self {
        let file = FetchedFile {
            file_id: id.to_owned(),
            name: name.to_owned(),
            relative_path: format!("claude_files/{name}"),
            mime_type: mime_type.to_owned(),
            size_bytes: bytes.len() as u64,
            bytes: Some(bytes.into()),
            ..FetchedFile::default()
        };
        let ordinal = self.ordinal;
        self.then(30, Update::FileFetched { ordinal, file })
    }

    pub(super) fn finished(self) -> Self {
        self.then(
            1,
            Update::Finished(Receipt {
                model: "claude-opus-5-5".to_owned(),
                effort: Some(Effort::High),
                usage: TurnUsage {
                    input_tokens: 300,
                    cache_creation_tokens: 0,
                    cache_read_tokens: 2_900,
                    output_tokens: 1_100,
                    thinking_tokens: 74,
                    web_searches: 0,
                },
                runs: 2,
                cost_usd: Some(0.0412),
                at_least: false,
                cache_miss: None,
                sandbox_ms: 0,
                context_tokens: 0,
                turn: 4,
                count: 0,
                standing: Standing::default(),
                offline: false,
                nothing_sent: false,
                recording: None,
            }),
        )
    }

    /// Plays the story, waking the renderer whenever it asks, and prints what is published.
    pub(super) fn play(
        self,
        client: DisplayMode,
        thinking: ThinkingShow,
    ) -> Vec<(Duration, Output)> {
        let mut renderer = Renderer::new(client, thinking, "d".to_owned());
        let mut now = Duration::ZERO;
        let mut published = Vec::new();
        for (wait_ms, update) in self.updates {
            now += Duration::from_millis(wait_ms);
            while let Some(deadline) = renderer.deadline().filter(|&deadline| deadline <= now) {
                let outputs = renderer.tick(deadline);
                assert!(!outputs.is_empty() || renderer.deadline() != Some(deadline));
                published.extend(outputs.into_iter().map(|output| (deadline, output)));
            }
            let outputs = renderer.apply(update, now);
            published.extend(outputs.into_iter().map(|output| (now, output)));
        }
        assert_eq!(renderer.deadline(), None, "nothing is left to do");
        published
    }
}

/// Prints outputs one below the other; long base64 shortened.
pub(super) fn print(published: &[(Duration, Output)]) -> String {
    let display = |word: &str, display: &Display| {
        let id = display.display_id.as_deref().unwrap_or("-");
        let mut text = format!("{word} {id}\n");
        for (mime, value) in &display.data.0 {
            let mut value = value.as_str().unwrap().to_owned();
            if mime.starts_with("image/") {
                value.truncate(16);
            }
            let value: String = value.lines().map(|line| format!("  {line}\n")).collect();
            text.push_str(&format!(" {mime}\n{value}"));
        }
        if !display.metadata.is_empty() {
            text.push_str(&format!(" {}\n", Value::Object(display.metadata.clone())));
        }
        text
    };
    published
        .iter()
        .map(|(at, output)| {
            let text = match output {
                Output::Display(new) => display("display", new),
                Output::Update(new) => display("update", new),
                Output::Stream { name, text } => format!("{} {text:?}\n", name.as_str()),
                other => panic!("{other:?}"),
            };
            format!("{} ms {text}", at.as_millis())
        })
        .map(|text| text.replace('\u{202e}', "\\u{202e}"))
        .map(|text| {
            text.lines()
                .map(str::trim_end)
                .collect::<Vec<_>>()
                .join("\n")
                + "\n"
        })
        .collect()
}

#[track_caller]
pub(super) fn check(story: Story, client: DisplayMode, expected: &Expect) {
    expected.assert_eq(&print(&story.play(client, ThinkingShow::Fold)));
}

fn plot() -> Story {
    let plot = "python3 - <<'EOF'\n# Draw the revenue\nimport matplotlib\nplot('<b>$5</b>')\nEOF";
    let missing = "cat missing.csv";
    Story::new()
        .doing(0, Activity::Waiting)
        .thinking(&["A chart ", "needs the <CSV> first."])
        .text(&["I look at the file", " first."])
        .call(
            "toolu_1",
            "bash_code_execution",
            &json!({ "command": missing }),
        )
        .doing(
            0,
            Activity::Running {
                what: "bash".to_owned(),
            },
        )
        .then(
            1_700,
            Update::Activity(Activity::Running {
                what: "bash".to_owned(),
            }),
        )
        .bash_result(
            "toolu_1",
            "",
            "cat: missing.csv: No such file or directory\n",
            1,
            &[],
        )
        .call(
            "toolu_2",
            "bash_code_execution",
            &json!({ "command": plot }),
        )
        .bash_result(
            "toolu_2",
            "</details>\n\u{1b}[32mdone\u{1b}[0m\n",
            "",
            0,
            &["file_1", "file_2"],
        )
        .file("file_1", "revenue.png", "image/png", PNG)
        .file(
            "file_2",
            "a|b $1.csv",
            "text/csv",
            b"month,<b>revenue\nJan,\"1|2\"\nFeb,$5\n",
        )
        .text(&["## Result\n\nRevenue ", "is **$5** to $6.\n"])
        .finished()
}

#[test]
fn a_turn_in_jupyterlab() {
    check(
        plot(),
        DisplayMode::Live,
        &expect![[r#"
            46 ms display d-0
             text/markdown
              <details><summary>Thinking</summary>

              A chart needs the &lt;CSV> first.

              </details>
             text/plain
              Thinking

              A chart needs the <CSV> first.
             {"claude_kernel":{"block":"thinking"}}
            71 ms display d-1
             text/markdown
              I look at the file
            97 ms update d-1
             text/markdown
              I look at the file first.
             text/plain
              I look at the file first.
             {"claude_kernel":{"block":"text"}}
            118 ms display d-2
             text/markdown
              <details><summary>Bash - cat missing.csv - running</summary>

              <div style="border-left: 3px solid #cfd8dc; padding-left: 12px">

              <div style="font-family: monospace; margin-bottom: 1em">

              ```bash
              cat missing.csv
              ```

              </div>

              </div>

              </details>
            618 ms display d-3
             text/markdown
              <sub style="opacity: 0.6">Running bash …</sub>
            1118 ms update d-3
             text/markdown
              <sub style="opacity: 0.6">Running bash … 1 s</sub>
            1823 ms update d-2
             text/markdown
              <details open><summary>Bash - cat missing.csv - <b>exit 1</b></summary>

              <div style="border-left: 3px solid #cfd8dc; padding-left: 12px">

              Standard error

              <div style="font-family: monospace; margin-bottom: 1em">

              ```text
              cat: missing.csv: No such file or directory
              ```

              </div>

              Code

              <div style="font-family: monospace; margin-bottom: 1em">

              ```bash
              cat missing.csv
              ```

              </div>

              </div>

              </details>
             text/plain
              Bash - cat missing.csv - exit 1

              Standard error
              cat: missing.csv: No such file or directory
             {"claude_kernel":{"block":"step","tool":"bash_code_execution","exit_code":1}}
            1850 ms update d-2
             text/markdown
              <details><summary>2 steps · Python - Draw the revenue - running</summary>

              <div style="border-left: 3px solid #cfd8dc; padding-left: 12px">

              <details><summary>Bash - cat missing.csv - <b>exit 1</b></summary>

              <div style="border-left: 3px solid #cfd8dc; padding-left: 12px">

              Standard error

              <div style="font-family: monospace; margin-bottom: 1em">

              ```text
              cat: missing.csv: No such file or directory
              ```

              </div>

              Code

              <div style="font-family: monospace; margin-bottom: 1em">

              ```bash
              cat missing.csv
              ```

              </div>

              </div>

              </details>

              <details><summary>Python - Draw the revenue - running</summary>

              <div style="border-left: 3px solid #cfd8dc; padding-left: 12px">

              <div style="font-family: monospace; margin-bottom: 1em">

              ```python
              # Draw the revenue
              import matplotlib
              plot('<b>$5</b>')
              ```

              </div>

              </div>

              </details>

              </div>

              </details>
            1855 ms update d-2
             text/markdown
              <details><summary>2 steps · Python - Draw the revenue - ok</summary>

              <div style="border-left: 3px solid #cfd8dc; padding-left: 12px">

              <details><summary>Bash - cat missing.csv - <b>exit 1</b></summary>

              <div style="border-left: 3px solid #cfd8dc; padding-left: 12px">

              Standard error

              <div style="font-family: monospace; margin-bottom: 1em">

              ```text
              cat: missing.csv: No such file or directory
              ```

              </div>

              Code

              <div style="font-family: monospace; margin-bottom: 1em">

              ```bash
              cat missing.csv
              ```

              </div>

              </div>

              </details>

              <details><summary>Python - Draw the revenue - ok</summary>

              <div style="border-left: 3px solid #cfd8dc; padding-left: 12px">

              <div style="font-family: monospace; margin-bottom: 1em">

              ```python
              # Draw the revenue
              import matplotlib
              plot('<b>$5</b>')
              ```

              </div>

              Output

              <div style="font-family: monospace; margin-bottom: 1em">

              ```text
              </details>
              done
              ```

              </div>

              </div>

              </details>

              </div>

              </details>
            1855 ms update d-3
             text/markdown
              <sub style="opacity: 0.6">Fetching a file …</sub>
            1855 ms display d-4
             text/markdown
              <sub style="opacity: 0.6">Fetching a file …</sub>
            1886 ms update d-3
             image/png
              iVBORw0KGgoAAAAN
             text/plain
              revenue.png (1 x 1 pixels, claude_files/revenue.png)
             {"image/png":{"width":1,"height":1,"alt":"revenue.png"},"claude_kernel":{"block":"file","path":"claude_files/revenue.png","mime_type":"image/png","size_bytes":70,"sha256":"","step":0}}
            1916 ms update d-4
             text/markdown
              <sub style="opacity: 0.6">[a&#124;b <span>&#36;</span>1.csv](claude_files/a%7Cb%20%241.csv) (34 B) - 2 rows, 2 columns</sub>

              | month | &#60;b&#62;revenue |
              | --- | --- |
              | Jan | 1&#124;2 |
              | Feb | <span>&#36;</span>5 |
             text/plain
              claude_files/a|b $1.csv (34 B) - 2 rows, 2 columns
              month  <b>revenue
              Jan    1|2
              Feb    $5
             {"claude_kernel":{"block":"file","path":"claude_files/a|b $1.csv","mime_type":"text/csv","size_bytes":34,"sha256":"","step":0}}
            1941 ms update d-2
             text/markdown
              <details><summary>2 steps · 1 failed and recovered</summary>

              <div style="border-left: 3px solid #cfd8dc; padding-left: 12px">

              <details><summary>Bash - cat missing.csv - <b>exit 1</b></summary>

              <div style="border-left: 3px solid #cfd8dc; padding-left: 12px">

              Standard error

              <div style="font-family: monospace; margin-bottom: 1em">

              ```text
              cat: missing.csv: No such file or directory
              ```

              </div>

              Code

              <div style="font-family: monospace; margin-bottom: 1em">

              ```bash
              cat missing.csv
              ```

              </div>

              </div>

              </details>

              <details><summary>Python - Draw the revenue - ok</summary>

              <div style="border-left: 3px solid #cfd8dc; padding-left: 12px">

              <div style="font-family: monospace; margin-bottom: 1em">

              ```python
              # Draw the revenue
              import matplotlib
              plot('<b>$5</b>')
              ```

              </div>

              Output

              <div style="font-family: monospace; margin-bottom: 1em">

              ```text
              </details>
              done
              ```

              </div>

              </div>

              </details>

              </div>

              </details>
             text/plain
              2 steps · 1 failed and recovered

              Bash - cat missing.csv - exit 1

              Standard error
              cat: missing.csv: No such file or directory

              Python - Draw the revenue - ok

              python3 - <<'EOF'
              # Draw the revenue
              import matplotlib
              plot('<b>$5</b>')
              EOF

              Output
              </details>
              done
             {"claude_kernel":{"block":"steps","steps":[{"block":"step","tool":"bash_code_execution","exit_code":1},{"block":"step","tool":"bash_code_execution","exit_code":0}]}}
            1941 ms display d-5
             text/markdown
              ### Result

              Revenue
            1963 ms update d-5
             text/markdown
              ### Result

              Revenue is **<span>&#36;</span>5** to <span>&#36;</span>6.
             text/plain
              ## Result

              Revenue is **$5** to $6.
             {"claude_kernel":{"block":"text"}}
            1963 ms display d-6
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

#[test]
fn a_turn_in_nbconvert() {
    check(
        plot(),
        DisplayMode::Batch,
        &expect![[r#"
            46 ms display -
             text/markdown
              <details><summary>Thinking</summary>

              A chart needs the &lt;CSV> first.

              </details>
             text/plain
              Thinking

              A chart needs the <CSV> first.
             {"claude_kernel":{"block":"thinking"}}
            97 ms display -
             text/markdown
              I look at the file first.
             text/plain
              I look at the file first.
             {"claude_kernel":{"block":"text"}}
            118 ms display d-2
             text/markdown
              <details><summary>Bash - cat missing.csv - running</summary>

              <div style="border-left: 3px solid #cfd8dc; padding-left: 12px">

              <div style="font-family: monospace; margin-bottom: 1em">

              ```bash
              cat missing.csv
              ```

              </div>

              </div>

              </details>
             text/plain
              Bash - cat missing.csv - running
            1823 ms update d-2
             text/markdown
              <details><summary>Bash - cat missing.csv - <b>exit 1</b></summary>

              <div style="border-left: 3px solid #cfd8dc; padding-left: 12px">

              <div style="font-family: monospace; margin-bottom: 1em">

              ```bash
              cat missing.csv
              ```

              </div>

              </div>

              </details>
             text/plain
              Bash - cat missing.csv - exit 1
             {"claude_kernel":{"block":"step","tool":"bash_code_execution","exit_code":1}}
            1823 ms stderr "cat: missing.csv: No such file or directory\n"
            1850 ms display d-3
             text/markdown
              <details><summary>Python - Draw the revenue - running</summary>

              <div style="border-left: 3px solid #cfd8dc; padding-left: 12px">

              <div style="font-family: monospace; margin-bottom: 1em">

              ```python
              # Draw the revenue
              import matplotlib
              plot('<b>$5</b>')
              ```

              </div>

              </div>

              </details>
             text/plain
              Python - Draw the revenue - running
            1855 ms update d-3
             text/markdown
              <details><summary>Python - Draw the revenue - ok</summary>

              <div style="border-left: 3px solid #cfd8dc; padding-left: 12px">

              <div style="font-family: monospace; margin-bottom: 1em">

              ```python
              # Draw the revenue
              import matplotlib
              plot('<b>$5</b>')
              ```

              </div>

              </div>

              </details>
             text/plain
              Python - Draw the revenue - ok

              python3 - <<'EOF'
              # Draw the revenue
              import matplotlib
              plot('<b>$5</b>')
              EOF
             {"claude_kernel":{"block":"step","tool":"bash_code_execution","exit_code":0}}
            1855 ms stdout "</details>\n\u{1b}[32mdone\u{1b}[0m\n"
            1886 ms display -
             image/png
              iVBORw0KGgoAAAAN
             text/plain
              revenue.png (1 x 1 pixels, claude_files/revenue.png)
             {"image/png":{"width":1,"height":1,"alt":"revenue.png"},"claude_kernel":{"block":"file","path":"claude_files/revenue.png","mime_type":"image/png","size_bytes":70,"sha256":"","step":0}}
            1916 ms display -
             text/markdown
              <sub style="opacity: 0.6">[a&#124;b <span>&#36;</span>1.csv](claude_files/a%7Cb%20%241.csv) (34 B) - 2 rows, 2 columns</sub>

              | month | &#60;b&#62;revenue |
              | --- | --- |
              | Jan | 1&#124;2 |
              | Feb | <span>&#36;</span>5 |
             text/plain
              claude_files/a|b $1.csv (34 B) - 2 rows, 2 columns
              month  <b>revenue
              Jan    1|2
              Feb    $5
             {"claude_kernel":{"block":"file","path":"claude_files/a|b $1.csv","mime_type":"text/csv","size_bytes":34,"sha256":"","step":0}}
            1963 ms display -
             text/markdown
              ### Result

              Revenue is **<span>&#36;</span>5** to <span>&#36;</span>6.
             text/plain
              ## Result

              Revenue is **$5** to $6.
             {"claude_kernel":{"block":"text"}}
            1963 ms display d-7
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

#[test]
fn a_turn_in_a_terminal() {
    check(
        plot(),
        DisplayMode::Terminal,
        &expect![[r###"
            71 ms stdout "I look at the file"
            97 ms stdout " first."
            97 ms stdout "\n"
            118 ms stdout "[Bash - cat missing.csv]\n    cat missing.csv\n"
            1823 ms stderr "cat: missing.csv: No such file or directory\n"
            1823 ms stdout "[exit 1]\n\n"
            1850 ms stdout "[Python - Draw the revenue]\n    # Draw the revenue\n    import matplotlib\n    plot('<b>$5</b>')\n"
            1855 ms stdout "</details>\n\u{1b}[32mdone\u{1b}[0m\n"
            1855 ms stdout "\n"
            1886 ms display -
             image/png
              iVBORw0KGgoAAAAN
             text/plain
              revenue.png (1 x 1 pixels, claude_files/revenue.png)
             {"image/png":{"width":1,"height":1,"alt":"revenue.png"},"claude_kernel":{"block":"file","path":"claude_files/revenue.png","mime_type":"image/png","size_bytes":70,"sha256":"","step":0}}
            1916 ms stdout "claude_files/a|b $1.csv (34 B) - 2 rows, 2 columns\nmonth  <b>revenue\nJan    1|2\nFeb    $5\n"
            1941 ms stdout "## Result\n\nRevenue "
            1963 ms stdout "is **$5** to $6.\n"
            1963 ms stdout "opus-5-5 · effort high · 3.2k in (2.9k cached), 1.1k out · 2 runs · $0.041\n"
        "###]],
    );
}

#[test]
fn a_turn_cut_off() {
    let story = || {
        Story::new()
            .text(&["Half an ans"])
            .call(
                "toolu_1",
                "code_execution",
                &json!({"code": "x = 1\nsleep(99)"}),
            )
            .bash_result("toolu_0", "stray", "", 0, &["file_9"])
            .doing(
                0,
                Activity::Running {
                    what: "Python".to_owned(),
                },
            )
            .doing(900, Activity::Waiting)
            .then(700, Update::Aborted(None))
    };
    check(
        story(),
        DisplayMode::Live,
        &expect![[r#"
            25 ms display d-0
             text/markdown
              Half an ans
            31 ms update d-0
             text/markdown
              Half an ans
             text/plain
              Half an ans
             {"claude_kernel":{"block":"text"}}
            52 ms display d-1
             text/markdown
              <details><summary>Python - x = 1 - running</summary>

              <div style="border-left: 3px solid #cfd8dc; padding-left: 12px">

              <div style="font-family: monospace; margin-bottom: 1em">

              ```python
              x = 1
              sleep(99)
              ```

              </div>

              </div>

              </details>
            57 ms update d-1
             text/markdown
              <details><summary>2 steps · Bash - ok</summary>

              <div style="border-left: 3px solid #cfd8dc; padding-left: 12px">

              <details><summary>Python - x = 1 - running</summary>

              <div style="border-left: 3px solid #cfd8dc; padding-left: 12px">

              <div style="font-family: monospace; margin-bottom: 1em">

              ```python
              x = 1
              sleep(99)
              ```

              </div>

              </div>

              </details>

              <details><summary>Bash - ok</summary>

              <div style="border-left: 3px solid #cfd8dc; padding-left: 12px">

              Output

              <div style="font-family: monospace; margin-bottom: 1em">

              ```text
              stray
              ```

              </div>

              </div>

              </details>

              </div>

              </details>
            57 ms display d-2
             text/markdown
              <sub style="opacity: 0.6">Fetching a file …</sub>
            558 ms display d-3
             text/markdown
              <sub style="opacity: 0.6">Running Python …</sub>
            1108 ms update d-3
             text/markdown
              <sub style="opacity: 0.6">Waiting for Claude …</sub>
            1658 ms update d-1
             text/markdown
              <details><summary>2 steps</summary>

              <div style="border-left: 3px solid #cfd8dc; padding-left: 12px">

              <details><summary>Python - x = 1 - stopped before its result</summary>

              <div style="border-left: 3px solid #cfd8dc; padding-left: 12px">

              <div style="font-family: monospace; margin-bottom: 1em">

              ```python
              x = 1
              sleep(99)
              ```

              </div>

              </div>

              </details>

              <details><summary>Bash - ok</summary>

              <div style="border-left: 3px solid #cfd8dc; padding-left: 12px">

              Output

              <div style="font-family: monospace; margin-bottom: 1em">

              ```text
              stray
              ```

              </div>

              </div>

              </details>

              </div>

              </details>
             text/plain
              2 steps

              Python - x = 1 - stopped before its result

              x = 1
              sleep(99)

              Bash - ok

              Output
              stray
             {"claude_kernel":{"block":"steps","steps":[{"block":"step","tool":"code_execution"},{"block":"step","tool":"bash_code_execution","exit_code":0}]}}
            1658 ms update d-2
             text/markdown
              <sub style="opacity: 0.6">A file of this step could not be saved: the turn ended before it was fetched.</sub>
             text/plain
              A file of this step could not be saved: the turn ended before it was fetched.
             {"claude_kernel":{"block":"file","error":"the turn ended before it was fetched"}}
            1658 ms update d-3
             text/markdown
              <sub style="opacity: 0.6">Stopped before the answer was complete.</sub>
             text/plain
              Stopped before the answer was complete.
             {"claude_kernel":{"block":"files"}}
        "#]],
    );
    check(
        story(),
        DisplayMode::Batch,
        &expect![[r#"
            31 ms display -
             text/markdown
              Half an ans
             text/plain
              Half an ans
             {"claude_kernel":{"block":"text"}}
            52 ms display d-1
             text/markdown
              <details><summary>Python - x = 1 - running</summary>

              <div style="border-left: 3px solid #cfd8dc; padding-left: 12px">

              <div style="font-family: monospace; margin-bottom: 1em">

              ```python
              x = 1
              sleep(99)
              ```

              </div>

              </div>

              </details>
             text/plain
              Python - x = 1 - running
            1658 ms update d-1
             text/markdown
              <details><summary>Python - x = 1 - stopped before its result</summary>

              <div style="border-left: 3px solid #cfd8dc; padding-left: 12px">

              <div style="font-family: monospace; margin-bottom: 1em">

              ```python
              x = 1
              sleep(99)
              ```

              </div>

              </div>

              </details>
             text/plain
              Python - x = 1 - stopped before its result

              x = 1
              sleep(99)
             {"claude_kernel":{"block":"step","tool":"code_execution"}}
            1658 ms display -
             text/markdown
              <details><summary>Bash - ok</summary>



              </details>
             text/plain
              Bash - ok
             {"claude_kernel":{"block":"step","tool":"bash_code_execution","exit_code":0}}
            1658 ms stdout "stray\n"
            1658 ms display -
             text/markdown
              <sub style="opacity: 0.6">A file of this step could not be saved: the turn ended before it was fetched.</sub>
             text/plain
              A file of this step could not be saved: the turn ended before it was fetched.
             {"claude_kernel":{"block":"file","error":"the turn ended before it was fetched"}}
        "#]],
    );
}

#[test]
fn an_early_failure_leaves_nothing() {
    let story = Story::new()
        .doing(0, Activity::Waiting)
        .then(300, Update::Aborted(None));
    check(story, DisplayMode::Live, &expect![[""]]);
    let slow = Story::new()
        .doing(0, Activity::Waiting)
        .doing(
            2_600,
            Activity::Retrying {
                delay: Duration::from_millis(1_500),
                why: "overloaded".to_owned(),
            },
        )
        .then(1_500, Update::Aborted(None));
    check(
        slow,
        DisplayMode::Live,
        &expect![[r#"
            500 ms display d-0
             text/markdown
              <sub style="opacity: 0.6">Waiting for Claude …</sub>
            1000 ms update d-0
             text/markdown
              <sub style="opacity: 0.6">Waiting for Claude … 1 s</sub>
            2000 ms update d-0
             text/markdown
              <sub style="opacity: 0.6">Waiting for Claude … 2 s</sub>
            2750 ms update d-0
             text/markdown
              <sub style="opacity: 0.6">Overloaded, trying again in 2 s …</sub>
            3100 ms update d-0
             text/markdown
              <sub style="opacity: 0.6">Overloaded, trying again in 1 s …</sub>
            4100 ms update d-0
             text/markdown
              <sub style="opacity: 0.6">Stopped before an answer came.</sub>
             text/plain
              Stopped before an answer came.
             {"claude_kernel":{"block":"files"}}
        "#]],
    );
}

#[test]
fn cited_text_is_one_answer_with_sources() {
    let cite = |url: &str, title: &str| json!({"type": "web_search_result_location", "url": url, "title": title, "cited_text": "c", "encrypted_index": "x"});
    let text = |text: &str, citations: Value| json!({"type": "text", "text": text, "citations": citations});
    let delta = |text: &str| vec![Delta::Text(text.to_owned())];
    let first = cite("https://a.x/1", "First");
    let second = cite("https://b.x/(2)", "Second <b>");
    let mut cited = delta("the sky is blue");
    cited.push(Delta::Citation(first.clone()));
    let story = Story::new()
        .block(
            text("", json!(null)),
            delta("They say "),
            text("They say ", json!(null)),
        )
        .block(
            text("", json!([])),
            cited,
            text("the sky is blue", json!([first, second])),
        )
        .block(
            text("", json!(null)),
            delta(", often."),
            text(", often.", json!(null)),
        )
        .finished();
    check(
        story,
        DisplayMode::Batch,
        &expect![[r#"
            99 ms display -
             text/markdown
              They say the sky is blue [[1]](https://a.x/1) [[2]](https://b.x/%282%29), often.
             text/plain
              They say the sky is blue [[1]](https://a.x/1) [[2]](https://b.x/%282%29), often.
             {"claude_kernel":{"block":"text"}}
            99 ms display -
             text/markdown
              <details><summary>Sources (2)</summary>

              1. [First](https://a.x/1)
              2. [Second &#60;b&#62;](https://b.x/%282%29)

              </details>
             text/plain
              Sources
              1. First <https://a.x/1>
              2. Second <b> <https://b.x/(2)>
             {"claude_kernel":{"block":"sources"}}
            99 ms display d-2
             text/markdown
              <sub style="opacity: 0.6">opus-5-5 · effort high · 3.2k in (2.9k cached), 1.1k out · 2 runs · <span>&#36;</span>0.041</sub>
             text/plain
              opus-5-5 · effort high · 3.2k in (2.9k cached), 1.1k out · 2 runs · $0.041
             {"claude_kernel":{"block":"receipt","model":"claude-opus-5-5","effort":"high","usage":{"input_tokens":300,"cache_creation_input_tokens":0,"cache_read_input_tokens":2900,"output_tokens":1100,"thinking_tokens":74,"web_search_requests":0},"runs":2,"cost_usd":0.0412,"at_least":false,"cache_miss":null,"turn":4,"saw":[],"stale":0,"sandbox_ahead":false,"offline":false}}
        "#]],
    );
}

#[test]
fn thinking_is_shown_as_asked() {
    let story = || {
        Story::new()
            .thinking(&["One. ", "Two."])
            .thinking(&[])
            .finished()
    };
    let count = |client, thinking| {
        let text = print(&story().play(client, thinking));
        (
            text.matches("<details open>").count(),
            text.matches("Thinking").count(),
        )
    };
    assert_eq!(count(DisplayMode::Batch, ThinkingShow::Fold), (0, 2));
    assert_eq!(count(DisplayMode::Batch, ThinkingShow::Show), (1, 2));
    assert_eq!(count(DisplayMode::Batch, ThinkingShow::Off), (0, 0));
    assert_eq!(count(DisplayMode::Terminal, ThinkingShow::Fold), (0, 0));
    assert_eq!(count(DisplayMode::Live, ThinkingShow::Show), (2, 3));
}

#[test]
fn files_are_shown_by_what_they_are() {
    let svg: &[u8] = b"<svg xmlns='x'><script>alert(1)</script></svg>";
    let story = Story::new()
        .file("f1", "plot.svg", "image/svg+xml", svg)
        .file("f2", "page.html", "text/html", b"<script>alert(1)</script>")
        .file("f3", "fake.png", "image/png", b"<script>")
        .file(
            "f4",
            "data.json",
            "application/json",
            b"{\"b\":[1,{\"c\":\"</details>\"}],\"a\":null}",
        )
        .file("f5", "model.pkl", "application/octet-stream", b"\x80\x04")
        .file("f6", "notes.txt", "text/plain", b"line\n```\n<b>\n")
        .file(
            "f7",
            "wide.tsv",
            "text/tab-separated-values",
            b"a\tb\tc\td\te\tf\tg\th\ti\n1\t2\t3\t4\t5\t6\t7\t8\t9\n",
        )
        .file("f8", "evil\u{202e}gnp.exe", "application/x-dosexec", b"MZ")
        .then(
            1,
            Update::FileFailed {
                ordinal: 0,
                file_id: "f9".to_owned(),
                why: "it is gone <b>".to_owned(),
            },
        )
        .finished();
    check(
        story,
        DisplayMode::Batch,
        &expect![[r#"
            30 ms display -
             text/markdown
              ![plot.svg](claude_files/plot.svg)

              <sub style="opacity: 0.6">[plot.svg](claude_files/plot.svg) (46 B)</sub>
             text/plain
              claude_files/plot.svg (46 B)
             {"claude_kernel":{"block":"file","path":"claude_files/plot.svg","mime_type":"image/svg+xml","size_bytes":46,"sha256":"","step":0}}
            60 ms display -
             text/markdown
              <sub style="opacity: 0.6">[page.html](claude_files/page.html) (25 B) - not shown here, because a web page can run scripts</sub>
             text/plain
              claude_files/page.html (25 B) - not shown here, because a web page can run scripts
             {"claude_kernel":{"block":"file","path":"claude_files/page.html","mime_type":"text/html","size_bytes":25,"sha256":"","step":0}}
            90 ms display -
             text/markdown
              <sub style="opacity: 0.6">[fake.png](claude_files/fake.png) (8 B)</sub>
             text/plain
              claude_files/fake.png (8 B)
             {"claude_kernel":{"block":"file","path":"claude_files/fake.png","mime_type":"image/png","size_bytes":8,"sha256":"","step":0}}
            120 ms display -
             text/markdown
              <details><summary>data.json (37 B)</summary>

              [data.json](claude_files/data.json)

              <div style="font-family: monospace; margin-bottom: 1em">

              ```json
              {
                "b": [
                  1,
                  {
                    "c": "</details>"
                  }
                ],
                "a": null
              }
              ```

              </div>

              </details>
             text/plain
              claude_files/data.json (37 B)
              {
                "b": [
                  1,
                  {
                    "c": "</details>"
                  }
                ],
                "a": null
              }
             {"claude_kernel":{"block":"file","path":"claude_files/data.json","mime_type":"application/json","size_bytes":37,"sha256":"","step":0}}
            150 ms display -
             text/markdown
              <sub style="opacity: 0.6">[model.pkl](claude_files/model.pkl) (2 B)</sub>
             text/plain
              claude_files/model.pkl (2 B)
             {"claude_kernel":{"block":"file","path":"claude_files/model.pkl","mime_type":"application/octet-stream","size_bytes":2,"sha256":"","step":0}}
            180 ms display -
             text/markdown
              <details><summary>notes.txt (13 B)</summary>

              [notes.txt](claude_files/notes.txt)

              <div style="font-family: monospace; margin-bottom: 1em">

              ````text
              line
              ```
              <b>
              ````

              </div>

              </details>
             text/plain
              claude_files/notes.txt (13 B)
              line
              ```
              <b>
             {"claude_kernel":{"block":"file","path":"claude_files/notes.txt","mime_type":"text/plain","size_bytes":13,"sha256":"","step":0}}
            210 ms display -
             text/markdown
              <sub style="opacity: 0.6">[wide.tsv](claude_files/wide.tsv) (36 B) - 1 row, 9 columns</sub>

              | a | b | c | d | e | f | g | h | … |
              | --: | --: | --: | --: | --: | --: | --: | --: | --- |
              | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | … |
             text/plain
              claude_files/wide.tsv (36 B) - 1 row, 9 columns
              a  b  c  d  e  f  g  h  …
              1  2  3  4  5  6  7  8  …
             {"claude_kernel":{"block":"file","path":"claude_files/wide.tsv","mime_type":"text/tab-separated-values","size_bytes":36,"sha256":"","step":0}}
            240 ms display -
             text/markdown
              <sub style="opacity: 0.6">[evil&#91;U+202E&#93;gnp.exe](claude_files/evil%E2%80%AEgnp.exe) (2 B)</sub>
             text/plain
              claude_files/evil[U+202E]gnp.exe (2 B)
             {"claude_kernel":{"block":"file","path":"claude_files/evil\u{202e}gnp.exe","mime_type":"application/x-dosexec","size_bytes":2,"sha256":"","step":0}}
            241 ms display -
             text/markdown
              <sub style="opacity: 0.6">A file of this step could not be saved: it is gone &#60;b&#62;.</sub>
             text/plain
              A file of this step could not be saved: it is gone <b>.
             {"claude_kernel":{"block":"file","error":"it is gone <b>"}}
            242 ms display d-9
             text/markdown
              <sub style="opacity: 0.6">opus-5-5 · effort high · 3.2k in (2.9k cached), 1.1k out · 2 runs · <span>&#36;</span>0.041</sub>
             text/plain
              opus-5-5 · effort high · 3.2k in (2.9k cached), 1.1k out · 2 runs · $0.041
             {"claude_kernel":{"block":"receipt","model":"claude-opus-5-5","effort":"high","usage":{"input_tokens":300,"cache_creation_input_tokens":0,"cache_read_input_tokens":2900,"output_tokens":1100,"thinking_tokens":74,"web_search_requests":0},"runs":2,"cost_usd":0.0412,"at_least":false,"cache_miss":null,"turn":4,"saw":[],"stale":0,"sandbox_ahead":false,"offline":false}}
        "#]],
    );
}
