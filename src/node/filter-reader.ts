/**
 * What peers ask of the index of block filters (BIP157), read out of it. Files that are damaged cost the peer its answer,
 * and not us the node: anybody may ask, again and again.
 */

import { ZERO_HASH } from '../base/bytes.ts';
import type { Log } from '../base/log.ts';
import type { ChainView, HeaderId } from '../chain/chain-view.ts';
import type { FilterAnswer, FilterRequest } from '../p2p/events.ts';
import type { FilterLookup } from '../rpc/index-access.ts';
import { StoreError } from '../store/errors.ts';

/** Blocks from one checkpoint to the next (BIP157; Core: CFCHECKPT_INTERVAL). */
const CHECKPOINT_INTERVAL = 1_000;

/** Undefined when the index has not seen one of the blocks, or cannot be read. The peer manager has checked the request. */
export async function readFilters(
  { chain, index, log }: { readonly chain: ChainView; readonly index: FilterLookup; readonly log: Log },
  request: FilterRequest,
): Promise<FilterAnswer | undefined> {
  try {
    return await read(chain, index, request);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    log.warn(`Cannot load block filters from disk: ${error.message}`);
    return undefined;
  }
}

async function read(
  chain: ChainView,
  index: FilterLookup,
  { what, startHeight, stopHash }: FilterRequest,
): Promise<FilterAnswer | undefined> {
  const { headers } = chain;
  const stop = headers.find(stopHash);
  if (stop === undefined) return undefined;
  // What was told of before the question is in it.
  await index.progress.caughtUp();
  if (what === 'checkpoints') {
    const heights = Array.from(
      { length: Math.floor(headers.heightOf(stop) / CHECKPOINT_INTERVAL) },
      (_, i) => (i + 1) * CHECKPOINT_INTERVAL,
    );
    const found = heights.map(height => index.header(headers.ancestorOf(stop, height)));
    return found.every(header => header !== undefined) ? { what, headers: found } : undefined;
  }
  if (what === 'hashes') {
    const previousHeader =
      startHeight === 0 ? ZERO_HASH : index.header(headers.ancestorOf(stop, startHeight - 1));
    const hashes = await index.filterHashes(startHeight, stop);
    return hashes && previousHeader !== undefined ? { what, previousHeader, hashes } : undefined;
  }
  const filters = await index.filters(startHeight, stop);
  if (filters === undefined) return undefined;
  const blockOf = (at: number): HeaderId => headers.ancestorOf(stop, startHeight + at);
  return {
    what,
    filters: filters.map((filter, i) => ({ blockHash: headers.hashOf(blockOf(i)), filter })),
  };
}
