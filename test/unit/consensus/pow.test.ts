import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type BlockHash, hexToHash, ZERO_HASH } from '../../../src/base/bytes.ts';
import { HeaderTree } from '../../../src/chain/header-tree.ts';
import { networkParams } from '../../../src/consensus/networks.ts';
import type { ChainParams } from '../../../src/consensus/params.ts';
import {
  blockProof,
  checkProofOfWork,
  decodeCompact,
  deriveTarget,
  encodeCompact,
  nextWorkRequired,
  permittedDifficultyTransition,
  retarget,
} from '../../../src/consensus/pow.ts';
import { createHeader } from '../../../src/wire/block.ts';

const main = networkParams('main');
const regtest = networkParams('regtest');
const UINT256_MAX = (1n << 256n) - 1n;

describe('compact targets', () => {
  /** Core src/test/arith_uint256_tests.cpp: bits, target in hex, the bits read back, flags. */
  test.each([
    [0, '0', 0, '', ''],
    [0x0012_3456, '0', 0, '', ''],
    [0x0100_3456, '0', 0, '', ''],
    [0x0200_0056, '0', 0, '', ''],
    [0x0300_0000, '0', 0, '', ''],
    [0x0400_0000, '0', 0, '', ''],
    [0x0092_3456, '0', 0, '', ''],
    [0x0180_3456, '0', 0, '', ''],
    [0x0280_0056, '0', 0, '', ''],
    [0x0380_0000, '0', 0, '', ''],
    [0x0480_0000, '0', 0, '', ''],
    [0x0112_3456, '12', 0x0112_0000, '', ''],
    [0x01fe_dcba, '7e', 0x017e_0000, 'negative', ''],
    [0x0212_3456, '1234', 0x0212_3400, '', ''],
    [0x0312_3456, '123456', 0x0312_3456, '', ''],
    [0x0412_3456, '12345600', 0x0412_3456, '', ''],
    [0x0492_3456, '12345600', 0x0412_3456, 'negative', ''],
    [0x0500_9234, '92340000', 0x0500_9234, '', ''],
    [0x2012_3456, `123456${'0'.repeat(58)}`, 0x2012_3456, '', ''],
    [0xff12_3456, '0', 0, '', 'overflow'],
    [0x2100_ffff, `ffff${'0'.repeat(60)}`, 0x2100_ffff, '', ''],
    [0x2200_00ff, `ff${'0'.repeat(62)}`, 0x2100_ff00, '', ''],
    [0x2200_0100, '0', 0, '', 'overflow'],
    [0x2300_0001, '0', 0, '', 'overflow'],
  ])('%s', (bits, hex, again, negative, overflow) => {
    const { target, isNegative, isOverflow } = decodeCompact(bits);
    expect(target).toBe(BigInt(`0x${hex}`));
    expect(isNegative).toBe(negative !== '');
    expect(isOverflow).toBe(overflow !== '');
    expect(encodeCompact(target)).toBe(again);
  });

  test('encoding rounds down, by less than one part in 2^15, and is stable', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: UINT256_MAX }),
        fc.integer({ min: 0, max: 255 }),
        (value, shift) => {
          const target = value >> BigInt(shift);
          const bits = encodeCompact(target);
          const back = decodeCompact(bits);
          expect(back.isNegative || back.isOverflow).toBe(false);
          expect(back.target <= target).toBe(true);
          expect((target - back.target) << 15n <= target).toBe(true);
          expect(encodeCompact(back.target)).toBe(bits);
        },
      ),
    );
  });

  test('every compact number reads as Core reads it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffff_ffff }), bits => {
        const { target, isNegative, isOverflow } = decodeCompact(bits);
        const size = BigInt(bits >>> 24);
        const word = BigInt(bits & 0x7f_ffff);
        const exact = size <= 3n ? word >> (8n * (3n - size)) : word << (8n * (size - 3n));
        expect(isOverflow).toBe(exact > UINT256_MAX);
        expect(target).toBe(exact & UINT256_MAX);
        expect(isNegative).toBe((bits & 0x80_0000) !== 0 && (size <= 3n ? exact : word) !== 0n);
      }),
    );
  });
});

test.each([
  ['the limit itself', 0x1d00_ffff, true],
  ['above the limit', 0x1d01_0000, false],
  ['negative', 0x1d80_ffff, false],
  ['zero', 0x1d00_0000, false],
  ['overflow', 0xff00_ffff, false],
])('bits %s: usable %j', (_name, bits, usable) => {
  expect(deriveTarget(bits, main.powLimit) !== undefined).toBe(usable);
  expect(checkProofOfWork(hexToHash<BlockHash>('00'.repeat(32)), bits, main)).toBe(usable);
});

test('a hash may equal the target, not exceed it', () => {
  const target = '00000000ffff0000000000000000000000000000000000000000000000000000';
  expect(checkProofOfWork(hexToHash(target), 0x1d00_ffff, main)).toBe(true);
  expect(checkProofOfWork(hexToHash(`${target.slice(0, -1)}1`), 0x1d00_ffff, main)).toBe(false);
});

test.each([
  [0x1d00_ffff, 0x1_0001_0001n],
  [0x207f_ffff, 2n],
  [0x1d80_ffff, 0n],
  [0, 0n],
  [0xff00_ffff, 0n],
])('work of bits %s', (bits, work) => {
  expect(blockProof(bits)).toBe(work);
});

/** Core src/test/pow_tests.cpp: from real retargets of mainnet, and their limits. */
test.each([
  ['block 32256', 1_261_130_161, 1_262_152_739, 0x1d00_ffff, 0x1d00_d86a],
  ['at the limit', 1_231_006_505, 1_233_061_996, 0x1d00_ffff, 0x1d00_ffff],
  ['the lower bound', 1_279_008_237, 1_279_297_671, 0x1c05_a3f4, 0x1c01_68fd],
  ['the upper bound', 1_263_163_443, 1_269_211_443, 0x1c38_7f6f, 0x1d00_e1fd],
])('retarget: %s', (_name, first, last, bits, next) => {
  expect(retarget(bits, last - first, main)).toBe(next);
  expect(permittedDifficultyTransition(main, 2016, bits, next)).toBe(true);
});

test.each([
  ['one too hard', 2016, 0x1c05_a3f4, 0x1c01_68fc, false],
  ['one too easy', 2016, 0x1c38_7f6f, 0x1d00_e1fe, false],
  ['a change within a period', 2017, 0x1c38_7f6f, 0x1c38_7f6e, false],
  ['no change within a period', 2017, 0x1c38_7f6f, 0x1c38_7f6f, true],
])('transition: %s', (_name, height, from, to, permitted) => {
  expect(permittedDifficultyTransition(main, height, from, to)).toBe(permitted);
  expect(permittedDifficultyTransition(networkParams('test'), height, from, to)).toBe(true);
});

/** A chain of headers with these bits and a time each, heights from 0. */
function chainOf(rows: readonly (readonly [bits: number, time: number])[]): HeaderTree {
  const tree = new HeaderTree();
  let prevHash: BlockHash = ZERO_HASH;
  for (const [bits, time] of rows) {
    const header = createHeader({ version: 4, prevHash, merkleRoot: ZERO_HASH, time, bits, nonce: 0 });
    prevHash = header.hash;
    tree.add(header);
  }
  return tree;
}

describe('what the next block must have', () => {
  const HARD = 0x1c00_ffff;
  const EASY = 0x1d00_ffff;
  /** Periods of four blocks of ten seconds. */
  const small = { ...main, powTargetSpacing: 10, powTargetTimespan: 40 };
  const lenient: ChainParams = { ...small, allowMinDifficultyBlocks: true };

  test.each<[string, ChainParams, readonly (readonly [number, number])[], number, number]>([
    [
      'the same within a period',
      small,
      [
        [HARD, 0],
        [HARD, 10],
      ],
      500,
      HARD,
    ],
    [
      'a test chain: the same until twice the spacing',
      lenient,
      [
        [HARD, 0],
        [HARD, 10],
      ],
      30,
      HARD,
    ],
    [
      'a test chain: the minimum after that',
      lenient,
      [
        [HARD, 0],
        [HARD, 10],
      ],
      31,
      EASY,
    ],
    [
      'a test chain: back to what it was before',
      lenient,
      [
        [HARD, 0],
        [EASY, 90],
        [EASY, 180],
      ],
      181,
      HARD,
    ],
    [
      'a test chain: not further back than the period',
      lenient,
      [
        [HARD, 0],
        [HARD, 1],
        [HARD, 2],
        [HARD, 3],
        [EASY, 90],
        [EASY, 180],
      ],
      181,
      EASY,
    ],
    [
      'after a fast period: a quarter of the target',
      small,
      [
        [EASY, 0],
        [EASY, 1],
        [EASY, 2],
        [EASY, 3],
      ],
      4,
      0x1c3f_ffc0,
    ],
    [
      'after a period on time, of which three intervals are measured: three quarters',
      small,
      [
        [EASY, 0],
        [EASY, 10],
        [EASY, 20],
        [EASY, 30],
      ],
      40,
      retarget(EASY, 30, small),
    ],
    [
      'without retargeting: the last bits',
      { ...small, noRetargeting: true },
      [
        [HARD, 0],
        [HARD, 1],
        [HARD, 2],
        [EASY, 3],
      ],
      4,
      EASY,
    ],
    [
      'by the last block of the period',
      lenient,
      [
        [HARD, 0],
        [HARD, 40],
        [HARD, 80],
        [EASY, 160],
      ],
      161,
      EASY,
    ],
    [
      'under BIP94 by the first one',
      { ...lenient, enforceBip94: true },
      [
        [HARD, 0],
        [HARD, 10],
        [HARD, 20],
        [EASY, 40],
      ],
      41,
      HARD,
    ],
  ])('%s', (_name, params, rows, time, bits) => {
    const tree = chainOf(rows);
    expect(nextWorkRequired(rows.length - 1, time, tree, params)).toBe(bits);
  });

  test('a product beyond 256 bits loses its top, as in Core', () => {
    const params = { ...regtest, noRetargeting: false };
    const target = decodeCompact(0x207f_ffff).target;
    const wrapped = (target * BigInt(params.powTargetTimespan)) & UINT256_MAX;
    expect(retarget(0x207f_ffff, params.powTargetTimespan, params)).toBe(
      encodeCompact(wrapped / BigInt(params.powTargetTimespan)),
    );
  });
});
