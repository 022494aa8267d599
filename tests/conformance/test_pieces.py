"""An answer that grows piece by piece in JupyterLab ends as the document that is shown when it comes at once.

JupyterLab's own Markdown parser is the judge: the same answers are given in an open notebook, display by display, and
to nbconvert, which gets one display for each; JupyterLab then shows both.
"""

import json
import os
from pathlib import Path

from browser import Notebook
from documents import document

SEEDS = [int(seed) for seed in os.environ.get("CLAUDE_KERNEL_TEST_SEEDS", "1 2 3 4 5 6 7 8 9 10 11 12").split()]

# The elements below a cell and the words in them, without those that only carry a style or an anchor.
STRUCTURE = """area => {
  const displays = [...area.querySelectorAll('.jp-RenderedMarkdown')].slice(0, -1);
  const lines = [];
  const walk = node => {
    if (node.nodeType === Node.TEXT_NODE) {
      const words = node.textContent.replace(/\\s+/g, ' ').trim();
      if (words) lines.push(words);
      return;
    }
    if (node.nodeType !== Node.ELEMENT_NODE || node.classList.contains('jp-InternalAnchorLink')) return;
    const name = node.localName;
    if (name === 'mjx-container') { lines.push('mathematics'); return; }
    const isWrapper = ['div', 'span'].includes(name);
    // A relative link leads to a file beside the notebook.
    const link = name === 'a' ? ' ' + (node.getAttribute('href') || '').replace(/^.*\\/files\\/[^/]*\\/|[?]_xsrf=.*$/g, '') : '';
    const start = name === 'ol' ? ' ' + node.start : '';
    if (!isWrapper) lines.push('<' + name + link + start + '>');
    node.childNodes.forEach(walk);
    if (!isWrapper) lines.push('</' + name + '>');
  };
  displays.forEach(display => display.childNodes.forEach(walk));
  // Words that a style parts are still words of one text.
  return lines.reduce((joined, line) => {
    const last = joined.length - 1;
    if (last >= 0 && !line.startsWith('<') && !joined[last].startsWith('<')) joined[last] += ' ' + line;
    else joined.push(line);
    return joined;
  }, []);
}"""


def structures(notebook: Notebook, count: int) -> list[list[str]]:
    """What each cell shows, once all of it is there."""
    found = []
    for index in range(count):
        notebook.cell(index).scroll_into_view_if_needed()
        notebook.output(index).get_by_text("offline · effort").last.wait_for()
        found.append(notebook.output(index).evaluate(STRUCTURE))
    return found


def test_an_answer_in_pieces_is_the_answer_at_once(jupyter, lab, browser):
    texts = [document(seed) for seed in SEEDS]
    blocks = [json.dumps({"type": "text", "text": text}) for text in texts]
    script = "\n".join(f"# Say {n}.\n\n```json block\n{block}\n```\n" for n, block in enumerate(blocks))
    cells = [f"Say {n}." for n in range(len(texts))]
    live, whole = (lab.write(folder, *cells, script=script) for folder in ("live", "whole"))
    executed = lab.directory / whole
    jupyter.execute(executed, check=True)
    whole = str(Path(whole).with_stem("at-once"))
    executed.with_suffix(".nbconvert.ipynb").rename(lab.directory / whole)

    with browser.open(lab, live) as notebook:
        notebook.run_all()
        pieces = structures(notebook, len(texts))
        displays = notebook.page.locator(".jp-Notebook .jp-OutputArea-output .jp-RenderedMarkdown, .jp-Notebook .jp-RenderedMarkdown.jp-OutputArea-output").count()
    with browser.open(lab, whole) as notebook:
        at_once = structures(notebook, len(texts))
    assert displays > 3 * len(texts), "the answers should be long enough to be cut"
    for seed, in_pieces, entire in zip(SEEDS, pieces, at_once):
        assert in_pieces == entire, f"seed {seed}"
