/**
 * Hostile peers against a node with three honest ones: what an attack may cost in memory for each attacker, how long the
 * next honest block and transaction may take meanwhile, and that no honest connection is lost. Addresses and their books
 * are attacked in hostile-addresses.test.ts.
 */
import { describe, expect, test } from 'vitest';
import { bytesToHash, type Hash256, type Txid } from '../../src/base/bytes.ts';
import { SECOND_MS } from '../../src/base/clock.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { compactOf } from '../../src/p2p/compact-block.ts';
import { createBlock } from '../../src/wire/block.ts';
import { INV, type MessageOf } from '../../src/wire/messages.ts';
import {
  chainTo,
  HeaderMill,
  HONEST_CHAIN,
  HostileScene,
  type SceneShape,
  serving,
} from '../support/hostile-scene.ts';
import type { ScriptedPeer } from '../support/p2p-world.ts';
import { coinbaseOf, mineBlock, REGTEST, spend } from '../support/test-chain.ts';

const KIB = 1_024;
/** Blocks and transactions among honest peers alone take so long at most: round trips, and Core's trickle. */
const BLOCK_MS = 2 * SECOND_MS;
const TX_MS = 60 * SECOND_MS;

const random = new SeededRandom(77);
const randomHash = <T extends Hash256>() => bytesToHash<T>(random.bytes(32));

interface Attack {
  readonly name: string;
  readonly shape?: SceneShape;
  /** The attack, to its end. */
  readonly run: (scene: HostileScene) => void;
  /** Of reachable memory, for each attacker, when it is over. */
  readonly memoryKib: number;
  readonly blockMs?: number;
  readonly txMs?: number;
  /** How many attackers are still connected in the end. */
  readonly attackersKept: number;
}

const ATTACKS: readonly Attack[] = [
  {
    name: 'headers of little work, without end: nothing of them is stored',
    // Honest ones would have too little work too.
    shape: { honest: 0, options: { minimumChainWork: 2n * 200_000n } },
    run: scene => {
      const mills = new Map<ScriptedPeer, HeaderMill>();
      const attackers = scene.attach(4, {
        react: (peer, message) => {
          const mill = mills.get(peer);
          if (message.command === 'getheaders' && mill !== undefined && mill.made < 20_000)
            peer.send({ command: 'headers', headers: mill.next(2_000) });
        },
      });
      const before = scene.node.chain.headers.size;
      for (const attacker of attackers) {
        const mill = new HeaderMill(REGTEST.genesis.header);
        mills.set(attacker, mill);
        attacker.send({ command: 'headers', headers: mill.next(2_000) });
      }
      scene.world.runFor(30 * SECOND_MS);
      expect([...mills.values()].map(({ made }) => made)).toEqual([20_000, 20_000, 20_000, 20_000]);
      expect(scene.node.chain.headers.size).toBe(before);
    },
    memoryKib: 256,
    attackersKept: 4,
  },
  {
    name: 'branches of headers that leave our chain far below: none is stored',
    run: scene => {
      const before = scene.node.chain.headers.size;
      for (const attacker of scene.attach(4))
        for (let i = 0; i < 50; i += 1)
          attacker.send({ command: 'headers', headers: new HeaderMill(HONEST_CHAIN[i]!.header).next(10) });
      scene.world.runFor(20 * SECOND_MS);
      // Those that fork within the last 144 blocks have enough work: Core takes them too.
      expect(scene.node.chain.headers.size - before).toBeLessThanOrEqual(4 * 50 * 10);
    },
    memoryKib: 512,
    attackersKept: 4,
  },
  {
    name: 'announcing transactions that do not exist: 5,000 of a peer are remembered',
    run: scene => {
      for (const attacker of scene.attach(4))
        for (let i = 0; i < 20; i += 1) {
          const items = Array.from({ length: 5_000 }, () => ({ type: INV.wtx, hash: randomHash() }));
          attacker.send({ command: 'inv', items });
        }
      scene.world.runFor(10 * SECOND_MS);
    },
    memoryKib: 6_000,
    attackersKept: 4,
  },
  {
    name: 'announcing a transaction first and never sending it costs a minute an attacker in a row',
    run: scene => {
      const tx = scene.nextTransaction();
      for (const attacker of scene.attach(3))
        attacker.send({ command: 'inv', items: [{ type: INV.wtx, hash: tx.wtxid }] });
      scene.world.runFor(5 * SECOND_MS);
      scene.honest[0]!.submitTx(tx);
      // One of the attackers is waited for; after it, honest outbound peers come before inbound ones.
      scene.world.runUntil('the transaction', () => scene.node.mempool.get(tx.txid) !== undefined, 75_000);
    },
    memoryKib: 256,
    attackersKept: 3,
  },
  {
    name: 'orphans without end: each peer has its share',
    run: scene => {
      for (const attacker of scene.attach(4, {
        react: (peer, message) => {
          if (message.command === 'getdata') peer.send({ command: 'notfound', items: message.items });
        },
      }))
        for (let i = 0; i < 500; i += 1) {
          const parents = [{ txid: randomHash<Txid>(), index: 0 }];
          attacker.send({ command: 'tx', tx: spend(parents, [10_000]) });
        }
      scene.world.runFor(20 * SECOND_MS);
    },
    memoryKib: 1_500,
    attackersKept: 4,
  },
  {
    name: 'transactions that spend what is not there and spoilt ones: refused, nobody is kept waiting',
    run: scene => {
      for (const attacker of scene.attach(4))
        for (let i = 0; i < 200; i += 1) {
          const tx = spend([coinbaseOf(HONEST_CHAIN[i % 20]!)], [51_0000_0000]);
          attacker.send({ command: 'tx', tx });
        }
      scene.world.runFor(20 * SECOND_MS);
      expect(scene.node.mempool.size).toBe(0);
    },
    memoryKib: 256,
    attackersKept: 4,
  },
  {
    name: 'blocks nobody asked for, with proof of work and too much money',
    run: scene => {
      for (const [i, attacker] of scene.attach(4).entries()) {
        const block = mineBlock(HONEST_CHAIN.at(-1)!, HONEST_CHAIN.length, {
          coinbaseValue: 51_0000_0000,
          tag: i,
        });
        attacker.send({ command: 'block', block });
      }
      scene.world.runFor(10 * SECOND_MS);
      expect(scene.node.disconnects.map(({ reason }) => reason.split(':')[0])).toEqual(
        Array(4).fill('misbehaving'),
      );
    },
    memoryKib: 256,
    attackersKept: 0,
  },
  {
    name: 'the next block, mutated: its hash is not held invalid',
    run: scene => {
      const real = scene.nextBlock();
      const other = mineBlock(HONEST_CHAIN.at(-1)!, HONEST_CHAIN.length, { tag: 9 });
      for (const attacker of scene.attach(4))
        attacker.send({ command: 'block', block: createBlock(real.header, other.transactions) });
      scene.world.runFor(10 * SECOND_MS);
      scene.honest[0]!.submit(real);
      scene.world.runUntil('the real block', () => scene.node.tip === scene.honest[0]!.tip, BLOCK_MS);
    },
    memoryKib: 256,
    attackersKept: 0,
  },
  {
    name: 'a branch with more work and a broken rule: it is left, and nobody honest with it',
    run: scene => {
      const bad = mineBlock(HONEST_CHAIN.at(-1)!, HONEST_CHAIN.length, {
        coinbaseValue: 51_0000_0000,
        tag: 3,
      });
      const branch = [bad, ...chainTo(20, 4, bad, HONEST_CHAIN.length + 1)];
      const all = [...HONEST_CHAIN, ...branch];
      const attackers = scene.attach(4, {
        react: serving(all, (peer, block) => peer.send({ command: 'block', block })),
      });
      for (const attacker of attackers)
        attacker.send({ command: 'headers', headers: branch.map(({ header }) => header) });
      scene.world.runFor(30 * SECOND_MS);
      expect(scene.node.height).toBe(HONEST_CHAIN.length);
      expect(scene.node.chain.headers.isInvalid(scene.node.chain.headers.find(bad.header.hash)!)).toBe(true);
    },
    memoryKib: 256,
    // Who gave the block is to blame; who only announced it may not know.
    attackersKept: 3,
  },
  {
    name: 'compact blocks whose ids collide, and answers that do not fit',
    run: scene => {
      // Honest ones become those that send at once.
      for (let i = 0; i < 3; i += 1) scene.timeToNextBlock(BLOCK_MS);
      const transactions = [scene.nextTransaction(), scene.nextTransaction()];
      const block = scene.nextBlock(transactions);
      const wrong = [
        spend([coinbaseOf(HONEST_CHAIN[30]!)], [1]),
        spend([coinbaseOf(HONEST_CHAIN[31]!)], [1]),
      ];
      const attackers = scene.attach(4, {
        react: (peer, message) => {
          if (message.command === 'getblocktxn')
            peer.send({ command: 'blocktxn', blockHash: message.blockHash, transactions: wrong });
        },
      });
      const compact = compactOf(block, 7n);
      for (const [i, attacker] of attackers.entries()) {
        attacker.send({ command: 'sendcmpct', announce: 0, version: 2n });
        const shortIds = i % 2 === 0 ? compact.shortIds.map(() => 1) : compact.shortIds.map((_, j) => j + 5);
        attacker.send({ command: 'cmpctblock', ...compact, shortIds } satisfies MessageOf<'cmpctblock'>);
      }
      scene.world.runFor(SECOND_MS);
      scene.honest[0]!.submit(block);
      scene.world.runUntil('the block', () => scene.node.tip === scene.honest[0]!.tip, BLOCK_MS);
    },
    memoryKib: 256,
    attackersKept: 4,
  },
  {
    name: 'asking for everything, again and again',
    run: scene => {
      const items = HONEST_CHAIN.map(({ header }) => ({ type: INV.block, hash: header.hash as Hash256 }));
      for (const attacker of scene.attach(4))
        for (let i = 0; i < 5; i += 1) {
          attacker.send({ command: 'getdata', items });
          attacker.send({ command: 'getheaders', version: 70_016, locator: [], stopHash: randomHash() });
          attacker.send({ command: 'mempool' });
        }
      scene.world.runFor(20 * SECOND_MS);
    },
    memoryKib: 256,
    // `mempool` without -peerbloomfilters ends a connection.
    attackersKept: 0,
  },
  {
    name: 'connecting and saying nothing: the handshake ends after a minute',
    run: scene => {
      scene.attach(20, { version: 'silent' });
      scene.world.runFor(62 * SECOND_MS);
    },
    memoryKib: 16,
    attackersKept: 0,
  },
  {
    name: 'all places taken by one netgroup: those of others stay',
    shape: { options: { maxConnections: 40 }, direction: 'in' },
    run: scene => {
      for (let i = 0; i < 6; i += 1) {
        scene.attach(30, { netgroup: '77.7' });
        scene.world.runFor(10 * SECOND_MS);
      }
      expect(scene.node.manager.peers(scene.world.now).length).toBeLessThanOrEqual(29);
    },
    memoryKib: 32,
    attackersKept: 26,
  },
];

describe('attacks', () => {
  test.each(ATTACKS)(
    '$name',
    ({ shape, run, memoryKib, attackersKept, blockMs = BLOCK_MS, txMs = TX_MS }) => {
      const scene = new HostileScene(shape);
      const { length: honest } = scene.honest;
      // What an attack needs anyway, code and shapes, is there before it is measured.
      new HostileScene({ ...shape, seed: 2 });
      const used = scene.memoryPerAttacker(() => run(scene));
      expect(scene.honestPeersKept, 'honest peers').toBe(honest);
      expect(scene.attackersKept, 'attackers').toBe(attackersKept);
      expect(used / KIB, 'KiB for each attacker').toBeLessThan(memoryKib);
      if (honest === 0) return;
      expect(scene.timeToNextBlock(blockMs)).toBeLessThanOrEqual(blockMs);
      expect(scene.timeToNextTransaction(txMs)).toBeLessThanOrEqual(txMs);
    },
  );
});
