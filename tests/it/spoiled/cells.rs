//! Cells that promised what they did not do (H2, H3), and that changed things and failed (H4).

use serde_json::Value;

use super::{at_once, fine};
use crate::support::rig::{Rig, arm, asked};

const SCRIPT: &str = "# /^Work/\n\n```bash\necho x >> kept.txt; wc -l < kept.txt\n```\n\nWorked.\n\n# /^Say/\n\nSaid.\n";

fn prompts(sent: &[Value]) -> Vec<String> {
    let last = |body: &Value| {
        let messages = body["messages"].as_array().unwrap();
        let asked = messages
            .iter()
            .rfind(|said| said["role"] == "user")
            .unwrap();
        let blocks = asked["content"].as_array().unwrap();
        blocks.last().unwrap()["text"].as_str().unwrap().to_owned()
    };
    sent.iter().map(last).collect()
}

#[tokio::test]
async fn h2_a_replay_with_a_prompt_below_it_does_what_it_says() {
    let mut rig = Rig::start(SCRIPT).await;
    at_once(&mut rig, "Work 1").await;
    let before = asked(&rig).await;
    let ran = rig.cell("%reset sandbox --replay\nSay it").await;
    let sent = asked(&rig).await.split_off(before.len());
    let (prompts, text) = (prompts(&sent), ran.text());
    assert!(!text.contains("did not run"), "{text}");
    if ran.reply()["status"] == "ok" {
        // Both, in their order.
        let replays = prompts
            .iter()
            .position(|it| it.starts_with("Run this command once"));
        let says = prompts.iter().position(|it| it == "Say it");
        assert!(replays.is_some() && replays < says, "{prompts:?}\n{text}");
    } else {
        // Or nothing at all.
        assert!(sent.is_empty() && !text.contains("in it again"), "{text}");
        let (ran, _) = at_once(&mut rig, "Work 2").await;
        assert!(
            ran.text().contains('2'),
            "the sandbox is as it was: {}",
            ran.text()
        );
    }
}

#[tokio::test]
async fn h3_a_replay_that_was_refused_is_no_business_of_the_next_cell() {
    let mut rig = Rig::paid(SCRIPT).await;
    at_once(&mut rig, "Work 1").await;
    fine(&mut rig, "%budget 0.0001").await;
    let ran = rig.cell("%reset sandbox --replay").await;
    assert_eq!(ran.reply()["status"], "error", "{}", ran.transcript());
    fine(&mut rig, "%budget off").await;
    let (ran, _) = at_once(&mut rig, "Say it").await;
    assert!(!ran.text().contains("recorded steps"), "{}", ran.text());
}

#[tokio::test]
async fn h3_a_replay_that_the_api_refused_is_no_business_of_the_next_cell() {
    let mut rig = Rig::start(SCRIPT).await;
    at_once(&mut rig, "Work 1").await;
    arm(&rig, "403").await;
    let ran = rig.cell("%reset sandbox --replay").await;
    assert_eq!(ran.reply()["status"], "error", "{}", ran.transcript());
    let (ran, _) = at_once(&mut rig, "Say it").await;
    assert!(!ran.text().contains("recorded steps"), "{}", ran.text());
}

/// What a request says of settings.
fn settings(body: &Value) -> Vec<&Value> {
    let fields = [
        "model",
        "system",
        "tools",
        "thinking",
        "output_config",
        "max_tokens",
    ];
    fields.iter().map(|field| &body[*field]).collect()
}

#[tokio::test]
async fn h4_a_cell_that_fails_changes_nothing() {
    for magics in [
        "%effort high",
        "%model sonnet",
        "%system Be brief.",
        "%thinking off",
        "%max_tokens 1234",
        "%tools none",
        "%web on",
        "%undo",
        "%reset chat",
        "%reset all",
        "%thread aside",
        "%fork idea",
        "%set who=Bob",
        "%reset sandbox",
        "%model sonnet\n%effort high\n%set who=Bob\n%thread aside",
    ] {
        let mut rig = Rig::start(SCRIPT).await;
        at_once(&mut rig, "%set who=Ada\nWork 1").await;
        let (_, before) = at_once(&mut rig, "Say {{who}}").await;
        let ran = rig
            .cell(&format!("{magics}\n%attach nope.csv\nSay no"))
            .await;
        assert_eq!(
            ran.reply()["status"],
            "error",
            "{magics}: {}",
            ran.transcript()
        );
        let (_, after) = at_once(&mut rig, "Say {{who}} again").await;
        assert_eq!(settings(&after), settings(&before), "{magics}");
        assert_eq!(after["container"], before["container"], "{magics}");
        let said = |body: &Value| body["messages"].as_array().unwrap().len();
        assert_eq!(said(&after), said(&before) + 2, "{magics}");
        assert!(after.to_string().contains("Say Ada again"), "{magics}");
    }
}

/// A turn that fails is not a cell that fails before it: what its magics set holds, as ever.
#[tokio::test]
async fn h4_magics_alone_still_hold() {
    let mut rig = Rig::start(SCRIPT).await;
    fine(&mut rig, "%effort high\n%set who=Bob").await;
    let (_, request) = at_once(&mut rig, "Say {{who}}").await;
    assert_eq!(request["output_config"]["effort"], "high");
    assert!(request.to_string().contains("Say Bob"));
}
