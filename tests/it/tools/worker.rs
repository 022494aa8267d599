//! The Python worker against a real interpreter: definitions, results, and everything that can go
//! wrong in a person's function.

use std::sync::Arc;
use std::time::Duration;

use claude_kernel::host::SystemHost;
use claude_kernel::kernel::tools::worker::{
    Answer, Call, Defined, Definition, Program, Undefined, Worker,
};
use serde_json::{Value, json};

use crate::support::rig::python;

const LIMIT: Duration = Duration::from_secs(30);

fn worker() -> Worker {
    let program = Program {
        interpreter: python(),
        environment: vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())],
        directory: std::env::temp_dir(),
    };
    Worker::new(program, Arc::new(SystemHost::new()))
}

async fn define(worker: &Worker, source: &str) -> Result<Defined, Undefined> {
    let definition = Definition {
        file: "<tool cell 1>".to_owned(),
        source: source.to_owned(),
        names: Vec::new(),
    };
    worker.define(definition, LIMIT).await
}

async fn call(worker: &Worker, name: &str, arguments: Value) -> Answer {
    call_for(worker, name, arguments, LIMIT).await
}

async fn call_for(worker: &Worker, name: &str, arguments: Value, limit: Duration) -> Answer {
    let call = Call {
        name: name.to_owned(),
        arguments,
        direct: true,
        limit,
    };
    worker.call(call).await
}

#[track_caller]
fn text(answer: &Answer) -> &str {
    answer.content[0]["text"].as_str().expect("a text block")
}

#[tokio::test]
async fn hints_and_docstring_become_what_claude_is_told() {
    let worker = worker();
    let source = r#"
from dataclasses import dataclass
from typing import Literal, Optional, TypedDict
import datetime

@dataclass
class Range:
    first: int
    last: int = 10

class Row(TypedDict, total=False):
    name: str

def look(name: str, n: int = 5, kind: Literal["a", "b"] = "a", tags: Optional[list[str]] = None,
         rows: list[Row] = [], span: Range = Range(1), on: Optional[datetime.date] = None) -> dict:
    """Look something up.

    Args:
        name: What to look for,
            in lower case.
        n (int): How many.

    Returns:
        The finds.
    """
    return {"name": name, "n": n, "span": span, "on": on}

def _helper(): pass
"#;
    let defined = define(&worker, source).await.unwrap();
    assert_eq!(defined.tools.len(), 1);
    let tool = &defined.tools[0];
    assert_eq!(tool.warnings, Vec::<String>::new());
    assert_eq!(
        tool.description,
        "Look something up.\n\nReturns:\n    The finds."
    );
    assert_eq!(
        Value::Object(tool.input_schema.clone()),
        json!({
            "type": "object",
            "properties": {
                "name": {"type": "string", "description": "What to look for, in lower case."},
                "n": {"type": "integer", "description": "How many.", "default": 5},
                "kind": {"type": "string", "enum": ["a", "b"], "default": "a"},
                "tags": {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}], "default": null},
                "rows": {"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}}, "required": [], "additionalProperties": false}, "default": []},
                "span": {"type": "object", "properties": {"first": {"type": "integer"}, "last": {"type": "integer"}}, "required": ["first"], "additionalProperties": false},
                "on": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}], "default": null},
            },
            "required": ["name"],
            "additionalProperties": false,
        })
    );
    let answer = call(
        &worker,
        "look",
        json!({"name": "x", "n": 2.0, "span": {"first": 3}, "on": "2026-01-31"}),
    )
    .await;
    assert!(!answer.is_error, "{answer:?}");
    assert_eq!(
        text(&answer),
        r#"{"name": "x", "n": 2, "span": {"first": 3, "last": 10}, "on": "2026-01-31"}"#
    );
    for (arguments, why) in [
        (json!({}), "`name` is missing"),
        (json!({"name": 3}), "`name` must be a string, not 3"),
        (
            json!({"name": "x", "n": true}),
            "`n` must be a whole number, not true",
        ),
        (
            json!({"name": "x", "kind": "c"}),
            "`kind` must be one of \"a\", \"b\", not \"c\"",
        ),
        (
            json!({"name": "x", "span": {"frist": 1}}),
            "`span` has no field `frist`",
        ),
        (json!({"name": "x", "on": "soon"}), "`on`"),
        (json!({"name": "x", "more": 1}), "no parameter `more`"),
        (json!([1]), "an object"),
    ] {
        let answer = call(&worker, "look", arguments).await;
        assert!(
            answer.is_error && text(&answer).contains(why),
            "{why}: {answer:?}"
        );
    }
}

#[tokio::test]
async fn what_cannot_be_a_tool_is_refused_with_what_to_write() {
    let worker = worker();
    for (source, why) in [
        ("x = 1", "the cell defines no function"),
        ("def f(*args: int): ...", "`*args` cannot be a parameter"),
        ("def f(x: open): ...", "use str, int, float"),
        ("def f(x: 'Missing'): ...", "a type hint cannot be read"),
        ("def größe(x: int): ...", "only letters a-z"),
        ("def f(:", "SyntaxError"),
        ("import no_such_module_here", "install the package there"),
        (
            "class N:\n  pass\nimport dataclasses\n@dataclasses.dataclass\nclass T:\n  t: 'T'\ndef f(x: T): ...",
            "contain themselves",
        ),
        ("raise SystemExit", "sys.exit"),
        (
            "def f(x: int): ...\ndef g(): ...\ndef f(x: str): ...",
            "`f` is defined twice, in lines 1 and 3",
        ),
        ("def f(größe: int): ...", "rename `größe`"),
        (
            "%pip install x\ndef f(): ...",
            "A cell of tools is plain Python",
        ),
        (
            "def d(f):\n  def inner(*a): ...\n  return inner\n@d\ndef f(x: int): ...",
            "functools.wraps",
        ),
    ] {
        let error = define(&worker, source).await.unwrap_err().to_string();
        assert!(error.contains(why), "{source}: {error}");
    }
    let defined = define(&worker, "def f(x, n=3): ...").await.unwrap();
    let warnings = defined.tools[0].warnings.join("\n");
    assert!(
        warnings.contains("no type for `x`") && warnings.contains("no docstring"),
        "{warnings}"
    );
    assert_eq!(
        defined.tools[0].input_schema["properties"],
        json!({"x": {}, "n": {"type": "integer", "default": 3}})
    );
}

#[tokio::test]
async fn every_kind_of_result_has_a_form_for_claude() {
    let worker = worker();
    let source = r#"
import pandas as pd, pathlib, os
import matplotlib; matplotlib.use("Agg")
import matplotlib.pyplot as plt
def table(rows: int): return pd.DataFrame({"a": range(rows), "b": [0.5] * rows})
def figure():
    fig, ax = plt.subplots(figsize=(1, 1)); ax.plot([1, 2]); return ax
def nothing(): pass
def prints(): print("saved"); os.system("echo from a child"); 
def text(): return "plain"
def long(): return "x" * 60_000
def odd(): return {"nan": float("nan"), "far": [float("inf"), -float("inf")], "none": None, "set": {2, 1}, "path": pathlib.Path("/x")}
def raw(): return b"\xff\x00"
def empty(): return b""
def blank(): return " \n"
def items(): return (i * i for i in range(4))
def file(): 
    path = pathlib.Path("tool-result.txt"); path.write_text("in the file"); return path
"#;
    define(&worker, source).await.unwrap();
    let answer = call(&worker, "table", json!({"rows": 2})).await;
    assert_eq!(text(&answer), "2 rows x 2 columns, CSV:\na,b\n0,0.5\n1,0.5");
    let answer = call(&worker, "table", json!({"rows": 20_000})).await;
    assert!(text(&answer).len() < 51_000 && text(&answer).contains("more rows are not shown"));
    let whole = Call {
        name: "table".to_owned(),
        arguments: json!({"rows": 20_000}),
        direct: false,
        limit: LIMIT,
    };
    assert!(text(&worker.call(whole).await).ends_with("19999,0.5\n"));
    let answer = call(&worker, "figure", json!({})).await;
    assert_eq!(answer.content[0]["source"]["media_type"], "image/png");
    let answer = call(&worker, "prints", json!({})).await;
    assert_eq!(text(&answer), "saved\nfrom a child");
    assert_eq!(answer.printed, "saved\nfrom a child\n");
    for (name, expected) in [
        (
            "nothing",
            "The function returned nothing; it ran without an error.",
        ),
        ("text", "plain"),
        (
            "odd",
            r#"{"nan": NaN, "far": [Infinity, -Infinity], "none": null, "set": [1, 2], "path": "/x"}"#,
        ),
        ("raw", "(2 bytes that are neither text nor an image.)"),
        ("empty", "(no bytes)"),
        ("blank", "(an empty text)"),
        ("items", "[0, 1, 4, 9]"),
        ("file", "File tool-result.txt:\nin the file"),
    ] {
        assert_eq!(
            text(&call(&worker, name, json!({})).await),
            expected,
            "{name}"
        );
    }
    let answer = call(&worker, "long", json!({})).await;
    assert!(text(&answer).ends_with("(cut here: 50000 of 60000 characters shown; ask for less)"));
}

#[tokio::test]
async fn a_tool_that_raises_hangs_or_dies_is_an_answer_and_state_is_kept_where_it_can_be() {
    let worker = worker();
    let source = r#"
import os, time, signal
count = 0
def bump():
    global count; count += 1; return count
def raises(): 
    return inner()
def inner():
    raise ValueError("no such data set")
def sleeps(): time.sleep(60)
def stubborn():
    while True:
        try: time.sleep(60)
        except BaseException: pass
def dies(): os.kill(os.getpid(), signal.SIGKILL)
def asks(): return input("?")
"#;
    define(&worker, source).await.unwrap();
    assert_eq!(text(&call(&worker, "bump", json!({})).await), "1");
    let answer = call(&worker, "raises", json!({})).await;
    assert!(answer.is_error);
    assert_eq!(
        text(&answer),
        "Traceback (most recent call last):\n  File \"<tool cell 1>\", line 7, in raises\n    return inner()\n  File \"<tool cell 1>\", line 9, in inner\n    raise ValueError(\"no such data set\")\nValueError: no such data set"
    );
    let short = Duration::from_millis(200);
    let answer = call_for(&worker, "sleeps", json!({}), short).await;
    assert!(
        answer.is_error && text(&answer).contains("still there"),
        "{answer:?}"
    );
    assert_eq!(
        text(&call(&worker, "bump", json!({})).await),
        "2",
        "an interrupt loses nothing"
    );
    let answer = call(&worker, "asks", json!({})).await;
    assert!(
        text(&answer).contains("cannot ask with `input()`"),
        "{answer:?}"
    );
    let (dead, next) = tokio::join!(
        call(&worker, "dies", json!({})),
        call(&worker, "bump", json!({}))
    );
    assert!(
        text(&dead).contains("SIGKILL") && text(&dead).contains("is lost"),
        "{dead:?}"
    );
    assert_eq!(text(&next), "1", "the call behind it runs in a new process");
    let answer = call_for(&worker, "stubborn", json!({}), short).await;
    assert!(
        text(&answer).contains("did not react to an interrupt"),
        "{answer:?}"
    );
    assert_eq!(text(&call(&worker, "bump", json!({})).await), "1");
}

#[tokio::test]
async fn a_dropped_call_is_interrupted_and_async_functions_overlap() {
    let worker = worker();
    let source = r#"
import asyncio, time
other = None
async def first():
    global other
    other = asyncio.Event()
    await other.wait()
    return "first"
async def second():
    other.set()
    return "second"
def sleeps(): time.sleep(60)
def here(): return "here"
"#;
    define(&worker, source).await.unwrap();
    let (first, second) = tokio::join!(
        call(&worker, "first", json!({})),
        call(&worker, "second", json!({}))
    );
    assert_eq!((text(&first), text(&second)), ("first", "second"));
    tokio::select! {
        answer = call(&worker, "sleeps", json!({})) => panic!("{answer:?}"),
        () = tokio::time::sleep(Duration::from_millis(100)) => {}
    }
    assert_eq!(text(&call(&worker, "here", json!({})).await), "here");
}

/// An `async` call over its time cannot hear of it while a plain one computes: both get their answer,
/// and the process lives.
#[tokio::test]
async fn a_limit_waits_for_the_one_thread_to_be_free() {
    let worker = worker();
    let source = r#"
import asyncio, time
state = []
async def waits():
    state.append("kept")
    await asyncio.sleep(60)
async def ping(): return "pong"
def computes():
    time.sleep(4)
    return state
"#;
    define(&worker, source).await.unwrap();
    let (waited, computed) = tokio::join!(
        call_for(&worker, "waits", json!({}), Duration::from_secs(1)),
        async {
            // The first has begun once this is answered.
            call(&worker, "ping", json!({})).await;
            call_for(&worker, "computes", json!({}), Duration::from_secs(50)).await
        },
    );
    assert!(
        waited.is_error && text(&waited).contains("stopped after 1 s"),
        "{waited:?}"
    );
    assert_eq!(text(&computed), r#"["kept"]"#);
}

/// What a plain function returns may be something to await, and a decorator may hide that it is.
#[tokio::test]
async fn whatever_is_to_be_awaited_is() {
    let worker = worker();
    let source = r#"
import asyncio, functools
def returns():
    async def inner():
        await asyncio.sleep(0)
        return "inner"
    return inner()
def traced(function):
    @functools.wraps(function)
    def inner(*arguments, **named):
        return function(*arguments, **named)
    return inner
@traced
async def wrapped(x: int):
    return x + 1
async def streams():
    yield 1
    yield {"two": 2}
async def raises():
    raise KeyError("k")
def _helper(): ...
def _helper(): ...
"#;
    let defined = define(&worker, source).await.unwrap();
    let names: Vec<&str> = defined
        .tools
        .iter()
        .map(|tool| tool.name.as_str())
        .collect();
    assert_eq!(names, ["returns", "traced", "wrapped", "streams", "raises"]);
    assert_eq!(text(&call(&worker, "returns", json!({})).await), "inner");
    assert_eq!(text(&call(&worker, "wrapped", json!({"x": 1})).await), "2");
    assert_eq!(
        text(&call(&worker, "streams", json!({})).await),
        r#"[1, {"two": 2}]"#
    );
    let failed = call(&worker, "raises", json!({})).await;
    assert!(failed.is_error && text(&failed).contains("KeyError: 'k'"));
}

/// The child shares the worker's pipes, and comes back from the same function.
#[tokio::test]
async fn a_forked_child_that_returns_does_not_answer() {
    let worker = worker();
    let source = r#"
import os
def forks():
    child = os.fork()
    if child == 0:
        return "child"
    os.waitpid(child, 0)
    return "parent"
def sum_up(n: int): return n
"#;
    define(&worker, source).await.unwrap();
    for _ in 0..3 {
        let answer = call(&worker, "forks", json!({})).await;
        assert_eq!((text(&answer), answer.printed.as_str()), ("parent", ""));
    }
    assert_eq!(text(&call(&worker, "sum_up", json!({"n": 3})).await), "3");
}

#[tokio::test]
async fn a_long_recursion_is_told_in_a_few_lines() {
    let worker = worker();
    let source = "def down(): return down()\ndef from_cause():\n  try: {}['k']\n  except KeyError as e: raise ValueError('v') from e";
    define(&worker, source).await.unwrap();
    let answer = call(&worker, "down", json!({})).await;
    let said = text(&answer);
    assert!(
        said.lines().count() < 15 && said.contains("the same again"),
        "{said}"
    );
    let answer = call(&worker, "from_cause", json!({})).await;
    assert!(
        text(&answer).ends_with("(caused by KeyError: 'k')"),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_worker_without_an_interpreter_says_so() {
    let program = Program {
        interpreter: "/no/such/python".into(),
        environment: Vec::new(),
        directory: std::env::temp_dir(),
    };
    let worker = Worker::new(program, Arc::new(SystemHost::new()));
    let error = define(&worker, "def f(): ...")
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("/no/such/python"), "{error}");
}
