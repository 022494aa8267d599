//! Credentials on the wire: headers, and logins that are renewed.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use claude_kernel::anthropic::client::{Client, ClientOptions};
use claude_kernel::anthropic::error::ApiError;
use claude_kernel::config::{Config, Environment};
use expect_test::expect;
use serde_json::{Value, json};

use super::credentials::{FAR, Home, NOW, login, token};
use super::recordings::recorded;
use super::server::{Server, api_error, hello, json_answer, stream_answer};

fn client(server: &Server, environment: Environment) -> Client {
    let mut options = ClientOptions::new(&Config::load(&environment, &[]), environment);
    options.base_url.get_or_insert_with(|| server.url.clone());
    Client::new(options)
}

#[tokio::test]
async fn a_profile_brings_its_workspace_and_the_beta() {
    let mut server = Server::start(vec![stream_answer(&recorded("turn"))]).await;
    let home = Home::new();
    home.profile("default", &login(None), &token(FAR));
    let mut request = hello();
    request.betas = vec!["a-2026-01-01".to_owned()];
    let custom =
        "X-Extra: 1\nnonsense\nanthropic-beta: b-2026-02-02\nUser-Agent: me/1\nHost: elsewhere\n";
    let environment = home.environment(&[("ANTHROPIC_CUSTOM_HEADERS", custom)]);
    client(&server, environment).stream(&request).await.unwrap();
    let seen = server.seen().await;
    let host = server.url.trim_start_matches("http://");
    expect![[r#"
        POST /v1/messages HTTP/1.1
        accept-encoding: gzip
        accept: application/json
        anthropic-beta: a-2026-01-01,b-2026-02-02,oauth-2025-04-20
        anthropic-version: 2026-10-21
        anthropic-workspace-id: wrkspc_1
        authorization: Bearer at-old
        content-length: 127
        content-type: application/json
        host: HOST
        user-agent: me/1
        x-extra: 1"#]]
    .assert_eq(&seen.head.replace(host, "HOST"));
}

#[tokio::test]
async fn custom_headers_may_hold_the_key() {
    let mut server = Server::start(vec![stream_answer(&recorded("turn"))]).await;
    let environment = [("ANTHROPIC_CUSTOM_HEADERS", "X-Api-Key: proxied")]
        .into_iter()
        .collect();
    client(&server, environment).stream(&hello()).await.unwrap();
    let seen = server.seen().await;
    assert_eq!(seen.header("x-api-key"), Some("proxied"));
    assert_eq!(seen.header("authorization"), None);
}

#[tokio::test]
async fn the_base_url_of_a_profile_is_used_when_nobody_says_otherwise() {
    let mut server = Server::start(vec![stream_answer(&recorded("turn"))]).await;
    let home = Home::new();
    let mut config = login(None);
    config["base_url"] = json!(server.url);
    home.profile("default", &config, &token(FAR));
    let environment = home.environment(&[]);
    let options = ClientOptions::new(&Config::load(&environment, &[]), environment);
    Client::new(options).stream(&hello()).await.unwrap();
    assert_eq!(
        server.seen().await.header("authorization"),
        Some("Bearer at-old")
    );
}

fn stored(path: &Path) -> Value {
    assert_eq!(
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn renewed() -> Value {
    json!({"access_token": "at-new", "expires_in": 7200, "refresh_token": "rt-new", "token_type": "bearer"})
}

#[tokio::test]
async fn an_expired_login_is_renewed_and_kept() {
    let turn = || stream_answer(&recorded("turn"));
    let mut server =
        Server::start(vec![json_answer("200 OK", &[], &renewed()), turn(), turn()]).await;
    let home = Home::new();
    let path = home.profile("default", &login(Some("client-1")), &token(1000));
    let client = client(&server, home.environment(&[]));
    client.stream(&hello()).await.unwrap();
    let seen = server.seen().await;
    assert!(
        seen.head.starts_with("POST /v1/oauth/token "),
        "{}",
        seen.head
    );
    assert_eq!(seen.header("anthropic-beta"), Some("oauth-2025-04-20"));
    assert_eq!(seen.header("authorization"), None);
    let expected =
        json!({"grant_type": "refresh_token", "refresh_token": "rt-old", "client_id": "client-1"});
    assert_eq!(seen.json(), expected);
    assert_eq!(
        server.seen().await.header("authorization"),
        Some("Bearer at-new")
    );
    let kept = stored(&path);
    assert_eq!(kept["access_token"], "at-new");
    assert_eq!(kept["refresh_token"], "rt-new");
    assert_eq!(kept["scope"], "kept");
    assert!(kept["expires_at"].as_i64().unwrap() > NOW - 100_000_000);
    let left: Vec<_> = std::fs::read_dir(path.parent().unwrap()).unwrap().collect();
    assert_eq!(left.len(), 1, "no temporary file is left");
    client.stream(&hello()).await.unwrap();
    assert_eq!(
        server.seen().await.header("authorization"),
        Some("Bearer at-new")
    );
}

#[tokio::test]
async fn a_login_that_is_refused_is_renewed_once() {
    let unauthorized = || api_error("401 Unauthorized", &[], "authentication_error");
    let scripts = vec![
        unauthorized(),
        json_answer("200 OK", &[], &renewed()),
        unauthorized(),
    ];
    let mut server = Server::start(scripts).await;
    let home = Home::new();
    home.profile("default", &login(Some("client-1")), &token(FAR));
    let error = client(&server, home.environment(&[]))
        .stream(&hello())
        .await
        .unwrap_err();
    assert!(
        matches!(error, ApiError::Status { status: 401, .. }),
        "{error:?}"
    );
    assert_eq!(
        server.seen().await.header("authorization"),
        Some("Bearer at-old")
    );
    assert!(
        server
            .seen()
            .await
            .head
            .starts_with("POST /v1/oauth/token ")
    );
    assert_eq!(
        server.seen().await.header("authorization"),
        Some("Bearer at-new")
    );
    assert_eq!(server.pending(), 0);
}

#[tokio::test]
async fn a_login_renewed_by_another_program_is_used() {
    let gone = api_error("401 Unauthorized", &[], "authentication_error");
    let server_scripts = vec![gone, stream_answer(&recorded("turn"))];
    let mut server = Server::start(server_scripts).await;
    let home = Home::new();
    home.profile("default", &login(Some("client-1")), &token(FAR));
    let client = client(&server, home.environment(&[]));
    let request = hello();
    let call = client.stream(&request);
    tokio::pin!(call);
    // The request is out; before its answer is read, somebody else writes a new token.
    let seen = tokio::select! {
        biased;
        seen = server.seen() => seen,
        _ = &mut call => panic!("no answer yet"),
    };
    assert_eq!(seen.header("authorization"), Some("Bearer at-old"));
    let mut newer = token(FAR);
    newer["access_token"] = json!("at-other");
    home.profile("default", &login(Some("client-1")), &newer);
    call.await.unwrap();
    assert_eq!(
        server.seen().await.header("authorization"),
        Some("Bearer at-other")
    );
}

#[tokio::test]
async fn a_renewal_that_fails_is_told_without_the_token() {
    let body = json!({"error": "invalid_grant: rt-old is revoked"});
    let mut server = Server::start(vec![json_answer("400 Bad Request", &[], &body)]).await;
    let home = Home::new();
    let path = home.profile("default", &login(Some("client-1")), &token(1000));
    let error = client(&server, home.environment(&[]))
        .stream(&hello())
        .await
        .unwrap_err();
    server.seen().await;
    expect!["no credentials for the Claude API: the login could not be renewed (invalid_grant: … is revoked); log in again"]
        .assert_eq(&error.to_string());
    assert_eq!(stored(&path), token(1000));
}

#[tokio::test]
async fn a_login_is_not_sent_over_plain_http() {
    let home = Home::new();
    let mut config = login(Some("client-1"));
    config["base_url"] = json!("http://example.invalid");
    home.profile("default", &config, &token(1000));
    let environment = home.environment(&[]);
    let options = ClientOptions::new(&Config::load(&environment, &[]), environment);
    let error = Client::new(options).stream(&hello()).await.unwrap_err();
    expect!["no credentials for the Claude API: a login is not renewed over plain HTTP (`http://example.invalid/`)"].assert_eq(&error.to_string());
}
