//! Money: what is counted before a call, what stops in the middle, what `%cost` adds up.

use serde_json::{Value, json};

use crate::support::rig::{Asks, Ran, Rig, asked};

const SCRIPT: &str = "# Say hello\n\nHello.\n\n\
     # Talk for long\n\n<!-- deltas: 4000 every 0 ms -->\n\n\
     # Loop\n\n```bash\necho one\n```\n\nOne.\n\n<!-- stop: pause_turn -->\n\n```bash\necho two\n```\n\nTwo.\n";

fn refused(ran: &Ran) -> String {
    assert_eq!(
        ran.reply()["ename"],
        "BudgetExceeded",
        "{}",
        ran.transcript()
    );
    ran.reply()["evalue"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn max_tokens_is_what_the_budget_pays_for() {
    let mut rig = Rig::paid(SCRIPT).await;
    rig.cell("%budget $1 cell=$0.10\nSay hello").await;
    let bounded = asked(&rig).await[0]["max_tokens"].as_u64().unwrap();
    // Ten cents at 20 dollars a million are 5,000 tokens, less the prompt.
    assert!((3_000..5_000).contains(&bounded), "{bounded}");
    rig.cell("%%budget off\nSay hello").await;
    assert_eq!(asked(&rig).await[1]["max_tokens"], 32_000);
    let shown = rig.cell("%budget").await.text();
    assert!(
        shown.contains("$1 for the notebook") && shown.contains("$0.1 for each cell"),
        "{shown}"
    );
}

#[tokio::test]
async fn nothing_is_sent_that_the_budget_does_not_pay_for() {
    let mut rig = Rig::paid(SCRIPT).await;
    let ran = rig.cell("%budget $0.002\nSay hello").await;
    assert!(refused(&ran).contains("budget of this notebook"));
    assert_eq!(asked(&rig).await, Vec::<Value>::new());
    let ran = rig
        .cell("%budget off\n%model claude-opus-9\n%budget $1\nSay hello")
        .await;
    assert!(refused(&ran).contains("claude-opus-9"));
    assert_eq!(asked(&rig).await, Vec::<Value>::new());
    let next = rig.cell("%budget off\n%model opus\nSay hello").await;
    assert!(next.text().contains("Hello."), "{}", next.transcript());
}

/// A budget holds over the cells of a notebook, those that failed included.
#[tokio::test]
async fn what_was_spent_counts() {
    let mut rig = Rig::paid(SCRIPT).await;
    rig.cell("%budget $0.05").await;
    let mut cells = 0;
    let last = loop {
        let ran = rig.cell("Talk for long").await;
        if ran.reply()["status"] == "error" {
            break ran;
        }
        cells += 1;
        assert!(cells < 20, "it never stops");
    };
    refused(&last);
    let cost = rig.cell("%cost").await.text();
    assert!(cost.contains("sum"), "{cost}");
}

#[tokio::test]
async fn the_next_call_of_a_turn_is_bounded_by_what_the_first_left() {
    let mut rig = Rig::paid(SCRIPT).await;
    let ran = rig.cell("%budget cell=$0.10\nLoop").await;
    assert!(ran.text().contains("Two."), "{}", ran.transcript());
    let asked = asked(&rig).await;
    let [first, second] = [&asked[0], &asked[1]].map(|body| body["max_tokens"].as_u64().unwrap());
    assert!(second < first, "{first} then {second}");
}

#[tokio::test]
async fn an_answer_that_was_cut_off_is_on_the_bill() {
    let mut rig = Rig::paid("# Talk\n\n<!-- deltas: 5000 every 5 ms -->\n").await;
    let id = rig.send_as(Asks::Lab, "Talk").await;
    while !rig.next().await.message.content["data"]
        .to_string()
        .contains("text/markdown")
    {}
    rig.signals
        .send(claude_kernel::kernel::interrupts::Signal::Interrupt)
        .await
        .unwrap();
    let ran = rig.until_idle(&id).await;
    assert_eq!(ran.reply()["ename"], "KeyboardInterrupt");
    assert!(ran.transcript().contains("cut off"), "{}", ran.transcript());
    let cost = rig.cell("%cost").await.text();
    assert!(cost.contains("Talk") && cost.contains("In [1]"), "{cost}");
    let receipt = ran
        .messages
        .iter()
        .find_map(|sent| {
            let ours = &sent.message.content["metadata"]["claude_kernel"];
            (ours["block"] == json!("receipt")).then(|| ours.clone())
        })
        .expect("a receipt");
    assert_eq!(receipt["at_least"], true);
    assert!(receipt["usage"]["input_tokens"].as_u64().unwrap() > 0);
}

/// Passes of the API's own loop cannot be bounded before the call: the answer is stopped when it is
/// over, what came stays, and the next cell goes on from there.
#[tokio::test]
async fn an_answer_that_goes_over_is_stopped_and_what_came_is_kept() {
    let step = |n: u32| {
        format!(
            "```bash\nhead -c 40000 /dev/zero | tr '\\0' {n}; echo\n```\n\nStep {n} is done.\n\n"
        )
    };
    let steps: String = (1..=8).map(step).collect();
    let mut rig = Rig::paid(&format!("# Read much\n\n{steps}\n# Go on\n\nI go on.\n")).await;
    let ran = rig.cell("%budget cell=$0.06\nRead much").await;
    assert!(refused(&ran).contains("in the middle of the answer"));
    let text = ran.transcript();
    assert!(
        text.contains("Step 1 is done.") && !text.contains("Step 8 is done."),
        "{text}"
    );
    let next = rig.cell("%budget off\nGo on").await;
    assert!(next.text().contains("I go on."), "{}", next.transcript());
    let said = asked(&rig).await.last().unwrap()["messages"].to_string();
    assert!(said.contains("Step 1 is done."));
}

/// What the budget pays for is what goes out: with the files that a new sandbox gets again.
#[tokio::test]
async fn what_is_counted_is_what_is_sent() {
    let mut rig = Rig::paid(SCRIPT).await;
    std::fs::write(rig.directory.path().join("a.csv"), "1\n").unwrap();
    rig.cell("%budget $1\n%attach a.csv\nLoop").await;
    rig.cell("%reset sandbox\nSay hello").await;
    let sent = rig.emulator.faults().requests().await.unwrap();
    let body = |target: &str| {
        let mut found = sent.iter().rev();
        let found = found.find(|request| request.target == target).unwrap();
        found.body.clone()
    };
    let (counted, asked) = (body("/v1/messages/count_tokens"), body("/v1/messages"));
    let last = asked["messages"].as_array().unwrap().last().unwrap();
    let blocks = last["content"].as_array().unwrap();
    let uploads = blocks
        .iter()
        .any(|block| block["type"] == "container_upload");
    assert!(uploads, "{last}");
    for part in ["messages", "system", "tools", "thinking"] {
        assert_eq!(counted[part], asked[part], "{part}");
    }
}

/// Offline nothing is billed: a budget is taken, and limits nothing.
#[tokio::test]
async fn u10_offline_a_budget_limits_nothing_and_says_so() {
    let mut rig = Rig::start(SCRIPT).await;
    let ran = rig.cell("%budget $0.000001 cell=$0.000001\nLoop").await;
    let text = ran.text();
    assert!(
        text.contains("Two.") && text.contains("Offline nothing is billed"),
        "{text}"
    );
    assert_eq!(asked(&rig).await[0]["max_tokens"], 32_000);
    let counts = rig.emulator.faults().requests().await.unwrap();
    assert!(
        counts
            .iter()
            .all(|sent| !sent.target.ends_with("/count_tokens"))
    );
    let shown = rig.cell("%budget").await.text();
    assert!(shown.contains("$0.000 of it spent"), "{shown}");
    let dry = rig.cell("%%dry\nLoop").await.text();
    assert!(!dry.contains("would not be sent"), "{dry}");
}
