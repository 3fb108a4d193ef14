/**
 * Where the addresses of the book stand (Core: the tables of src/addrman.cpp): each in one slot of `tried` or in up to
 * eight of `new`, in one list that random choice runs on, and found by itself. Keeps these in step; what moves, and
 * when, the book says.
 */

import { assert } from '../base/assert.ts';
import type { UnixSeconds } from '../base/clock.ts';
import { LateSet } from '../base/late-map.ts';
import { addressText, type NetAddress } from '../wire/net-address.ts';
import { AddressEntries, type EntryId, NEW_SLOTS_PER_ADDRESS } from './address-entries.ts';
import { type AddressEntry, isTerrible } from './address-entry.ts';
import { NEW_BUCKETS, newBucket, newSlot, triedSlot } from './address-hash.ts';
import { AddressIndex } from './address-index.ts';
import { AddressTable, BUCKET_SIZE, bucketOfSlot, type Slot } from './address-table.ts';
import { isValidHost, type NetHost, type RoutingOptions } from './netgroup.ts';

/** An entry with its place, as `getrawaddrman` shows it. */
export interface PlacedEntry {
  readonly entry: AddressEntry;
  readonly table: 'new' | 'tried';
  readonly bucket: number;
  readonly position: number;
}

/**
 * The book as plain data, as `peers.dat` holds it; `newBuckets[b]` are indexes into `fresh`. Without them, each address goes
 * where its source puts it.
 */
export interface AddressBookData {
  readonly key: Uint8Array;
  readonly fresh: readonly AddressEntry[];
  readonly tried: readonly AddressEntry[];
  readonly newBuckets?: readonly (readonly number[])[];
}

export class AddressTables {
  /** In the order in which random choice left them. */
  readonly all: readonly EntryId[];
  readonly entries = new AddressEntries();
  readonly fresh = new AddressTable();
  readonly tried = new AddressTable();
  /** For the one in their slot of `tried` to be tested. Who gets it, or leaves the book, waits no more. */
  readonly waiting = new LateSet<EntryId>();
  readonly #key: Uint8Array;
  readonly #options: RoutingOptions;
  readonly #all: EntryId[] = [];
  readonly #byAddress: AddressIndex;
  #freshCount = 0;

  readonly #shared: (address: NetAddress) => NetAddress;

  /** With `data`, as it was saved; entries that no longer fit are dropped. `shared`: see `AddressBook`. */
  constructor(
    { key, shared }: { readonly key: Uint8Array; readonly shared: (address: NetAddress) => NetAddress },
    options: RoutingOptions,
    data?: AddressBookData,
  ) {
    this.#key = key;
    this.#shared = shared;
    this.#options = options;
    this.all = this.#all;
    const secret = new DataView(key.buffer, key.byteOffset).getUint32(0);
    this.#byAddress = new AddressIndex(secret, id => this.entries.addressOf(id));
    if (data) this.#restore(data);
  }

  get newCount(): number {
    return this.#freshCount;
  }

  find(address: NetAddress): EntryId | undefined {
    return this.#byAddress.find(address);
  }

  /** Who stands in the slot of `tried` that is for this address. */
  triedRivalOf(address: NetAddress): EntryId | undefined {
    return this.tried.at(this.triedSlotFor(address));
  }

  /** Where in `tried` the address may stand: worked out by hashing. */
  triedSlotFor(address: NetAddress): Slot {
    return triedSlot(this.#key, address, this.#options);
  }

  /** Belongs to `new`, and has to be placed there next. */
  create(entry: AddressEntry): EntryId {
    const id = this.entries.create(entry, this.#shared(entry.address), this.#all.length);
    this.#all.push(id);
    this.#byAddress.add(id);
    this.#freshCount += 1;
    return id;
  }

  /** Into the slot of `new` that `source` reaches; false: it stands there already, or who does is better. */
  placeNew(id: EntryId, source: NetHost, now: UnixSeconds): boolean {
    const { entries } = this;
    const slot = this.#newSlotOf(id, source);
    const holder = this.fresh.at(slot);
    if (holder === id) return false;
    if (holder !== undefined && !isTerrible(entries.get(holder), now)) {
      const isSurplus = entries.newCountOf(holder) > 1 && entries.newCountOf(id) === 0;
      if (!isSurplus) {
        if (entries.newCountOf(id) === 0) this.#delete(id);
        return false;
      }
    }
    if (holder !== undefined) this.#clearNew(slot, holder);
    this.#putNew(slot, id);
    return true;
  }

  /** Into the slot that is for its address; whoever has that goes back to `new`. */
  moveToTried(id: EntryId, slot: Slot): void {
    const { entries } = this;
    for (const from of entries.newSlotsOf(id)) this.fresh.remove(from);
    entries.clearNewSlots(id);
    this.#freshCount -= 1;
    const old = this.tried.at(slot);
    if (old !== undefined) {
      // It goes back to `new`, into the slot of who told us of it, whoever stands there.
      this.tried.remove(slot);
      entries.setTriedSlot(old, undefined);
      this.#freshCount += 1;
      const back = this.#newSlotOf(old, entries.sourceOf(old));
      const holder = this.fresh.at(back);
      if (holder !== undefined) this.#clearNew(back, holder);
      this.#putNew(back, old);
    }
    this.tried.put(slot, id);
    entries.setTriedSlot(id, slot);
    this.waiting.delete(id);
  }

  isTried(id: EntryId): boolean {
    return this.entries.triedSlotOf(id) !== undefined;
  }

  /** Every filled slot; an address of `new` comes once for each of its slots. */
  *placed(table: 'new' | 'tried'): Generator<PlacedEntry> {
    for (const [slot, id] of (table === 'new' ? this.fresh : this.tried).entries())
      yield {
        entry: this.entries.get(id),
        table,
        bucket: bucketOfSlot(slot),
        position: slot % BUCKET_SIZE,
      };
  }

  data(): Required<AddressBookData> {
    const fresh = this.#all.filter(id => !this.isTried(id));
    const indexes = new Map(fresh.map((id, i) => [id, i]));
    const newBuckets: number[][] = Array.from({ length: NEW_BUCKETS }, () => []);
    for (const [slot, id] of this.fresh.entries()) newBuckets[bucketOfSlot(slot)]!.push(indexes.get(id)!);
    const tried = this.#all.filter(id => this.isTried(id));
    const get = (id: EntryId) => this.entries.get(id);
    return { key: this.#key, fresh: fresh.map(get), tried: tried.map(get), newBuckets };
  }

  /** What contradicts itself in the tables, if anything does (Core: CheckAddrman). */
  findFault(): string | undefined {
    const { entries } = this;
    let [fresh, slots] = [0, 0];
    for (const [index, id] of this.#all.entries()) {
      const address = entries.addressOf(id);
      const name = addressText(address);
      if (entries.randomIndexOf(id) !== index) return `${name} is not where its index says`;
      if (this.find(address) !== id) return `${name} is not found by its address`;
      const newSlots = entries.newSlotsOf(id);
      const slotOfTried = entries.triedSlotOf(id);
      if (slotOfTried === undefined) {
        fresh += 1;
        slots += newSlots.length;
        if (newSlots.length === 0) return `${name} stands nowhere`;
        if (newSlots.length > NEW_SLOTS_PER_ADDRESS) return `${name} stands in too many buckets`;
        for (const slot of newSlots) {
          if (this.fresh.at(slot) !== id) return `${name} does not stand where it says`;
          if (newSlot(this.#key, address, bucketOfSlot(slot)) !== slot)
            return `${name} stands in a wrong place of its bucket`;
        }
      } else {
        if (newSlots.length > 0) return `${name} is tried and new`;
        if (entries.lastSuccessOf(id) === 0) return `${name} is tried without a success`;
        if (this.tried.at(slotOfTried) !== id) return `${name} does not stand where it says`;
        if (triedSlot(this.#key, address, this.#options) !== slotOfTried)
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
    const a = this.#all[i]!;
    const b = this.#all[j]!;
    this.#all[i] = b;
    this.#all[j] = a;
    this.entries.setRandomIndex(a, j);
    this.entries.setRandomIndex(b, i);
  }

  #newSlotOf(id: EntryId, source: NetHost): Slot {
    const address = this.entries.addressOf(id);
    return newSlot(this.#key, address, newBucket(this.#key, address, source, this.#options));
  }

  #putNew(slot: Slot, id: EntryId): void {
    this.fresh.put(slot, id);
    this.entries.addNewSlot(id, slot);
  }

  #clearNew(slot: Slot, holder: EntryId): void {
    this.fresh.remove(slot);
    this.entries.removeNewSlot(holder, slot);
    if (this.entries.newCountOf(holder) === 0) this.#delete(holder);
  }

  #delete(id: EntryId): void {
    const { entries } = this;
    assert(entries.newCountOf(id) === 0 && !this.isTried(id), 'a deleted address stands nowhere');
    this.swap(entries.randomIndexOf(id), this.#all.length - 1);
    this.#all.pop();
    this.#byAddress.remove(entries.addressOf(id));
    entries.delete(id);
    this.waiting.delete(id);
    this.#freshCount -= 1;
  }

  #restore(data: AddressBookData): void {
    const { entries } = this;
    const fresh = data.fresh.map(entry => this.#createOnce(entry));
    for (const saved of data.tried) {
      const slot = triedSlot(this.#key, saved.address, this.#options);
      if (!isValidHost(saved.address) || this.tried.at(slot) !== undefined) continue;
      const id = this.#createOnce(saved);
      if (id === undefined) continue;
      this.tried.put(slot, id);
      entries.setTriedSlot(id, slot);
      this.#freshCount -= 1;
    }
    // Where it stood, or else where its source puts it.
    const put = (id: EntryId | undefined, bucket?: number) => {
      if (id === undefined || entries.newCountOf(id) >= NEW_SLOTS_PER_ADDRESS) return;
      const address = entries.addressOf(id);
      if (!isValidHost(address)) return;
      const before = bucket === undefined ? undefined : newSlot(this.#key, address, bucket);
      const isFree = before !== undefined && this.fresh.at(before) === undefined;
      const slot = isFree ? before : this.#newSlotOf(id, entries.sourceOf(id));
      if (this.fresh.at(slot) === undefined) this.#putNew(slot, id);
    };
    if (data.newBuckets === undefined) for (const id of fresh) put(id);
    data.newBuckets?.forEach((indexes, bucket) => {
      for (const index of indexes) put(fresh[index], bucket);
    });
    for (const id of fresh) if (id !== undefined && entries.newCountOf(id) === 0) this.#delete(id);
  }

  /** undefined for an address that is here already: a file that lists one twice is not trusted with it. */
  #createOnce(entry: AddressEntry): EntryId | undefined {
    return this.find(entry.address) === undefined ? this.create(entry) : undefined;
  }
}
