/**
 * How two nodes meet (Core: PushNodeVersion and the VERSION, VERACK, WTXIDRELAY, SENDADDRV2 branches of ProcessMessage). Who
 * dials speaks first. Each side sends its version, then what it can (wtxidrelay, sendaddrv2), then verack. Before a peer's
 * version nothing else of it counts, and before its verack only what belongs here. What can be agreed only here and comes
 * later ends the connection.
 */
import type { Milliseconds } from '../base/clock.ts';
import { SECOND_MS, toUnixSeconds } from '../base/clock.ts';
import { randomU64 } from '../base/random.ts';
import { type MessageOf, SERVICES } from '../wire/messages.ts';
import { addressText, isAddrV1Compatible, type NetAddress } from '../wire/net-address.ts';
import type { Concern, Handlers, P2pContext } from './concern.ts';
import { isRoutable, isSameAddress, isValidHost } from './netgroup.ts';
import { isInbound, isTxConnection, type Peer, type PeerRecord, servesBlocks, servicesFor, takesTxsFrom } from './peer.ts'; // biome-ignore format: one list
import { Reconciliation } from './reconciliation.ts';
import type { PeerAlarms } from './timers.ts';

/** Core: PROTOCOL_VERSION. */
export const PROTOCOL_VERSION = 70_017;
/** Core: MIN_PEER_PROTO_VERSION. */
const PROTOCOL_VERSION_MIN = 31_800;
/** First version of wtxidrelay (BIP339), and as of which sendaddrv2 bothers nobody. */
const WTXID_RELAY_VERSION = 70_016;
/** What all who broadcast privately claim to be (Core: CNode::AdvertisedVersion). */
const PRIVATE_VERSION = 70_016;
/** First version that may send `feature`. */
const FEATURE_VERSION = 70_017;
/** With a tip younger than so many block intervals, peers with recent blocks only will do (NODE_NETWORK_LIMITED_ALLOW_CONN_BLOCKS). */
const LIMITED_PEERS_INTERVALS = 144;
/** Samples of outbound peers' clocks, and how many must be there to say something (Core: node/timeoffsets.h). */
const TIME_OFFSETS_MAX = 50;
const TIME_OFFSETS_MIN = 5;
/** What we want of an outbound peer. */
const ALL_BLOCKS = SERVICES.witness | SERVICES.network;
const RECENT_BLOCKS = SERVICES.witness | SERVICES.networkLimited;
const NO_ADDRESS: NetAddress = { network: 'ipv6', bytes: new Uint8Array(16), port: 0 };
/** What a user agent may show in logs and answers (Core: SanitizeString, SAFE_CHARS_DEFAULT). */
const UNSAFE_CHARACTERS = /[^a-zA-Z0-9 .,;\-_/:?@()]/g;

/** What all who broadcast privately say: nothing of themselves (Core: PushNodeVersion). */
const ANONYMOUS_VERSION = {
  command: 'version',
  version: PRIVATE_VERSION,
  services: 0n,
  time: 0n,
  to: { services: 0n, ...NO_ADDRESS },
  from: { services: 0n, ...NO_ADDRESS },
  userAgent: '/pynode:0.0.1/',
  startHeight: 0,
  relay: false,
} as const;

/** A handshake that is not done. */
interface Greeting {
  readonly peer: Peer;
  /** Of our version message. */
  readonly nonce: bigint;
}

/** Called when the peer's version, and later its verack, has been taken. */
export interface HandshakeListener {
  versionTaken(peer: Peer, now: Milliseconds): void;
  handshakeDone(peer: Peer, now: Milliseconds): void;
}

export class Handshake implements Concern {
  readonly #context: P2pContext;
  readonly #listener: HandshakeListener;
  readonly #reconciliation: Reconciliation;
  /** Few at a time, in no order. */
  readonly #greetings: Greeting[] = [];
  readonly #timeouts: PeerAlarms;
  readonly #timeOffsets: number[] = [];
  /** What the last peer said: most say the same, and need no copies of their own. */
  #seenAs: NetAddress | undefined;
  #userAgentSaid = '';
  #userAgent = '';
  #services = 0n;

  constructor(context: P2pContext, listener: HandshakeListener) {
    this.#context = context;
    this.#listener = listener;
    this.#reconciliation = new Reconciliation(context);
    this.#timeouts = context.timers.ofPeers<Peer>(peer => this.#timedOut(peer));
  }

  /** Who has agreed to reconcile transactions. */
  get reconciliation(): Reconciliation {
    return this.#reconciliation;
  }

  static readonly #handlers: Handlers<Handshake> = {
    version: (self, peer, message, now) => self.#version(peer as PeerRecord, message, now),
    verack: (self, peer, _message, now) => self.#verack(peer as PeerRecord, now),
    wtxidrelay: (self, peer) => {
      if (peer.phase === 'ready') self.#context.outbox.disconnect(peer, 'wtxidrelay received after verack');
      else if (peer.version >= WTXID_RELAY_VERSION) (peer as PeerRecord).wtxidRelay = true;
    },
    feature: (self, peer, message) => self.#feature(peer, message),
    sendtxrcncl: (self, peer, message) => self.#reconciliation.take(peer, message),
    sendaddrv2: (self, peer) => {
      if (peer.phase === 'ready') self.#context.outbox.disconnect(peer, 'sendaddrv2 received after verack');
      else (peer as PeerRecord).sendAddrV2 = true;
    },
  };

  get handlers(): Handlers<Handshake> {
    return Handshake.#handlers;
  }

  onConnected(peer: Peer, now: Milliseconds): void {
    const { options, random } = this.#context;
    this.#timeouts.set(peer, now + options.peerTimeoutMs + 1);
    const nonce = randomU64(random);
    this.#greetings.push({ peer, nonce });
    if (!isInbound(peer)) this.#sendVersion(peer, nonce, now);
  }

  onDisconnected(peer: Peer): void {
    this.#forget(peer);
    this.#reconciliation.forget(peer);
  }

  /** Median of what outbound peers' clocks are ahead of ours; 0 while too few have told. */
  timeOffsetS(): number {
    if (this.#timeOffsets.length < TIME_OFFSETS_MIN) return 0;
    const sorted = [...this.#timeOffsets].sort((a, b) => a - b);
    return sorted[sorted.length >> 1]!;
  }

  /** What an outbound peer must offer, given what it offers (Core: GetDesirableServiceFlags). */
  #wantedServices(services: bigint, now: Milliseconds): bigint {
    const { chain } = this.#context;
    const tipAgeS = toUnixSeconds(now) - chain.headers.timeOf(chain.tip());
    const isYoung = Math.trunc(tipAgeS / chain.params.powTargetSpacing) < LIMITED_PEERS_INTERVALS;
    const isLimitedOk = (services & SERVICES.networkLimited) !== 0n && isYoung;
    return isLimitedOk ? RECENT_BLOCKS : ALL_BLOCKS;
  }

  /** We know none that there could be (BIP434), but it has its time. */
  #feature(peer: Peer, { id }: MessageOf<'feature'>): void {
    const { log, outbox } = this.#context;
    if (peer.phase === 'ready') outbox.disconnect(peer, 'feature received after verack');
    else if (peer.version < FEATURE_VERSION)
      outbox.disconnect(peer, `feature received with incompatible version ${peer.version}`);
    else log.debug('net', () => `unknown feature advertised: ${id.replace(UNSAFE_CHARACTERS, '')}`);
  }

  #sendVersion(peer: Peer, nonce: bigint, now: Milliseconds): void {
    if (peer.type === 'private-broadcast') this.#context.outbox.send(peer, { ...ANONYMOUS_VERSION, nonce });
    else this.#sendOwnVersion(peer, nonce, now);
  }

  #sendOwnVersion(peer: Peer, nonce: bigint, now: Milliseconds): void {
    const { addressBook, chain, options, outbox } = this.#context;
    const { address } = peer;
    const isShown = isRoutable(address, options) && isAddrV1Compatible(address);
    const services = servicesFor(peer, options);
    outbox.send(peer, {
      command: 'version',
      version: PROTOCOL_VERSION,
      services,
      time: BigInt(toUnixSeconds(now)),
      to: offering(isShown ? address : NO_ADDRESS, isInbound(peer) ? 0n : addressBook.servicesOf(address)),
      // Our address is for gossip to tell.
      from: offering(NO_ADDRESS, services),
      nonce,
      userAgent: options.userAgent,
      startHeight: chain.headers.heightOf(chain.tip()),
      relay: takesTxsFrom(peer, options),
    });
  }

  #version(peer: PeerRecord, message: MessageOf<'version'>, now: Milliseconds): void {
    const { addressBook, log, outbox } = this.#context;
    if (peer.phase !== 'connected') {
      log.debug('net', () => `redundant version message from peer=${peer.id}`);
      return;
    }
    const { services } = message;
    const wanted = this.#wantedServices(services, now);
    peer.hasWantedServices = (services & wanted) === wanted;
    if (!isInbound(peer) && peer.type !== 'private-broadcast')
      addressBook.setServices(peer.address, services);
    if (expectsServices(peer) && !peer.hasWantedServices) {
      outbox.disconnect(
        peer,
        `peer does not offer the expected services (${hex8(services)} offered, ${hex8(wanted)} expected)`,
      );
      return;
    }
    if (message.version < PROTOCOL_VERSION_MIN) {
      outbox.disconnect(peer, `peer using obsolete version ${message.version}`);
      return;
    }
    if (isInbound(peer) && this.#isOurNonce(message.nonce)) {
      log.info(`connected to self at ${addressText(peer.address)}, disconnecting`);
      outbox.disconnect(peer, 'connected to self');
      return;
    }
    if (isInbound(peer)) this.#sendVersion(peer, this.#nonceOf(peer), now);

    peer.phase = 'greeted';
    const ownVersion = peer.type === 'private-broadcast' ? PRIVATE_VERSION : PROTOCOL_VERSION;
    peer.version = Math.min(message.version, ownVersion);
    peer.theirVersion = message.version;
    if (services !== this.#services) this.#services = services;
    peer.services = this.#services;
    if (message.userAgent !== this.#userAgentSaid) {
      this.#userAgentSaid = message.userAgent;
      this.#userAgent = message.userAgent.replace(UNSAFE_CHARACTERS, '');
    }
    peer.userAgent = this.#userAgent;
    peer.startHeight = message.startHeight;
    if (isValidHost(message.to)) peer.seenAs = this.#ownedCopy(message.to);
    peer.relaysTxs = isTxConnection(peer) && message.relay;
    if (peer.type === 'private-broadcast') {
      this.#privateVersion(peer, message, now);
      return;
    }
    // Times before 1970 read as 1970.
    const theirTime = message.time < 0n ? 0n : message.time;
    peer.timeOffsetS = Number(theirTime - BigInt(toUnixSeconds(now)));
    peer.isPreferredDownload =
      (!isInbound(peer) || peer.permissions.has('noban')) && peer.type !== 'addr-fetch' && servesBlocks(peer);
    if (!isInbound(peer)) {
      this.#timeOffsets.push(peer.timeOffsetS);
      if (this.#timeOffsets.length > TIME_OFFSETS_MAX) this.#timeOffsets.shift();
    }
    log.debug('net', () => `receive version message: ${peer.userAgent || '<no user agent>'}: version ${message.version}, blocks=${message.startHeight}, txrelay=${message.relay ? 1 : 0}, peer=${peer.id}`); // biome-ignore format: one line of the log

    if (peer.version >= WTXID_RELAY_VERSION) {
      outbox.send(peer, { command: 'wtxidrelay' });
      outbox.send(peer, { command: 'sendaddrv2' });
      this.#reconciliation.offer(peer);
    }
    outbox.send(peer, { command: 'verack' });
    this.#listener.versionTaken(peer, now);
    // It has shown that somebody is there, which is all that we wanted to know.
    if (peer.type === 'feeler') outbox.disconnect(peer, 'feeler connection completed');
  }

  /** Without the frame that the message's bytes are part of. */
  #ownedCopy(seen: NetAddress): NetAddress {
    if (this.#seenAs === undefined || !isSameAddress(this.#seenAs, seen))
      this.#seenAs = { network: seen.network, bytes: seen.bytes.slice(), port: seen.port };
    return this.#seenAs;
  }

  /** All that matters is that it takes transactions; it learns nothing of what we can. */
  #privateVersion(peer: Peer, { relay }: MessageOf<'version'>, now: Milliseconds): void {
    const { outbox } = this.#context;
    if (!relay) {
      outbox.disconnect(peer, 'does not support transaction relay (connected in vain)');
      return;
    }
    outbox.send(peer, { command: 'verack' });
    this.#listener.versionTaken(peer, now);
  }

  #verack(peer: PeerRecord, now: Milliseconds): void {
    if (peer.phase !== 'greeted') {
      this.#context.log.debug('net', () => `ignoring redundant verack message from peer=${peer.id}`);
      return;
    }
    peer.phase = 'ready';
    this.#reconciliation.settle(peer);
    this.#forget(peer);
    if (isInbound(peer)) this.#context.log.debug('net', () => welcome(peer));
    else this.#context.log.info(welcome(peer));
    this.#listener.handshakeDone(peer, now);
  }

  #isOurNonce(nonce: bigint): boolean {
    return this.#greetings.some(greeting => greeting.nonce === nonce && !isInbound(greeting.peer));
  }

  #nonceOf(peer: Peer): bigint {
    return this.#greetings.find(greeting => greeting.peer === peer)!.nonce;
  }

  #timedOut(peer: Peer): void {
    const { options, outbox } = this.#context;
    // The handshake of an encrypted transport has bytes of its own, which lastSend does not tell.
    const isSilent = peer.transport === 'v1' || peer.lastReceive === 0;
    const never = `${peer.lastReceive === 0 ? ', never received from peer' : ''}${peer.lastSend === 0 ? ', never sent to peer' : ''}`;
    const what =
      never === '' || !isSilent
        ? `${peer.transport === 'detecting' ? 'V2' : 'version'} handshake timeout`
        : `socket no message in first ${Math.floor(options.peerTimeoutMs / SECOND_MS)} seconds${never}`;
    outbox.disconnect(peer, what);
  }

  #forget(peer: Peer): void {
    this.#timeouts.clear(peer);
    const at = this.#greetings.findIndex(greeting => greeting.peer === peer);
    if (at < 0) return;
    const last = this.#greetings.pop()!;
    if (last.peer !== peer) this.#greetings[at] = last;
  }
}

/** We chose it for what it offers (Core: ExpectServicesFromConn). */
function expectsServices(peer: Peer): boolean {
  return (
    peer.type === 'outbound-full-relay' || peer.type === 'block-relay-only' || peer.type === 'addr-fetch'
  );
}

function offering(
  { network, bytes, port }: NetAddress,
  services: bigint,
): NetAddress & { readonly services: bigint } {
  return { network, bytes, port, services };
}

function welcome({ id, type, transport, theirVersion }: Peer): string {
  return `New ${type} peer connected: transport: ${transport}, version: ${theirVersion}, peer=${id}`;
}

function hex8(services: bigint): string {
  return services.toString(16).padStart(8, '0');
}
