//! `%files`, `%get`, `%rm` and `%reset files`: what went in and what came out, afterwards.

use serde_json::json;

use super::{arm, rig, write};
use crate::support::rig::Rig;

#[tokio::test]
async fn files_are_listed_copied_and_removed() {
    let mut rig = Rig::start(
        "# Make\n\n```bash\n# Write a table\necho 1 > \"$OUTPUT_DIR/t.csv\"\n```\n\nMade.\n\n# Look\n\nSeen.\n",
    )
    .await;
    let ran = rig.cell("%files").await;
    assert!(ran.text().starts_with("No files yet"), "{}", ran.text());
    write(&rig, "a.csv", "1\n");
    rig.cell("%attach a.csv\nMake").await;
    let ran = rig.cell("%files").await;
    let text = ran.text();
    assert!(
        text.contains("a.csv  2 B   CSV   In [2]  in Claude's sandbox"),
        "{text}"
    );
    assert!(
        text.contains("t.csv  2 B   CSV   In [2]  Write a table"),
        "{text}"
    );

    let ran = rig.cell("%get t.csv").await;
    assert!(
        ran.text().contains("Copied t.csv to t.csv (2 B)."),
        "{}",
        ran.text()
    );
    let again = rig.cell("%get t.csv").await;
    assert!(
        again.reply()["evalue"]
            .as_str()
            .unwrap()
            .contains("there already")
    );
    write(&rig, "t.csv", "mine");
    assert_eq!(rig.cell("%get t.csv --force").await.reply()["status"], "ok");
    assert_eq!(
        std::fs::read(rig.directory.path().join("t.csv")).unwrap(),
        b"1\n"
    );
    assert!(
        rig.cell("%get tt.csv").await.reply()["traceback"]
            .to_string()
            .contains("`t.csv`")
    );

    let ran = rig.cell("%rm t.csv").await;
    assert!(
        ran.reply()["traceback"].to_string().contains("--local"),
        "{}",
        ran.transcript()
    );
    rig.cell("%rm t.csv --local").await;
    assert!(!rig.files().join("t.csv").exists());
    let ran = rig.cell("%rm a.csv").await;
    assert!(ran.text().starts_with("Removed a.csv"), "{}", ran.text());
    let ran = rig.cell("Look").await;
    assert_eq!(
        ran.reply()["status"],
        "ok",
        "a file that is gone spoils nothing: {}",
        ran.transcript()
    );
    assert!(rig.directory.path().join("a.csv").exists());
    assert!(rig.cell("%files").await.text().starts_with("No files yet"));
}

/// A folder holds files of several notebooks; each one lists its own, with links.
#[tokio::test]
async fn u11_files_of_other_notebooks_are_apart_and_names_are_links() {
    let mut rig =
        Rig::start("# Make\n\n```bash\necho 1 > \"$OUTPUT_DIR/a b.csv\"\n```\n\nMade.\n").await;
    rig.cell("Make").await;
    let other = json!({
        "event": "saved", "name": "theirs.csv", "size_bytes": 2, "mime_type": "text/csv", "sha256": "ab", "count": 7,
        "step": 1, "tool_use_id": "", "title": "", "code_sha256": "", "notebook": "other.ipynb",
        "saved_at": "2026-01-01T00:00:00Z",
    });
    std::fs::write(rig.files().join("theirs.csv"), "1\n").unwrap();
    let index = rig.files().join(".index.jsonl");
    let own = std::fs::read_to_string(&index).unwrap();
    assert!(own.contains(r#""notebook":"notebook.ipynb""#), "{own}");
    std::fs::write(&index, format!("{other}\n{own}")).unwrap();
    let ran = rig.cell("%files").await;
    let text = ran.text();
    assert!(
        text.contains("In [1]") && !text.contains("theirs"),
        "{text}"
    );
    assert!(
        text.contains("also has 1 file of other notebooks: %files all"),
        "{text}"
    );
    let markdown = ran.iopub("display_data")[0]["data"]["text/markdown"].to_string();
    assert!(
        markdown.contains("[a b.csv](claude_files/a%20b.csv)"),
        "{markdown}"
    );
    let all = rig.cell("%files all").await.text();
    assert!(all.contains("theirs.csv  2 B   CSV   other.ipynb"), "{all}");
}

#[tokio::test]
async fn a_download_that_failed_can_be_made_up_for() {
    let mut rig =
        Rig::start("# Make\n\n```bash\necho 1 > \"$OUTPUT_DIR/t.csv\"\n```\n\nMade.\n").await;
    arm(&rig, json!({"kind": "fail_download", "status": 404})).await;
    rig.cell("Make").await;
    assert!(!rig.files().join("t.csv").exists());
    let ran = rig.cell("%get").await;
    assert!(
        ran.text().contains("t.csv  In [1]  fetched, 2 B"),
        "{}",
        ran.text()
    );
    assert!(rig.files().join("t.csv").exists());
    let ran = rig.cell("%get").await;
    assert!(ran.text().contains("was fetched"), "{}", ran.text());
}

#[tokio::test]
async fn reset_files_removes_what_was_attached() {
    let mut rig = rig().await;
    write(&rig, "a.csv", "1\n");
    rig.cell("%attach a.csv\nLook").await;
    let ran = rig.cell("%reset files").await;
    assert!(
        ran.text().contains("a.csv  removed from Anthropic"),
        "{}",
        ran.text()
    );
    assert!(rig.cell("%files").await.text().starts_with("No files yet"));
    assert_eq!(rig.cell("Look again").await.reply()["status"], "ok");
}

pub(super) async fn delete_behind_the_kernels_back(rig: &Rig, name: &str) {
    let base = rig.emulator.base_url();
    let key = rig.emulator.key().to_owned();
    let client = reqwest::Client::new();
    let call = |method, path: String| {
        client
            .request(method, format!("{base}{path}"))
            .bearer_auth(&key)
            .header("anthropic-version", "2026-10-21")
            .send()
    };
    let listed = call(reqwest::Method::GET, "/v1/files".to_owned())
        .await
        .unwrap();
    let listed: serde_json::Value = listed.json().await.unwrap();
    let files = listed["data"].as_array().unwrap();
    let file = files.iter().find(|file| file["filename"] == name).unwrap();
    let path = format!("/v1/files/{}", file["id"].as_str().unwrap());
    let deleted = call(reqwest::Method::DELETE, path).await.unwrap();
    assert!(deleted.status().is_success());
}

#[tokio::test]
async fn a_file_that_the_api_lost_is_uploaded_again_or_left_out() {
    let mut rig = rig().await;
    write(&rig, "a.csv", "1\n");
    write(&rig, "b.csv", "1\n");
    rig.cell("%attach a.csv b.csv\nList the files").await;
    for name in ["a.csv", "b.csv"] {
        delete_behind_the_kernels_back(&rig, name).await;
    }
    write(&rig, "b.csv", "other\n");
    let ran = rig.cell("List the files").await;
    let reply = ran.reply();
    assert_eq!(reply["ename"], "NotFoundError", "{}", ran.transcript());
    assert!(
        reply["traceback"]
            .to_string()
            .contains("run the cell again")
    );
    let ran = rig.cell("List the files").await;
    let text = ran.text();
    assert_eq!(ran.reply()["status"], "ok", "{}", ran.transcript());
    assert!(
        text.contains("`a.csv` was gone from Anthropic and is uploaded again."),
        "{text}"
    );
    assert!(text.contains("`b.csv` is gone from Anthropic"), "{text}");
    assert!(
        !text.contains("new sandbox"),
        "the sandbox is as it was: {text}"
    );
    let ran = rig.cell("List the files").await;
    assert!(!ran.text().contains("gone"), "said once: {}", ran.text());
}
