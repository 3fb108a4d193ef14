/**
 * Collects what concerns want done while one event is handled, in order. It knows which peers have an open operation:
 * a peer has one at most, and none is begun for a peer that is leaving.
 */
import { assert } from '../base/assert.ts';
import type { Milliseconds } from '../base/clock.ts';
import type { Message } from '../wire/messages.ts';
import type { P2pEffect, PeerId } from './events.ts';
import type { Peer, PeerRecord } from './peer.ts';

/** Effects that end with a completion event of the same peer. */
type Operation = Extract<
  P2pEffect,
  { readonly kind: 'submitBlock' | 'submitTx' | 'submitPackage' | 'readBlock' }
>;

export class Outbox {
  #effects: P2pEffect[] = [];
  readonly #busy = new Set<PeerId>();
  #now: Milliseconds = 0;

  /** The time of the event that is being handled: what is sent now is sent then. */
  begin(now: Milliseconds): void {
    this.#now = now;
  }

  /** What has been collected; the outbox is empty after. */
  take(): P2pEffect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  emit(effect: Exclude<P2pEffect, Operation | { readonly kind: 'send' | 'disconnect' }>): void {
    this.#effects.push(effect);
  }

  /** Nothing is sent to a peer that is leaving. */
  send(peer: Peer, message: Message): void {
    if (peer.phase === 'leaving') return;
    (peer as PeerRecord).lastSend = this.#now;
    this.#effects.push({ kind: 'send', peer: peer.id, message });
  }

  sendRawBlock(peer: Peer, raw: Uint8Array): void {
    if (peer.phase === 'leaving') return;
    (peer as PeerRecord).lastSend = this.#now;
    this.#effects.push({ kind: 'sendRawBlock', peer: peer.id, raw });
  }

  /** From now on nothing of the peer counts; `onDisconnected` follows when the connection is closed. */
  disconnect(peer: Peer, reason: string): void {
    if (peer.phase === 'leaving') return;
    (peer as PeerRecord).phase = 'leaving';
    this.#effects.push({ kind: 'disconnect', peer: peer.id, reason });
  }

  /** Begins the peer's operation, which must be its only one; nothing happens if the peer is leaving. */
  start(operation: Operation, peer: Peer): void {
    assert(!this.#busy.has(peer.id), 'a peer has one open operation at most');
    if (peer.phase === 'leaving') return;
    this.#busy.add(peer.id);
    this.#effects.push(operation);
  }

  /** Nobody has an open operation. */
  get isQuiet(): boolean {
    return this.#busy.size === 0;
  }

  /** It has an open operation. */
  isBusy(peer: Peer): boolean {
    return this.#busy.has(peer.id);
  }

  /** Its operation is complete, or the peer is gone. */
  finish(peer: PeerId): void {
    this.#busy.delete(peer);
  }
}
