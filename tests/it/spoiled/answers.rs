//! Answers that no request may hold as they came: blank text (W5), and calls that are no calls (W6);
//! and such as begin with all they hold (W18).

use super::{at_once, blocks, fine};
use crate::support::rig::{Asks, Rig, arm};

/// A script that answers `Odd` with these blocks between a thought and a last word.
fn script(odd: &str, last: &str) -> String {
    format!(
        "# Odd\n\n> Let me see.\n\n{odd}\n\n{last}\n\n# /.*/\n\n> Hm.\n\n```bash\necho fine\n```\n\nSaid.\n"
    )
}

fn block(json: &str) -> String {
    format!("```json block\n{json}\n```\n\n")
}

fn text(words: &str) -> String {
    block(&format!(r#"{{"type": "text", "text": "{words}"}}"#))
}

fn call(id: &str, input: &str) -> String {
    block(&format!(
        r#"{{"type": "server_tool_use", "id": "{id}", "name": "bash_code_execution", "input": {input}}}"#
    ))
}

fn result(id: &str) -> String {
    block(&format!(
        r#"{{"type": "bash_code_execution_tool_result", "tool_use_id": "{id}", "content":
            {{"type": "bash_code_execution_result", "stdout": "ran {id}", "stderr": "", "return_code": 0, "content": []}}}}"#
    ))
}

/// Whatever the answer was, it is shown, and the next requests are taken as they are.
async fn check(name: &str, odd: &str, last: &str) -> String {
    let mut rig = Rig::start(&script(odd, last)).await;
    let (_, first) = at_once(&mut rig, "Say 1").await;
    assert_eq!(blocks(&first).count(), 1);
    let (odd, _) = fine(&mut rig, "Odd").await;
    for number in 2..5 {
        let (ran, request) = at_once(&mut rig, &format!("Say {number}")).await;
        assert!(ran.text().contains("fine"), "{name}: {}", ran.text());
        assert!(request["container"].is_string(), "{name}");
    }
    odd.text()
}

const STEP: &str = "```bash\necho between\n```\n\n";

#[tokio::test]
async fn w5_blank_text_is_shown_as_nothing_and_never_sent_where_it_is_refused() {
    let thought = "> And then.\n\n";
    for blank in ["", " ", r"\n\n"] {
        let odd = text(blank);
        for (place, blocks) in [
            ("alone", odd.clone()),
            ("before a thought", format!("{odd}{thought}")),
            ("after a step", format!("{STEP}{odd}")),
            ("before a step", format!("{odd}{STEP}")),
            ("between two", format!("First.\n\n{odd}")),
            ("twice", format!("{odd}{odd}")),
        ] {
            for last in [
                "Done.",
                "<!-- stop: end_turn -->",
                "<!-- stop: max_tokens -->",
            ] {
                let name = format!("{blank:?} {place}, then {last}");
                check(&name, &blocks, last).await;
            }
        }
    }
}

#[tokio::test]
async fn w5_blank_text_in_a_paused_turn_does_not_end_it() {
    for blank in ["", " ", r"\n\n"] {
        let odd = text(blank);
        for (place, blocks) in [
            ("before the step", format!("{odd}{STEP}")),
            ("after the step", format!("{STEP}{odd}")),
            (
                "before a thought",
                format!("{STEP}{odd}> And then.\n\n{STEP}"),
            ),
        ] {
            let last = "<!-- stop: pause_turn -->\n\n> Go on.\n\n```bash\necho after\n```\n\nDone.";
            let shown = check(&format!("{blank:?} {place}"), &blocks, last).await;
            assert!(
                shown.contains("after") && shown.contains("Done."),
                "{shown}"
            );
        }
    }
}

#[tokio::test]
async fn w5_an_answer_that_is_empty_is_said_to_be() {
    for odd in [String::new(), text(""), text(" ")] {
        let shown = check("empty", &odd, "<!-- stop: end_turn -->").await;
        assert!(shown.to_lowercase().contains("empty"), "{odd}: {shown}");
    }
}

#[tokio::test]
async fn w6_a_call_whose_input_is_no_object_goes_back_as_one_that_is() {
    for input in [r#""hello""#, "[1]", "7", "null", "true"] {
        let odd = format!("{}{}", call("srvtoolu_a", input), result("srvtoolu_a"));
        check(input, &odd, "Done.").await;
        // Thinking behind it is bound to what cannot be sent.
        check(input, &format!("{odd}> And then.\n\n{STEP}"), "Done.").await;
    }
}

#[tokio::test]
async fn w6_results_go_back_behind_their_calls_or_not_at_all() {
    let (use_a, got_a) = (call("srvtoolu_a", "{}"), result("srvtoolu_a"));
    for (name, odd) in [
        ("before its call", format!("{got_a}{use_a}")),
        ("without a call", got_a.clone()),
        ("twice", format!("{use_a}{got_a}{got_a}")),
        ("around it", format!("{got_a}{use_a}{got_a}")),
        ("without a result", use_a.clone()),
    ] {
        check(name, &odd, "Done.").await;
        check(name, &format!("{odd}> And then.\n\n"), "Done.").await;
    }
}

#[tokio::test]
async fn w6_an_id_is_used_once_in_an_answer() {
    let pair = format!("{}{}", call("srvtoolu_a", "{}"), result("srvtoolu_a"));
    let uses = call("srvtoolu_a", "{}").repeat(2);
    let results = result("srvtoolu_a").repeat(2);
    for (name, odd) in [
        ("pairs", pair.repeat(2)),
        ("calls first", format!("{uses}{results}")),
        ("one result", format!("{uses}{}", result("srvtoolu_a"))),
    ] {
        check(name, &odd, "Done.").await;
    }
    // In another turn it may come back.
    let mut rig = Rig::start(&script(&pair, "Done.")).await;
    at_once(&mut rig, "Odd").await;
    at_once(&mut rig, "Odd").await;
    at_once(&mut rig, "Say 1").await;
}

const MINE: &str =
    "%%tool\ndef mine(n: int) -> str:\n    \"\"\"Tells.\"\"\"\n    return f'told {n}'\n";

/// A tool of the person's is called so; the turn goes on, and so does the conversation.
async fn check_tool(name: &str, calls: &str) {
    let mut rig = Rig::start(&script(calls, "Done with it.")).await;
    let defined = rig.cell_as(Asks::Lab, MINE).await;
    assert_eq!(defined.reply()["status"], "ok", "{}", defined.transcript());
    let (ran, sent) = fine(&mut rig, "Odd").await;
    assert_eq!(sent.len(), 2, "{name}");
    assert!(
        ran.text().contains("Done with it."),
        "{name}: {}",
        ran.text()
    );
    at_once(&mut rig, "Say 1").await;
    at_once(&mut rig, "Say 2").await;
}

#[tokio::test]
async fn w6_own_tools_are_answered_however_they_were_called() {
    let call = |id: &str, input: &str| {
        block(&format!(
            r#"{{"type": "tool_use", "id": "{id}", "name": "mine", "input": {input}}}"#
        ))
    };
    check_tool("well", &call("toolu_a", r#"{"n": 1}"#)).await;
    check_tool("a word", &call("toolu_a", r#""hello""#)).await;
    check_tool("a list", &call("toolu_a", "[1]")).await;
    let twice = format!(
        "{}{}",
        call("toolu_a", r#"{"n": 1}"#),
        call("toolu_a", r#"{"n": 2}"#)
    );
    check_tool("twins", &twice).await;
}

/// What code in the sandbox calls after the first result comes with the start of the answer.
#[tokio::test]
async fn w18_every_call_of_code_is_answered_and_shown_as_one() {
    let odd = "```python repl\nfor n in range(4):\n    print(await mine({'n': n}))\n```";
    let mut rig = Rig::start(&script(odd, "Done with it.")).await;
    let defined = rig.cell_as(Asks::Lab, MINE).await;
    assert_eq!(defined.reply()["status"], "ok", "{}", defined.transcript());
    let (ran, sent) = fine(&mut rig, "Odd").await;
    assert_eq!(sent.len(), 5);
    let text = ran.text();
    for n in 0..4 {
        assert!(text.contains(&format!("mine - n={n} - ok")), "{n}: {text}");
        assert!(text.contains(&format!("told {n}")), "{n}: {text}");
    }
    assert!(!text.contains("tool_result"), "{text}");
    assert!(text.contains("Done with it."), "{text}");
    at_once(&mut rig, "Say 1").await;
}

/// A key that no published type has comes back; where it is refused, it is left out from then on.
#[tokio::test]
async fn a_key_that_no_type_has_is_left_out_once_it_is_refused() {
    let mut rig = Rig::start(&script("```python repl\nprint(1)\n```", "Done.")).await;
    at_once(&mut rig, "Odd").await;
    let (_, request) = at_once(&mut rig, "Say 1").await;
    assert!(request.to_string().contains("abort_reason"), "{request}");
    arm(&rig, "refuse_unknown_keys times=20").await;
    fine(&mut rig, "Say 2").await;
    let (_, request) = at_once(&mut rig, "Say 3").await;
    assert!(!request.to_string().contains("abort_reason"), "{request}");
    assert!(request["container"].is_string());
}

/// Claude hears what was wrong with its call, not of a parameter that nobody wrote.
#[tokio::test]
async fn w17_a_call_that_cannot_be_read_is_told_so() {
    for (input, told) in [
        (r#""hello""#, "JSON, but no object"),
        ("[1]", "JSON, but no object"),
        ("7", "JSON, but no object"),
    ] {
        let odd = block(&format!(
            r#"{{"type": "tool_use", "id": "toolu_a", "name": "mine", "input": {input}}}"#
        ));
        let mut rig = Rig::start(&script(&odd, "Done with it.")).await;
        rig.cell_as(Asks::Lab, MINE).await;
        let (_, sent) = fine(&mut rig, "Odd").await;
        let results: Vec<String> = blocks(&sent[1])
            .filter(|block| block["type"] == "tool_result")
            .map(serde_json::Value::to_string)
            .collect();
        let results = results.concat();
        assert!(results.contains(told), "{input}: {results}");
        assert!(results.contains("could not be read"), "{input}: {results}");
        assert!(!results.contains("no parameter"), "{input}: {results}");
    }
}
