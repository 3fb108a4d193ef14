/**
 * Set reconciliation (BIP330, Erlay: Naumenko, Maxwell, Wuille, Fedorova, Beschastnikh 2019), for the relay strategy
 * `reconcile`: beside eight flooding outbound links, four more on which nothing is announced. Each half minute the dialer
 * asks for a sketch of what the other side has got since the last time, and both tell each other by `inv` what the
 * difference is. It costs little, and finds what an attacker or chance kept from the flooding links; it does not replace
 * them (Core's plan of 2026: pull request 35591).
 *
 * The sketches are real (crypto/pin-sketch.ts). A difference larger than the sketch makes both sides announce all that
 * waits; BIP330's second, larger sketch is not asked for.
 */

import type { Wtxid } from '../base/bytes.ts';
import { type Milliseconds, SECOND_MS } from '../base/clock.ts';
import { LateMap } from '../base/late-map.ts';
import { randomExponential } from '../base/random.ts';
import { combineSketches, createSketch, decodeSketch } from '../crypto/pin-sketch.ts';
import { shortTxId } from '../crypto/siphash.ts';
import { isNews, type MempoolNotice } from '../mempool/mempool-view.ts';
import type { MessageOf } from '../wire/messages.ts';
import type { Concern, Handlers, P2pContext } from './concern.ts';
import type { PeerId } from './events.ts';
import type { Peer } from './peer.ts';
import type { Reconciliation } from './reconciliation.ts';
import type { PeerAlarms } from './timers.ts';

/** Outbound full-relay links that flood: the ones after them reconcile. */
const FLOODING_MAX = 8;
const INTERVAL_MS = 30 * SECOND_MS;
/** Transactions that wait for one peer; more are left to the flooding links. */
const SET_MAX = 3_000;
/** Words of a sketch: decoding takes the square of it. */
const CAPACITY_MAX = 256;
/** How different the sets are expected to be, as a share of the smaller; sent times 2^15 − 1 (BIP330: q). */
const DIFFERENCE_SHARE = 0.25;
const Q_PRECISION = 0x7fff;
/** Words beyond what BIP330 reckons: small sketches of too much would often look like one of little. */
const CHECK_WORDS = 1;

interface Link {
  readonly peer: Peer;
  readonly role: 'dialer' | 'answerer';
  /** Under the link's salt: what the peer may lack. */
  set: Map<number, Wtxid>;
  /** The answerer's set as it was when its sketch went out, until the answer to that. */
  sketched: Map<number, Wtxid> | undefined;
  isOpen: boolean;
}

/** What is here of `tx-relay`. */
export interface Announcer {
  isKnownTo(peer: Peer, wtxid: Wtxid): boolean;
  /** By `inv` at once, but for what the peer knows or the pool has no more. */
  tell(peer: Peer, wtxids: readonly Wtxid[]): void;
}

export class Reconciler implements Concern {
  readonly #context: P2pContext;
  readonly #agreements: Reconciliation;
  readonly #links = new LateMap<PeerId, Link>();
  readonly #alarms: PeerAlarms;
  #announcer: Announcer | undefined;

  static readonly #handlers: Handlers<Reconciler> = {
    reqrecon: (self, peer, message) => self.#asked(peer, message),
    sketch: (self, peer, message) => self.#answered(peer, message),
    reconcildiff: (self, peer, message) => self.#settled(peer, message),
  };

  get handlers(): Handlers<Reconciler> {
    return Reconciler.#handlers;
  }

  constructor(context: P2pContext, agreements: Reconciliation) {
    this.#context = context;
    this.#agreements = agreements;
    this.#alarms = context.timers.ofPeers<Peer>((peer, now) => this.#ask(this.#links.get(peer.id)!, now));
  }

  /** Who announces: it is made after this one, because it asks `reconcilesWith`. */
  useAnnouncer(announcer: Announcer): void {
    this.#announcer = announcer;
  }

  /** Nothing is announced to this peer otherwise. */
  reconcilesWith(peer: Peer): boolean {
    return this.#links.has(peer.id);
  }

  onHandshakeDone(peer: Peer, now: Milliseconds): void {
    if (this.#context.options.relayStrategy?.kind !== 'reconcile') return;
    if (peer.type !== 'outbound-full-relay' || this.#agreements.keyOf(peer) === undefined) return;
    if (this.#floodingCount() < FLOODING_MAX) return;
    this.#open(peer, 'dialer');
    this.#alarms.set(peer, now + randomExponential(this.#context.random, INTERVAL_MS));
  }

  onDisconnected(peer: Peer): void {
    this.#alarms.clear(peer);
    this.#links.delete(peer.id);
  }

  onMempool(notice: MempoolNotice): void {
    if (notice.kind !== 'txAdded' || !isNews(notice.entrance) || this.#links.size === 0) return;
    const { wtxid } = notice.entry.tx;
    for (const { peer, set } of this.#links.values())
      if (set.size < SET_MAX && this.#announcer?.isKnownTo(peer, wtxid) !== true)
        set.set(shortTxId(this.#agreements.keyOf(peer)!, wtxid), wtxid);
  }

  #floodingCount(): number {
    let count = 0;
    for (const peer of this.#context.peers.values())
      if (peer.type === 'outbound-full-relay' && peer.phase === 'ready' && !this.#links.has(peer.id))
        count += 1;
    // The peer itself is ready by now.
    return count - 1;
  }

  #open(peer: Peer, role: Link['role']): Link {
    const link: Link = { peer, role, set: new Map(), sketched: undefined, isOpen: false };
    this.#links.set(peer.id, link);
    return link;
  }

  /** The dialer's turn comes round; a peer that has not answered by then has lost its. */
  #ask(link: Link, now: Milliseconds): void {
    const q = Math.round(DIFFERENCE_SHARE * Q_PRECISION);
    link.isOpen = true;
    this.#context.outbox.send(link.peer, { command: 'reqrecon', setSize: link.set.size, q });
    this.#alarms.set(link.peer, now + INTERVAL_MS);
  }

  /** The first question makes the link one that reconciles, on this side too. */
  #asked(peer: Peer, { setSize, q }: MessageOf<'reqrecon'>): void {
    const key = this.#agreements.keyOf(peer);
    if (key === undefined || peer.type !== 'inbound') {
      this.#context.outbox.disconnect(peer, 'reqrecon from a peer with which we do not reconcile');
      return;
    }
    const link = this.#links.get(peer.id) ?? this.#open(peer, 'answerer');
    const set = this.#present(link);
    const expected =
      Math.abs(set.size - setSize) +
      Math.ceil((q / Q_PRECISION) * Math.min(set.size, setSize)) +
      1 +
      CHECK_WORDS;
    const words = createSketch(set.keys(), Math.min(expected, CAPACITY_MAX));
    link.sketched = set;
    link.set = new Map();
    this.#context.outbox.send(peer, { command: 'sketch', words: [...words] });
  }

  #answered(peer: Peer, { words }: MessageOf<'sketch'>): void {
    const link = this.#links.get(peer.id);
    if (link?.role !== 'dialer' || !link.isOpen || words.length === 0 || words.length > CAPACITY_MAX) {
      this.#context.outbox.disconnect(peer, 'sketch that was not asked for');
      return;
    }
    link.isOpen = false;
    const set = this.#present(link);
    link.set = new Map();
    const own = createSketch(set.keys(), words.length);
    const decoded = decodeSketch(combineSketches(own, Uint32Array.from(words)));
    // At least one word must be left over to agree.
    const difference =
      decoded !== undefined && decoded.length <= words.length - CHECK_WORDS ? decoded : undefined;
    const missing = difference?.filter(id => !set.has(id)) ?? [];
    const surplus =
      difference === undefined ? [...set.values()] : difference.flatMap(id => set.get(id) ?? []);
    const success = difference === undefined ? 0 : 1;
    this.#context.outbox.send(peer, { command: 'reconcildiff', success, shortIds: missing });
    this.#announcer?.tell(peer, surplus);
  }

  #settled(peer: Peer, { success, shortIds }: MessageOf<'reconcildiff'>): void {
    const link = this.#links.get(peer.id);
    const set = link?.role === 'answerer' ? link.sketched : undefined;
    if (link === undefined || set === undefined) {
      this.#context.outbox.disconnect(peer, 'reconcildiff without a sketch');
      return;
    }
    link.sketched = undefined;
    this.#announcer?.tell(
      peer,
      success === 0 ? [...set.values()] : shortIds.flatMap(id => set.get(id) ?? []),
    );
  }

  /** What still waits for the peer, and is still in the pool. */
  #present({ set }: Link): Map<number, Wtxid> {
    const present = new Map<number, Wtxid>();
    for (const [id, wtxid] of set) if (this.#context.mempool.getByWtxid(wtxid)) present.set(id, wtxid);
    return present;
  }
}
