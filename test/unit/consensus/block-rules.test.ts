/** The table of block rules against our chain, and the proof that every reason to refuse anything is produced somewhere. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { hashToHex, type Txid } from '../../../src/base/bytes.ts';
import { MemoryStorage } from '../../../src/chain/memory-storage.ts';
import { ScriptCache } from '../../../src/chain/script-cache.ts';
import { REJECT_REASONS, Reject, type RejectReason } from '../../../src/consensus/reject.ts';
import { blockScriptFlags } from '../../../src/consensus/script-flags.ts';
import { checkScripts } from '../../../src/mempool/accept.ts';
import type { Block } from '../../../src/wire/block.ts';
import type { Transaction, TxOutput } from '../../../src/wire/transaction.ts';
import { BLOCK_RULES } from '../../support/block-rules.ts';
import { BlockScene } from '../../support/block-scene.ts';
import { NOW, TestChain } from '../../support/test-chain.ts';

/** Reasons that no block on a regtest chain can be given, why, and the test that gives them. */
const PROVEN_ELSEWHERE: Partial<Record<RejectReason, readonly [why: string, test: string]>> = {
  'too-little-chainwork': [
    'only a peer is asked for work: who submits a block by RPC is trusted with its cost',
    'consensus/block-rules.test.ts',
  ],
  'bad-txns-accumulated-fee-outofrange': ['regtest never has that many coins', 'consensus/block.test.ts'],
  'bad-txns-inputvalues-outofrange': ['regtest never has that many coins', 'consensus/block.test.ts'],
  'bad-txns-oversize': ['a block of that size is refused for its own', 'mempool/accept.test.ts'],
};

describe.each(BLOCK_RULES)('$name', ({ params, now, prepare, rules }) => {
  const scene = new BlockScene(params);
  prepare(scene);
  const chain = new TestChain({}, new MemoryStorage(), params);
  const submit = (block: Block) => chain.run(chain.chain.submitBlock(block, { requested: true, now }));
  for (const block of scene.base) expect(submit(block).status).toBe('accepted');
  chain.takeNotices();

  test.each(rules)('%s: %o', (name, build, verdict) => {
    expect(scene.built.has(name), 'names are unique').toBe(false);
    const block = build(scene);
    scene.built.set(name, block);
    const before = chain.tipHash;
    const { status } = submit(block);
    const told = chain.takeNotices().find(notice => notice.startsWith('invalid'));
    if (verdict === 'accepted') {
      expect(told ?? status).toBe('accepted');
      expect(chain.tipHash).toBe(block.header.hash);
      scene.extend(block);
    } else {
      // A block that only its coins or scripts refuse has been stored: its refusal is a notice.
      expect(told).toBe(`invalid ${hashToHex(block.header.hash).slice(-6)} ${verdict}`);
      expect(chain.tipHash).toBe(before);
    }
  });
});

/**
 * The same blocks, after the mempool has seen all transactions of this one and of those before it, good and bad: what it
 * remembers of them changes no verdict. They hold many that differ in nothing but witness, lock or version.
 */
describe.each(BLOCK_RULES)('$name, with what the mempool remembers', ({ params, now, prepare, rules }) => {
  const scene = new BlockScene(params);
  prepare(scene);
  const scriptCache = new ScriptCache(new Uint8Array(32).fill(7), 1 << 16);
  const chain = new TestChain({ scriptCache }, new MemoryStorage(), params);
  const submit = (block: Block) => chain.run(chain.chain.submitBlock(block, { requested: true, now }));
  const seen = new Map<Txid, Transaction>();
  /** As the mempool would, were it not for its other rules. */
  const isGood = (tx: Transaction): boolean => {
    const found = chain.run(chain.chain.fetchCoins(tx.inputs.map(each => each.prevout)));
    const coins = tx.inputs.map(
      (each, i) => found[i] ?? seen.get(each.prevout.txid)?.outputs[each.prevout.index],
    );
    if (coins.includes(undefined)) return false;
    try {
      const { headers } = chain.chain;
      const tip = chain.chain.tip();
      const blockFlags = blockScriptFlags(params, headers.heightOf(tip), headers.hashOf(tip));
      chain.run(checkScripts(tx, coins as TxOutput[], { blockFlags, scriptCache }));
      return true;
    } catch (error) {
      if (error instanceof Reject) return false;
      throw error;
    }
  };
  for (const block of scene.base) submit(block);
  chain.takeNotices();
  const all: Transaction[] = [];
  let known = 0;

  test.each(rules)('%s: %o', (name, build, verdict) => {
    const block = build(scene);
    scene.built.set(name, block);
    for (const tx of block.transactions.slice(1)) seen.set(tx.txid, tx);
    all.push(...block.transactions.slice(1));
    all.forEach(isGood);
    const isKnown = block.transactions.slice(1).every(isGood);
    chain.effects.length = 0;
    const { status } = submit(block);
    const told = chain.takeNotices().find(notice => notice.startsWith('invalid'));
    const expected = `invalid ${hashToHex(block.header.hash).slice(-6)} ${verdict}`;
    expect(told ?? status).toBe(verdict === 'accepted' ? 'accepted' : expected);
    if (verdict !== 'accepted') return;
    if (isKnown && block.transactions.length > 1) {
      known += 1;
      expect(chain.effects.filter(({ kind }) => kind === 'beginScripts')).toEqual([]);
    }
    scene.extend(block);
  });

  if (rules.length > 100) test('some blocks ran no script', () => expect(known).toBeGreaterThan(5));
});

test('a header without enough work behind it', () => {
  const { chain } = new TestChain();
  const { header } = new BlockScene(chain.params).block();
  const refusal = new Reject('too-little-chainwork');
  expect(() => chain.acceptHeader(header, NOW, { minPowChecked: false })).toThrow(refusal);
});

describe('every reason to refuse anything', () => {
  const inTable = new Set(
    BLOCK_RULES.flatMap(({ rules }) => rules.map(([, , verdict]) => reasonOf(verdict))),
  );
  const reasons = Object.keys(REJECT_REASONS) as RejectReason[];
  const mempoolTests = textOf('mempool');

  test.each(reasons)('%s', reason => {
    const elsewhere = PROVEN_ELSEWHERE[reason];
    if (inTable.has(reason)) return expect(elsewhere, 'stands in one list only').toBeUndefined();
    // All that are in neither list are of transactions alone.
    const text = elsewhere === undefined ? mempoolTests : textOf(elsewhere[1]);
    expect(
      ["'", '/', '/^'].some(start => text.includes(start + reason)),
      'a test expects it',
    ).toBe(true);
  });
});

function reasonOf(verdict: string): string {
  return verdict.replace(/ ?\(.*$/s, '');
}

/** Of a test, or of all tests in a folder. */
function textOf(path: string): string {
  const url = new URL(`../${path}`, import.meta.url);
  if (path.endsWith('.ts')) return readFileSync(url, 'utf8');
  return readdirSync(url)
    .map(name => readFileSync(new URL(`../${path}/${name}`, import.meta.url), 'utf8'))
    .join('\n');
}
