//! Numbers stay as they were written, to the last digit, wherever one passes (W8).

use super::{at_once, fine};
use crate::support::rig::{Asks, Ran, Rig, asked};

const LARGE: &str = "123456789012345678901234567890";
/// What a reader that takes numbers as floats or as 64 bits changes: each is another kind.
const ODD: [&str; 10] = [
    LARGE,
    "-123456789012345678901234567890",
    "18446744073709551616",
    "9007199254740993",
    "0.1000000000000000055511151231257827",
    "1.50",
    "-0",
    "-0.0",
    "1e+400",
    "2.5e-7",
];

fn list() -> String {
    format!("[{}]", ODD.join(","))
}

/// A script that answers `Odd` with these blocks, and whatever else with a word.
fn script(odd: &str) -> String {
    format!("# Odd\n\n{odd}\n\nDone.\n\n# /.*/\n\nSaid.\n")
}

fn check_ok(ran: &Ran) {
    assert_eq!(ran.reply()["status"], "ok", "{}", ran.transcript());
}

#[tokio::test]
async fn w8_the_blocks_of_an_answer_go_back_with_the_numbers_that_came() {
    let odd = format!(
        "```json block\n{{\"type\": \"server_tool_use\", \"id\": \"srvtoolu_a\", \"name\": \"bash_code_execution\", \"input\": {{\"command\": \"x\", \"n\": {list}}}}}\n```\n\n\
         ```json block\n{{\"type\": \"bash_code_execution_tool_result\", \"tool_use_id\": \"srvtoolu_a\", \"content\": {{\"type\": \"bash_code_execution_result\", \"stdout\": \"\", \"stderr\": \"\", \"return_code\": 0, \"content\": []}}}}\n```",
        list = list()
    );
    let mut rig = Rig::start(&script(&odd)).await;
    let first = fine(&mut rig, "Odd").await.0;
    let (_, request) = at_once(&mut rig, "Say 1").await;
    assert_eq!(request.to_string().matches(&list()).count(), 1, "{request}");
    assert!(!first.text().contains("e+29"), "{}", first.text());
}

#[tokio::test]
async fn w8_a_result_has_its_numbers_in_the_table_both_files_and_later_prompts() {
    let script = format!(
        "# Odd\n\n```json result\n[{{\"id\": {LARGE}, \"f\": 1.50}}, {{\"id\": 18446744073709551616, \"f\": 0.1000000000000000055511151231257827}}]\n```\n\n# /.*/\n\nSaid.\n"
    );
    let mut rig = Rig::start(&script).await;
    let ran = rig.cell("%%json r [{id int, f float}]\nOdd").await;
    check_ok(&ran);
    let small = "0.1000000000000000055511151231257827";
    let json = std::fs::read_to_string(rig.files().join("r.json")).unwrap();
    let csv = std::fs::read_to_string(rig.files().join("r.csv")).unwrap();
    assert_eq!(
        csv,
        format!("id,f\n{LARGE},1.50\n18446744073709551616,{small}\n")
    );
    for (place, text) in [
        ("shown", ran.text()),
        ("json", json),
        ("transcript", ran.transcript()),
    ] {
        for number in [LARGE, "1.50", "18446744073709551616", small] {
            assert!(text.contains(number), "{place} lacks {number}: {text}");
        }
    }
    let (_, request) = at_once(&mut rig, "Take {{r[0].id}} and {{r[1].f}}, {{r[0]}}").await;
    let prompt = format!("Take {LARGE} and {small}, {{\\\"id\\\":{LARGE},\\\"f\\\":1.50}}");
    assert!(request.to_string().contains(&prompt), "{request}");
}

#[tokio::test]
async fn w8_a_tool_gets_the_numbers_that_claude_wrote_and_claude_those_it_returned() {
    let odd = format!(
        "```json block\n{{\"type\": \"tool_use\", \"id\": \"toolu_a\", \"name\": \"mine\", \"input\": {{\"n\": {LARGE}}}}}\n```"
    );
    let mut rig = Rig::start(&script(&odd)).await;
    let tool = "%%tool\ndef mine(n: int) -> dict:\n    \"\"\"Tells.\"\"\"\n    return {'twice': 2 * n, 'digits': len(str(n))}\n";
    check_ok(&rig.cell_as(Asks::Lab, tool).await);
    let (ran, sent) = fine(&mut rig, "Odd").await;
    let last = sent.last().unwrap().to_string();
    assert!(last.contains("246913578024691357802469135780"), "{last}");
    assert!(last.contains(&format!("\"n\":{LARGE}")), "{last}");
    assert!(last.contains("digits\\\": 30"), "{last}");
    assert!(ran.text().contains(&format!("n={LARGE}")), "{}", ran.text());
    assert!(!asked(&rig).await.is_empty());
}
