//! Query strings, with the API's bracketed arrays (`ids[]=a&ids[]=b`).

use super::error::ApiError;

/// The decoded pairs of a query string; `name[]` is stored as `name`.
#[derive(Debug, Clone, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Decodes a query string.
    pub(super) fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        Self(
            pairs
                .map(|pair| {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    let name = decode(name);
                    let name = name.strip_suffix("[]").unwrap_or(&name).to_owned();
                    (name, decode(value))
                })
                .collect(),
        )
    }

    /// Refuses parameters that the endpoint does not have. `beta=true` is taken, because old
    /// clients send it.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), ApiError> {
        match self
            .0
            .iter()
            .find(|(name, _)| name != "beta" && !known.contains(&name.as_str()))
        {
            Some((name, _)) => Err(ApiError::invalid(format!(
                "{name}: Extra inputs are not permitted"
            ))),
            None => Ok(()),
        }
    }

    /// Returns the last value of `name`.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let mut values = self.0.iter().rev().filter(|(key, _)| key == name);
        values.next().map(|(_, value)| value.as_str())
    }

    /// Returns every value of `name`.
    pub(super) fn all(&self, name: &str) -> Vec<&str> {
        let values = self.0.iter().filter(|(key, _)| key == name);
        values.map(|(_, value)| value.as_str()).collect()
    }

    /// Returns `limit`: 1 to 1000, or 20 if it is absent.
    pub(super) fn limit(&self) -> Result<usize, ApiError> {
        let Some(text) = self.get("limit") else {
            return Ok(20);
        };
        match text.parse() {
            Ok(limit @ 1..=1000) => Ok(limit),
            Ok(0) => Err(ApiError::invalid(
                "limit: Input should be greater than or equal to 1",
            )),
            Ok(_) => Err(ApiError::invalid(
                "limit: Input should be less than or equal to 1000",
            )),
            Err(_) => Err(ApiError::invalid(
                "limit: Input should be a valid integer, unable to parse string as an integer",
            )),
        }
    }
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let mut ahead = rest.clone();
                let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
                match (digit(ahead.next()), digit(ahead.next())) {
                    (Some(high), Some(low)) => {
                        bytes.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                        rest = ahead;
                    }
                    _ => bytes.push(byte),
                }
            }
            _ => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
