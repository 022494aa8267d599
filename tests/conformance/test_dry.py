"""What `%%dry` shows of every notebook's cells is a request that can be sent, as two judges see it."""

import json
import shutil

import httpx
import nbformat
import pytest
from kernel_process import KernelProcess
from notebook_runs import NAMES, NOTEBOOKS
from strict_judge import Judge
from strict_transport import KEY
from strict_values import container_id
from test_sdk import Backend

# Cells whose text defines something for later ones: they run as they are.
DEFINING = ("%%tool", "%%set", "%%system")
# Notebooks that ask Claude nothing.
SILENT = ("v24-packages", "v25-limits")


class Anything(dict):
    """Every file is known: the offline backend looks them up."""

    def __contains__(self, _):
        return True

    def __getitem__(self, _):
        return {"mime_type": "text/csv", "downloadable": False}


@pytest.fixture(scope="module")
def backend(tmp_path_factory):
    backend = Backend(tmp_path_factory.mktemp("scripts"))
    backend.file = backend.client.files.upload(file=("a.csv", b"a,b\n", "text/csv")).id
    yield backend
    backend.process.stdin.close()
    assert backend.process.wait(timeout=10) == 0


def uploaded(value, file_id):
    """A request with a file where it names one that a dry run does not upload."""
    if isinstance(value, dict):
        return {key: file_id if key == "file_id" else uploaded(inner, file_id) for key, inner in value.items()}
    return [uploaded(inner, file_id) for inner in value] if isinstance(value, list) else value


def shown(published):
    """The request of a dry cell, with its betas, or None."""
    for message in published:
        known = message["content"].get("metadata", {}).get("claude_kernel", {})
        if known.get("kind") == "dry":
            return known["request"], known["betas"]
    return None


@pytest.mark.parametrize("name", NAMES)
def test_what_would_be_sent_could_be_sent(backend, tmp_path, name):
    directory = tmp_path / "notebooks"
    shutil.copytree(NOTEBOOKS, directory)
    where = {"ANTHROPIC_BASE_URL": backend.url, "ANTHROPIC_API_KEY": backend.key}
    kernel = KernelProcess(directory, env=where | {"CLAUDE_KERNEL_ALLOW": "tools,mcp"})
    client = kernel.client()
    asked, said = 0, ""
    for cell in nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=nbformat.NO_CONVERT).cells:
        if cell.cell_type != "code":
            continue
        said += cell.source
        defines = any(line.startswith(DEFINING) for line in cell.source.splitlines())
        is_dry = cell.source.startswith("%%dry")
        source = cell.source if defines or is_dry else f"%%dry\n{cell.source}"
        reply, published = client.run(source, allow_stdin=False, stop_on_error=False)
        request = shown(published)
        if request is None:
            continue
        asked += 1
        body, betas = uploaded(request[0], backend.file), request[1]
        judge = Judge()
        # `%packages` really looks into a sandbox.
        judge.expected_container = container_id(body)
        judge.files = Anything()
        headers = {"anthropic-version": "2026-10-21", "content-type": "application/json"}
        headers |= {"accept": "application/json", "user-agent": "claude-kernel/0"}
        headers |= {"anthropic-beta": ",".join(betas)} if betas else {}
        # One notebook adds a beta by hand.
        judge.extra_betas = {beta for beta in betas if beta in said}
        judge.check(body, headers | {"x-api-key": KEY})
        assert judge.problems == [], f"{cell.source}\n{json.dumps(body, indent=1)}"
        answer = httpx.post(f"{backend.url}/v1/messages", json=body, headers=headers | {"x-api-key": backend.key}, timeout=60)
        assert answer.status_code == 200, f"{cell.source}\n{answer.text}"
    client.stop_channels()
    kernel.close()
    assert asked or name in SILENT
