/**
 * Own transactions on their way to the network by private broadcast: to whom each was given, and who said that it came
 * (Core: src/private_broadcast.cpp). The one that was given to fewest goes next. Nobody is given two: that would tell that
 * they have one author.
 */

import type { Hash256, Wtxid } from '../base/bytes.ts';
import { MINUTE_MS, type Milliseconds } from '../base/clock.ts';
import { LateMap } from '../base/late-map.ts';
import type { NetAddress } from '../wire/net-address.ts';
import type { Transaction } from '../wire/transaction.ts';
import type { PeerId } from './events.ts';

/** Transactions at most (Core: MAX_TRANSACTIONS). */
export const PRIVATE_TRANSACTIONS_MAX = 10_000;
/** One that nobody has confirmed for so long, and one that was confirmed so long ago and has not come back (Core: INITIAL_STALE_DURATION, STALE_DURATION). */
const STALE_UNCONFIRMED_MS = 5 * MINUTE_MS;
const STALE_CONFIRMED_MS = MINUTE_MS;

export interface Delivery {
  readonly peer: PeerId;
  readonly address: NetAddress;
  readonly sentAt: Milliseconds;
  /** When the peer answered the ping after it. */
  receivedAt: Milliseconds | undefined;
}

export interface PrivateTransaction {
  readonly tx: Transaction;
  readonly addedAt: Milliseconds;
  readonly deliveries: Delivery[];
}

export class PrivateQueue {
  readonly #txs = new LateMap<Wtxid, PrivateTransaction>();
  readonly #byPeer = new LateMap<
    PeerId,
    { readonly entry: PrivateTransaction; readonly delivery: Delivery }
  >();

  get size(): number {
    return this.#txs.size;
  }

  entries(): readonly PrivateTransaction[] {
    return [...this.#txs.values()];
  }

  add(tx: Transaction, now: Milliseconds): 'added' | 'present' | 'full' {
    if (this.#txs.has(tx.wtxid)) return 'present';
    if (this.#txs.size >= PRIVATE_TRANSACTIONS_MAX) return 'full';
    this.#txs.set(tx.wtxid, { tx, addedAt: now, deliveries: [] });
    return 'added';
  }

  /** How many had confirmed it; undefined if it was not here. */
  remove(wtxid: Wtxid): number | undefined {
    const entry = this.#txs.get(wtxid);
    if (!entry) return undefined;
    this.#txs.delete(wtxid);
    for (const { peer } of entry.deliveries) this.#byPeer.delete(peer);
    return confirmed(entry).length;
  }

  /** Those with this txid or wtxid. */
  find(id: Hash256): Transaction[] {
    return this.entries().flatMap(({ tx }) => (tx.txid === id || tx.wtxid === id ? [tx] : []));
  }

  /** What `peer` is to be given; undefined when there is nothing. */
  pickFor(peer: PeerId, address: NetAddress, now: Milliseconds): Transaction | undefined {
    let best: PrivateTransaction | undefined;
    for (const entry of this.#txs.values()) if (!best || isMoreUrgent(entry, best)) best = entry;
    if (!best) return undefined;
    const delivery: Delivery = { peer, address, sentAt: now, receivedAt: undefined };
    best.deliveries.push(delivery);
    this.#byPeer.set(peer, { entry: best, delivery });
    return best.tx;
  }

  /** What it was given. */
  of(peer: PeerId): Transaction | undefined {
    return this.#byPeer.get(peer)?.entry.tx;
  }

  confirm(peer: PeerId, now: Milliseconds): void {
    const found = this.#byPeer.get(peer);
    if (found) found.delivery.receivedAt = now;
  }

  isConfirmedBy(peer: PeerId): boolean {
    return this.#byPeer.get(peer)?.delivery.receivedAt !== undefined;
  }

  /** The connection is over; what was given is remembered with the transaction. */
  disconnected(peer: PeerId): void {
    this.#byPeer.delete(peer);
  }

  /** Those that should have come back from the network by now. */
  stale(now: Milliseconds): Transaction[] {
    return this.entries().flatMap(entry => {
      const times = confirmed(entry);
      const isStale =
        times.length === 0
          ? entry.addedAt < now - STALE_UNCONFIRMED_MS
          : latest(times) < now - STALE_CONFIRMED_MS;
      return isStale ? [entry.tx] : [];
    });
  }
}

function confirmed({ deliveries }: PrivateTransaction): Milliseconds[] {
  return deliveries.flatMap(({ receivedAt }) => receivedAt ?? []);
}

/** 0 for none. There may be more of them than a call takes arguments: who hangs up is followed by somebody else. */
function latest(times: readonly Milliseconds[]): Milliseconds {
  return times.reduce((a, b) => Math.max(a, b), 0);
}

/** Given to fewer, confirmed by fewer, longer ago. */
function isMoreUrgent(a: PrivateTransaction, b: PrivateTransaction): boolean {
  const rank = (entry: PrivateTransaction) => {
    const times = confirmed(entry);
    const sent = entry.deliveries.map(({ sentAt }) => sentAt);
    return [sent.length, times.length, latest(sent), latest(times)];
  };
  const [left, right] = [rank(a), rank(b)];
  const at = left.findIndex((value, i) => value !== right[i]);
  return at !== -1 && left[at]! < right[at]!;
}
