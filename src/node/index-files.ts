/**
 * The numbered files of an index, written and read at places that the index chooses. An index writes each place once, or
 * again after a crash; so a file may be longer than what is known of it.
 */
import fs from 'node:fs';
import path from 'node:path';
import type { FilePosition } from '../chain/effects.ts';
import type { FileWrite } from '../chain/indexes/chain-index.ts';
import { StoreError } from '../store/errors.ts';

export class IndexFiles {
  readonly #folder: string;
  readonly #prefix: string;
  readonly #open = new Map<number, number>();
  readonly #unsynced = new Set<number>();

  /** `folder` exists. */
  constructor(folder: string, prefix: string) {
    this.#folder = folder;
    this.#prefix = prefix;
  }

  /** Throws StoreError. */
  write({ position, bytes }: FileWrite): void {
    this.#try('write', position.file, () => {
      const file = this.#handle(position.file);
      for (let done = 0; done < bytes.length; )
        done += fs.writeSync(file, bytes, done, bytes.length - done, position.offset + done);
      this.#unsynced.add(position.file);
    });
  }

  /** Up to `length` bytes; fewer at the end of the file. Throws StoreError. */
  read({ file, offset }: FilePosition, length: number): Uint8Array {
    return this.#try('read', file, () => {
      const bytes = new Uint8Array(length);
      let done = 0;
      while (done < length) {
        const count = fs.readSync(this.#handle(file), bytes, done, length - done, offset + done);
        if (count === 0) break;
        done += count;
      }
      return bytes.subarray(0, done);
    });
  }

  /** All that was written is on disk. Throws StoreError. */
  sync(): void {
    for (const file of this.#unsynced) this.#try('write', file, () => fs.fsyncSync(this.#handle(file)));
    this.#unsynced.clear();
  }

  close(): void {
    for (const handle of this.#open.values()) fs.closeSync(handle);
    this.#open.clear();
  }

  #handle(file: number): number {
    const open = this.#open.get(file);
    if (open !== undefined) return open;
    const handle = fs.openSync(this.#path(file), fs.constants.O_RDWR | fs.constants.O_CREAT, 0o600);
    this.#open.set(file, handle);
    return handle;
  }

  #path(file: number): string {
    return path.join(this.#folder, `${this.#prefix}${String(file).padStart(5, '0')}.dat`);
  }

  #try<T>(what: string, file: number, act: () => T): T {
    try {
      return act();
    } catch (error) {
      const { message } = error as Error;
      throw new StoreError('io', `Cannot ${what} ${this.#path(file)}: ${message}`, { cause: error });
    }
  }
}
