/** The table of block rules against our chain, and the proof that every reason to refuse anything is produced somewhere. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { hashToHex } from '../../../src/base/bytes.ts';
import { MemoryStorage } from '../../../src/chain/memory-storage.ts';
import { REJECT_REASONS, Reject, type RejectReason } from '../../../src/consensus/reject.ts';
import type { Block } from '../../../src/wire/block.ts';
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
