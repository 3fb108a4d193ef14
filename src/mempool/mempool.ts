/**
 * The mempool: transactions that could be in the next block. It is part of the one writer: everything that changes it
 * is a task of the writer's queue, and everybody else reads it through `MempoolView`.
 */
import { assert } from '../base/assert.ts';
import { hashToHex, type Txid } from '../base/bytes.ts';
import { type Milliseconds, toUnixSeconds } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { ChainView, HeaderId } from '../chain/chain-view.ts';
import type { ChainNotice } from '../chain/effects.ts';
import type { ScriptCache } from '../chain/script-cache.ts';
import { Reject } from '../consensus/reject.ts';
import { blockScriptFlags } from '../consensus/script-flags.ts';
import type { Block } from '../wire/block.ts';
import type { Transaction } from '../wire/transaction.ts';
import { type Acceptance, type AcceptRules, ALONE, checkAcceptance, checkScripts } from './accept.ts';
import type { AcceptContext, CoinReader } from './accept-context.ts';
import { checkPool, confirmedPrevouts, PoolCheck } from './check-pool.ts';
import { trimmedFor } from './cluster-trim.ts';
import { DisconnectedTxs } from './disconnected-txs.ts';
import type { MempoolTask } from './effects.ts';
import type { MempoolDump } from './mempool-file.ts';
import type {
  Entrance, MempoolEntry, MempoolNotice, MempoolView, PackageResult, RemovalReason, TxResult,
} from './mempool-view.ts'; // biome-ignore format: one list
import type { MempoolOptions } from './options.ts';
import { checkPackage } from './package.ts';
import { PoolReader } from './pool-reader.ts';
import { RollingFee } from './rolling-fee.ts';
import { staleEntries } from './stale.ts';
import { type PackagePool, type SubmitPackageOptions, submitPackage } from './submit-package.ts';
import { type PackageTest, testPackage } from './test-package.ts';
import { areClustersWithinLimits } from './topology.ts';
import {
  childrenFirst, chunkFeeRate, compareMiningOrder, type PoolEntry, withDescendants,
} from './tx-pool.ts'; // biome-ignore format: one list

/** How a transaction came: `local` ones (RPC, wallet) are announced until a peer has asked for them. */
export interface SubmitOptions {
  readonly now: Milliseconds;
  readonly origin: 'local' | 'peer';
  /** Satoshi; a higher fee is taken for a mistake of the user. */
  readonly maxFee?: number;
  /** When it came, if it is read from disk: peers are not told of it. */
  readonly entryTime?: Milliseconds;
}

export class Mempool extends PoolReader implements MempoolView {
  readonly #chain: ChainView;
  readonly #coins: CoinReader;
  readonly #scriptCache: ScriptCache | undefined;
  readonly #log: Log;
  readonly #options: MempoolOptions;
  readonly #unbroadcast = new Set<Txid>();
  /** Satoshi; also for transactions that are not here (yet). */
  readonly #feeDeltas = new Map<Txid, number>();
  readonly #disconnected = new DisconnectedTxs();
  /** Blocks were disconnected since the last change of tip. */
  #isReorganised = false;
  #sequence = 1;
  /** No entry is older: so that looking for what has expired is not a walk through all each time. */
  #oldest = Number.POSITIVE_INFINITY;
  readonly #rollingFee: RollingFee;
  readonly #poolCheck: PoolCheck;
  /** Script rules of the tip's block. */
  #blockRules: { readonly tip: HeaderId; readonly flags: number } | undefined;

  constructor(
    deps: {
      readonly chain: ChainView;
      readonly coins: CoinReader;
      readonly log: Log;
      /** The chain's. */
      readonly scriptCache?: ScriptCache;
    },
    options: MempoolOptions,
  ) {
    super();
    this.#chain = deps.chain;
    this.#coins = deps.coins;
    this.#scriptCache = deps.scriptCache;
    this.#log = deps.log;
    this.#options = options;
    this.#rollingFee = new RollingFee(options.incrementalRelayFeeRate);
    this.#poolCheck = new PoolCheck(options.checkRatio);
  }

  // What everybody may ask.
  get options(): MempoolOptions {
    return this.#options;
  }

  get sequence(): number {
    return this.#sequence;
  }

  unbroadcast(): ReadonlySet<Txid> {
    return this.#unbroadcast;
  }

  /** A peer has asked for it: it is out (Core: RemoveUnbroadcastTx). */
  markBroadcast(txid: Txid): void {
    this.#unbroadcast.delete(txid);
  }

  minFeeRate(now: Milliseconds): number {
    return Math.max(this.poolMinFeeRate(now), this.#options.minRelayFeeRate);
  }

  /** What a full pool demands, decaying after the next block (Core: GetMinFee). */
  poolMinFeeRate(now: Milliseconds): number {
    return this.#rollingFee.feeRate(now, () => this.usage / this.#options.usageMax);
  }

  keepsClusterLimits(tx: Transaction): boolean {
    const candidate = { tx, weight: tx.weight, parents: this.pool.parentsOf(tx) };
    return areClustersWithinLimits([candidate], new Set(), { options: this.#options });
  }

  // What the writer does.
  /** Adds `tx` if it may enter; what it replaces, and what no longer fits, leaves. */
  *submit(tx: Transaction, options: SubmitOptions): MempoolTask<TxResult> {
    const { now, origin, maxFee, entryTime } = options;
    let acceptance: Acceptance;
    try {
      const own = tx.owned();
      acceptance = yield* checkAcceptance(own, this.#context(now), ALONE);
      yield* this.#checkScripts(own, acceptance.coins);
      if (maxFee !== undefined && acceptance.facts.fee > maxFee) throw new Reject('max-fee-exceeded');
    } catch (error) {
      if (error instanceof Reject) return this.#refused(tx, error);
      throw error;
    }
    if (entryTime !== undefined) {
      const { facts } = acceptance;
      acceptance = { ...acceptance, facts: { ...facts, time: entryTime } };
    }
    const replaced = yield* this.#add([acceptance], entryTime === undefined ? 'alone' : 'file');
    if (this.#isLimitDue(now)) yield* this.#limit(now);
    const entry = this.pool.get(tx.txid);
    if (entry === undefined) return this.#refused(tx, new Reject('mempool full'));
    if (origin === 'local') this.#unbroadcast.add(tx.txid);
    return { status: 'accepted', entry, replaced };
  }

  /** Adds a child and its parents, as many of them as may enter. */
  *submitPackage(txs: readonly Transaction[], options: SubmitPackageOptions): MempoolTask<PackageResult> {
    const result = yield* submitPackage(txs, this.#packagePool(options.now), options);
    if (result.reject)
      this.#log.debug('mempoolrej', () => `a package was not accepted: ${result.reject!.message}`);
    return result;
  }

  /** What `submit` would say of each, as if those before it were in. */
  testPackage(txs: readonly Transaction[], now: Milliseconds): MempoolTask<PackageTest> {
    return testPackage(txs, this.#packagePool(now));
  }

  #packagePool(now: Milliseconds): PackagePool {
    const pool = this.pool;
    return {
      getByWtxid: wtxid => pool.getByWtxid(wtxid),
      get: txid => pool.get(txid),
      check: (tx, rules) => checkAcceptance(tx, this.#context(now), rules),
      checkTogether: (members, rules) => checkPackage(members, this.#context(now), rules),
      checkScripts: (tx, spent) => this.#checkScripts(tx, spent),
      add: members => this.#add(members, 'package'),
      limit: () => this.#limit(now),
    };
  }

  /** Lets a transaction, here or to come, count as if it paid `delta` satoshi more (Core: PrioritiseTransaction). */
  prioritise(txid: Txid, delta: number): void {
    const sum = (this.#feeDeltas.get(txid) ?? 0) + delta;
    if (sum === 0) this.#feeDeltas.delete(txid);
    else this.#feeDeltas.set(txid, sum);
    const entry = this.pool.get(txid);
    if (entry) this.pool.setFeeDelta(entry, sum);
  }

  /** As `mempool.dat` holds it, best first. */
  dump(): MempoolDump {
    const entries = [...this.pool.entries()].sort(compareMiningOrder);
    const feeDeltas = new Map(this.#feeDeltas);
    for (const { tx } of entries) feeDeltas.delete(tx.txid);
    return {
      txs: entries.map(({ tx, time, feeDelta }) => ({ tx, time: toUnixSeconds(time), feeDelta })),
      feeDeltas,
      unbroadcast: [...this.#unbroadcast],
    };
  }

  /** Satoshi added by `prioritise`, by transaction. */
  feeDeltas(): ReadonlyMap<Txid, number> {
    return this.#feeDeltas;
  }

  /** It is to be announced until a peer has asked for it (Core: AddUnbroadcastTx). */
  markUnbroadcast(txid: Txid): void {
    if (this.has(txid)) this.#unbroadcast.add(txid);
  }

  /** Follows the chain: call for each of its notices, in order. */
  *onChainNotice(notice: ChainNotice, now: Milliseconds): MempoolTask<void> {
    if (notice.kind === 'blockConnected') yield* this.#tell(this.#blockConnected(notice.block, now));
    else if (notice.kind === 'blockDisconnected')
      yield* this.#blockDisconnected(notice.block, notice.givesBack);
    else if (notice.kind === 'tipChanged') yield* this.#giveBack(now);
  }

  /** After each change of the tip: whether `check` is to follow, as a task of its own. */
  isCheckDue(): boolean {
    return this.#poolCheck.isDue(this.size);
  }

  /** Looks through all of it for what must not be. Throws AssertionError. */
  *check(): MempoolTask<void> {
    const coins = yield* this.#coins.fetchCoins(confirmedPrevouts(this.pool));
    const height = this.#chain.headers.heightOf(this.#chain.tip()) + 1;
    try {
      checkPool(this.pool, this.#options, { coins, height });
    } catch (error) {
      if (!(error instanceof Reject)) throw error;
      assert(false, `all of the mempool could be mined: ${error.message}`);
    }
  }

  /** Drops what has waited too long; call from time to time. */
  *expire(now: Milliseconds): MempoolTask<void> {
    if (!this.#isExpiryDue(now)) return;
    const { expiryMs } = this.#options;
    const old: PoolEntry[] = [];
    this.#oldest = Number.POSITIVE_INFINITY;
    for (const entry of this.pool.entries()) {
      if (entry.time + expiryMs < now) old.push(entry);
      else this.#oldest = Math.min(this.#oldest, entry.time);
    }
    yield* this.#removeAll(withDescendants(old), 'expiry');
  }

  #checkScripts(tx: Transaction, spent: Acceptance['coins']): MempoolTask<void> {
    const { headers, params } = this.#chain;
    const tip = this.#chain.tip();
    if (this.#blockRules?.tip !== tip)
      this.#blockRules = { tip, flags: blockScriptFlags(params, headers.heightOf(tip), headers.hashOf(tip)) };
    const blockFlags = this.#blockRules.flags;
    return checkScripts(tx, spent, { blockFlags, scriptCache: this.#scriptCache });
  }

  #context(now: Milliseconds): AcceptContext {
    return {
      chain: this.#chain,
      coins: this.#coins,
      pool: this.pool,
      options: this.#options,
      now,
      poolMinFeeRate: this.poolMinFeeRate(now),
      sequence: this.#sequence,
      feeDeltas: this.#feeDeltas,
      package: NO_PACKAGE,
    };
  }

  #refused(tx: Transaction, reject: Reject): TxResult {
    this.#log.debug('mempoolrej', () => `${hashToHex(tx.txid)} was not accepted: ${reject.message}`);
    return { status: 'rejected', reject };
  }

  /** Members of a package enter at once, and replace the same. Returns what was replaced. */
  *#add(members: readonly Acceptance[], entrance: Entrance): MempoolTask<MempoolEntry[]> {
    const replaced = members[0]!.replaced;
    if (replaced.size > 0) yield* this.#removeAll(replaced, 'replaced');
    const entries = members.map(({ facts }) => this.pool.add(facts, this.#feeDeltas.get(facts.tx.txid) ?? 0));
    for (const entry of entries) {
      this.#oldest = Math.min(this.#oldest, entry.time);
      this.#sequence += 1;
      yield { kind: 'notifyMempool', notice: { kind: 'txAdded', entry, entrance } };
    }
    return [...replaced];
  }

  /** Children first, so that nobody sees an entry whose parent is gone. */
  *#removeAll(entries: ReadonlySet<PoolEntry>, reason: RemovalReason): MempoolTask<void> {
    yield* this.#tell(this.#drop(entries, reason));
  }

  /** All of them at once, so that nobody sees half of it; returns what listeners are to be told. */
  #drop(entries: ReadonlySet<PoolEntry>, reason: RemovalReason): MempoolNotice[] {
    return childrenFirst(entries).map(entry => this.#dropOne(entry, reason));
  }

  #dropOne(entry: PoolEntry, reason: RemovalReason): MempoolNotice {
    this.pool.remove(entry);
    if (this.#unbroadcast.delete(entry.tx.txid))
      this.#log.debug('mempool', () => `Removed ${hashToHex(entry.tx.txid)} from set of unbroadcast txns before confirmation that txn was sent out`); // biome-ignore format: one line of the log
    if (reason !== 'block') this.#sequence += 1;
    return { kind: 'txRemoved', entry, reason };
  }

  *#tell(notices: readonly MempoolNotice[]): MempoolTask<void> {
    for (const notice of notices) yield { kind: 'notifyMempool', notice };
  }

  /** Returns what listeners are to be told. */
  #blockConnected(block: Block, now: Milliseconds): MempoolNotice[] {
    // Whoever sees the new tip sees the pool without its transactions.
    const notices: MempoolNotice[] = [];
    // While we catch up there is mostly nothing to look for.
    const concerns = this.pool.size > 0 || this.#feeDeltas.size > 0 ? block.transactions : [];
    for (const tx of concerns) {
      const entry = this.pool.get(tx.txid);
      this.#feeDeltas.delete(tx.txid);
      if (entry !== undefined) {
        // Nobody else here spent the same.
        notices.push(this.#dropOne(entry, 'block'));
        continue;
      }
      for (const key of tx.prevoutKeys) {
        const conflict = this.pool.spenderOf(key);
        if (conflict !== undefined) notices.push(...this.#drop(withDescendants([conflict]), 'conflict'));
      }
    }
    this.#disconnected.blockConnected(block);
    this.#rollingFee.blockConnected(now);
    return notices;
  }

  *#blockDisconnected(block: Block, givesBack: boolean): MempoolTask<void> {
    const spends = block.transactions.filter(tx => !tx.isCoinbase);
    if (givesBack) this.#disconnected.add(spends);
    else for (const tx of spends) yield* this.#removeAll(withDescendants(this.#spendersOf(tx)), 'reorg');
    this.#isReorganised = true;
    for (const dropped of this.#disconnected.overflow())
      yield* this.#removeAll(withDescendants(this.#spendersOf(dropped)), 'reorg');
  }

  /** After a reorganisation: what the old branch had confirmed comes back, what no longer holds leaves. */
  *#giveBack(now: Milliseconds): MempoolTask<void> {
    if (!this.#isReorganised) return;
    this.#isReorganised = false;
    for (const tx of this.#disconnected.takeAll()) {
      try {
        const own = tx.detached();
        const acceptance = yield* checkAcceptance(own, this.#context(now), GIVEN_BACK);
        yield* this.#checkScripts(own, acceptance.coins);
        const trimmed = trimmedFor(acceptance.facts, this.#spendersOf(tx), {
          pool: this.pool,
          options: this.#options,
        });
        for (const leaving of trimmed) yield* this.#removeAll(leaving, 'sizelimit');
        yield* this.#add([acceptance], 'reorg');
      } catch (error) {
        if (!(error instanceof Reject)) throw error;
        yield* this.#removeAll(withDescendants(this.#spendersOf(tx)), 'reorg');
      }
    }
    const stale = yield* staleEntries({ chain: this.#chain, coins: this.#coins, pool: this.pool });
    yield* this.#removeAll(withDescendants(stale), 'reorg');
    yield* this.#limit(now);
  }

  /** Entries that spend an output of `tx`, when `tx` itself could not come back. */
  #spendersOf(tx: Transaction): PoolEntry[] {
    return this.pool.get(tx.txid) === undefined ? [...this.pool.spendersOf(tx)] : [];
  }

  #isExpiryDue(now: Milliseconds): boolean {
    return this.#oldest + this.#options.expiryMs < now;
  }

  #isLimitDue(now: Milliseconds): boolean {
    return this.#isExpiryDue(now) || this.usage > this.#options.usageMax;
  }

  /** What has waited too long leaves, then what there is no room for. */
  *#limit(now: Milliseconds): MempoolTask<void> {
    yield* this.expire(now);
    while (this.usage > this.#options.usageMax) {
      const chunk = this.pool.worstChunk();
      if (chunk === undefined) return;
      this.#rollingFee.evicted(chunkFeeRate(chunk));
      yield* this.#removeAll(withDescendants(chunk.txs), 'sizelimit');
    }
  }
}

const GIVEN_BACK: AcceptRules = { ...ALONE, bypassLimits: true };
const NO_PACKAGE: ReadonlyMap<Txid, Transaction> = new Map();
