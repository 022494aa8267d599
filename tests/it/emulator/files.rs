//! The Files API: names, life, pages, the old shapes.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use claude_kernel::emulator::server::{EmulatorConfig, start};
use claude_kernel::host::{Host, SystemHost};
use futures::future::BoxFuture;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use super::{Answer, Backend, say};

async fn upload(backend: &Backend, part: Part) -> Answer {
    let form = Form::new().part("file", part);
    backend
        .send(backend.request("POST", "/v1/files").multipart(form))
        .await
}

fn file(name: &str) -> Part {
    Part::bytes(&b"a,b\n1,2\n"[..])
        .file_name(name.to_owned())
        .mime_str("text/csv")
        .unwrap()
}

#[tokio::test]
async fn names_are_reduced_to_a_safe_last_component() {
    let backend = Backend::start().await;
    let cases = [
        ("table.csv", Some("table.csv")),
        ("über uns.csv", Some("über uns.csv")),
        ("../../etc/passwd", Some("passwd")),
        ("C:\\data\\x.csv", Some("x.csv")),
        ("a|b.csv", None),
        ("what?.csv", None),
        ("bell\u{7}.csv", None),
    ];
    for (given, kept) in cases {
        let answer = upload(&backend, file(given)).await;
        match kept {
            Some(kept) => {
                assert_eq!(answer.status, 200, "{given}: {}", answer.body);
                let stored = answer.json();
                assert_eq!(stored["filename"], kept);
                assert_eq!(stored["mime_type"], "text/csv");
                assert_eq!(stored["size_bytes"], 8);
                assert_eq!(stored["downloadable"], false);
                assert_eq!(stored["expires_at"], Value::Null);
                assert_eq!(stored["type"], "file");
            }
            None => assert_eq!(answer.status, 400, "{given}: {}", answer.body),
        }
    }
    assert_eq!(upload(&backend, file(&"x".repeat(256))).await.status, 400);
    let unnamed = upload(&backend, file("")).await.json();
    assert_eq!(unnamed["filename"], "unnamed.csv");
    for (mime, expected) in [
        ("text/plain", "unnamed.txt"),
        ("image/jpeg", "unnamed.jpg"),
        ("application/octet-stream", "unnamed.bin"),
        ("application/x-nothing", "unnamed"),
    ] {
        let part = Part::bytes(b"a,b".to_vec())
            .file_name("")
            .mime_str(mime)
            .unwrap();
        let form = Form::new().part("file", part);
        let request = backend.request("POST", "/v1/files").multipart(form);
        let stored = backend.send(request).await.json();
        assert_eq!(stored["filename"], expected, "{mime}");
    }
}

#[tokio::test]
async fn an_upload_needs_one_file_and_nothing_else() {
    let backend = Backend::start().await;
    let send = async |form: Form| {
        backend
            .send(backend.request("POST", "/v1/files").multipart(form))
            .await
    };
    let expiring = |seconds: &str| {
        Form::new()
            .text("expires_in_seconds", seconds.to_owned())
            .part("file", file("a.csv"))
    };
    assert_eq!(send(expiring("3600")).await.status, 200);
    for wrong in ["3599", "7776001", "soon"] {
        assert_eq!(send(expiring(wrong)).await.status, 400, "{wrong}");
    }
    assert_eq!(send(Form::new()).await.status, 400);
    assert_eq!(send(Form::new().text("purpose", "x")).await.status, 400);
    let two = Form::new()
        .part("file", file("a.csv"))
        .part("file", file("b.csv"));
    assert_eq!(send(two).await.status, 400);
    let broken = backend
        .request("POST", "/v1/files")
        .header("content-type", "multipart/form-data; boundary=x")
        .body("--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nhalf");
    assert_eq!(backend.send(broken).await.status, 400);
    let listed = backend.get("/v1/files").await.json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn lists_are_paged_newest_first_or_asked_for_by_id() {
    let backend = Backend::start().await;
    let mut ids = Vec::new();
    for n in 0..5 {
        let stored = upload(&backend, file(&format!("{n}.csv"))).await.json();
        ids.insert(0, stored["id"].as_str().unwrap().to_owned());
    }
    let listed = |page: &Value| -> Vec<String> {
        let data = page["data"].as_array().unwrap().iter();
        data.map(|file| file["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let first = backend.get("/v1/files?limit=3").await.json();
    assert_eq!(listed(&first), ids[..3]);
    let next = first["next_page"].as_str().unwrap();
    let second = backend
        .get(&format!("/v1/files?limit=3&page={next}"))
        .await
        .json();
    assert_eq!(listed(&second), ids[3..]);
    assert_eq!(second["next_page"], Value::Null);

    let two = format!(
        "/v1/files?ids%5B%5D={}&ids%5B%5D={}&ids[]=file_x",
        ids[4], ids[0]
    );
    assert_eq!(
        listed(&backend.get(&two).await.json()),
        [&*ids[0], &*ids[4]]
    );
    for wrong in ["page=page_x", "limit=0", "ids[]=a&limit=2", "after_id=x"] {
        let answer = backend.get(&format!("/v1/files?{wrong}")).await;
        assert_eq!(answer.status, 400, "{wrong}");
    }

    let old = |path: &str| {
        backend
            .request("GET", path)
            .header("anthropic-beta", "files-api-2025-04-14")
    };
    let page = backend.send(old("/v1/files?limit=2")).await.json();
    assert_eq!(listed(&page), ids[..2]);
    assert_eq!(page["has_more"], true);
    assert_eq!(page["last_id"], ids[1]);
    assert_eq!(page["data"][0].get("expires_at"), None);
    let after = format!("/v1/files?limit=9&after_id={}", ids[1]);
    let page = backend.send(old(&after)).await.json();
    assert_eq!(listed(&page), ids[2..]);
    assert_eq!(page["has_more"], false);
}

/// A clock that a test moves.
#[derive(Debug)]
struct Later {
    seconds: AtomicI64,
    real: SystemHost,
}

impl Host for Later {
    fn now(&self) -> DateTime<Utc> {
        DateTime::<Utc>::UNIX_EPOCH + TimeDelta::seconds(self.seconds.load(Ordering::SeqCst))
    }
    fn elapsed(&self) -> Duration {
        self.real.elapsed()
    }
    fn uuid(&self) -> uuid::Uuid {
        self.real.uuid()
    }
    fn random(&self) -> f64 {
        self.real.random()
    }
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.real.sleep(duration)
    }
}

#[tokio::test]
async fn an_expired_file_can_be_looked_up_but_not_used() {
    let clock = Arc::new(Later {
        seconds: AtomicI64::new(0),
        real: SystemHost::new(),
    });
    let mut backend = Backend::start().await;
    backend.emulator = start(EmulatorConfig {
        host: Some(clock.clone()),
        ..EmulatorConfig::default()
    })
    .await
    .unwrap();
    let form = Form::new()
        .text("expires_in_seconds", "3600")
        .part("file", file("a.csv"));
    let stored = backend
        .send(backend.request("POST", "/v1/files").multipart(form))
        .await
        .json();
    assert_eq!(stored["expires_at"], "1970-01-01T01:00:00.000000Z");
    let id = stored["id"].as_str().unwrap();
    let use_it = say(json!([{"role": "user", "content": [
        {"type": "container_upload", "file_id": id}, {"type": "text", "text": "x"},
    ]}]));
    let cases = [
        (3599, 200, 200, ""),
        (3601, 200, 404, "file_expired"),
        (3600 + 31 * 86400, 404, 404, ""),
    ];
    for (seconds, metadata, used, code) in cases {
        clock.seconds.store(seconds, Ordering::SeqCst);
        let path = format!("/v1/files/{id}");
        assert_eq!(backend.get(&path).await.status, metadata, "{seconds}");
        assert_eq!(
            backend.post("/v1/messages", &use_it).await.status,
            used,
            "{seconds}"
        );
        let content = backend.get(&format!("{path}/content")).await.json();
        let given = content["error"]["details"]["error_code"].as_str();
        assert_eq!(given.unwrap_or_default(), code, "{seconds}");
    }
}

#[tokio::test]
async fn what_cannot_be_looked_at_is_refused_in_blocks_for_the_eyes() {
    let backend = Backend::start().await;
    let text = |name: &str, mime: &str| file(name).mime_str(mime).unwrap();
    let csv = upload(&backend, file("a.csv")).await.json();
    let plain = upload(&backend, text("a.txt", "text/plain")).await.json();
    let png = upload(&backend, text("a.png", "image/png")).await.json();
    for (block, stored, status) in [
        ("image", &png, 200),
        ("image", &csv, 400),
        ("document", &plain, 200),
        ("document", &csv, 400),
        ("document", &png, 400),
    ] {
        let source = json!({"type": "file", "file_id": stored["id"]});
        let request = say(json!([{"role": "user", "content": [
            {"type": block, "source": source}, {"type": "text", "text": "x"},
        ]}]));
        let answer = backend.post("/v1/messages", &request).await;
        assert_eq!(answer.status, status, "{block} {stored}");
    }
    let unknown = say(json!([{"role": "user", "content": [
        {"type": "container_upload", "file_id": "file_nobody"}, {"type": "text", "text": "x"},
    ]}]));
    assert_eq!(backend.post("/v1/messages", &unknown).await.status, 404);
}
