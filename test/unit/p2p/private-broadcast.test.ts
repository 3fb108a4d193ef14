/** Own transactions on connections of their own: the whole manager, spoken to as its shell does. */
import { describe, expect, test } from 'vitest';
import { MINUTE_MS, SECOND_MS } from '../../../src/base/clock.ts';
import { SILENT_LOG } from '../../../src/base/log.ts';
import { SeededRandom } from '../../../src/base/random.ts';
import { AddressBook } from '../../../src/p2p/address-book.ts';
import type { ConnectionType, P2pEffect, P2pEvent } from '../../../src/p2p/events.ts';
import { PeerManager, type PeerManagerOptions } from '../../../src/p2p/peer-manager.ts';
import { PRIVATE_TRANSACTIONS_MAX, PrivateQueue } from '../../../src/p2p/private-queue.ts';
import { INV, INV_WITNESS_TX, type Message, type MessageOf } from '../../../src/wire/messages.ts';
import type { AddressNetwork, NetAddress } from '../../../src/wire/net-address.ts';
import { NODE_OPTIONS } from '../../support/p2p-world.ts';
import { FUNDED, funds, pay, TestPool } from '../../support/test-pool.ts';
import { makeTx } from './support.ts';

type Connect = Extract<P2pEffect, { readonly kind: 'connect' }>;
const LOCAL: NetAddress = { network: 'ipv4', bytes: Uint8Array.of(127, 0, 0, 1), port: 1 };
const TX = pay([funds(0)], 5_000);

function hidden(i: number, network: AddressNetwork = 'onion'): NetAddress {
  const length = network === 'ipv4' ? 4 : 32;
  const bytes = new Uint8Array(length).fill(i + 1);
  if (network === 'ipv4') bytes[0] = 40 + i;
  return { network, bytes, port: 8333 };
}

function isPrivateDial(effect: P2pEffect): effect is Connect {
  return effect.kind === 'connect' && effect.type === 'private-broadcast';
}

class Scene {
  readonly pool = new TestPool();
  readonly manager: PeerManager;
  now: number;
  #effects: P2pEffect[] = [];
  #nextPeer = 0;

  constructor(networks: readonly AddressNetwork[] = ['onion'], options: Partial<PeerManagerOptions> = {}) {
    const random = new SeededRandom(1);
    this.now = FUNDED.at(-1)!.header.time * 1_000 + SECOND_MS;
    const addressBook = new AddressBook({ random }, { privateNetwork: false });
    for (const network of networks)
      for (let i = 0; i < 30; i += 1) {
        const address = hidden(i, network);
        addressBook.add([{ ...address, services: 9n, time: this.now / 1_000 }], address, this.now);
      }
    this.manager = new PeerManager(
      {
        chain: this.pool.chain.chain,
        mempool: this.pool.mempool,
        random,
        log: SILENT_LOG,
        addressBook,
        bans: [],
      },
      {
        ...NODE_OPTIONS,
        dialing: { kind: 'book' },
        reachableNetworks: new Set(networks),
        privateBroadcast: true,
        ...options,
      },
    );
  }

  tell(event: P2pEvent): void {
    this.#effects.push(...this.manager.handle(event, this.now));
  }

  pass(ms: number): void {
    const end = this.now + ms;
    for (
      let at = this.manager.nextDeadline();
      at !== undefined && at <= end;
      at = this.manager.nextDeadline()
    ) {
      this.now = Math.max(this.now, at);
      this.tell({ kind: 'tick' });
    }
    this.now = end;
  }

  broadcast(tx = TX): string {
    const { effects, result } = this.manager.command({ kind: 'privateBroadcast', tx }, this.now);
    this.#effects.push(...effects);
    return result;
  }

  take(): P2pEffect[] {
    return this.#effects.splice(0);
  }

  /** Dials since the last look, one at a time as they are answered. */
  dial(): Connect | undefined {
    this.pass(SECOND_MS);
    return this.take().find(isPrivateDial);
  }

  connected({ attempt, target, type }: Connect): number {
    const peer = this.#nextPeer;
    this.#nextPeer += 1;
    const address = target.kind === 'address' ? target.address : LOCAL;
    this.tell({ kind: 'connected', peer, type, address, localAddress: LOCAL, permissions: [], attempt }); // biome-ignore format: one event
    return peer;
  }

  inbound(type: ConnectionType = 'inbound'): number {
    const peer = this.#nextPeer;
    this.#nextPeer += 1;
    this.tell({ kind: 'connected', peer, type, address: LOCAL, localAddress: LOCAL, permissions: [] }); // biome-ignore format: one event
    this.greet(peer);
    this.take();
    return peer;
  }

  say(peer: number, message: Message): Message[] {
    this.take();
    this.tell({ kind: 'message', peer, message, size: 100 });
    return this.take().flatMap(effect => (effect.kind === 'send' ? [effect.message] : []));
  }

  greet(peer: number, version: Partial<MessageOf<'version'>> = {}): Message[] {
    const nobody = { services: 0n, ...LOCAL };
    const said = this.say(peer, { command: 'version', version: 70_017, services: 9n, time: BigInt(Math.floor(this.now / 1_000)), to: nobody, from: nobody, nonce: 7n, userAgent: '/x/', startHeight: 0, relay: true, ...version }); // biome-ignore format: one message
    return [...said, ...this.say(peer, { command: 'verack' })];
  }

  leave(peer: number): void {
    this.tell({ kind: 'disconnected', peer });
  }

  isLeaving(peer: number): boolean {
    return this.take().some(effect => effect.kind === 'disconnect' && effect.peer === peer);
  }
}

describe('a private broadcast', () => {
  test('goes to three peers, of whom none learns who we are', () => {
    const scene = new Scene();
    expect(scene.broadcast()).toBe('added');
    expect(scene.broadcast()).toBe('present');
    const met = new Set<string>();
    for (let i = 0; i < 3; i += 1) {
      const dial = scene.dial()!;
      expect(dial).toMatchObject({ type: 'private-broadcast', target: { address: { network: 'onion' } } });
      met.add(String((dial.target as { address: NetAddress }).address.bytes[0]));
      const peer = scene.connected(dial);
      const [version] = scene.take().flatMap(effect => (effect.kind === 'send' ? [effect.message] : []));
      expect(version).toMatchObject({ command: 'version', version: 70_016, services: 0n, time: 0n, userAgent: '/pynode:0.0.1/', startHeight: 0, relay: false }); // biome-ignore format: one message
      expect(scene.greet(peer)).toEqual([
        { command: 'verack' },
        { command: 'inv', items: [{ type: INV.tx, hash: TX.txid }] },
      ]);
      const [tx, ping, ...others] = scene.say(peer, {
        command: 'getdata',
        items: [{ type: INV.tx, hash: TX.txid }],
      });
      expect([tx?.command, ping?.command, others]).toEqual(['tx', 'ping', []]);
      scene.tell({ kind: 'message', peer, message: { command: 'pong', nonce: 1n }, size: 32 });
      expect(scene.isLeaving(peer)).toBe(false);
      scene.tell({ kind: 'message', peer, message: { command: 'pong', nonce: (ping as MessageOf<'ping'>).nonce }, size: 32 }); // biome-ignore format: one event
      expect(scene.isLeaving(peer)).toBe(true);
      scene.leave(peer);
    }
    expect(met.size).toBe(3);
    expect(scene.dial()).toBeUndefined();
    const [entry] = scene.manager.command({ kind: 'privateTransactions' }, scene.now).result;
    expect(entry!.deliveries.map(({ receivedAt }) => receivedAt !== undefined)).toEqual([true, true, true]);
    expect(scene.pool.mempool.size).toBe(0);
  });

  test('nothing else is said on it, and nothing else listened to', () => {
    const scene = new Scene();
    scene.broadcast();
    const peer = scene.connected(scene.dial()!);
    scene.greet(peer);
    for (const message of [
      { command: 'ping', nonce: 1n },
      { command: 'getaddr' },
      { command: 'mempool' },
      { command: 'sendheaders' },
      { command: 'inv', items: [{ type: INV.wtx, hash: makeTx('x').wtxid }] },
      { command: 'getheaders', version: 70_017, locator: [], stop: scene.pool.chain.chain.headers.hashOf(0) },
    ] as Message[])
      expect(scene.say(peer, message), message.command).toEqual([]);
    // Our own doings do not show there either.
    scene.pool.submit(pay([funds(3)], 9_000), { origin: 'local' });
    for (const notice of scene.pool.notices.splice(0)) scene.tell({ kind: 'mempool', notice });
    scene.pass(MINUTE_MS);
    expect(scene.take().filter(effect => effect.kind === 'send' && effect.peer === peer)).toEqual([]);
    // It is shown to the user.
    expect(scene.manager.peers(scene.now).map(({ type }) => type)).toContain('private-broadcast');
  });

  test.each<[string, (scene: Scene, peer: number) => void]>([
    ['does not relay', (scene, peer) => scene.greet(peer, { relay: false })],
    [
      'asks for something else',
      (scene, peer) => {
        scene.greet(peer);
        scene.tell({ kind: 'message', peer, message: { command: 'getdata', items: [{ type: INV.tx, hash: makeTx('y').txid }] }, size: 61 }); // biome-ignore format: one event
      },
    ],
    [
      'asks for it in another way than it was announced',
      (scene, peer) => {
        scene.greet(peer);
        scene.tell({ kind: 'message', peer, message: { command: 'getdata', items: [{ type: INV_WITNESS_TX, hash: TX.txid }] }, size: 61 }); // biome-ignore format: one event
      },
    ],
    [
      'asks for more',
      (scene, peer) => {
        scene.greet(peer);
        const item = { type: INV.tx, hash: TX.txid };
        scene.tell({ kind: 'message', peer, message: { command: 'getdata', items: [item, item] }, size: 97 });
      },
    ],
    [
      'takes more than three minutes',
      (scene, peer) => {
        scene.greet(peer);
        scene.take();
        scene.pass(3 * MINUTE_MS);
      },
    ],
  ])('a peer that %s is left for another', (_, act) => {
    const scene = new Scene();
    scene.broadcast();
    const peer = scene.connected(scene.dial()!);
    for (let i = 0; i < 2; i += 1) scene.connected(scene.dial()!);
    act(scene, peer);
    const ended = [...scene.take()];
    expect(scene.manager.peers(scene.now).map(({ id }) => id)).not.toContain(peer);
    scene.leave(peer);
    scene.pass(SECOND_MS);
    ended.push(...scene.take());
    expect(ended.filter(isPrivateDial)).not.toEqual([]);
  });

  test('it ends when the transaction comes back from the network', () => {
    const scene = new Scene();
    scene.broadcast();
    const other = scene.inbound();
    scene.say(other, { command: 'tx', tx: TX });
    expect(scene.manager.command({ kind: 'privateTransactions' }, scene.now).result).toEqual([]);
    scene.pass(MINUTE_MS);
    expect(scene.take().filter(isPrivateDial)).toEqual([]);
  });

  test('who is dialed for it in vain is told nothing', () => {
    const scene = new Scene();
    scene.broadcast();
    const peer = scene.connected(scene.dial()!);
    expect(scene.manager.command({ kind: 'abortPrivateBroadcast', id: TX.txid }, scene.now).result).toEqual([
      TX,
    ]);
    expect(scene.greet(peer).map(({ command }) => command)).toEqual(['verack']);
    expect(scene.manager.command({ kind: 'abortPrivateBroadcast', id: TX.wtxid }, scene.now).result).toEqual(
      [],
    );
  });

  test('what has not come back is sent again, as long as it would be taken', () => {
    const scene = new Scene();
    scene.broadcast();
    for (let i = 0; i < 3; i += 1) {
      const dial = scene.dial()!;
      scene.tell({ kind: 'connectFailed', attempt: dial.attempt, reason: 'no' });
    }
    const tested = () => scene.take().filter(effect => effect.kind === 'testTx');
    scene.pass(4 * MINUTE_MS);
    expect(tested()).toEqual([]);
    scene.pass(6 * MINUTE_MS);
    expect(tested().length).toBeGreaterThan(0);
    scene.tell({ kind: 'txTested', tx: TX, isAcceptable: true });
    expect(scene.manager.command({ kind: 'privateTransactions' }, scene.now).result).toHaveLength(1);
    scene.tell({ kind: 'txTested', tx: TX, isAcceptable: false });
    expect(scene.manager.command({ kind: 'privateTransactions' }, scene.now).result).toEqual([]);
  });

  test('through Tor to others, once Tor has worked', () => {
    const scene = new Scene(['onion', 'ipv4']);
    const seen = new Set<string>();
    for (let i = 1; i < 40; i += 1) {
      scene.broadcast(pay([funds(i)], 5_000));
      const dial = scene.dial()!;
      const { network } = (dial.target as { address: NetAddress }).address;
      seen.add(`${network} ${dial.throughTor ?? false}`);
      if (i === 1) expect(network).toBe('onion');
      const peer = scene.connected(dial);
      scene.greet(peer);
      scene.leave(peer);
    }
    expect(seen).toEqual(new Set(['onion false', 'ipv4 true']));
  });

  test('ends with all other connections when network activity is switched off', () => {
    const scene = new Scene();
    scene.broadcast();
    const peer = scene.connected(scene.dial()!);
    const { effects } = scene.manager.command({ kind: 'setNetworkActive', active: false }, scene.now);
    expect(effects).toMatchObject([{ kind: 'disconnect', peer }]);
  });

  test('never more than 64 at a time', () => {
    const scene = new Scene(['onion', 'ipv4', 'i2p']);
    for (let i = 0; i < 40; i += 1) scene.broadcast(pay([funds(i)], 5_000));
    let count = 0;
    for (let dial = scene.dial(); dial !== undefined && count < 100; dial = scene.dial()) {
      scene.connected(dial);
      count += 1;
      // Nobody is dialed twice: the book must hold enough.
      if (count === 30) break;
    }
    expect(count).toBe(30);
  });
});

describe('the queue', () => {
  test('gives first what was given to fewest', () => {
    const queue = new PrivateQueue();
    const txs = ['a', 'b'].map(name => makeTx(name));
    for (const tx of txs) queue.add(tx, 0);
    const picked = [1, 2, 3, 4].map(peer => queue.pickFor(peer, LOCAL, peer)!.txid);
    expect(picked).toEqual([txs[0], txs[1], txs[0], txs[1]].map(tx => tx!.txid));
    queue.confirm(1, 9);
    expect(queue.pickFor(5, LOCAL, 10)!.txid).toBe(txs[1]!.txid);
    expect(queue.remove(txs[0]!.wtxid)).toBe(1);
    expect(queue.of(1)).toBeUndefined();
  });

  test('chooses also after a transaction was given to very many', () => {
    const queue = new PrivateQueue();
    const [old, young] = [makeTx('old'), makeTx('young')];
    queue.add(old, 0);
    for (let peer = 0; peer < 200_000; peer += 1) {
      queue.pickFor(peer, LOCAL, peer);
      queue.disconnected(peer);
    }
    queue.add(young, 0);
    expect(queue.pickFor(200_000, LOCAL, 200_000)).toBe(young);
  });

  test('is bounded', () => {
    const queue = new PrivateQueue();
    for (let i = 0; i < PRIVATE_TRANSACTIONS_MAX; i += 1) queue.add(makeTx(String(i)), 0);
    expect(queue.add(makeTx('more'), 0)).toBe('full');
  });
});
