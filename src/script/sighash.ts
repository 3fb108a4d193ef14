/**
 * What an ECDSA signature commits to: the hash of the spending transaction as the hash type cuts it down.
 *
 * - Legacy scripts (Core: SignatureHash in src/script/interpreter.cpp): the whole transaction with the scriptSigs
 *   emptied and the script being run in place of one. Each input hashes everything again, so the emptied transaction
 *   is encoded once and sliced.
 * - Version 0 witness scripts (BIP143): parts that inputs have in common are hashed once.
 *
 * Taproot's hash (BIP341) is in taproot-sighash.ts and shares `PrecomputedTx`.
 */
import { binaryToBytes, concatBytes } from '../base/bytes.ts';
import { sha256, sha256d } from '../crypto/sha256.ts';
import { Writer } from '../wire/codec.ts';
import { outPoint, type TxOutput, type TxParts, writeAmount, writeOutput } from '../wire/transaction.ts';
import { SIGHASH_ANYONECANPAY, SIGHASH_NONE, SIGHASH_SINGLE } from './encoding.ts';
import { OPCODES, ScriptCursor } from './opcodes.ts';

/** The bits of a hash type that choose the outputs, other than in taproot. */
const OUTPUT_BITS = 0x1f;
/** An input without its script: outpoint, empty script, sequence. */
const EMPTY_INPUT_BYTES = 36 + 1 + 4;
const OUTPOINT_BYTES = 36;
const ZERO_32: Uint8Array = new Uint8Array(32);
/** The number 1, little endian. */
const ONE_32 = Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 1 : 0));

/** For what is written only to be hashed; nobody keeps it over a call. A new buffer costs more than a small hash. */
const scratch = new Writer(4096);

/** The encoded transaction with all scriptSigs empty, without a hash type; inputs start at `inputsStart`. */
interface BlankedTx {
  readonly bytes: Uint8Array;
  readonly inputsStart: number;
}

/** A transaction to be verified or signed with what all of its inputs share; hashes are computed on first use. */
export class PrecomputedTx {
  readonly tx: TxParts;
  /** `spent[i]` is the output that input i spends. Legacy hashes do not need it. */
  readonly spent: readonly TxOutput[];
  #prevouts: Uint8Array | undefined;
  #sequences: Uint8Array | undefined;
  #outputs: Uint8Array | undefined;
  #spentAmounts: Uint8Array | undefined;
  #spentScripts: Uint8Array | undefined;
  #prevoutsTwice: Uint8Array | undefined;
  #sequencesTwice: Uint8Array | undefined;
  #outputsTwice: Uint8Array | undefined;
  #blanked: BlankedTx | undefined;

  constructor(tx: TxParts, spent: readonly TxOutput[]) {
    this.tx = tx;
    this.spent = spent;
  }

  /** SHA256 of all outpoints; the same for the following (BIP341). */
  get prevouts(): Uint8Array {
    this.#prevouts ??= hashEach(this.tx.inputs, (w, input) => outPoint.write(w, input.prevout));
    return this.#prevouts;
  }

  get sequences(): Uint8Array {
    this.#sequences ??= hashEach(this.tx.inputs, (w, input) => w.u32(input.sequence));
    return this.#sequences;
  }

  get outputs(): Uint8Array {
    this.#outputs ??= hashEach(this.tx.outputs, writeOutput);
    return this.#outputs;
  }

  get spentAmounts(): Uint8Array {
    this.#spentAmounts ??= hashEach(this.spent, (w, output) => writeAmount(w, output));
    return this.#spentAmounts;
  }

  get spentScripts(): Uint8Array {
    this.#spentScripts ??= hashEach(this.spent, (w, output) => writeScript(w, output.scriptPubKey));
    return this.#spentScripts;
  }

  /** SHA256 once more (BIP143). */
  get prevoutsTwice(): Uint8Array {
    this.#prevoutsTwice ??= sha256(this.prevouts);
    return this.#prevoutsTwice;
  }

  get sequencesTwice(): Uint8Array {
    this.#sequencesTwice ??= sha256(this.sequences);
    return this.#sequencesTwice;
  }

  get outputsTwice(): Uint8Array {
    this.#outputsTwice ??= sha256(this.outputs);
    return this.#outputsTwice;
  }

  get blanked(): BlankedTx {
    this.#blanked ??= blank(this.tx);
    return this.#blanked;
  }
}

/**
 * The 32 bytes that a signature of a legacy script signs. `scriptCode` is the script from the last executed
 * OP_CODESEPARATOR on, without the signature (`findAndDelete`); `hashType` is a whole signed integer of 32 bits,
 * of which a signature can carry one byte.
 */
export function legacySignatureHash(
  precomputed: PrecomputedTx,
  inputIndex: number,
  scriptCode: Uint8Array,
  hashType: number,
): Uint8Array {
  const { tx } = precomputed;
  const outputBits = hashType & OUTPUT_BITS;
  // SIGHASH_SINGLE without a matching output signs the number 1: a bug of 2009, now a rule.
  if (outputBits === SIGHASH_SINGLE && inputIndex >= tx.outputs.length) return ONE_32;
  if (outputBits === SIGHASH_NONE || outputBits === SIGHASH_SINGLE || hashType & SIGHASH_ANYONECANPAY) {
    return hashTwice(cutDown(tx, inputIndex, scriptCode, hashType));
  }
  const { bytes, inputsStart } = precomputed.blanked;
  const at = inputsStart + inputIndex * EMPTY_INPUT_BYTES + OUTPOINT_BYTES;
  const w = scratch;
  w.reset();
  w.put(bytes.subarray(0, at));
  writeScriptCode(w, scriptCode);
  w.put(bytes.subarray(at + 1));
  w.i32(hashType);
  return hashTwice(w.written());
}

/** The 32 bytes that a signature of a version 0 witness script signs (BIP143). Needs `spent[inputIndex]`. */
export function witnessV0SignatureHash(
  precomputed: PrecomputedTx,
  inputIndex: number,
  scriptCode: Uint8Array,
  hashType: number,
): Uint8Array {
  const { tx, spent } = precomputed;
  const input = tx.inputs[inputIndex]!;
  const outputBits = hashType & OUTPUT_BITS;
  const anyoneCanPay = (hashType & SIGHASH_ANYONECANPAY) !== 0;
  const allOutputs = outputBits !== SIGHASH_SINGLE && outputBits !== SIGHASH_NONE;
  const single = outputBits === SIGHASH_SINGLE ? tx.outputs[inputIndex] : undefined;
  const prevouts = anyoneCanPay ? ZERO_32 : precomputed.prevoutsTwice;
  const sequences = anyoneCanPay || !allOutputs ? ZERO_32 : precomputed.sequencesTwice;
  let outputs = ZERO_32;
  if (allOutputs) outputs = precomputed.outputsTwice;
  else if (single !== undefined) outputs = sha256(hashEach([single], writeOutput));
  const w = scratch;
  w.reset();
  w.u32(tx.version);
  w.put(prevouts);
  w.put(sequences);
  outPoint.write(w, input.prevout);
  writeScript(w, scriptCode);
  writeAmount(w, spent[inputIndex]!);
  w.u32(input.sequence);
  w.put(outputs);
  w.u32(tx.lockTime);
  w.i32(hashType);
  return hashTwice(w.written());
}

/**
 * `script` without the occurrences of `part` that start at an instruction, or undefined when there is none. Legacy
 * scripts drop the signature from what it signs, because no signature can sign itself (Core: FindAndDelete).
 */
export function findAndDelete(script: Uint8Array, part: Uint8Array): Uint8Array | undefined {
  const kept: Uint8Array[] = [];
  let keptUntil = 0;
  const cursor = new ScriptCursor(script);
  do {
    const start = cursor.position;
    while (startsWith(script, part, cursor.position)) cursor.position += part.length;
    if (cursor.position > start) {
      kept.push(script.subarray(keptUntil, start));
      keptUntil = cursor.position;
    }
  } while (cursor.advance());
  if (keptUntil === 0) return undefined;
  kept.push(script.subarray(keptUntil));
  return concatBytes(...kept);
}

function startsWith(script: Uint8Array, part: Uint8Array, at: number): boolean {
  if (part.length > script.length - at) return false;
  for (let i = 0; i < part.length; i += 1) if (script[at + i] !== part[i]) return false;
  return true;
}

/** Hashes with SHA256 what `write` writes of every item. */
function hashEach<T>(items: readonly T[], write: (w: Writer, item: T) => void): Uint8Array {
  scratch.reset();
  for (const item of items) write(scratch, item);
  return sha256(scratch.written());
}

function hashTwice(bytes: Uint8Array): Uint8Array {
  return binaryToBytes(sha256d(bytes));
}

function writeScript(w: Writer, script: Uint8Array): void {
  w.compactSize(script.length);
  w.put(script);
}

/**
 * The script being run, with its length, as legacy hashes take it: without OP_CODESEPARATORs. Of a script that ends
 * inside an instruction Core hashes only what its iterator reached, under the length of the whole.
 */
function writeScriptCode(w: Writer, script: Uint8Array): void {
  const kept: Uint8Array[] = [];
  let keptUntil = 0;
  const cursor = new ScriptCursor(script);
  while (cursor.advance()) {
    if (cursor.opcode !== OPCODES.OP_CODESEPARATOR) continue;
    kept.push(script.subarray(keptUntil, cursor.position - 1));
    keptUntil = cursor.position;
  }
  w.compactSize(script.length - kept.length);
  for (const part of kept) w.put(part);
  w.put(script.subarray(keptUntil, cursor.position));
}

function blank(tx: TxParts): BlankedTx {
  const w = new Writer(64 + tx.inputs.length * EMPTY_INPUT_BYTES + tx.outputs.length * 40);
  w.u32(tx.version);
  w.compactSize(tx.inputs.length);
  const inputsStart = w.length;
  for (const input of tx.inputs) {
    outPoint.write(w, input.prevout);
    w.u8(0);
    w.u32(input.sequence);
  }
  w.compactSize(tx.outputs.length);
  for (const output of tx.outputs) writeOutput(w, output);
  w.u32(tx.lockTime);
  return { bytes: w.finish(), inputsStart };
}

/** The encoding under NONE, SINGLE and ANYONECANPAY, which leave out inputs, outputs or sequences. */
function cutDown(tx: TxParts, inputIndex: number, scriptCode: Uint8Array, hashType: number): Uint8Array {
  const outputBits = hashType & OUTPUT_BITS;
  const cutsOutputs = outputBits === SIGHASH_NONE || outputBits === SIGHASH_SINGLE;
  const anyoneCanPay = (hashType & SIGHASH_ANYONECANPAY) !== 0;
  const w = new Writer(1024);
  w.u32(tx.version);
  w.compactSize(anyoneCanPay ? 1 : tx.inputs.length);
  tx.inputs.forEach((input, i) => {
    if (i !== inputIndex && anyoneCanPay) return;
    outPoint.write(w, input.prevout);
    if (i === inputIndex) writeScriptCode(w, scriptCode);
    else w.u8(0);
    w.u32(i !== inputIndex && cutsOutputs ? 0 : input.sequence);
  });
  const outputCount = outputBits === SIGHASH_SINGLE ? inputIndex + 1 : tx.outputs.length;
  w.compactSize(outputBits === SIGHASH_NONE ? 0 : outputCount);
  for (let i = 0; outputBits !== SIGHASH_NONE && i < outputCount; i += 1) {
    if (outputBits === SIGHASH_SINGLE && i !== inputIndex) {
      // An empty output: value −1 and no script.
      w.i64(-1n);
      w.u8(0);
    } else writeOutput(w, tx.outputs[i]!);
  }
  w.u32(tx.lockTime);
  w.i32(hashType);
  return w.finish();
}
