"""What the judge is judged by: bodies, blocks, and a judge that has answered with all of them."""

from strict_judge import Judge
from strict_transport import KEY

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
BLANK = {"type": "text", "text": "\n\n"}
NONE = {"type": "text", "text": ""}
# A call that is none, and its result.
WORDY = {**CALL, "id": "srvtoolu_3", "input": "ls"}
ECHOED = {**RAN, "tool_use_id": "srvtoolu_3"}
STRANGE = {**RAN, "type": "text_editor_code_execution_tool_result"}
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
    for content in ([CALL, RAN, BLANK, TEXT], [CALL, RAN, BLANK], [NONE, TEXT], [BLANK], [RAN, CALL, TEXT], [CALL, RAN, RAN, TEXT], [WORDY, ECHOED, TEXT], [CALL, STRANGE, TEXT]):
        judge.produced(first, content)
    judge.produced(first, [{**WANTED, "input": [1]}], "tool_use")
    for content in ([WANTED], [WANTED, WANTED], [CALL, WANTED], [TEXT, WANTED], [CALL, RAN, WANTED]):
        judge.produced(first, content, "tool_use")
    for content in ([CALL, RAN], [PYTHON]):
        judge.produced(first, content, "pause_turn")
    judge.produced(first, [{"type": "text", "text": "No way"}], "refusal")
    judge.produced(first, [CALL, RAN, {"type": "text", "text": "It breaks off here"}], None)
    judge.produced(first, [{"type": "hologram", "deep": [1.5]}])
    judge.files = {
        "file_csv": {"mime_type": "text/csv", "downloadable": False, "id": "file_csv"},
        "file_txt": {"mime_type": "text/plain", "downloadable": True, "id": "file_txt"},
    }
    return judge


def problems(body, headers=(), counting=False, **state):
    judged = judge()
    for name, value in state.items():
        setattr(judged, name, value)
    judged.check(body, HEADERS | dict(headers), counting)
    return judged.problems


HISTORY = [user(TEXT), said(THOUGHT, TEXT, LATER, TEXT)]
