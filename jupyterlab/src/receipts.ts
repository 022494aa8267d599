/** What the receipts below a notebook's cells say: read from the outputs' metadata, which is saved with them. */
import { ICellModel, isCodeCellModel } from '@jupyterlab/cells';

/** What the answers of one or more cells cost, as far as they say. */
export interface Cost {
  /** The sum in US dollars. */
  usd: number;
  /** How many answers there are. */
  answers: number;
  /** How many of them the offline kernel gave. */
  offline: number;
  /** Whether it may have been more: an answer was cut off, or its price is not known. */
  atLeast: boolean;
}

function receiptsOf(cell: ICellModel): Record<string, unknown>[] {
  const found: Record<string, unknown>[] = [];
  if (isCodeCellModel(cell)) {
    for (let index = 0; index < cell.outputs.length; index++) {
      const ours = cell.outputs.get(index).metadata.claude_kernel as Record<string, unknown> | undefined;
      if (ours && typeof ours === 'object' && ours.block === 'receipt') {
        found.push(ours);
      }
    }
  }
  return found;
}

/** What has become of the cell's answer since it was given. */
export type Mark = 'stale' | 'undone';

/** Says whether the cell's answer no longer fits what stands above it, or was taken back. */
export function markOf(cell: ICellModel): Mark | null {
  for (const receipt of receiptsOf(cell)) {
    if (receipt.mark === 'stale' || receipt.mark === 'undone') {
      return receipt.mark;
    }
  }
  return null;
}

/** Sums up what the answers below these cells cost. */
export function costOf(cells: Iterable<ICellModel>): Cost {
  const cost: Cost = { usd: 0, answers: 0, offline: 0, atLeast: false };
  for (const cell of cells) {
    for (const receipt of receiptsOf(cell)) {
      cost.answers += 1;
      if (receipt.offline === true) {
        cost.offline += 1;
        continue;
      }
      const usd = receipt.cost_usd;
      const isKnown = typeof usd === 'number' && Number.isFinite(usd) && usd >= 0;
      cost.usd += isKnown ? usd : 0;
      cost.atLeast ||= !isKnown || receipt.at_least === true;
    }
  }
  return cost;
}

/** What stands beside the kernel's name; empty if nothing was asked yet. */
export function costText(cost: Cost): string {
  if (cost.answers === 0) {
    return '';
  }
  if (cost.answers === cost.offline) {
    return 'offline: no cost';
  }
  const digits = cost.usd < 1 ? 3 : 2;
  const sum = cost.usd > 0 && cost.usd < 0.001 ? '<$0.001' : `$${cost.usd.toFixed(digits)}`;
  return cost.atLeast ? `at least ${sum}` : sum;
}
