//! One random history: what happens is done to the kernel, to the page and to the API, and each is
//! held to the others.

use claude_kernel::chat::conversation::order::CellKey;
use serde_json::Value;

use super::Op;
use super::answer::{Answer, End};
use super::claude::{Claude, Found, Met, Sandbox};
use super::kernel::{Ended, How, Kernel, Stop};
use super::page::{Page, Saves};

/// How often histories met what they are about.
#[derive(Debug, Default)]
pub(super) struct Seen {
    met: Met,
    kept: u32,
    cut: u32,
    thinking_lost: u32,
    restarts: u32,
    summaries: u32,
    removed: u32,
}

impl Seen {
    pub(super) fn add(&mut self, other: &Self) {
        let (met, more) = (&mut self.met, &other.met);
        for (sum, count) in [
            (&mut met.requests, more.requests),
            (&mut met.rounds, more.rounds),
            (&mut met.thinking_sent, more.thinking_sent),
            (&mut met.notices, more.notices),
            (&mut met.tool_changes, more.tool_changes),
            (&mut met.tool_changes_refused, more.tool_changes_refused),
            (&mut met.expired, more.expired),
            (&mut met.thinking_refused, more.thinking_refused),
            (&mut met.troubles, more.troubles),
            (&mut met.files, more.files),
            (&mut met.without_sandbox, more.without_sandbox),
            (&mut met.prefilled, more.prefilled),
            (&mut self.kept, other.kept),
            (&mut self.cut, other.cut),
            (&mut self.thinking_lost, other.thinking_lost),
            (&mut self.restarts, other.restarts),
            (&mut self.summaries, other.summaries),
            (&mut self.removed, other.removed),
        ] {
            *sum += count;
        }
    }

    /// A test that never met what it is about would pass as well.
    pub(super) fn check(&self, histories: u32) {
        let met = &self.met;
        let all = [
            met.requests / 5,
            met.thinking_sent,
            self.thinking_lost * 10,
            met.notices * 4,
            self.kept,
            self.cut * 4,
            self.restarts * 4,
            met.rounds,
            self.summaries * 10,
            met.expired * 10,
            met.thinking_refused * 10,
            met.troubles * 10,
            met.files * 4,
            met.without_sandbox * 10,
            self.removed * 10,
        ];
        assert!(all.iter().all(|count| *count > histories / 2), "{self:?}");
    }

    pub(super) fn check_code(&self, histories: u32) {
        assert!(self.met.prefilled * 4 > histories, "{self:?}");
    }

    pub(super) fn check_tools(&self, histories: u32) {
        let all = [
            self.met.tool_changes,
            self.met.tool_changes_refused * 4,
            self.summaries * 4,
            self.met.thinking_sent,
        ];
        assert!(all.iter().all(|count| *count > histories / 2), "{self:?}");
    }
}

/// A notebook, its kernel and the API.
#[derive(Debug)]
pub(super) struct History {
    kernel: Kernel,
    claude: Claude,
    page: Page,
    saves: Saves,
    prompts: u32,
    forks: u32,
    /// Files that were attached and not removed.
    files: Vec<String>,
    seen: Seen,
}

impl History {
    pub(super) fn new(saves: Saves, changes_tools: bool) -> Self {
        Self {
            kernel: Kernel::default(),
            claude: Claude::new(changes_tools),
            page: Page::new(saves),
            saves,
            prompts: 0,
            forks: 0,
            files: Vec::new(),
            seen: Seen::default(),
        }
    }

    pub(super) fn seen(&self) -> Seen {
        let mut seen = Seen {
            met: self.claude.met.clone(),
            ..Seen::default()
        };
        seen.add(&self.seen);
        seen
    }

    /// Something happens; an error is what must not be.
    pub(super) fn take(&mut self, op: &Op) -> Result<(), String> {
        // The front end that always saves names its cells.
        let is_named = self.saves == Saves::Always;
        match op {
            Op::Run(at, answer) => {
                let known = self.page.cell(*at);
                let cell = known.unwrap_or_else(|| self.page.insert(*at));
                self.run(&cell, answer)?;
            }
            Op::Insert(at, answer) => {
                let cell = self.page.insert(*at);
                self.run(&cell, answer)?;
            }
            Op::Nameless(_) | Op::Document(..) if is_named => {}
            Op::Nameless(answer) => self.run(&self.kernel.next_run(), answer)?,
            Op::Document(at, answer) => {
                let address = format!("vscode-notebook-cell:/n.ipynb#W{}", at % 4);
                self.run(&CellKey::of_id(&address), answer)?;
            }
            Op::Delete(at) => self.page.delete(*at),
            Op::Restore(at) => self.page.restore(*at),
            Op::Move(from, to) => self.page.shift(*from, *to),
            Op::Save if self.saves == Saves::Sometimes => self.kernel.save(&self.page.cells),
            Op::Save => {}
            Op::Undo => {
                self.page.undo();
                self.kernel.undo();
            }
            Op::Fork(at) => self.fork(*at),
            Op::Thread(number) => {
                let name = match number % 3 {
                    0 => "main".to_owned(),
                    1 => "aside".to_owned(),
                    _ => format!("fork-{}", self.forks),
                };
                self.page.thread.clone_from(&name);
                self.kernel.switch(&name);
            }
            Op::Setting(number) => self.kernel.set(*number),
            Op::Tool(number) => self.kernel.change_tool(*number),
            Op::Model(number) => self.kernel.model(*number),
            Op::Restart => {
                self.kernel.restart()?;
                self.page.restart();
                self.seen.restarts += 1;
            }
            Op::ResetChat => {
                self.page.forget();
                self.kernel.reset_chat();
            }
            Op::ResetSandbox => {
                self.page.current().sandbox = Sandbox::None;
                self.kernel.reset_sandbox();
            }
            Op::Compact(at) => self.compact(*at)?,
            Op::Attach(number) => {
                let id = self.claude.upload();
                self.kernel.attach(&id, *number);
                self.files.push(id);
            }
            Op::Remove(number) => {
                if let Some(at) = usize::from(*number).checked_rem(self.files.len()) {
                    let id = self.files.remove(at);
                    self.kernel.remove(&id);
                    self.claude.forget_file(&id);
                    self.seen.removed += 1;
                }
            }
            Op::Expire(told) => {
                if let Sandbox::Is(id) = &self.page.current().sandbox {
                    self.claude.expire(id, *told);
                }
            }
            Op::Trouble(trouble) => self.claude.plan_trouble(*trouble),
            Op::MoveAccount => self.claude.move_account(),
        }
        Ok(())
    }

    fn fork(&mut self, at: u8) {
        let Some(cell) = self.page.cell(at) else {
            return;
        };
        self.before(&cell);
        self.forks += 1;
        let name = format!("fork-{}", self.forks);
        self.claude.thinking.fork(&self.page.thread, &name);
        self.page.fork(&name, &cell);
        self.kernel.fork(&name, &cell);
    }

    fn compact(&mut self, at: u8) -> Result<(), String> {
        let Some(cell) = self.page.cell(at) else {
            return Ok(());
        };
        let (claude, thread) = (&mut self.claude, self.kernel.thread().to_owned());
        let is_made = self
            .kernel
            .compact(&cell, |sent| claude.summarize(sent, &thread))?;
        self.seen.summaries += u32::from(is_made);
        Ok(())
    }

    /// What a front end tells with the request of a cell.
    fn before(&mut self, cell: &CellKey) {
        if self.saves == Saves::Always {
            self.kernel.save(&self.page.cells);
        }
        let deleted = std::mem::take(&mut self.page.deleted);
        let deleted: Vec<CellKey> = deleted.iter().map(|id| CellKey::of_id(id)).collect();
        self.page.told(&deleted, cell);
        let others = deleted.into_iter().filter(|other| other != cell);
        self.kernel.deleted(others);
    }

    fn run(&mut self, cell: &CellKey, answer: &Answer) -> Result<(), String> {
        self.before(cell);
        self.prompts += 1;
        let prompt = format!("question {}", self.prompts);
        self.page.runs(cell);
        let above = self.page.above(cell);
        let sandbox = self.page.current().sandbox.clone();
        self.claude.begin(answer, self.kernel.thread(), &sandbox);
        let stop = match answer.end {
            End::Interrupt(events) => Stop::Interrupt(events % 40),
            End::Break(events) => Stop::Break(events % 40),
            End::Whole | End::MaxTokens | End::Refusal | End::Forbidden => Stop::Never,
        };
        let ended = self.kernel.ask(cell, &prompt, &mut self.claude, stop)?;
        if let (Some(above), Some(body)) = (above, self.claude.first_request()) {
            let mut expected: Vec<String> = above.into_iter().map(|(_, said, _)| said).collect();
            expected.push(prompt.clone());
            check_prompts(body, &expected)?;
        }
        let (sandbox, found) = self.claude.end();
        self.page.current().sandbox = sandbox;
        check_end(&ended, answer.end, found)?;
        if ended.is_kept {
            self.page.said(cell, &prompt);
            self.claude.thinking.kept();
        }
        self.seen.kept += u32::from(ended.is_kept);
        self.seen.cut += u32::from(ended.is_cut);
        self.seen.thinking_lost += u32::from(ended.lost_thinking);
        Ok(())
    }
}

/// Claude sees what stands above the cell.
fn check_prompts(body: &Value, expected: &[String]) -> Result<(), String> {
    let messages = body["messages"].as_array().unwrap();
    let asked = messages.iter().filter(|said| said["role"] == "user");
    let sent: Vec<&str> = asked
        .flat_map(|said| said["content"].as_array().into_iter().flatten())
        .filter_map(|block| block["text"].as_str())
        .filter(|text| text.starts_with("question "))
        .collect();
    // A summary may stand for the first of them.
    let is_summed = messages
        .first()
        .is_some_and(|said| said["role"] == "assistant");
    if sent != expected && !(is_summed && expected.ends_with(&owned(&sent))) {
        return Err(format!("Claude sees {sent:?}, above stands {expected:?}"));
    }
    Ok(())
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// A turn ends as its answer does, and no sentence says what is not so.
fn check_end(ended: &Ended, end: End, found: Found) -> Result<(), String> {
    let may_fail = matches!(end, End::Break(_) | End::Forbidden);
    if let How::Failed(why) = &ended.how
        && !may_fail
    {
        return Err(format!("the cell failed: {why}"));
    }
    let says_gone = |text: &&String| {
        let text = text.to_lowercase();
        text.contains("sandbox") && (text.contains("is gone") || text.contains("expired"))
    };
    let says_new = |text: &&String| text.to_lowercase().contains("sandbox");
    match ended.notices.iter().find(says_gone) {
        Some(text) if found == Found::Alive => Err(format!("it is not so: {text}")),
        None if found == Found::Gone && !ended.notices.iter().any(|text| says_new(&text)) => {
            Err("nobody is told that the sandbox is new".to_owned())
        }
        _ => Ok(()),
    }
}
