/**
 * The relay strategy `tree`, which grows where transactions come from (Plumtree: Leitão, Pereira, Rodrigues, "Epidemic
 * Broadcast Trees", 2007). Each link is a branch or not. Along branches a transaction is announced at once; to all others
 * a little later, and most of them know it by then.
 *
 * - At first the links with the one high-bandwidth peer are branches (BIP152): the one that we asked, and those who asked us.
 * - Graft: who brings us a transaction first, or asks for one that we have announced, is on a branch from now on. A late
 *   announcement that is asked for has found a gap.
 * - What comes along a branch is asked for at once, also of inbound peers, who wait for two seconds otherwise.
 * - Prune: who did not ask for what we announced at once gets it sooner from somebody else, and is on no branch.
 *
 * Plumtree has messages for both; here what is asked for and what is not tells each side as much.
 */
import { type Milliseconds, SECOND_MS } from '../base/clock.ts';
import type { Peer } from './peer.ts';

/** How long those beside the tree wait, before they wait for their batch. */
const LAZY_MS: Milliseconds = 3 * SECOND_MS;
/** Announcements in a row that a peer did not follow until it is on no branch. */
const UNASKED_MAX = 2;

interface Branch {
  isGrown: boolean;
  /** Announced at once since the peer has last asked. */
  unasked: number;
}

/** A `RelayStrategy` (relay-strategy.ts). */
export class RelayTree {
  readonly #isFirstBranch: (peer: Peer) => boolean;
  readonly #branches = new WeakMap<Peer, Branch>();

  constructor(isFirstBranch: (peer: Peer) => boolean) {
    this.#isFirstBranch = isFirstBranch;
  }

  begin(): (peer: Peer) => Milliseconds | 'at once' {
    return peer => (this.#isBranch(peer) ? 'at once' : LAZY_MS);
  }

  prefers(peer: Peer): boolean {
    return this.#isBranch(peer);
  }

  told(peer: Peer): void {
    const branch = this.#branchOf(peer);
    branch.unasked += 1;
    if (branch.unasked > UNASKED_MAX) branch.isGrown = false;
  }

  asked(peer: Peer): void {
    this.#graft(peer);
  }

  delivered(peer: Peer): void {
    this.#graft(peer);
  }

  #graft(peer: Peer): void {
    const branch = this.#branchOf(peer);
    branch.isGrown = true;
    branch.unasked = 0;
  }

  #isBranch(peer: Peer): boolean {
    return this.#branches.get(peer)?.isGrown ?? this.#isFirstBranch(peer);
  }

  #branchOf(peer: Peer): Branch {
    let branch = this.#branches.get(peer);
    if (branch === undefined) {
      branch = { isGrown: this.#isFirstBranch(peer), unasked: 0 };
      this.#branches.set(peer, branch);
    }
    return branch;
  }
}
