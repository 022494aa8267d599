//! `POST /v1/messages` and `count_tokens`: checks a request and plays its turn.

use axum::body::Body;
use axum::http::{HeaderValue, Response, header};
use serde_json::{Map, Value, json};

use super::app::{App, Call};
use super::cache::Prefix;
use super::conn::Reset;
use super::containers::Lease;
use super::error::{ApiError, json_response};
use super::faults::{Fault, FaultKind, Sent, Taken, Told, strikes};
use super::file_store::File;
use super::id;
use super::matched_script::MatchedScript;
use super::matching::script_for;
use super::message::{Role, kind, text};
use super::play::{Opening, Player};
use super::request::Request;
use super::sign::{self, BINDING_BETA};
use super::stream::{Over, Sink, TurnBody};
use super::strike::{Asked, struck};
use super::usage::{self, Charge, Usage};
use super::{check, compaction, schema};

/// `POST /v1/messages`.
pub(super) async fn create(
    app: &App,
    reset: &Reset,
    mut call: Call,
    body: &[u8],
) -> Result<Response<Body>, ApiError> {
    let body = parse(body)?;
    let request = read(app, &call, &body, schema::Endpoint::Create).await?;
    let organization = app.shared.with(|state| state.organization).await?;
    let checked = sign::check(&request, app.enforced, organization)?;
    let files = usable_files(app, &request).await?;
    // If a summary is asked for, no script is needed.
    let script = match &request.compaction {
        Some(_) => None,
        None => Some(script_for(app, &request).await?),
    };
    if let Some(script) = &script
        && let Some(response) = script_faults(app, reset, script, &body, &mut call).await?
    {
        return Ok(response);
    }
    let container = match container(app, &request, &call).await {
        Err((error, Told::Event)) if request.stream => return Ok(error.first_event(&call.id)),
        found => found.map_err(|(error, _)| error)?,
    };
    let id = id::fresh(app.shared.host.as_ref(), "msg");
    let (charge, diagnostics) = charged(app, &request, &id).await?;
    let opening = Opening {
        id,
        diagnostics,
        extras: extras(&request, checked.transformations),
        files,
        binding: checked.binding,
        container,
        usage: Usage::new(&request, charge),
        request,
    };
    if opening.request.stream {
        return Ok(streamed(app, opening, script, call));
    }
    let sink = Sink::silent(app.shared.clone(), call.id.clone());
    let player = Player::new(app, sink, opening);
    match perform(player, script, &call.taken).await {
        Ok(message) => Ok(with_retry_after(json_response(&message))),
        Err(_) => Err(ApiError::internal("the turn ended early")),
    }
}

/// Finds the files that a request refers to.
async fn usable_files(app: &App, request: &Request) -> Result<Vec<File>, ApiError> {
    let (files, now) = (files_of(request), app.shared.host.now());
    app.shared
        .with(move |state| {
            let found = files
                .iter()
                .map(|(id, block)| state.files.usable_in(id, block, now));
            found.collect()
        })
        .await?
}

/// Says what the cache holds of the request that the message `id` answers, and remembers the
/// request.
async fn charged(app: &App, request: &Request, id: &str) -> Result<(Charge, Value), ApiError> {
    let (prefix, now) = (Prefix::of(request), app.shared.host.now());
    let (answered, asked) = (id.to_owned(), request.diagnostics.clone());
    app.shared
        .with(move |state| {
            let charge = state.cache.charge(&prefix, now);
            let diagnostics = state.cache.diagnose(asked.as_ref(), &prefix, charge);
            state.cache.answered(&answered, &prefix);
            (charge, diagnostics)
        })
        .await
}

/// Answers with a stream. The turn is played while the client reads it.
fn streamed(
    app: &App,
    opening: Opening,
    script: Option<MatchedScript>,
    call: Call,
) -> Response<Body> {
    let mut kinds = call.taken.0.iter();
    let separate = kinds.any(|kind| matches!(kind, FaultKind::Chunks(_)));
    let (sink, outlet) = Sink::streaming(app.shared.clone(), call.id.clone(), &call.taken);
    let player = Player::new(app, sink, opening);
    let turn = async move {
        // The client left, or a fault ended the stream: there is nobody to tell.
        let _ = perform(player, script, &call.taken).await;
    };
    let body = TurnBody::new(Box::pin(turn), outlet, separate);
    let mut response = Response::new(Body::from_stream(body));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream; charset=utf-8"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    with_retry_after(response)
}

/// The live API sends this header with many answers (`docs/protocol.md#retries`); it means nothing
/// there.
fn with_retry_after(mut response: Response<Body>) -> Response<Body> {
    let headers = response.headers_mut();
    headers.insert(header::RETRY_AFTER, HeaderValue::from_static("17"));
    response
}

/// Plays a script, or a summary if there is no script.
async fn perform(
    player: Player,
    matched_script: Option<MatchedScript>,
    taken: &Taken,
) -> Result<Value, Over> {
    match matched_script {
        Some(matched_script) => player.play(matched_script, taken).await,
        None => player.compact().await,
    }
}

/// The fields that beta headers add to a response.
fn extras(request: &Request, transformations: Vec<Value>) -> Map<String, Value> {
    let mut extras = Map::new();
    if request.beta(BINDING_BETA) {
        extras.insert("input_transformations".into(), transformations.into());
    }
    if request.edits_context {
        // No conversation here grows long enough for anything to be cleared.
        extras.insert("context_management".into(), json!({"applied_edits": []}));
    }
    extras
}

/// Refuses what only the real API can do.
fn beyond(body: &Value) -> Result<(), ApiError> {
    let thread = body.get("thread").unwrap_or(&Value::Null);
    if kind(thread) == "continue" {
        // No thread lives longer than its response here, and clients have to expect this of the API
        // too.
        let id = text(thread, "previous_message_id").unwrap_or_default();
        return Err(
            ApiError::not_found(format!("thread `{id}` not found")).code("thread_not_found")
        );
    }
    let servers = body.get("mcp_servers").and_then(Value::as_array);
    if servers.is_some_and(|servers| !servers.is_empty()) {
        return Err(ApiError::invalid(
            "mcp_servers: the offline backend reaches no server",
        ));
    }
    Ok(())
}

/// `POST /v1/messages/count_tokens`.
pub(super) async fn count_tokens(
    app: &App,
    call: &Call,
    body: &[u8],
) -> Result<Response<Body>, ApiError> {
    let request = read(app, call, &parse(body)?, schema::Endpoint::CountTokens).await?;
    let organization = app.shared.with(|state| state.organization).await?;
    sign::check(&request, app.enforced, organization)?;
    let (files, now) = (files_of(&request), app.shared.host.now());
    app.shared
        .with(move |state| {
            let mut found = files
                .iter()
                .map(|(id, block)| state.files.usable_in(id, block, now));
            found.try_for_each(|file| file.map(|_| ()))
        })
        .await??;
    let tokens = usage::of_request(&request);
    let mut counted = json!({"input_tokens": tokens});
    if let (true, Some(map)) = (request.edits_context, counted.as_object_mut()) {
        // No conversation here grows long enough for anything to be cleared.
        let original = json!({"original_input_tokens": tokens});
        map.insert("context_management".into(), original);
    }
    Ok(json_response(&counted))
}

fn parse(body: &[u8]) -> Result<Value, ApiError> {
    serde_json::from_slice(body)
        .map_err(|error| ApiError::invalid(format!("The request body is not valid JSON: {error}")))
}

async fn read(
    app: &App,
    call: &Call,
    body: &Value,
    endpoint: schema::Endpoint,
) -> Result<Request, ApiError> {
    schema::check(body, endpoint, call.version, &call.betas)?;
    if endpoint == schema::Endpoint::Create {
        beyond(body)?;
    }
    // This is checked before anything that the summary says of tools is used.
    compaction::check(body, &call.betas)?;
    let request = Request::read(body, &call.betas)?;
    let tail = sign::tail_of(&request);
    let asked = answered_calls(&request);
    let (paused, thoughts) = app
        .shared
        .with(move |state| (state.turns.paused(&tail), state.turns.thoughts(&asked)))
        .await?;
    check::check(&request, call.version, paused)?;
    check_thoughts(&request, &thoughts)?;
    Ok(request)
}

/// Returns the ids of the tool calls that the last message answers.
fn answered_calls(request: &Request) -> Vec<String> {
    let last = request.messages.iter().rev();
    let last = last
        .skip_while(|message| message.role == Role::System)
        .take(1)
        .filter(|last| last.role == Role::User);
    let blocks = last.flat_map(|last| &last.blocks);
    blocks
        .filter(|block| kind(block) == "tool_result")
        .filter_map(|block| text(block, "tool_use_id").map(str::to_owned))
        .collect()
}

/// In a tool turn that is not finished, thinking must come back unchanged.
fn check_thoughts(request: &Request, thoughts: &[String]) -> Result<(), ApiError> {
    let messages = request.messages.iter().enumerate();
    let Some((i, latest)) = messages
        .rev()
        .find(|(_, message)| message.role == Role::Assistant)
    else {
        return Ok(());
    };
    let sent: Vec<&str> = latest
        .blocks
        .iter()
        .filter(|block| kind(block) == "thinking")
        .filter_map(|block| text(block, "signature"))
        .collect();
    if thoughts
        .iter()
        .all(|thought| sent.contains(&thought.as_str()))
    {
        return Ok(());
    }
    Err(ApiError::invalid(format!(
        "messages.{i}.content.0: `thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified. These blocks must remain as they were in the original response."
    )))
}

/// Returns the ids of all files that a request refers to, each with the kind of block that refers
/// to it.
fn files_of(request: &Request) -> Vec<(String, String)> {
    fn collect(value: &Value, found: &mut Vec<(String, String)>) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
            Value::Object(map) => {
                let source = map.get("source").filter(|source| kind(source) == "file");
                let refers = match kind(value) {
                    "container_upload" => text(value, "file_id"),
                    _ => source.and_then(|source| text(source, "file_id")),
                };
                if let Some(id) = refers {
                    found.push((id.to_owned(), kind(value).to_owned()));
                }
                map.values().for_each(|value| collect(value, found));
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    for block in request.messages.iter().flat_map(|message| &message.blocks) {
        // The input of a tool call refers to no file.
        if !matches!(kind(block), "tool_use" | "server_tool_use") {
            collect(block, &mut found);
        }
    }
    found
}

/// Finds the container that a request names. If it is gone, returns the error and how the client is
/// told.
async fn container(
    app: &App,
    request: &Request,
    call: &Call,
) -> Result<Option<Lease>, (ApiError, Told)> {
    let Some(id) = request.container.clone() else {
        return Ok(None);
    };
    let expires = call.taken.0.iter().find_map(|kind| match kind {
        FaultKind::ExpireContainer(told) => Some(*told),
        _ => None,
    });
    if let Some(told) = expires {
        let id = id.clone();
        let expired = app
            .shared
            .with(move |state| state.containers.expire(id, told));
        expired.await.map_err(|error| (error, Told::NotFound))?;
    }
    Lease::find(&app.shared, &id).await.map(Some)
}

/// Applies the faults of a script that strike before any answer. The others are applied when the
/// script is played.
async fn script_faults(
    app: &App,
    reset: &Reset,
    matched_script: &MatchedScript,
    body: &Value,
    call: &mut Call,
) -> Result<Option<Response<Body>>, ApiError> {
    for (place, text) in matched_script.faults() {
        let sent = Sent {
            betas: &call.betas,
            version: Some(call.version),
            body,
        };
        let fault = Fault::from_script(text).map_err(|problem| {
            ApiError::invalid(format!(
                "the offline backend cannot use a script: `{place}`: {problem}"
            ))
        })?;
        let early = matches!(
            fault.kind,
            FaultKind::Status(_)
                | FaultKind::Reset
                | FaultKind::SlowStart { .. }
                | FaultKind::Chunks(_)
                | FaultKind::Surrogates
                | FaultKind::ExpireContainer(_)
                | FaultKind::FirstEvent { .. }
                | FaultKind::Refuse(_)
                | FaultKind::Deltas(_)
                | FaultKind::UnknownBeta { ignored: false, .. }
        ) && fault.kind.concerns(&sent);
        if !early || !strikes(&app.shared, place, fault.times).await? {
            continue;
        }
        let now = Taken(vec![fault.kind.on(&sent)]);
        let asked = Asked {
            id: &call.id,
            streams: body.get("stream") == Some(&Value::Bool(true)),
        };
        if let Some(response) = struck(&now, reset, asked).await? {
            return Ok(Some(response));
        }
        call.taken.0.extend(now.0);
    }
    Ok(None)
}
