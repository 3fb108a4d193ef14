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
  /** Which positions of each of `#used` are filled, as the bits of two numbers: a draw looks at all 64 of a bucket. */
  readonly #filled: number[] = [];

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
    const usage = this.#usage.get(bucket) ?? this.#used.length * USAGE_BASE;
    this.#usage.set(bucket, usage + 1);
    const place = Math.floor(usage / USAGE_BASE);
    if (place === this.#used.length) {
      this.#used.push(bucket);
      this.#filled.push(0, 0);
    }
    this.#filled[wordOf(place, slot)]! |= bitOf(slot);
  }

  remove(slot: Slot): void {
    assert(this.#slots.delete(slot), 'only a filled slot is emptied');
    const bucket = bucketOfSlot(slot);
    const usage = this.#usage.get(bucket)! - 1;
    if (usage % USAGE_BASE > 0) {
      this.#usage.set(bucket, usage);
      this.#filled[wordOf(Math.floor(usage / USAGE_BASE), slot)]! &= ~bitOf(slot);
      return;
    }
    this.#usage.delete(bucket);
    const last = this.#used.pop()!;
    const filled = this.#filled.splice(-2);
    if (last === bucket) return;
    // `usage` is now the freed place alone.
    const place = usage / USAGE_BASE;
    this.#used[place] = last;
    this.#usage.set(last, usage + (this.#usage.get(last)! % USAGE_BASE));
    [this.#filled[2 * place], this.#filled[2 * place + 1]] = filled as [number, number];
  }

  holdsAny(fits: (item: number) => boolean): boolean {
    return this.#slots.hasValue(fits);
  }

  /** A random non-empty bucket, and in it the first item that `fits` from a random position on; undefined if none there does. */
  draw(random: Random, fits: (item: number) => boolean): number | undefined {
    const place = randomBelow(random, this.#used.length);
    const start = randomBelow(random, BUCKET_SIZE);
    const bucket = this.#used[place]!;
    // Word by word around the bucket: the one of `start` comes first with what is behind `start`, and last with the rest.
    for (let turn = 0; turn < 3; turn += 1) {
      const ahead = turn === 0 ? -1 << start : turn === 1 ? -1 : ~(-1 << start);
      const word = ((start >>> 5) + turn) & 1;
      for (let bits = this.#filled[2 * place + word]! & ahead; bits !== 0; bits &= bits - 1) {
        const item = this.#slots.get(slotOf(bucket, 32 * word + 31 - Math.clz32(bits & -bits)))!;
        if (fits(item)) return item;
      }
    }
    return undefined;
  }
}

/** Where in `#filled` the bit of a slot is, whose bucket stands at `place`. */
function wordOf(place: number, slot: Slot): number {
  return 2 * place + ((slot >>> 5) & 1);
}

function bitOf(slot: Slot): number {
  return 1 << (slot & 31);
}
