//! Ways out of the sandbox, and around its limits, that were found open: each is tried (S4).

use claude_kernel::emulator::sandbox::{Limits, Outcome};

use super::place::{MACHINES, Place};

/// Runs Python in the container.
async fn python(place: &mut Place, code: &str) -> Outcome {
    place.bash(&format!("python3 - <<'END'\n{code}\nEND")).await
}

/// Calls of the system by number and with small arguments: each must be answered by its error.
const CALLS: &str = "
import ctypes, errno, os, platform
libc = ctypes.CDLL(None, use_errno=True)
x86 = platform.machine() == 'x86_64'
calls = {
    'keyctl (session keyring)': (250 if x86 else 219, 0, -3, 1),
    'add_key': (248 if x86 else 217, b'user', b'x', b'y', 1, -3),
    'request_key': (249 if x86 else 218, b'user', b'x', None, -3),
    'memfd_create': (319 if x86 else 279, b'x', 0),
    'memfd_secret': (447, 0),
    'io_uring_setup': (425, 1, ctypes.create_string_buffer(120)),
    'userfaultfd': (323 if x86 else 282, 0),
    'bpf': (321 if x86 else 280, 0, None, 0),
    'perf_event_open': (298 if x86 else 241, None, 0, -1, -1, 0),
}
for name, (number, *arguments) in calls.items():
    ctypes.set_errno(0)
    result = libc.syscall(number, *arguments)
    if result != -1 or ctypes.get_errno() != errno.ENOSYS:
        print(name, result, errno.errorcode.get(ctypes.get_errno()))
";

#[tokio::test]
async fn key_rings_and_calls_past_the_limits_are_not_there() {
    for missing in MACHINES {
        let mut place = Place::without(Limits::default(), missing);
        let outcome = python(&mut place, CALLS).await;
        let said = (outcome.stdout.as_str(), outcome.stderr.as_str());
        assert_eq!(said, ("", ""), "{missing:?}");
    }
}

const SOCKETS: &str = "
import errno, socket
for family in range(1, 46):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET):
        try:
            socket.socket(family, kind).close()
            if family not in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK):
                print('open', family, kind)
        except OSError as error:
            known = family in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK)
            if not known and error.errno != errno.EAFNOSUPPORT:
                print('asked', family, kind, error)
a, b = socket.socketpair()
a.send(b'x')
print(b.recv(1))
";

#[tokio::test]
async fn only_the_families_of_sockets_that_are_needed_are_there() {
    for missing in MACHINES {
        let mut place = Place::without(Limits::default(), missing);
        let outcome = python(&mut place, SOCKETS).await;
        let said = (outcome.stdout.as_str(), outcome.stderr.as_str());
        assert_eq!(said, ("b'x'\n", ""), "{missing:?}");
    }
}

#[tokio::test]
async fn shared_memory_is_memory() {
    let limits = Limits {
        memory_bytes: 120 << 20,
        ..Limits::default()
    };
    let segment = "
import ctypes, time
libc = ctypes.CDLL(None)
libc.shmat.restype = ctypes.c_void_p
where = libc.shmat(libc.shmget(0, ctypes.c_size_t(200 << 20), 0o1600), None, 0)
ctypes.memset(where, 1, 200 << 20)
libc.shmdt(ctypes.c_void_p(where))
time.sleep(50)";
    let file = "
import time
with open('/dev/shm/x', 'wb') as file:
    for _ in range(200):
        file.write(bytes(1 << 20))
        file.flush()
time.sleep(50)";
    for code in [segment, file] {
        let outcome = python(&mut Place::with(limits.clone()), code).await;
        assert_eq!(outcome.return_code, 137, "{code}: {}", outcome.stderr);
        assert!(
            outcome.stderr.contains("MiB of memory"),
            "{}",
            outcome.stderr
        );
    }
}

#[tokio::test]
async fn all_files_together_are_limited() {
    let limits = Limits {
        disk_bytes: 40 << 20,
        ..Limits::default()
    };
    let many = "for n in $(seq 20); do head -c 4M /dev/urandom > $D/$n; done; sleep 50";
    let unnamed = "exec 3> $D/x; rm $D/x; head -c 80M /dev/zero >&3; sleep 50";
    for missing in MACHINES {
        for command in [many, unnamed] {
            for place in ["$HOME", "$OUTPUT_DIR", "$TMPDIR"] {
                let mut container = Place::without(limits.clone(), missing);
                let outcome = container.bash(&format!("D={place}; {command}")).await;
                let why = &outcome.stderr;
                assert_eq!(
                    outcome.return_code, 137,
                    "{missing:?} {place} {command}: {why}"
                );
                assert!(why.contains("its files took more than 40 MiB"), "{why}");
                // What is too much can be removed.
                let removed = container
                    .bash("rm -rf $HOME/* $TMPDIR/*; sleep 1; echo done")
                    .await;
                assert_eq!(removed.stdout, "done\n", "{}", removed.stderr);
            }
            if missing.is_empty() {
                continue;
            }
            break;
        }
    }
}
