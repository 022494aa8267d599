"""Cells that run again, are put in, deleted and taken back, over real sockets and real HTTP.

The kernel talks to an offline backend of its own process that refuses every edited history; what
the kernel sent is read from there.
"""

import json
import subprocess
import urllib.request

import pytest
from kernel_process import BINARY, LIMIT_S, KernelProcess, environment

KEY = "sk-conformance"
SCRIPT = """
# Work on {{what}}

> Let me see about {{what}}.

```bash
echo {{what}} >> log.txt; cat log.txt
```

> So that is {{what}}.

Worked on {{what}}.

# {{what}}

> Hm, {{what}}.

Heard.
"""


class Backend:
    """`claude-kernel emulate` as strict as the API will be."""

    def __init__(self, directory):
        script = directory / "script.claude.md"
        script.write_text(SCRIPT)
        arguments = ["emulate", "--key", KEY, "--script", str(script)]
        arguments += ["--strict-thinking", "--until-stdin-closes"]
        self.process = subprocess.Popen(
            [str(BINARY), *arguments],
            env=environment(directory),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.url = self.process.stdout.readline().partition("=")[2].strip()

    def requests(self):
        """Returns the bodies of all questions, oldest first."""
        request = urllib.request.Request(
            f"{self.url}/_emulator/requests", headers={"x-api-key": KEY}
        )
        with urllib.request.urlopen(request, timeout=LIMIT_S) as response:
            sent = json.load(response)["requests"]
        return [it["body"] for it in sent if it["target"] == "/v1/messages"]

    def close(self):
        self.process.stdin.close()
        self.process.wait(LIMIT_S)


class Notebook(KernelProcess):
    """A kernel for one saved notebook, and what JupyterLab tells it."""

    def __init__(self, directory, backend):
        self.backend = backend
        self.path = directory / "analysis.ipynb"
        self.asked = 0
        super().__init__(directory)
        self.lab = self.client()

    def start(self):
        self.arguments = ["run", "-f", self.file]
        self.env |= {
            "ANTHROPIC_BASE_URL": self.backend.url,
            "ANTHROPIC_API_KEY": KEY,
            "JPY_SESSION_NAME": str(self.path),
        }
        super().start()

    def save(self, *cells):
        page = [{"id": cell, "cell_type": "code", "source": "", "outputs": []} for cell in cells]
        self.path.write_text(json.dumps({"cells": page, "nbformat": 4, "nbformat_minor": 5}))

    def run(self, cell, code, deleted=(), is_asked=True):
        """Runs a cell as JupyterLab does; returns the receipt's details, if there is one."""
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": True,
            "stop_on_error": True,
        }
        metadata = {"cellId": cell, "deletedCells": list(deleted), "trusted": True}
        message = self.lab.session.msg("execute_request", content, metadata=metadata)
        self.lab.shell_channel.send(message)
        msg_id = message["header"]["msg_id"]
        published = self.lab.iopub_until_idle(msg_id)
        reply = self.lab.get_shell_msg(timeout=LIMIT_S)
        assert reply["parent_header"]["msg_id"] == msg_id
        assert reply["content"]["status"] == "ok", reply["content"]
        self.asked += is_asked
        assert len(self.backend.requests()) == self.asked, "every request was taken at once"
        # Updates are of the receipts of other cells: what has become of their answers.
        shown = [it["content"] for it in published if it["msg_type"] == "display_data"]
        details = [content["metadata"].get("claude_kernel", {}) for content in shown]
        receipts = [it for it in details if it.get("block") == "receipt"]
        return receipts[-1] if receipts else None

    def magic(self, code):
        return self.run("magics", code, is_asked=False)

    def prompts(self):
        """Returns the questions of the last request, oldest first."""
        messages = self.backend.requests()[-1]["messages"]
        return [it["content"][-1]["text"] for it in messages if it["role"] == "user"]


@pytest.fixture
def notebook(tmp_path):
    backend = Backend(tmp_path)
    notebook = Notebook(tmp_path, backend)
    yield notebook
    notebook.lab.stop_channels()
    notebook.close()
    backend.close()


def test_cells_run_again_come_and_go(notebook):
    notebook.save("a", "b", "c")
    for cell in "abc":
        receipt = notebook.run(cell, f"Work on {cell}")
    assert notebook.prompts() == ["Work on a", "Work on b", "Work on c"]
    assert (receipt["saw"], receipt["stale"], receipt["turn"]) == (["a", "b"], 0, 3)

    again = notebook.run("b", "Work on another b")
    assert notebook.prompts() == ["Work on a", "Work on another b"]
    assert (again["saw"], again["stale"], again["sandbox_ahead"]) == (["a"], 1, True)
    note = notebook.backend.requests()[-1]["messages"][-1]["content"][0]["text"]
    assert "the sandbox is ahead" in note

    notebook.save("a", "x", "b", "c", "d")
    inserted = notebook.run("x", "Now x")
    assert notebook.prompts() == ["Work on a", "Now x"]
    assert inserted["stale"] == 2

    notebook.save("a", "x", "c", "d")
    notebook.run("d", "And d", deleted=["b"])
    assert notebook.prompts() == ["Work on a", "Now x", "Work on c", "And d"]

    notebook.magic("%undo")
    notebook.magic("%undo")
    notebook.run("d", "And d again")
    assert notebook.prompts() == ["Work on a", "Work on c", "And d again"]

    notebook.save("a", "b", "c", "d")
    notebook.run("b", "The first b")
    notebook.run("c", "Work on c")
    assert notebook.prompts() == ["Work on a", "The first b", "Work on c"]


def test_settings_change_without_losing_the_thinking(notebook):
    notebook.run("a", "One")
    notebook.magic("%system Answer in one sentence.")
    notebook.run("b", "Two")
    first, second = notebook.backend.requests()
    assert second["system"] == first["system"]
    assert [it["role"] for it in second["messages"]] == ["user", "assistant", "user", "system"]
    assert "one sentence" in second["messages"][-1]["content"][0]["text"]
    assert second["messages"][1]["content"][0]["type"] == "thinking"


def test_vs_code_names_cells_by_address_and_nbclient_not_at_all(notebook):
    address = "vscode-notebook-cell:/home/me/analysis.ipynb#W0sZmlsZQ%3D%3D"
    notebook.run(address, "One")
    notebook.run(address, "One again")
    assert notebook.prompts() == ["One again"]
    for prompt in ("Two", "Two"):
        reply, _ = notebook.lab.run(prompt)
        assert reply["status"] == "ok"
    assert notebook.prompts() == ["One again", "Two", "Two"]
