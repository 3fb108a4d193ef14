/**
 * Who may come in (Core: CreateNodeFromAcceptedSocket and AttemptToEvictConnection in src/net.cpp): when all inbound slots
 * are taken, a newcomer takes the place of the peer that is worth least, or is turned away. Loopback counts here as what
 * it is, on a private network too.
 */

import { binaryToBytes } from '../base/bytes.ts';
import { randomU64 } from '../base/random.ts';
import { sipHash24 } from '../crypto/siphash.ts';
import type { Concern, P2pContext } from './concern.ts';
import { type EvictionCandidate, selectPeerToEvict } from './eviction.ts';
import { isLocalHost, netgroupOf } from './netgroup.ts';
import { isInbound, networkOfPeer, type Peer } from './peer.ts';

const PUBLIC = { privateNetwork: false } as const;

export class InboundSlots implements Concern {
  readonly #context: P2pContext;
  readonly #max: number;
  readonly #key: readonly [bigint, bigint];

  /** `max`: `slotCounts(maxConnections).inbound` (connection-plan.ts). */
  constructor(context: P2pContext, max: number) {
    this.#context = context;
    this.#max = max;
    this.#key = [randomU64(context.random), randomU64(context.random)];
  }

  onConnected(newcomer: Peer): void {
    if (!isInbound(newcomer) || newcomer.phase === 'leaving') return;
    const { outbox, peers, penalties } = this.#context;
    // Though all of them had come in, there would be room.
    if (peers.size < this.#max) return;
    let count = 0;
    for (const peer of peers.values()) if (this.#isOther(peer, newcomer)) count += 1;
    const isScarce = count + 1 >= this.#max;
    if (isScarce && !newcomer.permissions.has('noban') && penalties.isDiscouraged(newcomer.address)) {
      outbox.disconnect(newcomer, 'discouraged, and slots are scarce');
      return;
    }
    if (count < this.#max) return;
    const others = [...peers.values()].filter(peer => this.#isOther(peer, newcomer));
    const victim = selectPeerToEvict(others.map(peer => this.#candidate(peer)));
    const evicted = victim === undefined ? undefined : peers.get(victim);
    if (evicted) outbox.disconnect(evicted, 'evicted for a new inbound connection');
    else outbox.disconnect(newcomer, 'failed to find an eviction candidate, connection dropped (full)');
  }

  #isOther(peer: Peer, newcomer: Peer): boolean {
    return isInbound(peer) && peer.id !== newcomer.id && peer.phase !== 'leaving';
  }

  #candidate(peer: Peer): EvictionCandidate {
    const { asMap } = this.#context.options;
    const group = binaryToBytes(netgroupOf(peer.address, { ...PUBLIC, ...(asMap && { asMap }) }));
    return {
      id: peer.id,
      type: peer.type,
      connected: peer.connectedAt,
      minPing: peer.minPing,
      lastBlock: peer.lastBlock,
      lastTx: peer.lastTx,
      hasRelevantServices: peer.hasWantedServices,
      relaysTxs: peer.relaysTxs,
      hasBloomFilter: peer.hasBloomFilter,
      keyedNetgroup: sipHash24(this.#key[0], this.#key[1], group),
      isDiscouraged: this.#context.penalties.isDiscouraged(peer.address),
      isLocal: isLocalHost(peer.address),
      network: networkOfPeer(peer, PUBLIC),
      isNoban: peer.permissions.has('noban'),
    };
  }
}
