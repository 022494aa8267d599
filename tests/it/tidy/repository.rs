//! What the repository must hold beside the code: documents, pinned requirements, the way CI runs;
//! and what it must not: traces of the machine it was written on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{MAY_IMPORT, read, root};

/// A file's path in the repository and its text; nothing if it is not text.
pub(super) fn text_of(file: &Path) -> Option<(String, String)> {
    let text = fs::read_to_string(file).ok()?;
    Some((file.strip_prefix(root()).ok()?.to_str()?.to_owned(), text))
}

/// The files git would commit: tracked or new, not ignored.
pub(super) fn repository_files() -> Vec<PathBuf> {
    let output = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(root())
        .output()
        .expect("git is needed to list the repository's files");
    assert!(output.status.success(), "git ls-files failed: {output:?}");
    String::from_utf8(output.stdout)
        .unwrap()
        .split('\0')
        .filter(|p| !p.is_empty())
        .map(|p| root().join(p))
        .filter(|p| p.is_file())
        .collect()
}

#[test]
fn features_are_listed_and_tls_is_rustls() {
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    let dependencies = manifest["dependencies"].as_table().unwrap();
    for name in [
        "zeromq",
        "tokio",
        "serde_json",
        "reqwest",
        "hmac",
        "sha2",
        "uuid",
        "chrono",
        "base64",
    ] {
        assert!(
            dependencies.contains_key(name),
            "`{name}` is one the user named"
        );
    }
    for name in ["zeromq", "reqwest", "axum", "rustls"] {
        assert_eq!(
            dependencies[name].get("default-features"),
            Some(&toml::Value::Boolean(false)),
            "`{name}`: list the features"
        );
    }
    for name in dependencies.keys() {
        assert!(
            !matches!(
                name.as_str(),
                "openssl" | "native-tls" | "mockall" | "wiremock"
            ),
            "`{name}` has no place here"
        );
    }
    let lock = read("Cargo.lock");
    assert!(!lock.contains("name = \"openssl-sys\""), "TLS is rustls");
    assert_eq!(
        manifest["lints"]["rust"]["unsafe_code"].as_str(),
        Some("forbid")
    );
}

#[test]
fn requirements_are_pinned() {
    for file in [
        "requirements.txt",
        "requirements-test.txt",
        "constraints.txt",
    ] {
        for line in read(file).lines() {
            let line = line.trim();
            if line.is_empty()
                || line.starts_with('#')
                || line.starts_with("-r ")
                || line.starts_with("-c ")
            {
                continue;
            }
            assert!(
                line.contains("=="),
                "{file}: `{line}` is not pinned with `==`"
            );
        }
    }
}

#[test]
fn documents_are_there_and_say_the_essential() {
    let readme = read("README.md");
    for needle in [
        "make demo",
        "make test",
        "<!-- magics:begin -->",
        "<!-- magics:end -->",
        "ANTHROPIC_API_KEY",
        "claude-kernel install --offline",
    ] {
        assert!(
            readme.contains(needle),
            "README.md does not mention `{needle}`"
        );
    }
    let architecture = read("ARCHITECTURE.md");
    assert!(
        architecture.lines().count() <= 150,
        "ARCHITECTURE.md is for reading in one go"
    );
    for (layer, _) in MAY_IMPORT {
        assert!(
            architecture.contains(layer),
            "ARCHITECTURE.md does not mention `{layer}`"
        );
    }
    assert!(read("LICENSE").starts_with("MIT License"));
    assert!(read("CHANGELOG.md").contains(concat!("## ", env!("CARGO_PKG_VERSION"))));
    assert!(read("CONTRIBUTING.md").contains("make test"));
    let makefile = read("Makefile");
    for target in ["demo:", "test:", "bench:", "clean:"] {
        assert!(
            makefile.lines().any(|l| l.starts_with(target)),
            "Makefile: no `{target}`"
        );
    }
}

#[cfg(unix)]
#[test]
fn ci_runs_make_test_and_nothing_else() {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(root().join(".ci/run"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o111, 0o111, ".ci/run is executable");
    let script = read(".ci/run");
    let commands: Vec<&str> = script
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty() && !l.starts_with('#'))
        .collect();
    assert_eq!(
        commands,
        [
            "set -euo pipefail",
            "cd \"$(dirname \"$0\")/..\"",
            "exec make test"
        ]
    );
}

#[test]
fn nothing_of_one_machine_is_in_the_repository() {
    // Assembled here, so that this file does not hold what it looks for.
    let needles: Vec<String> = [
        ["/ro", "ot/"],
        ["/wo", "rk/main"],
        ["/wo", "rk/shared"],
        ["/tmp", "/wt/"],
        ["/home", "/runner"],
        ["<<<", "<<<< "],
        [">>>", ">>>> "],
    ]
    .iter()
    .map(|halves| halves.concat())
    .collect();
    let mut complaints = Vec::new();
    for path in repository_files() {
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        for (number, line) in text.lines().enumerate() {
            for needle in &needles {
                let marker = needle.starts_with(['<', '>']);
                let hit = if marker {
                    line.starts_with(needle)
                } else {
                    line.contains(needle)
                };
                if hit {
                    complaints.push(format!("{}:{}: `{needle}`", path.display(), number + 1));
                }
            }
        }
    }
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}
