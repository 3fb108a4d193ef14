/**
 * One batch of script checks as plain bytes that several threads work through together.
 *
 * A job is one shared buffer: a few words, a table of units, a table of checks, then raw transactions and spent
 * outputs. A unit is some inputs of one transaction; whoever is free takes the next one by adding to a shared
 * counter. After a failure nobody takes another unit. Units are taken in order, so all before a failed one have been
 * taken and are finished by their threads: the lowest failure is the same whatever the number of threads.
 */
import { assert } from '../base/assert.ts';
import type { ScriptCheck } from '../chain/effects.ts';
import type { SignatureVerifier } from '../crypto/verifier.ts';
import type { ScriptError } from '../script/errors.ts';
import { PrecomputedTx } from '../script/sighash.ts';
import { verifyInputRange } from '../script/verify.ts';
import { compactSizeBytes, Reader, Writer } from '../wire/codec.ts';
import { decodeTransaction, readOutput, writeOutput } from '../wire/transaction.ts';

/** Inputs of one unit: few enough that threads end together, enough that taking one costs nothing beside it. */
const UNIT_INPUTS_MAX = 16;

/** The words at the start of the buffer, by index. */
const NEXT_UNIT = 0;
const FAILED = 1;
const UNIT_COUNT = 2;
const HEADER_WORDS = 3;
/** Check, first input, end of inputs. */
const UNIT_WORDS = 3;
/** Flags, position of the transaction, its length, position of the spent outputs (as many as inputs). */
const CHECK_WORDS = 4;

export interface UnitFailure {
  readonly check: number;
  readonly input: number;
  readonly error: ScriptError;
}

export function packJob(checks: readonly ScriptCheck[]): SharedArrayBuffer {
  let units = 0;
  let dataBytes = 0;
  for (const { tx, spent } of checks) {
    units += Math.ceil(tx.inputCount / UNIT_INPUTS_MAX);
    dataBytes += tx.raw.length;
    for (const { scriptPubKey } of spent) dataBytes += outputBytes(scriptPubKey.length);
  }
  const words = HEADER_WORDS + units * UNIT_WORDS + checks.length * CHECK_WORDS;
  // Written where it will be read: a block's worth of bytes is not copied twice.
  const buffer = new SharedArrayBuffer(words * 4 + dataBytes);
  const table = new Int32Array(buffer, 0, words);
  const w = new Writer(new Uint8Array(buffer, words * 4));
  table[UNIT_COUNT] = units;
  let unitAt = HEADER_WORDS;
  let checkAt = HEADER_WORDS + units * UNIT_WORDS;
  checks.forEach(({ tx, spent, flags }, check) => {
    const length = tx.inputCount;
    for (let start = 0; start < length; start += UNIT_INPUTS_MAX) {
      table[unitAt] = check;
      table[unitAt + 1] = start;
      table[unitAt + 2] = Math.min(start + UNIT_INPUTS_MAX, length);
      unitAt += UNIT_WORDS;
    }
    table[checkAt] = flags;
    table[checkAt + 1] = words * 4 + w.length;
    table[checkAt + 2] = tx.raw.length;
    w.put(tx.raw);
    table[checkAt + 3] = words * 4 + w.length;
    for (const output of spent) writeOutput(w, output);
    checkAt += CHECK_WORDS;
  });
  assert(w.length === dataBytes, 'what is written is as long as was counted');
  return buffer;
}

/** Amount, length and script. */
function outputBytes(scriptBytes: number): number {
  return 8 + compactSizeBytes(scriptBytes) + scriptBytes;
}

/** One thread's share of a job. */
export class JobRunner {
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #verifier: SignatureVerifier;
  /** The transaction of the last unit: the next one often continues it. */
  #check = -1;
  #flags = 0;
  #precomputed: PrecomputedTx | undefined;

  constructor(buffer: SharedArrayBuffer, verifier: SignatureVerifier) {
    this.#words = new Int32Array(buffer, 0, buffer.byteLength >> 2);
    this.#bytes = new Uint8Array(buffer);
    this.#verifier = verifier;
  }

  /** Takes a unit and verifies it; 'done' when there is none left to take. */
  runUnit(): UnitFailure | 'done' | undefined {
    const words = this.#words;
    if (Atomics.load(words, FAILED) !== 0) return 'done';
    const unit = Atomics.add(words, NEXT_UNIT, 1);
    if (unit >= words[UNIT_COUNT]!) return 'done';
    const at = HEADER_WORDS + unit * UNIT_WORDS;
    const check = words[at]!;
    const precomputed = this.#open(check);
    const failure = verifyInputRange(
      precomputed,
      this.#flags,
      this.#verifier,
      words[at + 1]!,
      words[at + 2]!,
    );
    if (failure === undefined) return undefined;
    Atomics.store(words, FAILED, 1);
    return { check, ...failure };
  }

  #open(check: number): PrecomputedTx {
    if (this.#precomputed !== undefined && this.#check === check) return this.#precomputed;
    const words = this.#words;
    const at = HEADER_WORDS + words[UNIT_COUNT]! * UNIT_WORDS + check * CHECK_WORDS;
    const [flags, txStart, txLength, spentStart] = words.subarray(at, at + CHECK_WORDS) as unknown as [
      number,
      number,
      number,
      number,
    ];
    const tx = decodeTransaction(this.#bytes.subarray(txStart, txStart + txLength));
    const reader = new Reader(this.#bytes, spentStart);
    const spent = tx.inputs.map(() => readOutput(reader));
    this.#check = check;
    this.#flags = flags;
    this.#precomputed = new PrecomputedTx(tx, spent);
    return this.#precomputed;
  }
}

/** The failure of the unit that comes first. */
export function firstFailure<F extends Pick<UnitFailure, 'check' | 'input'>>(
  failures: readonly F[],
): F | undefined {
  let first: F | undefined;
  for (const failure of failures) {
    const earlier =
      first === undefined ||
      failure.check < first.check ||
      (failure.check === first.check && failure.input < first.input);
    if (earlier) first = failure;
  }
  return first;
}
