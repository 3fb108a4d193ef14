/**
 * Which announced transactions to ask for, whom and when (Core: src/txrequest.h). An announcement is one peer offering
 * one hash (a txid or a wtxid). The rules:
 *
 * - One request in flight a hash: the next peer is asked when the first failed (expired, said `notfound`, sent junk).
 * - A peer is asked once for what it announced; announcing again gives it no second chance until all is forgotten.
 * - Not before the announcement's time: good peers get a head start over others that way.
 * - Among those whose time has come, preferred (outbound) peers first, then a random one, so that whoever announces
 *   first gains nothing.
 *
 * When only failed announcements are left for a hash, it is forgotten.
 */
import type { Hash256 } from '../base/bytes.ts';
import type { Milliseconds } from '../base/clock.ts';
import { MinHeap } from '../base/heap.ts';
import type { Random } from '../base/random.ts';
import type { PeerId } from './events.ts';

/** Deadlines that mean nothing any more, beyond as many as there are announcements, before they are swept out. */
const SWEEP_SLACK = 1_000;

/** A transaction by either of its hashes. */
export interface TxReference {
  readonly hash: Hash256;
  readonly by: 'txid' | 'wtxid';
}

/** `delayed` until its time; `ready` to be asked for; `completed`: failed, and kept so that it is not asked for again. */
type State = 'delayed' | 'ready' | 'requested' | 'completed';

interface Announcement extends TxReference {
  readonly peer: PeerId;
  readonly preferred: boolean;
  /** Announcement order. */
  readonly sequence: number;
  /** Random: decides among peers of equal standing. */
  readonly priority: number;
  state: State;
  /** `delayed`: when it becomes ready. `requested`: when the request expires. */
  time: Milliseconds;
}

interface PeerState {
  readonly all: Map<Hash256, Announcement>;
  /** The announcements for which this peer is the one to ask now. */
  readonly best: Set<Announcement>;
  inFlight: number;
}

interface HashState {
  readonly all: Map<PeerId, Announcement>;
  best: Announcement | undefined;
}

export class TxRequests {
  readonly #random: Random;
  readonly #hashes = new Map<Hash256, HashState>();
  readonly #peers = new Map<PeerId, PeerState>();
  /** Delayed and requested announcements by time; those that moved on since are skipped, and swept out when they are most. */
  #waiting = new MinHeap<Announcement>();
  /** Peers with something to ask for. */
  readonly #askable = new Set<PeerId>();
  #sequence = 0;
  #size = 0;

  constructor(deps: { readonly random: Random }) {
    this.#random = deps.random;
  }

  /** Announcements of all peers. */
  get size(): number {
    return this.#size;
  }

  /** Entries kept for deadlines, with those that mean nothing any more. */
  get deadlineCount(): number {
    return this.#waiting.size;
  }

  /** `peer` has the transaction; it may be asked from `time` on. Nothing changes if it has announced the hash before. */
  announce(
    peer: PeerId,
    tx: TxReference,
    options: { readonly preferred: boolean; readonly time: Milliseconds },
  ): void {
    let ofPeer = this.#peers.get(peer);
    if (ofPeer?.all.has(tx.hash)) return;
    const announcement: Announcement = {
      hash: tx.hash,
      by: tx.by,
      peer,
      preferred: options.preferred,
      sequence: this.#sequence,
      priority: this.#random.u32(),
      state: 'delayed',
      time: options.time,
    };
    this.#sequence += 1;
    if (!ofPeer) {
      ofPeer = { all: new Map(), best: new Set(), inFlight: 0 };
      this.#peers.set(peer, ofPeer);
    }
    ofPeer.all.set(tx.hash, announcement);
    let ofHash = this.#hashes.get(tx.hash);
    if (!ofHash) {
      ofHash = { all: new Map(), best: undefined };
      this.#hashes.set(tx.hash, ofHash);
    }
    ofHash.all.set(peer, announcement);
    this.#size += 1;
    this.#wait(announcement);
  }

  /** Moves time on: requests expire, announcements become ready. Returns the requests that expired. */
  advance(now: Milliseconds): (TxReference & { readonly peer: PeerId })[] {
    const expired: Announcement[] = [];
    for (let due = this.#dueBy(now); due !== undefined; due = this.#dueBy(now)) {
      if (due.state === 'requested') expired.push(due);
      this.#setState(due, due.state === 'requested' ? 'completed' : 'ready');
      this.#settle(due.hash);
    }
    return expired;
  }

  /** When `advance` has something to do next. */
  nextDeadline(): Milliseconds | undefined {
    for (;;) {
      const first = this.#waiting.peek();
      if (first === undefined || this.#isWaiting(first)) return this.#waiting.peekKey();
      this.#waiting.pop();
    }
  }

  /** Peers that have something to be asked for, by the last `advance`. */
  askable(): Iterable<PeerId> {
    return this.#askable;
  }

  get isAnyAskable(): boolean {
    return this.#askable.size > 0;
  }

  /** What to ask `peer` for, in the order it announced, so that parents come before children. */
  requestable(peer: PeerId): TxReference[] {
    const best = this.#peers.get(peer)?.best ?? [];
    return [...best].sort((a, b) => a.sequence - b.sequence);
  }

  /** The peer was asked; it has until `expiry`. */
  requested(peer: PeerId, hash: Hash256, expiry: Milliseconds): void {
    const announcement = this.#peers.get(peer)?.all.get(hash);
    if (!announcement || announcement.state === 'completed' || announcement.state === 'requested') return;
    // Two requests for one hash never run at once: an older one is given up.
    for (const other of this.#hashes.get(hash)!.all.values())
      if (other.state === 'requested') this.#setState(other, 'completed');
    this.#setState(announcement, 'requested');
    announcement.time = expiry;
    this.#wait(announcement);
    this.#settle(hash);
  }

  /** The peer answered, with the transaction or with `notfound`: it will not be asked again. */
  received(peer: PeerId, hash: Hash256): void {
    const announcement = this.#peers.get(peer)?.all.get(hash);
    if (!announcement) return;
    this.#setState(announcement, 'completed');
    this.#settle(hash);
  }

  /** The transaction is here, or not wanted: all announcements of the hash go. */
  forget(hash: Hash256): void {
    const ofHash = this.#hashes.get(hash);
    if (!ofHash) return;
    for (const announcement of [...ofHash.all.values()]) this.#remove(announcement);
  }

  disconnect(peer: PeerId): void {
    for (const announcement of [...(this.#peers.get(peer)?.all.values() ?? [])]) {
      this.#setState(announcement, 'completed');
      this.#remove(announcement);
      this.#settle(announcement.hash);
    }
  }

  count(peer: PeerId): number {
    return this.#peers.get(peer)?.all.size ?? 0;
  }

  countInFlight(peer: PeerId): number {
    return this.#peers.get(peer)?.inFlight ?? 0;
  }

  /** Who could still give us the transaction. */
  candidates(hash: Hash256): PeerId[] {
    const all = [...(this.#hashes.get(hash)?.all.values() ?? [])];
    return all
      .filter(announcement => announcement.state !== 'completed')
      .map(announcement => announcement.peer);
  }

  #wait(announcement: Announcement): void {
    this.#waiting.push(announcement.time, announcement);
    // Who announces, says notfound and announces again leaves an entry each time, good for a minute.
    if (this.#waiting.size > 2 * this.#size + SWEEP_SLACK) this.#sweep();
  }

  #sweep(): void {
    const old = this.#waiting;
    const kept = new MinHeap<Announcement>();
    for (let time = this.nextDeadline(); time !== undefined; time = this.nextDeadline())
      kept.push(time, old.pop()!);
    this.#waiting = kept;
  }

  #dueBy(now: Milliseconds): Announcement | undefined {
    const next = this.nextDeadline();
    return next !== undefined && next <= now ? this.#waiting.pop() : undefined;
  }

  /** Whether a heap entry at its time still means something. */
  #isWaiting(announcement: Announcement): boolean {
    const isCurrent = this.#peers.get(announcement.peer)?.all.get(announcement.hash) === announcement;
    if (!isCurrent || this.#waiting.peekKey() !== announcement.time) return false;
    return announcement.state === 'delayed' || announcement.state === 'requested';
  }

  #setState(announcement: Announcement, state: State): void {
    const peer = this.#peers.get(announcement.peer)!;
    if (announcement.state === 'requested') peer.inFlight -= 1;
    if (state === 'requested') peer.inFlight += 1;
    announcement.state = state;
  }

  /** After a change at a hash: chooses anew whom to ask, or forgets it when nobody is left. */
  #settle(hash: Hash256): void {
    const ofHash = this.#hashes.get(hash);
    if (!ofHash) return;
    let best: Announcement | undefined;
    let isAlive = false;
    let isRequested = false;
    for (const each of ofHash.all.values()) {
      if (each.state !== 'completed') isAlive = true;
      if (each.state === 'requested') isRequested = true;
      if (each.state === 'ready' && (best === undefined || isBetter(each, best))) best = each;
    }
    if (!isAlive) {
      this.forget(hash);
      return;
    }
    this.#setBest(ofHash, isRequested ? undefined : best);
  }

  #setBest(ofHash: HashState, best: Announcement | undefined): void {
    const old = ofHash.best;
    if (old === best) return;
    ofHash.best = best;
    if (old) {
      const peer = this.#peers.get(old.peer)!;
      peer.best.delete(old);
      if (peer.best.size === 0) this.#askable.delete(old.peer);
    }
    if (best) {
      this.#peers.get(best.peer)!.best.add(best);
      this.#askable.add(best.peer);
    }
  }

  #remove(announcement: Announcement): void {
    const ofHash = this.#hashes.get(announcement.hash)!;
    if (ofHash.best === announcement) this.#setBest(ofHash, undefined);
    ofHash.all.delete(announcement.peer);
    if (ofHash.all.size === 0) this.#hashes.delete(announcement.hash);
    const peer = this.#peers.get(announcement.peer)!;
    if (announcement.state === 'requested') peer.inFlight -= 1;
    peer.all.delete(announcement.hash);
    this.#size -= 1;
    if (peer.all.size === 0) this.#peers.delete(announcement.peer);
  }
}

function isBetter(a: Announcement, b: Announcement): boolean {
  if (a.preferred !== b.preferred) return a.preferred;
  return a.priority !== b.priority ? a.priority > b.priority : a.sequence < b.sequence;
}
