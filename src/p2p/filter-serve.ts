/**
 * Compact block filters for light clients (BIP157; Core: ProcessGetCFilters, ProcessGetCFHeaders and ProcessGetCFCheckPt in
 * src/net_processing.cpp), offered with `-peerblockfilters`. Of each block that we would give out there is a filter, be it
 * off our chain. Who asks for what was not offered, for too much or for nonsense is disconnected; what the index has not
 * got yet is not answered.
 */

import type { BlockHash } from '../base/bytes.ts';
import type { Milliseconds } from '../base/clock.ts';
import { LateMap } from '../base/late-map.ts';
import { SERVICES } from '../wire/messages.ts';
import type { Concern, Handlers, P2pContext } from './concern.ts';
import type { FilterAnswer, FilterRequest, PeerId } from './events.ts';
import type { Peer } from './peer.ts';
import { isServable } from './servable.ts';

/** The only type there is (BIP158). */
const BASIC = 0;
/** Filters, and filter headers, in one answer (Core: MAX_GETCFILTERS_SIZE, MAX_GETCFHEADERS_SIZE). */
const COUNT_MAX: Readonly<Record<FilterRequest['what'], number>> = {
  filters: 1_000,
  hashes: 2_000,
  checkpoints: Number.POSITIVE_INFINITY,
};

export class FilterServe implements Concern {
  readonly #context: P2pContext;
  /** What is being read for whom. */
  readonly #reading = new LateMap<PeerId, BlockHash>();

  static readonly #handlers: Handlers<FilterServe> = {
    getcfilters: (self, peer, message) => self.#want(peer, 'filters', message),
    getcfheaders: (self, peer, message) => self.#want(peer, 'hashes', message),
    getcfcheckpt: (self, peer, message) => self.#want(peer, 'checkpoints', { ...message, startHeight: 0 }),
  };

  get handlers(): Handlers<FilterServe> {
    return FilterServe.#handlers;
  }

  constructor(context: P2pContext) {
    this.#context = context;
  }

  onDisconnected(peer: Peer): void {
    this.#reading.delete(peer.id);
  }

  onFiltersRead(peer: Peer, answer: FilterAnswer | undefined, _now: Milliseconds): void {
    const { log, outbox } = this.#context;
    const stopHash = this.#reading.get(peer.id);
    this.#reading.delete(peer.id);
    if (stopHash === undefined) return;
    if (answer === undefined) {
      log.debug('net', () => `Failed to find block filters in index for peer=${peer.id}`);
      return;
    }
    const filterType = BASIC;
    if (answer.what === 'filters')
      for (const each of answer.filters) outbox.send(peer, { command: 'cfilter', filterType, ...each });
    else if (answer.what === 'hashes') {
      const { previousHeader, hashes } = answer;
      outbox.send(peer, { command: 'cfheaders', filterType, stopHash, previousHeader, hashes });
    } else outbox.send(peer, { command: 'cfcheckpt', filterType, stopHash, headers: answer.headers });
  }

  #want(
    peer: Peer,
    what: FilterRequest['what'],
    wish: { readonly filterType: number; readonly startHeight: number; readonly stopHash: BlockHash },
  ): void {
    const { outbox } = this.#context;
    const { startHeight, stopHash } = wish;
    const refusal = this.#refusalOf(what, wish);
    if (refusal !== undefined) {
      outbox.disconnect(peer, refusal);
      return;
    }
    this.#reading.set(peer.id, stopHash);
    outbox.start({ kind: 'readFilters', peer: peer.id, what, startHeight, stopHash }, peer);
  }

  #refusalOf(
    what: FilterRequest['what'],
    wish: { readonly filterType: number; readonly startHeight: number; readonly stopHash: BlockHash },
  ): string | undefined {
    const { chain, options } = this.#context;
    const { filterType, startHeight, stopHash } = wish;
    if (filterType !== BASIC || (options.services & SERVICES.compactFilters) === 0n)
      return `peer requested unsupported block filter type: ${filterType}`;
    const stop = chain.headers.find(stopHash);
    if (stop === undefined || !isServable(chain, stop)) return 'peer requested invalid block hash';
    const stopHeight = chain.headers.heightOf(stop);
    if (startHeight > stopHeight)
      return `peer sent invalid getcfilters/getcfheaders with start height ${startHeight} and stop height ${stopHeight}`;
    const count = stopHeight - startHeight + 1;
    return count > COUNT_MAX[what]
      ? `peer requested too many cfilters/cfheaders: ${count} / ${COUNT_MAX[what]}`
      : undefined;
  }
}
