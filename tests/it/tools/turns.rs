//! Tools in notebooks: defined in cells, called in turns, asked for, refused, changed.

use claude_kernel::jupyter::connection::{Channel, Route};
use claude_kernel::kernel::interrupts::Signal;
use serde_json::{Value, json};

use crate::support::rig::{Asks, Ran, Rig, asked};

const FETCH: &str = r#"%%tool
import pandas as pd
def fetch_data(dataset_name: str) -> pd.DataFrame:
    """Return a data set as a table."""
    if dataset_name != "sales":
        raise KeyError(dataset_name)
    return pd.DataFrame({"month": ["Jan", "Feb"], "revenue": [120, 150]})
"#;

const SCRIPT: &str = r#"
# What were the sales?

```json block
{"type": "tool_use", "name": "fetch_data", "input": {"dataset_name": "sales"}}
```

```json block
{"type": "tool_use", "name": "fetch_data", "input": {"dataset_name": "costs"}}
```

Claude got:

{{tool_result_1}} and {{tool_result_2}}

# Hello

Hello.
"#;

#[track_caller]
fn succeeded(ran: &Ran) {
    assert_eq!(ran.reply()["status"], "ok", "{:#?}", ran.reply());
}

/// Two calls in one answer, one of which raises: both are shown, both go back, the turn goes on.
#[tokio::test]
async fn a_function_of_a_cell_is_claudes_tool() {
    let mut rig = Rig::start(SCRIPT).await;
    let defined = rig.cell_as(Asks::Lab, FETCH).await;
    succeeded(&defined);
    assert!(
        defined.text().contains("fetch_data(dataset_name: string)"),
        "{}",
        defined.text()
    );
    let ran = rig.cell("What were the sales?").await;
    succeeded(&ran);
    let text = ran.text();
    assert!(
        text.contains("2 rows x 2 columns, CSV:\nmonth,revenue\nJan,120\nFeb,150"),
        "{text}"
    );
    assert!(
        text.contains("KeyError: 'costs'") && text.contains("failed"),
        "{text}"
    );
    assert!(!text.contains("elapsed"), "{text}");
    let requests = asked(&rig).await;
    let tools = &requests[0]["tools"];
    assert_eq!(tools[1]["name"], "fetch_data");
    assert_eq!(
        tools[1]["allowed_callers"],
        json!(["direct", "code_execution_20260120"])
    );
    let results = &requests[1]["messages"].as_array().unwrap().last().unwrap()["content"];
    assert_eq!(results.as_array().unwrap().len(), 2);
    assert_eq!(
        results[0]["content"],
        "2 rows x 2 columns, CSV:\nmonth,revenue\nJan,120\nFeb,150"
    );
    assert_eq!(results[1]["is_error"], true);
}

#[tokio::test]
async fn nothing_local_runs_where_nobody_sits_unless_it_was_allowed() {
    let mut rig = Rig::start(SCRIPT).await;
    for cell in [
        FETCH,
        "%%tool t --command\nSays hi.\n$ echo hi",
        "%mcp add x echo",
    ] {
        let ran = rig.cell(cell).await;
        assert_eq!(ran.reply()["ename"], "NotAllowed");
        let said = ran.reply()["traceback"].to_string();
        assert!(said.contains("CLAUDE_KERNEL_ALLOW="), "{said}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_tool_is_said_and_nothing_is_defined() {
    let mut rig = Rig::start(SCRIPT).await;
    for (cell, why) in [
        ("%%tool\nx = 1", "defines no function"),
        ("%%tool\n", "has nothing below it"),
        ("%%tool --fast\ndef f(): ...", "no option `--fast`"),
        ("%%tool --timeout soon\ndef f(): ...", "no time limit"),
        (
            "%%tool other\ndef f(x: int): ...",
            "does not define a function `other`",
        ),
        (
            "%%tool\ndef web_search(q: str): ...",
            "the API brings itself",
        ),
        ("%%tool a --command\nSays.\n$ echo {b}", "no argument of it"),
        ("%%tool a --command\nSays.", "has no command"),
        ("%%tool a --command\n$ echo", "has no description"),
        (
            "%%tool a --command\nSays.\ntakes: PATH str\n```bash\necho\n```",
            "would replace a variable",
        ),
        ("%tool rm nothing", "no tool `nothing`"),
        ("%mcp add", "needs a name"),
        ("%mcp add x /no/such/server", "there is no program"),
        (
            "%mcp add x --token-env NOT_SET https://127.0.0.1:9/mcp",
            "no variable `NOT_SET`",
        ),
        ("%mcp rm x", "no MCP server `x`"),
    ] {
        let ran = rig.cell_as(Asks::Lab, cell).await;
        let said = ran.reply()["evalue"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        assert!(said.contains(why), "{cell}: {said}");
    }
    let listed = rig.cell("%tool").await;
    assert!(
        listed.text().contains("No tools of your own"),
        "{}",
        listed.text()
    );
}

#[tokio::test]
async fn a_name_of_another_kind_is_taken_and_one_of_the_same_is_replaced() {
    let mut rig = Rig::start(SCRIPT).await;
    succeeded(
        &rig.cell_as(
            Asks::Lab,
            "%%tool\ndef t(x: int) -> int:\n    \"One.\"\n    return x",
        )
        .await,
    );
    let ran = rig
        .cell_as(Asks::Lab, "%%tool t --command\nTwo.\n$ echo")
        .await;
    assert!(
        ran.reply()["evalue"]
            .as_str()
            .unwrap()
            .contains("already: Python")
    );
    succeeded(
        &rig.cell_as(
            Asks::Lab,
            "%%tool\ndef t(y: str) -> str:\n    \"Three.\"\n    return y",
        )
        .await,
    );
    let listed = rig.cell("%tool").await.text();
    assert!(
        listed.contains("t(y: string)") && !listed.contains("t(x"),
        "{listed}"
    );
    succeeded(&rig.cell("%tool rm t").await);
    let ran = rig.cell("Hello").await;
    succeeded(&ran);
    assert_eq!(asked(&rig).await[0]["tools"].as_array().unwrap().len(), 1);
}

/// Arguments of Claude's reach a command as words and a script as variables, never as code.
#[tokio::test]
async fn commands_are_tools_too() {
    let script = r#"
# Go

```json block
{"type": "tool_use", "name": "words", "input": {"city": "$(touch broken); x"}}
```

```json block
{"type": "tool_use", "name": "shell", "input": {"city": "\"; touch broken", "n": 3}}
```

```json block
{"type": "tool_use", "name": "fails", "input": {}}
```

Done: {{tool_result_1}} / {{tool_result_2}} / {{tool_result_3}}
"#;
    let mut rig = Rig::start(script).await;
    for cell in [
        "%%tool words --command\nEchoes.\ntakes: city str: the city, unit (c|f)?\n$ echo --unit {unit} city={city}",
        "%%tool shell --command\nEchoes.\n```json\n{\"type\": \"object\", \"properties\": {\"city\": {\"type\": \"string\"}, \"n\": {\"type\": \"integer\"}}}\n```\n```bash\necho \"$city\" $n; cat; env | grep -c ANTHROPIC\n```",
        "%%tool fails --command\nFails.\n$ ls /no/such/directory",
    ] {
        succeeded(&rig.cell_as(Asks::Lab, cell).await);
    }
    let ran = rig.cell("Go").await;
    let text = ran.text();
    assert!(text.contains("city=$(touch broken); x"), "{text}");
    assert!(!text.contains("--unit city"), "{text}");
    assert!(
        text.contains("\"; touch broken 3\n{\"city\":\"\\\"; touch broken\",\"n\":3}\n0"),
        "{text}"
    );
    assert!(
        text.contains("The command failed (exit status: 2)"),
        "{text}"
    );
    assert!(!rig.directory.path().join("broken").exists());
}

/// `--ask`: yes runs it, anything else goes to Claude; an interrupt while the question is open.
#[tokio::test]
async fn the_person_is_asked_before_a_call() {
    let script = "
# Go

```json block
{\"type\": \"tool_use\", \"name\": \"t\", \"input\": {\"x\": 1}}
```

```json block
{\"type\": \"tool_use\", \"name\": \"t\", \"input\": {\"x\": 2}}
```

Got {{tool_result_1}} and {{tool_result_2}}
";
    let mut rig = Rig::start(script).await;
    let define = "%%tool --ask\ndef t(x: int) -> int:\n    \"Adds one.\"\n    return x + 1";
    succeeded(&rig.cell_as(Asks::Lab, define).await);
    let id = rig.send_as(Asks::Console, "Go").await;
    for (x, reply) in [(1, "y"), (2, "not that one")] {
        let question = question(&mut rig).await;
        assert!(
            question.contains(&format!("Claude wants to call t(x={x})")),
            "{question}"
        );
        let content = json!({"value": reply});
        rig.front_end
            .send(Channel::Stdin, "input_reply", content)
            .await
            .unwrap();
    }
    let ran = rig.until_idle(&id).await;
    let text = ran.text().replace('\n', "");
    assert!(
        text.contains("Got 2 and The person did not allow this call and said: not that one"),
        "{text}"
    );

    let id = rig.send_as(Asks::Console, "Go").await;
    question(&mut rig).await;
    rig.signals.send(Signal::Interrupt).await.unwrap();
    let ran = rig.until_idle(&id).await;
    assert_eq!(ran.reply()["ename"], "KeyboardInterrupt");

    // Nobody can be asked: Claude is told.
    let ran = rig.cell("Go").await;
    assert!(
        ran.text().contains("nobody can be asked here"),
        "{}",
        ran.text()
    );
}

async fn question(rig: &mut Rig) -> String {
    loop {
        let sent = rig.next().await;
        if sent.route == Route::To(Channel::Stdin) {
            assert_eq!(sent.message.header.msg_type, "input_request");
            return sent.message.content["prompt"].as_str().unwrap().to_owned();
        }
    }
}

/// A hanging function is interrupted with its cell, and the next cell finds the state unharmed.
#[tokio::test]
async fn an_interrupt_stops_a_tool() {
    let script = "
# Hang

```json block
{\"type\": \"tool_use\", \"name\": \"hang\", \"input\": {}}
```

# Count

```json block
{\"type\": \"tool_use\", \"name\": \"count\", \"input\": {}}
```

It is {{tool_result}}
";
    let mut rig = Rig::start(script).await;
    let define = "%%tool\nimport time, pathlib\nn = 0\ndef hang():\n    \"Hangs.\"\n    global n; n = 7\n    pathlib.Path('started').touch()\n    time.sleep(600)\ndef count():\n    \"Counts.\"\n    return n";
    succeeded(&rig.cell_as(Asks::Lab, define).await);
    let id = rig.send("Hang").await;
    while !rig.directory.path().join("started").exists() {
        tokio::task::yield_now().await;
    }
    rig.signals.send(Signal::Interrupt).await.unwrap();
    let ran = rig.until_idle(&id).await;
    assert_eq!(ran.reply()["ename"], "KeyboardInterrupt");
    let ran = rig.cell("Count").await;
    assert!(ran.text().contains("It is 7"), "{}", ran.text());
}

/// A figure of a tool is seen by the person and by Claude.
#[tokio::test]
async fn a_figure_of_a_tool_is_shown_and_sent() {
    let script = "
# Plot

```json block
{\"type\": \"tool_use\", \"name\": \"plot\", \"input\": {}}
```

Here it is.
";
    let mut rig = Rig::start(script).await;
    let define = "%%tool\nimport matplotlib.pyplot as plt\ndef plot():\n    \"Plots.\"\n    print('drawing')\n    fig, ax = plt.subplots(figsize=(1, 1))\n    ax.plot([1, 2])\n    return fig";
    succeeded(&rig.cell_as(Asks::Lab, define).await);
    let ran = rig.cell("Plot").await;
    succeeded(&ran);
    let images = ran
        .iopub("display_data")
        .iter()
        .filter(|content| content["data"]["image/png"].is_string())
        .count();
    assert_eq!(images, 1);
    let printed = ran.iopub("stream");
    assert_eq!(printed[0]["name"], "stdout");
    assert_eq!(printed[0]["text"], "drawing\n");
    let sent = asked(&rig).await;
    let sent = &sent[1]["messages"].as_array().unwrap().last().unwrap()["content"][0]["content"][0];
    assert_eq!(sent["type"], "image");
}

/// Code in the sandbox calls a tool of this machine: the table passes through the sandbox, not
/// through the conversation, and the code goes on where it waited.
#[tokio::test]
async fn code_in_the_sandbox_calls_a_tool() {
    let script = r#"
# Add them up

```python repl
# Fetch both data sets at once
import asyncio
print("before")
both = await asyncio.gather(fetch({"n": 3}), fetch({"n": 4}))
total = sum(int(row) for text in both for row in text.split()[1:])
print("total", total)
more = await fetch({"n": 1})
more.splitlines()
```

The total is in.

```call fetch
{"n": 2}
```

Directly: {{tool_result}}

# And again

```python repl
total + 1
```

Done.
"#;
    let mut rig = Rig::start(script).await;
    let define = "%%tool\nimport pandas as pd\ndef fetch(n: int):\n    \"Returns a table.\"\n    return pd.DataFrame({'x': range(n)})";
    succeeded(&rig.cell_as(Asks::Lab, define).await);
    let ran = rig.cell("Add them up").await;
    succeeded(&ran);
    let text = ran.text();
    assert!(text.contains("before\ntotal 9\n['x', '0']"), "{text}");
    assert!(
        text.contains("Directly: 2 rows x 1 column, CSV:\nx\n0\n1"),
        "{text}"
    );
    let sent = asked(&rig).await;
    let last =
        |n: usize| sent[n]["messages"].as_array().unwrap().last().unwrap()["content"].clone();
    assert!(sent[0].get("container").is_none_or(Value::is_null));
    assert!(sent[1]["container"].is_string(), "the container goes back");
    let results = last(1);
    assert_eq!(results.as_array().unwrap().len(), 2);
    assert_eq!(results[0]["content"], "x\n0\n1\n2\n");
    assert_eq!(results[1]["content"], "x\n0\n1\n2\n3\n");
    assert_eq!(last(2)[0]["content"], "x\n0\n");
    assert_eq!(sent.len(), 4);
    // The interpreter and its variables are still there, and no history was refused.
    let ran = rig.cell_as(Asks::Lab, "And again").await;
    assert!(ran.text().contains("\n10\n"), "{}", ran.text());
}

/// A model without that ability is not told of it.
#[tokio::test]
async fn callers_are_sent_only_where_code_can_call() {
    let mut rig = Rig::start(SCRIPT).await;
    succeeded(&rig.cell_as(Asks::Lab, FETCH).await);
    for (cell, by_code) in [
        ("Hello", true),
        ("%%model claude-haiku-4-5\nHello", false),
        ("%%tools code_execution_20250825\nHello", false),
    ] {
        succeeded(&rig.cell(cell).await);
        let sent = asked(&rig).await;
        let tools = sent.last().unwrap()["tools"].as_array().unwrap().clone();
        let own = tools
            .iter()
            .find(|tool| tool["name"] == "fetch_data")
            .unwrap();
        assert_eq!(own.get("allowed_callers").is_some(), by_code, "{cell}");
    }
}

/// A step between two calls: what it wrote reaches the second call and the answer after it.
#[tokio::test]
async fn what_a_step_computed_is_an_argument_of_the_next_call() {
    let script = "
# Go

```json block
{\"type\": \"tool_use\", \"name\": \"double\", \"input\": {\"text\": \"ab\"}}
```

```bash
echo \"n=$(printf {{tool_result}} | wc -c)\" >> \"$SCRIPT_VARS\"
```

```json block
{\"type\": \"tool_use\", \"name\": \"double\", \"input\": {\"text\": \"{{n}}.\"}}
```

First {{tool_result_1}} of {{n}}, then {{tool_result_2}}
";
    let mut rig = Rig::start(script).await;
    let define =
        "%%tool\ndef double(text: str) -> str:\n    \"Says it twice.\"\n    return text + text";
    succeeded(&rig.cell_as(Asks::Lab, define).await);
    let ran = rig.cell("%bash\nGo").await;
    succeeded(&ran);
    let text = ran.text();
    assert!(text.contains("First abab of 4, then 4.4."), "{text}");
}
