//! Who is asking: the order of sources, profiles on disk, logins that are renewed.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use claude_kernel::anthropic::client::{Client, ClientOptions};
use claude_kernel::anthropic::credentials::{Credentials, Freshness};
use claude_kernel::anthropic::error::ApiError;
use claude_kernel::config::{Config, Environment};
use expect_test::{Expect, expect};
use serde_json::{Value, json};

pub(super) const NOW: i64 = 1_800_000_000;
/// Far enough in the future for the real clock of the client.
pub(super) const FAR: i64 = 4_000_000_000;

/// A home directory with profiles.
pub(super) struct Home(tempfile::TempDir);

impl Home {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(super) fn dir(&self) -> PathBuf {
        self.0.path().join(".config/anthropic")
    }

    pub(super) fn write(&self, path: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.dir().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    pub(super) fn profile(&self, name: &str, config: &Value, credentials: &Value) -> PathBuf {
        self.write(&format!("configs/{name}.json"), &config.to_string(), 0o644);
        self.write(
            &format!("credentials/{name}.json"),
            &credentials.to_string(),
            0o600,
        )
    }

    pub(super) fn environment(&self, pairs: &[(&str, &str)]) -> Environment {
        [("HOME", self.0.path().to_str().unwrap())]
            .into_iter()
            .chain(pairs.iter().copied())
            .collect()
    }

    pub(super) fn find(&self, pairs: &[(&str, &str)]) -> Result<Credentials, ApiError> {
        Credentials::find(None, &self.environment(pairs), NOW)
    }

    /// Origin and token, or the error.
    pub(super) fn shown(&self, pairs: &[(&str, &str)]) -> String {
        match self.find(pairs) {
            Ok(found) => {
                let token = found
                    .token
                    .map_or("-".to_owned(), |token| token.expose().to_owned());
                format!("{} {token} oauth={}", found.origin, found.oauth)
            }
            Err(error) => error
                .to_string()
                .replace(self.0.path().to_str().unwrap(), "~"),
        }
    }
}

pub(super) fn login(client_id: Option<&str>) -> Value {
    json!({"authentication": {"type": "user_oauth", "client_id": client_id}, "workspace_id": "wrkspc_1"})
}

pub(super) fn token(expires_at: i64) -> Value {
    json!({"version": "1.0", "type": "oauth_token", "access_token": "at-old", "expires_at": expires_at,
        "refresh_token": "rt-old", "scope": "kept"})
}

#[test]
fn sources_are_asked_in_order() {
    let home = Home::new();
    home.profile("default", &login(None), &token(FAR));
    home.profile("work", &login(None), &json!({"access_token": "at-work"}));
    let key = ("ANTHROPIC_API_KEY", "key");
    let auth = ("ANTHROPIC_AUTH_TOKEN", "token");
    let profile = ("ANTHROPIC_PROFILE", "work");
    assert_eq!(
        home.shown(&[key, auth, profile]),
        "`ANTHROPIC_API_KEY` key oauth=false"
    );
    assert_eq!(
        home.shown(&[("ANTHROPIC_API_KEY", " key\n")]),
        "`ANTHROPIC_API_KEY` key oauth=false"
    );
    assert_eq!(
        home.shown(&[("ANTHROPIC_API_KEY", ""), auth, profile]),
        "`ANTHROPIC_AUTH_TOKEN` token oauth=false"
    );
    assert_eq!(home.shown(&[profile]), "profile `work` at-work oauth=true");
    assert_eq!(home.shown(&[]), "profile `default` at-old oauth=true");
    home.write("active_config", "work\n", 0o644);
    assert_eq!(home.shown(&[]), "profile `work` at-work oauth=true");
}

#[test]
fn nothing_at_all_says_how_to_get_going() {
    expect!["no credentials for the Claude API: without a key, pick Kernel → Change Kernel → Claude (offline), which `claude-kernel install --offline` adds; with one, set `ANTHROPIC_API_KEY` where you start Jupyter and start it again"]
    .assert_eq(&Home::new().shown(&[]));
    let nobody = Credentials::find(None, &Environment::default(), NOW).unwrap_err();
    assert_eq!(nobody.to_string(), Home::new().shown(&[]));
}

#[test]
fn a_profile_that_cannot_be_used_says_why() {
    let check = |config: &str,
                 credentials: Option<(&str, u32)>,
                 pairs: &[(&str, &str)],
                 expected: Expect| {
        let home = Home::new();
        if !config.is_empty() {
            home.write("configs/work.json", config, 0o644);
        }
        if let Some((text, mode)) = credentials {
            home.write("credentials/work.json", text, mode);
        }
        let pairs = [&[("ANTHROPIC_PROFILE", "work")], pairs].concat();
        expected.assert_eq(&home.shown(&pairs));
    };
    let oauth = r#"{"authentication":{"type":"user_oauth","client_id":"c"}}"#;
    check(
        "",
        None,
        &[],
        expect![
            "no credentials for the Claude API: `~/.config/anthropic/configs/work.json` cannot be read (no such file or directory)"
        ],
    );
    check(
        "{",
        None,
        &[],
        expect![
            "no credentials for the Claude API: `~/.config/anthropic/configs/work.json` is no JSON object"
        ],
    );
    check(
        "{}",
        None,
        &[],
        expect![
            "no credentials for the Claude API: `~/.config/anthropic/configs/work.json` has an authentication of type `none`, which this kernel does not know"
        ],
    );
    check(
        r#"{"authentication":{"type":"magic"}}"#,
        None,
        &[],
        expect![
            "no credentials for the Claude API: `~/.config/anthropic/configs/work.json` has an authentication of type `magic`, which this kernel does not know"
        ],
    );
    check(
        oauth,
        None,
        &[],
        expect![
            "no credentials for the Claude API: `~/.config/anthropic/credentials/work.json` cannot be read (no such file or directory)"
        ],
    );
    check(
        oauth,
        Some(("\"at-secret\"", 0o600)),
        &[],
        expect![
            "no credentials for the Claude API: `~/.config/anthropic/credentials/work.json` is no JSON object"
        ],
    );
    check(
        oauth,
        Some(("{}", 0o600)),
        &[],
        expect![
            "no credentials for the Claude API: `~/.config/anthropic/credentials/work.json` has no `access_token`"
        ],
    );
    check(
        oauth,
        Some((r#"{"access_token":"at-secret"}"#, 0o600)),
        &[],
        expect![
            "no credentials for the Claude API: `~/.config/anthropic/credentials/work.json` has no `refresh_token`; log in again"
        ],
    );
    check(
        oauth,
        Some((r#"{"access_token":"at-secret"}"#, 0o644)),
        &[],
        expect![
            "no credentials for the Claude API: `~/.config/anthropic/credentials/work.json` is open to others; run `chmod 600 ~/.config/anthropic/credentials/work.json`"
        ],
    );
    check(
        oauth,
        Some(("{\"access_token\":\"at\\nsecret\"}", 0o600)),
        &[],
        expect![
            "no credentials for the Claude API: profile `work` holds characters that no key has"
        ],
    );
    let federated = r#"{"authentication":{"type":"oidc_federation"}}"#;
    let expired = format!(r#"{{"access_token":"at-secret","expires_at":{NOW}}}"#);
    check(
        federated,
        Some((&expired, 0o600)),
        &[],
        expect![
            "no credentials for the Claude API: the token in `~/.config/anthropic/credentials/work.json` has expired and this kernel does not renew workload identity; renew it, or set `ANTHROPIC_API_KEY`"
        ],
    );
    for name in ["../x", ".hidden", "a/b", "a\\b", " work", "work "] {
        let shown = Home::new().shown(&[("ANTHROPIC_PROFILE", name)]);
        assert_eq!(
            shown,
            format!("no credentials for the Claude API: `{name}` is no name of a profile")
        );
    }
}

#[test]
fn a_config_that_others_can_write_and_a_linked_login_are_refused() {
    let home = Home::new();
    let real = home.profile("default", &login(None), &token(FAR));
    let moved = real.with_file_name("real.json");
    std::fs::rename(&real, &moved).unwrap();
    std::os::unix::fs::symlink(&moved, &real).unwrap();
    expect!["no credentials for the Claude API: `~/.config/anthropic/credentials/default.json` is a link; move the file itself there"]
        .assert_eq(&home.shown(&[]));
    home.write("configs/default.json", "{}", 0o666);
    expect!["no credentials for the Claude API: `~/.config/anthropic/configs/default.json` is open to others; run `chmod go-w ~/.config/anthropic/configs/default.json`"]
        .assert_eq(&home.shown(&[]));
}

#[test]
fn workload_identity_is_not_passed_over_in_silence() {
    let home = Home::new();
    home.profile("default", &login(None), &token(FAR));
    let pairs = [
        ("ANTHROPIC_FEDERATION_RULE_ID", "r"),
        ("ANTHROPIC_ORGANIZATION_ID", "o"),
        ("ANTHROPIC_IDENTITY_TOKEN", "jwt"),
    ];
    expect!["no credentials for the Claude API: `ANTHROPIC_FEDERATION_RULE_ID` asks for workload identity, which this kernel does not do; set `ANTHROPIC_AUTH_TOKEN` to a token instead"]
    .assert_eq(&home.shown(&pairs));
    // Half of it asks for nothing.
    assert_eq!(
        home.shown(&pairs[..2]),
        "profile `default` at-old oauth=true"
    );
}

#[test]
fn the_life_left_in_a_token_is_judged() {
    let freshness = |expires_at: Value, client_id: Option<&str>| {
        let home = Home::new();
        let mut stored = token(0);
        stored["expires_at"] = expires_at;
        home.profile("default", &login(client_id), &stored);
        home.find(&[]).unwrap().freshness
    };
    let client = Some("client");
    assert_eq!(freshness(json!(NOW + 121), client), Freshness::Fresh);
    assert_eq!(freshness(json!(NOW + 120), client), Freshness::Ageing);
    assert_eq!(
        freshness(json!(format!("{}", NOW + 31)), client),
        Freshness::Ageing
    );
    assert_eq!(
        freshness(json!(NOW as f64 + 30.5), client),
        Freshness::Expired
    );
    assert_eq!(freshness(json!(0), client), Freshness::Expired);
    assert_eq!(freshness(Value::Null, client), Freshness::Expired);
    // Another program keeps this one fresh.
    assert_eq!(freshness(json!(0), None), Freshness::Fresh);
}

#[test]
fn nothing_secret_shows_in_debug_output() {
    let home = Home::new();
    home.profile("default", &login(Some("client")), &token(FAR));
    let found = home
        .find(&[("ANTHROPIC_CUSTOM_HEADERS", "x-key: hidden-value")])
        .unwrap();
    let options = ClientOptions::new(
        &Config::defaults(&Environment::default()),
        home.environment(&[("ANTHROPIC_API_KEY", "sk-hidden")]),
    );
    let shown = format!("{found:?} {:?} {options:?}", Client::new(options.clone()));
    for secret in ["at-old", "rt-old", "hidden-value", "sk-hidden"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

#[test]
fn w14_what_stands_in_the_place_of_a_key_is_named_and_not_repeated() {
    let home = Home::new();
    for (typed, expected) in [
        ("\"sk-ant-secret\"", "quotation marks"),
        ("'sk-ant-secret'", "quotation marks"),
        ("“sk-ant-secret”", "quotation marks"),
        ("`sk-ant-secret", "quotation marks"),
        ("$ANTHROPIC_API_KEY", "name of a variable"),
        ("${SECRET_KEY}", "name of a variable"),
        ("%SECRET_KEY%", "name of a variable"),
        ("<your secret key>", "placeholder"),
        ("{{ secret }}", "placeholder"),
        ("Bearer sk-ant-secret", "header's name"),
        ("sk-ant-se cret", "characters that no key has"),
    ] {
        for name in ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"] {
            let shown = home.shown(&[(name, typed)]);
            assert!(shown.contains(expected), "{typed}: {shown}");
            assert!(shown.contains(&format!("`{name}`")), "{typed}: {shown}");
            assert!(!shown.to_lowercase().contains("secret"), "{shown}");
        }
    }
}
