/** BIP158: the published vectors; and what Core recorded of whole chains, height by height. */
import { describe, expect, test } from 'vitest';
import { bytesToHex, hashToHex, hexToBytes, hexToHash, ZERO_HASH } from '../../src/base/bytes.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { basicFilter, filterHash, filterHeader, filterMatchesAny } from '../../src/chain/block-filter.ts';
import { HeaderTree } from '../../src/chain/header-tree.ts';
import { keyOf, type OutPointKey, outPointKey } from '../../src/consensus/coin.ts';
import { type Block, decodeBlock } from '../../src/wire/block.ts';
import { DecodeError } from '../../src/wire/codec.ts';
import type { TxOutput } from '../../src/wire/transaction.ts';
import { describeShared, readShared, readSharedJson } from '../support/shared.ts';

type VectorRow = readonly [number, string, string, readonly string[], string, string, string, string];

describeShared('block filters', () => {
  describe.each(['core/blockfilters.json', 'bips/bip-0158_testnet-19.json'])('%s', file => {
    const [, ...rows] = readSharedJson<[unknown, ...VectorRow[]]>(`vectors/${file}`);
    test('holds ten blocks', () => expect(rows).toHaveLength(10));
    test.each(rows)('height %i', (_height, hash, raw, scripts, previous, filter, header) => {
      const block = decodeBlock(hexToBytes(raw));
      const spent = scripts.map(script => ({ scriptPubKey: hexToBytes(script) }));
      expect(hashToHex(block.header.hash)).toBe(hash);
      const made = basicFilter(block, spent);
      expect(bytesToHex(made)).toBe(filter);
      expect(hashToHex(filterHeader(made, hexToHash(previous)))).toBe(header);
      for (const { scriptPubKey } of spent) {
        if (scriptPubKey.length > 0)
          expect(filterMatchesAny(made, block.header.hash, [scriptPubKey])).toBe(true);
      }
    });
  });

  interface Recorded {
    readonly blocks: readonly {
      readonly height: number;
      readonly hash: string;
      readonly chainwork: string;
      readonly mediantime: number;
      readonly nTx: number;
      readonly filter: string;
      readonly filter_header: string;
    }[];
  }
  test.each([
    ['mainnet-0-4312', 4_313],
    ['testnet3-0-400', 401],
    ['signet-0-120', 121],
    ['regtest-kernel-0-206', 207],
  ])('chain %s', (name, count) => {
    const { blocks: recorded } = readSharedJson<Recorded>(`blocks/chains/${name}.expected.json.gz`);
    const tree = new HeaderTree();
    const coins = new Map<OutPointKey, TxOutput>();
    let previous = hexToHash('00'.repeat(32));
    let height = 0;
    for (const block of readChain(name)) {
      const spent = spendAndMake(block, coins);
      const filter = basicFilter(block, spent);
      previous = filterHeader(filter, previous);
      const id = tree.add(block.header);
      const { chainwork, ...expected } = recorded[height]!;
      expect(tree.chainWorkOf(id)).toBe(BigInt(`0x${chainwork}`));
      expect(expected).toMatchObject({
        height,
        hash: hashToHex(block.header.hash),
        mediantime: tree.medianTimePastOf(id),
        nTx: block.transactions.length,
        filter: bytesToHex(filter),
        filter_header: hashToHex(previous),
      });
      height += 1;
    }
    expect(height).toBe(count);
  });
});

describe('matching', () => {
  const random = new SeededRandom(158);
  const scripts = Array.from({ length: 500 }, () => new Uint8Array(random.bytes(25)));
  const others = Array.from({ length: 2_000 }, () => new Uint8Array(random.bytes(25)));
  const hash = hexToHash<Block['header']['hash']>('ab'.repeat(32));
  const block = { header: { hash }, transactions: [] } as unknown as Block;
  const filter = basicFilter(
    block,
    scripts.map(scriptPubKey => ({ scriptPubKey })),
  );

  test('finds what is there, alone and among others', () => {
    for (const script of scripts) expect(filterMatchesAny(filter, hash, [script])).toBe(true);
    expect(filterMatchesAny(filter, hash, [...others.slice(0, 100), scripts[7]!])).toBe(true);
  });

  test('finds nothing else', () => {
    expect(filterMatchesAny(filter, hash, others)).toBe(false);
    expect(filterMatchesAny(filter, hash, [])).toBe(false);
    expect(filterMatchesAny(basicFilter(block, []), hash, others)).toBe(false);
  });

  test('a filter of nothing is one zero byte', () => {
    expect(bytesToHex(basicFilter(block, [{ scriptPubKey: new Uint8Array(0) }]))).toBe('00');
    expect(hashToHex(filterHash(Uint8Array.of(0)))).not.toBe(hashToHex(ZERO_HASH));
  });

  test('one that is cut off cannot be read', () => {
    expect(() => filterMatchesAny(filter.subarray(0, 40), hash, others)).toThrow(DecodeError);
  });
});

function* readChain(name: string): Generator<Block> {
  const file = new Uint8Array(readShared(`blocks/chains/${name}.dat.gz`));
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  for (let at = 0; at < file.length; ) {
    const length = view.getUint32(at + 4, true);
    yield decodeBlock(file.subarray(at + 8, at + 8 + length));
    at += 8 + length;
  }
}

/** What the block spends, in order; `coins` is changed. */
function spendAndMake({ transactions }: Block, coins: Map<OutPointKey, TxOutput>): TxOutput[] {
  const spent: TxOutput[] = [];
  for (const tx of transactions) {
    if (!tx.isCoinbase) for (const { prevout } of tx.inputs) spent.push(coins.get(keyOf(prevout))!);
    tx.outputs.forEach((output, index) => {
      coins.set(outPointKey(tx.txid, index), output);
    });
  }
  return spent;
}
