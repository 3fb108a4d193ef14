/**
 * Getting transactions (Core: src/node/txdownloadman_impl.cpp, and the inv, tx and notfound handlers of
 * src/net_processing.cpp). What a peer announces and we do not have is asked for by the rules of tx-request.ts, checked
 * by the writer, and then remembered: refused ones until the next block, confirmed ones for long. Transactions without
 * parents wait in the orphanage while the parents are asked for, by txid, of all who announced the child.
 *
 * Peers get no blame for transactions that we refuse, only for sending any where they were told not to. Packages of a
 * parent that pays too little and a child that pays for both are not tried (Core: Find1P1CPackage).
 */
import type { Hash256, Txid, Wtxid } from '../base/bytes.ts';
import { type Milliseconds, SECOND_MS } from '../base/clock.ts';
import type { ChainNotice } from '../chain/effects.ts';
import type { Reject } from '../consensus/reject.ts';
import type { TxResult } from '../mempool/mempool-view.ts';
import { INV, INV_WITNESS_TX, type InventoryItem } from '../wire/messages.ts';
import type { Transaction } from '../wire/transaction.ts';
import { RollingFilter } from './bloom.ts';
import type { Concern, Handlers, P2pContext } from './concern.ts';
import type { PeerId } from './events.ts';
import { Orphanage } from './orphanage.ts';
import { type Peer, servesWitnesses, takesTxsFrom } from './peer.ts';
import type { Alarm } from './timers.ts';
import { type TxReference, TxRequests } from './tx-request.ts';

/** How long a peer has to answer (Core: GETDATA_TX_INTERVAL). */
const REQUEST_TIMEOUT_MS = 60 * SECOND_MS;
/** Each of these makes a peer wait so much longer for its turn (Core: NONPREF_PEER_TX_DELAY, TXID_RELAY_DELAY, OVERLOADED_PEER_TX_DELAY). */
const DELAY_MS = 2 * SECOND_MS;
/** Requests in flight from which on a peer counts as overloaded (Core: MAX_PEER_TX_REQUEST_IN_FLIGHT). */
const OVERLOADED = 100;
/** Announcements remembered of one peer (Core: MAX_PEER_TX_ANNOUNCEMENTS). */
const ANNOUNCEMENTS_MAX = 5_000;
/** Items in one getdata (Core: MAX_GETDATA_SZ). */
const GETDATA_MAX = 1_000;
/** Items of a notfound that are looked at: all that we can have asked for, blocks too (Core: NOTFOUND handler). */
const NOTFOUND_MAX = ANNOUNCEMENTS_MAX + 16;
/** Core: RecentRejectsFilter, RecentConfirmedTransactionsFilter. */
const REJECTS = { capacity: 120_000, falsePositiveRate: 0.000_001 } as const;
const CONFIRMED = { capacity: 48_000, falsePositiveRate: 0.000_001 } as const;

/** What is here of `tx-relay`. */
export interface KnownInventory {
  markKnown(peer: Peer, hash: Hash256): void;
}

export class TxDownload implements Concern {
  readonly #context: P2pContext;
  readonly #relay: KnownInventory;
  readonly #requests: TxRequests;
  readonly #orphans: Orphanage;
  readonly #rejects: RollingFilter;
  readonly #reconsiderable: RollingFilter;
  readonly #confirmed: RollingFilter;
  /** Whose turn it is to have an orphan tried again. */
  readonly #orphanWork = new Set<PeerId>();
  readonly #wtxidPeers = new Set<PeerId>();
  /** Both names of what the writer checks now: not asked of others meanwhile (in Core, nothing happens meanwhile). */
  readonly #beingChecked = new Set<Hash256>();
  readonly #alarm: Alarm;

  readonly handlers: Handlers = {
    inv: (peer, { items }, now) => this.#announced(peer, items, now),
    tx: (peer, { tx }, now) => this.#arrived(peer, tx, now),
    notfound: (peer, { items }) => {
      if (items.length > NOTFOUND_MAX) return;
      for (const item of items) if (isTxItem(item)) this.#requests.received(peer.id, item.hash);
    },
  };

  constructor(context: P2pContext, relay: KnownInventory) {
    this.#context = context;
    this.#relay = relay;
    this.#requests = new TxRequests(context);
    this.#orphans = new Orphanage(context);
    this.#rejects = new RollingFilter(context.random, REJECTS);
    this.#reconsiderable = new RollingFilter(context.random, REJECTS);
    this.#confirmed = new RollingFilter(context.random, CONFIRMED);
    // The work is done when the event settles.
    this.#alarm = context.timers.alarm(() => {});
  }

  /** For `getorphantxs`. */
  orphans(): Orphanage {
    return this.#orphans;
  }

  onHandshakeDone(peer: Peer): void {
    if (peer.relaysTxs && peer.wtxidRelay) this.#wtxidPeers.add(peer.id);
  }

  onDisconnected(peer: Peer): void {
    this.#orphans.eraseForPeer(peer.id);
    this.#requests.disconnect(peer.id);
    this.#wtxidPeers.delete(peer.id);
    this.#orphanWork.delete(peer.id);
  }

  onTxProcessed(peer: Peer | undefined, tx: Transaction, result: TxResult, now: Milliseconds): void {
    this.#beingChecked.delete(tx.txid);
    this.#beingChecked.delete(tx.wtxid);
    if (result.status === 'rejected') this.#rejected(peer, tx, result.reject, now);
    else {
      if (peer) peer.lastTx = now;
      this.#forget(tx);
      this.#orphans.erase(tx.wtxid);
    }
  }

  /** Whoever brought it, a peer or the wallet: children may follow now. */
  onMempool(notice: { readonly kind: string; readonly entry: { readonly tx: Transaction } }): void {
    if (notice.kind !== 'txAdded') return;
    this.#forget(notice.entry.tx);
    this.#orphans.erase(notice.entry.tx.wtxid);
    for (const peer of this.#orphans.reconsiderChildrenOf(notice.entry.tx)) this.#orphanWork.add(peer);
  }

  onChain(notice: ChainNotice, now: Milliseconds): void {
    if (notice.kind === 'blockDisconnected') this.#confirmed.reset();
    if (notice.kind === 'tipChanged') {
      this.#rejects.reset();
      this.#reconsiderable.reset();
    }
    // During initial sync nothing is asked for, so nothing need be remembered.
    if (notice.kind !== 'blockConnected' || this.#context.chain.isInitialBlockDownload(now)) return;
    this.#orphans.eraseForBlock(notice.block.transactions);
    for (const tx of notice.block.transactions) {
      this.#confirmed.add(tx.txid);
      if (tx.hasWitness) this.#confirmed.add(tx.wtxid);
      this.#forget(tx);
    }
  }

  onIdle(peer: Peer): void {
    if (this.#orphanWork.has(peer.id)) this.#tryOrphan(peer);
  }

  onSettled(now: Milliseconds): void {
    if (this.#orphanWork.size > 0) this.#workOnOrphans();
    this.#requests.advance(now);
    if (this.#requests.isAnyAskable) for (const id of [...this.#requests.askable()]) this.#ask(id, now);
    const next = this.#requests.nextDeadline();
    if (next === undefined) this.#alarm.clear();
    else if (this.#alarm.at !== next) this.#alarm.set(next);
  }

  #workOnOrphans(): void {
    for (const id of [...this.#orphanWork]) {
      const peer = this.#context.peers.get(id);
      if (!peer) this.#orphanWork.delete(id);
      else if (!this.#context.outbox.isBusy(peer)) this.#tryOrphan(peer);
    }
  }

  #announced(peer: Peer, items: readonly InventoryItem[], now: Milliseconds): void {
    const { chain, options, outbox } = this.#context;
    const isSyncing = chain.isInitialBlockDownload(now);
    for (const item of items) {
      // Each connection has one way to name transactions.
      if (!isTxItem(item) || (item.type === INV.wtx) !== peer.wtxidRelay) continue;
      if (!takesTxsFrom(peer, options)) {
        outbox.disconnect(peer, 'transaction inv sent in violation of protocol');
        return;
      }
      this.#relay.markKnown(peer, item.hash);
      if (!isSyncing && peer.relaysTxs) this.#announcement(peer, referenceOf(item), now);
    }
  }

  #announcement(peer: Peer, tx: TxReference, now: Milliseconds): void {
    if (tx.by === 'wtxid') {
      const orphan = this.#orphans.get(tx.hash as Wtxid);
      if (orphan) {
        // The peer has the child, so it should have the parents.
        const missing = this.#missingParents(orphan);
        if (missing.length > 0 && this.#askForParents(peer, orphan, missing, now))
          this.#orphans.addAnnouncer(orphan.wtxid, peer.id);
        return;
      }
    }
    if (this.#has(tx) || this.#reconsiderable.has(tx.hash)) return;
    if (!peer.permissions.has('relay') && this.#requests.count(peer.id) >= ANNOUNCEMENTS_MAX) return;
    this.#requests.announce(peer.id, tx, {
      preferred: peer.isPreferredDownload,
      time: now + this.#delay(peer, tx.by),
    });
  }

  #delay(peer: Peer, by: TxReference['by']): Milliseconds {
    const isOverloaded =
      !peer.permissions.has('relay') && this.#requests.countInFlight(peer.id) >= OVERLOADED;
    const reasons = [!peer.isPreferredDownload, by === 'txid' && this.#wtxidPeers.size > 0, isOverloaded];
    return reasons.filter(Boolean).length * DELAY_MS;
  }

  #ask(id: PeerId, now: Milliseconds): void {
    const peer = this.#context.peers.get(id);
    const items: InventoryItem[] = [];
    for (const tx of this.#requests.requestable(id)) {
      if (this.#beingChecked.has(tx.hash)) continue;
      if (!peer || this.#has(tx)) {
        this.#requests.forget(tx.hash);
        continue;
      }
      this.#requests.requested(id, tx.hash, now + REQUEST_TIMEOUT_MS);
      const byTxid = servesWitnesses(peer) ? INV_WITNESS_TX : INV.tx;
      items.push({ type: tx.by === 'wtxid' ? INV.wtx : byTxid, hash: tx.hash });
    }
    for (let i = 0; i < items.length; i += GETDATA_MAX)
      this.#context.outbox.send(peer!, { command: 'getdata', items: items.slice(i, i + GETDATA_MAX) });
  }

  #arrived(peer: Peer, tx: Transaction, now: Milliseconds): void {
    const { chain, options, outbox } = this.#context;
    if (!takesTxsFrom(peer, options)) {
      outbox.disconnect(peer, 'transaction sent in violation of protocol');
      return;
    }
    if (chain.isInitialBlockDownload(now)) return;
    this.#relay.markKnown(peer, peer.wtxidRelay ? tx.wtxid : tx.txid);
    this.#requests.received(peer.id, tx.txid);
    this.#requests.received(peer.id, tx.wtxid);
    if (this.#has({ hash: tx.wtxid, by: 'wtxid' }) || this.#reconsiderable.has(tx.wtxid)) return;
    this.#beingChecked.add(tx.txid);
    this.#beingChecked.add(tx.wtxid);
    outbox.start({ kind: 'submitTx', peer: peer.id, tx }, peer);
  }

  /** We have it, or know that we do not want it. */
  #has({ hash, by }: TxReference): boolean {
    const { mempool } = this.#context;
    // Orphans only by wtxid: another witness of the same txid may be the right one.
    if (this.#orphans.has(hash as Wtxid) || this.#confirmed.has(hash) || this.#rejects.has(hash)) return true;
    return by === 'txid' ? mempool.has(hash as Txid) : mempool.getByWtxid(hash as Wtxid) !== undefined;
  }

  #forget(tx: Transaction): void {
    this.#requests.forget(tx.txid);
    this.#requests.forget(tx.wtxid);
  }

  #rejected(peer: Peer | undefined, tx: Transaction, reject: Reject, now: Milliseconds): void {
    if (reject.kind === 'missing-inputs') {
      // One that is an orphan already stays and waits for more.
      if (peer && !this.#orphans.has(tx.wtxid)) this.#keepOrphan(peer, tx, now);
      return;
    }
    this.#orphans.erase(tx.wtxid);
    // The witnesses were cut off, maybe by this peer alone: without them its wtxid is the txid, which must stay open.
    if (reject.kind === 'witness' && reject.reason !== 'bad-witness-nonstandard') return;
    (reject.kind === 'reconsiderable' ? this.#reconsiderable : this.#rejects).add(tx.wtxid);
    this.#requests.forget(tx.wtxid);
    // What is wrong lies in what is spent, which the txid names: no witness will help.
    if (reject.reason === 'bad-txns-nonstandard-inputs' && tx.hasWitness) {
      this.#rejects.add(tx.txid);
      this.#requests.forget(tx.txid);
    }
  }

  #keepOrphan(peer: Peer, tx: Transaction, now: Milliseconds): void {
    if (this.#rejects.has(tx.wtxid)) return;
    const parents = parentsOf(tx);
    if (parents.some(txid => this.#rejects.has(txid)) || this.#tooPoor(parents)) {
      // No witness can save it, so it is refused by both names.
      this.#rejects.add(tx.txid);
      this.#rejects.add(tx.wtxid);
      this.#forget(tx);
      return;
    }
    const missing = this.#missingParents(tx);
    for (const txid of missing) this.#relay.markKnown(peer, txid);
    const hashes = new Set<Hash256>([tx.txid, tx.wtxid]);
    const candidates = new Set([peer.id, ...[...hashes].flatMap(hash => this.#requests.candidates(hash))]);
    for (const id of candidates) {
      const candidate = this.#context.peers.get(id);
      if (candidate && this.#askForParents(candidate, tx, missing, now)) this.#orphans.add(tx, id);
    }
    this.#forget(tx);
  }

  /** More than one parent was refused for its fee. */
  #tooPoor(parents: readonly Txid[]): boolean {
    const { mempool } = this.#context;
    return parents.filter(txid => this.#reconsiderable.has(txid) && !mempool.has(txid)).length > 1;
  }

  #missingParents(tx: Transaction): Txid[] {
    return parentsOf(tx).filter(hash => !this.#has({ hash, by: 'txid' }));
  }

  /** As if the peer had announced the parents; false when it has announced too much already. */
  #askForParents(peer: Peer, orphan: Transaction, parents: readonly Txid[], now: Milliseconds): boolean {
    if (this.#orphans.hasFrom(orphan.wtxid, peer.id) || !peer.relaysTxs) return false;
    const announced = this.#requests.count(peer.id) + parents.length;
    if (!peer.permissions.has('relay') && announced > ANNOUNCEMENTS_MAX) return false;
    const time = now + this.#delay(peer, 'txid');
    for (const hash of parents)
      this.#requests.announce(peer.id, { hash, by: 'txid' }, { preferred: peer.isPreferredDownload, time });
    return true;
  }

  #tryOrphan(peer: Peer): void {
    const tx = this.#orphans.takeToReconsider(peer.id);
    if (!tx) this.#orphanWork.delete(peer.id);
    else this.#context.outbox.start({ kind: 'submitTx', peer: peer.id, tx }, peer);
  }
}

function isTxItem(item: InventoryItem): boolean {
  return item.type === INV.tx || item.type === INV.wtx || item.type === INV_WITNESS_TX;
}

function referenceOf(item: InventoryItem): TxReference {
  return { hash: item.hash, by: item.type === INV.wtx ? 'wtxid' : 'txid' };
}

function parentsOf(tx: Transaction): Txid[] {
  return [...new Set(tx.inputs.map(input => input.prevout.txid))];
}
