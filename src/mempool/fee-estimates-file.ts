/**
 * `fee_estimates.dat` as Bitcoin Core reads and writes it (src/policy/fees/block_policy_estimator.cpp): version, height of
 * the last block, heights of the first and last block that was learned from, upper ends of the buckets, then the
 * statistics over the medium, the short and the long horizon. Numbers with fractions are IEEE 754 doubles, little-endian.
 */
import { array, type Codec, DecodeError, Reader, struct, u32, Writer } from '../wire/codec.ts';
import type { ConfirmData } from './confirm-stats.ts';
import type { EstimatorData } from './fee-estimator.ts';

/** Others of older versions cannot be used. */
const VERSION = 309_900;
const BUCKETS_MAX = 1_000;
/** A week of blocks. */
const TARGET_MAX = 6 * 24 * 7;
const DOUBLE_BYTES = 8;
const ROOM_BYTES = 1 << 19;

const f64: Codec<number> = {
  read(r) {
    const bytes = r.take(DOUBLE_BYTES);
    return new DataView(bytes.buffer, bytes.byteOffset).getFloat64(0, true);
  },
  write(w, value) {
    const bytes = new Uint8Array(DOUBLE_BYTES);
    new DataView(bytes.buffer).setFloat64(0, value, true);
    w.put(bytes);
  },
};

const doubles: Codec<Float64Array> = {
  read(r) {
    const length = r.compactSize(BUCKETS_MAX);
    const bytes = r.take(length * DOUBLE_BYTES);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    return Float64Array.from({ length }, (_, i) => view.getFloat64(i * DOUBLE_BYTES, true));
  },
  write(w, values) {
    w.compactSize(values.length);
    for (const value of values) f64.write(w, value);
  },
};

const confirmData: Codec<ConfirmData> = struct({
  decay: f64,
  scale: u32,
  feeRateSum: doubles,
  count: doubles,
  confirmed: array(doubles, TARGET_MAX),
  failed: array(doubles, TARGET_MAX),
});

const body = struct({
  first: u32,
  last: u32,
  buckets: doubles,
  medium: confirmData,
  short: confirmData,
  long: confirmData,
});

export function encodeFeeEstimates({ bestHeight, first, last, buckets, stats }: EstimatorData): Uint8Array {
  const w = new Writer(ROOM_BYTES);
  u32.write(w, VERSION);
  u32.write(w, bestHeight);
  body.write(w, { first, last, buckets, ...stats });
  return w.finish();
}

/** Throws DecodeError when it is damaged, or of a version that is not known. */
export function decodeFeeEstimates(file: Uint8Array): EstimatorData {
  const r = new Reader(file);
  const version = u32.read(r);
  if (version !== VERSION) throw new DecodeError(`Version ${version} of the fee estimates is not known`);
  const bestHeight = u32.read(r);
  const { first, last, buckets, ...stats } = body.read(r);
  if (first > last || last > bestHeight)
    throw new DecodeError('The blocks of the fee estimates are out of order');
  if (buckets.length < 2) throw new DecodeError('Fee estimates need at least two buckets of fee rates');
  for (const each of Object.values(stats)) checkConfirmData(each, buckets.length);
  return { bestHeight, first, last, buckets, stats };
}

function checkConfirmData({ decay, scale, ...rows }: ConfirmData, buckets: number): void {
  const { feeRateSum, count, confirmed, failed } = rows;
  if (!(decay > 0 && decay < 1)) throw new DecodeError(`A decay of fee estimates is ${decay}`);
  const target = scale * confirmed.length;
  if (target === 0 || target > TARGET_MAX)
    throw new DecodeError(`Fee estimates are for ${target} blocks, not for 1 to ${TARGET_MAX}`);
  if (failed.length !== confirmed.length)
    throw new DecodeError('Fee estimates count successes and failures over different times');
  for (const row of [feeRateSum, count, ...confirmed, ...failed])
    if (row.length !== buckets)
      throw new DecodeError('A row of the fee estimates has not one number a bucket');
}
