//! Commands, cells and edits in a container: what they leave behind.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use claude_kernel::emulator::sandbox::{Limits, Outcome, heredoc};
use claude_kernel::emulator::script::Edit;
use serde_json::json;

use super::place::{MACHINES, Place, sandbox};

fn names(files: &[PathBuf]) -> Vec<String> {
    let name = |file: &PathBuf| file.file_name().unwrap().to_string_lossy().into_owned();
    files.iter().map(name).collect()
}

#[tokio::test]
async fn a_command_runs_on_every_machine() {
    for missing in MACHINES {
        let mut place = Place::without(Limits::default(), missing);
        let outcome = place.bash("echo hi; echo oops >&2; exit 3").await;
        let expected = Outcome {
            stdout: "hi\n".into(),
            stderr: "oops\n".into(),
            return_code: 3,
            files: Vec::new(),
        };
        assert_eq!(outcome, expected, "{missing:?}");
        assert_eq!(place.bash("kill -SEGV $$").await.return_code, 139);
        assert_eq!(place.bash("no-such-program").await.return_code, 127);
        assert_eq!(place.said("cat; echo end").await, "end\n");
        assert_eq!(place.said("python3 -c 'print(6 * 7)'").await, "42\n");
    }
}

#[tokio::test]
async fn files_stay_and_the_output_directory_is_fresh() {
    for missing in MACHINES {
        let mut place = Place::without(Limits::default(), missing);
        place
            .said("echo 1 > kept; echo 2 > $TMPDIR/also; echo 3 > $OUTPUT_DIR/b.txt; pwd > where")
            .await;
        let outcome = place
            .bash("cat kept $TMPDIR/also; ls $OUTPUT_DIR; [ $(cat where) = $HOME ]; echo 4 > $OUTPUT_DIR/a.txt")
            .await;
        assert_eq!(outcome.stdout, "1\n2\n");
        assert_eq!(
            (outcome.return_code, names(&outcome.files)),
            (0, vec!["a.txt".into()])
        );
        assert_eq!(fs::read_to_string(&outcome.files[0]).unwrap(), "4\n");
    }
}

#[tokio::test]
async fn only_plain_files_at_the_top_are_collected() {
    let mut place = Place::new();
    let secret = place.directory.path().join("secret");
    fs::write(&secret, "secret").unwrap();
    let command = format!(
        "cd $OUTPUT_DIR; ln -s {} link; ln -s / root; mkfifo pipe; mkdir deep; echo x > deep/x; \
         echo y > 'a b.txt'; echo z > .hidden; chmod 000 deep .hidden; chmod 500 .",
        secret.display()
    );
    let outcome = place.bash(&command).await;
    assert_eq!(outcome.stderr, "");
    assert_eq!(names(&outcome.files), [".hidden", "a b.txt"]);
    assert_eq!(fs::read_to_string(&outcome.files[0]).unwrap(), "z\n");
    assert_eq!(place.said("ls -A $OUTPUT_DIR").await, "");
    let files = outcome.files;
    let directory = place.directory;
    drop(place.container);
    // Removed on a thread of its own.
    for _ in 0..1500 {
        if !files[0].exists() && fs::read_dir(directory.path()).unwrap().count() == 1 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert!(!files[0].exists());
    assert_eq!(
        fs::read_dir(directory.path()).unwrap().count(),
        1,
        "the secret stays"
    );
}

#[tokio::test]
async fn too_large_or_too_many_files() {
    let limits = Limits {
        file_bytes: 100_000,
        files: 2,
        ..Limits::default()
    };
    let mut place = Place::with(limits);
    let error = place
        .container
        .bash("head -c 150000 /dev/zero > $OUTPUT_DIR/big")
        .await
        .unwrap_err();
    assert_eq!(error.code, "output_file_too_large");
    let outcome = place.bash("head -c 250000 /dev/zero > bigger").await;
    assert_ne!(outcome.return_code, 0);
    assert_eq!(place.said("stat -c %s bigger").await, "200000\n");
    let outcome = place.bash("cd $OUTPUT_DIR; touch c b a").await;
    assert_eq!(names(&outcome.files), ["a", "b"]);
    assert_eq!(
        outcome.stderr,
        "[$OUTPUT_DIR: 2 files were kept, 1 were not]\n"
    );
}

#[tokio::test]
async fn variables_are_read_but_never_followed() {
    let mut place = Place::new();
    place
        .said("printf 'n=1\\nmean = 4.5 \\r\\nbad name=x\\nnothing\\n' >> $SCRIPT_VARS")
        .await;
    place.said("echo n=2=3 >> $SCRIPT_VARS").await;
    let found: Vec<_> = place.container.variables().into_iter().collect();
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(found, [pair("mean", " 4.5"), pair("n", "2=3")]);
    let secret = place.directory.path().join("secret");
    fs::write(&secret, "key=value\n").unwrap();
    let link = format!("rm $SCRIPT_VARS; ln -s {} $SCRIPT_VARS", secret.display());
    place.said(&link).await;
    assert!(place.container.variables().is_empty());
    place.said("rm $SCRIPT_VARS; mkfifo $SCRIPT_VARS").await;
    assert!(place.container.variables().is_empty());
}

#[tokio::test]
async fn python_goes_in_as_it_is() {
    let mut place = Place::new();
    let code = r#"text = r"""
EOF
EOF_
$HOME `id` \
"""
print(text.count("EOF"), repr(text[-13:]))"#;
    let expected = "2 '$HOME `id` \\\\\\n'\n";
    assert_eq!(place.said(&heredoc(code)).await, expected);
}

#[tokio::test]
async fn a_command_longer_than_an_argument_may_be() {
    let mut place = Place::new();
    let data = "0123456789\n".repeat(50_000);
    let command = format!("wc -c <<'END'\n{data}END\nnot-a-program");
    let outcome = place.bash(&command).await;
    assert_eq!(
        (outcome.stdout.as_str(), outcome.return_code),
        ("550000\n", 127)
    );
    assert!(
        outcome.stderr.starts_with("bash: line "),
        "{}",
        outcome.stderr
    );
    assert!(place.container.bash("a\0b").await.is_err());
}

#[tokio::test]
async fn the_start_and_the_end_of_a_long_output_stay() {
    let limits = Limits {
        output_bytes: 20,
        ..Limits::default()
    };
    let mut place = Place::with(limits);
    assert_eq!(
        place.said("seq 1000").await,
        "1\n2\n3\n4\n5\n\n[… 3873 bytes left out …]\n\n999\n1000\n"
    );
    assert_eq!(place.said("printf '\\xff\\xfe'").await, "\u{fffd}\u{fffd}");
}

#[tokio::test]
async fn inputs_are_read_not_written() {
    let given = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&given, "x,y\n").unwrap();
    for missing in MACHINES {
        let mut place = Place::without(Limits::default(), missing);
        let path = place
            .container
            .add_input("../../a b.csv", given.path())
            .unwrap();
        assert_eq!(path, "$INPUT_DIR/a b.csv");
        assert_eq!(place.said(&format!("cat \"{path}\"")).await, "x,y\n");
        let outcome = place.bash("echo z >> \"$INPUT_DIR/a b.csv\"").await;
        assert_eq!(outcome.return_code, 1, "{missing:?}");
        assert!(place.container.add_input("..", given.path()).is_err());
        assert!(place.container.add_input("a/", given.path()).is_err());
    }
}

#[tokio::test]
async fn the_text_editor() {
    for missing in MACHINES {
        let mut place = Place::without(Limits::default(), missing);
        let create = |text: &str| Edit::Create {
            path: "notes/a.txt".into(),
            text: text.into(),
        };
        let view = |path: &str| Edit::View { path: path.into() };
        let replace = |old: &str, new: &str| Edit::Replace {
            path: "notes/a.txt".into(),
            old: old.into(),
            new: new.into(),
        };
        let mut results = Vec::new();
        for edit in [
            create("one\n"),
            create("one\ntwo\nthree\nthree\n"),
            replace("two\n", "2\nand a half\n"),
            view("notes/a.txt"),
            view("notes"),
        ] {
            let outcome = place.container.edit(&edit).await.unwrap();
            results.push(serde_json::to_value(outcome).unwrap());
        }
        let kind = |name: &str| format!("text_editor_code_execution_{name}_result");
        assert_eq!(
            results,
            [
                json!({"type": kind("create"), "is_file_update": false}),
                json!({"type": kind("create"), "is_file_update": true}),
                json!({"type": kind("str_replace"), "old_start": 1, "old_lines": 4, "new_start": 1,
                       "new_lines": 5, "lines": [" one", "-two", "+2", "+and a half", " three", " three"]}),
                json!({"type": kind("view"), "file_type": "text",
                       "content": "one\n2\nand a half\nthree\nthree", "num_lines": 5,
                       "start_line": 1, "total_lines": 5}),
                json!({"type": kind("view"), "file_type": "text", "content": "a.txt",
                       "num_lines": 1, "start_line": 1, "total_lines": 1}),
            ]
        );
        let mut codes = Vec::new();
        place.said("mkfifo pipe").await;
        for edit in [
            view("nothing"),
            view("pipe"),
            replace("three", "3"),
            replace("four", "4"),
            replace("", "5"),
        ] {
            codes.push(place.container.edit(&edit).await.unwrap_err().code);
        }
        let invalid = "invalid_tool_input";
        assert_eq!(
            codes,
            ["file_not_found", invalid, invalid, invalid, invalid]
        );
        assert_eq!(place.said("sed -n 2p notes/a.txt").await, "2\n");
    }
}

#[tokio::test]
async fn the_interpreter_remembers() {
    for missing in MACHINES {
        let mut place = Place::without(Limits::default(), missing);
        assert_eq!(place.repl("x = 20").await, Outcome::default());
        let outcome = place
            .repl("import os, subprocess, sys\nprint('out'); print('err', file=sys.stderr)\n\
                   subprocess.run(['echo', 'child'])\nopen(os.environ['OUTPUT_DIR'] + '/f', 'w').write('1')\n\
                   x + 1")
            .await;
        assert_eq!((outcome.stderr.as_str(), outcome.return_code), ("err\n", 0));
        assert_eq!(names(&outcome.files), ["f"]);
        assert!(outcome.stdout.contains("child\n"), "{}", outcome.stdout);
        assert!(outcome.stdout.ends_with("21\n"), "{}", outcome.stdout);
        assert_eq!(place.said("ls $OUTPUT_DIR").await, "");
        let outcome = place
            .repl(
                "import asyncio\nawait asyncio.sleep(0, (os.listdir(os.environ['OUTPUT_DIR']), x))",
            )
            .await;
        assert_eq!(outcome.stdout, "([], 20)\n");
    }
}

#[tokio::test]
async fn a_failed_cell_is_an_outcome() {
    let mut place = Place::new();
    let outcome = place.repl("def f():\n    return 1 / 0\n\nf()").await;
    assert_eq!(outcome.return_code, 1);
    assert_eq!(
        outcome.stderr,
        "Traceback (most recent call last):\n  File \"<cell 1>\", line 4, in <module>\n    f()\n  \
         File \"<cell 1>\", line 2, in f\n    return 1 / 0\n           ~~^~~\nZeroDivisionError: \
         division by zero\n"
    );
    let outcome = place.repl("x +").await;
    assert!(
        outcome.stderr.starts_with("  File \"<cell 2>\", line 1\n"),
        "{}",
        outcome.stderr
    );
    assert_eq!(
        place
            .repl("y = 5\nimport sys\nsys.exit(3)")
            .await
            .return_code,
        3
    );
    assert_eq!(place.repl("y").await.stdout, "5\n");
    // A cell that takes the outputs away does not take them from the next one.
    let outcome = place
        .repl("import os; os.close(1); os.close(2); input()")
        .await;
    assert_eq!(outcome.return_code, 1);
    assert_eq!(place.repl("y").await.stdout, "5\n");
}

#[tokio::test]
async fn an_interpreter_that_is_gone_starts_afresh() {
    let limits = Limits {
        cell: Duration::from_secs(5),
        ..Limits::default()
    };
    let mut place = Place::with(limits);
    place.repl("x = 1").await;
    let outcome = place.repl("print('last'); import os; os._exit(4)").await;
    assert_eq!(outcome.return_code, 4);
    assert_eq!(
        outcome.stderr,
        "[the interpreter ended (it exited); the next cell starts a new one]\n"
    );
    assert_eq!(place.repl("'x' in globals()").await.stdout, "False\n");
    let outcome = place.repl("x = 2\nwhile True: pass").await;
    assert!(
        outcome.stderr.starts_with("detection_timeout: "),
        "{}",
        outcome.stderr
    );
    assert_ne!(outcome.return_code, 0);
    assert_eq!(place.repl("'x' in globals()").await.stdout, "False\n");
}

/// What the notebooks need: the packages, their threads and caches, a picture.
#[tokio::test]
async fn data_science_runs_confined() {
    const CODE: &str = "
import os
import matplotlib.pyplot as plt, numpy as np, pandas as pd
from sklearn.ensemble import RandomForestClassifier
rng = np.random.default_rng(1)
frame = pd.DataFrame(rng.normal(size=(200, 4)), columns=list('abcd'))
model = RandomForestClassifier(20, n_jobs=2, random_state=0).fit(frame, frame.a > 0)
frame.plot()
plt.savefig(os.path.join(os.environ['OUTPUT_DIR'], 'figure.png'))
print(model.score(frame, frame.a > 0), np.linalg.inv(np.eye(300)).sum())
";
    for missing in [MACHINES[0], MACHINES[3]] {
        let mut place = Place::without(Limits::default(), missing);
        let outcome = place.bash(&heredoc(CODE)).await;
        assert_eq!(
            outcome.stdout, "1.0 300.0\n",
            "{missing:?}: {}",
            outcome.stderr
        );
        assert_eq!(names(&outcome.files), ["figure.png"]);
        let png = fs::read(&outcome.files[0]).unwrap();
        assert!(png.starts_with(b"\x89PNG") && png.len() > 5_000);
    }
}

#[tokio::test]
async fn a_container_needs_a_name_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let sandbox = sandbox(Limits::default());
    for bad in ["", "..", "a/b", "/tmp", "."] {
        assert!(sandbox.container(bad, directory.path()).is_err(), "{bad}");
    }
    let _first = sandbox.container("same", directory.path()).unwrap();
    assert!(sandbox.container("same", directory.path()).is_err());
}

#[tokio::test]
async fn without_a_binary_or_python() {
    let directory = tempfile::tempdir().unwrap();
    let mut sandbox = sandbox(Limits::default());
    sandbox.python = Some("/nowhere/python3".into());
    let mut container = sandbox.container("a", directory.path()).unwrap();
    assert_eq!(
        container.repl("1", &[]).await.unwrap_err().code,
        "unavailable"
    );
    assert_eq!(container.bash("true").await.unwrap().return_code, 0);
    sandbox.command = "/nowhere/claude-kernel".into();
    let mut container = sandbox.container("b", directory.path()).unwrap();
    let error = container.bash("true").await.unwrap_err();
    assert_eq!(error.code, "unavailable");
    assert!(error.message.contains("/nowhere/claude-kernel"), "{error}");
}
