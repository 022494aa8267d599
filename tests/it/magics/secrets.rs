//! Keys are refused wherever they stand in a magic, and never echoed.

use claude_kernel::cell::help::about;
use claude_kernel::cell::magic::{Context, MagicError};
use claude_kernel::cell::magics::{MAGICS, apply_parameters};
use claude_kernel::cell::secret::looks_like_key;
use claude_kernel::chat::settings::Settings;

use super::{run, settings_after};

const KEY: &str = "sk-ant-api03-AbCdEf0123456789";

fn check_silent(error: &MagicError) {
    let text = format!("{error:?}");
    assert!(
        !text.contains("AbCdEf") && !text.contains("api03") && !text.contains("hunter2"),
        "{text}"
    );
    assert!(error.hint.contains("%help keys"), "{text}");
}

#[test]
fn no_magic_takes_a_key() {
    for magic in MAGICS {
        for source in [
            format!("%{} {KEY}", magic.name),
            format!("%%{} x {KEY}", magic.name),
            format!("%{} --file=\"{KEY}\"", magic.name),
            format!("%%{} x\nthe key is {KEY}.", magic.name),
        ] {
            match run(&source) {
                Err(error) if error.message.contains("looks like a key") => check_silent(&error),
                // The key stands in the prompt, which is no argument.
                other => assert!(source.contains('\n'), "{source} gave {other:?}"),
            }
        }
    }
    check_silent(&run(&format!("%%system\nUse {KEY}.")).unwrap_err());
    check_silent(&run(&format!("%%set x\n{KEY}")).unwrap_err());
}

#[test]
fn not_even_an_unknown_name_echoes_one() {
    check_silent(&run(&format!("%{KEY}")).unwrap_err());
    check_silent(&run(&format!("%nothing {KEY}")).unwrap_err());
    check_silent(&run(&format!("!export K={KEY}")).unwrap_err());
    let settings = Settings::default();
    let error = about(KEY, &Context::new(&settings)).unwrap_err();
    assert!(!format!("{error:?}").contains("AbCdEf"), "{error:?}");
}

#[test]
fn variables_named_like_secrets_are_refused() {
    for source in [
        "%set API_KEY hunter2",
        "%set db_password hunter2",
        "%%set token\nhunter2",
        "%set aws_secret hunter2",
    ] {
        check_silent(&run(source).unwrap_err());
    }
    let parameters = [("api_key".to_owned(), "hunter2".into())];
    check_silent(&apply_parameters(&parameters).unwrap_err());
    for source in [
        "%set token_count 12345678",
        "%set password_rule eight characters or more",
        "%set secret no",
        "%set max_tokens 1000000",
    ] {
        assert!(run(source).is_ok(), "{source}");
    }
}

#[test]
fn names_for_keys_lead_to_help() {
    for name in ["api_key", "key", "login", "API-KEY"] {
        let error = run(&format!("%{name} something")).unwrap_err();
        assert_eq!(
            error.message,
            format!(
                "there is no magic `%{name}`: keys are never magic arguments, because a cell is saved with the notebook"
            )
        );
    }
}

#[test]
fn keys_have_a_shape() {
    for key in [
        KEY,
        "a ghp_abcdefghijklmnopqrst1234",
        "(AKIAIOSFODNN7EXAMPLE)",
        "x=sk-ant-1234",
        "-----BEGIN RSA PRIVATE KEY-----",
    ] {
        assert!(looks_like_key(key), "{key}");
    }
    for text in [
        "sk-ant-",
        "keys begin with sk-ant-, then letters",
        "risk-anteater",
        "task-ant-colony",
        "AKIA",
        "ghp_short",
        "",
        "😀sk-ant-",
    ] {
        assert!(!looks_like_key(text), "{text}");
    }
    settings_after("%system Never print keys; they begin with sk-ant-.");
}
