/**
 * Reads blocks from files (`import`, `-loadblock`): Core's `blk*.dat` framing, scrambled with the `xor.dat` beside them
 * or not, gzip accepted. Memory stays low, since files are streamed. Of blocks that come before their parent the place is remembered until it arrives. What is refused
 * is reported with its reason, file and offset, and reading goes on: nothing before it is lost.
 */
import { createReadStream, type ReadStream } from 'node:fs';
import { open, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { type BlockHash, hashToHex } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import type { Chain } from '../chain/chain.ts';
import type { BlockResult, WriterEffect } from '../chain/effects.ts';
import { type Block, decodeBlock } from '../wire/block.ts';
import { BlockScanner, type Scanned, XOR_KEY_BYTES } from './block-scanner.ts';
import type { Writer } from './writer.ts';

const READ_BYTES = 1024 * 1024;
/** Enough to tell gzip and a network's magic. */
const START_BYTES = 4;
const NOT_SCRAMBLED = new Uint8Array(XOR_KEY_BYTES);
/** Unpacked at once: when damage is found, what was unpacked of this much is lost. */
const GUNZIP_BYTES = 16 * 1024;
/** Blocks of packed files that wait for their parents take at most this much memory. */
const HELD_BYTES_MAX = 64 * 1024 * 1024;
/** Of blocks in other files only the place is remembered; of so many at most. */
const HELD_PLACES_MAX = 1_000_000;
/** Magic and length before a block. */
const RECORD_HEADER_BYTES = 8;
/** Blocks that may be with the writer at a time, so that one is looked at while another's scripts are checked. */
const UNDER_WAY_MAX = 16;
const UNDER_WAY_BYTES_MAX = 8 * 1024 * 1024;
/** Problems kept for the report. */
const PROBLEMS_MAX = 1000;

export interface ImportProgress {
  readonly file: string;
  /** Of the active chain. */
  readonly height: number;
  /** Blocks that were new, with their transactions and inputs (without coinbases). */
  readonly blocks: number;
  readonly transactions: number;
  readonly inputs: number;
  /** Of all files, as they lie on disk. */
  readonly bytesRead: number;
  readonly bytesTotal: number;
}

/** Something in a file that did not become part of what we store. */
export interface ImportProblem {
  readonly file: string;
  /** In the unpacked file. */
  readonly offset: number;
  /** Of a block that could be read. */
  readonly hash?: BlockHash;
  readonly reason: string;
}

export interface ImportReport extends ImportProgress {
  readonly problems: readonly ImportProblem[];
  /** Problems beyond those listed. */
  readonly problemsLeftOut: number;
}

export interface ImportDeps<Effect> {
  readonly chain: Chain;
  readonly writer: Writer<Effect | WriterEffect>;
  readonly clock: Clock;
  /** After each block. */
  readonly onProgress?: (progress: ImportProgress) => void;
  /** Stops between two blocks. */
  readonly signal?: AbortSignal;
}

/** Throws the system's error when a file cannot be opened, and FatalStorageError. */
export async function importFiles<Effect>(
  files: readonly string[],
  deps: ImportDeps<Effect>,
): Promise<ImportReport> {
  const importer = new Importer(deps);
  for (const file of files) importer.bytesTotal += (await stat(file)).size;
  for (const file of files) {
    if (deps.signal?.aborted) break;
    await importer.readFile(file);
  }
  return importer.finish();
}

interface Found {
  readonly file: string;
  readonly offset: number;
  readonly block: Block;
}

/** A block that came before its parent: its bytes, or what its place in the file is scrambled with. */
interface Held {
  readonly file: string;
  readonly offset: number;
  readonly hash: BlockHash;
  readonly prevHash: BlockHash;
  readonly length: number;
  readonly bytes: { readonly raw: Uint8Array } | { readonly xorKey: Uint8Array };
}

class Importer<Effect> {
  readonly #deps: ImportDeps<Effect>;
  readonly #held = new Map<BlockHash, Held[]>();
  #heldBytes = 0;
  #heldPlaces = 0;
  /** Of the file that is being read; undefined for a packed one, in which there is no way back. */
  #xorKey: Uint8Array | undefined;
  /** With the writer, in order. */
  readonly #underWay: { readonly found: Found; readonly result: Promise<BlockResult> }[] = [];
  readonly #underWayHashes = new Set<BlockHash>();
  #underWayBytes = 0;
  readonly #problems: ImportProblem[] = [];
  #problemsLeftOut = 0;
  #counts = { blocks: 0, transactions: 0, inputs: 0 };
  #bytesBefore = 0;
  #stream: ReadStream | undefined;
  #file = '';
  bytesTotal = 0;

  constructor(deps: ImportDeps<Effect>) {
    this.#deps = deps;
  }

  async readFile(file: string): Promise<void> {
    const { magic } = this.#deps.chain.params;
    const start = await startOf(file);
    const xorKey = await xorKeyBeside(file);
    const isMagic = (key?: Uint8Array) => magic.every((byte, i) => byte === (start[i]! ^ (key?.[i] ?? 0)));
    const isGzip = start[0] === 0x1f && start[1] === 0x8b && !isMagic(xorKey);
    const scanner = new BlockScanner(magic, isGzip || isMagic() ? undefined : xorKey);
    this.#xorKey = isGzip ? undefined : isMagic() || xorKey === undefined ? NOT_SCRAMBLED : xorKey;
    this.#file = file;
    this.#stream = createReadStream(file, { highWaterMark: READ_BYTES });
    // An error comes out where the bytes do, so the callback has nothing to add.
    const source = isGzip
      ? pipeline(this.#stream, createGunzip({ chunkSize: GUNZIP_BYTES }), () => {})
      : this.#stream;
    let offset = 0;
    try {
      for await (const chunk of source as AsyncIterable<Uint8Array>) {
        offset += chunk.length;
        await this.#take(file, scanner.push(chunk));
        if (this.#deps.signal?.aborted) break;
      }
    } catch (error) {
      // What gzip finds damaged ends the file; whatever came before has been taken.
      if (!isZlibError(error)) throw error;
      this.#report({ file, offset, reason: `not readable as gzip: ${error.message}` });
    } finally {
      await this.#endAll();
      this.#bytesBefore += this.#stream.bytesRead;
      this.#stream.destroy();
      this.#stream = undefined;
    }
    await this.#take(file, scanner.end());
    await this.#endAll();
  }

  finish(): ImportReport {
    for (const waiting of this.#held.values()) for (const held of waiting) this.#reportOrphan(held);
    return { ...this.#progress(), problems: this.#problems, problemsLeftOut: this.#problemsLeftOut };
  }

  async #take(file: string, scanned: Iterable<Scanned>): Promise<void> {
    for (const found of scanned) {
      if (this.#deps.signal?.aborted) return;
      if (found.kind === 'garbage') {
        const what = found.reason === undefined ? 'no block' : `no whole block (${found.reason})`;
        this.#report({ file, offset: found.offset, reason: `${what}; ${found.bytes} bytes passed over` });
      } else await this.#takeBlock({ file, offset: found.offset, block: found.block });
    }
  }

  async #takeBlock(first: Found): Promise<void> {
    const { headers, params } = this.#deps.chain;
    const { header } = first.block;
    const isParentKnown =
      headers.find(header.prevHash) !== undefined || this.#underWayHashes.has(header.prevHash);
    if (!isParentKnown && header.hash !== params.genesis.header.hash) {
      this.#hold(first);
      return;
    }
    this.#begin(first);
    while (this.#underWay.length > UNDER_WAY_MAX || this.#underWayBytes > UNDER_WAY_BYTES_MAX)
      await this.#endFirst();
  }

  #begin(found: Found): void {
    const { chain, writer, clock } = this.#deps;
    const submission = () => chain.submitBlock(found.block, { requested: true, now: clock.now() });
    const result = writer.enqueue('import', submission, { overlaps: true });
    // Whoever awaits it hears of a failure.
    result.catch(() => {});
    this.#underWay.push({ found, result });
    this.#underWayHashes.add(found.block.header.hash);
    this.#underWayBytes += found.block.raw.length;
  }

  async #endFirst(): Promise<void> {
    const { found, result } = this.#underWay.shift()!;
    const { file, offset, block } = found;
    const { hash } = block.header;
    const outcome = await result;
    this.#underWayHashes.delete(hash);
    this.#underWayBytes -= block.raw.length;
    if (outcome.status === 'rejected') {
      // Its parent was under way when it came, and was refused: another copy of that may follow.
      if (outcome.reject.kind === 'missing-parent') this.#hold(found);
      else this.#report({ file, offset, hash, reason: outcome.reject.message });
      return;
    }
    const { headers } = this.#deps.chain;
    if (headers.isInvalid(headers.find(hash)!))
      this.#report({ file, offset, hash, reason: 'invalid in its place in the chain' });
    if (outcome.newBlock) this.#count(block);
    this.#deps.onProgress?.(this.#progress());
    for (const child of await this.#release(hash)) this.#begin(child);
  }

  async #endAll(): Promise<void> {
    while (this.#underWay.length > 0) await this.#endFirst();
  }

  #hold({ file, offset, block }: Found): void {
    const { hash, prevHash } = block.header;
    const { length } = block.raw;
    const xorKey = this.#xorKey;
    const isTooMuch =
      xorKey === undefined ? this.#heldBytes + length > HELD_BYTES_MAX : this.#heldPlaces >= HELD_PLACES_MAX;
    if (isTooMuch) {
      this.#reportOrphan({ file, offset, hash, prevHash });
      return;
    }
    if (xorKey === undefined) this.#heldBytes += length;
    else this.#heldPlaces += 1;
    // A copy, so that one small block does not pin the whole chunk it was read in.
    const bytes = xorKey === undefined ? { raw: block.raw.slice() } : { xorKey };
    const held = { file, offset, hash, prevHash, length, bytes };
    const waiting = this.#held.get(prevHash);
    if (waiting === undefined) this.#held.set(prevHash, [held]);
    else waiting.push(held);
  }

  async #release(parent: BlockHash): Promise<Found[]> {
    const waiting = this.#held.get(parent) ?? [];
    this.#held.delete(parent);
    const released: Found[] = [];
    for (const { file, offset, length, bytes } of waiting) {
      let raw: Uint8Array;
      if ('raw' in bytes) {
        ({ raw } = bytes);
        this.#heldBytes -= length;
      } else {
        raw = await readAgain(file, offset + RECORD_HEADER_BYTES, length, bytes.xorKey);
        this.#heldPlaces -= 1;
      }
      released.push({ file, offset, block: decodeBlock(raw) });
    }
    return released;
  }

  #count({ transactions }: Block): void {
    this.#counts.blocks += 1;
    this.#counts.transactions += transactions.length;
    for (let i = 1; i < transactions.length; i += 1) this.#counts.inputs += transactions[i]!.inputCount;
  }

  #progress(): ImportProgress {
    const { chain } = this.#deps;
    return {
      file: this.#file,
      height: chain.height,
      ...this.#counts,
      bytesRead: this.#bytesBefore + (this.#stream?.bytesRead ?? 0),
      bytesTotal: this.bytesTotal,
    };
  }

  #reportOrphan({ file, offset, hash, prevHash }: Omit<Held, 'length' | 'bytes'>): void {
    this.#report({ file, offset, hash, reason: `its parent ${hashToHex(prevHash)} is not known` });
  }

  #report(problem: ImportProblem): void {
    if (this.#problems.length < PROBLEMS_MAX) this.#problems.push(problem);
    else this.#problemsLeftOut += 1;
  }
}

/** Of a block that was decoded before. */
async function readAgain(
  file: string,
  start: number,
  length: number,
  xorKey: Uint8Array,
): Promise<Uint8Array> {
  const handle = await open(file, 'r');
  try {
    const { buffer } = await handle.read(new Uint8Array(length), 0, length, start);
    return buffer.map((byte, i) => byte ^ xorKey[(start + i) % XOR_KEY_BYTES]!);
  } finally {
    await handle.close();
  }
}

/** Its first bytes, fewer where it is shorter. */
async function startOf(file: string): Promise<Uint8Array> {
  const handle = await open(file, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(START_BYTES), 0, START_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

/** The key of a folder of block files; undefined where there is none. */
async function xorKeyBeside(file: string): Promise<Uint8Array | undefined> {
  try {
    const key = await readFile(path.join(path.dirname(file), 'xor.dat'));
    return key.length >= XOR_KEY_BYTES ? key.subarray(0, XOR_KEY_BYTES) : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return undefined;
  }
}

function isZlibError(error: unknown): error is Error {
  return error instanceof Error && ((error as NodeJS.ErrnoException).code ?? '').startsWith('Z_');
}
