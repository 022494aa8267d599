//! `doctor`: what it finds on machines that are made wrong on purpose. The API is the emulator, a
//! port nobody listens on, or a server that is something else.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use claude_kernel::emulator::server::{self, EmulatorConfig};
use expect_test::{Expect, expect};

use super::{BINARY, Machine, Ran, USER_KERNELS};

const KEY: &str = "sk-ant-the-test-key";

/// Compares the report without what depends on the machine that runs the test: the sandbox, and what
/// processes of its user may see.
#[track_caller]
fn check(ran: &Ran, expected: &Expect) {
    let mut seen = format!("exit {:?}\n", ran.code);
    let mut is_skipped = false;
    for line in ran.stdout.lines() {
        let topic = line.split_whitespace().nth(1).unwrap_or_default();
        if !line.starts_with(' ') {
            is_skipped = matches!(topic, "sandbox" | "python" | "secrets");
        }
        if !is_skipped
            && !line.is_empty()
            && !line.contains(" failure")
            && !line.contains("No failures")
        {
            seen.push_str(line);
            seen.push('\n');
        }
    }
    seen.push_str(&ran.stderr);
    expected.assert_eq(&seen);
}

fn api_line(ran: &Ran) -> &str {
    let report = ran.stdout.as_str();
    let at = report
        .find("api  ")
        .unwrap_or_else(|| panic!("no line about the API: {report}"));
    let start = report[..at].rfind('\n').map_or(0, |n| n + 1);
    &report[start..]
}

#[test]
fn a_bare_machine_is_told_how_to_start_and_that_is_no_failure() {
    let machine = Machine::new();
    check(
        &machine.run(&["doctor"]),
        &expect![[r#"
            exit Some(0)
            warn  jupyter      there is no `jupyter` on PATH or beside this program; the usual directories were looked at
                               do: activate the environment that has Jupyter, or make one: `python3 -m venv ~/.venvs/jupyter && ~/.venvs/jupyter/bin/pip install jupyterlab`
            warn  kernelspec   Jupyter does not know the kernel yet
                               do: `claude-kernel install`, or `claude-kernel install --offline`
            ok    config       defaults; $T/home/.config/claude-kernel/config.toml would be read
            ok    log          $T/home/.local/state/claude-kernel/kernel.log
            warn  credentials  no credentials for the Claude API: without a key, pick Kernel → Change Kernel → Claude (offline), which `claude-kernel install --offline` adds; with one, set `ANTHROPIC_API_KEY` where you start Jupyter and start it again
        "#]],
    );
}

#[test]
fn the_sandbox_is_tried_for_real() {
    let machine = Machine::new();
    let report = machine.run(&["doctor"]).stdout;
    for topic in ["sandbox", "python"] {
        assert!(
            report
                .lines()
                .any(|l| l.split_whitespace().nth(1) == Some(topic)),
            "{topic}: {report}"
        );
    }
}

#[test]
fn a_dead_binary_and_a_hidden_kernelspec_are_found() {
    let mut machine = Machine::new();
    machine.set("JUPYTER_PATH", machine.path("first"));
    assert_eq!(machine.run(&["install", "--quiet"]).code, Some(0));
    let dead = machine.path("first/kernels/claude");
    fs::create_dir_all(&dead).unwrap();
    fs::write(
        dead.join("kernel.json"),
        r#"{"argv": ["/gone/claude-kernel"], "display_name": "Claude", "language": "claude"}"#,
    )
    .unwrap();
    check(
        &machine.run(&["doctor"]),
        &expect![[r#"
            exit Some(1)
            warn  jupyter      there is no `jupyter` on PATH or beside this program; the usual directories were looked at
                               do: activate the environment that has Jupyter, or make one: `python3 -m venv ~/.venvs/jupyter && ~/.venvs/jupyter/bin/pip install jupyterlab`
            fail  kernelspec   `claude` in $T/first/kernels/claude: `/gone/claude-kernel` is not there
                               do: run `claude-kernel install` again, with the same flags
            warn  kernelspec   `claude` in $USER/claude: hidden by $T/first/kernels/claude, which Jupyter finds first
                               do: remove one of them, or give one another `--name`
            ok    extras       no JupyterLab extension in $T/first/labextensions/claude-kernel (prompts do not wrap): `claude-kernel install` adds it
            ok    extras       no nbconvert template `claude` in $T/first/nbconvert/templates/claude (pages show prompts as code): `claude-kernel install` adds it
            ok    extras       JupyterLab extension in $T/home/.local/share/jupyter/labextensions/claude-kernel
            ok    extras       nbconvert template `claude` in $T/home/.local/share/jupyter/nbconvert/templates/claude
            ok    config       defaults; $T/home/.config/claude-kernel/config.toml would be read
            ok    log          $T/home/.local/state/claude-kernel/kernel.log
            warn  credentials  no credentials for the Claude API: without a key, pick Kernel → Change Kernel → Claude (offline), which `claude-kernel install --offline` adds; with one, set `ANTHROPIC_API_KEY` where you start Jupyter and start it again
        "#]],
    );
}

#[cfg(unix)]
#[test]
fn jupyter_itself_is_asked_where_it_looks() {
    let mut machine = Machine::new();
    let bin = machine.path("bin");
    fs::create_dir(&bin).unwrap();
    machine.set("PATH", &bin);
    let elsewhere = machine.path("elsewhere");
    super::install::script(
        &bin.join("jupyter"),
        &format!(
            r#"[ "$*" = "--paths --json" ] && echo '{{"data": ["{}"]}}'"#,
            elsewhere.display()
        ),
    );
    assert_eq!(machine.run(&["install", "--quiet"]).code, Some(0));
    assert!(machine.path(USER_KERNELS).exists());
    check(
        &machine.run(&["doctor"]),
        &expect![[r#"
        exit Some(0)
        ok    jupyter      $T/bin/jupyter
        warn  kernelspec   `claude` in $USER/claude is not seen by this Jupyter
                           do: install into its environment: `claude-kernel install --prefix PREFIX`
        warn  kernelspec   Jupyter does not know the kernel yet
                           do: `claude-kernel install`, or `claude-kernel install --offline`
        ok    config       defaults; $T/home/.config/claude-kernel/config.toml would be read
        ok    log          $T/home/.local/state/claude-kernel/kernel.log
        warn  credentials  no credentials for the Claude API: without a key, pick Kernel → Change Kernel → Claude (offline), which `claude-kernel install --offline` adds; with one, set `ANTHROPIC_API_KEY` where you start Jupyter and start it again
    "#]],
    );
    super::install::script(&bin.join("jupyter"), "echo broken");
    check(
        &machine.run(&["doctor"]),
        &expect![[r#"
            exit Some(0)
            warn  jupyter      `$T/bin/jupyter --paths --json` gave no answer
                               do: run it by hand; the usual directories were looked at instead
            ok    kernelspec   `claude` in $USER/claude starts $BIN
            ok    extras       JupyterLab extension in $T/home/.local/share/jupyter/labextensions/claude-kernel
            ok    extras       nbconvert template `claude` in $T/home/.local/share/jupyter/nbconvert/templates/claude
            ok    config       defaults; $T/home/.config/claude-kernel/config.toml would be read
            ok    log          $T/home/.local/state/claude-kernel/kernel.log
            warn  credentials  no credentials for the Claude API: without a key, pick Kernel → Change Kernel → Claude (offline), which `claude-kernel install --offline` adds; with one, set `ANTHROPIC_API_KEY` where you start Jupyter and start it again
        "#]],
    );
}

#[test]
fn a_broken_configuration_is_explained() {
    let mut machine = Machine::new();
    let file = machine.path("config.toml");
    fs::write(&file, "modle = \"x\"\nmax_tokens = \"many\"\n").unwrap();
    machine.set("CLAUDE_KERNEL_CONFIG", &file);
    check(
        &machine.run(&["doctor"]),
        &expect![[r#"
            exit Some(0)
            warn  jupyter      there is no `jupyter` on PATH or beside this program; the usual directories were looked at
                               do: activate the environment that has Jupyter, or make one: `python3 -m venv ~/.venvs/jupyter && ~/.venvs/jupyter/bin/pip install jupyterlab`
            warn  kernelspec   Jupyter does not know the kernel yet
                               do: `claude-kernel install`, or `claude-kernel install --offline`
            ok    config       $T/config.toml is read
            warn  config       $T/config.toml: `max_tokens` must be a whole number, not `many`
                               do: correct it; until then the default holds
            warn  config       $T/config.toml: there is no key `modle`; is it `model`?
                               do: correct it; until then the default holds
            ok    log          $T/home/.local/state/claude-kernel/kernel.log
            warn  credentials  no credentials for the Claude API: without a key, pick Kernel → Change Kernel → Claude (offline), which `claude-kernel install --offline` adds; with one, set `ANTHROPIC_API_KEY` where you start Jupyter and start it again
        "#]],
    );
}

#[test]
fn a_key_is_tried_with_the_free_call_and_never_shown() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let emulator = runtime
        .block_on(server::start(EmulatorConfig {
            key: Some(KEY.to_owned()),
            sandbox_command: Some(BINARY.into()),
            ..EmulatorConfig::default()
        }))
        .unwrap();
    let machine = |key: &str| {
        let mut machine = Machine::new();
        machine.set("ANTHROPIC_BASE_URL", emulator.base_url());
        machine.set("ANTHROPIC_API_KEY", key);
        machine
    };

    let right = machine(KEY).run(&["doctor"]);
    assert!(
        api_line(&right).starts_with("ok    api          answers, and offers "),
        "{right:?}"
    );
    assert_eq!(right.code, Some(0));
    assert!(
        right
            .stdout
            .contains("ok    credentials  found: `ANTHROPIC_API_KEY`")
    );
    assert!(!format!("{right:?}").contains(KEY));

    let mut unknown_model = machine(KEY);
    unknown_model.set("CLAUDE_KERNEL_MODEL", "claude-imaginary");
    let ran = unknown_model.run(&["doctor"]);
    assert!(
        ran.stdout
            .contains("warn  api          the configured model `claude-imaginary`"),
        "{ran:?}"
    );

    let wrong = machine("sk-ant-hunter2").run(&["doctor"]);
    assert_eq!(wrong.code, Some(1));
    assert!(
        api_line(&wrong).starts_with("fail  api          the API refused the request (401 "),
        "{wrong:?}"
    );
    assert!(api_line(&wrong).contains("do: the API does not take what `ANTHROPIC_API_KEY` holds"));
    assert!(!format!("{wrong:?}").contains("hunter2"));

    let untried = machine("sk-ant-hunter2").run(&["doctor", "--no-network"]);
    assert_eq!(untried.code, Some(0));
    assert!(!untried.stdout.contains("  api  "), "{untried:?}");
}

#[test]
fn without_a_way_to_the_api_the_network_is_named() {
    // Bound and dropped: nobody listens there.
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let mut machine = Machine::new();
    machine.set("ANTHROPIC_BASE_URL", format!("http://127.0.0.1:{port}"));
    machine.set("ANTHROPIC_API_KEY", KEY);
    let ran = machine.run(&["doctor"]);
    assert_eq!(ran.code, Some(1));
    assert!(
        api_line(&ran).starts_with("fail  api          cannot reach `127.0.0.1"),
        "{ran:?}"
    );
    assert!(
        api_line(&ran).contains("do: check the network; behind a proxy"),
        "{ran:?}"
    );
}

#[test]
fn a_login_page_is_not_taken_for_the_api() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        let _read = stream.read(&mut request).unwrap();
        let page = "<html>Please log in</html>";
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            page.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(page.as_bytes()).unwrap();
    });
    let mut machine = Machine::new();
    machine.set("ANTHROPIC_BASE_URL", url);
    machine.set("ANTHROPIC_API_KEY", KEY);
    let ran = machine.run(&["doctor"]);
    server.join().unwrap();
    assert_eq!(ran.code, Some(1));
    assert!(
        api_line(&ran).contains("do: something else answers there"),
        "{ran:?}"
    );
}

#[test]
fn the_report_as_json_is_the_report() {
    let mut machine = Machine::new();
    machine.set("CLAUDE_KERNEL_EFFORT", "hihg");
    let text = machine.run(&["doctor", "--no-network"]);
    let ran = machine.run(&["doctor", "--no-network", "--json"]);
    assert_eq!(ran.code, text.code);
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let mut written = String::new();
    for finding in report["findings"].as_array().unwrap() {
        let word = |name: &str| finding[name].as_str().unwrap();
        written.push_str(&format!(
            "{:<4}  {:<11}  {}\n",
            word("level"),
            word("topic"),
            word("text")
        ));
        if let Some(advice) = finding["advice"].as_str() {
            written.push_str(&format!("{:19}do: {advice}\n", ""));
        }
    }
    let (shown, _) = text.stdout.rsplit_once("\n\n").unwrap();
    assert_eq!(written.trim_end(), shown);
    assert!(report["warnings"].as_u64() > Some(0), "{report}");
    assert_eq!(report["failures"], 0);
}
