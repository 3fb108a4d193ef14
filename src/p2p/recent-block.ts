/**
 * The last block that came, kept at hand: peers ask for it, whole or for a few of its transactions, as soon as they hear of
 * it (Core: m_most_recent_block, NewPoWValidBlock). Peers that want new blocks at once get it as a compact block as soon
 * as it is stored, before its scripts are checked, if they have the block before it and are not known to have this one.
 *
 * Core keeps only blocks that it announced so; here every block that becomes the tip near the present is kept, so that an
 * announcement never has to read from disk.
 */
import type { BlockHash } from '../base/bytes.ts';
import type { Milliseconds } from '../base/clock.ts';
import { randomU64 } from '../base/random.ts';
import type { HeaderId } from '../chain/chain-view.ts';
import type { ChainNotice } from '../chain/effects.ts';
import type { Block } from '../wire/block.ts';
import type { CompactBlock } from '../wire/compact-block.ts';
import type { BlockKnowledge } from './block-knowledge.ts';
import { compactOf } from './compact-block.ts';
import type { CompactPeers } from './compact-peers.ts';
import type { Concern, P2pContext } from './concern.ts';
import type { Peer } from './peer.ts';

export class RecentBlock implements Concern {
  readonly #context: P2pContext;
  readonly #knowledge: BlockKnowledge;
  readonly #compactPeers: CompactPeers;
  #block: Block | undefined;
  /** Of `#block`, once somebody wants it. */
  #compact: CompactBlock | undefined;
  /** It is stored, and not decided on. */
  #isUndecided = false;
  /** Height of what was announced before validation: one block of each height (Core: m_highest_fast_announce). */
  #announcedHeight = -1;

  constructor(
    context: P2pContext,
    others: { readonly knowledge: BlockKnowledge; readonly compactPeers: CompactPeers },
  ) {
    this.#context = context;
    this.#knowledge = others.knowledge;
    this.#compactPeers = others.compactPeers;
  }

  onChain(notice: ChainNotice, now: Milliseconds): void {
    const { chain } = this.#context;
    switch (notice.kind) {
      case 'blockStored':
        this.#stored(notice.id, notice.block);
        return;
      case 'blockConnected':
        if (!chain.isInitialBlockDownload(now)) this.#keep(notice.block);
        return;
      case 'blockInvalid':
        // Anybody can have another block refused while this one is decided on.
        if (notice.hash !== this.#block?.header.hash) return;
        this.#block = undefined;
        this.#isUndecided = false;
        return;
      case 'tipChanged':
        this.#isUndecided = false;
        return;
      case 'blockDisconnected':
        return;
    }
  }

  find(hash: BlockHash): Block | undefined {
    return this.#block?.header.hash === hash ? this.#block : undefined;
  }

  /** The chain is about to decide on it: peers that were told of it and ask for it wait so long. */
  isUndecided(hash: BlockHash): boolean {
    return this.#isUndecided && this.#block?.header.hash === hash;
  }

  compactOf(hash: BlockHash): CompactBlock | undefined {
    const block = this.find(hash);
    if (block === undefined) return undefined;
    this.#compact ??= compactOf(block, randomU64(this.#context.random));
    return this.#compact;
  }

  /** It has the block after this: it is told of the header, with all that it needs to have the block. */
  announce(peer: Peer, id: HeaderId, compact: CompactBlock): void {
    this.#context.outbox.send(peer, { command: 'cmpctblock', ...compact });
    this.#knowledge.of(peer).bestHeaderSent = id;
  }

  #keep(block: Block): void {
    if (this.#block?.header.hash === block.header.hash) return;
    this.#block = block;
    this.#compact = undefined;
  }

  #stored(id: HeaderId, block: Block): void {
    const { chain, log, peers } = this.#context;
    const { headers } = chain;
    const height = headers.heightOf(id);
    if (height <= this.#announcedHeight || height < chain.params.buried.segwit) return;
    this.#announcedHeight = height;
    this.#keep(block);
    this.#isUndecided = true;
    for (const peer of peers.values()) {
      if (!this.#compactPeers.wantsUnvalidated(peer) || this.#knowledge.hasHeader(peer, id)) continue;
      if (!this.#knowledge.hasHeader(peer, headers.parentOf(id)!)) continue;
      log.debug('net', () => `announcing the compact block at height ${height} to peer=${peer.id}`);
      this.announce(peer, id, this.compactOf(block.header.hash)!);
    }
  }
}
