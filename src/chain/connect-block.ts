/**
 * One block onto the coins and off again (Core: ConnectBlock, DisconnectBlock, UpdateCoins). The rules themselves are
 * in consensus/connect.ts; here their input is gathered, in one read of the store, and their outcome applied. When that
 * happens, and what becomes of a block whose scripts fail, is connecting.ts's to say.
 */
import { assert } from '../base/assert.ts';
import { hashToHex, type Txid } from '../base/bytes.ts';
import { type Connection, checkConnect, needsOverwriteCheck } from '../consensus/connect.ts';
import { blockProof } from '../consensus/pow.ts';
import { Reject } from '../consensus/reject.ts';
import { isUnspendable } from '../script/opcodes.ts';
import { StoreError } from '../store/errors.ts';
import type { Block } from '../wire/block.ts';
import { encode } from '../wire/codec.ts';
import type { OutPoint } from '../wire/transaction.ts';
import type { ChainState } from './chain-state.ts';
import type { HeaderId } from './chain-view.ts';
import type { Coin } from './coin.ts';
import { coinRecordKeyFor, decodeCoin } from './coin-records.ts';
import type { FilePosition, ScriptCheck, ScriptFailure, WriterTask } from './effects.ts';
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
  const cached = outPoints.map(outPoint => coins.get(outPoint));
  const missing = outPoints.filter(({ txid, index }) => !coins.isKnown(txid, index));
  const found = (yield* readCoins(state, missing)).values();
  return outPoints.map(({ txid, index }, i) =>
    coins.isKnown(txid, index) ? (cached[i] ?? undefined) : found.next().value,
  );
}

/** Spends and makes the block's coins. `overwrites`: some of that may have been done before. */
export function applyBlock(
  { coins }: ChainState,
  { transactions }: Block,
  height: number,
  { overwrites }: { readonly overwrites: boolean },
): void {
  for (const tx of transactions) {
    const { isCoinbase, txid, outputs } = tx;
    if (!isCoinbase) for (const { prevout } of tx.inputs) coins.spend(prevout.txid, prevout.index);
    // Coinbases of 2010 were repeated, which overwrote the first one's coin.
    const options = { overwrites: overwrites || isCoinbase };
    for (let index = 0; index < outputs.length; index += 1) {
      const { value, scriptPubKey } = outputs[index]!;
      if (!isUnspendable(scriptPubKey))
        coins.add(txid, index, { value, scriptPubKey, height, isCoinbase }, options);
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
    spent.every((taken, i) => taken.length === transactions[i + 1]!.inputs.length);
  if (!fits) {
    throw new StoreError('corrupted', `The undo data of block ${hashToHex(header.hash)} is another block's`);
  }
  for (let i = transactions.length - 1; i >= 0; i -= 1) {
    const tx = transactions[i]!;
    tx.outputs.forEach(({ scriptPubKey }, index) => {
      if (!isUnspendable(scriptPubKey)) coins.spend(tx.txid, index);
    });
    if (i === 0) continue;
    tx.inputs.forEach(({ prevout }, j) => {
      // The store may still have it, so it is not fresh.
      coins.add(prevout.txid, prevout.index, spent[i - 1]![j]!, { overwrites: true });
    });
  }
}

function* checkCoins(state: ChainState, parent: HeaderId, block: Block): WriterTask<Connection> {
  const { headers, params, coins } = state;
  const wanted = unknownCoins(state, parent, block);
  const found = yield* readCoins(state, wanted);
  found.forEach((coin, i) => {
    if (coin !== undefined) coins.load(wanted[i]!, coin);
  });
  return checkConnect(block, parent, {
    headers,
    params,
    coinAt: outPoint => coins.get(outPoint) ?? undefined,
  });
}

/** Of what the block spends of its ancestors' coins and, where the rules ask for it, could overwrite: what the cache does not know. */
function unknownCoins({ headers, params, coins }: ChainState, parent: HeaderId, block: Block): OutPoint[] {
  const unknown: OutPoint[] = [];
  const made = new Set<Txid>();
  const overwrites = needsOverwriteCheck(block.header.hash, parent, { headers, params });
  for (const tx of block.transactions) {
    if (!tx.isCoinbase) {
      for (const { prevout } of tx.inputs)
        if (!coins.isKnown(prevout.txid, prevout.index) && !made.has(prevout.txid)) unknown.push(prevout);
    }
    const { txid } = tx;
    for (let index = 0; overwrites && index < tx.outputs.length; index += 1)
      if (!coins.isKnown(txid, index)) unknown.push({ txid, index });
    made.add(txid);
  }
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
