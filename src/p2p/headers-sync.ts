/**
 * Which headers to ask for, of whom, and what to make of those that come (Core: ProcessHeadersMessage, MaybeSendGetHeaders
 * and the first half of SendMessages). The rules:
 *
 * - While we are far behind (best header older than a day), headers are fetched from one peer only, with a long timeout,
 *   and from one more for each new block that somebody announces. Near the present every peer is asked.
 * - At most one getheaders is open with a peer; another is not sent before it was answered or two minutes have passed.
 * - Headers must follow each other and carry proof of work. If they do not connect to ours, the gap is asked for.
 * - Headers of a chain with less work than the last 144 blocks of ours (or than the chain is known to have at least) are
 *   not stored: see headers-presync.ts.
 */
import type { BlockHash } from '../base/bytes.ts';
import { DAY_MS, MINUTE_MS, type Milliseconds, SECOND_MS } from '../base/clock.ts';
import { Few } from '../base/few.ts';
import type { HeaderId } from '../chain/chain-view.ts';
import { blockProof, checkProofOfWork } from '../consensus/pow.ts';
import { Reject } from '../consensus/reject.ts';
import type { BlockHeader } from '../wire/block.ts';
import { HEADERS_COUNT_MAX, INV, type InventoryItem, NO_STOP_HASH } from '../wire/messages.ts';
import type { BlockDownload } from './block-download.ts';
import type { BlockKnowledge } from './block-knowledge.ts';
import type { BlockRequests } from './block-requests.ts';
import type { Concern, Handlers, P2pContext } from './concern.ts';
import { HeadersPresync, reachesWork } from './headers-presync.ts';
import { isChosenOutbound, isInbound, type Peer, servesBlocks } from './peer.ts';
import type { PeerInfo } from './peer-info.ts';
import { PeerStates } from './peer-states.ts';
import type { PeerAlarms } from './timers.ts';
import type { Turn } from './turns.ts';

/** How long an answer to getheaders may take (Core: HEADERS_RESPONSE_TIME). */
export const HEADERS_RESPONSE_MS = 2 * MINUTE_MS;
/** For the initial sync: this, and so much for each header expected (Core: HEADERS_DOWNLOAD_TIMEOUT_*). */
const SYNC_TIMEOUT_BASE_MS = 15 * MINUTE_MS;
const SYNC_TIMEOUT_PER_HEADER_MS = 1;
/** Best headers younger than this are near the present. */
const NEAR_PRESENT_MS = DAY_MS;
/** Branches may leave our chain so far back without being suspected of having little work. */
const WORK_BUFFER_BLOCKS = 144n;
/** Version in our getheaders: peers ignore it. */
const LOCATOR_VERSION = 70_017;

interface SyncState {
  /** When the getheaders was sent that has not been answered; undefined when there is none. */
  askedAt: Milliseconds | undefined;
  isStarted: boolean;
  /** A block it announced made us ask for headers before its turn. */
  wasTriggeredByInv: boolean;
  presync: HeadersPresync | undefined;
  presyncStart: readonly BlockHash[];
}

const NO_HASHES: readonly BlockHash[] = [];

export class HeadersSync implements Concern {
  readonly turn: Turn;
  readonly #context: P2pContext;
  readonly #knowledge: BlockKnowledge;
  readonly #requests: BlockRequests;
  readonly #download: BlockDownload;
  readonly #states: PeerStates<SyncState>;
  /** Ready peers with blocks that we have not begun to sync headers from. */
  readonly #waiting = new Few<Peer>();
  readonly #timeouts: PeerAlarms;
  #lastTriggeringInv: BlockHash | undefined;
  #starts = 0;
  /** Of the connected peers. */
  #startedCount = 0;
  #threshold: { readonly tip: HeaderId; readonly work: bigint } | undefined;

  constructor(
    context: P2pContext,
    others: {
      readonly knowledge: BlockKnowledge;
      readonly requests: BlockRequests;
      readonly download: BlockDownload;
    },
  ) {
    this.#context = context;
    this.#states = new PeerStates(context, 'headers-sync');
    this.#timeouts = context.timers.ofPeers<Peer>((peer, now) => this.#timedOut(peer, now));
    this.#knowledge = others.knowledge;
    this.#requests = others.requests;
    this.#download = others.download;
    this.turn = context.turns.turn();
  }

  static readonly #handlers: Handlers<HeadersSync> = {
    headers: (self, peer, message, now) => self.#headers(peer, message.headers, now),
    inv: (self, peer, { items }, now) => {
      // Nearly all announce transactions.
      if (!items.some(isBlock)) return;
      const blocks = items.filter(isBlock);
      self.#announced(peer, blocks.map(item => item.hash as BlockHash), now); // biome-ignore format: one step
    },
  };

  get handlers(): Handlers<HeadersSync> {
    return HeadersSync.#handlers;
  }

  onHandshakeDone(peer: Peer): void {
    this.#states.set(peer, {
      askedAt: undefined,
      isStarted: false,
      wasTriggeredByInv: false,
      presync: undefined,
      presyncStart: NO_HASHES,
    });
    if (servesBlocks(peer)) this.#waiting.add(peer);
    this.turn.ask();
  }

  onDisconnected(peer: Peer): void {
    this.#timeouts.clear(peer);
    if (this.isStarted(peer)) this.#startedCount -= 1;
    this.#states.delete(peer);
    this.#waiting.delete(peer);
  }

  onSettled(now: Milliseconds): void {
    // Time, or another concern, may decide that it is one's turn.
    if (this.#waiting.size > 0) this.turn.ask();
    if (this.#context.chain.isLoadingBlocks) return;
    const isNear = this.#isNearPresent(now);
    this.#waiting.forEach(peer => {
      if (!isNear && this.#startedCount > 0) return;
      if (peer.phase === 'ready' && (isNear || this.#requests.isSyncSource(peer))) this.#start(peer, now);
    });
  }

  describe(peer: Peer): Partial<PeerInfo> {
    const presync = this.#states.get(peer)?.presync;
    return { presyncedHeaders: presync?.phase === 'presync' ? presync.height : -1 };
  }

  /** Grows whenever headers sync with some peer is started or given up. */
  get changes(): number {
    return this.#starts;
  }

  /** We asked it for the headers of its chain. */
  isStarted(peer: Peer): boolean {
    return this.#states.get(peer)?.isStarted === true;
  }

  /** Asks for what comes after `id`, or after its branch's last block that both have; false if an answer is still due. */
  ask(peer: Peer, id: HeaderId, now: Milliseconds): boolean {
    return this.#ask(peer, this.#context.chain.headers.locatorOf(id), now);
  }

  /** A compact block too far above our tip tells us of its header only. */
  takeCompactHeader(peer: Peer, header: BlockHeader, now: Milliseconds): void {
    this.#headers(peer, [header], now, { viaCompact: true });
  }

  /** Work below which headers and blocks are not stored (Core: GetAntiDoSWorkThreshold). */
  workThreshold(): bigint {
    const tip = this.#context.chain.tip();
    if (this.#threshold?.tip !== tip) this.#threshold = { tip, work: this.#thresholdAt(tip) };
    return this.#threshold.work;
  }

  #thresholdAt(tip: HeaderId): bigint {
    const { chain, options } = this.#context;
    const work = chain.headers.chainWorkOf(tip);
    const buffer = WORK_BUFFER_BLOCKS * blockProof(chain.headers.bitsOf(tip));
    const nearTip = work > buffer ? work - buffer : 0n;
    return nearTip > options.minimumChainWork ? nearTip : options.minimumChainWork;
  }

  #ask(peer: Peer, locator: readonly BlockHash[], now: Milliseconds): boolean {
    const state = this.#states.get(peer);
    if (state === undefined) return false;
    if (state.askedAt !== undefined && now - state.askedAt <= HEADERS_RESPONSE_MS) return false;
    state.askedAt = now;
    this.#context.outbox.send(peer, {
      command: 'getheaders',
      version: LOCATOR_VERSION,
      locator,
      stopHash: NO_STOP_HASH,
    });
    return true;
  }

  // Who to sync from.

  #isNearPresent(now: Milliseconds): boolean {
    const { chain } = this.#context;
    return chain.headers.timeOf(chain.bestHeader()) * SECOND_MS > now - NEAR_PRESENT_MS;
  }

  #start(peer: Peer, now: Milliseconds): void {
    const { chain, log } = this.#context;
    const best = chain.bestHeader();
    // From one block before, so that a peer in step with us answers with something and we learn what it has.
    const start = chain.headers.parentOf(best) ?? best;
    if (!this.ask(peer, start, now)) return;
    log.debug('net', () => `initial getheaders (${chain.headers.heightOf(start)}) to peer=${peer.id}`);
    const state = this.#states.get(peer)!;
    state.isStarted = true;
    this.#starts += 1;
    this.#startedCount += 1;
    this.#waiting.delete(peer);
    this.#knowledge.tell();
    const expected = (now / SECOND_MS - chain.headers.timeOf(best)) / chain.params.powTargetSpacing;
    const allowed = SYNC_TIMEOUT_BASE_MS + Math.max(0, expected) * SYNC_TIMEOUT_PER_HEADER_MS;
    this.#timeouts.set(peer, Math.floor(now + allowed) + 1);
  }

  /** Our only source of headers is too slow: another is tried, if there is one. */
  #timedOut(peer: Peer, now: Milliseconds): void {
    const state = this.#states.get(peer);
    // Once near the present, the initial sync is over and this is not looked at again.
    if (state === undefined || this.#isNearPresent(now)) return;
    const others = this.#requests.preferredCount() - (peer.isPreferredDownload ? 1 : 0);
    if (this.#startedCount > 1 || others < 1) {
      // Looked at again when that may have changed.
      this.#timeouts.set(peer, now + MINUTE_MS);
      return;
    }
    if (!peer.permissions.has('noban')) {
      this.#context.log.info(`Timeout downloading headers, disconnecting peer=${peer.id}`);
      this.#context.outbox.disconnect(peer, 'timeout downloading headers');
      return;
    }
    state.isStarted = false;
    this.#starts += 1;
    this.#startedCount -= 1;
    this.#waiting.add(peer);
    this.#knowledge.tell();
    this.turn.ask();
  }

  // What comes.

  /** Blocks announced by their hashes, the last being the highest. */
  #announced(peer: Peer, hashes: readonly BlockHash[], now: Milliseconds): void {
    const { chain, log } = this.#context;
    let unknown: BlockHash | undefined;
    for (const hash of hashes) {
      this.#knowledge.learn(peer, hash);
      if (chain.headers.find(hash) === undefined) unknown = hash;
    }
    this.#download.changed(peer);
    if (unknown === undefined || chain.isLoadingBlocks) return;
    const state = this.#states.get(peer)!;
    const mayTrigger = !state.wasTriggeredByInv && unknown !== this.#lastTriggeringInv;
    if (!state.isStarted && !mayTrigger) return;
    const best = chain.bestHeader();
    if (this.ask(peer, best, now))
      log.debug('net', () => `getheaders (${chain.headers.heightOf(best)}) to peer=${peer.id}`);
    if (state.isStarted) return;
    state.wasTriggeredByInv = true;
    this.#lastTriggeringInv = unknown;
  }

  #headers(
    peer: Peer,
    received: readonly BlockHeader[],
    now: Milliseconds,
    { viaCompact = false }: { readonly viaCompact?: boolean } = {},
  ): void {
    const { chain } = this.#context;
    const state = this.#states.get(peer)!;
    if (received.length === 0) {
      // Not an announcement, so it answers our question: there is nothing (more).
      state.presync = undefined;
      state.askedAt = undefined;
      return;
    }
    if (!this.#checkForm(peer, received)) return;
    const isFull = received.length === HEADERS_COUNT_MAX;
    const proven = state.presync && this.#continuePresync(peer, state, received, isFull, now);
    const headers = proven ?? received;
    if (headers.length === 0) return;

    const start = chain.headers.find(headers[0]!.prevHash);
    if (start === undefined) {
      this.#unconnected(peer, headers, now);
      return;
    }
    state.askedAt = state.presync ? state.askedAt : undefined;
    const last = headers.at(-1)!;
    const knownLast = chain.headers.find(last.hash);
    const isTrusted =
      proven !== undefined ||
      peer.permissions.has('noban') ||
      (knownLast !== undefined && this.#isOurs(knownLast));
    if (!isTrusted && this.#hasLittleWork(start, headers)) {
      if (isFull) this.#startPresync(peer, state, start, headers, now);
      else this.#context.log.debug('net', () => `Ignoring low-work chain from peer=${peer.id}`);
      return;
    }
    const id = this.#accept(peer, headers, now, viaCompact);
    if (id === undefined) return;
    if (isFull && state.presync === undefined) this.ask(peer, id, now);
    this.#learned(peer, id, { isNew: knownLast === undefined, mayHaveMore: isFull }, now);
    this.#download.fetchDirectly(peer, id, now);
  }

  /** Proof of work as claimed, and each after the other; anything else is never an accident. */
  #checkForm(peer: Peer, headers: readonly BlockHeader[]): boolean {
    const { chain, penalties } = this.#context;
    if (!headers.every(header => checkProofOfWork(header.hash, header.bits, chain.params))) {
      penalties.misbehaving(peer, 'header with invalid proof of work');
      return false;
    }
    if (headers.some((header, i) => i > 0 && header.prevHash !== headers[i - 1]!.hash)) {
      penalties.misbehaving(peer, 'non-continuous headers sequence');
      return false;
    }
    return true;
  }

  #unconnected(peer: Peer, headers: readonly BlockHeader[], now: Milliseconds): void {
    this.ask(peer, this.#context.chain.bestHeader(), now);
    // Should the headers come from somebody else, this peer is known to have the blocks.
    this.#knowledge.learn(peer, headers.at(-1)!.hash);
  }

  /** On the branch of our best header or of our tip: takes no more memory and tells nothing new. */
  #isOurs(id: HeaderId): boolean {
    const { chain } = this.#context;
    const best = chain.bestHeader();
    const height = chain.headers.heightOf(id);
    const isOfBest = height <= chain.headers.heightOf(best) && chain.headers.ancestorOf(best, height) === id;
    return isOfBest || chain.isActive(id);
  }

  #hasLittleWork(start: HeaderId, headers: readonly BlockHeader[]): boolean {
    return !reachesWork(this.#context.chain.headers.chainWorkOf(start), headers, this.workThreshold());
  }

  #startPresync(
    peer: Peer,
    state: SyncState,
    start: HeaderId,
    headers: readonly BlockHeader[],
    now: Milliseconds,
  ): void {
    const { chain } = this.#context;
    state.presync = new HeadersPresync(this.#context, start, this.workThreshold(), now);
    state.presyncStart = chain.headers.locatorOf(start);
    this.#continuePresync(peer, state, headers, true, now);
  }

  /** Headers that are proven now; undefined if these were no part of it and are to be judged by themselves. */
  #continuePresync(
    peer: Peer,
    state: SyncState,
    received: readonly BlockHeader[],
    isFull: boolean,
    now: Milliseconds,
  ): readonly BlockHeader[] | undefined {
    const presync = state.presync!;
    const result = presync.next(received, isFull);
    if (result.ok) state.askedAt = undefined;
    if (result.more) this.#ask(peer, presync.nextLocator(state.presyncStart), now);
    if (presync.phase === 'done') {
      state.presync = undefined;
      state.presyncStart = NO_HASHES;
    }
    return result.ok ? result.headers : undefined;
  }

  /** The last header's place; undefined, and the peer is judged, when one is refused. */
  #accept(
    peer: Peer,
    headers: readonly BlockHeader[],
    now: Milliseconds,
    viaCompact: boolean,
  ): HeaderId | undefined {
    const { chain, log, penalties } = this.#context;
    let id: HeaderId | undefined;
    this.#knowledge.tell();
    try {
      for (const header of headers) id = chain.acceptHeader(header, now);
    } catch (error) {
      if (!(error instanceof Reject)) throw error;
      if (!isInbound(peer) && error.reason === 'duplicate-invalid')
        log.warn(`${error.message} (received from peer=${peer.id}).`);
      penalties.punishForBlock(peer, error, `invalid header received: ${error.message}`, { viaCompact });
      return undefined;
    }
    return id;
  }

  #learned(
    peer: Peer,
    id: HeaderId,
    what: { readonly isNew: boolean; readonly mayHaveMore: boolean },
    now: Milliseconds,
  ): void {
    const { chain, log, options, outbox } = this.#context;
    this.#knowledge.learn(peer, chain.headers.hashOf(id));
    const known = this.#knowledge.of(peer);
    if (what.isNew && chain.headers.compareWork(id, chain.tip()) > 0) known.lastAnnouncement = now;
    // While we have to catch up, outbound peers should be of help.
    const hasLittle =
      known.best !== undefined && chain.headers.chainWorkOf(known.best) < options.minimumChainWork;
    if (!what.mayHaveMore && hasLittle && isChosenOutbound(peer) && chain.isInitialBlockDownload(now)) {
      log.info(`outbound peer headers chain has insufficient work, disconnecting peer=${peer.id}`);
      outbox.disconnect(peer, 'headers chain has insufficient work');
    }
  }
}

function isBlock({ type }: InventoryItem): boolean {
  return type === INV.block;
}
