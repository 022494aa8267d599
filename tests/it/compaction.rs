//! `%continue` and `%compact`: going on after a cut, and going on in less room.

use claude_kernel::jupyter::connection::Channel;
use serde_json::{Value, json};

use crate::support::rig::{Ran, Rig, arm};

const SCRIPT: &str = "# Say hello\n\n> A greeting.\n\nHello.\n\n\
    # Keep a file\n\n> A file.\n\n```bash\necho kept > kept.txt\n```\n\nKept.\n\n\
    # Talk\n\nOne two three four five six seven.\n\n<!-- stop: max_tokens -->\n\n\
    # {{words}}Your last answer was cut off{{more}}\n\nEight nine ten.\n\n\
    # {{words}}many words{{more}}\n\nI have read it.\n";

async fn rig() -> Rig {
    Rig::start(SCRIPT).await
}

/// The bodies of all Messages requests, and the betas of the last.
async fn sent(rig: &Rig) -> (Vec<Value>, String) {
    let requests = rig.emulator.faults().requests().await.unwrap();
    let messages = requests.iter().filter(|r| r.target == "/v1/messages");
    let betas = messages.clone().next_back().map(|last| {
        let mut headers = last.headers.iter();
        let betas = headers.find(|(name, _)| name == "anthropic-beta");
        betas.map(|(_, value)| value.clone()).unwrap_or_default()
    });
    (messages.map(|r| r.body.clone()).collect(), betas.unwrap())
}

fn check_ok(ran: &Ran) {
    assert_eq!(ran.reply()["status"], "ok", "{}", ran.transcript());
}

fn check_failed(ran: &Ran, ename: &str, says: &[&str]) {
    assert_eq!(ran.reply()["ename"], ename, "{}", ran.transcript());
    let traceback = ran.reply()["traceback"].to_string();
    for part in says {
        assert!(traceback.contains(part), "{part}: {traceback}");
    }
}

#[tokio::test]
async fn continue_goes_on_after_an_answer_that_was_cut_off() {
    let mut rig = rig().await;
    let nothing = rig.cell("%continue").await;
    check_failed(
        &nothing,
        "MagicError",
        &["none above this cell", "run its cell again"],
    );
    check_ok(&rig.cell("Talk").await);
    let ran = rig.cell("%continue").await;
    check_ok(&ran);
    assert!(ran.text().contains("Eight nine ten."), "{}", ran.text());
    let (bodies, _) = sent(&rig).await;
    let messages = bodies.last().unwrap()["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 3);
    assert_eq!(messages[2]["role"], "user", "no answer is begun for Claude");
    let whole = rig.cell("%continue").await;
    check_failed(&whole, "MagicError", &["is whole"]);
    arm(&rig, "cut after_deltas=1").await;
    rig.cell("Talk").await;
    check_ok(&rig.cell("%continue\nmany words").await);
}

#[tokio::test]
async fn compact_puts_a_summary_in_the_place_of_the_turns() {
    let mut rig = rig().await;
    let nothing = rig.cell("%compact").await;
    check_failed(&nothing, "MagicError", &["nothing to sum up"]);
    check_ok(&rig.cell("Keep a file").await);
    check_ok(&rig.cell("Say hello").await);
    let ran = rig.cell("%compact keep the file names").await;
    check_ok(&ran);
    for part in [
        "the 2 turns above",
        "- Keep a file",
        "offline · effort medium",
    ] {
        assert!(ran.text().contains(part), "{part}: {}", ran.text());
    }
    let (bodies, betas) = sent(&rig).await;
    let asked = bodies.last().unwrap();
    assert!(betas.contains("compact-2026-09-04"), "{betas}");
    let instructions = asked["compaction"]["instructions"].as_str().unwrap();
    assert!(
        instructions.contains("exact numbers") && instructions.ends_with("keep the file names")
    );
    assert_eq!(asked["messages"].as_array().unwrap().len(), 4);

    check_ok(&rig.cell("Say hello").await);
    check_ok(&rig.cell("Keep a file").await);
    let (bodies, betas) = sent(&rig).await;
    let messages = bodies.last().unwrap()["messages"].as_array().unwrap();
    assert!(betas.contains("compact-2026-09-04"), "{betas}");
    assert_eq!(messages.len(), 4, "{messages:?}");
    assert_eq!(messages[0]["role"], "assistant");
    assert_eq!(messages[0]["content"][0]["type"], "compaction");
    assert!(
        messages[0]["content"][0]["signature"].is_string(),
        "verbatim"
    );
    let thinks = messages[2]["content"].to_string().contains("\"thinking\"");
    assert!(
        thinks,
        "what came after it keeps its thinking: {messages:?}"
    );

    let history = rig.cell("%history").await;
    assert!(history.text().contains("Keep a file"), "{}", history.text());
    let cost = rig.cell("%cost").await;
    assert!(cost.text().contains("%compact"), "{}", cost.text());

    check_ok(&rig.cell("%compact").await);
    check_ok(&rig.cell("Say hello").await);
    let (bodies, _) = sent(&rig).await;
    let messages = bodies.last().unwrap()["messages"].as_array().unwrap();
    assert_eq!(
        messages.len(),
        2,
        "one summary stands for all: {messages:?}"
    );
}

#[tokio::test]
async fn a_budget_counts_the_request_for_a_summary_as_one() {
    let mut rig = Rig::paid(SCRIPT).await;
    check_ok(&rig.cell("Say hello").await);
    check_ok(&rig.cell("%budget 5\n%compact").await);
    let requests = rig.emulator.faults().requests().await.unwrap();
    let counted = requests
        .iter()
        .rfind(|r| r.target.ends_with("/count_tokens"))
        .unwrap();
    let messages = counted.body["messages"].as_array().unwrap();
    assert_eq!(messages.last().unwrap()["role"], "assistant");
    assert_eq!(counted.body["compaction"], json!({"type": "summarize"}));
}

#[tokio::test]
async fn a_compaction_that_fails_leaves_the_conversation_as_it_was() {
    let mut rig = rig().await;
    check_ok(&rig.cell("Say hello").await);
    let cannot = rig.cell("%%model claude-haiku-4-5\n%compact").await;
    check_failed(&cannot, "MagicError", &["cannot sum up", "%%model sonnet"]);
    arm(
        &rig,
        "status status=529 error_code=compaction_unavailable retry_after_ms=1",
    )
    .await;
    check_ok(&rig.cell("%compact").await);
    check_ok(&rig.cell("Say hello").await);
    arm(
        &rig,
        "status status=400 error_code=compaction_nothing_to_summarize times=2",
    )
    .await;
    let refused = rig.cell("%compact").await;
    check_failed(&refused, "InvalidRequestError", &["as it was"]);
    arm(&rig, "cut after_events=1").await;
    let broken = rig.cell("%compact").await;
    check_failed(&broken, "StreamBroken", &["as it was"]);

    arm(&rig, "gate after_events=1 name=held").await;
    let cell = rig.send("%compact").await;
    rig.emulator.faults().gate_reached("held").await.unwrap();
    rig.front_end
        .send(Channel::Control, "interrupt_request", json!({}))
        .await
        .unwrap();
    let ran = rig.until_idle(&cell).await;
    assert!(
        ran.text().contains("KeyboardInterrupt"),
        "{}",
        ran.transcript()
    );
    rig.emulator.faults().clear().await.unwrap();

    check_ok(&rig.cell("Say hello").await);
    let (bodies, _) = sent(&rig).await;
    let messages = bodies.last().unwrap()["messages"].as_array().unwrap();
    assert_eq!(
        messages.len(),
        4,
        "the first summary still stands: {messages:?}"
    );
}

#[tokio::test]
async fn a_summary_that_is_refused_gives_way_to_the_turns() {
    let mut rig = rig().await;
    check_ok(&rig.cell("Say hello").await);
    check_ok(&rig.cell("%compact").await);
    arm(
        &rig,
        "status status=400 error_code=compaction_signature_invalid times=3",
    )
    .await;
    let refused = rig.cell("Say hello").await;
    check_failed(&refused, "InvalidRequestError", &["Run the cell again"]);
    rig.emulator.faults().clear().await.unwrap();
    check_ok(&rig.cell("Say hello").await);
    let (bodies, _) = sent(&rig).await;
    let messages = bodies.last().unwrap()["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 3, "{messages:?}");
    assert_eq!(messages[0]["role"], "user");
}

#[tokio::test]
async fn a_nearly_full_context_is_summed_up_by_itself_where_that_is_wanted() {
    let long = "many words ".repeat(280_000);
    for (setting, expected) in [("%compact off", false), ("%compact auto", true)] {
        let mut rig = rig().await;
        check_ok(&rig.cell(setting).await);
        check_ok(&rig.cell(&long).await);
        let ran = rig.cell("Say hello").await;
        check_ok(&ran);
        assert!(ran.text().contains("Hello."), "{}", ran.text());
        assert_eq!(
            ran.text().contains("Claude sees this summary"),
            expected,
            "{}",
            ran.text()
        );
        let (bodies, _) = sent(&rig).await;
        assert_eq!(bodies.len(), if expected { 3 } else { 2 });
        check_ok(&rig.cell("Say hello").await);
        let (bodies, _) = sent(&rig).await;
        assert_eq!(bodies.len(), if expected { 4 } else { 3 }, "once is enough");
    }
}
