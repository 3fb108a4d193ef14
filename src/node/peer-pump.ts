/**
 * Between sockets and the machine that decides (the peer manager, or the crawler of a DNS seed): events in, effects out,
 * one at a time and in order. Peers take turns, one message each. While an operation that a message started is open (a
 * block being validated, a block being read), no further message of that peer is delivered; its frames wait undecoded.
 * Blocks that we asked for are the exception: while nothing else of the peer is open, some more of them are handed on, so
 * that the chain has the next one at hand while it checks the scripts of the one before.
 */
import { assert } from '../base/assert.ts';
import type { BlockHash } from '../base/bytes.ts';
import type { Clock, Milliseconds } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { sha256d } from '../crypto/sha256.ts';
import type { Connection } from '../net/connection.ts';
import { TcpTransport, type TransportHandler, type TransportOptions } from '../net/tcp.ts';
import type { P2pEffect, P2pEvent, PeerId } from '../p2p/events.ts';
import { HEADER_BYTES } from '../wire/block.ts';
import { DecodeError, TooManyError } from '../wire/codec.ts';
import { decodeMessage, encodePayload, isKnownCommand } from '../wire/messages.ts';
import type { Received } from '../wire/transport.ts';
import { steadyNow } from './clocks.ts';
import type { CaptureMessage } from './message-capture.ts';

/** What the pump drives. */
export interface PeerMachine {
  /** `steady`: what a clock shows that never jumps. */
  handle(event: P2pEvent, now: Milliseconds, steady: Milliseconds): readonly P2pEffect[];
  nextDeadline(): Milliseconds | undefined;
  /** This block of the peer may be handed on while others of it are being decided on. */
  mayOverlap?(peer: PeerId, block: BlockHash): boolean;
}

/** Effects that are not about sockets. */
export type Operation = Exclude<
  P2pEffect,
  { readonly kind: 'connect' | 'disconnect' | 'send' | 'sendRawBlock' }
>;

/** Performs what the machine asks for; what it resolves to is told to the machine. */
export type Operations = (operation: Operation) => Promise<P2pEvent | undefined> | undefined;

export interface PeerPumpDeps {
  readonly machine: PeerMachine;
  readonly operations: Operations;
  readonly clock: Clock & { onJump(listener: () => void): void };
  readonly log: Log;
  /** Told of each message, before it is handled or sent. */
  readonly capture?: CaptureMessage;
  /** A bug surfaced: the node must stop. */
  readonly onFatal: (error: unknown) => void;
}

/** Longest delay that a timer of Node takes. */
const TIMER_MS_MAX = 0x7fff_ffff;
/** Blocks of one peer, and bytes of those of all peers, that may be with the chain at a time; some always may. */
const OPEN_BLOCKS_MAX = 16;
const OPEN_BLOCK_BYTES_MAX = 640 * 1024;
/** Of one peer, whatever their size: one whose scripts are checked, one that is begun, and one at hand. */
const OPEN_BLOCKS_MIN = 3;

export class PeerPump implements TransportHandler {
  readonly transport: TcpTransport;
  readonly #deps: PeerPumpDeps;
  readonly #queue: P2pEvent[] = [];
  #isHandling = false;
  #isStopped = false;
  /** Peers of which a frame may have arrived, in the order of their turns. */
  readonly #ready = new Set<PeerId>();
  /** Peers with an open operation, with how many; more than one are blocks. */
  readonly #busy = new Map<PeerId, number>();
  /** Of all blocks that are being decided on. */
  #openBlockBytes = 0;
  /** What came of a peer while it was busy and must wait. */
  readonly #heldBack = new Map<PeerId, Received>();
  /** Closed while busy: the machine hears of that after the operation, so that nothing of a peer follows its end. */
  readonly #closedBusy = new Set<PeerId>();
  readonly #sendPaused = new Set<PeerId>();
  /** Who waits for the end of a dial, by its number. */
  readonly #dialWaiters = new Map<number, (isConnected: boolean) => void>();
  #turn: NodeJS.Immediate | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** What the timer waits for. */
  #alarm: Milliseconds = 0;

  constructor(deps: PeerPumpDeps, options: TransportOptions) {
    this.#deps = deps;
    this.transport = new TcpTransport({ log: deps.log, handler: this }, options);
    deps.clock.onJump(() => {
      this.#disarm();
      this.dispatch({ kind: 'tick' });
    });
  }

  /** Tells the machine, and performs what it answers, before this returns (unless called from within). */
  dispatch(event: P2pEvent): void {
    if (this.#isStopped) return;
    this.#queue.push(event);
    if (this.#isHandling) return;
    this.#isHandling = true;
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
        this.perform(this.#deps.machine.handle(next, this.#deps.clock.now(), steadyNow()));
      }
    } catch (error) {
      this.#deps.onFatal(error);
    } finally {
      this.#isHandling = false;
    }
    this.#arm();
  }

  /** Performs effects that came otherwise than by an event: those of a command. */
  perform(effects: readonly P2pEffect[]): void {
    for (const effect of effects) this.#perform(effect);
    if (!this.#isHandling) this.#arm();
  }

  /** Past the machine, for tests of peers: any payload; false if there is no such connection. */
  sendRaw(peer: PeerId, command: string, payload: Uint8Array): boolean {
    if (this.transport.get(peer) === undefined) return false;
    this.#send(peer, command, () => payload);
    return true;
  }

  /** Whether the open dial of this number led to a connection, once that is known. */
  dialed(attempt: number): Promise<boolean> {
    return new Promise(resolve => this.#dialWaiters.set(attempt, resolve));
  }

  #endDial(attempt: number, isConnected: boolean): void {
    this.#dialWaiters.get(attempt)?.(isConnected);
    this.#dialWaiters.delete(attempt);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#disarm();
    if (this.#turn !== undefined) clearImmediate(this.#turn);
    await this.transport.close();
  }

  #perform(effect: P2pEffect): void {
    switch (effect.kind) {
      case 'connect':
        this.transport.dial(effect.attempt, effect.target, effect);
        return;
      case 'disconnect':
        this.#deps.log.debug('net', () => `${effect.reason}, disconnecting peer=${effect.peer}`);
        this.#heldBack.delete(effect.peer);
        this.transport.get(effect.peer)?.close();
        return;
      case 'send':
        this.#send(effect.peer, effect.message.command, () => encodePayload(effect.message));
        return;
      case 'sendRawBlock':
        this.#send(effect.peer, 'block', () => effect.raw);
        return;
      default:
        this.#start(effect);
    }
  }

  #send(peer: PeerId, command: string, encoded: () => Uint8Array): void {
    const connection = this.transport.get(peer);
    if (connection === undefined) return;
    const payload = encoded();
    this.#deps.log.debug('net', () => `sending ${command} (${payload.length} bytes) peer=${peer}`);
    this.#deps.capture?.(connection.info.address, command, payload, 'sent');
    connection.sendPayload(command, payload);
  }

  #start(operation: Operation): void {
    const completion = this.#deps.operations(operation);
    if (completion === undefined) return;
    const peer = 'peer' in operation ? operation.peer : undefined;
    const blockBytes = operation.kind === 'submitBlock' ? operation.block.raw.length : 0;
    this.#openBlockBytes += blockBytes;
    if (peer !== undefined) {
      const open = this.#busy.get(peer) ?? 0;
      assert(open === 0 || blockBytes > 0, 'a peer has one open operation at most');
      this.#busy.set(peer, open + 1);
    }
    const finish = (event: P2pEvent | undefined) => {
      this.#openBlockBytes -= blockBytes;
      if (peer !== undefined) this.#ended(peer);
      if (event !== undefined) this.dispatch(event);
      if (peer === undefined) return;
      if (this.#busy.has(peer)) this.#wake(peer);
      else if (this.#closedBusy.delete(peer)) this.dispatch({ kind: 'disconnected', peer });
      else this.#wake(peer);
    };
    completion.then(finish, error => this.#deps.onFatal(error));
  }

  #ended(peer: PeerId): void {
    const open = this.#busy.get(peer)! - 1;
    if (open > 0) this.#busy.set(peer, open);
    else this.#busy.delete(peer);
  }

  // What the transport tells.

  opened(connection: Connection): void {
    const { peer, type, address, localAddress, permissions, attempt, isOnion } = connection.info;
    const outbound = attempt === undefined ? {} : { attempt };
    const transport = connection.transport.kind === 'v1' ? {} : { transport: 'detecting' as const };
    this.#deps.log.debug('net', () => `Added connection peer=${peer}`);
    this.dispatch({
      kind: 'connected',
      peer,
      type,
      address,
      localAddress,
      permissions,
      ...outbound,
      ...transport,
      ...(isOnion && { isOnion }),
    });
    if (attempt !== undefined) this.#endDial(attempt, true);
  }

  dialFailed(attempt: number, reason: string): void {
    this.dispatch({ kind: 'connectFailed', attempt, reason });
    this.#endDial(attempt, false);
  }

  readable(connection: Connection): void {
    this.#wake(connection.info.peer);
  }

  transportChanged({ info, transport }: Connection): void {
    this.dispatch({ kind: 'transport', peer: info.peer, transport: transport.kind });
  }

  sendPaused(connection: Connection): void {
    this.#sendPaused.add(connection.info.peer);
    this.dispatch({ kind: 'sendPaused', peer: connection.info.peer });
  }

  sendResumed(connection: Connection): void {
    this.#sendPaused.delete(connection.info.peer);
    this.dispatch({ kind: 'sendResumed', peer: connection.info.peer });
    this.#wake(connection.info.peer);
  }

  closed(connection: Connection): void {
    const { peer } = connection.info;
    this.#ready.delete(peer);
    this.#heldBack.delete(peer);
    this.#sendPaused.delete(peer);
    if (this.#busy.has(peer)) this.#closedBusy.add(peer);
    else this.#disconnected(connection);
  }

  #disconnected({ info, transport }: Connection): void {
    this.dispatch({
      kind: 'disconnected',
      peer: info.peer,
      ...(transport.shouldRetryV1 && { shouldRetryV1: true }),
    });
  }

  // Turns.

  #wake(peer: PeerId): void {
    if (this.#isStopped || this.transport.get(peer) === undefined) return;
    this.#ready.add(peer);
    this.#turn ??= setImmediate(() => this.#takeTurns());
  }

  /** One message of each peer that has one and may be heard. */
  #takeTurns(): void {
    this.#turn = undefined;
    for (const peer of [...this.#ready]) {
      const frame = this.#sendPaused.has(peer) ? undefined : this.#take(peer);
      // Woken again when an operation ends, the peer has read, or more has come.
      if (frame === undefined) this.#ready.delete(peer);
      else this.#received(peer, frame);
    }
    if (this.#ready.size > 0 && !this.#isStopped) this.#turn ??= setImmediate(() => this.#takeTurns());
  }

  /** The next message of the peer that it is time for. */
  #take(peer: PeerId): Received | undefined {
    const open = this.#busy.get(peer) ?? 0;
    const isFull = open >= OPEN_BLOCKS_MAX || this.#openBlockBytes >= OPEN_BLOCK_BYTES_MAX;
    if (open >= OPEN_BLOCKS_MIN && isFull) return undefined;
    const frame = this.#heldBack.get(peer) ?? this.transport.get(peer)?.next();
    if (frame === undefined) return undefined;
    if (open > 0 && !this.#mayOverlap(peer, frame)) {
      this.#heldBack.set(peer, frame);
      return undefined;
    }
    this.#heldBack.delete(peer);
    return frame;
  }

  #mayOverlap(peer: PeerId, frame: Received): boolean {
    if (frame.kind !== 'frame' || frame.command !== 'block' || frame.payload.length < HEADER_BYTES)
      return false;
    const hash = sha256d<BlockHash>(frame.payload.subarray(0, HEADER_BYTES));
    return this.#deps.machine.mayOverlap?.(peer, hash) ?? false;
  }

  #received(peer: PeerId, frame: Received): void {
    if (frame.kind === 'decoy') return;
    if (frame.kind === 'frame') {
      const { command, payload } = frame;
      const address = this.transport.get(peer)!.info.address;
      this.#deps.log.debug('net', () => `received: ${command} (${payload.length} bytes) peer=${peer}`);
      this.#deps.capture?.(address, command, payload, 'received');
    }
    this.dispatch(decodeFrame(peer, frame));
  }

  #arm(): void {
    if (this.#isStopped) return;
    const deadline = this.#deps.machine.nextDeadline();
    // To tick too early does no harm; to set the timer anew would cost more than handling most events.
    if (deadline === undefined || (this.#timer !== undefined && this.#alarm <= deadline)) return;
    this.#disarm();
    this.#alarm = deadline;
    const delay = Math.min(Math.max(0, deadline - this.#deps.clock.now()), TIMER_MS_MAX);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.dispatch({ kind: 'tick' });
    }, Math.ceil(delay));
  }

  #disarm(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

/** Only here does a payload become a message. */
function decodeFrame(peer: PeerId, frame: Exclude<Received, { readonly kind: 'decoy' }>): P2pEvent {
  const { command, size } = frame;
  if (frame.kind === 'defect') {
    return { kind: 'undecodable', peer, command, defect: frame.defect, detail: frame.detail };
  }
  if (!isKnownCommand(command)) return { kind: 'unknownMessage', peer, command, size };
  try {
    return { kind: 'message', peer, message: decodeMessage(command, frame.payload), size };
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    const defect = error instanceof TooManyError ? 'tooMany' : 'payload';
    return { kind: 'undecodable', peer, command, defect, detail: error.message };
  }
}
