/**
 * What each peer is known to have (Core: CNodeState, ProcessBlockAvailability, PeerHasHeader): the best block it told us
 * of, and the best header we told it of. Which blocks to ask it for and what to announce to it follow from that.
 */
import type { BlockHash } from '../base/bytes.ts';
import type { Milliseconds } from '../base/clock.ts';
import type { HeaderId } from '../chain/chain-view.ts';
import type { Concern, P2pContext } from './concern.ts';
import type { Peer } from './peer.ts';
import type { PeerInfo } from './peer-info.ts';
import { PeerStates } from './peer-states.ts';
import type { Turn } from './turns.ts';

export interface KnownBlocks {
  /** The block with the most work that it has. */
  best: HeaderId | undefined;
  /** The last block it announced whose header we do not have. */
  lastUnknown: BlockHash | undefined;
  /** The last block that both of us have; all before it too. Written by block-download. */
  lastCommon: HeaderId | undefined;
  /** The last header that we sent. */
  bestHeaderSent: HeaderId | undefined;
  /** When it last told us of a block with more work than our tip; 0 for never. */
  lastAnnouncement: Milliseconds;
}

export class BlockKnowledge implements Concern {
  readonly #chain: P2pContext['chain'];
  readonly #known: PeerStates<KnownBlocks>;
  #raised = 0;
  #readers: readonly Turn[] = [];

  constructor(context: P2pContext) {
    this.#chain = context.chain;
    this.#known = new PeerStates(context, 'block-knowledge');
  }

  onConnected(peer: Peer): void {
    this.#known.set(peer, {
      best: undefined,
      lastUnknown: undefined,
      lastCommon: undefined,
      bestHeaderSent: undefined,
      lastAnnouncement: 0,
    });
  }

  onChain(): void {
    this.tell();
  }

  onBlockProcessed(): void {
    this.tell();
  }

  onDisconnected(peer: Peer): void {
    this.#known.delete(peer);
  }

  describe(peer: Peer): Partial<PeerInfo> {
    const { best, lastCommon } = this.of(peer);
    const { headers } = this.#chain;
    return {
      syncedHeaders: best === undefined ? -1 : headers.heightOf(best),
      syncedBlocks: lastCommon === undefined ? -1 : headers.heightOf(lastCommon),
    };
  }

  /**
   * Grows whenever what is known of any peer may have changed: who looks at all peers need not do so while it stays. A
   * header that comes may be one that a peer announced before.
   */
  get changes(): number {
    return this.#raised + this.#chain.headers.size;
  }

  /** Whose turn it is when `changes` may have grown. */
  addReader(turn: Turn): void {
    this.#readers = [...this.#readers, turn];
  }

  /** Headers were added, or something else changed by which peers are judged. */
  tell(): void {
    for (const turn of this.#readers) turn.ask();
  }

  /** Up to date: a block that was unknown when it was announced counts as soon as its header is here. */
  of(peer: Peer): KnownBlocks {
    const known = this.#known.get(peer)!;
    if (known.lastUnknown !== undefined) {
      const id = this.#chain.headers.find(known.lastUnknown);
      if (id !== undefined) {
        known.lastUnknown = undefined;
        this.#raise(known, id);
      }
    }
    return known;
  }

  /** The peer has this block. */
  learn(peer: Peer, hash: BlockHash): void {
    const known = this.of(peer);
    const id = this.#chain.headers.find(hash);
    if (id !== undefined) this.#raise(known, id);
    // The latest one is taken for the best one.
    else known.lastUnknown = hash;
  }

  /** It told us of the header, or we told it. */
  hasHeader(peer: Peer, id: HeaderId): boolean {
    const { best, bestHeaderSent } = this.of(peer);
    return this.#contains(best, id) || this.#contains(bestHeaderSent, id);
  }

  /** The best block it has carries at least as much work as `id`. */
  hasWorkOf(peer: Peer, id: HeaderId): boolean {
    const { best } = this.of(peer);
    const { headers } = this.#chain;
    return best !== undefined && headers.compareWork(best, id) >= 0;
  }

  #contains(branch: HeaderId | undefined, id: HeaderId): boolean {
    if (branch === undefined) return false;
    const { headers } = this.#chain;
    const height = headers.heightOf(id);
    return height <= headers.heightOf(branch) && headers.ancestorOf(branch, height) === id;
  }

  #raise(known: KnownBlocks, id: HeaderId): void {
    const { headers } = this.#chain;
    if (known.best === id) return;
    if (known.best === undefined || headers.compareWork(id, known.best) >= 0) {
      known.best = id;
      this.#raised += 1;
      this.tell();
    }
  }
}
