/**
 * Bloom filters of peers (BIP37; Core: the FILTERLOAD, FILTERADD and FILTERCLEAR branches of ProcessMessage). They are
 * offered with `-peerbloomfilters` only, or to peers with the bloomfilter permission: matching costs us much and the peer
 * little, and tells us what it is after. Who uses them without our offer is disconnected.
 */

import { bytesToBinary } from '../base/bytes.ts';
import { LateMap } from '../base/late-map.ts';
import { partialMerkleTree } from '../consensus/partial-merkle-tree.ts';
import type { Block } from '../wire/block.ts';
import { SERVICES } from '../wire/messages.ts';
import { type Transaction, withoutWitness } from '../wire/transaction.ts';
import type { Concern, Handlers, P2pContext } from './concern.ts';
import type { PeerId } from './events.ts';
import { isTxConnection, type Peer, type PeerRecord, servicesFor } from './peer.ts';
import { FILTER_BYTES_MAX, FILTER_HASHES_MAX, type FilterLoad, PeerFilter } from './peer-filter.ts';

/** Bytes of one element (Core: MAX_SCRIPT_ELEMENT_SIZE): nothing longer can be in a script. */
const ELEMENT_BYTES_MAX = 520;

export class PeerFilters implements Concern {
  readonly #context: P2pContext;
  readonly #filters = new LateMap<PeerId, PeerFilter>();

  constructor(context: P2pContext) {
    this.#context = context;
  }

  static readonly #handlers: Handlers<PeerFilters> = {
    filterload: (self, peer, message) => self.#load(peer, message),
    filteradd: (self, peer, { data }) => self.#add(peer, data),
    filterclear: (self, peer) => {
      if (!self.#isOffered(peer, 'filterclear') || !isTxConnection(peer)) return;
      self.#filters.delete(peer.id);
      self.#use(peer, false);
    },
  };

  get handlers(): Handlers<PeerFilters> {
    return PeerFilters.#handlers;
  }

  onDisconnected(peer: Peer): void {
    this.#filters.delete(peer.id);
  }

  hasFilter(peer: Peer): boolean {
    return this.#filters.has(peer.id);
  }

  /** The peer has no filter, or this may concern it. */
  isRelevant(peer: Peer, tx: Transaction): boolean {
    return !peer.hasBloomFilter || (this.#filters.get(peer.id)?.takesNotice(tx) ?? true);
  }

  /** Answers a request for a filtered block; a peer without a filter gets nothing. */
  sendFilteredBlock(peer: Peer, { header, transactions }: Block): void {
    const filter = this.#filters.get(peer.id);
    if (filter === undefined) return;
    const { outbox } = this.#context;
    const matches = transactions.map(tx => filter.takesNotice(tx));
    const tree = partialMerkleTree(
      transactions.map(tx => tx.txid),
      matches,
    );
    outbox.send(peer, { command: 'merkleblock', header, tree });
    // The proof has only hashes: without these it would have to ask for each.
    transactions.forEach((tx, i) => {
      if (matches[i]) outbox.send(peer, { command: 'tx', tx: withoutWitness(tx) });
    });
  }

  #load(peer: Peer, load: FilterLoad): void {
    if (!this.#isOffered(peer, 'filterload')) return;
    if (load.data.length > FILTER_BYTES_MAX || load.hashFunctions > FILTER_HASHES_MAX)
      this.#context.penalties.misbehaving(peer, 'too-large bloom filter');
    else if (isTxConnection(peer)) {
      this.#filters.set(peer.id, new PeerFilter(load));
      this.#use(peer, true);
    }
  }

  #add(peer: Peer, data: Uint8Array): void {
    if (!this.#isOffered(peer, 'filteradd')) return;
    const filter = this.#filters.get(peer.id);
    const isBad = data.length > ELEMENT_BYTES_MAX || (filter === undefined && isTxConnection(peer));
    if (isBad) this.#context.penalties.misbehaving(peer, 'bad filteradd message');
    else filter?.add(bytesToBinary(data));
  }

  /** Each of these messages says that transactions are wanted, whatever the version message said. */
  #use(peer: Peer, hasBloomFilter: boolean): void {
    const record = peer as PeerRecord;
    record.relaysTxs = true;
    record.hasBloomFilter = hasBloomFilter;
  }

  #isOffered(peer: Peer, command: string): boolean {
    const { options, outbox } = this.#context;
    if ((servicesFor(peer, options) & SERVICES.bloom) !== 0n) return true;
    outbox.disconnect(peer, `${command} received despite not offering bloom services`);
    return false;
  }
}
