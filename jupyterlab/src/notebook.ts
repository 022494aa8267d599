/** One open notebook of ours: marks stale cells, and says when what its receipts say has changed. */
import { CodeCell } from '@jupyterlab/cells';
import { NotebookPanel } from '@jupyterlab/notebook';
import { Widget } from '@lumino/widgets';

import { Mark, costOf, costText, markOf } from './receipts';

/** The `language_info.name` of our kernels. */
export const LANGUAGES = ['claude', 'claude-offline'];
/** An answer grows many times a second; marks may be this late. */
const DELAY_MS = 150;
const MARKS: Record<Mark, string> = {
  stale: 'This answer is stale: a cell above has changed since. Run the cell again.',
  undone: 'This answer was taken back: Claude does not see it. Run the cell again to have one.'
};

/** Whether the notebook's kernel, or the one it was saved with, is ours. */
export function isOurs(panel: NotebookPanel): boolean {
  const model = panel.content.model;
  const language = (model?.getMetadata('language_info') as { name?: unknown } | undefined)?.name;
  const spec = (model?.getMetadata('kernelspec') as { language?: unknown } | undefined)?.language;
  return LANGUAGES.includes(String(language ?? spec ?? ''));
}

/** What the notebook's answers cost, beside the kernel's name; nothing where the kernel is not ours. */
export class CostWidget extends Widget {
  private timer = 0;
  private readonly watched = new WeakSet<object>();

  constructor(private readonly panel: NotebookPanel) {
    super();
    this.addClass('ck-cost');
    this.hide();
    void panel.context.ready.then(() => this.watch());
  }

  dispose(): void {
    window.clearTimeout(this.timer);
    super.dispose();
  }

  private readonly later = (): void => {
    if (this.timer === 0 && !this.isDisposed) {
      this.timer = window.setTimeout(() => this.refresh(), DELAY_MS);
    }
  };

  private watch(): void {
    const model = this.panel.content.model;
    if (this.isDisposed || !model) {
      return;
    }
    model.cells.changed.connect(this.later);
    model.metadataChanged.connect(this.later);
    this.refresh();
  }

  private refresh(): void {
    this.timer = 0;
    if (this.isDisposed || this.panel.isDisposed) {
      return;
    }
    const ours = isOurs(this.panel);
    this.panel.content.toggleClass('ck-notebook', ours);
    for (const cell of this.panel.content.widgets) {
      if (cell instanceof CodeCell) {
        if (!this.watched.has(cell.model)) {
          this.watched.add(cell.model);
          cell.model.outputs.changed.connect(this.later);
          // A cell that was never in sight has no prompt yet that could be marked.
          void cell.ready.then(this.later);
        }
        mark(cell, ours ? markOf(cell.model) : null);
      }
    }
    const cost = costOf(this.panel.content.widgets.map(cell => cell.model));
    const text = ours ? costText(cost) : '';
    this.setHidden(text === '');
    if (this.node.textContent !== text) {
      this.node.textContent = text;
      this.node.title = `What the ${cost.answers} answers in this notebook cost. %cost counts those that were replaced, too.`;
    }
  }
}

function mark(cell: CodeCell, mark: Mark | null): void {
  const prompt = cell.node.querySelector<HTMLElement>('.jp-InputPrompt');
  if (!prompt || (prompt.dataset.ckMark ?? null) === mark) {
    return;
  }
  cell.toggleClass('ck-marked', mark !== null);
  prompt.title = mark ? MARKS[mark] : '';
  if (mark) {
    prompt.dataset.ckMark = mark;
  } else {
    delete prompt.dataset.ckMark;
  }
}
