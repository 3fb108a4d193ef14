/**
 * Where the addresses of the book stand (Core: the tables of src/addrman.cpp): each in one slot of `tried` or in up to
 * eight of `new`, in one list that random choice runs on, and found by itself. Keeps these in step; what moves, and
 * when, the book says.
 */
import { assert } from '../base/assert.ts';
import type { UnixSeconds } from '../base/clock.ts';
import { addressKey, addressText, type NetAddress } from '../wire/net-address.ts';
import { type AddressEntry, isTerrible } from './address-entry.ts';
import { NEW_BUCKETS, newBucket, newSlot, triedSlot } from './address-hash.ts';
import { AddressTable, BUCKET_SIZE, bucketOfSlot, type Slot } from './address-table.ts';
import { isValidHost, type NetHost, type RoutingOptions } from './netgroup.ts';

/** Buckets of `new` in which one address may stand (Core: ADDRMAN_NEW_BUCKETS_PER_ADDRESS). */
export const NEW_SLOTS_PER_ADDRESS = 8;

export interface TableEntry extends AddressEntry {
  /** Where in `new` it stands; empty when it is tried. */
  newSlots: Slot[];
  /** Where in `tried` it stands. */
  triedSlot: Slot | undefined;
  /** Index into the list that random choice runs on. */
  randomIndex: number;
}

/** An entry with its place, as `getrawaddrman` shows it. */
export interface PlacedEntry {
  readonly entry: AddressEntry;
  readonly table: 'new' | 'tried';
  readonly bucket: number;
  readonly position: number;
}

/** The book as plain data, as `peers.dat` holds it; `newBuckets[b]` are indexes into `fresh`. */
export interface AddressBookData {
  readonly key: Uint8Array;
  readonly fresh: readonly AddressEntry[];
  readonly tried: readonly AddressEntry[];
  readonly newBuckets: readonly (readonly number[])[];
}

export class AddressTables {
  /** In the order in which random choice left them. */
  readonly all: readonly TableEntry[];
  readonly fresh = new AddressTable<TableEntry>();
  readonly tried = new AddressTable<TableEntry>();
  /** For the one in their slot of `tried` to be tested. Who gets it, or leaves the book, waits no more. */
  readonly waiting = new Set<TableEntry>();
  readonly #key: Uint8Array;
  readonly #options: RoutingOptions;
  readonly #all: TableEntry[] = [];
  readonly #byAddress = new Map<string, TableEntry>();
  #freshCount = 0;

  /** With `data`, as it was saved; entries that no longer fit are dropped. */
  constructor(key: Uint8Array, options: RoutingOptions, data?: AddressBookData) {
    this.#key = key;
    this.#options = options;
    this.all = this.#all;
    if (data) this.#restore(data);
  }

  get newCount(): number {
    return this.#freshCount;
  }

  find(address: NetAddress): TableEntry | undefined {
    return this.#byAddress.get(addressKey(address));
  }

  /** Who stands in the slot of `tried` that is for this address. */
  triedRivalOf(address: NetAddress): TableEntry | undefined {
    return this.tried.at(triedSlot(this.#key, address, this.#options));
  }

  /** Belongs to `new`, and has to be placed there next. */
  create(entry: AddressEntry): TableEntry {
    // Field by field: an object made by spreading another has a hidden class of its own, five times its size.
    const created: TableEntry = {
      address: entry.address,
      source: entry.source,
      services: entry.services,
      time: entry.time,
      lastTry: entry.lastTry,
      lastCountedTry: entry.lastCountedTry,
      lastSuccess: entry.lastSuccess,
      attempts: entry.attempts,
      newSlots: [],
      triedSlot: undefined,
      randomIndex: this.#all.length,
    };
    this.#all.push(created);
    this.#byAddress.set(addressKey(entry.address), created);
    this.#freshCount += 1;
    return created;
  }

  /** Into the slot of `new` that `source` reaches; false: it stands there already, or who does is better. */
  placeNew(entry: TableEntry, source: NetHost, now: UnixSeconds): boolean {
    const slot = this.#newSlotOf(entry, source);
    const holder = this.fresh.at(slot);
    if (holder === entry) return false;
    if (holder && !isTerrible(holder, now) && !(holder.newSlots.length > 1 && entry.newSlots.length === 0)) {
      if (entry.newSlots.length === 0) this.#delete(entry);
      return false;
    }
    if (holder) this.#clearNew(slot, holder);
    this.fresh.put(slot, entry);
    // Exactly as long as it is: pushing would make room for sixteen more.
    entry.newSlots = entry.newSlots.length === 0 ? [slot] : [...entry.newSlots, slot];
    return true;
  }

  /** Whoever has its slot there goes back to `new`. */
  moveToTried(entry: TableEntry): void {
    const slot = triedSlot(this.#key, entry.address, this.#options);
    for (const from of entry.newSlots) this.fresh.remove(from);
    entry.newSlots = [];
    this.#freshCount -= 1;
    const old = this.tried.at(slot);
    if (old) {
      // It goes back to `new`, into the slot of who told us of it, whoever stands there.
      this.tried.remove(slot);
      old.triedSlot = undefined;
      this.#freshCount += 1;
      const back = this.#newSlotOf(old, old.source);
      const holder = this.fresh.at(back);
      if (holder) this.#clearNew(back, holder);
      this.fresh.put(back, old);
      old.newSlots = [back];
    }
    this.tried.put(slot, entry);
    entry.triedSlot = slot;
    this.waiting.delete(entry);
  }

  /** Every filled slot; an address of `new` comes once for each of its slots. */
  *entries(table: 'new' | 'tried'): Generator<PlacedEntry> {
    for (const [slot, entry] of (table === 'new' ? this.fresh : this.tried).entries())
      yield { entry, table, bucket: bucketOfSlot(slot), position: slot % BUCKET_SIZE };
  }

  data(): AddressBookData {
    const fresh = this.#all.filter(entry => entry.triedSlot === undefined);
    const indexes = new Map(fresh.map((entry, i) => [entry, i]));
    const newBuckets: number[][] = Array.from({ length: NEW_BUCKETS }, () => []);
    for (const [slot, entry] of [...this.fresh.entries()].sort(([a], [b]) => a - b))
      newBuckets[bucketOfSlot(slot)]!.push(indexes.get(entry)!);
    const tried = this.#all.filter(entry => entry.triedSlot !== undefined);
    return { key: this.#key, fresh, tried, newBuckets };
  }

  /** What contradicts itself in the tables, if anything does (Core: CheckAddrman). */
  findFault(): string | undefined {
    let [fresh, slots] = [0, 0];
    for (const [index, entry] of this.#all.entries()) {
      const name = addressText(entry.address);
      if (entry.randomIndex !== index) return `${name} is not where its index says`;
      if (this.#byAddress.get(addressKey(entry.address)) !== entry)
        return `${name} is not found by its address`;
      if (entry.triedSlot === undefined) {
        fresh += 1;
        slots += entry.newSlots.length;
        if (entry.newSlots.length === 0) return `${name} stands nowhere`;
        if (entry.newSlots.length > NEW_SLOTS_PER_ADDRESS) return `${name} stands in too many buckets`;
        for (const slot of entry.newSlots) {
          if (this.fresh.at(slot) !== entry) return `${name} does not stand where it says`;
          if (newSlot(this.#key, entry.address, bucketOfSlot(slot)) !== slot)
            return `${name} stands in a wrong place of its bucket`;
        }
      } else {
        if (entry.newSlots.length > 0) return `${name} is tried and new`;
        if (entry.lastSuccess === 0) return `${name} is tried without a success`;
        if (this.tried.at(entry.triedSlot) !== entry) return `${name} does not stand where it says`;
        if (triedSlot(this.#key, entry.address, this.#options) !== entry.triedSlot)
          return `${name} stands in a wrong bucket`;
      }
    }
    if (fresh !== this.#freshCount) return 'the count of new addresses is wrong';
    if (slots !== this.fresh.size) return 'a slot of new holds what is not there';
    if (this.#all.length - fresh !== this.tried.size) return 'a slot of tried holds what is not there';
    return undefined;
  }

  /** Changes places in `all`. */
  swap(i: number, j: number): void {
    const [a, b] = [this.#all[i]!, this.#all[j]!];
    [this.#all[i], this.#all[j]] = [b, a];
    a.randomIndex = j;
    b.randomIndex = i;
  }

  #newSlotOf({ address }: TableEntry, source: NetHost): Slot {
    return newSlot(this.#key, address, newBucket(this.#key, address, source, this.#options));
  }

  #clearNew(slot: Slot, holder: TableEntry): void {
    this.fresh.remove(slot);
    holder.newSlots = holder.newSlots.filter(other => other !== slot);
    if (holder.newSlots.length === 0) this.#delete(holder);
  }

  #delete(entry: TableEntry): void {
    assert(entry.newSlots.length === 0 && entry.triedSlot === undefined, 'a deleted address stands nowhere');
    this.swap(entry.randomIndex, this.#all.length - 1);
    this.#all.pop();
    this.#byAddress.delete(addressKey(entry.address));
    this.waiting.delete(entry);
    this.#freshCount -= 1;
  }

  #restore(data: AddressBookData): void {
    const fresh = data.fresh.map(entry => this.#createOnce(entry));
    for (const saved of data.tried) {
      const slot = triedSlot(this.#key, saved.address, this.#options);
      if (!isValidHost(saved.address) || this.tried.at(slot)) continue;
      const entry = this.#createOnce(saved);
      if (!entry) continue;
      this.tried.put(slot, entry);
      entry.triedSlot = slot;
      this.#freshCount -= 1;
    }
    data.newBuckets.forEach((indexes, bucket) => {
      for (const index of indexes) {
        const entry = fresh[index];
        if (!entry || !isValidHost(entry.address) || entry.newSlots.length >= NEW_SLOTS_PER_ADDRESS) continue;
        const told = newBucket(this.#key, entry.address, entry.source, this.#options);
        const slot = [bucket, told]
          .map(b => newSlot(this.#key, entry.address, b))
          .find(s => !this.fresh.at(s));
        if (slot === undefined) continue;
        this.fresh.put(slot, entry);
        entry.newSlots.push(slot);
      }
    });
    for (const entry of fresh) if (entry && entry.newSlots.length === 0) this.#delete(entry);
  }

  /** undefined for an address that is here already: a file that lists one twice is not trusted with it. */
  #createOnce(entry: AddressEntry): TableEntry | undefined {
    return this.#byAddress.has(addressKey(entry.address)) ? undefined : this.create(entry);
  }
}
