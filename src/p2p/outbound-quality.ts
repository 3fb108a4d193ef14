/**
 * Whether the peers that we chose keep us in step with the network (Core: ConsiderEviction, EvictExtraOutboundPeers,
 * CheckForStaleTipAndEvictPeers). An attacker who holds our outbound slots must not be able to keep blocks from us:
 *
 * - An outbound peer that has shown no block with the work of our tip for twenty minutes is asked once more, and leaves two
 *   minutes later. Four that have shown such a block are safe, so that a fork of ours cannot cost us all of them.
 * - When no block has come for three intervals, one outbound peer more is tried. Of too many, the one goes that told us of
 *   a new block longest ago.
 */
import { MINUTE_MS, type Milliseconds, SECOND_MS } from '../base/clock.ts';
import type { HeaderId } from '../chain/chain-view.ts';
import type { ChainNotice } from '../chain/effects.ts';
import type { BlockDownload } from './block-download.ts';
import type { BlockKnowledge } from './block-knowledge.ts';
import type { BlockRequests } from './block-requests.ts';
import type { Concern, Handlers, P2pContext } from './concern.ts';
import { HEADERS_RESPONSE_MS, type HeadersSync } from './headers-sync.ts';
import type { OutboundSlots } from './outbound-slots.ts';
import { isChosenOutbound, type Peer } from './peer.ts';
import type { Alarm, PeerAlarms } from './timers.ts';
import type { Turn } from './turns.ts';

/** Core: CHAIN_SYNC_TIMEOUT. */
const CHAIN_SYNC_TIMEOUT_MS = 20 * MINUTE_MS;
/** Core: MAX_OUTBOUND_PEERS_TO_PROTECT_FROM_DISCONNECT. */
const PROTECTED_MAX = 4;
/** Core: EXTRA_PEER_CHECK_INTERVAL, STALE_CHECK_INTERVAL. */
const EXTRA_PEER_CHECK_MS = 45 * SECOND_MS;
const STALE_CHECK_MS = 10 * MINUTE_MS;
/** A tip is stale when no block came for so many intervals. */
const STALE_INTERVALS = 3;
/** A peer has this long to be of use (Core: MINIMUM_CONNECT_TIME). */
const CONNECT_TIME_MIN_MS = 30 * SECOND_MS;

interface ChainSync {
  isProtected: boolean;
  /** What the peer has to show until its alarm rings: our tip of when that was set. */
  benchmark: HeaderId | undefined;
  wasAsked: boolean;
}

export class OutboundQuality implements Concern {
  readonly turn: Turn;
  readonly #context: P2pContext;
  readonly #knowledge: BlockKnowledge;
  readonly #requests: BlockRequests;
  readonly #download: BlockDownload;
  readonly #headersSync: HeadersSync;
  readonly #slots: OutboundSlots;
  /** Of outbound peers only: they are looked at often, and among many inbound ones. */
  readonly #states = new Map<Peer, ChainSync>();
  readonly #chore: Alarm;
  readonly #alarms: PeerAlarms;
  #lastBlockAt: Milliseconds | undefined;
  #nextStaleCheck: Milliseconds = 0;
  #isInitialSyncDone = false;
  /** What the peers were last judged by: as long as it stays, they need not be looked at. */
  readonly #judgedBy = { tip: -1, known: -1, started: -1 };

  constructor(
    context: P2pContext,
    others: {
      readonly knowledge: BlockKnowledge;
      readonly requests: BlockRequests;
      readonly download: BlockDownload;
      readonly headersSync: HeadersSync;
      readonly slots: OutboundSlots;
    },
  ) {
    this.#context = context;
    this.#alarms = context.timers.ofPeers<Peer>((peer, now) => this.#timedOut(peer, now));
    this.#knowledge = others.knowledge;
    this.#requests = others.requests;
    this.#download = others.download;
    this.#headersSync = others.headersSync;
    this.#slots = others.slots;
    this.#chore = context.timers.scheduled(now => this.#checkTip(now));
    this.turn = context.turns.turn();
    this.#knowledge.addReader(this.turn);
  }

  static readonly #handlers: Handlers<OutboundQuality> = {
    headers: (self, peer) => self.#maybeProtect(peer),
  };

  get handlers(): Handlers<OutboundQuality> {
    return OutboundQuality.#handlers;
  }

  onHandshakeDone(peer: Peer): void {
    if (!isChosenOutbound(peer)) return;
    this.#states.set(peer, { isProtected: false, benchmark: undefined, wasAsked: false });
  }

  onDisconnected(peer: Peer): void {
    this.#alarms.clear(peer);
    this.#states.delete(peer);
  }

  onChain(notice: ChainNotice, now: Milliseconds): void {
    if (notice.kind === 'blockConnected') this.#lastBlockAt = now;
    this.turn.ask();
  }

  onSettled(now: Milliseconds): void {
    if (this.#chore.at === undefined) this.#chore.set(now + EXTRA_PEER_CHECK_MS);
    const tip = this.#context.chain.tip();
    const known = this.#knowledge.changes;
    const started = this.#headersSync.changes;
    const before = this.#judgedBy;
    if (before.tip === tip && before.known === known && before.started === started) return;
    before.tip = tip;
    before.known = known;
    before.started = started;
    for (const [peer, state] of this.#states) this.#consider(peer, state, now);
  }

  /** Sets, moves or lifts the deadline by which the peer must have shown its worth. */
  #consider(peer: Peer, state: ChainSync, now: Milliseconds): void {
    if (state.isProtected || peer.phase !== 'ready' || !this.#headersSync.isStarted(peer)) return;
    const tip = this.#context.chain.tip();
    if (this.#knowledge.hasWorkOf(peer, tip)) {
      this.#alarms.clear(peer);
      state.benchmark = undefined;
      state.wasAsked = false;
      return;
    }
    // The first time, or it has reached our tip of then while we went on.
    if (state.benchmark === undefined || this.#knowledge.hasWorkOf(peer, state.benchmark)) {
      state.benchmark = tip;
      state.wasAsked = false;
      this.#alarms.set(peer, now + CHAIN_SYNC_TIMEOUT_MS + 1);
    }
  }

  #timedOut(peer: Peer, now: Milliseconds): void {
    const { chain, log, outbox } = this.#context;
    const state = this.#states.get(peer);
    if (state?.benchmark === undefined || state.isProtected) return;
    if (state.wasAsked) {
      log.info(`Outbound peer has old chain, disconnecting peer=${peer.id}`);
      outbox.disconnect(peer, 'outbound peer has old chain');
      return;
    }
    log.debug('net', () => `sending getheaders to outbound peer=${peer.id} to verify chain work`);
    // If one is open already, its answer tells as much.
    this.#headersSync.ask(peer, chain.headers.parentOf(state.benchmark) ?? state.benchmark, now);
    state.wasAsked = true;
    this.#alarms.set(peer, now + HEADERS_RESPONSE_MS + 1);
  }

  #maybeProtect(peer: Peer): void {
    const state = this.#states.get(peer);
    if (state === undefined || state.isProtected || peer.type !== 'outbound-full-relay') return;
    if (peer.phase !== 'ready' || !this.#knowledge.hasWorkOf(peer, this.#context.chain.tip())) return;
    let count = 0;
    for (const other of this.#states.values()) if (other.isProtected) count += 1;
    if (count >= PROTECTED_MAX) return;
    state.isProtected = true;
    this.#alarms.clear(peer);
  }

  #checkTip(now: Milliseconds): void {
    this.#chore.set(now + EXTRA_PEER_CHECK_MS);
    this.#evictExtraBlockRelay(now);
    this.#evictExtraFullRelay(now);
    if (now > this.#nextStaleCheck) {
      this.#checkStale(now);
      this.#nextStaleCheck = now + STALE_CHECK_MS;
    }
    if (!this.#isInitialSyncDone && this.#download.isNearTip(now)) {
      this.#isInitialSyncDone = true;
      this.#slots.startExtraBlockRelay(now);
    }
  }

  #checkStale(now: Milliseconds): void {
    const { chain, log } = this.#context;
    const slots = this.#slots;
    this.#lastBlockAt ??= now;
    const silentMs = now - this.#lastBlockAt;
    const isStale =
      silentMs > STALE_INTERVALS * chain.params.powTargetSpacing * SECOND_MS && this.#requests.isEmpty;
    if (isStale && !chain.isLoadingBlocks && slots.isNetworkActive && slots.dialsFromAddressBook) {
      log.info(`Potential stale tip detected, will try using extra outbound peer (last tip update: ${Math.floor(silentMs / SECOND_MS)} seconds ago)`); // biome-ignore format: one line of the log
      slots.setExtraFullRelay(true, now);
    } else if (slots.wantsExtraFullRelay) slots.setExtraFullRelay(false, now);
  }

  /** The youngest goes, unless it has given us a block more recently than the one before it. */
  #evictExtraBlockRelay(now: Milliseconds): void {
    if (this.#slots.extraBlockRelayCount() === 0) return;
    const peers = this.#staying('block-relay-only');
    const [youngest, next] = [peers.at(-1), peers.at(-2)];
    if (youngest === undefined) return;
    const worst = next !== undefined && youngest.lastBlock > next.lastBlock ? next : youngest;
    if (now - worst.connectedAt >= CONNECT_TIME_MIN_MS && this.#requests.countOf(worst) === 0)
      this.#context.outbox.disconnect(worst, 'extra block-relay-only peer');
  }

  #evictExtraFullRelay(now: Milliseconds): void {
    if (this.#slots.extraFullRelayCount() === 0) return;
    let worst: Peer | undefined;
    for (const peer of this.#staying('outbound-full-relay')) {
      if (this.#states.get(peer)?.isProtected || !this.#slots.hasOtherOnNetwork(peer)) continue;
      const at = this.#knowledge.of(peer).lastAnnouncement;
      if (worst === undefined || at <= this.#knowledge.of(worst).lastAnnouncement) worst = peer;
    }
    if (worst === undefined) return;
    if (now - worst.connectedAt <= CONNECT_TIME_MIN_MS || this.#requests.countOf(worst) > 0) return;
    this.#context.outbox.disconnect(worst, 'extra outbound peer');
    // There was one peer more, so the tip was not stale for lack of trying.
    this.#slots.setExtraFullRelay(false, now);
  }

  /** Oldest connection first. */
  #staying(type: Peer['type']): Peer[] {
    return [...this.#context.peers.values()].filter(peer => peer.type === type && peer.phase !== 'leaving');
  }
}
