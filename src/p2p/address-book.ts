/**
 * The addresses of other nodes that we heard of, and which to try (Core: src/addrman.cpp); where they stand, and that this
 * stays in step, is for address-tables.ts.
 *
 * `new` holds what was only told to us, `tried` what we once spoke with. Both are hashed tables with a secret key: who
 * tells us addresses reaches only the 64 buckets of its own group, and an address of one group only 8 buckets of `tried`,
 * so nobody can fill the book or aim at an entry. A tried address leaves its slot for another only after it was tested
 * (test-before-evict). All times in an entry are whole seconds, 0 for never.
 */
import { assert } from '../base/assert.ts';
import { type Milliseconds, toUnixSeconds, type UnixSeconds } from '../base/clock.ts';
import { type Random, randomBelow } from '../base/random.ts';
import { type AddressNetwork, type NetAddress, type TimedAddress, withTime } from '../wire/net-address.ts';
import { type EntryId, NEW_SLOTS_PER_ADDRESS } from './address-entries.ts';
import { type AddressEntry, chanceOf, entryOf, isTerrible } from './address-entry.ts';
import { type AddressBookData, AddressTables, type PlacedEntry } from './address-tables.ts';
import { isRoutable, isSameHost, type NetHost, networkClassOf, networkOf, type RoutingOptions } from './netgroup.ts'; // biome-ignore format: one list

/** Core's, in little endian: the number 1. */
const TEST_KEY = Uint8Array.of(1, ...new Uint8Array(31));
/** A tried address that answered so recently keeps its slot (Core: ADDRMAN_REPLACEMENT). */
const REPLACEMENT_S = 4 * 3_600;
/** A collision that could not be tested for so long goes to the newcomer (Core: ADDRMAN_TEST_WINDOW). */
const TEST_WINDOW_S = 40 * 60;
/** Collisions that wait for a test (Core: ADDRMAN_SET_TRIED_COLLISION_SIZE). */
const COLLISIONS_MAX = 10;

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
  readonly #tables: AddressTables;
  #lastGood: UnixSeconds = 1;

  /**
   * With `data`, as it was saved; entries that no longer fit are dropped. `shared`: another object for the same address,
   * where many books in one process know it; absent: each book keeps what it heard.
   */
  constructor(
    deps: { readonly random: Random; readonly shared?: (address: NetAddress) => NetAddress },
    options: AddressBookOptions,
    data?: AddressBookData,
  ) {
    this.#random = deps.random;
    this.#options = options;
    const key = data?.key ?? (options.hasTestKey ? TEST_KEY : deps.random.bytes(32));
    this.#tables = new AddressTables({ key, shared: deps.shared ?? asHeard }, options, data);
    this.#check();
  }

  /** Addresses in all. */
  get size(): number {
    return this.#tables.all.length;
  }

  get newCount(): number {
    return this.#tables.newCount;
  }

  get triedCount(): number {
    return this.#tables.tried.size;
  }

  /** Those of one network. */
  countOf(network: AddressNetwork, table?: 'new' | 'tried'): number {
    let count = 0;
    for (const id of this.#tables.all) {
      const inTable = table === undefined || (this.#tables.isTried(id) ? 'tried' : 'new') === table;
      if (inTable && this.#networkOf(id) === network) count += 1;
    }
    return count;
  }

  /** As it is now. */
  find(address: NetAddress): AddressEntry | undefined {
    const id = this.#tables.find(address);
    return id === undefined ? undefined : this.#tables.entries.get(id);
  }

  /** What it was said to offer; 0 for one that is not here. */
  servicesOf(address: NetAddress): bigint {
    const id = this.#tables.find(address);
    return id === undefined ? 0n : this.#tables.entries.servicesOf(id);
  }

  /** When we last tried to connect to it, 0 for one that is not here. */
  lastTryOf(address: NetAddress): UnixSeconds {
    const id = this.#tables.find(address);
    return id === undefined ? 0 : this.#tables.entries.lastTryOf(id);
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
    const id = this.#tables.find(address);
    if (id === undefined) return;
    const { entries } = this.#tables;
    const time = toUnixSeconds(now);
    entries.setLastTry(id, time);
    if (options.countFailure && entries.lastCountedTryOf(id) < this.#lastGood) {
      entries.setLastCountedTry(id, time);
      entries.setAttempts(id, entries.attemptsOf(id) + 1);
    }
  }

  /** Told when a connection ends, not while it stands: else the times we hand out would tell whom we are connected to. */
  connected(address: NetAddress, now: Milliseconds): void {
    const id = this.#tables.find(address);
    const { entries } = this.#tables;
    const time = toUnixSeconds(now);
    if (id !== undefined && time - entries.timeOf(id) > 20 * 60) entries.setTime(id, time);
  }

  setServices(address: NetAddress, services: bigint): void {
    const id = this.#tables.find(address);
    if (id !== undefined) this.#tables.entries.setServices(id, services);
  }

  /** A random address worth a try: either table with even chance, then buckets with even chance, better entries sooner. */
  select(
    now: Milliseconds,
    wish: { readonly newOnly?: boolean; readonly networks?: ReadonlySet<AddressNetwork> } = {},
  ): Selected | undefined {
    const networks = wish.networks;
    const fits = (id: EntryId) =>
      networks === undefined || networks.has(this.#networkOf(id) as AddressNetwork);
    const { entries, fresh, tried } = this.#tables;
    const anyNew = fresh.holdsAny(fits);
    const anyTried = wish.newOnly !== true && tried.holdsAny(fits);
    if (!anyNew && !anyTried) return undefined;
    const useTried = anyTried && (!anyNew || randomBelow(this.#random, 2) === 1);
    const table = useTried ? tried : fresh;
    const time = toUnixSeconds(now);
    for (let factor = 1; ; ) {
      const id = table.draw(this.#random, fits);
      if (id === undefined) continue;
      const chance = chanceOf(entries.lastTryOf(id), entries.attemptsOf(id), time);
      if (randomBelow(this.#random, 1 << 30) < factor * chance * (1 << 30)) return selected(entries.get(id));
      factor *= 1.2;
    }
  }

  /** The tried address whose slot a newcomer waits for: to be dialed by a feeler. */
  selectTriedCollision(): Selected | undefined {
    if (this.#tables.waiting.size === 0) return undefined;
    const waiting = [...this.#tables.waiting][randomBelow(this.#random, this.#tables.waiting.size)]!;
    const { entries } = this.#tables;
    const holder = this.#tables.triedRivalOf(entries.addressOf(waiting));
    return holder === undefined ? undefined : selected(entries.get(holder));
  }

  /** Decides the collisions that can be decided by now. */
  resolveCollisions(now: Milliseconds): void {
    if (this.#tables.waiting.size === 0) {
      this.#check();
      return;
    }
    const time = toUnixSeconds(now);
    for (const waiting of [...this.#tables.waiting]) {
      const { entries } = this.#tables;
      const holder = this.#tables.triedRivalOf(entries.addressOf(waiting));
      if (holder !== undefined && !this.#loses(entries.get(holder), entries.get(waiting), time)) {
        if (time - entries.lastSuccessOf(holder) < REPLACEMENT_S) this.#tables.waiting.delete(waiting);
        continue;
      }
      this.#tables.waiting.delete(waiting);
      this.#good(entries.addressOf(waiting), time, 'evict');
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
    const { all } = this.#tables;
    let count = all.length;
    if (wish.percent !== 0) count = Math.floor((wish.percent * count) / 100);
    if (wish.max !== 0) count = Math.min(count, wish.max);
    const chosen: TimedAddress[] = [];
    for (let i = 0; i < all.length && chosen.length < count; i += 1) {
      this.#tables.swap(i, i + randomBelow(this.#random, all.length - i));
      const entry = this.#tables.entries.get(all[i]!);
      if (wish.network !== undefined && networkClassOf(entry.address, this.#options) !== wish.network)
        continue;
      if (wish.unfiltered !== true && isTerrible(entry, toUnixSeconds(now))) continue;
      chosen.push(timedAddress(entry));
    }
    return chosen;
  }

  /** Every filled slot; an address of `new` comes once for each of its slots. */
  entries(table: 'new' | 'tried'): Iterable<PlacedEntry> {
    return this.#tables.placed(table);
  }

  data(): Required<AddressBookData> {
    return this.#tables.data();
  }

  /** What contradicts itself in the tables, if anything does. */
  findFault(): string | undefined {
    return this.#tables.findFault();
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
    const { entries } = this.#tables;
    let id = this.#tables.find(heard);
    if (id !== undefined) {
      const time = entries.timeOf(id);
      const interval = now - heard.time < 86_400 ? 3_600 : 86_400;
      if (time < heard.time - interval - penalty) entries.setTime(id, Math.max(0, heard.time - penalty));
      const services = entries.servicesOf(id) | heard.services;
      if (services !== entries.servicesOf(id)) entries.setServices(id, services);
      if (heard.time <= entries.timeOf(id) || this.#tables.isTried(id)) return false;
      const slots = entries.newCountOf(id);
      if (slots === NEW_SLOTS_PER_ADDRESS) return false;
      // Each slot more is twice as hard to get.
      if (slots > 0 && randomBelow(this.#random, 1 << slots) !== 0) return false;
    } else id = this.#tables.create(entryOf(heard, source, Math.max(0, heard.time - penalty)));
    return this.#tables.placeNew(id, source, now);
  }

  #good(address: NetAddress, time: UnixSeconds, mode: 'test-first' | 'evict'): boolean {
    this.#lastGood = time;
    const id = this.#tables.find(address);
    if (id === undefined) return false;
    const { entries } = this.#tables;
    entries.setLastSuccess(id, time);
    entries.setLastTry(id, time);
    entries.setAttempts(id, 0);
    if (this.#tables.isTried(id)) return false;
    const slot = this.#tables.triedSlotFor(address);
    if (mode === 'test-first' && this.#tables.tried.at(slot) !== undefined) {
      if (this.#tables.waiting.size < COLLISIONS_MAX) this.#tables.waiting.add(id);
      return false;
    }
    this.#tables.moveToTried(id, slot);
    return true;
  }

  #networkOf(id: EntryId): ReturnType<typeof networkOf> {
    return networkOf(this.#tables.entries.addressOf(id), this.#options);
  }

  /** Whether the tried `holder` must give way to `waiting`. */
  #loses(holder: AddressEntry, waiting: AddressEntry, now: UnixSeconds): boolean {
    if (now - holder.lastSuccess < REPLACEMENT_S) return false;
    // It was tried and did not answer; a minute is given to answer.
    if (now - holder.lastTry < REPLACEMENT_S) return now - holder.lastTry > 60;
    return now - waiting.lastSuccess > TEST_WINDOW_S;
  }
}

function timedAddress(entry: AddressEntry): TimedAddress {
  return withTime(entry.address, entry.time, entry.services);
}

function asHeard(address: NetAddress): NetAddress {
  return address;
}

function selected(entry: AddressEntry): Selected {
  return { address: timedAddress(entry), lastTry: entry.lastTry };
}
