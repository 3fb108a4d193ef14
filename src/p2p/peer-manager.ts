/**
 * The gossip layer as one machine: events in, effects out (events.ts). This file only routes; what is decided, the concerns
 * decide. Before a peer's version nothing but that is listened to, and before its verack only what the
 * handshake needs, and how the peer wants blocks announced (Core: ProcessMessage).
 */
import { unreachable } from '../base/assert.ts';
import type { BlockHash } from '../base/bytes.ts';
import type { Milliseconds } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { ChainView, HeaderAcceptor } from '../chain/chain-view.ts';
import type { MempoolView } from '../mempool/mempool-view.ts';
import type { Command, Message } from '../wire/messages.ts';
import type { TimedAddress } from '../wire/net-address.ts';
import type { AddressBook } from './address-book.ts';
import { type Ban, Bans } from './bans.ts';
import { Circle, type Hook } from './circle.ts';
import type { P2pCommand, P2pCommandResult } from './commands.ts';
import type { Concern, P2pContext, P2pOptions } from './concern.ts';
import { type ConcernOptions, type Concerns, createConcerns } from './create-concerns.ts';
import type { P2pEffect, P2pEvent, PeerId } from './events.ts';
import type { Orphanage } from './orphanage.ts';
import { Outbox } from './outbox.ts';
import type { OwnAddress } from './own-addresses.ts';
import { createPeer, type Peer, type PeerRecord } from './peer.ts';
import { describeConnection, type PeerInfo } from './peer-info.ts';
import { Penalties } from './penalty.ts';
import { Timers } from './timers.ts';
import { Turns } from './turns.ts';
import { UploadTarget } from './upload-target.ts';

export interface PeerManagerDeps {
  readonly chain: ChainView & HeaderAcceptor;
  readonly mempool: MempoolView;
  readonly random: Random;
  readonly log: Log;
  readonly addressBook: AddressBook;
  /** Absent: none. The shell records in it what it sends. */
  readonly upload?: UploadTarget;
  /** As `decodeBans` read them. */
  readonly bans: readonly Ban[];
}

export type PeerManagerOptions = P2pOptions & ConcernOptions;

/** Of a chain that is not known yet, nothing is told or learned. */
const IGNORED_WHILE_LOADING: ReadonlySet<Command> = new Set([
  'getheaders', 'headers', 'cmpctblock', 'block', 'blocktxn',
]); // biome-ignore format: one list

/** Wishes that some peers tell before their verack. */
const HEARD_BEFORE_VERACK: ReadonlySet<Command> = new Set(['sendheaders', 'sendcmpct']);

export class PeerManager {
  readonly #context: P2pContext;
  /** Those that concerns see, and those for private broadcast, which only few do. */
  readonly #usual = new Map<PeerId, PeerRecord>();
  readonly #private = new Map<PeerId, PeerRecord>();
  readonly #outbox = new Outbox();
  readonly #timers = new Timers();
  readonly #concerns: Concerns;
  readonly #turns = new Turns();
  /** All concerns, and those of private peers, made for the first of these: hardly anybody has one. */
  readonly #all: Circle;
  #privateCircle: Circle | undefined;

  constructor(deps: PeerManagerDeps, options: PeerManagerOptions) {
    const outbox = this.#outbox;
    const peers = this.#usual;
    const context: P2pContext = {
      chain: deps.chain,
      mempool: deps.mempool,
      random: deps.random,
      log: deps.log,
      addressBook: deps.addressBook,
      upload: deps.upload ?? new UploadTarget(0),
      options,
      outbox,
      timers: this.#timers,
      turns: this.#turns,
      peers,
      privatePeers: this.#private,
      penalties: new Penalties({ ...deps, outbox, peers }),
      bans: new Bans(deps.bans),
    };
    this.#context = context;
    this.#concerns = createConcerns(context, options, {
      versionTaken: (peer, now) => {
        const circle = this.#circleOf(peer);
        for (const place of circle.told.onVersion) circle.concerns[place]!.onVersion(peer, now);
      },
      handshakeDone: (peer, now) => {
        const circle = this.#circleOf(peer);
        for (const place of circle.told.onHandshakeDone) circle.concerns[place]!.onHandshakeDone(peer, now);
      },
    });
    this.#all = new Circle(this.#concerns.all);
    this.#turns.setOrder(this.#all.told.onSettled.map(place => this.#all.concerns[place]!));
  }

  /** Tells what happened at `now`, by the steady clock at `steady`; returns what must be done, in order. */
  handle(event: P2pEvent, now: Milliseconds, steady = now): readonly P2pEffect[] {
    this.#timers.setSteady(now, steady);
    this.#outbox.begin(now);
    this.#route(event, now);
    return this.#settle(now);
  }

  /** What RPC asks for. Throws P2pCommandError. */
  command<C extends P2pCommand>(
    command: C,
    now: Milliseconds,
    steady = now,
  ): { readonly effects: readonly P2pEffect[]; readonly result: P2pCommandResult<C> } {
    this.#timers.setSteady(now, steady);
    this.#outbox.begin(now);
    const result = this.#concerns.commands.run(command, now) as P2pCommandResult<C>;
    return { effects: this.#settle(now), result };
  }

  /** When a tick has something to do. */
  nextDeadline(): Milliseconds | undefined {
    return this.#timers.nextDeadline();
  }

  /**
   * All connections, ascending by id. Who is being hung up on is none of them any more: the other end may know of it
   * before our socket is closed (Core takes a peer from its list, and then closes).
   */
  peers(now: Milliseconds): PeerInfo[] {
    const all = [...this.#usual.values(), ...this.#private.values()].sort((a, b) => a.id - b.id);
    const staying = all.filter(({ phase }) => phase !== 'leaving');
    return staying.map(peer => this.#describe(peer, now));
  }

  /**
   * Whether this block of the peer may be delivered although it has an open operation: we have asked for it, and all that
   * is open are blocks.
   */
  mayOverlap(peer: PeerId, block: BlockHash): boolean {
    if (!this.#outbox.hasOnlyBlocksOpen(peer)) return false;
    const id = this.#context.chain.headers.find(block);
    return id !== undefined && this.#concerns.requests.holdersOf(id).includes(peer);
  }

  /** It has an open operation: no message of it may be delivered, but for blocks that `mayOverlap`. */
  isBusy(peer: PeerId): boolean {
    // Asked for every frame, and mostly nobody is.
    if (this.#outbox.isQuiet) return false;
    const record = this.#peer(peer);
    return record !== undefined && this.#outbox.isBusy(record);
  }

  /** For `banlist.json`, when `saveBans` asks for it. */
  bans(now: Milliseconds): readonly Ban[] {
    return this.#context.bans.list(now);
  }

  /** For `anchors.dat`, at a clean stop. */
  anchors(): TimedAddress[] {
    return this.#concerns.slots.anchors();
  }

  /** Where others reach us, as far as we know. */
  ownAddresses(): OwnAddress[] {
    return this.#concerns.addressRelay.ownAddresses.list();
  }

  orphans(): Orphanage {
    return this.#concerns.txDownload.orphans();
  }

  get isNetworkActive(): boolean {
    return this.#concerns.slots.isNetworkActive;
  }

  /** Median of what outbound peers' clocks are ahead of ours. */
  timeOffsetS(): number {
    return this.#concerns.handshake.timeOffsetS();
  }

  #settle(now: Milliseconds): readonly P2pEffect[] {
    this.#turns.settle(now);
    return this.#outbox.take();
  }

  #route(event: P2pEvent, now: Milliseconds): void {
    switch (event.kind) {
      case 'tick':
        this.#timers.run(now);
        return;
      case 'schedulerAdvanced':
        this.#timers.advanceScheduler(event.by);
        this.#timers.run(now);
        return;
      case 'connected':
        this.#connected(event, now);
        return;
      case 'connectFailed':
        for (const place of this.#all.told.onConnectFailed)
          this.#all.concerns[place]!.onConnectFailed(event.attempt, event.reason, now);
        return;
      case 'disconnected':
        this.#disconnected(event, now);
        return;
      case 'namesResolved':
        for (const place of this.#all.told.onNamesResolved)
          this.#all.concerns[place]!.onNamesResolved(event.host, event.addresses, now);
        return;
      case 'chain':
        for (const place of this.#all.told.onChain) this.#all.concerns[place]!.onChain(event.notice, now);
        return;
      case 'mempool':
        for (const place of this.#all.told.onMempool) this.#all.concerns[place]!.onMempool(event.notice, now);
        return;
      case 'blockProcessed':
        this.#completed(event.peer, now, 'onBlockProcessed', (each, peer) => each.onBlockProcessed(peer, event.hash, event.result, now)); // biome-ignore format: one step
        return;
      case 'txProcessed':
        this.#completed(event.peer, now, 'onTxProcessed', (each, peer) => each.onTxProcessed(peer, event.tx, event.result, now)); // biome-ignore format: one step
        return;
      case 'packageProcessed':
        this.#completed(event.peer, now, 'onPackageProcessed', (each, peer) => each.onPackageProcessed(peer, event.txs, event.result, now)); // biome-ignore format: one step
        return;
      case 'txTested':
        for (const place of this.#all.told.onTxTested)
          this.#all.concerns[place]!.onTxTested(event.tx, event.isAcceptable, now);
        return;
      case 'blockRead':
        this.#completed(event.peer, now, 'onBlockRead', (each, peer) => {
          if (peer !== undefined) each.onBlockRead(peer, event.hash, event.raw, now);
        });
        return;
      case 'filtersRead':
        this.#completed(event.peer, now, 'onFiltersRead', (each, peer) => {
          if (peer !== undefined) each.onFiltersRead(peer, event.answer, now);
        });
        return;
      case 'message':
      case 'undecodable':
      case 'unknownMessage':
      case 'transport':
      case 'sendPaused':
      case 'sendResumed':
        this.#ofPeer(event, now);
        return;
      default:
        unreachable(event);
    }
  }

  #ofPeer(
    event: Extract<
      P2pEvent,
      {
        readonly kind:
          | 'message'
          | 'undecodable'
          | 'unknownMessage'
          | 'transport'
          | 'sendPaused'
          | 'sendResumed';
      }
    >,
    now: Milliseconds,
  ): void {
    const peer = this.#peer(event.peer);
    if (peer === undefined || peer.phase === 'leaving') return;
    switch (event.kind) {
      case 'sendPaused':
        peer.isSendPaused = true;
        return;
      case 'sendResumed':
        peer.isSendPaused = false;
        this.#idle(peer, now);
        return;
      case 'transport':
        peer.lastReceive = now;
        peer.transport = event.transport;
        // By now we have sent our half of its handshake.
        if (event.transport === 'v2') peer.lastSend = now;
        return;
      case 'message':
        peer.lastReceive = now;
        this.#message(peer, event.message, now);
        return;
      case 'unknownMessage':
        peer.lastReceive = now;
        return;
      case 'undecodable':
        peer.lastReceive = now;
        this.#context.penalties.punishForDefect(peer, event.command, event.defect, event.detail);
        return;
    }
  }

  #message(peer: Peer, message: Message, now: Milliseconds): void {
    const { command } = message;
    const { log } = this.#context;
    if (peer.phase === 'connected' && command !== 'version') {
      log.debug('net', () => `non-version message before version handshake. Message "${command}" from peer=${peer.id}`); // biome-ignore format: one line of the log
      return;
    }
    const { handshake } = this.#concerns;
    const isHeard = peer.phase === 'ready' || Object.hasOwn(handshake.handlers, command) || HEARD_BEFORE_VERACK.has(command); // biome-ignore format: one condition
    if (!isHeard) {
      log.debug('net', () => `Unsupported message "${command}" prior to verack from peer=${peer.id}`);
      return;
    }
    if (this.#context.chain.isLoadingBlocks && IGNORED_WHILE_LOADING.has(command)) {
      log.debug('net', () => `Ignoring ${command} from peer=${peer.id} while importing/reindexing`);
      return;
    }
    const circle = this.#circleOf(peer);
    for (const { place, handle } of circle.listenersTo(command)) {
      if (peer.phase === 'leaving') return;
      handle(circle.concerns[place]!, peer, message, now);
    }
  }

  #peer(id: PeerId): PeerRecord | undefined {
    return this.#usual.get(id) ?? this.#private.get(id);
  }

  #circleOf(peer: Peer): Circle {
    if (peer.type !== 'private-broadcast') return this.#all;
    this.#privateCircle ??= new Circle(this.#concerns.ofPrivatePeers);
    return this.#privateCircle;
  }

  #connected(event: Extract<P2pEvent, { readonly kind: 'connected' }>, now: Milliseconds): void {
    const peer = createPeer(event, now);
    (peer.type === 'private-broadcast' ? this.#private : this.#usual).set(peer.id, peer);
    const isBanned = peer.type === 'inbound' && this.#context.bans.isBanned(peer.address, now);
    if (isBanned && !peer.permissions.has('noban')) this.#outbox.disconnect(peer, 'banned');
    const circle = this.#circleOf(peer);
    for (const place of circle.told.onConnected) circle.concerns[place]!.onConnected(peer, now);
  }

  #disconnected(
    { peer: id, shouldRetryV1 }: Extract<P2pEvent, { readonly kind: 'disconnected' }>,
    now: Milliseconds,
  ): void {
    const peer = this.#peer(id);
    if (peer === undefined) return;
    peer.shouldRetryV1 = shouldRetryV1 ?? false;
    peer.phase = 'leaving';
    this.#usual.delete(id);
    this.#private.delete(id);
    this.#outbox.forget(id);
    const circle = this.#circleOf(peer);
    for (const place of circle.told.onDisconnected) circle.concerns[place]!.onDisconnected(peer, now);
    this.#timers.leave(peer);
  }

  /** An operation of the peer has ended, of which those are told who have the hook. */
  #completed(
    id: PeerId,
    now: Milliseconds,
    hook: Hook,
    tell: (concern: Required<Concern>, peer: Peer | undefined) => void,
  ): void {
    this.#outbox.finish(id);
    const peer = this.#peer(id);
    for (const place of this.#all.told[hook]) tell(this.#all.concerns[place]!, peer);
    if (peer !== undefined) this.#idle(peer, now);
  }

  /** Those who have waited for it may begin the peer's next operation. */
  #idle(peer: Peer, now: Milliseconds): void {
    // What those of a private peer do is done at once.
    if (peer.type === 'private-broadcast') return;
    for (const place of this.#all.told.onIdle) {
      if (peer.phase !== 'ready' || this.#outbox.isBusy(peer)) return;
      this.#all.concerns[place]!.onIdle(peer, now);
    }
  }

  #describe(peer: Peer, now: Milliseconds): PeerInfo {
    const info = describeConnection(peer);
    const { told, concerns } = this.#circleOf(peer);
    return Object.assign(info, ...told.describe.map(place => concerns[place]!.describe(peer, now)));
  }
}
