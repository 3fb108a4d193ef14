/**
 * Basic block filters (BIP157, BIP158; Core: blockfilter.cpp): a small set that says of a script "not in this block" for
 * certain and "in this block" with a chance of one in 784,931 to be wrong. Elements are the scripts of all outputs and of
 * all spent outputs; hashed evenly onto a range and sorted, their differences are written in Golomb-Rice code.
 */
import { assert } from '../base/assert.ts';
import { type BlockHash, binaryToBytes, bytesToBinary, concatBytes, type Hash256 } from '../base/bytes.ts';
import { sha256d } from '../crypto/sha256.ts';
import { sipHash24 } from '../crypto/siphash.ts';
import { OPCODES } from '../script/opcodes.ts';
import type { Block } from '../wire/block.ts';
import { DecodeError, Reader, Writer } from '../wire/codec.ts';
import type { TxOutput } from '../wire/transaction.ts';

/** Bits of a difference that are written as they are; the rest of it is counted in ones. */
const REMAINDER_BITS = 19;
/** One over the chance of a false match. */
const FALSE_POSITIVE_RATE = 784_931n;
const REMAINDER_MASK = (1n << BigInt(REMAINDER_BITS)) - 1n;

/** What a filter is made of, besides the block: the outputs that it spends, in any order. */
export function basicFilter(block: Block, spent: Iterable<Pick<TxOutput, 'scriptPubKey'>>): Uint8Array {
  // As binary text, because a Set tells byte arrays apart by identity.
  const elements = new Set<string>();
  for (const { outputs } of block.transactions) {
    for (const { scriptPubKey } of outputs) {
      if (scriptPubKey.length > 0 && scriptPubKey[0] !== OPCODES.OP_RETURN)
        elements.add(bytesToBinary(scriptPubKey));
    }
  }
  for (const { scriptPubKey } of spent) {
    if (scriptPubKey.length > 0) elements.add(bytesToBinary(scriptPubKey));
  }
  return encodeSet([...elements].map(binaryToBytes), block.header.hash);
}

/** What `getcfheaders` chains: a filter's hash with the header before it; that of genesis follows zeros. */
export function filterHeader(filter: Uint8Array, previous: Hash256): Hash256 {
  return sha256d(concatBytes(binaryToBytes(filterHash(filter)), binaryToBytes(previous)));
}

export function filterHash(filter: Uint8Array): Hash256 {
  return sha256d(filter);
}

/** Whether any of `scripts` is in the filter of the block with that hash. Throws DecodeError. */
export function filterMatchesAny(
  filter: Uint8Array,
  blockHash: BlockHash,
  scripts: readonly Uint8Array[],
): boolean {
  const reader = new Reader(filter);
  const count = reader.compactSize();
  if (count === 0 || scripts.length === 0) return false;
  const wanted = hashedSorted(scripts, count, blockHash);
  const bits = new BitReader(filter.subarray(reader.position));
  let value = 0n;
  let next = 0;
  for (let i = 0; i < count; i += 1) {
    value += bits.difference();
    while (wanted[next]! < value) {
      next += 1;
      if (next === wanted.length) return false;
    }
    if (wanted[next] === value) return true;
  }
  return false;
}

function encodeSet(elements: readonly Uint8Array[], blockHash: BlockHash): Uint8Array {
  const w = new Writer();
  w.compactSize(elements.length);
  const bits = new BitWriter(w);
  let last = 0n;
  for (const value of hashedSorted(elements, elements.length, blockHash)) {
    bits.difference(value - last);
    last = value;
  }
  bits.flush();
  return w.finish();
}

/** Each element as a number below `count` times the rate. The key is the first half of the block's hash. */
function hashedSorted(elements: readonly Uint8Array[], count: number, blockHash: BlockHash): bigint[] {
  const key = new Reader(binaryToBytes(blockHash));
  const k0 = key.u64();
  const k1 = key.u64();
  const range = BigInt(count) * FALSE_POSITIVE_RATE;
  const hashes = elements.map(element => (sipHash24(k0, k1, element) * range) >> 64n);
  return hashes.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

/** Highest bit of a byte first. */
class BitWriter {
  readonly #writer: Writer;
  #byte = 0;
  #filled = 0;

  constructor(writer: Writer) {
    this.#writer = writer;
  }

  difference(value: bigint): void {
    assert(value >= 0n, 'values are sorted');
    for (let ones = Number(value >> BigInt(REMAINDER_BITS)); ones > 0; ones -= 1) this.#bit(1);
    this.#bit(0);
    const remainder = Number(value & REMAINDER_MASK);
    for (let bit = REMAINDER_BITS - 1; bit >= 0; bit -= 1) this.#bit((remainder >>> bit) & 1);
  }

  /** Fills the last byte with zeros. */
  flush(): void {
    while (this.#filled > 0) this.#bit(0);
  }

  #bit(bit: number): void {
    this.#byte = (this.#byte << 1) | bit;
    this.#filled += 1;
    if (this.#filled < 8) return;
    this.#writer.u8(this.#byte);
    this.#byte = 0;
    this.#filled = 0;
  }
}

/** Throws DecodeError at the end of the data. */
class BitReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  difference(): bigint {
    let ones = 0;
    while (this.#bit() === 1) ones += 1;
    let remainder = 0;
    for (let i = 0; i < REMAINDER_BITS; i += 1) remainder = remainder * 2 + this.#bit();
    return (BigInt(ones) << BigInt(REMAINDER_BITS)) | BigInt(remainder);
  }

  #bit(): number {
    const byte = this.#bytes[this.#at >> 3];
    if (byte === undefined) throw new DecodeError('The filter ends in the middle of an element');
    const bit = (byte >> (7 - (this.#at & 7))) & 1;
    this.#at += 1;
    return bit;
  }
}
