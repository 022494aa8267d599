"""The JupyterLab extension, in a real browser: prompts wrap and are coloured, stale cells and costs are shown.

`claude-kernel install` puts it beside the kernelspecs, so every other test of the browser runs with it, too.
"""

import nbformat
import pytest
from browser import Notebook
from playwright.sync_api import expect
from test_browser import ERROR, check_console_is_clean

LONG = "Please compare the two quarters and say in one sentence what a person who has never seen the data should remember of them. "
TOOL = '%%tool\ndef locate(city: str) -> str:\n    """Look a city up."""\n    return city'
SCRIPT = "# /./\n\nYes.\n"


def receipt(**numbers) -> nbformat.NotebookNode:
    """What stands below an answer, as the kernel leaves it in a notebook."""
    kept = {"block": "receipt", "cost_usd": 0.25, "at_least": False, "offline": False} | numbers
    data = {"text/markdown": "<sub>opus</sub>", "text/plain": "opus"}
    return nbformat.v4.new_output("display_data", data=data, metadata={"claude_kernel": kept})


def write_answered(lab, folder: str, kernel: str, *outputs: list) -> str:
    """Writes a notebook whose cells were answered before."""
    name = lab.write(folder, *(f"Question {index}" for index in range(len(outputs))), script=SCRIPT, kernel=kernel)
    path = lab.directory / name
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    for index, (cell, below) in enumerate(zip(notebook.cells, outputs, strict=True)):
        cell.outputs, cell.execution_count = below, index + 1
    nbformat.write(notebook, path)
    return name


def coloured(notebook: Notebook, index: int, kind: str) -> list[str]:
    return notebook.cell(index).locator(f".ck-{kind}").all_inner_texts()


def is_wrapped(notebook: Notebook, index: int) -> bool:
    """Whether the cell's lines end where it does, and a long one goes on below."""
    return notebook.cell(index).locator(".cm-scroller").evaluate(
        """area => area.scrollWidth <= area.clientWidth
             && [...area.querySelectorAll('.cm-line')].some(line => line.getBoundingClientRect().height > 30)"""
    )


def colour(notebook: Notebook, index: int, text: str) -> str:
    """The colour of the first piece of code that is this text."""
    piece = notebook.cell(index).locator(".cm-line span", has_text=text).first
    return piece.evaluate("piece => getComputedStyle(piece).color")


def plain_colour(notebook: Notebook, index: int) -> str:
    return notebook.cell(index).locator(".cm-content").evaluate("text => getComputedStyle(text).color")


def check_prompts(notebook: Notebook) -> None:
    expect(notebook.cell(0).locator(".ck-magic")).to_have_text(["%effort", "%%python"])
    assert is_wrapped(notebook, 0)
    assert coloured(notebook, 0, "variable") == ["{{ city }}", "{{rows[0].name}}"]
    assert coloured(notebook, 0, "file") == ["@data/sales.csv", '@"odd name.csv"']
    assert coloured(notebook, 1, "magic") == ["%%tool"]
    # Below `%%tool` stands Python.
    assert len({colour(notebook, 1, "def"), colour(notebook, 1, "locate"), colour(notebook, 1, "Look a city up"), plain_colour(notebook, 1)}) == 4
    # In a fence stands what it says; a percent sign in a sentence is none of a magic.
    assert colour(notebook, 2, "import") != plain_colour(notebook, 2)
    assert coloured(notebook, 2, "magic") == []


def test_prompts_wrap_and_what_is_no_prose_is_coloured(lab, browser):
    name = lab.write(
        "wrapped",
        f'%effort low\n%%python\n\n{LONG}{LONG}\nAlso {{{{ city }}}}, {{{{rows[0].name}}}} and \\{{{{not}}}}; @data/sales.csv, @"odd name.csv", me@example.com, @someone.',
        TOOL,
        "In this:\n%effort is a magic elsewhere.\n\n```python\nimport os\n```\n",
        script=SCRIPT,
    )
    with browser.open(lab, name) as notebook:
        check_prompts(notebook)
        notebook.run_cell(0)
        expect(notebook.output(0)).to_contain_text("Yes.")
        notebook.reload()
        check_prompts(notebook)
        # What is typed is coloured, too, also in a new cell.
        notebook.cell(2).locator(".jp-InputPrompt").click()
        notebook.page.keyboard.press("b")
        cell = notebook.page.locator(".jp-Notebook .jp-CodeCell").last
        cell.locator(".jp-InputArea-editor").click()
        notebook.page.keyboard.type("%cost")
        expect(cell.locator(".ck-magic")).to_have_text("%cost")
        check_console_is_clean(notebook)


def test_stale_cells_are_marked_in_the_margin(lab, browser):
    name = write_answered(lab, "marked", "claude-offline", [receipt(offline=True)], [receipt(offline=True, mark="stale")], [receipt(offline=True, mark="undone")])
    with browser.open(lab, name) as notebook:
        expect(notebook.page.locator(".jp-CodeCell.ck-marked")).to_have_count(2)
        prompt = notebook.cell(1).locator(".jp-InputPrompt")
        expect(prompt).to_have_attribute("title", "This answer is stale: a cell above has changed since. Run the cell again.")
        assert prompt.evaluate("prompt => getComputedStyle(prompt, '::after').content") == '"stale"'
        undone = notebook.cell(2).locator(".jp-InputPrompt")
        assert undone.evaluate("prompt => getComputedStyle(prompt, '::after').content") == '"undone"'
        # A new answer takes the mark away.
        notebook.run_cell(1)
        expect(notebook.page.locator(".jp-CodeCell.ck-marked")).to_have_count(1)
        expect(prompt).to_have_attribute("title", "")
        check_console_is_clean(notebook)


@pytest.mark.parametrize(
    ("receipts", "shown"),
    [
        ([{}, {"cost_usd": 1.5}, {"cost_usd": 9, "offline": True}], "$1.75"),
        ([{"cost_usd": 0.02, "at_least": True}], "at least $0.020"),
        ([{"offline": True}], "offline: no cost"),
        ([], None),
    ],
)
def test_the_notebooks_cost_stands_beside_the_kernels_name(lab, browser, receipts, shown):
    folder = f"cost-{len(list(lab.directory.iterdir()))}"
    with browser.open(lab, write_answered(lab, folder, "claude", *([receipt(**it)] for it in receipts), [])) as notebook:
        cost = notebook.page.locator(".ck-cost")
        if shown is None:
            expect(cost).to_be_hidden()
        else:
            expect(cost).to_have_text(shown)
            names = notebook.page.locator(".jp-NotebookPanel-toolbar [data-jp-item-name]")
            order = names.evaluate_all("items => items.map(item => item.dataset.jpItemName)")
            assert order.index("claude-cost") == order.index("kernelName") + 1, order


def test_notebooks_of_other_kernels_are_left_alone(lab, browser):
    name = write_answered(lab, "python", "python3", [receipt(mark="stale")])
    path = lab.directory / name
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook.cells[0].source = f"# {LONG * 3}\n%time 1"
    nbformat.write(notebook, path)
    with browser.open(lab, name) as notebook:
        expect(notebook.page.locator("#jp-main-statusbar")).to_contain_text("Python 3")
        expect(notebook.cell(0).locator(".cm-line span").first).to_be_visible()
        assert not is_wrapped(notebook, 0)
        expect(notebook.page.locator(".ck-marked, .ck-magic")).to_have_count(0)
        expect(notebook.page.locator(".ck-cost")).to_be_hidden()
        check_console_is_clean(notebook)


def test_the_launcher_tells_the_offline_kernel_from_the_other(lab, browser):
    with browser.open(lab, lab.write("launched", "Hello")) as notebook:
        notebook.menu("File", "New Launcher")
        icons = [notebook.page.locator(f".jp-LauncherCard[title='{title}'] img").first for title in ("Claude", "Claude (offline)")]
        pictures = [notebook.lab.get(icon.evaluate("icon => icon.src")) for icon in icons]
        assert all(b"<svg" in picture for picture in pictures)
        assert pictures[0] != pictures[1]


def test_without_the_extension_a_notebook_works_all_the_same(lab, browser):
    with browser.open(lab, lab.write("bare", "Hello", script=SCRIPT)) as notebook:
        notebook.page.route("**/lab/extensions/claude-kernel/**", lambda route: route.abort())
        notebook.load()
        notebook.run_cell(0)
        expect(notebook.output(0)).to_contain_text("Yes.")
        expect(notebook.page.locator(".ck-magic, .ck-cost")).to_have_count(0)
        expect(notebook.page.locator(ERROR)).to_have_count(0)


def test_a_cell_becomes_stale_in_the_margin_while_one_looks(lab, browser):
    script = "# /rivers|mountains/\n\nNamed.\n\n# /longest/\n\nThe Danube.\n"
    with browser.open(lab, lab.write("becomes", "Name three rivers.", "Which is longest?", script=script)) as notebook:
        notebook.run_all()
        expect(notebook.page.locator(".ck-marked")).to_have_count(0)
        notebook.cell(0).locator(".jp-InputArea-editor").click()
        notebook.page.keyboard.press("Control+a")
        notebook.page.keyboard.type("Name three mountains.")
        notebook.page.keyboard.press("Shift+Enter")
        expect(notebook.page.locator(".jp-CodeCell.ck-marked")).to_have_count(1)
        assert notebook.cell(1).locator(".jp-InputPrompt").get_attribute("data-ck-mark") == "stale"
        # It is saved with the notebook.
        notebook.reload()
        expect(notebook.page.locator(".jp-CodeCell.ck-marked")).to_have_count(1)
        notebook.run_cell(1)
        expect(notebook.page.locator(".jp-CodeCell.ck-marked")).to_have_count(0)
