/**
 * Blocks that come and blocks that we announce (Core: the BLOCK branch of ProcessMessage, BlockChecked, UpdatedBlockTip, and
 * the announcements of SendMessages). The rules:
 *
 * - Every block that comes goes to the chain, which decides; one that nobody asked for must carry the work that headers need.
 * - Who sent a block that turns out to be invalid is judged when that is known, which may be much later.
 * - A new tip is announced to everybody unless we are still catching up: a single block as a compact block to peers that
 *   want that, by headers to peers that asked for those, at most 8, if they have the block before; else the tip's hash.
 * - The peer that brought the tip is asked to send the next ones at once (compact-peers.ts).
 */

import type { BlockHash } from '../base/bytes.ts';
import type { Milliseconds } from '../base/clock.ts';
import { Few } from '../base/few.ts';
import { LateMap } from '../base/late-map.ts';
import type { HeaderId } from '../chain/chain-view.ts';
import type { BlockResult, ChainNotice } from '../chain/effects.ts';
import { blockMutation } from '../consensus/block.ts';
import { blockProof } from '../consensus/pow.ts';
import type { Reject } from '../consensus/reject.ts';
import type { Block } from '../wire/block.ts';
import { INV } from '../wire/messages.ts';
import type { BlockDownload } from './block-download.ts';
import type { BlockKnowledge } from './block-knowledge.ts';
import type { BlockRequests } from './block-requests.ts';
import type { CompactPeers } from './compact-peers.ts';
import type { Concern, Handlers, P2pContext } from './concern.ts';
import type { PeerId } from './events.ts';
import type { HeadersSync } from './headers-sync.ts';
import type { Peer } from './peer.ts';
import { PeerStates } from './peer-states.ts';
import type { RecentBlock } from './recent-block.ts';
import type { Turn } from './turns.ts';

/** Headers in one announcement (Core: MAX_BLOCKS_TO_ANNOUNCE). */
const ANNOUNCED_HEADERS_MAX = 8;
/** First version that knows sendheaders (BIP130). */
const SENDHEADERS_VERSION = 70_012;

interface RelayState {
  /** It asked for headers instead of inv (BIP130). */
  prefersHeaders: boolean;
  /** Blocks that it is to be told of, lowest first. */
  toAnnounce: readonly HeaderId[];
}

/** Who sent a block first, and how. */
interface Source {
  readonly peer: PeerId;
  readonly viaCompact: boolean;
}

const NO_HEADERS: readonly HeaderId[] = [];

export class BlockRelay implements Concern {
  readonly turn: Turn;
  readonly #context: P2pContext;
  readonly #knowledge: BlockKnowledge;
  readonly #requests: BlockRequests;
  readonly #download: BlockDownload;
  readonly #headersSync: HeadersSync;
  readonly #compactPeers: CompactPeers;
  readonly #recent: RecentBlock;
  readonly #states: PeerStates<RelayState>;
  /** Who sent a block whose validity is not decided yet. */
  readonly #sources = new LateMap<BlockHash, Source>();
  /** Peers of which a block that is being decided on came as a compact one. */
  readonly #viaCompact = new LateMap<PeerId, BlockHash>();
  /** There may be blocks to announce. */
  #hasNews = false;
  /** Those who have not been asked yet to announce blocks by headers: few, and looked at often. */
  readonly #unasked = new Few<Peer>();
  /** How much was known of the peers when they were last looked at. */
  #lookedAt = -1;

  constructor(
    context: P2pContext,
    others: {
      readonly knowledge: BlockKnowledge;
      readonly requests: BlockRequests;
      readonly download: BlockDownload;
      readonly headersSync: HeadersSync;
      readonly compactPeers: CompactPeers;
      readonly recent: RecentBlock;
    },
  ) {
    this.#context = context;
    this.#states = new PeerStates(context, 'block-relay');
    this.#knowledge = others.knowledge;
    this.#requests = others.requests;
    this.#download = others.download;
    this.#headersSync = others.headersSync;
    this.#compactPeers = others.compactPeers;
    this.#recent = others.recent;
    this.turn = context.turns.turn();
    this.#knowledge.addReader(this.turn);
  }

  static readonly #handlers: Handlers<BlockRelay> = {
    sendheaders: (self, peer) => {
      self.#states.get(peer)!.prefersHeaders = true;
    },
    block: (self, peer, message, now) => self.#received(peer, message.block, now),
  };

  get handlers(): Handlers<BlockRelay> {
    return BlockRelay.#handlers;
  }

  onConnected(peer: Peer): void {
    this.#states.set(peer, { prefersHeaders: false, toAnnounce: NO_HEADERS });
  }

  onHandshakeDone(peer: Peer): void {
    this.#unasked.add(peer);
    this.#lookedAt = -1;
    // A block may have come while it greeted us.
    if (this.#states.get(peer)!.toAnnounce.length > 0) this.#hasNews = true;
    this.turn.ask();
  }

  onDisconnected(peer: Peer): void {
    this.#states.delete(peer);
    this.#unasked.delete(peer);
    for (const [hash, source] of this.#sources) if (source.peer === peer.id) this.#sources.delete(hash);
    this.#viaCompact.delete(peer.id);
  }

  onBlockProcessed(peer: Peer | undefined, hash: BlockHash, result: BlockResult, now: Milliseconds): void {
    const { headers } = this.#context.chain;
    const id = headers.find(hash);
    if (id !== undefined) this.#requests.endProcessing(id);
    if (result.status === 'rejected') this.#judge(hash, result.reject, peer);
    else if (result.newBlock) {
      if (peer !== undefined) peer.lastBlock = now;
      // Whoever was asked for it need not send it any more.
      if (id !== undefined) this.#requests.remove(id, now);
      // Decided for good: it was connected, or a block below it was not.
      if (id !== undefined && (headers.isFullyValid(id) || headers.isInvalid(id))) this.#sources.delete(hash);
    } else this.#sources.delete(hash);
    if (peer !== undefined && this.#viaCompact.get(peer.id) === hash) this.#viaCompact.delete(peer.id);
    this.#download.changed(peer);
  }

  onChain(notice: ChainNotice, now: Milliseconds): void {
    const { chain } = this.#context;
    switch (notice.kind) {
      case 'blockConnected':
        this.#connected(notice.id, now);
        return;
      case 'blockInvalid':
        this.#judge(notice.hash, notice.reason, undefined);
        return;
      case 'tipChanged':
        if (!chain.isInitialBlockDownload(now)) this.#queue(notice.tip, notice.fork);
        return;
      case 'blockDisconnected':
      case 'blockStored':
        return;
    }
  }

  onSettled(): void {
    const known = this.#knowledge.changes;
    if (!this.#hasNews && known === this.#lookedAt) return;
    this.#lookedAt = known;
    this.#unasked.forEach(peer => {
      if (peer.phase === 'ready') this.#maybeSendSendHeaders(peer);
    });
    if (!this.#hasNews) return;
    this.#hasNews = false;
    this.#states.forEach((state, peer) => {
      if (state.toAnnounce.length > 0 && peer.phase === 'ready') this.#announce(peer, state);
    });
  }

  #received(peer: Peer, block: Block, now: Milliseconds): void {
    const { chain, log } = this.#context;
    const { hash, prevHash, bits } = block.header;
    const id = chain.headers.find(hash);
    if (this.#isMutated(peer, block)) {
      if (id !== undefined) this.#requests.remove(id, now, peer);
      // Whoever else has it can be asked for it.
      this.#download.changed(undefined);
      return;
    }
    const requested = id !== undefined && this.#requests.holdersOf(id).length > 0;
    if (id !== undefined) this.#requests.remove(id, now, peer);
    this.#download.changed(peer);
    if (id === undefined) {
      const parent = chain.headers.find(prevHash);
      const work = parent === undefined ? undefined : chain.headers.chainWorkOf(parent) + blockProof(bits);
      if (work !== undefined && work < this.#headersSync.workThreshold()) {
        log.debug('net', () => `ignored a block with too little work from peer=${peer.id}`);
        return;
      }
    }
    this.submit(peer, block, { requested, viaCompact: false });
  }

  /** Before its header or anything else of it is taken in: it says nothing about the block that it pretends to be. */
  #isMutated(peer: Peer, block: Block): boolean {
    const { chain, log, penalties } = this.#context;
    const parent = chain.headers.find(block.header.prevHash);
    if (parent === undefined) return false;
    const isSegwit = chain.headers.heightOf(parent) + 1 >= chain.params.buried.segwit;
    const mutation = blockMutation(block, isSegwit ? 'expected' : 'not expected');
    if (mutation === undefined) return false;
    log.debug('validation', () => `Block mutated: ${mutation}`);
    log.debug('net', () => `Received mutated block from peer=${peer.id}`);
    penalties.misbehaving(peer, 'mutated block');
    return true;
  }

  /** To the chain, whose word on it will be held against or in favour of the peer. */
  submit(
    peer: Peer,
    block: Block,
    { requested, viaCompact }: { readonly requested: boolean; readonly viaCompact: boolean },
  ): void {
    const { chain, outbox } = this.#context;
    const { hash } = block.header;
    const id = chain.headers.find(hash);
    if (id !== undefined) this.#requests.beginProcessing(id);
    if (!this.#sources.has(hash)) this.#sources.set(hash, { peer: peer.id, viaCompact });
    if (viaCompact) this.#viaCompact.set(peer.id, hash);
    outbox.start({ kind: 'submitBlock', peer: peer.id, block, requested }, peer);
  }

  /** Nothing else is on its way, so this is the newest block that we know of. */
  #connected(id: HeaderId, now: Milliseconds): void {
    const { chain, peers } = this.#context;
    const hash = chain.headers.hashOf(id);
    const peer = peers.get(this.#sources.get(hash)?.peer ?? -1);
    this.#sources.delete(hash);
    const isNewest = this.#requests.holdersOf(id).length === this.#requests.size;
    if (peer !== undefined && isNewest && !chain.isInitialBlockDownload(now))
      this.#compactPeers.broughtTip(peer);
  }

  /** `sender` undefined: whoever is remembered for it. */
  #judge(hash: BlockHash, reject: Reject, sender: Peer | undefined): void {
    const source = this.#sources.get(hash);
    const first = this.#context.peers.get(source?.peer ?? -1);
    const peer = first ?? sender;
    this.#sources.delete(hash);
    if (peer === undefined) return;
    const viaCompact = first === undefined ? this.#viaCompact.get(peer.id) === hash : source!.viaCompact;
    this.#context.penalties.punishForBlock(peer, reject, reject.message, { viaCompact });
  }

  #queue(tip: HeaderId, fork: HeaderId): void {
    const { headers } = this.#context.chain;
    const fresh: HeaderId[] = [];
    for (let id = tip; id !== fork && fresh.length < ANNOUNCED_HEADERS_MAX; id = headers.parentOf(id)!)
      fresh.push(id);
    fresh.reverse();
    this.#hasNews = true;
    this.#states.forEach(state => {
      state.toAnnounce = state.toAnnounce.length === 0 ? fresh : [...state.toAnnounce, ...fresh];
    });
    this.turn.ask();
  }

  #announce(peer: Peer, state: RelayState): void {
    const { chain, outbox } = this.#context;
    const queued = state.toAnnounce;
    state.toAnnounce = NO_HEADERS;
    const known = this.#knowledge.of(peer);
    const wantsCompact = this.#compactPeers.wantsAnnouncements(peer);
    const isWithHeader =
      queued.length <= ANNOUNCED_HEADERS_MAX &&
      (state.prefersHeaders || (wantsCompact && queued.length === 1));
    const ids = isWithHeader ? this.#connectingHeaders(peer, queued) : undefined;
    if (ids?.length === 0) return;
    if (ids?.length === 1 && wantsCompact) {
      const compact = this.#recent.compactOf(chain.headers.hashOf(ids[0]!));
      if (compact !== undefined) {
        this.#recent.announce(peer, ids[0]!, compact);
        return;
      }
    }
    if (ids !== undefined && state.prefersHeaders) {
      outbox.send(peer, { command: 'headers', headers: ids.map(id => chain.headers.headerOf(id)) });
      known.bestHeaderSent = ids.at(-1)!;
      return;
    }
    // The last one was our tip when it was queued; the peer will ask for what leads to it.
    const last = queued.at(-1)!;
    if (this.#knowledge.hasHeader(peer, last)) return;
    outbox.send(peer, { command: 'inv', items: [{ type: INV.block, hash: chain.headers.hashOf(last) }] });
  }

  /** From the first that the peer lacks; undefined when they would not connect to what it has, or we left that branch. */
  #connectingHeaders(peer: Peer, queued: readonly HeaderId[]): HeaderId[] | undefined {
    const { chain } = this.#context;
    const headers: HeaderId[] = [];
    let before: HeaderId | undefined;
    for (const id of queued) {
      const parent = chain.headers.parentOf(id);
      if (!chain.isActive(id) || (before !== undefined && parent !== before)) return undefined;
      before = id;
      if (headers.length > 0) headers.push(id);
      else if (!this.#knowledge.hasHeader(peer, id)) {
        if (parent !== undefined && !this.#knowledge.hasHeader(peer, parent)) return undefined;
        headers.push(id);
      }
    }
    return headers;
  }

  /** Not while we fetch the peer's headers from the start: an announcement would look like a gap. */
  #maybeSendSendHeaders(peer: Peer): void {
    const { chain, options, outbox } = this.#context;
    const { best } = this.#knowledge.of(peer);
    if (peer.version < SENDHEADERS_VERSION || best === undefined) return;
    if (chain.headers.chainWorkOf(best) <= options.minimumChainWork) return;
    this.#unasked.delete(peer);
    outbox.send(peer, { command: 'sendheaders' });
  }
}
