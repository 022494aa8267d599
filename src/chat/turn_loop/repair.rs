//! What is done about a call that failed before its answer: repaired, tried again, or given up.

use crate::anthropic::error::ApiError;
use crate::anthropic::retry;
use crate::chat::action::Action;
use crate::chat::conversation::strip_request;
use crate::chat::turn::Activity;
use crate::chat::uploads;

use super::{Phase, TurnLoop};

impl TurnLoop {
    pub(super) fn failed(&mut self, error: ApiError, random: f64) {
        if self.phase != Phase::Opening {
            return self.fail(error);
        }
        if self.repair(&error) {
            self.first_error.get_or_insert(error);
            return self.call();
        }
        if let Some(delay) = self.attempts.next(&error, random) {
            self.phase = Phase::Waiting;
            self.show_activity(Activity::Retrying {
                delay,
                why: retry::reason(&error).to_owned(),
            });
            self.actions.push_back(Action::Wait(delay));
            return;
        }
        let error = self.first_error.take().unwrap_or(error);
        self.fail(error);
    }

    /// Changes the request after a refusal that may be about the sandbox or the history; in the
    /// order of `claude-api.md` 14, without reading the message. False when nothing is left to try.
    fn repair(&mut self, error: &ApiError) -> bool {
        let ApiError::Status {
            status,
            should_retry,
            ..
        } = error
        else {
            return false;
        };
        if self.continuations > 0 || self.tool_rounds > 0 {
            return false;
        }
        // The API wants the same request again.
        if *should_retry == Some(true) {
            return false;
        }
        // A file that expired is no reason to doubt the sandbox.
        if matches!(status, 400 | 404)
            && error.code() != Some("file_expired")
            && let Some(container) = self.plan.request.container.id.take()
        {
            self.container = None;
            self.doubted = Some(container);
            self.sandbox_lost = true;
            self.files_again = uploads::all_again(&mut self.plan.request, &mut self.plan.question);
            return true;
        }
        if *status == 400 && !self.thinking_refused && strip_request(&mut self.plan.request) {
            self.thinking_refused = true;
            return true;
        }
        false
    }
}
