/** The blocks connected last, with their undo data, so that who follows the tip need not read them from disk again. */
import type { HeaderId } from '../chain/chain-view.ts';
import type { BlockUndo } from '../chain/undo.ts';
import type { Block } from '../wire/block.ts';

/** Enough for followers that are a little behind; a few megabytes each at most. */
const BLOCKS_MAX = 4;

export interface RecentBlock {
  readonly block: Block;
  readonly undo: BlockUndo;
}

export class RecentBlocks {
  readonly #blocks = new Map<HeaderId, RecentBlock>();

  add(id: HeaderId, recent: RecentBlock): void {
    this.#blocks.delete(id);
    this.#blocks.set(id, recent);
    for (const oldest of this.#blocks.keys()) {
      if (this.#blocks.size <= BLOCKS_MAX) return;
      this.#blocks.delete(oldest);
    }
  }

  get(id: HeaderId): RecentBlock | undefined {
    return this.#blocks.get(id);
  }
}
