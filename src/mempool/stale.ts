/**
 * What can no longer be in the next block after blocks were disconnected: locks that are closed again, coinbases that are
 * young again or gone. Source: Core src/validation.cpp (MaybeUpdateMempoolForReorg), txmempool.cpp (removeForReorg).
 */
import type { Coin, OutPointKey } from '../chain/coin.ts';
import { keyOf } from '../chain/coin.ts';
import type { WriterTask } from '../chain/effects.ts';
import { hasRelativeLock, isFinalTx, relativeLocksMet } from '../consensus/locktime.ts';
import { COINBASE_MATURITY } from '../consensus/tx.ts';
import type { AcceptContext } from './accept-context.ts';
import type { PoolEntry } from './tx-pool.ts';

/** Without their descendants. Inputs that were never confirmed, or whose transaction came back, are not looked at. */
export function* staleEntries({
  chain,
  coins,
  pool,
}: Pick<AcceptContext, 'chain' | 'coins' | 'pool'>): WriterTask<PoolEntry[]> {
  const { headers } = chain;
  const tip = chain.tip();
  const height = headers.heightOf(tip) + 1;
  const medianTime = headers.medianTimePastOf(tip);
  const entries = [...pool.entries()];
  // Only what these spend can matter: nobody reads the coins of a whole mempool.
  const confirmed = entries
    .filter(dependsOnDepth)
    .flatMap(entry => entry.tx.inputs.map(input => input.prevout))
    .filter(prevout => pool.get(prevout.txid) === undefined);
  const found = new Map<OutPointKey, Coin>();
  const fetched = yield* coins.fetchCoins(confirmed);
  fetched.forEach((coin, i) => {
    if (coin !== undefined) found.set(keyOf(confirmed[i]!), coin);
  });
  return entries.filter(entry => {
    const { tx } = entry;
    if (!isFinalTx(tx, height, medianTime)) return true;
    if (!dependsOnDepth(entry)) return false;
    const spent: { readonly height: number }[] = [];
    for (const { prevout } of tx.inputs) {
      const coin = found.get(keyOf(prevout));
      if (coin === undefined && pool.get(prevout.txid) === undefined) return true;
      if (coin?.isCoinbase && height - coin.height < COINBASE_MATURITY) return true;
      spent.push(coin ?? { height });
    }
    return !relativeLocksMet(tx, spent, tip, headers);
  });
}

/** It matters how deep its coins lie. */
function dependsOnDepth({ tx, spendsCoinbase }: PoolEntry): boolean {
  return spendsCoinbase || hasRelativeLock(tx);
}
