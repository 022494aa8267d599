//! What a killed backend leaves behind, and who removes it: real processes, really killed.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A backend in a process of its own, ready to serve.
struct Backend {
    process: Child,
}

impl Backend {
    /// Starts one whose temporary files are in `parent`.
    fn start(parent: &Path) -> Self {
        let mut backend = Self::starting(parent);
        backend.is_ready();
        backend
    }

    fn starting(parent: &Path) -> Self {
        let process = Command::new(env!("CARGO_BIN_EXE_claude-kernel"))
            .args(["emulate", "--until-stdin-closes"])
            .env_clear()
            .env("TMPDIR", parent)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        Self { process }
    }

    fn is_ready(&mut self) {
        let mut lines = BufReader::new(self.process.stdout.take().unwrap()).lines();
        for expected in ["export ANTHROPIC_BASE_URL=", "export ANTHROPIC_API_KEY="] {
            let line = lines.next().unwrap().unwrap();
            assert!(line.starts_with(expected), "{line}");
        }
    }

    /// Ends it as SIGKILL does.
    fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Ends it as its owner does.
    fn end(mut self) {
        drop(self.process.stdin.take());
        assert!(self.process.wait().unwrap().success());
    }
}

/// The directories of backends, by name.
fn left(parent: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.to_string_lossy().contains("claude-kernel-offline-"));
    paths.sort();
    paths
}

/// Waits until a path is gone: another process removes it.
#[track_caller]
fn until_gone(path: &Path) {
    let limit = Instant::now() + Duration::from_secs(20);
    while path.symlink_metadata().is_ok() {
        assert!(Instant::now() < limit, "{path:?} is still there");
        std::thread::yield_now();
    }
}

/// Kills a backend; returns what it left.
fn leftover(parent: &Path) -> PathBuf {
    let before = left(parent);
    let backend = Backend::start(parent);
    let mut new = left(parent);
    new.retain(|path| !before.contains(path));
    backend.kill();
    let [path] = new.as_slice() else {
        panic!("{new:?}");
    };
    path.clone()
}

#[test]
fn what_a_killed_backend_left_is_removed_by_the_next_one() {
    let parent = tempfile::tempdir().unwrap();
    let path = leftover(parent.path());
    let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o700, "files of a person lie in it");
    // What a command may have left: no way in, and a way out.
    let precious = parent.path().join("precious");
    fs::create_dir(&precious).unwrap();
    fs::write(precious.join("file"), "mine").unwrap();
    fs::create_dir_all(path.join("containers/a/home/locked/inner")).unwrap();
    symlink(&precious, path.join("containers/a/home/link")).unwrap();
    symlink(&precious, path.join("containers/a/home/locked/link")).unwrap();
    for mode in [0o000, 0o100] {
        let locked = fs::Permissions::from_mode(mode);
        fs::set_permissions(path.join("containers/a/home/locked"), locked).unwrap();
    }

    let next = Backend::start(parent.path());
    until_gone(&path);
    assert_eq!(fs::read_to_string(precious.join("file")).unwrap(), "mine");
    next.end();
    assert_eq!(left(parent.path()), [] as [PathBuf; 0]);
}

#[test]
fn backends_that_start_at_once_share_the_work_and_keep_their_own() {
    let parent = tempfile::tempdir().unwrap();
    let old: Vec<PathBuf> = (0..4)
        .map(|number| {
            let path = leftover(parent.path());
            // Each removes what the ones before it left; these are to be there all at once.
            let kept = parent.path().join(format!("kept-{number}"));
            fs::rename(&path, &kept).unwrap();
            kept
        })
        .enumerate()
        .map(|(number, kept)| {
            let name = format!("claude-kernel-offline-old-{number}");
            let path = parent.path().join(name);
            fs::rename(kept, &path).unwrap();
            path
        })
        .collect();
    let mut backends: Vec<Backend> = (0..6).map(|_| Backend::starting(parent.path())).collect();
    for backend in &mut backends {
        backend.is_ready();
    }
    old.iter().for_each(|path| until_gone(path));
    let own = left(parent.path());
    assert_eq!(own.len(), 6, "{own:?}");
    assert!(own.iter().all(|path| path.join("claim").is_file()));
    backends.into_iter().for_each(Backend::end);
    assert_eq!(left(parent.path()), [] as [PathBuf; 0]);
}
