/** An index of filters that the disk has damaged: the peer hears nothing, and the node goes on. */
import { expect, test } from 'vitest';
import { ZERO_HASH } from '../../../src/base/bytes.ts';
import { SILENT_LOG } from '../../../src/base/log.ts';
import type { ChainView } from '../../../src/chain/chain-view.ts';
import { readFilters } from '../../../src/node/filter-reader.ts';
import type { FilterLookup } from '../../../src/rpc/index-access.ts';
import { StoreError } from '../../../src/store/errors.ts';

const CHAIN = {
  headers: { find: () => 7, hashOf: () => ZERO_HASH, ancestorOf: () => 7 },
} as unknown as ChainView;

function ask(filters: () => Promise<Uint8Array[] | undefined>) {
  const index = { progress: { caughtUp: async () => true }, filters } as unknown as FilterLookup;
  const request = { what: 'filters', startHeight: 0, stopHash: ZERO_HASH } as never;
  return readFilters({ chain: CHAIN, index, log: SILENT_LOG }, request);
}

test('filters that cannot be read are not there; a bug of ours is one', async () => {
  const filter = Uint8Array.of(1);
  expect(await ask(async () => [filter])).toEqual({
    what: 'filters',
    filters: [{ blockHash: ZERO_HASH, filter }],
  });
  expect(await ask(() => Promise.reject(new StoreError('io', 'Cannot read fltr00000.dat')))).toBeUndefined();
  await expect(ask(() => Promise.reject(new TypeError('a bug')))).rejects.toThrow('a bug');
});
