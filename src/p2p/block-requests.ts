/**
 * Which blocks are on their way from whom (Core: mapBlocksInFlight, vBlocksInFlight). A block is asked of one peer at a
 * time; when that peer leaves, what it owed can be asked of others.
 */
import type { Milliseconds } from '../base/clock.ts';
import type { HeaderId } from '../chain/chain-view.ts';
import type { Concern, P2pContext } from './concern.ts';
import type { PeerId } from './events.ts';
import { type Peer, servesBlocks } from './peer.ts';
import type { PeerInfo } from './peer-info.ts';

export interface OwedBlocks {
  /** In the order in which they were asked for. */
  readonly blocks: Set<HeaderId>;
  /** Since when the first of them is the one that we wait for. */
  since: Milliseconds;
  /** Since when it keeps the download window from moving. */
  stallingSince: Milliseconds | undefined;
}

export class BlockRequests implements Concern {
  readonly #chain: P2pContext['chain'];
  readonly #peers: P2pContext['peers'];
  readonly #holders = new Map<HeaderId, PeerId>();
  readonly #owed = new Map<PeerId, OwedBlocks>();
  /** Blocks that came and that the chain has not decided on yet. */
  readonly #processing = new Set<HeaderId>();

  constructor({ chain, peers }: P2pContext) {
    this.#chain = chain;
    this.#peers = peers;
  }

  /** Blocks asked for, of all peers. */
  get size(): number {
    return this.#holders.size;
  }

  get isEmpty(): boolean {
    return this.#holders.size === 0;
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

  holderOf(id: HeaderId): PeerId | undefined {
    return this.#holders.get(id);
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

  /** Notes that `peer` is asked for the block, which nobody may owe us. */
  add(peer: Peer, id: HeaderId, now: Milliseconds): void {
    this.#holders.set(id, peer.id);
    const owed = this.#owed.get(peer.id);
    if (owed === undefined)
      this.#owed.set(peer.id, { blocks: new Set([id]), since: now, stallingSince: undefined });
    else owed.blocks.add(id);
  }

  /** It came, or is not wanted any more: from `from` only, or from whoever owes it. True if it was owed. */
  remove(id: HeaderId, now: Milliseconds, from?: Peer): boolean {
    const holder = this.#holders.get(id);
    if (holder === undefined || (from !== undefined && from.id !== holder)) return false;
    this.#holders.delete(id);
    const owed = this.#owed.get(holder)!;
    const [first] = owed.blocks;
    if (first === id) owed.since = Math.max(owed.since, now);
    owed.blocks.delete(id);
    owed.stallingSince = undefined;
    if (owed.blocks.size === 0) this.#owed.delete(holder);
    return true;
  }

  onDisconnected(peer: Peer): void {
    for (const id of this.#owed.get(peer.id)?.blocks ?? []) this.#holders.delete(id);
    this.#owed.delete(peer.id);
  }

  describe(peer: Peer): Partial<PeerInfo> {
    const blocks = this.#owed.get(peer.id)?.blocks ?? [];
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
}
