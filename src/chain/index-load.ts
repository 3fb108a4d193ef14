/**
 * From the records of the block index to the header tree, record by record as they are read, so that none is kept: what a
 * million headers take while they are loaded is what they take afterwards.
 */

import { StoreError } from '../store/errors.ts';
import type { Entry } from '../store/store.ts';
import { DecodeError } from '../wire/codec.ts';
import { addHeader, linkBlock } from './accept-block.ts';
import { decodeBlockIndex } from './block-index.ts';
import type { ChainState } from './chain-state.ts';
import type { HeaderId } from './chain-view.ts';
import type { FilePosition } from './effects.ts';
import { GROUP_HEADERS, ROW_WORDS } from './header-tree.ts';

/** What the index says besides its records of headers. */
export interface IndexFlags {
  /** Block files were deleted. */
  readonly hasPruned?: boolean;
  /** The block files are about to be read again: `endImport` moves to the best chain. */
  readonly isImporting?: boolean;
}

export class IndexLoad {
  readonly #state: ChainState;
  #groups = 0;

  /** Throws StoreError. */
  constructor(state: ChainState, flags: IndexFlags) {
    this.#state = state;
    const { tree } = state;
    tree.hasPruned = flags.hasPruned ?? false;
    tree.isImporting = flags.isImporting ?? false;
    if (tree.hasPruned && tree.prune === undefined) {
      throw new StoreError(
        'corrupted',
        'You need to rebuild the database using -reindex to go back to unpruned mode.  This will redownload the entire blockchain',
      );
    }
  }

  /** The next record, in the order of their keys. Throws StoreError. */
  add(entry: Entry): void {
    const { headers, params } = this.#state;
    const { group, rows } = decoded(entry);
    if (group !== this.#groups || headers.size !== group * GROUP_HEADERS)
      throw unusable(`a record is missing before that of headers ${group * GROUP_HEADERS} and on`);
    for (let at = 0; at < rows.length; at += ROW_WORDS)
      if (headers.readRow(rows, at) === undefined)
        throw unusable(`header ${headers.size} does not follow from those before it`);
    if (group === 0 && headers.hashOf(0) !== params.genesis.header.hash)
      throw new StoreError('corrupted', 'Incorrect or no genesis block found. Wrong datadir for network?');
    this.#groups += 1;
  }

  /** All records have been added. */
  finish(): void {
    const { headers, params, tree } = this.#state;
    if (headers.size === 0) {
      addHeader(this.#state, params.genesis.header);
      return;
    }
    const order = inOrder(this.#state);
    for (let i = 0; i < order.length; i += 1) {
      const id = order[i]!;
      if (headers.txCountOf(id) > 0) linkBlock(this.#state, id);
    }
    tree.recomputeBestHeader(0);
  }
}

function decoded(entry: Entry): ReturnType<typeof decodeBlockIndex> {
  try {
    return decodeBlockIndex(entry);
  } catch (error) {
    if (error instanceof DecodeError) throw unusable(error.message);
    throw error;
  }
}

function unusable(why: string): StoreError {
  return new StoreError('corrupted', `Error loading block database: ${why}`);
}

/** Parents first, and of one height those stored first: the order in which they came. */
function inOrder({ headers }: ChainState): Uint32Array {
  const order = new Uint32Array(headers.size);
  /** Where the next header of a height goes; one further on, so that the sums below are starts. Heights are dense. */
  const next = new Uint32Array(headers.size + 1);
  headers.forEach(id => {
    next[headers.heightOf(id) + 1]! += 1;
  });
  for (let height = 1; height < next.length; height += 1) next[height]! += next[height - 1]!;
  headers.forEach(id => {
    const height = headers.heightOf(id);
    order[next[height]!] = id;
    next[height]! += 1;
  });
  const stored = (a: HeaderId, b: HeaderId) =>
    comparePositions(headers.dataPositionOf(a) ?? NOWHERE, headers.dataPositionOf(b) ?? NOWHERE) || a - b;
  for (let start = 0; start < order.length; ) {
    const height = headers.heightOf(order[start]!);
    let end = start + 1;
    while (end < order.length && headers.heightOf(order[end]!) === height) end += 1;
    if (end > start + 1) order.subarray(start, end).sort(stored);
    start = end;
  }
  return order;
}

/** Behind all that is stored. */
const NOWHERE: FilePosition = { file: Number.MAX_SAFE_INTEGER, offset: 0 };

export function comparePositions(a: FilePosition, b: FilePosition): number {
  return a.file - b.file || a.offset - b.offset;
}
