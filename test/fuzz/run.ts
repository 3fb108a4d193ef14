/**
 * Fuzzes a whole node, framing and encryption included: peers from the mill of `mill.ts`, half of them by the v1 transport
 * and half by v2, against real peer manager, chain and mempool, beside three honest nodes, all in virtual time and from one
 * seed. The node offers all that it can, so that every handler is reached. Nothing may throw, memory may not grow without
 * end, and honest blocks must come through all the while.
 */
import { MINUTE_MS, SECOND_MS } from '../../src/base/clock.ts';
import { randomBelow, SeededRandom } from '../../src/base/random.ts';
import { createExchangeKey } from '../../src/crypto/bip324.ts';
import type { ConnectionType } from '../../src/p2p/events.ts';
import { SERVICES } from '../../src/wire/messages.ts';
import { reachableBytes } from '../support/heap.ts';
import { HONEST_CHAIN, HostileScene } from '../support/hostile-scene.ts';
import { Mill, type Said } from './mill.ts';
import { V1Peer } from './v1-peer.ts';
import { V2Peer } from './v2-peer.ts';

/** Fuzzing peers at one time. */
const PEERS = 12;
/** Keys of the peers that encrypt. The node cannot tell that they come again, and making one costs more than a message. */
const KEYS = 16;
/** Memory and progress are looked at after so many messages. */
const ROUND = 25_000;
/** Beyond what the first round has left; filters and tables fill up for a while. */
const GROWTH_BYTES_MAX = 64 * 1024 * 1024;
/**
 * Headers of regtest cost nothing, so they can be had in any number: what one takes is taken off, with its share of the
 * blocks that came to them and lie in memory here.
 */
const HEADER_BYTES = 1_200;
/** An honest block may wait for one that an attacker has announced first and never sends. */
const BLOCK_MS_MAX = 30 * MINUTE_MS;

/** Some types mean to leave at once, so few are of them. */
const TYPES: readonly ConnectionType[] = [
  ...new Array<ConnectionType>(12).fill('inbound'),
  'block-relay-only', 'block-relay-only', 'outbound-full-relay', 'outbound-full-relay', 'manual', 'manual',
  'addr-fetch', 'feeler',
]; // biome-ignore format: a list

/** Filters of both kinds and reconciliation, beside what every node has. */
const OPTIONS = {
  services:
    SERVICES.network | SERVICES.witness | SERVICES.networkLimited | SERVICES.bloom | SERVICES.compactFilters,
  relayStrategy: { kind: 'reconcile' },
} as const;

/** Whoever speaks to the node, however it goes over the wire. */
interface FuzzPeer {
  readonly isOpen: boolean;
  say(what: Said): void;
  close(): void;
}

export interface FuzzProgress {
  readonly messages: number;
  readonly sessions: number;
  readonly reachableBytes: number;
  readonly headers: number;
  /** Virtual time that the last honest block took. */
  readonly blockMs: number;
  readonly counts: ReadonlyMap<string, number>;
  /** What the encrypted connections did. */
  readonly v2Counts: ReadonlyMap<string, number>;
}

/** Throws what the node throws, or an Error that says which bound was broken. Yields after each round. */
export function* fuzz({
  seed,
  messages,
}: {
  readonly seed: number;
  readonly messages: number;
}): Generator<FuzzProgress, void> {
  const random = new SeededRandom(seed);
  const scene = new HostileScene({ seed, options: OPTIONS });
  const { world, node } = scene;
  const mill = new Mill(random, HONEST_CHAIN, () => {
    const block = node.run(node.chain.readBlock(node.chain.tip()));
    return { block, height: node.height, now: Math.floor(world.now / SECOND_MS) };
  });
  const v2Counts = new Map<string, number>();
  const count = (what: string) => v2Counts.set(what, (v2Counts.get(what) ?? 0) + 1);
  const keys = Array.from({ length: KEYS }, () => createExchangeKey(random));
  const peers: (FuzzPeer | undefined)[] = Array.from({ length: PEERS }, () => undefined);
  let sessions = 0;
  let baseline: number | undefined;
  const open = (at: number): FuzzPeer => {
    sessions += 1;
    scene.attackers.length = 0;
    const type = TYPES[randomBelow(random, TYPES.length)]!;
    // Some never get as far as a handshake.
    const greeting = randomBelow(random, 10) > 0 ? mill.greeting({ relay: type !== 'block-relay-only' }) : [];
    const encrypted =
      randomBelow(random, 2) === 0
        ? new V2Peer(random, {
            key: keys[randomBelow(random, KEYS)]!,
            isInitiating: type === 'inbound',
            greeting,
            answer: message => mill.answer(message),
            count,
          })
        : undefined;
    const [attacker] = scene.attach(1, {
      type,
      // Every other one is not punished, so that what comes after a mistake is heard too.
      permissions: randomBelow(random, 2) === 0 ? ['noban'] : [],
      host: sessions,
      version: 'silent',
      ...(encrypted && { encrypted: encrypted.nodeSide }),
    });
    const peer = encrypted ?? new V1Peer(random, attacker!, message => mill.answer(message));
    if (encrypted === undefined) attacker!.send(...greeting);
    else encrypted.begin(attacker!);
    // Who speaks while keys are on their way says garbage, which most do not.
    if (randomBelow(random, 4) > 0) world.runFor(4 * world.latencyMs);
    peers[at] = peer;
    return peer;
  };
  for (let sent = 1; sent <= messages; sent += 1) {
    const at = randomBelow(random, PEERS);
    const known = peers[at];
    const peer = known?.isOpen ? known : open(at);
    peer.say(mill.next());
    if (randomBelow(random, 500) === 0) peer.close();
    if (randomBelow(random, 4) === 0) world.runFor(randomBelow(random, 300));
    if (randomBelow(random, 5_000) === 0) world.runFor(randomBelow(random, 30 * MINUTE_MS));
    if (sent % ROUND !== 0 && sent !== messages) continue;
    world.runFor(SECOND_MS);
    if (scene.honestPeersKept === 0) scene.addHonest(1);
    const blockMs = scene.timeToNextBlock(BLOCK_MS_MAX);
    node.disconnects.length = 0;
    node.asked.length = 0;
    const headers = node.chain.headers.size;
    const used = reachableBytes();
    baseline ??= used - headers * HEADER_BYTES;
    const growth = used - headers * HEADER_BYTES - baseline;
    if (growth > GROWTH_BYTES_MAX)
      throw new Error(
        `After ${sent} messages ${growth} bytes more are reachable than after the first ${ROUND}`,
      );
    yield { messages: sent, sessions, reachableBytes: used, headers, blockMs, counts: mill.counts, v2Counts };
  }
}
