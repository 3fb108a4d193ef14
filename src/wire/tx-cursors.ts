/**
 * Walking through a transaction's inputs, outputs and witnesses where they lie, without an object for each: what a block
 * costs then is its bytes. Only for bytes that were decoded once, so that nothing here needs to look where they end.
 */
import { binaryBetween, type Txid } from '../base/bytes.ts';

/** Which output of which transaction. */
export interface OutPoint {
  readonly txid: Txid;
  readonly index: number;
}

declare const brand: unique symbol;
/** 36 latin1 characters: txid in wire order, index little endian. A flat string: concatenated ones would stay ropes. */
export type OutPointKey = string & { readonly [brand]: 'outPointKey' };

/** An outpoint on the wire: 32 bytes of txid, four of index. */
export const OUTPOINT_BYTES = 36;
const TXID_BYTES = 32;
const SEQUENCE_BYTES = 4;
const AMOUNT_BYTES = 8;

/** Stands before the first input until `next` is called. */
export class InputCursor {
  readonly bytes: Uint8Array;
  #next: number;
  #left: number;
  /** Where the input, and so its outpoint, starts. */
  start = 0;
  scriptStart = 0;
  scriptEnd = 0;

  constructor(bytes: Uint8Array, firstInput: number, count: number) {
    this.bytes = bytes;
    this.#next = firstInput;
    this.#left = count;
  }

  /** False when there is no further input. */
  next(): boolean {
    if (this.#left === 0) return false;
    this.#left -= 1;
    this.start = this.#next;
    const length = compactSizeAt(this.bytes, this.start + OUTPOINT_BYTES);
    this.scriptStart = this.start + OUTPOINT_BYTES + length.bytes;
    this.scriptEnd = this.scriptStart + length.value;
    this.#next = this.scriptEnd + SEQUENCE_BYTES;
    return true;
  }

  get sequence(): number {
    return u32At(this.bytes, this.scriptEnd);
  }

  /** A view. */
  get scriptSig(): Uint8Array {
    return this.bytes.subarray(this.scriptStart, this.scriptEnd);
  }
}

/** Stands before the first output until `next` is called. */
export class OutputCursor {
  readonly bytes: Uint8Array;
  #next: number;
  #left: number;
  /** Where the output, and so its amount, starts. */
  start = 0;
  scriptStart = 0;
  scriptEnd = 0;

  constructor(bytes: Uint8Array, firstOutput: number, count: number) {
    this.bytes = bytes;
    this.#next = firstOutput;
    this.#left = count;
  }

  /** False when there is no further output. */
  next(): boolean {
    if (this.#left === 0) return false;
    this.#left -= 1;
    this.start = this.#next;
    const length = compactSizeAt(this.bytes, this.start + AMOUNT_BYTES);
    this.scriptStart = this.start + AMOUNT_BYTES + length.bytes;
    this.scriptEnd = this.scriptStart + length.value;
    this.#next = this.scriptEnd;
    return true;
  }

  /** Satoshi, as `TxOutput.value`. */
  get value(): number {
    return amountAt(this.bytes, this.start);
  }

  /** A view. */
  get scriptPubKey(): Uint8Array {
    return this.bytes.subarray(this.scriptStart, this.scriptEnd);
  }
}

/** Stands before the first input's witness until `next` is called. */
export class WitnessCursor {
  readonly bytes: Uint8Array;
  #next: number;
  /** Items of this input's witness. */
  count = 0;
  #topStart = 0;
  #topEnd = 0;

  /** There is a witness, if only an empty one, for each input. */
  constructor(bytes: Uint8Array, start: number) {
    this.bytes = bytes;
    this.#next = start;
  }

  /** Called once for each input. */
  next(): void {
    const count = compactSizeAt(this.bytes, this.#next);
    this.#next += count.bytes;
    this.count = count.value;
    for (let left = this.count; left > 0; left -= 1) {
      const length = compactSizeAt(this.bytes, this.#next);
      this.#topStart = this.#next + length.bytes;
      this.#topEnd = this.#topStart + length.value;
      this.#next = this.#topEnd;
    }
  }

  /** A view of the item on top; undefined when there is none. */
  top(): Uint8Array | undefined {
    return this.count === 0 ? undefined : this.bytes.subarray(this.#topStart, this.#topEnd);
  }
}

export function u32At(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

/** Eight bytes as a number, rounded where it is no safe integer. */
function amountAt(bytes: Uint8Array, at: number): number {
  return (u32At(bytes, at + 4) | 0) * 0x1_0000_0000 + u32At(bytes, at);
}

/** The outpoint that starts at `at`. */
export function outPointAt(bytes: Uint8Array, at: number): OutPoint {
  const txid = binaryBetween(bytes, at, at + TXID_BYTES) as Txid;
  return { txid, index: outPointIndexAt(bytes, at) };
}

/** The same as a key of maps. */
export function keyAt(bytes: Uint8Array, at: number): OutPointKey {
  return binaryBetween(bytes, at, at + OUTPOINT_BYTES) as OutPointKey;
}

export function outPointIndexAt(bytes: Uint8Array, at: number): number {
  return u32At(bytes, at + TXID_BYTES);
}

/** Writes an outpoint as it goes over the wire. */
export function putOutPoint(target: Uint8Array, at: number, txid: Txid, index: number): void {
  for (let i = 0; i < TXID_BYTES; i += 1) target[at + i] = txid.charCodeAt(i);
  putIndex(target, at, index);
}

/** Only the index of an outpoint. */
export function putIndex(target: Uint8Array, at: number, index: number): void {
  target[at + TXID_BYTES] = index;
  target[at + TXID_BYTES + 1] = index >>> 8;
  target[at + TXID_BYTES + 2] = index >>> 16;
  target[at + TXID_BYTES + 3] = index >>> 24;
}

/** Whether two outpoints are the same. */
export function sameOutPoint(a: Uint8Array, aStart: number, b: Uint8Array, bStart: number): boolean {
  for (let i = 0; i < OUTPOINT_BYTES; i += 1) if (a[aStart + i] !== b[bStart + i]) return false;
  return true;
}

/** Nobody keeps it over a call: two results without an object for each. */
const compactSize = { value: 0, bytes: 0 };

function compactSizeAt(bytes: Uint8Array, at: number): typeof compactSize {
  const first = bytes[at]!;
  if (first < 0xfd) {
    compactSize.value = first;
    compactSize.bytes = 1;
  } else if (first === 0xfd) {
    compactSize.value = bytes[at + 1]! | (bytes[at + 2]! << 8);
    compactSize.bytes = 3;
  } else {
    // Nine bytes would be above every limit that decoding has.
    compactSize.value = u32At(bytes, at + 1);
    compactSize.bytes = 5;
  }
  return compactSize;
}
