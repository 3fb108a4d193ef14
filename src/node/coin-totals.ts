/** Walks all coins of a store: for `gettxoutsetinfo`, and to tell whether a snapshot is the right one. */
import { type BlockHash, type Hash256, hexToHash } from '../base/bytes.ts';
import { BEST_BLOCK_KEY, COIN_KEYS, decodeBestBlock } from '../chain/coin-records.ts';
import { CoinStatistics, type CoinStatsHash, type CoinTotals } from '../chain/coin-stats.ts';
import type { ReadableStore } from '../store/store.ts';

export interface CoinStats extends CoinTotals {
  readonly height: number;
  readonly bestBlock: BlockHash;
  /** Estimated bytes of the coins in the store. */
  readonly diskSize: number;
}

/** `bestBlock`: the block that the coins stand at; for a store that has any. */
export async function countCoins(
  store: ReadableStore,
  hash: CoinStatsHash,
): Promise<{ readonly bestBlock: BlockHash; readonly totals: CoinTotals }> {
  const bestBlock = decodeBestBlock(store.get(BEST_BLOCK_KEY)!);
  return { bestBlock, totals: await totalsOf(store, hash) };
}

/** `hash_serialized_3` of all coins in the store. */
export async function hashCoins(store: ReadableStore): Promise<Hash256> {
  const { hash } = await totalsOf(store, 'hash_serialized_3');
  return hexToHash(hash!);
}

async function totalsOf(store: ReadableStore, hash: CoinStatsHash): Promise<CoinTotals> {
  const statistics = new CoinStatistics(hash);
  for await (const entry of store.iterate(COIN_KEYS)) statistics.add(entry);
  return statistics.finish();
}
