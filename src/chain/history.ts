/**
 * Two chainstates (Core: assumeutxo, MaybeValidateSnapshot in validation.cpp). A snapshot's coins are taken on trust in a
 * hash that the network's file names, and the node lives on the chain above them at once. The other chainstate, the
 * *history*, meanwhile connects all blocks from genesis up to the snapshot's; when it gets there, its coins must have that
 * hash too. Then the snapshot's chainstate is the only one; the files change places at the next start.
 */
import { assert } from '../base/assert.ts';
import { type BlockHash, type Hash256, hashToHex } from '../base/bytes.ts';
import type { Milliseconds } from '../base/clock.ts';
import { StoreError } from '../store/errors.ts';
import type { Block } from '../wire/block.ts';
import { activateBestChain } from './activate.ts';
import type { ChainState } from './chain-state.ts';
import type { HeaderId } from './chain-view.ts';
import { settle } from './connecting.ts';
import type { WriterTask } from './effects.ts';
import { flush } from './flush.ts';
import { addAllCandidates } from './invalidate.ts';

const LOCK_NAME = 'history below the snapshot';

/** Goes on towards the snapshot's block. Returns true when all is validated. Throws StoreError when the snapshot is wrong. */
export function* extendHistory(
  history: ChainState,
  current: ChainState,
  now: Milliseconds,
  block?: Block,
): WriterTask<boolean> {
  const { headers, tree, target } = history;
  assert(target !== undefined, 'a history has an end');
  yield* activateBestChain(history, now, block);
  // While this task stood aside another one has brought it to its end.
  if (!tree.followers.has(history)) return false;
  const { storedBlock } = history.coins;
  const stored = storedBlock === undefined ? 0 : headers.heightOf(headers.find(storedBlock)!);
  tree.pruneLocks.set(LOCK_NAME, { first: stored, firstOnDisk: stored });
  if (headers.isInvalid(target)) yield* giveUp(history, current);
  if (history.tip() !== target) return false;
  yield* complete(history, current, now);
  tree.pruneLocks.delete(LOCK_NAME);
  return true;
}

/** `id` is a block whose coins a snapshot holds: those above it may be connected although it is not there itself. */
export function assumeBase({ headers, params, tree }: ChainState, id: HeaderId): void {
  const known = params.assumeUtxo.find(({ blockHash }) => blockHash === headers.hashOf(id));
  assert(known !== undefined, 'only known snapshots are taken');
  if (headers.hasChainData(id)) return;
  headers.setConnectable(id, known.chainTxCount, tree.nextSequence);
  tree.nextSequence += 1;
}

function* complete(history: ChainState, current: ChainState, now: Milliseconds): WriterTask<void> {
  const { headers, params, log, tree } = history;
  yield* settle(history);
  yield* flush(history, now);
  const base: BlockHash = headers.hashOf(history.tip());
  const known = params.assumeUtxo.find(({ blockHash }) => blockHash === base);
  log.info(
    '[snapshot] computing UTXO stats for background chainstate to validate snapshot - this could take a few minutes',
  );
  const hash = (yield { kind: 'hashCoins', store: history.store }) as Hash256;
  if (hash !== known?.hashSerialized) {
    log.warn(
      `[snapshot] hash mismatch: actual=${hashToHex(hash)}, expected=${known && hashToHex(known.hashSerialized)}`,
    );
    yield* giveUp(history, current);
  }
  log.info(`[snapshot] snapshot beginning at ${hashToHex(base)} has been fully validated`);
  yield { kind: 'judgeSnapshot', verdict: 'valid' };
  tree.followers.delete(history);
  current.assumedBase = undefined;
  // Branches from below the snapshot may be taken now.
  addAllCandidates(current);
}

function* giveUp(history: ChainState, current: ChainState): WriterTask<never> {
  yield { kind: 'judgeSnapshot', verdict: 'invalid' };
  throw new StoreError(
    'corrupted',
    `Failed to validate the UTXO snapshot: a hardware problem, a bug, or a changed program. The node stops using any state ` +
      `that was built on the snapshot, resetting the chain height from ${current.height} to ${history.height}. ` +
      `On the next restart, the node will resume syncing from ${history.height} without any snapshot data. ` +
      'The snapshot is left on disk, as chainstate_snapshot_INVALID.',
  );
}
