/**
 * What must hold of the header tree and of the chains on it, whatever happened (Core: ChainstateManager::CheckBlockIndex, with
 * `-checkblockindex`). A header lies behind its parent, so one walk in order sees every path from genesis.
 *
 * Not looked for, because it is not so here: candidates that are worse than the tip. They are thrown out now and then only.
 */
import { assert } from '../base/assert.ts';
import { FAILED, HAVE_DATA, HAVE_UNDO, VALID_MASK, VALID_SCRIPTS, VALID_TRANSACTIONS, VALID_TREE } from './block-status.ts'; // biome-ignore format: one list
import type { BlockTree } from './block-tree.ts';
import type { ChainState } from './chain-state.ts';
import type { HeaderId } from './chain-view.ts';

/** Up to so many headers for each look that is due; of a larger tree it is due less often, so that a block costs no more. */
const HEADERS_PER_CHANCE = 512;

/** What some block on the path from genesis, or from a snapshot's block, up to a block itself lacks. */
const LACKS_DATA = 1;
const NEVER_HAD_DATA = 2;
const LACKS_SCRIPTS = 4;

/** Looks at one in `ratio` of its chances; 0: never. */
export class BlockTreeCheck {
  readonly #ratio: number;
  #chances = 0;

  constructor(ratio: number) {
    this.#ratio = ratio;
  }

  /** A task has ended. Throws AssertionError. */
  chance(tree: BlockTree, states: readonly ChainState[]): void {
    if (this.#ratio === 0) return;
    this.#chances += 1;
    if (this.#chances < this.#ratio * Math.ceil(tree.headers.size / HEADERS_PER_CHANCE)) return;
    this.#chances = 0;
    checkBlockTree(tree, states);
  }
}

/** `states`: all chainstates, that which everybody sees last. Throws AssertionError. */
export function checkBlockTree(tree: BlockTree, states: readonly ChainState[]): void {
  const { headers } = tree;
  // Block files are being read: what they say is half known.
  if (tree.isImporting || !states.every(state => state.hasTip)) return;
  for (const state of states) checkActiveChain(state);
  const base = states.at(-1)?.snapshotBase;
  const bestWork = headers.chainWorkOf(tree.bestHeader);
  assert(!headers.isInvalid(tree.bestHeader), 'the best header is not invalid');
  const lacks: number[] = [];
  let unlinked = 0;
  for (const id of headers.ids()) {
    const parent = headers.parentOf(id);
    checkPlace(tree, id, parent);
    lacks[id] = ownLacks(tree, id) | (parent === undefined || parent === base ? 0 : lacks[parent]!);
    checkData(tree, id, lacks[id]!, id === base);
    assert(headers.isInvalid(id) || headers.chainWorkOf(id) <= bestWork, 'no valid header has more work than the best one'); // biome-ignore format: one rule
    if (isUnlinked(tree, id, parent)) unlinked += 1;
    checkWaiting(tree, id, lacks[id]!, isUnlinked(tree, id, parent));
    for (const state of states) checkCandidate(state, id, lacks[id]!, isUnlinked(tree, id, parent));
  }
  let noted = 0;
  for (const children of tree.unlinked.values()) noted += children.length;
  assert(noted === unlinked, 'what waits for a block waits once, and for its parent');
}

function checkActiveChain(state: ChainState): void {
  const { headers } = state;
  for (let height = 0; height <= state.height; height += 1) {
    const id = state.atHeight(height)!;
    assert(headers.heightOf(id) === height, 'the active chain has one block for each height');
    assert(headers.parentOf(id) === state.atHeight(height - 1), 'each stands on the one before it');
  }
  assert(state.candidates.has(state.tip()), 'there is always the tip to go back to');
  let below = state.tip();
  for (const { id } of state.connecting) {
    assert(headers.parentOf(id) === below, 'what is being connected stands on the tip, one on another');
    below = id;
  }
  assert(state.coins.bestBlock === headers.hashOf(below), 'the coins stand where the chain does');
}

function checkPlace({ headers, params }: BlockTree, id: HeaderId, parent: HeaderId | undefined): void {
  if (parent === undefined) {
    assert(id === 0, 'only genesis has no parent');
    assert(headers.hashOf(id) === params.genesis.header.hash, 'genesis is the one of this chain');
    return;
  }
  const height = headers.heightOf(id);
  assert(parent < id, 'a header comes after its parent');
  assert(height === headers.heightOf(parent) + 1, 'a header stands one above its parent');
  assert(headers.ancestorOf(id, height - 1) === parent, 'the links lead back to the parent');
  assert(headers.chainWorkOf(id) > headers.chainWorkOf(parent), 'each block adds work');
  assert(headers.isInvalid(id) || !headers.isInvalid(parent), 'what stands on an invalid block is invalid');
}

function ownLacks({ headers }: BlockTree, id: HeaderId): number {
  const status = headers.statusOf(id);
  const isConnected = id === 0 || (status & VALID_MASK) >= VALID_SCRIPTS;
  return (
    ((status & HAVE_DATA) === 0 ? LACKS_DATA : 0) |
    (headers.txCountOf(id) === 0 ? NEVER_HAD_DATA : 0) |
    (isConnected ? 0 : LACKS_SCRIPTS)
  );
}

function checkData({ headers, hasPruned }: BlockTree, id: HeaderId, lacks: number, isBase: boolean): void {
  const status = headers.statusOf(id);
  const validity = status & VALID_MASK;
  const txCount = headers.txCountOf(id);
  const chainTxCount = headers.chainTxCountOf(id);
  const parent = headers.parentOf(id);
  const hasData = (status & HAVE_DATA) !== 0;
  assert(validity >= VALID_TREE, 'a header in the tree was checked');
  assert(hasData || (status & HAVE_UNDO) === 0, 'undo data lies beside its block');
  assert(hasData ? txCount > 0 : hasPruned || txCount === 0, 'transactions are counted when the block is stored'); // biome-ignore format: one rule
  assert(
    validity >= VALID_TRANSACTIONS === txCount > 0,
    'a block whose transactions are counted was checked',
  );
  assert(isBase || (lacks & NEVER_HAD_DATA) === 0 === chainTxCount > 0, 'a chain is counted when all of it was there'); // biome-ignore format: one rule
  assert(chainTxCount > 0 || headers.sequenceOf(id) <= 0, 'the order of arrival is known of whole chains');
  assert(validity < VALID_SCRIPTS || (lacks & LACKS_SCRIPTS) === 0, 'what was connected stands on what was connected'); // biome-ignore format: one rule
  if (isBase) assert(chainTxCount > 0, 'a snapshot tells how many transactions are below it');
  else if (chainTxCount > 0) {
    const before = parent === undefined ? 0 : headers.chainTxCountOf(parent);
    assert(chainTxCount === before + txCount, 'transactions of a chain add up');
  }
}

function isUnlinked(tree: BlockTree, id: HeaderId, parent: HeaderId | undefined): boolean {
  return parent !== undefined && tree.unlinked.size > 0 && tree.unlinked.get(parent)?.includes(id) === true;
}

/** A stored block waits exactly as long as an ancestor is missing. */
function checkWaiting({ headers }: BlockTree, id: HeaderId, lacks: number, waits: boolean): void {
  const isStored = headers.hasData(id);
  assert(!waits || isStored, 'what waits for an ancestor is stored itself');
  assert(!waits || (lacks & LACKS_DATA) !== 0, 'what waits for an ancestor misses one');
  const mustWait = isStored && id !== 0 && (lacks & NEVER_HAD_DATA) !== 0 && !headers.isInvalid(id);
  assert(waits || !mustWait, 'a block whose ancestor never came waits for it');
}

function checkCandidate(state: ChainState, id: HeaderId, lacks: number, waits: boolean): void {
  const { headers, target, assumedBase } = state;
  const isCandidate = state.candidates.has(id);
  if (isCandidate) {
    assert((headers.statusOf(id) & FAILED) === 0, 'an invalid block is no candidate');
    assert(headers.hasChainData(id), 'a block whose ancestors never came is no candidate');
    return;
  }
  if (headers.isBetter(state.tip(), id) || headers.isInvalid(id)) return;
  if ((lacks & NEVER_HAD_DATA) !== 0) return;
  if (target !== undefined && !headers.isAncestor(id, target)) return;
  if (assumedBase !== undefined && !headers.isAncestor(assumedBase, id)) return;
  // What stands on a deleted block was a candidate until that was noticed.
  assert((lacks & LACKS_DATA) !== 0 && waits, 'every block that could be the tip is a candidate');
}
