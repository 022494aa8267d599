//! What is done about a call that failed before its answer: repaired, tried again, or given up.

use crate::anthropic::error::ApiError;
use crate::anthropic::retry;
use crate::chat::action::{Action, UpFront};
use crate::chat::conversation::{put_up_front, strip_request};
use crate::chat::tool_changes;
use crate::chat::turn::{Activity, ToolChanges};
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
        // A change that the API sees for the first time is the likelier cause than the sandbox.
        let is_suspect =
            tool_changes::is_about_one(error) || tool_changes::are_new_in(&self.plan.request);
        if *status == 400 && is_suspect && self.put_tools_up_front(error) {
            return true;
        }
        // A file that expired is no reason to doubt the sandbox.
        if matches!(status, 400 | 404)
            && error.code() != Some("file_expired")
            && let Some(container) = self.plan.request.container.id.take()
        {
            self.container = None;
            self.doubted = Some(container);
            self.sandbox_lost = true;
            // Then it was not the tools.
            if self.tool_changes == ToolChanges::Refused {
                self.tool_changes = ToolChanges::Replaced;
            }
            self.files_again = uploads::all_again(&mut self.plan.request, &mut self.plan.question);
            return true;
        }
        if *status == 400 && self.put_tools_up_front(error) {
            return true;
        }
        if *status == 400 && !self.thinking_refused && strip_request(&mut self.plan.request) {
            self.thinking_refused = true;
            return true;
        }
        false
    }

    /// Sends the tools that changed in `tools`, for an API that does not take them where they were.
    fn put_tools_up_front(&mut self, error: &ApiError) -> bool {
        let Some(up_front) = &self.plan.up_front else {
            return false;
        };
        if !put_up_front(&mut self.plan.request, &up_front.prefix) {
            return false;
        }
        let told = UpFront::cost(up_front.tokens);
        self.tool_changes = match tool_changes::is_about_one(error) {
            true => ToolChanges::Replaced,
            false => ToolChanges::Refused,
        };
        self.notice(&told);
        true
    }
}
