/**
 * Blocks and undo records in flat files, byte for byte as Bitcoin Core lays them out (node/blockstorage.cpp), so
 * that either program reads the other's: `blkNNNNN.dat` holds magic, length and block; `revNNNNN.dat` magic,
 * length, undo data and the hash that binds it to the block's parent (record-format.ts). A record is in the file when
 * `append` returns (so it survives the process), and on disk after `sync`.
 */
import {
  closeSync,
  existsSync,
  fdatasync as fdatasyncCallback,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type BlockHash, binaryToBytes, concatBytes } from '../base/bytes.ts';
import { sha256d } from '../crypto/sha256.ts';
import { guarded, ioError, StoreError } from './errors.ts';
import { RECORD_HEADER_BYTES, RecordFormat } from './record-format.ts';
import { loadXorKey } from './xor-key.ts';

const fdatasync = promisify(fdatasyncCallback);

/** Bytes of one file; a block that would reach it goes to the next (Core: MAX_BLOCKFILE_SIZE). */
const BLOCK_FILE_BYTES_MAX = 0x800_0000;
/** Bytes of the hash after undo data. */
const CHECKSUM_BYTES = 32;
const FILE_NAME = /^(blk|rev)(\d{5,})\.dat$/;

/** File number and byte offset of a payload, as chain/effects.ts has it. */
interface FilePosition {
  readonly file: number;
  readonly offset: number;
}

export interface BlockFilesOptions {
  /** Four bytes before each record. */
  readonly magic: Uint8Array;
  /** For a new folder: 8 random bytes, or undefined for none (`-blocksxor=0`). */
  readonly newXorKey: Uint8Array | undefined;
  readonly fileBytesMax?: number;
}

export interface BlockRecord {
  readonly position: FilePosition;
  readonly raw: Uint8Array;
}

type Kind = 'blk' | 'rev';
const KINDS: readonly Kind[] = ['blk', 'rev'];

interface OpenFile {
  readonly path: string;
  readonly fd: number;
  /** Where the next record starts. */
  end: number;
  dirty: boolean;
}

export class BlockFiles {
  readonly #folder: string;
  readonly #records: RecordFormat;
  readonly #fileBytesMax: number;
  /** Files open for appending, by number. */
  readonly #open: Readonly<Record<Kind, Map<number, OpenFile>>> = { blk: new Map(), rev: new Map() };
  #lastFile: number;
  /** Of each block file with its undo file: told often while old files are deleted. */
  readonly #bytes = new Map<number, number>();
  /** Numbers of the block files that are there. */
  readonly #numbers = new Set<number>();
  /** Of torn records, cut off by `scan`. */
  cutBytes = 0;
  /** A file was created since the folder itself was last synced. */
  #folderDirty = false;

  /** Opens `folder`, creating it if absent. Throws StoreError. */
  constructor(folder: string, options: BlockFilesOptions) {
    this.#folder = folder;
    this.#fileBytesMax = options.fileBytesMax ?? BLOCK_FILE_BYTES_MAX;
    const xorKey = guarded(folder, () => {
      mkdirSync(folder, { recursive: true });
      return loadXorKey(folder, options.newXorKey);
    });
    this.#records = new RecordFormat(folder, options.magic, xorKey);
    let lastFile = 0;
    for (const name of readdirSync(folder)) {
      const match = FILE_NAME.exec(name);
      if (match === null) continue;
      const file = Number(match[2]);
      this.#grow(file, statSync(join(folder, name)).size);
      if (match[1] !== 'blk') continue;
      this.#numbers.add(file);
      lastFile = Math.max(lastFile, file);
    }
    this.#lastFile = lastFile;
  }

  /** Bytes of all block and undo files (Core: CalculateCurrentUsage). */
  bytesOnDisk(): number {
    let total = 0;
    for (const bytes of this.#bytes.values()) total += bytes;
    return total;
  }

  /** Bytes of each block file with its undo file, ascending by number. */
  usage(): { readonly file: number; readonly bytes: number }[] {
    const numbers = [...this.#numbers].sort((a, b) => a - b);
    return numbers.map(file => ({ file, bytes: this.#bytes.get(file) ?? 0 }));
  }

  /** XOR of all bytes, by their place in the file. */
  get xorKey(): Uint8Array {
    return this.#records.xorKey;
  }

  /** Where block file `file` is. */
  blockPath(file: number): string {
    return this.#path('blk', file);
  }

  /** What is appended from now on goes to a new file: at the end of the last one lies something that is no block. */
  startNewFile(): void {
    this.#lastFile += 1;
  }

  /**
   * Before all block files are read again: undo files go, which will be written anew, and with 'gaps too' also block files
   * behind a missing one, where that reading ends (Core: CleanupBlockRevFiles). Throws StoreError.
   */
  async removeForReindex(which: 'undo only' | 'gaps too'): Promise<void> {
    const numbers = this.usage().map(({ file }) => file);
    const behindGap = which === 'gaps too' ? numbers.filter((file, i) => file !== i) : [];
    for (const file of [...this.#bytes.keys()]) {
      const path = this.#path('rev', file);
      const bytes = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
      guarded(path, () => rmSync(path, { force: true }));
      this.#grow(file, -bytes);
    }
    await this.remove(behindGap);
    if (behindGap.length > 0) this.#lastFile = Math.max(0, numbers.length - behindGap.length - 1);
  }

  /** Deletes the block files with these numbers and the undo files beside them. Throws StoreError. */
  async remove(files: readonly number[]): Promise<void> {
    for (const file of files) {
      for (const kind of KINDS) {
        const path = this.#path(kind, file);
        this.#close(kind, file);
        guarded(path, () => rmSync(path, { force: true }));
      }
      this.#bytes.delete(file);
      this.#numbers.delete(file);
    }
    this.#folderDirty = true;
    await this.#syncFolder();
  }

  /** Returns the position of the block's first byte. Throws StoreError; then nothing was written. */
  appendBlock(raw: Uint8Array): FilePosition {
    const { end } = this.#appendable('blk', this.#lastFile);
    const file =
      end > 0 && end + RECORD_HEADER_BYTES + raw.length >= this.#fileBytesMax
        ? this.#lastFile + 1
        : this.#lastFile;
    const position = this.#append('blk', file, raw);
    this.#lastFile = file;
    this.#numbers.add(file);
    return position;
  }

  /** To the undo file that belongs to block file `file`; `parentHash` is the block's previous hash. */
  appendUndo(file: number, raw: Uint8Array, parentHash: BlockHash): FilePosition {
    return this.#append('rev', file, raw, undoChecksum(raw, parentHash));
  }

  /** Throws StoreError when there is no block record at `position`. */
  readBlock(position: FilePosition): Promise<Uint8Array> {
    return this.#read('blk', position, (file, at, size) => this.#records.read(file, at, size));
  }

  /** `length` bytes of a block from its byte `from` on, fewer at its end. Throws StoreError like `readBlock`. */
  readBlockPart(
    position: FilePosition,
    part: { readonly from: number; readonly length: number },
  ): Promise<Uint8Array> {
    return this.#read('blk', position, (file, at, size) => this.#records.readPart(file, at, size, part));
  }

  /** Throws StoreError also when the checksum does not match. */
  async readUndo(position: FilePosition, parentHash: BlockHash): Promise<Uint8Array> {
    const whole = await this.#read('rev', position, (file, at, size) =>
      this.#records.read(file, at, size, CHECKSUM_BYTES),
    );
    const raw = whole.subarray(0, whole.length - CHECKSUM_BYTES);
    const expected = undoChecksum(raw, parentHash);
    if (Buffer.compare(expected, whole.subarray(raw.length)) !== 0)
      throw new StoreError('corrupted', `Wrong checksum of the undo data ${this.#describe('rev', position)}`);
    return raw;
  }

  /** All records appended so far survive a loss of power when this is done. Nothing may be appended meanwhile. */
  async sync(): Promise<void> {
    try {
      // Each block file has its undo file, also where nothing was spent (Core: FlushBlockFile).
      if (this.#numbers.has(this.#lastFile)) this.#appendable('rev', this.#lastFile);
      for (const [kind, number, file] of this.#opened()) {
        if (file.dirty) await fdatasync(file.fd);
        file.dirty = false;
        // Only the newest block file is certain to be written to again.
        if (kind !== 'blk' || number !== this.#lastFile) this.#close(kind, number);
      }
    } catch (error) {
      throw ioError(this.#folder, error);
    }
    await this.#syncFolder();
  }

  /**
   * The block records from the one whose payload starts at `from` (undefined: the first of all), in file order.
   * A record torn at the end of the last file was never acknowledged: it is cut off, so that appending goes on
   * behind the last whole one. Must be read to its end before anything is appended. Throws StoreError when there
   * is no record at `from` itself: that one was acknowledged.
   */
  async *scan(from: FilePosition | undefined): AsyncGenerator<BlockRecord, void, void> {
    const firstFile = from?.file ?? 0;
    for (let file = firstFile; file <= this.#lastFile; file += 1) {
      const path = this.#path('blk', file);
      if (!existsSync(path)) continue;
      const bytes = statSync(path).size;
      let at = file === firstFile && from !== undefined ? from.offset - RECORD_HEADER_BYTES : 0;
      const handle = await open(path, 'r');
      try {
        for (;;) {
          const raw = await this.#records.read(handle, at, bytes);
          const position = { file, offset: at + RECORD_HEADER_BYTES };
          if (raw === undefined) {
            if (file === from?.file && position.offset === from.offset)
              throw new StoreError('corrupted', `There is no record ${this.#describe('blk', position)}`);
            break;
          }
          yield { position, raw };
          at += RECORD_HEADER_BYTES + raw.length;
        }
      } finally {
        await handle.close();
      }
      if (file !== this.#lastFile || at >= bytes) continue;
      this.cutBytes += bytes - at;
      this.#truncate('blk', file, at);
    }
  }

  close(): void {
    for (const [kind, number] of this.#opened()) this.#close(kind, number);
  }

  async #syncFolder(): Promise<void> {
    if (!this.#folderDirty) return;
    try {
      const folder = await open(this.#folder, 'r');
      await folder.sync().finally(() => folder.close());
    } catch (error) {
      throw ioError(this.#folder, error);
    }
    this.#folderDirty = false;
  }

  #grow(file: number, bytes: number): void {
    this.#bytes.set(file, (this.#bytes.get(file) ?? 0) + bytes);
  }

  #append(kind: Kind, file: number, raw: Uint8Array, checksum?: Uint8Array): FilePosition {
    const target = this.#appendable(kind, file);
    const start = target.end;
    const record = this.#records.encode(start, raw, checksum);
    try {
      for (let written = 0; written < record.length; )
        written += writeSync(target.fd, record, written, record.length - written, start + written);
    } catch (error) {
      // A full disk may have taken a part: leave no torn record behind.
      ftruncateSync(target.fd, start);
      throw ioError(target.path, error);
    }
    target.end = start + record.length;
    target.dirty = true;
    this.#grow(file, record.length);
    return { file, offset: start + RECORD_HEADER_BYTES };
  }

  #appendable(kind: Kind, file: number): OpenFile {
    const known = this.#open[kind].get(file);
    if (known !== undefined) return known;
    const path = this.#path(kind, file);
    const target = guarded(path, () => {
      if (!existsSync(path)) this.#folderDirty = true;
      const fd = openSync(path, existsSync(path) ? 'r+' : 'w+');
      return { path, fd, end: statSync(path).size, dirty: false };
    });
    this.#open[kind].set(file, target);
    return target;
  }

  /** A list of its own, so that they may be closed meanwhile. Block files first, since undo data tells of blocks. */
  #opened(): (readonly [Kind, number, OpenFile])[] {
    return KINDS.flatMap(kind =>
      Array.from(this.#open[kind], ([number, file]) => [kind, number, file] as const),
    );
  }

  /** Does nothing for a file that is not open. */
  #close(kind: Kind, number: number): void {
    const file = this.#open[kind].get(number);
    if (file === undefined) return;
    closeSync(file.fd);
    this.#open[kind].delete(number);
  }

  #truncate(kind: Kind, file: number, bytes: number): void {
    const target = this.#appendable(kind, file);
    guarded(target.path, () => ftruncateSync(target.fd, bytes));
    this.#grow(file, bytes - target.end);
    target.end = bytes;
    target.dirty = true;
  }

  async #read(
    kind: Kind,
    position: FilePosition,
    read: (file: FileHandle, at: number, size: number) => Promise<Uint8Array | undefined>,
  ): Promise<Uint8Array> {
    const path = this.#path(kind, position.file);
    let handle: FileHandle;
    try {
      handle = await open(path, 'r');
    } catch (error) {
      throw ioError(path, error);
    }
    try {
      const { size } = await handle.stat();
      const at = position.offset - RECORD_HEADER_BYTES;
      const raw = at < 0 ? undefined : await read(handle, at, size);
      if (raw === undefined)
        throw new StoreError('corrupted', `There is no record ${this.#describe(kind, position)}`);
      return raw;
    } finally {
      await handle.close();
    }
  }

  #path(kind: Kind, file: number): string {
    return join(this.#folder, fileName(kind, file));
  }

  #describe(kind: Kind, position: FilePosition): string {
    return `at offset ${position.offset} of ${this.#path(kind, position.file)}`;
  }
}

function fileName(kind: Kind, file: number): string {
  return `${kind}${String(file).padStart(5, '0')}.dat`;
}

/** Core: the hash of the parent's hash and the undo data. */
function undoChecksum(raw: Uint8Array, parentHash: BlockHash): Uint8Array {
  return binaryToBytes(sha256d(concatBytes(binaryToBytes(parentHash), raw)));
}
