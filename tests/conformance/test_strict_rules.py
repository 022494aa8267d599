"""A judge that says nothing proves nothing: each rule of the strict server broken once, and seen to fire."""

import pytest
from strict_follow import Refused
from strict_judge import Judge
from strict_transport import KEY, read_json

HEADERS = {"anthropic-version": "2026-10-21", "authorization": f"Bearer {KEY}", "content-type": "application/json",
           "accept": "application/json", "user-agent": "claude-kernel/1"}  # fmt: skip
TEXT = {"type": "text", "text": "Hello"}
THOUGHT = {"type": "thinking", "thinking": "", "signature": "seal_1"}
LATER = {"type": "thinking", "thinking": "", "signature": "seal_2"}
CALL = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "bash_code_execution", "input": {}}
RAN = {"type": "bash_code_execution_tool_result", "tool_use_id": "srvtoolu_1",
       "content": {"type": "bash_code_execution_result", "stdout": "", "stderr": "", "return_code": 0, "content": []}}  # fmt: skip
THREE = [part for n in "abc" for part in ({"type": "thinking", "thinking": "", "signature": n}, TEXT)]
WANTED = {"type": "tool_use", "id": "toolu_1", "name": "square", "input": {}}
ANSWER = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "9"}
PYTHON = {"type": "server_tool_use", "id": "srvtoolu_2", "name": "code_execution", "input": {}}
BY_CODE = {**WANTED, "id": "toolu_2", "caller": {"type": "code_execution_20260120", "tool_id": "srvtoolu_2"}}
SUMMARY = {"type": "compaction", "content": "So far so good.", "signature": "sum_1"}
MARK = {"cache_control": {"type": "ephemeral"}}
HOUR = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
CODE = {"type": "code_execution_20260521", "name": "code_execution"}
SQUARE = {"name": "square", "input_schema": {"type": "object"}}
SEARCH = {"type": "web_search_20260318", "name": "web_search", "allowed_callers": ["direct"]}
NOTE = {"role": "system", "content": [TEXT]}
PICTURE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}
PAGES = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a"}}
COMPACT = {"anthropic-beta": "compact-2026-09-04"}
INLINE = {"anthropic-beta": "mid-conversation-tool-changes-2026-07-01,inline-tools-2026-09-15"}
BY_NAME = {"anthropic-beta": "mid-conversation-tool-changes-2026-07-01"}


def ask(*messages, **more):
    body = {"model": "claude-opus-5-5", "max_tokens": 100, "stream": True, "messages": list(messages)}
    return body | {"diagnostics": {"previous_message_id": None}} | more


def user(*content):
    return {"role": "user", "content": list(content)}


def said(*content):
    return {"role": "assistant", "content": list(content)}


def system(*content, **more):
    return {"role": "system", "content": list(content)} | more


def adds(definition, **more):
    return {"type": "tool_addition", "tool": {"type": "tool_definition", "definition": definition}} | more


def names(kind, name="square"):
    return {"type": f"tool_{kind}", "tool": {"type": "tool_reference", "name": name}}


SUMMED = {**SUMMARY, "signature": "sum_2", "tool_changes": [adds(SQUARE)]}
BOTH = {"anthropic-beta": f"compact-2026-09-04,{INLINE['anthropic-beta']}"}


def result(schema):
    return {"format": {"type": "json_schema", "schema": schema}}


def judge():
    """One that has answered with everything the bodies below say."""
    judge = Judge()
    first = ask(user(TEXT))
    judge.produced(first, [THOUGHT, TEXT, LATER, TEXT])
    judge.produced(first, [THOUGHT, TEXT, LATER, TEXT, CALL, RAN])
    for content in (THREE, [TEXT], [CALL], [CALL, RAN], [PYTHON, BY_CODE], [SUMMARY], [SUMMARY, SUMMARY], [SUMMED], [{**THOUGHT}, TEXT]):
        judge.produced(first, content)
    for content in ([WANTED], [WANTED, WANTED], [CALL, WANTED], [TEXT, WANTED], [CALL, RAN, WANTED]):
        judge.produced(first, content, "tool_use")
    for content in ([CALL, RAN], [PYTHON]):
        judge.produced(first, content, "pause_turn")
        judge.paused.append(content)
    judge.produced(first, [{"type": "text", "text": "No way"}], "refusal")
    judge.produced(first, [CALL, RAN, {"type": "text", "text": "It breaks off here"}], None)
    judge.produced(first, [{"type": "hologram", "deep": [1.5]}])
    judge.files = {
        "file_csv": {"mime_type": "text/csv", "downloadable": False, "id": "file_csv"},
        "file_txt": {"mime_type": "text/plain", "downloadable": True, "id": "file_txt"},
    }
    return judge


def problems(body, headers=(), counting=False, container=None):
    judged = judge()
    judged.expected_container = container
    judged.check(body, HEADERS | dict(headers), counting)
    return judged.problems


HISTORY = [user(TEXT), said(THOUGHT, TEXT, LATER, TEXT)]


def test_what_is_right_is_not_wrong():
    for body, headers in (
        (ask(*HISTORY, user(TEXT), NOTE), {}),
        (ask(user(TEXT), said(WANTED), user(ANSWER, TEXT)), {}),
        (ask(user(TEXT), said(TEXT, TEXT), user(TEXT)), {}),  # all of the thinking is gone
        (ask(user(TEXT), said(TEXT, LATER, TEXT), user(TEXT)), {}),  # the oldest is gone
        (ask(user(TEXT), said(CALL, RAN)), {}),  # a pause goes on
        (ask(user(TEXT), said(CALL, RAN), NOTE, tools=[CODE]), {}),
        (ask(user(TEXT), said(CALL, RAN, {"type": "text", "text": "It brea"}), user(TEXT)), {}),
        (ask(user(TEXT), said({"type": "hologram", "deep": [1.5]}), user(TEXT)), {}),
        (ask(said(SUMMARY), user(TEXT)), COMPACT),
        (ask(user(TEXT), said(TEXT), compaction={"type": "summarize"}), COMPACT),
        (ask(user(TEXT), system(adds(SQUARE), TEXT), tools=[CODE]), INLINE),
        (ask(user(TEXT), system(adds(SQUARE)), said(WANTED), user(ANSWER)), INLINE),
        (ask(user(TEXT), system(names("removal")), tools=[SQUARE, CODE]), BY_NAME),
        (ask(user(TEXT), system(adds(SQUARE), names("removal"), adds(SQUARE))), INLINE),
        (ask(user(TEXT), system(adds(CODE)), tools=[{**CODE, "type": "code_execution_20250825"}]), INLINE),
        (ask(said(SUMMED), user(TEXT), system(names("removal"))), BOTH),
        (ask(user(PAGES, {"type": "container_upload", "file_id": "file_csv"}, TEXT)), {}),
    ):
        assert problems(body, headers) == [], body


OBJECT = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}
LOOP = {"type": "object", "additionalProperties": False, "properties": {"a": {"$ref": "#/$defs/a"}}, "required": ["a"],
        "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}, {"type": "null"}]}}}  # fmt: skip
LOOSE = {"type": "object", "properties": {f"p{n}": {"type": "string"} for n in range(25)}, "additionalProperties": False}
UNIONS = {**LOOSE, "properties": {f"p{n}": {"type": ["string", "null"]} for n in range(17)}, "required": [f"p{n}" for n in range(17)]}

# (what is to be said of it, the body)
BODIES = [
    # Shapes.
    ("unknown ['temperature']", ask(user(TEXT), temperature=1)),
    ("unknown ['top_k']", ask(user(TEXT), top_k=1)),
    ("unknown ['file']", ask(user({**TEXT, "file": 1}))),
    ("unknown ['timeout']", ask(user(TEXT), tools=[{**CODE, "timeout": 5}])),
    ("unknown ['output_format']", ask(user(TEXT), output_format={})),
    ("not a list", ask(user(TEXT), stop_sequences=None)),
    # The model.
    ("model claude-3", ask(user(TEXT), model="claude-3")),
    ("max_tokens 0", ask(user(TEXT), max_tokens=0)),
    ("max_tokens 64001", ask(user(TEXT), max_tokens=64_001, model="claude-haiku-4-5")),
    ("not streamed", {key: value for key, value in ask(user(TEXT)).items() if key != "stream"}),
    ("thinking disabled", ask(user(TEXT), thinking={"type": "disabled"})),
    ("thinking enabled", ask(user(TEXT), thinking={"type": "enabled", "budget_tokens": 1024})),
    ("thinking adaptive", ask(user(TEXT), model="claude-opus-4-5", thinking={"type": "adaptive"})),
    ("budget 1024 of 100", ask(user(TEXT), model="claude-opus-4-5", thinking={"type": "enabled", "budget_tokens": 1024})),
    ("disabled with more", ask(user(TEXT), model="claude-opus-5", thinking={"type": "disabled", "display": "omitted"})),
    ("disabled with effort max", ask(user(TEXT), model="claude-opus-5", thinking={"type": "disabled"}, output_config={"effort": "max"})),
    ("effort xhigh", ask(user(TEXT), model="claude-opus-4-6", output_config={"effort": "xhigh"})),
    ("effort low", ask(user(TEXT), model="claude-haiku-4-5", output_config={"effort": "low"})),
    ("cannot be forced", ask(user(TEXT), tools=[SQUARE], tool_choice={"type": "any"})),
    ("forced tool with manual", ask(user(TEXT), tools=[SQUARE], tool_choice={"type": "tool", "name": "square"},
                                    model="claude-opus-4-5", max_tokens=2000, thinking={"type": "enabled", "budget_tokens": 1024})),
    # Tools.
    ("a tool twice", ask(user(TEXT), tools=[CODE, {**CODE, "type": "code_execution_20260120"}])),
    ("an empty list", ask(user(TEXT), tools=[])),
    ("tool name", ask(user(TEXT), tools=[{**SQUARE, "name": "a b"}])),
    ("is no object", ask(user(TEXT), tools=[{**SQUARE, "input_schema": {"type": "string"}}])),
    ("every tool deferred", ask(user(TEXT), tools=[{**SQUARE, "defer_loading": True}])),
    ("a deferred tool with", ask(user(TEXT), tools=[CODE, {**SQUARE, "defer_loading": True, **MARK}])),
    ("tool_choice without", ask(user(TEXT), tool_choice={"type": "auto"})),
    ("a choice of no tool", ask(user(TEXT), model="claude-opus-5", tools=[CODE], tool_choice={"type": "tool", "name": "x"})),
    ("more than 20 strict", ask(user(TEXT), tools=[{**SQUARE, "name": f"t{n}", "strict": True} for n in range(21)])),
    ("strict and called", ask(user(TEXT), tools=[CODE, {**SQUARE, "strict": True, "allowed_callers": ["code_execution_20260120"]}])),
    ("called by code that cannot", ask(user(TEXT), tools=[{**SQUARE, "allowed_callers": ["code_execution_20260120"]}])),
    ("called by code that cannot", ask(user(TEXT), model="claude-haiku-4-5",
                                       tools=[CODE, {**SQUARE, "allowed_callers": ["code_execution_20260120"]}])),
    ("with a recursive schema", ask(user(TEXT), tools=[CODE, {**SQUARE, "input_schema": LOOP, "allowed_callers": ["code_execution_20260120"]}])),
    ("the choice of tools", ask(user(TEXT), tools=[CODE, {**SQUARE, "allowed_callers": ["code_execution_20260120"]}],
                                tool_choice={"type": "auto", "disable_parallel_tool_use": True})),
    ("both lists", ask(user(TEXT), tools=[{**SEARCH, "allowed_domains": ["a.org"], "blocked_domains": ["b.org"]}])),
    ("a search through code", ask(user(TEXT), tools=[CODE, {**SEARCH, "allowed_callers": ["code_execution_20260120"]}])),
    ("a search through code", ask(user(TEXT), tools=[{"type": "web_search_20260318", "name": "web_search"}])),
    ("a tool of no uses", ask(user(TEXT), tools=[{**SEARCH, "max_uses": 0}])),
    ("a domain", ask(user(TEXT), tools=[{**SEARCH, "allowed_domains": ["https://a.org"]}])),
    ("skills without", ask(user(TEXT), container={"skills": [{"type": "anthropic", "skill_id": "xlsx"}]})),
    ("21 skills", ask(user(TEXT), tools=[CODE], container={"skills": [{"type": "anthropic", "skill_id": "xlsx"}] * 21})),
    # Blocks.
    ("has an empty text", ask(user({"type": "text", "text": " "}))),
    ("is empty", ask(user(TEXT), said(), user(TEXT))),
    ("unknown file", ask(user({"type": "container_upload", "file_id": "file_9"}, TEXT))),
    ("text/csv as a document", ask(user({"type": "document", "source": {"type": "file", "file_id": "file_csv"}}, TEXT))),
    ("text/plain as an image", ask(user({"type": "image", "source": {"type": "file", "file_id": "file_txt"}}, TEXT))),
    ("an image of", ask(user({**PICTURE, "source": {**PICTURE["source"], "data": "A" * 10_000_004}}))),
    ("base64 that is none", ask(user({**PICTURE, "source": {**PICTURE["source"], "data": "A*=="}}))),
    ("an empty image", ask(user({**PICTURE, "source": {**PICTURE["source"], "data": ""}}))),
    ("is none of", ask(user({**PICTURE, "source": {**PICTURE["source"], "media_type": "image/bmp"}}))),
    ("601 images", ask(user(*[PICTURE] * 601))),
    ("an image of", ask(user(TEXT), said(WANTED), user({**ANSWER, "content": [{**PICTURE, "source": {**PICTURE["source"], "data": "A" * 10_000_004}}]}))),
    ("a PDF that is none", ask(user({"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "AAAA"}}))),
    ("an empty document", ask(user({**PAGES, "source": {**PAGES["source"], "data": ""}}))),
    ("citations of some", ask(user(PAGES, {**PAGES, "citations": {"enabled": True}}))),
    ("citations and a schema", ask(user({**PAGES, "citations": {"enabled": True}}), output_config=result(OBJECT))),
    ("of the user with citations", ask(user({**TEXT, "citations": [{"type": "char_location", "cited_text": "a", "document_index": 0,
                                       "document_title": None, "start_char_index": 0, "end_char_index": 1}]}))),
    ("thinking of the user", ask(user(THOUGHT, TEXT))),
    ("tool_use of the user", ask(user(WANTED))),
    ("image of the assistant", ask(user(TEXT), said(PICTURE), user(TEXT))),
    ("image of the system", ask(user(TEXT), system(PICTURE))),
    # Structured results.
    ("an open schema", ask(user(TEXT), output_config=result({"type": "object", "properties": {}}))),
    ("a schema with {'minimum'}", ask(user(TEXT), output_config=result({"type": "integer", "minimum": 1}))),
    ("a schema from outside", ask(user(TEXT), output_config=result({"$ref": "https://a.org/s.json"}))),
    ("a recursive schema", ask(user(TEXT), output_config=result(LOOP))),
    ("25 optional", ask(user(TEXT), output_config=result(LOOSE))),
    ("17 unions", ask(user(TEXT), output_config=result(UNIONS))),
    # Order and pairs.
    ("first message is not", ask(NOTE, user(TEXT))),
    ("first message is not", ask(said(TEXT), user(TEXT))),
    ("system before user", ask(user(TEXT), NOTE, user(TEXT))),
    ("system after assistant", ask(user(TEXT), said(TEXT), NOTE)),
    ("system after assistant", ask(user(TEXT), said(WANTED), NOTE, user(ANSWER))),
    ("ends with the assistant", ask(user(TEXT), said(TEXT))),
    ("a system message for", ask(user(TEXT), NOTE, model="claude-sonnet-5")),
    ("no result of", ask(user(TEXT), said(CALL), user(TEXT))),
    ("a result of nothing", ask(user(TEXT), said(RAN), user(TEXT))),
    ("answers []", ask(user(TEXT), said(WANTED), user(TEXT))),
    ("answers []", ask(user(TEXT), said(WANTED), user(TEXT), said(TEXT), user(ANSWER))),
    ("do not come first", ask(user(TEXT), said(WANTED), user(TEXT, ANSWER))),
    ("calls [], answers", ask(user(TEXT), said(TEXT), user(ANSWER))),
    ("toolu_1 twice", ask(user(TEXT), said(WANTED), user(ANSWER), said(WANTED), user(ANSWER))),
    ("waits, and the user says", ask(user(TEXT), said(PYTHON, BY_CODE), user({**ANSWER, "tool_use_id": "toolu_2"}, TEXT), tools=[CODE])),
    ("resumed without the container", ask(user(TEXT), said(PYTHON, BY_CODE), user({**ANSWER, "tool_use_id": "toolu_2"}), tools=[CODE])),
    ("no code_execution tool", ask(user(TEXT), said(PYTHON), container="c")),
    ("more than text", ask(user(TEXT), said(PYTHON, BY_CODE), user({**ANSWER, "tool_use_id": "toolu_2", "content": [PICTURE]}), tools=[CODE])),
    ("code that is not there", ask(user(TEXT), said(BY_CODE), user({**ANSWER, "tool_use_id": "toolu_2"}), tools=[CODE])),
    # What was said goes back as it came.
    ("nobody said", ask(user(TEXT), said({"type": "text", "text": "Hello!"}), user(TEXT))),
    ("nobody said", ask(user(TEXT), said({"type": "hologram", "deep": [1]}), user(TEXT))),
    ("nobody said", ask(user(TEXT), said(RAN, CALL), user(TEXT))),
    ("nobody said", ask(user(TEXT), said({"type": "text", "text": "No way"}), user(TEXT))),
    ("nobody said", ask(user(TEXT), said({"type": "text", "text": "breaks off"}), user(TEXT))),
    # Cache markers.
    ("5 cache markers", ask(*[user({**TEXT, **MARK})] * 5)),
    ("5 cache markers", ask(*[user({**TEXT, **MARK})] * 4, cache_control={"type": "ephemeral"})),
    ("in the order", ask(user({**TEXT, **MARK}, {**TEXT, **HOUR}))),
    ("marker on what", ask(user(TEXT), said({**TEXT, **MARK}), user(TEXT))),
    # Thinking is bound.
    ("was made on", ask(user({"type": "text", "text": "Hallo"}), HISTORY[1], user(TEXT))),
    ("was made on", ask(*HISTORY, user(TEXT), system=[TEXT])),
    ("was made on", ask(*HISTORY, user(TEXT), tools=[CODE])),
    ("in the middle is gone", ask(user(TEXT), said(*THREE[:2], TEXT, *THREE[4:]), user(TEXT))),
    ("the text of the thinking", ask(user(TEXT), said({**THOUGHT, "thinking": "x"}, TEXT, LATER, TEXT), user(TEXT))),
    ("thinking nobody had", ask(user(TEXT), said({**THOUGHT, "signature": "seal_9"}, TEXT), user(TEXT))),
    # State.
    ("container container_1", ask(user(TEXT), container="container_1")),
    ("diagnostics", ask(user(TEXT), diagnostics={"previous_message_id": "msg_9"})),
    ("no diagnostics", {key: value for key, value in ask(user(TEXT)).items() if key != "diagnostics"}),
    # Betas that go with fields.
    ("needed ['thinking-display", ask(user(TEXT), thinking={"type": "adaptive", "display": "updates"})),
    ("needed ['thinking-binding", ask(user(TEXT), thinking={"type": "adaptive", "block_binding": {"prefix_mismatch_behavior": "error"}})),
    ("needed ['code-execution-2025", ask(user(TEXT), tools=[{**CODE, "type": "code_execution_20250522"}])),
    ("needed ['task-budgets", ask(user(TEXT), output_config={"task_budget": {"type": "tokens", "total": 20000}})),
    ("needed ['fast-mode", ask(user(TEXT), speed="fast")),
    ("needed ['context-management", ask(user(TEXT), context_management={"edits": []})),
    ("needed ['message-threads", ask(user(TEXT), thread={"type": "create"})),
    ("needed ['server-side-fallback", ask(user(TEXT), fallbacks="default")),
    ("needed ['mid-conversation-system", ask(user(TEXT), system(TEXT, clear_at="never"))),
    ("needed ['mid-conversation-output", ask(user(TEXT), system(TEXT, output_config={"effort": "low"}))),
    ("needed ['mid-conversation-tool", ask(user(TEXT), system(names("removal")), tools=[SQUARE])),
    ("needed ['inline-tools", ask(user(TEXT), system(adds(SQUARE)))),
    ("needed ['compact", ask(said(SUMMARY), user(TEXT))),
]  # fmt: skip

# The same, with headers that the body needs.
WITH_BETAS = [
    ("more than one summary", ask(said(SUMMARY, SUMMARY), user(TEXT)), COMPACT),
    ("does not come first", ask(user(TEXT), said(SUMMARY), user(TEXT)), COMPACT),
    ("takes no summary", ask(said(SUMMARY), user(TEXT), model="claude-haiku-5-5"), COMPACT),
    ("claude-opus-4-5 cannot", ask(user(TEXT), said(TEXT), compaction={"type": "summarize"}, model="claude-opus-4-5"), COMPACT),
    ("nothing to sum up", ask(user(TEXT), compaction={"type": "summarize"}), COMPACT),
    ("with a schema", ask(user(TEXT), said(TEXT), compaction={"type": "summarize"}, output_config=result(OBJECT)), COMPACT),
    ("with stop_sequences", ask(user(TEXT), said(TEXT), compaction={"type": "summarize"}, stop_sequences=["x"]), COMPACT),
    ("no answer to", ask(user(TEXT), said(WANTED), compaction={"type": "summarize"}), COMPACT),
    ("tool_reference_unresolved", ask(user(TEXT), system(names("addition")), tools=[CODE]), BY_NAME),
    ("tool_reference_unresolved", ask(said(SUMMED), user(TEXT), system(names("removal", "other"))), BOTH),
    ("nobody said", ask(said({**SUMMED, "tool_changes": []}), user(TEXT)), COMPACT),
    ("tool_reference_unresolved", ask(user(TEXT), system(names("removal")), said(TEXT), user(TEXT), system(adds(SQUARE))), INLINE),
    ("tool_name_conflict", ask(user(TEXT), system(adds({**SQUARE, "name": "code_execution"})), tools=[CODE]), INLINE),
    ("a definition in a removal", ask(user(TEXT), system({**adds(SQUARE), "type": "tool_removal"})), INLINE),
    ("tools change after a paused", ask(user(TEXT), said(CALL, RAN), system(adds(SQUARE)), tools=[CODE]), INLINE),
    ("in a message that goes", ask(user(TEXT), system(adds(SQUARE), clear_at="next_user_message")),
     {"anthropic-beta": f"{INLINE['anthropic-beta']},mid-conversation-system-clear-at-2026-08-21"}),
    ("tool_addition of the user", ask(user(TEXT, adds(SQUARE))), INLINE),
    ("on a definition and on its block", ask(user(TEXT), system(adds({**SQUARE, **MARK}, **MARK))), INLINE),
    ("5 cache markers", ask(*[user({**TEXT, **MARK})] * 4, system(adds({**SQUARE, **MARK}))), INLINE),
    ("of a tool that is not there", ask(user(TEXT), system(adds(SQUARE), names("removal")), said(WANTED), user(ANSWER)), INLINE),
    ("tool name", ask(user(TEXT), system(adds({**SQUARE, "name": "a b"}))), INLINE),
    ("called by code that cannot", ask(user(TEXT), system(adds({**SQUARE, "allowed_callers": ["code_execution_20260120"]}))), INLINE),
    ("a system message for", ask(user(TEXT), system(adds(SQUARE)), model="claude-sonnet-5"), INLINE),
    ("betas", ask(user(TEXT), system(adds(SQUARE))), BY_NAME),
    ("was made on", ask(user(TEXT), system(adds(SQUARE)), HISTORY[1], user(TEXT)), INLINE),
]  # fmt: skip

HEADERS_BROKEN = [
    ("betas that are gone", {"anthropic-beta": "files-api-2025-04-14"}),
    ("betas nobody knows", {"anthropic-beta": "telepathy-2027-01-01"}),
    ("a beta twice", {"anthropic-beta": "compact-2026-09-04,compact-2026-09-04"}),
    ("or blank", {"anthropic-beta": ""}),
    ("needed []", {"anthropic-beta": "compact-2026-09-04"}),
    ("version", {"anthropic-version": "2023-06-01"}),
    ("the key comes once", {"x-api-key": KEY}),
    ("no bearer", {"authorization": KEY}),
    ("the key comes once", {"authorization": "Bearer sk-other"}),
    ("content type", {"content-type": "text/plain"}),
    ("accept", {"accept": "text/html"}),
    ("user agent", {"user-agent": "python-requests/2"}),
]


@pytest.mark.parametrize("expected,body", BODIES, ids=[f"{n}-{case[0]}" for n, case in enumerate(BODIES)])
def test_a_body_that_breaks_a_rule(expected, body):
    found = problems(body)
    assert any(expected in problem for problem in found), found


@pytest.mark.parametrize("expected,body,headers", WITH_BETAS, ids=[f"{n}-{case[0]}" for n, case in enumerate(WITH_BETAS)])
def test_a_body_that_breaks_a_rule_of_a_beta(expected, body, headers):
    found = problems(body, headers)
    assert any(expected in problem for problem in found), found


def test_headers_that_break_a_rule():
    for expected, header in HEADERS_BROKEN:
        found = problems(ask(user(TEXT)), header)
        assert any(expected in problem for problem in found), (header, found)


def test_counting_takes_less():
    assert problems(ask(user(TEXT)), counting=True), "counting takes no `max_tokens`"
    counted = {"model": "claude-opus-5-5", "messages": [user(TEXT)]}
    assert problems(counted, counting=True) == []
    assert problems({**counted, "container": "c"}, counting=True)


def test_bytes_and_paths_that_break_a_rule():
    judged = judge()

    def says(expected):
        assert judged.problems and expected in judged.problems.pop(), expected
        assert judged.problems == []

    read_json(b'{"a": 1, "a": 2}', judged.wrong)
    says("a name twice")
    judged.size(b"x" * 32_000_001, {"messages": []})
    says("32000001 bytes")
    judged.size(KEY.encode(), {"messages": []})
    says("the key is in the body")
    judged.size(b"", {"messages": [None] * 100_001})
    says("100,000 messages")
    judged.fetched("/v1/files/file_9")
    says("nobody made")
    judged.fetched("/v1/files/file_csv/content")
    says("cannot be downloaded")
    judged.fetched("/v1/files?ids%5B%5D=a&limit=3")
    says("files asked")
    judged.fetched("/v1/models?beta=true")
    says("models asked")
    judged.fetched("/v1/file")
    says("GET /v1/file")
    for name in ("", "a/b", "a\nb", "x" * 256, "a?b", None):
        judged.uploaded(name, "text/plain", 1)
        says("a file called")
    judged.uploaded("a", None, 1)
    says("of type None")
    judged.uploaded("a", "text/plain", 500_000_001)
    says("500000001 bytes")
    for path in ("/v1/files/file_txt/content", "/v1/files?ids%5B%5D=a&ids%5B%5D=b", "/v1/models?limit=1000"):
        judged.fetched(path)
    assert judged.problems == []


def test_calls_that_do_not_follow_from_each_other():
    first = ask(user(TEXT), container="c")
    thinking = ask(*HISTORY, user(TEXT))
    rounds = [*first["messages"], said(WANTED), user(ANSWER)]
    on = {"messages": rounds, "container": "c"}

    def after(before, outcome, then, elapsed=1.0, times=1):
        judged = judge()
        for _ in range(times):
            if isinstance(outcome, tuple):
                ended = judged.produced(before, *outcome)
            else:
                ended = outcome
            judged.ended(before, ended, 0.0)
            if then is not None:
                judged.follows(then, elapsed)
        if then is None:
            judged.over()
        return judged.problems

    calls, ends, pauses = ([WANTED], "tool_use"), ([TEXT], "end_turn"), ([TEXT], "pause_turn")
    lost = {key: value for key, value in first.items() if key != "container"}
    for expected, found in (
        # Retries.
        (None, after(first, Refused(529), first)),
        (None, after(first, Refused(503), first, 1.6, times=2)),
        (None, after(first, Refused(429, {"retry-after": "0.1"}), first, times=3)),
        (None, after(first, Refused(400, {"x-should-retry": "true"}), first)),
        ("not with the same", after(first, Refused(529), ask(user(TEXT)))),
        ("after 0.10 s of 0.375", after(first, Refused(529), first, 0.1)),
        ("tried 3 times again", after(first, Refused(529), first, 9.0, times=3)),
        ("after 1.00 s of 2.0", after(first, Refused(429, {"retry-after": "2"}), first)),
        ("after 0.20 s of 0.3", after(first, Refused(429, {"retry-after": "0", "retry-after-ms": "300"}), first, 0.2)),
        ("asked again after 500", after(first, Refused(500, {"x-should-retry": "false"}), first)),
        ("asked again after 429", after(first, Refused(429, {}, "enforced_spend_limit_reached"), first)),
        ("asked again after 401", after(first, Refused(401), first)),
        ("asked again after 413", after(first, Refused(413), first)),
        ("gave up at 529", after(first, Refused(529), None)),
        ("gave up at 429", after(first, Refused(429, {"retry-after": "1"}), None)),
        # Repairs.
        (None, after(first, Refused(400), lost)),
        (None, after(thinking, Refused(400), ask(user(TEXT), said(TEXT, TEXT), user(TEXT)))),
        ("asked again after 400", after(first, Refused(400), first)),
        ("asked again after 400", after(first, Refused(400), {**lost, "max_tokens": 50})),
        ("asked again after 400", after(first, Refused(400), ask(user({"type": "text", "text": "Bye"})))),
        ("asked again after 403", after(first, Refused(403), lost)),
        ("asked again after 400", after(thinking, Refused(400), ask(user(TEXT), said(TEXT, LATER, TEXT), user(TEXT)))),
        ("asked again after 400", after(thinking, Refused(400), ask(user(TEXT)))),
        ("not tried without", after(first, Refused(400), None)),
        # A turn that goes on.
        (None, after(first, calls, {**first, **on})),
        (None, after(first, pauses, {**first, "messages": [user(TEXT), said(TEXT)]})),
        ("ended with end_turn", after(first, ends, first)),
        ("ended with refusal", after(first, ([TEXT], "refusal"), first)),
        ("ended with None", after(first, ([TEXT], None), first)),
        ("tools changed", after(first, calls, {**first, **on, "tools": [CODE]})),
        ("thinking changed", after(first, calls, {**first, **on, "thinking": {"type": "adaptive"}})),
        ("calls are answered with", after(first, calls, {**first, "messages": [*rounds[:2], user(ANSWER, TEXT)]})),
        ("does not go on", after(first, calls, {**first, "messages": [user(TEXT), said(TEXT, WANTED), user(ANSWER)]})),
        ("does not go on", after(first, pauses, {**first, "messages": [user(TEXT), said(TEXT), user(TEXT)]})),
        ("continued 11 times", after(first, pauses, {**first, "messages": [user(TEXT), said(TEXT)]}, times=11)),
        ("left at tool_use", after(first, calls, None)),
        ("left at pause_turn", after(first, pauses, None)),
    ):  # fmt: skip
        assert any(expected in problem for problem in found) if expected else found == [], (expected, found)


def test_repairs_for_tools_that_cannot_change():
    change = ask(user(TEXT), system(adds(SQUARE)))
    for expected, then in ((None, ask(user(TEXT), tools=[SQUARE])), ("asked again", ask(*HISTORY, user(TEXT))), ("asked again", change)):
        judged = judge()
        judged.ended(change, Refused(400), 0.0)
        judged.follows(then, 1.0)
        assert any(expected in problem for problem in judged.problems) if expected else judged.problems == []
