/**
 * Who has agreed to reconcile sets of transactions with us (BIP330; Core: src/node/txreconciliation.cpp). Only the agreement
 * is made so far, with `-txreconciliation`: each side offers a salt before verack; both salts together will name
 * transactions by few bytes. Nothing is reconciled yet, as in Core.
 */
import { randomU64 } from '../base/random.ts';
import type { MessageOf } from '../wire/messages.ts';
import type { P2pContext } from './concern.ts';
import type { PeerId } from './events.ts';
import { type Peer, takesTxsFrom } from './peer.ts';

/** What we speak, and the first version that there was (Core: TXRECONCILIATION_VERSION). */
const RECONCILIATION_VERSION = 1;

export class Reconciliation {
  readonly #context: P2pContext;
  readonly #states = new Map<PeerId, 'offered' | 'agreed'>();

  constructor(context: P2pContext) {
    this.#context = context;
  }

  /** Our offer, to go out before our verack, to peers with which transactions flow both ways. */
  offer(peer: Peer): void {
    const { options, outbox, random } = this.#context;
    if (options.txReconciliation !== true || options.blocksOnly) return;
    if (!peer.relaysTxs || peer.type === 'addr-fetch') return;
    this.#states.set(peer.id, 'offered');
    outbox.send(peer, { command: 'sendtxrcncl', version: RECONCILIATION_VERSION, salt: randomU64(random) });
  }

  /** The peer's offer. */
  take(peer: Peer, { version }: MessageOf<'sendtxrcncl'>): void {
    const { log, options, outbox } = this.#context;
    const refuse = (reason: string) => outbox.disconnect(peer, reason);
    if (options.txReconciliation !== true) {
      log.debug('net', () => `sendtxrcncl from peer=${peer.id} ignored, as our node does not have txreconciliation enabled`); // biome-ignore format: one line of the log
      return;
    }
    const state = this.#states.get(peer.id);
    if (peer.phase === 'ready') refuse('sendtxrcncl received after verack');
    else if (!takesTxsFrom(peer, options)) refuse('sendtxrcncl received to which we indicated no tx relay');
    else if (!peer.relaysTxs) refuse('sendtxrcncl received which indicated no tx relay to us');
    else if (state === undefined)
      log.debug('net', () => `Ignore unexpected txreconciliation signal from peer=${peer.id}`);
    else if (state === 'agreed')
      refuse('txreconciliation protocol violation (sendtxrcncl received from already registered peer)');
    else if (Math.min(version, RECONCILIATION_VERSION) < 1) refuse('txreconciliation protocol violation');
    else {
      this.#states.set(peer.id, 'agreed');
      log.debug('txreconciliation', () => `Register peer=${peer.id} (inbound=${peer.type === 'inbound' ? 1 : 0})`); // biome-ignore format: one line of the log
    }
  }

  /** Its verack is here: without wtxids, or without an offer of its own, nothing comes of ours. */
  settle(peer: Peer): void {
    if (!peer.wtxidRelay || this.#states.get(peer.id) !== 'agreed') this.forget(peer);
  }

  forget(peer: Peer): void {
    if (this.#states.delete(peer.id))
      this.#context.log.debug('txreconciliation', () => `Forget txreconciliation state of peer=${peer.id}`);
  }
}
