"""A judge that says nothing proves nothing: each rule of the strict server broken once, and seen to fire."""

import pytest
from strict_samples import (
    ANSWER, BLANK, BOTH, BY_CODE, BY_NAME, CALL, CODE, COMPACT, ECHOED, HISTORY, HOUR, INLINE, LATER, MARK,
    NONE, NOTE, PAGES, PICTURE, PYTHON, RAN, SEARCH, SQUARE, STRANGE, SUMMARY, SUMMED, TEXT, THOUGHT, THREE, WANTED, WORDY, adds, ask, judge, names,
    problems, result, said, system, user,
)  # fmt: skip
from strict_transport import KEY, read_json


def test_what_is_right_is_not_wrong():
    for body, headers in (
        (ask(*HISTORY, user(TEXT), NOTE), {}),
        (ask(user(TEXT), said(WANTED), user(ANSWER, TEXT)), {}),
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
        # The same id in two messages; white space beside words, and beside a call.
        (ask(user(TEXT), said(WANTED), user(ANSWER), said(WANTED), user(ANSWER)), {}),
        (ask(user(TEXT), said(CALL, RAN, BLANK, TEXT), user(TEXT)), {}),
        (ask(user(TEXT), said(CALL, RAN, BLANK), user(TEXT)), {}),
        (ask(user(BLANK, TEXT)), {}),
        # What an answer held, and no request may, is left out or mended.
        (ask(user(TEXT), said(CALL, RAN, TEXT), user(TEXT)), {}),
        (ask(user(TEXT), said({**WORDY, "input": {"unparsed": "ls"}}, ECHOED, TEXT), user(TEXT)), {}),
        (ask(user(TEXT), said(TEXT), user(TEXT)), {}),
        (ask(user(TEXT), model="claude-opus-5-5", speed="fast"), {}),
        (ask(user(TEXT), model="claude-opus-5-5", speed="fast"), {"anthropic-beta": "fast-mode-2026-02-01"}),
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
    # Blank texts.
    ("must contain non-whitespace text", ask(user({"type": "text", "text": " "}))),
    ("must contain non-whitespace text", ask(user(TEXT), said(BLANK), user(TEXT))),
    ("must contain non-whitespace text", ask(user(PICTURE, BLANK))),
    ("must contain non-whitespace text", ask(user(TEXT), said(WANTED), user(ANSWER, BLANK))),
    ("messages[0]: text content blocks must be non-empty", ask(user(NONE, TEXT))),
    ("messages[1]: text content blocks must be non-empty", ask(user(TEXT), said(NONE, TEXT), user(TEXT))),
    ("messages[1]: text content blocks must be non-empty", ask(user(TEXT), system(NONE, TEXT))),
    ("system: text content blocks must be non-empty", ask(user(TEXT), system=[NONE, TEXT])),
    ("system: text content blocks must contain", ask(user(TEXT), system=" ")),
    ("an empty text in a result", ask(user(TEXT), said(WANTED), user({**ANSWER, "content": [NONE]}))),
    # Keys that are not known, at every depth.
    ("unknown ['mood']", ask(user(TEXT), mood="calm")),
    ("unknown ['mood']", ask(user({**TEXT, "mood": "calm"}))),
    ("'mood'", ask(user(TEXT), said(WANTED), user({**ANSWER, "mood": "calm"}))),
    ("unknown ['scope']", ask(user({**TEXT, "cache_control": {"type": "ephemeral", "scope": "x"}}))),
    ("unknown ['name']", ask(user(TEXT), container={"name": "mine"})),
    ("unknown ['depth']", ask(user(TEXT), thinking={"type": "adaptive", "depth": 3})),
    ("unknown ['mood']", ask(user(TEXT), said({**TEXT, "mood": "calm"}), user(TEXT))),
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
    ("toolu_1 twice", ask(user(TEXT), said(WANTED, WANTED), user(ANSWER))),
    ("srvtoolu_1 twice", ask(user(TEXT), said(CALL, RAN, CALL, RAN), user(TEXT))),
    ("srvtoolu_1 twice", ask(user(TEXT), said(CALL, RAN), said(CALL, RAN), user(TEXT))),
    ("a result of nothing", ask(user(TEXT), said(RAN, CALL, TEXT), user(TEXT))),
    ("a result of nothing", ask(user(TEXT), said(CALL, RAN, RAN, TEXT), user(TEXT))),
    ("without a corresponding bash_code_execution_tool_result", ask(user(TEXT), said(CALL, STRANGE, TEXT), user(TEXT))),
    ("srvtoolu_3: the input is no object", ask(user(TEXT), said(WORDY, ECHOED, TEXT), user(TEXT))),
    ("toolu_1: the input is no object", ask(user(TEXT), said({**WANTED, "input": [1]}), user(ANSWER))),
    ("ends with a thought", ask(user(TEXT), said(THOUGHT, TEXT, LATER), user(TEXT))),
    ("waits, and the user says", ask(user(TEXT), said(PYTHON, BY_CODE), user({**ANSWER, "tool_use_id": "toolu_2"}, TEXT), tools=[CODE])),
    ("resumed without the container", ask(user(TEXT), said(PYTHON, BY_CODE), user({**ANSWER, "tool_use_id": "toolu_2"}), tools=[CODE])),
    ("container_id is required", ask(user(TEXT), said(BY_CODE), user({**ANSWER, "tool_use_id": "toolu_2"}), tools=[CODE])),
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
    ("messages[1][0]: seal_1 would be accepted", ask(user(TEXT), said(TEXT, TEXT), user(TEXT))),
    ("messages[1][0]: seal_1 would be accepted", ask(user(TEXT), said(TEXT, LATER, TEXT), user(TEXT))),
    ("messages[1][2]: seal_2 would be accepted", ask(user(TEXT), said(THOUGHT, TEXT, TEXT), user(TEXT))),
    ("was made on", ask(user({"type": "text", "text": "Hallo"}), HISTORY[1], user(TEXT), model="claude-fable-5-2")),
    ("thinking nobody had", ask(user(TEXT), said({**THOUGHT, "signature": "seal_9"}, TEXT), user(TEXT))),
    # State.
    ("container container_1, known", ask(user(TEXT), container="container_1", tools=[CODE])),
    ("no tool in force that can use one", ask(user(TEXT), container="container_1")),
    ("no tool in force that can use one", ask(user(TEXT), container="container_1", tools=[SQUARE, SEARCH])),
    ("Input should be a valid string", ask(user(TEXT), container={"id": "container_1"}, tools=[CODE])),
    ("Input should be a valid string", ask(user(TEXT), container={"id": "container_1", "skills": []}, tools=[CODE])),
    ("diagnostics", ask(user(TEXT), diagnostics={"previous_message_id": "msg_9"})),
    ("no diagnostics", {key: value for key, value in ask(user(TEXT)).items() if key != "diagnostics"}),
    # Betas that go with fields.
    ("needed ['thinking-display", ask(user(TEXT), thinking={"type": "adaptive", "display": "updates"})),
    ("needed ['thinking-binding", ask(user(TEXT), thinking={"type": "adaptive", "block_binding": {"prefix_mismatch_behavior": "error"}})),
    ("needed ['code-execution-2025", ask(user(TEXT), tools=[{**CODE, "type": "code_execution_20250522"}])),
    ("needed ['task-budgets", ask(user(TEXT), output_config={"task_budget": {"type": "tokens", "total": 20000}})),
    ("needed ['fast-mode", ask(user(TEXT), speed="fast", model="claude-opus-5")),
    ("claude-opus-4-8 is not fast", ask(user(TEXT), speed="fast", model="claude-opus-4-8")),
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
    ("takes no summary", ask(said(SUMMARY), user(TEXT), model="claude-haiku-4-5"), COMPACT),
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
    ("no tool in force that can use one", ask(user(TEXT), system(names("removal", "code_execution")), tools=[CODE], container="c"), BY_NAME),
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
