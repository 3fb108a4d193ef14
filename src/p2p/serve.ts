/**
 * What we hand out: blocks, transactions, headers (Core: ProcessGetData, ProcessGetBlockData, the GETHEADERS and GETBLOCKS
 * branches of ProcessMessage). The rules:
 *
 * - Requests of a peer are answered in order. One block is read at a time, and no further message of the peer is handled
 *   before its requests are.
 * - Blocks off our chain are given out only if they are valid and young, so that nobody can tell by an old branch who we
 *   are. A node that serves recent blocks only does not show how many more it has.
 * - Transactions that we cannot give are answered by `notfound`; blocks are not.
 * - Compact blocks (BIP152) and some transactions of a block are given near the tip only: who wants older ones cannot make
 *   use of them, and gets the whole block.
 */

import type { BlockHash } from '../base/bytes.ts';
import { DAY_MS, type Milliseconds, SECOND_MS } from '../base/clock.ts';
import { LateSet } from '../base/late-map.ts';
import { randomU64 } from '../base/random.ts';
import type { HeaderId } from '../chain/chain-view.ts';
import type { ChainNotice } from '../chain/effects.ts';
import { type Block, decodeBlock, encodeStrippedBlock } from '../wire/block.ts';
import { DecodeError } from '../wire/codec.ts';
import {
  HEADERS_COUNT_MAX,
  INV,
  INV_COUNT_MAX,
  INV_WITNESS_BLOCK,
  INV_WITNESS_TX,
  type InventoryItem,
  type MessageOf,
  SERVICES,
} from '../wire/messages.ts';
import { type Transaction, withoutWitness } from '../wire/transaction.ts';
import type { BlockDownload } from './block-download.ts';
import type { BlockKnowledge } from './block-knowledge.ts';
import { compactOf } from './compact-block.ts';
import type { Concern, Handlers, P2pContext } from './concern.ts';
import { findFork } from './locator.ts';
import type { Peer } from './peer.ts';
import type { PeerFilters } from './peer-filters.ts';
import { PeerStates } from './peer-states.ts';
import type { RecentBlock } from './recent-block.ts';
import { isServable } from './servable.ts';
import type { Alarm } from './timers.ts';

/** Hashes in the answer to getblocks (Core: nLimit). */
const GETBLOCKS_COUNT_MAX = 500;
/** Blocks older than the best one by so much are history (Core: HISTORICAL_BLOCK_AGE). */
const HISTORICAL_AGE_MS = 7 * DAY_MS;
/** Depth of compact blocks, and of some transactions of one (Core: MAX_CMPCTBLOCK_DEPTH, MAX_BLOCKTXN_DEPTH). */
const COMPACT_DEPTH_MAX = 5;
const BLOCKTXN_DEPTH_MAX = 10;
/** Depth to which a limited node serves blocks: what BIP159 promises, and two for races. */
const LIMITED_DEPTH = 288 + 2;
/** Depth to which a node that deletes blocks tells of them: they shall be there for one more hour (Core: MIN_BLOCKS_TO_KEEP). */
const TOLD_DEPTH = 288;
const TOLD_FOR_S = 3_600;
/** Bytes of transactions handed out in one turn; the shell says only after it whether the peer takes them. */
const TX_BYTES_PER_TURN = 1_000_000;

/** What may be asked for of transactions is decided where they are announced. */
export interface TxSource {
  /** undefined: answer `notfound`; `ignored`: no answer, as transactions do not flow on this connection. */
  findForServing(peer: Peer, item: InventoryItem, now: Milliseconds): Transaction | undefined | 'ignored';
}

/** A block of which only some transactions are wanted has their `indexes`. */
interface Wanted extends InventoryItem {
  readonly indexes?: readonly number[];
}

interface ServeState {
  /** What is left of its getdata. */
  queue: readonly Wanted[];
  /** The block that is being read for it. */
  reading: Wanted | undefined;
  /** Last hash of a full answer to getblocks: when that is asked for, our tip is announced so that it asks on. */
  continuation: BlockHash | undefined;
}

const NOTHING_WANTED: readonly Wanted[] = [];

export class Serve implements Concern {
  readonly #context: P2pContext;
  readonly #knowledge: BlockKnowledge;
  readonly #txs: TxSource;
  readonly #download: BlockDownload;
  readonly #recent: RecentBlock;
  readonly #filters: PeerFilters;
  /** Of those who wait for something. */
  readonly #states: PeerStates<ServeState>;
  /** Peers whose requests were put off to let the shell send. */
  readonly #putOff = new LateSet<Peer>();
  readonly #nextTurn: Alarm;

  constructor(
    context: P2pContext,
    others: {
      readonly knowledge: BlockKnowledge;
      readonly download: BlockDownload;
      readonly recent: RecentBlock;
      readonly filters: PeerFilters;
      readonly txs: TxSource;
    },
  ) {
    this.#context = context;
    this.#states = new PeerStates(context, 'serve');
    this.#knowledge = others.knowledge;
    this.#txs = others.txs;
    this.#download = others.download;
    this.#recent = others.recent;
    this.#filters = others.filters;
    this.#nextTurn = context.timers.alarm(now => {
      const peers = [...this.#putOff];
      this.#putOff.clear();
      for (const peer of peers) this.#work(peer, now);
    });
  }

  static readonly #handlers: Handlers<Serve> = {
    getdata: (self, peer, { items }, now) => self.#want(peer, items, now),
    getblocktxn: (self, peer, message, now) => self.#getBlockTxn(peer, message, now),
    getheaders: (self, peer, message) => self.#getHeaders(peer, message),
    getblocks: (self, peer, message) => self.#getBlocks(peer, message),
  };

  get handlers(): Handlers<Serve> {
    return Serve.#handlers;
  }

  onDisconnected(peer: Peer): void {
    this.#states.delete(peer);
    this.#putOff.delete(peer);
  }

  onIdle(peer: Peer, now: Milliseconds): void {
    this.#work(peer, now);
  }

  /** The chain has decided on a block: who asked for it meanwhile has waited. */
  onChain(notice: ChainNotice, now: Milliseconds): void {
    if (notice.kind !== 'tipChanged' && notice.kind !== 'blockInvalid') return;
    this.#states.forEach(({ queue }, peer) => {
      if (queue.length > 0) this.#work(peer, now);
    });
  }

  onBlockRead(peer: Peer, hash: BlockHash, raw: Uint8Array | undefined, now: Milliseconds): void {
    const { log, outbox } = this.#context;
    const state = this.#states.get(peer);
    const item = state?.reading;
    if (state === undefined || item?.hash !== hash) return;
    state.reading = undefined;
    if (raw === undefined || !this.#give(peer, item, raw, now)) {
      log.info(`Cannot load a block from disk for peer=${peer.id}`);
      outbox.disconnect(peer, 'a block it asked for cannot be read');
      return;
    }
    this.#continue(peer, state, hash);
  }

  /** False when the bytes are no block: the disk may have changed them. */
  #give(peer: Peer, item: Wanted, raw: Uint8Array, now: Milliseconds): boolean {
    const { outbox } = this.#context;
    try {
      if (item.indexes !== undefined) this.#sendTransactions(peer, decodeBlock(raw), item.indexes);
      else if (item.type === INV.filteredBlock) this.#filters.sendFilteredBlock(peer, decodeBlock(raw));
      else if (item.type === INV.compactBlock && this.#isCompactOfUse(item.hash as BlockHash, now)) {
        const compact = compactOf(decodeBlock(raw), randomU64(this.#context.random));
        outbox.send(peer, { command: 'cmpctblock', ...compact });
      } else outbox.sendRawBlock(peer, item.type === INV.block ? encodeStrippedBlock(raw) : raw);
      return true;
    } catch (error) {
      if (error instanceof DecodeError) return false;
      throw error;
    }
  }

  #continue(peer: Peer, state: ServeState, hash: BlockHash): void {
    if (hash === state.continuation) {
      const { chain, outbox } = this.#context;
      outbox.send(peer, {
        command: 'inv',
        items: [{ type: INV.block, hash: chain.headers.hashOf(chain.tip()) }],
      });
      state.continuation = undefined;
    }
    this.#forgetIdle(peer, state);
  }

  #stateOf(peer: Peer): ServeState {
    const known = this.#states.get(peer);
    if (known !== undefined) return known;
    const state: ServeState = { queue: NOTHING_WANTED, reading: undefined, continuation: undefined };
    this.#states.set(peer, state);
    return state;
  }

  #forgetIdle(peer: Peer, { queue, reading, continuation }: ServeState): void {
    if (queue.length === 0 && reading === undefined && continuation === undefined) this.#states.delete(peer);
  }

  /** Answers transactions up to the next block, then has that read; `onIdle` goes on. */
  #work(peer: Peer, now: Milliseconds): void {
    const { outbox } = this.#context;
    const state = this.#states.get(peer);
    if (state === undefined) return;
    let bytes = 0;
    let taken = 0;
    const notFound: InventoryItem[] = [];
    while (taken < state.queue.length && !outbox.isBusy(peer)) {
      if (peer.phase !== 'ready' || peer.isSendPaused) break;
      if (bytes >= TX_BYTES_PER_TURN) {
        this.#putOff.add(peer);
        this.#nextTurn.set(now);
        break;
      }
      const item = state.queue[taken]!;
      if (isBlockType(item.type) && this.#recent.isUndecided(item.hash as BlockHash)) break;
      taken += 1;
      if (isBlockType(item.type)) this.#serveBlock(peer, state, item, now);
      else if (isTxType(item.type)) {
        const tx = this.#txs.findForServing(peer, item, now);
        if (tx === undefined) notFound.push(item);
        else if (tx !== 'ignored') {
          bytes += tx.size;
          outbox.send(peer, { command: 'tx', tx: item.type === INV.tx ? withoutWitness(tx) : tx });
        }
      }
    }
    state.queue = taken === state.queue.length ? NOTHING_WANTED : state.queue.slice(taken);
    this.#forgetIdle(peer, state);
    if (notFound.length > 0) outbox.send(peer, { command: 'notfound', items: notFound });
  }

  #want(peer: Peer, items: readonly Wanted[], now: Milliseconds): void {
    const state = this.#stateOf(peer);
    // As long as the chain decides on a block that it asked for, it may go on asking.
    if (state.queue.length > INV_COUNT_MAX) {
      this.#context.outbox.disconnect(peer, 'too many requests that wait');
      return;
    }
    state.queue = state.queue.length === 0 ? items : [...state.queue, ...items];
    this.#work(peer, now);
  }

  #getBlockTxn(peer: Peer, { blockHash, indexes }: MessageOf<'getblocktxn'>, now: Milliseconds): void {
    const { chain, log } = this.#context;
    const recent = this.#recent.find(blockHash);
    if (recent !== undefined) {
      this.#sendTransactions(peer, recent, indexes);
      return;
    }
    const id = chain.headers.find(blockHash);
    if (id === undefined || !chain.headers.hasData(id)) {
      log.debug('net', () => `peer=${peer.id} sent us a getblocktxn for a block we don't have`);
      return;
    }
    const isDeep = this.#depthOf(id) > BLOCKTXN_DEPTH_MAX;
    // Whoever makes us read old blocks shall at least have to receive them.
    this.#want(peer, [{ type: INV_WITNESS_BLOCK, hash: blockHash, ...(!isDeep && { indexes }) }], now);
  }

  #sendTransactions(peer: Peer, { header, transactions }: Block, indexes: readonly number[]): void {
    const { outbox, penalties } = this.#context;
    if (indexes.some(index => index >= transactions.length)) {
      penalties.misbehaving(peer, 'getblocktxn with out-of-bounds tx indices');
      return;
    }
    outbox.send(peer, {
      command: 'blocktxn',
      blockHash: header.hash,
      transactions: indexes.map(index => transactions[index]!),
    });
  }

  #depthOf(id: HeaderId): number {
    const { chain } = this.#context;
    return chain.headers.heightOf(chain.tip()) - chain.headers.heightOf(id);
  }

  /** The peer can have its transactions: it is near the tip, and that near the present. */
  #isCompactOfUse(hash: BlockHash, now: Milliseconds): boolean {
    const id = this.#context.chain.headers.find(hash)!;
    return this.#depthOf(id) <= COMPACT_DEPTH_MAX && this.#download.isNearTip(now);
  }

  /** Older blocks may be deleted. */
  get #keepsRecentOnly(): boolean {
    const { services } = this.#context.options;
    return (services & (SERVICES.network | SERVICES.networkLimited)) === SERVICES.networkLimited;
  }

  #serveBlock(peer: Peer, state: ServeState, item: Wanted, now: Milliseconds): void {
    const { chain, outbox } = this.#context;
    const hash = item.hash as BlockHash;
    const id = chain.headers.find(hash);
    if (item.indexes !== undefined) {
      state.reading = item;
      outbox.start({ kind: 'readBlock', peer: peer.id, hash }, peer);
      return;
    }
    if (id === undefined || !isServable(chain, id)) return;
    if (this.#isTooOldToUpload(id, item, now) && !peer.permissions.has('download')) {
      outbox.disconnect(peer, 'historical block serving limit reached');
      return;
    }
    if (this.#keepsRecentOnly && this.#depthOf(id) > LIMITED_DEPTH && !peer.permissions.has('noban')) {
      // It would wait for the block otherwise.
      outbox.disconnect(peer, 'asked for a block below the limit of NODE_NETWORK_LIMITED');
      return;
    }
    if (!chain.headers.hasData(id)) return;
    if (item.type === INV.filteredBlock && !this.#filters.hasFilter(peer)) {
      this.#continue(peer, state, hash);
      return;
    }
    const compact = item.type === INV.compactBlock ? this.#recent.compactOf(hash) : undefined;
    if (compact !== undefined && this.#isCompactOfUse(hash, now)) {
      outbox.send(peer, { command: 'cmpctblock', ...compact });
      this.#continue(peer, state, hash);
      return;
    }
    state.reading = item;
    outbox.start({ kind: 'readBlock', peer: peer.id, hash }, peer);
  }

  /** The upload target is near, and this is no news (Core: ProcessGetBlockData). */
  #isTooOldToUpload(id: HeaderId, { type }: InventoryItem, now: Milliseconds): boolean {
    const { chain, upload } = this.#context;
    if (!upload.isReached('historical', now)) return false;
    const { headers } = chain;
    const ageMs = (headers.timeOf(chain.bestHeader()) - headers.timeOf(id)) * SECOND_MS;
    return ageMs > HISTORICAL_AGE_MS || type === INV.filteredBlock;
  }

  #getHeaders(peer: Peer, { locator, stopHash }: MessageOf<'getheaders'>): void {
    const { chain, log, options, outbox } = this.#context;
    const { headers } = chain;
    const tip = chain.tip();
    const hasLittleWork = headers.chainWorkOf(tip) < options.minimumChainWork;
    if (hasLittleWork && !peer.permissions.has('download')) {
      // Nothing, so that the peer neither starts on a chain that it must give up nor takes us for dead.
      log.debug(
        'net',
        () => `Ignoring getheaders from peer=${peer.id} because active chain has too little work`,
      );
      outbox.send(peer, { command: 'headers', headers: [] });
      return;
    }
    let height: number;
    if (locator.length === 0) {
      const id = headers.find(stopHash);
      if (id === undefined || !isServable(chain, id)) return;
      if (!chain.isActive(id)) {
        this.#sendHeaders(peer, [id], id);
        return;
      }
      height = headers.heightOf(id);
    } else height = headers.heightOf(findFork(chain, locator)) + 1;

    const ids: HeaderId[] = [];
    for (let id = chain.atHeight(height); id !== undefined; id = chain.atHeight(height + ids.length)) {
      ids.push(id);
      if (ids.length === HEADERS_COUNT_MAX || headers.hashOf(id) === stopHash) break;
    }
    this.#sendHeaders(peer, ids, ids.at(-1) ?? tip);
  }

  /** `sent` may lie below what we announced before: then that is announced again. */
  #sendHeaders(peer: Peer, ids: readonly HeaderId[], sent: HeaderId): void {
    const { chain, outbox } = this.#context;
    this.#knowledge.of(peer).bestHeaderSent = sent;
    outbox.send(peer, { command: 'headers', headers: ids.map(id => chain.headers.headerOf(id)) });
  }

  #getBlocks(peer: Peer, { locator, stopHash }: MessageOf<'getblocks'>): void {
    const { chain, outbox } = this.#context;
    const { headers } = chain;
    const items: InventoryItem[] = [];
    const toldFor = Math.floor(TOLD_FOR_S / chain.params.powTargetSpacing);
    const lastDepth = this.#keepsRecentOnly ? TOLD_DEPTH - toldFor : undefined;
    const start = headers.heightOf(findFork(chain, locator)) + 1;
    for (let id = chain.atHeight(start); id !== undefined; id = chain.atHeight(start + items.length)) {
      const hash = headers.hashOf(id);
      if (hash === stopHash) break;
      if (lastDepth !== undefined && (this.#depthOf(id) >= lastDepth || !headers.hasData(id))) break;
      items.push({ type: INV.block, hash });
      if (items.length < GETBLOCKS_COUNT_MAX) continue;
      this.#stateOf(peer).continuation = hash;
      break;
    }
    if (items.length > 0) outbox.send(peer, { command: 'inv', items });
  }
}

function isTxType(type: number): boolean {
  return type === INV.tx || type === INV.wtx || type === INV_WITNESS_TX;
}

function isBlockType(type: number): boolean {
  return (
    type === INV.block ||
    type === INV_WITNESS_BLOCK ||
    type === INV.compactBlock ||
    type === INV.filteredBlock
  );
}
