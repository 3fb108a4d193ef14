/**
 * Sending own transactions so that nobody learns whose they are (`-privatebroadcast`; Core: ThreadPrivateBroadcast in
 * src/net.cpp, PushPrivateBroadcastTx and ReattemptPrivateBroadcast in src/net_processing.cpp). Each goes over short
 * connections of its own to three random peers that are reached through Tor or I2P, and enters no mempool here until it
 * comes back from the network. On such a connection nothing is said that tells who we are: an anonymous version, the
 * announcement, the transaction when it is asked for, and a ping, whose answer says that it came.
 *
 * What has not come back after a while is sent again, as long as the mempool would take it.
 */

import { type Hash256, hashToHex } from '../base/bytes.ts';
import { MINUTE_MS, type Milliseconds, SECOND_MS } from '../base/clock.ts';
import { LateMap } from '../base/late-map.ts';
import { randomBelow, randomU64 } from '../base/random.ts';
import { INV, type InventoryItem } from '../wire/messages.ts';
import type { AddressNetwork, TimedAddress } from '../wire/net-address.ts';
import type { Transaction } from '../wire/transaction.ts';
import type { Concern, Handlers, P2pContext } from './concern.ts';
import type { PeerId } from './events.ts';
import { type Peer, takesTxsFrom } from './peer.ts';
import { PrivateQueue, type PrivateTransaction } from './private-queue.ts';
import type { Slots } from './slots.ts';
import type { Alarm, PeerAlarms } from './timers.ts';
import type { Turn } from './turns.ts';

/** Peers that a transaction is given to (Core: NUM_PRIVATE_BROADCAST_PER_TX). */
const PEERS_PER_TX = 3;
/** Connections at a time (Core: MAX_PRIVATE_BROADCAST_CONNECTIONS). */
const PRIVATE_CONNECTIONS_MAX = 64;
/** How long a peer may take for all of it (Core: PRIVATE_BROADCAST_MAX_CONNECTION_LIFETIME). */
const LIFETIME_MS = 3 * MINUTE_MS;
/** Between two looks for what has not come back: two minutes and up to one more. */
const REATTEMPT_MIN_MS = 2 * MINUTE_MS;
const REATTEMPT_SPREAD_MS = MINUTE_MS;
/** Draws from the address book in search of somebody new (Core: addrman_num_bad_addresses). */
const DRAWS_MAX = 100;
/** Dials that may fail in a row without a pause in between: then something is wrong with the way, not with the peers. */
const FAILURES_MAX = 20;
/** Before the next dial, after so many that failed, and when the address book offers nobody. */
const RETRY_MS = 100;
const FRUITLESS_MS = 500;
const OFFLINE_MS = 5 * SECOND_MS;

export interface PrivateBroadcastOptions {
  /** `-privatebroadcast`. */
  readonly privateBroadcast?: boolean;
  /** Tor, I2P and others that we can dial. */
  readonly reachableNetworks: ReadonlySet<AddressNetwork>;
}

interface Exchange {
  /** Of the ping that follows the transaction. */
  nonce: bigint | undefined;
}

export class PrivateBroadcast implements Concern {
  readonly #context: P2pContext;
  readonly #options: PrivateBroadcastOptions;
  readonly #slots: Slots;
  readonly #queue = new PrivateQueue();
  readonly #exchanges = new LateMap<PeerId, Exchange>();
  readonly turn: Turn;
  readonly #next: Alarm;
  /** Of the time that a peer has. */
  readonly #ends: PeerAlarms;
  readonly #reattempt: Alarm;
  /** The open dial. */
  #attempt: number | undefined;
  /** Connections that are wanted. */
  #toOpen = 0;
  #failures = 0;
  /** Tor has worked once: then other networks are reached through it too. */
  #hasMetTor = false;

  static readonly #handlers: Handlers<PrivateBroadcast> = {
    getdata: (self, peer, { items }, now) => {
      if (peer.type === 'private-broadcast') self.#asked(peer, items, now);
    },
    pong: (self, peer, { nonce }, now) => {
      if (peer.type === 'private-broadcast') self.#confirmed(peer, nonce, now);
    },
    tx: (self, peer, { tx }, now) => self.#cameBack(peer, tx, now),
  };

  get handlers(): Handlers<PrivateBroadcast> {
    return PrivateBroadcast.#handlers;
  }

  constructor(context: P2pContext, slots: Slots, options: PrivateBroadcastOptions) {
    this.#context = context;
    this.#slots = slots;
    this.#options = options;
    this.#next = context.timers.alarm(now => this.#dial(now));
    this.#ends = context.timers.ofPeers<Peer>(peer => this.#end(peer, `did not complete the transaction send within ${LIFETIME_MS / SECOND_MS} seconds`)); // biome-ignore format: one step
    this.#reattempt = context.timers.scheduled(now => this.#lookForStale(now));
    this.turn = context.turns.turn();
  }

  get isEnabled(): boolean {
    return this.#options.privateBroadcast === true;
  }

  entries(): readonly PrivateTransaction[] {
    return this.#queue.entries();
  }

  add(tx: Transaction, now: Milliseconds): 'added' | 'present' | 'full' {
    const outcome = this.#queue.add(tx.detached(), now);
    this.#say(() => `${SAYINGS[outcome]}: txid=${hashToHex(tx.txid)}, wtxid=${hashToHex(tx.wtxid)}`);
    if (outcome === 'added') this.#want(PEERS_PER_TX, now);
    return outcome;
  }

  /** Gives up those with this txid or wtxid; returns them. */
  abort(id: Hash256): Transaction[] {
    const txs = this.#queue.find(id);
    for (const tx of txs) this.#remove(tx);
    return txs;
  }

  onConnected(peer: Peer, now: Milliseconds): void {
    if (peer.type !== 'private-broadcast') return;
    this.#ends.set(peer, now + LIFETIME_MS);
    this.#exchanges.set(peer.id, { nonce: undefined });
    if (peer.attempt !== this.#attempt) return;
    this.#attempt = undefined;
    this.#failures = 0;
    this.#toOpen = Math.max(0, this.#toOpen - 1);
    this.#say(() => `Socket connected to peer=${peer.id}; remaining connections to open: ${this.#toOpen}`);
    if (this.#toOpen > 0) this.#next.set(now);
  }

  onConnectFailed(attempt: number, _reason: string, now: Milliseconds): void {
    if (attempt !== this.#attempt) return;
    this.#attempt = undefined;
    this.#say(() => `Failed to connect; remaining connections to open: ${this.#toOpen}`);
    this.#failures += 1;
    if (this.#toOpen > 0) this.#next.set(now + (this.#failures > FAILURES_MAX ? RETRY_MS : 0));
  }

  onVersion(peer: Peer): void {
    if (peer.type !== 'inbound' && peer.address.network === 'onion') this.#hasMetTor = true;
  }

  onHandshakeDone(peer: Peer, now: Milliseconds): void {
    if (peer.type !== 'private-broadcast') return;
    const tx = this.#queue.pickFor(peer.id, peer.address, now);
    if (!tx) {
      this.#end(peer, 'no more transactions for private broadcast (connected in vain)');
      return;
    }
    this.#say(() => `P2P handshake completed, sending INV for txid=${hashToHex(tx.txid)}, wtxid=${hashToHex(tx.wtxid)}, peer=${peer.id}`); // biome-ignore format: one line of the log
    this.#context.outbox.send(peer, { command: 'inv', items: [{ type: INV.tx, hash: tx.txid }] });
  }

  onDisconnected(peer: Peer, now: Milliseconds): void {
    const exchange = this.#exchanges.get(peer.id);
    if (!exchange) return;
    this.#ends.clear(peer);
    this.#exchanges.delete(peer.id);
    const isDone = this.#queue.isConfirmedBy(peer.id);
    this.#queue.disconnected(peer.id);
    // Somebody else has to take its place.
    if (!isDone && this.#queue.size > 0) this.#want(1, now);
    else if (this.#toOpen > 0 && this.#next.at === undefined) this.#next.set(now);
  }

  onSettled(now: Milliseconds): void {
    if (this.isEnabled && this.#reattempt.at === undefined) this.#scheduleReattempt(now);
  }

  onTxTested(tx: Transaction, isAcceptable: boolean, now: Milliseconds): void {
    if (isAcceptable) {
      this.#say(() => `Reattempting broadcast of stale txid=${hashToHex(tx.txid)}`);
      this.#want(1, now);
    } else {
      this.#say(() => `Giving up broadcast attempts for txid=${hashToHex(tx.txid)}`);
      this.#queue.remove(tx.wtxid);
    }
  }

  #asked(peer: Peer, items: readonly InventoryItem[], _now: Milliseconds): void {
    const { outbox, random } = this.#context;
    const tx = this.#queue.of(peer.id);
    const exchange = this.#exchanges.get(peer.id);
    if (!tx || !exchange) {
      this.#end(peer, 'got GETDATA without sending an INV');
      return;
    }
    const [item, ...others] = items;
    // As announced: who asks for witnesses by name, of somebody that offers none, is let go by others too.
    if (others.length > 0 || item?.type !== INV.tx || item.hash !== tx.txid) {
      this.#end(peer, 'got an unexpected GETDATA message');
      return;
    }
    outbox.send(peer, { command: 'tx', tx });
    exchange.nonce = randomU64(random);
    outbox.send(peer, { command: 'ping', nonce: exchange.nonce });
  }

  #confirmed(peer: Peer, nonce: bigint | undefined, now: Milliseconds): void {
    const exchange = this.#exchanges.get(peer.id);
    if (exchange?.nonce === undefined || exchange.nonce !== nonce) return;
    this.#queue.confirm(peer.id, now);
    this.#end(peer, 'Got a PONG (the transaction will probably reach the network)');
  }

  #cameBack(peer: Peer, tx: Transaction, now: Milliseconds): void {
    const { chain, options } = this.#context;
    if (this.#queue.size === 0 || !takesTxsFrom(peer, options) || chain.isInitialBlockDownload(now)) return;
    if (this.#remove(tx))
      this.#say(() => `Received our privately broadcast transaction (txid=${hashToHex(tx.txid)}) from the network from peer=${peer.id}; stopping private broadcast attempts`); // biome-ignore format: one line of the log
  }

  /** Connections that were meant for it are not needed any more. */
  #remove(tx: Transaction): boolean {
    const confirmations = this.#queue.remove(tx.wtxid);
    if (confirmations === undefined) return false;
    this.#toOpen = Math.max(0, this.#toOpen - Math.max(0, PEERS_PER_TX - confirmations));
    return true;
  }

  #want(count: number, now: Milliseconds): void {
    this.#toOpen += count;
    if (this.#attempt === undefined && this.#next.at === undefined) this.#next.set(now);
  }

  #dial(now: Milliseconds): void {
    if (this.#toOpen === 0 || this.#attempt !== undefined) return;
    // The end of one brings us back.
    if (this.#exchanges.size >= PRIVATE_CONNECTIONS_MAX) return;
    if (!this.#slots.isNetworkActive) {
      this.#next.set(now + OFFLINE_MS);
      return;
    }
    if (this.#pickNetwork() === undefined) {
      this.#context.log.warn(
        'Unable to open -privatebroadcast connections: neither Tor nor I2P is reachable',
      );
      this.#next.set(now + OFFLINE_MS);
      return;
    }
    const found = this.#draw(now);
    if (found === undefined) {
      this.#next.set(now + FRUITLESS_MS);
      return;
    }
    const { network, bytes, port, services = 0n } = found.address;
    const address = { network, bytes, port };
    this.#context.addressBook.attempt(address, now, { countFailure: true });
    this.#attempt = this.#slots.dialPrivately(address, services, found.throughTor);
  }

  /** Somebody on a random network whom we do not know. */
  #draw(now: Milliseconds): { readonly address: TimedAddress; readonly throughTor: boolean } | undefined {
    for (let draws = 0; draws < DRAWS_MAX; draws += 1) {
      const { network, throughTor } = this.#pickNetwork()!;
      const selected = this.#context.addressBook.select(now, { networks: new Set([network]) });
      if (selected !== undefined && !this.#slots.isOwnOrConnected(selected.address))
        return { address: selected.address, throughTor };
    }
    return undefined;
  }

  #pickNetwork(): { readonly network: AddressNetwork; readonly throughTor: boolean } | undefined {
    const { reachableNetworks } = this.#options;
    const ways: { network: AddressNetwork; throughTor: boolean }[] = [];
    if (reachableNetworks.has('onion')) {
      ways.push({ network: 'onion', throughTor: false });
      if (this.#hasMetTor)
        for (const network of ['ipv4', 'ipv6'] as const)
          if (reachableNetworks.has(network)) ways.push({ network, throughTor: true });
    }
    if (reachableNetworks.has('i2p')) ways.push({ network: 'i2p', throughTor: false });
    return ways[ways.length === 0 ? 0 : randomBelow(this.#context.random, ways.length)];
  }

  #lookForStale(now: Milliseconds): void {
    for (const tx of this.#queue.stale(now)) this.#context.outbox.emit({ kind: 'testTx', tx });
    this.#scheduleReattempt(now);
  }

  #scheduleReattempt(now: Milliseconds): void {
    const spread = randomBelow(this.#context.random, REATTEMPT_SPREAD_MS);
    this.#reattempt.set(now + REATTEMPT_MIN_MS + spread);
  }

  #end(peer: Peer, reason: string): void {
    this.#say(() => `Disconnecting: ${reason}, peer=${peer.id}`);
    this.#context.outbox.disconnect(peer, reason);
  }

  #say(text: () => string): void {
    this.#context.log.debug('privatebroadcast', text);
  }
}

const SAYINGS = {
  added: `Requesting ${PEERS_PER_TX} new connections`,
  present: 'Ignoring unnecessary request to schedule an already scheduled transaction',
  full: 'Rejecting private broadcast, queue full',
} as const;
