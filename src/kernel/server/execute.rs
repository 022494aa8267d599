//! One `execute_request`: what is published before its cell, its reply, and, if the cell failed,
//! what becomes of the requests that wait behind it.

use crate::jupyter::messages::iopub::ExecuteInput;
use crate::jupyter::messages::shell::{ExecuteError, ExecuteReply};
use crate::jupyter::request::Execute;
use crate::jupyter::wire::Message;
use crate::kernel::cell::outcome::CellEnd;
use crate::kernel::cell::run::{self, CellRequest};
use crate::kernel::cell::show::display_mode;
use crate::kernel::context::{CellContext, CellOutput};
use crate::kernel::error::ErrorKind;
use crate::kernel::interrupts::{Leave, unless_stopped};
use crate::kernel::status;
use crate::kernel::terminal::fit_error;
use crate::render::renderer::DisplayMode;

use super::actor::Kernel;
use super::followers::{self, FailedRow};

impl Kernel {
    pub(super) async fn execute(&mut self, request: Message) -> Option<Leave> {
        let began = self.services.host.elapsed();
        let failed = self.failed.as_ref();
        if failed.is_some_and(|row| row.has(&request, began)) {
            self.replies.abort(&request, self.state.count).await;
            return None;
        }
        let execute = Execute::read(&request.content);
        let started = self.services.host.now().to_rfc3339();
        self.replies.busy(&request.parent).await;
        if execute.store_history {
            self.state.count = self.state.count.saturating_add(1);
        }
        let count = self.state.count;
        if !execute.silent {
            let content = ExecuteInput {
                code: &execute.code,
                execution_count: count,
            };
            self.replies.publish(&request.parent, &content).await;
        }
        let end = self.run_cell(&execute, &request).await;
        let failed = end.result.as_ref().err().map(|error| error.kind);
        let reply = match end.result {
            Ok(payload) => Ok(ExecuteReply {
                execution_count: count,
                payload,
                user_expressions: status::expressions(&execute.user_expressions, &self.state),
            }),
            Err(error) => {
                let output = match display_mode(&execute, &request) {
                    DisplayMode::Terminal => {
                        fit_error(error.output(), self.services.terminal.look())
                    }
                    DisplayMode::Live | DisplayMode::Batch => error.output(),
                };
                if !execute.silent {
                    self.replies.publish(&request.parent, &output).await;
                }
                Err(ExecuteError::new(output, Some(count)))
            }
        };
        let (mut row, mut leave) = (Vec::new(), end.leave);
        if let Some(kind) = failed
            && execute.stop_on_error
            && !execute.silent
        {
            let was_interrupted = kind == ErrorKind::Interrupted;
            let host = &self.services.host;
            let taking = followers::take(&mut row, &mut self.shell, was_interrupted, host);
            if let Err(stopped) = unless_stopped(taking, &mut self.interrupts, &self.replies).await
            {
                leave = leave.or(stopped.leave);
            }
            let now = self.services.host.elapsed();
            self.failed = FailedRow::of(&request, began, now);
        }
        match reply {
            Ok(reply) => self.replies.execute_reply(&request, &reply, started).await,
            Err(reply) => self.replies.execute_error(&request, &reply, started).await,
        }
        self.replies.idle(&request.parent).await;
        for message in row {
            if message.header.msg_type == "execute_request" {
                self.replies.abort(&message, count).await;
            } else if leave.is_none() {
                leave = Box::pin(self.serve(message)).await;
            }
        }
        leave
    }

    async fn run_cell(&mut self, execute: &Execute, request: &Message) -> CellEnd {
        let complaint = match execute.silent {
            true => None,
            false => self.complaint.take(),
        };
        let output = CellOutput {
            replies: &self.replies,
            parent: &request.parent,
            count: self.state.count,
            asks: execute.allow_stdin.then_some(request),
            display_mode: display_mode(execute, request),
            look: self.services.terminal.look(),
        };
        let mut context = CellContext {
            settings: self.state.settings.clone(),
            state: &mut self.state,
            journal: &mut self.journal,
            services: &mut self.services,
            interrupts: &mut self.interrupts,
            output,
            is_dry: false,
            attachments: Vec::new(),
            replay: None,
            asked: None,
            playing: None,
            told: Vec::new(),
            recording: None,
        };
        let request = CellRequest {
            execute,
            message: request,
            about: &self.about,
            notebook: self.notebook.as_mut(),
            complaint,
        };
        // The futures of a turn are large, and the actor's would hold one for each kind of request.
        Box::pin(run::run(request, &mut context)).await
    }
}
