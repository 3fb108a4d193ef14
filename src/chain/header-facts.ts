/**
 * What headers say, and what follows from them alone: a table that only grows. A header is a small integer, its parent has
 * a lower one; every entry has a second link far back, so that any ancestor is found in O(log n) steps (Core: chain.h,
 * CBlockIndex). Nothing here depends on who has seen the header, so trees of several nodes in one process may share it.
 */
import { assert } from '../base/assert.ts';
import { type BlockHash, bytesToHash, ZERO_HASH } from '../base/bytes.ts';
import type { UnixSeconds } from '../base/clock.ts';
import { blockProof } from '../consensus/pow.ts';
import type { BlockHeader } from '../wire/block.ts';
import type { HeaderId } from './chain-view.ts';
import { HASH_WORDS, HashIndex } from './hash-index.ts';
import { WordRows } from './word-rows.ts';

/** Blocks whose times the median is taken of (Core: nMedianTimeSpan). */
const MEDIAN_TIME_SPAN = 11;
/** Hashes of a locator one after another before the steps double. */
const DENSE_HASHES = 10;

/** Words of a row, by offset. The merkle root takes the first eight. */
const MERKLE_ROOT = 0;
const VERSION = 8;
const TIME = 9;
const BITS = 10;
const NONCE = 11;
const MEDIAN_TIME = 12;
const HEIGHT = 13;
const PARENT = 14;
const SKIP = 15;
/** Cumulative work, 256 bits, lowest word first: a bigint for each would be a million objects. */
const WORK = 16;
const WORK_WORDS = 8;
const WORDS = WORK + WORK_WORDS;

/** What a header says lies first. */
const SAID_WORDS = NONCE + 1;
/** Words of a row outside, from which all the rest follows: what the header says, its parent, its hash. */
const OUTER_PARENT = SAID_WORDS;
const OUTER_HASH = OUTER_PARENT + 1;
export const OUTER_WORDS = OUTER_HASH + HASH_WORDS;

/** Nobody keeps it over a call. */
const medianScratch = new Uint32Array(MEDIAN_TIME_SPAN);

export class HeaderFacts {
  readonly #hashes = new HashIndex();
  #lastBits = 0;
  readonly #lastProof = new Uint32Array(WORK_WORDS);

  readonly #rows = new WordRows(WORDS);
  // What was asked for last: of the tip or the best header, mostly, and again for each peer.
  #work = { of: -1, value: 0n };
  #header: { readonly of: HeaderId; readonly value: BlockHeader } | undefined;
  #locator: { readonly of: HeaderId; readonly value: readonly BlockHash[] } | undefined;

  get size(): number {
    return this.#hashes.size;
  }

  /** A header whose parent is here (or the first one, without parent): it is added unless it is here itself. */
  findOrAdd(header: BlockHeader): HeaderId {
    const before = this.size;
    const id = this.#hashes.findOrAdd(header.hash);
    if (id < before) return id;
    const parent = id === 0 ? -1 : this.#hashes.find(header.prevHash);
    assert(id === 0 || parent >= 0, 'a header is added after its parent');
    const rows = this.#rows;
    rows.reach(id);
    rows.setHash(id, MERKLE_ROOT, header.merkleRoot);
    rows.set(id, VERSION, header.version);
    rows.set(id, TIME, header.time);
    rows.set(id, BITS, header.bits);
    rows.set(id, NONCE, header.nonce);
    this.#derive(id, parent);
    return id;
  }

  /** Writes the header as `OUTER_WORDS` words, from `at` on. */
  write(id: HeaderId, target: Int32Array, at: number): void {
    this.#rows.copyTo(id, 0, SAID_WORDS, target, at);
    target[at + OUTER_PARENT] = this.parentOf(id);
    this.#hashes.copyTo(id, target, at + OUTER_HASH);
  }

  /**
   * Adds a header that was written, unless it is here. Undefined if its parent is not one that is here; the first, and only
   * that, has none.
   */
  read(source: Int32Array, at: number): HeaderId | undefined {
    const size = this.size;
    const parent = source[at + OUTER_PARENT]!;
    const id = this.#hashes.findOrAddWords(source, at + OUTER_HASH);
    if (parent >= size || parent < 0 !== (id === 0)) return undefined;
    if (id < size) return id;
    this.#rows.reach(id);
    this.#rows.copyFrom(id, 0, SAID_WORDS, source, at);
    this.#derive(id, parent);
    return id;
  }

  /** Fills the rest of a row: what follows from what is in it and from its parent. */
  #derive(id: HeaderId, parent: HeaderId): void {
    const rows = this.#rows;
    rows.set(id, PARENT, parent);
    const height = parent < 0 ? 0 : this.heightOf(parent) + 1;
    rows.set(id, HEIGHT, height);
    rows.set(id, SKIP, parent < 0 ? -1 : this.ancestorOf(parent, skipHeight(height)));
    this.#addWork(id, parent, this.bitsOf(id));
    rows.set(id, MEDIAN_TIME, this.#computeMedianTime(id));
  }

  /** −1 for a hash that is not here. */
  find(hash: BlockHash): HeaderId {
    return this.#hashes.find(hash);
  }

  hashOf(id: HeaderId): BlockHash {
    return this.#hashes.hashOf(id);
  }

  headerOf(id: HeaderId): BlockHeader {
    if (this.#header?.of !== id) this.#header = { of: id, value: this.#readHeader(id) };
    return this.#header.value;
  }

  #readHeader(id: HeaderId): BlockHeader {
    const parent = this.parentOf(id);
    return {
      version: this.versionOf(id),
      prevHash: parent < 0 ? ZERO_HASH : this.#hashes.hashOf(parent),
      merkleRoot: bytesToHash(this.#rows.hashBytes(id, MERKLE_ROOT)),
      time: this.timeOf(id),
      bits: this.bitsOf(id),
      nonce: this.#rows.get(id, NONCE) >>> 0,
      hash: this.#hashes.hashOf(id),
    };
  }

  /** −1: it is the first. */
  parentOf(id: HeaderId): HeaderId {
    return this.#rows.get(id, PARENT);
  }

  heightOf(id: HeaderId): number {
    return this.#rows.get(id, HEIGHT);
  }

  timeOf(id: HeaderId): UnixSeconds {
    return this.#rows.get(id, TIME) >>> 0;
  }

  bitsOf(id: HeaderId): number {
    return this.#rows.get(id, BITS) >>> 0;
  }

  versionOf(id: HeaderId): number {
    return this.#rows.get(id, VERSION);
  }

  /** Cumulative. */
  workOf(id: HeaderId): bigint {
    if (this.#work.of !== id) this.#work = { of: id, value: this.#readWork(id) };
    return this.#work.value;
  }

  #readWork(id: HeaderId): bigint {
    let work = 0n;
    for (let i = WORK_WORDS - 1; i >= 0; i -= 1)
      work = (work << 32n) | BigInt(this.#rows.get(id, WORK + i) >>> 0);
    return work;
  }

  /** Positive: `a` has more cumulative work. */
  compareWork(a: HeaderId, b: HeaderId): number {
    if (a === b) return 0;
    for (let i = WORK_WORDS - 1; i >= 0; i -= 1) {
      const difference = (this.#rows.get(a, WORK + i) >>> 0) - (this.#rows.get(b, WORK + i) >>> 0);
      if (difference !== 0) return difference;
    }
    return 0;
  }

  medianTimePastOf(id: HeaderId): UnixSeconds {
    return this.#rows.get(id, MEDIAN_TIME) >>> 0;
  }

  ancestorOf(id: HeaderId, height: number): HeaderId {
    let at = id;
    let atHeight = this.heightOf(id);
    assert(height >= 0 && height <= atHeight, 'an ancestor is not above its descendant');
    while (atHeight > height) {
      const skipTo = skipHeight(atHeight);
      const parentSkipsTo = skipHeight(atHeight - 1);
      // Take the long link unless the parent's gets closer to the height wanted.
      if (
        skipTo === height ||
        (skipTo > height && !(parentSkipsTo < skipTo - 2 && parentSkipsTo >= height))
      ) {
        at = this.#rows.get(at, SKIP);
        atHeight = skipTo;
      } else {
        at = this.parentOf(at);
        atHeight -= 1;
      }
    }
    return at;
  }

  forkOf(a: HeaderId, b: HeaderId): HeaderId {
    const height = Math.min(this.heightOf(a), this.heightOf(b));
    a = this.ancestorOf(a, height);
    b = this.ancestorOf(b, height);
    while (a !== b) {
      // Equal heights have links of equal length; while those differ, the fork is not above them.
      const link = this.#rows.get(a, SKIP) !== this.#rows.get(b, SKIP) ? SKIP : PARENT;
      a = this.#rows.get(a, link);
      b = this.#rows.get(b, link);
    }
    return a;
  }

  /** The branch that ends in `id` told in a few hashes, dense at its end and ever sparser towards genesis (Core: src/chain.cpp). */
  locatorOf(id: HeaderId): readonly BlockHash[] {
    if (this.#locator?.of !== id) this.#locator = { of: id, value: this.#locate(id) };
    return this.#locator.value;
  }

  #locate(id: HeaderId): BlockHash[] {
    const locator: BlockHash[] = [];
    let at = id;
    let height = this.heightOf(id);
    for (let step = 1; ; ) {
      at = this.ancestorOf(at, height);
      locator.push(this.#hashes.hashOf(at));
      if (height === 0) return locator;
      height = Math.max(height - step, 0);
      if (locator.length > DENSE_HASHES) step *= 2;
    }
  }

  #addWork(id: HeaderId, parent: HeaderId, bits: number): void {
    const proof = this.#proofOf(bits);
    let carry = 0;
    for (let i = 0; i < WORK_WORDS; i += 1) {
      const sum = (parent < 0 ? 0 : this.#rows.get(parent, WORK + i) >>> 0) + proof[i]! + carry;
      this.#rows.set(id, WORK + i, sum);
      carry = sum > 0xffff_ffff ? 1 : 0;
    }
  }

  /** Neighbours mostly have the same bits. */
  #proofOf(bits: number): Uint32Array {
    if (bits !== this.#lastBits) {
      this.#lastBits = bits;
      const proof = blockProof(bits);
      for (let i = 0; i < WORK_WORDS; i += 1)
        this.#lastProof[i] = Number((proof >> BigInt(32 * i)) & 0xffff_ffffn);
    }
    return this.#lastProof;
  }

  #computeMedianTime(id: HeaderId): UnixSeconds {
    const sorted = medianScratch;
    let count = 0;
    for (let at = id; at >= 0 && count < MEDIAN_TIME_SPAN; at = this.parentOf(at)) {
      const time = this.timeOf(at);
      let place = count;
      // Times mostly rise, so the ones before are smaller and belong in front.
      for (; place > 0 && sorted[place - 1]! > time; place -= 1) sorted[place] = sorted[place - 1]!;
      sorted[place] = time;
      count += 1;
    }
    return sorted[count >> 1]!;
  }
}

/** Where the second link of a header at `height` leads to (Core: GetSkipHeight). */
function skipHeight(height: number): number {
  if (height < 2) return 0;
  // Odd heights clear one low bit more, so that neighbours reach different distances.
  return (height & 1) !== 0 ? clearLowestOne(clearLowestOne(height - 1)) + 1 : clearLowestOne(height);
}

function clearLowestOne(n: number): number {
  return n & (n - 1);
}
