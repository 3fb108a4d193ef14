/** Reconciling with one peer: what each side sends for which difference. */
import { describe, expect, test } from 'vitest';
import type { Wtxid } from '../../../src/base/bytes.ts';
import { createSketch } from '../../../src/crypto/pin-sketch.ts';
import { type SipKey, shortTxId, sipHash24 } from '../../../src/crypto/siphash.ts';
import { Reconciler } from '../../../src/p2p/reconciler.ts';
import type { Reconciliation } from '../../../src/p2p/reconciliation.ts';
import { Harness } from './harness.ts';
import { hashOf, makeTx } from './support.ts';

const KEY: SipKey = [1, 2, 3, 4];
const TXS = ['a', 'b', 'c', 'd'].map(name => makeTx(name, { witness: true }));
const idOf = (wtxid: Wtxid) => shortTxId(KEY, wtxid);

function start() {
  const h = new Harness(1, { relayStrategy: { kind: 'reconcile' } });
  const agreements = { keyOf: () => KEY } as unknown as Reconciliation;
  const reconciler = new Reconciler(h.context, agreements);
  const told: Wtxid[][] = [];
  reconciler.useAnnouncer({ isKnownTo: () => false, tell: (_, wtxids) => told.push([...wtxids].sort()) });
  h.use(reconciler);
  return { h, reconciler, told };
}

/** Nine outbound peers: the last one reconciles. */
function dialer() {
  const { h, reconciler, told } = start();
  const peers = Array.from({ length: 9 }, () => h.connect());
  expect(peers.map(peer => reconciler.reconcilesWith(peer)).lastIndexOf(false)).toBe(7);
  const peer = peers[8]!;
  for (const tx of TXS.slice(0, 3)) h.accept(tx);
  for (let i = 0; i < 40 && h.sent('reqrecon').length === 0; i += 1) h.pass(10_000);
  return { h, told, peer };
}

const hungUp = (h: Harness) =>
  h
    .take()
    .flatMap(effect => (effect.kind === 'disconnect' ? [{ peer: effect.peer, reason: effect.reason }] : []));

const WTXIDS = TXS.map(({ wtxid }) => wtxid);

describe('the dialer', () => {
  test('tells what only it has, and asks by short id for what only the other has', () => {
    const { h, told, peer } = dialer();
    const words = [...createSketch([WTXIDS[0]!, WTXIDS[3]!].map(idOf), 4)];
    h.message(peer, { command: 'sketch', words });
    expect(h.sent('reconcildiff')).toEqual([
      { peer: peer.id, message: { command: 'reconcildiff', success: 1, shortIds: [idOf(WTXIDS[3]!)] } },
    ]);
    expect(told).toEqual([[WTXIDS[1]!, WTXIDS[2]!].sort()]);
  });

  test('tells all when the sketch is too small', () => {
    const { h, told, peer } = dialer();
    h.message(peer, { command: 'sketch', words: [...createSketch([idOf(WTXIDS[3]!)], 3)] });
    expect(h.sent('reconcildiff').map(({ message }) => message.success)).toEqual([0]);
    expect(told).toEqual([WTXIDS.slice(0, 3).sort()]);
  });

  test('a sketch that it did not ask for ends the connection', () => {
    const { h, peer } = dialer();
    const words = [1];
    h.message(peer, { command: 'sketch', words });
    h.message(peer, { command: 'sketch', words });
    expect(hungUp(h)).toEqual([{ peer: peer.id, reason: 'sketch that was not asked for' }]);
  });
});

describe('the answerer', () => {
  test('sends a sketch of what came since, and tells what is asked for by it', () => {
    const { h, reconciler, told } = start();
    const peer = h.connect({ type: 'inbound' });
    h.message(peer, { command: 'reqrecon', setSize: 0, q: 8_000 });
    expect(reconciler.reconcilesWith(peer)).toBe(true);
    for (const tx of TXS.slice(0, 2)) h.accept(tx);
    h.sent('sketch');
    h.message(peer, { command: 'reqrecon', setSize: 2, q: 8_192 });
    // |2 − 2| + ⌈¼ · 2⌉ + 1 words, and one to check.
    const expected = [...createSketch(WTXIDS.slice(0, 2).map(idOf), 3)];
    expect(h.sent('sketch')).toEqual([{ peer: peer.id, message: { command: 'sketch', words: expected } }]);
    h.message(peer, { command: 'reconcildiff', success: 1, shortIds: [idOf(WTXIDS[1]!), 5] });
    expect(told).toEqual([[WTXIDS[1]!]]);
  });

  test('a difference without a sketch ends the connection', () => {
    const { h } = start();
    const peer = h.connect({ type: 'inbound' });
    h.message(peer, { command: 'reconcildiff', success: 1, shortIds: [] });
    expect(hungUp(h)).toEqual([{ peer: peer.id, reason: 'reconcildiff without a sketch' }]);
  });
});

test('short ids are BIP330’s: one more than the hash modulo 2^32 − 1', () => {
  for (let i = 0; i < 50; i += 1) {
    const wtxid = hashOf(`tx${i}`) as string as Wtxid;
    const hash = sipHash24(1n + (2n << 32n), 3n + (4n << 32n), Buffer.from(wtxid, 'latin1'));
    expect(BigInt(idOf(wtxid))).toBe(1n + (hash % 0xffff_ffffn));
  }
});
