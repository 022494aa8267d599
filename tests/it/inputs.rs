//! Files that go in: `%attach`, `@path`, the requests they lead to, and the sandbox that gets them.

mod kept;
mod listed;
mod sandbox;

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use claude_kernel::emulator::faults::{Fault, Faults};
use claude_kernel::jupyter::connection::Channel;
use serde_json::{Value, json};

use crate::support::rig::{Asks, Rig};

const SCRIPT: &str = r#"
# /^Analyse/

```bash
cd "$INPUT_DIR" && ls && cat *.csv | wc -l
```

Analysed.

# /^Look/

I looked.

# /^List/

```bash
ls "$INPUT_DIR"
```

Listed.
"#;

async fn rig() -> Rig {
    Rig::start(SCRIPT).await
}

fn write(rig: &Rig, name: &str, bytes: impl AsRef<[u8]>) {
    let path = rig.directory.path().join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

fn png() -> Vec<u8> {
    let png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    STANDARD.decode(png).unwrap()
}

async fn requests(rig: &Rig) -> Vec<(String, Value)> {
    let recorded = rig.emulator.faults().requests().await.unwrap();
    recorded
        .into_iter()
        .map(|request| {
            (
                format!("{} {}", request.method, request.target),
                request.body,
            )
        })
        .collect()
}

async fn uploads(rig: &Rig) -> usize {
    let requests = requests(rig).await;
    let uploads = requests.iter().filter(|(line, _)| line == "POST /v1/files");
    uploads.count()
}

/// The kinds of block before the text of the last message that was sent.
async fn before_the_prompt(rig: &Rig) -> Vec<String> {
    let requests = requests(rig).await;
    let (_, body) = requests
        .iter()
        .rev()
        .find(|(line, _)| line == "POST /v1/messages")
        .unwrap();
    let messages = body["messages"].as_array().unwrap();
    let blocks = messages.last().unwrap()["content"].as_array().unwrap();
    let kinds = blocks
        .iter()
        .map(|block| block["type"].as_str().unwrap().to_owned());
    kinds.take_while(|kind| kind != "text").collect()
}

async fn arm(rig: &Rig, fault: Value) {
    let faults: Faults = rig.emulator.faults();
    faults.add(Fault::from_json(&fault).unwrap()).await.unwrap();
}

#[tokio::test]
async fn a_file_goes_in_and_is_announced_and_found_by_the_code() {
    let mut rig = rig().await;
    write(&rig, "sales data.csv", "day,net\n1,2\n2,3\n");
    let ran = rig.cell("%attach 'sales data.csv'\nAnalyse it").await;
    assert_eq!(ran.reply()["status"], "ok", "{}", ran.transcript());
    let text = ran.text();
    assert!(
        text.starts_with(
            "Attached sales data.csv (CSV, 16 B, sha256 d78c33102e8a): in Claude's sandbox."
        ),
        "{text}"
    );
    assert!(
        text.contains("sales data.csv\n") && text.contains('3'),
        "{text}"
    );
    assert_eq!(before_the_prompt(&rig).await, ["container_upload"]);
    // Once in, it stays; nothing goes with the next prompt.
    let ran = rig.cell("List the files").await;
    assert!(ran.text().contains("sales data.csv"), "{}", ran.text());
    assert_eq!(before_the_prompt(&rig).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_file_waits_for_the_next_prompt_and_for_one_that_works() {
    let mut rig = rig().await;
    write(&rig, "a.csv", "1\n");
    let ran = rig.cell("%attach a.csv").await;
    assert!(ran.text().starts_with("Attached a.csv"), "{}", ran.text());
    arm(&rig, json!({"kind": "status", "status": 403})).await;
    assert_eq!(rig.cell("Analyse it").await.reply()["status"], "error");
    assert_eq!(before_the_prompt(&rig).await, ["container_upload"]);
    assert_eq!(rig.cell("Analyse it").await.reply()["status"], "ok");
    assert_eq!(before_the_prompt(&rig).await, ["container_upload"]);
    assert_eq!(uploads(&rig).await, 1);
}

#[tokio::test]
async fn each_type_goes_where_it_is_of_use() {
    for (name, bytes, options, expected) in [
        ("a.png", png(), "", vec!["image", "container_upload"]),
        ("a.png", png(), "--image", vec!["image"]),
        ("a.png", png(), "--sandbox", vec!["container_upload"]),
        (
            "a.png",
            png(),
            "--image --sandbox",
            vec!["image", "container_upload"],
        ),
        (
            "a.pdf",
            b"%PDF-1.7\ntrailer << >>\n%%EOF\n".to_vec(),
            "",
            vec!["document", "container_upload"],
        ),
        ("a.md", b"# Hi\n".to_vec(), "--document", vec!["document"]),
        ("a.csv", b"1,2\n".to_vec(), "", vec!["container_upload"]),
        (
            "a.parquet",
            b"PAR1\0\xff".to_vec(),
            "",
            vec!["container_upload"],
        ),
    ] {
        let mut rig = rig().await;
        write(&rig, name, &bytes);
        let ran = rig
            .cell(&format!("%attach {name} {options}\nLook at it"))
            .await;
        assert_eq!(
            ran.reply()["status"],
            "ok",
            "{name} {options}: {}",
            ran.transcript()
        );
        assert_eq!(before_the_prompt(&rig).await, expected, "{name} {options}");
    }
}

/// What the API would refuse is seen before it is sent: else it would be refused in each later cell.
#[tokio::test]
async fn w16_broken_pictures_and_locked_pdfs_go_to_the_sandbox_alone() {
    let locked = b"%PDF-1.7\ntrailer << /Encrypt 5 0 R >>\n%%EOF\n".to_vec();
    for (name, bytes, option, why) in [
        ("a.png", png()[..30].to_vec(), "--image", "cut off"),
        ("a.pdf", locked, "--document", "locked"),
        (
            "b.pdf",
            b"%PDF-1.7\n1 0 obj".to_vec(),
            "--document",
            "cut off",
        ),
    ] {
        let mut rig = rig().await;
        write(&rig, name, &bytes);
        let refused = rig
            .cell(&format!("%attach {name} {option}\nLook at it"))
            .await;
        let (value, text) = (refused.reply()["evalue"].to_string(), refused.text());
        assert!(value.contains(why), "{name}: {text}");
        assert_eq!(uploads(&rig).await, 0);
        let ran = rig.cell(&format!("%attach {name}\nLook at it")).await;
        assert_eq!(ran.reply()["status"], "ok", "{}", ran.transcript());
        assert!(ran.text().contains(why), "{}", ran.text());
        assert_eq!(
            before_the_prompt(&rig).await,
            ["container_upload"],
            "{name}"
        );
    }
}

#[tokio::test]
async fn w16_a_refusal_with_files_waiting_says_how_to_do_without_them() {
    let mut rig = rig().await;
    write(&rig, "a.png", png());
    write(&rig, "b.csv", "1\n");
    rig.cell("%attach a.png b.csv").await;
    arm(&rig, json!({"kind": "status", "status": 400, "times": 9})).await;
    let refused = rig.cell("Look at it").await.text();
    assert!(
        refused.contains("`%rm a.png`") && refused.contains("--sandbox"),
        "{refused}"
    );
    assert!(
        !refused.contains("%rm b.csv"),
        "only the sandbox has it: {refused}"
    );
}

#[tokio::test]
async fn several_files_and_patterns_go_together() {
    let mut rig = rig().await;
    for name in ["data/q1.csv", "data/q2.csv", "data/.hidden.csv", "q3.csv"] {
        write(&rig, name, format!("{name}\n"));
    }
    let ran = rig
        .cell("%upload data/*.csv q3.csv data/q1.csv\nAnalyse them")
        .await;
    assert_eq!(ran.reply()["status"], "ok", "{}", ran.transcript());
    let text = ran.text();
    let announced = text.lines().filter(|line| line.starts_with("Attached "));
    let announced: Vec<&str> = announced
        .map(|line| line.split(' ').nth(1).unwrap())
        .collect();
    assert_eq!(
        announced,
        ["data/q1.csv", "data/q2.csv", "q3.csv"],
        "{text}"
    );
    assert!(text.contains("q1.csv\nq2.csv\nq3.csv"), "{text}");
}

#[tokio::test]
async fn the_same_content_is_uploaded_once_and_again_when_the_api_lost_it() {
    let mut rig = rig().await;
    write(&rig, "a.csv", "1\n");
    rig.cell("%attach a.csv\nAnalyse it").await;
    rig.cell("%attach a.csv\nAnalyse it").await;
    assert_eq!(uploads(&rig).await, 1);
    write(&rig, "a.csv", "2\n");
    rig.cell("%attach a.csv\nAnalyse it").await;
    assert_eq!(uploads(&rig).await, 2, "other content is another file");
    arm(
        &rig,
        json!({"kind": "status", "status": 404, "path": "/v1/files/"}),
    )
    .await;
    let ran = rig.cell("%attach a.csv").await;
    assert_eq!(ran.reply()["status"], "ok", "{}", ran.transcript());
    assert_eq!(uploads(&rig).await, 3);
}

#[tokio::test]
async fn two_files_of_one_name_do_not_take_each_others_place() {
    let mut rig = rig().await;
    write(&rig, "q1/data.csv", "1\n");
    write(&rig, "q2/data.csv", "2\n");
    let ran = rig.cell("%attach q1/data.csv q2/data.csv\nList them").await;
    let text = ran.text();
    assert!(
        text.contains("in Claude's sandbox as q2_data.csv."),
        "{text}"
    );
    assert!(text.contains("data.csv\nq2_data.csv"), "{text}");
}

#[tokio::test]
async fn what_cannot_be_attached_fails_before_anything_is_sent() {
    let mut rig = rig().await;
    write(&rig, "sales.csv", "1\n");
    write(&rig, "empty.csv", "");
    write(&rig, "folder/x.csv", "1\n");
    write(&rig, "a.txt", "no image");
    let huge = std::fs::File::create(rig.directory.path().join("huge.bin")).unwrap();
    huge.set_len(501 * 1024 * 1024).unwrap();
    for (line, problem, hint) in [
        (
            "sale.csv",
            "there is no file `sale.csv`",
            "Did you mean `sales.csv`?",
        ),
        ("*.tsv", "no file matches `*.tsv`", "relative"),
        ("empty.csv", "`empty.csv` is empty", "completely"),
        ("folder", "`folder` is a folder", "`%attach folder/*`"),
        (
            "huge.bin",
            "`huge.bin` has 525 MB, more than the 524 MB",
            "Split it",
        ),
        ("/dev/zero", "nobody watches", "Copy it"),
        ("a.txt --image", "cannot be attached as an image", "--image"),
        ("sales.csv --image --document", "either", "Leave"),
        ("'sales.csv", "not closed", "quotes"),
        ("--sandbox", "needs a path", "%attach PATH"),
        ("sales.csv --eyes", "no option `--eyes`", "--image"),
        ("sales.csv empty.csv", "`empty.csv` is empty", "completely"),
    ] {
        let ran = rig.cell(&format!("%attach {line}\nAnalyse it")).await;
        let reply = ran.reply();
        assert_eq!(reply["status"], "error", "{line}: {}", ran.transcript());
        let (evalue, traceback) = (
            reply["evalue"].as_str().unwrap(),
            reply["traceback"].to_string(),
        );
        assert!(evalue.contains(problem), "{line}: {evalue}");
        assert!(traceback.contains(hint), "{line}: {traceback}");
    }
    assert_eq!(requests(&rig).await, Vec::new(), "nothing was sent");
}

#[tokio::test]
async fn a_mention_attaches_only_what_lies_open_below_the_notebook() {
    let mut rig = rig().await;
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret.csv"), "secret\n").unwrap();
    write(&rig, "data/q1.csv", "1\n");
    write(&rig, "my data.csv", "2\n");
    write(&rig, ".env", "KEY=1\n");
    write(&rig, ".hidden/x.csv", "1\n");
    let link = |to: &Path, name: &str| {
        std::os::unix::fs::symlink(to, rig.directory.path().join(name)).unwrap();
    };
    link(&outside.path().join("secret.csv"), "out.csv");
    link(outside.path(), "elsewhere");
    link(&rig.directory.path().join(".env"), "env.txt");
    link(&rig.directory.path().join("data/q1.csv"), "in.csv");
    for (word, attached, hint) in [
        ("@data/q1.csv", true, ""),
        ("@data/q1.csv.", true, ""),
        ("@./data/q1.csv", true, ""),
        ("@\"my data.csv\"", true, ""),
        ("@in.csv", true, ""),
        ("@.env", false, "hidden"),
        ("@.hidden/x.csv", false, "hidden"),
        ("@env.txt", false, "hidden"),
        ("@out.csv", false, "below the notebook's folder"),
        (
            "@elsewhere/secret.csv",
            false,
            "below the notebook's folder",
        ),
        ("@../x.csv", false, "below the notebook's folder"),
        ("@/etc/passwd", false, "below the notebook's folder"),
        ("@data", false, "a folder"),
        ("@missing.csv", false, "no such file"),
        ("@property", false, ""),
        ("ann@data/q1.csv", false, ""),
        ("`x @data/q1.csv`", false, ""),
    ] {
        let ran = rig.cell(&format!("Look at {word} now")).await;
        let text = ran.text();
        assert_eq!(ran.reply()["status"], "ok", "{word}: {}", ran.transcript());
        assert_eq!(text.contains("Attached "), attached, "{word}: {text}");
        assert_eq!(
            text.contains("stays as typed"),
            !hint.is_empty(),
            "{word}: {text}"
        );
        assert!(text.contains(hint), "{word}: {text}");
        let expected: &[&str] = if attached { &["container_upload"] } else { &[] };
        assert_eq!(before_the_prompt(&rig).await, expected, "{word}");
    }
    let requests = requests(&rig).await;
    let (_, body) = requests.last().unwrap();
    let sent = body["messages"].as_array().unwrap().last().unwrap();
    assert_eq!(
        sent["content"][0]["text"], "Look at `x @data/q1.csv` now",
        "as typed"
    );
}

#[tokio::test]
async fn a_variable_names_no_file() {
    let mut rig = rig().await;
    write(&rig, "a.csv", "1\n");
    let ran = rig.cell("%set x @a.csv\nLook at {{x}}").await;
    assert!(!ran.text().contains("Attached"), "{}", ran.text());
}

#[tokio::test]
async fn a_dry_cell_in_mid_conversation_looks_the_same_in_every_run() {
    let mut seen = Vec::new();
    for _ in 0..2 {
        let mut rig = rig().await;
        write(&rig, "a.csv", "x\n1\n");
        let asked = rig.cell("%attach a.csv\nAnalyse it.").await;
        assert_eq!(asked.reply()["status"], "ok", "{}", asked.transcript());
        let ran = rig.cell("%%dry\n%attach a.csv\nAnalyse it again.").await;
        let shown = ran.iopub("display_data").pop().unwrap().clone();
        let text = shown["data"]["text/markdown"].as_str().unwrap().to_owned();
        assert!(text.contains("a.csv (to the sandbox)"), "{text}");
        for name in ["container_1", "file_1", "srvtoolu_1", "msg_1"] {
            assert!(text.contains(&format!("\"{name}\"")), "{name}: {text}");
        }
        // The exact request is there for machines.
        let exact = &shown["metadata"]["claude_kernel"]["request"];
        for id in ["/container", "/messages/0/content/0/file_id"] {
            assert!(
                exact.pointer(id).unwrap().as_str().unwrap().len() > 20,
                "{exact}"
            );
        }
        seen.push(shown["data"].clone());
    }
    assert_eq!(seen[0], seen[1]);
}

#[tokio::test]
async fn a_dry_cell_uploads_nothing() {
    let mut rig = rig().await;
    write(&rig, "a.csv", "1\n");
    write(&rig, "b.csv", "1\n");
    let ran = rig.cell("%attach a.csv\n%%dry\nLook at @b.csv").await;
    assert_eq!(ran.reply()["status"], "ok", "{}", ran.transcript());
    assert_eq!(
        ran.text().matches("container_upload").count(),
        2,
        "{}",
        ran.text()
    );
    assert_eq!(requests(&rig).await, Vec::new());
    rig.cell("Look").await;
    assert_eq!(
        before_the_prompt(&rig).await,
        Vec::<String>::new(),
        "nothing waits either"
    );
}

#[tokio::test]
async fn a_growing_upload_shows_how_far_it_is_and_leaves_nothing() {
    let mut rig = rig().await;
    write(&rig, "a.csv", "1\n");
    arm(
        &rig,
        json!({"kind": "slow_start", "ms": 700, "path": "/v1/files"}),
    )
    .await;
    let ran = rig.cell_as(Asks::Lab, "%attach a.csv").await;
    let first = ran.iopub("display_data")[0]["data"]["text/markdown"]
        .as_str()
        .unwrap();
    assert!(first.contains(">Uploading a.csv"), "{first}");
    assert!(ran.text().starts_with("Attached a.csv"), "{}", ran.text());
}

async fn completed(rig: &mut Rig, code: &str) -> Vec<String> {
    let content = json!({"code": code, "cursor_pos": code.chars().count()});
    let ran = rig.ask(Channel::Shell, "complete_request", content).await;
    let matches = ran.reply()["matches"].as_array().unwrap().clone();
    matches
        .iter()
        .map(|text| text.as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn paths_are_completed_below_the_notebook_and_nowhere_else() {
    let mut rig = rig().await;
    for name in [
        "data/q1.csv",
        "data/q2.csv",
        "my data.csv",
        ".env",
        "größe.csv",
    ] {
        write(&rig, name, "1\n");
    }
    for (code, expected) in [
        ("Compare @da", vec!["data/"]),
        ("😀 @data/q", vec!["data/q1.csv", "data/q2.csv"]),
        ("@my", vec!["\"my data.csv\""]),
        ("@grö", vec!["größe.csv"]),
        ("@.", vec![]),
        ("@../", vec![]),
        ("@/etc/", vec![]),
        ("%attach data/q1", vec!["data/q1.csv"]),
        ("%upload 'my", vec!["\"my data.csv\""]),
        ("%system --file my d", vec!["my data.csv"]),
        ("```\n@da", vec![]),
    ] {
        assert_eq!(completed(&mut rig, code).await, expected, "{code}");
    }
}
