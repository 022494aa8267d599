"""papermill: what its translators write is read, in every language, and nothing of it is sent."""

import json
import sys

import nbformat
import pytest
from kernel_process import KernelProcess
from papermill.translators import translate_parameters

VALUES = {
    "city": "Oslo",
    "words": "it's \"é\" \\ 😀",
    "n": 3,
    "big": 123456789012345678901234567890,
    "minus": -2.5,
    "draft": True,
    "job": {"city": "Oslo", "draft": True, "days": [1, -2, "x"], "deep": {"k": [False]}},
    "rows": ["a", "b c", 7],
}
LANGUAGES = ["python", "R", "scala", "julia", "matlab", ".net-csharp", ".net-fsharp", ".net-powershell", "bash"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_j3_what_papermill_writes_is_read(tmp_path, language):
    # bash has no dictionaries: papermill refuses to write one.
    values = {name: value for name, value in VALUES.items() if language != "bash" or not isinstance(value, dict)}
    source = translate_parameters("claude", language, values)
    if language in (".net-csharp", ".net-fsharp", "scala"):
        source = source.replace("567890L", "567890")
    kernel = KernelProcess(tmp_path)
    try:
        client = kernel.client()
        reply, _ = client.run(source)
        assert reply["status"] == "ok", (source, reply)
        for name, value in values.items():
            _, published = client.run(f"%%dry\n<<{{{{{name}}}}}>>")
            wanted = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
            assert f"<<{wanted}>>" in plain(published), (name, source, plain(published))
    finally:
        kernel.close()


def plain(published) -> str:
    """What is shown, with the escapes of the request taken away."""
    shown = "".join(message["content"].get("data", {}).get("text/plain", "") for message in published)
    return shown.replace('\\"', '"').replace("\\\\", "\\")


def test_j3_a_run_of_papermill_in_the_language_python(jupyter, tmp_path):
    cells = [
        nbformat.v4.new_code_cell('city = "Nowhere"\nstart: str = "2026-01-01"', metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell("Greet {{job.city}} from {{city}}, {{start}}."),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "greet.ipynb")
    (tmp_path / "greet.claude.md").write_text("# Greet Oslo from Delft, 2026-01-01.\n\nHello!\n")
    command = [sys.executable, "-m", "papermill", "greet.ipynb", "out.ipynb", "-k", "claude-offline", "--language", "python"]
    jupyter.run(*command, "-p", "city", "Delft", "-y", "job: {city: Oslo, draft: true}", cwd=tmp_path, check=True)
    done = nbformat.read(tmp_path / "out.ipynb", as_version=nbformat.NO_CONVERT)
    assert [cell.metadata.get("tags") for cell in done.cells] == [["parameters"], ["injected-parameters"], []]
    assert "Hello!" in json.dumps(done.cells[2].outputs)
