/**
 * Which blocks are on their way from whom (Core: mapBlocksInFlight, vBlocksInFlight). A whole block is asked of one peer at
 * a time; up to three may owe us parts of a compact one. When a peer leaves, what it owed can be asked of others.
 */

import type { Milliseconds } from '../base/clock.ts';
import { LateMap } from '../base/late-map.ts';
import type { HeaderId } from '../chain/chain-view.ts';
import type { PartialBlock } from './compact-block.ts';
import type { Concern, P2pContext } from './concern.ts';
import type { PeerId } from './events.ts';
import { type Peer, servesBlocks } from './peer.ts';
import type { PeerInfo } from './peer-info.ts';

/** `spent`: it could not be put together, so the whole block is asked for. */
type Part = PartialBlock | 'spent';

export interface OwedBlocks {
  /** In the order in which they were asked for; with what is here of one that comes as a compact block. */
  readonly blocks: Map<HeaderId, Part | undefined>;
  /** Since when the first of them is the one that we wait for. */
  since: Milliseconds;
  /** Since when it keeps the download window from moving. */
  stallingSince: Milliseconds | undefined;
}

export class BlockRequests implements Concern {
  readonly #chain: P2pContext['chain'];
  readonly #peers: P2pContext['peers'];
  /** Whoever was asked first is first. */
  readonly #holders = new LateMap<HeaderId, PeerId[]>();
  readonly #owed = new LateMap<PeerId, OwedBlocks>();
  /** Blocks that came and that the chain has not decided on yet. */
  readonly #processing = new Set<HeaderId>();
  #released = 0;
  #spared = 0;

  constructor({ chain, peers }: P2pContext) {
    this.#chain = chain;
    this.#peers = peers;
  }

  /** Requests that are open, of all peers. */
  get size(): number {
    let count = 0;
    for (const { blocks } of this.#owed.values()) count += blocks.size;
    return count;
  }

  get isEmpty(): boolean {
    return this.#holders.size === 0;
  }

  /** Grows when a peer leaves that owed us blocks: others can be asked for them. */
  get released(): number {
    return this.#released;
  }

  /** Grows when a peer that held up the window delivers another block: whether it still does is to be found out anew. */
  get spared(): number {
    return this.#spared;
  }

  /** Peers that owe us a block. */
  owing(): Iterable<[PeerId, OwedBlocks]> {
    return this.#owed;
  }

  of(peer: Peer): OwedBlocks | undefined {
    return this.#owed.get(peer.id);
  }

  countOf(peer: Peer): number {
    return this.#owed.get(peer.id)?.blocks.size ?? 0;
  }

  /** Who owes us the block; who was asked first is first. */
  holdersOf(id: HeaderId): readonly PeerId[] {
    return this.#holders.get(id) ?? [];
  }

  /** What is here of a block that the peer owes us, if it comes as a compact block. */
  partialOf(peer: Peer, id: HeaderId): Part | undefined {
    return this.#owed.get(peer.id)?.blocks.get(id);
  }

  setPartial(peer: Peer, id: HeaderId, partial: Part): void {
    this.#owed.get(peer.id)!.blocks.set(id, partial);
  }

  /** It is with the chain, or on its way. */
  isComing(id: HeaderId): boolean {
    return this.#processing.has(id) || this.#holders.has(id);
  }

  /** It is with the chain: nobody need be asked or waited for. */
  isProcessing(id: HeaderId): boolean {
    return this.#processing.has(id);
  }

  beginProcessing(id: HeaderId): void {
    this.#processing.add(id);
  }

  endProcessing(id: HeaderId): void {
    this.#processing.delete(id);
  }

  /** Notes that `peer` is asked for the block; nothing changes if it owes it already. */
  add(peer: Peer, id: HeaderId, now: Milliseconds): void {
    const owed = this.#owed.get(peer.id);
    if (owed?.blocks.has(id)) return;
    this.#holders.set(id, [...this.holdersOf(id), peer.id]);
    const blocks = new Map([[id, undefined]]);
    if (owed === undefined) this.#owed.set(peer.id, { blocks, since: now, stallingSince: undefined });
    else owed.blocks.set(id, undefined);
  }

  /** It came, or is not wanted any more: from `from` only, or from whoever owes it. */
  remove(id: HeaderId, now: Milliseconds, from?: Peer): void {
    for (const holder of this.holdersOf(id)) {
      if (from !== undefined && from.id !== holder) continue;
      this.#removeHolder(id, holder);
      const owed = this.#owed.get(holder)!;
      const [first] = owed.blocks.keys();
      if (first === id) owed.since = Math.max(owed.since, now);
      owed.blocks.delete(id);
      if (owed.stallingSince !== undefined) this.#spared += 1;
      owed.stallingSince = undefined;
      if (owed.blocks.size === 0) this.#owed.delete(holder);
    }
  }

  onDisconnected(peer: Peer): void {
    const owed = this.#owed.get(peer.id);
    if (owed === undefined) return;
    for (const id of owed.blocks.keys()) this.#removeHolder(id, peer.id);
    this.#owed.delete(peer.id);
    this.#released += 1;
  }

  describe(peer: Peer): Partial<PeerInfo> {
    const blocks = this.#owed.get(peer.id)?.blocks.keys() ?? [];
    return { inflightHeights: Array.from(blocks, id => this.#chain.headers.heightOf(id)) };
  }

  /**
   * Whether to sync from this peer while we are far behind: outbound peers carry that load, others only when there are
   * none or nothing else is on its way.
   */
  isSyncSource(peer: Peer): boolean {
    if (peer.isPreferredDownload) return true;
    if (!servesBlocks(peer) || peer.type === 'addr-fetch') return false;
    return this.isEmpty || this.preferredCount() === 0;
  }

  preferredCount(): number {
    let count = 0;
    for (const peer of this.#peers.values()) if (peer.isPreferredDownload) count += 1;
    return count;
  }

  #removeHolder(id: HeaderId, holder: PeerId): void {
    const others = this.holdersOf(id).filter(other => other !== holder);
    if (others.length === 0) this.#holders.delete(id);
    else this.#holders.set(id, others);
  }
}
