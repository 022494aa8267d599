//! The HTTP server (axum) on loopback: starts it, checks requests, and sends each to its endpoint.
//!
//! The server executes code. So it binds only to 127.0.0.1, refuses every request that has another
//! `Host` or an `Origin` (which comes from a web page), and answers nobody without the key.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request, State as Extract};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Response, header};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::app::{App, Call};
use super::conn::{Loopback, Reset};
use super::containers::Containers;
use super::control;
use super::error::ApiError;
use super::faults::{FaultKind, Faults, Sent, Taken};
use super::files;
use super::headers::{Version, betas, guard};
use super::id;
use super::messages;
use super::models;
use super::query::Query;
use super::scripts::Scripts;
use super::sign::Enforced;
use super::state::{Recorded, Shared};
use super::strike::{Asked, struck};
use super::temp_dir::TempDir;
use crate::host::SystemHost;

pub use super::config::EmulatorConfig;

/// The most bytes of the body of a Messages request.
const BODY_LIMIT: usize = 32 * 1024 * 1024;
const ORGANIZATION: &str = "0ff11e00-0000-4000-8000-000000000000";

/// A running backend. If it is dropped, the server stops and the processes of every container end.
#[derive(Debug)]
pub struct Emulator {
    base_url: String,
    key: String,
    faults: Faults,
    stop: CancellationToken,
    tasks: JoinSet<()>,
    /// The directory to remove with the backend, if no root was given.
    _temp_dir: Option<TempDir>,
}

impl Emulator {
    /// Returns the URL for `ANTHROPIC_BASE_URL`, such as `http://127.0.0.1:41234`.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Returns the key that clients must send.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Returns the handle that arms faults and reads the requests that were received.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.faults.clone()
    }

    /// Closes every connection, ends the processes of every container, and returns when all of this
    /// is done.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        self.tasks.shutdown().await;
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Binds, then serves on its own tasks.
///
/// # Errors
/// If the port is taken or the root directory cannot be made.
pub async fn start(config: EmulatorConfig) -> std::io::Result<Emulator> {
    let host = config
        .host
        .clone()
        .unwrap_or_else(|| Arc::new(SystemHost::new()));
    let (root, temp_dir) = match &config.root {
        Some(root) => (root.clone(), None),
        None => {
            let temp_dir = TempDir::make()?;
            temp_dir.sweep();
            (temp_dir.path().to_owned(), Some(temp_dir))
        }
    };
    tokio::fs::create_dir_all(root.join("files")).await?;
    tokio::fs::create_dir_all(root.join("containers")).await?;
    let listener = TcpListener::bind(("127.0.0.1", config.port)).await?;
    let port = listener.local_addr()?.port();
    let key = config.key.clone().unwrap_or_else(|| {
        format!(
            "sk-offline-{}{}",
            host.uuid().simple(),
            host.uuid().simple()
        )
    });
    let containers = Containers::new(&config, &root);
    let (shared, owner) = Shared::new(host, &root, containers);
    let app = App {
        scripts: Arc::new(Scripts::new(&config)),
        shared: shared.clone(),
        enforced: match config.strict_thinking {
            true => Enforced::Everywhere,
            false => Enforced::ByModel,
        },
        key: key.as_str().into(),
        port,
    };
    let stop = CancellationToken::new();
    let service = Router::new()
        .fallback(serve)
        .with_state(app)
        .into_make_service_with_connect_info::<Reset>();
    let server = axum::serve(Loopback::new(listener, stop.clone()), service);
    let mut tasks = JoinSet::new();
    tasks.spawn(owner);
    tasks.spawn(async move {
        if let Err(error) = server.await {
            tracing::error!(%error, "the offline backend's server ended");
        }
    });
    Ok(Emulator {
        base_url: format!("http://127.0.0.1:{port}"),
        key,
        faults: Faults::new(shared),
        stop,
        tasks,
        _temp_dir: temp_dir,
    })
}

async fn serve(
    Extract(app): Extract<App>,
    ConnectInfo(reset): ConnectInfo<Reset>,
    request: Request,
) -> Response<Body> {
    let id = id::fresh(app.shared.host.as_ref(), "req");
    let answer = route(&app, &reset, &id, request).await;
    let mut response = answer.unwrap_or_else(|error| error.response(&id));
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert(HeaderName::from_static("request-id"), value);
    }
    headers.insert(
        HeaderName::from_static("anthropic-organization-id"),
        HeaderValue::from_static(ORGANIZATION),
    );
    response
}

async fn route(
    app: &App,
    reset: &Reset,
    request_id: &str,
    request: Request,
) -> Result<Response<Body>, ApiError> {
    let (parts, body) = request.into_parts();
    guard(&parts.headers, app.port, &app.key)?;
    let path = parts.uri.path().to_owned();
    let target = parts.uri.path_and_query().map(ToString::to_string);
    let multipart = parts
        .headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"multipart/"));
    let upload = parts.method == "POST" && path == "/v1/files" && multipart;
    let (bytes, body) = if upload {
        (Bytes::new(), Some(body))
    } else {
        let bytes = axum::body::to_bytes(body, BODY_LIMIT).await;
        let bytes = bytes.map_err(|_| {
            ApiError::too_large("Request exceeds the maximum size of 32 MB for this endpoint")
        })?;
        (bytes, None)
    };
    if let Some(rest) = path.strip_prefix("/_emulator/") {
        return control::answer(app, parts.method.as_str(), rest, &bytes).await;
    }
    let recorded = Recorded {
        method: parts.method.to_string(),
        target: target.unwrap_or_else(|| path.clone()),
        headers: header_list(&parts.headers),
        body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
    };
    let (at, size) = (path.clone(), bytes.len());
    let version = Version::of(&parts.headers);
    let mut betas = betas(&parts.headers);
    let (sent, newest) = (betas.clone(), version.as_ref().ok().copied());
    let streams = recorded.body.get("stream") == Some(&Value::Bool(true));
    let taken = app
        .shared
        .with(move |state| {
            let sent = Sent {
                betas: &sent,
                version: newest,
                body: &recorded.body,
            };
            let taken = Taken::from(&mut state.faults, &at, &sent);
            state.record(recorded, size);
            if taken.0.contains(&FaultKind::OtherOrganization) {
                state.organization += 1;
            }
            taken
        })
        .await?;
    let asked = Asked {
        id: request_id,
        streams,
    };
    if let Some(response) = struck(&taken, reset, asked).await? {
        return Ok(response);
    }
    betas.retain(|sent| !taken.hides(sent));
    let call = Call {
        id: request_id.to_owned(),
        version: version?,
        betas,
        query: Query::parse(parts.uri.query().unwrap_or_default()),
        taken,
    };
    dispatch(app, reset, call, &parts, bytes, body).await
}

/// Calls the function that answers at a path.
async fn dispatch(
    app: &App,
    reset: &Reset,
    call: Call,
    parts: &Parts,
    bytes: Bytes,
    body: Option<Body>,
) -> Result<Response<Body>, ApiError> {
    let path = parts.uri.path();
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    match (parts.method.as_str(), segments.as_slice(), body) {
        ("POST", ["v1", "messages"], _) => messages::create(app, reset, call, &bytes).await,
        ("POST", ["v1", "messages", "count_tokens"], _) => {
            messages::count_tokens(app, &call, &bytes).await
        }
        ("GET", ["v1", "models"], _) => models::list(&call.query, &call.betas),
        ("GET", ["v1", "models", id], _) => models::retrieve(id, &call.betas),
        ("POST", ["v1", "files"], Some(body)) => {
            files::upload(app, &call, &parts.headers, body).await
        }
        ("POST", ["v1", "files"], None) => Err(ApiError::invalid(
            "file: the body must be multipart/form-data with a part `file`",
        )),
        ("GET", ["v1", "files"], _) => files::list(app, &call).await,
        ("GET", ["v1", "files", id], _) => files::metadata(app, &call, id).await,
        ("DELETE", ["v1", "files", id], _) => files::delete(app, id).await,
        ("GET", ["v1", "files", id, "content"], _) => files::content(app, id).await,
        (
            _,
            ["v1", "messages" | "models" | "files"]
            | ["v1", "messages", "count_tokens"]
            | ["v1", "models" | "files", _]
            | ["v1", "files", _, "content"],
            _,
        ) => Err(ApiError::method_not_allowed()),
        _ => Err(ApiError::not_found(format!("Not found: {path}"))),
    }
}

fn header_list(headers: &axum::http::HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        })
        .collect()
}
