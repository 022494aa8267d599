"""What large and hostile input does to the control channel: nothing that grows with it holds the actor for long.

Requests on control are answered by the thread that does everything else. Measured is how much processor time that thread
takes between a request and its reply: what other processes of the machine do does not count.
"""

import json
import threading
import time

import pytest
import zmq
from jupyter_client.session import Session
from kernel_process import BINARY, KEY, SOAK, KernelProcess
from plain_api import PlainApi, message, pieces, step, text, thinking

# The promise is about what people run; an unoptimised build takes ten to twenty times as long.
LONGEST_S = 0.05 if "release" in BINARY.parts else 1.0
MEGABYTE = 1_000_000
CELL_S = 240

# What looks for an end from each beginning.
UNITS = ["sk-ant-", "[", "](", "`", "``` ", "| a ", "*a_", "<a ", "$a ", "a\n=\n", "\x1b[31m", "{{", "\\(", "@w "]
# The costliest; the others are tried with `CLAUDE_KERNEL_TEST_SOAK=1`.
if not SOAK:
    UNITS = ["sk-ant-", "a\n=\n", "{{", "\\("]

FILES = '''
# Make files

```python
# Make many files
import os
for number in range(100_000):
    open(os.path.join(os.environ["OUTPUT_DIR"], f"{number}.txt"), "w").close()
```

Made.

# Go on

```python
print(1)
```

Done.
'''


class Silence:
    """Asks on control, again and again, from a thread of its own."""

    def __init__(self, kernel: KernelProcess):
        self.kernel = kernel
        self.session = Session(key=KEY)
        self.longest_s = 0.0
        self.asked = 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.ask)

    def cpu_s(self) -> float:
        pid = self.kernel.process.pid
        with open(f"/proc/{pid}/task/{pid}/schedstat") as file:
            return int(file.read().split()[0]) / 1e9

    def ask(self) -> None:
        socket = self.kernel.socket(zmq.DEALER, "control")
        while not self.over.is_set():
            before = self.cpu_s()
            self.session.send(socket, "kernel_info_request", {})
            if not socket.poll(CELL_S * 1000):
                self.longest_s = float("inf")
                break
            socket.recv_multipart()
            self.asked += 1
            self.longest_s = max(self.longest_s, self.cpu_s() - before)
            time.sleep(0.002)
        socket.close()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


@pytest.fixture(scope="module")
def api():
    api = PlainApi()
    yield api
    api.close()


@pytest.fixture(scope="module")
def kernel(api, tmp_path_factory):
    env = {"ANTHROPIC_BASE_URL": api.url, "ANTHROPIC_API_KEY": "sk-ant-load-0123456789"}
    kernel = KernelProcess(tmp_path_factory.mktemp("k"), env=env)
    kernel.client().stop_channels()
    yield kernel
    assert kernel.alive()
    kernel.close()


def longest(kernel: KernelProcess, *cells: str, metadata: dict | None = None) -> float:
    """Runs cells; returns how long control was not served, as processor time."""
    client = kernel.client()
    try:
        with Silence(kernel) as silence:
            for cell in cells:
                asked = client.session.msg("execute_request", {"code": cell, "allow_stdin": True}, metadata=metadata)
                client.shell_channel.send(asked)
                reply = client.get_shell_msg(timeout=CELL_S)["content"]
                assert reply["status"] == "ok", reply
            # What is over quickly is asked too: a request that was sent meanwhile is still waited for.
            deadline = time.monotonic() + CELL_S
            while silence.asked < 2 and time.monotonic() < deadline:
                time.sleep(0.002)
    finally:
        client.stop_channels()
    assert silence.asked > 1
    print(f"{silence.asked} requests on control, the longest {silence.longest_s * 1000:.1f} ms")
    return silence.longest_s


def answering(api: PlainApi, *blocks) -> None:
    """Gives these blocks to the next requests."""
    whole = list(message(*blocks))
    api.answer = lambda body, headers: (200, {}, whole)


@pytest.mark.parametrize("unit", UNITS)
def test_a_prompt_of_a_megabyte(kernel, api, unit):
    answering(api, text(["Yes."]))
    assert longest(kernel, "%reset chat", f"Say yes.\n{unit * (MEGABYTE // len(unit))}") < LONGEST_S


def test_fifty_thousand_mentions_on_a_line(kernel, api):
    answering(api, text(["Yes."]))
    mentions = " ".join(f"@word{number}" for number in range(50_000))
    assert longest(kernel, "%reset chat", f"Say yes. {mentions}") < LONGEST_S
    assert longest(kernel, "%reset chat", "Say yes. " + "@word " * 50_000) < LONGEST_S


# A terminal, and a front end that has displays which grow (`docs/protocol.md#kinds-of-clients`).
@pytest.mark.parametrize("metadata", [{}, {"cellId": "a"}], ids=["terminal", "live"])
@pytest.mark.parametrize("unit", UNITS)
def test_an_answer_of_a_megabyte(kernel, api, unit, metadata):
    whole = unit * (MEGABYTE // len(unit))
    for size in (MEGABYTE, 4000):
        answering(api, thinking(pieces(whole, size)), text(pieces(whole, size)))
        assert longest(kernel, "%reset chat", "Say it", "%reset chat", metadata=metadata) < LONGEST_S, size


@pytest.mark.parametrize("unit", UNITS)
def test_a_step_that_prints_a_megabyte(kernel, api, unit):
    answering(api, *step(['{"command": "make"}'], unit * (MEGABYTE // len(unit))), text(["Made."]))
    assert longest(kernel, "%reset chat", "Make it", "%reset chat") < LONGEST_S


def test_a_notebook_of_sixty_megabytes(tmp_path):
    notebook = tmp_path / "large.ipynb"
    cell = json.dumps({"id": "a", "cell_type": "code", "source": "x", "outputs": [{"data": {"image/png": "A" * 600}}]})
    notebook.write_text('{"nbformat": 4, "cells": [' + ",".join([cell] * (60_000_000 // len(cell))) + "]}")
    kernel = KernelProcess(tmp_path, env={"JPY_SESSION_NAME": str(notebook)})
    try:
        assert longest(kernel, "%version") < LONGEST_S
    finally:
        kernel.close()


def test_a_hundred_thousand_files_of_a_step(tmp_path):
    kernel = KernelProcess(tmp_path, scripts=FILES)
    try:
        assert longest(kernel, "Make files", "Go on") < LONGEST_S
    finally:
        kernel.close()
