/**
 * All headers that are known, as a tree. A header is a small integer; what is known about it lies in typed arrays
 * (220 bytes a header with its hash and work, measured), and every entry has a second link far back, so that
 * any ancestor is found in O(log n) steps (Core: chain.h, CBlockIndex).
 *
 * Only the writer changes it; everybody else sees `HeaderView`.
 */
import { assert } from '../base/assert.ts';
import { type BlockHash, binaryToBytes, bytesToBinary, type Hash256, ZERO_HASH } from '../base/bytes.ts';
import type { UnixSeconds } from '../base/clock.ts';
import { blockProof } from '../consensus/pow.ts';
import type { BlockHeader } from '../wire/block.ts';
import { FAILED, HAVE_DATA, HAVE_UNDO, VALID_MASK, VALID_SCRIPTS, VALID_TREE } from './block-status.ts';
import type { HeaderId, HeaderView } from './chain-view.ts';
import type { FilePosition } from './effects.ts';
import { HashIndex } from './hash-index.ts';

/** Blocks whose times the median is taken of (Core: nMedianTimeSpan). */
const MEDIAN_TIME_SPAN = 11;
/** Small: a simulated world has thousands of trees. */
const CAPACITY_INITIAL = 64;
const CAPACITY_GROWTH = 1.25;

/** Nobody keeps it over a call. */
const medianScratch = new Uint32Array(MEDIAN_TIME_SPAN);

export class HeaderTree implements HeaderView {
  readonly #hashes = new HashIndex();
  readonly #works: bigint[] = [];
  #lastBits = 0;
  #lastProof = 0n;
  readonly #leaves = new Set<HeaderId>();
  /** Changed since the index was last written. */
  readonly #dirty = new Set<HeaderId>();
  readonly #heightsInFile = new Map<number, { first: number; last: number }>();

  #version = new Int32Array(CAPACITY_INITIAL);
  #merkleRoot = new Uint8Array(CAPACITY_INITIAL * 32);
  #time = new Uint32Array(CAPACITY_INITIAL);
  #bits = new Uint32Array(CAPACITY_INITIAL);
  #nonce = new Uint32Array(CAPACITY_INITIAL);
  #medianTime = new Uint32Array(CAPACITY_INITIAL);
  #height = new Uint32Array(CAPACITY_INITIAL);
  #parent = new Int32Array(CAPACITY_INITIAL);
  #skip = new Int32Array(CAPACITY_INITIAL);
  #status = new Uint8Array(CAPACITY_INITIAL);
  #txCount = new Uint32Array(CAPACITY_INITIAL);
  #chainTxCount = new Float64Array(CAPACITY_INITIAL);
  /** Of two with the same work the lower one is better; negative: preferred by hand. */
  #sequence = new Int32Array(CAPACITY_INITIAL);
  #file = new Uint32Array(CAPACITY_INITIAL);
  #dataOffset = new Uint32Array(CAPACITY_INITIAL);
  #undoOffset = new Uint32Array(CAPACITY_INITIAL);

  get size(): number {
    return this.#hashes.size;
  }

  /** Adds a header whose parent is in the tree (or the first one, without parent); it must not be there yet. */
  add(header: BlockHeader): HeaderId {
    const id = this.size;
    const parent = id === 0 ? -1 : this.find(header.prevHash);
    assert(parent !== undefined, 'a header is added after its parent');
    assert(this.find(header.hash) === undefined, 'a header is added once');
    if (id === this.#time.length) this.#grow();
    this.#hashes.add(header.hash);
    this.#version[id] = header.version;
    this.#merkleRoot.set(binaryToBytes(header.merkleRoot), id * 32);
    this.#time[id] = header.time;
    this.#bits[id] = header.bits;
    this.#nonce[id] = header.nonce;
    this.#status[id] = VALID_TREE;
    this.#parent[id] = parent;
    const height = parent < 0 ? 0 : this.#height[parent]! + 1;
    this.#height[id] = height;
    this.#skip[id] = parent < 0 ? -1 : this.ancestorOf(parent, skipHeight(height));
    this.#works.push((parent < 0 ? 0n : this.#works[parent]!) + this.#proofOf(header.bits));
    this.#medianTime[id] = this.#computeMedianTime(id);
    this.#leaves.delete(parent);
    this.#leaves.add(id);
    this.#dirty.add(id);
    return id;
  }

  find(hash: BlockHash): HeaderId | undefined {
    const id = this.#hashes.find(hash);
    return id < 0 ? undefined : id;
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

  parentOf(id: HeaderId): HeaderId | undefined {
    const parent = this.#parent[id]!;
    return parent < 0 ? undefined : parent;
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

  chainWorkOf(id: HeaderId): bigint {
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

  /** `id` is `of` or lies below it. */
  isAncestor(id: HeaderId, of: HeaderId): boolean {
    const height = this.#height[id]!;
    return height <= this.#height[of]! && this.ancestorOf(of, height) === id;
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

  hasData(id: HeaderId): boolean {
    return (this.#status[id]! & HAVE_DATA) !== 0;
  }

  hasChainData(id: HeaderId): boolean {
    return this.#chainTxCount[id]! > 0;
  }

  isInvalid(id: HeaderId): boolean {
    return (this.#status[id]! & FAILED) !== 0;
  }

  isFullyValid(id: HeaderId): boolean {
    return !this.isInvalid(id) && (this.#status[id]! & VALID_MASK) >= VALID_SCRIPTS;
  }

  txCountOf(id: HeaderId): number {
    return this.#txCount[id]!;
  }

  /** Transactions from genesis up to and with this block; 0 while a block in between is missing. */
  chainTxCountOf(id: HeaderId): number {
    return this.#chainTxCount[id]!;
  }

  tips(): readonly HeaderId[] {
    return [...this.#leaves].sort((a, b) => compareWork(this.#works[b]!, this.#works[a]!) || a - b);
  }

  statusOf(id: HeaderId): number {
    return this.#status[id]!;
  }

  /** Order in which blocks became connectable: the first seen wins a tie of work. */
  sequenceOf(id: HeaderId): number {
    return this.#sequence[id]!;
  }

  /** Of the block's bytes; undefined while they are not stored. */
  dataPositionOf(id: HeaderId): FilePosition | undefined {
    if (!this.hasData(id)) return undefined;
    return { file: this.#file[id]!, offset: this.#dataOffset[id]! };
  }

  undoPositionOf(id: HeaderId): FilePosition | undefined {
    if ((this.#status[id]! & HAVE_UNDO) === 0) return undefined;
    return { file: this.#file[id]!, offset: this.#undoOffset[id]! };
  }

  setStatus(id: HeaderId, bits: number): void {
    this.#changeStatus(id, this.#status[id]! | bits);
  }

  clearStatus(id: HeaderId, bits: number): void {
    this.#changeStatus(id, this.#status[id]! & ~bits);
  }

  /** As it was written to the index. */
  restoreStatus(id: HeaderId, status: number): void {
    this.#status[id] = status;
  }

  /** Checked at least as far as `validity` (one of the VALID_ values); never lowers what was reached. */
  raiseValidity(id: HeaderId, validity: number): void {
    const status = this.#status[id]!;
    if ((status & FAILED) !== 0 || (status & VALID_MASK) >= validity) return;
    this.#changeStatus(id, (status & ~VALID_MASK) | validity);
  }

  setData(id: HeaderId, position: FilePosition, txCount: number): void {
    this.#file[id] = position.file;
    this.#dataOffset[id] = position.offset;
    this.#txCount[id] = txCount;
    this.setStatus(id, HAVE_DATA);
    this.#dirty.add(id);
    const height = this.#height[id]!;
    const heights = this.#heightsInFile.get(position.file);
    if (heights === undefined) this.#heightsInFile.set(position.file, { first: height, last: height });
    else {
      heights.first = Math.min(heights.first, height);
      heights.last = Math.max(heights.last, height);
    }
  }

  /** Heights of the blocks in a block file; undefined when the tree knows of none. */
  heightsInFile(file: number): { readonly first: number; readonly last: number } | undefined {
    return this.#heightsInFile.get(file);
  }

  /** Numbers of the block files that the tree has blocks in. */
  filesWithBlocks(): number[] {
    return [...this.#heightsInFile.keys()];
  }

  /** The file goes: its blocks are known by their headers and counts only (Core: PruneOneBlockFile). O(headers). */
  forgetFile(file: number): HeaderId[] {
    const forgotten: HeaderId[] = [];
    for (let id = 0; id < this.size; id += 1) {
      if (this.#file[id] !== file || (this.#status[id]! & (HAVE_DATA | HAVE_UNDO)) === 0) continue;
      this.#file[id] = 0;
      this.#dataOffset[id] = 0;
      this.#undoOffset[id] = 0;
      this.clearStatus(id, HAVE_DATA | HAVE_UNDO);
      forgotten.push(id);
    }
    this.#heightsInFile.delete(file);
    return forgotten;
  }

  setUndo(id: HeaderId, position: FilePosition): void {
    assert(position.file === this.#file[id], 'undo data lies in the file beside its block');
    this.#undoOffset[id] = position.offset;
    this.setStatus(id, HAVE_UNDO);
    this.#dirty.add(id);
  }

  /** The block and all its ancestors are there. */
  setConnectable(id: HeaderId, chainTxCount: number, sequence: number): void {
    this.#chainTxCount[id] = chainTxCount;
    this.#sequence[id] = sequence;
  }

  setSequence(id: HeaderId, sequence: number): void {
    this.#sequence[id] = sequence;
  }

  /** `id` itself and all that stand on it, parents first. O(headers after `id`). */
  descendantsOf(id: HeaderId): HeaderId[] {
    const found = new Set<HeaderId>([id]);
    for (let other = id + 1; other < this.size; other += 1)
      if (found.has(this.#parent[other]!)) found.add(other);
    return [...found];
  }

  /** More cumulative work, or the same and seen first (Core: CBlockIndexWorkComparator). */
  isBetter(a: HeaderId, b: HeaderId): boolean {
    return (
      compareWork(this.#works[a]!, this.#works[b]!) > 0 ||
      (this.#works[a] === this.#works[b] &&
        (this.#sequence[a]! < this.#sequence[b]! || (this.#sequence[a] === this.#sequence[b] && a < b)))
    );
  }

  get dirtyCount(): number {
    return this.#dirty.size;
  }

  /** Headers changed since the last call. */
  takeDirty(): HeaderId[] {
    const ids = [...this.#dirty];
    this.#dirty.clear();
    return ids;
  }

  #changeStatus(id: HeaderId, status: number): void {
    if (this.#status[id] === status) return;
    this.#status[id] = status;
    this.#dirty.add(id);
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
    this.#status = grown(this.#status, new Uint8Array(capacity));
    this.#txCount = grown(this.#txCount, new Uint32Array(capacity));
    this.#chainTxCount = grown(this.#chainTxCount, new Float64Array(capacity));
    this.#sequence = grown(this.#sequence, new Int32Array(capacity));
    this.#file = grown(this.#file, new Uint32Array(capacity));
    this.#dataOffset = grown(this.#dataOffset, new Uint32Array(capacity));
    this.#undoOffset = grown(this.#undoOffset, new Uint32Array(capacity));
  }
}

function grown<T extends { set(source: T): void }>(from: T, to: T): T {
  to.set(from);
  return to;
}

function compareWork(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
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
