/**
 * Who speaks compact blocks with us, and how (BIP152; Core: SENDCMPCT in ProcessMessage, MaybeSetPeerAsAnnouncingHeaderAndIDs).
 *
 * - We tell everybody that we take compact blocks when asked for them (low bandwidth).
 * - The three peers that were the last to bring us a new tip first are asked to send new blocks at once, without an
 *   announcement before (high bandwidth). One of them stays an outbound peer if one was: inbound peers, who may be one
 *   attacker's, must not take all three places. Without transactions (`-blocksonly`) nobody is asked.
 * - With the relay strategy `tree` it is one peer from the start, our first outbound one: transactions go along the same links.
 * - Other versions than 2 are not spoken: they have no witnesses.
 */
import type { Concern, Handlers, P2pContext } from './concern.ts';
import { isInbound, type Peer } from './peer.ts';
import type { PeerInfo } from './peer-info.ts';
import { PeerStates } from './peer-states.ts';

/** First version that knows compact blocks (Core: SHORT_IDS_BLOCKS_VERSION). */
const COMPACT_BLOCKS_MIN_VERSION = 70_014;
/** First version that may send compact blocks it has not validated, and is not blamed for it (Core: INVALID_CB_NO_BAN_VERSION). */
const UNVALIDATED_MIN_VERSION = 70_015;
/** Core: CMPCTBLOCKS_VERSION. */
const WITNESS_VERSION = 2n;
/** Peers asked to announce by compact blocks, as BIP152 has it. */
const ANNOUNCERS_MAX = 3;

/** It has sent `sendcmpct`, and wants new blocks from us at once, or not. */
type Wish = 'when asked' | 'at once';

export class CompactPeers implements Concern {
  readonly #context: P2pContext;
  readonly #wishes: PeerStates<Wish>;
  /** Whom we have asked for new blocks at once; the one that brought one last is at the end. */
  #announcers: Peer[] = [];

  constructor(context: P2pContext) {
    this.#context = context;
    this.#wishes = new PeerStates(context, 'compact-peers');
  }

  static readonly #handlers: Handlers<CompactPeers> = {
    sendcmpct: (self, peer, { announce, version }) => {
      if (announce > 1) {
        self.#context.penalties.misbehaving(peer, 'invalid sendcmpct announce field');
        return;
      }
      if (version !== WITNESS_VERSION) return;
      self.#wishes.set(peer, announce === 1 ? 'at once' : 'when asked');
    },
  };

  get handlers(): Handlers<CompactPeers> {
    return CompactPeers.#handlers;
  }

  onHandshakeDone(peer: Peer): void {
    if (peer.version < COMPACT_BLOCKS_MIN_VERSION) return;
    if (this.#isTree && this.#announcers.length === 0 && peer.type === 'outbound-full-relay') {
      this.#announcers = [peer];
      this.#ask(peer, true);
    } else this.#ask(peer, false);
  }

  onDisconnected(peer: Peer): void {
    this.#wishes.delete(peer);
    this.#announcers = this.#announcers.filter(other => other !== peer);
    if (this.#isTree && this.#announcers.length === 0) this.#chooseParent();
  }

  describe(peer: Peer): Partial<PeerInfo> {
    return {
      highBandwidthTo: this.isAnnouncer(peer),
      highBandwidthFrom: this.wantsAnnouncements(peer),
    };
  }

  /** It sends compact blocks when asked. */
  isSpokenBy(peer: Peer): boolean {
    return this.#wishes.get(peer) !== undefined;
  }

  /** It wants new blocks at once, as compact blocks. */
  wantsAnnouncements(peer: Peer): boolean {
    return this.#wishes.get(peer) === 'at once';
  }

  /** The same before we have validated them. */
  wantsUnvalidated(peer: Peer): boolean {
    return peer.phase === 'ready' && peer.version >= UNVALIDATED_MIN_VERSION && this.wantsAnnouncements(peer);
  }

  /** We have asked it to send new blocks at once. */
  isAnnouncer(peer: Peer): boolean {
    return this.#announcers.includes(peer);
  }

  /** It was the first to bring us a block that became our tip. */
  broughtTip(peer: Peer): void {
    // A tree's one link stays where it is.
    if (this.#isTree) return;
    if (this.#context.options.blocksOnly || peer.phase !== 'ready' || !this.isSpokenBy(peer)) return;
    const isNew = !this.isAnnouncer(peer);
    const others = this.#announcers.filter(other => other !== peer);
    const outbound = others.filter(other => !isInbound(other));
    // The only outbound one gives up the first place, which is the next to be lost.
    if (
      isNew &&
      isInbound(peer) &&
      others.length >= ANNOUNCERS_MAX &&
      outbound.length === 1 &&
      others[0] === outbound[0]
    )
      others.splice(0, 2, others[1]!, others[0]!);
    this.#announcers = [...others, peer];
    if (!isNew) return;
    this.#ask(peer, true);
    if (this.#announcers.length > ANNOUNCERS_MAX) this.#ask(this.#announcers.shift()!, false);
  }

  get #isTree(): boolean {
    return this.#context.options.relayStrategy?.kind === 'tree';
  }

  /** Of the `tree` strategy: our oldest outbound peer takes the place of the one that left. */
  #chooseParent(): void {
    for (const peer of this.#context.peers.values()) {
      if (peer.phase !== 'ready' || peer.type !== 'outbound-full-relay') continue;
      this.#announcers = [peer];
      this.#ask(peer, true);
      return;
    }
  }

  #ask(peer: Peer, atOnce: boolean): void {
    this.#context.outbox.send(peer, {
      command: 'sendcmpct',
      announce: atOnce ? 1 : 0,
      version: WITNESS_VERSION,
    });
  }
}
