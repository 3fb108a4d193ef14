/**
 * Collects what concerns want done while one event is handled, in order. It knows which peers have an open operation:
 * a peer has one at most, but for blocks, of which several may be with the chain; none is begun for a peer that is
 * leaving.
 */
import { assert } from '../base/assert.ts';
import type { Milliseconds } from '../base/clock.ts';
import type { Command, Message } from '../wire/messages.ts';
import type { P2pEffect, PeerId } from './events.ts';
import type { Peer, PeerRecord } from './peer.ts';

/** Effects that end with a completion event of the same peer. */
type Operation = Extract<
  P2pEffect,
  { readonly kind: 'submitBlock' | 'submitTx' | 'submitPackage' | 'readBlock' | 'readFilters' }
>;

/** What tells nothing of who we are (Core: IsOutboundMessageAllowedInPrivateBroadcast). */
const PRIVATE_MESSAGES: ReadonlySet<Command> = new Set(['version', 'verack', 'inv', 'tx', 'ping']);

/** What most events lead to. */
const NOTHING: readonly P2pEffect[] = [];

export class Outbox {
  /** undefined: nothing. */
  #effects: P2pEffect[] | undefined;
  readonly #busy = new Map<PeerId, { readonly kind: Operation['kind']; count: number }>();
  /** Peers with an open operation. */
  #busyCount = 0;
  #now: Milliseconds = 0;

  /** The time of the event that is being handled: what is sent now is sent then. */
  begin(now: Milliseconds): void {
    this.#now = now;
  }

  /** The time of the event that is being handled. */
  get now(): Milliseconds {
    return this.#now;
  }

  /** What has been collected; the outbox is empty after. */
  take(): readonly P2pEffect[] {
    const effects = this.#effects;
    if (effects === undefined) return NOTHING;
    this.#effects = undefined;
    return effects;
  }

  emit(effect: Exclude<P2pEffect, Operation | { readonly kind: 'send' | 'disconnect' }>): void {
    this.#put(effect);
  }

  #put(effect: P2pEffect): void {
    // Mostly it stays the only one: an empty array would make room for seventeen.
    if (this.#effects === undefined) this.#effects = [effect];
    else this.#effects.push(effect);
  }

  /** Nothing is sent to a peer that is leaving, and little over a connection for private broadcast. */
  send(peer: Peer, message: Message): void {
    if (peer.phase === 'leaving') return;
    if (peer.type === 'private-broadcast' && !PRIVATE_MESSAGES.has(message.command)) return;
    (peer as PeerRecord).lastSend = this.#now;
    this.#put({ kind: 'send', peer: peer.id, message });
  }

  sendRawBlock(peer: Peer, raw: Uint8Array): void {
    if (peer.phase === 'leaving') return;
    (peer as PeerRecord).lastSend = this.#now;
    this.#put({ kind: 'sendRawBlock', peer: peer.id, raw });
  }

  /** From now on nothing of the peer counts; `onDisconnected` follows when the connection is closed. */
  disconnect(peer: Peer, reason: string): void {
    if (peer.phase === 'leaving') return;
    (peer as PeerRecord).phase = 'leaving';
    this.#put({ kind: 'disconnect', peer: peer.id, reason });
  }

  /**
   * Begins the peer's operation, which must be its only one, or another block. False if the peer is leaving: then nothing
   * happens, and no completion follows.
   */
  start(operation: Operation, peer: Peer): boolean {
    const open = this.#busy.get(peer.id);
    const isOneMoreBlock = open?.kind === 'submitBlock' && operation.kind === 'submitBlock';
    assert(open === undefined || isOneMoreBlock, 'a peer has one open operation at most');
    if (peer.phase === 'leaving') return false;
    if (open === undefined) {
      this.#busy.set(peer.id, { kind: operation.kind, count: 1 });
      this.#busyCount += 1;
    } else open.count += 1;
    this.#put(operation);
    return true;
  }

  /** Nobody has an open operation. */
  get isQuiet(): boolean {
    return this.#busyCount === 0;
  }

  /** It has an open operation. */
  isBusy(peer: Peer): boolean {
    return this.#busyCount > 0 && this.#busy.has(peer.id);
  }

  /** What is open of it are blocks, and nothing else. */
  hasOnlyBlocksOpen(peer: PeerId): boolean {
    return this.#busy.get(peer)?.kind === 'submitBlock';
  }

  /** An operation of it is complete. */
  finish(peer: PeerId): void {
    const open = this.#busy.get(peer);
    if (open !== undefined && open.count > 1) open.count -= 1;
    else this.forget(peer);
  }

  /** It is gone, and nothing of it is open any more. */
  forget(peer: PeerId): void {
    if (this.#busy.delete(peer)) this.#busyCount -= 1;
  }
}
