//! `%%json`: from a schema in a cell to a value in a later one, over the real wire.

use serde_json::{Value, json};

use crate::support::rig::{Asks, Ran, Rig};

const SCRIPT: &str = r#"
# The towns

> A schema wants an answer.

```bash
# Count
echo "n=$((40 + 2))" >> "$SCRIPT_VARS"
```

This is not said, because a result is wanted.

```json result
[{"town": "Bergen <b>|`$5`", "people": {{n}}, "coast": true},
 {"town": "Røros", "people": 5600, "coast": false}]
```

# The review

```json result
{"verdict": "revise", "reasons": ["late", "long"], "score": 0.5, "at": {"page": 2, "lines": [1, 2]},
 "open": [{"what": "title", "by": {"name": "Ada"}}]}
```

# A wrong script

```json result
{"town": 5}
```

# Broken rules

```json block
{"type": "text", "text": "{\"level\": \"HIGH\", \"n\": -1}"}
```

# Other case

```json block
{"type": "text", "text": "{\"level\": \"HIGH\", \"n\": 1}"}
```

# A long list

```json result
[{"town": "one two three four five six"}, {"town": "seven eight nine ten eleven twelve"}]
```

# Narrate

```json block
{"type": "text", "text": "Let me look."}
```

```bash
echo looked
```

```json result
{"n": 1}
```

# Decline

<!-- stop: refusal cyber -->

# Say 42 towns, {"page":2,"lines":[1,2]}, late

Understood.
"#;

const TOWNS: &str = "%%json towns [{town str, people int, coast bool}]\nThe towns";

fn metadata(ran: &Ran, block: &str) -> Value {
    ran.iopub("display_data")
        .into_iter()
        .map(|content| content["metadata"]["claude_kernel"].clone())
        .find(|kernel| kernel["block"] == block)
        .unwrap_or_else(|| panic!("no {block}: {}", ran.transcript()))
}

fn markdown(ran: &Ran) -> String {
    ran.iopub("display_data")
        .into_iter()
        .filter_map(|content| content["data"]["text/markdown"].as_str())
        .collect::<Vec<_>>()
        .join("\n\n")
}

fn error(ran: &Ran) -> (String, String) {
    let text = |key: &str| ran.reply()[key].as_str().unwrap_or_default().to_owned();
    (text("ename"), text("evalue"))
}

#[tokio::test]
async fn a_list_of_objects_is_a_table_two_files_and_a_variable() {
    let mut rig = Rig::start(SCRIPT).await;
    let ran = rig.cell(TOWNS).await;
    assert_eq!(ran.reply()["status"], "ok", "{}", ran.text());
    let shown = markdown(&ran);
    assert!(
        shown.contains("| town | people | coast |\n| --- | ---: | --- |\n| Bergen "),
        "{shown}"
    );
    for raw in ["<b>", "|`", "[{\"town\"", "This is not said"] {
        assert!(!shown.contains(raw), "{raw} in {shown}");
    }
    assert!(ran.text().contains("Bergen <b>|`$5`  42"), "{}", ran.text());
    assert!(
        shown.contains("[towns.json](claude_files/towns.json)"),
        "{shown}"
    );
    assert_eq!(metadata(&ran, "result")["value"][0]["people"], 42);
    let saved = std::fs::read_to_string(rig.files().join("towns.csv")).unwrap();
    assert_eq!(
        saved,
        "town,people,coast\nBergen <b>|`$5`,42,true\nRøros,5600,false\n"
    );
    let saved: Value =
        serde_json::from_slice(&std::fs::read(rig.files().join("towns.json")).unwrap()).unwrap();
    assert_eq!(
        saved[1],
        json!({"town": "Røros", "people": 5600, "coast": false})
    );
}

#[tokio::test]
async fn values_and_their_places_go_into_later_cells() {
    let mut rig = Rig::start(SCRIPT).await;
    rig.cell(TOWNS).await;
    let spec = "verdict (accept|revise), reasons [str], score float?, at {page int, lines [int]}, open [{what str, by {name str}}]";
    let ran = rig.cell(&format!("%%json review {spec}\nThe review")).await;
    assert_eq!(ran.reply()["status"], "ok", "{}", ran.text());
    let shown = markdown(&ran);
    assert!(
        shown.contains("| verdict | revise |\n| reasons | late, long |"),
        "{shown}"
    );
    assert!(
        shown.contains("**at**\n\n- **page:** 2\n- **lines:** 1, 2\n\n**open**\n\n| what | by.name |\n| --- | --- |\n| title | Ada |"),
        "{shown}"
    );
    assert!(!rig.files().join("review.csv").exists());
    let used = rig
        .cell("Say {{towns[0].people}} towns, {{review.at}}, {{review.reasons[0]}}")
        .await;
    assert!(used.text().contains("Understood."), "{}", used.text());
    let listed = rig.cell("%vars").await.text();
    assert!(listed.contains("towns   list of 2    [{"), "{listed}");
    assert!(listed.contains("review  object of 5  {"), "{listed}");
    let missed = rig.cell("%%dry\nSay {{review.verdit}}").await.text();
    assert!(
        missed
            .contains("there is no field `verdit` (there are: verdict, reasons, score, at, open)"),
        "{missed}"
    );
}

#[tokio::test]
async fn a_second_result_of_the_same_name_overwrites_no_file() {
    let mut rig = Rig::start(SCRIPT).await;
    rig.cell("%%json it [{town str}]\nA long list").await;
    let ran = rig.cell("%%json it at {page int, lines [int]}, verdict str, reasons [str], score float, open [{what str, by {name str}}]\nThe review").await;
    assert_eq!(ran.reply()["status"], "ok", "{}", ran.text());
    assert!(markdown(&ran).contains("[it-2.json](claude_files/it-2.json)"));
    assert_eq!(
        rig.cell("%set it").await.text().lines().next(),
        Some("it: object of 5")
    );
    let first = std::fs::read_to_string(rig.files().join("it.json")).unwrap();
    assert!(first.contains("seven eight"), "{first}");
}

#[tokio::test]
async fn front_ends_that_stream_never_see_raw_json() {
    for asks in [Asks::Lab, Asks::Console, Asks::Batch] {
        let mut rig = Rig::start(SCRIPT).await;
        let ran = rig.cell_as(asks, TOWNS).await;
        assert!(ran.text().contains("Bergen"), "{asks:?} {}", ran.text());
        for sent in &ran.messages {
            if sent.message.header.msg_type == "execute_input" {
                continue;
            }
            let content = &sent.message.content;
            for shown in [
                &content["text"],
                &content["data"]["text/markdown"],
                &content["data"]["text/plain"],
            ] {
                let shown = shown.as_str().unwrap_or_default();
                assert!(!shown.contains("\"town\""), "{asks:?}: {shown}");
            }
        }
    }
}

#[tokio::test]
async fn a_result_against_the_schema_fails_the_cell_at_its_place() {
    let mut rig = Rig::start(SCRIPT).await;
    let cell = r#"%%json rules
```json
{"type": "object", "properties": {"level": {"type": "string", "enum": ["low"]}, "n": {"type": "integer", "minimum": 0}}, "required": ["n"], "additionalProperties": false}
```
Broken rules"#;
    let ran = rig.cell(cell).await;
    let (ename, evalue) = error(&ran);
    assert_eq!(ename, "InvalidResult");
    assert_eq!(
        evalue,
        "`rules` does not fit its schema: at `/level`, \"HIGH\" is not one of \"low\", and 1 more problem"
    );
    let text = ran.text();
    assert!(text.contains("The API takes no `minimum` at `/properties/n`: sent as a description, and checked in the answer."), "{text}");
    assert!(text.contains("\"n\": -1"), "what arrived is shown: {text}");
    assert!(!rig.files().join("rules.json").exists());
    assert!(rig.cell("%vars").await.text().contains("No variables yet"));
    let next = rig
        .cell("%%json r level (low|high), n int\nOther case")
        .await;
    assert_eq!(next.reply()["status"], "ok");
    assert!(
        next.text()
            .contains("`/level` was spelt \"HIGH\"; the schema has `high`."),
        "{}",
        next.text()
    );
    let set = rig.cell("%set r").await.text();
    assert!(set.contains("\"level\": \"high\""), "{set}");
}

#[tokio::test]
async fn a_truncated_result_fails_the_cell_where_it_broke_off() {
    let mut rig = Rig::start(SCRIPT).await;
    let ran = rig
        .cell("%%max_tokens 16\n%%json list [{town str}]\nA long list")
        .await;
    let (ename, evalue) = error(&ran);
    assert_eq!(ename, "InvalidResult", "{}", ran.text());
    assert!(
        evalue.contains("/town`, the answer ends in the middle"),
        "{evalue}"
    );
    assert!(ran.text().contains("one two three"), "{}", ran.text());
    assert!(ran.text().contains("raise `%max_tokens`"), "{}", ran.text());
    let declined = rig.cell("%%json list [{town str}]\nDecline").await;
    assert_eq!(error(&declined).0, "Refusal");
    // The conversation goes on.
    assert_eq!(rig.cell(TOWNS).await.reply()["status"], "ok");
}

#[tokio::test]
async fn text_before_a_step_is_shown_and_no_part_of_the_result() {
    let mut rig = Rig::start(SCRIPT).await;
    let ran = rig.cell("%%json n n int\nNarrate").await;
    assert_eq!(ran.reply()["status"], "ok", "{}", ran.text());
    assert!(ran.text().contains("Let me look."), "{}", ran.text());
    assert_eq!(metadata(&ran, "result")["value"], json!({"n": 1}));
}

#[tokio::test]
async fn without_a_script_the_backend_answers_with_an_example() {
    let mut rig = Rig::start(SCRIPT).await;
    let ran = rig
        .cell("%%json any [{name str, level (low|high), on date, n int?}]\nWhatever you like")
        .await;
    assert_eq!(ran.reply()["status"], "ok", "{}", ran.text());
    assert_eq!(
        metadata(&ran, "result")["value"][1],
        json!({"name": "example", "level": "low", "on": "2026-01-31", "n": 1})
    );
}

#[tokio::test]
async fn a_script_whose_result_does_not_fit_is_told() {
    let mut rig = Rig::start(SCRIPT).await;
    let ran = rig.cell("%%json w town str\nA wrong script").await;
    let (_, evalue) = error(&ran);
    assert!(
        evalue.contains("does not fit the schema: at `/town`: 5 is not of type \"string\""),
        "{evalue}"
    );
}

#[tokio::test]
async fn what_cannot_be_asked_is_an_error_before_the_call() {
    let mut rig = Rig::start(SCRIPT).await;
    std::fs::write(
        rig.directory.path().join("bad.json"),
        "{\"type\": \"object\", \"properties\": {\"next\": {\"$ref\": \"#\"}}}",
    )
    .unwrap();
    let bad = rig.directory.path().join("bad.json");
    for (cell, what) in [
        ("%%json towns\nThe towns".to_owned(), "has no schema"),
        (
            "%%json towns [{town str}]".to_owned(),
            "has no prompt below it",
        ),
        ("%%json 1 town str\nThe towns".to_owned(), "is not a name"),
        (
            "%%json t town string3\nThe towns".to_owned(),
            "in column 6, at `string3`: `string3` is not a type",
        ),
        (
            "%json t town str".to_owned(),
            "`%json` does not exist: it is always about one cell",
        ),
        (
            format!("%%json t --file {}\nThe towns", bad.display()),
            "the schema is recursive",
        ),
        (
            "%%json t --file nowhere.json\nThe towns".to_owned(),
            "cannot read `nowhere.json`",
        ),
        (
            "%%web on\n%%json t town str\nThe towns".to_owned(),
            "does not go with web search",
        ),
        (
            "%%json t\n```json\n{\"type\":\n```\nThe towns".to_owned(),
            "is not JSON",
        ),
    ] {
        let ran = rig.cell(&cell).await;
        let (ename, evalue) = error(&ran);
        assert_eq!(ename, "MagicError", "{cell}");
        assert!(evalue.contains(what), "{cell}: {evalue}");
    }
    // Nothing was sent.
    let status = rig.cell("%status").await.text();
    let words: Vec<&str> = status.split_whitespace().collect();
    assert!(words.join(" ").contains("turns 0"), "{status}");
}

#[tokio::test]
async fn a_dry_cell_says_what_it_would_send_and_cost() {
    let mut rig = Rig::start(SCRIPT).await;
    let ran = rig.cell(&format!("%%dry\n{TOWNS}")).await;
    assert_eq!(ran.reply()["status"], "ok", "{}", ran.text());
    let text = ran.text();
    let words: Vec<&str> = text.split_whitespace().collect();
    let words = words.join(" ");
    for fact in [
        "tools code_execution_20260521",
        "betas none",
        "files none",
        "result data of the schema in output_config.format",
        "tokens, as the API counts them",
        "answer at most 32000 tokens",
        "price nothing: no model is called",
        "\"type\": \"json_schema\"",
    ] {
        assert!(words.contains(fact), "{fact} in {text}");
    }
    assert!(!rig.files().exists());
    assert_eq!(rig.cell(TOWNS).await.reply()["status"], "ok");
}
