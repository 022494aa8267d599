//! MCP servers: real ones of others over stdio and streamable HTTP, and bad ones.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use claude_kernel::host::{Host, SystemHost};
use claude_kernel::kernel::tools::mcp::{Address, Server};
use claude_kernel::kernel::tools::worker::Answer;
use serde_json::{Map, Value, json};

use crate::support::host::FixedHost;
use crate::support::rig::{Asks, Rig, python};

const LIMIT: Duration = Duration::from_secs(30);

fn stdio(words: &[&str], host: Arc<dyn Host>) -> Server {
    let address = Address::Command {
        words: words.iter().map(|word| (*word).to_owned()).collect(),
        environment: vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())],
        directory: std::env::temp_dir(),
    };
    Server::new(address, host)
}

fn arguments(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

#[track_caller]
fn text(answer: &Answer) -> &str {
    answer.content[0]["text"].as_str().unwrap()
}

/// `mcp-server-time` of PyPI: started, listed, called, told wrong arguments, ended, started again.
#[tokio::test]
async fn a_servers_tools_over_stdio() {
    let python = python();
    let server = stdio(
        &[
            python.to_str().unwrap(),
            "-m",
            "mcp_server_time",
            "--local-timezone",
            "UTC",
        ],
        Arc::new(SystemHost::new()),
    );
    let listing = server.tools().await.unwrap();
    let names: Vec<&str> = listing
        .tools
        .iter()
        .map(|tool| tool.name.as_str())
        .collect();
    assert_eq!(names, ["get_current_time", "convert_time"]);
    assert!(!listing.is_cut && !listing.tools[1].description.is_empty());
    assert_eq!(listing.tools[1].input_schema["type"], "object");
    let convert = json!({"source_timezone": "Europe/Berlin", "time": "12:00", "target_timezone": "Asia/Tokyo"});
    let answer = server
        .call("convert_time".to_owned(), arguments(convert), true, LIMIT)
        .await;
    assert!(
        !answer.is_error && text(&answer).contains("Asia/Tokyo"),
        "{answer:?}"
    );
    let answer = server
        .call(
            "convert_time".to_owned(),
            arguments(json!({"time": "noon"})),
            true,
            LIMIT,
        )
        .await;
    assert!(answer.is_error, "{answer:?}");
    assert!(!server.has_changed().await);
}

/// A server of the official Python package, by its URL.
#[tokio::test]
async fn a_servers_tools_over_streamable_http() {
    let (_process, url) = http_server();
    let address = Address::Url { url, token: None };
    let server = Server::new(address, Arc::new(SystemHost::new()));
    assert_eq!(server.tools().await.unwrap().tools.len(), 3);
    let call = |name: &str, value| server.call(name.to_owned(), arguments(value), true, LIMIT);
    assert_eq!(text(&call("add", json!({"a": 2, "b": 3})).await), "5");
    let failed = call("fail", json!({})).await;
    assert!(
        failed.is_error && text(&failed).contains("no such thing"),
        "{failed:?}"
    );
    assert_eq!(text(&call("grow", json!({})).await), "grown");
    // The notice comes by a stream of its own.
    while !server.has_changed().await {
        assert_eq!(text(&call("add", json!({"a": 1, "b": 1})).await), "2");
    }
    assert_eq!(server.tools().await.unwrap().tools.len(), 4);
    assert!(!server.has_changed().await);
}

#[tokio::test]
async fn a_server_that_does_not_start_says_why() {
    let host: Arc<dyn Host> = Arc::new(SystemHost::new());
    for (words, why) in [
        (vec!["/no/such/server"], "there is no program"),
        (vec!["no-such-server"], "on the `PATH`"),
        (vec!["true"], "ended before it introduced itself"),
        (
            vec!["sh", "-c", "echo 'config.toml is missing' >&2; exit 3"],
            "config.toml is missing",
        ),
        (
            vec![
                "sh",
                "-c",
                "head -c 3000000 /dev/zero | tr '\\0' x; sleep 60",
            ],
            "floods",
        ),
    ] {
        let error = stdio(&words, Arc::clone(&host))
            .tools()
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains(why), "{words:?}: {error}");
        for internal in ["os error", "rmcp", "::"] {
            assert!(!error.contains(internal), "{words:?}: {error}");
        }
    }
    let nowhere = Address::Url {
        url: "http://127.0.0.1:9/mcp".to_owned(),
        token: None,
    };
    let error = Server::new(nowhere, host)
        .tools()
        .await
        .unwrap_err()
        .to_string();
    assert_eq!(error, "nobody answers there (connection refused)");
}

/// Schemas that the API would refuse, in a server's list: mended, or their tool left out with a word.
#[tokio::test]
async fn a_tool_whose_schema_the_api_refuses_is_left_out() {
    let script = r#"
import json, sys
for line in sys.stdin:
    message = json.loads(line)
    if message["method"] == "initialize":
        result = {"protocolVersion": message["params"]["protocolVersion"], "capabilities": {"tools": {}}, "serverInfo": {"name": "s", "version": "1"}}
    elif message["method"] == "tools/list":
        schemas = {"bare": {}, "bad": {"type": "object", "properties": {"a": {"type": "strnig"}}},
                   "odd": {"type": "object", "properties": {"a b": {}}},
                   "any": {"type": "object", "anyOf": [{"properties": {"a": {"type": "string"}}}]}}
        result = {"tools": [{"name": name, "inputSchema": schema} for name, schema in schemas.items()]}
    elif message["method"] == "tools/call":
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "error": {"code": -32602, "message": "no such row"}}), flush=True)
        continue
    else:
        continue
    print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)
"#;
    let mut rig = Rig::start("# Go\n\n```json block\n{\"type\": \"tool_use\", \"name\": \"s_bare\", \"input\": {}}\n```\n\nDone.\n").await;
    std::fs::write(rig.directory.path().join("server.py"), script).unwrap();
    let add = format!("%mcp add s {} server.py", python().display());
    let ran = rig.cell_as(Asks::Lab, &add).await;
    let text = ran.text();
    assert!(text.contains("s: 2 tools"), "{text}");
    assert!(
        text.contains("s_bare()") && text.contains("s_any(a?: string)"),
        "{text}"
    );
    assert!(text.contains("The tool bad of s is left out"), "{text}");
    assert!(
        text.contains("`a b` cannot be an argument's name"),
        "{text}"
    );
    let ran = rig.cell("Go").await;
    assert!(
        ran.text()
            .contains("the MCP server answered with an error: no such row"),
        "{}",
        ran.text()
    );
}

/// With a clock on which every wait is over at once.
#[tokio::test]
async fn a_server_that_speaks_nonsense_is_given_up() {
    let server = stdio(
        &["sh", "-c", "echo hello; echo '{}'; cat >/dev/null"],
        FixedHost::new(),
    );
    let error = server.tools().await.unwrap_err().to_string();
    assert!(error.contains("is it an MCP server?"), "{error}");
}

/// A server that dies in a call: an answer with its last words; the next call starts it again.
#[tokio::test]
async fn a_server_that_dies_is_started_again() {
    let script = r#"
import json, sys
for line in sys.stdin:
    message = json.loads(line)
    if message["method"] == "initialize":
        result = {"protocolVersion": message["params"]["protocolVersion"], "capabilities": {"tools": {}}, "serverInfo": {"name": "s", "version": "1"}}
    elif message["method"] == "tools/call":
        if message["params"]["name"] == "die":
            print("out of memory", file=sys.stderr); sys.exit(1)
        result = {"content": [{"type": "text", "text": "alive"}]}
    else:
        continue
    print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)
"#;
    let python = python();
    let server = stdio(
        &[python.to_str().unwrap(), "-c", script],
        Arc::new(SystemHost::new()),
    );
    let call = |name: &str| server.call(name.to_owned(), Map::new(), true, LIMIT);
    let dead = call("die").await;
    assert!(
        dead.is_error && text(&dead).contains("out of memory"),
        "{dead:?}"
    );
    assert_eq!(text(&call("live").await), "alive");
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn http_server() -> (Killed, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/mcp/http_server.py");
    let mut child = Command::new(python())
        .arg(script)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut port = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut port).unwrap();
    let url = format!("http://127.0.0.1:{}/mcp", port.trim());
    (Killed(child), url)
}
