/**
 * What headers say, and what follows from them alone: a table that only grows. A header is a small integer, its parent has
 * a lower one; every entry has a second link far back, so that any ancestor is found in O(log n) steps (Core: chain.h,
 * CBlockIndex). Nothing here depends on who has seen the header, so trees of several nodes in one process may share it.
 */
import { assert } from '../base/assert.ts';
import { type BlockHash, binaryToBytes, bytesToBinary, type Hash256, ZERO_HASH } from '../base/bytes.ts';
import type { UnixSeconds } from '../base/clock.ts';
import { blockProof } from '../consensus/pow.ts';
import type { BlockHeader } from '../wire/block.ts';
import type { HeaderId } from './chain-view.ts';
import { HashIndex } from './hash-index.ts';

/** Blocks whose times the median is taken of (Core: nMedianTimeSpan). */
const MEDIAN_TIME_SPAN = 11;
const CAPACITY_INITIAL = 64;
const CAPACITY_GROWTH = 1.25;

/** Nobody keeps it over a call. */
const medianScratch = new Uint32Array(MEDIAN_TIME_SPAN);

export class HeaderFacts {
  readonly #hashes = new HashIndex();
  readonly #works: bigint[] = [];
  #lastBits = 0;
  #lastProof = 0n;

  #version = new Int32Array(CAPACITY_INITIAL);
  #merkleRoot = new Uint8Array(CAPACITY_INITIAL * 32);
  #time = new Uint32Array(CAPACITY_INITIAL);
  #bits = new Uint32Array(CAPACITY_INITIAL);
  #nonce = new Uint32Array(CAPACITY_INITIAL);
  #medianTime = new Uint32Array(CAPACITY_INITIAL);
  #height = new Uint32Array(CAPACITY_INITIAL);
  #parent = new Int32Array(CAPACITY_INITIAL);
  #skip = new Int32Array(CAPACITY_INITIAL);

  get size(): number {
    return this.#hashes.size;
  }

  /** Adds a header whose parent is here (or the first one, without parent); it must not be here yet. */
  add(header: BlockHeader): HeaderId {
    const id = this.size;
    const parent = id === 0 ? -1 : this.#hashes.find(header.prevHash);
    assert(id === 0 || parent >= 0, 'a header is added after its parent');
    if (id === this.#time.length) this.#grow();
    this.#hashes.add(header.hash);
    this.#version[id] = header.version;
    this.#merkleRoot.set(binaryToBytes(header.merkleRoot), id * 32);
    this.#time[id] = header.time;
    this.#bits[id] = header.bits;
    this.#nonce[id] = header.nonce;
    this.#parent[id] = parent;
    const height = parent < 0 ? 0 : this.#height[parent]! + 1;
    this.#height[id] = height;
    this.#skip[id] = parent < 0 ? -1 : this.ancestorOf(parent, skipHeight(height));
    this.#works.push((parent < 0 ? 0n : this.#works[parent]!) + this.#proofOf(header.bits));
    this.#medianTime[id] = this.#computeMedianTime(id);
    return id;
  }

  /** −1 for a hash that is not here. */
  find(hash: BlockHash): HeaderId {
    return this.#hashes.find(hash);
  }

  hashOf(id: HeaderId): BlockHash {
    return this.#hashes.hashOf(id);
  }

  headerOf(id: HeaderId): BlockHeader {
    const parent = this.#parent[id]!;
    return {
      version: this.#version[id]!,
      prevHash: parent < 0 ? ZERO_HASH : this.#hashes.hashOf(parent),
      merkleRoot: bytesToBinary(this.#merkleRoot.subarray(id * 32, id * 32 + 32)) as Hash256,
      time: this.#time[id]!,
      bits: this.#bits[id]!,
      nonce: this.#nonce[id]!,
      hash: this.#hashes.hashOf(id),
    };
  }

  /** −1: it is the first. */
  parentOf(id: HeaderId): HeaderId {
    return this.#parent[id]!;
  }

  heightOf(id: HeaderId): number {
    return this.#height[id]!;
  }

  timeOf(id: HeaderId): UnixSeconds {
    return this.#time[id]!;
  }

  bitsOf(id: HeaderId): number {
    return this.#bits[id]!;
  }

  versionOf(id: HeaderId): number {
    return this.#version[id]!;
  }

  /** Cumulative. */
  workOf(id: HeaderId): bigint {
    return this.#works[id]!;
  }

  medianTimePastOf(id: HeaderId): UnixSeconds {
    return this.#medianTime[id]!;
  }

  ancestorOf(id: HeaderId, height: number): HeaderId {
    let at = id;
    let atHeight = this.#height[id]!;
    assert(height >= 0 && height <= atHeight, 'an ancestor is not above its descendant');
    while (atHeight > height) {
      const skipTo = skipHeight(atHeight);
      const parentSkipsTo = skipHeight(atHeight - 1);
      // Take the long link unless the parent's gets closer to the height wanted.
      if (
        skipTo === height ||
        (skipTo > height && !(parentSkipsTo < skipTo - 2 && parentSkipsTo >= height))
      ) {
        at = this.#skip[at]!;
        atHeight = skipTo;
      } else {
        at = this.#parent[at]!;
        atHeight -= 1;
      }
    }
    return at;
  }

  forkOf(a: HeaderId, b: HeaderId): HeaderId {
    const height = Math.min(this.#height[a]!, this.#height[b]!);
    a = this.ancestorOf(a, height);
    b = this.ancestorOf(b, height);
    while (a !== b) {
      // Equal heights have links of equal length; while those differ, the fork is not above them.
      const linked = this.#skip[a] !== this.#skip[b];
      a = linked ? this.#skip[a]! : this.#parent[a]!;
      b = linked ? this.#skip[b]! : this.#parent[b]!;
    }
    return a;
  }

  /** Neighbours mostly have the same bits. */
  #proofOf(bits: number): bigint {
    if (bits !== this.#lastBits) {
      this.#lastBits = bits;
      this.#lastProof = blockProof(bits);
    }
    return this.#lastProof;
  }

  #computeMedianTime(id: HeaderId): UnixSeconds {
    const sorted = medianScratch;
    let count = 0;
    for (let at = id; at >= 0 && count < MEDIAN_TIME_SPAN; at = this.#parent[at]!) {
      const time = this.#time[at]!;
      let place = count;
      // Times mostly rise, so the ones before are smaller and belong in front.
      for (; place > 0 && sorted[place - 1]! > time; place -= 1) sorted[place] = sorted[place - 1]!;
      sorted[place] = time;
      count += 1;
    }
    return sorted[count >> 1]!;
  }

  #grow(): void {
    const capacity = Math.ceil(this.#time.length * CAPACITY_GROWTH);
    this.#version = grown(this.#version, new Int32Array(capacity));
    this.#merkleRoot = grown(this.#merkleRoot, new Uint8Array(capacity * 32));
    this.#time = grown(this.#time, new Uint32Array(capacity));
    this.#bits = grown(this.#bits, new Uint32Array(capacity));
    this.#nonce = grown(this.#nonce, new Uint32Array(capacity));
    this.#medianTime = grown(this.#medianTime, new Uint32Array(capacity));
    this.#height = grown(this.#height, new Uint32Array(capacity));
    this.#parent = grown(this.#parent, new Int32Array(capacity));
    this.#skip = grown(this.#skip, new Int32Array(capacity));
  }
}

function grown<T extends { set(source: T): void }>(from: T, to: T): T {
  to.set(from);
  return to;
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
