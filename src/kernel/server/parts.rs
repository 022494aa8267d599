//! What a kernel is made of, and how it is put together.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::anthropic::client::{Client, DEFAULT_BASE_URL};
use crate::anthropic::model::Prices;
use crate::chat::settings::Settings;
use crate::host::Host;
use crate::jupyter::connection::Connection;
use crate::kernel::context::Services;
use crate::kernel::interrupts::{Interrupts, Signal};
use crate::kernel::journal::{self, Journal};
use crate::kernel::known_models::Asking;
use crate::kernel::notebook::Notebook;
use crate::kernel::recordings::{self, Library};
use crate::kernel::state::State;
use crate::kernel::status::About;
use crate::kernel::store::Store;
use crate::kernel::terminal::Terminal;
use crate::kernel::tools::{Setup, Tools};

use super::actor::Kernel;
use super::replies::Replies;

/// What a kernel is made of.
#[derive(Debug)]
pub struct Parts {
    /// Clock, ids, chance.
    pub host: Arc<dyn Host>,
    /// The Jupyter side.
    pub connection: Connection,
    /// The Claude side.
    pub client: Client,
    /// Where files of the sandbox go.
    pub store: Store,
    /// The notebook file, where it is known.
    pub notebook: Option<Notebook>,
    /// What turns are asked with at first.
    pub settings: Settings,
    /// What tokens cost.
    pub prices: Prices,
    /// SIGINT, SIGTERM, the parent's death.
    pub signals: mpsc::Receiver<Signal>,
    /// Where what is said is kept.
    pub journal: journal::Options,
    /// Whether the offline backend answers.
    pub offline: bool,
    /// What was wrong with the configuration, shown with the first cell.
    pub complaint: Option<String>,
    /// Where tools of this machine run.
    pub tools: Setup,
    /// Where recordings come from, and what is recorded.
    pub recordings: recordings::Options,
    /// The terminal, if there is one.
    pub terminal: Terminal,
}

impl Kernel {
    /// Puts a kernel together; nothing runs until [`run`](Self::run).
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let Parts {
            host,
            connection,
            client,
            store,
            notebook,
            settings,
            prices,
            signals,
            journal,
            offline,
            complaint,
            tools,
            recordings,
            terminal,
        } = parts;
        let Connection {
            shell,
            control,
            stdin,
            outgoing,
        } = connection;
        let mut state = State::new(settings, prices);
        state.library = Library::new(recordings);
        let base_url = client.options().base_url.as_deref();
        let state_dir = journal.state_dir.as_deref().filter(|_| !offline);
        (state.asking, state.models) =
            Asking::begin(state_dir, base_url.unwrap_or(DEFAULT_BASE_URL));
        Self {
            replies: Replies::new(
                outgoing.without(journal.redactor.own().clone()),
                Arc::clone(&host),
                offline,
            ),
            about: About {
                base_url: client
                    .options()
                    .base_url
                    .clone()
                    .unwrap_or_else(|| DEFAULT_BASE_URL.to_owned()),
                offline,
            },
            journal: Journal::new(journal, Arc::clone(&host)),
            services: Services {
                host,
                client,
                store,
                tools: Tools::new(tools),
                offline,
                terminal,
            },
            shell,
            interrupts: Interrupts {
                control,
                stdin,
                signals,
            },
            state,
            notebook,
            complaint,
            failed: None,
        }
    }
}
