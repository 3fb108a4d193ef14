/** Randomness of the operating system, read in pages: one call for each number would cost a microsecond each. */
import { randomFillSync } from 'node:crypto';
import type { Random } from '../base/random.ts';

const PAGE_BYTES = 4096;

export class SystemRandom implements Random {
  readonly #page = Buffer.alloc(PAGE_BYTES);
  #used = PAGE_BYTES;

  u32(): number {
    const at = this.#take(4);
    const value = this.#page.readUInt32LE(at);
    this.#page.fill(0, at, at + 4);
    return value;
  }

  bytes(length: number): Uint8Array {
    return randomFillSync(new Uint8Array(length));
  }

  #take(length: number): number {
    if (this.#used + length > PAGE_BYTES) {
      randomFillSync(this.#page);
      this.#used = 0;
    }
    const at = this.#used;
    this.#used += length;
    return at;
  }
}
