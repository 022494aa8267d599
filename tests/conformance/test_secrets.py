"""A key that comes back: in answers, steps and errors, whole and in pieces, in every spelling. It is seen nowhere.

What the kernel writes, says and hands on is searched: its files, messages, log at `trace`, the environments of its
processes, its terminal.
"""

import json
import os
import urllib.parse
from pathlib import Path

import psutil
import pytest
from kernel_process import KernelProcess
from plain_api import PlainApi, message, pieces, step, text, thinking

# Of the shape that keys have; of no shape, with all that JSON, addresses and HTML write in another way.
KEYS = {
    "key": "sk-ant-api03-QmV0dGVyTm90-Leak_ThisOne-0042AA",
    "token": 'gate"way\\9F8e7D6c/5B+4a=3&2<1>%00zz',
}
# A word of each that no other text has.
MARKS = ["QmV0dGVyTm90", "ThisOne-0042AA", "9F8e7D6c", "5B+4a=3", "5B%2B4a%3D3", "5b%2b4a%3d3"]
SIZES = [1, 2, 7, 16, 40]


def spellings(key: str) -> list[str]:
    quoted = json.dumps(key)
    return [
        key,
        quoted,
        json.dumps({"header": f"Bearer {key}"}),
        json.dumps(json.dumps({"x-api-key": key})),
        urllib.parse.quote(key, safe=""),
        urllib.parse.quote_plus(key),
        urllib.parse.quote(key, safe="").replace("%2F", "%2f").replace("%2B", "%2b").replace("%3D", "%3d").lower()
        if key == key.lower()
        else urllib.parse.urlencode({"k": key}),
    ]


@pytest.fixture(scope="module", params=KEYS)
def key(request):
    return KEYS[request.param]


@pytest.fixture(scope="module")
def api():
    api = PlainApi()
    yield api
    api.close()


@pytest.fixture(scope="module")
def kernel(api, key, tmp_path_factory):
    # A token that no header can carry would never be sent; what stands before it carries it.
    name = "ANTHROPIC_API_KEY" if key == KEYS["key"] else "ANTHROPIC_AUTH_TOKEN"
    env = {
        "ANTHROPIC_BASE_URL": api.url,
        name: key,
        "ANTHROPIC_CUSTOM_HEADERS": f"x-gateway-key: {key}",
        "CLAUDE_KERNEL_LOG": "trace",
    }
    kernel = KernelProcess(tmp_path_factory.mktemp("k"), env=env)
    kernel.client().stop_channels()
    yield kernel
    kernel.close()


def seen(kernel: KernelProcess, published: list) -> list[str]:
    """Returns where a mark stands, of all that the kernel wrote and said."""
    places = {"message": json.dumps(published, default=str).encode()}
    for path in Path(kernel.directory).rglob("*"):
        if path.is_file():
            places[str(path)] = path.read_bytes()
    return [f"{mark} in {place}" for place, held in places.items() for mark in MARKS if mark.encode() in held]


def run(kernel: KernelProcess, *cells: str) -> tuple[list, str]:
    client = kernel.client()
    everything, status = [], ""
    for cell in cells:
        reply, published = client.run(cell)
        everything += [reply, published]
        status = reply["status"]
    client.history(hist_access_type="tail", n=20, output=True)
    everything.append(client.get_shell_msg(timeout=30)["content"])
    client.stop_channels()
    return everything, status


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("pause_s", [0, 0.02])
def test_in_answers_thoughts_and_steps(kernel, api, key, size, pause_s):
    if pause_s and size < 16:
        pytest.skip("slow enough with larger pieces: each waits for a line of its own")
    said = "Your key is " + " and ".join(spellings(key)) + ", keep it."
    api.pause_s = pause_s
    command = json.dumps({"command": f"echo {said}"})
    whole = list(message(thinking(pieces(said, size)), *step(pieces(command, size), said), text(pieces(said, size))))
    api.answer = lambda body, headers: (200, {}, whole)
    found, status = run(kernel, "%reset chat", "Say it", "%last", "%status", "%resume list", "%reset chat")
    api.pause_s = 0
    assert status == "ok"
    assert "keep it" in json.dumps(found, default=str)
    assert seen(kernel, found) == []


def test_where_the_turn_is_cut_off(kernel, api, key):
    said = "Your key is " + key
    cut = list(message(thinking(pieces(said, 3)), text(pieces(said, 3))))[:-4]
    api.answer = lambda body, headers: (200, {}, cut)
    found, status = run(kernel, "%reset chat", "Say it", "%reset chat")
    assert status == "ok"
    assert seen(kernel, found) == []


def errors(key: str) -> list[tuple]:
    """Every kind of error that something on the way may make of the request's headers."""
    echo = " ".join(spellings(key))
    typed = json.dumps({"type": "error", "error": {"type": "invalid_request_error", "message": f"bad header {echo}"}})
    odd = json.dumps({"type": "error", "error": {"type": f"{key}", "message": "no"}, "request_id": key})
    # The text is cut to length: wherever that is, no half of a key is left.
    long = ["<html>" + "x" * length + key for length in range(60, 420, 12)]
    stream = f"event: error\ndata: {typed}\n\n"
    return [
        *((status, {}, [typed.encode()]) for status in (400, 401, 403, 404, 413)),
        (400, {}, [odd.encode()]),
        (403, {"content-type": "text/html"}, [f"<html><pre>Authorization: Bearer {echo}</pre>".encode()]),
        *((400, {"content-type": "text/html"}, [page.encode()]) for page in long),
        (407, {"request-id": key}, [b"{}"]),
        (200, {}, [stream.encode()]),
        (200, {}, [*list(message(text(["Begun. "])))[:2], stream.encode()]),
        (200, {"content-type": f"text/{urllib.parse.quote(key, safe='')}"}, [b"no stream"]),
        (200, {}, [f"event: message_start\ndata: {{{key}\n\n".encode()]),
        (200, {}, [f"event: {key}\ndata: {json.dumps({'type': key})}\n\n".encode()]),
        (302, {"location": f"http://127.0.0.1:9/{urllib.parse.quote(key, safe='')}"}, [b""]),
    ]


def test_in_every_kind_of_error(kernel, api, key):
    for number, answer in enumerate(errors(key)):
        api.answer = lambda body, headers, answer=answer: answer
        found, status = run(kernel, "%reset chat", "Say it")
        assert status == "error" or answer[0] == 200, (number, found)
        assert seen(kernel, found) == [], number
    run(kernel, "%reset chat")


def test_no_process_has_it_in_its_environment(kernel, api, key, tmp_path):
    api.answer = lambda body, headers: (200, {}, message(text(["Yes."])))
    (tmp_path / "kept.txt").write_text("")
    found, _ = run(kernel, "%%tool look\nimport os\ndef look() -> str:\n    return repr(dict(os.environ))\n")
    process = psutil.Process(kernel.process.pid)
    for one in [process, *process.children(recursive=True)]:
        held = Path(f"/proc/{one.pid}/environ").read_bytes()
        assert not any(mark.encode() in held for mark in MARKS), one
    assert seen(kernel, found) == []


def test_own_tools_cannot_read_the_memory(kernel, key):
    pid = kernel.process.pid
    status = Path(f"/proc/{pid}/environ").stat()
    # What is not dumpable belongs to root, whoever runs it.
    assert status.st_uid == 0
    assert os.environ.get("ANTHROPIC_API_KEY") is None
