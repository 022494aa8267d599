"""What the notebooks hold of their answers: replayed without key and network, exported, verified, checked.

The real kernel replays them, not the offline one: nothing answers at its address, so whatever it shows came
from the recordings.
"""

import copy
import csv
import re
import shutil
import subprocess
import sys

import nbformat
import pytest
from nbclient import NotebookClient
from notebook_runs import BINARY, NAMES

# What shows the kernel's own state, or a request that was not sent: true of one run only.
OWN = re.compile(r"%status|%%dry|%cost|%models|%packages")
# The largest file that a recording holds itself.
INSIDE_BYTES = 64 * 1024
# What shows times, free memory or the like differs in each run; code that calls own tools cannot be run.
CHANGING = ("v04", "v06", "v15", "v17-tools", "v23")
VERIFIED = [name for name in NAMES if not name.startswith(CHANGING)]
# What is another outside the sandbox.
OF_SANDBOX = re.compile(r"^CPUs|modules under|^interfaces:|^routes to")
# Of these the export runs under ipykernel: all but the one whose code calls tools of the notebook.
RUNNABLE = [name for name in NAMES if not name.startswith("v17-tools")]


def copy_inputs(run, folder):
    """Copies what a notebook may read, and nothing that it made."""
    for path in run.directory.iterdir():
        if path.is_file() and path.suffix != ".ipynb" and not path.name.endswith(".claude.md"):
            shutil.copy(path, folder)
    if (run.directory / "data").is_dir():
        shutil.copytree(run.directory / "data", folder / "data")


def replayed(jupyter, run, tmp_path):
    """Executes the bare notebook again, answered by the recordings of `run`; returns the notebook."""
    notebook = tmp_path / f"{run.path.name.split('.')[0]}.ipynb"
    bare = nbformat.read(run.path, as_version=nbformat.NO_CONVERT)
    for cell in bare.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    nbformat.write(bare, notebook)
    copy_inputs(run, tmp_path)
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


@pytest.mark.parametrize("name", NAMES)
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


@pytest.mark.parametrize("name", VERIFIED)
def test_the_code_of_a_notebook_is_verified_and_nothing_is_found(runs, name):
    run = runs[name]
    call = lambda *command: subprocess.run([str(BINARY), *command], capture_output=True, text=True, cwd=run.directory)
    verified = call("verify", run.path.name, "--python", sys.executable, "--json")
    assert verified.returncode == 0, (verified.stdout, verified.stderr)
    checked = call("check", run.path.name)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("name", RUNNABLE)
def test_the_export_is_a_notebook_that_runs_without_a_model(runs, jupyter, name, tmp_path):
    copy_inputs(runs[name], tmp_path)
    # The export reads attached files from where it runs.
    for path in (tmp_path / "data").glob("*.csv"):
        shutil.copy(path, tmp_path)
    made = subprocess.run([str(BINARY), "export", str(runs[name].path), "-o", str(tmp_path / "code.ipynb")],
                          capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    exported = nbformat.read(tmp_path / "code.ipynb", as_version=nbformat.NO_CONVERT)
    nbformat.validate(exported)
    # What nbconvert does, without starting it for each notebook.
    client = NotebookClient(exported, kernel_name="python3", resources={"metadata": {"path": tmp_path}})
    executed = client.execute(env=jupyter.env)
    # It prints what the notebook shows, number for number. A line may come in two outputs.
    stream = lambda cell, name: "".join(
        output.text for output in cell.get("outputs", []) if output.output_type == "stream" and output.name == name
    )
    lines = lambda notebook: [
        line.rstrip()
        for cell in notebook.cells
        for name in ("stdout", "stderr")
        for line in stream(cell, name).splitlines()
    ]
    printed = {line for line in lines(executed) if re.search(r"\d", line) and not OF_SANDBOX.search(line)}
    assert printed
    if not name.startswith(CHANGING):
        assert printed <= set(lines(runs[name].notebook)), printed - set(lines(runs[name].notebook))


def test_an_export_says_which_tools_of_the_notebook_its_code_calls(runs, tmp_path):
    made = subprocess.run([str(BINARY), "export", str(runs["v17-tools-in-code"].path), "-o", str(tmp_path / "code.ipynb")],
                          capture_output=True, text=True)
    assert "its code calls `fetch_visits`" in made.stderr, made.stderr
    cells = nbformat.read(tmp_path / "code.ipynb", as_version=nbformat.NO_CONVERT).cells
    at = next(at for at, cell in enumerate(cells) if cell.cell_type == "code" and "fetch_visits(" in cell.source)
    assert "define it first" in cells[at - 1].source


def test_the_way_of_a_shared_notebook_is_as_it_says(runs, jupyter, tmp_path):
    """Every command of `share` is typed, and prints what stands below it; the routine has the numbers of the new file."""
    run = runs["share"]
    copy_inputs(run, tmp_path)
    shutil.copy(run.path, tmp_path / "share.ipynb")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/claude-kernel").symlink_to(BINARY)
    path = f"{tmp_path / 'bin'}:{jupyter.env['PATH']}"
    call = lambda command: subprocess.run(
        command, shell=True, cwd=tmp_path, env=jupyter.env | {"PATH": path}, capture_output=True, text=True, timeout=300
    )
    commands = 0
    for cell in run.notebook.cells:
        for console in re.findall(r"```console\n(.*?)```", cell.source, re.DOTALL) if cell.cell_type == "markdown" else ():
            for part in re.split(r"^\$ ", console, flags=re.MULTILINE)[1:]:
                command, shown = part.split("\n", 1)
                done = call(command)
                assert done.returncode == 0, (command, done.stdout, done.stderr)
                assert done.stdout.startswith(shown), (command, done.stdout)
                commands += 1
    assert commands == 5
    sales = list(csv.DictReader((tmp_path / "data/next/q1.csv").open()))
    total = sum(float(line["units"]) * float(line["price"]) for line in sales)
    printed = str(nbformat.read(tmp_path / "next.ipynb", as_version=nbformat.NO_CONVERT).cells)
    assert f"{len(sales)} lines, {total:,.0f} in all" in printed, printed
    assert (tmp_path / "next/products.png").read_bytes()[:4] == b"\x89PNG"
    assert "One table by product" in (tmp_path / "share.ipynb").read_text()
    assert "One table by product" not in (tmp_path / "public.ipynb").read_text()
