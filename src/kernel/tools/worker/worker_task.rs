//! The task that owns the worker's process: requests in, answers out, limits, a new process after
//! a death.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::OptionFuture;
use serde_json::{Map, Value, json};
use tokio::sync::{mpsc, oneshot};

use super::process::{Event, NotStarted, Process, Program};
use super::{Answer, Call, Defined, Definition, Described, Request, Undefined};
use crate::host::Host;

/// How long an interpreter may take to say that it is ready: a cold disk, a large environment.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How long a call may take to react to an interrupt before its process is ended.
const GRACE: Duration = Duration::from_secs(2);
/// How long one definition may take when it is run again in a new process.
const AGAIN_LIMIT: Duration = Duration::from_secs(60);
/// How often a death is answered with a new process before calls that wait are given up.
const MAX_DEATHS_IN_A_ROW: u32 = 3;

/// What waits for an answer of the process.
#[derive(Debug)]
enum Pending {
    Define(Definition, oneshot::Sender<Result<Defined, Undefined>>),
    /// A definition of an earlier process.
    Again(Definition),
    Call(Call, oneshot::Sender<Answer>),
}

#[derive(Debug)]
struct Job {
    pending: Pending,
    limit: Duration,
    /// When it must have ended; set when the process begins it.
    deadline: Option<Duration>,
    /// Interrupted: by the limit, or by the person.
    stopping: Option<Why>,
    /// It holds the interpreter's one thread: until it lets go, no other job can react to anything.
    blocking: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    Limit,
    Unwanted,
}

/// The state of the task.
struct WorkerTask {
    program: Program,
    host: Arc<dyn Host>,
    process: Option<Process>,
    /// Until the process says that it is ready.
    starting: Option<Duration>,
    /// What is run again in a new process, in order.
    definitions: Vec<Definition>,
    jobs: BTreeMap<u64, Job>,
    /// Numbers of definitions that are run again; apart from those of requests.
    again: u64,
    deaths: u32,
}

/// Numbers from here on are definitions run again.
const AGAIN: u64 = 1 << 62;

/// Serves until all handles are gone.
pub(super) async fn serve(
    program: Program,
    host: Arc<dyn Host>,
    mut requests: mpsc::Receiver<Request>,
) {
    let mut task = WorkerTask {
        program,
        host,
        process: None,
        starting: None,
        definitions: Vec::new(),
        jobs: BTreeMap::new(),
        again: AGAIN,
        deaths: 0,
    };
    loop {
        let timer = task.timer();
        tokio::select! {
            biased;
            request = requests.recv() => match request {
                Some(request) => task.take(request),
                None => return,
            },
            Some(event) = OptionFuture::from(task.process.as_mut().map(Process::next)) => match event {
                Event::Frame(frame) => task.answered(&frame),
                Event::Gone(how) => task.died(&how),
            },
            Some(()) = OptionFuture::from(timer) => task.overdue(),
        }
    }
}

impl WorkerTask {
    fn timer(&self) -> Option<futures::future::BoxFuture<'static, ()>> {
        let deadlines = self.jobs.values().filter_map(|job| job.deadline);
        let next = deadlines.chain(self.starting).min()?;
        Some(self.host.sleep(next.saturating_sub(self.host.elapsed())))
    }

    fn take(&mut self, request: Request) {
        match request {
            Request::Define {
                number,
                definition,
                limit,
                reply,
            } => self.begin(number, Pending::Define(definition, reply), limit),
            Request::Call {
                number,
                call,
                reply,
            } => {
                let limit = call.limit;
                self.begin(number, Pending::Call(call, reply), limit);
            }
            Request::Stop { number } => self.stop(number, Why::Unwanted),
            Request::Forget { names } => {
                for definition in &mut self.definitions {
                    definition.names.retain(|name| !names.contains(name));
                }
                self.definitions
                    .retain(|definition| !definition.names.is_empty());
            }
        }
    }

    fn begin(&mut self, number: u64, pending: Pending, limit: Duration) {
        if let Err(error) = self.ensure_process() {
            return self.refuse(pending, error.into());
        }
        self.submit(number, pending, limit);
    }

    fn submit(&mut self, number: u64, pending: Pending, limit: Duration) {
        let request = match &pending {
            Pending::Define(definition, _) | Pending::Again(definition) => json!({
                "op": "define", "id": number, "file": definition.file,
                "source": definition.source, "names": definition.names,
            }),
            Pending::Call(call, _) => json!({
                "op": "call", "id": number, "name": call.name,
                "arguments": call.arguments, "direct": call.direct,
            }),
        };
        let taken = self
            .process
            .as_ref()
            .is_some_and(|process| process.send(&request));
        if !taken {
            return self.refuse(pending, Undefined::Stuck);
        }
        self.jobs.insert(
            number,
            Job {
                pending,
                limit,
                deadline: None,
                stopping: None,
                blocking: false,
            },
        );
    }

    /// Starts a process where there is none, and gives it the definitions there are.
    fn ensure_process(&mut self) -> Result<(), NotStarted> {
        if self.process.is_some() {
            return Ok(());
        }
        self.process = Some(Process::start(&self.program)?);
        self.starting = Some(self.host.elapsed() + START_LIMIT);
        for definition in self.definitions.clone() {
            self.again += 1;
            self.submit(self.again, Pending::Again(definition), AGAIN_LIMIT);
        }
        Ok(())
    }

    fn answered(&mut self, frame: &Value) {
        let text = |key: &str| frame.get(key).and_then(Value::as_str).unwrap_or_default();
        let op = text("op");
        if op == "ready" {
            self.starting = None;
            return;
        }
        let Some(number) = frame.get("id").and_then(Value::as_u64) else {
            return;
        };
        if op == "started" {
            let now = self.host.elapsed();
            if let Some(job) = self.jobs.get_mut(&number) {
                job.deadline = Some(now + job.limit);
                job.blocking = frame.get("blocking").and_then(Value::as_bool) == Some(true);
            }
            return;
        }
        if op == "waiting" {
            if let Some(job) = self.jobs.get_mut(&number) {
                job.blocking = false;
            }
            return;
        }
        let Some(job) = self.jobs.remove(&number) else {
            return;
        };
        self.deaths = 0;
        match (op, job.pending) {
            ("defined", Pending::Define(mut definition, reply)) => {
                let defined = defined(frame);
                let names: Vec<String> =
                    defined.tools.iter().map(|tool| tool.name.clone()).collect();
                // What it replaces is not run again; what others still need of it, is.
                for old in &mut self.definitions {
                    old.names.retain(|name| !names.contains(name));
                }
                self.definitions.retain(|old| !old.names.is_empty());
                definition.names = names;
                self.definitions.push(definition);
                // Nobody may be waiting any more.
                let _unwanted = reply.send(Ok(defined));
            }
            ("defined", Pending::Again(_)) => {}
            ("result", Pending::Call(call, reply)) => {
                let mut answer = answer(frame);
                if job.stopping == Some(Why::Limit) {
                    answer = Answer {
                        printed: answer.printed,
                        ..Answer::failed(format!(
                            "`{}` was stopped after {} s, its time limit. Variables and connections of the tools are still there.",
                            call.name,
                            call.limit.as_secs()
                        ))
                    };
                }
                let _unwanted = reply.send(answer);
            }
            (_, pending) => {
                let error = match job.stopping {
                    Some(Why::Limit) => Undefined::TooSlow { limit: job.limit },
                    Some(Why::Unwanted) | None => Undefined::Failed {
                        why: text("why").to_owned(),
                    },
                };
                self.refuse(pending, error);
            }
        }
    }

    /// Interrupts a job; the process is ended when it does not react.
    fn stop(&mut self, number: u64, why: Why) {
        let now = self.host.elapsed();
        let Some(job) = self.jobs.get_mut(&number) else {
            return;
        };
        if job.stopping.is_none() {
            job.stopping = Some(why);
            job.deadline = Some(now + GRACE);
            if let Some(process) = &self.process {
                process.send(&json!({"op": "interrupt", "id": number}));
            }
        }
    }

    /// Interrupts what is over its time; ends the process where that was no use.
    fn overdue(&mut self) {
        let now = self.host.elapsed();
        if self.starting.is_some_and(|limit| limit <= now) {
            return self.end(&format!(
                "the interpreter was not ready within {} s",
                START_LIMIT.as_secs()
            ));
        }
        let over: Vec<(u64, bool)> = self
            .jobs
            .iter()
            .filter(|(_, job)| job.deadline.is_some_and(|deadline| deadline <= now))
            .map(|(number, job)| (*number, job.stopping.is_some()))
            .collect();
        // A call that only awaits cannot hear of its end while another one computes; that one has a
        // limit of its own.
        let busy = self
            .jobs
            .values()
            .filter(|job| job.blocking)
            .filter_map(|job| job.deadline)
            .find(|deadline| *deadline > now);
        for (number, stopping) in over {
            if stopping
                && let Some(free) = busy
                && let Some(job) = self.jobs.get_mut(&number)
                && !job.blocking
            {
                job.deadline = Some(free + GRACE);
                continue;
            }
            if stopping {
                return self.end("it did not react to an interrupt, so its process was ended");
            }
            self.stop(number, Why::Limit);
        }
    }

    fn end(&mut self, why: &str) {
        if let Some(process) = self.process.take() {
            process.kill();
        }
        self.clear(why);
    }

    fn died(&mut self, how: &str) {
        self.process = None;
        self.clear(&format!("its process died ({how})"));
    }

    /// Answers what the lost process had begun, and gives a new one what it had not.
    fn clear(&mut self, why: &str) {
        self.starting = None;
        self.deaths += 1;
        let give_up = self.deaths > MAX_DEATHS_IN_A_ROW;
        let mut waiting = Vec::new();
        for (number, job) in std::mem::take(&mut self.jobs) {
            let begun = job.deadline.is_some() || job.stopping.is_some();
            match job.pending {
                Pending::Again(definition) if begun => {
                    tracing::warn!(definition.file, why, "a definition is not run again");
                    self.definitions.retain(|other| *other != definition);
                }
                Pending::Again(_) => {}
                pending if begun || give_up => {
                    let lost = lost(job.stopping, job.limit, why);
                    let lost = match &pending {
                        Pending::Define(..) => format!("the cell did not run to its end: {lost}"),
                        Pending::Again(_) | Pending::Call(..) => lost,
                    };
                    self.refuse(pending, Undefined::Failed { why: lost });
                }
                pending => waiting.push((number, pending, job.limit)),
            }
        }
        for (number, pending, limit) in waiting {
            self.begin(number, pending, limit);
        }
    }

    /// Tells whoever waits that it came to nothing.
    fn refuse(&mut self, pending: Pending, error: Undefined) {
        match pending {
            Pending::Define(_, reply) => {
                let _unwanted = reply.send(Err(error));
            }
            Pending::Call(call, reply) => {
                let _unwanted = reply.send(Answer::failed(format!("`{}`: {error}", call.name)));
            }
            Pending::Again(definition) => {
                tracing::warn!(
                    definition.file,
                    %error,
                    "a definition failed when it was run again"
                );
            }
        }
    }
}

/// What is lost with a process, in words for Claude and the person.
fn lost(stopping: Option<Why>, limit: Duration, why: &str) -> String {
    let because = match stopping {
        Some(Why::Limit) => format!("it ran longer than {} s and {why}", limit.as_secs()),
        Some(Why::Unwanted) | None => why.to_owned(),
    };
    format!(
        "{because}. A new process runs the cells with tools again: what they had computed or opened since is lost."
    )
}

fn defined(frame: &Value) -> Defined {
    let text = |of: &Value, key: &str| {
        of.get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let tools = frame.get("tools").and_then(Value::as_array);
    let tools = tools.into_iter().flatten().map(|tool| Described {
        name: text(tool, "name"),
        description: text(tool, "description"),
        input_schema: tool
            .get("input_schema")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_else(Map::new),
        warnings: tool
            .get("warnings")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|warning| warning.as_str().map(str::to_owned))
            .collect(),
    });
    Defined {
        tools: tools.collect(),
        printed: text(frame, "printed"),
    }
}

fn answer(frame: &Value) -> Answer {
    let printed = frame.get("printed").and_then(Value::as_str);
    Answer {
        content: frame
            .get("content")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default(),
        is_error: frame.get("is_error").and_then(Value::as_bool) == Some(true),
        printed: printed.unwrap_or_default().to_owned(),
    }
}
