//! `/_emulator/…`: faults, gates and the requests received, for tests in any language.
//!
//! Guarded by the same key as the API.
//!
//! | endpoint | body | answer |
//! |---|---|---|
//! | `POST faults` | a fault, or an array of them | `{"armed": N}` |
//! | `DELETE faults` | | `{"armed": 0}` |
//! | `POST gate` | `{"name", "action": "wait" or "open"}` | `{"name"}`, for `wait` once it is reached |
//! | `GET requests` | | `{"requests": [{method, target, headers, body}]}` |

use axum::body::Body;
use axum::http::Response;
use serde_json::{Value, json};

use super::app::App;
use super::error::{ApiError, json_response};
use super::faults::{Fault, FaultError, Faults};

/// Answers a request below `/_emulator/`.
pub(super) async fn answer(
    app: &App,
    method: &str,
    path: &str,
    body: &[u8],
) -> Result<Response<Body>, ApiError> {
    let faults = Faults::new(app.shared.clone());
    let ended = |_| ApiError::internal("the offline backend has ended");
    let reply = match (method, path) {
        ("POST", "faults") => {
            let value = parse(body)?;
            let armed = match value {
                Value::Array(values) => values,
                value => vec![value],
            };
            let armed: Result<Vec<Fault>, FaultError> =
                armed.iter().map(Fault::from_json).collect();
            let armed = armed.map_err(|error| ApiError::invalid(error.to_string()))?;
            let count = armed.len();
            for fault in armed {
                faults.add(fault).await.map_err(ended)?;
            }
            json!({"armed": count})
        }
        ("DELETE", "faults") => {
            faults.clear().await.map_err(ended)?;
            json!({"armed": 0})
        }
        ("POST", "gate") => {
            let value = parse(body)?;
            let text = |name: &str| value.get(name).and_then(Value::as_str);
            let name = text("name").ok_or_else(|| ApiError::invalid("name: Field required"))?;
            match text("action") {
                Some("open") => faults.open_gate(name).await.map_err(ended)?,
                Some("wait") => faults.gate_reached(name).await.map_err(ended)?,
                _ => {
                    return Err(ApiError::invalid(
                        "action: Input should be 'wait' or 'open'",
                    ));
                }
            }
            json!({"name": name})
        }
        ("GET", "requests") => {
            let requests = faults.requests().await.map_err(ended)?;
            let requests: Vec<Value> = requests
                .into_iter()
                .map(|request| {
                    json!({
                        "method": request.method,
                        "target": request.target,
                        "headers": request.headers,
                        "body": request.body,
                    })
                })
                .collect();
            json!({"requests": requests})
        }
        _ => return Err(ApiError::not_found(format!("Not found: /_emulator/{path}"))),
    };
    Ok(json_response(&reply))
}

fn parse(body: &[u8]) -> Result<Value, ApiError> {
    serde_json::from_slice(body)
        .map_err(|error| ApiError::invalid(format!("the body is not JSON: {error}")))
}
