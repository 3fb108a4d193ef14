/**
 * Peers that the user named (`-addnode`, `addnode`, `-connect`): each is dialed until it is connected, and again when it
 * was lost (Core: ThreadOpenAddedConnections, and the start of ThreadOpenConnections, in src/net.cpp).
 */

import { MINUTE_MS, type Milliseconds, SECOND_MS } from '../base/clock.ts';
import { LateMap } from '../base/late-map.ts';
import { addressKey, hostKey, type NetAddress } from '../wire/net-address.ts';
import type { P2pContext } from './concern.ts';
import { type Dialer, type DialTransport, targetKey } from './dialer.ts';
import type { DialTarget, PeerId } from './events.ts';
import type { Peer } from './peer.ts';
import type { Alarm } from './timers.ts';

/** Connections to added nodes at once (Core: MAX_ADDNODE_CONNECTIONS). `-connect` has no limit. */
const ADDED_CONNECTIONS_MAX = 8;
/** After a round in which somebody was dialed, and after one in which nobody could be. */
const RETRY_MS = MINUTE_MS;
const LOOK_AGAIN_MS = 2 * SECOND_MS;
/** `-connect` begins its rounds in quick succession, and each is this much later, up to ten times. */
const CONNECT_STEP_MS = 500;
const CONNECT_STEPS_MAX = 10;

export interface AddedNode {
  readonly target: DialTarget;
  /** Connected as this peer. */
  readonly peer: Peer | undefined;
}

export class AddedNodes {
  readonly #context: P2pContext;
  readonly #dialer: Dialer;
  readonly #mode: 'added' | 'connect';
  /** With the transport that the user chose for it. */
  readonly #targets = new LateMap<
    string,
    { readonly target: DialTarget; readonly transport?: DialTransport }
  >();
  /** By the target that was dialed: a name says nothing of the address it has. */
  readonly #connected = new LateMap<string, PeerId>();
  readonly #alarm: Alarm;
  #rounds = 0;
  #isActive = false;

  constructor(
    context: P2pContext,
    dialer: Dialer,
    mode: 'added' | 'connect',
    targets: readonly DialTarget[],
  ) {
    this.#context = context;
    this.#dialer = dialer;
    this.#mode = mode;
    this.#alarm = context.timers.paced(now => this.#round(now));
    for (const target of targets) this.#targets.set(targetKey(target), { target });
  }

  get size(): number {
    return this.#targets.size;
  }

  setActive(isActive: boolean, now: Milliseconds): void {
    this.#isActive = isActive;
    if (isActive) this.#alarm.set(now);
    else this.#alarm.clear();
  }

  /** False when it is in the list already. */
  add(target: DialTarget, now: Milliseconds, transport?: DialTransport): boolean {
    if (this.#targets.has(targetKey(target))) return false;
    this.#targets.set(targetKey(target), { target, ...(transport !== undefined && { transport }) });
    if (this.#isActive) this.#alarm.set(now);
    return true;
  }

  /** False when it is not in the list. The connection, if there is one, stays. */
  remove(target: DialTarget): boolean {
    return this.#targets.delete(targetKey(target));
  }

  list(): AddedNode[] {
    return [...this.#targets.values()].map(({ target }) => ({ target, peer: this.#peerOf(target) }));
  }

  /** The user named this address, with or without its port. */
  contains(address: NetAddress): boolean {
    for (const { target } of this.#targets.values())
      if (target.kind === 'address' && hostKey(target.address) === hostKey(address)) return true;
    return false;
  }

  onConnected(target: DialTarget, peer: Peer): void {
    this.#connected.set(targetKey(target), peer.id);
  }

  onDisconnected(peer: Peer, now: Milliseconds): void {
    for (const [key, id] of this.#connected) if (id === peer.id) this.#connected.delete(key);
    // Within the pause after a round, the next one sees to it.
    if (this.#isActive && this.#targets.size > 0 && this.#alarm.at === undefined) this.#alarm.set(now);
  }

  #round(now: Milliseconds): void {
    const missing = [...this.#targets.values()].filter(({ target }) => !this.#peerOf(target));
    if (missing.length === 0) return;
    let tried = false;
    for (const { target, transport } of missing) {
      if (this.#dialer.isDialing(target) || this.#isFull()) continue;
      this.#dialer.dial(target, 'manual', transport);
      tried = true;
    }
    this.#alarm.set(now + this.#pause(tried));
  }

  #pause(tried: boolean): Milliseconds {
    if (this.#mode === 'connect') {
      this.#rounds = Math.min(this.#rounds + 1, CONNECT_STEPS_MAX);
      return this.#rounds * CONNECT_STEP_MS;
    }
    return tried && !this.#context.options.privateNetwork ? RETRY_MS : LOOK_AGAIN_MS;
  }

  #isFull(): boolean {
    if (this.#mode === 'connect') return false;
    let taken = this.#dialer.count(dial => dial.type === 'manual');
    for (const peer of this.#context.peers.values()) if (peer.type === 'manual') taken += 1;
    return taken >= ADDED_CONNECTIONS_MAX;
  }

  #peerOf(target: DialTarget): Peer | undefined {
    const byTarget = this.#context.peers.get(this.#connected.get(targetKey(target)) ?? -1);
    if (byTarget || target.kind === 'name') return byTarget;
    for (const peer of this.#context.peers.values())
      if (addressKey(peer.address) === addressKey(target.address)) return peer;
    return undefined;
  }
}
