//! `install`, `list`, `uninstall`: round trips through every flag, and what they refuse.

use std::fs;
use std::path::Path;

use expect_test::expect;
use serde_json::json;

use super::{BINARY, Machine, USER_KERNELS};

const FILES: [&str; 4] = [
    "kernel.json",
    "logo-32x32.png",
    "logo-64x64.png",
    "logo-svg.svg",
];

fn binary() -> String {
    let path = Path::new(BINARY).canonicalize().unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_user_installs_looks_and_uninstalls() {
    let machine = Machine::new();
    machine.check(
        &["install"],
        &expect![[r#"
            Installed kernelspec `claude` in $USER/claude
            It starts $BIN
            With it: JupyterLab extension in $T/home/.local/share/jupyter/labextensions/claude-kernel
            With it: nbconvert template `claude` in $T/home/.local/share/jupyter/nbconvert/templates/claude
            Next: set ANTHROPIC_API_KEY where you start Jupyter, open a notebook and pick `Claude`.
            `claude-kernel doctor` checks the rest.
        "#]],
    );
    assert_eq!(machine.names(&format!("{USER_KERNELS}/claude")), FILES);
    assert_eq!(
        machine.spec(USER_KERNELS, "claude"),
        json!({
            "argv": [binary(), "run", "-f", "{connection_file}", "--jupyter-prefix", "{prefix}"],
            "display_name": "Claude",
            "language": "claude",
            "interrupt_mode": "message",
            "env": {},
            "kernel_protocol_version": "5.4",
            "metadata": {"claude_kernel": {"version": env!("CARGO_PKG_VERSION")}},
        })
    );
    machine.check(
        &["list"],
        &expect![[r#"
            claude  "Claude"  (Claude API)
              spec    $USER/claude
              binary  $BIN
              ok
            JupyterLab extension in $T/home/.local/share/jupyter/labextensions/claude-kernel
            nbconvert template `claude` in $T/home/.local/share/jupyter/nbconvert/templates/claude
        "#]],
    );
    machine.check(
        &["install", "--user"],
        &expect![[r#"
            Replaced kernelspec `claude` in $USER/claude
            It starts $BIN
            With it: JupyterLab extension in $T/home/.local/share/jupyter/labextensions/claude-kernel
            With it: nbconvert template `claude` in $T/home/.local/share/jupyter/nbconvert/templates/claude
            Next: set ANTHROPIC_API_KEY where you start Jupyter, open a notebook and pick `Claude`.
            `claude-kernel doctor` checks the rest.
        "#]],
    );
    machine.check(
        &["uninstall"],
        &expect![[r#"
            Removed kernelspec `claude` from $USER/claude
            Removed the JupyterLab extension from $T/home/.local/share/jupyter/labextensions/claude-kernel
            Removed the nbconvert template `claude` from $T/home/.local/share/jupyter/nbconvert/templates/claude
        "#]],
    );
    assert!(machine.names(USER_KERNELS).is_empty());
    machine.check(
        &["uninstall"],
        &expect![[r#"
        exit Some(1)
        ! error: there is no kernelspec at `$USER/claude`
        ! hint: `claude-kernel list` shows where ours are; name the place as you did for `install`
    "#]],
    );
}

#[test]
fn the_offline_kernel_has_a_language_of_its_own_and_its_prefixs_python() {
    let machine = Machine::new();
    let bin = machine.path("env/bin");
    fs::create_dir_all(&bin).unwrap();
    fs::copy(BINARY, bin.join("python")).unwrap();
    let prefix = machine.path("env");
    machine.check(
        &["install", "--offline", "--prefix", prefix.to_str().unwrap()],
        &expect![[r#"
            Installed kernelspec `claude-offline` in $T/env/share/jupyter/kernels/claude-offline
            It starts $BIN
            Python in its sandbox: $T/env/bin/python
            With it: JupyterLab extension in $T/env/share/jupyter/labextensions/claude-kernel
            With it: nbconvert template `claude` in $T/env/share/jupyter/nbconvert/templates/claude
            Next: open a notebook and pick `Claude (offline)`. It answers from scripts and runs the
            code in your prompts; no model is called. `claude-kernel doctor` checks the sandbox.
        "#]],
    );
    assert_eq!(
        machine.spec("env/share/jupyter/kernels", "claude-offline"),
        json!({
            "argv": [
                binary(), "run", "-f", "{connection_file}", "--offline",
                "--python", machine.path("env/bin/python"), "--jupyter-prefix", "{prefix}",
            ],
            "display_name": "Claude (offline)",
            "language": "claude-offline",
            "interrupt_mode": "message",
            "env": {},
            "kernel_protocol_version": "5.4",
            "metadata": {"claude_kernel": {"version": env!("CARGO_PKG_VERSION")}},
        })
    );
    machine.check(
        &["uninstall", "--offline", "--prefix", "env"],
        &expect![[r#"
            Removed kernelspec `claude-offline` from $T/env/share/jupyter/kernels/claude-offline
            Removed the JupyterLab extension from $T/env/share/jupyter/labextensions/claude-kernel
            Removed the nbconvert template `claude` from $T/env/share/jupyter/nbconvert/templates/claude
        "#]],
    );
}

#[test]
fn every_flag_reaches_the_file() {
    let mut machine = Machine::new();
    machine.set("JUPYTER_DATA_DIR", machine.path("data"));
    let ran = machine.run(&[
        "install",
        "--offline",
        "--name",
        "My.Claude",
        "--display-name",
        "Mine \"quoted\" ü",
        "--env",
        "CLAUDE_KERNEL_MODEL=claude-haiku-4-5",
        "--env",
        "ANTHROPIC_BASE_URL=http://127.0.0.1:1/a=b",
        "--env",
        "ANTHROPIC_API_KEY=${TEAM_KEY}",
        "--python",
        BINARY,
        "--quiet",
    ]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    assert_eq!(
        ran.stdout,
        "Installed kernelspec `my.claude` in $T/data/kernels/my.claude\n"
    );
    let spec = machine.spec("data/kernels", "my.claude");
    assert_eq!(spec["display_name"], "Mine \"quoted\" ü");
    assert_eq!(
        spec["env"],
        json!({
            "CLAUDE_KERNEL_MODEL": "claude-haiku-4-5",
            "ANTHROPIC_BASE_URL": "http://127.0.0.1:1/a=b",
            "ANTHROPIC_API_KEY": "${TEAM_KEY}",
        })
    );
    let argv = spec["argv"].as_array().unwrap();
    assert_eq!(argv[5..7], [json!("--python"), json!(BINARY)]);
}

#[test]
fn j13_installing_again_keeps_what_was_set_and_says_so() {
    let machine = Machine::new();
    let first = machine.run(&[
        "install",
        "--display-name",
        "Claude EU",
        "--env",
        "A=1",
        "--env",
        "B=2",
        "--quiet",
    ]);
    assert_eq!(first.code, Some(0));
    let again = machine.run(&["install", "--env", "B=3", "--quiet"]);
    assert_eq!(
        again.stdout,
        "Replaced kernelspec `claude` in $USER/claude\n\
         Kept from before: --display-name 'Claude EU' --env A=…; `claude-kernel uninstall --name claude` first to drop it\n"
    );
    let spec = machine.spec(USER_KERNELS, "claude");
    assert_eq!(spec["display_name"], "Claude EU");
    assert_eq!(spec["env"], json!({"A": "1", "B": "3"}));
    let renamed = machine.run(&["install", "--display-name", "Other", "--quiet"]);
    assert!(
        renamed
            .stdout
            .contains("Kept from before: --env A=… --env B=…;"),
        "{}",
        renamed.stdout
    );
    assert_eq!(
        machine.spec(USER_KERNELS, "claude")["display_name"],
        "Other"
    );
    // The other kernel does not get the usual name of this one.
    machine.run(&["install", "--name", "x", "--quiet"]);
    let other = machine.run(&["install", "--name", "x", "--offline", "--quiet"]);
    assert!(!other.stdout.contains("Kept"), "{}", other.stdout);
    assert_eq!(
        machine.spec(USER_KERNELS, "x")["display_name"],
        "Claude (offline)"
    );
}

#[test]
fn the_place_follows_jupyters_variables() {
    for (name, value, expected) in [
        ("JUPYTER_DATA_DIR", "data", "data/kernels"),
        #[cfg(target_os = "linux")]
        ("XDG_DATA_HOME", "xdg", "xdg/jupyter/kernels"),
    ] {
        let mut machine = Machine::new();
        machine.set(name, machine.path(value));
        assert_eq!(machine.run(&["install"]).code, Some(0), "{name}");
        assert_eq!(machine.names(expected), ["claude"], "{name}");
    }
    for name in ["VIRTUAL_ENV", "CONDA_PREFIX"] {
        let mut machine = Machine::new();
        machine.set(name, machine.path("env"));
        assert_eq!(
            machine.run(&["install", "--sys-prefix"]).code,
            Some(0),
            "{name}"
        );
        assert_eq!(
            machine.names("env/share/jupyter/kernels"),
            ["claude"],
            "{name}"
        );
    }
}

#[cfg(unix)]
#[test]
fn without_an_active_environment_sys_prefix_asks_python() {
    let mut machine = Machine::new();
    machine.check(&["install", "--sys-prefix"], &expect![[r#"
        exit Some(1)
        ! error: `--sys-prefix` found no environment: neither VIRTUAL_ENV nor CONDA_PREFIX is set, and no `python3` answers
        ! hint: activate the environment first, or name it: `--prefix PREFIX`
    "#]]);
    let bin = machine.path("bin");
    fs::create_dir(&bin).unwrap();
    script(
        &bin.join("python3"),
        &format!("echo {}", machine.path("asked").display()),
    );
    machine.set("PATH", &bin);
    assert_eq!(machine.run(&["install", "--sys-prefix"]).code, Some(0));
    assert_eq!(machine.names("asked/share/jupyter/kernels"), ["claude"]);
}

#[test]
fn secrets_are_refused_and_never_repeated() {
    let machine = Machine::new();
    for assignment in [
        "ANTHROPIC_API_KEY=hunter2-value",
        "MY_TOKEN=hunter2-value",
        "db_password=hunter2-value",
        "PLAIN=sk-ant-hunter2-value",
        "HTTPS_PROXY=http://me:hunter2-value@proxy:1",
        "=hunter2-value",
        "A B=hunter2-value",
    ] {
        let ran = machine.run(&["install", "--env", assignment]);
        assert_eq!(ran.code, Some(2), "{assignment}: {ran:?}");
        assert!(
            !format!("{ran:?}").contains("hunter2"),
            "{assignment}: {ran:?}"
        );
    }
    // Without the `=` all of it may be the secret.
    let ran = machine.run(&["install", "--env", "sk-ant-hunter2-value"]);
    assert_eq!(ran.code, Some(2));
    assert!(!format!("{ran:?}").contains("hunter2"), "{ran:?}");
    assert!(!machine.path(USER_KERNELS).exists(), "nothing was written");
    machine.check(
        &["install", "--env", "ANTHROPIC_API_KEY=x"],
        &expect![[r#"
            exit Some(2)
            ! error: `--env ANTHROPIC_API_KEY=…` looks like a secret, and everybody can read a kernelspec
            ! hint: set ANTHROPIC_API_KEY where you start Jupyter; the kernel inherits it
        "#]],
    );
}

#[test]
fn what_is_not_ours_is_neither_replaced_nor_removed() {
    let machine = Machine::new();
    let dir = machine.path(USER_KERNELS).join("claude");
    fs::create_dir_all(&dir).unwrap();
    let theirs = r#"{"argv": ["/usr/bin/other"], "display_name": "Claude", "language": "x"}"#;
    for content in [theirs, "{ not json"] {
        fs::write(dir.join("kernel.json"), content).unwrap();
        assert_eq!(machine.run(&["install"]).code, Some(1));
        assert_eq!(machine.run(&["uninstall"]).code, Some(1));
        assert_eq!(
            fs::read_to_string(dir.join("kernel.json")).unwrap(),
            content
        );
    }
    machine.check(
        &["install"],
        &expect![[r#"
        exit Some(1)
        ! error: `$USER/claude` holds a kernelspec that is not ours
        ! hint: choose another name with `--name NAME`, or replace it with `--force`
    "#]],
    );
    machine.check(
        &["uninstall"],
        &expect![[r#"
        exit Some(1)
        ! error: the kernelspec at `$USER/claude` is not ours; left as it is
        ! hint: `jupyter kernelspec remove claude` removes any kernelspec
    "#]],
    );
    assert_eq!(machine.run(&["install", "--force"]).code, Some(0));
    assert_eq!(machine.spec(USER_KERNELS, "claude")["language"], "claude");
    // A file of somebody else beside ours stays.
    fs::write(dir.join("kernel.js"), "theirs").unwrap();
    machine.check(
        &["uninstall"],
        &expect![[r#"
            Removed kernelspec `claude` from $USER/claude
            Files that are not ours were left there
            Removed the JupyterLab extension from $T/home/.local/share/jupyter/labextensions/claude-kernel
            Removed the nbconvert template `claude` from $T/home/.local/share/jupyter/nbconvert/templates/claude
        "#]],
    );
    assert_eq!(
        machine.names(&format!("{USER_KERNELS}/claude")),
        ["kernel.js"]
    );
}

#[test]
fn list_tells_what_jupyter_would_trip_over() {
    let mut machine = Machine::new();
    machine.set("JUPYTER_PATH", machine.path("first"));
    assert_eq!(machine.run(&["install"]).code, Some(0));
    let first = machine.path("first/kernels/claude");
    fs::create_dir_all(&first).unwrap();
    fs::write(
        first.join("kernel.json"),
        r#"{"argv": ["/gone/claude-kernel", "run", "-f", "x", "--offline", "--python", "/gone/python"], "display_name": "Old", "language": "claude"}"#,
    )
    .unwrap();
    let wheel = machine.path("first/kernels/wheel");
    fs::create_dir_all(&wheel).unwrap();
    fs::write(
        wheel.join("kernel.json"),
        r#"{"argv": ["claude-kernel"], "display_name": "Wheel", "language": "claude"}"#,
    )
    .unwrap();
    machine.check(
        &["list"],
        &expect![[r#"
            claude  "Old"  (offline)
              spec    $T/first/kernels/claude
              binary  /gone/claude-kernel
              python  /gone/python
              warn    `/gone/claude-kernel` is not there: run `claude-kernel install` again, with the same flags
              warn    the sandbox's Python `/gone/python` is not there: install again with `--python PATH`
            wheel  "Wheel"  (Claude API)
              spec    $T/first/kernels/wheel
              binary  claude-kernel
              warn    `claude-kernel` is not on PATH: start Jupyter from the environment it was installed into
            claude  "Claude"  (Claude API)
              spec    $USER/claude
              binary  $BIN
              warn    hidden by $T/first/kernels/claude, which Jupyter finds first: remove one of them, or give one another `--name`
            no JupyterLab extension in $T/first/labextensions/claude-kernel (prompts do not wrap): `claude-kernel install` adds it
            no nbconvert template `claude` in $T/first/nbconvert/templates/claude (pages show prompts as code): `claude-kernel install` adds it
            JupyterLab extension in $T/home/.local/share/jupyter/labextensions/claude-kernel
            nbconvert template `claude` in $T/home/.local/share/jupyter/nbconvert/templates/claude
        "#]],
    );
    machine.check(
        &["install"],
        &expect![[r#"
            Replaced kernelspec `claude` in $USER/claude
            It starts $BIN
            With it: JupyterLab extension in $T/home/.local/share/jupyter/labextensions/claude-kernel
            With it: nbconvert template `claude` in $T/home/.local/share/jupyter/nbconvert/templates/claude
            Note: Jupyter finds $T/first/kernels/claude first; remove it or use another `--name`
            Next: set ANTHROPIC_API_KEY where you start Jupyter, open a notebook and pick `Claude`.
            `claude-kernel doctor` checks the rest.
        "#]],
    );
}

#[cfg(unix)]
#[test]
fn the_path_that_leads_to_the_binary_is_recorded_not_the_place_it_leads_to() {
    let mut machine = Machine::new();
    let bin = machine.path("bin");
    fs::create_dir(&bin).unwrap();
    let link = bin.join("claude-kernel");
    std::os::unix::fs::symlink(BINARY, &link).unwrap();
    machine.set("PATH", &bin);
    assert_eq!(machine.run(&["install"]).code, Some(0));
    assert_eq!(
        machine.spec(USER_KERNELS, "claude")["argv"][0],
        link.to_str().unwrap()
    );
}

#[cfg(unix)]
#[test]
fn links_are_not_followed() {
    let machine = Machine::new();
    let elsewhere = machine.path("elsewhere");
    fs::create_dir_all(&elsewhere).unwrap();
    fs::create_dir_all(machine.path(USER_KERNELS)).unwrap();
    std::os::unix::fs::symlink(&elsewhere, machine.path(USER_KERNELS).join("claude")).unwrap();
    let ran = machine.run(&["install"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(machine.names("elsewhere").is_empty());
    // With `--force` it is written through; uninstalling takes the link, not the files.
    assert_eq!(machine.run(&["install", "--force"]).code, Some(0));
    assert_eq!(machine.names("elsewhere"), FILES);
    assert_eq!(machine.run(&["uninstall"]).code, Some(0));
    assert_eq!(machine.names("elsewhere"), FILES);
    assert!(machine.names(USER_KERNELS).is_empty());
}

#[test]
fn bad_arguments_are_one_sentence_each() {
    let machine = Machine::new();
    machine.check(
        &["install", "--name", "../x"],
        &expect![[r#"
        exit Some(2)
        ! error: `../x` cannot be a kernelspec's name
        ! hint: use letters, digits, `.`, `_` and `-`
    "#]],
    );
    machine.check(
        &["install", "--offline", "--python", "no-such"],
        &expect![[r#"
        exit Some(1)
        ! error: `--python no-such` is no program that can be run
        ! hint: give the path of an interpreter, such as `.venv/bin/python`
    "#]],
    );
    assert_eq!(machine.run(&["install", "--python", BINARY]).code, Some(2));
    assert_eq!(
        machine.run(&["install", "--user", "--sys-prefix"]).code,
        Some(2)
    );
    // A file where a directory must be.
    fs::write(machine.path("file"), "").unwrap();
    let ran = machine.run(&["install", "--prefix", "file"]);
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.stderr.starts_with("error: cannot write `$T/file/share"),
        "{ran:?}"
    );
}

/// Writes a program for `sh`.
#[cfg(unix)]
pub(super) fn script(path: &Path, body: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::write(path, format!("#!/bin/sh\n{body}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}
