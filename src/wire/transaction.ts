/**
 * Transactions (BIP144). A decoded transaction keeps the bytes it came from: its wtxid is the hash of those bytes
 * and its txid the hash of the same bytes without marker, flag and witnesses; nothing is encoded anew to be hashed.
 */
import { concatBytes, EMPTY_BYTES, type Txid, type Wtxid, ZERO_HASH } from '../base/bytes.ts';
import { sha256d } from '../crypto/sha256.ts';
import { COMPACT_SIZE_MAX, type Codec, DecodeError, Reader, struct, txid, u32, Writer } from './codec.ts';

/** Index in the outpoint of a coinbase input. */
export const NULL_INDEX = 0xffff_ffff;
/** An input with this sequence neither locks nor signals anything. */
export const SEQUENCE_FINAL = 0xffff_ffff;
/** One byte without witness counts four units (BIP141). */
export const WITNESS_SCALE_FACTOR = 4;

/** Which output of which transaction. */
export interface OutPoint {
  readonly txid: Txid;
  readonly index: number;
}
export const outPoint: Codec<OutPoint> = struct({ txid, index: u32 });

export interface TxInput {
  readonly prevout: OutPoint;
  readonly scriptSig: Uint8Array;
  readonly sequence: number;
  /** Stack items, bottom first; empty without witness. */
  readonly witness: readonly Uint8Array[];
}

export interface TxOutput {
  /** Satoshi. A wire value outside the safe integers is rounded here (and refused by rule); `exactValue` then keeps it. */
  readonly value: number;
  readonly scriptPubKey: Uint8Array;
  readonly exactValue?: bigint;
}

const NO_WITNESS: readonly Uint8Array[] = [];
const COINBASE_PREVOUT: OutPoint = { txid: ZERO_HASH, index: NULL_INDEX };

/** What a transaction is made from; `createTransaction` encodes it. */
export interface TxParts {
  /** Unsigned 32 bits. */
  readonly version: number;
  readonly inputs: readonly TxInput[];
  readonly outputs: readonly TxOutput[];
  readonly lockTime: number;
}

/** Immutable; hashes are computed on first use. */
export class Transaction implements TxParts {
  readonly version: number;
  readonly inputs: readonly TxInput[];
  readonly outputs: readonly TxOutput[];
  readonly lockTime: number;
  /** The whole encoding, with witnesses if there are any. A view of the bytes it was decoded from. */
  readonly raw: Uint8Array;
  /** Where in `raw` the witnesses start; 0 when there are none. */
  readonly #witnessStart: number;
  #txid: Txid | undefined;
  #wtxid: Wtxid | undefined;

  constructor(parts: TxParts, raw: Uint8Array, witnessStart: number) {
    this.version = parts.version;
    this.inputs = parts.inputs;
    this.outputs = parts.outputs;
    this.lockTime = parts.lockTime;
    this.raw = raw;
    this.#witnessStart = witnessStart;
  }

  get hasWitness(): boolean {
    return this.#witnessStart > 0;
  }

  get txid(): Txid {
    this.#txid ??= sha256d<Txid>(this.strippedBytes());
    return this.#txid;
  }

  get wtxid(): Wtxid {
    this.#wtxid ??= this.hasWitness ? sha256d<Wtxid>(this.raw) : (this.txid as string as Wtxid);
    return this.#wtxid;
  }

  /** The encoding without marker, flag and witnesses. */
  strippedBytes(): Uint8Array {
    if (!this.hasWitness) return this.raw;
    const { raw } = this;
    return concatBytes(raw.subarray(0, 4), raw.subarray(6, this.#witnessStart), raw.subarray(raw.length - 4));
  }

  /** Bytes with witnesses (Core: total size). */
  get size(): number {
    return this.raw.length;
  }

  get strippedSize(): number {
    return this.hasWitness ? this.#witnessStart - 2 + 4 : this.raw.length;
  }

  get weight(): number {
    return this.strippedSize * (WITNESS_SCALE_FACTOR - 1) + this.raw.length;
  }

  /** Weight over four, rounded up. */
  get virtualSize(): number {
    return Math.ceil(this.weight / WITNESS_SCALE_FACTOR);
  }

  get isCoinbase(): boolean {
    const only = this.inputs[0];
    return this.inputs.length === 1 && only!.prevout.index === NULL_INDEX && only!.prevout.txid === ZERO_HASH;
  }

  /** Copies the bytes, so that keeping the transaction does not pin the message or block it came in; itself when nothing else lies around them. */
  detached(): Transaction {
    if (this.raw.length === this.raw.buffer.byteLength) return this;
    // Without inputs, only a reader that knows of no marker finds the outputs again.
    return readTransaction(new Reader(this.raw.slice()), this.inputs.length === 0 ? 'basic' : 'witness');
  }
}

/** BIP144; the other bits are kept for what may come. */
const WITNESS_FLAG = 1;

/** 'basic' never reads marker and flag: for bytes known to be without witnesses. */
export type TxFormat = 'witness' | 'basic';

export const transaction: Codec<Transaction> = {
  read: r => readTransaction(r),
  write: (w, v) => w.put(v.raw),
};

/** The same transaction as peers see it that know no witnesses. */
export function withoutWitness(tx: Transaction): Transaction {
  return tx.hasWitness ? decodeTransaction(tx.strippedBytes()) : tx;
}

/** Decodes all of `bytes`. Throws DecodeError, also for a flagged transaction whose witnesses are all empty. */
export function decodeTransaction(bytes: Uint8Array, format: TxFormat = 'witness'): Transaction {
  const reader = new Reader(bytes);
  const tx = readTransaction(reader, format);
  if (reader.remaining > 0)
    throw new DecodeError(`${reader.remaining} bytes left over after the transaction`);
  return tx;
}

export function readTransaction(r: Reader, format: TxFormat = 'witness'): Transaction {
  const start = r.position;
  const version = r.u32();
  let inputs = readInputs(r);
  let outputs: TxOutput[];
  let witnessStart = 0;
  if (inputs.length === 0 && format === 'witness') {
    // No inputs is the marker of BIP144; the flag byte follows. Flag 0 means that there really are none.
    const flag = r.u8();
    if (flag === 0) outputs = [];
    else {
      inputs = readInputs(r);
      outputs = readOutputs(r);
      witnessStart = r.position - start;
      if (flag & WITNESS_FLAG) inputs = readWitnesses(r, inputs);
      if (flag !== WITNESS_FLAG) throw new DecodeError(`Unknown transaction optional data, flag ${flag}`);
    }
  } else outputs = readOutputs(r);
  const lockTime = r.u32();
  const raw = r.bytes.subarray(start, r.position);
  return new Transaction({ version, inputs, outputs, lockTime }, raw, witnessStart);
}

/** Encodes `parts`, with witnesses if any input has one. */
export function createTransaction(parts: TxParts): Transaction {
  const hasWitness = parts.inputs.some(input => input.witness.length > 0);
  const w = new Writer();
  w.u32(parts.version);
  if (hasWitness) {
    w.u8(0);
    w.u8(1);
  }
  w.compactSize(parts.inputs.length);
  for (const input of parts.inputs) writeInput(w, input);
  w.compactSize(parts.outputs.length);
  for (const output of parts.outputs) writeOutput(w, output);
  const witnessStart = hasWitness ? w.length : 0;
  if (hasWitness) for (const input of parts.inputs) writeWitness(w, input.witness);
  w.u32(parts.lockTime);
  return new Transaction(parts, w.finish(), witnessStart);
}

/** The exact amount, also when `value` had to be rounded. */
export function exactValue(output: TxOutput): bigint {
  return output.exactValue ?? BigInt(output.value);
}

/** Eight bytes; without a bigint where the amount is a safe integer, which costs half as much as the rest. */
export function writeAmount(w: Writer, { value, exactValue: exact }: TxOutput): void {
  if (exact !== undefined) {
    w.i64(exact);
    return;
  }
  const high = Math.floor(value / 0x1_0000_0000);
  w.u32(value - high * 0x1_0000_0000);
  w.i32(high);
}

export function writeOutput(w: Writer, output: TxOutput): void {
  writeAmount(w, output);
  w.compactSize(output.scriptPubKey.length);
  w.put(output.scriptPubKey);
}

export function readOutput(r: Reader): TxOutput {
  const low = r.u32();
  const high = r.i32();
  const value = high * 0x1_0000_0000 + low;
  const scriptPubKey = r.take(r.compactSize());
  if (Number.isSafeInteger(value)) return { value, scriptPubKey };
  return { value, scriptPubKey, exactValue: (BigInt(high) << 32n) + BigInt(low) };
}

function readInputs(r: Reader): TxInput[] {
  const count = r.compactSize();
  const inputs: TxInput[] = [];
  for (let i = 0; i < count; i += 1) {
    const hash = r.hash<Txid>();
    const index = r.u32();
    const prevout = index === NULL_INDEX && hash === ZERO_HASH ? COINBASE_PREVOUT : { txid: hash, index };
    const length = r.compactSize();
    const scriptSig = length === 0 ? EMPTY_BYTES : r.take(length);
    inputs.push({ prevout, scriptSig, sequence: r.u32(), witness: NO_WITNESS });
  }
  return inputs;
}

function readOutputs(r: Reader): TxOutput[] {
  const count = r.compactSize();
  const outputs: TxOutput[] = [];
  for (let i = 0; i < count; i += 1) outputs.push(readOutput(r));
  return outputs;
}

function readWitnesses(r: Reader, inputs: readonly TxInput[]): TxInput[] {
  let items = 0;
  const withWitness = inputs.map(input => {
    const count = r.compactSize(COMPACT_SIZE_MAX);
    items += count;
    if (count === 0) return input;
    const witness: Uint8Array[] = [];
    for (let i = 0; i < count; i += 1) {
      const length = r.compactSize();
      // One byte of message must not cost a hundred of memory: a view is an object.
      witness.push(length === 0 ? EMPTY_BYTES : r.take(length));
    }
    return { prevout: input.prevout, scriptSig: input.scriptSig, sequence: input.sequence, witness };
  });
  // BIP144: a flag without any witness is a second encoding of the same transaction.
  if (items === 0) throw new DecodeError('Superfluous witness record');
  return withWitness;
}

function writeInput(w: Writer, input: TxInput): void {
  w.hash(input.prevout.txid);
  w.u32(input.prevout.index);
  w.compactSize(input.scriptSig.length);
  w.put(input.scriptSig);
  w.u32(input.sequence);
}

function writeWitness(w: Writer, witness: readonly Uint8Array[]): void {
  w.compactSize(witness.length);
  for (const item of witness) {
    w.compactSize(item.length);
    w.put(item);
  }
}
