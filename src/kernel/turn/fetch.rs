//! The files of a turn on their way from the sandbox into the folder.
//!
//! A few files are fetched at once, because each takes two calls. They get their names one after
//! the other in the order of the stream, so that a second run names and shows them the same way.
//! Invariant: each file asked for is reported once. If the turn is dropped, files without a name
//! are not reported.

use std::collections::VecDeque;

use futures::future::BoxFuture;
use futures::stream::{FuturesOrdered, StreamExt};
use sha2::{Digest as _, Sha256};

use crate::anthropic::block::View;
use crate::chat::action::{Input, NotSaved};
use crate::chat::turn::{FetchedFile, Origin, Update};
use crate::chat::wrapped_python::Scripts;
use crate::render::tool::Tool;

use crate::chat::recording::RecordedFile;
use crate::kernel::context::Services;
use crate::kernel::store::{Download, Store, hex};

/// How many files are fetched at once, including those that wait until an earlier one has its name:
/// the content of this many files may be in memory.
const AT_ONCE: usize = 4;
/// The most files of one turn that are fetched. If there are more, something has gone wrong.
const MAX_FILES: usize = 500;

/// A file that a result named.
#[derive(Debug)]
struct Wanted {
    ordinal: usize,
    file_id: String,
    origin: Origin,
    /// What a recording says of it, if a recording answers.
    recorded: Option<Option<RecordedFile>>,
}

/// The fetches of one turn.
pub(super) struct Fetches {
    services: Services,
    steps: Steps,
    started: usize,
    /// In the order of the stream.
    waiting: VecDeque<Wanted>,
    running: FuturesOrdered<BoxFuture<'static, (Wanted, Result<Download, NotSaved>)>>,
    naming: Option<BoxFuture<'static, Input>>,
}

impl Fetches {
    pub(super) fn new(services: &Services, count: u32) -> Self {
        Self {
            services: services.clone(),
            steps: Steps {
                count,
                ..Steps::default()
            },
            started: 0,
            waiting: VecDeque::new(),
            running: FuturesOrdered::new(),
            naming: None,
        }
    }

    /// Notes which call a file may come from.
    pub(super) fn note(&mut self, update: &Update) {
        self.steps.note(update);
    }

    /// Asks for a file. If a recording answers, `recorded` is what it says of the file.
    pub(super) fn push(
        &mut self,
        ordinal: usize,
        file_id: String,
        recorded: Option<Option<RecordedFile>>,
    ) {
        self.waiting.push_back(Wanted {
            recorded,
            ordinal,
            file_id,
            origin: self.steps.origin(ordinal),
        });
    }

    /// Waits for the next file, in the order they were asked for; `None` when none is on its way.
    /// Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<Input> {
        loop {
            if let Some(naming) = &mut self.naming {
                let fetched = naming.await;
                self.naming = None;
                return Some(fetched);
            }
            while self.running.len() < AT_ONCE
                && let Some(wanted) = self.waiting.pop_front()
            {
                self.start(wanted);
            }
            let (wanted, downloaded) = self.running.next().await?;
            match downloaded {
                Ok(download) => self.name(wanted, download),
                Err(error) => return Some(wanted.fetched(Err(error))),
            }
        }
    }

    fn start(&mut self, wanted: Wanted) {
        self.started += 1;
        if self.started > MAX_FILES {
            let why = format!("this turn made more than the {MAX_FILES} files that are fetched");
            let refused = async move { (wanted, Err(NotSaved { why })) };
            return self.running.push_back(Box::pin(refused));
        }
        let Services {
            host,
            client,
            store,
            ..
        } = self.services.clone();
        if let Some(recorded) = wanted.recorded.clone() {
            let id = wanted.file_id.clone();
            let reading = tokio::task::spawn_blocking(move || again(&store, recorded, &id));
            return self.running.push_back(Box::pin(async move {
                let read = match reading.await {
                    Ok(read) => read,
                    Err(error) => Err(NotSaved::because(error)),
                };
                (wanted, read)
            }));
        }
        self.running.push_back(Box::pin(async move {
            let downloaded = store
                .download(&client, host.as_ref(), &wanted.file_id)
                .await;
            (wanted, downloaded.map_err(NotSaved::because))
        }));
    }

    fn name(&mut self, wanted: Wanted, download: Download) {
        let (store, now) = (self.services.store.clone(), self.services.host.now());
        let origin = wanted.origin.clone();
        // Comparing with a large file of the same name takes a while.
        let saving = tokio::task::spawn_blocking(move || store.save(download, origin, now));
        self.naming = Some(Box::pin(async move {
            let saved = match saving.await {
                Ok(saved) => saved.map_err(NotSaved::because),
                Err(error) => Err(NotSaved::because(error)),
            };
            wanted.fetched(saved)
        }));
    }
}

/// Takes a file of a recording: from the folder, else as the recording holds it.
fn again(store: &Store, recorded: Option<RecordedFile>, id: &str) -> Result<Download, NotSaved> {
    let file = recorded.ok_or_else(|| NotSaved::because("the recording does not hold it"))?;
    match file.failed {
        Some(why) => Err(NotSaved { why }),
        None => store.recorded(&file, id).map_err(NotSaved::because),
    }
}

impl Wanted {
    fn fetched(self, result: Result<FetchedFile, NotSaved>) -> Input {
        Input::Fetched {
            ordinal: self.ordinal,
            file_id: self.file_id,
            result,
        }
    }
}

/// The tool calls of a turn so far, and which result belongs to which.
#[derive(Debug, Default)]
struct Steps {
    /// The execution count of the cell.
    count: u32,
    scripts: Scripts,
    calls: Vec<Origin>,
    /// Ordinal of a result block, and the call's id.
    results: Vec<(usize, String)>,
}

impl Steps {
    fn note(&mut self, update: &Update) {
        let Update::BlockFinished { ordinal, block } = update else {
            return;
        };
        match block.view() {
            View::ServerToolUse { id, name, input } | View::ToolUse { id, name, input } => {
                let tool = Tool::describe(name, input, &mut self.scripts);
                let step = u32::try_from(self.calls.len() + 1).unwrap_or(u32::MAX);
                self.calls.push(Origin {
                    count: self.count,
                    step,
                    tool_use_id: id.to_owned(),
                    code_sha256: hex(&Sha256::digest(tool.shown_code())),
                    title: tool.title,
                });
            }
            View::Executed { tool_use_id, .. } => {
                self.results.push((*ordinal, tool_use_id.to_owned()));
            }
            _ => {}
        }
    }

    /// What made a file that the result at `ordinal` named: at least the turn is known.
    fn origin(&self, ordinal: usize) -> Origin {
        let id = self.results.iter().rev().find(|(at, _)| *at == ordinal);
        let call = id.and_then(|(_, id)| {
            let mut calls = self.calls.iter().rev();
            calls.find(|call| call.tool_use_id == *id)
        });
        call.cloned().unwrap_or_else(|| Origin {
            count: self.count,
            ..Origin::default()
        })
    }
}
