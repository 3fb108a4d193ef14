/**
 * What Bitcoin Core 31.99 says of each network (src/kernel/chainparams.cpp), written down a second time and by hand: a
 * number that changes in genesis.json must change here too, and somebody must have looked it up.
 */
import { expect, test } from 'vitest';
import { bytesToHex, hashToHex } from '../../../src/base/bytes.ts';
import { networkParams } from '../../../src/consensus/networks.ts';
import { overrideParams } from '../../../src/consensus/overrides.ts';
import type { ChainParams } from '../../../src/consensus/params.ts';

const NEVER = -2;
const NO_TIMEOUT = Number.MAX_SAFE_INTEGER;
const WEEKS_2 = 14 * 24 * 60 * 60;
const LIMIT_32 = '00000000ffffffffffffffffffffffffffffffffffffffffffffffffffffffff';
const BIP16 = 'NONE';

/** Height of the forks: BIP34, BIP65, BIP66, CSV, segwit. */
type Forks = readonly [number, number, number, number, number];

interface Facts {
  readonly minimumChainWork: string;
  readonly assumedValid: string | null;
  /** Headers between two commitments of the presync, and headers held back while they come again. */
  readonly presync: readonly [number, number];
  readonly forks: Forks;
  readonly bip34Hash: string | null;
  readonly minBip9WarningHeight: number;
  readonly powLimit: string;
  readonly timespan: number;
  readonly halving: number;
  /** Minimum-difficulty blocks, no retargeting, BIP94. */
  readonly difficulty: readonly [boolean, boolean, boolean];
  /** Start, period, threshold of testdummy, which is bit 28. */
  readonly testdummy: readonly [number, number, number];
  readonly exceptions: Readonly<Record<string, string>>;
  readonly pruneAfterHeight: number;
}

const CORE: Readonly<Record<string, Facts>> = {
  main: {
    minimumChainWork: '01128750f82f4c366153a3a030',
    assumedValid: '00000000000000000000ccebd6d74d9194d8dcdc1d177c478e094bfad51ba5ac',
    presync: [641, 15_218],
    forks: [227_931, 388_381, 363_725, 419_328, 481_824],
    bip34Hash: '000000000000024b89b42a942fe0d9fea3bb44ab7bd1b19115dd6a759c0808b8',
    minBip9WarningHeight: 711_648,
    powLimit: LIMIT_32,
    timespan: WEEKS_2,
    halving: 210_000,
    difficulty: [false, false, false],
    testdummy: [NEVER, 2016, 1815],
    exceptions: {
      '00000000000002dc756eebf4f49723ed8d30cc28a5f108eb94b1ba88ac4f9c22': BIP16,
      '0000000000000000000f14c35b2d841e986ab5441de8c585d5ffe55ea1e395ad': 'P2SH,WITNESS',
    },
    pruneAfterHeight: 100_000,
  },
  test: {
    minimumChainWork: '17dde1c649f3708d14b6',
    assumedValid: '000000007a61e4230b28ac5cb6b5e5a0130de37ac1faf2f8987d2fa6505b67f4',
    presync: [673, 14_460],
    forks: [21_111, 581_885, 330_776, 770_112, 834_624],
    bip34Hash: '0000000023b3a96d3484e5abb3755c413e7d41500f8e2a5c3f0dd01299cd8ef8',
    minBip9WarningHeight: 2_013_984,
    powLimit: LIMIT_32,
    timespan: WEEKS_2,
    halving: 210_000,
    difficulty: [true, false, false],
    testdummy: [NEVER, 2016, 1512],
    exceptions: { '00000000dd30457c001f4095d208cc1296b0eed002427aa599874af7a432b105': BIP16 },
    pruneAfterHeight: 1_000,
  },
  testnet4: {
    minimumChainWork: '09a0fe15d0177d086304',
    assumedValid: '0000000002368b1e4ee27e2e85676ae6f9f9e69579b29093e9a82c170bf7cf8a',
    presync: [606, 16_092],
    forks: [1, 1, 1, 1, 1],
    bip34Hash: null,
    minBip9WarningHeight: 0,
    powLimit: LIMIT_32,
    timespan: WEEKS_2,
    halving: 210_000,
    difficulty: [true, false, true],
    testdummy: [NEVER, 2016, 1512],
    exceptions: {},
    pruneAfterHeight: 1_000,
  },
  signet: {
    minimumChainWork: '0b463ea0a4b8',
    assumedValid: '00000008414aab61092ef93f1aacc54cf9e9f16af29ddad493b908a01ff5c329',
    presync: [620, 15_724],
    forks: [1, 1, 1, 1, 1],
    bip34Hash: null,
    minBip9WarningHeight: 0,
    powLimit: '00000377ae000000000000000000000000000000000000000000000000000000',
    timespan: WEEKS_2,
    halving: 210_000,
    difficulty: [false, false, false],
    testdummy: [NEVER, 2016, 1815],
    exceptions: {},
    pruneAfterHeight: 1_000,
  },
  regtest: {
    minimumChainWork: '00',
    assumedValid: null,
    presync: [275, 7_017],
    forks: [1, 1, 1, 1, 0],
    bip34Hash: null,
    minBip9WarningHeight: 0,
    powLimit: '7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
    timespan: 24 * 60 * 60,
    halving: 150,
    difficulty: [true, true, false],
    testdummy: [0, 144, 108],
    exceptions: {},
    pruneAfterHeight: 1_000,
  },
};

function factsOf(params: ChainParams): Facts {
  const { buried, deployments, presync } = params;
  const [{ name, bit, startTime, timeout, minActivationHeight, period, threshold }] = deployments as [
    ChainParams['deployments'][number],
  ];
  expect([name, bit, timeout >= NO_TIMEOUT, minActivationHeight]).toEqual(['testdummy', 28, true, 0]);
  expect(deployments).toHaveLength(1);
  const work = params.minimumChainWork.toString(16);
  return {
    minimumChainWork: work.padStart(work.length + (work.length % 2), '0'),
    assumedValid: params.assumedValidBlock && hashToHex(params.assumedValidBlock),
    presync: [presync.commitmentPeriod, presync.redownloadBufferSize],
    forks: [buried.bip34, buried.bip65, buried.bip66, buried.csv, buried.segwit],
    bip34Hash: params.bip34Hash && hashToHex(params.bip34Hash),
    minBip9WarningHeight: params.minBip9WarningHeight,
    powLimit: params.powLimit.toString(16).padStart(64, '0'),
    timespan: params.powTargetTimespan,
    halving: params.subsidyHalvingInterval,
    difficulty: [params.allowMinDifficultyBlocks, params.noRetargeting, params.enforceBip94],
    testdummy: [startTime, period, threshold],
    exceptions: Object.fromEntries(
      [...params.scriptFlagExceptions].map(([hash, flags]) => [hashToHex(hash), flags.join() || 'NONE']),
    ),
    pruneAfterHeight: params.pruneAfterHeight,
  };
}

test.each(Object.entries(CORE))('%s', (name, facts) => {
  const params = networkParams(name);
  expect(params.powTargetSpacing).toBe(600);
  expect(params.subsidyInitial).toBe(50_0000_0000);
  expect(factsOf(params)).toEqual(facts);
});

test('only mainnet has blocks that repeated a coinbase (Core: IsBIP30Repeat)', () => {
  const exceptions = [...networkParams('main').bip30Exceptions].map(([height, hash]) => [
    height,
    hashToHex(hash),
  ]);
  expect(exceptions).toEqual([
    [91_842, '00000000000a4d0a398161ffc163c503763b1f4360639393e0e4c8e300e0caec'],
    [91_880, '00000000000743f190a18c5577a3c2d2a1f610ae9601ac046a38084ccb7cd721'],
  ]);
  for (const name of ['test', 'testnet4', 'signet', 'regtest'])
    expect(networkParams(name).bip30Exceptions.size).toBe(0);
});

test('a signet with a challenge of its own assumes nothing', () => {
  const signet = networkParams('signet');
  expect(bytesToHex(signet.signetChallenge!)).toBe(
    '512103ad5e0edad18cb1f0fc0d28a3d4f1f3e445640337489abb10404f2d1e086be430' +
      '210359ef5021964fe22d6f8e05b2463c9540ce96883fe3b278760f048f5189f2e6c452ae',
  );
  expect(factsOf(overrideParams(signet, { signetChallenge: ['51'] }))).toEqual({
    ...CORE['signet'],
    minimumChainWork: '00',
    assumedValid: null,
  });
});

/** Core: chainparams.cpp, HandleDeploymentArgs. */
test.each<[readonly string[], Forks]>([
  [
    ['segwit@5', 'csv@432'],
    [1, 1, 1, 432, 5],
  ],
  [
    ['bip34@2', 'dersig@102', 'cltv@111', 'csv@0'],
    [2, 111, 102, 0, 0],
  ],
  [
    ['csv@3', 'csv@2147483646'],
    [1, 1, 1, 2_147_483_646, 0],
  ],
])('-testactivationheight %o', (activationHeights, forks) => {
  expect(factsOf(overrideParams(networkParams('regtest'), { activationHeights })).forks).toEqual(forks);
});

test.each([
  ['csv', 'Invalid format (csv) for -testactivationheight=name@height.'],
  ['csv@-1', 'Invalid height value (csv@-1) for -testactivationheight=name@height.'],
  ['csv@2147483647', 'Invalid height value (csv@2147483647) for -testactivationheight=name@height.'],
  ['csv@+1', 'Invalid height value (csv@+1) for -testactivationheight=name@height.'],
  ['csv@ 1', 'Invalid height value (csv@ 1) for -testactivationheight=name@height.'],
  ['csv@1@2', 'Invalid height value (csv@1@2) for -testactivationheight=name@height.'],
  ['CSV@1', 'Invalid name (CSV@1) for -testactivationheight=name@height.'],
  ['toString@1', 'Invalid name (toString@1) for -testactivationheight=name@height.'],
])('-testactivationheight=%s is refused', (value, message) => {
  expect(() => overrideParams(networkParams('regtest'), { activationHeights: [value] })).toThrow(message);
});

test.each([
  [
    'testdummy:1',
    'Version bits parameters malformed, expecting deployment:start:end[:min_activation_height]',
  ],
  [
    'testdummy:1:2:3:4',
    'Version bits parameters malformed, expecting deployment:start:end[:min_activation_height]',
  ],
  ['testdummy:x:2', 'Invalid nStartTime (x)'],
  ['testdummy:1:', 'Invalid nTimeout ()'],
  ['testdummy:1:2:0x3', 'Invalid min_activation_height (0x3)'],
  ['taproot:1:2', 'Invalid deployment (taproot)'],
])('-vbparams=%s is refused', (value, message) => {
  expect(() => overrideParams(networkParams('regtest'), { versionBits: [value] })).toThrow(message);
});
