//! The names that failures of the API have in a notebook, and what to do about each.
//!
//! Status, `error.type` and `error_code` decide; the text of a message never does.

use std::time::Duration;

use chrono::{DateTime, FixedOffset};

use crate::anthropic::error::ApiError;
use crate::host::{unnumbered, zoned};

use super::{CellError, ErrorKind};

/// The kind of error of the offline backend whose script cannot be played on.
const SCRIPT_ERROR: &str = "script_error";
/// A command may have run before the answer broke off.
const BROKE_OFF: &str = "A command may already have run in the sandbox.";

/// What to do about a prompt that is longer than the model's context window.
const TOO_LONG: &str = "`%compact` puts a summary in the place of the conversation so far, `%undo` takes back its \
last turn, `%reset chat` begins a new one. Large files go better to the sandbox: `%attach FILE --sandbox`.";
/// What to do if the account has no money left.
const NO_CREDIT: &str = "Buy credit under Billing in the Console (https://platform.claude.com), or use another key. \
The conversation is as it was before this cell.";

impl CellError {
    /// Returns the error for a call that failed. If `now` is given, the hint says at what time to
    /// try again.
    #[must_use]
    pub fn of_api(error: &ApiError, now: Option<DateTime<FixedOffset>>) -> Self {
        let (kind, hint) = match error {
            ApiError::NoCredentials { .. } => (
                ErrorKind::Authentication,
                "`claude-kernel doctor` checks the whole set-up.".to_owned(),
            ),
            ApiError::Misconfigured { .. } => (
                ErrorKind::Configuration,
                "Correct it where Jupyter starts, then restart the kernel; `claude-kernel doctor` checks it.".to_owned(),
            ),
            ApiError::Connect { .. } => (
                ErrorKind::Connection,
                "Check the network, the proxy variables and `ANTHROPIC_BASE_URL`; `claude-kernel doctor` tests them.".to_owned(),
            ),
            ApiError::Timeout { .. } => (
                ErrorKind::Timeout,
                "Run the cell again; the API may be slow at the moment.".to_owned(),
            ),
            ApiError::Stream { kind, .. } if kind == SCRIPT_ERROR => (
                ErrorKind::Api,
                "Mend what the message names, then run the cell again; `%help offline` says how scripts answer.".to_owned(),
            ),
            ApiError::Stream { kind, .. } => (
                kind_of_type(kind),
                format!("Run the cell again in a minute. {BROKE_OFF}"),
            ),
            ApiError::Empty { .. } => (
                ErrorKind::Connection,
                "Run the cell again; if this repeats, check the proxy and `ANTHROPIC_BASE_URL`.".to_owned(),
            ),
            ApiError::Truncated { .. } => (ErrorKind::StreamBroken, format!("Run the cell again. {BROKE_OFF}")),
            ApiError::TooLarge { .. } => (
                ErrorKind::RequestTooLarge,
                "Nothing was sent. `%compact` puts a summary in the place of the conversation so far, \
                 `%reset chat` begins a new one; large files go better to the sandbox."
                    .to_owned(),
            ),
            ApiError::Source { .. } => (
                ErrorKind::File,
                "Check that nothing writes to it, then run the cell again.".to_owned(),
            ),
            ApiError::Protocol { .. } => (
                ErrorKind::Protocol,
                "Check `ANTHROPIC_BASE_URL`, or look for a newer claude-kernel; the log has the details.".to_owned(),
            ),
            // These two have no code of their own.
            ApiError::Status { .. } if error.is_prompt_too_long() => (ErrorKind::InvalidRequest, TOO_LONG.to_owned()),
            ApiError::Status { .. } if error.is_out_of_credit() => (ErrorKind::Billing, NO_CREDIT.to_owned()),
            ApiError::Status { status, kind, code, retry_after, .. } => {
                of_status(*status, kind, code.as_deref(), *retry_after, now)
            }
        };
        let evalue = match error {
            // The offline backend plays a script: no API has stopped.
            ApiError::Stream { kind, message, .. } if kind == SCRIPT_ERROR => message.clone(),
            _ => unnumbered(error),
        };
        Self {
            request_id: error.request_id().map(str::to_owned),
            ..Self::new(kind, evalue, hint)
        }
    }
}

impl From<&ApiError> for CellError {
    fn from(error: &ApiError) -> Self {
        Self::of_api(error, None)
    }
}

fn of_status(
    status: u16,
    kind: &str,
    code: Option<&str>,
    retry_after: Option<Duration>,
    now: Option<DateTime<FixedOffset>>,
) -> (ErrorKind, String) {
    if code.is_some_and(|code| code.ends_with("spend_limit_reached")) {
        return (
            ErrorKind::SpendLimit,
            "The spend limit is reached, and waiting a little does not help: raise it in the Console, \
             or wait for the next period."
                .to_owned(),
        );
    }
    if let Some(hint) = code.and_then(hint_of_code) {
        return (kind_of_type(kind), hint.to_owned());
    }
    let (kind, hint) = match status {
        401 => (
            ErrorKind::Authentication,
            "Check the API key in the environment Jupyter was started from, then restart the kernel.",
        ),
        402 => (
            ErrorKind::Billing,
            "Check the billing settings of the organization in the Console.",
        ),
        403 => (
            ErrorKind::Permission,
            "Ask for access, or use another key or model.",
        ),
        404 if !kind.starts_with("http_") => (
            ErrorKind::NotFound,
            "`%models` lists the models you can use, `%model` shows the one in force.",
        ),
        300..=399 => (
            ErrorKind::Connection,
            "Log in to the network, and check the proxy variables and `ANTHROPIC_BASE_URL`; \
             `claude-kernel doctor` tests them.",
        ),
        404 | 405 if kind.starts_with("http_") => (
            ErrorKind::NotFound,
            "Check `ANTHROPIC_BASE_URL` (or the setting `base_url`): it ends before `/v1`.",
        ),
        407 => (
            ErrorKind::Connection,
            "The proxy wants a login: put it into `HTTPS_PROXY` where Jupyter starts.",
        ),
        413 => (
            ErrorKind::RequestTooLarge,
            "The request is larger than the API takes: `%compact` puts a summary in the place of the \
             conversation so far, `%reset chat` begins a new one.",
        ),
        429 => {
            let when = retry_after
                .map_or_else(|| "in a little while".to_owned(), |delay| when(delay, now));
            return (ErrorKind::RateLimit, format!("Run the cell again {when}."));
        }
        529 => (
            ErrorKind::Overloaded,
            "Run the cell again in a minute; another model (`%%model`) may be free.",
        ),
        500..=599 => (
            kind_of_type(kind),
            "The fault is at the API: run the cell again in a minute.",
        ),
        _ => (
            ErrorKind::InvalidRequest,
            "`%%dry` shows the exact request. The conversation is as it was before this cell.",
        ),
    };
    (kind, hint.to_owned())
}

/// Returns what to do about a refusal that has an error code (`docs/protocol.md#error-codes`).
fn hint_of_code(code: &str) -> Option<&'static str> {
    Some(match code {
        "file_expired" => "A file attached earlier has expired at the API: attach it again.",
        "file_not_downloadable" => "The API gives back only files that were made in the sandbox.",
        "image_dimensions_too_large" => "Make the image smaller, or attach it to the sandbox only.",
        "storage_quota_exceeded" => "The organization's file storage is full: `%rm` removes files.",
        "request_body_too_large_after_decoding" => {
            "`%compact` puts a summary in the place of the conversation so far."
        }
        "organization_on_hold" => "The organization is on hold: see the Console.",
        "organization_not_enrolled_in_beta" => {
            "`%beta` shows the betas in use; the organization may not use one of them."
        }
        "tool_name_conflict" => "Two tools have one name: `%tools` shows them.",
        _ => return None,
    })
}

fn kind_of_type(error_type: &str) -> ErrorKind {
    match error_type {
        "overloaded_error" => ErrorKind::Overloaded,
        "rate_limit_error" => ErrorKind::RateLimit,
        "timeout_error" => ErrorKind::Timeout,
        "authentication_error" => ErrorKind::Authentication,
        "permission_error" => ErrorKind::Permission,
        "billing_error" => ErrorKind::Billing,
        "not_found_error" => ErrorKind::NotFound,
        "request_too_large" => ErrorKind::RequestTooLarge,
        "invalid_request_error" => ErrorKind::InvalidRequest,
        _ => ErrorKind::Api,
    }
}

/// Says when a wait is over: `in 45 s`, `in 12 min (at 14:05 UTC)`.
fn when(delay: Duration, now: Option<DateTime<FixedOffset>>) -> String {
    let seconds = delay.as_secs_f64().ceil() as u64;
    if seconds < 120 {
        return format!("in {seconds} s");
    }
    let minutes = seconds.div_ceil(60);
    let span = match minutes {
        0..120 => format!("{minutes} min"),
        _ => format!("{} h", minutes.div_ceil(60)),
    };
    let then = chrono::Duration::from_std(delay)
        .ok()
        .and_then(|delay| now?.checked_add_signed(delay));
    match then {
        Some(then) if minutes < 20 * 60 => format!("in {span} (at {})", zoned(&then, "%H:%M")),
        Some(then) => format!("in {span} (at {})", zoned(&then, "%Y-%m-%d %H:%M")),
        None => format!("in {span}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::magic::MagicError;
    use crate::chat::turn::TurnEnd;
    use crate::kernel::error::Used;

    fn status(status: u16, kind: &str, code: Option<&str>, seconds: Option<u64>) -> ApiError {
        ApiError::Status {
            status,
            kind: kind.to_owned(),
            message: "why".to_owned(),
            code: code.map(str::to_owned),
            request_id: Some("req_1".to_owned()),
            retry_after: seconds.map(Duration::from_secs),
            should_retry: None,
        }
    }

    fn of(error: &ApiError) -> CellError {
        let now = DateTime::from_timestamp(1_767_225_600, 0).map(|now| now.fixed_offset());
        CellError::of_api(error, now)
    }

    #[test]
    fn each_failure_has_a_name_and_a_next_step() {
        let text = String::new;
        let cases = [
            (
                status(400, "invalid_request_error", None, None),
                ErrorKind::InvalidRequest,
                "%%dry",
            ),
            (
                status(401, "authentication_error", None, None),
                ErrorKind::Authentication,
                "key",
            ),
            (
                status(402, "billing_error", None, None),
                ErrorKind::Billing,
                "Console",
            ),
            (
                status(403, "permission_error", None, None),
                ErrorKind::Permission,
                "access",
            ),
            (
                status(404, "not_found_error", None, None),
                ErrorKind::NotFound,
                "%models",
            ),
            (
                status(404, "not_found_error", Some("file_expired"), None),
                ErrorKind::NotFound,
                "attach it again",
            ),
            (
                status(407, "http_407", None, None),
                ErrorKind::Connection,
                "HTTPS_PROXY",
            ),
            (
                status(413, "http_413", None, None),
                ErrorKind::RequestTooLarge,
                "%compact",
            ),
            (
                status(429, "rate_limit_error", None, Some(30)),
                ErrorKind::RateLimit,
                "in 30 s",
            ),
            (
                status(429, "rate_limit_error", None, None),
                ErrorKind::RateLimit,
                "little while",
            ),
            (
                status(
                    429,
                    "rate_limit_error",
                    Some("enforced_spend_limit_reached"),
                    None,
                ),
                ErrorKind::SpendLimit,
                "Console",
            ),
            (
                status(
                    402,
                    "billing_error",
                    Some("linked_organization_spend_limit_reached"),
                    None,
                ),
                ErrorKind::SpendLimit,
                "Console",
            ),
            (
                status(500, "api_error", None, None),
                ErrorKind::Api,
                "again",
            ),
            (
                status(504, "timeout_error", None, None),
                ErrorKind::Timeout,
                "again",
            ),
            (
                status(529, "overloaded_error", None, None),
                ErrorKind::Overloaded,
                "minute",
            ),
            (
                ApiError::NoCredentials { reason: text() },
                ErrorKind::Authentication,
                "doctor",
            ),
            (
                ApiError::Misconfigured { reason: text() },
                ErrorKind::Configuration,
                "doctor",
            ),
            (
                ApiError::Connect {
                    host: text(),
                    reason: text(),
                },
                ErrorKind::Connection,
                "network",
            ),
            (
                ApiError::Timeout { seconds: 600 },
                ErrorKind::Timeout,
                "again",
            ),
            (
                ApiError::Empty { reason: text() },
                ErrorKind::Connection,
                "proxy",
            ),
            (
                status(302, "http_302", None, None),
                ErrorKind::Connection,
                "Log in",
            ),
            (
                status(404, "http_404", None, None),
                ErrorKind::NotFound,
                "before `/v1`",
            ),
            (
                ApiError::Truncated { reason: text() },
                ErrorKind::StreamBroken,
                "sandbox",
            ),
            (
                ApiError::Protocol { reason: text() },
                ErrorKind::Protocol,
                "ANTHROPIC_BASE_URL",
            ),
            (
                ApiError::TooLarge {
                    bytes: 33_500_000,
                    limit: 32_000_000,
                },
                ErrorKind::RequestTooLarge,
                "%compact",
            ),
        ];
        for (error, kind, next_step) in cases {
            let cell = of(&error);
            assert_eq!(cell.kind, kind, "{error:?}");
            assert!(cell.hint.unwrap().contains(next_step), "{error:?}");
        }
        let too_large = ApiError::TooLarge {
            bytes: 33_500_000,
            limit: 32_000_000,
        };
        assert_eq!(
            of(&too_large).evalue,
            "the request has 33.5 MB, and the API takes 32.0 MB"
        );
        assert_eq!(
            of(&status(500, "api_error", None, None))
                .request_id
                .as_deref(),
            Some("req_1")
        );
    }

    #[test]
    fn w11_a_prompt_too_long_and_no_credit_have_advice_that_helps() {
        let said = |message: &str| {
            let mut error = status(400, "invalid_request_error", None, None);
            if let ApiError::Status { message: text, .. } = &mut error {
                message.clone_into(text);
            }
            of(&error)
        };
        let long = said("prompt is too long: 1200000 tokens > 1000000 maximum");
        let hint = long.hint.unwrap();
        for way in ["%compact", "%undo", "%reset chat"] {
            assert!(hint.contains(way), "{hint}");
        }
        let poor = said("Your credit balance is too low to access the Anthropic API.");
        assert_eq!(poor.kind, ErrorKind::Billing);
        let hint = poor.hint.unwrap();
        assert!(
            hint.contains("Billing") && !hint.contains("%%dry"),
            "{hint}"
        );
    }

    #[test]
    fn w15_nothing_foreign_in_an_error_moves_a_terminal_or_turns_the_text() {
        const EVIL: &str = "a\u{1b}]0;owned\u{7}b\u{1b}[31mc\u{202e}d\u{9b}2Je\u{2066}f\rg\u{8}h";
        let stream = ApiError::Stream {
            kind: format!("api_error{EVIL}"),
            message: EVIL.to_owned(),
            code: None,
            request_id: Some(EVIL.to_owned()),
        };
        let mut refused = status(400, EVIL, None, None);
        if let ApiError::Status { message, .. } = &mut refused {
            EVIL.clone_into(message);
        }
        let declined = TurnEnd::Refused {
            category: Some(EVIL.to_owned()),
            explanation: Some(EVIL.to_owned()),
        };
        let magic = CellError::from(&MagicError::new(EVIL, EVIL));
        let declined =
            CellError::from_end(&declined, Used::Billed, DateTime::UNIX_EPOCH.fixed_offset())
                .unwrap();
        for error in [of(&stream), of(&refused), declined, magic] {
            let output = error.output();
            for text in output.traceback.iter().chain([&output.evalue]) {
                let odd = text.chars().find(|c| {
                    (c.is_control() && *c != '\n')
                        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
                });
                assert_eq!(odd, None, "{text:?}");
                assert!(
                    !text.contains("owned") && !text.contains("[31m"),
                    "{text:?}"
                );
            }
            assert!(output.evalue.contains("U+202E"), "{}", output.evalue);
        }
    }

    #[test]
    fn a_long_wait_says_when_it_is_over() {
        let now = DateTime::from_timestamp(1_767_225_600, 0).map(|now| now.fixed_offset());
        let when = |seconds| when(Duration::from_secs(seconds), now);
        assert_eq!(when(119), "in 119 s");
        assert_eq!(when(600), "in 10 min (at 00:10 UTC)");
        assert_eq!(when(3 * 3600), "in 3 h (at 03:00 UTC)");
        assert_eq!(when(30 * 3600), "in 30 h (at 2026-01-02 06:00 UTC)");
        assert!(super::when(Duration::MAX, now).starts_with("in "));
    }
}
