//! What may come while a cell runs: requests on control, replies on stdin, and signals. Also how to
//! wait for work that these may stop.

use std::future::Future;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::host::Host;
use crate::jupyter::connection::Channel;
use crate::jupyter::wire::Message;

use super::error::CellError;
use super::server::replies::{Replies, Urgent};

/// What the process is told from outside Jupyter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT: stop the running cell. If no cell runs, nothing happens.
    Interrupt,
    /// SIGTERM, or the parent is gone: leave.
    Terminate,
}

/// The channels that requests on control, replies and signals come from.
#[derive(Debug)]
pub struct Interrupts {
    /// Requests on control.
    pub control: mpsc::Receiver<Message>,
    /// Replies to what the person was asked.
    pub stdin: mpsc::Receiver<Message>,
    /// SIGINT, SIGTERM, the parent's death.
    pub signals: mpsc::Receiver<Signal>,
}

/// What came on one of these channels.
#[derive(Debug)]
pub enum Wake {
    /// A control request.
    Control(Box<Message>),
    /// A reply on stdin.
    Reply(Box<Message>),
    /// A signal.
    Signal(Signal),
}

/// Why the kernel leaves.
#[derive(Debug)]
pub enum Leave {
    /// A shutdown request, which is answered as the last thing.
    Request(Channel, Box<Message>),
    /// SIGTERM, or the parent is gone.
    Signal,
}

/// Why a cell did not get to its end, and whether the kernel was told to leave.
#[derive(Debug)]
pub struct Stopped {
    /// What the cell fails with.
    pub error: CellError,
    /// Set when the kernel is to leave.
    pub leave: Option<Leave>,
}

impl From<CellError> for Stopped {
    fn from(error: CellError) -> Self {
        Self { error, leave: None }
    }
}

impl Interrupts {
    /// Waits for what comes next on any channel. If all senders are gone, never completes.
    /// Cancel-safe.
    pub async fn next(&mut self) -> Wake {
        tokio::select! {
            biased;
            Some(signal) = self.signals.recv() => Wake::Signal(signal),
            Some(message) = self.control.recv() => Wake::Control(Box::new(message)),
            Some(message) = self.stdin.recv() => Wake::Reply(Box::new(message)),
            else => std::future::pending().await,
        }
    }

    /// Drops the replies to questions of earlier cells.
    pub fn forget_replies(&mut self) {
        while self.stdin.try_recv().is_ok() {}
    }
}

/// Texts longer than this take long enough that control is looked at between two steps of the work.
const LARGE_BYTES: usize = 64 * 1024;
/// What it takes a request to come from its socket.
const LOOK_UP: Duration = Duration::from_millis(2);

/// Between two steps of work on a text of `bytes`: answers control requests that came meanwhile.
///
/// # Errors
/// When the person or a shutdown stopped the cell.
pub async fn look_up(
    bytes: usize,
    host: &dyn Host,
    interrupts: &mut Interrupts,
    replies: &Replies,
) -> Result<(), Stopped> {
    match bytes > LARGE_BYTES {
        true => unless_stopped(host.sleep(LOOK_UP), interrupts, replies).await,
        false => Ok(()),
    }
}

/// Waits for `work` and answers control requests meanwhile. If the person stops the cell, `work` is
/// dropped, so dropping it must be safe.
///
/// # Errors
/// When the person or a shutdown stopped the cell.
pub async fn unless_stopped<T>(
    work: impl Future<Output = T>,
    interrupts: &mut Interrupts,
    replies: &Replies,
) -> Result<T, Stopped> {
    let stopped = |leave| {
        Err(Stopped {
            error: CellError::interrupted(),
            leave,
        })
    };
    tokio::pin!(work);
    loop {
        tokio::select! {
            biased;
            wake = interrupts.next() => {
                let urgent = match wake {
                    Wake::Signal(Signal::Interrupt) => Some(Urgent::Interrupt),
                    Wake::Signal(Signal::Terminate) => return stopped(Some(Leave::Signal)),
                    Wake::Control(message) => replies.answer(Channel::Control, *message).await,
                    Wake::Reply(_) => None,
                };
                match urgent {
                    Some(Urgent::Interrupt) => return stopped(None),
                    Some(Urgent::Shutdown(channel, message)) => {
                        return stopped(Some(Leave::Request(channel, message)));
                    }
                    None => {}
                }
            }
            done = &mut work => return Ok(done),
        }
    }
}
