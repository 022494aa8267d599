//! What the API's failures are called in a notebook, and what to do about each.
//!
//! Decided by status, `error.type` and `error_code`; never by the text of a message.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::anthropic::error::ApiError;
use crate::host::unnumbered;

use super::CellError;

/// A command may have had its effect before the answer broke off.
const BROKE_OFF: &str = "A command may already have run in the sandbox.";

/// What to do about a prompt that is longer than the model's context window.
const TOO_LONG: &str = "`%compact` puts a summary in the place of the conversation so far, `%undo` takes back its \
last turn, `%reset chat` begins a new one. Large files go better to the sandbox: `%attach FILE --sandbox`.";
/// What to do if the account has no money left.
const NO_CREDIT: &str = "Buy credit under Billing in the Console (https://platform.claude.com), or use another key. \
The conversation is as it was before this cell.";

impl CellError {
    /// Returns the error for a call that failed. With `now` it tells the time to come back.
    #[must_use]
    pub fn of_api(error: &ApiError, now: Option<DateTime<Utc>>) -> Self {
        let (ename, hint) = match error {
            ApiError::NoCredentials { .. } => (
                "AuthenticationError",
                "`claude-kernel doctor` checks the whole set-up.".to_owned(),
            ),
            ApiError::Misconfigured { .. } => (
                "ConfigurationError",
                "Correct it where Jupyter starts, then restart the kernel; `claude-kernel doctor` checks it.".to_owned(),
            ),
            ApiError::Connect { .. } => (
                "ConnectionError",
                "Check the network, the proxy variables and `ANTHROPIC_BASE_URL`; `claude-kernel doctor` tests them.".to_owned(),
            ),
            ApiError::Timeout { .. } => (
                "TimeoutError",
                "Run the cell again; the API may be slow at the moment.".to_owned(),
            ),
            ApiError::Stream { kind, .. } => (
                ename_of_kind(kind),
                format!("Run the cell again in a minute. {BROKE_OFF}"),
            ),
            ApiError::Empty { .. } => (
                "ConnectionError",
                "Run the cell again; if this repeats, check the proxy and `ANTHROPIC_BASE_URL`.".to_owned(),
            ),
            ApiError::Truncated { .. } => ("StreamBroken", format!("Run the cell again. {BROKE_OFF}")),
            ApiError::TooLarge { .. } => (
                "RequestTooLargeError",
                "Nothing was sent. `%compact` puts a summary in the place of the conversation so far, \
                 `%reset chat` begins a new one; large files go better to the sandbox."
                    .to_owned(),
            ),
            ApiError::Source { .. } => (
                "FileError",
                "Check that nothing writes to it, then run the cell again.".to_owned(),
            ),
            ApiError::Protocol { .. } => (
                "ProtocolError",
                "Check `ANTHROPIC_BASE_URL`, or look for a newer claude-kernel; the log has the details.".to_owned(),
            ),
            // These two have no code of their own.
            ApiError::Status { .. } if error.is_prompt_too_long() => ("InvalidRequestError", TOO_LONG.to_owned()),
            ApiError::Status { .. } if error.is_out_of_credit() => ("BillingError", NO_CREDIT.to_owned()),
            ApiError::Status { status, kind, code, retry_after, .. } => {
                of_status(*status, kind, code.as_deref(), *retry_after, now)
            }
        };
        Self {
            request_id: error.request_id().map(str::to_owned),
            ..Self::new(ename, unnumbered(error), hint)
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
    now: Option<DateTime<Utc>>,
) -> (&'static str, String) {
    if code.is_some_and(|code| code.ends_with("spend_limit_reached")) {
        return (
            "SpendLimitError",
            "The spend limit is reached, and waiting a little does not help: raise it in the Console, \
             or wait for the next period."
                .to_owned(),
        );
    }
    if let Some(hint) = code.and_then(hint_of_code) {
        return (ename_of_kind(kind), hint.to_owned());
    }
    let (ename, hint) = match status {
        401 => (
            "AuthenticationError",
            "Check the API key in the environment Jupyter was started from, then restart the kernel.",
        ),
        402 => (
            "BillingError",
            "Check the billing settings of the organization in the Console.",
        ),
        403 => (
            "PermissionError",
            "Ask for access, or use another key or model.",
        ),
        404 if !kind.starts_with("http_") => (
            "NotFoundError",
            "`%models` lists the models you can use, `%model` shows the one in force.",
        ),
        300..=399 => (
            "ConnectionError",
            "Log in to the network, and check the proxy variables and `ANTHROPIC_BASE_URL`; \
             `claude-kernel doctor` tests them.",
        ),
        404 | 405 if kind.starts_with("http_") => (
            "NotFoundError",
            "Check `ANTHROPIC_BASE_URL` (or the setting `base_url`): it ends before `/v1`.",
        ),
        407 => (
            "ConnectionError",
            "The proxy wants a login: put it into `HTTPS_PROXY` where Jupyter starts.",
        ),
        413 => (
            "RequestTooLargeError",
            "The request is larger than the API takes: `%compact` puts a summary in the place of the \
             conversation so far, `%reset chat` begins a new one.",
        ),
        429 => {
            let when = retry_after
                .map_or_else(|| "in a little while".to_owned(), |delay| when(delay, now));
            return ("RateLimitError", format!("Run the cell again {when}."));
        }
        529 => (
            "OverloadedError",
            "Run the cell again in a minute; another model (`%%model`) may be free.",
        ),
        500..=599 => (
            ename_of_kind(kind),
            "The fault is at the API: run the cell again in a minute.",
        ),
        _ => (
            "InvalidRequestError",
            "`%%dry` shows the exact request. The conversation is as it was before this cell.",
        ),
    };
    (ename, hint.to_owned())
}

/// Returns what to do about a refusal that the API gives a name (`docs/protocol.md#error-codes`).
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

fn ename_of_kind(kind: &str) -> &'static str {
    match kind {
        "overloaded_error" => "OverloadedError",
        "rate_limit_error" => "RateLimitError",
        "timeout_error" => "TimeoutError",
        "authentication_error" => "AuthenticationError",
        "permission_error" => "PermissionError",
        "billing_error" => "BillingError",
        "not_found_error" => "NotFoundError",
        "request_too_large" => "RequestTooLargeError",
        "invalid_request_error" => "InvalidRequestError",
        _ => "ApiError",
    }
}

/// Says when a wait is over: `in 45 s`, `in 12 min (at 14:05 UTC)`.
fn when(delay: Duration, now: Option<DateTime<Utc>>) -> String {
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
        Some(then) if minutes < 20 * 60 => format!("in {span} (at {} UTC)", then.format("%H:%M")),
        Some(then) => format!("in {span} (at {} UTC)", then.format("%Y-%m-%d %H:%M")),
        None => format!("in {span}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::magic::MagicError;
    use crate::chat::turn::TurnEnd;

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
        let now = DateTime::from_timestamp(1_767_225_600, 0);
        CellError::of_api(error, now)
    }

    #[test]
    fn each_failure_has_a_name_and_a_next_step() {
        let text = String::new;
        let cases = [
            (
                status(400, "invalid_request_error", None, None),
                "InvalidRequestError",
                "%%dry",
            ),
            (
                status(401, "authentication_error", None, None),
                "AuthenticationError",
                "key",
            ),
            (
                status(402, "billing_error", None, None),
                "BillingError",
                "Console",
            ),
            (
                status(403, "permission_error", None, None),
                "PermissionError",
                "access",
            ),
            (
                status(404, "not_found_error", None, None),
                "NotFoundError",
                "%models",
            ),
            (
                status(404, "not_found_error", Some("file_expired"), None),
                "NotFoundError",
                "attach it again",
            ),
            (
                status(407, "http_407", None, None),
                "ConnectionError",
                "HTTPS_PROXY",
            ),
            (
                status(413, "http_413", None, None),
                "RequestTooLargeError",
                "%compact",
            ),
            (
                status(429, "rate_limit_error", None, Some(30)),
                "RateLimitError",
                "in 30 s",
            ),
            (
                status(429, "rate_limit_error", None, None),
                "RateLimitError",
                "little while",
            ),
            (
                status(
                    429,
                    "rate_limit_error",
                    Some("enforced_spend_limit_reached"),
                    None,
                ),
                "SpendLimitError",
                "Console",
            ),
            (
                status(
                    402,
                    "billing_error",
                    Some("linked_organization_spend_limit_reached"),
                    None,
                ),
                "SpendLimitError",
                "Console",
            ),
            (status(500, "api_error", None, None), "ApiError", "again"),
            (
                status(504, "timeout_error", None, None),
                "TimeoutError",
                "again",
            ),
            (
                status(529, "overloaded_error", None, None),
                "OverloadedError",
                "minute",
            ),
            (
                ApiError::NoCredentials { reason: text() },
                "AuthenticationError",
                "doctor",
            ),
            (
                ApiError::Misconfigured { reason: text() },
                "ConfigurationError",
                "doctor",
            ),
            (
                ApiError::Connect {
                    host: text(),
                    reason: text(),
                },
                "ConnectionError",
                "network",
            ),
            (ApiError::Timeout { seconds: 600 }, "TimeoutError", "again"),
            (
                ApiError::Empty { reason: text() },
                "ConnectionError",
                "proxy",
            ),
            (
                status(302, "http_302", None, None),
                "ConnectionError",
                "Log in",
            ),
            (
                status(404, "http_404", None, None),
                "NotFoundError",
                "before `/v1`",
            ),
            (
                ApiError::Truncated { reason: text() },
                "StreamBroken",
                "sandbox",
            ),
            (
                ApiError::Protocol { reason: text() },
                "ProtocolError",
                "ANTHROPIC_BASE_URL",
            ),
            (
                ApiError::TooLarge {
                    bytes: 33_500_000,
                    limit: 32_000_000,
                },
                "RequestTooLargeError",
                "%compact",
            ),
        ];
        for (error, ename, next_step) in cases {
            let cell = of(&error);
            assert_eq!(cell.ename, ename, "{error:?}");
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
        assert_eq!(poor.ename, "BillingError");
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
        let declined = CellError::from_end(&declined, DateTime::UNIX_EPOCH).unwrap();
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
        let now = DateTime::from_timestamp(1_767_225_600, 0);
        let when = |seconds| when(Duration::from_secs(seconds), now);
        assert_eq!(when(119), "in 119 s");
        assert_eq!(when(600), "in 10 min (at 00:10 UTC)");
        assert_eq!(when(3 * 3600), "in 3 h (at 03:00 UTC)");
        assert_eq!(when(30 * 3600), "in 30 h (at 2026-01-02 06:00 UTC)");
        assert!(super::when(Duration::MAX, now).starts_with("in "));
    }
}
