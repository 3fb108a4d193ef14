/**
 * A whole peer manager among peers that do anything that the protocol knows, in any order and from a seed: they come and go,
 * with and without permissions, blocks and their parts are sent and asked for while the chain moves on or back and time
 * leaps. Nobody gets what he did not ask for, nobody owes us more than he may, and when all are gone nothing is left of them.
 */
import { expect, test } from 'vitest';
import type { Hash256 } from '../../../src/base/bytes.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../../../src/base/clock.ts';
import { randomBelow, SeededRandom } from '../../../src/base/random.ts';
import { compactOf } from '../../../src/p2p/compact-block.ts';
import { type ConnectionType, PERMISSIONS, type Permission } from '../../../src/p2p/events.ts';
import type { PeerManagerOptions } from '../../../src/p2p/peer-manager.ts';
import { type Block, createBlock } from '../../../src/wire/block.ts';
import { INV, INV_WITNESS_BLOCK, INV_WITNESS_TX, type Message, NO_STOP_HASH, SERVICES } from '../../../src/wire/messages.ts'; // biome-ignore format: one list
import type { Transaction } from '../../../src/wire/transaction.ts';
import { mustBe } from '../../support/must-be.ts';
import { type ScriptedPeer, World, type WorldNode } from '../../support/p2p-world.ts';
import { tableSizes } from '../../support/private-tables.ts';
import { RANDOM_MESSAGES } from '../../support/random-messages.ts';
import { coinbaseOf, mineBlock, NOW, REGTEST, spend } from '../../support/test-chain.ts';

const BASE_COUNT = 120;
const BASE = grow(REGTEST.genesis, 0, BASE_COUNT, 0, NOW / 1000 - BASE_COUNT * 60 - 600, 60);
const BASE_TIP = BASE.at(-1)!;
/** Each spends a coinbase that is old enough. */
const TXS = BASE.slice(0, 16).map((block, i) => spend([coinbaseOf(block)], [24_0000_0000, 25_9990_0000 - i]));
/** What a transaction must wait for: its parent is above. */
const CHILDREN = TXS.map(tx => spend([{ txid: tx.txid, index: 0 }], [23_0000_0000]));
/** Branches from the same place, of which the later are longer. */
const BRANCHES = [0, 1, 2].map(tag => growFull(BASE_TIP, BASE_COUNT, 8 + tag * 6, tag));
/** Solved, and against a rule that only the chain knows. */
const GREEDY = BRANCHES.map(
  (branch, i) =>
  mineBlock(branch[i]!, BASE_COUNT + i + 1, { coinbaseValue: 51_0000_0000, tag: 99, time: branch[i]!.header.time + 1 }), // biome-ignore format: one call
);
const BLOCKS = [...BRANCHES.flat(), ...GREEDY];

function grow(parent: Block, height: number, count: number, tag: number, start: number, step: number) {
  const blocks: Block[] = [];
  for (let i = 0; i < count; i += 1)
    blocks.push(mineBlock(blocks.at(-1) ?? parent, height + i, { tag, time: start + i * step }));
  return blocks;
}

/** The first few have transactions. */
function growFull(parent: Block, height: number, count: number, tag: number): Block[] {
  const blocks: Block[] = [];
  for (let i = 0; i < count; i += 1) {
    const last = blocks.at(-1) ?? parent;
    const transactions = i < 5 ? TXS.slice(i * 3, i * 3 + 3) : [];
    blocks.push(mineBlock(last, height + i, { tag, transactions, time: last.header.time + 1 }));
  }
  return blocks;
}

const TYPES: readonly ConnectionType[] = [
  'inbound', 'inbound', 'inbound', 'outbound-full-relay', 'outbound-full-relay', 'block-relay-only', 'manual', 'feeler', 'addr-fetch',
]; // biome-ignore format: one list
const SERVICE_SETS = [
  SERVICES.network | SERVICES.witness,
  SERVICES.network | SERVICES.witness,
  SERVICES.networkLimited | SERVICES.witness,
  SERVICES.network,
  0n,
];
const ALL = SERVICES.network | SERVICES.witness | SERVICES.networkLimited;
const NODES: readonly Partial<PeerManagerOptions>[] = [
  {},
  { services: ALL | SERVICES.bloom | SERVICES.compactFilters },
  { blocksOnly: true },
  { services: SERVICES.networkLimited | SERVICES.witness, maxConnections: 20 },
  { txReconciliation: true, relayStrategy: { kind: 'reconcile' } },
];
const JUMPS_MS = [SECOND_MS, MINUTE_MS, 3 * MINUTE_MS, 11 * MINUTE_MS, HOUR_MS];
const IN_FLIGHT_MAX = 16;
const SAME_BLOCK_MAX = 3;
/** What outlives the peers: what the node knows of the world, the last block, and lists that are made once. */
const PASSED_OVER = new Set([
  '#context', 'context', 'chain', '#chain', 'mempool', 'addressBook', '#addressBook', 'random', '#random', 'log', '#log', 'options', '#options', '#prevoutKeys', '#block', '#compact', '#transactions', '#lastBlockTxs',
]); // biome-ignore format: one list
/** Columns, as long as there once were peers; what is known of transactions; samples and answers, of which there are so many at most. */
const LASTING =
  /^(AlarmRow|Deadlines|HolderSet|InvClocks|KnownTxs|Places|RollingFilter)\.|^AddressRelay\.#answers$|^TxRelay\.#(waitingCount|lastSequence)$|^Handshake\.#timeOffsets$/;

interface Actor {
  readonly peer: ScriptedPeer;
  /** What it may be sent for having asked. */
  readonly wanted: Set<Hash256>;
  headersWanted: number;
  wantsHeaders: boolean;
  wantsCompact: boolean;
  hasFilter: boolean;
  /** How many of what it received were answered, and looked at. */
  seen: number;
  looked: number;
}

class Stage {
  readonly world: World;
  readonly node: WorldNode;
  readonly actors: Actor[] = [];
  readonly #random: SeededRandom;
  readonly #offersFilters: boolean;
  #mined = 0;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
    this.world = new World(seed);
    const options = NODES[seed % NODES.length]!;
    this.#offersFilters = ((options.services ?? 0n) & SERVICES.bloom) !== 0n;
    this.node = this.world.addNode({ options, hasNoFilters: true });
    this.node.submit(...BASE);
  }

  below(bound: number): number {
    return randomBelow(this.#random, bound);
  }

  of<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  some<T>(items: readonly T[], count: number): T[] {
    return Array.from({ length: count }, () => this.of(items));
  }

  come(): void {
    const type = this.of(TYPES);
    const permissions: Permission[] = PERMISSIONS.filter(() => this.below(5) === 0);
    const peer = this.world.attach(this.node, { type, permissions });
    const actor = { peer, wanted: new Set<Hash256>(), headersWanted: 0, wantsHeaders: false, wantsCompact: false, hasFilter: false, seen: 0, looked: 0 }; // biome-ignore format: one record
    this.actors.push(actor);
    if (this.below(10) > 0)
      peer.shakeHands({ services: this.of(SERVICE_SETS), relay: this.below(4) > 0, version: this.of([70_016, 70_017, 70_014, 60_000]) }); // biome-ignore format: one call
    if (this.below(3) > 0) this.say(actor, { command: 'sendcmpct', announce: this.below(2), version: 2n });
  }

  say(actor: Actor, message: Message): void {
    switch (message.command) {
      case 'getdata':
        for (const { hash } of message.items) actor.wanted.add(hash);
        break;
      case 'getblocktxn':
        actor.wanted.add(message.blockHash);
        break;
      case 'getheaders':
        actor.headersWanted += 1;
        break;
      case 'sendheaders':
        actor.wantsHeaders = true;
        break;
      case 'sendcmpct':
        if (message.announce === 1) actor.wantsCompact = true;
        break;
      case 'filterload':
        actor.hasFilter = true;
        break;
      default:
    }
    actor.peer.send(message);
  }

  /** A block as it is, or with something wrong. */
  #blockFrom(): Block {
    const block = this.of(BLOCKS);
    if (this.below(8) > 0) return block;
    return createBlock(block.header, [...block.transactions, this.of(TXS)]);
  }

  #compact(block: Block): Message {
    const nonce = BigInt(this.below(3));
    const compact = compactOf(block, nonce);
    switch (this.below(8)) {
      case 0:
        // All of it.
        return { command: 'cmpctblock', ...compact, shortIds: [], prefilled: block.transactions.map((tx, index) => ({ index, tx })) }; // biome-ignore format: one message
      case 1:
        // Two that are the same.
        return { command: 'cmpctblock', ...compact, shortIds: [...compact.shortIds, 5, 5] };
      case 2:
        // One that nobody has.
        return { command: 'cmpctblock', ...compact, shortIds: [...compact.shortIds, 7] };
      case 3:
        return { command: 'cmpctblock', ...compact, prefilled: [{ index: 9, tx: block.transactions[0]! }] };
      default:
        return { command: 'cmpctblock', ...compact };
    }
  }

  /** Of a branch, from a random place. */
  #headers(): Message {
    const branch = this.of(BRANCHES);
    const from = this.below(3) > 0 ? 0 : this.below(branch.length);
    const count = 1 + this.below(branch.length);
    return { command: 'headers', headers: branch.slice(from, from + count).map(({ header }) => header) };
  }

  #transactions(): Transaction[] {
    return this.below(3) === 0 ? this.some(TXS, 2) : this.of(BLOCKS).transactions.slice(1);
  }

  /** What is open between it and us, as an honest peer would answer it. */
  answer(actor: Actor): void {
    const { received } = actor.peer;
    for (const message of received.slice(actor.seen)) {
      if (message.command === 'getdata')
        for (const { type, hash } of message.items) {
          const block = BLOCKS.find(({ header }) => header.hash === hash);
          const tx = [...TXS, ...CHILDREN].find(each => each.txid === hash || each.wtxid === hash);
          if (block !== undefined)
            this.say(actor, type === INV.compactBlock ? { command: 'cmpctblock', ...compactOf(block, 1n) } : { command: 'block', block }); // biome-ignore format: one step
          if (tx !== undefined) this.say(actor, { command: 'tx', tx });
        }
      if (message.command === 'getblocktxn') {
        const block = BLOCKS.find(({ header }) => header.hash === message.blockHash)!;
        const transactions = message.indexes.flatMap(index => block.transactions[index] ?? []);
        this.say(actor, { command: 'blocktxn', blockHash: message.blockHash, transactions });
      }
      if (message.command === 'getheaders') this.say(actor, this.#headers());
    }
    actor.seen = received.length;
  }

  act(actor: Actor): void {
    const hashes = [...BLOCKS, ...BASE.slice(-4)].map(({ header }) => header.hash);
    const hash = this.of(hashes);
    const blockTypes = [INV.block, INV_WITNESS_BLOCK, INV.compactBlock, INV.filteredBlock];
    const tx = this.of(this.below(3) === 0 ? CHILDREN : TXS);
    const asked = this.of([INV.tx, INV.wtx, INV_WITNESS_TX]);
    const locator = {
      version: 70_016,
      locator: this.some(hashes, 1 + this.below(3)),
      stopHash: NO_STOP_HASH,
    };
    const actions: (() => void)[] = [
      () => this.say(actor, { command: 'getdata', items: this.some(hashes, 1 + this.below(5)).map(each => ({ type: this.of(blockTypes), hash: each })) }),
      () => this.say(actor, { command: 'getdata', items: [{ type: asked, hash: asked === INV.wtx ? tx.wtxid : tx.txid }, { type: this.of(blockTypes), hash }] }),
      () => this.say(actor, this.#headers()),
      () => this.say(actor, this.#headers()),
      () => this.say(actor, { command: 'headers', headers: this.below(2) === 0 ? [] : [this.of(GREEDY).header] }),
      () => this.say(actor, { command: 'block', block: this.#blockFrom() }),
      () => this.say(actor, { command: 'block', block: this.#blockFrom() }),
      () => this.say(actor, this.#compact(this.of(BLOCKS))),
      () => this.say(actor, this.#compact(this.of(BLOCKS))),
      () => this.say(actor, { command: 'blocktxn', blockHash: hash, transactions: this.#transactions() }),
      () => this.say(actor, { command: 'getblocktxn', blockHash: hash, indexes: this.below(6) === 0 ? [0, 50] : [0] }),
      () => this.say(actor, { command: 'inv', items: [{ type: INV.block, hash }, { type: INV.wtx, hash: tx.wtxid }] }),
      () => this.say(actor, { command: 'tx', tx }),
      () => this.say(actor, { command: 'getheaders', ...locator }),
      () => this.say(actor, { command: 'getblocks', ...locator }),
      () => this.say(actor, { command: 'sendheaders' }),
      () => this.say(actor, { command: 'sendcmpct', announce: this.below(2), version: 2n }),
      () => this.say(actor, RANDOM_MESSAGES[this.of(['feefilter', 'ping', 'pong', 'getaddr', 'addrv2', 'notfound', 'inv'] as const)](this.#random)),
    ]; // biome-ignore format: a table
    const filtering: (() => void)[] = [
      () => this.say(actor, { command: 'mempool' }),
      () => this.say(actor, { command: 'filterload', data: Uint8Array.of(255), hashFunctions: 1, tweak: 0, flags: 1 }),
      () => this.say(actor, this.of<Message>([{ command: 'filterclear' }, { command: 'filteradd', data: Uint8Array.of(1) }])),
      () => this.say(actor, { command: 'getcfilters', filterType: 0, startHeight: 1, stopHash: hash }),
    ]; // biome-ignore format: a table
    // What ends a connection at once ends most of what could be seen.
    this.of(this.#offersFilters || this.below(12) === 0 ? [...actions, ...filtering] : actions)();
  }

  step(): void {
    const actor = this.actors[this.below(Math.max(1, this.actors.length))];
    const kind = this.below(20);
    if (actor === undefined || kind === 0) this.come();
    else if (kind === 1 && this.actors.length > 4) this.leave(actor);
    else if (kind === 2) this.#mine();
    else if (kind < 8) this.answer(actor);
    else this.act(actor);
    if (this.below(60) === 0) this.world.runFor(this.of(JUMPS_MS));
    else if (this.below(2) === 0) this.world.runFor(this.below(120));
  }

  leave(actor: Actor): void {
    actor.peer.close();
  }

  /** The next of the branches, from the first to the last. */
  #mine(): void {
    if (this.below(4) > 0) return;
    const block = BRANCHES.flat()[this.#mined];
    this.#mined += 1;
    if (block !== undefined) this.node.submit(block);
  }

  /** What must hold at any time. */
  look(): void {
    const holders = new Map<number, number>();
    for (const { inflightHeights = [] } of this.node.manager.peers(this.world.now)) {
      mustBe(inflightHeights.length <= IN_FLIGHT_MAX, true, 'a peer owes sixteen blocks at most');
      for (const height of inflightHeights) holders.set(height, (holders.get(height) ?? 0) + 1);
    }
    // There may be another block of each branch at a height.
    for (const count of holders.values())
      mustBe(count <= SAME_BLOCK_MAX * (BRANCHES.length + 1), true, 'three work on one block at most');
    for (const actor of this.actors.splice(0)) {
      this.#lookAt(actor);
      if (actor.peer.isOpen) this.actors.push(actor);
    }
  }

  #lookAt(actor: Actor): void {
    const { peer, wanted, wantsHeaders, wantsCompact, hasFilter } = actor;
    for (const message of peer.received.slice(actor.looked)) {
      switch (message.command) {
        case 'block':
          mustBe(wanted.has(message.block.header.hash), true, 'a block goes to who asked for it');
          break;
        case 'tx':
          mustBe(hasFilter || wanted.has(message.tx.txid) || wanted.has(message.tx.wtxid), true, 'a transaction goes to who asked for it'); // biome-ignore format: one check
          break;
        case 'cmpctblock':
          mustBe(wantsCompact || wanted.has(message.header.hash), true, 'a compact block goes to who asked');
          break;
        case 'blocktxn':
          mustBe(wanted.has(message.blockHash), true, 'parts of a block go to who asked for them');
          break;
        case 'merkleblock':
          mustBe(hasFilter && wanted.has(message.header.hash), true, 'a filtered block goes to who asked');
          break;
        case 'headers':
          actor.headersWanted -= 1;
          mustBe(wantsHeaders || actor.headersWanted >= 0, true, 'headers go to who asked for them');
          break;
        case 'notfound':
          for (const { hash } of message.items) mustBe(wanted.has(hash), true, 'what is not found was asked for'); // biome-ignore format: one check
          break;
        default:
      }
    }
    actor.looked = peer.received.length;
  }
}

function run(seed: number, steps: number): void {
  const stage = new Stage(seed);
  const { node, world } = stage;
  world.runFor(SECOND_MS);
  const before = tableSizes(node.manager, PASSED_OVER);
  for (let i = 0; i < steps; i += 1) {
    stage.step();
    stage.look();
  }
  for (const actor of stage.actors) stage.leave(actor);
  world.runFor(MINUTE_MS);
  expect(node.manager.peers(world.now)).toEqual([]);
  const left = [...tableSizes(node.manager, PASSED_OVER)].filter(
    ([name, size]) => size > (before.get(name) ?? 0) && !LASTING.test(name),
  );
  expect(left).toEqual([]);
  expect(node.manager.orphans().size).toBe(0);
  // Whoever comes now finds a node that works.
  const peer = world.attach(node);
  peer.shakeHands();
  world.runFor(SECOND_MS);
  expect(peer.commands).toContain('verack');
  world.runFor(DAY_MS / 24);
}

test.each(Array.from({ length: 10 }, (_, i) => i))('anything in any order, seed %i', seed => {
  run(seed, 300);
});
