/**
 * A node among honest peers and hostile ones, in virtual time. The honest ones are real nodes, and what they owe the node
 * tells how well it stands an attack: the next block and the next transaction must still come, in so much time, over
 * connections that have not been lost; and each attacker may cost so much memory.
 */
import { SECOND_MS } from '../../src/base/clock.ts';
import type { ConnectionType, PeerId, Permission } from '../../src/p2p/events.ts';
import { type Block, createHeader } from '../../src/wire/block.ts';
import type { Message, MessageOf } from '../../src/wire/messages.ts';
import type { Transaction } from '../../src/wire/transaction.ts';
import { reachableBytes } from './heap.ts';
import { ip, type NodeShape, type ScriptedPeer, World, type WorldNode } from './p2p-world.ts';
import { coinbaseOf, mineBlock, NOW, REGTEST, spend } from './test-chain.ts';

/** Blocks whose last is a minute old: nobody is catching up. Coinbases of the first ones can be spent. */
export const HONEST_CHAIN = chainTo(160, 1);

export function chainTo(count: number, tag: number, parent = REGTEST.genesis, height = 0): Block[] {
  const blocks: Block[] = [];
  for (let i = 0; i < count; i += 1) {
    const below = blocks.at(-1) ?? parent;
    const earliest = NOW / 1000 - (count - i) * 60;
    const time = Math.max(below.header.time + 1, earliest);
    blocks.push(mineBlock(below, height + i, { time, tag }));
  }
  return blocks;
}

/** Attackers with addresses of their own. */
const HOSTS_MAX = 50_000;

export interface SceneShape {
  readonly seed?: number;
  readonly honest?: number;
  /** What the node has of the honest chain when it starts. */
  readonly known?: number;
  readonly options?: NodeShape['options'];
  /** How the honest ones are connected. */
  readonly direction?: 'out' | 'in';
}

export class HostileScene {
  readonly world: World;
  readonly node: WorldNode;
  readonly honest: WorldNode[] = [];
  readonly attackers: ScriptedPeer[] = [];
  readonly #honestPeers: PeerId[] = [];
  #spent = 0;

  constructor({ seed = 1, honest = 3, known, options, direction = 'out' }: SceneShape = {}) {
    this.world = new World(seed);
    this.node = this.world.addNode({ ...(options !== undefined && { options }), hasNoFilters: true });
    this.node.submit(...HONEST_CHAIN.slice(0, known ?? HONEST_CHAIN.length));
    this.addHonest(honest, direction);
  }

  /** Real nodes with the honest chain, connected to the node and among themselves. */
  addHonest(count: number, direction: 'out' | 'in' = 'out'): void {
    for (let i = 0; i < count; i += 1) {
      const other = this.world.addNode();
      other.submit(...HONEST_CHAIN);
      if (direction === 'out')
        this.#honestPeers.push(this.world.connect(this.node, other, 'outbound-full-relay'));
      else {
        this.world.connect(other, this.node, 'outbound-full-relay');
        this.#honestPeers.push(this.node.manager.peers(this.world.now).at(-1)!.id);
      }
      const neighbour = this.honest.at(-1);
      if (neighbour !== undefined) this.world.connect(other, neighbour, 'outbound-full-relay');
      this.honest.push(other);
    }
    this.world.runFor(2 * SECOND_MS);
  }

  /** Hostile peers of this type that have shaken hands; `react` sees what each of them gets. */
  attach(
    count: number,
    shape: {
      readonly type?: ConnectionType;
      /** First two bytes of their addresses; by default each has a netgroup of its own. */
      readonly netgroup?: string;
      readonly react?: (attacker: ScriptedPeer, message: Message) => void;
      readonly version?: Partial<MessageOf<'version'>> | 'silent';
      readonly permissions?: readonly Permission[];
      readonly encrypted?: NonNullable<Parameters<World['attach']>[1]>['encrypted'];
      /** Numbers the first of their addresses; by default they are counted. */
      readonly host?: number;
    } = {},
  ): ScriptedPeer[] {
    const {
      type = 'inbound',
      permissions = [],
      netgroup,
      react,
      version = {},
      encrypted,
      host: firstHost,
    } = shape;
    const made = Array.from({ length: count }, (_, i) => {
      const n = (firstHost === undefined ? this.attackers.length : firstHost + i) % HOSTS_MAX;
      const host =
        netgroup === undefined ? `${40 + (n >> 8)}.${n & 255}.0.1` : `${netgroup}.${n >> 8}.${n & 255}`;
      const attacker = this.world.attach(this.node, {
        type,
        permissions,
        address: ip(host, 5_000 + n),
        ...(encrypted !== undefined && { encrypted }),
      });
      const polite = attacker.onMessage;
      attacker.onMessage = message => {
        // What it got is of no interest, and must not be taken for memory of the node.
        attacker.received.length = 0;
        polite(message);
        react?.(attacker, message);
      };
      if (version !== 'silent') attacker.shakeHands({ startHeight: HONEST_CHAIN.length, ...version });
      this.attackers.push(attacker);
      return attacker;
    });
    this.world.runFor(SECOND_MS);
    return made;
  }

  /** Runs `attack` and tells what the node has more in memory after it, for each attacker. */
  memoryPerAttacker(attack: () => void): number {
    const before = reachableBytes();
    attack();
    return (reachableBytes() - before) / this.attackers.length;
  }

  get honestPeersKept(): number {
    const ids = new Set(this.node.manager.peers(this.world.now).map(({ id }) => id));
    return this.#honestPeers.filter(id => ids.has(id)).length;
  }

  get attackersKept(): number {
    return this.attackers.filter(({ isOpen }) => isOpen).length;
  }

  /** The next block of an honest miner. */
  nextBlock(transactions: readonly Transaction[] = []): Block {
    const miner = this.honest[0]!;
    const tip = miner.run(miner.chain.readBlock(miner.chain.tip()));
    const time = Math.max(tip.header.time + 1, Math.floor(this.world.now / 1000));
    return mineBlock(tip, miner.height, { time, transactions });
  }

  /** One of the honest ones mines all that it has; how long until the node has the block. */
  timeToNextBlock(withinMs: number): number {
    const entries = [...this.honest[0]!.mempool.entries()];
    const block = this.nextBlock(entries.sort((a, b) => a.sequence - b.sequence).map(({ tx }) => tx));
    const since = this.world.now;
    this.honest[0]!.submit(block);
    this.world.runUntil('the next block', () => this.node.tip === this.honest[0]!.tip, withinMs);
    return this.world.now - since;
  }

  nextTransaction(): Transaction {
    const from = HONEST_CHAIN[this.#spent]!;
    this.#spent += 1;
    return spend([coinbaseOf(from)], [24_0000_0000, 25_9990_0000]);
  }

  /** One of the honest ones pays; how long until the node has the transaction. */
  timeToNextTransaction(withinMs: number): number {
    const tx = this.nextTransaction();
    const since = this.world.now;
    this.honest[0]!.submitTx(tx);
    this.world.runUntil('the next transaction', () => this.node.mempool.get(tx.txid) !== undefined, withinMs);
    return this.world.now - since;
  }
}

/** Has these blocks: answers with their headers, and when one is asked for lets `deliver` do what it will. */
export function serving(blocks: readonly Block[], deliver: (peer: ScriptedPeer, block: Block) => void) {
  const byHash = new Map(blocks.map(block => [block.header.hash as string, block]));
  return (peer: ScriptedPeer, message: Message): void => {
    if (message.command === 'getheaders') {
      const known = blocks.findIndex(block => message.locator.includes(block.header.hash));
      const headers = blocks.slice(known + 1, known + 2_001).map(({ header }) => header);
      peer.send({ command: 'headers', headers });
    }
    if (message.command !== 'getdata') return;
    for (const { hash } of message.items) {
      const block = byHash.get(hash);
      if (block !== undefined) deliver(peer, block);
    }
  };
}

/** Headers that follow each other and carry the work of their easy target; `next` gives the following ones. */
export class HeaderMill {
  #parent: Block['header'];
  #made = 0;

  constructor(parent: Block['header']) {
    this.#parent = parent;
  }

  next(count: number): Block['header'][] {
    return Array.from({ length: count }, () => {
      this.#made += 1;
      const { hash: prevHash, bits, time } = this.#parent;
      for (let nonce = 0; ; nonce += 1) {
        const merkleRoot = REGTEST.genesis.header.merkleRoot;
        const header = createHeader({
          version: 0x2000_0000,
          prevHash,
          merkleRoot,
          time: time + 1,
          bits,
          nonce,
        });
        // Regtest asks for the highest bit to be zero.
        if (header.hash.charCodeAt(31) >= 0x7f) continue;
        this.#parent = header;
        return header;
      }
    });
  }

  get made(): number {
    return this.#made;
  }
}
