//! `claude-kernel emulate`: the offline backend on its own, for any client.

use std::io::{Read, Write};
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use crate::emulator::server::{self, EmulatorConfig};

/// Serve a local Messages, Models and Files API: scripted answers, real execution, no network.
#[derive(Debug, Clone, Args)]
pub struct EmulateArgs {
    /// Port on 127.0.0.1; a free one when not given.
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// Key that clients must send; a random one when not given.
    #[arg(long)]
    pub key: Option<String>,
    /// Directory whose `*.claude.md` files are scripts. May be repeated.
    #[arg(long, value_name = "DIR")]
    pub scripts: Vec<PathBuf>,
    /// Script file, asked before the directories. May be repeated.
    #[arg(long, value_name = "FILE")]
    pub script: Vec<PathBuf>,
    /// Interpreter for `python` steps; the first `python3` in the standard places when not given.
    #[arg(long, value_name = "PATH")]
    pub python: Option<PathBuf>,
    /// Directory for containers and files; a temporary one when not given.
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// Refuse thinking in an edited history whatever the model, as later models will.
    #[arg(long)]
    pub strict_thinking: bool,
    /// Stop when standard input ends, so that the server cannot outlive who started it.
    #[arg(long)]
    pub until_stdin_closes: bool,
}

/// Serves until SIGINT, SIGTERM or, if that was asked for, the end of standard input.
///
/// # Errors
/// If the port is taken, a directory cannot be made, or a script directory does not exist.
pub fn run(args: EmulateArgs) -> anyhow::Result<()> {
    for directory in &args.scripts {
        anyhow::ensure!(
            directory.is_dir(),
            "`{}` is not a directory of scripts",
            directory.display()
        );
    }
    for file in &args.script {
        anyhow::ensure!(file.is_file(), "there is no script `{}`", file.display());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?;
    let ended = runtime.block_on(serve(args));
    // A thread may still be waiting for standard input. It must not delay the exit.
    runtime.shutdown_background();
    ended
}

async fn serve(args: EmulateArgs) -> anyhow::Result<()> {
    let port = args.port;
    let emulator = server::start(EmulatorConfig {
        key: args.key,
        port,
        scripts: args.script,
        script_dirs: args.scripts,
        python: args.python,
        root: args.root,
        strict_thinking: args.strict_thinking,
        ..EmulatorConfig::default()
    })
    .await
    .with_context(|| format!("starting the offline backend on port {port}"))?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "export ANTHROPIC_BASE_URL={}", emulator.base_url())?;
    writeln!(out, "export ANTHROPIC_API_KEY={}", emulator.key())?;
    out.flush()?;
    drop(out);
    ended(args.until_stdin_closes).await?;
    emulator.shutdown().await;
    Ok(())
}

async fn ended(with_stdin: bool) -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stdin = async {
        if !with_stdin {
            return std::future::pending().await;
        }
        let drained = tokio::task::spawn_blocking(|| {
            let mut waste = [0; 1024];
            let mut stdin = std::io::stdin().lock();
            while matches!(stdin.read(&mut waste), Ok(read) if read > 0) {}
        });
        if let Err(error) = drained.await {
            tracing::debug!(%error, "reading standard input failed");
        }
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = stdin => {}
    }
    Ok(())
}
