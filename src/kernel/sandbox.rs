//! How long the sandboxes of this kernel have been in use, and what that cost at most. Pure.
//!
//! An estimate: the API says how long it promises to keep a sandbox, but not what it billed.

use chrono::{DateTime, TimeDelta, Utc};

/// US dollars for an hour of a sandbox, once the free hours of the month are used
/// (`docs/protocol.md#sandbox-price`).
const USD_PER_HOUR: f64 = 0.05;
/// The least that is billed at a time.
const LEAST: TimeDelta = TimeDelta::minutes(5);
/// Sandboxes that are remembered; more are summed up.
const MAX_KEPT: usize = 100;

/// All sandboxes of this kernel.
#[derive(Debug, Default)]
pub struct Sandboxes {
    lives: Vec<Life>,
    /// Hours of those that are no longer kept.
    earlier: f64,
}

/// One sandbox.
#[derive(Debug)]
struct Life {
    id: String,
    first: DateTime<Utc>,
    last: DateTime<Utc>,
    expires: Option<DateTime<Utc>>,
}

impl Life {
    fn hours(&self) -> f64 {
        let used = (self.last - self.first).max(LEAST);
        used.as_seconds_f64() / 3600.0
    }
}

impl Sandboxes {
    /// Notes that a turn from `began` until `ended` used a sandbox, which is promised until
    /// `expires_at` (RFC 3339).
    pub fn used(
        &mut self,
        id: &str,
        began: DateTime<Utc>,
        ended: DateTime<Utc>,
        expires_at: Option<&str>,
    ) {
        let expires = expires_at
            .and_then(|at| DateTime::parse_from_rfc3339(at).ok())
            .map(|at| at.with_timezone(&Utc));
        if let Some(life) = self.lives.iter_mut().find(|life| life.id == id) {
            life.last = ended;
            life.expires = expires.or(life.expires);
            return;
        }
        if self.lives.len() >= MAX_KEPT {
            self.earlier += self.lives.remove(0).hours();
        }
        self.lives.push(Life {
            id: id.to_owned(),
            first: began,
            last: ended,
            expires,
        });
    }

    /// Describes the current sandbox for `%status`.
    #[must_use]
    pub fn describe(&self, id: Option<&str>, now: DateTime<Utc>, offline: bool) -> String {
        let cost = if offline || self.lives.is_empty() {
            String::new()
        } else {
            let hours = self.earlier + self.lives.iter().map(Life::hours).sum::<f64>();
            format!(
                "; at most ${:.2} so far, nothing within the free hours",
                hours * USD_PER_HOUR
            )
        };
        let Some(id) = id else {
            return format!("none yet: the first command makes one{cost}");
        };
        let Some(life) = self.lives.iter().find(|life| life.id == id) else {
            return format!("one, made before this kernel started{cost}");
        };
        let age = ago(now - life.first);
        let left = match life.expires {
            Some(at) if at > now => format!(", promised for {} more", span(at - now)),
            Some(_) => {
                ", past the time it was promised for; it may be new in the next cell".to_owned()
            }
            None => String::new(),
        };
        format!(
            "one, made {age}, used last {}{left}{cost}",
            ago(now - life.last)
        )
    }
}

fn ago(span_of: TimeDelta) -> String {
    if span_of < TimeDelta::minutes(1) {
        "just now".to_owned()
    } else {
        format!("{} ago", span(span_of))
    }
}

fn span(span: TimeDelta) -> String {
    let minutes = span.num_minutes();
    match minutes {
        ..1 => "less than a minute".to_owned(),
        1..120 => format!("{minutes} min"),
        120..2880 => format!("{} h", minutes / 60),
        _ => format!("{} days", minutes / 1440),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sandbox_has_an_age_an_end_and_a_price() {
        let at = |minutes| DateTime::<Utc>::UNIX_EPOCH + TimeDelta::minutes(minutes);
        let mut sandboxes = Sandboxes::default();
        assert_eq!(
            sandboxes.describe(None, at(0), false),
            "none yet: the first command makes one"
        );
        sandboxes.used("a", at(0), at(1), Some("1970-01-01T00:31:00Z"));
        assert_eq!(
            sandboxes.describe(Some("a"), at(10), false),
            "one, made 10 min ago, used last 9 min ago, promised for 21 min more; \
             at most $0.00 so far, nothing within the free hours"
        );
        sandboxes.used("a", at(60), at(120), None);
        let text = sandboxes.describe(Some("a"), at(200), false);
        assert!(
            text.contains("made 3 h ago") && text.contains("past the time"),
            "{text}"
        );
        assert!(text.contains("$0.10"), "{text}");
        assert!(!sandboxes.describe(Some("a"), at(200), true).contains('$'));
        assert!(
            sandboxes
                .describe(Some("b"), at(0), true)
                .contains("before this kernel")
        );
        for n in 0..300 {
            sandboxes.used(&n.to_string(), at(0), at(0), None);
        }
        assert_eq!(sandboxes.lives.len(), MAX_KEPT);
        assert!(
            sandboxes.describe(None, at(0), false).contains("$1.3"),
            "none is forgotten"
        );
    }
}
