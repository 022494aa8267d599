//! Recordings of turns: what a notebook holds, answers again, and lets another kernel go on from.

mod commands;
mod elsewhere;
mod exports;
mod long;
mod replay;
mod repository;
mod summary;

use serde_json::{Map, Value, json};

use crate::support::rig::{Asks, Ran, Rig};

const SCRIPT: &str = r#"
# Count the lines

> I should count.

```bash
# Count lines
printf 'a,1\nb,2\n' > "$OUTPUT_DIR/table.csv"; wc -l < "$OUTPUT_DIR/table.csv"
```

There are **2** lines.

# Name the first

It is `a`.

# Name another

It is `b`.
"#;

/// The outputs that a front end saves of a cell: updates replace, transient data is not saved.
fn outputs(ran: &Ran) -> Vec<Value> {
    let mut outputs: Vec<(Option<Value>, Value)> = Vec::new();
    for sent in &ran.messages {
        let content = &sent.message.content;
        let id = content["transient"].get("display_id").cloned();
        let display = |kind: &str| json!({"output_type": kind, "data": content["data"], "metadata": content["metadata"]});
        match sent.message.header.msg_type.as_str() {
            "display_data" => outputs.push((id, display("display_data"))),
            "execute_result" => outputs.push((id, display("execute_result"))),
            "update_display_data" => {
                for (known, output) in &mut outputs {
                    if known.is_some() && *known == id {
                        *output = display("display_data");
                    }
                }
            }
            "stream" => outputs.push((None, json!({"output_type": "stream",
                "name": content["name"], "text": content["text"]}))),
            "error" => outputs.push((None, json!({"output_type": "error",
                "ename": content["ename"], "evalue": content["evalue"], "traceback": content["traceback"]}))),
            _ => {}
        }
    }
    outputs.into_iter().map(|(_, output)| output).collect()
}

/// A cell of a notebook.
fn cell(id: &str, count: u64, source: &str, outputs: &[Value]) -> Value {
    json!({"cell_type": "code", "id": id, "execution_count": count, "metadata": {}, "source": source, "outputs": outputs})
}

/// Saves a notebook where the kernel looks for it.
fn save(rig: &Rig, cells: &[Value]) {
    let notebook = json!({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5});
    let path = rig.directory.path().join("notebook.ipynb");
    std::fs::write(path, notebook.to_string()).unwrap();
}

/// Runs a cell as JupyterLab does.
async fn run(rig: &mut Rig, id: &str, code: &str) -> Ran {
    let mut metadata = Map::new();
    metadata.insert("cellId".to_owned(), json!(id));
    let id = rig.send_with(Asks::Lab, code, metadata).await;
    rig.until_idle(&id).await
}

/// The requests for messages so far.
async fn requests(rig: &Rig) -> usize {
    crate::support::rig::asked(rig).await.len()
}

/// Runs two cells, saves the notebook with their outputs, and starts another kernel. Returns what
/// the cells showed.
async fn recorded() -> (Rig, Vec<Vec<Value>>) {
    let mut rig = Rig::start(SCRIPT).await;
    let first = outputs(&run(&mut rig, "a", "Count the lines").await);
    let second = outputs(&run(&mut rig, "b", "Name the first").await);
    save(
        &rig,
        &[
            cell("a", 1, "Count the lines", &first),
            cell("b", 2, "Name the first", &second),
        ],
    );
    let rig = rig.restarted(claude_kernel::kernel::journal::Options::nowhere());
    (rig.await, vec![first, second])
}
