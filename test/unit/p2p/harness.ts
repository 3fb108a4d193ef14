/**
 * One or more concerns in virtual time, without the manager: real outbox, timers, address book and penalties; a chain that
 * is nothing but its tip's age, and a pool that is a Map.
 */
import type { Hash256, Txid, Wtxid } from '../../../src/base/bytes.ts';
import { SILENT_LOG } from '../../../src/base/log.ts';
import { SeededRandom } from '../../../src/base/random.ts';
import type { ChainView, HeaderAcceptor } from '../../../src/chain/chain-view.ts';
import type { ChainNotice } from '../../../src/chain/effects.ts';
import { networkParams } from '../../../src/consensus/networks.ts';
import { Reject, type RejectReason } from '../../../src/consensus/reject.ts';
import type {
  MempoolEntry,
  MempoolView,
  PackageResult,
  RemovalReason,
} from '../../../src/mempool/mempool-view.ts';
import { AddressBook } from '../../../src/p2p/address-book.ts';
import { Bans } from '../../../src/p2p/bans.ts';
import type { Concern, P2pContext, P2pOptions } from '../../../src/p2p/concern.ts';
import type { ConnectionType, P2pEffect, PeerId, Permission } from '../../../src/p2p/events.ts';
import { Outbox } from '../../../src/p2p/outbox.ts';
import { createPeer, type Peer, type PeerRecord } from '../../../src/p2p/peer.ts';
import { Penalties } from '../../../src/p2p/penalty.ts';
import { Timers } from '../../../src/p2p/timers.ts';
import { Turns } from '../../../src/p2p/turns.ts';
import { UploadTarget } from '../../../src/p2p/upload-target.ts';
import type { Command, Message, MessageOf } from '../../../src/wire/messages.ts';
import type { NetAddress } from '../../../src/wire/net-address.ts';
import type { Transaction } from '../../../src/wire/transaction.ts';
import { address, START } from './support.ts';

class TestPool {
  readonly byTxid = new Map<Txid, MempoolEntry>();
  readonly byWtxid = new Map<Wtxid, MempoolEntry>();
  sequence = 1;
  minFee = 100;
  readonly waiting = new Set<Txid>();

  readonly view = {
    options: { minRelayFeeRate: 100 },
    has: (txid: Txid) => this.byTxid.has(txid),
    get: (txid: Txid) => this.byTxid.get(txid),
    getByWtxid: (wtxid: Wtxid) => this.byWtxid.get(wtxid),
    entries: () => this.byTxid.values(),
    // By fee alone: enough to see that an order is kept.
    compareMiningOrder: (a: Txid, b: Txid) => this.byTxid.get(b)!.fee - this.byTxid.get(a)!.fee,
    minFeeRate: () => this.minFee,
    unbroadcast: () => this.waiting,
  } as unknown as MempoolView;

  constructor() {
    Object.defineProperty(this.view, 'sequence', { get: () => this.sequence });
  }

  add(tx: Transaction, time: number, fee = 1_000): MempoolEntry {
    const entry = {
      tx,
      fee,
      modifiedFee: fee,
      weight: tx.weight,
      virtualSize: tx.virtualSize,
      sigopCost: 0,
      time,
      entryHeight: 0,
      sequence: this.sequence,
      spendsCoinbase: false,
      chunkFeeRate: 0,
    };
    this.sequence += 1;
    this.byTxid.set(tx.txid, entry);
    this.byWtxid.set(tx.wtxid, entry);
    return entry;
  }

  remove(tx: Transaction): void {
    this.byTxid.delete(tx.txid);
    this.byWtxid.delete(tx.wtxid);
    this.sequence += 1;
  }
}

export interface PeerShape {
  readonly type?: ConnectionType;
  readonly address?: NetAddress;
  readonly permissions?: readonly Permission[];
  readonly services?: bigint;
  readonly relaysTxs?: boolean;
  readonly wtxidRelay?: boolean;
  readonly sendAddrV2?: boolean;
  readonly attempt?: number;
  readonly seenAs?: NetAddress;
}

export class Harness {
  now = START;
  isSyncing = false;
  readonly pool = new TestPool();
  readonly peers = new Map<PeerId, Peer>();
  readonly context: P2pContext;
  readonly outbox = new Outbox();
  readonly timers = new Timers();
  /** All effects so far, with when they were wanted. */
  readonly log: { at: number; effect: P2pEffect }[] = [];
  #concerns: readonly Concern[] = [];
  #nextPeer = 0;
  #steadyAhead = 0;

  constructor(seed: number, options: Partial<P2pOptions> = {}) {
    const random = new SeededRandom(seed);
    const all: P2pOptions = {
      userAgent: '/Test:1/',
      services: 0x409n,
      blocksOnly: false,
      privateNetwork: false,
      peerTimeoutMs: 60_000,
      ...options,
    } as P2pOptions;
    const chain = {
      params: networkParams('regtest'),
      headers: { timeOf: () => Math.floor(this.now / 1000) - 60, heightOf: () => 1 },
      tip: () => 0,
      isInitialBlockDownload: () => this.isSyncing,
      history: () => undefined,
    } as unknown as ChainView & HeaderAcceptor;
    const { outbox, peers, timers } = this;
    this.context = {
      chain,
      mempool: this.pool.view,
      random,
      log: SILENT_LOG,
      options: all,
      outbox,
      timers,
      turns: new Turns(),
      peers,
      privatePeers: new Map(),
      penalties: new Penalties({ outbox, log: SILENT_LOG, random, peers }),
      bans: new Bans(),
      upload: new UploadTarget(0),
      addressBook: new AddressBook({ random }, all),
    };
  }

  use(...concerns: readonly Concern[]): void {
    this.#concerns = concerns;
    this.#settle();
  }

  /** A peer whose handshake is done. */
  connect(shape: PeerShape = {}): Peer {
    const id = this.#nextPeer;
    this.#nextPeer += 1;
    const type = shape.type ?? 'outbound-full-relay';
    const connected = {
      kind: 'connected',
      peer: id,
      type,
      address: shape.address ?? address(`20.${id % 250}.${Math.floor(id / 250)}.1`),
      localAddress: address('9.9.9.9'),
      permissions: [...(shape.permissions ?? [])],
      ...(shape.attempt !== undefined && { attempt: shape.attempt }),
    } as const;
    const peer: PeerRecord = {
      ...createPeer(connected, this.now),
      version: 70_016,
      theirVersion: 70_016,
      services: shape.services ?? 0x409n,
      hasWantedServices: true,
      isPreferredDownload: type !== 'inbound',
      startHeight: 0,
      seenAs: shape.seenAs,
      relaysTxs: shape.relaysTxs ?? type !== 'block-relay-only',
      wtxidRelay: shape.wtxidRelay ?? true,
      sendAddrV2: shape.sendAddrV2 ?? true,
    };
    this.peers.set(id, peer);
    for (const c of this.#concerns) c.onConnected?.(peer, this.now);
    if (peer.phase !== 'leaving') {
      peer.phase = 'greeted';
      for (const c of this.#concerns) c.onVersion?.(peer, this.now);
      peer.phase = 'ready';
      for (const c of this.#concerns) c.onHandshakeDone?.(peer, this.now);
    }
    this.#settle();
    return peer;
  }

  disconnect(peer: Peer): void {
    this.peers.delete(peer.id);
    this.outbox.finish(peer.id);
    for (const c of this.#concerns) c.onDisconnected?.(peer, this.now);
    this.#settle();
  }

  message<C extends Command>(peer: Peer, message: MessageOf<C>): void {
    for (const c of this.#concerns) {
      const handler = c.handlers?.[message.command as C] as
        | ((self: Concern, peer: Peer, message: MessageOf<C>, now: number) => void)
        | undefined;
      handler?.(c, peer, message, this.now);
    }
    this.#settle();
  }

  chain(notice: Partial<ChainNotice> & { kind: ChainNotice['kind'] }): void {
    for (const c of this.#concerns) c.onChain?.(notice as ChainNotice, this.now);
    this.#settle();
  }

  /** The writer took the transaction: the pool tells, then the submitter hears. */
  accept(tx: Transaction, from?: Peer, fee?: number): void {
    const entry = this.pool.add(tx, this.now, fee);
    for (const c of this.#concerns) c.onMempool?.({ kind: 'txAdded', entry, entrance: 'alone' }, this.now);
    this.#processed(tx, from, { status: 'accepted', entry, replaced: [] });
  }

  /** As after a reorganisation. */
  giveBack(tx: Transaction): void {
    const entry = this.pool.add(tx, this.now);
    for (const c of this.#concerns) c.onMempool?.({ kind: 'txAdded', entry, entrance: 'reorg' }, this.now);
    this.#settle();
  }

  reject(tx: Transaction, from: Peer | undefined, reason: RejectReason): void {
    this.#processed(tx, from, { status: 'rejected', reject: new Reject(reason) });
  }

  /** The answer to a `submitPackage`. */
  packaged(txs: readonly Transaction[], from: Peer, result: PackageResult): void {
    this.outbox.finish(from.id);
    for (const [i, each] of result.results.entries())
      if (each?.status === 'accepted') {
        const entry = this.pool.add(txs[i]!, this.now, each.fee);
        for (const c of this.#concerns)
          c.onMempool?.({ kind: 'txAdded', entry, entrance: 'alone' }, this.now);
      }
    for (const c of this.#concerns) c.onPackageProcessed?.(from, txs, result, this.now);
    if (!this.outbox.isBusy(from)) for (const c of this.#concerns) c.onIdle?.(from, this.now);
    this.#settle();
  }

  #processed(
    tx: Transaction,
    from: Peer | undefined,
    result: Parameters<NonNullable<Concern['onTxProcessed']>>[2],
  ) {
    if (from) this.outbox.finish(from.id);
    for (const c of this.#concerns) c.onTxProcessed?.(from, tx, result, this.now);
    if (from && !this.outbox.isBusy(from)) for (const c of this.#concerns) c.onIdle?.(from, this.now);
    this.#settle();
  }

  removed(entry: MempoolEntry, reason: RemovalReason): void {
    this.pool.remove(entry.tx);
    for (const c of this.#concerns) c.onMempool?.({ kind: 'txRemoved', entry, reason }, this.now);
    this.#settle();
  }

  /** Something from outside the concerns: RPC, say. */
  act(what: () => void): void {
    what();
    this.#settle();
  }

  failed(attempt: number): void {
    for (const c of this.#concerns) c.onConnectFailed?.(attempt, 'refused', this.now);
    this.#settle();
  }

  resolved(host: string, addresses: readonly NetAddress[]): void {
    for (const c of this.#concerns) c.onNamesResolved?.(host, addresses, this.now);
    this.#settle();
  }

  /** Lets `ms` pass, deadline by deadline. `each` runs after every step. */
  pass(ms: number, each: () => void = () => {}): void {
    const end = this.now + ms;
    for (let steps = 0; steps < 100_000; steps += 1) {
      const next = this.timers.nextDeadline();
      if (next === undefined || next > end) break;
      this.now = Math.max(this.now, next);
      this.timers.run(this.now);
      this.#settle();
      each();
    }
    this.now = end;
  }

  /** As `pass`, while the node's clock stands still. */
  passFrozen(ms: number, each: () => void = () => {}): void {
    for (let passed = 0; passed < ms; passed += 100) {
      this.#steadyAhead += 100;
      this.timers.setSteady(this.now, this.now + this.#steadyAhead);
      this.timers.run(this.now);
      this.#settle();
      each();
    }
  }

  /** What was wanted since the last call. */
  take(): P2pEffect[] {
    const effects = this.log.map(({ effect }) => effect);
    this.log.length = 0;
    return effects;
  }

  /** The clock jumps, as a mocked one does: what became due rings once. */
  leap(ms: number): void {
    this.now += ms;
    this.timers.run(this.now);
    this.#settle();
  }

  /** Messages of one kind among what was wanted since the last call. */
  sent<C extends Command>(command: C): { peer: PeerId; message: MessageOf<C> }[] {
    return this.take().flatMap(effect =>
      effect.kind === 'send' && effect.message.command === command
        ? [{ peer: effect.peer, message: effect.message as Message as MessageOf<C> }]
        : [],
    );
  }

  #settle(): void {
    for (const c of this.#concerns) c.onSettled?.(this.now);
    for (const effect of this.outbox.take()) this.log.push({ at: this.now, effect });
  }
}

export function hashesOf(items: readonly { readonly hash: Hash256 }[]): Hash256[] {
  return items.map(item => item.hash);
}
