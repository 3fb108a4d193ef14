/**
 * One simulated node: the daemon's chain, mempool, address book and peer manager, put together as `node/node.ts` does it,
 * with effects performed at once. What takes a processor's time in the world, checking blocks and transactions, takes
 * virtual time here: one writer, one thing after another.
 *
 * As in the daemon, a peer with an open operation is not heard: its frames wait undecoded.
 */
import type { Hash256 } from '../base/bytes.ts';
import type { Milliseconds } from '../base/clock.ts';
import { SILENT_LOG } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { runTask } from '../base/task.ts';
import { Chain } from '../chain/chain.ts';
import type { BlockResult, ChainNotice } from '../chain/effects.ts';
import { isScriptEffect, performScripts } from '../chain/script-effects.ts';
import type { MempoolEffect, MempoolTask } from '../mempool/effects.ts';
import { Mempool } from '../mempool/mempool.ts';
import type { MempoolNotice, TxResult } from '../mempool/mempool-view.ts';
import { DEFAULT_MEMPOOL_OPTIONS } from '../mempool/options.ts';
import { AddressBook } from '../p2p/address-book.ts';
import type { ConnectionType, P2pEffect, P2pEvent, PeerId } from '../p2p/events.ts';
import { PeerManager, type PeerManagerOptions } from '../p2p/peer-manager.ts';
import { type Block, blockWeight } from '../wire/block.ts';
import { type Message, SERVICES } from '../wire/messages.ts';
import type { NetAddress } from '../wire/net-address.ts';
import type { Transaction } from '../wire/transaction.ts';
import type { Agenda, Target } from './agenda.ts';
import type { BaseChain } from './base-chain.ts';
import type { Frames } from './frames.ts';
import type { Metrics } from './metrics.ts';
import type { Host, Link, LinkEnd, Network, Side } from './network.ts';
import type { ScriptVerdicts } from './script-verdicts.ts';
import { NodeStorage } from './storage.ts';
import type { Trace } from './trace.ts';

/** The coins cache is small: what is in it is there for each node anew. */
const COINS_CACHE_BYTES = 256 * 1024;
const BLOCK_WEIGHT_FULL = 4_000_000;
/** Ticks of one node at one time: more means that a deadline is never met. */
const TICKS_AT_ONCE_MAX = 1_000;

/** Virtual time that checks take. */
export interface ValidationCosts {
  readonly txMs: Milliseconds;
  /** Of a block without transactions, and what a full one takes beside that. */
  readonly blockMs: Milliseconds;
  readonly fullBlockMs: Milliseconds;
  /** Reading a block from disk. */
  readonly readMs: Milliseconds;
}

export interface NodeShape {
  readonly index: number;
  readonly address: NetAddress;
  /** Can be dialed by others. */
  readonly listens: boolean;
  readonly options?: Partial<PeerManagerOptions>;
}

/** Sees every message that a node sends or gets. */
export interface Wiretap {
  sent(node: number, link: Link, message: Message): void;
  received(node: number, link: Link, message: Message): void;
  closed(node: number, link: Link): void;
}

export interface NodeDeps {
  readonly agenda: Agenda;
  readonly network: Network;
  readonly frames: Frames;
  readonly metrics: Metrics;
  readonly trace: Trace;
  readonly scripts: ScriptVerdicts;
  readonly base: BaseChain;
  readonly costs: ValidationCosts;
  readonly random: Random;
  readonly wiretap: Wiretap;
}

interface Connection extends LinkEnd {
  readonly peer: PeerId;
  readonly link: Link;
  readonly side: Side;
  readonly type: ConnectionType;
  /** Frames that wait while the peer has an open operation. */
  inbox: Uint8Array[];
  /** Closed while busy: told when the operation ends. */
  isClosed: boolean;
  /** The other side's verack came. */
  isReady: boolean;
}

export class SimNode implements Host {
  readonly index: number;
  readonly address: NetAddress;
  readonly listens: boolean;
  readonly chain: Chain;
  readonly mempool: Mempool;
  readonly addressBook: AddressBook;
  readonly manager: PeerManager;
  /** Why connections were closed by this node: reason → times. */
  readonly disconnects = new Map<string, number>();
  readonly #deps: NodeDeps;
  readonly #storage: NodeStorage;
  readonly #connections = new Map<PeerId, Connection>();
  #nextPeer = 0;
  #writerFreeAt: Milliseconds = 0;
  /** When a tick is on the agenda. */
  #wakesAt = Number.POSITIVE_INFINITY;
  #ticks = { at: 0, count: 0 };
  readonly #waker: Target<Milliseconds> = { fire: at => this.#wake(at) };
  /** The node whose transaction or block is being taken in. */
  #source = -1;
  #isStarted = false;

  constructor(deps: NodeDeps, shape: NodeShape) {
    const { base, random } = deps;
    this.#deps = deps;
    this.index = shape.index;
    this.address = shape.address;
    this.listens = shape.listens;
    const options = { ...nodeOptions(shape, base.params.defaultPort), ...shape.options };
    const chain = new Chain({ params: base.params, log: SILENT_LOG }, { coinsCacheBytes: COINS_CACHE_BYTES });
    const mempool = new Mempool({ chain, coins: chain, log: SILENT_LOG }, DEFAULT_MEMPOOL_OPTIONS);
    const addressBook = new AddressBook({ random }, options);
    this.chain = chain;
    this.mempool = mempool;
    this.addressBook = addressBook;
    this.#storage = new NodeStorage(base.snapshot);
    this.manager = new PeerManager(
      { chain, mempool, random, log: SILENT_LOG, addressBook, bans: [] },
      options,
    );
    this.#run(chain.start(this.#storage.load(chain), deps.agenda.now));
  }

  get height(): number {
    return this.chain.height;
  }

  get tip(): Hash256 {
    return this.chain.headers.hashOf(this.chain.tip());
  }

  /** Begins to dial. */
  start(): void {
    this.#isStarted = true;
    this.#handle({ kind: 'tick' });
  }

  get isStarted(): boolean {
    return this.#isStarted;
  }

  get isReachable(): boolean {
    return this.listens && this.#isStarted;
  }

  /** Connections that have shaken hands, of these types. */
  peerCount(...types: readonly ConnectionType[]): number {
    let count = 0;
    for (const { type, isReady } of this.#connections.values())
      if (isReady && types.includes(type)) count += 1;
    return count;
  }

  get linkCount(): number {
    return this.#connections.size;
  }

  /** The miner's own block: it has checked it already. */
  submitBlock(block: Block): BlockResult {
    return this.#submitBlock(block, true, -1);
  }

  /** The user's own transaction. */
  submitTx(tx: Transaction): TxResult {
    return this.#submitTx(tx, 'local', -1);
  }

  // The network.

  accept(link: Link, side: Side, from: NetAddress): void {
    this.#open(link, side, { type: 'inbound', address: from });
  }

  #open(
    link: Link,
    side: Side,
    event: { readonly type: ConnectionType; readonly address: NetAddress; readonly attempt?: number },
  ): void {
    const peer = this.#nextPeer;
    this.#nextPeer += 1;
    const connection: Connection = {
      peer,
      link,
      side,
      type: event.type,
      inbox: [],
      isClosed: false,
      isReady: false,
      received: frame => {
        if (connection.inbox.length > 0 || this.manager.isBusy(peer)) connection.inbox.push(frame);
        else this.#hear(connection, frame);
      },
      closed: () => {
        connection.isClosed = true;
        this.#deps.wiretap.closed(this.index, link);
        if (!this.manager.isBusy(peer)) this.#disconnected(connection);
      },
    };
    this.#connections.set(peer, connection);
    link.ends[side] = connection;
    this.#handle({ kind: 'connected', peer, localAddress: this.address, permissions: [], ...event });
  }

  #disconnected({ peer }: Connection): void {
    if (this.#connections.delete(peer)) this.#handle({ kind: 'disconnected', peer });
  }

  /** Hears what has come meanwhile, until the peer is busy again. */
  #pump(connection: Connection): void {
    const { inbox, peer } = connection;
    let taken = 0;
    while (taken < inbox.length && !connection.isClosed && !this.manager.isBusy(peer)) {
      taken += 1;
      this.#hear(connection, inbox[taken - 1]!);
    }
    if (taken > 0) inbox.splice(0, taken);
  }

  #hear(connection: Connection, frame: Uint8Array): void {
    const { frames, trace, agenda, wiretap } = this.#deps;
    const { peer, link } = connection;
    trace.number(agenda.now);
    trace.word(this.index);
    trace.word(peer);
    // Length and checksum.
    trace.word(frame[16]! | (frame[17]! << 8) | (frame[18]! << 16));
    trace.word(frame[20]! | (frame[21]! << 8) | (frame[22]! << 16) | (frame[23]! << 24));
    const event = frames.decode(peer, frame);
    if (event.kind === 'message') {
      wiretap.received(this.index, link, event.message);
      if (event.message.command === 'verack') connection.isReady = true;
    }
    this.#handle(event);
  }

  // The gossip layer.

  #handle(event: P2pEvent): void {
    this.#perform(this.manager.handle(event, this.#deps.agenda.now));
    this.#arm();
  }

  /** Something of this peer has ended. */
  #completed(event: P2pEvent & { readonly peer: PeerId }): void {
    this.#handle(event);
    const connection = this.#connections.get(event.peer);
    if (connection === undefined || this.manager.isBusy(event.peer)) return;
    if (connection.isClosed) this.#disconnected(connection);
    else this.#pump(connection);
  }

  /** An alarm moved to a later time leaves an early tick, which does nothing. */
  #arm(): void {
    const deadline = this.manager.nextDeadline();
    if (deadline === undefined || deadline >= this.#wakesAt) return;
    const { agenda } = this.#deps;
    this.#wakesAt = Math.max(deadline, agenda.now);
    const at = this.#wakesAt;
    agenda.fireAt(at, this.#waker, at);
  }

  #wake(at: Milliseconds): void {
    if (at !== this.#wakesAt) return;
    this.#wakesAt = Number.POSITIVE_INFINITY;
    const { now } = this.#deps.agenda;
    if ((this.manager.nextDeadline() ?? Number.POSITIVE_INFINITY) > now) {
      this.#arm();
      return;
    }
    if (this.#ticks.at === now) this.#ticks.count += 1;
    else this.#ticks = { at: now, count: 0 };
    if (this.#ticks.count > TICKS_AT_ONCE_MAX) throw new Error(`Node ${this.index} never meets a deadline`);
    this.#handle({ kind: 'tick' });
  }

  #perform(effects: readonly P2pEffect[]): void {
    for (const effect of effects) this.#performOne(effect);
  }

  #performOne(effect: P2pEffect): void {
    const { agenda, network, frames, costs, wiretap } = this.#deps;
    switch (effect.kind) {
      case 'send': {
        const connection = this.#connections.get(effect.peer);
        if (connection === undefined || connection.isClosed) return;
        wiretap.sent(this.index, connection.link, effect.message);
        this.#transmit(connection, effect.message.command, frames.encode(effect.message));
        return;
      }
      case 'sendRawBlock': {
        const connection = this.#connections.get(effect.peer);
        if (connection !== undefined) this.#transmit(connection, 'block', frames.encodeBlock(effect.raw));
        return;
      }
      case 'disconnect': {
        this.disconnects.set(effect.reason, (this.disconnects.get(effect.reason) ?? 0) + 1);
        const connection = this.#connections.get(effect.peer);
        if (connection !== undefined) network.close(connection.link, connection.side);
        return;
      }
      case 'connect':
        this.#dial(effect);
        return;
      case 'submitBlock': {
        const source = this.#sourceOf(effect.peer);
        const share = blockWeight(effect.block) / BLOCK_WEIGHT_FULL;
        this.#write(costs.blockMs + share * costs.fullBlockMs, () => {
          const result = this.#submitBlock(effect.block, effect.requested, source);
          this.#completed({
            kind: 'blockProcessed',
            peer: effect.peer,
            hash: effect.block.header.hash,
            result,
          });
        });
        return;
      }
      case 'submitTx': {
        const source = this.#sourceOf(effect.peer);
        this.#write(costs.txMs, () => {
          const result = this.#submitTx(effect.tx, 'peer', source);
          this.#completed({ kind: 'txProcessed', peer: effect.peer, tx: effect.tx, result });
        });
        return;
      }
      case 'readBlock':
        agenda.after(costs.readMs, () => {
          const id = this.chain.headers.find(effect.hash);
          const raw = id === undefined ? undefined : this.#run(this.chain.readBlock(id)).raw;
          this.#completed({ kind: 'blockRead', peer: effect.peer, hash: effect.hash, raw });
        });
        return;
      case 'resolveSeeds':
        for (const host of effect.hosts)
          network.resolve(host, addresses => this.#handle({ kind: 'namesResolved', host, addresses }));
        return;
      case 'txBroadcast':
        this.mempool.markBroadcast(effect.txid);
        return;
      case 'saveAddresses':
      case 'saveBans':
        // Nobody starts twice.
        return;
    }
  }

  #transmit({ link, side }: Connection, command: string, frame: Uint8Array): void {
    if (link.ends[side] === undefined) return;
    this.#deps.metrics.sent(command, frame.length);
    this.#deps.network.send(link, side, frame);
  }

  #dial({ attempt, target, type }: Extract<P2pEffect, { readonly kind: 'connect' }>): void {
    const failed = (reason: string) => this.#handle({ kind: 'connectFailed', attempt, reason });
    // A seed's name as a target: there is no node behind it.
    if (target.kind === 'name') this.#deps.agenda.after(0, () => failed('no such host'));
    else
      this.#deps.network.dial(this, target.address, type, {
        failed,
        opened: link => this.#open(link, 0, { type, address: target.address, attempt }),
      });
  }

  #sourceOf(peer: PeerId): number {
    const connection = this.#connections.get(peer);
    return connection === undefined ? -1 : connection.link.hosts[1 - connection.side]!.index;
  }

  // The writer.

  #write(cost: Milliseconds, action: () => void): void {
    const { agenda } = this.#deps;
    this.#writerFreeAt = Math.max(agenda.now, this.#writerFreeAt) + cost;
    agenda.at(this.#writerFreeAt, action);
  }

  #submitBlock(block: Block, requested: boolean, source: number): BlockResult {
    const { now } = this.#deps.agenda;
    this.#source = source;
    return this.#run(this.chain.submitBlock(block, { requested, now }));
  }

  #submitTx(tx: Transaction, origin: 'local' | 'peer', source: number): TxResult {
    this.#source = source;
    return this.#run(this.mempool.submit(tx, { now: this.#deps.agenda.now, origin }));
  }

  #run<Result>(task: MempoolTask<Result>): Result {
    return runTask(task, effect => this.#performWriter(effect));
  }

  #performWriter(effect: MempoolEffect): unknown {
    switch (effect.kind) {
      case 'notify':
        this.#onChain(effect.notice);
        return;
      case 'notifyMempool':
        this.#onMempool(effect.notice);
        return;
      default:
        if (isScriptEffect(effect)) return performScripts(effect, checks => this.#deps.scripts.check(checks));
        return this.#storage.perform(effect);
    }
  }

  #onChain(notice: ChainNotice): void {
    const { agenda, metrics, trace } = this.#deps;
    if (notice.kind === 'blockConnected') {
      metrics.reached(notice.block.header.hash, this.index, this.#source, agenda.now);
      for (const { txid } of notice.block.transactions)
        metrics.reached(txid, this.index, this.#source, agenda.now);
    }
    if (notice.kind === 'tipChanged') {
      trace.word(this.index);
      trace.text(this.chain.headers.hashOf(notice.tip));
    }
    this.#run(this.mempool.onChainNotice(notice, agenda.now));
    this.#handle({ kind: 'chain', notice });
  }

  #onMempool(notice: MempoolNotice): void {
    const { agenda, metrics } = this.#deps;
    if (notice.kind === 'txAdded')
      metrics.reached(notice.entry.tx.txid, this.index, this.#source, agenda.now);
    this.#handle({ kind: 'mempool', notice });
  }
}

function nodeOptions({ address, listens }: NodeShape, defaultPort: number): PeerManagerOptions {
  return {
    userAgent: '/Hearsay-sim:0.1.0/',
    services: SERVICES.network | SERVICES.witness | SERVICES.networkLimited,
    blocksOnly: false,
    privateNetwork: false,
    minimumChainWork: 0n,
    peerTimeoutMs: 60_000,
    maxConnections: 125,
    dialing: { kind: 'book' },
    addNodes: [],
    anchors: [],
    ownAddresses: [address],
    networkActive: true,
    dnsSeeds: [],
    forceDnsSeeds: false,
    seedNodes: [],
    fixedSeeds: [],
    defaultPort,
    reachableNetworks: new Set(['ipv4', 'ipv6']),
    externalAddresses: listens ? [address] : [],
    listenAddresses: listens ? [address] : [],
    banTimeS: 86_400,
  };
}
