//! How a call ends, and that nothing of it is left.

use std::process::Stdio;
use std::time::{Duration, Instant};

use claude_kernel::emulator::sandbox::Limits;

use super::place::{MACHINES, Place, marker, until};

/// Names the marker to the process that `a_killed_owner_leaves_nothing` starts and kills.
const OWNER: &str = "CLAUDE_KERNEL_TEST_OWNER";

/// Two processes that would outlive everything, one of them a daemon.
fn lasting(marker: &str) -> String {
    let code = format!("import time; '{marker}'; time.sleep(1000)");
    format!(
        "setsid sh -c 'setsid python3 -c \"{}\" >/dev/null 2>&1 </dev/null &' & sleep 1000 & exec -a {marker} sleep 1000",
        code.replace('\'', "'\\''")
    )
}

#[tokio::test]
async fn a_daemon_ends_with_its_command() {
    for missing in MACHINES {
        let mut place = Place::without(Limits::default(), missing);
        let marker = marker();
        let command = format!(
            "setsid sh -c 'setsid sh -c \"sleep 1000; : {marker}\" >/dev/null 2>&1 &'; \
             until grep -sq {marker} /proc/[0-9]*/cmdline; do :; done"
        );
        let start = Instant::now();
        assert_eq!(place.bash(&command).await.return_code, 0);
        until(&marker, false).await;
        assert!(start.elapsed() < Duration::from_secs(30));
    }
}

#[tokio::test]
async fn time_is_limited() {
    let limits = Limits {
        command: Duration::from_secs(2),
        ..Limits::default()
    };
    for missing in MACHINES {
        let mut place = Place::without(limits.clone(), missing);
        let marker = marker();
        let error = place.container.bash(&lasting(&marker)).await.unwrap_err();
        assert_eq!(error.code, "execution_time_exceeded");
        until(&marker, false).await;
        assert_eq!(place.said("echo next").await, "next\n");
    }
}

#[tokio::test]
async fn a_dropped_call_ends_at_once() {
    for missing in MACHINES {
        let mut place = Place::without(Limits::default(), missing);
        let marker = marker();
        let command = lasting(&marker);
        tokio::select! {
            outcome = place.container.bash(&command) => panic!("{outcome:?}"),
            () = until(&marker, true) => {}
        }
        let start = Instant::now();
        until(&marker, false).await;
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "{:?}",
            start.elapsed()
        );
        assert_eq!(place.said("echo next").await, "next\n");
    }
}

#[tokio::test]
async fn a_dropped_cell_ends_the_interpreter() {
    let mut place = Place::new();
    place.repl("x = 1").await;
    let marker = marker();
    let cell = format!("import subprocess; subprocess.run(['sh', '-c', 'sleep 1000; : {marker}'])");
    tokio::select! {
        outcome = place.container.repl(&cell, &[]) => panic!("{outcome:?}"),
        () = until(&marker, true) => {}
    }
    until(&marker, false).await;
    assert_eq!(place.repl("'x' in globals()").await.stdout, "False\n");
}

#[tokio::test]
async fn a_dropped_container_ends_its_interpreter() {
    for missing in MACHINES {
        let mut place = Place::without(Limits::default(), missing);
        let marker = marker();
        let cell = format!(
            "import subprocess\nsubprocess.Popen(['sh', '-c', 'sleep 1000; : {marker}'], \
             start_new_session=True)\nNone"
        );
        assert_eq!(place.repl(&cell).await.return_code, 0);
        until(&marker, true).await;
        drop(place.container);
        until(&marker, false).await;
    }
}

/// Not a test by itself: what the next one runs in a process of its own, and kills.
#[tokio::test]
async fn owner() {
    if let Ok(marker) = std::env::var(OWNER) {
        let (marker, machine) = marker.split_once(' ').unwrap();
        let machine: usize = machine.parse().unwrap();
        let mut place = Place::without(Limits::default(), MACHINES[machine]);
        place
            .repl(&format!(
                "import subprocess; subprocess.Popen(['sh', '-c', 'sleep 1000; : {marker}repl'])"
            ))
            .await;
        place.bash(&lasting(&format!("{marker}bash"))).await;
    }
}

#[tokio::test]
async fn a_killed_owner_leaves_nothing() {
    for machine in 0..MACHINES.len() {
        let marker = marker();
        let mut owner = tokio::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "sandbox::ends::owner", "--nocapture"])
            .env(OWNER, format!("{marker} {machine}"))
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        until(&format!("{marker}bash"), true).await;
        until(&format!("{marker}repl"), true).await;
        // SIGKILL: it gets no chance to clean up.
        owner.start_kill().unwrap();
        owner.wait().await.unwrap();
        let start = Instant::now();
        until(&marker, false).await;
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "{:?}",
            start.elapsed()
        );
    }
}
