/**
 * One simulated node: the daemon's chain, mempool, address book and peer manager, put together as `node/node.ts` does it,
 * with effects performed at once. It may stop and start again, as a daemon does: its peers go, and a new peer manager
 * begins with the addresses and anchors that the old one left.
 */
import type { Hash256 } from '../base/bytes.ts';
import type { Milliseconds } from '../base/clock.ts';
import { SILENT_LOG } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { Chain } from '../chain/chain.ts';
import type { BlockResult, ChainNotice } from '../chain/effects.ts';
import type { ChainParams } from '../consensus/params.ts';
import type { Mempool } from '../mempool/mempool.ts';
import type { MempoolNotice, TxResult } from '../mempool/mempool-view.ts';
import { AddressBook } from '../p2p/address-book.ts';
import type { AddressBookData } from '../p2p/address-tables.ts';
import type { ConnectionType, P2pEffect, P2pEvent, PeerId } from '../p2p/events.ts';
import { PeerManager, type PeerManagerOptions } from '../p2p/peer-manager.ts';
import type { Block } from '../wire/block.ts';
import type { Command } from '../wire/messages.ts';
import type { NetAddress, TimedAddress } from '../wire/net-address.ts';
import type { Transaction } from '../wire/transaction.ts';
import type { Target } from './agenda.ts';
import type { Frames, SimFrame } from './frames.ts';
import type { Host, Link, LinkEnd, Side } from './link.ts';
import type { Network } from './network.ts';
import { type NodeShape, nodeOptions } from './node-options.ts';
import { Connection, type Listener } from './sim-connection.ts';
import { SimWriter, type WriterDeps, type WriterListener } from './sim-writer.ts';
import type { Wiretap } from './wiretap.ts';

/** Ticks of one node at one time: more means that a deadline is never met. */
const TICKS_AT_ONCE_MAX = 1_000;

export interface NodeDeps extends WriterDeps {
  readonly network: Network;
  readonly frames: Frames;
  readonly wiretap: Wiretap;
}

export class SimNode implements Host, Listener, WriterListener, Target<Milliseconds> {
  readonly index: number;
  readonly address: NetAddress;
  readonly listens: boolean;
  readonly params: ChainParams;
  readonly chain: Chain;
  readonly mempool: Mempool;
  /** Why connections were closed by this node: reason → times. */
  readonly disconnects = new Map<string, number>();
  /** Of the world: the same for all nodes. */
  readonly #deps: NodeDeps;
  readonly #random: Random;
  readonly #options: PeerManagerOptions;
  readonly #withholds: ReadonlySet<Command> | undefined;
  readonly #writer: SimWriter;
  readonly #connections = new Map<PeerId, Connection>();
  #addressBook: AddressBook;
  #manager: PeerManager;
  /** Never used twice, over restarts too. */
  #nextPeer = 0;
  /** When a tick is on the agenda. */
  #wakesAt = Number.POSITIVE_INFINITY;
  #ticks = { at: 0, count: 0 };
  #isStarted = false;
  /** The last one that was heard: mostly, what is to be sent is an answer. */
  #heard: Connection | undefined;

  constructor(deps: NodeDeps, random: Random, shape: NodeShape) {
    this.#deps = deps;
    this.#random = random;
    this.index = shape.index;
    this.address = shape.address;
    this.listens = shape.listens;
    this.params = shape.params ?? deps.base.params;
    this.#withholds = shape.withholds;
    this.#options = { ...nodeOptions(shape, deps.base.params.defaultPort), ...shape.options };
    this.#writer = new SimWriter(deps, shape.index, this.params, this);
    this.chain = this.#writer.chain;
    this.mempool = this.#writer.mempool;
    this.#addressBook = this.#createBook();
    this.#manager = this.#createManager(this.#options);
  }

  get addressBook(): AddressBook {
    return this.#addressBook;
  }

  get manager(): PeerManager {
    return this.#manager;
  }

  get height(): number {
    return this.chain.height;
  }

  get tip(): Hash256 {
    return this.chain.headers.hashOf(this.chain.tip());
  }

  get isStarted(): boolean {
    return this.#isStarted;
  }

  get isReachable(): boolean {
    return this.listens && this.#isStarted;
  }

  get linkCount(): number {
    return this.#connections.size;
  }

  /** Begins to dial. `omits`: what is due by now, and of these kinds, is not sent: it is taken for sent long ago. */
  start({ omits }: { readonly omits?: ReadonlySet<Command> } = {}): void {
    this.#isStarted = true;
    const { now } = this.#deps.agenda;
    for (const effect of this.#manager.handle({ kind: 'tick' }, now))
      if (effect.kind !== 'send' || omits?.has(effect.message.command) !== true) this.#perform(effect);
    this.#arm();
  }

  /** Before the start: it has this end of a link that stands. What came of it goes to `converse`. */
  join(link: Link, side: Side): Connection {
    return this.#attach(link.ends[side]);
  }

  /** Before the start: what the gossip layer wants done upon something that happened at `time`, and nobody does. */
  converse(event: P2pEvent, time: Milliseconds): readonly P2pEffect[] {
    return this.#manager.handle(event, time);
  }

  /** A clean stop: everybody is hung up on, and what a daemon writes to disk is there at the next start, or `instead` of it this. */
  stop(instead: { readonly anchors?: readonly TimedAddress[]; readonly book?: AddressBookData } = {}): void {
    const { anchors = this.#manager.anchors(), book = this.#addressBook.data() } = instead;
    for (const { link, side } of this.#connections.values()) this.#deps.network.close(link, side);
    this.#connections.clear();
    this.#isStarted = false;
    this.#wakesAt = Number.POSITIVE_INFINITY;
    this.#addressBook = this.#createBook(book);
    this.#heard = undefined;
    this.#manager = this.#createManager({ ...this.#options, anchors });
  }

  /** Connections that have shaken hands, of these types. */
  peerCount(...types: readonly ConnectionType[]): number {
    let count = 0;
    for (const { type, isReady } of this.#connections.values())
      if (isReady && types.includes(type)) count += 1;
    return count;
  }

  connections(): Iterable<Connection> {
    return this.#connections.values();
  }

  /** The miner's own block: it has checked it already. */
  submitBlock(block: Block): BlockResult {
    return this.#writer.submitBlock(block, { requested: true, source: -1 });
  }

  /** The user's own transaction. */
  submitTx(tx: Transaction): TxResult {
    return this.#writer.submitTx(tx, 'local', -1);
  }

  // The network.

  createEnd(link: Link, side: Side): Connection {
    return new Connection(this, link, side);
  }

  accept(link: Link, side: Side, from: NetAddress): void {
    this.#open(link.ends[side], { address: from });
  }

  isBusy(peer: PeerId): boolean {
    return this.#manager.isBusy(peer);
  }

  hear(connection: Connection, frame: SimFrame): void {
    const { frames, trace, agenda, wiretap } = this.#deps;
    const { peer } = connection;
    this.#heard = connection;
    trace.delivery(agenda.now, this.index, peer, frame);
    const event = frames.decode(connection, frame);
    if (event.kind === 'message') {
      wiretap.received(this.index, connection, event.message);
      if (event.message.command === 'verack') connection.isReady = true;
    }
    this.#handle(event);
  }

  hungUp(connection: Connection): void {
    const { peer } = connection;
    this.#deps.wiretap.closed(this.index, connection);
    if (this.#heard === connection) this.#heard = undefined;
    if (this.#connections.delete(peer)) this.#handle({ kind: 'disconnected', peer });
  }

  sendPaused({ peer }: Connection): void {
    this.#handle({ kind: 'sendPaused', peer });
  }

  sendResumed(connection: Connection): void {
    this.#handle({ kind: 'sendResumed', peer: connection.peer });
    connection.resume();
  }

  hasRoom(connection: Connection): void {
    this.#deps.network.resumeReading(connection);
  }

  #open(end: LinkEnd, event: { readonly address: NetAddress; readonly attempt?: number }): void {
    const { peer, type } = this.#attach(end);
    this.#handle({ kind: 'connected', peer, type, localAddress: this.address, permissions: [], ...event });
  }

  /** An end that it has created. */
  #attach(end: LinkEnd): Connection {
    const connection = end as Connection;
    connection.peer = this.#nextPeer;
    connection.isUp = true;
    this.#nextPeer += 1;
    this.#connections.set(connection.peer, connection);
    return connection;
  }

  // The writer.

  onChain(notice: ChainNotice): void {
    if (this.#isStarted) this.#handle({ kind: 'chain', notice });
  }

  onMempool(notice: MempoolNotice): void {
    if (this.#isStarted) this.#handle({ kind: 'mempool', notice });
  }

  // The gossip layer.

  #createBook(data?: AddressBookData): AddressBook {
    const deps = { random: this.#random, shared: this.#deps.network.addressAt };
    return new AddressBook(deps, this.#options, data);
  }

  #createManager(options: PeerManagerOptions): PeerManager {
    const { chain, mempool } = this;
    const random = this.#random;
    const addressBook = this.#addressBook;
    return new PeerManager({ chain, mempool, random, log: SILENT_LOG, addressBook, bans: [] }, options);
  }

  #handle(event: P2pEvent): void {
    const { agenda } = this.#deps;
    const effects = this.#manager.handle(event, agenda.now);
    for (const effect of effects) this.#perform(effect);
    this.#arm();
  }

  /** Something of this peer has ended; of a peer of before the last stop, nobody is told. */
  #completed(connection: Connection | undefined, event: P2pEvent & { readonly peer: PeerId }): void {
    if (connection === undefined || this.#connections.get(event.peer) !== connection) return;
    this.#handle(event);
    if (!this.#manager.isBusy(event.peer)) connection.resume();
  }

  /** An alarm moved to a later time leaves an early tick, which does nothing. */
  #arm(): void {
    const deadline = this.#manager.nextDeadline();
    if (deadline === undefined || deadline >= this.#wakesAt) return;
    const { agenda } = this.#deps;
    this.#wakesAt = Math.max(deadline, agenda.now);
    agenda.fireAt(this.#wakesAt, this, this.#wakesAt);
  }

  /** A tick may be due. */
  fire(at: Milliseconds): void {
    if (at !== this.#wakesAt) return;
    this.#wakesAt = Number.POSITIVE_INFINITY;
    const { now } = this.#deps.agenda;
    if ((this.#manager.nextDeadline() ?? Number.POSITIVE_INFINITY) > now) {
      this.#arm();
      return;
    }
    if (this.#ticks.at === now) this.#ticks.count += 1;
    else this.#ticks = { at: now, count: 0 };
    if (this.#ticks.count > TICKS_AT_ONCE_MAX) throw new Error(`Node ${this.index} never meets a deadline`);
    this.#handle({ kind: 'tick' });
  }

  #perform(effect: P2pEffect): void {
    const { network, frames, wiretap } = this.#deps;
    switch (effect.kind) {
      case 'send': {
        const connection = this.#connectionOf(effect.peer);
        if (connection === undefined || connection.isClosed) return;
        if (this.#withholds?.has(effect.message.command) === true) return;
        wiretap.sent(this.index, connection, effect.message);
        this.#transmit(connection, frames.encode(effect.message));
        return;
      }
      case 'sendRawBlock': {
        const connection = this.#connections.get(effect.peer);
        if (connection === undefined || this.#withholds?.has('block') === true) return;
        this.#transmit(connection, frames.encodeBlock(effect.raw));
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
      case 'submitBlock':
      case 'submitTx':
      case 'submitPackage':
      case 'readBlock':
        this.#operate(effect);
        return;
      case 'resolveSeeds':
        for (const host of effect.hosts)
          network.resolve(host, addresses => this.#handle({ kind: 'namesResolved', host, addresses }));
        return;
      case 'txBroadcast':
        this.mempool.markBroadcast(effect.txid);
        return;
      case 'testTx':
        // Nobody broadcasts privately.
        return;
      case 'saveAddresses':
      case 'saveBans':
      case 'readFilters':
        // A stop keeps the addresses; nobody bans, and nobody offers filters.
        return;
    }
  }

  #connectionOf(peer: PeerId): Connection | undefined {
    return this.#heard?.peer === peer ? this.#heard : this.#connections.get(peer);
  }

  #operate(
    effect: Extract<P2pEffect, { readonly kind: 'submitBlock' | 'submitTx' | 'submitPackage' | 'readBlock' }>,
  ): void {
    const { peer } = effect;
    const connection = this.#connections.get(peer);
    const source = connection === undefined ? -1 : connection.link.hosts[1 - connection.side]!.index;
    if (effect.kind === 'submitBlock') {
      const { block, requested } = effect;
      this.#writer.queueBlock(block, { requested, source }, result =>
        this.#completed(connection, { kind: 'blockProcessed', peer, hash: block.header.hash, result }),
      );
    } else if (effect.kind === 'submitTx') {
      const { tx } = effect;
      this.#writer.queueTx(tx, source, result =>
        this.#completed(connection, { kind: 'txProcessed', peer, tx, result }),
      );
    } else if (effect.kind === 'submitPackage') {
      const { txs } = effect;
      this.#writer.queuePackage(txs, source, result =>
        this.#completed(connection, { kind: 'packageProcessed', peer, txs, result }),
      );
    } else {
      const { hash } = effect;
      this.#writer.readBlock(hash, raw =>
        this.#completed(connection, { kind: 'blockRead', peer, hash, raw }),
      );
    }
  }

  #transmit(connection: Connection, frame: SimFrame): void {
    if (!connection.isUp) return;
    this.#deps.metrics.sent(frame.command, frame.length, connection.unreachableEnds);
    this.#deps.network.send(connection, frame);
  }

  #dial({ attempt, target, type }: Extract<P2pEffect, { readonly kind: 'connect' }>): void {
    const manager = this.#manager;
    const failed = (reason: string) => {
      if (manager === this.#manager) this.#handle({ kind: 'connectFailed', attempt, reason });
    };
    // A seed's name as a target: there is no node behind it.
    if (target.kind === 'name') this.#deps.agenda.after(0, () => failed('no such host'));
    else
      this.#deps.network.dial(this, target.address, type, {
        failed,
        opened: link => {
          // Whoever dialed has stopped meanwhile.
          if (manager !== this.#manager) this.#deps.network.close(link, 0);
          else this.#open(link.ends[0], { address: target.address, attempt });
        },
      });
  }
}
