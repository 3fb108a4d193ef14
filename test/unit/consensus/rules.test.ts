/** The small rules as tables: amounts, subsidy, locks, flags, overrides. */
import { describe, expect, test } from 'vitest';
import { type BlockHash, bytesToHex, hexToHash, ZERO_HASH } from '../../../src/base/bytes.ts';
import { COIN, formatMoney } from '../../../src/consensus/amount.ts';
import { isFinalTx, sequenceLocks, sequenceLocksMet } from '../../../src/consensus/locktime.ts';
import { networkParams } from '../../../src/consensus/networks.ts';
import { overrideParams, type ParamsOverrides } from '../../../src/consensus/overrides.ts';
import { Reject } from '../../../src/consensus/reject.ts';
import { blockScriptFlags } from '../../../src/consensus/script-flags.ts';
import { blockSubsidy } from '../../../src/consensus/subsidy.ts';
import { flagNames } from '../../../src/script/flags.ts';
import { createTransaction, type Transaction } from '../../../src/wire/transaction.ts';

const main = networkParams('main');
const regtest = networkParams('regtest');

test.each([
  [0, '0.00'],
  [1, '0.00000001'],
  [10, '0.0000001'],
  [COIN, '1.00'],
  [150_000_000, '1.50'],
  [-123_456_789, '-1.23456789'],
  [21e14, '21000000.00'],
])('%s satoshi are %s', (value, text) => {
  expect(formatMoney(value)).toBe(text);
});

test.each([
  [0, 50 * COIN],
  [209_999, 50 * COIN],
  [210_000, 25 * COIN],
  [420_000, 12.5 * COIN],
  [2_100_000, 4_882_812],
  [6_929_999, 1],
  [6_930_000, 0],
  [64 * 210_000, 0],
])('block %i makes %i satoshi', (height, subsidy) => {
  expect(blockSubsidy(height, main)).toBe(subsidy);
});

test('all subsidies together (Core: validation_tests.cpp)', () => {
  let total = 0n;
  for (let height = 0; height < 14_000_000; height += 1000)
    total += BigInt(blockSubsidy(height, main)) * 1000n;
  expect(total).toBe(2_099_999_997_690_000n);
});

function tx(lockTime: number, sequences: readonly number[], version = 2): Transaction {
  const prevout = { txid: ZERO_HASH, index: 0 };
  const inputs = sequences.map(sequence => ({
    prevout,
    scriptSig: new Uint8Array(0),
    sequence,
    witness: [],
  }));
  return createTransaction({ version, inputs, outputs: [], lockTime });
}

test.each([
  ['no lock', 0, [0], 1, 1, true],
  ['a height that is past', 99, [0], 100, 0, true],
  ['a height that is now', 100, [0], 100, 0, false],
  ['a height, but final sequences', 100, [0xffff_ffff, 0xffff_ffff], 100, 0, true],
  ['one sequence is not final', 100, [0xffff_ffff, 0xffff_fffe], 100, 0, false],
  ['the last height', 499_999_999, [0], 500_000_000, 0, true],
  ['the first time', 500_000_000, [0], 1, 500_000_000, false],
  ['a time that is past', 500_000_000, [0], 1, 500_000_001, true],
])('lock time: %s', (_name, lockTime, sequences, height, time, final) => {
  expect(isFinalTx(tx(lockTime, sequences), height, time)).toBe(final);
});

test.each([
  ['version 1', [10], 1, { height: -1, time: -1 }],
  ['blocks', [10], 2, { height: 109, time: -1 }],
  ['blocks: the latest counts', [10, 20, 5], 2, { height: 119, time: -1 }],
  ['switched off', [0x8000_000a], 2, { height: -1, time: -1 }],
  ['seconds, from the block before the coin', [0x0040_0002], 2, { height: -1, time: 9_900 + 1_024 - 1 }],
  ['bits without a meaning are ignored', [0x7fbf_000a], 2, { height: 109, time: -1 }],
  ['a version that is negative as a signed number', [10], 0xffff_ffff, { height: 109, time: -1 }],
])('relative locks: %s', (_name, sequences, version, locks) => {
  const coinHeights = sequences.map(() => 100);
  const medianTimePastAt = (height: number): number => height * 100;
  expect(sequenceLocks(tx(0, sequences, version), coinHeights, medianTimePastAt)).toEqual(locks);
});

test.each([
  [{ height: 109, time: -1 }, 109, 0, false],
  [{ height: 109, time: -1 }, 110, 0, true],
  [{ height: -1, time: 500 }, 1, 500, false],
  [{ height: -1, time: 500 }, 1, 501, true],
])('locks %j in block %i after median time %i: open %j', (locks, height, time, met) => {
  expect(sequenceLocksMet(locks, height, time)).toBe(met);
});

const BASE = ['P2SH', 'TAPROOT', 'WITNESS'];
test.each<[string, number, string | undefined, readonly string[]]>([
  ['at first', 1, undefined, BASE],
  ['before BIP66', 363_724, undefined, BASE],
  ['from BIP66', 363_725, undefined, ['DERSIG', ...BASE]],
  ['from BIP65', 388_381, undefined, ['CHECKLOCKTIMEVERIFY', 'DERSIG', ...BASE]],
  ['from CSV', 419_328, undefined, ['CHECKLOCKTIMEVERIFY', 'CHECKSEQUENCEVERIFY', 'DERSIG', ...BASE]],
  [
    'from segwit',
    481_824,
    undefined,
    ['CHECKLOCKTIMEVERIFY', 'CHECKSEQUENCEVERIFY', 'DERSIG', 'NULLDUMMY', ...BASE],
  ],
  [
    'the block that broke BIP16',
    170_060,
    '00000000000002dc756eebf4f49723ed8d30cc28a5f108eb94b1ba88ac4f9c22',
    [],
  ],
  [
    'the block that broke taproot',
    692_261,
    '0000000000000000000f14c35b2d841e986ab5441de8c585d5ffe55ea1e395ad',
    ['CHECKLOCKTIMEVERIFY', 'CHECKSEQUENCEVERIFY', 'DERSIG', 'NULLDUMMY', 'P2SH', 'WITNESS'],
  ],
])('script rules of mainnet: %s', (_name, height, hash, names) => {
  const flags = blockScriptFlags(main, height, hash === undefined ? ZERO_HASH : hexToHash<BlockHash>(hash));
  expect(flagNames(flags)).toEqual(names);
});

describe('overrides', () => {
  test('activation heights', () => {
    const values = ['segwit@10', 'bip34@2', 'dersig@3', 'cltv@4', 'csv@5'];
    const { buried } = overrideParams(regtest, { activationHeights: values });
    expect(buried).toEqual({ bip34: 2, bip65: 4, bip66: 3, csv: 5, segwit: 10 });
  });

  test('version bits', () => {
    const versionBits = ['testdummy:-1:9223372036854775807:7'];
    expect(overrideParams(regtest, { versionBits }).deployments[0]).toMatchObject({
      startTime: -1,
      timeout: Number.MAX_SAFE_INTEGER,
      minActivationHeight: 7,
    });
  });

  test('a signet of its own has its own magic and nothing of the public one', () => {
    const params = overrideParams(networkParams('signet'), { signetChallenge: ['51'], signetSeeds: ['a.b'] });
    expect(params).toMatchObject({
      dnsSeeds: ['a.b'],
      fixedSeeds: [],
      minimumChainWork: 0n,
      assumedValidBlock: null,
    });
    expect(bytesToHex(params.magic)).toBe('54d26fbd');
  });

  test('what is for regtest or signet changes nothing elsewhere', () => {
    expect(overrideParams(main, { fastPrune: true, enforceBip94: true, signetChallenge: ['51'] })).toEqual(
      main,
    );
    expect(overrideParams(regtest, { fastPrune: true, enforceBip94: true })).toMatchObject({
      pruneAfterHeight: 100,
      enforceBip94: true,
    });
  });

  test.each<[ParamsOverrides, string]>([
    [{ activationHeights: ['segwit'] }, 'Invalid format (segwit) for -testactivationheight=name@height.'],
    [
      { activationHeights: ['segwit@x'] },
      'Invalid height value (segwit@x) for -testactivationheight=name@height.',
    ],
    [
      { activationHeights: ['csv@-1'] },
      'Invalid height value (csv@-1) for -testactivationheight=name@height.',
    ],
    [{ activationHeights: ['csv@2147483647'] }, 'Invalid height value (csv@2147483647) for'],
    [{ activationHeights: ['taproot@1'] }, 'Invalid name (taproot@1) for -testactivationheight=name@height.'],
    [{ versionBits: ['testdummy:1'] }, 'Version bits parameters malformed, expecting deployment:start:end'],
    [{ versionBits: ['testdummy:a:1'] }, 'Invalid nStartTime (a)'],
    [{ versionBits: ['testdummy:1:b'] }, 'Invalid nTimeout (b)'],
    [{ versionBits: ['testdummy:1:2:c'] }, 'Invalid min_activation_height (c)'],
    [{ versionBits: ['other:1:2'] }, 'Invalid deployment (other)'],
    [{ signetChallenge: ['5'] }, "-signetchallenge must be hex, not '5'."],
    [{ signetChallenge: ['51', '52'] }, '-signetchallenge cannot be multiple values.'],
  ])('%j is refused', (overrides, message) => {
    const params = overrides.signetChallenge === undefined ? regtest : networkParams('signet');
    expect(() => overrideParams(params, overrides)).toThrow(message);
  });
});

test.each([
  [new Reject('high-hash'), 'high-hash', 'high-hash', 'header'],
  [new Reject('high-hash', { detail: 'why' }), 'high-hash', 'high-hash, why', 'header'],
  [
    new Reject('bad-version', { suffix: '(0x00000001)', detail: 'd' }),
    'bad-version(0x00000001)',
    'bad-version(0x00000001), d',
    'header',
  ],
  [
    new Reject('block-script-verify-flag-failed', { scriptError: 'Bad', detail: 'input 0' }),
    'block-script-verify-flag-failed (Bad)',
    'block-script-verify-flag-failed (Bad), input 0',
    'consensus',
  ],
])('a rejection tells its reason: %s', (reject, text, message, kind) => {
  expect([reject.text, reject.message, reject.kind]).toEqual([text, message, kind]);
});
