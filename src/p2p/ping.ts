/**
 * Shows that peers live: a ping every two minutes, and who does not answer for twenty leaves; so does who neither sends
 * nor takes anything for twenty (Core: MaybeSendPing, ProcessPong, CConnman::InactivityCheck). Only the pong of the last
 * ping counts; one without nonce, or with nonce zero, comes from broken software and ends the wait.
 */
import { MINUTE_MS, type Milliseconds, SECOND_MS } from '../base/clock.ts';
import { randomU64 } from '../base/random.ts';
import type { MessageOf } from '../wire/messages.ts';
import type { Concern, Handlers, P2pContext } from './concern.ts';
import type { Peer } from './peer.ts';
import type { PeerInfo } from './peer-info.ts';
import { PeerStates } from './peer-states.ts';
import type { PeerAlarms } from './timers.ts';

/** Core: PING_INTERVAL. */
const PING_INTERVAL_MS = 2 * MINUTE_MS;
/** Core: TIMEOUT_INTERVAL. */
const SILENCE_MAX_MS = 20 * MINUTE_MS;
/** Peers of this version and older know pings without nonce only (BIP31). */
const NO_NONCE_VERSION = 60_000;

interface PingState {
  /** Of the open ping. */
  nonce: bigint | undefined;
  /** When the last ping was sent. */
  start: Milliseconds;
  lastPing: Milliseconds | undefined;
}

export class Ping implements Concern {
  readonly #context: P2pContext;
  readonly #states: PeerStates<PingState>;
  readonly #alarms: PeerAlarms;

  constructor(context: P2pContext) {
    this.#context = context;
    this.#states = new PeerStates(context, 'ping');
    this.#alarms = context.timers.ofPeers<Peer>((peer, now) => this.#check(peer, now));
  }

  static readonly #handlers: Handlers<Ping> = {
    ping: (self, peer, { nonce }) => {
      if (peer.version > NO_NONCE_VERSION && nonce !== undefined)
        self.#context.outbox.send(peer, { command: 'pong', nonce });
    },
    pong: (self, peer, message, now) => self.#pong(peer, message, now),
  };

  get handlers(): Handlers<Ping> {
    return Ping.#handlers;
  }

  onHandshakeDone(peer: Peer, now: Milliseconds): void {
    this.#states.set(peer, { nonce: undefined, start: 0, lastPing: undefined });
    this.#send(peer, now);
  }

  onDisconnected(peer: Peer): void {
    this.#alarms.clear(peer);
    this.#states.delete(peer);
  }

  describe(peer: Peer, now: Milliseconds): Partial<PeerInfo> {
    const state = this.#states.get(peer);
    return {
      pingMs: state?.lastPing,
      minPingMs: Number.isFinite(peer.minPing) ? peer.minPing : undefined,
      pingWaitMs: state?.nonce === undefined ? undefined : Math.max(0, now - state.start),
    };
  }

  /** The `ping` command: one to each peer now. */
  pingAll(now: Milliseconds): void {
    for (const peer of this.#context.peers.values()) if (peer.phase === 'ready') this.#send(peer, now);
  }

  #send(peer: Peer, now: Milliseconds): void {
    const state = this.#states.get(peer)!;
    let nonce = 0n;
    while (nonce === 0n) nonce = randomU64(this.#context.random);
    state.start = now;
    state.nonce = peer.version > NO_NONCE_VERSION ? nonce : undefined;
    this.#context.outbox.send(peer, { command: 'ping', nonce: state.nonce });
    this.#arm(peer, state);
  }

  #pong(peer: Peer, { nonce }: MessageOf<'pong'>, now: Milliseconds): void {
    const state = this.#states.get(peer)!;
    const expected = state.nonce;
    const problem = pongProblem(expected, nonce);
    if (problem === undefined) {
      const time = now - state.start;
      // The clock may have been set back meanwhile.
      if (time >= 0) {
        state.lastPing = time;
        peer.minPing = Math.min(peer.minPing, time);
      }
    } else {
      const size = nonce === undefined ? 0 : 8;
      this.#context.log.debug(
        'net',
        () =>
          `pong peer=${peer.id}: ${problem}, ${(expected ?? 0n).toString(16)} expected, ${(nonce ?? 0n).toString(16)} received, ${size} bytes`,
      );
    }
    if (problem === undefined || problem === 'Nonce zero' || problem === 'Short payload') {
      state.nonce = undefined;
      this.#arm(peer, state);
    }
  }

  #check(peer: Peer, now: Milliseconds): void {
    const state = this.#states.get(peer)!;
    const { options, outbox } = this.#context;
    const wasGivenTime = now > peer.connectedAt + options.peerTimeoutMs;
    if (state.nonce !== undefined && wasGivenTime && now > state.start + SILENCE_MAX_MS) {
      const waited = ((now - state.start) / SECOND_MS).toFixed(6);
      outbox.disconnect(peer, `ping timeout: ${waited}s`);
      return;
    }
    if (wasGivenTime && now > Math.min(peer.lastSend, peer.lastReceive) + SILENCE_MAX_MS) {
      outbox.disconnect(peer, 'silent for too long');
      return;
    }
    if (state.nonce === undefined && now > state.start + PING_INTERVAL_MS) this.#send(peer, now);
    else this.#arm(peer, state);
  }

  #arm(peer: Peer, state: PingState): void {
    const given = peer.connectedAt + this.#context.options.peerTimeoutMs;
    const ping =
      state.nonce === undefined
        ? state.start + PING_INTERVAL_MS
        : Math.max(given, state.start + SILENCE_MAX_MS);
    const silence = Math.max(given, Math.min(peer.lastSend, peer.lastReceive) + SILENCE_MAX_MS);
    // All of these are "later than": one millisecond after.
    this.#alarms.set(peer, Math.min(ping, silence) + 1);
  }
}

function pongProblem(expected: bigint | undefined, received: bigint | undefined): string | undefined {
  if (received === undefined) return 'Short payload';
  if (expected === undefined) return 'Unsolicited pong without ping';
  if (received === expected) return undefined;
  return received === 0n ? 'Nonce zero' : 'Nonce mismatch';
}
