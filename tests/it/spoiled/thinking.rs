//! Thinking that was lost for ever (H1), and a sandbox that was lost for it (W2).

use super::{at_once, fine, thoughts, write};
use crate::support::rig::{Rig, arm, asked};

const SCRIPT: &str = "# /^Ask/\n\n> Let me think.\n\nAnswered.\n\n\
    # /^Work/\n\n> Let me see.\n\n```bash\necho x >> kept.txt; wc -l < kept.txt\n```\n\nWorked.\n";

#[tokio::test]
async fn h1_a_removed_file_costs_the_thinking_behind_it_once() {
    let mut rig = Rig::start(SCRIPT).await;
    write(&rig, "a.txt", "a\n");
    at_once(&mut rig, "Ask 0").await;
    at_once(&mut rig, "%attach a.txt --document\nAsk 1").await;
    at_once(&mut rig, "Ask 2").await;
    at_once(&mut rig, "Ask 3").await;
    fine(&mut rig, "%rm a.txt").await;
    for number in 4..7 {
        at_once(&mut rig, &format!("Ask {number}")).await;
    }
    let sent: Vec<usize> = asked(&rig).await.iter().map(thoughts).collect();
    assert_eq!(
        sent,
        [0, 1, 2, 3, 1, 2, 3],
        "what was thought before the file stays, what comes after is kept again"
    );
}

#[tokio::test]
async fn h1_a_file_that_went_to_the_sandbox_alone_is_no_other() {
    let mut rig = Rig::start(SCRIPT).await;
    write(&rig, "a.txt", "a\n");
    at_once(&mut rig, "%attach a.txt --sandbox\nAsk 1").await;
    fine(&mut rig, "%rm a.txt").await;
    for number in 2..5 {
        at_once(&mut rig, &format!("Ask {number}")).await;
    }
    let sent: Vec<usize> = asked(&rig).await.iter().map(thoughts).collect();
    assert_eq!(sent, [0, 0, 1, 2]);
}

#[tokio::test]
async fn h1_a_summary_of_turns_whose_file_is_gone_does_not_ask_for_it() {
    let mut rig = Rig::start(SCRIPT).await;
    write(&rig, "a.txt", "a\n");
    at_once(&mut rig, "%attach a.txt --document\nAsk 1").await;
    fine(&mut rig, "%rm a.txt").await;
    fine(&mut rig, "%compact").await;
    at_once(&mut rig, "Ask 2").await;
}

/// Returns what the cell said, after thinking was refused in this way.
async fn after_refused_thinking(fault: &str) -> String {
    let mut rig = Rig::start(SCRIPT).await;
    at_once(&mut rig, "Work 1").await;
    arm(&rig, fault).await;
    let (ran, sent) = fine(&mut rig, "Work 2").await;
    let text = ran.text();
    let (first, last) = (&sent[0], &sent[sent.len() - 1]);
    assert_eq!((thoughts(first), thoughts(last)), (1, 0));
    assert_eq!(last["container"], first["container"], "the sandbox lives");
    assert!(!last.to_string().contains("sandbox is new"), "{last}");
    assert!(
        text.contains('2'),
        "the file of the first step is there: {text}"
    );
    // From here on all is as before, with what was thought since.
    let (ran, request) = at_once(&mut rig, "Work 3").await;
    assert_eq!(thoughts(&request), 1);
    assert!(ran.text().contains('3'), "{}", ran.text());
    text
}

#[tokio::test]
async fn w2_thinking_refused_once_does_not_cost_the_sandbox() {
    let text = after_refused_thinking("refuse_thinking times=2").await;
    assert!(!text.contains("is gone"), "{text}");
}

#[tokio::test]
async fn w2_thinking_of_another_organization_does_not_cost_the_sandbox() {
    let text = after_refused_thinking("other_organization").await;
    assert!(!text.contains("is gone"), "{text}");
}

/// The answer that held nothing but thinking goes with it, and what was told behind its question too.
#[tokio::test]
async fn w2_nothing_is_left_of_a_turn_that_was_thinking_alone() {
    let script =
        "# Think\n\n> Let me think.\n\n<!-- stop: end_turn -->\n\n# /.*/\n\n> Hm.\n\nAnswered.\n";
    let mut rig = Rig::start(script).await;
    at_once(&mut rig, "Ask 1").await;
    at_once(&mut rig, "%system Be brief.\nThink").await;
    at_once(&mut rig, "Ask 2").await;
    arm(&rig, "other_organization").await;
    fine(&mut rig, "Ask 3").await;
    at_once(&mut rig, "Ask 4").await;
}
