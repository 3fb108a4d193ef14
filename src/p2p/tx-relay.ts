/**
 * Announcing transactions (Core: the inventory part of SendMessages, InitiateTxBroadcastToAll and FindTxForGetData in
 * src/net_processing.cpp). What the pool accepts is queued for every peer that does not know it, and goes out in batches
 * at random times, so that arrival times tell little about who had it first: outbound peers have a clock each, inbound
 * peers share one for each way in, or one spy with many connections would see through it. The best paying go first,
 * parents before children. A peer gets by `getdata` only what it could have been told of, or what the last block held.
 */
import type { Hash256, Txid, Wtxid } from '../base/bytes.ts';
import { MINUTE_MS, type Milliseconds } from '../base/clock.ts';
import { MinHeap } from '../base/heap.ts';
import { randomBelow } from '../base/random.ts';
import type { ChainNotice } from '../chain/effects.ts';
import { feeAt } from '../mempool/fee-rate.ts';
import { isNews, type MempoolEntry, type MempoolNotice, type TxResult } from '../mempool/mempool-view.ts';
import type { Block } from '../wire/block.ts';
import { INV, INV_COUNT_MAX, type InventoryItem, SERVICES } from '../wire/messages.ts';
import type { Transaction } from '../wire/transaction.ts';
import type { Concern, Handlers, P2pContext } from './concern.ts';
import type { PeerId } from './events.ts';
import { type Holder, HolderSet, HolderSets } from './holder-sets.ts';
import { InvClocks, isImmediate } from './inv-clocks.ts';
import { KnownTxs } from './known-txs.ts';
import { isTxConnection, type Peer, servicesFor } from './peer.ts';
import type { PeerFilters } from './peer-filters.ts';
import type { PeerInfo } from './peer-info.ts';
import { PeerStates } from './peer-states.ts';
import type { RelayStrategy } from './relay-strategy.ts';
import type { TxSource } from './serve.ts';
import type { Alarm } from './timers.ts';
import type { Turn } from './turns.ts';
import { hashFor, itemFor } from './tx-item.ts';

/** Transactions in a batch: 14 a second for five seconds, five more for each thousand that wait (Core: INVENTORY_BROADCAST_TARGET, _MAX). */
const BATCH_TARGET = 70;
const BATCH_PER_THOUSAND = 5;
const BATCH_MAX = 1_000;
/** What nobody asked for is announced again (Core: ReattemptInitialBroadcast): from 10 minutes, and up to 5 more. */
const UNBROADCAST_MIN_MS = 10 * MINUTE_MS;
const UNBROADCAST_SPREAD_MS = 5 * MINUTE_MS;

export class TxRelay implements Concern, TxSource {
  readonly #context: P2pContext;
  readonly #filters: PeerFilters;
  /** Peers that are told of transactions. */
  readonly #holders: PeerStates<Holder>;
  readonly #clocks: InvClocks;
  readonly #known: KnownTxs;
  /** Who is to be told of what. What the peer knows by then drops out when its batch is made. */
  readonly #waiting = new HolderSets<Wtxid>();
  /** By holder: how many wait for it, and the pool as its last real batch saw it. */
  readonly #waitingCount: number[] = [];
  readonly #lastSequence: number[] = [];
  /** Of all that is in the pool. */
  readonly #wantAll = new HolderSet();
  /** Those who call transactions by their txids. */
  readonly #byTxid = new HolderSet();
  readonly #strategy: RelayStrategy;
  /** What the strategy holds back, by when it is due; and a waker for the first. */
  readonly #held = new MinHeap<{ readonly id: PeerId; readonly wtxid: Wtxid }>();
  readonly #heldAlarm: Alarm;
  readonly #unbroadcast: Alarm;
  readonly turn: Turn;
  #lastBlock: Block | undefined;
  #lastBlockTxs: Map<Hash256, Transaction> | undefined;

  static readonly #handlers: Handlers<TxRelay> = {
    mempool: (self, peer, _, now) => self.#wantsAll(peer, now),
  };

  get handlers(): Handlers<TxRelay> {
    return TxRelay.#handlers;
  }

  constructor(
    context: P2pContext,
    others: {
      readonly filters: PeerFilters;
      readonly strategy: RelayStrategy;
    },
  ) {
    this.#context = context;
    this.#holders = new PeerStates(context, 'tx-relay');
    this.#clocks = new InvClocks(context, this);
    this.#known = new KnownTxs(context.random);
    this.#strategy = others.strategy;
    this.#heldAlarm = context.timers.alarm(now => this.#releaseHeld(now));
    this.#filters = others.filters;
    this.#unbroadcast = context.timers.scheduled(now => this.#broadcastAgain(now));
    this.turn = context.turns.turn();
  }

  onSettled(now: Milliseconds): void {
    if (this.#unbroadcast.at === undefined) this.#scheduleUnbroadcast(now);
  }

  onHandshakeDone(peer: Peer, now: Milliseconds): void {
    const { options } = this.#context;
    // With a bloom filter it may want transactions later, whatever its version said (BIP37).
    const mayWantLater = isTxConnection(peer) && (servicesFor(peer, options) & SERVICES.bloom) !== 0n;
    if (!peer.relaysTxs && !mayWantLater) return;
    const holder = this.#known.join();
    this.#holders.set(peer, holder);
    this.#clocks.join(holder, peer, now);
    this.#waitingCount[holder] = 0;
    this.#lastSequence[holder] = this.#context.mempool.sequence;
    if (!peer.wtxidRelay) this.#byTxid.add(holder);
  }

  onDisconnected(peer: Peer): void {
    const holder = this.#holders.get(peer);
    if (holder === undefined) return;
    this.#clocks.leave(holder);
    this.#waiting.deleteFromAll(holder);
    this.#wantAll.delete(holder);
    this.#byTxid.delete(holder);
    this.#known.leave(holder);
    this.#holders.delete(peer);
  }

  onMempool(notice: MempoolNotice, now: Milliseconds): void {
    if (notice.kind === 'txAdded' && isNews(notice.entrance)) this.announce(notice.entry, now);
  }

  onChain(notice: ChainNotice, now: Milliseconds): void {
    if (notice.kind !== 'blockConnected' || this.#context.chain.isInitialBlockDownload(now)) return;
    this.#lastBlock = notice.block;
    this.#lastBlockTxs = undefined;
  }

  describe(peer: Peer): Partial<PeerInfo> {
    const holder = this.#holders.get(peer);
    if (holder === undefined) return {};
    return { lastInvSequence: this.#lastSequence[holder]!, invToSend: this.#waitingCount[holder]! };
  }

  /** Queues it for those whom the strategy chooses and who do not know it. */
  announce({ tx }: MempoolEntry, now: Milliseconds): void {
    const clocks = this.#clocks;
    this.#known.announce(tx.wtxid);
    if (!this.#byTxid.isEmpty) this.#known.announce(tx.txid);
    const delayOf = this.#strategy.begin(this.#known.count);
    for (let holder = 0; holder < clocks.end; holder += 1) {
      const peer = clocks.peerOf(holder);
      const delay = peer && delayOf(peer);
      if (peer === undefined || delay === undefined) continue;
      if (this.#known.has(holder, this.#byTxid.has(holder) ? tx.txid : tx.wtxid)) continue;
      if (delay === 'at once') {
        this.#add(holder, tx.wtxid);
        clocks.hurry(holder, now);
        this.#strategy.told?.(peer);
      } else if (delay > 0) this.#hold(peer, tx.wtxid, now + delay);
      else this.#queue(holder, tx.wtxid, now);
    }
  }

  onTxProcessed(peer: Peer | undefined, _: Transaction, result: TxResult): void {
    if (peer !== undefined && result.status === 'accepted') this.#strategy.delivered?.(peer);
  }

  #queue(holder: Holder, wtxid: Wtxid, now: Milliseconds): void {
    this.#add(holder, wtxid);
    this.#clocks.wake(holder, now);
  }

  #add(holder: Holder, wtxid: Wtxid): void {
    if (this.#waiting.add(wtxid, holder)) this.#waitingCount[holder]! += 1;
  }

  /** All that waits for it, in order of coming. */
  #takeWaiting(holder: Holder): Wtxid[] {
    if (this.#waitingCount[holder] === 0) return [];
    this.#waitingCount[holder] = 0;
    return this.#waiting.deleteFromAll(holder);
  }

  #hold(peer: Peer, wtxid: Wtxid, at: Milliseconds): void {
    this.#held.push(at, { id: peer.id, wtxid });
    if (this.#heldAlarm.at === undefined) this.#heldAlarm.set(at);
  }

  /** Peers who came to know it meanwhile drop out when their batch is made. */
  #releaseHeld(now: Milliseconds): void {
    for (let at = this.#held.peekKey(); at !== undefined; at = this.#held.peekKey()) {
      if (at > now) {
        this.#heldAlarm.set(at);
        return;
      }
      const { id, wtxid } = this.#held.pop()!;
      const peer = this.#context.peers.get(id);
      const holder = peer && this.#holders.get(peer);
      if (holder !== undefined) this.#queue(holder, wtxid, now);
    }
  }

  readonly prefers = (peer: Peer): boolean => this.#strategy.prefers?.(peer) === true;

  isKnownTo(peer: Peer, wtxid: Wtxid): boolean {
    const holder = this.#holders.get(peer);
    return holder !== undefined && this.#known.has(holder, wtxid);
  }

  /** By `inv` at once, but for what the peer knows or the pool has no more; after it, the peer may ask for them. */
  tell(peer: Peer, wtxids: readonly Wtxid[]): void {
    const holder = this.#holders.get(peer);
    if (holder === undefined) return;
    const { mempool, outbox } = this.#context;
    const items: InventoryItem[] = [];
    for (const wtxid of wtxids) {
      const entry = mempool.getByWtxid(wtxid);
      if (!entry || this.#known.has(holder, wtxid) || !this.#paysEnough(peer, entry)) continue;
      this.#known.add(holder, wtxid);
      items.push({ type: INV.wtx, hash: wtxid });
    }
    if (items.length === 0) return;
    outbox.send(peer, { command: 'inv', items });
    this.#told(holder);
  }

  #told(holder: Holder): void {
    this.#clocks.told(holder);
    this.#lastSequence[holder] = this.#context.mempool.sequence;
  }

  /** The peer has it, by the hash that it uses. */
  markKnown(peer: Peer, hash: Hash256): void {
    const holder = this.#holders.get(peer);
    if (holder === undefined) return;
    this.#known.add(holder, hash);
    if (this.#waitingCount[holder] === 0) return;
    // Its clock need not strike for what it told us itself.
    const wtxid = this.#byTxid.has(holder)
      ? this.#context.mempool.get(hash as Txid)?.tx.wtxid
      : (hash as Wtxid);
    if (wtxid === undefined || !this.#waiting.delete(wtxid, holder)) return;
    this.#waitingCount[holder]! -= 1;
    if (this.#waitingCount[holder] === 0 && !this.#wantAll.has(holder)) this.#clocks.stop(holder);
  }

  /**
   * The transaction that a `getdata` item of this peer asks for; undefined: say `notfound`; `ignored` where transactions do
   * not flow. What was unbroadcast is so no longer.
   */
  findForServing(peer: Peer, item: InventoryItem, now: Milliseconds): Transaction | undefined | 'ignored' {
    const holder = this.#holders.get(peer);
    if (holder === undefined) return 'ignored';
    const { mempool, outbox } = this.#context;
    const entry =
      item.type === INV.wtx ? mempool.getByWtxid(item.hash as Wtxid) : mempool.get(item.hash as Txid);
    if (entry === undefined || !this.#wasTold(peer, holder, entry, now)) return this.#inLastBlock(item.hash);
    if (mempool.unbroadcast().has(entry.tx.txid)) outbox.emit({ kind: 'txBroadcast', txid: entry.tx.txid });
    this.#strategy.asked?.(peer);
    return entry.tx;
  }

  /** It was in the pool when the peer's clock last struck. */
  #wasTold(peer: Peer, holder: Holder, entry: MempoolEntry, now: Milliseconds): boolean {
    if (isImmediate(peer) || entry.sequence < this.#lastSequence[holder]!) return true;
    return entry.time < this.#clocks.lastUnseenOf(holder, now);
  }

  #inLastBlock(hash: Hash256): Transaction | undefined {
    if (!this.#lastBlock) return undefined;
    this.#lastBlockTxs ??= new Map(
      this.#lastBlock.transactions.flatMap(tx => [
        [tx.txid, tx] as [Hash256, Transaction],
        [tx.wtxid, tx] as [Hash256, Transaction],
      ]),
    );
    return this.#lastBlockTxs.get(hash);
  }

  #wantsAll(peer: Peer, now: Milliseconds): void {
    const isOffered = (servicesFor(peer, this.#context.options) & SERVICES.bloom) !== 0n;
    // Without bloom filters (BIP35, BIP111) it is a favour.
    if (!isOffered && !peer.permissions.has('mempool')) {
      if (!peer.permissions.has('noban'))
        this.#context.outbox.disconnect(peer, 'mempool request with bloom filters disabled');
      return;
    }
    if (this.#context.upload.isReached('all', now) && !peer.permissions.has('mempool')) {
      if (!peer.permissions.has('noban'))
        this.#context.outbox.disconnect(peer, 'mempool request with bandwidth limit reached');
      return;
    }
    const holder = this.#holders.get(peer);
    if (holder === undefined) return;
    this.#wantAll.add(holder);
    this.#clocks.wake(holder, now);
  }

  /** For its clocks: sends the holder's batch. */
  strike(holder: Holder, now: Milliseconds): void {
    const peer = this.#clocks.peerOf(holder)!;
    const items: InventoryItem[] = [];
    if (this.#wantAll.delete(holder)) this.#takeAll(peer, holder, items);
    this.#takeBatch(peer, holder, items);
    for (let i = 0; i < items.length; i += INV_COUNT_MAX) {
      const isWhole = items.length <= INV_COUNT_MAX;
      this.#context.outbox.send(peer, { command: 'inv', items: isWhole ? items : items.slice(i, i + INV_COUNT_MAX) }); // biome-ignore format: one step
    }
    this.#told(holder);
    if (this.#waitingCount[holder]! > 0) this.#clocks.wake(holder, now);
  }

  /** The answer to `mempool`. */
  #takeAll(peer: Peer, holder: Holder, items: InventoryItem[]): void {
    // All that waits is told now, or is not for this peer.
    this.#takeWaiting(holder);
    const { mempool } = this.#context;
    const entries = [...mempool.entries()].filter(entry => this.#paysEnough(peer, entry));
    // In the order in which they came, they would tell when.
    entries.sort((a, b) => mempool.compareMiningOrder(a.tx.txid, b.tx.txid));
    for (const { tx } of entries) this.#take(peer, holder, tx, items);
  }

  #takeBatch(peer: Peer, holder: Holder, items: InventoryItem[]): void {
    const { mempool } = this.#context;
    const wtxids = this.#takeWaiting(holder);
    if (!peer.relaysTxs) return;
    const waiting: MempoolEntry[] = [];
    for (const wtxid of wtxids) {
      const entry = mempool.getByWtxid(wtxid);
      if (entry && !this.#known.has(holder, hashFor(peer, entry.tx)) && this.#paysEnough(peer, entry))
        waiting.push(entry);
    }
    if (waiting.length > 1) waiting.sort((a, b) => mempool.compareMiningOrder(a.tx.txid, b.tx.txid));
    const room = Math.min(BATCH_MAX, BATCH_TARGET + Math.floor(wtxids.length / 1_000) * BATCH_PER_THOUSAND);
    const end = items.length + room;
    let taken = 0;
    while (taken < waiting.length && items.length < end) {
      this.#take(peer, holder, waiting[taken]!.tx, items);
      taken += 1;
    }
    for (; taken < waiting.length; taken += 1) this.#add(holder, waiting[taken]!.tx.wtxid);
  }

  #take(peer: Peer, holder: Holder, tx: Transaction, items: InventoryItem[]): void {
    if (!this.#filters.isRelevant(peer, tx)) return;
    const item = itemFor(peer, tx);
    this.#known.add(holder, item.hash);
    items.push(item);
  }

  #paysEnough(peer: Peer, entry: MempoolEntry): boolean {
    return entry.fee >= feeAt(peer.feeFilter, entry.virtualSize);
  }

  #broadcastAgain(now: Milliseconds): void {
    for (const txid of this.#context.mempool.unbroadcast()) {
      const entry = this.#context.mempool.get(txid);
      if (entry) this.announce(entry, now);
    }
    this.#scheduleUnbroadcast(now);
  }

  #scheduleUnbroadcast(now: Milliseconds): void {
    const spread = randomBelow(this.#context.random, UNBROADCAST_SPREAD_MS);
    this.#unbroadcast.set(now + UNBROADCAST_MIN_MS + spread);
  }
}
