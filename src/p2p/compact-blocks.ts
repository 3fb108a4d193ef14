/**
 * Compact blocks that come (BIP152; Core: CMPCTBLOCK in ProcessMessage, ProcessCompactBlockTxns). The rules:
 *
 * - They are taken from peers that were asked for this block, or to send new ones at once, while our chain is near its end.
 * - What our mempool lacks is asked of the sender. Up to three peers may be working on one block, so that one that does not
 *   answer costs no time: the first is always asked, others if they are among those that send at once, and the last of the
 *   three places waits for an outbound peer.
 * - If ids collide or the transactions do not match the header, the whole block is asked for: that can be bad luck.
 * - Peers may send compact blocks before they have validated them, so an invalid block earns no blame on this way.
 */

import type { BlockHash } from '../base/bytes.ts';
import type { Milliseconds } from '../base/clock.ts';
import { LateMap } from '../base/late-map.ts';
import type { HeaderId } from '../chain/chain-view.ts';
import type { BlockResult } from '../chain/effects.ts';
import { blockProof } from '../consensus/pow.ts';
import { Reject } from '../consensus/reject.ts';
import type { PackageResult, TxResult } from '../mempool/mempool-view.ts';
import type { Block } from '../wire/block.ts';
import type { CompactBlock } from '../wire/compact-block.ts';
import type { MessageOf } from '../wire/messages.ts';
import type { Transaction } from '../wire/transaction.ts';
import { BLOCKS_PER_PEER_MAX, type BlockDownload } from './block-download.ts';
import type { BlockKnowledge } from './block-knowledge.ts';
import type { BlockRelay } from './block-relay.ts';
import type { BlockRequests } from './block-requests.ts';
import { ExtraTxs, PartialBlock } from './compact-block.ts';
import type { CompactPeers } from './compact-peers.ts';
import type { Concern, Handlers, P2pContext } from './concern.ts';
import type { PeerId } from './events.ts';
import type { HeadersSync } from './headers-sync.ts';
import type { Orphanage } from './orphanage.ts';
import { isInbound, type Peer } from './peer.ts';

/** Peers that may be working on one compact block (Core: MAX_CMPCTBLOCKS_INFLIGHT_PER_BLOCK). */
const PARALLEL_MAX = 3;
/** Blocks further above our tip have transactions that our mempool cannot have. */
const HEIGHTS_AHEAD_MAX = 2;

export interface CompactBlocksDeps {
  readonly knowledge: BlockKnowledge;
  readonly requests: BlockRequests;
  readonly download: BlockDownload;
  readonly headersSync: HeadersSync;
  readonly relay: BlockRelay;
  readonly compactPeers: CompactPeers;
  readonly orphans: Orphanage;
}

export class CompactBlocks implements Concern {
  readonly #context: P2pContext;
  readonly #others: CompactBlocksDeps;
  readonly #extra = new ExtraTxs();
  /** What came while the chain was deciding on another copy of the block; looked at again after that. */
  readonly #held = new LateMap<Peer, CompactBlock>();

  constructor(context: P2pContext, others: CompactBlocksDeps) {
    this.#context = context;
    this.#others = others;
  }

  static readonly #handlers: Handlers<CompactBlocks> = {
    cmpctblock: (self, peer, message, now) => self.#arrived(peer, message, now),
    blocktxn: (self, peer, message, now) => self.#transactionsCame(peer, message, now),
  };

  get handlers(): Handlers<CompactBlocks> {
    return CompactBlocks.#handlers;
  }

  onDisconnected(peer: Peer): void {
    this.#held.delete(peer);
  }

  onBlockProcessed(_peer: Peer | undefined, _hash: BlockHash, _result: BlockResult, now: Milliseconds): void {
    for (const peer of [...this.#held.keys()]) this.onIdle(peer, now);
  }

  onIdle(peer: Peer, now: Milliseconds): void {
    const compact = this.#held.get(peer);
    if (compact === undefined || peer.phase !== 'ready' || this.#context.outbox.isBusy(peer)) return;
    const id = this.#context.chain.headers.find(compact.header.hash);
    if (id !== undefined && this.#others.requests.isProcessing(id)) return;
    this.#held.delete(peer);
    this.#arrived(peer, compact, now);
  }

  /** Told before the orphanage changes: what waits there already has been taken. */
  onTxProcessed(_peer: Peer | undefined, tx: Transaction, result: TxResult): void {
    if (result.status === 'accepted')
      for (const { tx: replaced } of result.replaced) this.#extra.add(replaced);
    else {
      // Without its witnesses it is not what a block would have.
      const isStripped =
        result.reject.kind === 'witness' && result.reject.reason !== 'bad-witness-nonstandard';
      if (!isStripped && !this.#others.orphans.has(tx.wtxid)) this.#extra.add(tx);
    }
  }

  /** Its members have been here before, alone. */
  onPackageProcessed(
    _peer: Peer | undefined,
    _txs: readonly Transaction[],
    { results }: PackageResult,
  ): void {
    for (const result of results)
      if (result?.status === 'accepted') for (const { tx } of result.replaced) this.#extra.add(tx);
  }

  #arrived(peer: Peer, compact: CompactBlock, now: Milliseconds): void {
    const { chain, log, options } = this.#context;
    const { headers } = chain;
    const { compactPeers, download, headersSync, knowledge, requests } = this.#others;
    if (options.blocksOnly || !compactPeers.isSpokenBy(peer)) {
      log.debug(
        'cmpctblock',
        () => `ignored a compact block from peer=${peer.id}, with whom we do not speak them`,
      );
      return;
    }
    const { hash, prevHash, bits } = compact.header;
    const parent = headers.find(prevHash);
    if (parent === undefined) {
      if (!chain.isInitialBlockDownload(now)) headersSync.ask(peer, chain.bestHeader(), now);
      return;
    }
    if (headers.chainWorkOf(parent) + blockProof(bits) < headersSync.workThreshold()) {
      log.debug('net', () => `Ignoring low-work compact block from peer ${peer.id}`);
      return;
    }
    const isNew = headers.find(hash) === undefined;
    const id = this.#acceptHeader(peer, compact, now);
    if (id === undefined) return;
    knowledge.tell();
    knowledge.learn(peer, hash);
    // Whatever becomes of the compact block, the whole one may be asked for in its turn.
    download.changed(peer);
    if (isNew && headers.compareWork(id, chain.tip()) > 0) knowledge.of(peer).lastAnnouncement = now;
    if (headers.hasData(id)) return;
    if (requests.isProcessing(id)) this.#held.set(peer, compact);
    else this.#take(peer, id, compact, now);
  }

  #acceptHeader(peer: Peer, { header }: CompactBlock, now: Milliseconds): HeaderId | undefined {
    try {
      return this.#context.chain.acceptHeader(header, now);
    } catch (error) {
      if (!(error instanceof Reject)) throw error;
      const what = `invalid header via cmpctblock: ${error.message}`;
      this.#context.penalties.punishForBlock(peer, error, what, { viaCompact: true });
      return undefined;
    }
  }

  /** The block is not here: what to do depends on who else is working on it, and how near it is. */
  #take(peer: Peer, id: HeaderId, compact: CompactBlock, now: Milliseconds): void {
    const { chain, log } = this.#context;
    const { headers } = chain;
    const { compactPeers, download, headersSync, requests } = this.#others;
    const holders = requests.holdersOf(id);
    const inFlight = holders.length;
    const isOwed = holders.includes(peer.id);
    if (!isOwed && !compactPeers.isAnnouncer(peer)) {
      log.debug('cmpctblock', () => `peer=${peer.id} sent a compact block that it was not asked for`);
      return;
    }
    const isBehind = headers.compareWork(id, chain.tip()) <= 0 || headers.txCountOf(id) > 0;
    if (isBehind) {
      if (isOwed) download.requestWhole(peer, id);
      return;
    }
    if (inFlight === 0 && !download.isNearTip(now)) return;
    if (headers.heightOf(id) > headers.heightOf(chain.tip()) + HEIGHTS_AHEAD_MAX) {
      if (isOwed) download.requestWhole(peer, id);
      else headersSync.takeCompactHeader(peer, compact.header, now);
      return;
    }
    const hasPlace = inFlight < PARALLEL_MAX && requests.countOf(peer) < BLOCKS_PER_PEER_MAX;
    if (isOwed || hasPlace)
      this.#begin(peer, id, compact, { inFlight, isFirst: (holders[0] ?? peer.id) === peer.id }, now); // biome-ignore format: one step
    else this.#tryAtOnce(peer, id, compact);
  }

  #begin(
    peer: Peer,
    id: HeaderId,
    compact: CompactBlock,
    { inFlight, isFirst }: { readonly inFlight: number; readonly isFirst: boolean },
    now: Milliseconds,
  ): void {
    const { log, outbox, penalties } = this.#context;
    const { download, requests } = this.#others;
    if (requests.partialOf(peer, id) !== undefined) {
      log.debug('net', () => `peer=${peer.id} sent a compact block again that we are working on`);
      return;
    }
    requests.add(peer, id, now);
    const partial = this.#partial(compact);
    requests.setPartial(peer, id, partial instanceof PartialBlock ? partial : 'spent');
    if (partial === 'invalid') {
      this.#giveUp(peer, id, now);
      penalties.misbehaving(peer, 'invalid compact block');
    } else if (partial === 'failed') {
      if (isFirst) download.requestWhole(peer, id);
      else this.#giveUp(peer, id, now);
    } else {
      const indexes = partial.missing();
      if (indexes.length === 0) this.#complete(peer, id, [], now);
      else if (isFirst || this.#mayAskToo(peer, id, inFlight))
        outbox.send(peer, { command: 'getblocktxn', blockHash: compact.header.hash, indexes });
      else this.#giveUp(peer, id, now);
    }
  }

  /** While another peer has been asked. */
  #mayAskToo(peer: Peer, id: HeaderId, inFlight: number): boolean {
    const { compactPeers, requests } = this.#others;
    if (!compactPeers.isAnnouncer(peer)) return false;
    return !isInbound(peer) || inFlight < PARALLEL_MAX - 1 || requests.holdersOf(id).some(holder => this.#isOutbound(holder)); // biome-ignore format: one condition
  }

  #isOutbound(id: PeerId): boolean {
    const peer = this.#context.peers.get(id);
    return peer !== undefined && !isInbound(peer);
  }

  /** Others owe us the block; perhaps it can be had without asking anybody. */
  #tryAtOnce(peer: Peer, id: HeaderId, compact: CompactBlock): void {
    const partial = this.#partial(compact);
    if (!(partial instanceof PartialBlock) || partial.missing().length > 0) return;
    const block = partial.fill([], this.#witnessCommitment(id));
    if (typeof block === 'object') this.#submit(peer, block, partial, []);
  }

  #transactionsCame(peer: Peer, message: MessageOf<'blocktxn'>, now: Milliseconds): void {
    const { chain, log, penalties } = this.#context;
    const { requests } = this.#others;
    const id = chain.headers.find(message.blockHash);
    const partial = id === undefined ? undefined : requests.partialOf(peer, id);
    if (id === undefined || partial === undefined) {
      log.debug('net', () => `peer=${peer.id} sent transactions of a block that we were not expecting`);
    } else if (partial === 'spent') {
      this.#giveUp(peer, id, now);
      penalties.misbehaving(peer, 'previous compact block reconstruction attempt failed');
    } else this.#complete(peer, id, message.transactions, now);
  }

  #complete(peer: Peer, id: HeaderId, transactions: readonly Transaction[], now: Milliseconds): void {
    const { log, penalties } = this.#context;
    const { download, requests } = this.#others;
    const partial = requests.partialOf(peer, id) as PartialBlock;
    const isFirst = requests.holdersOf(id)[0] === peer.id;
    const block = partial.fill(transactions, this.#witnessCommitment(id));
    // Kept so that the peer cannot begin anew with another compact block.
    requests.setPartial(peer, id, 'spent');
    if (block === 'invalid') {
      this.#giveUp(peer, id, now);
      penalties.misbehaving(peer, 'invalid compact block/non-matching block transactions');
    } else if (block === 'failed') {
      if (isFirst) download.requestWhole(peer, id);
      else {
        this.#giveUp(peer, id, now);
        log.debug('net', () => `peer=${peer.id}: compact block could not be reconstructed, others are asked`);
      }
    } else {
      this.#giveUp(peer, id, now);
      this.#submit(peer, block, partial, transactions);
    }
  }

  #submit(peer: Peer, block: Block, { found }: PartialBlock, asked: readonly Transaction[]): void {
    const { chain, log } = this.#context;
    log.debug('cmpctblock', () => {
      const height = chain.headers.heightOf(chain.headers.find(block.header.hash)!);
      const own = `${found.own} txn from mempool (incl at least ${found.extra} from extra pool)`;
      return `Successfully reconstructed block at height ${height} with ${found.prefilled} txn prefilled, ${own} and ${asked.length} txn requested from peer=${peer.id}`;
    });
    this.#others.relay.submit(peer, block, { requested: true, viaCompact: true });
  }

  /** It need not send more of this block; others may be asked. */
  #giveUp(peer: Peer, id: HeaderId, now: Milliseconds): void {
    this.#others.requests.remove(id, now, peer);
    this.#others.download.changed(undefined);
  }

  #partial(compact: CompactBlock): PartialBlock | 'invalid' | 'failed' {
    return PartialBlock.begin(compact, { mempool: this.#context.mempool.entries(), extra: this.#extra });
  }

  #witnessCommitment(id: HeaderId): 'expected' | 'not expected' {
    const { headers, params } = this.#context.chain;
    return headers.heightOf(id) >= params.buried.segwit ? 'expected' : 'not expected';
  }
}
