//! A kernel in memory in front of the offline backend over real HTTP: cells in, messages out.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use claude_kernel::anthropic::client::{Client, ClientOptions};
use claude_kernel::anthropic::model::Prices;
use claude_kernel::chat::settings::Settings;
use claude_kernel::config::Secret;
use claude_kernel::emulator::faults::Fault;
use claude_kernel::emulator::server::{self, Emulator, EmulatorConfig};
use claude_kernel::host::{Host, SystemHost};
use claude_kernel::jupyter::connection::{Channel, Connection, Route};
use claude_kernel::jupyter::memory::{FrontEnd, Sent};
use claude_kernel::kernel::interrupts::Signal;
use claude_kernel::kernel::journal;
use claude_kernel::kernel::notebook::Notebook;
use claude_kernel::kernel::recordings;
use claude_kernel::kernel::server::actor::Kernel;
use claude_kernel::kernel::server::parts::Parts;
use claude_kernel::kernel::store::Store;
use claude_kernel::kernel::terminal::Terminal;
use claude_kernel::kernel::tools::Setup;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// How long a cell may take before a test gives up on it.
const LIMIT: Duration = Duration::from_secs(60);

/// Which front end asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asks {
    /// JupyterLab.
    Lab,
    /// A terminal.
    Console,
    /// nbclient.
    Batch,
}

/// One kernel, one backend, one directory.
pub(crate) struct Rig {
    pub(crate) front_end: FrontEnd,
    pub(crate) emulator: Emulator,
    pub(crate) directory: tempfile::TempDir,
    pub(crate) signals: mpsc::Sender<Signal>,
    pub(crate) kernel: JoinHandle<()>,
    /// Cells that JupyterLab ran.
    pub(crate) cells: u32,
    offline: bool,
}

/// What a kernel is put in front of.
struct Backend {
    emulator: Emulator,
    directory: tempfile::TempDir,
    /// Whether the kernel knows that this is the offline backend.
    offline: bool,
}

/// What a cell led to.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) messages: Vec<Sent>,
}

impl Rig {
    /// Starts a kernel whose Claude plays `script`.
    pub(crate) async fn start(script: &str) -> Self {
        Self::assemble(script, None, journal::Options::nowhere()).await
    }

    /// As [`start`](Self::start), for a kernel that takes the backend for the real API: what it
    /// answers has its price.
    pub(crate) async fn paid(script: &str) -> Self {
        Self::paid_with_journal(script, journal::Options::nowhere()).await
    }

    /// As [`paid`](Self::paid), with a journal.
    pub(crate) async fn paid_with_journal(script: &str, journal: journal::Options) -> Self {
        let backend = Backend {
            offline: false,
            ..Self::backend(script).await
        };
        let key = backend.emulator.key().to_owned();
        Self::kernel(backend, &key, journal, None).await
    }

    /// As [`start`](Self::start), with a key that the backend does not know.
    pub(crate) async fn with_key(script: &str, key: &str) -> Self {
        Self::assemble(script, Some(key), journal::Options::nowhere()).await
    }

    /// As [`start`](Self::start), with a journal.
    pub(crate) async fn with_journal(script: &str, journal: journal::Options) -> Self {
        Self::assemble(script, None, journal).await
    }

    /// As [`start`](Self::start), with a file of recordings to answer from.
    pub(crate) async fn answering_from(script: &str, recordings: &Path) -> Self {
        let backend = Self::backend(script).await;
        let key = backend.emulator.key().to_owned();
        let journal = journal::Options::nowhere();
        Self::kernel(backend, &key, journal, Some(recordings)).await
    }

    async fn assemble(script: &str, key: Option<&str>, journal: journal::Options) -> Self {
        let backend = Self::backend(script).await;
        let key = key.unwrap_or(backend.emulator.key()).to_owned();
        Self::kernel(backend, &key, journal, None).await
    }

    async fn backend(script: &str) -> Backend {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("script.claude.md");
        std::fs::write(&path, script).unwrap();
        let emulator = server::start(EmulatorConfig {
            scripts: vec![path],
            script_name: Some("script.claude.md".to_owned()),
            sandbox_command: Some(env!("CARGO_BIN_EXE_claude-kernel").into()),
            python: Some(python()),
            // Whatever a test is about: no request may be refused for its history.
            strict_thinking: true,
            ..EmulatorConfig::default()
        })
        .await
        .unwrap();
        Backend {
            emulator,
            directory,
            offline: true,
        }
    }

    /// Ends the kernel as a crash does, and starts another one: the backend, with its files and
    /// sandboxes, and the directory stay.
    pub(crate) async fn restarted(self, journal: journal::Options) -> Self {
        let (kernel, backend) = self.taken_apart();
        kernel.abort();
        assert!(kernel.await.unwrap_err().is_cancelled());
        let key = backend.emulator.key().to_owned();
        Self::kernel(backend, &key, journal, None).await
    }

    /// Ends the kernel and starts another one that has no credentials.
    pub(crate) async fn without_key(self) -> Self {
        let (kernel, backend) = self.taken_apart();
        kernel.abort();
        Self::kernel(backend, "", journal::Options::nowhere(), None).await
    }

    fn taken_apart(self) -> (JoinHandle<()>, Backend) {
        let backend = Backend {
            emulator: self.emulator,
            directory: self.directory,
            offline: self.offline,
        };
        (self.kernel, backend)
    }

    async fn kernel(
        backend: Backend,
        key: &str,
        journal: journal::Options,
        recordings: Option<&Path>,
    ) -> Self {
        let Backend {
            emulator,
            directory,
            offline,
        } = backend;
        let options = ClientOptions::for_key(emulator.base_url(), Secret::new(key));
        let client = Client::new(ClientOptions {
            key: (!key.is_empty()).then(|| Secret::new(key)),
            ..options
        });
        let host: Arc<dyn Host> = Arc::new(SystemHost::new());
        let tools = Setup {
            host: Arc::clone(&host),
            python: Some(python()),
            nearby: Vec::new(),
            environment: [
                ("PATH", "/usr/bin:/bin"),
                ("ANTHROPIC_API_KEY", "sk-ant-rig"),
            ]
            .into_iter()
            .collect(),
            directory: directory.path().to_owned(),
            allow_tools: false,
            allow_mcp: false,
        };
        let (connection, front_end) = Connection::memory(Arc::clone(&host));
        let (signals, receiver) = mpsc::channel(8);
        let notebook = Notebook::at(directory.path().join("notebook.ipynb"));
        let kernel = Kernel::new(Parts {
            host,
            connection,
            client,
            store: Store::new(directory.path(), 10_000_000, u64::MAX)
                .of_notebook(Some(notebook.path())),
            notebook: Some(notebook),
            settings: Settings::default(),
            prices: Prices::default(),
            signals: receiver,
            offline,
            journal,
            complaint: None,
            terminal: Terminal::plain(),
            tools,
            recordings: recordings::Options {
                file: recordings.map(Path::to_owned),
                ..recordings::Options::default()
            },
        });
        let kernel = tokio::spawn(kernel.run());
        let mut rig = Self {
            front_end,
            emulator,
            directory,
            signals,
            kernel,
            cells: 0,
            offline,
        };
        assert_eq!(
            rig.next().await.message.header.msg_type,
            "status",
            "starting comes first"
        );
        rig
    }

    /// Receives the kernel's next message.
    pub(crate) async fn next(&mut self) -> Sent {
        tokio::time::timeout(LIMIT, self.front_end.recv())
            .await
            .expect("the kernel says something")
            .expect("the kernel is there")
    }

    /// Sends a cell as nbclient does; returns its message id at once.
    pub(crate) async fn send(&mut self, code: &str) -> String {
        self.send_as(Asks::Batch, code).await
    }

    /// Sends a cell as a front end does.
    pub(crate) async fn send_as(&mut self, asks: Asks, code: &str) -> String {
        let mut metadata = Map::new();
        if asks == Asks::Lab {
            self.cells += 1;
            metadata.insert("cellId".to_owned(), json!(format!("cell-{}", self.cells)));
        }
        self.send_with(asks, code, metadata).await
    }

    /// Sends a cell as a front end does, with this metadata.
    pub(crate) async fn send_with(
        &mut self,
        asks: Asks,
        code: &str,
        metadata: Map<String, Value>,
    ) -> String {
        let content = json!({
            "code": code, "silent": false, "store_history": true, "user_expressions": {},
            "allow_stdin": asks != Asks::Batch, "stop_on_error": true,
        });
        self.front_end
            .send_with(Channel::Shell, "execute_request", content, metadata)
            .await
            .unwrap()
    }

    /// Runs a cell as nbclient does.
    pub(crate) async fn cell(&mut self, code: &str) -> Ran {
        self.cell_as(Asks::Batch, code).await
    }

    /// Runs a cell as a front end does.
    pub(crate) async fn cell_as(&mut self, asks: Asks, code: &str) -> Ran {
        let id = self.send_as(asks, code).await;
        self.until_idle(&id).await
    }

    /// Runs the cell with this id as JupyterLab does, which also says which cells were deleted.
    pub(crate) async fn cell_in(&mut self, cell: &str, deleted: &[&str], code: &str) -> Ran {
        let mut metadata = Map::new();
        metadata.insert("cellId".to_owned(), json!(cell));
        metadata.insert("deletedCells".to_owned(), json!(deleted));
        let id = self.send_with(Asks::Lab, code, metadata).await;
        self.until_idle(&id).await
    }

    /// Asks anything on a channel; returns everything up to its idle.
    pub(crate) async fn ask(&mut self, channel: Channel, msg_type: &str, content: Value) -> Ran {
        let id = self
            .front_end
            .send(channel, msg_type, content)
            .await
            .unwrap();
        self.until_idle(&id).await
    }

    /// Collects messages until the request `id` is idle. Other requests' messages are kept too.
    pub(crate) async fn until_idle(&mut self, id: &str) -> Ran {
        let mut messages = Vec::new();
        loop {
            let sent = self.next().await;
            let is_idle = sent.message.header.msg_type == "status"
                && sent.message.content["execution_state"] == "idle"
                && parent_id(&sent) == id;
            messages.push(sent);
            if is_idle {
                return Ran { messages };
            }
        }
    }

    /// Returns the directory the kernel saves files below.
    pub(crate) fn files(&self) -> std::path::PathBuf {
        self.directory.path().join("claude_files")
    }
}

/// Has the backend do what a fault says, written as in a script.
pub(crate) async fn arm(rig: &Rig, fault: &str) {
    let fault = Fault::from_script(fault).unwrap();
    rig.emulator.faults().add(fault).await.unwrap();
}

/// Stands for the streams among the outputs of a cell.
const STREAM: &str = "stream";

/// Returns the bodies of the requests for messages, in order.
pub(crate) async fn asked(rig: &Rig) -> Vec<Value> {
    let sent = rig.emulator.faults().requests().await.unwrap();
    sent.into_iter()
        .filter(|request| request.target == "/v1/messages")
        .map(|request| request.body)
        .collect()
}

/// Returns the interpreter for scripts: the project's own environment, where there is one.
pub(crate) fn python() -> std::path::PathBuf {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv/bin/python");
    std::env::var_os("CLAUDE_KERNEL_TEST_PYTHON")
        .map(Into::into)
        .or_else(|| ours.exists().then_some(ours))
        .unwrap_or_else(|| "python3".into())
}

/// Returns the id of the request that caused a message.
pub(crate) fn parent_id(sent: &Sent) -> String {
    let Some(parent) = &sent.message.in_reply_to else {
        return String::new();
    };
    let parent: Value = serde_json::from_str(parent.as_str()).unwrap();
    parent["msg_id"].as_str().unwrap_or_default().to_owned()
}

impl Ran {
    /// Returns the content of the one reply.
    pub(crate) fn reply(&self) -> &Value {
        let mut replies = self
            .messages
            .iter()
            .filter(|sent| matches!(sent.route, Route::To(_)));
        let reply = replies.next().expect("there is a reply");
        assert!(replies.next().is_none(), "there is only one reply");
        &reply.message.content
    }

    /// Returns the content of the cell's reply, where something else was answered meanwhile.
    #[track_caller]
    pub(crate) fn execute_reply(&self) -> &Value {
        let mut replies = self
            .messages
            .iter()
            .filter(|sent| sent.message.header.msg_type == "execute_reply");
        &replies
            .next()
            .expect("the cell is answered")
            .message
            .content
    }

    /// Returns the machine data of the outputs that stand for files, in the order of the notebook.
    pub(crate) fn files(&self) -> Vec<Value> {
        self.iopub("display_data")
            .into_iter()
            .map(|content| content["metadata"]["claude_kernel"].clone())
            .filter(|data| data["block"] == "file")
            .collect()
    }

    /// Returns the contents of the iopub messages of a type.
    pub(crate) fn iopub(&self, msg_type: &str) -> Vec<&Value> {
        self.messages
            .iter()
            .filter(|sent| sent.route == Route::Iopub && sent.message.header.msg_type == msg_type)
            .map(|sent| &sent.message.content)
            .collect()
    }

    /// Returns all that a reader sees in the end, as plain text: updates replace.
    pub(crate) fn text(&self) -> String {
        let mut shown: Vec<(Option<String>, String)> = Vec::new();
        for sent in self
            .messages
            .iter()
            .filter(|sent| sent.route == Route::Iopub)
        {
            let content = &sent.message.content;
            let plain = || {
                content["data"]["text/plain"]
                    .as_str()
                    .or(content["data"]["text/markdown"].as_str())
                    .unwrap_or_default()
                    .to_owned()
            };
            let id = content["transient"]["display_id"]
                .as_str()
                .map(str::to_owned);
            match sent.message.header.msg_type.as_str() {
                "stream" => {
                    let text = content["text"].as_str().unwrap();
                    match shown.last_mut() {
                        Some((Some(of), before)) if of == STREAM => before.push_str(text),
                        _ => shown.push((Some(STREAM.to_owned()), text.to_owned())),
                    }
                }
                "display_data" | "execute_result" => shown.push((id, plain())),
                // The receipt of an earlier cell says what has become of its answer.
                "update_display_data"
                    if content["metadata"]["claude_kernel"]["mark"].is_string() => {}
                "update_display_data" => match shown
                    .iter_mut()
                    .find(|(known, _)| known.is_some() && *known == id)
                {
                    Some((_, text)) => *text = plain(),
                    // The receipt of an earlier cell says what has become of its answer.
                    None if content["metadata"]["claude_kernel"]["block"] == "receipt" => {}
                    None => panic!("an update for a display that was never shown: {content}"),
                },
                "error" => shown.push((
                    None,
                    content["traceback"]
                        .as_array()
                        .unwrap()
                        .iter()
                        .map(|line| format!("{}\n", line.as_str().unwrap()))
                        .collect(),
                )),
                _ => {}
            }
        }
        shown
            .into_iter()
            .map(|(_, text)| text)
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// Returns the whole transcript, a line each: route, type, what it says.
    pub(crate) fn transcript(&self) -> String {
        let mut text = String::new();
        for sent in &self.messages {
            let route = match sent.route {
                Route::Iopub => "iopub".to_owned(),
                Route::To(channel) => format!("{channel:?}").to_lowercase(),
            };
            let content = &sent.message.content;
            let says = match sent.message.header.msg_type.as_str() {
                "status" => content["execution_state"].as_str().unwrap().to_owned(),
                "display_data" | "update_display_data" | "execute_result" => {
                    content["data"].to_string()
                }
                _ => content.to_string(),
            };
            writeln!(text, "{route} {} {says}", sent.message.header.msg_type).unwrap();
        }
        text
    }
}
