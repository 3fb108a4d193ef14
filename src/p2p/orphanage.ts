/**
 * Transactions whose parents are missing (Core 31: src/node/txorphanage.cpp). They cannot be told from nonsense, so what
 * all peers together may store is limited by weight (a share for each peer) and by latency score (an upper bound of the
 * time that one change can take: announcements, and one more for each ten inputs). Over a limit, the peer that uses most
 * of its share loses its oldest orphans, so nobody can push out what others stored.
 */
import { assert } from '../base/assert.ts';
import type { Txid, Wtxid } from '../base/bytes.ts';
import { type Random, randomBelow } from '../base/random.ts';
import { keyAt, keyOf, type OutPointKey, outPointKey } from '../chain/coin.ts';
import type { Transaction } from '../wire/transaction.ts';
import { outPointAt } from '../wire/tx-cursors.ts';
import type { PeerId } from './events.ts';

/** Sum of latency scores (Core: DEFAULT_MAX_ORPHANAGE_LATENCY_SCORE). */
export const LATENCY_SCORE_MAX = 3_000;
/** Weight units that each peer with orphans may use (Core: DEFAULT_RESERVED_ORPHAN_WEIGHT_PER_PEER). */
export const WEIGHT_PER_PEER = 404_000;
/** Heavier ones are never stored (Core: MAX_STANDARD_TX_WEIGHT). */
const ORPHAN_WEIGHT_MAX = 400_000;
const INPUTS_PER_SCORE = 10;

interface Orphan {
  readonly tx: Transaction;
  /** Who announced it, in order of announcement. */
  readonly announcers: Set<PeerId>;
  /** The announcer in whose turn it is tried again. */
  reconsiderer: PeerId | undefined;
}

interface PeerUsage {
  /** Oldest first. */
  readonly orphans: Set<Orphan>;
  weight: number;
  score: number;
}

export class Orphanage {
  readonly #random: Random;
  readonly #orphans = new Map<Wtxid, Orphan>();
  readonly #byPrevout = new Map<OutPointKey, Set<Orphan>>();
  readonly #peers = new Map<PeerId, PeerUsage>();
  #weight = 0;
  /** Of inputs only, each orphan once; announcements come on top. */
  #inputScore = 0;
  #announcements = 0;

  constructor(deps: { readonly random: Random }) {
    this.#random = deps.random;
  }

  /** Distinct transactions. */
  get size(): number {
    return this.#orphans.size;
  }

  get announcementCount(): number {
    return this.#announcements;
  }

  /** Weight units, each orphan once. */
  get weight(): number {
    return this.#weight;
  }

  get latencyScore(): number {
    return this.#inputScore + this.#announcements;
  }

  weightOf(peer: PeerId): number {
    return this.#peers.get(peer)?.weight ?? 0;
  }

  get(wtxid: Wtxid): Transaction | undefined {
    return this.#orphans.get(wtxid)?.tx;
  }

  has(wtxid: Wtxid): boolean {
    return this.#orphans.has(wtxid);
  }

  hasFrom(wtxid: Wtxid, peer: PeerId): boolean {
    return this.#orphans.get(wtxid)?.announcers.has(peer) ?? false;
  }

  /** Stores the orphan for `peer`; true when it is new here (and was not evicted at once). */
  add(tx: Transaction, peer: PeerId): boolean {
    if (tx.weight > ORPHAN_WEIGHT_MAX) return false;
    const known = this.#orphans.get(tx.wtxid);
    if (known) {
      this.addAnnouncer(tx.wtxid, peer);
      return false;
    }
    const orphan: Orphan = { tx: tx.detached(), announcers: new Set(), reconsiderer: undefined };
    this.#orphans.set(tx.wtxid, orphan);
    this.#weight += tx.weight;
    this.#inputScore += scoreOf(tx) - 1;
    for (const key of spentBy(tx)) {
      const spenders = this.#byPrevout.get(key);
      if (spenders) spenders.add(orphan);
      else this.#byPrevout.set(key, new Set([orphan]));
    }
    this.#announce(orphan, peer);
    this.#trim();
    return this.has(tx.wtxid);
  }

  /** Another peer has it too. */
  addAnnouncer(wtxid: Wtxid, peer: PeerId): void {
    const orphan = this.#orphans.get(wtxid);
    if (!orphan || orphan.announcers.has(peer)) return;
    this.#announce(orphan, peer);
    this.#trim();
  }

  /** The parent came: its children are to be tried again, each in the turn of a random one of its announcers: these. */
  reconsiderChildrenOf(parent: Transaction): Set<PeerId> {
    const turns = new Set<PeerId>();
    parent.outputs.forEach((_, index) => {
      for (const orphan of this.#byPrevout.get(outPointKey(parent.txid, index)) ?? []) {
        if (orphan.reconsiderer !== undefined) continue;
        const announcers = [...orphan.announcers];
        orphan.reconsiderer = announcers[randomBelow(this.#random, announcers.length)]!;
        turns.add(orphan.reconsiderer);
      }
    });
    return turns;
  }

  hasToReconsider(peer: PeerId): boolean {
    return this.#firstOf(peer, orphan => orphan.reconsiderer === peer) !== undefined;
  }

  /** The next orphan to try again in the peer's turn; it stays here until it is accepted or refused. */
  takeToReconsider(peer: PeerId): Transaction | undefined {
    const orphan = this.#firstOf(peer, each => each.reconsiderer === peer);
    if (orphan) orphan.reconsiderer = undefined;
    return orphan?.tx;
  }

  /** What `peer` gave us that spends from `parent`: what is to be tried again first, then the newest. */
  childrenOf(parent: Transaction, peer: PeerId): Transaction[] {
    const children = [...(this.#peers.get(peer)?.orphans ?? [])].filter(({ tx }) => spends(tx, parent.txid));
    const rank = (orphan: Orphan) => (orphan.reconsiderer === peer ? 0 : 1);
    return children
      .reverse()
      .sort((a, b) => rank(a) - rank(b))
      .map(({ tx }) => tx);
  }

  /** True when it was here. */
  erase(wtxid: Wtxid): boolean {
    const orphan = this.#orphans.get(wtxid);
    if (!orphan) return false;
    this.#eraseAll(orphan);
    // A peer less means a share of weight less.
    this.#trim();
    return true;
  }

  eraseForPeer(peer: PeerId): void {
    for (const orphan of [...(this.#peers.get(peer)?.orphans ?? [])]) this.#withdraw(orphan, peer);
    this.#trim();
  }

  /** What the block contains or conflicts with has no parents to wait for any more. */
  eraseForBlock(transactions: readonly Transaction[]): void {
    if (this.#orphans.size === 0) return;
    const spent = new Set<Orphan>();
    for (const tx of transactions)
      for (const input of tx.inputs)
        for (const orphan of this.#byPrevout.get(keyOf(input.prevout)) ?? []) spent.add(orphan);
    for (const orphan of spent) this.#eraseAll(orphan);
    this.#trim();
  }

  /** With their announcers, as `getorphantxs` shows them. */
  *entries(): Generator<{ readonly tx: Transaction; readonly announcers: readonly PeerId[] }> {
    for (const { tx, announcers } of this.#orphans.values()) yield { tx, announcers: [...announcers] };
  }

  #firstOf(peer: PeerId, wanted: (orphan: Orphan) => boolean): Orphan | undefined {
    for (const orphan of this.#peers.get(peer)?.orphans ?? []) if (wanted(orphan)) return orphan;
    return undefined;
  }

  #announce(orphan: Orphan, peer: PeerId): void {
    let usage = this.#peers.get(peer);
    if (!usage) {
      usage = { orphans: new Set(), weight: 0, score: 0 };
      this.#peers.set(peer, usage);
    }
    orphan.announcers.add(peer);
    usage.orphans.add(orphan);
    usage.weight += orphan.tx.weight;
    usage.score += scoreOf(orphan.tx);
    this.#announcements += 1;
  }

  #eraseAll(orphan: Orphan): void {
    for (const peer of [...orphan.announcers]) this.#withdraw(orphan, peer);
  }

  /** One announcement goes; with the last one goes the orphan. */
  #withdraw(orphan: Orphan, peer: PeerId): void {
    const usage = this.#peers.get(peer)!;
    usage.orphans.delete(orphan);
    usage.weight -= orphan.tx.weight;
    usage.score -= scoreOf(orphan.tx);
    if (usage.orphans.size === 0) this.#peers.delete(peer);
    this.#announcements -= 1;
    orphan.announcers.delete(peer);
    if (orphan.reconsiderer === peer) orphan.reconsiderer = undefined;
    if (orphan.announcers.size > 0) return;
    this.#orphans.delete(orphan.tx.wtxid);
    this.#weight -= orphan.tx.weight;
    this.#inputScore -= scoreOf(orphan.tx) - 1;
    for (const key of spentBy(orphan.tx)) {
      const spenders = this.#byPrevout.get(key);
      spenders?.delete(orphan);
      if (spenders?.size === 0) this.#byPrevout.delete(key);
    }
  }

  #isOverLimit(): boolean {
    const weightMax = WEIGHT_PER_PEER * Math.max(this.#peers.size, 1);
    return this.latencyScore > LATENCY_SCORE_MAX || this.#weight > weightMax;
  }

  #trim(): void {
    if (!this.#isOverLimit()) return;
    // The share is kept the same throughout, though peers may drop out on the way.
    const scoreShare = Math.floor(LATENCY_SCORE_MAX / Math.max(this.#peers.size, 1));
    while (this.#isOverLimit()) {
      const worst = this.#worstPeer(scoreShare);
      const oldest =
        this.#firstOf(worst, orphan => orphan.reconsiderer !== worst) ?? this.#firstOf(worst, () => true);
      assert(oldest, 'a peer over its share has orphans');
      this.#withdraw(oldest, worst);
    }
  }

  /**
   * Who uses most of its share of either limit. When equal, whoever uses it by score rather than by weight; then the
   * younger connection.
   */
  #worstPeer(scoreShare: number): PeerId {
    let worst: (Load & { readonly peer: PeerId }) | undefined;
    for (const [peer, usage] of this.#peers) {
      const load = loadOf(usage, scoreShare);
      const order = worst === undefined ? 1 : compareLoads(load, worst);
      if (order > 0 || (order === 0 && peer > worst!.peer)) worst = { peer, ...load };
    }
    assert(worst, 'an orphanage over its limit has peers');
    return worst.peer;
  }
}

/** What a peer uses of the share that it uses most of (Core: GetDosScore): a fraction, so that equal ones are told for sure. */
interface Load {
  readonly used: number;
  readonly share: number;
}

function loadOf({ score, weight }: PeerUsage, scoreShare: number): Load {
  const byScore = { used: score, share: scoreShare };
  const byWeight = { used: weight, share: WEIGHT_PER_PEER };
  return compareLoads(byScore, byWeight) >= 0 ? byScore : byWeight;
}

/** Of equal ones, that of the smaller share is more, and so score before weight (Core: ByRatioNegSize). */
function compareLoads(a: Load, b: Load): number {
  return a.used * b.share - b.used * a.share || b.share - a.share;
}

/** Core: Announcement::GetLatencyScore. */
function scoreOf(tx: Transaction): number {
  return 1 + Math.floor(tx.inputCount / INPUTS_PER_SCORE);
}

/** The keys of what it spends. Its `inputs` are never asked for: as objects they take fifty times the bytes that count as its weight. */
function* spentBy(tx: Transaction): Generator<OutPointKey> {
  for (const input = tx.inputCursor(); input.next(); ) yield keyAt(input.bytes, input.start);
}

function spends(tx: Transaction, parent: Txid): boolean {
  for (const input = tx.inputCursor(); input.next(); )
    if (outPointAt(input.bytes, input.start).txid === parent) return true;
  return false;
}
