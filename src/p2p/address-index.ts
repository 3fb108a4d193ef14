/**
 * Finds entries of the address book by their addresses. Where an address stands depends on a secret, so that nobody can
 * choose addresses that collide.
 */
import type { NetAddress } from '../wire/net-address.ts';
import type { EntryId } from './address-entries.ts';
import { isSameAddress } from './netgroup.ts';

const CAPACITY_MIN = 16;
/** Of the places, as a part. */
const LOAD_MAX = 0.75;

export class AddressIndex {
  readonly #secret: number;
  readonly #addressOf: (id: EntryId) => NetAddress;
  /** Entry + 1, or 0. */
  #places = new Int32Array(CAPACITY_MIN);
  #size = 0;

  /** `secret`: 32 bits. */
  constructor(secret: number, addressOf: (id: EntryId) => NetAddress) {
    this.#secret = secret;
    this.#addressOf = addressOf;
  }

  find(address: NetAddress): EntryId | undefined {
    const at = this.#placeOf(address);
    return at < 0 ? undefined : this.#places[at]! - 1;
  }

  /** Its address must not be here yet. */
  add(id: EntryId): void {
    if (this.#size + 1 > this.#places.length * LOAD_MAX) this.#grow();
    this.#size += 1;
    this.#put(id);
  }

  remove(address: NetAddress): void {
    let hole = this.#placeOf(address);
    if (hole < 0) return;
    const places = this.#places;
    const mask = places.length - 1;
    this.#size -= 1;
    // What comes after, and would not be found across the hole, moves into it.
    for (let at = (hole + 1) & mask; places[at] !== 0; at = (at + 1) & mask) {
      const home = this.#homeOf(this.#addressOf(places[at]! - 1));
      if (((at - home) & mask) < ((at - hole) & mask)) continue;
      places[hole] = places[at]!;
      hole = at;
    }
    places[hole] = 0;
  }

  #placeOf(address: NetAddress): number {
    const places = this.#places;
    const mask = places.length - 1;
    for (let at = this.#homeOf(address); ; at = (at + 1) & mask) {
      const id = places[at]! - 1;
      if (id < 0) return -1;
      if (isSameAddress(this.#addressOf(id), address)) return at;
    }
  }

  #put(id: EntryId): void {
    const places = this.#places;
    const mask = places.length - 1;
    let at = this.#homeOf(this.#addressOf(id));
    while (places[at] !== 0) at = (at + 1) & mask;
    places[at] = id + 1;
  }

  #homeOf({ bytes, port }: NetAddress): number {
    let hash = this.#secret ^ port;
    for (const byte of bytes) {
      hash = Math.imul(hash ^ byte, 0x85eb_ca6b);
      hash = ((hash << 13) | (hash >>> 19)) ^ this.#secret;
    }
    hash = Math.imul(hash ^ (hash >>> 15), 0xc2b2_ae35);
    return (hash ^ (hash >>> 16)) & (this.#places.length - 1);
  }

  #grow(): void {
    const old = this.#places;
    this.#places = new Int32Array(2 * old.length);
    for (const place of old) if (place !== 0) this.#put(place - 1);
  }
}
