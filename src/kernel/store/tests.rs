//! Attacks on the folder: names that are in use, links, files that a dead kernel left.
#![expect(
    clippy::disallowed_methods,
    reason = "edge: tests write what is in the way"
)]

use std::fs;

use super::*;

fn store(directory: &Path) -> Store {
    Store::new(directory, 100, MAX_FILE_BYTES)
}

fn download(store: &Store, name: &str, content: &[u8]) -> Download {
    let mut file = store.open_part().unwrap();
    file.write_all(content).unwrap();
    Download {
        file_id: "file_1".to_owned(),
        name: name.to_owned(),
        mime_type: "text/csv".to_owned(),
        part: Part {
            file,
            sha256: hex(&Sha256::digest(content)),
            size_bytes: content.len() as u64,
            kept: Bytes::copy_from_slice(content),
        },
    }
}

fn save(store: &Store, name: &str, content: &str) -> FetchedFile {
    let download = download(store, name, content.as_bytes());
    store
        .save(download, Origin::default(), DateTime::UNIX_EPOCH)
        .unwrap()
}

/// What is in the folder, hidden files too.
fn entries(store: &Store) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(&store.directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn the_same_bytes_are_kept_once_and_others_beside_them() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(directory.path());
    let saved = ["1", "2", "1", "2", "3"].map(|content| save(&store, "a.csv", content).name);
    assert_eq!(saved, ["a.csv", "a-2.csv", "a.csv", "a-2.csv", "a-3.csv"]);
    assert_eq!(
        entries(&store),
        [".index.jsonl", "a-2.csv", "a-3.csv", "a.csv"]
    );
    let known: Vec<String> = store
        .artifacts()
        .into_iter()
        .map(|file| file.name)
        .collect();
    assert_eq!(known, ["a.csv", "a-2.csv", "a-3.csv"]);
}

#[test]
fn the_index_knows_what_made_a_file_and_only_files_that_are_there() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(directory.path());
    assert_eq!(store.artifacts(), []);
    let origin = Origin {
        count: 3,
        step: 1,
        tool_use_id: "srvtoolu_1".to_owned(),
        title: "Write a table".to_owned(),
        code_sha256: "cd".to_owned(),
    };
    let file = store
        .save(
            download(&store, "a.csv", b"x"),
            origin.clone(),
            DateTime::UNIX_EPOCH,
        )
        .unwrap();
    assert_eq!(file.origin, origin);
    assert_eq!(file.sha256, hex(&Sha256::digest(b"x")));
    assert_eq!(store.artifacts()[0].origin, origin);
    save(&store, "b.csv", "y");
    fs::remove_file(store.path_of("a.csv").unwrap()).unwrap();
    assert_eq!(store.artifacts().len(), 1);
    store.remove("b.csv", DateTime::UNIX_EPOCH).unwrap();
    assert_eq!(store.artifacts(), []);
    assert_eq!(
        store
            .remove("b.csv", DateTime::UNIX_EPOCH)
            .unwrap_err()
            .to_string(),
        "there is no file `b.csv` in `claude_files`"
    );
}

#[test]
fn only_names_of_files_in_the_folder_have_a_path() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(directory.path());
    save(&store, "a.csv", "1");
    fs::create_dir(store.directory.join("folder")).unwrap();
    assert!(store.path_of("a.csv").is_some());
    for name in [
        "",
        ".",
        "..",
        "folder",
        "./a.csv",
        "../claude_files/a.csv",
        "/etc/passwd",
        ".index.jsonl",
        "a.csv\0",
        "no.csv",
    ] {
        assert_eq!(store.path_of(name), None, "{name:?}");
    }
}

#[test]
fn a_file_too_large_to_show_is_handed_on_by_its_beginning() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(directory.path());
    let small = save(&store, "a.csv", &"x".repeat(100));
    assert_eq!(small.beginning().len(), 100);
    assert!(small.bytes.is_some());
    let large = save(&store, "b.csv", &"x".repeat(101));
    assert_eq!((large.bytes.as_ref(), large.start.len()), (None, 101));
    assert_eq!(large.beginning().len(), 101);
}

#[test]
fn what_a_dead_kernel_left_goes_after_a_day() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(directory.path());
    save(&store, "a.csv", "1");
    fs::write(store.directory.join(".part-dead"), "half").unwrap();
    let written = fs::metadata(store.directory.join(".part-dead"))
        .unwrap()
        .modified()
        .unwrap();
    let hours = |hours| DateTime::<Utc>::from(written) + chrono::TimeDelta::hours(hours);
    store.sweep(hours(23));
    assert_eq!(entries(&store), [".index.jsonl", ".part-dead", "a.csv"]);
    // A clock that jumps makes the parts of running downloads old, of other kernels too.
    let running = [std::process::id(), 1].map(|pid| format!(".part-{pid}-abc"));
    for name in &running {
        fs::write(store.directory.join(name), "half").unwrap();
    }
    store.sweep(hours(25));
    for name in &running {
        fs::remove_file(store.directory.join(name)).unwrap();
    }
    assert_eq!(entries(&store), [".index.jsonl", "a.csv"]);
}

#[cfg(unix)]
mod links {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_folder_that_is_a_link_is_refused() {
        let (directory, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        symlink(elsewhere.path(), directory.path().join(FOLDER)).unwrap();
        fs::write(elsewhere.path().join("a.csv"), "theirs").unwrap();
        let store = store(directory.path());
        let refused = store.open_part().unwrap_err().to_string();
        assert!(refused.contains("move `claude_files` away"), "{refused}");
        assert_eq!(store.path_of("a.csv"), None);
        fs::remove_file(directory.path().join(FOLDER)).unwrap();
        fs::write(directory.path().join(FOLDER), "a file").unwrap();
        store.open_part().unwrap_err();
    }

    #[test]
    fn a_name_that_is_a_link_is_taken_and_its_target_stays_as_it_was() {
        let (directory, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let store = store(directory.path());
        fs::create_dir(&store.directory).unwrap();
        let target = elsewhere.path().join("profile");
        fs::write(&target, "1").unwrap();
        symlink(&target, store.directory.join("a.csv")).unwrap();
        symlink(
            elsewhere.path().join("missing"),
            store.directory.join("b.csv"),
        )
        .unwrap();
        // This holds even if the bytes are the same.
        assert_eq!(save(&store, "a.csv", "1").name, "a-2.csv");
        assert_eq!(save(&store, "b.csv", "2").name, "b-2.csv");
        assert_eq!(fs::read_to_string(&target).unwrap(), "1");
        assert!(!elsewhere.path().join("missing").exists());
        assert_eq!(store.path_of("a.csv"), None);
        store.remove("a.csv", DateTime::UNIX_EPOCH).unwrap_err();
    }

    #[test]
    fn nothing_saved_can_be_executed() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(directory.path());
        save(&store, "run.sh", "#!/bin/sh\n");
        let mode = fs::metadata(store.path_of("run.sh").unwrap())
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o644);
    }
}
