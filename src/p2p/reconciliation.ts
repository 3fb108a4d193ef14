/**
 * Who has agreed to reconcile sets of transactions with us (BIP330; Core: src/node/txreconciliation.cpp). Only the agreement
 * is made with `-txreconciliation`, as in Core: each side offers a salt before verack; both salts together name
 * transactions by few bytes. What comes after it, reconciler.ts does with the relay strategy `reconcile` only.
 */
import { LateMap } from '../base/late-map.ts';
import { randomU64 } from '../base/random.ts';
import { taggedHash } from '../crypto/hashes.ts';
import type { SipKey } from '../crypto/siphash.ts';
import type { MessageOf } from '../wire/messages.ts';
import type { P2pContext, P2pOptions } from './concern.ts';
import type { PeerId } from './events.ts';
import { type Peer, takesTxsFrom } from './peer.ts';

/** What we speak, and the first version that there was (Core: TXRECONCILIATION_VERSION). */
const RECONCILIATION_VERSION = 1;

export class Reconciliation {
  readonly #context: P2pContext;
  readonly #states = new LateMap<PeerId, { readonly ourSalt: bigint; key: SipKey | undefined }>();

  constructor(context: P2pContext) {
    this.#context = context;
  }

  /** Our offer, to go out before our verack, to peers with which transactions flow both ways. */
  offer(peer: Peer): void {
    const { options, outbox, random } = this.#context;
    if (!isOffered(options) || options.blocksOnly) return;
    if (!peer.relaysTxs || peer.type === 'addr-fetch') return;
    const salt = randomU64(random);
    this.#states.set(peer.id, { ourSalt: salt, key: undefined });
    outbox.send(peer, { command: 'sendtxrcncl', version: RECONCILIATION_VERSION, salt });
  }

  /** The peer's offer. */
  take(peer: Peer, { version, salt }: MessageOf<'sendtxrcncl'>): void {
    const { log, options, outbox } = this.#context;
    const refuse = (reason: string) => outbox.disconnect(peer, reason);
    if (!isOffered(options)) {
      log.debug('net', () => `sendtxrcncl from peer=${peer.id} ignored, as our node does not have txreconciliation enabled`); // biome-ignore format: one line of the log
      return;
    }
    const state = this.#states.get(peer.id);
    if (peer.phase === 'ready') refuse('sendtxrcncl received after verack');
    else if (!takesTxsFrom(peer, options)) refuse('sendtxrcncl received to which we indicated no tx relay');
    else if (!peer.relaysTxs) refuse('sendtxrcncl received which indicated no tx relay to us');
    else if (state === undefined)
      log.debug('net', () => `Ignore unexpected txreconciliation signal from peer=${peer.id}`);
    else if (state.key !== undefined)
      refuse('txreconciliation protocol violation (sendtxrcncl received from already registered peer)');
    else if (Math.min(version, RECONCILIATION_VERSION) < 1) refuse('txreconciliation protocol violation');
    else {
      state.key = keyFrom(state.ourSalt, salt);
      log.debug('txreconciliation', () => `Register peer=${peer.id} (inbound=${peer.type === 'inbound' ? 1 : 0})`); // biome-ignore format: one line of the log
    }
  }

  /** Its verack is here: without wtxids, or without an offer of its own, nothing comes of ours. */
  settle(peer: Peer): void {
    if (!peer.wtxidRelay || this.keyOf(peer) === undefined) this.forget(peer);
  }

  /** Of short ids with this peer; undefined unless both have agreed. */
  keyOf(peer: Peer): SipKey | undefined {
    return this.#states.get(peer.id)?.key;
  }

  forget(peer: Peer): void {
    if (this.#states.delete(peer.id))
      this.#context.log.debug('txreconciliation', () => `Forget txreconciliation state of peer=${peer.id}`);
  }
}

function isOffered({ txReconciliation, relayStrategy }: P2pOptions): boolean {
  return txReconciliation === true || relayStrategy?.kind === 'reconcile';
}

/** BIP330: the tagged hash of both salts, the smaller first, gives the key. */
function keyFrom(ourSalt: bigint, theirSalt: bigint): SipKey {
  const salts = new DataView(new ArrayBuffer(16));
  salts.setBigUint64(0, ourSalt < theirSalt ? ourSalt : theirSalt, true);
  salts.setBigUint64(8, ourSalt < theirSalt ? theirSalt : ourSalt, true);
  const hash = taggedHash('Tx Relay Salting', new Uint8Array(salts.buffer));
  const view = new DataView(hash.buffer, hash.byteOffset);
  return [
    view.getUint32(0, true),
    view.getUint32(4, true),
    view.getUint32(8, true),
    view.getUint32(12, true),
  ];
}
