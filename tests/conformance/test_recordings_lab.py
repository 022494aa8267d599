"""A notebook that was received, in JupyterLab: the page's answers are Claude's, and the page says so."""

import shutil

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
