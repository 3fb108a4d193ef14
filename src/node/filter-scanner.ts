/** Looks through the filters of a range of blocks for scripts, one scan at a time (Core: scanblocks in rpc/blockchain.cpp). */
import { binaryToBytes } from '../base/bytes.ts';
import { filterMatchesAny } from '../chain/block-filter.ts';
import type { ChainView, HeaderId } from '../chain/chain-view.ts';
import type { FilterLookup, FilterScan, FilterScanRequest, FilterScans } from '../rpc/index-access.ts';

/** Blocks between two turns of the event loop. */
const CHUNK_BLOCKS = 50;

export class FilterScanner implements FilterScans {
  readonly #chain: ChainView;
  #progress: { percent: number; height: number } | undefined;
  #isAborted = false;

  constructor(chain: ChainView) {
    this.#chain = chain;
  }

  get progress(): FilterScans['progress'] {
    return this.#progress;
  }

  abort(): void {
    this.#isAborted = true;
  }

  async scan(filters: FilterLookup, request: FilterScanRequest): Promise<FilterScan> {
    const { startHeight, stop } = request;
    const { headers } = this.#chain;
    const scripts = [...request.scripts].map(binaryToBytes);
    const stopHeight = headers.heightOf(stop);
    const found: HeaderId[] = [];
    this.#isAborted = false;
    this.#progress = { percent: 0, height: startHeight };
    try {
      for (let height = startHeight; height <= stopHeight; height += CHUNK_BLOCKS) {
        if (this.#isAborted) return { found, height: this.#progress.height, isComplete: false };
        const end = Math.min(height + CHUNK_BLOCKS - 1, stopHeight);
        found.push(
          ...(await this.#scanChunk(filters, height, headers.ancestorOf(stop, end), request, scripts)),
        );
        const percent = Math.trunc((100 / Math.max(1, stopHeight - startHeight)) * (end - startHeight));
        this.#progress = { percent: end === stopHeight ? 100 : percent, height: end };
        await new Promise(resolve => setImmediate(resolve));
      }
      return { found, height: stopHeight, isComplete: true };
    } finally {
      this.#progress = undefined;
    }
  }

  /** Blocks that the index has not seen yet are passed over. */
  async #scanChunk(
    lookup: FilterLookup,
    startHeight: number,
    end: HeaderId,
    { verify }: FilterScanRequest,
    scripts: readonly Uint8Array[],
  ): Promise<HeaderId[]> {
    const { headers } = this.#chain;
    const found: HeaderId[] = [];
    const filters = (await lookup.filters(startHeight, end)) ?? [];
    for (const [i, filter] of filters.entries()) {
      const id = headers.ancestorOf(end, startHeight + i);
      if (!filterMatchesAny(filter, headers.hashOf(id), scripts)) continue;
      if (verify === undefined || (await verify(id))) found.push(id);
    }
    return found;
  }
}
