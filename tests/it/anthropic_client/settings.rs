//! The configuration: which source wins, and what becomes of bad ones.

use std::path::{Path, PathBuf};
use std::time::Duration;

use claude_kernel::config::{Config, Environment, KEYS, Secret};
use expect_test::expect;

fn environment(file: &Path, pairs: &[(&str, &str)]) -> Environment {
    [
        ("CLAUDE_KERNEL_CONFIG", file.to_str().unwrap()),
        ("HOME", "/home/ada"),
    ]
    .into_iter()
    .chain(pairs.iter().copied())
    .collect()
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

fn problems(config: &Config, file: &Path) -> String {
    let lines: Vec<String> = config.problems.iter().map(ToString::to_string).collect();
    lines.join("\n").replace(file.to_str().unwrap(), "FILE")
}

#[test]
fn flags_go_before_the_environment_before_the_file_before_defaults() {
    let file = file(
        "model = 'from-file'\nmax_tokens = 1_000\neffort = 'low'\nread_timeout_s = 1.5\nca_file = '~/ca.pem'\n",
    );
    let environment = environment(
        file.path(),
        &[
            ("CLAUDE_KERNEL_MODEL", "from-environment"),
            ("CLAUDE_KERNEL_MAX_TOKENS", "2000"),
            ("CLAUDE_KERNEL_LOG", ""),
        ],
    );
    let config = Config::load(&environment, &[("model", "from-flag")]);
    assert_eq!(problems(&config, file.path()), "");
    assert_eq!(config.model.as_deref(), Some("from-flag"));
    assert_eq!(config.max_tokens, Some(2000));
    assert_eq!(config.effort.as_deref(), Some("low"));
    assert_eq!(config.read_timeout, Duration::from_millis(1500));
    assert_eq!(config.ca_file, Some(PathBuf::from("/home/ada/ca.pem")));
    assert_eq!(config.log, "warn");
}

#[test]
fn the_base_url_may_come_from_the_variable_everybody_uses() {
    let file = file("base_url = 'https://file'");
    let load = |pairs: &[(&str, &str)]| {
        Config::load(&environment(file.path(), pairs), &[])
            .base_url
            .unwrap()
    };
    assert_eq!(load(&[]), "https://file");
    assert_eq!(
        load(&[("ANTHROPIC_BASE_URL", "https://usual")]),
        "https://usual"
    );
    assert_eq!(load(&[("ANTHROPIC_BASE_URL", "")]), "https://file");
    let both = [
        ("ANTHROPIC_BASE_URL", "https://usual"),
        ("CLAUDE_KERNEL_BASE_URL", "https://own"),
    ];
    assert_eq!(load(&both), "https://own");
}

#[test]
fn places_follow_the_environment() {
    let config = |pairs: &[(&str, &str)]| Config::load(&pairs.iter().copied().collect(), &[]);
    let home = config(&[("HOME", "/home/ada")]);
    assert_eq!(
        home.file,
        Some(PathBuf::from("/home/ada/.config/claude-kernel/config.toml"))
    );
    assert_eq!(
        home.log_path(),
        Some(PathBuf::from(
            "/home/ada/.local/state/claude-kernel/kernel.log"
        ))
    );
    let xdg = config(&[
        ("HOME", "/home/ada"),
        ("XDG_CONFIG_HOME", "/c"),
        ("XDG_STATE_HOME", "relative"),
    ]);
    assert_eq!(
        xdg.file,
        Some(PathBuf::from("/c/claude-kernel/config.toml"))
    );
    assert_eq!(
        xdg.state_dir,
        Some(PathBuf::from("/home/ada/.local/state/claude-kernel"))
    );
    let nowhere = config(&[]);
    assert_eq!(nowhere.problems, []);
    assert_eq!(nowhere.log_path(), None);
    let named = config(&[("CLAUDE_KERNEL_LOG_FILE", "-"), ("HOME", "/home/ada")]);
    assert_eq!(named.log_path(), Some(PathBuf::from("-")));
}

#[test]
fn what_is_wrong_is_kept_and_the_rest_is_used() {
    let file = file(
        "modle = 'x'\nmax_tokens = 0\neffort = 'huge'\nread_timeout_s = -1\nshow_file_bytes = 'many'\nstate_dir = { a = 1 }\nlog = 'info'\n",
    );
    let environment = environment(file.path(), &[("CLAUDE_KERNEL_SAVE_FILE_BYTES", "12 GB")]);
    let config = Config::load(&environment, &[("no_such_flag", "x")]);
    expect![[r#"
        FILE: `effort` must be one of low, medium, high, xhigh, max
        FILE: `max_tokens` must be at least 1
        FILE: there is no key `modle`; is it `model`?
        FILE: `read_timeout_s` must be a number of seconds above 0, not `-1`
        FILE: `show_file_bytes` must be a whole number, not `many`
        FILE: `state_dir` must be a plain value
        CLAUDE_KERNEL_SAVE_FILE_BYTES: `save_file_bytes` must be a whole number, not `12 GB`
        --no-such-flag: there is no key `no_such_flag`"#]]
    .assert_eq(&problems(&config, file.path()));
    assert_eq!(config.log, "info");
    assert_eq!(config.max_tokens, None);
    assert_eq!(config.read_timeout, Duration::from_secs(600));
}

#[test]
fn a_file_that_is_no_configuration_leaves_the_defaults() {
    let broken = file("model = \nlog = 'info'");
    let config = Config::load(&environment(broken.path(), &[]), &[]);
    assert_eq!(config.log, "warn");
    expect!["FILE, line 1: string values must be quoted, expected literal string"]
        .assert_eq(&problems(&config, broken.path()));
    let missing = Path::new("/nowhere/config.toml");
    let config = Config::load(&environment(missing, &[]), &[]);
    expect!["FILE: cannot be read (no such file or directory)"]
        .assert_eq(&problems(&config, missing));
    let large = file(&"#".repeat(2_000_000));
    let config = Config::load(&environment(large.path(), &[]), &[]);
    expect!["FILE: cannot be read (larger than 1 MB)"].assert_eq(&problems(&config, large.path()));
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(
        Config::load(&environment(dir.path(), &[]), &[])
            .problems
            .len(),
        1
    );
    let binary = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(binary.path(), b"\xff\xfe\0").unwrap();
    assert_eq!(
        Config::load(&environment(binary.path(), &[]), &[])
            .problems
            .len(),
        1
    );
}

#[test]
fn every_key_is_documented_once_and_settable_from_everywhere() {
    let mut names: Vec<&str> = KEYS.iter().map(|key| key.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), KEYS.len());
    for key in KEYS {
        assert!(
            !key.help.is_empty() && !key.default.is_empty(),
            "{}",
            key.name
        );
        assert_eq!(
            key.variable(),
            format!("CLAUDE_KERNEL_{}", key.name.to_uppercase())
        );
        // Numbers are taken by every key that takes a number and refused, with a reason, by those that take words of a list.
        let config = Config::load(&Environment::default(), &[(key.name, "7")]);
        assert_eq!(
            config.problems.is_empty(),
            ![
                "effort",
                "allow",
                "compact",
                "resume",
                "replay",
                "keep_record"
            ]
            .contains(&key.name),
            "{}",
            key.name
        );
        assert_ne!(
            config,
            Config::defaults(&Environment::default()),
            "{}",
            key.name
        );
    }
}

#[test]
fn secrets_do_not_show() {
    let secret = Secret::new("sk-very-secret");
    assert_eq!(format!("{secret} {secret:?}"), "… Secret(…)");
    let environment: Environment = [("ANTHROPIC_API_KEY", "sk-very-secret")]
        .into_iter()
        .collect();
    assert_eq!(format!("{environment:?}"), "{\"ANTHROPIC_API_KEY\"}");
    assert_eq!(environment.get("ANTHROPIC_API_KEY"), Some("sk-very-secret"));
}
