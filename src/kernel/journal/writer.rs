//! The one task that writes a journal: a thread, because a disk may stall and the actor may not.
//!
//! Edge. Invariants: lines reach the file in the order they were handed over, whole or not at all
//! (a write that failed half-way is taken back), and a full disk loses nothing while it is full:
//! what could not be written is kept, up to a limit, and tried again with the next lines. Keys are
//! taken out here, on the thread: the actor does not wait for it.

use std::fs::File;
use std::future::Future;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::checksum;
use super::redact::Redactor;

/// Batches of lines that may wait for the disk. One batch goes out about every 100 ms.
const QUEUE: usize = 64;
/// What is kept when the disk takes nothing: a few long turns. After that the journal has ended.
const MAX_BACKLOG_BYTES: usize = 16 * 1024 * 1024;
/// How long a cell waits for the disk to say that its turn is safe.
const SYNC_LIMIT: Duration = Duration::from_secs(10);
/// How long a leaving kernel waits for the last lines.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);

/// Why lines are not on disk, as a clause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unwritten(pub String);

/// Lines that were not taken, because the disk does not keep up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the disk does not keep up with a conversation")]
pub struct NotTaken {
    /// The lines, as they were handed over.
    pub lines: String,
}

enum Order {
    Append(String),
    Sync(oneshot::Sender<Result<(), Unwritten>>),
    Close(oneshot::Sender<()>),
}

/// The actor's end.
#[derive(Debug)]
pub struct Writer {
    orders: mpsc::Sender<Order>,
    /// Where it writes.
    pub path: PathBuf,
}

impl Writer {
    /// Goes on at the end of `file`, of which `bytes` are good; takes over the lock on it.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(
        file: File,
        path: PathBuf,
        bytes: u64,
        max_bytes: u64,
        redactor: Redactor,
    ) -> std::io::Result<Self> {
        let (orders, received) = mpsc::channel(QUEUE);
        let tail = Tail {
            file,
            redactor,
            good_bytes: bytes,
            max_bytes,
            backlog: String::new(),
            trouble: None,
        };
        std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || tail.run(received))?;
        Ok(Self { orders, path })
    }

    /// Hands over whole lines.
    ///
    /// # Errors
    /// When the disk does not keep up: the lines are given back.
    pub fn append(&self, lines: String) -> Result<(), NotTaken> {
        match self.orders.try_reserve() {
            Ok(place) => {
                place.send(Order::Append(lines));
                Ok(())
            }
            Err(_) => Err(NotTaken { lines }),
        }
    }

    /// Hands over lines once the disk has kept up. Dropped before, it leaves them where they are.
    ///
    /// # Errors
    /// When the disk does not answer.
    pub async fn append_all(&self, lines: &mut String) -> Result<(), Unwritten> {
        if !lines.is_empty() {
            let place = in_time(self.orders.reserve()).await?;
            place.send(Order::Append(std::mem::take(lines)));
        }
        Ok(())
    }

    /// Waits until all that was handed over would survive a loss of power.
    ///
    /// # Errors
    /// When it is not on disk, or the disk does not answer.
    pub async fn sync(&self) -> Result<(), Unwritten> {
        let (done, answer) = oneshot::channel();
        in_time(self.orders.send(Order::Sync(done))).await?;
        in_time(answer).await?
    }

    /// Hands over the last lines, and lets go of the file and its lock.
    pub async fn close(self, lines: String) {
        let (done, closed) = oneshot::channel();
        let all = async {
            self.orders.send(Order::Append(lines)).await.ok()?;
            self.orders.send(Order::Close(done)).await.ok()?;
            closed.await.ok()
        };
        if tokio::time::timeout(CLOSE_LIMIT, all).await.is_err() {
            tracing::warn!("the disk did not take the last lines of a conversation in time");
        }
    }
}

async fn in_time<T, E>(work: impl Future<Output = Result<T, E>>) -> Result<T, Unwritten> {
    match tokio::time::timeout(SYNC_LIMIT, work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(_)) => Err(Unwritten("the thread that writes it has ended".to_owned())),
        Err(_) => Err(Unwritten(format!(
            "the disk did not answer for {} s",
            SYNC_LIMIT.as_secs()
        ))),
    }
}

/// The thread's end.
struct Tail {
    file: File,
    /// Takes out what must never be on disk.
    redactor: Redactor,
    /// Length of the file up to the last whole line.
    good_bytes: u64,
    /// Length it may reach.
    max_bytes: u64,
    /// Lines that could not be written yet.
    backlog: String,
    /// Why not.
    trouble: Option<Unwritten>,
}

impl Tail {
    fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        while let Some(order) = orders.blocking_recv() {
            match order {
                // A checksum is of what is written, after what must not be on disk is gone.
                Order::Append(lines) => {
                    self.append(&checksum::sealed(&self.redactor.redact(&lines)));
                }
                Order::Sync(done) => {
                    let _asker_gone = done.send(self.sync());
                }
                Order::Close(done) => {
                    if let Err(Unwritten(why)) = self.sync() {
                        tracing::warn!(why, "the end of a conversation was not written");
                    }
                    drop(self.file);
                    let _asker_gone = done.send(());
                    return;
                }
            }
        }
    }

    fn append(&mut self, lines: &str) {
        // What the disk took before is not in the backlog: one batch may be as large as it likes.
        if !self.backlog.is_empty() && self.backlog.len() + lines.len() > MAX_BACKLOG_BYTES {
            // After a gap, every later line would be wrong. So the journal ends, and the reason is
            // kept.
            self.max_bytes = 0;
            self.backlog = String::new();
        }
        if self.max_bytes == 0 {
            return;
        }
        self.backlog.push_str(lines);
        let length = self.good_bytes + self.backlog.len() as u64;
        if length > self.max_bytes {
            self.trouble = Some(Unwritten(format!(
                "it has reached {} MB (`journal_max_bytes`)",
                self.max_bytes / 1_000_000
            )));
            self.max_bytes = 0;
            self.backlog = String::new();
            return;
        }
        let written = self
            .file
            .seek(SeekFrom::Start(self.good_bytes))
            .and_then(|_| self.file.write_all(self.backlog.as_bytes()));
        match written {
            Ok(()) => {
                self.good_bytes = length;
                self.backlog.clear();
                self.trouble = None;
            }
            Err(error) => {
                // What was written of it is half a line, to be written over or cut by the reader.
                let _torn = self.file.set_len(self.good_bytes);
                self.trouble = Some(Unwritten(error.to_string()));
            }
        }
    }

    fn sync(&mut self) -> Result<(), Unwritten> {
        if !self.backlog.is_empty() {
            self.append("");
        }
        if let Some(trouble) = &self.trouble {
            return Err(trouble.clone());
        }
        self.file
            .sync_data()
            .map_err(|error| Unwritten(error.to_string()))
    }
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests make the files that they write to"
)]
mod tests {
    use super::*;

    fn start(file: File, path: PathBuf, max_bytes: u64) -> Writer {
        Writer::start(file, path, 0, max_bytes, Redactor::default()).unwrap()
    }

    #[tokio::test]
    async fn lines_are_there_after_a_sync_and_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let writer = start(File::create(&path).unwrap(), path.clone(), u64::MAX);
        for number in 0..10 {
            writer.append(format!("{number}\n")).unwrap();
        }
        writer.append("last\n".to_owned()).unwrap();
        writer.sync().await.unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\nlast\n");
    }

    #[tokio::test]
    async fn a_full_disk_is_said_and_ends_nothing() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let writer = start(full, "/dev/full".into(), u64::MAX);
        writer.append_all(&mut "a line\n".to_owned()).await.unwrap();
        let error = writer.sync().await.unwrap_err();
        assert!(error.0.contains("No space left"), "{error:?}");
        // The writer goes on, and reports the full disk again.
        writer.append("another\n".to_owned()).unwrap();
        assert!(writer.sync().await.is_err());
    }

    #[test]
    fn what_a_full_disk_refused_is_written_when_there_is_room() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let mut tail = Tail {
            file: File::options().write(true).open("/dev/full").unwrap(),
            redactor: Redactor::default(),
            good_bytes: 0,
            max_bytes: u64::MAX,
            backlog: String::new(),
            trouble: None,
        };
        tail.append("one\n");
        assert!(tail.sync().is_err());
        tail.file = File::create(&path).unwrap();
        tail.append("two\n");
        assert_eq!(tail.sync(), Ok(()));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\ntwo\n");
    }

    /// A turn may be as large as a request.
    #[test]
    fn a_batch_larger_than_the_backlog_is_written_and_a_longer_stop_is_said_for_good() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let mut tail = Tail {
            file: File::create(&path).unwrap(),
            redactor: Redactor::default(),
            good_bytes: 0,
            max_bytes: u64::MAX,
            backlog: String::new(),
            trouble: None,
        };
        let large = "x".repeat(MAX_BACKLOG_BYTES + 1);
        tail.append(&large);
        assert_eq!(tail.sync(), Ok(()));
        assert_eq!(std::fs::metadata(&path).unwrap().len(), large.len() as u64);
        tail.file = File::options().write(true).open("/dev/full").unwrap();
        for _ in 0..3 {
            tail.append(&large);
        }
        tail.file = File::options().write(true).open(&path).unwrap();
        tail.append("later\n");
        let error = tail.sync().unwrap_err();
        assert!(error.0.contains("No space left"), "{error:?}");
        assert_eq!(std::fs::metadata(&path).unwrap().len(), large.len() as u64);
    }

    #[tokio::test]
    async fn the_limit_ends_the_journal_at_a_whole_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let writer = start(File::create(&path).unwrap(), path.clone(), 8);
        writer.append("123\n".to_owned()).unwrap();
        writer.sync().await.unwrap();
        writer.append("45678\n".to_owned()).unwrap();
        let error = writer.sync().await.unwrap_err();
        assert!(error.0.contains("journal_max_bytes"), "{error:?}");
        writer.append("9\n".to_owned()).unwrap();
        assert!(writer.sync().await.is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "123\n");
    }
}
