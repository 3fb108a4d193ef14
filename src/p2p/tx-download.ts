/**
 * Getting transactions (Core: src/node/txdownloadman_impl.cpp, and the inv, tx and notfound handlers of
 * src/net_processing.cpp). What a peer announces and we do not have is asked for by the rules of tx-request.ts, checked
 * by the writer, and then remembered: refused ones until the next block, confirmed ones for long. Transactions without
 * parents wait in the orphanage while the parents are asked for, by txid, of all who announced the child.
 *
 * A transaction that pays too little alone is tried once more with each child that the same peer gave us (one parent and
 * one child): only of that peer, or another could make us choose his false children. Peers get no blame for transactions
 * that we refuse, only for sending any where they were told not to.
 */
import { type Hash256, hashToHex, type Txid, type Wtxid } from '../base/bytes.ts';
import { type Milliseconds, SECOND_MS } from '../base/clock.ts';
import { Few } from '../base/few.ts';
import type { ChainNotice } from '../chain/effects.ts';
import type { Reject } from '../consensus/reject.ts';
import type { MempoolEntry, PackageResult, TxResult } from '../mempool/mempool-view.ts';
import { INV, INV_WITNESS_TX, type InventoryItem } from '../wire/messages.ts';
import type { Transaction } from '../wire/transaction.ts';
import type { Concern, Handlers, P2pContext } from './concern.ts';
import type { PeerId } from './events.ts';
import { Orphanage } from './orphanage.ts';
import { type Peer, servesWitnesses, takesTxsFrom } from './peer.ts';
import type { Alarm } from './timers.ts';
import type { Turn } from './turns.ts';
import { type TxReference, TxRequests } from './tx-request.ts';
import { TxVerdicts } from './tx-verdicts.ts';

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
/** What is here of `tx-relay`. */
export interface KnownInventory {
  /** The relay strategy expects transactions from it first. */
  prefers(peer: Peer): boolean;
  markKnown(peer: Peer, hash: Hash256): void;
  announce(entry: MempoolEntry, now: Milliseconds): void;
}

export class TxDownload implements Concern {
  readonly #context: P2pContext;
  readonly #relay: KnownInventory;
  readonly #requests: TxRequests;
  readonly #orphans: Orphanage;
  readonly #verdicts: TxVerdicts;
  /** Whose turn it is to have an orphan tried again. */
  readonly #orphanWork = new Few<PeerId>();
  /** Both names of what the writer checks now: not asked of others meanwhile (in Core, nothing happens meanwhile). */
  readonly #beingChecked = new Few<Hash256>();
  /** Orphans among them: what they are told is no news. */
  readonly #retried = new Few<Wtxid>();
  readonly #alarm: Alarm;
  /** Asked for whenever what is announced, asked for or being checked has changed. */
  readonly turn: Turn;

  static readonly #handlers: Handlers<TxDownload> = {
    inv: (self, peer, { items }, now) => self.#announced(peer, items, now),
    tx: (self, peer, { tx }, now) => self.#arrived(peer, tx, now),
    notfound: (self, peer, { items }) => {
      if (items.length > NOTFOUND_MAX) return;
      self.turn.ask();
      for (const item of items) if (isTxItem(item)) self.#requests.received(peer.id, item.hash);
    },
  };

  get handlers(): Handlers<TxDownload> {
    return TxDownload.#handlers;
  }

  constructor(context: P2pContext, relay: KnownInventory) {
    this.#context = context;
    this.#relay = relay;
    this.#requests = new TxRequests(context);
    this.#orphans = new Orphanage(context);
    this.#verdicts = new TxVerdicts(context);
    this.turn = context.turns.turn();
    this.#alarm = context.timers.alarm(() => this.turn.ask());
  }

  /** For `getorphantxs`. */
  orphans(): Orphanage {
    return this.#orphans;
  }

  onDisconnected(peer: Peer): void {
    this.#orphans.eraseForPeer(peer.id);
    this.#requests.disconnect(peer.id);
    this.turn.ask();
    this.#orphanWork.delete(peer.id);
  }

  onTxProcessed(peer: Peer | undefined, tx: Transaction, result: TxResult, now: Milliseconds): void {
    this.turn.ask();
    this.#checked(tx);
    const isRetry = this.#retried.delete(tx.wtxid);
    if (result.status === 'accepted') {
      if (peer && !isRetry) peer.lastTx = now;
      this.#accepted(tx);
      return;
    }
    const { reject } = result;
    if (reject.kind === 'missing-inputs') {
      // One that is an orphan already stays and waits for more.
      if (peer && !isRetry) this.#keepOrphan(peer, tx, now);
      return;
    }
    this.#rejected(tx, reject);
    if (peer && !isRetry && reject.kind === 'reconsiderable') this.#tryPackageOf(peer, tx);
  }

  onPackageProcessed(_peer: Peer | undefined, txs: readonly Transaction[], outcome: PackageResult): void {
    this.turn.ask();
    for (const tx of txs) this.#checked(tx);
    if (outcome.reject) this.#verdicts.refusePackage(txs);
    for (const [i, tx] of txs.entries()) {
      const result = outcome.results[i];
      if (result?.status === 'accepted') this.#accepted(tx);
      else if (result?.status === 'other-witness') {
        this.#verdicts.refuseTwin(tx);
        this.#orphans.erase(tx.wtxid);
      } else if (result?.status === 'rejected' && result.reject.kind !== 'missing-inputs')
        this.#rejected(tx, result.reject);
    }
  }

  /** Whoever brought it, a peer or the wallet: children may follow now. */
  onMempool(notice: { readonly kind: string; readonly entry: { readonly tx: Transaction } }): void {
    if (notice.kind !== 'txAdded') return;
    this.turn.ask();
    this.#forget(notice.entry.tx);
    this.#orphans.erase(notice.entry.tx.wtxid);
    for (const peer of this.#orphans.reconsiderChildrenOf(notice.entry.tx)) this.#orphanWork.add(peer);
  }

  onChain(notice: ChainNotice, now: Milliseconds): void {
    if (notice.kind === 'blockDisconnected') this.#verdicts.blockDisconnected();
    if (notice.kind === 'tipChanged') this.#verdicts.tipChanged();
    // During initial sync nothing is asked for, so nothing need be remembered.
    if (notice.kind !== 'blockConnected' || this.#context.chain.isInitialBlockDownload(now)) return;
    this.turn.ask();
    this.#orphans.eraseForBlock(notice.block.transactions);
    for (const tx of notice.block.transactions) {
      this.#verdicts.confirm(tx);
      this.#forget(tx);
    }
  }

  onIdle(peer: Peer): void {
    if (this.#orphanWork.has(peer.id)) this.#tryOrphan(peer);
  }

  onSettled(now: Milliseconds): void {
    if (this.#orphanWork.size > 0) this.#workOnOrphans();
    this.#requests.advance(now);
    if (this.#requests.isAnyAskable) for (const id of this.#requests.askable()) this.#ask(id, now);
    const next = this.#requests.nextDeadline();
    if (next === undefined) this.#alarm.clear();
    else if (this.#alarm.at !== next) this.#alarm.set(next);
  }

  #workOnOrphans(): void {
    for (const id of this.#orphanWork.toArray()) {
      const peer = this.#context.peers.get(id);
      if (!peer || peer.phase === 'leaving') this.#orphanWork.delete(id);
      else if (!this.#context.outbox.isBusy(peer)) this.#tryOrphan(peer);
    }
  }

  #announced(peer: Peer, items: readonly InventoryItem[], now: Milliseconds): void {
    const { chain, options, outbox } = this.#context;
    const isSyncing = chain.isInitialBlockDownload(now);
    for (const item of items) {
      // Each connection has one way to name transactions; the type that asks for witnesses is beside it (as in Core).
      if (!isTxItem(item) || item.type === (peer.wtxidRelay ? INV.tx : INV.wtx)) continue;
      if (!takesTxsFrom(peer, options)) {
        outbox.disconnect(peer, `transaction (${hashToHex(item.hash)}) inv sent in violation of protocol`);
        return;
      }
      this.#relay.markKnown(peer, item.hash);
      // Also of those who want to hear of none: a wallet, or somebody who broadcasts privately, may offer its own.
      if (!isSyncing) this.#announcement(peer, referenceOf(item), now);
    }
  }

  #announcement(peer: Peer, tx: TxReference, now: Milliseconds): void {
    if (tx.by === 'wtxid' && this.#orphans.size > 0) {
      const orphan = this.#orphans.get(tx.hash as Wtxid);
      if (orphan) {
        // The peer has the child, so it should have the parents.
        const missing = this.#missingParents(orphan);
        if (missing.length > 0 && this.#askForParents(peer, orphan, missing, now))
          this.#orphans.addAnnouncer(orphan.wtxid, peer.id);
        return;
      }
    }
    if (this.#has(tx) || this.#verdicts.isReconsiderable(tx.hash)) return;
    if (!peer.permissions.has('relay') && this.#requests.count(peer.id) >= ANNOUNCEMENTS_MAX) return;
    this.turn.ask();
    this.#requests.announce(peer.id, tx, {
      preferred: this.#isPreferred(peer),
      time: this.#turnOf(peer, tx.by, now),
    });
  }

  /** When it may be asked; undefined: at once. */
  #turnOf(peer: Peer, by: TxReference['by'], now: Milliseconds): Milliseconds | undefined {
    let reasons = this.#isPreferred(peer) ? 0 : 1;
    if (by === 'txid' && this.#hasWtxidPeers()) reasons += 1;
    if (this.#requests.countInFlight(peer.id) >= OVERLOADED && !peer.permissions.has('relay')) reasons += 1;
    return reasons === 0 ? undefined : now + reasons * DELAY_MS;
  }

  #hasWtxidPeers(): boolean {
    for (const { wtxidRelay, phase } of this.#context.peers.values())
      if (wtxidRelay && phase !== 'connected' && phase !== 'greeted') return true;
    return false;
  }

  #isPreferred(peer: Peer): boolean {
    return peer.isPreferredDownload || this.#relay.prefers(peer);
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
    for (let i = 0; i < items.length; i += GETDATA_MAX) {
      const isWhole = items.length <= GETDATA_MAX;
      this.#context.outbox.send(peer!, { command: 'getdata', items: isWhole ? items : items.slice(i, i + GETDATA_MAX) }); // biome-ignore format: one step
    }
  }

  #arrived(peer: Peer, tx: Transaction, now: Milliseconds): void {
    const { chain, options, outbox } = this.#context;
    if (!takesTxsFrom(peer, options)) {
      outbox.disconnect(peer, 'transaction sent in violation of protocol');
      return;
    }
    if (chain.isInitialBlockDownload(now)) return;
    this.turn.ask();
    this.#relay.markKnown(peer, peer.wtxidRelay ? tx.wtxid : tx.txid);
    this.#requests.received(peer.id, tx.txid);
    this.#requests.received(peer.id, tx.wtxid);
    if (this.#has({ hash: tx.wtxid, by: 'wtxid' })) {
      if (peer.permissions.has('forcerelay')) this.#relayAnyway(peer, tx, now);
      return;
    }
    // Whoever checks it now for another peer tells both.
    if (this.#beingChecked.has(tx.wtxid)) return;
    if (this.#verdicts.isReconsiderable(tx.wtxid)) this.#tryPackageOf(peer, tx);
    else this.#submit(peer, tx);
  }

  #submit(peer: Peer, tx: Transaction): void {
    if (this.#context.outbox.start({ kind: 'submitTx', peer: peer.id, tx }, peer)) this.#checking(tx);
  }

  #checking(tx: Transaction): void {
    this.#beingChecked.add(tx.txid);
    this.#beingChecked.add(tx.wtxid);
  }

  #checked(tx: Transaction): void {
    this.#beingChecked.delete(tx.txid);
    this.#beingChecked.delete(tx.wtxid);
  }

  /** For peers with the right of it, the node is a way to the network even for what it has already. */
  #relayAnyway(peer: Peer, tx: Transaction, now: Milliseconds): void {
    const { log, mempool } = this.#context;
    const entry = mempool.get(tx.txid);
    const name = `${hashToHex(tx.txid)} (wtxid=${hashToHex(tx.wtxid)}) from`;
    if (entry) {
      log.info(`Force relaying tx ${name} peer=${peer.id}`);
      this.#relay.announce(entry, now);
    } else log.info(`Not relaying non-mempool transaction ${name} forcerelay peer=${peer.id}`);
  }

  /** We have it, or know that we do not want it. */
  #has({ hash, by }: TxReference): boolean {
    const { mempool } = this.#context;
    // What most announcements tell us first: we have it.
    if (by === 'txid' ? mempool.has(hash as Txid) : mempool.getByWtxid(hash as Wtxid) !== undefined)
      return true;
    // Orphans only by wtxid: another witness of the same txid may be the right one.
    return this.#orphans.has(hash as Wtxid) || this.#verdicts.isSettled(hash);
  }

  #forget(tx: Transaction): void {
    this.#requests.forget(tx.txid);
    this.#requests.forget(tx.wtxid);
  }

  #accepted(tx: Transaction): void {
    this.#forget(tx);
    this.#orphans.erase(tx.wtxid);
  }

  #rejected(tx: Transaction, reject: Reject): void {
    this.#orphans.erase(tx.wtxid);
    for (const hash of this.#verdicts.refuse(tx, reject)) this.#requests.forget(hash);
  }

  /** With the newest child of this peer that has not been refused with it before (Core: Find1P1CPackage). */
  #tryPackageOf(peer: Peer, parent: Transaction): void {
    const { log, outbox } = this.#context;
    const child = this.#orphans
      .childrenOf(parent, peer.id)
      .find(tx => !this.#verdicts.isRefused(tx.txid) && !this.#verdicts.hasFailedAsPackage([parent, tx]));
    if (!child) return;
    log.debug('txpackages', () => `trying ${hashToHex(parent.txid)} with its child ${hashToHex(child.txid)} of peer=${peer.id}`); // biome-ignore format: one line of the log
    const txs = [parent, child];
    if (outbox.start({ kind: 'submitPackage', peer: peer.id, txs }, peer))
      for (const tx of txs) this.#checking(tx);
  }

  #keepOrphan(peer: Peer, tx: Transaction, now: Milliseconds): void {
    if (this.#verdicts.isRefused(tx.wtxid)) return;
    const parents = parentsOf(tx);
    if (parents.some(txid => this.#verdicts.isRefused(txid)) || this.#tooPoor(parents)) {
      this.#verdicts.refuseByBothNames(tx);
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
    return parents.filter(txid => this.#verdicts.isReconsiderable(txid) && !mempool.has(txid)).length > 1;
  }

  #missingParents(tx: Transaction): Txid[] {
    return parentsOf(tx).filter(hash => !this.#has({ hash, by: 'txid' }));
  }

  /** As if the peer had announced the parents; false when it has announced too much already. */
  #askForParents(peer: Peer, orphan: Transaction, parents: readonly Txid[], now: Milliseconds): boolean {
    if (this.#orphans.hasFrom(orphan.wtxid, peer.id)) return false;
    const announced = this.#requests.count(peer.id) + parents.length;
    if (!peer.permissions.has('relay') && announced > ANNOUNCEMENTS_MAX) return false;
    const time = this.#turnOf(peer, 'txid', now);
    this.turn.ask();
    for (const hash of parents)
      this.#requests.announce(peer.id, { hash, by: 'txid' }, { preferred: this.#isPreferred(peer), time });
    return true;
  }

  #tryOrphan(peer: Peer): void {
    const tx = this.#orphans.takeToReconsider(peer.id);
    if (!tx) {
      this.#orphanWork.delete(peer.id);
      return;
    }
    // Its parent came with it: they are being checked together.
    if (this.#beingChecked.has(tx.wtxid)) return;
    this.#retried.add(tx.wtxid);
    this.#submit(peer, tx);
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
