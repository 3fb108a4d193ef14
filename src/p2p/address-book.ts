/**
 * The addresses of other nodes that we heard of, and which to try (Core: src/addrman.cpp).
 *
 * `new` holds what was only told to us, `tried` what we once spoke with. Both are hashed tables with a secret key: who
 * tells us addresses reaches only the 64 buckets of its own group, and an address of one group only 8 buckets of `tried`,
 * so nobody can fill the book or aim at an entry. A tried address leaves its slot for another only after it was tested
 * (test-before-evict). All times in an entry are whole seconds, 0 for never.
 */
import { assert } from '../base/assert.ts';
import { type Milliseconds, toUnixSeconds, type UnixSeconds } from '../base/clock.ts';
import { type Random, randomBelow } from '../base/random.ts';
import {
  type AddressNetwork,
  addressKey,
  addressText,
  type NetAddress,
  type TimedAddress,
} from '../wire/net-address.ts';
import { type AddressEntry, chanceOf, entryOf, isTerrible } from './address-entry.ts';
import { NEW_BUCKETS, newBucket, newSlot, triedSlot } from './address-hash.ts';
import { AddressTable, bucketOfSlot, type Slot } from './address-table.ts';
import { isRoutable, isSameHost, isValidHost, type NetHost, networkClassOf, networkOf, type RoutingOptions } from './netgroup.ts'; // biome-ignore format: one list

/** Buckets of `new` in which one address may stand (Core: ADDRMAN_NEW_BUCKETS_PER_ADDRESS). */
const NEW_SLOTS_PER_ADDRESS = 8;
/** Core's, in little endian: the number 1. */
const TEST_KEY = Uint8Array.of(1, ...new Uint8Array(31));
/** A tried address that answered so recently keeps its slot (Core: ADDRMAN_REPLACEMENT). */
const REPLACEMENT_S = 4 * 3_600;
/** A collision that could not be tested for so long goes to the newcomer (Core: ADDRMAN_TEST_WINDOW). */
const TEST_WINDOW_S = 40 * 60;
/** Collisions that wait for a test (Core: ADDRMAN_SET_TRIED_COLLISION_SIZE). */
const COLLISIONS_MAX = 10;

interface Entry extends AddressEntry {
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

export interface AddressBookOptions extends RoutingOptions {
  /** The tables are checked at one in so many changes; 0 or absent: never (`-checkaddrman`). */
  readonly checkOneIn?: number;
  /** Where addresses go can be told beforehand (`-test=addrman`). */
  readonly hasTestKey?: boolean;
}

export interface Selected {
  readonly address: TimedAddress;
  readonly lastTry: UnixSeconds;
}

export class AddressBook {
  readonly #random: Random;
  readonly #options: AddressBookOptions;
  readonly #key: Uint8Array;
  readonly #byAddress = new Map<string, Entry>();
  readonly #all: Entry[] = [];
  readonly #fresh = new AddressTable<Entry>();
  readonly #tried = new AddressTable<Entry>();
  /** Waiting for the entry in their tried slot to be tested. */
  readonly #collisions = new Set<Entry>();
  #freshCount = 0;
  #lastGood: UnixSeconds = 1;

  /** With `data`, as it was saved; entries that no longer fit are dropped. */
  constructor(deps: { readonly random: Random }, options: AddressBookOptions, data?: AddressBookData) {
    this.#random = deps.random;
    this.#options = options;
    this.#key = data?.key ?? (options.hasTestKey ? TEST_KEY : deps.random.bytes(32));
    if (data) this.#restore(data);
    this.#check();
  }

  /** Addresses in all. */
  get size(): number {
    return this.#all.length;
  }

  get newCount(): number {
    return this.#freshCount;
  }

  get triedCount(): number {
    return this.#tried.size;
  }

  /** Those of one network. */
  countOf(network: AddressNetwork, table?: 'new' | 'tried'): number {
    let count = 0;
    for (const entry of this.#all) {
      const inTable = table === undefined || (entry.triedSlot === undefined ? 'new' : 'tried') === table;
      if (inTable && networkOf(entry.address, this.#options) === network) count += 1;
    }
    return count;
  }

  find(address: NetAddress): AddressEntry | undefined {
    return this.#byAddress.get(addressKey(address));
  }

  /**
   * Takes in what `source` told us; returns how many found a (further) slot. `penaltySeconds` makes them look older,
   * except what a host says of itself.
   */
  add(addresses: readonly TimedAddress[], source: NetHost, now: Milliseconds, penaltySeconds = 0): number {
    let added = 0;
    for (const address of addresses)
      if (this.#addOne(address, source, toUnixSeconds(now), penaltySeconds)) added += 1;
    this.#check();
    return added;
  }

  /** We spoke with it: it moves to `tried`, unless its slot there is taken: then that one is tested first. */
  good(address: NetAddress, now: Milliseconds): boolean {
    const isMoved = this.#good(address, toUnixSeconds(now), 'test-first');
    this.#check();
    return isMoved;
  }

  /** We tried to connect. A failure counts once between two successes of anybody, so that being offline counts for nothing. */
  attempt(address: NetAddress, now: Milliseconds, options: { readonly countFailure: boolean }): void {
    const entry = this.#byAddress.get(addressKey(address));
    if (!entry) return;
    entry.lastTry = toUnixSeconds(now);
    if (options.countFailure && entry.lastCountedTry < this.#lastGood) {
      entry.lastCountedTry = entry.lastTry;
      entry.attempts += 1;
    }
  }

  /** Told when a connection ends, not while it stands: else the times we hand out would tell whom we are connected to. */
  connected(address: NetAddress, now: Milliseconds): void {
    const entry = this.#byAddress.get(addressKey(address));
    const time = toUnixSeconds(now);
    if (entry && time - entry.time > 20 * 60) entry.time = time;
  }

  setServices(address: NetAddress, services: bigint): void {
    const entry = this.#byAddress.get(addressKey(address));
    if (entry) entry.services = services;
  }

  /** A random address worth a try: either table with even chance, then buckets with even chance, better entries sooner. */
  select(
    now: Milliseconds,
    wish: { readonly newOnly?: boolean; readonly networks?: ReadonlySet<AddressNetwork> } = {},
  ): Selected | undefined {
    const networks = wish.networks;
    const fits = (entry: Entry) =>
      networks === undefined || networks.has(networkOf(entry.address, this.#options) as AddressNetwork);
    const anyNew = hasAny(this.#fresh, fits);
    const anyTried = wish.newOnly !== true && hasAny(this.#tried, fits);
    if (!anyNew && !anyTried) return undefined;
    const useTried = anyTried && (!anyNew || randomBelow(this.#random, 2) === 1);
    const table = useTried ? this.#tried : this.#fresh;
    const time = toUnixSeconds(now);
    for (let factor = 1; ; ) {
      const entry = table.draw(this.#random, fits);
      if (entry === undefined) continue;
      if (randomBelow(this.#random, 1 << 30) < factor * chanceOf(entry, time) * (1 << 30))
        return selected(entry);
      factor *= 1.2;
    }
  }

  /** The tried address whose slot a newcomer waits for: to be dialed by a feeler. */
  selectTriedCollision(): Selected | undefined {
    if (this.#collisions.size === 0) return undefined;
    const waiting = [...this.#collisions][randomBelow(this.#random, this.#collisions.size)]!;
    const holder = this.#tried.at(triedSlot(this.#key, waiting.address, this.#options));
    return holder && selected(holder);
  }

  /** Decides the collisions that can be decided by now. */
  resolveCollisions(now: Milliseconds): void {
    const time = toUnixSeconds(now);
    for (const waiting of [...this.#collisions]) {
      const holder = this.#tried.at(triedSlot(this.#key, waiting.address, this.#options));
      if (holder !== undefined && !this.#loses(holder, waiting, time)) {
        if (time - holder.lastSuccess < REPLACEMENT_S) this.#collisions.delete(waiting);
        continue;
      }
      this.#collisions.delete(waiting);
      this.#good(waiting.address, time, 'evict');
    }
    this.#check();
  }

  /** A random choice to hand out, terrible ones left out; `max` and `percent` 0 are no limits. */
  addresses(
    now: Milliseconds,
    wish: {
      readonly max: number;
      readonly percent: number;
      readonly network?: AddressNetwork;
      readonly unfiltered?: true;
    },
  ): TimedAddress[] {
    let count = this.#all.length;
    if (wish.percent !== 0) count = Math.floor((wish.percent * count) / 100);
    if (wish.max !== 0) count = Math.min(count, wish.max);
    const chosen: TimedAddress[] = [];
    for (let i = 0; i < this.#all.length && chosen.length < count; i += 1) {
      this.#swap(i, i + randomBelow(this.#random, this.#all.length - i));
      const entry = this.#all[i]!;
      if (wish.network !== undefined && networkClassOf(entry.address, this.#options) !== wish.network)
        continue;
      if (wish.unfiltered !== true && isTerrible(entry, toUnixSeconds(now))) continue;
      chosen.push(timedAddress(entry));
    }
    return chosen;
  }

  /** Every filled slot; an address of `new` comes once for each of its slots. */
  *entries(table: 'new' | 'tried'): Generator<PlacedEntry> {
    for (const [slot, entry] of (table === 'new' ? this.#fresh : this.#tried).entries())
      yield { entry, table, bucket: bucketOfSlot(slot), position: slot % 64 };
  }

  data(): AddressBookData {
    const fresh = this.#all.filter(entry => entry.triedSlot === undefined);
    const indexes = new Map(fresh.map((entry, i) => [entry, i]));
    const newBuckets: number[][] = Array.from({ length: NEW_BUCKETS }, () => []);
    for (const [slot, entry] of [...this.#fresh.entries()].sort(([a], [b]) => a - b))
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
          if (this.#fresh.at(slot) !== entry) return `${name} does not stand where it says`;
          if (newSlot(this.#key, entry.address, bucketOfSlot(slot)) !== slot)
            return `${name} stands in a wrong place of its bucket`;
        }
      } else {
        if (entry.newSlots.length > 0) return `${name} is tried and new`;
        if (entry.lastSuccess === 0) return `${name} is tried without a success`;
        if (this.#tried.at(entry.triedSlot) !== entry) return `${name} does not stand where it says`;
        if (triedSlot(this.#key, entry.address, this.#options) !== entry.triedSlot)
          return `${name} stands in a wrong bucket`;
      }
    }
    if (fresh !== this.#freshCount) return 'the count of new addresses is wrong';
    if (slots !== this.#fresh.size) return 'a slot of new holds what is not there';
    if (this.#all.length - fresh !== this.#tried.size) return 'a slot of tried holds what is not there';
    return undefined;
  }

  #check(): void {
    const { checkOneIn = 0 } = this.#options;
    if (checkOneIn === 0 || (checkOneIn > 1 && randomBelow(this.#random, checkOneIn) !== 0)) return;
    const fault = this.findFault();
    assert(fault === undefined, `the address book is consistent: ${fault}`);
  }

  #addOne(heard: TimedAddress, source: NetHost, now: UnixSeconds, penaltySeconds: number): boolean {
    if (!isRoutable(heard, this.#options)) return false;
    const penalty = isSameHost(heard, source) ? 0 : penaltySeconds;
    let entry = this.#byAddress.get(addressKey(heard));
    if (entry) {
      const interval = now - heard.time < 86_400 ? 3_600 : 86_400;
      if (entry.time < heard.time - interval - penalty) entry.time = Math.max(0, heard.time - penalty);
      entry.services |= heard.services;
      if (heard.time <= entry.time || entry.triedSlot !== undefined) return false;
      const slots = entry.newSlots.length;
      if (slots === NEW_SLOTS_PER_ADDRESS) return false;
      // Each slot more is twice as hard to get.
      if (slots > 0 && randomBelow(this.#random, 1 << slots) !== 0) return false;
    } else entry = this.#create(entryOf(heard, source, Math.max(0, heard.time - penalty)));
    return this.#placeNew(entry, newSlot(this.#key, entry.address, newBucket(this.#key, entry.address, source, this.#options)), now); // biome-ignore format: one step
  }

  #placeNew(entry: Entry, slot: Slot, now: UnixSeconds): boolean {
    const holder = this.#fresh.at(slot);
    if (holder === entry) return false;
    if (holder && !isTerrible(holder, now) && !(holder.newSlots.length > 1 && entry.newSlots.length === 0)) {
      if (entry.newSlots.length === 0) this.#delete(entry);
      return false;
    }
    if (holder) this.#clearNew(slot, holder);
    this.#fresh.put(slot, entry);
    // Exactly as long as it is: pushing would make room for sixteen more.
    entry.newSlots = entry.newSlots.length === 0 ? [slot] : [...entry.newSlots, slot];
    return true;
  }

  #good(address: NetAddress, time: UnixSeconds, mode: 'test-first' | 'evict'): boolean {
    this.#lastGood = time;
    const entry = this.#byAddress.get(addressKey(address));
    if (!entry) return false;
    entry.lastSuccess = time;
    entry.lastTry = time;
    entry.attempts = 0;
    if (entry.triedSlot !== undefined) return false;
    const slot = triedSlot(this.#key, entry.address, this.#options);
    if (mode === 'test-first' && this.#tried.at(slot)) {
      if (this.#collisions.size < COLLISIONS_MAX) this.#collisions.add(entry);
      return false;
    }
    this.#makeTried(entry, slot);
    return true;
  }

  #makeTried(entry: Entry, slot: Slot): void {
    for (const from of entry.newSlots) this.#fresh.remove(from);
    entry.newSlots = [];
    this.#freshCount -= 1;
    const old = this.#tried.at(slot);
    if (old) {
      // It goes back to `new`, into the slot of who told us of it, whoever stands there.
      this.#tried.remove(slot);
      old.triedSlot = undefined;
      this.#freshCount += 1;
      const back = newSlot(
        this.#key,
        old.address,
        newBucket(this.#key, old.address, old.source, this.#options),
      );
      const holder = this.#fresh.at(back);
      if (holder) this.#clearNew(back, holder);
      this.#fresh.put(back, old);
      old.newSlots = [back];
    }
    this.#tried.put(slot, entry);
    entry.triedSlot = slot;
    this.#collisions.delete(entry);
  }

  /** Whether the tried `holder` must give way to `waiting`. */
  #loses(holder: Entry, waiting: Entry, now: UnixSeconds): boolean {
    if (now - holder.lastSuccess < REPLACEMENT_S) return false;
    // It was tried and did not answer; a minute is given to answer.
    if (now - holder.lastTry < REPLACEMENT_S) return now - holder.lastTry > 60;
    return now - waiting.lastSuccess > TEST_WINDOW_S;
  }

  #create(entry: AddressEntry): Entry {
    // Field by field: an object made by spreading another has a hidden class of its own, five times its size.
    const created: Entry = {
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

  #clearNew(slot: Slot, holder: Entry): void {
    this.#fresh.remove(slot);
    holder.newSlots = holder.newSlots.filter(other => other !== slot);
    if (holder.newSlots.length === 0) this.#delete(holder);
  }

  #delete(entry: Entry): void {
    assert(entry.newSlots.length === 0 && entry.triedSlot === undefined, 'a deleted address stands nowhere');
    this.#swap(entry.randomIndex, this.#all.length - 1);
    this.#all.pop();
    this.#byAddress.delete(addressKey(entry.address));
    this.#collisions.delete(entry);
    this.#freshCount -= 1;
  }

  #swap(i: number, j: number): void {
    const [a, b] = [this.#all[i]!, this.#all[j]!];
    [this.#all[i], this.#all[j]] = [b, a];
    a.randomIndex = j;
    b.randomIndex = i;
  }

  #restore(data: AddressBookData): void {
    const fresh = data.fresh.map(entry => this.#createOnce(entry));
    for (const saved of data.tried) {
      const slot = triedSlot(this.#key, saved.address, this.#options);
      if (!isValidHost(saved.address) || this.#tried.at(slot)) continue;
      const entry = this.#createOnce(saved);
      if (!entry) continue;
      this.#tried.put(slot, entry);
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
          .find(s => !this.#fresh.at(s));
        if (slot === undefined) continue;
        this.#fresh.put(slot, entry);
        entry.newSlots.push(slot);
      }
    });
    for (const entry of fresh) if (entry && entry.newSlots.length === 0) this.#delete(entry);
  }

  /** undefined for an address that is here already: a file that lists one twice is not trusted with it. */
  #createOnce(entry: AddressEntry): Entry | undefined {
    return this.#byAddress.has(addressKey(entry.address)) ? undefined : this.#create(entry);
  }
}

function hasAny(table: AddressTable<Entry>, fits: (entry: Entry) => boolean): boolean {
  for (const [, entry] of table.entries()) if (fits(entry)) return true;
  return false;
}

function timedAddress(entry: AddressEntry): TimedAddress {
  const { network, bytes, port } = entry.address;
  return { network, bytes, port, time: entry.time, services: entry.services };
}

function selected(entry: AddressEntry): Selected {
  return { address: timedAddress(entry), lastTry: entry.lastTry };
}
