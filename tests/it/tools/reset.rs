//! `%reset` and the tools of this machine.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::rig::{Asks, Rig, python};

/// Prints the id of the process that holds it.
const COUNT: &str = "%%tool
import os
print(os.getpid())
def count() -> int:
    return 1
";

async fn run(rig: &mut Rig, code: &str) -> String {
    let ran = rig.cell_as(Asks::Console, code).await;
    assert_eq!(ran.reply()["status"], "ok", "{code}: {}", ran.transcript());
    ran.text()
}

/// Returns the names of the tools that the last request offered.
async fn offered(rig: &Rig) -> Vec<String> {
    let sent = rig.emulator.faults().requests().await.unwrap();
    let tools = sent.last().unwrap().body["tools"].clone();
    let names = tools.as_array().into_iter().flatten();
    names
        .map(|tool| tool["name"].as_str().unwrap().to_owned())
        .collect()
}

/// As after a restart: nothing of this machine is called any more, and nothing runs on.
#[tokio::test]
async fn reset_all_removes_own_tools_and_says_so_and_other_resets_keep_them() {
    let mut rig = Rig::start("# Hello\n\nHi.\n").await;
    let defined = run(&mut rig, COUNT).await;
    let process = defined.lines().next().unwrap().trim().to_owned();
    let process = Path::new("/proc").join(process);
    assert!(process.exists(), "{defined}");
    let server = format!("%mcp add clock {} -m mcp_server_time", python().display());
    run(&mut rig, &server).await;
    for kept in ["%reset", "%reset sandbox", "%reset files"] {
        let said = run(&mut rig, kept).await;
        assert!(!said.contains("removed"), "{said}");
        run(&mut rig, "Hello").await;
        let offered = offered(&rig).await;
        assert!(offered.contains(&"count".to_owned()), "{kept}: {offered:?}");
        assert!(
            offered.iter().any(|name| name.starts_with("clock")),
            "{kept}: {offered:?}"
        );
    }

    let said = run(&mut rig, "%reset all").await;
    assert!(
        said.contains("Everything begins again")
            && said.contains("removed: count, clock. Run their cells again"),
        "{said}"
    );
    run(&mut rig, "Hello").await;
    assert_eq!(offered(&rig).await, ["code_execution"]);
    assert!(run(&mut rig, "%mcp").await.contains("No MCP servers"));
    let limit = Instant::now() + Duration::from_secs(20);
    while process.exists() {
        assert!(Instant::now() < limit, "{process:?} runs on");
        tokio::task::yield_now().await;
    }
    let said = run(&mut rig, "%reset all").await;
    assert!(!said.contains("removed"), "{said}");
    // They come back with their cells, also in the same one.
    run(&mut rig, &format!("%reset all\n{COUNT}")).await;
    run(&mut rig, "Hello").await;
    assert!(offered(&rig).await.contains(&"count".to_owned()));
}

/// Outputs name the Python without its place; who asks for the place gets it.
#[tokio::test]
async fn u17_the_interpreters_path_is_told_on_request() {
    let mut rig = Rig::start("# Hi\n\nHi.\n").await;
    let path = crate::support::rig::python().display().to_string();
    let status = rig.cell("%status").await.text();
    assert!(
        !path.starts_with('/') || !status.contains(&path),
        "{status}"
    );
    let shown = rig.cell("%tool --where").await.text();
    assert!(
        shown.contains(&path) && shown.contains("named by the setting"),
        "{shown}"
    );
}
