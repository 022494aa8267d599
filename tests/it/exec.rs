//! `%%exec`: a cell's code runs as it stands, or the cell fails and shows what ran instead.

use crate::support::rig::{Asks, Ran, Rig};

const SCRIPT: &str = r#"
# /exactly as it is.*wc -c notes.txt/

I will add a newline, that is better.

```bash
printf 'a\n' > notes.txt; wc -c notes.txt
```

Done, and improved.

# /exactly as it is.*echo careful/

I would rather not.

# /exactly as it is.*echo twice/

```bash
echo twice
```

```bash
pwd
```

Done.

# /exactly as it is.*echo commented/

First I say something.

```bash
echo commented
```

Then I explain it at length.

# /exactly as it is.*sleep 999/

```json block
{"type": "server_tool_use", "id": "srvtoolu_long", "name": "bash_code_execution", "input": {"command": "sleep 999"}}
```

```json block
{"type": "bash_code_execution_tool_result", "tool_use_id": "srvtoolu_long",
 "content": {"type": "bash_code_execution_tool_result_error", "error_code": "execution_time_exceeded"}}
```

Done
"#;

fn error(ran: &Ran) -> String {
    format!("{}: {}", ran.reply()["ename"], ran.reply()["evalue"]).replace('"', "")
}

#[tokio::test]
async fn code_runs_as_it_stands_and_only_its_output_is_shown() {
    for asks in [Asks::Lab, Asks::Console, Asks::Batch] {
        let mut rig = Rig::start(SCRIPT).await;
        let ran = rig
            .cell_as(
                asks,
                "%%exec bash\nfor i in 1 2 3; do echo \"{{i}} $((i * i))\"; done\n\n",
            )
            .await;
        assert_eq!(ran.reply()["status"], "ok", "{asks:?} {}", ran.text());
        let text = ran.text();
        assert!(
            text.contains("{{i}} 1\n{{i}} 4\n{{i}} 9\n"),
            "{asks:?} {text}"
        );
        for other in ["for i in", "no model was called", "exactly as it is"] {
            assert!(!text.contains(other), "{asks:?}: {other} in {text}");
        }
    }
}

#[tokio::test]
async fn python_runs_too_and_its_files_are_delivered() {
    let mut rig = Rig::start(SCRIPT).await;
    let code = "%%exec python\nimport os, pathlib\npathlib.Path(os.environ['OUTPUT_DIR'], 'n.csv').write_text('n\\n1\\n')\nprint(6 * 7, '```', '<b>')";
    let ran = rig.cell(code).await;
    assert_eq!(ran.reply()["status"], "ok", "{}", ran.text());
    assert!(ran.text().contains("42 ``` <b>"), "{}", ran.text());
    assert_eq!(
        std::fs::read_to_string(rig.files().join("n.csv")).unwrap(),
        "n\n1\n"
    );
    let next = rig.cell("%%exec bash\ncat <<'CELL'\n\\%effort\nCELL").await;
    assert!(next.text().contains("\\%effort"), "{}", next.text());
}

#[tokio::test]
async fn long_code_travels_as_a_file() {
    let mut rig = Rig::start(SCRIPT).await;
    let lines: String = (0..500)
        .map(|n| format!("total = {n}  # line {n}\n"))
        .collect();
    let ran = rig
        .cell(&format!("%%exec python\n{lines}print('total', total)"))
        .await;
    assert_eq!(ran.reply()["status"], "ok", "{}", ran.text());
    assert!(ran.text().contains("total 499"), "{}", ran.text());
    let files = rig.cell("%files").await.text();
    assert!(files.contains("cell-"), "{files}");
    let dry = rig
        .cell(&format!("%%dry\n%%exec bash\n{}", "true\n".repeat(900)))
        .await;
    assert!(dry.text().contains("container_upload"), "{}", dry.text());
    assert!(!dry.text().contains("true\\ntrue"), "{}", dry.text());
}

#[tokio::test]
async fn other_code_fails_the_cell_and_both_are_shown() {
    let mut rig = Rig::start(SCRIPT).await;
    let ran = rig
        .cell("%%exec bash\nprintf a > notes.txt; wc -c notes.txt")
        .await;
    assert_eq!(
        error(&ran),
        "ExecMismatch: what ran is not what the cell says"
    );
    let text = ran.text();
    assert!(
        text.contains(
            "-printf a > notes.txt; wc -c notes.txt\n+printf 'a\\n' > notes.txt; wc -c notes.txt"
        ),
        "{text}"
    );
    assert!(
        text.contains("that is better"),
        "what Claude said is shown: {text}"
    );
    assert!(text.contains("2 notes.txt"), "{text}");
}

#[tokio::test]
async fn nothing_and_more_are_mismatches_too() {
    let mut rig = Rig::start(SCRIPT).await;
    let ran = rig.cell("%%exec bash\necho careful").await;
    assert_eq!(error(&ran), "ExecMismatch: nothing ran");
    assert!(ran.text().contains("I would rather not."), "{}", ran.text());
    let ran = rig.cell("%%exec bash\necho twice").await;
    assert_eq!(error(&ran), "ExecMismatch: more ran than the cell says");
    assert!(ran.text().contains("+pwd"), "{}", ran.text());
    let ran = rig.cell("%%exec bash\necho commented").await;
    assert_eq!(ran.reply()["status"], "ok", "{}", ran.text());
    assert!(
        !ran.text().contains("First I") && !ran.text().contains("explain"),
        "{}",
        ran.text()
    );
}

#[tokio::test]
async fn code_that_fails_fails_the_cell() {
    let mut rig = Rig::start(SCRIPT).await;
    let ran = rig
        .cell("%%exec python\nprint('so far')\nraise SystemExit(3)")
        .await;
    assert_eq!(
        error(&ran),
        "ExecFailed: the code of this cell ended with exit code 3"
    );
    assert!(ran.text().contains("so far"), "{}", ran.text());
}

#[tokio::test]
async fn code_that_the_sandbox_stopped_fails_the_cell() {
    let mut rig = Rig::start(SCRIPT).await;
    let ran = rig.cell("%%exec bash\nsleep 999").await;
    assert_eq!(
        error(&ran),
        "ExecFailed: the sandbox did not run the code of this cell to its end: execution_time_exceeded"
    );
    assert!(ran.text().contains("longer than"), "{}", ran.text());
}

#[tokio::test]
async fn a_name_of_another_cell_is_explained() {
    let mut rig = Rig::start(SCRIPT).await;
    rig.cell("%%exec python\nx = 1").await;
    let ran = rig.cell("%%exec python\nprint(x)").await;
    assert!(
        ran.transcript().contains("a process of its own"),
        "{}",
        ran.transcript()
    );
}

#[tokio::test]
async fn what_cannot_run_is_an_error_before_the_call() {
    let mut rig = Rig::start(SCRIPT).await;
    for (cell, what) in [
        ("%%exec\nls", "`%%exec` needs a language"),
        ("%%exec ruby\nputs 1", "`%%exec` does not run `ruby`"),
        ("%%exec bash", "has no code below it"),
        ("%exec bash", "`%exec` does not exist"),
        ("%%bash off\n%%exec bash\nls", "bash is off"),
    ] {
        let ran = rig.cell(cell).await;
        assert!(error(&ran).contains(what), "{cell}: {}", error(&ran));
    }
}
