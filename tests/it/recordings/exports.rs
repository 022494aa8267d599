//! `%export` and `claude-kernel export --to html`.

use std::process::Command;

use claude_kernel::kernel::journal;

use super::recorded;
use crate::support::rig::{Rig, python};

/// The kernel of a saved notebook, which knows where it lies.
async fn saved() -> Rig {
    let (rig, _) = recorded().await;
    let notebook = Some(rig.directory.path().join("notebook.ipynb"));
    let journal = journal::Options {
        notebook,
        ..journal::Options::nowhere()
    };
    rig.restarted(journal).await
}

#[tokio::test]
async fn a_notebook_exports_itself_below_its_folder_and_says_so_in_a_line() {
    let mut rig = saved().await;
    let told = rig.cell("%export py").await;
    assert_eq!(
        told.text().trim(),
        "Wrote notebook.py (1 step), as the notebook was last saved."
    );
    let script = rig.directory.path().join("notebook.py");
    assert!(std::fs::read_to_string(&script).unwrap().contains("wc -l"));
    std::fs::write(&script, "mine").unwrap();
    let error = |ran: &crate::support::rig::Ran| {
        ran.iopub("error")[0]["evalue"].as_str().unwrap().to_owned()
    };
    let again = rig.cell("%export py").await;
    assert!(
        error(&again).contains("`notebook.py` is there already"),
        "{}",
        error(&again)
    );
    assert_eq!(std::fs::read_to_string(&script).unwrap(), "mine");
    rig.cell("%export py --force").await;
    assert_ne!(std::fs::read_to_string(&script).unwrap(), "mine");
    std::os::unix::fs::symlink("/tmp", rig.directory.path().join("out")).unwrap();
    std::fs::create_dir(rig.directory.path().join("shared")).unwrap();
    for outside in ["../x.py", "/tmp/x.py", "out/x.py", "shared"] {
        let refused = rig.cell(&format!("%export py -o {outside} --force")).await;
        assert!(
            error(&refused).contains("does not lie below"),
            "{}",
            error(&refused)
        );
    }
    let told = rig.cell("%export notebook -o shared/code.ipynb").await;
    assert!(
        told.text().contains("Wrote shared/code.ipynb"),
        "{}",
        told.text()
    );
    assert!(rig.directory.path().join("shared/code.ipynb").is_file());
    let odd = rig.cell("%export html").await;
    assert!(
        error(&odd).contains("`%export` does not take `html`"),
        "{}",
        error(&odd)
    );
    // Where nothing is saved, nothing is written.
    std::fs::write(
        rig.directory.path().join("notebook.ipynb"),
        r#"{"cells": []}"#,
    )
    .unwrap();
    let empty = rig.cell("%export markdown").await;
    assert!(
        error(&empty).contains("holds no recorded code"),
        "{}",
        error(&empty)
    );
}

#[tokio::test]
async fn a_page_is_one_file_for_readers_or_reviewers() {
    let (rig, _) = recorded().await;
    let folder = rig.directory.path();
    let page = |whom: &str| {
        let path = std::env::join_paths([python().parent().unwrap(), "/usr/bin".as_ref()]).unwrap();
        let made = Command::new(env!("CARGO_BIN_EXE_claude-kernel"))
            .args([
                "export",
                "notebook.ipynb",
                "--to",
                "html",
                "--for",
                whom,
                "-o",
                "-",
            ])
            .current_dir(folder)
            .env("HOME", folder)
            .env("PATH", path)
            .output()
            .unwrap();
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        String::from_utf8(made.stdout).unwrap()
    };
    let (readers, reviewers) = (page("readers"), page("reviewers"));
    for page in [&readers, &reviewers] {
        assert!(
            page.contains("There are <strong>2</strong> lines.") && page.contains("ck-words"),
            "{page}"
        );
    }
    assert!(reviewers.contains("I should count") && reviewers.contains("<details open"));
    assert!(!readers.contains("I should count") && !readers.contains("printf"));
    // Where nbconvert is not installed, this is said.
    let none = Command::new(env!("CARGO_BIN_EXE_claude-kernel"))
        .args(["export", "notebook.ipynb", "--to", "html"])
        .current_dir(folder)
        .env("PATH", "/nowhere")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&none.stderr).into_owned();
    assert!(
        !none.status.success() && said.contains("pip install nbconvert"),
        "{said}"
    );
}
