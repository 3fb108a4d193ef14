/**
 * Looking through the last blocks once more: `verifychain`, and the check at each start (Core: CVerifyDB). Levels, each
 * with those below it: 0 the block can be read, 1 it keeps the rules that need nothing else, 2 its undo data can be read,
 * 3 taking it off the coins finds each coin that it made and none that it spent, 4 connecting it again succeeds, scripts
 * included. Levels 3 and 4 work on an overlay; nothing is changed.
 */
import { hashToHex } from '../base/bytes.ts';
import { checkBlock } from '../consensus/block.ts';
import { type Connection, checkConnect } from '../consensus/connect.ts';
import { Reject } from '../consensus/reject.ts';
import { isUnspendable } from '../script/opcodes.ts';
import { StoreError } from '../store/errors.ts';
import type { Block } from '../wire/block.ts';
import { DecodeError } from '../wire/codec.ts';
import type { OutPoint, Transaction } from '../wire/transaction.ts';
import { pathBetween, readBlock, readUndo } from './activate.ts';
import type { ChainState } from './chain-state.ts';
import type { HeaderId } from './chain-view.ts';
import { type Coin, keyAt, keyOf, type OutPointKey, outPointKey } from './coin.ts';
import { isAssumedValid, readCoins } from './connect-block.ts';
import { settle } from './connecting.ts';
import type { ScriptCheck, ScriptFailure, WriterTask } from './effects.ts';
import type { BlockUndo } from './undo.ts';

const CHECK_LEVEL_MAX = 4;
/** Core: DEFAULT_CHECKLEVEL, DEFAULT_CHECKBLOCKS. */
export const CHECK_LEVEL_DEFAULT = 3;
export const CHECK_BLOCKS_DEFAULT = 6;
/** Memory of one coin of the overlay, besides its script (as in coins.ts). */
const OVERLAY_COIN_BYTES = 320;

export interface VerifyOptions {
  readonly level: number;
  /** From the tip down; 0: all. */
  readonly blocks: number;
}

export type VerifyResult =
  | 'good'
  /** Nothing wrong was found as far as blocks are there. */
  | 'blocks missing'
  /** Levels 3 and 4 would have taken more memory than the cache may. */
  | 'no room for coins'
  | 'corrupted';

/** What is found wrong is logged. */
export function* verifyChain(state: ChainState, options: VerifyOptions): WriterTask<VerifyResult> {
  yield* settle(state);
  const check = new Verification(state, options);
  try {
    return yield* check.run();
  } catch (error) {
    if (!(error instanceof Damage)) throw error;
    state.log.warn(`Verification error: ${error.message}`);
    return 'corrupted';
  }
}

/** Found on the disk; it stays inside. */
class Damage extends Error {}

class Verification {
  readonly #state: ChainState;
  readonly #level: number;
  readonly #depth: number;
  readonly #coins = new Map<OutPointKey, Coin | null>();
  #bytes = 0;
  #goodTransactions = 0;
  /** The lowest block whose coins were not as it left them. */
  #unclean: HeaderId | undefined;
  #hasRoom = true;

  constructor(state: ChainState, { level, blocks }: VerifyOptions) {
    this.#state = state;
    this.#level = Math.max(0, Math.min(CHECK_LEVEL_MAX, level));
    this.#depth = blocks <= 0 || blocks > state.height ? state.height : blocks;
  }

  *run(): WriterTask<VerifyResult> {
    const { log } = this.#state;
    if (this.#state.height === 0) return 'good';
    log.info(`Verifying last ${this.#depth} blocks at level ${this.#level}`);
    const bottom = yield* this.#down();
    const { headers, height } = this.#state;
    if (this.#unclean !== undefined) {
      const last = height - headers.heightOf(this.#unclean) + 1;
      throw new Damage(
        `coin database inconsistencies found (last ${last} blocks, ${this.#goodTransactions} good transactions before that)`,
      );
    }
    if (!this.#hasRoom)
      log.warn(
        'Skipped verification of level >=3 (insufficient database cache size). Consider increasing -dbcache.',
      );
    else if (this.#level >= 4) yield* this.#up(bottom);
    const checked = height - headers.heightOf(bottom);
    log.info(`Verification: checked last ${checked} blocks at level ${this.#level}`);
    if (this.#level >= 3 && this.#hasRoom)
      log.info(`Verification: no coin database inconsistencies (${this.#goodTransactions} transactions)`);
    if (!this.#hasRoom) return 'no room for coins';
    return checked < this.#depth ? 'blocks missing' : 'good';
  }

  /** Levels 0 to 3, from the tip; returns the last block that was not looked at. */
  *#down(): WriterTask<HeaderId> {
    const { headers, height, log, assumedBase, tree } = this.#state;
    const mayLack = tree.prune !== undefined || assumedBase !== undefined;
    let id = this.#state.tip();
    for (; headers.heightOf(id) > height - this.#depth; id = headers.parentOf(id)!) {
      if (this.#state.tree.isInterrupted) return id;
      if (!headers.hasData(id) && mayLack) {
        log.info(
          `Block verification stopping at height ${headers.heightOf(id)} (no data). This could be due to pruning or use of an assumeutxo snapshot.`,
        );
        return id;
      }
      const block = yield* this.#read(id);
      if (this.#level >= 1) this.#checkAlone(id, block);
      const undo = this.#level >= 2 ? yield* this.#readUndo(id) : undefined;
      if (this.#level >= 3) yield* this.#takeOff(id, block, undo);
      yield { kind: 'pause' };
    }
    return id;
  }

  *#read(id: HeaderId): WriterTask<Block> {
    try {
      // Without data where there should be some: that is damage as well.
      if (this.#state.headers.hasData(id)) return yield* readBlock(this.#state, id);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#state.log.warn(error.message);
    }
    throw new Damage(`ReadBlock failed at ${this.#describe(id)}`);
  }

  #checkAlone(id: HeaderId, block: Block): void {
    try {
      checkBlock(block, this.#state.params);
    } catch (error) {
      if (!(error instanceof Reject)) throw error;
      throw new Damage(`found bad block at ${this.#describe(id)} (${error.message})`);
    }
  }

  *#readUndo(id: HeaderId): WriterTask<BlockUndo | undefined> {
    if (this.#state.headers.undoPositionOf(id) === undefined) return undefined;
    try {
      return yield* readUndo(this.#state, id);
    } catch (error) {
      if (!(error instanceof StoreError || error instanceof DecodeError)) throw error;
      this.#state.log.warn(error.message);
      throw new Damage(`found bad undo data at ${this.#describe(id)}`);
    }
  }

  *#takeOff(id: HeaderId, block: Block, undo: BlockUndo | undefined): WriterTask<void> {
    const { coins, coinsCacheBytes } = this.#state;
    if (!this.#hasRoom || this.#bytes + coins.bytes > coinsCacheBytes) {
      this.#hasRoom = false;
      return;
    }
    const { transactions } = block;
    const fits =
      undefined !== undo &&
      undo.spent.length === transactions.length - 1 &&
      undo.spent.every((taken, i) => taken.length === transactions[i + 1]!.inputs.length);
    if (!fits) throw new Damage(`irrecoverable inconsistency in block data at ${this.#describe(id)}`);
    yield* this.#loadFor(block);
    const height = this.#state.headers.heightOf(id);
    let isClean = true;
    for (let i = transactions.length - 1; i >= 0; i -= 1) {
      const tx = transactions[i]!;
      if (!this.#takeOutputs(tx, height) && !(tx.isCoinbase && this.#isOverwritten(height, id)))
        isClean = false;
      for (const [j, { prevout }] of i === 0 ? [] : tx.inputs.entries()) {
        const key = keyOf(prevout);
        if (this.#coinAt(key) !== undefined) isClean = false;
        this.#set(key, undo.spent[i - 1]![j]!);
      }
    }
    if (isClean) this.#goodTransactions += transactions.length;
    else {
      this.#goodTransactions = 0;
      this.#unclean = id;
    }
  }

  /** Returns whether all of them were there as the transaction made them. */
  #takeOutputs(tx: Transaction, height: number): boolean {
    let isClean = true;
    for (const [index, { value, scriptPubKey }] of tx.outputs.entries()) {
      if (isUnspendable(scriptPubKey)) continue;
      const key = outPointKey(tx.txid, index);
      const coin = this.#coinAt(key);
      const isSame =
        coin !== undefined &&
        coin.value === value &&
        coin.height === height &&
        coin.isCoinbase === tx.isCoinbase &&
        Buffer.compare(coin.scriptPubKey, scriptPubKey) === 0;
      if (!isSame) isClean = false;
      this.#set(key, null);
    }
    return isClean;
  }

  /** Coinbases of 2010 were repeated: those of the first blocks are gone (Core: DisconnectBlock). */
  #isOverwritten(height: number, id: HeaderId): boolean {
    const { params, headers } = this.#state;
    const again = OVERWRITTEN_HEIGHTS.get(height);
    const hash = again === undefined ? undefined : params.bip30Exceptions.get(again);
    const over = hash === undefined ? undefined : headers.find(hash);
    return over !== undefined && headers.ancestorOf(over, height) === id;
  }

  /** Level 4: from the block above `bottom` to the tip. */
  *#up(bottom: HeaderId): WriterTask<void> {
    const { headers } = this.#state;
    for (const id of pathBetween(this.#state, bottom, this.#state.tip())) {
      if (this.#state.tree.isInterrupted) return;
      const block = yield* this.#read(id);
      try {
        yield* this.#connect(id, block);
      } catch (error) {
        if (!(error instanceof Reject)) throw error;
        throw new Damage(`found unconnectable block at ${this.#describe(id)} (${error.message})`);
      }
      const height = headers.heightOf(id);
      for (const tx of block.transactions) {
        if (!tx.isCoinbase) for (const { prevout } of tx.inputs) this.#set(keyOf(prevout), null);
        for (const [index, { value, scriptPubKey }] of tx.outputs.entries())
          if (!isUnspendable(scriptPubKey))
            this.#set(outPointKey(tx.txid, index), {
              value,
              scriptPubKey,
              height,
              isCoinbase: tx.isCoinbase,
            });
      }
      yield { kind: 'pause' };
    }
  }

  *#connect(id: HeaderId, block: Block): WriterTask<void> {
    const { headers, params } = this.#state;
    const parent = headers.parentOf(id)!;
    yield* this.#loadFor(block);
    const context = {
      headers,
      params,
      coinAt: (bytes: Uint8Array, start: number) => this.#coinAt(keyAt(bytes, start)),
    };
    const { spent, flags }: Connection = checkConnect(block, parent, context);
    if (isAssumedValid(this.#state, id)) return;
    const checks = spent.map(
      (coins, i): ScriptCheck => ({ tx: block.transactions[i + 1]!, spent: coins, flags }),
    );
    if (checks.length === 0) return;
    const failure = (yield { kind: 'checkScripts', checks, signatures: 'reads' }) as
      | ScriptFailure
      | undefined;
    if (failure !== undefined)
      throw new Reject('block-script-verify-flag-failed', { scriptError: failure.error });
  }

  /** Brings what cache and store have of the coins that the block spends and makes into the overlay. */
  *#loadFor({ transactions }: Block): WriterTask<void> {
    const missing: OutPoint[] = [];
    const look = (outPoint: OutPoint) => {
      const key = keyOf(outPoint);
      if (this.#coins.has(key)) return;
      const cached = this.#state.coins.get(outPoint);
      if (cached === undefined) missing.push(outPoint);
      else this.#set(key, cached);
    };
    for (const { txid, inputs, outputs, isCoinbase } of transactions) {
      for (let index = 0; index < outputs.length; index += 1) look({ txid, index });
      if (!isCoinbase) for (const { prevout } of inputs) look(prevout);
    }
    const found = yield* readCoins(this.#state, missing);
    for (const [i, outPoint] of missing.entries()) this.#set(keyOf(outPoint), found[i] ?? null);
  }

  #coinAt(key: OutPointKey): Coin | undefined {
    return this.#coins.get(key) ?? undefined;
  }

  #set(key: OutPointKey, coin: Coin | null): void {
    const before = this.#coins.get(key);
    if (before === undefined) this.#bytes += OVERLAY_COIN_BYTES;
    this.#bytes += (coin?.scriptPubKey.length ?? 0) - (before?.scriptPubKey.length ?? 0);
    this.#coins.set(key, coin);
  }

  #describe(id: HeaderId): string {
    const { headers } = this.#state;
    return `${headers.heightOf(id)}, hash=${hashToHex(headers.hashOf(id))}`;
  }
}

/** Heights of mainnet's coinbases that were overwritten → of those that did it (`bip30Exceptions`). */
const OVERWRITTEN_HEIGHTS: ReadonlyMap<number, number> = new Map([
  [91_722, 91_880],
  [91_812, 91_842],
]);
