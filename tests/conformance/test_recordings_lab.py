"""A notebook that was received, in JupyterLab: the page's answers are Claude's, and the page says so."""

import json
import shutil
import sys

import pytest
from browser import Lab
from notebook_runs import BINARY, Jupyter

SCRIPT = """
# Count the lines

```bash
# Count lines
printf 'a,1\\nb,2\\n' > "$OUTPUT_DIR/table.csv"; wc -l < "$OUTPUT_DIR/table.csv"
```

There are **2** lines.

# Name the first

It is `a`.

# Name another

It is `b`.
"""


def test_a_renamed_notebook_goes_on_with_its_answers_and_answers_again(lab, browser):
    name = lab.write("sales", "Count the lines", "Name the first", "Name another", script=SCRIPT)
    with browser.open(lab, name) as notebook:
        notebook.run_cell(0)
        notebook.run_cell(1)
        notebook.reload()
    folder = lab.directory / "received"
    shutil.copytree(lab.directory / "sales", folder)
    (folder / "sales.ipynb").rename(folder / "renamed.ipynb")
    with browser.open(lab, "received/renamed.ipynb") as notebook:
        # The cell at the bottom comes first: it knows what stands above it, and says so before it asks.
        notebook.run_cell(2)
        text = notebook.text(2)
        told = text.index("Its 2 recorded answers are part of the conversation")
        assert told < text.index("It is b.")
        assert "table.csv of a recorded answer goes to Claude's sandbox" in text
        # Run again, the first cell shows its recorded answer.
        notebook.run_cell(0)
        assert "There are 2 lines." in notebook.text(0)
        assert "recorded · nothing sent" in notebook.text(0)


@pytest.fixture
def theirs(tmp_path_factory):
    """Somebody else's JupyterLab: another home, another path, no key."""
    jupyter = Jupyter(tmp_path_factory.mktemp("their-home"))
    theirs = Lab(jupyter, tmp_path_factory.mktemp("their-work"))
    yield theirs, jupyter
    theirs.close()


def test_somebody_else_opens_replays_verifies_exports_and_continues(lab, theirs, browser):
    name = lab.write("shared", "Count the lines", "Name the first", "Name another", "%export py", script=SCRIPT)
    with browser.open(lab, name) as notebook:
        notebook.run_cell(0)
        notebook.run_cell(1)
        notebook.reload()
    theirs, jupyter = theirs
    for folder, kernel in (("no-key", "claude"), ("offline", "claude-offline")):
        shutil.copytree(lab.directory / "shared", theirs.directory / folder)
        received = theirs.directory / folder / "received.ipynb"
        (theirs.directory / folder / "shared.ipynb").rename(received)
        notebook = json.loads(received.read_text())
        notebook["metadata"]["kernelspec"]["name"] = kernel
        received.write_text(json.dumps(notebook))
    folder = theirs.directory / "no-key"
    with browser.open(theirs, "no-key/received.ipynb") as notebook:
        # It can be read before anything runs, and whoever presses Run destroys nothing.
        assert "There are 2 lines." in notebook.text(0)
        for index in (0, 1):
            notebook.run_cell(index)
            assert "recorded · nothing sent" in notebook.text(index)
        assert "There are 2 lines." in notebook.text(0) and "It is a." in notebook.text(1)
        notebook.run_cell(3)
        assert "Wrote received.py (1 step)" in notebook.text(3)
        # What is not recorded needs a key, and says so.
        notebook.run_cell(2)
        assert "ANTHROPIC_API_KEY" in notebook.text(2)
    assert "wc -l" in (folder / "received.py").read_text()
    for command in (["check", "received.ipynb"], ["verify", "received.ipynb", "--python", sys.executable]):
        done = jupyter.run(str(BINARY), *command, cwd=folder)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
    with browser.open(theirs, "offline/received.ipynb") as notebook:
        notebook.run_cell(2)
        assert "Its 2 recorded answers are part of the conversation" in notebook.text(2)
        assert "It is b." in notebook.text(2)
