/** What the user says about validation and mining, and how it is refused. */
import { expect, test } from 'vitest';
import { loadVerifier } from '../../../src/crypto/verifier.ts';
import {
  chainOptions,
  mempoolOptions,
  mempoolWarnings,
  templateOptions,
  validationCacheBytes,
  verifierChoice,
  walletOptions,
} from '../../../src/node/engine-options.ts';
import { ConfigError, parseDashArguments, Settings } from '../../../src/node/settings.ts';
import { enginesHere } from '../../support/engines.ts';
import { REGTEST } from '../../support/test-chain.ts';

function settings(...args: readonly string[]): Settings {
  const sources = { commandLine: parseDashArguments(args), persistent: new Map(), conf: new Map() };
  return new Settings(sources, 'regtest');
}

/** An option of our own: bin/bitcoind has none of that name. */
function engine(name: string): Settings {
  const commandLine = new Map([['verify-engine', [name]]]);
  return new Settings({ commandLine, persistent: new Map(), conf: new Map() }, 'regtest');
}

test.each(enginesHere())('--verify-engine=%s is that engine and no other', async name => {
  const choice = verifierChoice(engine(name));
  expect((await loadVerifier(choice)).name).toBe(name);
});

test('without --verify-engine it is the fastest that loads; others are refused', () => {
  expect(verifierChoice(settings())).toBe('auto');
  expect(() => verifierChoice(engine('openssl'))).toThrow('there are system, native, wasm, noble and auto');
});

test.each([
  [[], 32],
  [['-maxsigcachesize=1'], 1],
  [['-maxsigcachesize=0'], 0],
  [['-maxsigcachesize=-5'], 0],
] as const)('%o leaves the caches of what was verified %i MiB', (args, mebibytes) => {
  expect(validationCacheBytes(settings(...args))).toBe(mebibytes * 2 ** 20);
});

test('a template may fill a block, and keeps some of it for its miner', () => {
  expect(templateOptions(settings())).toMatchObject({ reservedWeight: 8_000, maxWeight: 4_000_000 });
  const args = ['-blockreservedweight=2000', '-blockmaxweight=2000'];
  expect(templateOptions(settings(...args))).toMatchObject({ reservedWeight: 2_000, maxWeight: 2_000 });
});

/** Core: CheckMiningOptions. */
test.each([
  [
    '-blockreservedweight=4000001',
    '-blockreservedweight (4000001) exceeds consensus maximum block weight (4000000)',
  ],
  ['-blockreservedweight=1999', '-blockreservedweight (1999) is lower than minimum safety value of (2000)'],
  ['-blockmaxweight=4000001', '-blockmaxweight (4000001) exceeds consensus maximum block weight (4000000)'],
  ['-blockmaxweight=7999', '-blockreservedweight (8000) exceeds -blockmaxweight (7999)'],
])('%s is refused', (arg, message) => {
  expect(() => templateOptions(settings(arg))).toThrow(new ConfigError(message));
});

test.each([
  [[], [64, 101_000, 25, 25]],
  [
    ['-limitclustercount=6', '-limitclustersize=7'],
    [6, 7_000, 25, 25],
  ],
  [
    ['-limitancestorcount=12', '-limitdescendantcount=0'],
    [64, 101_000, 12, 0],
  ],
] as const)('%o limit clusters, and what wallets add to them', (args, limits) => {
  const options = mempoolOptions(settings(...args), REGTEST);
  const { clusterCountMax, clusterSizeMax, ancestorCountMax, descendantCountMax } = options;
  expect([clusterCountMax, clusterSizeMax, ancestorCountMax, descendantCountMax]).toEqual(limits);
});

test.each([
  [[], 440],
  [['-dbcache=4'], 1.75],
  [['-dbcache=1'], 1.75],
  [['-dbcache=16'], 7],
  [['-dbcache=1000'], 990],
] as const)('%o leaves %d MiB for coins', (args, mebibytes) => {
  expect(chainOptions(settings(...args), REGTEST).coinsCacheBytes).toBe(mebibytes * 2 ** 20);
});

test.each(['65', '-1'])('-limitclustercount=%s is refused', count => {
  expect(() => mempoolOptions(settings(`-limitclustercount=${count}`), REGTEST)).toThrow(
    new ConfigError('limitclustercount must be less than or equal to 64'),
  );
});

test('limits by size of ancestors and descendants are of the past', () => {
  expect(mempoolWarnings(settings())).toEqual([]);
  expect(mempoolWarnings(settings('-limitancestorsize=101', '-limitdescendantsize=101'))).toEqual([
    "Option '-limitancestorsize' is given but ancestor size limits have been replaced with cluster size limits (see -limitclustersize). This option has no effect.",
    "Option '-limitdescendantsize' is given but descendant size limits have been replaced with cluster size limits (see -limitclustersize). This option has no effect.",
  ]);
});

test.each([
  [[], false, 0],
  [['-avoidpartialspends'], true, 0],
  [['-maxapsfee=-1'], false, -1],
  [['-maxapsfee=0.0001'], false, 10_000],
] as const)('%o groups coins: %s, for %i satoshi', (args, avoidsPartialSpends, maxApsFee) => {
  expect(walletOptions(settings(...args), REGTEST)).toMatchObject({ avoidsPartialSpends, maxApsFee });
});

test('-maxapsfee is an amount', () => {
  const options = () => walletOptions(settings('-maxapsfee=-2'), REGTEST);
  expect(options).toThrow("Invalid amount for -maxapsfee=<amount>: '-2'");
});
