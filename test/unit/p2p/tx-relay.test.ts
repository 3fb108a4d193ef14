import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../../../src/base/random.ts';
import { FeeFilters, roundFeeFilter } from '../../../src/p2p/fee-filter.ts';
import type { PeerRecord } from '../../../src/p2p/peer.ts';
import { PeerFilters } from '../../../src/p2p/peer-filters.ts';
import { createRelayStrategy, FLOOD, parseRelayStrategy } from '../../../src/p2p/relay-strategy.ts';
import { TxRelay } from '../../../src/p2p/tx-relay.ts';
import type { createBlock } from '../../../src/wire/block.ts';
import { INV, INV_WITNESS_TX } from '../../../src/wire/messages.ts';
import { Harness, hashesOf } from './harness.ts';
import { makeTx } from './support.ts';

function start(seed = 1, options: object = {}) {
  const h = new Harness(seed, options);
  const fees = new FeeFilters(h.context);
  const filters = new PeerFilters(h.context);
  const strategy = createRelayStrategy(h.context.options.relayStrategy ?? FLOOD, {
    random: h.context.random,
    isTreeLink: peer => peer.id === 0,
    reconcilesWith: () => false,
  });
  const relay = new TxRelay(h.context, { filters, strategy });
  h.use(fees, filters, relay);
  return { h, relay };
}

const A = makeTx('a', { witness: true });

describe('announcing', () => {
  test('by the hash that the peer uses, once, not back to who has it', () => {
    const { h, relay } = start();
    const [byWtxid, byTxid, source] = [h.connect(), h.connect({ wtxidRelay: false }), h.connect()];
    relay.markKnown(source, A.wtxid);
    h.accept(A);
    h.accept(A);
    h.pass(60_000);
    const sent = h.sent('inv').sort((a, b) => a.peer - b.peer);
    expect(sent).toEqual([
      { peer: byWtxid.id, message: { command: 'inv', items: [{ type: INV.wtx, hash: A.wtxid }] } },
      { peer: byTxid.id, message: { command: 'inv', items: [{ type: INV.tx, hash: A.txid }] } },
    ]);
  });

  test('to nobody who relays blocks only, or asked for none', () => {
    const { h } = start();
    h.connect({ type: 'block-relay-only' });
    h.connect({ relaysTxs: false });
    h.accept(A);
    h.pass(60_000);
    expect(h.sent('inv')).toEqual([]);
  });

  test('outbound after two seconds on average, inbound together after five', () => {
    const delays = { out: 0, in: 0 };
    const RUNS = 300;
    for (let seed = 0; seed < RUNS; seed += 1) {
      const { h } = start(seed);
      const outbound = h.connect();
      const inbound = [h.connect({ type: 'inbound' }), h.connect({ type: 'inbound' })];
      h.pass(30_000);
      h.take();
      const from = h.now;
      h.accept(A);
      h.pass(120_000);
      const at = (id: number) => h.log.find(l => l.effect.kind === 'send' && l.effect.peer === id && l.effect.message.command === 'inv')!.at; // biome-ignore format: one search
      delays.out += at(outbound.id) - from;
      delays.in += at(inbound[0]!.id) - from;
      expect(at(inbound[1]!.id)).toBe(at(inbound[0]!.id));
    }
    expect(delays.out / RUNS).toBeGreaterThan(1_600);
    expect(delays.out / RUNS).toBeLessThan(2_400);
    expect(delays.in / RUNS).toBeGreaterThan(4_000);
    expect(delays.in / RUNS).toBeLessThan(6_000);
  });

  test('of inbound peers that wait for one clock, who knows it meanwhile or has left is not told', () => {
    const { h, relay } = start();
    const [told, knowing, leaving, trusted] = [[], [], [], ['noban' as const]].map(permissions =>
      h.connect({ type: 'inbound', permissions }),
    );
    const B = makeTx('b', { witness: true });
    for (const tx of [A, B, A]) h.accept(tx);
    h.pass(0);
    expect(h.sent('inv').map(s => s.peer)).toEqual([trusted!.id]);
    for (const tx of [A, B]) relay.markKnown(knowing!, tx.wtxid);
    h.disconnect(leaving!);
    h.pass(60_000);
    expect(h.sent('inv').map(s => [s.peer, hashesOf(s.message.items).length])).toEqual([[told!.id, 2]]);
    expect(h.context.timers.nextDeadline()).toBeGreaterThan(h.now + 60_000);
  });

  test('at once to trusted peers', () => {
    const { h } = start();
    const peer = h.connect({ type: 'inbound', permissions: ['noban'] });
    h.accept(A);
    h.pass(0);
    expect(h.sent('inv').map(s => s.peer)).toEqual([peer.id]);
  });

  test('a trusted peer that takes no more is told when it does, without a tick after the other until then', () => {
    const { h } = start();
    const peer = h.connect({ type: 'inbound', permissions: ['noban'] }) as PeerRecord;
    peer.isSendPaused = true;
    h.accept(A);
    let steps = 0;
    h.pass(60_000, () => {
      steps += 1;
    });
    expect(h.sent('inv')).toEqual([]);
    expect(steps).toBeLessThan(100);
    peer.isSendPaused = false;
    h.pass(60_000);
    expect(h.sent('inv').map(s => s.peer)).toEqual([peer.id]);
  });

  test('seventy at a time, the best first, more when many wait', () => {
    const { h } = start();
    h.connect();
    const txs = Array.from({ length: 200 }, (_, i) => makeTx(`t${i}`));
    txs.forEach((tx, i) => {
      h.accept(tx, undefined, 1_000 + ((i * 37) % 200));
    });
    h.pass(120_000);
    const batches = h.sent('inv').map(s => hashesOf(s.message.items));
    expect(batches.map(b => b.length)).toEqual([70, 70, 60]);
    const fees = batches.flat().map(hash => h.pool.byWtxid.get(hash as never)!.fee);
    expect(fees).toEqual([...fees].sort((a, b) => b - a));
    const many = start(2);
    many.h.connect();
    for (let i = 0; i < 3_000; i += 1) many.h.accept(makeTx(`m${i}`));
    many.h.pass(60_000);
    expect(many.h.sent('inv')[0]!.message.items.length).toBe(85);
  });

  test('nothing that has left the pool, nothing below the peer’s fee filter', () => {
    const { h } = start();
    const peer = h.connect();
    const [gone, poor, rich] = [makeTx('gone'), makeTx('poor'), makeTx('rich')];
    h.message(peer, { command: 'feefilter', feeRate: 10_000n });
    h.accept(gone);
    h.accept(poor, undefined, Math.ceil(poor.virtualSize * 10) - 1);
    h.accept(rich, undefined, Math.ceil(rich.virtualSize * 10));
    h.pool.remove(gone);
    h.pass(60_000);
    expect(h.sent('inv').flatMap(s => hashesOf(s.message.items))).toEqual([rich.wtxid]);
  });

  test('what comes back is told to those for whom it still waits, and to nobody else', () => {
    const { h } = start();
    const [waiting, b] = [h.connect(), makeTx('b')];
    h.accept(A);
    h.pool.remove(A);
    h.connect();
    for (const tx of [A, b]) h.giveBack(tx);
    h.pass(60_000);
    expect(h.sent('inv').map(s => [s.peer, ...hashesOf(s.message.items)])).toEqual([[waiting.id, A.wtxid]]);
  });

  test('what nobody asked for comes again to those who came since', () => {
    const { h, relay } = start();
    h.accept(A);
    h.pool.waiting.add(A.txid);
    const peer = h.connect();
    h.pass(15 * 60_000 + 60_000);
    expect(h.sent('inv').flatMap(s => hashesOf(s.message.items))).toEqual([A.wtxid]);
    relay.findForServing(peer, { type: INV.wtx, hash: A.wtxid }, h.now);
    h.act(() => {});
    expect(h.take()).toContainEqual({ kind: 'txBroadcast', txid: A.txid });
  });
});

describe('serving', () => {
  test('only what the peer could have been told of', () => {
    const { h, relay } = start();
    const peer = h.connect();
    relay.markKnown(peer, A.wtxid);
    h.accept(A);
    const find = () => relay.findForServing(peer, { type: INV.wtx, hash: A.wtxid }, h.now);
    expect(find()).toBeUndefined();
    h.pass(60_000);
    expect(find()).toBe(h.pool.byTxid.get(A.txid)!.tx);
    expect(relay.findForServing(peer, { type: INV_WITNESS_TX, hash: A.txid }, h.now)).toBeDefined();
    expect(relay.findForServing(peer, { type: INV.wtx, hash: A.txid }, h.now)).toBeUndefined();
  });

  test('what was announced, and what was there when the peer came', () => {
    const { h, relay } = start();
    h.accept(A);
    h.pass(10);
    const peer = h.connect();
    expect(relay.findForServing(peer, { type: INV.wtx, hash: A.wtxid }, h.now)).toBeDefined();
    const b = makeTx('b');
    h.accept(b);
    h.pass(60_000);
    expect(h.sent('inv')).toHaveLength(1);
    expect(relay.findForServing(peer, { type: INV.wtx, hash: b.wtxid }, h.now)).toBeDefined();
  });

  test.each([
    [2, {}],
    [5, { type: 'inbound' as const }],
  ])(
    'what it brought itself, as soon as its clock has struck, %i seconds later on average, though it waits for nothing',
    (seconds, shape) => {
      const RUNS = 300;
      let waited = 0;
      for (let seed = 0; seed < RUNS; seed += 1) {
        const { h, relay } = start(seed);
        const peer = h.connect(shape);
        h.connect({ type: 'inbound' });
        const find = (tx: typeof A) => relay.findForServing(peer, { type: INV.wtx, hash: tx.wtxid }, h.now);
        // A long quiet time, in which nobody looks at the clock.
        h.pass(600_000);
        relay.markKnown(peer, A.wtxid);
        h.accept(A);
        expect(find(A)).toBeUndefined();
        const from = h.now;
        while (find(A) === undefined && h.now < from + 300_000) h.pass(100);
        waited += h.now - from;
        // Nor does it take what waits for it to look.
        h.pass(600_000);
        const [b, c] = [makeTx('b'), makeTx('c')];
        relay.markKnown(peer, b.wtxid);
        h.accept(b);
        h.pass(300_000);
        h.accept(c);
        expect([find(b), find(c)]).toEqual([b, undefined]);
      }
      expect(waited / RUNS / 1_000).toBeGreaterThan(0.8 * seconds);
      expect(waited / RUNS / 1_000).toBeLessThan(1.2 * seconds);
    },
  );

  test.each([
    ['a clock that was set back', -3_600_000, 0],
    ['an entry that was being checked when the batch was made', 0, -5],
  ])('not what came after the last batch, whatever its time says: %s', (_, back, older) => {
    const { h, relay } = start();
    const peer = h.connect({ type: 'inbound' });
    h.accept(A);
    h.pass(60_000, () => {
      if (h.sent('inv').length === 0) return;
      h.now += back;
      const b = makeTx('b');
      h.pool.add(b, h.now + older);
      expect(relay.findForServing(peer, { type: INV.wtx, hash: b.wtxid }, h.now)).toBeUndefined();
      h.now -= back;
    });
    expect(h.pool.byTxid.size).toBe(2);
  });

  test('what the last block held; nothing to peers without relay', () => {
    const { h, relay } = start();
    const [peer, deaf] = [h.connect(), h.connect({ relaysTxs: false })];
    const block = { transactions: [A] } as unknown as ReturnType<typeof createBlock>;
    h.chain({ kind: 'blockConnected', block });
    expect(relay.findForServing(peer, { type: INV.tx, hash: A.txid }, h.now)).toBe(A);
    expect(relay.findForServing(deaf, { type: INV.tx, hash: A.txid }, h.now)).toBe('ignored');
  });

  test('the whole pool, for those who may', () => {
    const { h } = start();
    const [friend, stranger] = [h.connect({ permissions: ['mempool'] }), h.connect()];
    h.pool.add(A, h.now);
    h.take();
    h.message(friend, { command: 'mempool' });
    h.message(stranger, { command: 'mempool' });
    h.pass(60_000);
    const effects = h.take();
    expect(effects.filter(e => e.kind === 'disconnect').map(e => e.peer)).toEqual([stranger.id]);
    expect(effects.filter(e => e.kind === 'send').map(e => e.peer)).toEqual([friend.id]);
  });

  test('the whole pool, the best first: in which order they came is nobody’s business', () => {
    const { h } = start();
    const friend = h.connect({ permissions: ['mempool'] });
    for (const [i, fee] of [3_000, 1_000, 5_000, 4_000, 2_000].entries())
      h.pool.add(makeTx(`t${i}`), h.now, fee);
    h.message(friend, { command: 'mempool' });
    h.pass(60_000);
    const fees = h
      .sent('inv')
      .flatMap(s => hashesOf(s.message.items))
      .map(hash => h.pool.byWtxid.get(hash as never)!.fee);
    expect(fees).toEqual([5_000, 4_000, 3_000, 2_000, 1_000]);
  });
});

describe('fee filters', () => {
  test('after the handshake; all the money during sync, then the real one', () => {
    const { h } = start();
    h.isSyncing = true;
    h.connect();
    const first = h.sent('feefilter').map(s => s.message.feeRate);
    expect(first).toHaveLength(1);
    expect(first[0]! > 9_000_000n).toBe(true);
    h.isSyncing = false;
    h.chain({ kind: 'tipChanged' });
    const second = h.sent('feefilter').map(s => Number(s.message.feeRate));
    expect(second).toHaveLength(1);
    expect(second[0]!).toBeLessThan(120);
  });

  test.each([
    [{ type: 'block-relay-only' as const }, {}],
    [{ permissions: ['forcerelay' as const] }, {}],
    [{}, { blocksOnly: true }],
  ])('none for %j with %j', (shape, options) => {
    const { h } = start(1, options);
    h.connect(shape);
    h.pass(3_600_000);
    expect(h.sent('feefilter')).toEqual([]);
  });

  test('a big change goes out within five minutes', () => {
    for (let seed = 0; seed < 20; seed += 1) {
      const { h } = start(seed);
      h.connect();
      h.take();
      h.pool.minFee = 5_000;
      const entry = h.pool.add(A, h.now);
      h.removed(entry, 'sizelimit');
      h.pass(5 * 60_000);
      const sent = h.sent('feefilter').map(s => Number(s.message.feeRate));
      expect(sent.length).toBeGreaterThan(0);
      expect(sent[0]!).toBeGreaterThan(4_000);
    }
  });

  test('rounding is to steps of a tenth, down twice as often as up', () => {
    const random = new SeededRandom(1);
    const seen = new Map<number, number>();
    for (let i = 0; i < 3_000; i += 1) {
      const rounded = roundFeeFilter(random, 1_000);
      seen.set(rounded, (seen.get(rounded) ?? 0) + 1);
    }
    const [low, high] = [...seen.keys()].sort((a, b) => a - b);
    expect(seen.size).toBe(2);
    expect(high! / low!).toBeLessThan(1.11);
    expect(low!).toBeLessThan(1_000);
    expect(seen.get(low!)!).toBeGreaterThan(1_850);
    expect(roundFeeFilter(random, 0)).toBe(0);
  });
});

describe('strategies', () => {
  const told = (h: Harness) => h.sent('inv').map(({ peer }) => peer);

  test('gossip tells so many peers, whoever they are', () => {
    const counts = new Map<number, number>();
    for (let seed = 0; seed < 60; seed += 1) {
      const { h } = start(seed, { relayStrategy: { kind: 'gossip', fanout: 2 } });
      for (let i = 0; i < 6; i += 1) h.connect();
      h.accept(A);
      h.pass(60_000);
      const peers = told(h);
      expect(peers).toHaveLength(2);
      for (const peer of peers) counts.set(peer, (counts.get(peer) ?? 0) + 1);
    }
    // Twenty of sixty each, give or take three standard deviations.
    for (const count of counts.values()) expect(Math.abs(count - 20)).toBeLessThan(11);
    expect(counts.size).toBe(6);
  });

  test('a peer that was drawn and knows it already costs its place', () => {
    const { h, relay } = start(1, { relayStrategy: { kind: 'gossip', fanout: 3 } });
    const peers = [h.connect(), h.connect(), h.connect()];
    relay.markKnown(peers[1]!, A.wtxid);
    h.accept(A);
    h.pass(60_000);
    expect(told(h).sort()).toEqual([peers[0]!.id, peers[2]!.id]);
  });

  describe('tree', () => {
    /** Peer 0 is on the first branch; who asks for what it is told of, follows. */
    const grow = () => {
      const made = start(1, { relayStrategy: { kind: 'tree' } });
      const peers = [made.h.connect(), made.h.connect(), made.h.connect()] as const;
      const ask = (i: number, tx: typeof A) =>
        made.relay.findForServing(peers[i]!, { type: INV.wtx, hash: tx.wtxid }, made.h.now);
      return { ...made, peers, ask };
    };
    const tx = (i: number) => makeTx(`t${i}`, { witness: true });

    test('tells along its branches at once, and all others soon after unless they know it by then', () => {
      const { h, relay } = grow();
      h.accept(A);
      h.pass(0);
      expect(told(h)).toEqual([0]);
      h.pass(2_900);
      relay.markKnown(h.context.peers.get(2)!, A.wtxid);
      h.pass(60_000);
      expect(told(h)).toEqual([1]);
    });

    test('who asks for what it was told late is on a branch; who did not ask for three in a row is not', () => {
      const { h, ask } = grow();
      for (let i = 0; i < 3; i += 1) {
        h.accept(tx(i));
        h.pass(60_000);
        ask(1, tx(i));
      }
      h.take();
      h.accept(tx(3));
      h.pass(0);
      expect(told(h)).toEqual([1]);
      h.pass(60_000);
      expect(told(h)).toEqual([0, 2]);
    });

    test('who brought one first is on a branch', () => {
      const { h, relay, peers } = grow();
      relay.onTxProcessed(peers[2], tx(0), { status: 'accepted', replaced: [] } as never);
      h.accept(tx(1));
      h.pass(0);
      expect(told(h)).toEqual([0, 2]);
    });
  });

  test.each([
    ['flood', { kind: 'flood' }],
    ['tree', { kind: 'tree' }],
    ['reconcile', { kind: 'reconcile' }],
    ['gossip-1', { kind: 'gossip', fanout: 1 }],
    ['gossip-125', { kind: 'gossip', fanout: 125 }],
    ['gossip-0', undefined],
    ['gossip-126', undefined],
    ['gossip', undefined],
    ['gossip-x', undefined],
    ['', undefined],
  ])('"%s"', (text, options) => expect(parseRelayStrategy(text)).toEqual(options));
});
