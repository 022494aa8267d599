//! `history_request`, over restarts.

use claude_kernel::jupyter::connection::Channel;
use serde_json::{Value, json};

use super::{Place, crash, run, shut_down};
use crate::support::rig::Rig;

async fn ask(rig: &mut Rig, content: Value) -> Value {
    let ran = rig.ask(Channel::Shell, "history_request", content).await;
    assert_eq!(ran.reply()["status"], "ok");
    ran.reply()["history"].clone()
}

#[tokio::test]
async fn earlier_sessions_are_answered_from_the_journals() {
    let place = Place::new();
    let mut rig = place.kernel().await;
    run(&mut rig, "Say hello").await;
    run(&mut rig, "%effort low").await;
    shut_down(rig).await;
    let mut rig = place.kernel().await;
    run(&mut rig, "And again").await;
    crash(&place, rig).await;
    let mut rig = place.kernel().await;
    run(&mut rig, "Say hello").await;

    let range = |session: i64| json!({"hist_access_type": "range", "session": session, "start": 0, "output": false, "raw": true});
    let third = json!([[3, 1, "Say hello"]]);
    assert_eq!(ask(&mut rig, range(0)).await, third);
    assert_eq!(ask(&mut rig, range(3)).await, third);
    assert_eq!(ask(&mut rig, range(-1)).await, json!([[2, 1, "And again"]]));
    let first = json!([[1, 1, "Say hello"], [1, 2, "%effort low"]]);
    assert_eq!(ask(&mut rig, range(-2)).await, first);
    assert_eq!(ask(&mut rig, range(1)).await, first);
    assert_eq!(ask(&mut rig, range(-7)).await, json!([]));
    assert_eq!(ask(&mut rig, range(9)).await, json!([]));

    let tail = |n: u32| json!({"hist_access_type": "tail", "n": n, "output": true});
    assert_eq!(
        ask(&mut rig, tail(2)).await,
        json!([
            [2, 1, ["And again", "Hello a second time."]],
            [3, 1, ["Say hello", "Hello, world."]],
        ])
    );
    assert_eq!(ask(&mut rig, tail(1)).await[0][0], 3);

    let search = json!({"hist_access_type": "search", "pattern": "Say*"});
    assert_eq!(
        ask(&mut rig, search).await,
        json!([[1, 1, "Say hello"], [3, 1, "Say hello"]])
    );
    let unique = json!({"hist_access_type": "search", "pattern": "Say*", "unique": true});
    assert_eq!(ask(&mut rig, unique).await, third);
}

#[tokio::test]
async fn before_the_first_cell_the_earlier_ones_are_there() {
    let place = Place::new();
    let mut rig = place.kernel().await;
    run(&mut rig, "Say hello").await;
    shut_down(rig).await;
    // A console asks when it starts.
    let mut rig = place.kernel().await;
    let tail = json!({"hist_access_type": "tail", "n": 1000, "output": false});
    assert_eq!(ask(&mut rig, tail).await, json!([[1, 1, "Say hello"]]));
}
