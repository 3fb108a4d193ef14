/**
 * The mempools need not be the same for the chains to agree, but what each says of further transactions depends on them.
 * Where they differ (after `invalidateblock`, Core can drop a transaction by a relative lock that it computed for a longer
 * chain, though it would take it again at once), each is given what only the other has.
 */
import { hexToBytes } from '../../src/base/bytes.ts';
import { keyOf } from '../../src/consensus/coin.ts';
import { decodeTransaction } from '../../src/wire/transaction.ts';
import type { RegtestNode } from '../regtest/process.ts';
import type { NodePair } from './nodes.ts';

/** Of `sendrawtransaction`, in coins: no output is refused because nobody can spend it. */
export const BURN_MAX = 21_000_000;
/** Parents and children come in any order: each pass takes one generation at least. */
const PASSES = 3;

/** Returns the keys of coins that only one of them spends even then: nothing can be asked about these. */
export async function levelMempools({ ours, core }: NodePair): Promise<ReadonlySet<string>> {
  for (let pass = 0; pass < PASSES; pass += 1) {
    await give(ours, core);
    await give(core, ours);
  }
  const left = [...(await onlyIn(ours, core)), ...(await onlyIn(core, ours))];
  return new Set(
    left.flatMap(hex => decodeTransaction(hexToBytes(hex)).inputs.map(({ prevout }) => keyOf(prevout))),
  );
}

async function give(from: RegtestNode, to: RegtestNode): Promise<void> {
  for (const hex of await onlyIn(from, to))
    await to.rpc('sendrawtransaction', hex, 0, BURN_MAX).catch(() => {});
}

/** In hex. */
async function onlyIn(node: RegtestNode, other: RegtestNode): Promise<string[]> {
  const known = new Set(await other.rpc<string[]>('getrawmempool'));
  const txids = (await node.rpc<string[]>('getrawmempool')).filter(txid => !known.has(txid));
  return Promise.all(txids.map(txid => node.rpc<string>('getrawtransaction', txid)));
}
