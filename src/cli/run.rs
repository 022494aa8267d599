//! `claude-kernel run -f FILE`, the command in `kernel.json`. Puts the layers together and serves.
//!
//! The order matters (`docs/protocol.md#start-order`): first signal handlers, then sockets, then
//! everything else. An error in the configuration does not stop the start; the first cell tells it.
#![expect(clippy::disallowed_methods, reason = "edge: the process's own tasks")]

mod arguments;
mod parent;
mod secrets;
mod temporary;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args as _;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::{Failure, logging};
use crate::anthropic::client::{Client, ClientOptions};
use crate::config::{Config, Environment, Secret};
use crate::emulator::server::{self, Emulator, EmulatorConfig};
use crate::host::{Host, SystemHost};
use crate::jupyter::connection::Connection;
use crate::jupyter::connection_file::ConnectionFile;
use crate::jupyter::sockets::file::{FileError, FoundFile};
use crate::jupyter::sockets::{BindError, Bound};
use crate::kernel::interrupts::Signal;
use crate::kernel::journal;
use crate::kernel::journal::redact::Redactor;
use crate::kernel::notebook::Notebook;
use crate::kernel::recordings;
use crate::kernel::server::actor::Kernel;
use crate::kernel::server::parts::Parts;
use crate::kernel::state::Initial;
use crate::kernel::store::Store;
use crate::kernel::terminal::Terminal;
use crate::kernel::tools::Setup;
use crate::kernel::tools::environment::Interpreter;
use parent::Watched;

/// How much time there is, after the last reply, for work that is left.
const SHUTDOWN_LIMIT: Duration = Duration::from_millis(500);

/// Files, sockets included, that a kernel may open: many clients and a few downloads fit.
const WANTED_FILES: u64 = 4096;
/// Five sockets, a client's connections to them twice, the log, the journal, a call of the API.
const LEAST_FILES: u64 = 64;

/// The unit of the setting for how long conversations are kept.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Arguments of `run`.
#[derive(Debug, Clone, clap::Args)]
#[command(args_override_self = true)]
pub struct Args {
    /// The connection file that Jupyter wrote
    #[arg(short = 'f', long, value_name = "FILE")]
    connection_file: PathBuf,
    /// Answer from scripts, without key, network or cost
    #[arg(long)]
    offline: bool,
    /// With --offline: a directory whose `*.claude.md` are scripts too
    #[arg(long, value_name = "DIR", requires = "offline")]
    scripts: Vec<PathBuf>,
    /// With --offline: the interpreter that runs Python steps
    #[arg(long, value_name = "PATH", requires = "offline")]
    python: Option<PathBuf>,
    /// Where the Python lies that Jupyter runs in: own tools run in it
    #[arg(long, value_name = "DIR")]
    jupyter_prefix: Option<PathBuf>,
    /// What launchers add for kernels of other kinds (`--debug`, a file's name): ignored
    #[arg(value_name = "ARGUMENT", last = true, hide = true)]
    others: Vec<OsString>,
}

/// Returns the command line with the arguments that `run` does not know at its end.
pub(super) fn tolerant(command_line: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut command_line = command_line.into_iter();
    let mut tolerant: Vec<OsString> = command_line.by_ref().take(2).collect();
    match tolerant.get(1) {
        Some(command) if command == "run" => {
            let known = Args::augment_args(clap::Command::new("run"));
            tolerant.extend(arguments::set_aside(&known, command_line));
        }
        _ => tolerant.extend(command_line),
    }
    tolerant
}

/// Serves one kernel until it is told to end.
///
/// # Errors
/// If the connection file cannot be used or its ports cannot be bound.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    allow_files()?;
    // This comes before there are threads, because it may start the program again.
    let environment = secrets::environment();
    // There is one thread, because one cell runs at a time and nothing in it blocks for long. To
    // hand every delta from one thread to another would cost more than the delta itself.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    // What `block_on` polls itself is woken by way of the system's poller, a task by way of a queue:
    // that is one call of the system less for each piece of an answer.
    let serving = runtime.spawn(serve(args.clone(), environment));
    let result = runtime.block_on(serving);
    runtime.shutdown_timeout(SHUTDOWN_LIMIT);
    result??;
    Ok(ExitCode::SUCCESS)
}

async fn serve(args: Args, environment: Environment) -> anyhow::Result<()> {
    let signals = watch_signals()?;
    // This is found out early, so that a parent which ends during the start is noticed.
    let watched = Watched::find(environment.get("JPY_PARENT_PID"));
    let host: Arc<dyn Host> = Arc::new(SystemHost::new());
    let (file, connection) = connect(&args.connection_file, &host).await?;
    watched.watch(signals.0);
    let config = Config::load(&environment, &[]);
    let known = secrets::known(&environment);
    logging::start(&config, Redactor::knowing(known.clone()));
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        offline = args.offline,
        "kernel starts"
    );
    if !args.others.is_empty() {
        tracing::info!(arguments = ?args.others, "arguments that mean nothing here are ignored");
    }
    let working_directory = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
    let moved = temporary::ensure(config.state_dir.as_deref());
    let emulator = match args.offline {
        true => Some(start_emulator(&args, &environment, &working_directory).await?),
        false => None,
    };
    let options = match &emulator {
        Some(emulator) => ClientOptions::for_key(emulator.base_url(), Secret::new(emulator.key())),
        None => ClientOptions::new(&config, environment.clone()),
    };
    let Initial {
        settings,
        prices,
        problems,
    } = Initial::read(&config);
    let client = Client::new(options);
    let tools_host = Arc::clone(&host);
    let notebook = environment
        .get("JPY_SESSION_NAME")
        .and_then(Notebook::of_session);
    let kernel = Kernel::new(Parts {
        host,
        connection,
        store: Store::new(
            &working_directory,
            config.show_file_bytes,
            config.save_file_bytes,
        )
        .of_notebook(notebook.as_ref().map(Notebook::path)),
        settings,
        prices,
        notebook,
        signals: signals.1,
        journal: journal::Options {
            redactor: Redactor::knowing(known.and(&client.secrets())),
            ..journal_options(&args, &config, &environment, &file, &working_directory)
        },
        client,
        recordings: recordings::Options::read(&config),
        offline: args.offline,
        complaint: complaint(&config, problems, moved),
        terminal: Terminal::own(&environment),
        tools: Setup {
            host: tools_host,
            python: config.python.clone(),
            nearby: nearby(&args),
            directory: working_directory,
            allow_tools: config.allow_tools,
            allow_mcp: config.allow_mcp,
            environment,
        },
    });
    kernel.run().await;
    if let Some(emulator) = emulator {
        emulator.shutdown().await;
    }
    tracing::info!("kernel leaves");
    Ok(())
}

/// Binds the addresses of the connection file. If the file leaves ports open, writes those that
/// were taken into it.
async fn connect(
    path: &Path,
    host: &Arc<dyn Host>,
) -> Result<(ConnectionFile, Connection), Failure> {
    let unusable = |error: FileError| {
        Failure::new(error.to_string()).with_hint(
            "Jupyter writes this file and passes it with `-f`: start the kernel from Jupyter",
        )
    };
    let mut found = FoundFile::read(path, host.as_ref()).map_err(unusable)?;
    let bound = Bound::bind(&found.content, Arc::clone(host))
        .await
        .map_err(|error| cannot_bind(&error))?;
    if found.content.lacks_ports() {
        found.content.ports = bound.ports();
        found.write().map_err(unusable)?;
    }
    let connection = bound.serve().await.map_err(|error| cannot_bind(&error))?;
    Ok((found.content, connection))
}

fn cannot_bind(error: &BindError) -> Failure {
    let hint = match error {
        BindError::Scheme(_) => "set `Session.signature_scheme` to `hmac-sha256` in Jupyter",
        BindError::Listen { .. } | BindError::Serve { .. } => {
            "another process may hold the port: restart the kernel; else check `ip` in the connection file"
        }
        BindError::PathTooLong { .. } => "set `ip` in the connection file to a shorter path",
        BindError::Private { .. } => "set `TMPDIR` to a folder that can be written to",
    };
    Failure::new(error.to_string()).with_hint(hint)
}

/// Returns where conversations are kept, and which notebook this is.
fn journal_options(
    args: &Args,
    config: &Config,
    environment: &Environment,
    file: &ConnectionFile,
    working_directory: &Path,
) -> journal::Options {
    let session = environment.get("JPY_SESSION_NAME").map(Path::new);
    let session = session.or(file.jupyter_session.as_deref());
    journal::Options {
        state_dir: config.state_dir.clone(),
        home: environment.home(),
        notebook: session.and_then(|name| notebook(name, working_directory)),
        connection: args
            .connection_file
            .file_name()
            .map(|name| name.to_string_lossy().into_owned()),
        offline: args.offline,
        resume: config.resume,
        max_bytes: config.journal_max_bytes,
        keep: (config.journal_keep_days > 0).then(|| DAY.saturating_mul(config.journal_keep_days)),
        redactor: Redactor::default(),
    }
}

/// Returns the notebook that the name of a session means. Consoles have names too, and some servers
/// use a path of their own, so only a notebook that can be on this machine counts.
fn notebook(session: &Path, working_directory: &Path) -> Option<PathBuf> {
    let is_notebook = session
        .extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("ipynb"));
    if !is_notebook {
        return None;
    }
    let path = match session.is_absolute() {
        true => session.to_owned(),
        false => {
            Some(working_directory.join(session.file_name()?)).filter(|path| path.is_file())?
        }
    };
    // A notebook that is reached through several links is one notebook. If it is not saved yet, its
    // folder is looked up instead.
    path.canonicalize().ok().or_else(|| {
        let folder = path.parent()?.canonicalize().ok()?;
        Some(folder.join(path.file_name()?))
    })
}

/// Returns the interpreters that own tools may run in if the settings name none, the best first.
fn nearby(args: &Args) -> Vec<Interpreter> {
    let of_jupyter = args
        .jupyter_prefix
        .as_ref()
        .map(|prefix| prefix.join("bin").join("python"));
    [
        (of_jupyter, "of the environment that Jupyter runs in"),
        (args.python.clone(), "named by the kernelspec"),
        (
            python_beside_us(),
            "of the environment that claude-kernel is installed in",
        ),
    ]
    .into_iter()
    .filter_map(|(path, which)| Some(Interpreter { path: path?, which }))
    .collect()
}

/// Returns the interpreter of the virtual environment that this program is installed in.
fn python_beside_us() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let bin = program.parent()?;
    let python = bin.join("python");
    (bin.parent()?.join("pyvenv.cfg").is_file() && python.is_file()).then_some(python)
}

/// Handles SIGINT and SIGTERM from here on. SIGINT never ends the process, because managers send it
/// before every shutdown.
fn watch_signals() -> anyhow::Result<(mpsc::Sender<Signal>, mpsc::Receiver<Signal>)> {
    // A write beyond the file size limit of the process must fail. It must not end the process.
    let _caught = signal(SignalKind::from_raw(
        nix::sys::signal::Signal::SIGXFSZ as i32,
    ));
    let (sender, receiver) = mpsc::channel(8);
    for (kind, meaning) in [
        (SignalKind::interrupt(), Signal::Interrupt),
        (SignalKind::terminate(), Signal::Terminate),
        // The terminal is gone, or whoever closes a session says so.
        (SignalKind::hangup(), Signal::Terminate),
    ] {
        let mut stream = signal(kind).context("cannot catch signals")?;
        let sender = sender.clone();
        tokio::spawn(async move {
            while stream.recv().await.is_some() {
                if sender.send(meaning).await.is_err() {
                    break;
                }
            }
        });
    }
    for kind in [
        SignalKind::quit(),
        SignalKind::user_defined1(),
        SignalKind::user_defined2(),
        SignalKind::alarm(),
    ] {
        let mut stream = signal(kind).context("cannot catch signals")?;
        tokio::spawn(async move {
            while stream.recv().await.is_some() {
                tracing::info!(
                    signal = kind.as_raw_value(),
                    "a signal that means nothing here"
                );
            }
        });
    }
    Ok((sender, receiver))
}

/// Lets the process open as many files as it may, and says if that is too few to answer anybody.
fn allow_files() -> Result<(), Failure> {
    let limit = Resource::RLIMIT_NOFILE;
    let Ok((soft, hard)) = getrlimit(limit) else {
        return Ok(());
    };
    let wanted = hard.min(WANTED_FILES).max(soft);
    let allowed = match setrlimit(limit, wanted, hard) {
        Ok(()) => wanted,
        Err(_) => soft,
    };
    if allowed >= LEAST_FILES {
        return Ok(());
    }
    Err(Failure::new(format!(
        "this process may open only {allowed} files, too few for the connections of a kernel"
    ))
    .with_hint("raise the limit where Jupyter is started, as with `ulimit -n 1024`"))
}

async fn start_emulator(
    args: &Args,
    environment: &Environment,
    working_directory: &Path,
) -> anyhow::Result<Emulator> {
    let beside = environment
        .get("JPY_SESSION_NAME")
        .map(|notebook| Path::new(notebook).with_extension("claude.md"));
    let script_name = beside.as_deref().and_then(Path::file_name);
    let script_name = script_name.map(|name| name.to_string_lossy().into_owned());
    let (scripts, mut script_dirs) = match beside {
        Some(script) if script.is_file() => (vec![script], Vec::new()),
        _ => (Vec::new(), vec![working_directory.to_owned()]),
    };
    script_dirs.extend(args.scripts.iter().cloned());
    server::start(EmulatorConfig {
        scripts,
        script_dirs,
        script_name,
        python: args.python.clone(),
        ..EmulatorConfig::default()
    })
    .await
    .context("cannot start the offline backend")
}

/// Returns what is wrong with the configuration and where temporary files go instead; the first cell
/// tells it.
fn complaint(config: &Config, others: Vec<String>, moved: Option<String>) -> Option<String> {
    let problems: Vec<String> = config
        .problems
        .iter()
        .map(ToString::to_string)
        .chain(others)
        .collect();
    let problems = (!problems.is_empty()).then(|| {
        format!(
            "Configuration: {}. `claude-kernel doctor` says more.",
            problems.join("; ")
        )
    });
    let complaints: Vec<String> = problems.into_iter().chain(moved).collect();
    (!complaints.is_empty()).then(|| complaints.join(" "))
}
