//! Taking back: the last turn, and a reset.

use crate::chat::record::Record;

use super::{Conversation, Conversations};

impl Conversation {
    /// Returns how many turns the conversation had before it was reset; `None` if it was not, or if
    /// it has turns.
    #[must_use]
    pub fn forgotten_turns(&self) -> Option<usize> {
        let forgotten = self.forgotten.as_ref()?;
        self.is_empty().then(|| forgotten.len())
    }
}

impl Conversations {
    /// Returns the record that takes back the last turn of the current conversation, or, if it has
    /// none, the reset that emptied it.
    #[must_use]
    pub fn undo(&self) -> Option<Record> {
        let thread = self.current.name.clone();
        if let Some(last) = self.last() {
            return Some(Record::Undone {
                thread,
                turn: last.id,
            });
        }
        let forgotten = self.current.forgotten_turns();
        forgotten.map(|_| Record::Restored { thread })
    }

    /// Begins a conversation again, in its sandbox. What it was is kept until the next reset.
    pub(super) fn reset(&mut self, thread: &str) {
        let Some(thread) = self.find_mut(thread) else {
            return;
        };
        let container = thread.container.clone();
        let new = Conversation {
            container,
            ..Conversation::new(&thread.name)
        };
        let old = std::mem::replace(thread, new);
        thread.forgotten = match old.is_empty() {
            true => old.forgotten,
            false => Some(Box::new(Conversation {
                forgotten: None,
                ..old
            })),
        };
    }

    /// Takes back the reset of a conversation. Its sandbox is the one that it has now.
    pub(super) fn restore(&mut self, thread: &str) {
        let Some(thread) = self.find_mut(thread) else {
            return;
        };
        if let Some(forgotten) = thread.forgotten.take() {
            let container = thread.container.take();
            *thread = *forgotten;
            thread.set_container(container);
        }
    }
}
