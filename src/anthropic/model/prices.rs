//! The prices in force: those of the table, with a person's own put over them.
//!
//! Prices change more often than programs: a file names the day and the models that differ.
//!
//! ```toml
//! date = "2026-12-01"
//!
//! [claude-opus-5-5]          # US dollars for a million tokens
//! input = 4.0
//! output = 20.0
//! cache_read = 0.2
//! above = { tokens = 100_000, input = 8.0, output = 30.0, cache_read = 0.4 }   # optional
//! ```

use serde::Deserialize;

use super::{Price, TABLE_DATE, lookup};
use crate::config::one_line;

/// Why a file of prices cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PricesError {
    /// It is no TOML.
    #[error("{0}")]
    Toml(String),
    /// The day is no day.
    #[error("`date` must be a day, such as \"2026-12-01\"")]
    Date,
    /// An entry is not one of prices.
    #[error("`[{model}]`: {reason}")]
    Entry {
        /// The model.
        model: String,
        /// What is wrong.
        reason: String,
    },
}

/// Prices by model. Empty: those of the table.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Prices {
    own: Vec<(String, Price)>,
    date: Option<String>,
}

/// A model's entry in a person's file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    input: f64,
    output: f64,
    cache_read: f64,
    above: Option<Above>,
}

/// Prices of long prompts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Above {
    tokens: u64,
    input: f64,
    output: f64,
    cache_read: f64,
}

impl Prices {
    /// Reads a person's file.
    ///
    /// # Errors
    /// What is wrong in it.
    pub fn parse(text: &str) -> Result<Self, PricesError> {
        let table: toml::Table = text
            .parse()
            .map_err(|error: toml::de::Error| PricesError::Toml(one_line(error.message())))?;
        let mut prices = Self::default();
        for (name, value) in table {
            if name == "date" {
                let date = value
                    .as_str()
                    .map(str::to_owned)
                    .or_else(|| Some(value.as_datetime()?.to_string()));
                prices.date = Some(date.ok_or(PricesError::Date)?);
                continue;
            }
            let entry: Entry =
                value
                    .try_into()
                    .map_err(|error: toml::de::Error| PricesError::Entry {
                        model: name.clone(),
                        reason: one_line(error.message()),
                    })?;
            let price = entry.price();
            if !price.is_sound() {
                return Err(PricesError::Entry {
                    model: name,
                    reason: "a price must be a number from 0 up".to_owned(),
                });
            }
            prices.own.push((name, price));
        }
        Ok(prices)
    }

    /// Returns the price of a model; `None` when nobody said.
    #[must_use]
    pub fn of(&self, model: &str) -> Option<Price> {
        let own = self.own.iter().find(|(name, _)| name == model);
        own.map(|(_, price)| *price)
            .or_else(|| Some(lookup(model)?.price))
    }

    /// Returns the day the prices are of: the file's, else the table's.
    #[must_use]
    pub fn date(&self) -> &str {
        self.date.as_deref().unwrap_or(TABLE_DATE)
    }
}

impl Entry {
    fn price(&self) -> Price {
        Price {
            input: self.input,
            output: self.output,
            cache_read: self.cache_read,
            above: self
                .above
                .as_ref()
                .map(|above| (above.tokens, above.input, above.output, above.cache_read)),
        }
    }
}

impl Price {
    fn is_sound(&self) -> bool {
        let above = self
            .above
            .map_or([0.0; 3], |(_, input, output, read)| [input, output, read]);
        [self.input, self.output, self.cache_read]
            .iter()
            .chain(&above)
            .all(|price| price.is_finite() && *price >= 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_persons_prices_stand_over_the_table() {
        let prices = Prices::parse(
            "date = 2026-12-01\n[claude-opus-5-5]\ninput = 1\noutput = 2\ncache_read = 0.5\n\
             [mine]\ninput = 3.0\noutput = 4.0\ncache_read = 0.0\nabove = { tokens = 10, input = 5.0, output = 6.0, cache_read = 1.0 }\n",
        );
        // Whole numbers are numbers too.
        let prices = prices.unwrap();
        assert_eq!(prices.date(), "2026-12-01");
        assert_eq!(prices.of("claude-opus-5-5").unwrap().output, 2.0);
        assert_eq!(prices.of("mine").unwrap().above, Some((10, 5.0, 6.0, 1.0)));
        assert_eq!(
            prices.of("claude-sonnet-5-5"),
            lookup("claude-sonnet-5-5").map(|spec| spec.price)
        );
        assert_eq!(prices.of("claude-opus-9"), None);
        assert_eq!(Prices::default().date(), TABLE_DATE);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, expected) in [
            ("x", "key"),
            ("[m]\ninput = 1.0\noutput = 2.0", "cache_read"),
            (
                "[m]\ninput = -1.0\noutput = 2.0\ncache_read = 0.0",
                "from 0 up",
            ),
            (
                "[m]\ninput = nan\noutput = 2.0\ncache_read = 0.0",
                "from 0 up",
            ),
            (
                "[m]\ninput = 1.0\noutput = 2.0\ncache_read = 0.0\nsale = 1",
                "sale",
            ),
            ("date = 3", "date"),
            ("m = 3", "`[m]`"),
        ] {
            let error = Prices::parse(text).unwrap_err();
            assert!(error.to_string().contains(expected), "{text:?}: {error}");
        }
    }
}
