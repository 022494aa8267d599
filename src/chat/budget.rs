//! Limits on money: what a notebook and a cell may cost, and what is left of it for one call.
//!
//! Pure. Before a call, its prompt is counted at the highest price; the rest of the limit then says
//! how many tokens of output the call may have. `%budget?` names the costs that cannot be limited.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::anthropic::model::Prices;

/// An answer with fewer tokens than this is not worth the price of its input.
pub const MIN_OUTPUT_TOKENS: u32 = 512;

/// What may be spent, in US dollars.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Budget {
    /// By the whole notebook.
    pub total_usd: Option<f64>,
    /// By each cell.
    pub cell_usd: Option<f64>,
}

/// Which limit it is that a cell meets first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// The notebook's.
    Total,
    /// The cell's.
    Cell,
}

/// What one cell may spend.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Allowance {
    /// US dollars.
    pub usd: f64,
    /// Whose limit that is.
    pub limit: Limit,
    /// What a token costs, in times of its usual price.
    pub times: f64,
}

/// Why a call is not made.
#[derive(Debug, Clone, PartialEq)]
pub enum OverBudget {
    /// The rest does not pay for the input and the beginning of an answer.
    TooLittle {
        /// What the input costs at the dearest.
        input_usd: f64,
        /// What is left.
        left_usd: f64,
        /// Whose limit that is.
        limit: Limit,
    },
    /// Nobody said what the model costs.
    PriceUnknown {
        /// The model.
        model: String,
    },
}

/// Why a budget cannot be read; the text goes on from the name of what says it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BudgetError {
    /// There is no such limit.
    #[error("takes `cell=` and `total=`, not `{0}=`")]
    UnknownLimit(String),
    /// No amount.
    #[error("`{0}` is no amount of US dollars, such as `$2` or `0.25`")]
    NoAmount(String),
    /// The same limit again.
    #[error("names one limit twice")]
    Twice,
    /// Nothing at all.
    #[error("names no amount")]
    Nothing,
}

impl Budget {
    /// Reads `$2 cell=$0.25`, in either order; each at most once.
    ///
    /// # Errors
    /// What is wrong.
    pub fn parse(text: &str) -> Result<Self, BudgetError> {
        let mut budget = Self::default();
        for word in text.split_whitespace() {
            let (slot, amount) = match word.split_once('=') {
                Some(("cell", amount)) => (&mut budget.cell_usd, amount),
                Some(("total", amount)) => (&mut budget.total_usd, amount),
                Some((name, _)) => {
                    return Err(BudgetError::UnknownLimit(name.to_owned()));
                }
                None => (&mut budget.total_usd, word),
            };
            let usd = dollars(amount).ok_or_else(|| BudgetError::NoAmount(amount.to_owned()))?;
            if slot.replace(usd).is_some() {
                return Err(BudgetError::Twice);
            }
        }
        if budget == Self::default() {
            return Err(BudgetError::Nothing);
        }
        Ok(budget)
    }

    /// Returns whether nothing is limited.
    #[must_use]
    pub fn is_off(&self) -> bool {
        *self == Self::default()
    }

    /// Returns what a cell may spend after `spent_usd`; `None` when nothing is limited.
    #[must_use]
    pub fn allowance(&self, spent_usd: f64) -> Option<Allowance> {
        let total = self.total_usd.map(|usd| Allowance {
            usd: usd - spent_usd,
            limit: Limit::Total,
            times: 1.0,
        });
        let cell = self.cell_usd.map(|usd| Allowance {
            usd,
            limit: Limit::Cell,
            times: 1.0,
        });
        match (total, cell) {
            (Some(total), Some(cell)) if cell.usd < total.usd => Some(cell),
            (total, cell) => total.or(cell),
        }
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.total_usd, self.cell_usd) {
            (None, None) => f.write_str("off"),
            (Some(total), None) => write!(f, "${total}"),
            (None, Some(cell)) => write!(f, "cell=${cell}"),
            (Some(total), Some(cell)) => write!(f, "${total} cell=${cell}"),
        }
    }
}

impl Allowance {
    /// Returns the allowance for calls whose tokens cost more than usual, as those of a fast answer.
    #[must_use]
    pub fn at_times(self, times: f64) -> Self {
        Self { times, ..self }
    }

    /// Returns the most `max_tokens` a call may ask for when `spent_usd` of the allowance is gone
    /// and its prompt has `input_tokens`; at most `wanted`.
    ///
    /// # Errors
    /// When there is no room for an answer, or the price is unknown.
    pub fn max_tokens(
        &self,
        prices: &Prices,
        model: &str,
        spent_usd: f64,
        input_tokens: u64,
        wanted: u32,
    ) -> Result<u32, OverBudget> {
        let unknown = || OverBudget::PriceUnknown {
            model: model.to_owned(),
        };
        let input_usd = prices
            .worst_input_usd(model, input_tokens)
            .ok_or_else(unknown)?;
        let output_usd = prices.output_usd(model, input_tokens).ok_or_else(unknown)?;
        let (input_usd, output_usd) = (input_usd * self.times, output_usd * self.times);
        let left_usd = self.usd - spent_usd;
        let rest_usd = left_usd - input_usd;
        let affordable = if output_usd > 0.0 {
            (rest_usd / output_usd).floor()
        } else {
            f64::from(u32::MAX)
        };
        if rest_usd < 0.0 || affordable < f64::from(MIN_OUTPUT_TOKENS.min(wanted)) {
            return Err(OverBudget::TooLittle {
                input_usd,
                left_usd: left_usd.max(0.0),
                limit: self.limit,
            });
        }
        if affordable >= f64::from(wanted) {
            return Ok(wanted);
        }
        // Below `wanted`, which is a u32.
        Ok(affordable as u32)
    }
}

/// Reads `$2`, `2`, `0.25`, `$1.50`; `None` for anything that is no amount above 0.
#[must_use]
pub fn dollars(text: &str) -> Option<f64> {
    let amount = text.strip_prefix('$').unwrap_or(text);
    if !amount.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let usd: f64 = amount.parse().ok()?;
    (usd.is_finite() && usd > 0.0).then_some(usd)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPUS: &str = "claude-opus-5-5";

    #[test]
    fn amounts_are_read() {
        let both = Budget {
            total_usd: Some(2.0),
            cell_usd: Some(0.25),
        };
        for (text, expected) in [
            ("$2 cell=$0.25", Some(both)),
            ("cell=.25 total=2", Some(both)),
            (
                "5",
                Some(Budget {
                    total_usd: Some(5.0),
                    cell_usd: None,
                }),
            ),
            ("", None),
            ("0", None),
            ("-1", None),
            ("$inf", None),
            ("nan", None),
            ("two", None),
            ("1e400", None),
            ("1 2", None),
            ("day=3", None),
        ] {
            assert_eq!(Budget::parse(text).ok(), expected, "{text:?}");
        }
        assert_eq!(Budget::parse(&both.to_string()), Ok(both));
    }

    #[test]
    fn the_nearer_limit_holds() {
        let budget = Budget {
            total_usd: Some(2.0),
            cell_usd: Some(0.25),
        };
        let at = |spent| budget.allowance(spent).map(|a| (a.usd, a.limit));
        assert_eq!(at(0.0), Some((0.25, Limit::Cell)));
        assert_eq!(at(1.9).map(|(_, limit)| limit), Some(Limit::Total));
        assert_eq!(Budget::default().allowance(9.0), None);
    }

    #[test]
    fn output_is_bounded_by_what_the_input_leaves() {
        let prices = Prices::default();
        let allowance = Allowance {
            usd: 0.10,
            limit: Limit::Cell,
            times: 1.0,
        };
        let bound = |spent, input| allowance.max_tokens(&prices, OPUS, spent, input, 32_000);
        // 1,000 tokens at 2 × $4, the rest of 10 cents at $20 a million.
        assert_eq!(bound(0.0, 1_000), Ok(4_600));
        assert_eq!(bound(0.05, 1_000), Ok(2_100));
        assert!(matches!(
            bound(0.09, 1_000),
            Err(OverBudget::TooLittle { .. })
        ));
        assert!(matches!(
            bound(0.0, 20_000),
            Err(OverBudget::TooLittle { .. })
        ));
        assert_eq!(
            allowance.max_tokens(&prices, OPUS, 0.0, 10, 100),
            Ok(100),
            "less than the least is wanted"
        );
        assert!(matches!(
            allowance.max_tokens(&prices, "claude-opus-9", 0.0, 1, 100),
            Err(OverBudget::PriceUnknown { .. })
        ));
    }
}
