//! Command tools: what is refused where it is written, and what a call comes to.

use serde_json::{Value, json};

use crate::support::rig::{Asks, Rig};

/// Defines a tool `t` of this body, and calls it with each of these arguments; returns what the cell
/// and the turn show.
async fn call(options: &str, body: &str, arguments: &[Value]) -> (String, String) {
    let mut script = "# Go\n\n".to_owned();
    for input in arguments {
        let block = json!({"type": "tool_use", "name": "t", "input": input});
        script.push_str(&format!("```json block\n{block}\n```\n\n"));
    }
    script.push_str("Done.\n");
    let mut rig = Rig::start(&script).await;
    let cell = format!("%%tool t --command {options}\n{body}");
    let defined = rig.cell_as(Asks::Lab, &cell).await;
    assert_eq!(defined.reply()["status"], "ok", "{:#?}", defined.reply());
    let ran = rig.cell("Go").await;
    assert_eq!(ran.reply()["status"], "ok", "{:#?}", ran.reply());
    (defined.text(), ran.text())
}

/// Without its argument `df {path}` would be `df`, which is another question.
#[tokio::test]
async fn a_call_that_does_not_fit_the_schema_runs_nothing() {
    let body = "Echoes.\ntakes: path str, n int?\n$ echo ran {path}";
    let bad = [json!({}), json!({"path": 5}), json!({"path": "x", "z": 1})];
    let (_, shown) = call("", body, &bad).await;
    assert_eq!(
        shown.matches("the arguments do not fit").count(),
        3,
        "{shown}"
    );
    assert!(!shown.contains("ran"), "{shown}");
    let (_, shown) = call("", body, &[json!({"path": "/tmp"})]).await;
    assert!(shown.contains("ran /tmp"), "{shown}");
}

/// What a command leaves running holds its pipes open, and does not hold up the call.
#[tokio::test]
async fn a_command_that_leaves_something_running_has_ended() {
    let body = "Starts.\n```bash\nsleep 300 & echo started\n```";
    let (_, shown) = call("--timeout 60", body, &[json!({})]).await;
    assert!(
        shown.contains("started") && !shown.contains("failed"),
        "{shown}"
    );
}

#[tokio::test]
async fn a_command_over_its_time_says_what_it_had_printed() {
    let body = "Hangs.\n```bash\necho half; echo way >&2; sleep 300\n```";
    let (_, shown) = call("--timeout 1", body, &[json!({})]).await;
    assert!(
        shown.contains("was ended after 1 s, its time limit"),
        "{shown}"
    );
    assert!(shown.contains("half") && shown.contains("way"), "{shown}");
}

#[tokio::test]
async fn a_program_that_is_not_there_is_said_at_once_and_in_words() {
    let (defined, shown) = call("", "Runs.\n$ no-such-program x", &[json!({})]).await;
    assert!(
        defined.contains("There is no program no-such-program"),
        "{defined}"
    );
    assert!(
        shown.contains("there is no program `no-such-program` on the `PATH`"),
        "{shown}"
    );
    assert!(!shown.contains("os error"), "{shown}");
}

/// Bytes that only begin like an image would make the API refuse this turn and all later ones.
#[tokio::test]
async fn an_image_that_is_none_goes_as_words() {
    let body = "Draws.\n```bash\nprintf '\\x89PNG\\r\\n\\x1a\\nno picture'\n```";
    let (_, shown) = call("", body, &[json!({})]).await;
    assert!(
        shown.contains("An image that cannot be shown to Claude"),
        "{shown}"
    );
}

#[tokio::test]
async fn what_would_not_do_what_it_looks_like_is_refused() {
    let mut rig = Rig::start("# Go\n\nDone.\n").await;
    for (body, why) in [
        (
            "$ ls a | wc -l",
            "runs without a shell, which `|` would need",
        ),
        ("$ ls ~/data", "which `~/data` would need"),
        ("$ ls *.csv", "which `*.csv` would need"),
        ("$ echo $HOME", "which `$HOME` would need"),
        ("takes: p str\n$ {p} x", "Claude would choose what runs"),
        ("takes: [str]\n$ ls", "Give it one: `takes: items [str]`."),
        (
            "takes: \"odd key\" str\n$ ls",
            "`odd key` cannot be an argument's name",
        ),
        (
            "```json\n{\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"strnig\"}}}\n```\n$ ls",
            "the schema of `t` cannot be sent",
        ),
        ("```\nls\n```", "a fenced block of no language"),
    ] {
        let cell = format!("%%tool t --command\nLists.\n{body}");
        let ran = rig.cell_as(Asks::Lab, &cell).await;
        let said = ran.reply()["traceback"].to_string();
        let said = said.replace("\\\"", "\"");
        assert!(said.contains(why), "{body}: {said}");
    }
    for body in [
        "$ grep '*' 'a | b' \"$HOME\"",
        "  $ awk '{print $1}' x.txt",
        "$ date +%s",
    ] {
        let cell = format!("%%tool t --command\nLists.\n{body}");
        let ran = rig.cell_as(Asks::Lab, &cell).await;
        assert_eq!(ran.reply()["status"], "ok", "{body}: {:#?}", ran.reply());
    }
    let again = rig
        .cell_as(Asks::Lab, "%%tool t --command\nLists.\n$ date +%s")
        .await;
    assert!(!again.text().contains("in place of"), "{}", again.text());
    let other = rig
        .cell_as(Asks::Lab, "%%tool t --command\nTells.\n$ date")
        .await;
    assert!(
        other.text().contains("(in place of the one before)"),
        "{}",
        other.text()
    );
}
