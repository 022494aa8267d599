//! The persistent interpreter, from outside: cells are given to it as files, and a mark in its
//! output says that a cell has ended.
#![expect(
    clippy::disallowed_methods,
    reason = "edge: a mark must be one that no cell prints by chance"
)]

use tokio::io::{AsyncRead, AsyncReadExt as _};
use uuid::Uuid;

use super::call::Call;
use super::capture::Capture;

/// After a mark stands the exit code of the cell.
const CODE_DIGITS: usize = 3;
/// The exit code of a cell that waits for client tools. The driver uses the same number.
pub(super) const CALLS: i32 = 998;

/// A running interpreter.
#[derive(Debug)]
pub(super) struct Repl {
    pub(super) call: Call,
}

/// What a cell printed. If there is no exit code, the interpreter is gone.
#[derive(Debug)]
pub(super) struct Cell {
    pub(super) stdout: String,
    pub(super) stderr: String,
    pub(super) code: Option<i32>,
}

impl Repl {
    /// Runs the cell in the file `name`; `tools` are functions that the cell can call.
    pub(super) async fn run(&mut self, name: &str, tools: &[String], bytes: usize) -> Cell {
        self.ask(name, &format!(" {}", tools.join(",")), bytes)
            .await
    }

    /// Goes on with a cell that waits for tools. Their results are in the file `name`.
    pub(super) async fn resume(&mut self, name: &str, bytes: usize) -> Cell {
        self.ask(name, "", bytes).await
    }

    async fn ask(&mut self, name: &str, rest: &str, bytes: usize) -> Cell {
        let mark = format!("\u{1e}{}", Uuid::new_v4().simple());
        // If the interpreter is gone, its outputs end; that is noticed below.
        let _gone = self.call.send(&format!("{name} {mark}{rest}\n")).await;
        let (mut out, mut err) = (Capture::new(bytes), Capture::new(bytes));
        let (code, _) = futures::future::join(
            until(&mut self.call.stdout, mark.as_bytes(), &mut out),
            until(&mut self.call.stderr, mark.as_bytes(), &mut err),
        )
        .await;
        Cell {
            stdout: out.text(),
            stderr: err.text(),
            code,
        }
    }
}

/// Reads up to the mark; returns the exit code after it, `None` at the end of the stream.
async fn until(from: &mut (impl AsyncRead + Unpin), mark: &[u8], to: &mut Capture) -> Option<i32> {
    let length = mark.len() + CODE_DIGITS;
    let mut buffer = vec![0; 64 << 10];
    // Text that is held back, because it may be the beginning of the mark.
    let mut held: Vec<u8> = Vec::new();
    loop {
        let count = from.read(&mut buffer).await.unwrap_or(0);
        if count == 0 {
            to.push(&held);
            return None;
        }
        held.extend_from_slice(buffer.get(..count)?);
        let found = held.windows(length).position(|part| part.starts_with(mark));
        if let Some(at) = found {
            let (before, rest) = held.split_at(at);
            let (found, after) = rest.split_at(length);
            to.push(before);
            // A thread of the cell wrote this in the meantime.
            to.push(after);
            let code = std::str::from_utf8(found.get(mark.len()..)?).ok()?;
            return Some(code.parse().unwrap_or(1));
        }
        let sure = (held.len() + 1).saturating_sub(length);
        to.push(held.get(..sure)?);
        held.drain(..sure);
    }
}
