/**
 * Building the block index anew from the block files (`-reindex`; Core: ImportBlocks, LoadExternalBlockFile). Files are
 * read in their order, as far as they go without a gap. Damage costs the block that it hit; a block that comes before its
 * parent is remembered by its place in the files and read again after it. Nothing is connected before everything has been
 * seen, so that the best chain is known by then.
 */
import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { type BlockHash, hashToHex } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Chain } from '../chain/chain.ts';
import type { FilePosition, WriterEffect, WriterTask } from '../chain/effects.ts';
import { Reject } from '../consensus/reject.ts';
import { StoreError } from '../store/errors.ts';
import { type Block, decodeBlock } from '../wire/block.ts';
import { DecodeError } from '../wire/codec.ts';
import { BlockScanner, type Scanned } from './block-scanner.ts';
import type { ChainHost } from './chain-host.ts';
import type { Writer } from './writer.ts';

const READ_BYTES = 1024 * 1024;
/** Magic and length before each block. */
const RECORD_HEADER_BYTES = 8;

export interface ReindexDeps<Effect> {
  readonly chain: Chain;
  readonly host: ChainHost;
  readonly writer: Writer<Effect | WriterEffect>;
  readonly clock: Clock;
  readonly log: Log;
  /** Stops between two pieces of a file; the next start begins anew with what the index knows by then. */
  readonly signal: AbortSignal;
}

/** Returns whether all files were read. Throws StoreError, FatalStorageError. */
export async function reindexFiles<Effect>(deps: ReindexDeps<Effect>): Promise<boolean> {
  return new Reindexer(deps).run();
}

class Reindexer<Effect> {
  readonly #deps: ReindexDeps<Effect>;
  /** Where blocks lie whose parent is not known yet, by the parent. */
  readonly #waiting = new Map<BlockHash, FilePosition[]>();
  /** Where the last block that was read ends in its file. */
  #end = 0;
  #loaded = 0;

  constructor(deps: ReindexDeps<Effect>) {
    this.#deps = deps;
  }

  async run(): Promise<boolean> {
    const { host, chain, writer, clock, log, signal } = this.#deps;
    const { paths, xorKey } = host.blockFiles();
    for (const [file, path] of paths.entries()) {
      const percent = Math.floor((file * 100) / paths.length);
      log.info(`Reindexing block file ${basename(path)} (${percent}% complete)...`);
      const before = this.#loaded;
      const bytes = await this.#readFile(file, path, new BlockScanner(chain.params.magic, xorKey));
      if (signal.aborted) {
        log.info('Interrupt requested. Exit reindexing.');
        return false;
      }
      log.info(`Loaded ${this.#loaded - before} blocks from external file ${basename(path)}`);
      // What follows a torn record could not be found behind it by the next start.
      if (file === paths.length - 1 && this.#end < bytes) host.startNewBlockFile();
      await writer.enqueue('reindex', () => chain.flush(clock.now()));
    }
    log.info('Reindexing finished');
    return true;
  }

  /** Returns how many bytes the file has. */
  async #readFile(file: number, path: string, scanner: BlockScanner): Promise<number> {
    const stream = createReadStream(path, { highWaterMark: READ_BYTES });
    this.#end = 0;
    try {
      for await (const chunk of stream as AsyncIterable<Uint8Array>) {
        await this.#take(file, scanner.push(chunk));
        if (this.#deps.signal.aborted) break;
      }
    } catch (error) {
      if (error instanceof Error && 'syscall' in error)
        throw new StoreError('io', `Cannot read ${path}: ${error.message}`, { cause: error });
      throw error;
    } finally {
      stream.destroy();
    }
    if (!this.#deps.signal.aborted) await this.#take(file, scanner.end());
    return stream.bytesRead;
  }

  async #take(file: number, scanned: Iterable<Scanned>): Promise<void> {
    const found = [...scanned];
    if (found.length === 0) return;
    await this.#deps.writer.enqueue('reindex', () => this.#adoptAll(file, found));
  }

  *#adoptAll(file: number, found: readonly Scanned[]): WriterTask<void> {
    for (const each of found) {
      if (each.kind === 'garbage') {
        this.#deps.log.debug('reindex', () => {
          return `LoadExternalBlockFile: unexpected data at file offset 0x${each.offset.toString(16)} - ${each.reason ?? 'no block'}. continuing`;
        });
        continue;
      }
      this.#end = each.offset + RECORD_HEADER_BYTES + each.block.raw.length;
      yield* this.#adopt(each.block, { file, offset: each.offset + RECORD_HEADER_BYTES });
    }
    yield { kind: 'pause' };
  }

  /** The block, and what has waited for it. */
  *#adopt(first: Block, at: FilePosition): WriterTask<void> {
    const { log } = this.#deps;
    const { hash, prevHash } = first.header;
    if (!this.#offer(first, at)) {
      log.debug('reindex', () => {
        return `LoadExternalBlockFile: Out of order block ${hashToHex(hash)}, parent ${hashToHex(prevHash)} not known`;
      });
      this.#waiting.set(prevHash, [...(this.#waiting.get(prevHash) ?? []), at]);
      return;
    }
    const parents = [hash];
    for (let parent = parents.shift(); parent !== undefined; parent = parents.shift()) {
      const positions = this.#waiting.get(parent) ?? [];
      this.#waiting.delete(parent);
      for (const position of positions) {
        const child = decodeAgain((yield { kind: 'readBlock', position }) as Uint8Array);
        log.debug('reindex', () => {
          return `LoadExternalBlockFile: Processing out of order child ${hashToHex(child.header.hash)} of ${hashToHex(parent!)}`;
        });
        if (this.#offer(child, position)) parents.push(child.header.hash);
      }
    }
  }

  /** Returns false when the parent is not known. */
  #offer(block: Block, position: FilePosition): boolean {
    const { chain, log } = this.#deps;
    const { hash } = block.header;
    const known = chain.headers.find(hash);
    if (known !== undefined && chain.headers.hasData(known)) return true;
    try {
      if (chain.adoptStoredBlock(block, position) === undefined) return false;
      this.#loaded += 1;
    } catch (error) {
      if (!(error instanceof Reject)) throw error;
      log.warn(
        `Block ${hashToHex(hash)} at offset ${position.offset} of block file ${position.file} is not taken in: ${error.message}`,
      );
    }
    return true;
  }
}

/** It was read and decoded a while ago. */
function decodeAgain(raw: Uint8Array): Block {
  try {
    return decodeBlock(raw);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw new StoreError('corrupted', `A block file changes while it is read: ${error.message}`);
  }
}
