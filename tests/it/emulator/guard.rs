//! Who is let in, and what every answer carries.

use serde_json::json;

use super::{Backend, ask};

#[tokio::test]
async fn only_this_machine_with_the_key_is_let_in() {
    let backend = Backend::start().await;
    let port = backend.emulator.base_url().rsplit(':').next().unwrap();
    let url = format!("{}/v1/models", backend.emulator.base_url());
    let key = backend.emulator.key();
    let version = ("anthropic-version", "2026-10-21");
    let cases = [
        (200, vec![("x-api-key", key.to_owned())]),
        (200, vec![("authorization", format!("Bearer {key}"))]),
        (200, vec![("authorization", format!("bearer {key}"))]),
        (401, vec![]),
        (401, vec![("x-api-key", String::new())]),
        (401, vec![("x-api-key", format!("{key}x"))]),
        (401, vec![("authorization", key.to_owned())]),
        (401, vec![("authorization", "Bearer wrong".to_owned())]),
        (
            403,
            vec![
                ("x-api-key", key.to_owned()),
                ("origin", "https://example.com".to_owned()),
            ],
        ),
        (
            403,
            vec![("x-api-key", key.to_owned()), ("origin", "null".to_owned())],
        ),
        (
            403,
            vec![
                ("x-api-key", key.to_owned()),
                ("host", format!("example.com:{port}")),
            ],
        ),
        (
            403,
            vec![("x-api-key", key.to_owned()), ("host", "127.0.0.1".into())],
        ),
        (
            200,
            vec![
                ("x-api-key", key.to_owned()),
                ("host", format!("localhost:{port}")),
            ],
        ),
        (
            200,
            vec![
                ("x-api-key", key.to_owned()),
                ("host", format!("[::1]:{port}")),
            ],
        ),
    ];
    for (status, headers) in cases {
        let mut request = backend.client.get(&url).header(version.0, version.1);
        for (name, value) in &headers {
            request = request.header(*name, value);
        }
        let answer = backend.send(request).await;
        assert_eq!(answer.status, status, "{headers:?}: {}", answer.body);
        assert!(answer.header("request-id").starts_with("req_"));
        assert!(!answer.header("anthropic-organization-id").is_empty());
        if status != 200 {
            let body = answer.json();
            assert_eq!(body["type"], "error");
            assert_eq!(body["request_id"], answer.header("request-id"));
        }
    }
}

#[tokio::test]
async fn the_keys_of_two_backends_differ() {
    let (one, other) = (Backend::start().await, Backend::start().await);
    assert_ne!(one.emulator.key(), other.emulator.key());
    assert!(one.emulator.key().len() > 40);
}

#[tokio::test]
async fn a_version_is_required_and_the_new_one_has_no_sampling_parameters() {
    let backend = Backend::start().await;
    let url = format!("{}/v1/messages", backend.emulator.base_url());
    let sampled = ask(json!({"temperature": 0.5, "top_p": 0.9, "top_k": 5}));
    let hot = ask(json!({"temperature": 1.5}));
    let plain = ask(json!({}));
    let cases = [
        (None, &plain, 400, "anthropic-version: header is required"),
        (Some("2024-01-01"), &plain, 400, "anthropic-version: "),
        (Some("2026-10-21"), &plain, 200, "{"),
        (Some("2023-06-01"), &plain, 200, "{"),
        (Some("2023-06-01"), &sampled, 200, "{"),
        (
            Some("2023-06-01"),
            &hot,
            400,
            "temperature: Input should be less than or equal to 1",
        ),
        (
            Some("2026-10-21"),
            &sampled,
            400,
            "temperature: Extra inputs are not permitted",
        ),
    ];
    for (version, body, status, text) in cases {
        let mut request = backend.client.post(&url).body(body.to_string());
        request = request.header("x-api-key", backend.emulator.key());
        if let Some(version) = version {
            request = request.header("anthropic-version", version);
        }
        let answer = backend.send(request).await;
        assert_eq!(answer.status, status, "{version:?} {}", answer.body);
        let said = answer.json()["error"]["message"]
            .as_str()
            .unwrap_or("{")
            .to_owned();
        assert!(said.starts_with(text), "{said}");
    }
}

#[tokio::test]
async fn unknown_places_and_methods_are_told_apart() {
    let backend = Backend::start().await;
    for (method, path, status) in [
        ("GET", "/v1/nothing", 404),
        ("GET", "/", 404),
        ("GET", "/v1/files/file_x", 404),
        ("GET", "/v1/files/file_x/content", 404),
        ("DELETE", "/v1/files/file_x", 404),
        ("GET", "/v1/models/claude-x", 404),
        ("GET", "/_emulator/nothing", 404),
        ("GET", "/v1/messages", 405),
        ("DELETE", "/v1/models", 405),
        ("PUT", "/v1/files/file_x", 405),
        ("POST", "/v1/files", 400),
    ] {
        let answer = backend.send(backend.request(method, path)).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.body);
        assert_eq!(answer.json()["type"], "error", "{method} {path}");
    }
}

#[tokio::test]
async fn a_body_of_more_than_32_mb_is_too_large() {
    let backend = Backend::start().await;
    let text = "x".repeat(32 * 1024 * 1024);
    let body = ask(json!({"messages": [{"role": "user", "content": text}]}));
    let answer = backend.post("/v1/messages", &body).await;
    assert_eq!(answer.status, 413);
    assert_eq!(answer.json()["error"]["type"], "request_too_large");
}

#[tokio::test]
async fn models_are_paged_both_ways() {
    let backend = Backend::start().await;
    let all = backend.get("/v1/models?limit=1000").await.json();
    let ids = |page: &serde_json::Value| -> Vec<String> {
        let data = page["data"].as_array().unwrap().iter();
        data.map(|model| model["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let all_ids = ids(&all);
    assert_eq!(all["has_more"], false);
    assert_eq!(all["first_id"], all_ids[0]);
    assert!(all_ids.contains(&"claude-opus-5-5".to_owned()));

    let mut forward = Vec::new();
    let mut path = "/v1/models?limit=4".to_owned();
    loop {
        let page = backend.get(&path).await.json();
        forward.extend(ids(&page));
        if page["has_more"] == false {
            break;
        }
        let last = page["last_id"].as_str().unwrap();
        path = format!("/v1/models?limit=4&after_id={last}");
    }
    assert_eq!(forward, all_ids);
    let last = all_ids.last().unwrap();
    let back = backend
        .get(&format!("/v1/models?limit=2&before_id={last}"))
        .await;
    assert_eq!(
        ids(&back.json()),
        all_ids[all_ids.len() - 3..all_ids.len() - 1]
    );
    assert_eq!(back.json()["has_more"], true);

    let deprecated = backend.get("/v1/models?lifecycle%5B%5D=deprecated").await;
    assert_eq!(
        ids(&deprecated.json()),
        ["claude-opus-4-5", "claude-sonnet-4-5"]
    );
    for wrong in [
        "limit=0",
        "limit=1001",
        "limit=x",
        "lifecycle[]=old",
        "page=1",
    ] {
        let answer = backend.get(&format!("/v1/models?{wrong}")).await;
        assert_eq!(answer.status, 400, "{wrong}");
    }
}
