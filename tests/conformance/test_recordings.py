"""What the notebooks hold of their answers: replayed without key and network, exported, verified, checked.

The real kernel replays them, not the offline one: nothing answers at its address, so whatever it shows came
from the recordings.
"""

import copy
import json
import re
import shutil
import subprocess
import sys

import nbformat
import pytest
from notebook_runs import BINARY, NAMES

# What shows the kernel's own state, or a request that was not sent: true of one run only.
OWN = re.compile(r"%status|%%dry|%cost|%models|%packages")
# The largest file that a recording holds itself.
INSIDE_BYTES = 64 * 1024
# Own tools are not run again, and `%packages` asks Claude by itself, which no recording answers.
REPLAYED = [name for name in NAMES if not name.startswith(("v17", "v24"))]
# Notebooks whose code can be run by any Python with the packages: no own tools, no web, nothing random.
RUNNABLE = ["v01-shell", "v08-analysis", "v10-statistics", "v13-three-steps", "v21-ab-test"]


def replayed(jupyter, run, tmp_path):
    """Executes the bare notebook again, answered by the recordings of `run`; returns the notebook."""
    notebook = tmp_path / f"{run.path.name.split('.')[0]}.ipynb"
    bare = nbformat.read(run.path, as_version=nbformat.NO_CONVERT)
    for cell in bare.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    nbformat.write(bare, notebook)
    for path in run.directory.iterdir():
        if path.is_file() and path.suffix != ".ipynb" and not path.name.endswith(".claude.md"):
            shutil.copy(path, tmp_path)
    if (run.directory / "data").is_dir():
        shutil.copytree(run.directory / "data", tmp_path / "data")
    # A recording holds small files; larger ones are found where they were saved.
    (tmp_path / "claude_files").mkdir()
    for path in (run.directory / "claude_files").glob("*"):
        if path.is_file() and path.stat().st_size > INSIDE_BYTES:
            shutil.copy(path, tmp_path / "claude_files")
    own = copy.copy(jupyter)
    own.env = jupyter.env | {
        "CLAUDE_KERNEL_RECORD": str(run.path),
        "CLAUDE_KERNEL_REPLAY": "only",
        # Nothing answers there.
        "CLAUDE_KERNEL_BASE_URL": "http://127.0.0.1:9",
    }
    own.execute(notebook, kernel="claude", check=True)
    return nbformat.read(notebook.with_suffix(".nbconvert.ipynb"), as_version=nbformat.NO_CONVERT)


@pytest.mark.parametrize("name", REPLAYED)
def test_a_notebook_is_replayed_to_the_same_bytes(runs, jupyter, name, tmp_path):
    run = runs[name]
    before = [cell for cell in run.notebook.cells if cell.cell_type == "code"]
    after = [cell for cell in replayed(jupyter, run, tmp_path).cells if cell.cell_type == "code"]
    compared = 0
    for old, new in zip(before, after, strict=True):
        if not OWN.search(old.source):
            assert new.outputs == old.outputs, f"{name}, {old.id}"
            compared += 1
    assert compared


@pytest.mark.parametrize("name", RUNNABLE)
def test_the_code_of_a_notebook_is_verified_and_a_changed_answer_is_found(runs, name, tmp_path):
    run = runs[name]
    path = tmp_path / f"{name}.ipynb"
    shutil.copy(run.path, path)
    call = lambda *command: subprocess.run([str(BINARY), *command], capture_output=True, text=True, cwd=tmp_path)
    verified = call("verify", path.name, "--python", sys.executable, "--json")
    report = json.loads(verified.stdout)
    assert verified.returncode == 0, report
    checked = call("check", path.name)
    assert "edited after it was recorded" not in checked.stdout and "stale" not in checked.stdout, checked.stdout
    # One figure of the first answer that has one, changed by hand.
    notebook = json.loads(path.read_text())
    changed = False
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            ours = output.get("metadata", {}).get("claude_kernel", {})
            if ours.get("block") == "text" and not changed:
                for kind in ("text/plain", "text/markdown"):
                    text = "".join(output["data"][kind])
                    new = re.sub(r"\d", lambda digit: str((int(digit[0]) + 1) % 10), text, count=1)
                    changed |= new != text
                    output["data"][kind] = new
    if changed:
        path.write_text(json.dumps(notebook))
        checked = call("check", path.name)
        assert checked.returncode == 1 and "edited after it was recorded" in checked.stdout, checked.stdout


@pytest.mark.parametrize("name", RUNNABLE)
def test_the_export_is_a_notebook_that_runs_without_a_model(runs, jupyter, name, tmp_path):
    made = subprocess.run([str(BINARY), "export", str(runs[name].path), "-o", str(tmp_path / "code.ipynb")],
                          capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    exported = nbformat.read(tmp_path / "code.ipynb", as_version=nbformat.NO_CONVERT)
    nbformat.validate(exported)
    done = jupyter.execute(tmp_path / "code.ipynb", kernel="python3")
    assert done.returncode == 0, done.stderr[-2000:]
