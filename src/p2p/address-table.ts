/**
 * One of the two tables of the address book: buckets of 64 slots, of which most are empty, so slots are a map. Knows
 * which buckets hold anything: drawing a random bucket until one is not empty, as Core does, is drawing from those.
 */
import { assert } from '../base/assert.ts';
import { IntMap } from '../base/int-map.ts';
import { type Random, randomBelow } from '../base/random.ts';

/** Slots in a bucket (Core: ADDRMAN_BUCKET_SIZE). */
export const BUCKET_SIZE = 64;

/** Two small numbers in one: above any count of items in a bucket. */
const USAGE_BASE = 128;

/** Bucket × 64 + position. */
export type Slot = number;

export function slotOf(bucket: number, position: number): Slot {
  return bucket * BUCKET_SIZE + position;
}

export function bucketOfSlot(slot: Slot): number {
  return Math.floor(slot / BUCKET_SIZE);
}

/** Slots hold entries by their numbers. */
export class AddressTable {
  readonly #slots = new IntMap();
  /** Buckets with something in them, in no order; and where each stands there (× USAGE_BASE) plus its number of items. */
  readonly #used: number[] = [];
  readonly #usage = new IntMap();

  get size(): number {
    return this.#slots.size;
  }

  at(slot: Slot): number | undefined {
    return this.#slots.get(slot);
  }

  /** By slot. */
  entries(): [Slot, number][] {
    return [...this.#slots.entries()].sort(([a], [b]) => a - b);
  }

  put(slot: Slot, item: number): void {
    assert(!this.#slots.has(slot), 'a slot is emptied before it is filled');
    this.#slots.set(slot, item);
    const bucket = bucketOfSlot(slot);
    const usage = this.#usage.get(bucket);
    if (usage !== undefined) this.#usage.set(bucket, usage + 1);
    else {
      this.#usage.set(bucket, this.#used.length * USAGE_BASE + 1);
      this.#used.push(bucket);
    }
  }

  remove(slot: Slot): void {
    assert(this.#slots.delete(slot), 'only a filled slot is emptied');
    const bucket = bucketOfSlot(slot);
    const usage = this.#usage.get(bucket)! - 1;
    if (usage % USAGE_BASE > 0) {
      this.#usage.set(bucket, usage);
      return;
    }
    this.#usage.delete(bucket);
    const last = this.#used.pop()!;
    if (last === bucket) return;
    // `usage` is now the freed place alone.
    this.#used[usage / USAGE_BASE] = last;
    this.#usage.set(last, usage + (this.#usage.get(last)! % USAGE_BASE));
  }

  holdsAny(fits: (item: number) => boolean): boolean {
    for (const [, item] of this.#slots.entries()) if (fits(item)) return true;
    return false;
  }

  /** A random non-empty bucket, and in it the first item that `fits` from a random position on; undefined if none there does. */
  draw(random: Random, fits: (item: number) => boolean): number | undefined {
    const bucket = this.#used[randomBelow(random, this.#used.length)]!;
    const start = randomBelow(random, BUCKET_SIZE);
    for (let i = 0; i < BUCKET_SIZE; i += 1) {
      const item = this.#slots.get(slotOf(bucket, (start + i) % BUCKET_SIZE));
      if (item !== undefined && fits(item)) return item;
    }
    return undefined;
  }
}
