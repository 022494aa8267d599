//! Between the journal and the kernel's memory: what was said comes back, what is said goes out.

use crate::chat::conversation::{Conversations, Opening};
use crate::chat::question::Question;
use crate::chat::record::Record;
use crate::chat::settings::Settings;
use crate::chat::turn::{Receipt, TurnUsage};

use super::journal::entry::How;
use super::journal::read::Contents;
use super::journal::{Journal, cut_off};
use super::state::State;

/// Goes on with a conversation: as it stood, with what had arrived of a turn that was cut off, and
/// with its settings. Tools of this machine died with the process that had them.
pub(super) fn adopt(state: &mut State, journal: &mut Journal, contents: Contents) {
    let mut conversations = Conversations::default();
    for record in contents.records {
        conversations.apply(record);
    }
    if let Some(settings) = conversations.settings() {
        state.settings = Settings {
            client_tools: Vec::new(),
            format: None,
            ..settings.clone()
        };
        state.set_in.clear();
    }
    state.conversations = conversations;
    state.unwritten.clear();
    state.record(Record::Restarted);
    for running in &contents.cut_off {
        if let Some(record) = cut_off::record(running) {
            state.record(record);
        }
    }
    write(state, journal);
    for running in &contents.cut_off {
        journal.end_cut_off(running.turn);
    }
}

/// Hands over what changed.
pub(super) fn write(state: &mut State, journal: &mut Journal) {
    journal.records(state.unwritten.drain(..));
}

/// Writes that a turn begins, with the settings that it changed.
pub(super) fn begin_turn(
    state: &mut State,
    journal: &mut Journal,
    settings: &Settings,
    (opening, question): (&Opening, &Question),
    offline: bool,
) {
    if state.conversations.settings() != Some(&state.settings) {
        state.record(Record::Settings(Box::new(state.settings.clone())));
    }
    write(state, journal);
    let receipt = Receipt {
        model: settings.model.clone(),
        effort: settings.effort,
        usage: TurnUsage::default(),
        runs: 0,
        // What it had cost was not told yet.
        cost_usd: None,
        at_least: true,
        cache_miss: None,
        sandbox_ms: 0,
        turn: opening.number,
        standing: opening.standing.clone(),
        offline,
    };
    let container = state.conversations.current().container();
    let asked = cut_off::asked(&state.conversations, opening, question, receipt, container);
    journal.begin_turn(state.count, &question.prompt, asked);
}

/// Writes that a turn is over, with what is kept of it.
pub(super) fn end_turn(state: &mut State, journal: &mut Journal, is_whole: bool) {
    write(state, journal);
    journal.end_turn(match is_whole {
        true => How::Finished,
        false => How::Stopped,
    });
}
