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
import { Few } from '../base/few.ts';
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
type State = 'delayed' | 'ready' | 'requested' | 'completed' | 'removed';

interface Announcement extends TxReference {
  readonly ofHash: HashState;
  readonly ofPeer: PeerState;
  readonly preferred: boolean;
  /** Announcement order. */
  readonly sequence: number;
  /** Random: decides among peers of equal standing. */
  readonly priority: number;
  state: State;
  /** `delayed`: when it becomes ready. `requested`: when the request expires. */
  time: Milliseconds;
  /** Neighbours among those of its peer. */
  before: Announcement | undefined;
  after: Announcement | undefined;
}

interface PeerState {
  readonly peer: PeerId;
  /** All of the peer, linked: most live for less than a second, and a map would cost more than they do. */
  newest: Announcement | undefined;
  count: number;
  inFlight: number;
  /** The announcements for which this peer is the one to ask now. */
  readonly best: Announcement[];
}

interface HashState {
  readonly hash: Hash256;
  /** One a peer at most, so they are few enough to be searched. */
  readonly all: Announcement[];
  best: Announcement | undefined;
}

export class TxRequests {
  readonly #random: Random;
  readonly #hashes = new Map<Hash256, HashState>();
  readonly #peers = new Map<PeerId, PeerState>();
  /** Delayed and requested announcements by time; those that moved on since are skipped, and swept out when they are most. */
  #waiting = new MinHeap<Announcement>();
  /** Peers with something to ask for. */
  readonly #askable = new Few<PeerId>();
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

  /**
   * `peer` has the transaction; it may be asked from `time` on (undefined: at once). Nothing changes if it has announced the hash
   * before.
   */
  announce(
    peer: PeerId,
    { hash, by }: TxReference,
    { preferred, time }: { readonly preferred: boolean; readonly time: Milliseconds | undefined },
  ): void {
    let ofHash = this.#hashes.get(hash);
    if (ofHash === undefined) {
      ofHash = { hash, all: [], best: undefined };
      this.#hashes.set(hash, ofHash);
    } else if (find(ofHash, peer) !== undefined) return;
    let ofPeer = this.#peers.get(peer);
    if (ofPeer === undefined) {
      ofPeer = { peer, newest: undefined, count: 0, inFlight: 0, best: [] };
      this.#peers.set(peer, ofPeer);
    }
    const announcement: Announcement = {
      hash,
      by,
      ofHash,
      ofPeer,
      preferred,
      sequence: this.#sequence,
      priority: this.#random.u32(),
      state: time === undefined ? 'ready' : 'delayed',
      time: time ?? 0,
      before: ofPeer.newest,
      after: undefined,
    };
    this.#sequence += 1;
    if (ofPeer.newest !== undefined) ofPeer.newest.after = announcement;
    ofPeer.newest = announcement;
    ofPeer.count += 1;
    ofHash.all.push(announcement);
    this.#size += 1;
    if (time === undefined) this.#settle(ofHash);
    else this.#wait(announcement);
  }

  /** Moves time on: requests expire, announcements become ready. Returns the requests that expired. */
  advance(now: Milliseconds): (TxReference & { readonly peer: PeerId })[] {
    const expired: (TxReference & { readonly peer: PeerId })[] = [];
    for (let due = this.#dueBy(now); due !== undefined; due = this.#dueBy(now)) {
      const isExpired = due.state === 'requested';
      if (isExpired) expired.push({ hash: due.hash, by: due.by, peer: due.ofPeer.peer });
      setState(due, isExpired ? 'completed' : 'ready');
      this.#settle(due.ofHash);
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

  /** Peers that have something to be asked for. */
  askable(): readonly PeerId[] {
    return this.#askable.toArray();
  }

  get isAnyAskable(): boolean {
    return this.#askable.size > 0;
  }

  /** What to ask `peer` for, in the order it announced, so that parents come before children. */
  requestable(peer: PeerId): TxReference[] {
    const best = this.#peers.get(peer)?.best.slice() ?? [];
    return best.length > 1 ? best.sort((a, b) => a.sequence - b.sequence) : best;
  }

  /** The peer was asked; it has until `expiry`. */
  requested(peer: PeerId, hash: Hash256, expiry: Milliseconds): void {
    const announcement = this.#find(peer, hash);
    if (!announcement || announcement.state === 'completed' || announcement.state === 'requested') return;
    const { ofHash } = announcement;
    // Two requests for one hash never run at once: an older one is given up.
    for (const other of ofHash.all) if (other.state === 'requested') setState(other, 'completed');
    setState(announcement, 'requested');
    announcement.time = expiry;
    this.#wait(announcement);
    this.#settle(ofHash);
  }

  /** The peer answered, with the transaction or with `notfound`: it will not be asked again. */
  received(peer: PeerId, hash: Hash256): void {
    const announcement = this.#find(peer, hash);
    if (!announcement) return;
    setState(announcement, 'completed');
    this.#settle(announcement.ofHash);
  }

  /** The transaction is here, or not wanted: all announcements of the hash go. */
  forget(hash: Hash256): void {
    const ofHash = this.#hashes.get(hash);
    if (!ofHash) return;
    this.#setBest(ofHash, undefined);
    this.#hashes.delete(hash);
    for (const announcement of ofHash.all) this.#removeFromPeer(announcement);
  }

  disconnect(peer: PeerId): void {
    const ofPeer = this.#peers.get(peer);
    for (let each = ofPeer?.newest; each !== undefined; each = each.before) {
      const { ofHash } = each;
      if (ofHash.best === each) this.#setBest(ofHash, undefined);
      this.#removeFromPeer(each);
      ofHash.all.splice(ofHash.all.indexOf(each), 1);
      this.#settle(ofHash);
    }
  }

  count(peer: PeerId): number {
    return this.#peers.get(peer)?.count ?? 0;
  }

  countInFlight(peer: PeerId): number {
    return this.#peers.get(peer)?.inFlight ?? 0;
  }

  /** Who could still give us the transaction. */
  candidates(hash: Hash256): PeerId[] {
    const all = this.#hashes.get(hash)?.all ?? [];
    return all
      .filter(announcement => announcement.state !== 'completed')
      .map(announcement => announcement.ofPeer.peer);
  }

  #find(peer: PeerId, hash: Hash256): Announcement | undefined {
    const ofHash = this.#hashes.get(hash);
    return ofHash && find(ofHash, peer);
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

  /** Whether the first heap entry, at its time, still means something. */
  #isWaiting({ state, time }: Announcement): boolean {
    return (state === 'delayed' || state === 'requested') && this.#waiting.peekKey() === time;
  }

  /** After a change at a hash: chooses anew whom to ask, or forgets it when nobody is left. */
  #settle(ofHash: HashState): void {
    let best: Announcement | undefined;
    let isAlive = false;
    let isRequested = false;
    for (const each of ofHash.all) {
      if (each.state !== 'completed') isAlive = true;
      if (each.state === 'requested') isRequested = true;
      if (each.state === 'ready' && (best === undefined || isBetter(each, best))) best = each;
    }
    if (!isAlive) this.forget(ofHash.hash);
    else this.#setBest(ofHash, isRequested ? undefined : best);
  }

  #setBest(ofHash: HashState, best: Announcement | undefined): void {
    const old = ofHash.best;
    if (old === best) return;
    ofHash.best = best;
    if (old) {
      const { ofPeer } = old;
      ofPeer.best.splice(ofPeer.best.indexOf(old), 1);
      if (ofPeer.best.length === 0) this.#askable.delete(ofPeer.peer);
    }
    if (best) {
      best.ofPeer.best.push(best);
      this.#askable.add(best.ofPeer.peer);
    }
  }

  /** It is, or will be, gone from those of its hash, and nobody is asked for it. */
  #removeFromPeer(announcement: Announcement): void {
    const { ofPeer, before, after } = announcement;
    setState(announcement, 'removed');
    if (before !== undefined) before.after = after;
    if (after !== undefined) after.before = before;
    else ofPeer.newest = before;
    ofPeer.count -= 1;
    this.#size -= 1;
    if (ofPeer.count === 0) this.#peers.delete(ofPeer.peer);
  }
}

function find(ofHash: HashState, peer: PeerId): Announcement | undefined {
  for (const each of ofHash.all) if (each.ofPeer.peer === peer) return each;
  return undefined;
}

function setState(announcement: Announcement, state: State): void {
  const { ofPeer } = announcement;
  if (announcement.state === 'requested') ofPeer.inFlight -= 1;
  if (state === 'requested') ofPeer.inFlight += 1;
  announcement.state = state;
}

function isBetter(a: Announcement, b: Announcement): boolean {
  if (a.preferred !== b.preferred) return a.preferred;
  return a.priority !== b.priority ? a.priority > b.priority : a.sequence < b.sequence;
}
