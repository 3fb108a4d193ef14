/** Estimates against what a mempool of a known kind must give; the file they are kept in. */
import { describe, expect, test } from 'vitest';
import type { Txid } from '../../../src/base/bytes.ts';
import { sha256d } from '../../../src/crypto/sha256.ts';
import { decodeFeeEstimates, encodeFeeEstimates } from '../../../src/mempool/fee-estimates-file.ts';
import { type EstimatorEntry, FeeEstimator, HORIZONS } from '../../../src/mempool/fee-estimator.ts';
import { DecodeError } from '../../../src/wire/codec.ts';

const LEVELS = 10;
const PER_LEVEL = 4;
const VIRTUAL_SIZE = 200;
/** Satoshi per 1000 virtual bytes of a level, 1 to LEVELS. */
const rateOf = (level: number) => 1_000 * level;

/** A chain and a mempool, as far as the estimator sees them. */
class Scene {
  estimator: FeeEstimator;
  height = 0;
  waiting: EstimatorEntry[] = [];
  #made = 0;

  constructor(estimator = new FeeEstimator()) {
    this.estimator = estimator;
    // Before its first block it is in step with nothing.
    this.mine(() => true);
  }

  enter(feeRate: number, count = 1, counts = true): void {
    for (let i = 0; i < count; i += 1) {
      this.#made += 1;
      const tx = { txid: String(this.#made).padStart(32) as Txid };
      const entry = {
        tx,
        fee: (feeRate * VIRTUAL_SIZE) / 1_000,
        virtualSize: VIRTUAL_SIZE,
        entryHeight: this.height,
      };
      this.waiting.push(entry);
      this.estimator.entered(entry, counts);
    }
  }

  mine(takes: (entry: EstimatorEntry) => boolean): void {
    this.height += 1;
    this.estimator.blockConnected(this.height, this.waiting.filter(takes));
    this.waiting = this.waiting.filter(entry => !takes(entry));
  }

  /** Each block, so many of each level come; level L is mined every (11 − L)th block, so it takes 1 to 11 − L. */
  runLevels(blocks: number): void {
    for (let i = 0; i < blocks; i += 1) {
      for (let level = 1; level <= LEVELS; level += 1) this.enter(rateOf(level), PER_LEVEL);
      const next = this.height + 1;
      this.mine(entry => next % (LEVELS + 1 - levelOf(entry)) === 0);
    }
  }
}

/** To be compared: bytes are, faster than numbers one by one. */
const statsOf = (estimator: FeeEstimator) =>
  sha256d(encodeFeeEstimates({ ...estimator.data(), first: 0, last: 0 }));

const levelOf = ({ fee, virtualSize }: EstimatorEntry) => fee / virtualSize;

/** The lowest of these levels of which at least `share` are mined within `blocks`. */
function cheapest(blocks: number, share: number): number {
  const periodMax = Math.min(LEVELS, Math.floor(blocks / share + 1e-9));
  return rateOf(LEVELS + 1 - periodMax);
}

const settled = new Scene();
settled.runLevels(240);

describe('levels that are mined at known times', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])('raw, short, %i blocks', target => {
    const { feeRate, pass, fail } = settled.estimator.estimateRaw(target, 0.95, 'short');
    expect(feeRate).toBe(cheapest(target, 0.95));
    expect(pass.start).toBeLessThan(feeRate!);
    expect(pass.end).toBeGreaterThanOrEqual(feeRate!);
    expect(pass.withinTarget).toBeCloseTo(pass.totalConfirmed);
    // Below the range that passes lies that which fails; with ten blocks only empty buckets do.
    expect(fail.end).toBeLessThanOrEqual(pass.start);
    expect(fail.totalConfirmed > 0).toBe(target < 10);
  });

  test.each([2, 3, 4, 5])('smart, %i blocks', target => {
    const expected = Math.max(
      cheapest(Math.floor(target / 2), 0.6),
      cheapest(target, 0.85),
      cheapest(2 * target, 0.95),
    );
    for (const conservative of [false, true])
      expect(settled.estimator.estimateSmart(target, { conservative })).toEqual({
        feeRate: expected,
        blocks: target,
        reason: 'Half Target 60% Threshold',
      });
  });

  test('the next block cannot be told, nor more than half of what was seen', () => {
    const { estimator } = settled;
    expect(estimator.estimateSmart(1, { conservative: false }).blocks).toBe(2);
    expect(estimator.estimateSmart(1_008, { conservative: false })).toMatchObject({
      feeRate: 1_000,
      blocks: 119,
    });
    expect(estimator.estimateSmart(0, { conservative: false }).feeRate).toBeUndefined();
    expect(estimator.estimateSmart(1_009, { conservative: false }).feeRate).toBeUndefined();
  });
});

test('without data there is no estimate', () => {
  const { estimator } = new Scene();
  expect(estimator.estimateSmart(6, { conservative: true })).toEqual({
    feeRate: undefined,
    blocks: 0,
    reason: undefined,
  });
  for (const horizon of HORIZONS) {
    const { feeRate, pass, fail } = estimator.estimateRaw(6, 0.95, horizon);
    expect(feeRate).toBeUndefined();
    expect(pass.start).toBe(-1);
    expect(fail).toMatchObject({ start: 0, totalConfirmed: 0 });
  }
});

test('economical estimates follow the last hours, conservative ones do not fall at once', () => {
  const scene = new Scene();
  const mineAll = (feeRate: number, blocks: number) => {
    for (let i = 0; i < blocks; i += 1) {
      scene.enter(feeRate, 24);
      scene.mine(() => true);
    }
  };
  mineAll(500_000, 12);
  mineAll(100_000, 4);
  const { estimator } = scene;
  expect(estimator.estimateSmart(1, { conservative: false }).feeRate).toBe(100_000);
  expect(estimator.estimateSmart(1, { conservative: true })).toMatchObject({
    feeRate: 500_000,
    reason: 'Conservative Double Target longer horizon',
  });
});

test('what leaves unconfirmed after its time counts as a failure, what leaves before does not', () => {
  for (const [ageBlocks, expected] of [
    [1, 10_000],
    [0, 1_000],
  ] as const) {
    const scene = new Scene();
    for (let i = 0; i < 8; i += 1) {
      scene.enter(1_000, 45);
      const replaced = scene.waiting.slice(-45);
      scene.enter(1_000, 5);
      const leave = () => {
        for (const { tx } of replaced) scene.estimator.left(tx.txid);
        scene.waiting = scene.waiting.filter(entry => !replaced.includes(entry));
      };
      if (ageBlocks === 0) leave();
      scene.mine(entry => !replaced.includes(entry));
      if (ageBlocks === 1) leave();
      scene.enter(10_000, 45);
    }
    scene.mine(() => true);
    expect(scene.estimator.estimateSmart(2, { conservative: false }).feeRate).toBe(expected);
  }
});

test.each([
  ['that is no sign of its fee rate', (scene: Scene) => scene.enter(1_000, 1, false)],
  [
    'that entered at another tip',
    (scene: Scene) => {
      scene.height -= 1;
      scene.enter(1_000);
      scene.height += 1;
    },
  ],
])('a transaction is not followed %s', (_, enter) => {
  const scene = new Scene();
  enter(scene);
  expect(scene.estimator.trackedCount).toBe(0);
});

test('blocks that are not above the best so far say nothing', () => {
  const scene = new Scene();
  scene.runLevels(3);
  const before = statsOf(scene.estimator);
  scene.estimator.blockConnected(scene.height, scene.waiting);
  expect(statsOf(scene.estimator)).toEqual(before);
});

describe('fee_estimates.dat', () => {
  const scene = new Scene();
  scene.runLevels(30);
  scene.estimator.forgetUnconfirmed();
  const file = encodeFeeEstimates(scene.estimator.data());

  test('gives the same estimates after a restart, and as far ahead', () => {
    expect(scene.estimator.trackedCount).toBe(0);
    const restored = new FeeEstimator(decodeFeeEstimates(file));
    expect(Buffer.compare(encodeFeeEstimates(restored.data()), file)).toBe(0);
    for (const horizon of HORIZONS)
      for (const target of [1, 2, 5, 12])
        expect(restored.estimateRaw(target, 0.8, horizon)).toEqual(
          scene.estimator.estimateRaw(target, 0.8, horizon),
        );
    for (const target of [2, 6, 1_008])
      expect(restored.estimateSmart(target, { conservative: true })).toEqual(
        scene.estimator.estimateSmart(target, { conservative: true }),
      );
    // It goes on where it was.
    const [went, goes] = [scene, new Scene(restored)];
    goes.height = went.height;
    for (const each of [went, goes]) {
      each.waiting = [];
      each.runLevels(5);
    }
    expect(statsOf(goes.estimator)).toEqual(statsOf(went.estimator));
  });

  test('is of no use when it is old by more than six weeks of blocks', () => {
    const data = decodeFeeEstimates(file);
    const estimator = new FeeEstimator(data);
    expect(estimator.estimateSmart(6, { conservative: false }).blocks).toBe(6);
    estimator.blockConnected(data.last + 6 * 1_008 + 1, []);
    expect(estimator.estimateSmart(6, { conservative: false }).blocks).toBe(0);
  });

  const withU32 = (at: number, value: number) => {
    const bytes = file.slice();
    new DataView(bytes.buffer).setUint32(at, value, true);
    return bytes;
  };
  /** After version, three heights, and the buckets. */
  const buckets = decodeFeeEstimates(file).buckets.length;
  const mediumAt = 16 + 1 + 8 * buckets;
  test.each([
    ['cut short', file.subarray(0, file.length - 1)],
    ['empty', file.subarray(0, 0)],
    ['of another version', withU32(0, 309_899)],
    ['with a first block after the last', withU32(8, 1_000)],
    ['with a last block after the best', withU32(4, 1)],
    ['with a decay of none', withU32(mediumAt + 4, 0x3ff0_0000).fill(0, mediumAt, mediumAt + 4)],
    ['with periods of no blocks', withU32(mediumAt + 8, 0)],
    ['with periods too long', withU32(mediumAt + 8, 43)],
    ['with a row too short', Uint8Array.from(file, (byte, i) => (i === mediumAt + 12 ? byte - 1 : byte))],
  ])('%s is refused', (_, bytes) => {
    expect(() => decodeFeeEstimates(bytes)).toThrow(DecodeError);
  });
});
