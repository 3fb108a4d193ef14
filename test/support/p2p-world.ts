/**
 * A small network in virtual time, run by one seed: real peer managers over real chains and mempools on memory, joined by
 * links with latency. Every message is encoded and decoded on its way. Scripted peers play whoever a test needs.
 */
import { hashToHex } from '../../src/base/bytes.ts';
import { MinHeap } from '../../src/base/heap.ts';
import { SILENT_LOG } from '../../src/base/log.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { runTask } from '../../src/base/task.ts';
import { Chain } from '../../src/chain/chain.ts';
import type { ChainOptions } from '../../src/chain/chain-state.ts';
import type { BlockResult } from '../../src/chain/effects.ts';
import { MemoryStorage } from '../../src/chain/memory-storage.ts';
import { isScriptEffect, performScripts } from '../../src/chain/script-effects.ts';
import type { MempoolEffect, MempoolTask } from '../../src/mempool/effects.ts';
import { Mempool } from '../../src/mempool/mempool.ts';
import type { TxResult } from '../../src/mempool/mempool-view.ts';
import { DEFAULT_MEMPOOL_OPTIONS } from '../../src/mempool/options.ts';
import { AddressBook } from '../../src/p2p/address-book.ts';
import type { P2pCommand, P2pCommandResult } from '../../src/p2p/commands.ts';
import type { ConnectionType, P2pEffect, P2pEvent, PeerId, Permission } from '../../src/p2p/events.ts';
import { PeerManager, type PeerManagerOptions } from '../../src/p2p/peer-manager.ts';
import type { Block } from '../../src/wire/block.ts';
import { DecodeError, TooManyError } from '../../src/wire/codec.ts';
import { FrameDecoder } from '../../src/wire/frame.ts';
import {
  type Command,
  decodeMessage,
  encodePayload,
  isKnownCommand,
  type Message,
  type MessageOf,
  SERVICES,
} from '../../src/wire/messages.ts';
import { addressKey, type NetAddress, parseAddress } from '../../src/wire/net-address.ts';
import type { Transaction } from '../../src/wire/transaction.ts';
import type { Received, Transport, TransportKind } from '../../src/wire/transport.ts';
import { verifyHere } from './check-scripts.ts';
import { NOW, REGTEST } from './test-chain.ts';

/** Ticks of one node at one time: more means that a deadline is never met. */
const TICKS_AT_ONCE_MAX = 100;
const PORT = REGTEST.defaultPort;

/** As a node of its own on the public network has them, but that it dials nobody. */
export const NODE_OPTIONS: PeerManagerOptions = {
  userAgent: '/World:1/',
  services: SERVICES.network | SERVICES.witness | SERVICES.networkLimited,
  blocksOnly: false,
  privateNetwork: false,
  minimumChainWork: 0n,
  peerTimeoutMs: 60_000,
  maxConnections: 125,
  dialing: { kind: 'connect', targets: [] },
  addNodes: [],
  anchors: [],
  ownAddresses: [],
  networkActive: true,
  dnsSeeds: [],
  forceDnsSeeds: false,
  seedNodes: [],
  fixedSeeds: [],
  defaultPort: PORT,
  reachableNetworks: new Set(['ipv4', 'ipv6']),
  externalAddresses: [],
  listenAddresses: [],
  banTimeS: 86_400,
};

export function ip(text: string, port = PORT): NetAddress {
  return parseAddress(text, port)!;
}

/** What the peer manager is told of bytes that are no message it knows. */
type Unreadable =
  | Omit<Extract<P2pEvent, { readonly kind: 'undecodable' }>, 'peer'>
  | Omit<Extract<P2pEvent, { readonly kind: 'unknownMessage' }>, 'peer'>;

/** One side of a connection. */
interface End {
  readonly deliver: (message: Message) => void;
  /** Scripted peers do not hear of what a node could not read. */
  readonly unreadable?: (what: Unreadable) => void;
  readonly closed: () => void;
}

/** What side 1 of an encrypted link has besides its end. */
interface Encrypted {
  readonly transport: Transport;
  /** What it sends, as the wire carries it, comes to side 0. */
  readonly onBytes: (bytes: Uint8Array) => void;
  readonly onKind: (kind: TransportKind) => void;
}

class Link {
  readonly #world: World;
  readonly #decoders = [new FrameDecoder(REGTEST.magic), new FrameDecoder(REGTEST.magic)] as const;
  #encrypted: Encrypted | undefined;
  #isOpen = true;
  ends: [End, End] | undefined;

  constructor(world: World) {
    this.#world = world;
  }

  /** Side 1 speaks through this transport from now on; side 0 sends bytes and gets bytes. */
  encrypt(encrypted: Encrypted): void {
    this.#encrypted = encrypted;
    this.#flush(encrypted);
  }

  send(from: 0 | 1, command: Command, payload: Uint8Array): void {
    if (from === 1 && this.#encrypted !== undefined) {
      this.#encrypted.transport.send(command, payload);
      this.#flush(this.#encrypted);
    } else this.#world.after(this.#world.latencyMs, () => this.#deliver(from, command, payload));
  }

  #flush({ transport, onBytes }: Encrypted): void {
    for (const { bytes } of transport.takeOutgoing())
      this.#world.after(this.#world.latencyMs, () => {
        if (this.#isOpen) onBytes(bytes);
      });
  }

  /** Whatever bytes, as the wire carries them. */
  sendBytes(from: 0 | 1, bytes: Uint8Array): void {
    this.#world.after(this.#world.latencyMs, () => {
      if (!this.#isOpen) return;
      const encrypted = from === 0 ? this.#encrypted : undefined;
      const reader = encrypted?.transport ?? this.#decoders[from];
      const kind = encrypted?.transport.kind;
      reader.push(bytes);
      for (let frame = reader.next(); frame !== undefined && this.#isOpen; frame = reader.next())
        this.#read(from, frame);
      if (encrypted === undefined) return;
      this.#flush(encrypted);
      if (encrypted.transport.kind !== kind) encrypted.onKind(encrypted.transport.kind);
    });
  }

  #read(from: 0 | 1, frame: Received): void {
    const end = this.ends![1 - from]!;
    if (frame.kind === 'decoy') return;
    if (frame.kind === 'defect') end.unreadable?.({ ...frame, kind: 'undecodable' });
    else if (isKnownCommand(frame.command)) this.#deliver(from, frame.command, frame.payload);
    else end.unreadable?.({ kind: 'unknownMessage', command: frame.command, size: frame.size });
  }

  #deliver(from: 0 | 1, command: Command, payload: Uint8Array): void {
    if (!this.#isOpen) return;
    const end = this.ends![1 - from]!;
    let message: Message;
    try {
      message = decodeMessage(command, payload);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      const defect = error instanceof TooManyError ? 'tooMany' : 'payload';
      end.unreadable?.({ kind: 'undecodable', command, defect, detail: error.message });
      return;
    }
    end.deliver(message);
  }

  /** Both sides learn of it, after what was sent before. */
  close(): void {
    this.#world.after(this.#world.latencyMs, () => {
      if (!this.#isOpen) return;
      this.#isOpen = false;
      for (const end of this.ends!) end.closed();
    });
  }
}

export interface NodeShape {
  readonly address?: NetAddress;
  readonly options?: Partial<PeerManagerOptions>;
  readonly chain?: ChainOptions;
  /** Who asks for filters gets none. Otherwise the test answers. */
  readonly hasNoFilters?: boolean;
}

export class World {
  now = NOW;
  latencyMs = 50;
  /** Virtual cost of a block. */
  validationMs = 20;
  readonly random: SeededRandom;
  readonly nodes: WorldNode[] = [];
  readonly #queue = new MinHeap<() => void>();
  #ticksAtOnce = 0;

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
  }

  addNode(shape: NodeShape = {}): WorldNode {
    const index = this.nodes.length;
    const node = new WorldNode(this, { address: ip(`20.${index + 1}.0.1`), ...shape });
    this.nodes.push(node);
    return node;
  }

  /** `from` has dialed `to`. */
  connect(
    from: WorldNode,
    to: WorldNode,
    type: Exclude<ConnectionType, 'inbound'> = 'manual',
    attempt?: number,
  ): PeerId {
    const link = new Link(this);
    const out = from.open(link, 0, { type, address: to.address, ...(attempt !== undefined && { attempt }) });
    const into = to.open(link, 1, { type: 'inbound', address: from.address });
    link.ends = [from.end(out), to.end(into)];
    from.start(out);
    to.start(into);
    return out;
  }

  /** A peer that does what the test says. */
  attach(
    node: WorldNode,
    shape: {
      readonly type?: ConnectionType;
      readonly address?: NetAddress;
      readonly permissions?: readonly Permission[];
      /** The node's end of an encrypted connection, and who gets its bytes. */
      readonly encrypted?: Pick<Encrypted, 'transport' | 'onBytes'>;
    } = {},
  ): ScriptedPeer {
    const { encrypted, ...facts } = shape;
    const link = new Link(this);
    const address = shape.address ?? ip(`30.${this.random.u32() % 250}.${this.random.u32() % 250}.1`, 5_000);
    const id = node.open(link, 1, {
      type: 'inbound',
      ...facts,
      address,
      ...(encrypted !== undefined && { transport: 'detecting' }),
    });
    const peer = new ScriptedPeer(link, id);
    link.ends = [peer, node.end(id)];
    if (encrypted !== undefined)
      link.encrypt({
        ...encrypted,
        onKind: transport => node.handle({ kind: 'transport', peer: id, transport }),
      });
    node.start(id);
    return peer;
  }

  after(ms: number, action: () => void): void {
    this.#queue.push(this.now + ms, action);
  }

  runFor(ms: number): void {
    const end = this.now + ms;
    while (this.#next() <= end) this.#step();
    this.now = end;
  }

  /** Fails when it does not come true in time. */
  runUntil(what: string, condition: () => boolean, withinMs = 60_000): void {
    const end = this.now + withinMs;
    while (!condition()) {
      if (this.#next() > end) throw new Error(`Not within ${withinMs} ms: ${what}`);
      this.#step();
    }
  }

  #next(): number {
    const deadlines = this.nodes.map(node => node.manager.nextDeadline() ?? Number.POSITIVE_INFINITY);
    return Math.min(this.#queue.peekKey() ?? Number.POSITIVE_INFINITY, ...deadlines);
  }

  #step(): void {
    const at = this.#next();
    if (at > this.now) this.#ticksAtOnce = 0;
    this.now = Math.max(this.now, at);
    if (this.#queue.peekKey() === at) {
      this.#queue.pop()!();
      return;
    }
    this.#ticksAtOnce += 1;
    if (this.#ticksAtOnce > TICKS_AT_ONCE_MAX * this.nodes.length) throw new Error('A deadline is never met');
    for (const node of this.nodes)
      if ((node.manager.nextDeadline() ?? Number.POSITIVE_INFINITY) <= this.now)
        node.handle({ kind: 'tick' });
  }
}

interface Connection {
  readonly link: Link;
  readonly side: 0 | 1;
  readonly event: Extract<P2pEvent, { readonly kind: 'connected' }>;
  readonly inbox: (Message | Unreadable)[];
}

export class WorldNode {
  readonly address: NetAddress;
  readonly chain: Chain;
  readonly mempool: Mempool;
  readonly addressBook: AddressBook;
  readonly manager: PeerManager;
  /** All effects that were not about links. */
  readonly asked: P2pEffect[] = [];
  /** Why connections were closed, by us. */
  readonly disconnects: { readonly peer: PeerId; readonly reason: string }[] = [];
  readonly #world: World;
  readonly #storage = new MemoryStorage();
  readonly #connections = new Map<PeerId, Connection>();
  readonly #hasNoFilters: boolean;
  #nextPeer = 0;

  constructor(world: World, shape: NodeShape & { readonly address: NetAddress }) {
    this.#world = world;
    this.#hasNoFilters = shape.hasNoFilters ?? false;
    this.address = shape.address;
    const options = { ...NODE_OPTIONS, ...shape.options };
    this.chain = new Chain(
      { params: REGTEST, log: SILENT_LOG },
      { minimumChainWork: options.minimumChainWork, ...shape.chain },
    );
    const { chain } = this;
    const random = new SeededRandom(world.random.u32());
    this.mempool = new Mempool(
      { chain, coins: chain, log: SILENT_LOG },
      { ...DEFAULT_MEMPOOL_OPTIONS, requireStandard: false },
    );
    this.addressBook = new AddressBook({ random }, options);
    const { addressBook, mempool } = this;
    this.manager = new PeerManager(
      { chain, mempool, random, log: SILENT_LOG, addressBook, bans: [] },
      options,
    );
    this.run(chain.start(this.#storage.load(chain), world.now));
  }

  get tip(): string {
    return hashToHex(this.chain.headers.hashOf(this.chain.tip()));
  }

  get height(): number {
    return this.chain.height;
  }

  run<Result>(task: MempoolTask<Result>): Result {
    return runTask(task, effect => this.#performWriter(effect));
  }

  /** As the miner or an RPC would: not from a peer. */
  submit(...blocks: readonly Block[]): void {
    for (const block of blocks) {
      const result = this.#submitBlock(block, true);
      if (result.status === 'rejected') throw result.reject;
    }
  }

  submitTx(tx: Transaction): TxResult {
    return this.run(this.mempool.submit(tx, { now: this.#world.now, origin: 'local' }));
  }

  handle(event: P2pEvent): void {
    this.#perform(this.manager.handle(event, this.#world.now));
    if ('peer' in event) this.#pump(event.peer);
  }

  command<C extends P2pCommand>(command: C): P2pCommandResult<C> {
    const { effects, result } = this.manager.command(command, this.#world.now);
    this.#perform(effects);
    return result;
  }

  peer(id: PeerId): ReturnType<PeerManager['peers']>[number] | undefined {
    return this.manager.peers(this.#world.now).find(peer => peer.id === id);
  }

  // Connections, for the world.

  open(
    link: Link,
    side: 0 | 1,
    shape: Omit<Connection['event'], 'kind' | 'peer' | 'localAddress' | 'permissions'> & {
      readonly permissions?: readonly Permission[];
    },
  ): PeerId {
    const peer = this.#nextPeer;
    this.#nextPeer += 1;
    const event = { kind: 'connected', localAddress: this.address, permissions: [], ...shape, peer } as const;
    this.#connections.set(peer, { link, side, event, inbox: [] });
    return peer;
  }

  end(peer: PeerId): End {
    return {
      deliver: message => {
        this.#connections.get(peer)?.inbox.push(message);
        this.#pump(peer);
      },
      unreadable: what => {
        this.#connections.get(peer)?.inbox.push(what);
        this.#pump(peer);
      },
      closed: () => {
        if (this.#connections.delete(peer)) this.handle({ kind: 'disconnected', peer });
      },
    };
  }

  start(peer: PeerId): void {
    this.handle(this.#connections.get(peer)!.event);
  }

  /** A peer with an open operation is not heard. */
  #pump(peer: PeerId): void {
    const connection = this.#connections.get(peer);
    while (connection !== undefined && connection.inbox.length > 0 && !this.manager.isBusy(peer)) {
      const next = connection.inbox.shift()!;
      const event: P2pEvent =
        'kind' in next ? { ...next, peer } : { kind: 'message', peer, message: next, size: 0 };
      this.#perform(this.manager.handle(event, this.#world.now));
    }
  }

  #perform(effects: readonly P2pEffect[]): void {
    for (const effect of effects) this.#performOne(effect);
  }

  #performOne(effect: P2pEffect): void {
    const world = this.#world;
    switch (effect.kind) {
      case 'send': {
        const connection = this.#connections.get(effect.peer);
        connection?.link.send(connection.side, effect.message.command, encodePayload(effect.message));
        return;
      }
      case 'sendRawBlock': {
        const connection = this.#connections.get(effect.peer);
        connection?.link.send(connection.side, 'block', effect.raw);
        return;
      }
      case 'disconnect':
        this.disconnects.push(effect);
        this.#connections.get(effect.peer)?.link.close();
        return;
      case 'connect':
        world.after(world.latencyMs, () => this.#dialed(effect));
        return;
      case 'submitBlock':
        world.after(world.validationMs, () => {
          const result = this.#submitBlock(effect.block, effect.requested);
          this.handle({ kind: 'blockProcessed', peer: effect.peer, hash: effect.block.header.hash, result });
        });
        return;
      case 'submitTx':
        world.after(1, () => {
          const result = this.run(this.mempool.submit(effect.tx, { now: world.now, origin: 'peer' }));
          this.handle({ kind: 'txProcessed', peer: effect.peer, tx: effect.tx, result });
        });
        return;
      case 'readFilters':
        this.asked.push(effect);
        if (this.#hasNoFilters)
          world.after(1, () => this.handle({ kind: 'filtersRead', peer: effect.peer, answer: undefined }));
        return;
      case 'testTx':
        world.after(1, () => {
          const { reject } = this.run(this.mempool.testPackage([effect.tx], world.now));
          this.handle({ kind: 'txTested', tx: effect.tx, isAcceptable: reject === undefined });
        });
        return;
      case 'submitPackage':
        world.after(1, () => {
          const result = this.run(this.mempool.submitPackage(effect.txs, { now: world.now }));
          this.handle({ kind: 'packageProcessed', peer: effect.peer, txs: effect.txs, result });
        });
        return;
      case 'readBlock':
        world.after(1, () => {
          const id = this.chain.headers.find(effect.hash)!;
          const { raw } = this.run(this.chain.readBlock(id));
          this.handle({ kind: 'blockRead', peer: effect.peer, hash: effect.hash, raw });
        });
        return;
      default:
        this.asked.push(effect);
    }
  }

  #dialed({ attempt, target, type }: Extract<P2pEffect, { readonly kind: 'connect' }>): void {
    const to =
      target.kind === 'address'
        ? this.#world.nodes.find(node => addressKey(node.address) === addressKey(target.address))
        : undefined;
    if (to === undefined) this.handle({ kind: 'connectFailed', attempt, reason: 'nobody there' });
    else this.#world.connect(this, to, type, attempt);
  }

  #submitBlock(block: Block, requested: boolean): BlockResult {
    return this.run(this.chain.submitBlock(block, { requested, now: this.#world.now }));
  }

  #performWriter(effect: MempoolEffect): unknown {
    switch (effect.kind) {
      case 'notify':
        this.run(this.mempool.onChainNotice(effect.notice, this.#world.now));
        this.handle({ kind: 'chain', notice: effect.notice });
        return;
      case 'notifyMempool':
        this.handle({ kind: 'mempool', notice: effect.notice });
        return;
      default:
        if (isScriptEffect(effect)) return performScripts(effect, verifyHere);
        return this.#storage.perform(effect);
    }
  }
}

export const SCRIPTED_VERSION: MessageOf<'version'> = {
  command: 'version',
  version: 70_016,
  services: SERVICES.network | SERVICES.witness,
  time: BigInt(Math.floor(NOW / 1000)),
  to: { services: 0n, ...ip('1.2.3.4') },
  nonce: 42n,
  userAgent: '/Scripted:1/',
  startHeight: 0,
  relay: true,
};

export class ScriptedPeer implements End {
  readonly id: PeerId;
  readonly received: Message[] = [];
  isOpen = true;
  /** Answers as a polite peer would: pings, headers with nothing. */
  onMessage: (message: Message) => void = message => {
    if (message.command === 'ping') this.send({ command: 'pong', nonce: message.nonce });
  };
  readonly #link: Link;

  constructor(link: Link, id: PeerId) {
    this.#link = link;
    this.id = id;
  }

  send(...messages: readonly Message[]): void {
    for (const message of messages) this.#link.send(0, message.command, encodePayload(message));
  }

  /** Whatever bytes, as the payload of a message. */
  sendPayload(command: Command, payload: Uint8Array): void {
    this.#link.send(0, command, payload);
  }

  /** Whatever bytes, as the wire carries them. */
  sendBytes(bytes: Uint8Array): void {
    this.#link.sendBytes(0, bytes);
  }

  close(): void {
    this.#link.close();
  }

  /** Version, wtxidrelay, verack, in order. */
  shakeHands(version: Partial<MessageOf<'version'>> = {}): void {
    this.send({ ...SCRIPTED_VERSION, ...version }, { command: 'wtxidrelay' }, { command: 'verack' });
  }

  /** All of one command, in order. */
  all<C extends Command>(command: C): MessageOf<C>[] {
    return this.received.filter(message => message.command === command) as unknown as MessageOf<C>[];
  }

  get commands(): string[] {
    return this.received.map(message => message.command);
  }

  deliver(message: Message): void {
    this.received.push(message);
    this.onMessage(message);
  }

  closed(): void {
    this.isOpen = false;
  }
}
