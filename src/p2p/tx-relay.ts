/**
 * Announcing transactions (Core: the inventory part of SendMessages, InitiateTxBroadcastToAll and FindTxForGetData in
 * src/net_processing.cpp). What the pool accepts is queued for every peer that does not know it, and goes out in batches
 * at random times, so that arrival times tell little about who had it first: outbound peers have a clock each, inbound
 * peers share one for each way in, or one spy with many connections would see through it. The best paying go first,
 * parents before children. A peer gets by `getdata` only what it could have been told of, or what the last block held.
 */
import type { Hash256, Txid, Wtxid } from '../base/bytes.ts';
import { MINUTE_MS, type Milliseconds, SECOND_MS } from '../base/clock.ts';
import { MinHeap } from '../base/heap.ts';
import { randomBelow, randomExponential } from '../base/random.ts';
import type { ChainNotice } from '../chain/effects.ts';
import { feeAt } from '../mempool/fee-rate.ts';
import type { MempoolEntry, MempoolNotice, TxResult } from '../mempool/mempool-view.ts';
import type { Block } from '../wire/block.ts';
import { INV, INV_COUNT_MAX, type InventoryItem, SERVICES } from '../wire/messages.ts';
import { addressKey } from '../wire/net-address.ts';
import type { Transaction } from '../wire/transaction.ts';
import type { Concern, Handlers, P2pContext } from './concern.ts';
import type { PeerId } from './events.ts';
import type { FeeFilters } from './fee-filter.ts';
import { type Holder, KnownTxs } from './known-txs.ts';
import { networkOf } from './netgroup.ts';
import { isInbound, isTxConnection, type Peer, servicesFor } from './peer.ts';
import type { PeerFilters } from './peer-filters.ts';
import type { PeerInfo } from './peer-info.ts';
import { PeerStates } from './peer-states.ts';
import type { RelayStrategy } from './relay-strategy.ts';
import type { TxSource } from './serve.ts';
import type { Alarm, PeerAlarms } from './timers.ts';
import type { Turn } from './turns.ts';
import { hashFor, itemFor } from './tx-item.ts';

/** Mean times between two batches (Core: OUTBOUND_INVENTORY_BROADCAST_INTERVAL, INBOUND_…). */
const OUTBOUND_INTERVAL_MS = 2 * SECOND_MS;
const INBOUND_INTERVAL_MS = 5 * SECOND_MS;
/** Transactions in a batch: 14 a second for five seconds, five more for each thousand that wait (Core: INVENTORY_BROADCAST_TARGET, _MAX). */
const BATCH_TARGET = 70;
const BATCH_PER_THOUSAND = 5;
const BATCH_MAX = 1_000;
/** What nobody asked for is announced again (Core: ReattemptInitialBroadcast): from 10 minutes, and up to 5 more. */
const UNBROADCAST_MIN_MS = 10 * MINUTE_MS;
const UNBROADCAST_SPREAD_MS = 5 * MINUTE_MS;

/** Strikes for all inbound peers of one way in: one alarm, however many of them something waits for. */
interface SharedClock {
  next: Milliseconds;
  readonly waiting: Set<Peer>;
  readonly alarm: Alarm;
}

/** What a peer tells us of itself is taken out of what waits for it as long as that is no more than this. */
const FEW = 64;

interface PeerState {
  readonly holder: Holder;
  /** Absent: nothing. Mostly a single one; what the peer knows by then, or what comes twice, drops out when its batch is made. */
  toSend: Wtxid[] | undefined;
  /** The one that inbound peers share; outbound ones have none but their own. */
  readonly sharedClock: SharedClock | undefined;
  /** The peer's clock. It runs while nothing waits too: only the alarm does not. */
  nextBatch: Milliseconds;
  lastBatch: Milliseconds;
  /** The pool as the last real batch saw it. */
  lastSequence: number;
  wantsAll: boolean;
}

export class TxRelay implements Concern, TxSource {
  readonly #context: P2pContext;
  readonly #feeFilters: FeeFilters;
  readonly #filters: PeerFilters;
  readonly #states: PeerStates<PeerState>;
  /** How many peers there are states of. */
  #listeners = 0;
  /** Set while something waits for a peer that has a clock of its own, or does not wait for one. */
  readonly #alarms: PeerAlarms;
  /** The clocks that inbound peers share, by their way in. */
  readonly #inboundClocks = new Map<string, SharedClock>();
  readonly #known: KnownTxs;
  readonly #strategy: RelayStrategy;
  /** What the strategy holds back, by when it is due; and a waker for the first. */
  readonly #held = new MinHeap<{ readonly id: PeerId; readonly wtxid: Wtxid }>();
  readonly #heldAlarm: Alarm;
  readonly #unbroadcast: Alarm;
  readonly turn: Turn;
  #lastBlock: Block | undefined;
  #lastBlockTxs: Map<Hash256, Transaction> | undefined;

  readonly handlers: Handlers = {
    mempool: (peer, _, now) => this.#wantsAll(peer, now),
  };

  constructor(
    context: P2pContext,
    others: {
      readonly feeFilters: FeeFilters;
      readonly filters: PeerFilters;
      readonly strategy: RelayStrategy;
    },
  ) {
    this.#context = context;
    this.#states = new PeerStates(context, 'tx-relay');
    this.#alarms = context.timers.ofPeers<Peer>((peer, now) =>
      this.#sendBatch(peer, this.#states.get(peer)!, now),
    );
    this.#known = new KnownTxs(context.random);
    this.#strategy = others.strategy;
    this.#heldAlarm = context.timers.alarm(now => this.#releaseHeld(now));
    this.#feeFilters = others.feeFilters;
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
    const state: PeerState = {
      holder: this.#known.join(),
      toSend: undefined,
      sharedClock: isInbound(peer) ? this.#sharedClockOf(peer) : undefined,
      nextBatch: now,
      lastBatch: now,
      lastSequence: this.#context.mempool.sequence,
      wantsAll: false,
    };
    state.nextBatch = this.#drawNext(state, now);
    this.#states.set(peer, state);
    this.#listeners += 1;
  }

  onDisconnected(peer: Peer): void {
    const state = this.#states.get(peer);
    if (!state) return;
    this.#stopWaiting(peer, state);
    this.#known.leave(state.holder);
    this.#states.delete(peer);
    this.#listeners -= 1;
  }

  onMempool(notice: MempoolNotice, now: Milliseconds): void {
    if (notice.kind === 'txAdded') this.announce(notice.entry, now);
  }

  onChain(notice: ChainNotice, now: Milliseconds): void {
    if (notice.kind !== 'blockConnected' || this.#context.chain.isInitialBlockDownload(now)) return;
    this.#lastBlock = notice.block;
    this.#lastBlockTxs = undefined;
  }

  describe(peer: Peer): Partial<PeerInfo> {
    const state = this.#states.get(peer);
    return state ? { lastInvSequence: state.lastSequence, invToSend: state.toSend?.length ?? 0 } : {};
  }

  /** Queues it for those whom the strategy chooses and who do not know it. */
  announce(entry: MempoolEntry, now: Milliseconds): void {
    const { tx } = entry;
    this.#known.announce(tx.wtxid);
    const delayOf = this.#strategy.begin(this.#listeners);
    for (const peer of this.#context.peers.values()) {
      const state = this.#states.get(peer);
      const delay = state && delayOf(peer);
      if (state === undefined || delay === undefined) continue;
      if (!peer.wtxidRelay) this.#known.announce(tx.txid);
      if (this.#known.has(state.holder, hashFor(peer, tx))) continue;
      if (delay === 'at once') {
        this.#queue(peer, state, tx.wtxid, now);
        this.#alarms.set(peer, now);
        this.#strategy.told?.(peer);
      } else if (delay > 0) this.#hold(peer, tx.wtxid, now + delay);
      else this.#queue(peer, state, tx.wtxid, now);
    }
  }

  onTxProcessed(peer: Peer | undefined, _: Transaction, result: TxResult): void {
    if (peer !== undefined && result.status === 'accepted') this.#strategy.delivered?.(peer);
  }

  #queue(peer: Peer, state: PeerState, wtxid: Wtxid, now: Milliseconds): void {
    if (state.toSend === undefined) state.toSend = [wtxid];
    else state.toSend.push(wtxid);
    this.#wakeFor(peer, state, now);
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
      const state = peer && this.#states.get(peer);
      if (state) this.#queue(peer, state, wtxid, now);
    }
  }

  readonly prefers = (peer: Peer): boolean => this.#strategy.prefers?.(peer) === true;

  isKnownTo(peer: Peer, wtxid: Wtxid): boolean {
    const state = this.#states.get(peer);
    return state !== undefined && this.#known.has(state.holder, wtxid);
  }

  /** By `inv` at once, but for what the peer knows or the pool has no more; after it, the peer may ask for them. */
  tell(peer: Peer, wtxids: readonly Wtxid[], now: Milliseconds): void {
    const state = this.#states.get(peer);
    if (!state) return;
    const { mempool, outbox } = this.#context;
    const items: InventoryItem[] = [];
    for (const wtxid of wtxids) {
      const entry = mempool.getByWtxid(wtxid);
      if (!entry || this.#known.has(state.holder, wtxid) || !this.#paysEnough(peer, entry)) continue;
      this.#known.add(state.holder, wtxid);
      items.push({ type: INV.wtx, hash: wtxid });
    }
    if (items.length === 0) return;
    outbox.send(peer, { command: 'inv', items });
    state.lastBatch = now;
    state.lastSequence = mempool.sequence;
  }

  /** The peer has it, by the hash that it uses. */
  markKnown(peer: Peer, hash: Hash256): void {
    const state = this.#states.get(peer);
    if (!state) return;
    this.#known.add(state.holder, hash);
    // Its clock need not strike for what it told us itself.
    const { toSend } = state;
    const at = toSend === undefined || toSend.length > FEW ? -1 : toSend.indexOf(hash as Wtxid);
    if (at < 0) return;
    toSend!.splice(at, 1);
    if (toSend!.length > 0) return;
    state.toSend = undefined;
    if (!state.wantsAll) this.#stopWaiting(peer, state);
  }

  /**
   * The transaction that a `getdata` item of this peer asks for; undefined: say `notfound`; `ignored` where transactions do
   * not flow. What was unbroadcast is so no longer.
   */
  findForServing(peer: Peer, item: InventoryItem, now: Milliseconds): Transaction | undefined | 'ignored' {
    const state = this.#states.get(peer);
    if (!state) return 'ignored';
    const { mempool, outbox } = this.#context;
    const entry =
      item.type === INV.wtx ? mempool.getByWtxid(item.hash as Wtxid) : mempool.get(item.hash as Txid);
    if (entry === undefined || !this.#wasTold(peer, state, entry, now)) return this.#inLastBlock(item.hash);
    if (mempool.unbroadcast().includes(entry.tx.txid))
      outbox.emit({ kind: 'txBroadcast', txid: entry.tx.txid });
    this.#strategy.asked?.(peer);
    return entry.tx;
  }

  /** It was in the pool when the peer's clock last struck. */
  #wasTold(peer: Peer, state: PeerState, entry: MempoolEntry, now: Milliseconds): boolean {
    if (isImmediate(peer) || entry.sequence < state.lastSequence || entry.time < state.lastBatch) return true;
    return !this.#isWaiting(peer, state) && state.nextBatch <= now && entry.time < state.nextBatch;
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
    const state = this.#states.get(peer);
    if (!state) return;
    state.wantsAll = true;
    this.#wakeFor(peer, state, now);
  }

  #wakeFor(peer: Peer, state: PeerState, now: Milliseconds): void {
    if (this.#isWaiting(peer, state)) return;
    if (state.nextBatch <= now) {
      // It has run on unseen, and what was in the pool then counts as told.
      state.lastBatch = state.nextBatch;
      state.nextBatch = this.#drawNext(state, now);
    }
    this.#wait(peer, state, now);
  }

  #isWaiting(peer: Peer, { sharedClock }: PeerState): boolean {
    return sharedClock?.waiting.has(peer) === true || this.#alarms.at(peer) !== undefined;
  }

  /** For its next batch. */
  #wait(peer: Peer, { sharedClock, nextBatch }: PeerState, now: Milliseconds): void {
    if (isImmediate(peer)) this.#alarms.set(peer, now);
    else if (sharedClock === undefined) this.#alarms.set(peer, nextBatch);
    else {
      const { alarm, waiting } = sharedClock;
      waiting.add(peer);
      if (alarm.at === undefined || alarm.at > nextBatch) alarm.set(nextBatch);
    }
  }

  #stopWaiting(peer: Peer, { sharedClock }: PeerState): void {
    this.#alarms.clear(peer);
    if (sharedClock?.waiting.delete(peer) === true && sharedClock.waiting.size === 0)
      sharedClock.alarm.clear();
  }

  #strike({ waiting }: SharedClock, now: Milliseconds): void {
    const peers = [...waiting];
    waiting.clear();
    for (const peer of peers) {
      const state = this.#states.get(peer)!;
      // The clock may have been set back meanwhile.
      if (state.nextBatch > now) this.#wait(peer, state, now);
      else this.#sendBatch(peer, state, now);
    }
  }

  #sharedClockOf(peer: Peer): SharedClock {
    const key = `${networkOf(peer.address, this.#context.options)} ${addressKey(peer.localAddress)}`;
    let clock = this.#inboundClocks.get(key);
    if (clock === undefined) {
      const alarm = this.#context.timers.alarm(now => this.#strike(this.#inboundClocks.get(key)!, now));
      clock = { next: 0, waiting: new Set(), alarm };
      this.#inboundClocks.set(key, clock);
    }
    return clock;
  }

  #drawNext({ sharedClock }: PeerState, now: Milliseconds): Milliseconds {
    const { random } = this.#context;
    if (sharedClock === undefined) return now + randomExponential(random, OUTBOUND_INTERVAL_MS);
    if (sharedClock.next <= now) sharedClock.next = now + randomExponential(random, INBOUND_INTERVAL_MS);
    return sharedClock.next;
  }

  #sendBatch(peer: Peer, state: PeerState, now: Milliseconds): void {
    const { mempool, outbox } = this.#context;
    state.nextBatch = this.#drawNext(state, now);
    if (peer.isSendPaused) {
      this.#wait(peer, state, now);
      return;
    }
    state.sharedClock?.waiting.delete(peer);
    const items: InventoryItem[] = [];
    if (state.wantsAll) this.#takeAll(peer, state, items);
    this.#takeBatch(peer, state, items);
    for (let i = 0; i < items.length; i += INV_COUNT_MAX) {
      const isWhole = items.length <= INV_COUNT_MAX;
      outbox.send(peer, { command: 'inv', items: isWhole ? items : items.slice(i, i + INV_COUNT_MAX) });
    }
    state.lastBatch = now;
    state.lastSequence = mempool.sequence;
    if (state.toSend) this.#wait(peer, state, now);
  }

  /** The answer to `mempool`. */
  #takeAll(peer: Peer, state: PeerState, items: InventoryItem[]): void {
    state.wantsAll = false;
    // All that waits is told now, or is not for this peer.
    state.toSend = undefined;
    for (const entry of this.#context.mempool.entries()) {
      if (this.#paysEnough(peer, entry)) this.#take(peer, state, entry.tx, items);
    }
  }

  #takeBatch(peer: Peer, state: PeerState, items: InventoryItem[]): void {
    const { mempool } = this.#context;
    const { holder, toSend } = state;
    state.toSend = undefined;
    if (toSend === undefined || !peer.relaysTxs) return;
    const waiting: MempoolEntry[] = [];
    for (const wtxid of toSend.length === 1 ? toSend : new Set(toSend)) {
      const entry = mempool.getByWtxid(wtxid);
      if (entry && !this.#known.has(holder, hashFor(peer, entry.tx)) && this.#paysEnough(peer, entry))
        waiting.push(entry);
    }
    if (waiting.length > 1) waiting.sort((a, b) => mempool.compareMiningOrder(a.tx.txid, b.tx.txid));
    const room = Math.min(BATCH_MAX, BATCH_TARGET + Math.floor(toSend.length / 1_000) * BATCH_PER_THOUSAND);
    const end = items.length + room;
    let taken = 0;
    while (taken < waiting.length && items.length < end) {
      this.#take(peer, state, waiting[taken]!.tx, items);
      taken += 1;
    }
    if (taken < waiting.length) state.toSend = waiting.slice(taken).map(({ tx }) => tx.wtxid);
  }

  #take(peer: Peer, { holder }: PeerState, tx: Transaction, items: InventoryItem[]): void {
    if (!this.#filters.isRelevant(peer, tx)) return;
    const item = itemFor(peer, tx);
    this.#known.add(holder, item.hash);
    items.push(item);
  }

  #paysEnough(peer: Peer, entry: MempoolEntry): boolean {
    return entry.fee >= feeAt(this.#feeFilters.rateOf(peer), entry.virtualSize);
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

/** Trusted peers are told at once. */
function isImmediate(peer: Peer): boolean {
  return peer.permissions.has('noban');
}
