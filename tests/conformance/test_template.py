"""Pages, prints and slides made with the nbconvert template `claude`, which `claude-kernel install` installs."""

import re

import nbformat
import pytest
from notebook_runs import Run
from playwright.sync_api import Page, expect

HOSTILE = '%system <img src=x onerror="hostile = 1">\n</div><script>hostile = 1</script>\n\n```python\nx = "</pre><script>hostile = 1</script>"\n```\n```<b>x\n<img src=x onerror="hostile = 1">\n```'


@pytest.fixture(scope="module")
def page(browser):
    """A page without a network: what a template asks of other machines is not there."""
    context = browser.chromium.new_context(viewport={"width": 900, "height": 1200})
    context.route("**/*", lambda route: route.continue_() if route.request.url.startswith(("file:", "data:")) else route.abort())
    yield context.new_page()
    context.close()


@pytest.fixture(scope="module")
def convert(jupyter):
    """Converts an executed notebook with the template; returns the page's address."""

    def convert(run: Run, to: str, *options: str) -> str:
        done = jupyter.nbconvert(run.path, "--to", to, "--template", "claude", *options, check=True)
        written = re.search(r"Writing \d+ bytes to (\S+)", done.stderr)[1]
        return (run.directory / written).as_uri()

    return convert


@pytest.fixture(scope="module")
def quickstart(runs):
    return runs["quickstart"]


def write(run: Run, name: str, language: str, *cells: str) -> Run:
    notebook = nbformat.v4.new_notebook(metadata={"language_info": {"name": language}})
    notebook.cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
    path = run.directory / f"{name}.ipynb"
    nbformat.write(notebook, path)
    return Run(run.directory, path, notebook)


def font(page: Page, selector: str) -> str:
    return page.locator(selector).first.evaluate("it => getComputedStyle(it).fontFamily")


def test_prompts_are_words_and_receipts_are_small(quickstart, convert, page):
    page.goto(convert(quickstart, "html"))
    expect(page.locator(".reveal")).to_have_count(0)
    prompts = [cell for cell in quickstart.code_cells() if cell.is_prompt]
    expect(page.locator(".ck-words")).to_have_count(len(prompts))
    shown = " ".join(page.locator(".ck-words").first.inner_text().split())
    assert shown == " ".join(prompts[0].source.split())
    assert "monospace" not in font(page, ".ck-words")
    assert "monospace" in font(page, ".ck-prompt .ck-code pre")
    # On a narrow screen nothing of a prompt is out of sight.
    page.set_viewport_size({"width": 420, "height": 900})
    assert page.locator(".ck-prompt").evaluate_all("all => all.every(it => it.scrollWidth <= it.clientWidth + 1)")
    page.set_viewport_size({"width": 900, "height": 1200})
    sizes = page.locator(".ck-receipt sub").evaluate_all("all => all.map(it => parseFloat(getComputedStyle(it).fontSize))")
    assert len(sizes) >= len(prompts) and max(sizes) <= 12


@pytest.mark.parametrize("width", [1100, 480])
def test_what_stands_below_a_prompt_begins_where_it_begins(quickstart, convert, page, width):
    page.set_viewport_size({"width": width, "height": 1200})
    page.goto(convert(quickstart, "html"))
    lefts = page.evaluate(
        """() => ['.ck-prompt', '.ck-text p', '.ck-step summary', '.jp-RenderedText pre', '.jp-RenderedImage img']
             .map(it => document.querySelector(it).getBoundingClientRect().left)"""
    )
    padding = page.locator(".ck-prompt").first.evaluate("it => it.clientWidth - it.querySelector('.ck-words').clientWidth")
    page.set_viewport_size({"width": 900, "height": 1200})
    assert max(lefts) - min(lefts) <= 1, lefts
    assert padding >= 20, "a prompt stands in a box"


def test_folds_are_open_in_print_and_only_there(quickstart, convert, page):
    page.goto(convert(quickstart, "html"))
    code = page.locator("details pre", has_text="import").first
    expect(code).to_be_hidden()
    page.emulate_media(media="print")
    try:
        expect(code).to_be_visible()
        folds = page.locator("details > *:last-child")
        assert folds.count() > 3
        assert folds.evaluate_all("all => all.every(it => it.checkVisibility({contentVisibilityAuto: true}) && it.offsetHeight > 0)")
    finally:
        page.emulate_media(media="screen")
    # The same in a browser that does not know the style: before it prints, they are opened.
    closed = page.locator("details:not([open])")
    before = closed.count()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert closed.count() == 0 < before
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert closed.count() == before


def test_a_reader_gets_the_answers_without_the_prompts(quickstart, convert, page):
    page.goto(convert(quickstart, "html", "--no-input"))
    expect(page.locator(".ck-prompt")).to_have_count(0)
    expect(page.locator(".ck-text").first).to_be_visible()
    expect(page.locator(".jp-OutputPrompt:visible")).to_have_count(0)


def test_slides_show_prompts_as_pages_do(quickstart, convert, page):
    page.goto(convert(quickstart, "slides"))
    assert page.locator(".reveal .slides section .ck-words").count() == page.locator(".ck-words").count() > 3


def test_tools_are_code_and_fences_are_what_they_say(quickstart, convert, page):
    cell = '%%tool\ndef locate(city: str) -> str:\n    return "x"'
    fenced = f"%effort low\n\n{'A line that a person wrapped by hand, since it is a long one,'}\nand goes on here.\n- one\n- two\n\n```bash\necho hi\n```\nAnd then?"
    page.goto(convert(write(quickstart, "kinds", "claude", cell, fenced, "\\%effort is a word"), "html"))
    expect(page.locator(".ck-prompt").nth(0).locator(".ck-code")).to_have_count(2)
    expect(page.locator(".ck-prompt").nth(0).locator(".ck-words")).to_have_count(0)
    expect(page.locator(".ck-prompt").nth(0).locator(".highlight")).to_contain_text("def locate")
    parts = page.locator(".ck-prompt").nth(1).locator("> div")
    assert [part.get_attribute("class") for part in parts.all()] == ["ck-code", "ck-words", "ck-code", "ck-words"]
    assert parts.nth(1).inner_text() == "A line that a person wrapped by hand, since it is a long one, and goes on here.\n- one\n- two"
    expect(page.locator(".ck-prompt").nth(2).locator(".ck-words")).to_contain_text("%effort is a word")


def test_a_prompt_is_text_whatever_is_in_it(quickstart, convert, page):
    page.goto(convert(write(quickstart, "hostile", "claude", HOSTILE), "html"))
    expect(page.locator(".ck-prompt")).to_contain_text("<script>hostile = 1</script>")
    assert page.evaluate("() => typeof hostile") == "undefined"
    expect(page.locator(".ck-prompt img, .ck-prompt script, .ck-prompt b")).to_have_count(0)


def test_notebooks_of_other_kernels_look_as_ever(quickstart, convert, page):
    page.goto(convert(write(quickstart, "python", "python", "%time 1"), "html"))
    expect(page.locator(".ck-prompt")).to_have_count(0)
    expect(page.locator(".jp-InputArea-editor .highlight")).to_contain_text("%time 1")
