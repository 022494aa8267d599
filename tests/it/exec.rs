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

/// A program that runs notebooks looks for `stream` messages; a page needs no second copy (S12).
#[tokio::test]
async fn s12_a_client_without_cell_ids_gets_what_was_printed_as_streams_and_a_page_gets_it_once() {
    const STEP: &str =
        "# Print\n\n```bash\n# Both of them\necho to out; echo to err >&2; exit 3\n```\n\nBoth.\n";
    let streams = |ran: &Ran| -> Vec<String> {
        let streams = ran.iopub("stream");
        let line =
            |content: &serde_json::Value| format!("{}: {}", content["name"], content["text"]);
        streams.iter().map(|content| line(content)).collect()
    };
    for (asks, code) in [
        (Asks::Batch, "Print"),
        (Asks::Lab, "Print"),
        (Asks::Batch, "%%exec bash\necho to out; echo to err >&2"),
        (Asks::Lab, "%%exec bash\necho to out; echo to err >&2"),
    ] {
        let mut rig = Rig::start(STEP).await;
        let ran = rig.cell_as(asks, code).await;
        let text = ran.text();
        let code = ["echo to out; ", "; exit 3"];
        let text = code.iter().fold(text, |text, code| text.replace(code, ""));
        for printed in ["to out", "to err"] {
            let copies = text.replace("echo to err >&2", "").matches(printed).count();
            assert_eq!(copies, 1, "{asks:?}: {printed} in {text}");
        }
        let expected: &[&str] = match asks {
            Asks::Batch => &["\"stdout\": \"to out\\n\"", "\"stderr\": \"to err\\n\""],
            Asks::Lab | Asks::Console => &[],
        };
        assert_eq!(streams(&ran), expected, "{asks:?}");
    }
}

/// While a step runs, a client without cell ids has its code, and an update when it is over (S12).
#[tokio::test]
async fn s12_a_step_of_a_batch_run_is_shown_when_it_begins_and_updated_when_it_ends() {
    let mut rig = Rig::start("# Print\n\n```bash\n# Say it\necho said\n```\n\nDone.\n").await;
    let ran = rig.cell("Print").await;
    let (shown, updated) = (ran.iopub("display_data"), ran.iopub("update_display_data"));
    assert_eq!(updated.len(), 1);
    assert_eq!(shown[0]["transient"], updated[0]["transient"]);
    let plain = |content: &serde_json::Value| content["data"]["text/plain"].to_string();
    assert_eq!(plain(shown[0]), "\"Bash - Say it - running\\n\"");
    assert!(plain(updated[0]).starts_with("\"Bash - Say it - ok\\n"));
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
