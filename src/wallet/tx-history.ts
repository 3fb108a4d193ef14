/**
 * The wallet's transactions, the coins they made and who spends what, kept true through new blocks, reorganisations and
 * the mempool's comings and goings (Core: AddToWalletIfInvolvingMe, MarkConflicted, blockConnected and their
 * neighbours in src/wallet/wallet.cpp).
 *
 * A transaction is kept when it pays to or spends from a script of the wallet. One that double-spends with a block is
 * conflicted, with all its descendants, until that block is disconnected. The state of a transaction is changed here only.
 */
import { assert } from '../base/assert.ts';
import { type BlockHash, bytesToBinary, type Txid } from '../base/bytes.ts';
import type { UnixSeconds } from '../base/clock.ts';
import { keyOf, type OutPointKey, outPointKey } from '../chain/coin.ts';
import { TRUC_VERSION } from '../mempool/topology.ts';
import type { Block } from '../wire/block.ts';
import type { OutPoint, Transaction, TxOutput } from '../wire/transaction.ts';
import { binaryKey, type RecordLog, txRecord } from './records.ts';
import { type TxNotes, type TxState, toRecord, type WalletTx } from './wallet-tx.ts';

/** Blocks that a coinbase waits under (Core: COINBASE_MATURITY), its own not counted. */
const COINBASE_MATURITY = 100;
/** How far in the future a transaction's time may be for newer ones to be shown after it. */
const SMART_TIME_TOLERANCE_S = 300;

/** An output of the wallet, spent or not. */
export interface OwnCoin {
  readonly key: OutPointKey;
  readonly outPoint: OutPoint;
  readonly output: TxOutput;
  readonly wtx: WalletTx;
}

/** `nonmempool`: by a transaction that nobody has but the wallet. */
export type SpentBy = 'unspent' | 'confirmed' | 'mempool' | 'nonmempool';

export interface TxHistoryDeps {
  readonly log: RecordLog;
  isMine(script: Uint8Array): boolean;
  /** A kept transaction pays to this script of the wallet. */
  onReceived(script: Uint8Array): void;
  /** A transaction is kept that spends this, a coin of the wallet or not. */
  onSpent(key: OutPointKey): void;
  readonly onTransaction: ((wtx: WalletTx) => void) | undefined;
}

/** Where a transaction is found, and when. */
export interface Sighting {
  readonly state: TxState;
  readonly now: UnixSeconds;
  /** Of the block it is in. */
  readonly blockTime?: UnixSeconds;
  /** The block is an old one, read again. */
  readonly isRescan?: true;
}

export class TxHistory {
  readonly #deps: TxHistoryDeps;
  readonly #txs = new Map<Txid, WalletTx>();
  /** Ascending by `order`. */
  readonly #ordered: WalletTx[] = [];
  /** Transactions of the wallet that spend an outpoint, whoever owns it. */
  readonly #spenders = new Map<OutPointKey, Txid[]>();
  readonly #coins = new Map<OutPointKey, OwnCoin>();
  /** Scripts of coins that were spent, as latin1 characters. */
  readonly #usedScripts = new Set<string>();
  #height = -1;

  constructor(deps: TxHistoryDeps) {
    this.#deps = deps;
  }

  /** A stored transaction; all are loaded in order of their `order`, and then `refreshCoins` is called. */
  load(wtx: WalletTx): void {
    this.#insert(wtx);
  }

  /** Finds the wallet's coins anew, after it learned of scripts. */
  refreshCoins(): void {
    for (const wtx of this.#ordered) this.#addCoins(wtx);
    for (const wtx of this.#ordered) this.#noteUsedScripts(wtx.tx);
  }

  /** Height of the last block that was taken; −1 before. */
  set height(height: number) {
    this.#height = height;
  }

  get height(): number {
    return this.#height;
  }

  get size(): number {
    return this.#txs.size;
  }

  get(txid: Txid): WalletTx | undefined {
    return this.#txs.get(txid);
  }

  /** From the oldest. */
  get ordered(): readonly WalletTx[] {
    return this.#ordered;
  }

  coins(): Iterable<OwnCoin> {
    return this.#coins.values();
  }

  coin(key: OutPointKey): OwnCoin | undefined {
    return this.#coins.get(key);
  }

  spendersOf(key: OutPointKey): readonly Txid[] {
    return this.#spenders.get(key) ?? [];
  }

  isUsedScript(script: Uint8Array): boolean {
    return this.#usedScripts.has(bytesToBinary(script));
  }

  /** Confirmations; negative for how deep the conflict is buried. */
  depthOf({ state }: WalletTx): number {
    if (state.kind === 'confirmed') return this.#height - state.height + 1;
    return state.kind === 'conflicted' ? -(this.#height - state.height + 1) : 0;
  }

  isImmature(wtx: WalletTx): boolean {
    return wtx.tx.isCoinbase && COINBASE_MATURITY + 1 - this.depthOf(wtx) > 0;
  }

  howSpent(key: OutPointKey): SpentBy {
    let spent: SpentBy = 'unspent';
    for (const txid of this.spendersOf(key)) {
      const spender = this.#txs.get(txid)!;
      if (spender.state.kind === 'confirmed') return 'confirmed';
      if (spender.state.kind === 'inMempool') spent = 'mempool';
      else if (isLive(spender) && spent === 'unspent') spent = 'nonmempool';
    }
    return spent;
  }

  /** Satoshi of the wallet's coins that it spends. */
  debitOf(tx: Transaction): number {
    return tx.inputs.reduce(
      (sum, { prevout }) => sum + (this.#coins.get(keyOf(prevout))?.output.value ?? 0),
      0,
    );
  }

  isFromMe(tx: Transaction): boolean {
    return tx.inputs.some(({ prevout }) => (this.#coins.get(keyOf(prevout))?.output.value ?? 0) > 0);
  }

  /** Keeps the transaction if it concerns the wallet, or takes note of its new state. Returns whether it does. */
  see(tx: Transaction, sighting: Sighting): boolean {
    const { state } = sighting;
    if (state.kind === 'confirmed') this.#markConflicts(tx, state);
    const known = this.#txs.has(tx.txid);
    if (!known && !tx.outputs.some(output => this.#deps.isMine(output.scriptPubKey)) && !this.isFromMe(tx)) {
      return false;
    }
    for (const output of tx.outputs) {
      if (this.#deps.isMine(output.scriptPubKey)) this.#deps.onReceived(output.scriptPubKey);
    }
    this.add(tx, sighting);
    return true;
  }

  /** Keeps the transaction without asking whether it concerns the wallet. */
  add(tx: Transaction, sighting: Sighting, notes: TxNotes = {}): WalletTx {
    let wtx = this.#txs.get(tx.txid);
    if (wtx === undefined) {
      const order = (this.#ordered.at(-1)?.order ?? -1) + 1;
      wtx = {
        tx: tx.detached(),
        state: sighting.state,
        timeReceived: sighting.now,
        timeSmart: this.#smartTime(sighting),
        order,
        comment: notes.comment,
        commentTo: notes.commentTo,
        replaces: notes.replaces,
        replacedBy: undefined,
        mempoolConflicts: new Set(),
      };
      this.#insert(wtx);
      for (const key of wtx.tx.prevoutKeys) this.#deps.onSpent(key);
      this.#noteUsedScripts(wtx.tx);
      this.#addCoins(wtx);
      this.#save(wtx);
    } else if (!sameState(wtx.state, sighting.state)) this.#setState(wtx, sighting.state);
    // A coinbase outside the chain is worth nothing to anybody, nor is what spends it.
    if (tx.isCoinbase && wtx.state.kind === 'inactive') this.#abandon(wtx.tx.txid, () => true);
    this.#deps.onTransaction?.(wtx);
    return wtx;
  }

  blockConnected(block: Block, height: number, now: UnixSeconds, kind: 'new' | 'rescan' = 'new'): boolean {
    if (kind === 'new') this.#height = height;
    let concerns = false;
    for (const [indexInBlock, tx] of block.transactions.entries()) {
      const state: TxState = { kind: 'confirmed', height, blockHash: block.header.hash, indexInBlock };
      const rescan = kind === 'rescan' ? { isRescan: true as const } : {};
      const found = this.see(tx, { state, now, blockTime: block.header.time, ...rescan });
      if (found && kind === 'new') this.transactionRemoved(tx);
      concerns ||= found;
    }
    return concerns;
  }

  blockDisconnected(block: Block, height: number, now: UnixSeconds): void {
    for (const [index, tx] of block.transactions.entries()) {
      // What the mempool takes back is told by the mempool.
      this.see(tx, { state: { kind: 'inactive', abandoned: index === 0 }, now });
      for (const { prevout } of tx.inputs) {
        for (const txid of this.spendersOf(keyOf(prevout))) {
          this.#updateDescendants(txid, wtx => {
            if (wtx.state.kind !== 'conflicted' || wtx.state.height < height) return false;
            this.#setState(wtx, { kind: 'inactive', abandoned: false });
            return true;
          });
        }
      }
    }
    this.#height = height - 1;
  }

  transactionAdded(tx: Transaction, now: UnixSeconds): void {
    this.see(tx, { state: { kind: 'inMempool' }, now });
    const { txid } = tx;
    this.#forRivals(tx, isUnconfirmed, wtx => {
      if (wtx.mempoolConflicts.has(txid)) return false;
      wtx.mempoolConflicts.add(txid);
      return true;
    });
  }

  transactionRemoved(tx: Transaction): void {
    const wtx = this.#txs.get(tx.txid);
    if (wtx?.state.kind === 'inMempool') this.#setState(wtx, { kind: 'inactive', abandoned: false });
    this.#forRivals(
      tx,
      () => true,
      rival => rival.mempoolConflicts.delete(tx.txid),
    );
  }

  /** States of blocks that are in the active chain no more (after a start) are forgotten. */
  dropStaleStates(isActive: (hash: BlockHash) => boolean): void {
    for (const wtx of this.#ordered) {
      const { state } = wtx;
      if ((state.kind === 'confirmed' || state.kind === 'conflicted') && !isActive(state.blockHash)) {
        this.#setState(wtx, { kind: 'inactive', abandoned: wtx.tx.isCoinbase });
      }
    }
  }

  /** Frees the inputs of a transaction that is neither in a block nor in the mempool; false when it is. */
  abandon(txid: Txid): boolean {
    const { state } = this.#mustGet(txid);
    if (state.kind !== 'inactive') return false;
    this.#abandon(txid, wtx => wtx.state.kind === 'inactive' && !wtx.state.abandoned);
    return true;
  }

  markReplaced(txid: Txid, by: Txid): void {
    const wtx = this.#mustGet(txid);
    wtx.replacedBy = by;
    this.#save(wtx);
  }

  /** Other transactions of the wallet that spend an input of `tx`, without those that are abandoned. */
  conflictsOf(tx: Transaction): Set<Txid> {
    const conflicts = new Set<Txid>();
    if (tx.isCoinbase) return conflicts;
    for (const { prevout } of tx.inputs) {
      const spenders = this.spendersOf(keyOf(prevout));
      for (const txid of spenders) if (txid !== tx.txid) conflicts.add(txid);
    }
    return conflicts;
  }

  #insert(wtx: WalletTx): void {
    const { tx } = wtx;
    this.#txs.set(tx.txid, wtx);
    this.#ordered.push(wtx);
    if (tx.isCoinbase) return;
    for (const { prevout } of tx.inputs) {
      const key = keyOf(prevout);
      const spenders = this.#spenders.get(key);
      if (spenders === undefined) this.#spenders.set(key, [tx.txid]);
      else spenders.push(tx.txid);
    }
  }

  #addCoins(wtx: WalletTx): void {
    for (const [index, output] of wtx.tx.outputs.entries()) {
      if (!this.#deps.isMine(output.scriptPubKey)) continue;
      const key = outPointKey(wtx.tx.txid, index);
      if (this.#coins.has(key)) continue;
      this.#coins.set(key, { key, outPoint: { txid: wtx.tx.txid, index }, output, wtx });
    }
  }

  #noteUsedScripts(tx: Transaction): void {
    for (const { prevout } of tx.inputs) {
      const coin = this.#coins.get(keyOf(prevout));
      if (coin !== undefined) this.#usedScripts.add(bytesToBinary(coin.output.scriptPubKey));
    }
  }

  #markConflicts(tx: Transaction, { height, blockHash }: TxState & { kind: 'confirmed' }): void {
    if (tx.isCoinbase) return;
    for (const { prevout } of tx.inputs) {
      for (const txid of this.spendersOf(keyOf(prevout))) {
        if (txid === tx.txid) continue;
        this.#updateDescendants(txid, wtx => {
          // The deeper the block, the surer the conflict.
          if (-(this.#height - height + 1) >= this.depthOf(wtx)) return false;
          this.#setState(wtx, { kind: 'conflicted', height, blockHash });
          return true;
        });
      }
    }
  }

  /**
   * Every transaction that cannot be in the mempool with `tx`, and on to its descendants where `update` changed something:
   * other spenders of its inputs, and in version 3, where a parent has one child only (BIP431), other children of these
   * parents.
   */
  #forRivals(
    tx: Transaction,
    hasOneChild: (parent: WalletTx) => boolean,
    update: (wtx: WalletTx) => boolean,
  ): void {
    if (tx.isCoinbase) return;
    const contested = new Set(tx.prevoutKeys);
    for (const { prevout } of tx.version === TRUC_VERSION ? tx.inputs : []) {
      const parent = this.#txs.get(prevout.txid);
      if (parent === undefined || !hasOneChild(parent)) continue;
      for (let i = 0; i < parent.tx.outputs.length; i += 1) contested.add(outPointKey(prevout.txid, i));
    }
    for (const key of contested) {
      for (const txid of this.spendersOf(key)) {
        if (txid !== tx.txid) this.#updateDescendants(txid, update);
      }
    }
  }

  #abandon(txid: Txid, applies: (wtx: WalletTx) => boolean): void {
    this.#updateDescendants(txid, wtx => {
      if (!applies(wtx)) return false;
      this.#setState(wtx, { kind: 'inactive', abandoned: true });
      return true;
    });
  }

  #updateDescendants(first: Txid, update: (wtx: WalletTx) => boolean): void {
    const queue = [first];
    const seen = new Set<Txid>(queue);
    for (let txid = queue.pop(); txid !== undefined; txid = queue.pop()) {
      const wtx = this.#mustGet(txid);
      if (!update(wtx)) continue;
      for (let index = 0; index < wtx.tx.outputs.length; index += 1) {
        for (const child of this.spendersOf(outPointKey(txid, index))) {
          if (!seen.has(child)) {
            seen.add(child);
            queue.push(child);
          }
        }
      }
    }
  }

  #setState(wtx: WalletTx, state: TxState): void {
    if (sameState(wtx.state, state)) return;
    wtx.state = state;
    this.#save(wtx);
  }

  #save(wtx: WalletTx): void {
    this.#deps.log.put(binaryKey('tx', wtx.tx.txid), txRecord, toRecord(wtx));
  }

  #mustGet(txid: Txid): WalletTx {
    const wtx = this.#txs.get(txid);
    assert(wtx !== undefined, 'the transaction is one of the wallet');
    return wtx;
  }

  /** When the transaction shall be shown to have happened (Core: ComputeTimeSmart). */
  #smartTime({ now, blockTime, isRescan }: Sighting): UnixSeconds {
    if (blockTime === undefined) return now;
    if (isRescan) return blockTime;
    let latestNow = now;
    let latestEntry = 0;
    const newest = this.#ordered.findLast(({ timeSmart }) => timeSmart <= now + SMART_TIME_TOLERANCE_S);
    if (newest !== undefined) {
      latestEntry = newest.timeSmart;
      latestNow = Math.max(now, newest.timeSmart);
    }
    return Math.max(latestEntry, Math.min(blockTime, latestNow));
  }
}

function isUnconfirmed({ state }: WalletTx): boolean {
  return state.kind === 'inMempool' || (state.kind === 'inactive' && !state.abandoned);
}

function isLive(wtx: WalletTx): boolean {
  return wtx.state.kind === 'inactive' && !wtx.state.abandoned && wtx.mempoolConflicts.size === 0;
}

function sameState(a: TxState, b: TxState): boolean {
  if (a.kind === 'confirmed' && b.kind === 'confirmed') {
    return a.blockHash === b.blockHash && a.indexInBlock === b.indexInBlock;
  }
  if (a.kind === 'conflicted' && b.kind === 'conflicted') return a.blockHash === b.blockHash;
  if (a.kind === 'inactive' && b.kind === 'inactive') return a.abandoned === b.abandoned;
  return a.kind === b.kind;
}
