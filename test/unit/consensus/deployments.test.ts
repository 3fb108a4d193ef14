import { expect, test } from 'vitest';
import { type BlockHash, ZERO_HASH } from '../../../src/base/bytes.ts';
import { HeaderTree } from '../../../src/chain/header-tree.ts';
import { type DeploymentState, Deployments } from '../../../src/consensus/deployments.ts';
import { networkParams } from '../../../src/consensus/networks.ts';
import { overrideParams } from '../../../src/consensus/overrides.ts';
import type { ChainParams } from '../../../src/consensus/params.ts';
import { createHeader } from '../../../src/wire/block.ts';

const regtest = networkParams('regtest');
const START = regtest.genesis.header.time;

/** `count` blocks after genesis, a second apart. */
function grow(params: ChainParams, count: number, version: (height: number) => number): Deployments {
  const tree = new HeaderTree();
  tree.add(params.genesis.header);
  let prevHash: BlockHash = params.genesis.header.hash;
  for (let height = 1; height <= count; height += 1) {
    const parts = { prevHash, merkleRoot: ZERO_HASH, time: START + height, bits: 0x207f_ffff, nonce: 0 };
    const header = createHeader({ version: version(height), ...parts });
    tree.add(header);
    prevHash = header.hash;
  }
  return new Deployments(tree, params);
}

type Bip9 = Extract<DeploymentState, { kind: 'bip9' }>;

function testdummyAt(deployments: Deployments, height: number): Bip9 {
  return deployments.statesAt(height).find(state => state.kind === 'bip9')!;
}

/** What bitcoind 31.99 says about its own blocks on regtest, which all vote (getdeploymentinfo). */
test('the way to activation, as Bitcoin Core tells it', () => {
  const deployments = grow(regtest, 450, height =>
    height < 144 || height >= 432 ? 0x2000_0000 : 0x3000_0000,
  );
  const rows = [
    [1, 'defined', 'defined', 0],
    [143, 'defined', 'started', 0],
    [144, 'started', 'started', 144, undefined, { elapsed: 1, count: 1, threshold: 108, possible: true }],
    [
      287,
      'started',
      'locked_in',
      144,
      undefined,
      { elapsed: 144, count: 144, threshold: 108, possible: true },
    ],
    [288, 'locked_in', 'locked_in', 288, undefined, { elapsed: 1, count: 1 }],
    [431, 'locked_in', 'active', 288, 432, { elapsed: 144, count: 144 }],
    [432, 'active', 'active', 432, 432],
  ] as const;
  for (const [height, status, statusNext, since, activationHeight, statistics] of rows) {
    const state = testdummyAt(deployments, height);
    expect(state, `height ${height}`).toMatchObject({ status, statusNext, since });
    expect(state.activationHeight, `height ${height}`).toBe(activationHeight);
    if (statistics === undefined) expect(state.statistics, `height ${height}`).toBeUndefined();
    else expect(state.statistics, `height ${height}`).toMatchObject({ period: 144, ...statistics });
    expect(state.statistics?.signalling.length, `height ${height}`).toBe(statistics?.elapsed);
  }
});

test.each([
  [142, 0x2000_0000],
  [143, 0x3000_0000],
  [431, 0x2000_0000],
])('a block after height %i votes by its version', (parent, version) => {
  const deployments = grow(regtest, 450, () => 0x3000_0000);
  expect(deployments.blockVersion(parent) >>> 0).toBe(version);
});

test.each([
  ['one vote too few', '0:9223372036854775807', 107, 0x3000_0000, 'started'],
  ['enough votes', '0:9223372036854775807', 108, 0x3000_0000, 'locked_in'],
  ['votes under other top bits do not count', '0:9223372036854775807', 144, 0x5000_0000, 'started'],
  ['too late', `0:${START + 200}`, 107, 0x3000_0000, 'failed'],
  ['late, but with enough votes', `0:${START + 200}`, 108, 0x3000_0000, 'locked_in'],
  ['not yet begun', `${START + 400}:9223372036854775807`, 144, 0x3000_0000, 'defined'],
  ['always active', '-1:9223372036854775807', 0, 0x2000_0000, 'active'],
])('after two periods: %s', (_name, times, votes, version, expected) => {
  const params = overrideParams(regtest, { versionBits: [`testdummy:${times}`] });
  const deployments = grow(params, 287, height => (height >= 144 && height < 144 + votes ? version : 4));
  expect(deployments.stateAfter(params.deployments[0]!, 287)).toBe(expected);
});

test('a minimum activation height keeps it locked in for longer', () => {
  const params = overrideParams(regtest, { versionBits: ['testdummy:0:9223372036854775807:433'] });
  const deployments = grow(params, 600, () => 0x3000_0000);
  expect(deployments.stateAfter(params.deployments[0]!, 431)).toBe('locked_in');
  expect(deployments.stateAfter(params.deployments[0]!, 575)).toBe('active');
});

test('one that is never active is not listed; buried ones are, by the next block', () => {
  const main = networkParams('main');
  const tree = new HeaderTree();
  tree.add(main.genesis.header);
  expect(new Deployments(tree, main).statesAt(0).map(({ name }) => name)).toEqual([
    'bip34',
    'bip66',
    'bip65',
    'csv',
    'segwit',
  ]);
  expect(grow(regtest, 1, () => 4).statesAt(0)[0]).toEqual({
    kind: 'buried',
    name: 'bip34',
    height: 1,
    active: true,
  });
});

/** What feature_versionbits_warning.py asks of a node. */
test('votes for something unknown are noticed once they are enough, and no others', () => {
  const period = (first: number, votes: number, bit: number) => (height: number) =>
    height >= first && height < first + votes ? 0x2000_0000 | (1 << bit) : undefined;
  const few = period(144, 107, 3);
  const enough = period(288, 108, 3);
  const known = period(144, 144, 28);
  const all =
    (...rules: ((height: number) => number | undefined)[]) =>
    (height: number) =>
      rules.map(rule => rule(height)).find(version => version !== undefined) ?? 0x2000_0000;
  const bit3 = (status: string) => [{ bit: 3, status }];
  const voted = grow(regtest, 600, all(few, enough));
  const expected: [number, unknown][] = [
    [287, []], [430, []], [431, bit3('locked_in')], [574, bit3('locked_in')], [575, bit3('active')], [600, bit3('active')],
  ]; // biome-ignore format: a table
  for (const [height, found] of expected)
    expect(voted.unknownActivations(height), `${height}`).toEqual(found);
  expect(grow(regtest, 600, all(known)).unknownActivations(600)).toEqual([]);
  // Miners may use that bit for anything.
  expect(grow(regtest, 600, all(period(144, 144, 5))).unknownActivations(600)).toEqual([]);
  // Old ways of writing a version are no votes.
  expect(grow(regtest, 600, () => 0x4000_0008).unknownActivations(600)).toEqual([]);
  const quiet = { ...regtest, minBip9WarningHeight: 397 };
  expect(grow(quiet, 600, all(enough)).unknownActivations(600)).toEqual([]);
  expect(grow({ ...quiet, minBip9WarningHeight: 288 }, 600, all(enough)).unknownActivations(600)).toEqual(
    bit3('active'),
  );
});
