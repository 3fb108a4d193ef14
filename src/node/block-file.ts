/**
 * Blocks in files, with what is known about the chain before them: a raw block, also as gzip, and a JSON file with the
 * coins it spends. Its `txs[i - 1][j]` is `[value in sat, scriptPubKey hex, coin height or null, is coinbase or null]`
 * of input j of transaction i; besides there may be `height`, `mediantime` and `prev_state` with `prev_timestamps`,
 * `current_target` and `epoch_start_time`.
 */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { hexToBytes, isHex } from '../base/bytes.ts';
import { coinbaseHeight, type LoneBlock, type SpentCoin } from '../consensus/lone-block.ts';
import { encodeCompact } from '../consensus/pow.ts';
import type { Block } from '../wire/block.ts';
import { DecodeError } from '../wire/codec.ts';

const GZIP_MAGIC = [0x1f, 0x8b] as const;
const INTEGER = /^\d+$/;

/** Of an object in the file, what is looked at. */
interface Json {
  readonly network?: unknown;
  readonly height?: unknown;
  readonly mediantime?: unknown;
  readonly txs?: unknown;
  readonly prev_state?: unknown;
  readonly prev_timestamps?: unknown;
  readonly current_target?: unknown;
  readonly epoch_start_time?: unknown;
}

/** The bytes of a file, unpacked if they are gzip. Throws the system's error. */
export function readMaybeGzip(path: string): Uint8Array {
  const bytes = readFileSync(path);
  return new Uint8Array(bytes[0] === GZIP_MAGIC[0] && bytes[1] === GZIP_MAGIC[1] ? gunzipSync(bytes) : bytes);
}

/**
 * What `file`, parsed JSON, says about `block`; without one, only what its coinbase says. Throws DecodeError; also for
 * a block whose height is nowhere to be found.
 */
export function readBlockContext(block: Block, file?: unknown, height?: number): LoneBlock {
  const json = file === undefined ? {} : asObject(file, 'The file of prevouts');
  const found = height ?? optionalNumber(json, 'height') ?? heightFromCoinbase(block);
  const state = json.prev_state === undefined ? {} : asObject(json.prev_state, 'prev_state');
  const { prev_timestamps: times, current_target: target } = state;
  const periodStartTime = optionalNumber(state, 'epoch_start_time');
  const medianTime = optionalNumber(json, 'mediantime');
  return {
    block,
    height: found,
    ...(times !== undefined && { parentTimes: asArray(times, 'prev_timestamps').map(asNumber) }),
    ...(target !== undefined && { parentBits: encodeCompact(asBigInt(target, 'current_target')) }),
    ...(periodStartTime !== undefined && { periodStartTime }),
    ...(medianTime !== undefined && { medianTime }),
    ...(json.txs !== undefined && { spent: readSpent(block, json.txs) }),
  };
}

/** The network that a file of prevouts names, as we name it. */
export function networkOf(file: unknown): string | undefined {
  const name = file === undefined ? undefined : asObject(file, 'The file of prevouts').network;
  if (typeof name !== 'string') return undefined;
  return name === 'test3' ? 'test' : name;
}

/** Rows of prevouts, one an input. Throws DecodeError. */
export function readPrevouts(rows: unknown): SpentCoin[] {
  return asArray(rows, 'The list of prevouts').map(readSpentCoin);
}

/** One row of prevouts: `[value, scriptPubKey, height?, coinbase?]`. */
function readSpentCoin(row: unknown): SpentCoin {
  const [value, script, height, isCoinbase] = asArray(row, 'A prevout');
  if (typeof script !== 'string' || !isHex(script)) throw new DecodeError('A prevout has its script as hex');
  return {
    value: asNumber(value),
    scriptPubKey: hexToBytes(script),
    ...(typeof height === 'number' && { height }),
    ...(typeof isCoinbase === 'boolean' && { isCoinbase }),
  };
}

function readSpent({ transactions }: Block, value: unknown): SpentCoin[][] {
  const rows = asArray(value, 'txs').map(each => asArray(each, 'A transaction of txs').map(readSpentCoin));
  const fits =
    rows.length === transactions.length - 1 &&
    rows.every((row, i) => row.length === transactions[i + 1]!.inputs.length);
  if (!fits) throw new DecodeError('The prevouts are those of another block');
  return rows;
}

function heightFromCoinbase(block: Block): number {
  const height = block.header.version >= 2 ? coinbaseHeight(block) : undefined;
  if (height === undefined || height < 0) {
    throw new DecodeError('The height is neither in the coinbase nor in a file of prevouts');
  }
  return height;
}

function asObject(value: unknown, what: string): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new DecodeError(`${what} is not a JSON object`);
  }
  return value;
}

function asArray(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new DecodeError(`${what} is not a JSON array`);
  return value;
}

function asNumber(value: unknown): number {
  if (!Number.isSafeInteger(value)) throw new DecodeError(`${JSON.stringify(value)} is not a whole number`);
  return value as number;
}

function optionalNumber(json: Json, key: keyof Json): number | undefined {
  return json[key] === undefined || json[key] === null ? undefined : asNumber(json[key]);
}

function asBigInt(value: unknown, what: string): bigint {
  if (typeof value === 'string' && INTEGER.test(value)) return BigInt(value);
  throw new DecodeError(`${what} is not a number as text`);
}
