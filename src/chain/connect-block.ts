/**
 * One block onto the coins and off again (Core: ConnectBlock, DisconnectBlock, UpdateCoins). The rules themselves are
 * in consensus/connect.ts; here their input is gathered, in one read of the store, and their outcome applied. When that
 * happens, and what becomes of a block whose scripts fail, is connecting.ts's to say.
 */
import { assert } from '../base/assert.ts';
import { hashToHex } from '../base/bytes.ts';
import { BlockTxids } from '../consensus/block-txids.ts';
import { type Connection, checkConnect, needsOverwriteCheck } from '../consensus/connect.ts';
import { blockProof } from '../consensus/pow.ts';
import { Reject } from '../consensus/reject.ts';
import { isUnspendableBetween } from '../script/opcodes.ts';
import { StoreError } from '../store/errors.ts';
import type { Block } from '../wire/block.ts';
import { encode } from '../wire/codec.ts';
import type { OutPoint } from '../wire/transaction.ts';
import { OUTPOINT_BYTES, putIndex, putOutPoint } from '../wire/tx-cursors.ts';
import type { ChainState } from './chain-state.ts';
import type { HeaderId } from './chain-view.ts';
import type { Coin } from './coin.ts';
import { coinRecordKeyAt, coinRecordKeyFor, decodeCoin } from './coin-records.ts';
import type { FilePosition, ScriptCheck, ScriptFailure, WriterTask } from './effects.ts';
import { OutPointList } from './out-point-list.ts';
import { type BlockUndo, blockUndo } from './undo.ts';

/** So much work behind a block, in seconds of mining it, makes it too dear to have its scripts skipped wrongly. */
const BURIED_SECONDS = 2n * 7n * 24n * 60n * 60n;

/** What is known of a block that fits onto the coins, before its scripts were run. */
export interface Fit {
  readonly undo: BlockUndo;
  /** None for a block whose scripts are assumed to be valid. */
  readonly checks: readonly ScriptCheck[];
}

/** Checks the block against the coins, which stand at its parent, but for its scripts. Throws Reject. Changes nothing. */
export function* fitBlock(state: ChainState, id: HeaderId, block: Block): WriterTask<Fit> {
  const parent = state.headers.parentOf(id);
  assert(parent !== undefined, 'genesis is not connected');
  const { spent, flags } = yield* checkCoins(state, parent, block);
  return {
    undo: { spent },
    checks: isAssumedValid(state, id) ? [] : scriptChecks(state, block, spent, flags),
  };
}

/** Gives back what the block, the tip, took and takes what it gave. */
export function disconnectBlock(state: ChainState, id: HeaderId, block: Block, undo: BlockUndo): void {
  const { headers, coins } = state;
  const parent = headers.parentOf(id);
  assert(parent !== undefined && coins.bestBlock === headers.hashOf(id), 'coins stand at the block');
  unapplyBlock(state, block, undo);
  coins.bestBlock = headers.hashOf(parent);
}

/** All that `connectBlock` checks, for a block that is not in the tree and names the tip as its parent. */
export function* checkOntoTip(state: ChainState, block: Block): WriterTask<void> {
  const { spent, flags } = yield* checkCoins(state, state.tip(), block);
  const checks = scriptChecks(state, block, spent, flags);
  if (checks.length === 0) return;
  // It will come again, as a block (Core: fCacheResults).
  const failure = (yield { kind: 'checkScripts', checks, signatures: 'keeps' }) as ScriptFailure | undefined;
  if (failure !== undefined) throw scriptReject(checks, failure);
}

/** Coins of the active chain; undefined where spent or never made. Reads past the cache, which blocks alone fill. */
export function* fetchCoins(
  state: ChainState,
  outPoints: readonly OutPoint[],
): WriterTask<(Coin | undefined)[]> {
  const { coins, connecting } = state;
  assert(connecting.length === 0, 'coins stand at the tip');
  const known: (Coin | null | undefined)[] = [];
  const missing: OutPoint[] = [];
  for (const outPoint of outPoints) {
    const coin = coins.get(outPoint);
    known.push(coin);
    if (coin === undefined && !coins.isKnown(outPoint)) missing.push(outPoint);
  }
  const read = yield* readCoins(state, missing);
  let next = 0;
  for (let i = 0; i < known.length; i += 1) {
    if (known[i] !== undefined) continue;
    known[i] = read[next];
    next += 1;
  }
  return known.map(coin => coin ?? undefined);
}

/** Spends and makes the block's coins. `overwrites`: some of that may have been done before. */
export function applyBlock(
  { coins }: ChainState,
  { transactions }: Block,
  height: number,
  { overwrites }: { readonly overwrites: boolean },
): void {
  const outPoint = new Uint8Array(OUTPOINT_BYTES);
  for (const tx of transactions) {
    const { isCoinbase } = tx;
    if (!isCoinbase)
      for (const input = tx.inputCursor(); input.next(); ) coins.spendAt(input.bytes, input.start);
    putOutPoint(outPoint, 0, tx.txid, 0);
    const output = tx.outputCursor();
    for (let index = 0; output.next(); index += 1) {
      if (isUnspendableBetween(output.bytes, output.scriptStart, output.scriptEnd)) continue;
      putIndex(outPoint, 0, index);
      coins.addAt(outPoint, 0, {
        coin: { value: output.value, height, isCoinbase },
        script: output,
        // Coinbases of 2010 were repeated, which overwrote the first one's coin.
        overwrites: overwrites || isCoinbase,
      });
    }
  }
}

/** The opposite; also right where only some of the block had been applied. Throws StoreError for foreign undo data. */
export function unapplyBlock(
  { coins }: ChainState,
  { header, transactions }: Block,
  { spent }: BlockUndo,
): void {
  const fits =
    spent.length === transactions.length - 1 &&
    spent.every((taken, i) => taken.length === transactions[i + 1]!.inputCount);
  if (!fits) {
    throw new StoreError('corrupted', `The undo data of block ${hashToHex(header.hash)} is another block's`);
  }
  for (let i = transactions.length - 1; i >= 0; i -= 1) {
    const tx = transactions[i]!;
    const output = tx.outputCursor();
    for (let index = 0; output.next(); index += 1)
      if (!isUnspendableBetween(output.bytes, output.scriptStart, output.scriptEnd))
        coins.spend({ txid: tx.txid, index });
    if (i === 0) continue;
    tx.inputs.forEach(({ prevout }, j) => {
      // The store may still have it, so it is not fresh.
      coins.add(prevout, spent[i - 1]![j]!, { overwrites: true });
    });
  }
}

function* checkCoins(state: ChainState, parent: HeaderId, block: Block): WriterTask<Connection> {
  const { headers, params, coins } = state;
  const txids = new BlockTxids(block);
  const wanted = unknownCoins(state, parent, block, txids);
  if (wanted.size > 0) {
    const keys = Array.from({ length: wanted.size }, (_, i) =>
      coinRecordKeyAt(wanted.bytes, i * OUTPOINT_BYTES),
    );
    const records = (yield { kind: 'readCoins', store: state.store, keys }) as (Uint8Array | undefined)[];
    records.forEach((record, i) => {
      if (record !== undefined) coins.loadAt(wanted.bytes, i * OUTPOINT_BYTES, decodeCoin(record));
    });
  }
  const coinAt = (bytes: Uint8Array, start: number) => coins.getAt(bytes, start) ?? undefined;
  return checkConnect(block, parent, { headers, params, coinAt }, txids);
}

/** Of what the block spends of its ancestors' coins and, where the rules ask for it, could overwrite: what the cache does not know. */
function unknownCoins(
  { headers, params, coins }: ChainState,
  parent: HeaderId,
  block: Block,
  txids: BlockTxids,
): OutPointList {
  const unknown = new OutPointList(block.transactions.reduce((sum, tx) => sum + tx.inputCount + tx.outputCount, 0)); // biome-ignore format: one step
  const overwrites = needsOverwriteCheck(block.header.hash, parent, { headers, params });
  const made = new Uint8Array(OUTPOINT_BYTES);
  block.transactions.forEach((tx, position) => {
    if (!tx.isCoinbase) {
      for (const input = tx.inputCursor(); input.next(); ) {
        const { bytes, start } = input;
        if (coins.isKnownAt(bytes, start)) continue;
        const madeBy = txids.find(bytes, start);
        if (madeBy < 0 || madeBy >= position) unknown.push(bytes, start);
      }
    }
    if (!overwrites) return;
    putOutPoint(made, 0, tx.txid, 0);
    for (let index = 0; index < tx.outputCount; index += 1) {
      putIndex(made, 0, index);
      if (!coins.isKnownAt(made, 0)) unknown.push(made, 0);
    }
  });
  return unknown;
}

/** What the store has, in the order asked. */
export function* readCoins(
  { store }: ChainState,
  outPoints: readonly OutPoint[],
): WriterTask<(Coin | undefined)[]> {
  if (outPoints.length === 0) return [];
  const keys = outPoints.map(({ txid, index }) => coinRecordKeyFor(txid, index));
  const records = (yield { kind: 'readCoins', store, keys }) as (Uint8Array | undefined)[];
  return records.map(record => record && decodeCoin(record));
}

/** What was not run with these very flags before. */
function scriptChecks(
  { tree: { scriptCache } }: ChainState,
  { transactions }: Block,
  spent: Connection['spent'],
  flags: number,
): ScriptCheck[] {
  const checks: ScriptCheck[] = [];
  spent.forEach((coins, i) => {
    const tx = transactions[i + 1]!;
    if (!scriptCache?.has(tx.wtxid, flags)) checks.push({ tx, spent: coins, flags });
  });
  return checks;
}

export function scriptReject(checks: readonly ScriptCheck[], failure: ScriptFailure): Reject {
  const { tx } = checks[failure.check]!;
  const { prevout } = tx.inputs[failure.input]!;
  const detail =
    `input ${failure.input} of ${hashToHex(tx.txid)} (wtxid ${hashToHex(tx.wtxid)}), ` +
    `spending ${hashToHex(prevout.txid)}:${prevout.index}`;
  return new Reject('block-script-verify-flag-failed', { detail, scriptError: failure.error });
}

export function* storeUndo({ headers }: ChainState, id: HeaderId, undo: BlockUndo): WriterTask<void> {
  // Connected before: the same undo data is there already.
  if (headers.undoPositionOf(id) !== undefined) return;
  const parentHash = headers.hashOf(headers.parentOf(id)!);
  const { file } = headers.dataPositionOf(id)!;
  const raw = encode(blockUndo, undo);
  headers.setUndo(id, (yield { kind: 'appendUndo', file, raw, parentHash }) as FilePosition);
}

/**
 * Whether the block's scripts need no check, because it is an ancestor of one that many have checked, and so deep
 * below the best header that faking that would cost two weeks of mining (Core: ConnectBlock).
 */
export function isAssumedValid(state: ChainState, id: HeaderId): boolean {
  const { headers } = state;
  const { assumedValidBlock, bestHeader, minimumChainWork } = state.tree;
  const assumed = assumedValidBlock === null ? undefined : headers.find(assumedValidBlock);
  if (assumed === undefined || !isAncestor(state, id, assumed) || !isAncestor(state, id, bestHeader))
    return false;
  const bestWork = headers.chainWorkOf(bestHeader);
  if (bestWork < minimumChainWork) return false;
  const workAbove = bestWork - headers.chainWorkOf(id);
  const secondsAbove =
    (workAbove * BigInt(state.params.powTargetSpacing)) / blockProof(headers.bitsOf(bestHeader));
  return secondsAbove > BURIED_SECONDS;
}

function isAncestor({ headers }: ChainState, id: HeaderId, of: HeaderId): boolean {
  const height = headers.heightOf(id);
  return height <= headers.heightOf(of) && headers.ancestorOf(of, height) === id;
}
