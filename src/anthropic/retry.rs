//! Whether and when a failed call is tried again (`docs/protocol.md#retries`). Pure.
//!
//! A call is tried again only if nothing of its answer has come. If a stream breaks off later, or
//! carries an `error` event in the middle of its answer, code may have run already: such errors are
//! [`ApiError::Truncated`] and [`ApiError::Stream`], which are never tried again. An `error` event
//! before the answer becomes [`ApiError::Status`] first ([`ApiError::before_answer`]).

use std::time::Duration;

use super::error::ApiError;

/// Retries after the first attempt.
pub const MAX_RETRIES: u32 = 2;

/// Retries if the API itself says when it will take the call. Usually the limit on the sum of the
/// waits ends them sooner.
pub const MAX_INVITED_RETRIES: u32 = 10;

/// The longest wait a person in front of a notebook is asked for, and the most that all waits of
/// one call may come to; beyond it the call fails.
pub const MAX_DELAY: Duration = Duration::from_secs(60);

/// Codes of errors that waiting does not change.
const SPEND_LIMITS: [&str; 3] = [
    "enforced_spend_limit_reached",
    "contract_spend_limit_reached",
    "linked_organization_spend_limit_reached",
];

/// Returns how long to wait before the next attempt; `None` if there is to be no other attempt.
///
/// `random` is in `0.0..1.0`. If the API does not say how long to wait, the wait is 0.5 s, doubled
/// for each retry done, less up to a quarter.
#[must_use]
pub fn retry_delay(error: &ApiError, retries_done: u32, random: f64) -> Option<Duration> {
    let asked = match error {
        ApiError::Connect { .. } | ApiError::Timeout { .. } => None,
        ApiError::Status {
            status,
            code,
            retry_after,
            should_retry,
            ..
        } => {
            let spent = code
                .as_deref()
                .is_some_and(|code| SPEND_LIMITS.contains(&code));
            let transient = matches!(status, 408 | 409 | 429 | 500..);
            if spent || !should_retry.unwrap_or(transient) {
                return None;
            }
            *retry_after
        }
        ApiError::NoCredentials { .. }
        | ApiError::Misconfigured { .. }
        | ApiError::Stream { .. }
        | ApiError::Empty { .. }
        | ApiError::Truncated { .. }
        | ApiError::Source { .. }
        | ApiError::Protocol { .. }
        | ApiError::TooLarge { .. } => return None,
    };
    let most = asked.map_or(MAX_RETRIES, |_| MAX_INVITED_RETRIES);
    let delay = asked.unwrap_or_else(|| backoff(retries_done, random));
    (retries_done < most && delay <= MAX_DELAY).then_some(delay)
}

/// The attempts of one call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attempts {
    retries: u32,
    waited: Duration,
}

impl Attempts {
    /// Decides on the next attempt: returns how long to wait for it; `None` if there is to be none.
    pub fn next(&mut self, error: &ApiError, random: f64) -> Option<Duration> {
        let delay = retry_delay(error, self.retries, random)?;
        self.waited = self.waited.saturating_add(delay);
        if self.waited > MAX_DELAY {
            return None;
        }
        self.retries = self.retries.saturating_add(1);
        Some(delay)
    }
}

/// Returns in a word or two why a call is tried again.
#[must_use]
pub fn reason(error: &ApiError) -> &'static str {
    match error {
        ApiError::Connect { .. } => "no connection",
        ApiError::Timeout { .. } => "no answer",
        ApiError::Empty { .. } | ApiError::Truncated { .. } => "connection lost",
        ApiError::Status { status, kind, .. } => match (*status, kind.as_str()) {
            (529, _) | (_, "overloaded_error") => "overloaded",
            (429, _) | (_, "rate_limit_error") => "rate limited",
            (408 | 504, _) | (_, "timeout_error") => "timed out",
            (409, _) => "conflict",
            _ => "server error",
        },
        ApiError::Stream { kind, .. } => match kind.as_str() {
            "overloaded_error" => "overloaded",
            "rate_limit_error" => "rate limited",
            "timeout_error" => "timed out",
            _ => "server error",
        },
        ApiError::NoCredentials { .. } => "no credentials",
        ApiError::Misconfigured { .. } => "misconfigured",
        ApiError::Source { .. } => "unreadable file",
        ApiError::Protocol { .. } => "unreadable answer",
        ApiError::TooLarge { .. } => "too large",
    }
}

fn backoff(retries_done: u32, random: f64) -> Duration {
    let doubled = 0.5 * 2f64.powi(i32::try_from(retries_done).unwrap_or(i32::MAX));
    let shortened = doubled.min(8.0) * (1.0 - 0.25 * random.clamp(0.0, 1.0));
    Duration::try_from_secs_f64(shortened).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(status: u16) -> ApiError {
        ApiError::Status {
            status,
            kind: String::new(),
            message: String::new(),
            code: None,
            request_id: None,
            retry_after: None,
            should_retry: None,
        }
    }

    fn asking(status_code: u16, seconds: f64) -> ApiError {
        let mut error = status(status_code);
        if let ApiError::Status { retry_after, .. } = &mut error {
            *retry_after = Some(Duration::from_secs_f64(seconds));
        }
        error
    }

    #[test]
    fn statuses_that_are_tried_again() {
        let retried: Vec<u16> = (400..600)
            .filter(|code| retry_delay(&status(*code), 0, 0.0).is_some())
            .collect();
        let mut expected = vec![408, 409, 429];
        expected.extend(500..600);
        assert_eq!(retried, expected);
    }

    #[test]
    fn waits_grow_and_end_after_two_retries() {
        let delay =
            |done, random| retry_delay(&status(529), done, random).map(|delay| delay.as_secs_f64());
        assert_eq!(delay(0, 0.0), Some(0.5));
        assert_eq!(delay(0, 1.0), Some(0.375));
        assert_eq!(delay(1, 0.0), Some(1.0));
        assert_eq!(delay(1, 1.0), Some(0.75));
        assert_eq!(delay(2, 0.0), None);
        assert_eq!(delay(u32::MAX, 0.0), None);
        assert!(delay(0, f64::NAN).is_some());
    }

    #[test]
    fn the_api_names_the_wait_and_a_long_one_ends_the_call() {
        assert_eq!(
            retry_delay(&asking(429, 2.5), 1, 0.0),
            Some(Duration::from_millis(2500))
        );
        assert!(retry_delay(&asking(429, 60.0), 0, 0.0).is_some());
        assert_eq!(retry_delay(&asking(429, 60.1), 0, 0.0), None);
    }

    #[test]
    fn all_waits_of_a_call_come_to_a_minute_at_most() {
        let waits = |error: ApiError| {
            let mut attempts = Attempts::default();
            std::iter::from_fn(|| attempts.next(&error, 0.0)).count()
        };
        assert_eq!(waits(asking(429, 25.0)), 2);
        assert_eq!(waits(asking(429, 10.0)), 6);
        assert_eq!(waits(asking(529, 0.1)), 10);
        assert_eq!(waits(status(429)), 2);
    }

    #[test]
    fn should_retry_wins_over_the_status_and_spend_limits_over_both() {
        let with = |code: u16, asked: Option<bool>, spend: Option<&str>| {
            let mut error = status(code);
            if let ApiError::Status {
                should_retry, code, ..
            } = &mut error
            {
                *should_retry = asked;
                *code = spend.map(str::to_owned);
            }
            retry_delay(&error, 0, 0.0).is_some()
        };
        assert!(!with(500, Some(false), None));
        assert!(with(400, Some(true), None));
        assert!(!with(429, None, Some("enforced_spend_limit_reached")));
        assert!(!with(429, Some(true), Some("contract_spend_limit_reached")));
        assert!(with(429, None, Some("ramp_limit_exceeded")));
    }

    #[test]
    fn what_broke_after_the_headers_stands() {
        let stands = |error: &ApiError| retry_delay(error, 0, 0.0).is_none();
        let text = String::new;
        assert!(stands(&ApiError::Truncated { reason: text() }));
        assert!(stands(&ApiError::Protocol { reason: text() }));
        assert!(stands(&ApiError::NoCredentials { reason: text() }));
        assert!(stands(&ApiError::Stream {
            kind: "overloaded_error".to_owned(),
            message: text(),
            code: None,
            request_id: None,
        }));
        assert!(!stands(&ApiError::Timeout { seconds: 600 }));
        assert!(!stands(&ApiError::Connect {
            host: text(),
            reason: text()
        }));
    }
}
