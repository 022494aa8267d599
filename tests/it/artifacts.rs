//! Files that the sandbox made: fetched, named, shown in order, found again; and what may go wrong.

use claude_kernel::chat::turn::Origin;
use claude_kernel::jupyter::connection::Channel;
use claude_kernel::kernel::store::{Artifact, Store};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::support::rig::{Asks, Rig, arm};

const SCRIPT: &str = r#"
# Make many

```bash
# Write twelve tables
for n in 01 02 03 04 05 06 07 08 09 10 11 12; do echo "n,$n" > "$OUTPUT_DIR/t$n.csv"; done
```

Made.

# Make two of a name

```bash
# The first one
echo one > "$OUTPUT_DIR/a.txt"
```

```python
# The second one
import os
open(os.environ["OUTPUT_DIR"] + "/a.txt", "w").write("two\n")
```

Made.

# Make three

```bash
for n in 1 2 3; do echo $n > "$OUTPUT_DIR/$n.txt"; done
```

Made.

# Say hello

Hello.
"#;

fn artifacts(rig: &Rig) -> Vec<Artifact> {
    Store::new(rig.directory.path(), 0, 0).artifacts()
}

/// What is in the folder, hidden files too.
fn entries(rig: &Rig) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(rig.files())
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn sha256(content: &str) -> String {
    Sha256::digest(content)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[tokio::test]
async fn many_files_are_shown_in_the_order_in_which_they_were_made() {
    let mut rig = Rig::start(SCRIPT).await;
    // The first to be asked for is the last to come.
    arm(&rig, "slow_start ms=150 path=/content").await;
    let ran = rig.cell("Make many").await;
    let paths: Vec<_> = ran
        .files()
        .iter()
        .map(|file| file["path"].as_str().unwrap().to_owned())
        .collect();
    let expected: Vec<_> = (1..=12)
        .map(|n| format!("claude_files/t{n:02}.csv"))
        .collect();
    assert_eq!(paths, expected);
    let saved: Vec<_> = artifacts(&rig).into_iter().map(|file| file.name).collect();
    assert_eq!(saved.len(), 12);
    assert!(saved.is_sorted(), "{saved:?}");
}

#[tokio::test]
async fn every_file_is_found_again_with_the_code_that_made_it() {
    let mut rig = Rig::start(SCRIPT).await;
    rig.cell("Say hello").await;
    // The first file comes last, and still has the name to itself.
    arm(&rig, "slow_start ms=150 path=/content").await;
    let ran = rig.cell("Make two of a name").await;
    let known = artifacts(&rig);
    assert_eq!(known.len(), 2, "{known:?}");
    // The ids stand in the next request, not in the notebook.
    rig.cell("Say hello").await;
    let bodies = crate::support::rig::asked(&rig).await;
    let messages = bodies.last().unwrap()["messages"].as_array().unwrap();
    let calls: Vec<String> = messages
        .iter()
        .flat_map(|message| message["content"].as_array().cloned().unwrap_or_default())
        .filter(|block| block["type"] == "server_tool_use")
        .map(|block| block["id"].as_str().unwrap().to_owned())
        .collect();
    for (at, (name, content, title, code)) in [
        ("a.txt", "one\n", "The first one", "# The first one\necho one > \"$OUTPUT_DIR/a.txt\""),
        (
            "a-2.txt",
            "two\n",
            "The second one",
            "# The second one\nimport os\nopen(os.environ[\"OUTPUT_DIR\"] + \"/a.txt\", \"w\").write(\"two\\n\")",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let artifact = &known[at];
        assert_eq!(std::fs::read_to_string(rig.files().join(name)).unwrap(), content);
        assert_eq!((artifact.name.as_str(), artifact.sha256.as_str()), (name, sha256(content).as_str()));
        assert_eq!((artifact.size_bytes, artifact.mime_type.as_str()), (4, "text/plain"));
        let origin = Origin {
            count: 2,
            step: u32::try_from(at).unwrap() + 1,
            tool_use_id: calls[at].clone(),
            title: title.to_owned(),
            code_sha256: artifact.origin.code_sha256.clone(),
        };
        assert_eq!(artifact.origin, origin);
        let with_break = format!("{code}\n");
        assert!(
            [sha256(code), sha256(&with_break)].contains(&artifact.origin.code_sha256),
            "the code as it is shown"
        );
        let shown = &ran.files()[at];
        assert_eq!(shown["sha256"], artifact.sha256);
        assert_eq!(shown["step"], artifact.origin.step);
    }
    // A second run makes the same files: each is kept once.
    let again = rig.cell("Make two of a name").await;
    let paths: Vec<_> = again
        .files()
        .iter()
        .map(|file| file["path"].clone())
        .collect();
    assert_eq!(paths, ["claude_files/a.txt", "claude_files/a-2.txt"]);
    assert_eq!(entries(&rig), [".index.jsonl", "a-2.txt", "a.txt"]);
    assert!(artifacts(&rig).iter().all(|file| file.origin.count == 4));
}

#[tokio::test]
async fn a_download_that_fails_is_a_line_and_the_others_come() {
    for (fault, path) in [
        ("fail_download status=404", "/content"),
        ("status status=403 path=/v1/files/", "/v1/files/"),
        ("reset times=3 path=/content", "/content"),
    ] {
        let mut rig = Rig::start(SCRIPT).await;
        arm(&rig, fault).await;
        let ran = rig.cell("Make three").await;
        assert_eq!(ran.reply()["status"], "ok", "{fault}: {}", ran.transcript());
        let text = ran.text();
        assert!(text.contains("Made."), "{fault}: {text}");
        let shown = ran.files();
        assert_eq!(shown.len(), 3, "{fault}: {text}");
        if !fault.starts_with("reset") {
            assert_eq!(
                text.matches("could not be saved").count(),
                1,
                "{fault}: {text}"
            );
            assert!(shown[0]["error"].is_string(), "{path}: {shown:?}");
            assert_eq!(entries(&rig), [".index.jsonl", "2.txt", "3.txt"], "{fault}");
        }
        let next = rig.cell("Say hello").await;
        assert!(next.text().contains("Hello."), "{}", next.text());
    }
}

#[tokio::test]
async fn a_download_is_tried_again() {
    let mut rig = Rig::start(SCRIPT).await;
    arm(&rig, "fail_download status=529 retry_after_ms=1 times=4").await;
    arm(
        &rig,
        "status status=500 retry_after_ms=1 path=/v1/files/ times=2",
    )
    .await;
    let ran = rig.cell("Make three").await;
    assert!(!ran.text().contains("could not be saved"), "{}", ran.text());
    assert_eq!(entries(&rig), [".index.jsonl", "1.txt", "2.txt", "3.txt"]);
}

#[tokio::test]
async fn an_interrupt_while_files_come_ends_the_cell_and_leaves_no_half_a_file() {
    let mut rig = Rig::start(SCRIPT).await;
    arm(&rig, "slow_start ms=600000 path=/content times=9").await;
    for (round, asks) in [Asks::Lab, Asks::Batch].into_iter().enumerate() {
        let cell = rig.send_as(asks, "Make many").await;
        let asked = loop {
            let requests = rig.emulator.faults().requests().await.unwrap();
            let of_files = requests
                .iter()
                .filter(|request| request.target.starts_with("/v1/files/"));
            let (content, about): (Vec<_>, Vec<_>) =
                of_files.partition(|request| request.target.ends_with("/content"));
            if content.len() == 4 * (round + 1) {
                break about.len();
            }
            tokio::task::yield_now().await;
        };
        assert_eq!(asked, 4 * (round + 1), "of twelve files four at once");
        rig.front_end
            .send(Channel::Control, "interrupt_request", json!({}))
            .await
            .unwrap();
        let ran = rig.until_idle(&cell).await;
        let reply = ran.execute_reply();
        assert_eq!(reply["ename"], "KeyboardInterrupt");
        assert_eq!(entries(&rig), Vec::<String>::new());
    }
    rig.emulator.faults().clear().await.unwrap();
    let next = rig.cell("Make three").await;
    assert_eq!(next.reply()["status"], "ok", "{}", next.transcript());
    assert_eq!(entries(&rig), [".index.jsonl", "1.txt", "2.txt", "3.txt"]);
}
