/**
 * Blocks on their way to becoming the tip. Connecting a block has two halves, so that one block's scripts are checked
 * while the next is already being looked at:
 *
 * - *begin*: its rules are checked against the coins, the coins change, and its scripts go to the workers;
 * - *settle*, strictly in the order of the chain: the verdict is awaited, the undo data stored, the tip moves, and
 *   everybody is told. A block whose scripts fail is taken off the coins again, with all that were begun on top of it.
 *
 * Between the two, nobody sees the block as connected: views and notices know only the tip, and nothing is flushed.
 * Whatever else reads or changes the coins must settle first.
 */
import { assert } from '../base/assert.ts';
import { hashToHex } from '../base/bytes.ts';
import type { Milliseconds } from '../base/clock.ts';
import type { Reject } from '../consensus/reject.ts';
import type { Block } from '../wire/block.ts';
import { VALID_SCRIPTS } from './block-status.ts';
import type { ChainState, Connecting, ConnectOptions } from './chain-state.ts';
import type { HeaderId } from './chain-view.ts';
import { applyBlock, fitBlock, scriptReject, storeUndo, unapplyBlock } from './connect-block.ts';
import type { BegunScripts, ScriptFailure, WriterTask } from './effects.ts';

/** Blocks that may be on their way. */
const BLOCKS_MAX = 16;
/**
 * Their bytes on the wire, unless there are but two of them. Enough to keep all cores busy; what is on its way longer than
 * that only grows old in memory, where a garbage collector is slow to find it (decoded it takes ten times as much).
 */
const BLOCK_BYTES_MAX = 512 * 1024;
const BLOCKS_MIN = 2;

/** Another block may be begun before the first is settled. */
export function hasRoom({ connecting }: ChainState): boolean {
  let bytes = 0;
  for (const { block } of connecting) bytes += block.raw.length;
  return connecting.length < BLOCKS_MIN || (connecting.length < BLOCKS_MAX && bytes < BLOCK_BYTES_MAX);
}

/** First half. The coins must stand at the block's parent. Throws Reject, and then changes nothing. */
export function* beginConnect(
  state: ChainState,
  id: HeaderId,
  block: Block,
  options: ConnectOptions,
): WriterTask<Connecting> {
  const { headers, coins } = state;
  const parent = headers.parentOf(id);
  assert(parent === state.coinsTip() && headers.hashOf(parent) === coins.bestBlock, 'coins stand at the parent'); // biome-ignore format: one rule
  const { undo, checks } = yield* fitBlock(state, id, block);
  const begun =
    checks.length === 0
      ? undefined
      : ((yield { kind: 'beginScripts', checks, signatures: 'reads' }) as BegunScripts);
  applyBlock(state, block, headers.heightOf(id), { overwrites: false });
  coins.bestBlock = headers.hashOf(id);
  const entry: Connecting = { id, block, undo, checks, begun, options, outcome: 'open' };
  state.connecting.push(entry);
  return entry;
}

/** Lets others run until it is this block's turn, then settles it and what is before it. */
export function* standAside(state: ChainState, entry: Connecting): WriterTask<void> {
  const { begun } = entry;
  if (begun?.verdict instanceof Promise || state.connecting[0] !== entry) yield { kind: 'standAside', begun };
  while (entry.outcome === 'open') yield* settleFirst(state);
}

/** Second half, of all that were begun. */
export function* settle(state: ChainState): WriterTask<void> {
  while (state.connecting.length > 0) yield* settleFirst(state);
}

/** Second half, of the lowest block. */
export function* settleFirst(state: ChainState): WriterTask<void> {
  const { headers, connecting } = state;
  const first = connecting[0]!;
  const { id, begun, block, undo } = first;
  const failure =
    begun === undefined ? undefined : ((yield { kind: 'awaitScripts', begun }) as ScriptFailure | undefined);
  assert(connecting[0] === first, 'nobody else settles meanwhile');
  if (failure !== undefined) {
    takeBack(state);
    first.outcome = 'invalid';
    yield* refuse(state, id, scriptReject(first.checks, failure));
    return;
  }
  yield* storeUndo(state, id, undo);
  headers.raiseValidity(id, VALID_SCRIPTS);
  connecting.shift();
  first.outcome = 'connected';
  state.pushTip(id);
  state.pruneCandidatesInTurn();
  if (state.target === undefined)
    yield { kind: 'notify', notice: { kind: 'blockConnected', id, block, undo } };
  else yield { kind: 'notify', notice: { kind: 'historyMoved', tip: id } };
  if (first.options.tellsTip === 'each') yield* tellTip(state, headers.parentOf(id)!, first.options.now);
}

/** A block cannot be connected: it is remembered, with all that stand on it, as invalid. */
export function* refuse(state: ChainState, id: HeaderId, reason: Reject): WriterTask<void> {
  const hash = state.headers.hashOf(id);
  const where = `${hashToHex(hash)} at height ${state.headers.heightOf(id)}`;
  state.log.warn(`Block validation error: ${reason.message}, block ${where}`);
  state.tree.markInvalid(id, state.tip());
  state.tree.invalidReasons.set(id, reason);
  yield { kind: 'notify', notice: { kind: 'blockInvalid', hash, reason } };
}

/** The tip has moved, from a chain that has `fork` in common with the new one. */
export function* tellTip(state: ChainState, fork: HeaderId, now: Milliseconds): WriterTask<void> {
  logTip(state);
  if (state.target !== undefined) return;
  state.isInitialBlockDownload(now);
  yield { kind: 'notify', notice: { kind: 'tipChanged', tip: state.tip(), fork } };
}

/** Takes all blocks that were begun off the coins, which stand at the tip then. */
function takeBack(state: ChainState): void {
  const { connecting, coins, headers } = state;
  for (const each of connecting.toReversed()) {
    unapplyBlock(state, each.block, each.undo);
    each.outcome = 'dropped';
  }
  connecting.length = 0;
  coins.bestBlock = headers.hashOf(state.tip());
}

/** The line that rigs for Core wait for (validation.cpp: UpdateTipLog). */
function logTip(state: ChainState): void {
  const { headers, log } = state;
  const tip = state.tip();
  const work = Math.log2(Number(headers.chainWorkOf(tip))).toFixed(6);
  const version = (headers.versionOf(tip) >>> 0).toString(16).padStart(8, '0');
  const prefix = state.target === undefined ? '' : '[background validation] ';
  log.info(
    `${prefix}UpdateTip: new best=${hashToHex(headers.hashOf(tip))} height=${state.height} version=0x${version} ` +
      `log2_work=${work} tx=${headers.chainTxCountOf(tip)} ` +
      `cache=${(state.coins.bytes / 1024 / 1024).toFixed(1)}MiB(${state.coins.size}txo)`,
  );
}
