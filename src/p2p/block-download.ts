/**
 * Which blocks to ask for, of whom, and how long to wait (Core: FindNextBlocks, HeadersDirectFetchBlocks and the second
 * half of SendMessages). The rules:
 *
 * - A peer owes us at most 16 blocks; nothing is asked for further than 1024 blocks past the last one that we and the
 *   peer both have, so that blocks arrive roughly in order.
 * - A peer whose block keeps that window from moving while another could deliver has two seconds. If it leaves for that,
 *   the next one has twice the time (our own line may be slow), up to 64 s; each connected block takes 15 % off again.
 * - Who owes a block leaves after the time of one block interval, and half of one more for each other peer that owes.
 * - Near the tip, blocks are asked for at once from who announces their headers; a single one as a compact block.
 */
import { type Milliseconds, SECOND_MS } from '../base/clock.ts';
import { Few } from '../base/few.ts';
import type { HeaderId } from '../chain/chain-view.ts';
import type { ChainNotice } from '../chain/effects.ts';
import { INV, type InventoryItem, WITNESS_FLAG } from '../wire/messages.ts';
import type { BlockKnowledge } from './block-knowledge.ts';
import type { BlockRequests } from './block-requests.ts';
import type { CompactPeers } from './compact-peers.ts';
import type { Concern, P2pContext } from './concern.ts';
import { isLimited, type Peer, servesBlocks, servesWitnesses } from './peer.ts';
import type { Alarm } from './timers.ts';
import type { Turn } from './turns.ts';

/** Blocks that one peer may owe (Core: MAX_BLOCKS_IN_TRANSIT_PER_PEER). */
export const BLOCKS_PER_PEER_MAX = 16;
/** Core: BLOCK_DOWNLOAD_WINDOW. */
const DOWNLOAD_WINDOW = 1_024;
/** Headers looked at in one step: as far as an ancestor is worth a jump. */
const LOOKAHEAD = 128;
/** Core: BLOCK_STALLING_TIMEOUT_DEFAULT, BLOCK_STALLING_TIMEOUT_MAX. */
const STALLING_TIMEOUT_MS = 2 * SECOND_MS;
const STALLING_TIMEOUT_MAX_MS = 64 * SECOND_MS;
const STALLING_DECAY = 0.85;
/** Block intervals, and those more for each other peer that owes (Core: BLOCK_DOWNLOAD_TIMEOUT_*). */
const BLOCK_TIMEOUT_INTERVALS = 1;
const BLOCK_TIMEOUT_INTERVALS_PER_PEER = 0.5;
/** A tip not older than so many intervals is near the present (Core: CanDirectFetch). */
const DIRECT_FETCH_INTERVALS = 20;
/** Blocks that a limited peer keeps (BIP159), less two that races may cost. */
const LIMITED_BLOCKS = 288 - 2;

export class BlockDownload implements Concern {
  readonly turn: Turn;
  readonly #context: P2pContext;
  readonly #knowledge: BlockKnowledge;
  readonly #requests: BlockRequests;
  readonly #compactPeers: CompactPeers;
  readonly #check: Alarm;
  #stallingTimeoutMs = STALLING_TIMEOUT_MS;
  /** Below a snapshot: all blocks up to this height are there. */
  #historyHeight = 0;
  /** Peers that could be asked for more since last we looked; all of them when `#isAllDirty`. */
  readonly #dirty = new Few<Peer>();
  #isAllDirty = false;
  #releasedBefore = 0;
  #sparedBefore = 0;

  constructor(
    context: P2pContext,
    others: {
      readonly knowledge: BlockKnowledge;
      readonly requests: BlockRequests;
      readonly compactPeers: CompactPeers;
    },
  ) {
    this.#context = context;
    this.#knowledge = others.knowledge;
    this.#requests = others.requests;
    this.#compactPeers = others.compactPeers;
    this.#check = context.timers.alarm(now => this.#checkTimeouts(now));
    this.turn = context.turns.turn();
  }

  onHandshakeDone(peer: Peer): void {
    this.changed(peer);
  }

  /** What it owed is free to be asked of others. Told after `BlockRequests` has released it. */
  onDisconnected(peer: Peer, now: Milliseconds): void {
    this.#dirty.delete(peer);
    const { isEmpty, released } = this.#requests;
    const hasOwed = released !== this.#releasedBefore;
    this.#releasedBefore = released;
    // Without it, we may have to sync from others.
    const wasSource = peer.isPreferredDownload && this.#context.chain.isInitialBlockDownload(now);
    if (hasOwed || !isEmpty || wasSource) this.changed(undefined);
  }

  onChain(notice: ChainNotice): void {
    if (notice.kind === 'blockConnected') {
      const shorter = Math.floor((this.#stallingTimeoutMs * STALLING_DECAY) / SECOND_MS) * SECOND_MS;
      this.#stallingTimeoutMs = Math.max(shorter, STALLING_TIMEOUT_MS);
    }
    // The window moved, or there is another branch to follow.
    if (notice.kind === 'tipChanged' || notice.kind === 'blockInvalid' || notice.kind === 'historyMoved')
      this.changed(undefined);
  }

  /** Peers are looked at again at the end of this event: a block came or was given up, or new headers are known. */
  changed(peer: Peer | undefined): void {
    if (peer === undefined) this.#isAllDirty = true;
    else this.#dirty.add(peer);
    this.turn.ask();
  }

  onSettled(now: Milliseconds): void {
    const { spared } = this.#requests;
    // Those who wait for it have nothing else to be looked at for.
    if (spared !== this.#sparedBefore) this.#isAllDirty = true;
    this.#sparedBefore = spared;
    const isDirty = this.#isAllDirty || this.#dirty.size > 0;
    if (!isDirty && this.#requests.isEmpty && this.#check.at === undefined) return;
    if (isDirty) this.#fillDirty(now);
    this.#arm(now);
    // As long as blocks are on their way, what each event means for their deadlines is reckoned anew.
    if (!this.#requests.isEmpty || this.#check.at !== undefined) this.turn.ask();
  }

  #fillDirty(now: Milliseconds): void {
    if (this.#isAllDirty) {
      for (const peer of this.#context.peers.values()) this.#fill(peer, now);
    } else {
      this.#dirty.forEach(peer => {
        this.#fill(peer, now);
      });
    }
    this.#isAllDirty = false;
    this.#dirty.clear();
  }

  /** Near the tip a block is fetched from who announces it, without waiting for its turn. */
  fetchDirectly(peer: Peer, last: HeaderId, now: Milliseconds): void {
    const { chain } = this.#context;
    const { headers } = chain;
    this.changed(peer);
    if (peer.phase !== 'ready' || !this.isNearTip(now) || headers.isInvalid(last)) return;
    if (headers.compareWork(last, chain.tip()) < 0) return;
    const wanted: HeaderId[] = [];
    let at = last;
    while (!chain.isActive(at) && wanted.length <= BLOCKS_PER_PEER_MAX) {
      if (!headers.hasData(at) && !this.#requests.isComing(at) && this.#canServe(peer, at)) wanted.push(at);
      at = headers.parentOf(at)!;
    }
    // A large reorganisation: left to the parallel download.
    if (!chain.isActive(at)) return;
    const free = BLOCKS_PER_PEER_MAX - this.#requests.countOf(peer);
    const asked = wanted.reverse().slice(0, Math.max(0, free));
    const isCompact = asked.length === 1 && this.#requests.isEmpty && this.#isCompactWanted(peer, last);
    this.#request(peer, asked, now, isCompact ? INV.compactBlock : wholeBlockType(peer));
  }

  /** Our mempool is of use: we relay transactions and are at the block before. */
  #isCompactWanted(peer: Peer, last: HeaderId): boolean {
    const { chain, options } = this.#context;
    if (options.blocksOnly || !this.#compactPeers.isSpokenBy(peer)) return false;
    return chain.headers.isFullyValid(chain.headers.parentOf(last)!);
  }

  /** Of who owes it already, as a compact block that was of no use. */
  requestWhole(peer: Peer, id: HeaderId): void {
    const hash = this.#context.chain.headers.hashOf(id);
    this.#context.outbox.send(peer, { command: 'getdata', items: [{ type: wholeBlockType(peer), hash }] });
  }

  /** Our tip is so young that blocks may be asked for as they are announced (Core: CanDirectFetch). */
  isNearTip(now: Milliseconds): boolean {
    const { chain } = this.#context;
    const age = now - chain.headers.timeOf(chain.tip()) * SECOND_MS;
    return age < DIRECT_FETCH_INTERVALS * chain.params.powTargetSpacing * SECOND_MS;
  }

  /** The `getblockfrompeer` command: whoever owed it before, it is asked of `peer` now. False if that peer owes it. */
  fetchFrom(peer: Peer, id: HeaderId, now: Milliseconds): boolean {
    if (this.#requests.holdersOf(id).includes(peer.id)) return false;
    this.#requests.remove(id, now);
    this.#request(peer, [id], now);
    this.turn.ask();
    return true;
  }

  #request(
    peer: Peer,
    ids: readonly HeaderId[],
    now: Milliseconds,
    type: number = wholeBlockType(peer),
  ): void {
    if (ids.length === 0) return;
    const { chain, log, outbox } = this.#context;
    const items: InventoryItem[] = [];
    for (const id of ids) {
      items.push({ type, hash: chain.headers.hashOf(id) });
      this.#requests.add(peer, id, now);
      log.debug('net', () => `Requesting block at height ${chain.headers.heightOf(id)} from peer=${peer.id}`);
    }
    outbox.send(peer, { command: 'getdata', items });
  }

  #fill(peer: Peer, now: Milliseconds): void {
    if (peer.phase !== 'ready') return;
    const { chain } = this.#context;
    const free = BLOCKS_PER_PEER_MAX - this.#requests.countOf(peer);
    if (free <= 0 || !servesBlocks(peer)) return;
    const isSource = this.#requests.isSyncSource(peer) && !isLimited(peer);
    if (!isSource && chain.isInitialBlockDownload(now)) return;
    const { wanted, staller } = this.#findNext(peer, free);
    // What is new goes before what is old.
    const old = this.#findHistory(peer, free - wanted.length);
    this.#request(peer, [...wanted, ...old], now);
    if (staller === undefined || this.#requests.countOf(peer) > 0) return;
    const owed = this.#requests.of(staller);
    if (owed !== undefined && owed.stallingSince === undefined) {
      owed.stallingSince = now;
      this.#context.log.debug('net', () => `Stall started peer=${staller.id}`);
    }
  }

  /** What to ask `peer` for, best first; else perhaps who is in the way. */
  #findNext(peer: Peer, count: number): { readonly wanted: HeaderId[]; readonly staller?: Peer } {
    const { chain, options, peers } = this.#context;
    const { headers } = chain;
    const known = this.#knowledge.of(peer);
    const { best } = known;
    const wanted: HeaderId[] = [];
    if (best === undefined) return { wanted };
    if (headers.compareWork(best, chain.tip()) < 0) return { wanted };
    if (headers.chainWorkOf(best) < options.minimumChainWork) return { wanted };
    // While nobody has seen what is below a snapshot, there is no way to a branch from there.
    const history = chain.history();
    if (history !== undefined && headers.forkOf(history.end, best) !== history.end) return { wanted };

    known.lastCommon = this.#lastCommon(known.lastCommon, best);
    if (known.lastCommon === best) return { wanted };
    const bestHeight = headers.heightOf(best);
    const windowEnd = headers.heightOf(known.lastCommon) + DOWNLOAD_WINDOW;
    // One more than the window, to notice when it is what holds us up.
    const maxHeight = Math.min(bestHeight, windowEnd + 1);
    let waitingFor: Peer | undefined;
    let height = headers.heightOf(known.lastCommon);
    while (height < maxHeight) {
      const step = Math.min(maxHeight - height, Math.max(count - wanted.length, LOOKAHEAD));
      height += step;
      for (const id of this.#branchUpTo(headers.ancestorOf(best, height), step)) {
        if (headers.isInvalid(id) || !this.#canServe(peer, id)) return { wanted };
        if (headers.hasData(id) || chain.isActive(id)) {
          if (headers.hasChainData(id)) known.lastCommon = id;
          continue;
        }
        if (this.#requests.isProcessing(id)) continue;
        const [holder] = this.#requests.holdersOf(id);
        if (holder !== undefined) {
          waitingFor ??= peers.get(holder);
          continue;
        }
        if (headers.heightOf(id) > windowEnd) {
          const isHeldUp = wanted.length === 0 && waitingFor !== undefined && waitingFor !== peer;
          return isHeldUp ? { wanted, staller: waitingFor! } : { wanted };
        }
        if (isLimited(peer) && bestHeight - headers.heightOf(id) >= LIMITED_BLOCKS) continue;
        wanted.push(id);
        if (wanted.length === count) return { wanted };
      }
    }
    return { wanted };
  }

  /** What to ask `peer` for of the blocks below a snapshot, lowest first (Core: TryDownloadingHistoricalBlocks). */
  #findHistory(peer: Peer, count: number): HeaderId[] {
    const { headers } = this.#context.chain;
    const history = this.#context.chain.history();
    const { best } = this.#knowledge.of(peer);
    const wanted: HeaderId[] = [];
    if (history === undefined || best === undefined || count <= 0 || isLimited(peer)) return wanted;
    const { tip, end } = history;
    if (headers.forkOf(end, best) !== end) return wanted;
    const from = Math.max(this.#historyHeight, headers.heightOf(headers.forkOf(tip, end)));
    const to = Math.min(headers.heightOf(end), from + DOWNLOAD_WINDOW);
    let isWhole = true;
    for (let height = from; height < to; ) {
      const step = Math.min(to - height, LOOKAHEAD);
      height += step;
      for (const id of this.#branchUpTo(headers.ancestorOf(end, height), step)) {
        if (headers.hasData(id)) {
          if (isWhole) this.#historyHeight = headers.heightOf(id);
          continue;
        }
        isWhole = false;
        if (headers.isInvalid(id) || !this.#canServe(peer, id)) return wanted;
        if (this.#requests.isComing(id)) continue;
        wanted.push(id);
        if (wanted.length === count) return wanted;
      }
    }
    return wanted;
  }

  /** As before, unless the fork with our chain is further on or the peer has changed its branch. */
  #lastCommon(before: HeaderId | undefined, best: HeaderId): HeaderId {
    const { headers, tip } = { headers: this.#context.chain.headers, tip: this.#context.chain.tip() };
    const fork = headers.forkOf(best, tip);
    if (before === undefined || headers.compareWork(fork, before) > 0) return fork;
    const height = headers.heightOf(before);
    const isOnBranch = height <= headers.heightOf(best) && headers.ancestorOf(best, height) === before;
    return isOnBranch ? before : fork;
  }

  /** `count` headers that end with `id`, lowest first. */
  #branchUpTo(id: HeaderId, count: number): HeaderId[] {
    const branch = new Array<HeaderId>(count);
    for (let i = count - 1; i >= 0; i -= 1) {
      branch[i] = id;
      if (i > 0) id = this.#context.chain.headers.parentOf(id)!;
    }
    return branch;
  }

  /** Blocks since segwit are of use with their witnesses only. */
  #canServe(peer: Peer, id: HeaderId): boolean {
    const { chain } = this.#context;
    return servesWitnesses(peer) || chain.headers.heightOf(id) < chain.params.buried.segwit;
  }

  #blockTimeoutMs(): number {
    let owing = 0;
    for (const _ of this.#requests.owing()) owing += 1;
    const intervals = BLOCK_TIMEOUT_INTERVALS + BLOCK_TIMEOUT_INTERVALS_PER_PEER * Math.max(0, owing - 1);
    return this.#context.chain.params.powTargetSpacing * SECOND_MS * intervals;
  }

  #checkTimeouts(now: Milliseconds): void {
    this.turn.ask();
    const { log, outbox, peers } = this.#context;
    const blockTimeoutMs = this.#blockTimeoutMs();
    for (const [id, owed] of this.#requests.owing()) {
      const peer = peers.get(id)!;
      if (peer.phase === 'leaving') continue;
      if (owed.stallingSince !== undefined && now - owed.stallingSince > this.#stallingTimeoutMs) {
        log.info(`Peer is stalling block download, disconnecting peer=${id}`);
        outbox.disconnect(peer, 'stalling block download');
        this.#stallingTimeoutMs = Math.min(2 * this.#stallingTimeoutMs, STALLING_TIMEOUT_MAX_MS);
      } else if (now > owed.since + blockTimeoutMs) {
        log.info(`Timeout downloading block, disconnecting peer=${id}`);
        outbox.disconnect(peer, 'timeout downloading block');
      }
    }
  }

  #arm(now: Milliseconds): void {
    const blockTimeoutMs = this.#blockTimeoutMs();
    let at = Number.POSITIVE_INFINITY;
    for (const [id, owed] of this.#requests.owing()) {
      if (this.#context.peers.get(id)?.phase === 'leaving') continue;
      at = Math.min(at, owed.since + blockTimeoutMs);
      if (owed.stallingSince !== undefined) at = Math.min(at, owed.stallingSince + this.#stallingTimeoutMs);
    }
    if (Number.isFinite(at)) this.#check.set(Math.max(now, Math.floor(at)) + 1);
    else this.#check.clear();
  }
}

function wholeBlockType(peer: Peer): number {
  return INV.block | (servesWitnesses(peer) ? WITNESS_FLAG : 0);
}
