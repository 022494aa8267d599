//! `claude-kernel export|check|verify|scrub|record`, as processes, on a notebook that a kernel made.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

use super::{cell, outputs, run};
use crate::support::rig::{Rig, python};

const SCRIPT: &str = r#"
# Count the lines

```bash
# A slip
printf 'a,1\nb,2\n' > table.csv; wc -l < tabel.csv
```

```bash
# Count lines
wc -l < table.csv; cp table.csv "$OUTPUT_DIR/table.csv"
```

There are **2** lines, of 1234 asked for.

# Add them up

```python
# Add up
import csv
total = sum(int(row[1]) * 1000 for row in csv.reader(open("table.csv")))
print("total", total / 7)
```

The total is 428.57.
"#;

/// A notebook that a kernel ran, in a folder of its own.
struct Made {
    _rig: Rig,
    path: PathBuf,
}

async fn made() -> Made {
    let mut rig = Rig::start(SCRIPT).await;
    let first = outputs(&run(&mut rig, "a", "Count the lines").await);
    let second = outputs(&run(&mut rig, "b", "Add them up").await);
    let cells = [
        json!({"cell_type": "markdown", "id": "m", "metadata": {}, "source": ["# Lines\n", "and 1234"]}),
        cell("s", 1, "%set rate 0.25", &[]),
        cell("a", 2, "Count the lines", &first),
        cell("b", 3, "Add them up", &second),
    ];
    super::save(&rig, &cells);
    let path = rig.directory.path().join("notebook.ipynb");
    Made { _rig: rig, path }
}

impl Made {
    fn notebook(&self) -> Value {
        serde_json::from_str(&std::fs::read_to_string(&self.path).unwrap()).unwrap()
    }

    /// Saves the notebook with something changed.
    fn change(&self, change: impl FnOnce(&mut Value)) {
        let mut notebook = self.notebook();
        change(&mut notebook);
        std::fs::write(&self.path, notebook.to_string()).unwrap();
    }

    fn call(&self, arguments: &[&str]) -> Output {
        let folder: &Path = self.path.parent().unwrap();
        Command::new(env!("CARGO_BIN_EXE_claude-kernel"))
            .args(arguments)
            .current_dir(folder)
            .env("HOME", folder)
            .output()
            .unwrap()
    }

    /// Calls; returns whether the exit code was 0, and what was printed.
    fn said(&self, arguments: &[&str]) -> (bool, String) {
        let output = self.call(arguments);
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).unwrap())
    }
}

/// The output with the answer of a cell.
fn answer(notebook: &mut Value, cell: usize) -> &mut Value {
    let outputs = notebook["cells"][cell]["outputs"].as_array_mut().unwrap();
    let is_text = |output: &&mut Value| output["metadata"]["claude_kernel"]["block"] == "text";
    outputs.iter_mut().find(is_text).unwrap()
}

#[tokio::test]
async fn the_code_runs_without_a_model_and_puts_out_the_same() {
    let made = made().await;
    let (ok, said) = made.said(&["export", "notebook.ipynb", "--to", "py"]);
    assert!(ok, "{said}");
    assert!(said.contains("In [2]: 1 failed and done again"), "{said}");
    let path = made.path.with_extension("py");
    let script = std::fs::read_to_string(&path).unwrap();
    assert!(
        script.contains("rate = 0.25") && !script.contains("tabel.csv"),
        "{script}"
    );
    std::fs::write(made.path.parent().unwrap().join("table.csv"), "a,1\nb,2\n").unwrap();
    let ran = Command::new(python())
        .arg(&path)
        .current_dir(made.path.parent().unwrap())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    assert!(text.contains("total 428.57142857142856"), "{text}");
    // A file that is there is not replaced.
    let (ok, said) = made.said(&["export", "notebook.ipynb", "--to", "py"]);
    assert!(!ok && said.contains("is there already"), "{said}");
    let output = made.call(&["export", "notebook.ipynb", "-o", "-"]);
    let exported: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(output.status.success() && exported["nbformat"] == 4);
    assert_eq!(exported["metadata"]["kernelspec"]["name"], "python3");
}

#[tokio::test]
async fn check_finds_what_was_edited_and_numbers_without_a_source() {
    let made = made().await;
    let (ok, said) = made.said(&["check", "notebook.ipynb"]);
    assert!(
        ok && said.contains("2 answers, 3 numbers with a source, nothing found"),
        "{said}"
    );
    made.change(|notebook| {
        answer(notebook, 3)["data"]["text/plain"] = json!("The total is 529.57.");
    });
    let (ok, said) = made.said(&["check", "notebook.ipynb"]);
    assert!(
        !ok && said.contains("In [3]: its answer was edited after it was recorded")
            && said.contains(
                "the page says `The total is 529.57.`, recorded is `The total is 428.57.`"
            ),
        "{said}"
    );
    made.change(|notebook| {
        notebook["cells"][0]["source"] = json!("no number");
        notebook["cells"][2]["source"] = json!("Count other lines");
    });
    let output = made.call(&["check", "--json", "notebook.ipynb"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let first = report["notebooks"][0]["cells"][0]["problems"].to_string();
    assert!(
        first.contains("source_changed") && first.contains("1234 is in no output above"),
        "{first}"
    );
    assert!(!output.status.success());
}

#[tokio::test]
async fn verify_runs_the_code_confined_and_names_both_values_where_they_differ() {
    let made = made().await;
    let python = python();
    let python = python.to_str().unwrap();
    let run = ["verify", "notebook.ipynb", "--python", python];
    let (ok, said) = made.said(&run);
    assert!(ok && said.contains("2 of 2 cells reproduced"), "{said}");
    assert!(said.contains("confined: without network"), "{said}");
    let (ok, said) = made.said(&[&run[..], &["--unconfined"]].concat());
    assert!(ok && said.contains("with your rights"), "{said}");
    // What the page says is compared too.
    made.change(|notebook| {
        answer(notebook, 3)["data"]["text/markdown"] = json!("The total is 529.57.");
    });
    let (ok, said) = made.said(&run);
    let edited = "In [3]: differs: as shared, its answer was `The total is 428.57.` and is `The total is 529.57.`";
    assert!(!ok && said.contains(edited), "{said}");
    let secret = made.path.with_file_name("secret.txt");
    std::fs::write(&secret, "not for notebooks").unwrap();
    let script = format!(
        "# /^Draw/\n\n```bash\necho $RANDOM$RANDOM$RANDOM; cat {} 2>/dev/null || true\n```\n\nDrawn.\n",
        secret.display()
    );
    let mut rig = Rig::start(&script).await;
    let drawn = outputs(&super::run(&mut rig, "a", "Draw <b>lots</b>").await);
    super::save(&rig, &[cell("a", 1, "Draw <b>lots</b>", &drawn)]);
    let path = rig.directory.path().join("notebook.ipynb");
    let other = Made { path, _rig: rig };
    let (ok, said) = other.said(&[&run[..], &["--report", "page.html"]].concat());
    assert!(
        !ok && said.contains("In [1]: differs: step 1, line 1 was `"),
        "{said}"
    );
    assert!(
        said.contains("0 of 1 cells reproduced") && !said.contains("not for notebooks"),
        "{said}"
    );
    let page = std::fs::read_to_string(other.path.with_file_name("page.html")).unwrap();
    assert!(
        page.contains("Draw &lt;b&gt;lots") && page.contains("In [1]: differs"),
        "{page}"
    );
    // A report that is there is not replaced.
    let (ok, said) = other.said(&[&run[..], &["--report", "page.html"]].concat());
    assert!(!ok && said.contains("is there already"), "{said}");
    let (ok, said) = other.said(&["verify", "notebook.ipynb", "--python", "/nowhere/python"]);
    assert!(
        !ok && said.contains("there is no interpreter `/nowhere/python`"),
        "{said}"
    );
}

#[tokio::test]
async fn scrub_removes_thinking_and_refuses_what_looks_like_a_key() {
    let (rig, before) = super::recorded().await;
    let path = rig.directory.path().join("notebook.ipynb");
    let made = Made { path, _rig: rig };
    assert!(json!(before).to_string().contains("I should count"));
    let (ok, said) = made.said(&["scrub", "notebook.ipynb"]);
    assert!(
        ok && said.contains("removed 1 outputs of thinking"),
        "{said}"
    );
    let text = made.notebook().to_string();
    assert!(
        !text.contains("I should count") && !text.contains("\"usage\""),
        "{text}"
    );
    // Once more changes nothing.
    made.said(&["scrub", "notebook.ipynb"]);
    assert_eq!(made.notebook().to_string(), text);
    let key = format!("sk-ant-api03-{}", "a1B2".repeat(24));
    made.change(|notebook| notebook["cells"][1]["source"] = json!(format!("use {key}")));
    let (ok, said) = made.said(&["scrub", "notebook.ipynb"]);
    assert!(
        !ok && said.contains("stands in cell 2") && !said.contains(&key),
        "{said}"
    );
    assert!(
        made.notebook().to_string().contains(&key),
        "nothing was written"
    );
}

#[tokio::test]
async fn recordings_in_a_file_of_their_own_answer_a_notebook_without_outputs() {
    let made = made().await;
    let (ok, said) = made.said(&["record", "notebook.ipynb", "-o", "kept.record.json"]);
    assert!(ok && said.contains("2 recorded answers"), "{said}");
    let file = made.path.with_file_name("kept.record.json");
    let mut rig = Rig::answering_from(SCRIPT, &file).await;
    rig.cell("%replay only").await;
    let first = rig.cell("Count the lines").await;
    assert!(first.text().contains("1234"), "{}", first.text());
    assert_eq!(crate::support::rig::asked(&rig).await.len(), 0);
    let miss = rig.cell("Something else").await;
    assert_eq!(miss.iopub("error")[0]["ename"], "ReplayMiss");
}

#[tokio::test]
async fn what_is_no_notebook_of_ours_is_said() {
    let made = made().await;
    let folder = made.path.parent().unwrap();
    std::fs::write(
        folder.join("other.ipynb"),
        r#"{"cells": [], "nbformat": 4}"#,
    )
    .unwrap();
    std::fs::write(
        folder.join("old.ipynb"),
        r#"{"worksheets": [], "nbformat": 3}"#,
    )
    .unwrap();
    std::fs::write(folder.join("damaged.ipynb"), r#"{"cells": ["#).unwrap();
    for (file, what) in [
        ("old.ipynb", "old format 3"),
        ("damaged.ipynb", "it is no notebook"),
        ("missing.ipynb", "cannot read"),
    ] {
        for command in ["export", "check", "verify", "scrub"] {
            let (ok, said) = made.said(&[command, file]);
            assert!(!ok && said.contains(what), "{command} {file}: {said}");
        }
    }
    let (ok, said) = made.said(&["verify", "other.ipynb"]);
    assert!(!ok && said.contains("holds no recordings"), "{said}");
}
