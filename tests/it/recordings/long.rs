//! A long notebook of recorded turns is answered in seconds: none is much slower than the first.

use std::time::Duration;

use claude_kernel::chat::conversation::digest::Digest;
use claude_kernel::chat::recording::coding::Coded;
use nix::time::{ClockId, clock_gettime};

use super::{SCRIPT, cell, outputs, run, save};
use crate::support::rig::Rig;

const TURNS: usize = 400;

/// The processor time of this process: other work of the machine does not count.
fn now() -> Duration {
    Duration::from(clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).unwrap())
}

#[tokio::test]
async fn hundreds_of_turns_are_answered_in_seconds_and_the_last_about_as_fast_as_the_first() {
    let mut rig = Rig::start(SCRIPT).await;
    let shown = outputs(&run(&mut rig, "a", "Count the lines").await);
    let receipt = shown.last().unwrap();
    let record = &receipt["metadata"]["claude_kernel"]["record"];
    let first = Coded::read(record).unwrap().recording().unwrap();
    let mut above = Digest::default();
    let cells: Vec<_> = (0..TURNS)
        .map(|number| {
            let mut recording = first.clone();
            recording.prompt = format!("Question {number}");
            recording.asked.prompt = Digest::of_parts([recording.prompt.as_str()]);
            recording.asked.above = above;
            let coded = Coded::of(&recording).unwrap();
            above = above.then(coded.id);
            let mut receipt = receipt.clone();
            receipt["metadata"]["claude_kernel"]["record"] = coded.value();
            cell(&format!("c{number}"), 1, &recording.prompt, &[receipt])
        })
        .collect();
    save(&rig, &cells);
    let file = rig.directory.path().join("notebook.ipynb");
    let mut rig = Rig::answering_from(SCRIPT, &file).await;
    rig.cell("%replay only").await;
    let mut quarters = Vec::new();
    for quarter in 0..4 {
        let start = now();
        for number in (quarter * TURNS / 4)..((quarter + 1) * TURNS / 4) {
            let ran = rig.cell(&format!("Question {number}")).await;
            assert_eq!(ran.iopub("error").len(), 0, "{number}");
        }
        quarters.push(now() - start);
    }
    println!("{quarters:?}");
    assert_eq!(crate::support::rig::asked(&rig).await.len(), 0);
    assert!(
        quarters[3] < 2 * quarters[0] + Duration::from_secs(1),
        "{quarters:?}"
    );
}
