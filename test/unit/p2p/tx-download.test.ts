import { describe, expect, test } from 'vitest';
import type { Hash256 } from '../../../src/base/bytes.ts';
import { randomBelow, SeededRandom } from '../../../src/base/random.ts';
import { Reject } from '../../../src/consensus/reject.ts';
import { PackageReject } from '../../../src/mempool/package-reject.ts';
import { TxDownload } from '../../../src/p2p/tx-download.ts';
import type { createBlock } from '../../../src/wire/block.ts';
import { INV, INV_WITNESS_TX } from '../../../src/wire/messages.ts';
import type { Transaction } from '../../../src/wire/transaction.ts';
import { Harness, type PeerShape } from './harness.ts';
import { hashOf, makeTx } from './support.ts';

function start(seed = 1, options: object = {}) {
  const h = new Harness(seed, options);
  const known: [number, Hash256][] = [];
  const announced: Hash256[] = [];
  const download = new TxDownload(h.context, {
    prefers: () => false,
    markKnown: (peer, hash) => known.push([peer.id, hash]),
    announce: entry => announced.push(entry.tx.txid),
  });
  h.use(download);
  const inv = (peer: ReturnType<typeof h.connect>, ...hashes: Hash256[]) =>
    h.message(peer, { command: 'inv', items: hashes.map(hash => ({ type: INV.wtx, hash })) });
  return { h, download, known, announced, inv };
}

const A = makeTx('a');

describe('what is asked for', () => {
  test('at once of an outbound peer, with the right type', () => {
    const { h, inv, known } = start();
    const peer = h.connect();
    inv(peer, A.wtxid);
    expect(h.sent('getdata')).toEqual([
      { peer: peer.id, message: { command: 'getdata', items: [{ type: INV.wtx, hash: A.wtxid }] } },
    ]);
    expect(known).toEqual([[peer.id, A.wtxid]]);
  });

  test('by txid with witnesses where the peer has them', () => {
    const { h } = start();
    const [full, old] = [h.connect({ wtxidRelay: false }), h.connect({ wtxidRelay: false, services: 1n })];
    h.message(full, { command: 'inv', items: [{ type: INV.tx, hash: hashOf('1') }] });
    h.message(old, { command: 'inv', items: [{ type: INV.tx, hash: hashOf('2') }] });
    expect(h.sent('getdata').map(s => s.message.items[0]!.type)).toEqual([INV_WITNESS_TX, INV.tx]);
  });

  test.each([
    [true, INV.wtx, true],
    [true, INV.tx, false],
    [true, INV_WITNESS_TX, true],
    [false, INV.wtx, false],
    [false, INV.tx, true],
    [false, INV_WITNESS_TX, true],
  ])('with wtxidrelay %s, one that is announced by type %i: %s', (wtxidRelay, type, isAsked) => {
    const { h, known } = start();
    const [peer, blocksOnly] = [
      h.connect({ wtxidRelay }),
      h.connect({ wtxidRelay, type: 'block-relay-only' }),
    ];
    for (const each of [peer, blocksOnly])
      h.message(each, { command: 'inv', items: [{ type, hash: A.txid }] });
    h.pass(10_000);
    const effects = h.take();
    expect(effects.filter(e => e.kind === 'send').map(e => e.peer)).toEqual(isAsked ? [peer.id] : []);
    expect(effects.filter(e => e.kind === 'disconnect').map(e => e.peer)).toEqual(
      isAsked ? [blocksOnly.id] : [],
    );
    expect(known).toHaveLength(isAsked ? 1 : 0);
  });

  test.each<[string, PeerShape, number]>([
    ['outbound', {}, 0],
    ['inbound', { type: 'inbound' }, 2_000],
    ['inbound by txid, with wtxid peers around', { type: 'inbound', wtxidRelay: false }, 4_000],
  ])('%s waits for its turn', (_, shape, delay) => {
    const { h } = start();
    h.connect();
    const peer = h.connect(shape);
    const type = shape.wtxidRelay === false ? INV.tx : INV.wtx;
    h.take();
    h.message(peer, { command: 'inv', items: [{ type, hash: A.wtxid }] });
    const at = h.now;
    h.pass(10_000);
    expect(h.log.filter(l => l.effect.kind === 'send').map(l => l.at - at)).toEqual([delay]);
  });

  test('the next peer after a minute, or after notfound', () => {
    const { h, inv } = start();
    const [a, b, c] = [h.connect(), h.connect(), h.connect()];
    for (const peer of [a, b, c]) inv(peer, A.wtxid);
    const first = h.sent('getdata');
    expect(first).toHaveLength(1);
    h.pass(59_999);
    expect(h.sent('getdata')).toEqual([]);
    h.pass(1);
    const second = h.sent('getdata');
    expect(second).toHaveLength(1);
    h.message(h.peers.get(second[0]!.peer)!, { command: 'notfound', items: second[0]!.message.items });
    const third = h.sent('getdata');
    expect(new Set([first, second, third].map(s => s[0]!.peer)).size).toBe(3);
  });

  test('nothing that is in the pool, was confirmed, or refused since the last block', () => {
    const { h, inv } = start();
    const peer = h.connect();
    h.accept(A);
    inv(peer, A.wtxid);
    const [b, c] = [makeTx('b'), makeTx('c')];
    h.chain({
      kind: 'blockConnected',
      block: { transactions: [b] } as unknown as ReturnType<typeof createBlock>,
    });
    inv(peer, b.wtxid);
    expect(h.sent('getdata')).toEqual([]);
    inv(peer, c.wtxid);
    h.message(peer, { command: 'tx', tx: c });
    h.reject(c, peer, 'dust');
    h.take();
    inv(h.connect(), c.wtxid);
    expect(h.sent('getdata')).toEqual([]);
    h.chain({ kind: 'tipChanged' });
    inv(h.connect(), c.wtxid);
    expect(h.sent('getdata')).toHaveLength(1);
  });

  test('nothing during initial sync; of a peer that wants to hear of none, its own', () => {
    const { h, inv } = start();
    h.isSyncing = true;
    inv(h.connect(), A.wtxid);
    h.isSyncing = false;
    inv(h.connect({ relaysTxs: false }), A.wtxid);
    expect(h.sent('getdata')).toHaveLength(1);
  });

  test('at most 5000 announcements of one peer, in messages of 1000', () => {
    const { h, inv } = start();
    const peer = h.connect();
    inv(peer, ...Array.from({ length: 6_000 }, (_, i) => hashOf(`x${i}`)));
    h.pass(2_000);
    const asked = h.sent('getdata');
    expect(asked.every(s => s.message.items.length <= 1_000)).toBe(true);
    expect(asked.reduce((sum, s) => sum + s.message.items.length, 0)).toBe(5_000);
  });

  test.each<[PeerShape, object]>([
    [{ type: 'block-relay-only' }, {}],
    [{}, { blocksOnly: true }],
  ])('who was told to send none is disconnected: %j %j', (shape, options) => {
    const { h, inv } = start(1, options);
    inv(h.connect(shape), A.wtxid);
    h.message(h.connect(shape), { command: 'tx', tx: A });
    expect(h.take().map(e => e.kind)).toEqual(['disconnect', 'disconnect']);
  });

  test('the relay permission is exempt from blocksonly', () => {
    const { h, inv } = start(1, { blocksOnly: true });
    inv(h.connect({ permissions: ['relay'] }), A.wtxid);
    expect(h.sent('getdata')).toHaveLength(1);
  });
});

describe('what becomes of refused ones', () => {
  test.each([
    ['mempool-script-verify-flag-failed', true],
    ['bad-witness-nonstandard', true],
    ['min relay fee not met', true],
  ] as const)('%s: not asked for again', (reason, _) => {
    const { h, inv } = start();
    const peer = h.connect();
    const tx = makeTx('w', { witness: true });
    h.message(peer, { command: 'tx', tx });
    expect(h.take().map(e => e.kind)).toEqual(['submitTx']);
    h.reject(tx, peer, reason);
    h.message(peer, { command: 'tx', tx });
    inv(h.connect(), tx.wtxid);
    expect(h.take()).toEqual([]);
    // The txid says nothing about other witnesses.
    h.message(h.connect({ wtxidRelay: false }), { command: 'inv', items: [{ type: INV.tx, hash: tx.txid }] });
    h.pass(3_000);
    expect(h.sent('getdata')).toHaveLength(1);
  });

  test('what is wrong in the spent outputs is refused by txid too', () => {
    const { h } = start();
    const peer = h.connect();
    const tx = makeTx('w', { witness: true });
    h.message(peer, { command: 'tx', tx });
    h.reject(tx, peer, 'bad-txns-nonstandard-inputs');
    h.take();
    h.message(h.connect({ wtxidRelay: false }), { command: 'inv', items: [{ type: INV.tx, hash: tx.txid }] });
    h.pass(3_000);
    expect(h.sent('getdata')).toEqual([]);
  });
});

describe('orphans', () => {
  const parent = makeTx('parent', { outputs: 2 });
  const child = makeTx('child', { spends: [[parent.txid, 0]] });

  test('the parents are asked for by txid, and the child is tried again when they came', () => {
    const { h, download } = start();
    const peer = h.connect();
    h.message(peer, { command: 'tx', tx: child });
    h.reject(child, peer, 'bad-txns-inputs-missingorspent');
    expect(download.orphans().has(child.wtxid)).toBe(true);
    h.take();
    h.pass(2_000);
    expect(h.sent('getdata')[0]!.message.items).toEqual([{ type: INV_WITNESS_TX, hash: parent.txid }]);
    h.message(peer, { command: 'tx', tx: parent });
    h.take();
    h.accept(parent, peer);
    expect(h.take()).toMatchObject([{ kind: 'submitTx', tx: { txid: child.txid } }]);
    h.accept(child, peer);
    expect(download.orphans().size).toBe(0);
  });

  test('of all who announced the child', () => {
    const { h, inv } = start();
    const peers = [h.connect(), h.connect(), h.connect()];
    for (const peer of peers) inv(peer, child.wtxid);
    const [asked] = h.sent('getdata');
    const first = h.peers.get(asked!.peer)!;
    h.message(first, { command: 'tx', tx: child });
    h.reject(child, first, 'bad-txns-inputs-missingorspent');
    const seen = new Set<number>();
    for (let i = 0; i < 3; i += 1) {
      h.pass(60_000);
      for (const each of h.sent('getdata')) seen.add(each.peer);
    }
    expect(seen.size).toBe(3);
  });

  test('one whose parent was refused is refused', () => {
    const { h, download } = start();
    const peer = h.connect();
    h.message(peer, { command: 'tx', tx: parent });
    h.reject(parent, peer, 'dust');
    h.message(peer, { command: 'tx', tx: child });
    h.reject(child, peer, 'bad-txns-inputs-missingorspent');
    expect(download.orphans().size).toBe(0);
  });

  test('tried again one at a time, and in the turn of whoever is not busy', () => {
    const { h } = start();
    const [a, b] = [h.connect(), h.connect()];
    const children = [0, 1].map(i => makeTx(`c${i}`, { spends: [[parent.txid, i]] }));
    for (const tx of children) {
      h.message(a, { command: 'tx', tx });
      h.reject(tx, a, 'bad-txns-inputs-missingorspent');
    }
    h.take();
    h.accept(parent, b);
    const first = h.take().filter(e => e.kind === 'submitTx');
    expect(first).toHaveLength(1);
    h.reject((first[0] as { tx: Transaction }).tx, a, 'dust');
    expect(h.take().filter(e => e.kind === 'submitTx')).toHaveLength(1);
  });

  test('a peer that we are closing keeps nobody else from bringing its orphan', () => {
    const { h, inv } = start();
    const [leaving, other] = [h.connect(), h.connect()];
    h.message(leaving, { command: 'tx', tx: child });
    h.reject(child, leaving, 'bad-txns-inputs-missingorspent');
    h.outbox.disconnect(leaving, 'misbehaving');
    h.take();
    h.accept(parent, other);
    expect(h.take().filter(e => e.kind === 'submitTx')).toEqual([]);
    h.disconnect(leaving);
    inv(other, child.wtxid);
    expect(h.sent('getdata')).toHaveLength(1);
    h.message(other, { command: 'tx', tx: child });
    expect(h.take()).toMatchObject([{ kind: 'submitTx', peer: other.id, tx: { txid: child.txid } }]);
  });

  test('a block that spends the same takes them out', () => {
    const { h, download } = start();
    const peer = h.connect();
    h.message(peer, { command: 'tx', tx: child });
    h.reject(child, peer, 'bad-txns-inputs-missingorspent');
    h.chain({
      kind: 'blockConnected',
      block: { transactions: [child] } as unknown as ReturnType<typeof createBlock>,
    });
    expect(download.orphans().size).toBe(0);
  });
});

test.each([1, 2, 3])('whatever peers do, one request a hash is in flight (seed %i)', seed => {
  const { h, inv } = start(seed);
  const random = new SeededRandom(seed);
  const txs = Array.from({ length: 20 }, (_, i) => makeTx(`r${i}`));
  const peers = Array.from({ length: 8 }, (_, i) => h.connect(i % 2 === 0 ? {} : { type: 'inbound' }));
  const open = new Map<Hash256, { peer: number; until: number }>();
  const look = () => {
    for (const { at, effect } of h.log) {
      if (effect.kind !== 'send' || effect.message.command !== 'getdata') continue;
      for (const { hash } of effect.message.items) {
        const other = open.get(hash);
        expect(other === undefined || other.until <= at).toBe(true);
        open.set(hash, { peer: effect.peer, until: at + 60_000 });
      }
    }
    h.log.length = 0;
  };
  for (let step = 0; step < 600; step += 1) {
    const peer = peers[randomBelow(random, peers.length)]!;
    const tx = txs[randomBelow(random, txs.length)]!;
    const kind = randomBelow(random, 10);
    if (kind < 5) inv(peer, tx.wtxid);
    else if (kind === 5 && open.get(tx.wtxid)?.peer === peer.id) {
      open.delete(tx.wtxid);
      h.message(peer, { command: 'notfound', items: [{ type: INV.wtx, hash: tx.wtxid }] });
    } else if (kind === 6 && open.get(tx.wtxid)?.peer === peer.id && !h.outbox.isBusy(peer)) {
      h.message(peer, { command: 'tx', tx });
      if (h.outbox.isBusy(peer)) h.reject(tx, peer, 'dust');
      open.delete(tx.wtxid);
    } else h.pass(randomBelow(random, 20_000), look);
    look();
  }
});

describe('one parent, one child', () => {
  const parent = makeTx('poor parent', { outputs: 2 });
  const child = makeTx('rich child', { spends: [[parent.txid, 0]] });
  const accepted = (tx: Transaction) => ({
    status: 'accepted' as const,
    fee: 1_000,
    virtualSize: tx.virtualSize,
    effectiveFeeRate: 1_000,
    effectiveIncludes: [parent.wtxid, child.wtxid],
    replaced: [],
  });
  const packages = (h: Harness) => h.take().filter(effect => effect.kind === 'submitPackage');

  /** The peer gives us the child, and then the parent, which is refused for its fee. */
  function bring(h: Harness, peer: ReturnType<Harness['connect']>, ...children: Transaction[]) {
    for (const tx of children) {
      h.message(peer, { command: 'tx', tx });
      h.reject(tx, peer, 'bad-txns-inputs-missingorspent');
    }
    h.message(peer, { command: 'tx', tx: parent });
    h.take();
    h.reject(parent, peer, 'min relay fee not met');
  }

  test('a parent that pays too little is tried with the child of the same peer', () => {
    const { h, download } = start();
    const peer = h.connect();
    bring(h, peer, child);
    expect(packages(h)).toMatchObject([{ peer: peer.id, txs: [parent, child] }]);
    h.packaged([parent, child], peer, { reject: undefined, results: [accepted(parent), accepted(child)] });
    expect(download.orphans().size).toBe(0);
    // Nothing is tried again alone, nor asked for.
    expect(h.take()).toEqual([]);
  });

  test('the newest child first; not one of another peer', () => {
    const { h } = start();
    const [a, b] = [h.connect(), h.connect()];
    const newer = makeTx('newer child', { spends: [[parent.txid, 1]] });
    const foreign = makeTx('foreign child', { spends: [[parent.txid, 1]], outputs: 3 });
    h.message(b, { command: 'tx', tx: foreign });
    h.reject(foreign, b, 'bad-txns-inputs-missingorspent');
    bring(h, a, child, newer);
    expect(packages(h)).toMatchObject([{ peer: a.id, txs: [parent, newer] }]);
  });

  test('a package that failed is not tried again until the next block; another child is', () => {
    const { h } = start();
    const peer = h.connect();
    const other = makeTx('other child', { spends: [[parent.txid, 1]] });
    bring(h, peer, other, child);
    h.take();
    const reject = new PackageReject('transaction failed', {
      wtxid: child.wtxid,
      reject: new Reject('min relay fee not met'),
    });
    h.packaged([parent, child], peer, {
      reject,
      results: [{ status: 'rejected', reject: new Reject('min relay fee not met') }, undefined],
    });
    h.message(peer, { command: 'tx', tx: parent });
    expect(packages(h)).toMatchObject([{ txs: [parent, other] }]);
  });

  test('a parent that was refused is asked for again when a child of it comes', () => {
    const { h } = start();
    const peer = h.connect();
    h.message(peer, { command: 'tx', tx: parent });
    h.reject(parent, peer, 'min relay fee not met');
    h.take();
    h.message(peer, { command: 'tx', tx: child });
    h.reject(child, peer, 'bad-txns-inputs-missingorspent');
    h.pass(2_000);
    expect(h.sent('getdata').map(sent => sent.message.items)).toEqual([
      [{ type: INV_WITNESS_TX, hash: parent.txid }],
    ]);
    h.message(peer, { command: 'tx', tx: parent });
    expect(packages(h)).toMatchObject([{ txs: [parent, child] }]);
  });

  test('a peer that we are closing keeps nobody else from bringing parent and child', () => {
    const { h, inv } = start();
    const [leaving, other] = [h.connect(), h.connect()];
    h.message(leaving, { command: 'tx', tx: child });
    h.reject(child, leaving, 'bad-txns-inputs-missingorspent');
    h.message(leaving, { command: 'tx', tx: parent });
    h.outbox.disconnect(leaving, 'evicted');
    h.reject(parent, leaving, 'min relay fee not met');
    expect(packages(h)).toEqual([]);
    h.disconnect(leaving);
    inv(other, child.wtxid);
    expect(h.sent('getdata')).toHaveLength(1);
  });

  test('what a retried orphan is told starts nothing', () => {
    const { h } = start();
    const peer = h.connect();
    const grandchild = makeTx('grandchild', { spends: [[child.txid, 0]] });
    for (const tx of [grandchild, child]) {
      h.message(peer, { command: 'tx', tx });
      h.reject(tx, peer, 'bad-txns-inputs-missingorspent');
    }
    h.accept(parent);
    h.take();
    h.reject(child, peer, 'min relay fee not met');
    expect(packages(h)).toEqual([]);
  });
});

describe('the forcerelay permission', () => {
  test('lets what is in the pool already be announced again', () => {
    const { h, announced } = start();
    const [trusted, other] = [h.connect({ permissions: ['forcerelay', 'relay'] }), h.connect()];
    h.accept(A);
    h.message(other, { command: 'tx', tx: A });
    expect(announced).toEqual([]);
    h.message(trusted, { command: 'tx', tx: A });
    expect(announced).toEqual([A.txid]);
  });
});
