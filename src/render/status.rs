//! The line that says what is being done now, and for how long. It is not part of the final output.
//! A page has it at once, a terminal after three seconds; text that stops growing gets it then, too.

use std::time::Duration;

use super::display_mode::DisplayMode;
use super::foreign;
use crate::chat::turn::Activity;

/// If something ends sooner than this, it gets no line, because the line would only flicker.
const BEFORE_SHOWN: Duration = Duration::from_millis(500);

/// After this long without a sign of life, people wonder.
const SILENCE: Duration = Duration::from_secs(3);

/// A line stays on the screen at least this long: what it says may be over at once.
const BEFORE_REPLACED: Duration = Duration::from_millis(150);

/// What is being done, since when, and when the line is drawn next.
#[derive(Debug)]
pub(crate) struct Status {
    now: Option<Line>,
    /// How long an activity has lasted when its line is shown.
    delay: Duration,
}

/// A line to draw.
#[derive(Debug)]
pub(crate) struct Drawn {
    pub(crate) text: String,
    /// Whether it stands below text that may go on growing.
    pub(crate) is_below_text: bool,
}

#[derive(Debug)]
struct Line {
    text: String,
    since: Duration,
    next: Duration,
    /// When a wait of known length ends: the line counts down to it. If the length is not known,
    /// the line shows the time that has passed.
    ends: Option<Duration>,
    is_below_text: bool,
}

impl Status {
    pub(crate) fn new(client: DisplayMode) -> Self {
        Self {
            now: None,
            delay: match client {
                DisplayMode::Live | DisplayMode::Batch => BEFORE_SHOWN,
                DisplayMode::Terminal => SILENCE,
            },
        }
    }

    /// Notes that text came. If no more comes for a while, the line says that Claude is waited for.
    pub(crate) fn text_came(&mut self, now: Duration) {
        self.now = Some(Line {
            text: "Waiting for Claude".to_owned(),
            since: now,
            next: now + SILENCE,
            ends: None,
            is_below_text: true,
        });
    }

    /// Notes a new activity; `None` if the activity shows itself.
    pub(crate) fn set(&mut self, activity: &Activity, now: Duration, shown: bool) {
        let Some(text) = describe(activity) else {
            self.now = None;
            return;
        };
        let ends = match activity {
            Activity::Retrying { delay, .. } => Some(now + *delay),
            _ => None,
        };
        if self
            .now
            .as_ref()
            .is_some_and(|line| line.text == text && line.ends == ends && !line.is_below_text)
        {
            return;
        }
        let next = now + if shown { BEFORE_REPLACED } else { self.delay };
        self.now = Some(Line {
            text,
            since: now,
            next,
            ends,
            is_below_text: false,
        });
    }

    /// Ends the line, because something else is on the screen.
    pub(crate) fn clear(&mut self) {
        self.now = None;
    }

    /// Returns the line if it is due.
    pub(crate) fn tick(&mut self, now: Duration) -> Option<Drawn> {
        let line = self.now.as_mut().filter(|line| line.next <= now)?;
        let text = foreign::line(&line.text);
        let is_below_text = line.is_below_text;
        let drawn = |text| {
            Some(Drawn {
                text,
                is_below_text,
            })
        };
        if let Some(ends) = line.ends {
            let left = ends.saturating_sub(now).as_secs_f64().ceil() as u64;
            line.next = match left {
                0 | 1 => Duration::MAX,
                _ => ends.saturating_sub(Duration::from_secs(left - 1)),
            };
            return drawn(format!("{text}, trying again in {left} s …"));
        }
        let seconds = now.saturating_sub(line.since).as_secs();
        line.next = line.since + Duration::from_secs(next_second(seconds));
        drawn(match seconds {
            0 => format!("{text} …"),
            _ => format!("{text} … {}", clock(seconds)),
        })
    }

    /// Returns when the line is drawn next.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        self.now
            .as_ref()
            .map(|line| line.next)
            .filter(|&next| next < Duration::MAX)
    }
}

/// Drawn each second at first, then less often: after a minute nobody needs every second.
fn next_second(seconds: u64) -> u64 {
    let step = match seconds {
        0..60 => 1,
        60..600 => 5,
        _ => 30,
    };
    (seconds / step + 1) * step
}

fn clock(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        _ => format!("{} min {:02} s", seconds / 60, seconds % 60),
    }
}

fn capital(text: &str) -> String {
    let mut rest = text.chars();
    let first = rest.next().map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + rest.as_str()
}

fn describe(activity: &Activity) -> Option<String> {
    Some(match activity {
        Activity::Waiting => "Waiting for Claude".to_owned(),
        Activity::Thinking => "Thinking".to_owned(),
        Activity::WritingCode => "Writing code".to_owned(),
        Activity::Running { what } => format!("Running {what}"),
        Activity::Writing => return None,
        Activity::WritingResult => "Writing the result".to_owned(),
        Activity::Fetching { name } => format!("Fetching {name}"),
        Activity::Retrying { why, .. } => capital(why),
    })
}
