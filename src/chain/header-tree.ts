/**
 * The headers that a node knows, as a tree, and what it has of their blocks. What headers say lies in `HeaderFacts`, by
 * the same small integers; what this node knows of the blocks in `BlockMarks`. A header with its hash and work takes some
 * 180 bytes.
 *
 * Only the writer changes it; everybody else sees `HeaderView`.
 */

import { assert } from '../base/assert.ts';
import type { BlockHash } from '../base/bytes.ts';
import type { UnixSeconds } from '../base/clock.ts';
import { LateSet } from '../base/late-map.ts';
import type { BlockHeader } from '../wire/block.ts';
import { BlockMarks, KEPT_WORDS } from './block-marks.ts';
import { FAILED, HAVE_DATA, HAVE_UNDO, VALID_MASK, VALID_SCRIPTS, VALID_TREE } from './block-status.ts';
import type { HeaderId, HeaderView } from './chain-view.ts';
import type { FilePosition } from './effects.ts';
import { HeaderFacts, OUTER_WORDS } from './header-facts.ts';

/** Words of a header in the index: what it says, then what is known of its block. */
export const ROW_WORDS = OUTER_WORDS + KEPT_WORDS;
const STATUS = OUTER_WORDS;
/**
 * Headers that the index keeps in one record, about a block of LevelDB's tables: when one changes, all of them are written
 * again.
 */
export const GROUP_HEADERS = 32;
const GROUP_SHIFT = 5;

export class HeaderTree implements HeaderView {
  readonly #facts: HeaderFacts;
  readonly #marks = new BlockMarks();
  #size = 0;
  /** One more than the highest id of the tree. */
  #end = 0;
  /** The header that came last has no children yet; nor have these. Nearly always the one before was its parent. */
  #lastLeaf: HeaderId = -1;
  readonly #otherLeaves = new LateSet<HeaderId>();
  /** Groups with headers that changed since the index was last written. */
  readonly #dirty = new Set<number>();
  readonly #heightsInFile = new Map<number, { first: number; last: number }>();

  /** `facts`: its own, or shared with trees of the same first header. */
  constructor(facts: HeaderFacts = new HeaderFacts()) {
    this.#facts = facts;
  }

  /** How many headers are in the tree. */
  get size(): number {
    return this.#size;
  }

  /** All headers in the tree, parents first. */
  forEach(visit: (id: HeaderId) => void): void {
    for (let id = 0; id < this.#end; id += 1) if (this.#marks.statusOf(id) !== 0) visit(id);
  }

  /** Of all headers in the tree, parents first. */
  *ids(): Generator<HeaderId, void> {
    for (let id = 0; id < this.#end; id += 1) if (this.#marks.statusOf(id) !== 0) yield id;
  }

  /** Adds a header whose parent is in the tree (or the first one, without parent); it must not be there yet. */
  add(header: BlockHeader): HeaderId {
    const facts = this.#facts;
    const id = facts.findOrAdd(header);
    assert(!this.#has(id), 'a header is added once');
    const parent = facts.parentOf(id);
    assert(parent < 0 || this.#has(parent), 'a header is added after its parent');
    this.#marks.reach(id);
    this.#marks.setStatus(id, VALID_TREE);
    this.#join(id, parent);
    this.#touch(id);
    return id;
  }

  #join(id: HeaderId, parent: HeaderId): void {
    this.#size += 1;
    this.#end = Math.max(this.#end, id + 1);
    if (this.#lastLeaf !== parent) {
      this.#otherLeaves.delete(parent);
      this.#otherLeaves.add(this.#lastLeaf);
    }
    this.#lastLeaf = id;
  }

  /**
   * The headers of a group as the index keeps them, `ROW_WORDS` each, by their ids; zero where the tree has none of that id.
   * Ids are the same after a start, so a row never moves.
   */
  writeGroup(group: number): Int32Array {
    const first = group * GROUP_HEADERS;
    const count = Math.min(GROUP_HEADERS, this.#end - first);
    const words = new Int32Array(count * ROW_WORDS);
    for (let i = 0; i < count; i += 1) {
      if (!this.#has(first + i)) continue;
      this.#facts.write(first + i, words, i * ROW_WORDS);
      this.#marks.write(first + i, words, i * ROW_WORDS + OUTER_WORDS);
    }
    return words;
  }

  /** Adds a header from the index, the next by its id. Undefined for one that cannot follow those before it. */
  readRow(words: Int32Array, at: number): HeaderId | undefined {
    const id = this.#facts.read(words, at);
    if (id !== this.#end || words[at + STATUS] === 0) return undefined;
    const parent = this.#facts.parentOf(id);
    if (parent >= 0 && !this.#has(parent)) return undefined;
    this.#marks.reach(id);
    this.#marks.read(id, words, at + OUTER_WORDS);
    this.#join(id, parent);
    if (this.hasData(id)) this.#countInFile(id);
    return id;
  }

  find(hash: BlockHash): HeaderId | undefined {
    const id = this.#facts.find(hash);
    return this.#has(id) ? id : undefined;
  }

  /** In the tree, and not only among the facts that it shares with others. */
  #has(id: HeaderId): boolean {
    return id >= 0 && id < this.#marks.capacity && this.#marks.statusOf(id) !== 0;
  }

  hashOf(id: HeaderId): BlockHash {
    return this.#facts.hashOf(id);
  }

  headerOf(id: HeaderId): BlockHeader {
    return this.#facts.headerOf(id);
  }

  parentOf(id: HeaderId): HeaderId | undefined {
    const parent = this.#facts.parentOf(id);
    return parent < 0 ? undefined : parent;
  }

  heightOf(id: HeaderId): number {
    return this.#facts.heightOf(id);
  }

  timeOf(id: HeaderId): UnixSeconds {
    return this.#facts.timeOf(id);
  }

  bitsOf(id: HeaderId): number {
    return this.#facts.bitsOf(id);
  }

  versionOf(id: HeaderId): number {
    return this.#facts.versionOf(id);
  }

  chainWorkOf(id: HeaderId): bigint {
    return this.#facts.workOf(id);
  }

  /** Positive: `a` has more cumulative work. */
  compareWork(a: HeaderId, b: HeaderId): number {
    return this.#facts.compareWork(a, b);
  }

  medianTimePastOf(id: HeaderId): UnixSeconds {
    return this.#facts.medianTimePastOf(id);
  }

  ancestorOf(id: HeaderId, height: number): HeaderId {
    return this.#facts.ancestorOf(id, height);
  }

  /** `id` is `of` or lies below it. */
  isAncestor(id: HeaderId, of: HeaderId): boolean {
    const height = this.heightOf(id);
    return height <= this.heightOf(of) && this.ancestorOf(of, height) === id;
  }

  forkOf(a: HeaderId, b: HeaderId): HeaderId {
    return this.#facts.forkOf(a, b);
  }

  locatorOf(id: HeaderId): readonly BlockHash[] {
    return this.#facts.locatorOf(id);
  }

  hasData(id: HeaderId): boolean {
    return (this.#marks.statusOf(id) & HAVE_DATA) !== 0;
  }

  hasChainData(id: HeaderId): boolean {
    return this.#marks.chainTxCountOf(id) > 0;
  }

  isInvalid(id: HeaderId): boolean {
    return (this.#marks.statusOf(id) & FAILED) !== 0;
  }

  isFullyValid(id: HeaderId): boolean {
    return !this.isInvalid(id) && (this.#marks.statusOf(id) & VALID_MASK) >= VALID_SCRIPTS;
  }

  txCountOf(id: HeaderId): number {
    return this.#marks.txCountOf(id);
  }

  /** Transactions from genesis up to and with this block; 0 while a block in between is missing. */
  chainTxCountOf(id: HeaderId): number {
    return this.#marks.chainTxCountOf(id);
  }

  tips(): readonly HeaderId[] {
    const leaves = this.#size === 0 ? [] : [this.#lastLeaf, ...this.#otherLeaves];
    return leaves.sort((a, b) => this.compareWork(b, a) || a - b);
  }

  statusOf(id: HeaderId): number {
    return this.#marks.statusOf(id);
  }

  /** Order in which blocks became connectable: the first seen wins a tie of work. */
  sequenceOf(id: HeaderId): number {
    return this.#marks.sequenceOf(id);
  }

  /** Of the block's bytes; undefined while they are not stored. */
  dataPositionOf(id: HeaderId): FilePosition | undefined {
    if (!this.hasData(id)) return undefined;
    return { file: this.#marks.fileOf(id), offset: this.#marks.dataOffsetOf(id) };
  }

  undoPositionOf(id: HeaderId): FilePosition | undefined {
    if ((this.#marks.statusOf(id) & HAVE_UNDO) === 0) return undefined;
    return { file: this.#marks.fileOf(id), offset: this.#marks.undoOffsetOf(id) };
  }

  setStatus(id: HeaderId, bits: number): void {
    this.#changeStatus(id, this.#marks.statusOf(id) | bits);
  }

  clearStatus(id: HeaderId, bits: number): void {
    this.#changeStatus(id, this.#marks.statusOf(id) & ~bits);
  }

  /** Checked at least as far as `validity` (one of the VALID_ values); never lowers what was reached. */
  raiseValidity(id: HeaderId, validity: number): void {
    const status = this.#marks.statusOf(id);
    if ((status & FAILED) !== 0 || (status & VALID_MASK) >= validity) return;
    this.#changeStatus(id, (status & ~VALID_MASK) | validity);
  }

  setData(id: HeaderId, position: FilePosition, txCount: number): void {
    this.#marks.setFile(id, position.file);
    this.#marks.setDataOffset(id, position.offset);
    this.#marks.setTxCount(id, txCount);
    this.setStatus(id, HAVE_DATA);
    this.#touch(id);
    this.#countInFile(id);
  }

  #countInFile(id: HeaderId): void {
    const file = this.#marks.fileOf(id);
    const height = this.heightOf(id);
    const heights = this.#heightsInFile.get(file);
    if (heights === undefined) this.#heightsInFile.set(file, { first: height, last: height });
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
    for (const id of this.ids()) {
      if (this.#marks.fileOf(id) !== file || (this.#marks.statusOf(id) & (HAVE_DATA | HAVE_UNDO)) === 0)
        continue;
      this.#marks.setFile(id, 0);
      this.#marks.setDataOffset(id, 0);
      this.#marks.setUndoOffset(id, 0);
      this.clearStatus(id, HAVE_DATA | HAVE_UNDO);
      forgotten.push(id);
    }
    this.#heightsInFile.delete(file);
    return forgotten;
  }

  setUndo(id: HeaderId, position: FilePosition): void {
    assert(position.file === this.#marks.fileOf(id), 'undo data lies in the file beside its block');
    this.#marks.setUndoOffset(id, position.offset);
    this.setStatus(id, HAVE_UNDO);
    this.#touch(id);
  }

  /** The block and all its ancestors are there. */
  setConnectable(id: HeaderId, chainTxCount: number, sequence: number): void {
    this.#marks.setChainTxCount(id, chainTxCount);
    this.#marks.setSequence(id, sequence);
  }

  setSequence(id: HeaderId, sequence: number): void {
    this.#marks.setSequence(id, sequence);
  }

  /** `id` itself and all that stand on it, parents first. O(headers after `id`). */
  descendantsOf(id: HeaderId): HeaderId[] {
    const found = new Set<HeaderId>([id]);
    for (const other of this.ids())
      if (other > id && found.has(this.#facts.parentOf(other))) found.add(other);
    return [...found];
  }

  /** More cumulative work, or the same and seen first (Core: CBlockIndexWorkComparator). */
  isBetter(a: HeaderId, b: HeaderId): boolean {
    const work = this.compareWork(a, b);
    return (
      work > 0 ||
      (work === 0 &&
        (this.#marks.sequenceOf(a) < this.#marks.sequenceOf(b) ||
          (this.#marks.sequenceOf(a) === this.#marks.sequenceOf(b) && a < b)))
    );
  }

  /** Groups changed since the last call, ascending: a header's parent is in none that comes later. */
  takeDirty(): number[] {
    const groups = [...this.#dirty].sort((a, b) => a - b);
    this.#dirty.clear();
    return groups;
  }

  #touch(id: HeaderId): void {
    this.#dirty.add(id >>> GROUP_SHIFT);
  }

  #changeStatus(id: HeaderId, status: number): void {
    if (this.#marks.statusOf(id) === status) return;
    this.#marks.setStatus(id, status);
    this.#touch(id);
  }
}
