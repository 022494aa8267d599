//! What a command cannot do, whatever this machine lacks.

use std::fs;
use std::net::TcpListener;
use std::time::Duration;

use claude_kernel::emulator::sandbox::{Limits, Mechanism, Outcome};
use claude_kernel::emulator::script::Edit;

use super::place::{MACHINES, Place, marker, sandbox, until};

#[tokio::test]
async fn the_environment_is_built_from_nothing() {
    for missing in MACHINES {
        let mut place = Place::without(Limits::default(), missing);
        let names = place.said("env | cut -d= -f1 | sort | xargs").await;
        assert_eq!(
            names,
            "HOME INPUT_DIR LANG LOGNAME LOKY_MAX_CPU_COUNT MKL_NUM_THREADS MPLBACKEND \
             MPLCONFIGDIR OMP_NUM_THREADS OPENBLAS_NUM_THREADS OUTPUT_DIR PATH PIP_DISABLE_PIP_VERSION_CHECK \
             PIP_RETRIES PWD PYTHONDONTWRITEBYTECODE PYTHONNOUSERSITE SCRIPT_VARS SHELL SHLVL TERM \
             TMPDIR TZ USER _\n"
        );
        let mine = std::process::id();
        let outcome = place
            .bash(&format!(
                "cat /proc/{mine}/environ /proc/$PPID/environ | grep -a CARGO"
            ))
            .await;
        assert_eq!(
            (outcome.stdout.as_str(), outcome.return_code),
            ("", 1),
            "{missing:?}"
        );
    }
}

#[tokio::test]
async fn files_outside_cannot_be_read_or_written() {
    for missing in MACHINES {
        let mut place = Place::without(Limits::default(), missing);
        let outside = tempfile::tempdir().unwrap();
        let secret = outside.path().join("id_ed25519");
        fs::write(&secret, "PRIVATE").unwrap();
        let (directory, secret) = (outside.path().display(), secret.display());
        for command in [
            format!("cat {secret}"),
            format!("ls {directory}"),
            format!("ln -s {secret} link; cat link"),
            format!("python3 -c 'print(open(\"{secret}\").read())'"),
            "cat /etc/shadow".to_owned(),
            "ls ~root/.ssh /root /var/log 2>&1 | grep -q . && exit 1; cat /var/log/*".to_owned(),
            format!("echo new > {directory}/new"),
            format!("echo more >> {secret}"),
            format!("rm {secret}"),
            format!("mv {secret} ."),
            format!("ln {secret} hard"),
            "echo new > /usr/local/new".to_owned(),
            "echo new > $HOME/../new".to_owned(),
            "echo new > $HOME/../bin/python3".to_owned(),
            "echo new > /etc/new".to_owned(),
        ] {
            let outcome = place.bash(&command).await;
            assert_ne!(outcome.return_code, 0, "{missing:?}: {command}");
            assert!(
                !outcome.stdout.contains("PRIVATE"),
                "{missing:?}: {command}"
            );
        }
        let path = secret.to_string();
        let edits = [
            Edit::View { path: path.clone() },
            Edit::View {
                path: "link".to_owned(),
            },
            Edit::Create {
                path,
                text: "new".to_owned(),
            },
        ];
        for edit in edits {
            let result = place.container.edit(&edit).await;
            // In a root of its own a command may write to its own /tmp, never to ours.
            let harmless =
                matches!(edit, Edit::Create { .. }) && !missing.contains(&Mechanism::PrivateRoot);
            assert!(result.is_err() || harmless, "{missing:?}: {edit:?}");
        }
        assert_eq!(fs::read_to_string(secret.to_string()).unwrap(), "PRIVATE");
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
    }
}

#[tokio::test]
async fn nothing_outside_can_be_reached() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    listener.set_nonblocking(true).unwrap();
    let mine = std::process::id();
    for missing in MACHINES {
        let mut place = Place::without(Limits::default(), missing);
        for command in [
            format!("exec 3<>/dev/tcp/127.0.0.1/{port}"),
            format!(
                "python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", {port}), 5)'"
            ),
            // A small number may be that of a process of its own.
            format!("[ {mine} -gt 200 ] && kill -0 {mine}"),
            format!("readlink /proc/{mine}/exe | grep -v bin/"),
            format!("cat /proc/{mine}/maps | grep deps/it"),
        ] {
            let outcome = place.bash(&command).await;
            assert_ne!(outcome.return_code, 0, "{missing:?}: {command}");
        }
        assert!(listener.accept().is_err(), "{missing:?}");
    }
}

#[tokio::test]
async fn rights_cannot_be_won_back() {
    for missing in MACHINES {
        let mut place = Place::without(Limits::default(), missing);
        let status = place
            .said("grep -E 'NoNewPrivs|Cap(Prm|Eff)' /proc/self/status")
            .await;
        assert_eq!(
            status,
            "CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\n"
        );
        let outcome = place
            .bash("ulimit -c 10; ulimit -n 100000; ulimit -f unlimited")
            .await;
        assert_ne!(outcome.return_code, 0);
        for command in [
            "umount -l /tmp",
            "mount -t tmpfs none $HOME",
            "chroot / true",
            "nice -n -5 true 2>&1 | grep .",
        ] {
            if command.starts_with("nice") {
                assert_eq!(
                    place.bash(command).await.return_code,
                    0,
                    "{missing:?}: it complains"
                );
                continue;
            }
            let outcome = place.bash(command).await;
            assert_ne!(outcome.return_code, 0, "{missing:?}: {command}");
        }
    }
    let mut place = Place::new();
    assert_eq!(place.said("id -un").await, "claude\n");
    assert_ne!(place.bash("unshare -Ur true").await.return_code, 0);
}

/// Doubles eleven times: enough to be caught, and harmless where it is not. A bomb without a bound
/// is not for a test: one that got away took the whole machine with it (a load of 21,000).
const BOMB: &str = ": MARKER; b() { if (( $1 < 11 )); then b $(($1 + 1)) & b $(($1 + 1)) & wait; \
                    else sleep 50; fi; }; b 0";

#[tokio::test]
async fn a_fork_bomb_is_over_in_seconds() {
    let mut place = Place::with(brief());
    let marker = marker();
    let outcome = place.bash(&BOMB.replace("MARKER", &marker)).await;
    assert_over(&outcome);
    until(&marker, false).await;
}

#[tokio::test]
async fn more_processes_than_allowed_end_the_command_on_every_machine() {
    for missing in MACHINES {
        too_many_processes_end_the_command(missing).await;
    }
}

/// 400 processes and no more, whatever the supervisor does.
async fn too_many_processes_end_the_command(missing: &[Mechanism]) {
    let mut place = Place::without(brief(), missing);
    let marker = marker();
    let outcome = place
        .bash(&format!(
            ": {marker}; for i in $(seq 400); do sleep 50 & done; sleep 50"
        ))
        .await;
    assert_over(&outcome);
    until(&marker, false).await;
}

fn brief() -> Limits {
    Limits {
        command: Duration::from_secs(60),
        ..Limits::default()
    }
}

fn assert_over(outcome: &Outcome) {
    let why = "[the command was ended: it had more than 256 processes and threads]\n";
    assert!(outcome.stderr.ends_with(why), "{}", outcome.stderr);
    assert_eq!(outcome.return_code, 137);
}

#[tokio::test]
async fn memory_is_limited_over_all_processes() {
    let limits = Limits {
        memory_bytes: 400 << 20,
        ..Limits::default()
    };
    let mut place = Place::with(limits);
    let hog =
        "python3 -c 'import time; b = bytearray(150 << 20); b[::4096] = b[::4096]; time.sleep(50)'";
    let outcome = place
        .bash(&format!("for i in 1 2 3 4; do {hog} & done; wait"))
        .await;
    assert_eq!(outcome.return_code, 137);
    assert_eq!(
        outcome.stderr,
        "[the command was ended: it used more than 400 MiB of memory]\n"
    );
    let outcome = place.bash("python3 -c 'bytearray(8 << 30)'").await;
    assert!(outcome.stderr.contains("MemoryError"), "{}", outcome.stderr);
}

#[tokio::test]
async fn a_gigabyte_of_output_takes_no_memory() {
    let mut place = Place::new();
    let before = resident_bytes();
    let outcome = place
        .bash("yes 0123456789abcdef0123456789abcde | head -c 1000000000")
        .await;
    let grown = resident_bytes().saturating_sub(before);
    assert_eq!(outcome.return_code, 0);
    assert!(
        outcome
            .stdout
            .contains("\n[… 999475712 bytes left out …]\n")
    );
    assert!(outcome.stdout.len() < 600_000);
    assert!(grown < 100 << 20, "{grown} bytes more");
}

fn resident_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS"))
        .unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<u64>()
        .unwrap()
        * 1024
}

#[tokio::test]
async fn a_machine_says_what_it_lacks() {
    let all = sandbox(Limits::default()).probe().await.unwrap();
    let names: Vec<_> = all
        .entries
        .iter()
        .map(|entry| entry.name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "no network",
            "no access to other files",
            "no access to other processes",
            "limited memory, processes and time",
            "no new privileges",
            "no key rings, no sockets but those of the network",
        ]
    );
    assert_eq!(all.warning(), None);
    let mut place = Place::without(
        Limits::default(),
        &[Mechanism::Namespaces, Mechanism::Landlock, Mechanism::Calls],
    );
    place.bash("true").await;
    let mut found = place.container.protections().unwrap().clone();
    // The system does not limit the processes of root.
    found.entries.remove(3);
    assert_eq!(
        found.warning().unwrap(),
        "This machine does not confine commands fully: no network, no access to other files, no \
         access to other processes, no key rings, no sockets but those of the network."
    );
    let why = found.entries[1].why_not.as_deref();
    assert_eq!(
        why,
        Some("private root: needs namespaces; Landlock: not used")
    );
}
