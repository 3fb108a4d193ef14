/**
 * The entries of the address book as columns of a table, by a small integer that stays as long as the entry does: 80 bytes
 * an entry where objects and maps take 400. A book may hold eighty thousand, and a simulated world has books by the
 * thousand.
 */
import type { UnixSeconds } from '../base/clock.ts';
import type { NetAddress } from '../wire/net-address.ts';
import type { AddressEntry } from './address-entry.ts';
import type { Slot } from './address-table.ts';
import type { NetHost } from './netgroup.ts';

/** Of one book. */
export type EntryId = number;

/** Buckets of `new` in which one address may stand (Core: ADDRMAN_NEW_BUCKETS_PER_ADDRESS). */
export const NEW_SLOTS_PER_ADDRESS = 8;

const TIME = 0;
const LAST_TRY = 1;
const LAST_COUNTED_TRY = 2;
const LAST_SUCCESS = 3;
const ATTEMPTS = 4;
const RANDOM_INDEX = 5;
const TRIED_SLOT = 6;
const NEW_COUNT = 7;
/** Slots of `new`, 16 bits each, two in a column. */
const NEW_SLOTS = 8;
const COLUMNS = NEW_SLOTS + NEW_SLOTS_PER_ADDRESS / 2;
const NUMBER_MAX = 0xffff_ffff;
const NO_SLOT = NUMBER_MAX;
const CAPACITY_INITIAL = 16;
const CAPACITY_GROWTH = 1.5;
/** In the places of entries that are gone. */
const NOBODY: NetAddress = { network: 'ipv6', bytes: new Uint8Array(16), port: 0 };

export class AddressEntries {
  readonly #addresses: NetAddress[] = [];
  readonly #sources: NetHost[] = [];
  readonly #services: bigint[] = [];
  #numbers = new Uint32Array(CAPACITY_INITIAL * COLUMNS);
  readonly #free: EntryId[] = [];

  /** It stands nowhere yet. `address`: as the entry says, perhaps by an object that others have too. */
  create(entry: AddressEntry, address: NetAddress, randomIndex: number): EntryId {
    const id = this.#free.pop() ?? this.#addresses.length;
    if ((id + 1) * COLUMNS > this.#numbers.length) this.#grow();
    this.#addresses[id] = address;
    this.#sources[id] = entry.source;
    this.#services[id] = entry.services;
    this.setTime(id, entry.time);
    this.setLastTry(id, entry.lastTry);
    this.setLastCountedTry(id, entry.lastCountedTry);
    this.setLastSuccess(id, entry.lastSuccess);
    this.setAttempts(id, entry.attempts);
    this.setRandomIndex(id, randomIndex);
    this.setTriedSlot(id, undefined);
    this.#set(id, NEW_COUNT, 0);
    return id;
  }

  delete(id: EntryId): void {
    this.#addresses[id] = NOBODY;
    this.#sources[id] = NOBODY;
    this.#free.push(id);
  }

  /** As it is now. */
  get(id: EntryId): AddressEntry {
    return {
      address: this.#addresses[id]!,
      source: this.#sources[id]!,
      services: this.#services[id]!,
      time: this.timeOf(id),
      lastTry: this.lastTryOf(id),
      lastCountedTry: this.#get(id, LAST_COUNTED_TRY),
      lastSuccess: this.lastSuccessOf(id),
      attempts: this.attemptsOf(id),
    };
  }

  addressOf(id: EntryId): NetAddress {
    return this.#addresses[id]!;
  }

  sourceOf(id: EntryId): NetHost {
    return this.#sources[id]!;
  }

  servicesOf(id: EntryId): bigint {
    return this.#services[id]!;
  }

  setServices(id: EntryId, services: bigint): void {
    this.#services[id] = services;
  }

  timeOf(id: EntryId): UnixSeconds {
    return this.#get(id, TIME);
  }

  setTime(id: EntryId, time: UnixSeconds): void {
    this.#set(id, TIME, time);
  }

  lastTryOf(id: EntryId): UnixSeconds {
    return this.#get(id, LAST_TRY);
  }

  setLastTry(id: EntryId, time: UnixSeconds): void {
    this.#set(id, LAST_TRY, time);
  }

  lastCountedTryOf(id: EntryId): UnixSeconds {
    return this.#get(id, LAST_COUNTED_TRY);
  }

  setLastCountedTry(id: EntryId, time: UnixSeconds): void {
    this.#set(id, LAST_COUNTED_TRY, time);
  }

  lastSuccessOf(id: EntryId): UnixSeconds {
    return this.#get(id, LAST_SUCCESS);
  }

  setLastSuccess(id: EntryId, time: UnixSeconds): void {
    this.#set(id, LAST_SUCCESS, time);
  }

  attemptsOf(id: EntryId): number {
    return this.#get(id, ATTEMPTS);
  }

  setAttempts(id: EntryId, count: number): void {
    this.#set(id, ATTEMPTS, count);
  }

  /** Index into the list that random choice runs on. */
  randomIndexOf(id: EntryId): number {
    return this.#get(id, RANDOM_INDEX);
  }

  setRandomIndex(id: EntryId, index: number): void {
    this.#set(id, RANDOM_INDEX, index);
  }

  /** Where in `tried` it stands. */
  triedSlotOf(id: EntryId): Slot | undefined {
    const slot = this.#get(id, TRIED_SLOT);
    return slot === NO_SLOT ? undefined : slot;
  }

  setTriedSlot(id: EntryId, slot: Slot | undefined): void {
    this.#set(id, TRIED_SLOT, slot ?? NO_SLOT);
  }

  /** In how many slots of `new` it stands; none when it is tried. */
  newCountOf(id: EntryId): number {
    return this.#get(id, NEW_COUNT);
  }

  newSlotsOf(id: EntryId): Slot[] {
    const slots = new Array<Slot>(this.newCountOf(id));
    for (let i = 0; i < slots.length; i += 1)
      slots[i] = (this.#get(id, NEW_SLOTS + (i >> 1)) >>> (16 * (i & 1))) & 0xffff;
    return slots;
  }

  /** Less than eight before. */
  addNewSlot(id: EntryId, slot: Slot): void {
    const count = this.newCountOf(id);
    const column = NEW_SLOTS + (count >> 1);
    this.#set(id, column, (count & 1) === 0 ? slot : ((this.#get(id, column) & 0xffff) | (slot << 16)) >>> 0);
    this.#set(id, NEW_COUNT, count + 1);
  }

  removeNewSlot(id: EntryId, slot: Slot): void {
    const others = this.newSlotsOf(id).filter(other => other !== slot);
    this.clearNewSlots(id);
    for (const other of others) this.addNewSlot(id, other);
  }

  clearNewSlots(id: EntryId): void {
    this.#set(id, NEW_COUNT, 0);
  }

  #get(id: EntryId, column: number): number {
    return this.#numbers[id * COLUMNS + column]!;
  }

  #set(id: EntryId, column: number, value: number): void {
    this.#numbers[id * COLUMNS + column] = Math.min(value, NUMBER_MAX);
  }

  #grow(): void {
    const capacity = Math.ceil((this.#numbers.length / COLUMNS) * CAPACITY_GROWTH);
    const numbers = new Uint32Array(capacity * COLUMNS);
    numbers.set(this.#numbers);
    this.#numbers = numbers;
  }
}
