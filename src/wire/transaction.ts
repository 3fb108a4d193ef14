/**
 * Transactions (BIP144). A decoded transaction is the bytes it came from and where in them its parts lie: its wtxid is the
 * hash of those bytes and its txid the hash of the same bytes without marker, flag and witnesses; nothing is encoded anew to
 * be hashed, and an input or output becomes an object only for who asks for it.
 */
import { concatBytes, EMPTY_BYTES, type Txid, type Wtxid, ZERO_HASH } from '../base/bytes.ts';
import { sha256d } from '../crypto/sha256.ts';
import { COMPACT_SIZE_MAX, type Codec, DecodeError, Reader, struct, txid, u32, Writer } from './codec.ts';
import {
  InputCursor, keyAt, OUTPOINT_BYTES, type OutPoint, type OutPointKey, OutputCursor, outPointIndexAt, u32At,
  WitnessCursor,
} from './tx-cursors.ts'; // biome-ignore format: one list

/** Index in the outpoint of a coinbase input. */
export const NULL_INDEX = 0xffff_ffff;
/** An input with this sequence neither locks nor signals anything. */
export const SEQUENCE_FINAL = 0xffff_ffff;
/** One byte without witness counts four units (BIP141). */
export const WITNESS_SCALE_FACTOR = 4;

export type { OutPoint };
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

/** Where the parts of an encoded transaction lie. */
interface TxLayout {
  readonly inputCount: number;
  readonly outputCount: number;
  /** Of the first input, behind their count. */
  readonly inputsStart: number;
  readonly outputsStart: number;
  /** Of the first input's witness; 0 when there are none. */
  readonly witnessStart: number;
}

/** Where a transaction without its witnesses is put together to be hashed. */
const stripped = new Writer();

/**
 * Immutable. It holds its bytes and where in them its parts begin: cursors walk through these without an object for each
 * input, which is what whole blocks are checked with; `inputs` and `outputs` are made on first use, as hashes are.
 */
export class Transaction implements TxParts {
  /** The whole encoding, with witnesses if there are any. A view of the bytes it was decoded from. */
  readonly raw: Uint8Array;
  readonly inputCount: number;
  readonly outputCount: number;
  readonly #inputsStart: number;
  readonly #outputsStart: number;
  readonly #witnessStart: number;
  #inputs: readonly TxInput[] | undefined;
  #outputs: readonly TxOutput[] | undefined;
  #outputStarts: Uint32Array | undefined;
  #prevoutKeys: readonly OutPointKey[] | undefined;
  #txid: Txid | undefined;
  #wtxid: Wtxid | undefined;

  constructor(raw: Uint8Array, layout: TxLayout) {
    this.raw = raw;
    this.inputCount = layout.inputCount;
    this.outputCount = layout.outputCount;
    this.#inputsStart = layout.inputsStart;
    this.#outputsStart = layout.outputsStart;
    this.#witnessStart = layout.witnessStart;
  }

  get version(): number {
    return u32At(this.raw, 0);
  }

  get lockTime(): number {
    return u32At(this.raw, this.raw.length - 4);
  }

  get inputs(): readonly TxInput[] {
    this.#inputs ??= readInputs(this.raw, this.inputCount, this.#inputsStart, this.#witnessStart);
    return this.#inputs;
  }

  get outputs(): readonly TxOutput[] {
    this.#outputs ??= readOutputs(this.raw, this.outputCount, this.#outputsStart);
    return this.#outputs;
  }

  /** Of what the inputs spend, in order. Maps of the mempool hold them: each is made once. */
  get prevoutKeys(): readonly OutPointKey[] {
    this.#prevoutKeys ??= this.#makePrevoutKeys();
    return this.#prevoutKeys;
  }

  inputCursor(): InputCursor {
    return new InputCursor(this.raw, this.#inputsStart, this.inputCount);
  }

  outputCursor(): OutputCursor {
    return new OutputCursor(this.raw, this.#outputsStart, this.outputCount);
  }

  /** undefined without witnesses. */
  witnessCursor(): WitnessCursor | undefined {
    return this.hasWitness ? new WitnessCursor(this.raw, this.#witnessStart) : undefined;
  }

  /** One output, without the others; undefined when there is none with this index. */
  outputAt(index: number): TxOutput | undefined {
    if (this.#outputs !== undefined) return this.#outputs[index];
    this.#outputStarts ??= this.#findOutputs();
    const start = this.#outputStarts[index];
    return start === undefined ? undefined : readOutput(new Reader(this.raw, start));
  }

  get hasWitness(): boolean {
    return this.#witnessStart > 0;
  }

  get txid(): Txid {
    this.#txid ??= this.hasWitness ? this.#strippedHash() : sha256d<Txid>(this.raw);
    return this.#txid;
  }

  #strippedHash(): Txid {
    stripped.reset();
    for (const part of this.#strippedParts()) stripped.put(part);
    return sha256d<Txid>(stripped.written());
  }

  get wtxid(): Wtxid {
    this.#wtxid ??= this.hasWitness ? sha256d<Wtxid>(this.raw) : (this.txid as string as Wtxid);
    return this.#wtxid;
  }

  /** The encoding without marker, flag and witnesses. */
  strippedBytes(): Uint8Array {
    return this.hasWitness ? concatBytes(...this.#strippedParts()) : this.raw;
  }

  #strippedParts(): readonly Uint8Array[] {
    const { raw } = this;
    return [raw.subarray(0, 4), raw.subarray(6, this.#witnessStart), raw.subarray(raw.length - 4)];
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
    return this.inputCount === 1 && isNullOutPointAt(this.raw, this.#inputsStart);
  }

  /**
   * What may be kept: it does not pin the message or block that this one came in (the bytes are copied, unless nothing else
   * lies around them), nor the inputs and outputs that somebody asked this one for, which are many times as large.
   */
  detached(): Transaction {
    const isAlone = this.raw.length === this.raw.buffer.byteLength;
    const copy = new Transaction(isAlone ? this.raw : this.raw.slice(), {
      inputCount: this.inputCount,
      outputCount: this.outputCount,
      inputsStart: this.#inputsStart,
      outputsStart: this.#outputsStart,
      witnessStart: this.#witnessStart,
    });
    copy.#txid = this.#txid;
    copy.#wtxid = this.#wtxid;
    return copy;
  }

  /** For who will ask for inputs and outputs, and keep them: itself when nothing else lies around its bytes, else `detached`. */
  owned(): Transaction {
    return this.raw.length === this.raw.buffer.byteLength ? this : this.detached();
  }

  #makePrevoutKeys(): OutPointKey[] {
    const keys = new Array<OutPointKey>(this.inputCount);
    const input = this.inputCursor();
    for (let i = 0; input.next(); i += 1) keys[i] = keyAt(input.bytes, input.start);
    return keys;
  }

  #findOutputs(): Uint32Array {
    const starts = new Uint32Array(this.outputCount);
    const cursor = this.outputCursor();
    for (let i = 0; cursor.next(); i += 1) starts[i] = cursor.start;
    return starts;
  }
}

/** Whether an outpoint on the wire is that of a coinbase's input. */
export function isNullOutPointAt(bytes: Uint8Array, at: number): boolean {
  if (outPointIndexAt(bytes, at) !== NULL_INDEX) return false;
  for (let i = 0; i < 32; i += 1) if (bytes[at + i] !== 0) return false;
  return true;
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

/** Looks through the bytes once, for where everything lies and whether it is there. Throws DecodeError. */
export function readTransaction(r: Reader, format: TxFormat = 'witness'): Transaction {
  const start = r.position;
  r.advance(4);
  let inputCount = r.compactSize();
  let inputsStart = r.position - start;
  let outputCount = 0;
  let outputsStart = 0;
  let witnessStart = 0;
  if (inputCount === 0 && format === 'witness') {
    // No inputs is the marker of BIP144; the flag byte follows. Flag 0 means that there really are none.
    const flag = r.u8();
    outputsStart = r.position - start;
    if (flag !== 0) {
      inputCount = r.compactSize();
      inputsStart = r.position - start;
      skipInputs(r, inputCount);
      outputCount = r.compactSize();
      outputsStart = r.position - start;
      skipOutputs(r, outputCount);
      witnessStart = r.position - start;
      if (flag & WITNESS_FLAG) skipWitnesses(r, inputCount);
      if (flag !== WITNESS_FLAG) throw new DecodeError(`Unknown transaction optional data, flag ${flag}`);
    }
  } else {
    skipInputs(r, inputCount);
    outputCount = r.compactSize();
    outputsStart = r.position - start;
    skipOutputs(r, outputCount);
  }
  r.advance(4);
  const raw = r.bytes.subarray(start, r.position);
  return new Transaction(raw, { inputCount, outputCount, inputsStart, outputsStart, witnessStart });
}

function skipInputs(r: Reader, count: number): void {
  for (let i = 0; i < count; i += 1) {
    r.advance(OUTPOINT_BYTES);
    r.advance(r.compactSize());
    r.advance(4);
  }
}

function skipOutputs(r: Reader, count: number): void {
  for (let i = 0; i < count; i += 1) {
    r.advance(8);
    r.advance(r.compactSize());
  }
}

function skipWitnesses(r: Reader, inputs: number): void {
  let items = 0;
  for (let i = 0; i < inputs; i += 1) {
    const count = r.compactSize(COMPACT_SIZE_MAX);
    items += count;
    for (let item = 0; item < count; item += 1) r.advance(r.compactSize());
  }
  // BIP144: a flag without any witness is a second encoding of the same transaction.
  if (items === 0) throw new DecodeError('Superfluous witness record');
}

/** The same transaction with other inputs. */
export function withInputs(tx: TxParts, inputs: readonly TxInput[]): Transaction {
  const { version, outputs, lockTime } = tx;
  return createTransaction({ version, inputs, outputs, lockTime });
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
  const inputsStart = w.length;
  for (const input of parts.inputs) writeInput(w, input);
  w.compactSize(parts.outputs.length);
  const outputsStart = w.length;
  for (const output of parts.outputs) writeOutput(w, output);
  const witnessStart = hasWitness ? w.length : 0;
  if (hasWitness) for (const input of parts.inputs) writeWitness(w, input.witness);
  w.u32(parts.lockTime);
  const [inputCount, outputCount] = [parts.inputs.length, parts.outputs.length];
  return new Transaction(w.finish(), { inputCount, outputCount, inputsStart, outputsStart, witnessStart });
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

/** Of bytes that were looked through before. */
function readInputs(raw: Uint8Array, count: number, start: number, witnessStart: number): TxInput[] {
  const r = new Reader(raw, start);
  const witnesses = witnessStart === 0 ? undefined : new Reader(raw, witnessStart);
  const inputs: TxInput[] = [];
  for (let i = 0; i < count; i += 1) {
    const hash = r.hash<Txid>();
    const index = r.u32();
    const prevout = index === NULL_INDEX && hash === ZERO_HASH ? COINBASE_PREVOUT : { txid: hash, index };
    const length = r.compactSize();
    const scriptSig = length === 0 ? EMPTY_BYTES : r.take(length);
    const witness = witnesses === undefined ? NO_WITNESS : readWitness(witnesses);
    inputs.push({ prevout, scriptSig, sequence: r.u32(), witness });
  }
  return inputs;
}

function readWitness(r: Reader): readonly Uint8Array[] {
  const count = r.compactSize();
  if (count === 0) return NO_WITNESS;
  // As long as it will be: one that grows has room for seventeen.
  const witness = new Array<Uint8Array>(count);
  for (let i = 0; i < count; i += 1) {
    const length = r.compactSize();
    // One byte of message must not cost a hundred of memory: a view is an object.
    witness[i] = length === 0 ? EMPTY_BYTES : r.take(length);
  }
  return witness;
}

function readOutputs(raw: Uint8Array, count: number, start: number): TxOutput[] {
  const r = new Reader(raw, start);
  const outputs: TxOutput[] = [];
  for (let i = 0; i < count; i += 1) outputs.push(readOutput(r));
  return outputs;
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
