/**
 * BIP133: peers tell each other below which fee rate they want no transactions (Core: MaybeSendFeefilter in
 * src/net_processing.cpp, FeeFilterRounder in src/policy/fees/block_policy_estimator.cpp). What we tell is rounded at
 * random to one of few values, so that it does not give away whose pool it is; during initial sync it is all the money
 * there is, because we could not check anything.
 */
import { MINUTE_MS, type Milliseconds } from '../base/clock.ts';
import { type Random, randomBelow, randomExponential } from '../base/random.ts';
import type { ChainNotice } from '../chain/effects.ts';
import type { MempoolNotice } from '../mempool/mempool-view.ts';
import type { Concern, Handlers, P2pContext } from './concern.ts';
import type { Peer } from './peer.ts';
import type { PeerInfo } from './peer-info.ts';
import { PeerStates } from './peer-states.ts';
import type { PeerAlarms } from './timers.ts';

/** Protocol version from which peers know the message (Core: FEEFILTER_VERSION). */
const FEEFILTER_VERSION = 70_013;
/** Mean time between two messages, and how soon a big change goes out (Core: AVG_FEEFILTER_BROADCAST_INTERVAL, MAX_FEEFILTER_CHANGE_DELAY). */
const INTERVAL_MS = 10 * MINUTE_MS;
const CHANGE_DELAY_MS = 5 * MINUTE_MS;
/** Satoshi (Core: MAX_MONEY). */
const MONEY_MAX = 2_100_000_000_000_000;
/** Satoshi per 1000 virtual bytes: first step from half the least relay fee, last step at most, and between two (Core: DEFAULT_MIN_RELAY_TX_FEE, MAX_FILTER_FEERATE, FEE_FILTER_SPACING). */
const FIRST_STEP = 50;
const LAST_STEP = 10_000_000;
const SPACING = 1.1;

const STEPS: readonly number[] = [0, ...steps()];

interface PeerState {
  sent: number | undefined;
}

export class FeeFilters implements Concern {
  readonly #context: P2pContext;
  readonly #states: PeerStates<PeerState>;
  readonly #alarms: PeerAlarms;

  static readonly #handlers: Handlers<FeeFilters> = {
    feefilter: (_, peer, { feeRate }) => {
      if (feeRate >= 0n && feeRate <= BigInt(MONEY_MAX)) peer.feeFilter = Number(feeRate);
    },
  };

  get handlers(): Handlers<FeeFilters> {
    return FeeFilters.#handlers;
  }

  constructor(context: P2pContext) {
    this.#context = context;
    this.#states = new PeerStates(context, 'fee-filter');
    this.#alarms = context.timers.ofPeers<Peer>((peer, now) =>
      this.#send(peer, this.#states.get(peer)!, now),
    );
  }

  onHandshakeDone(peer: Peer, now: Milliseconds): void {
    const state: PeerState = { sent: undefined };
    this.#states.set(peer, state);
    if (this.#wantsOurs(peer)) this.#send(peer, state, now);
  }

  onDisconnected(peer: Peer): void {
    this.#alarms.clear(peer);
    this.#states.delete(peer);
  }

  onChain(notice: ChainNotice, now: Milliseconds): void {
    if (notice.kind !== 'tipChanged' || this.#context.chain.isInitialBlockDownload(now)) return;
    // The end of the initial sync: from now on transactions are welcome.
    this.#states.forEach((state, peer) => {
      if (state.sent === STEPS.at(-1)) this.#send(peer, state, now);
    });
  }

  onMempool(notice: MempoolNotice, now: Milliseconds): void {
    if (notice.kind !== 'txRemoved' || notice.reason !== 'sizelimit') return;
    const rate = this.#context.mempool.minFeeRate(now);
    this.#states.forEach(({ sent }, peer) => {
      const at = this.#alarms.at(peer);
      if (sent === undefined || at === undefined || at <= now + CHANGE_DELAY_MS) return;
      if (rate < (3 * sent) / 4 || rate > (4 * sent) / 3)
        this.#alarms.set(peer, now + randomBelow(this.#context.random, CHANGE_DELAY_MS));
    });
  }

  describe(peer: Peer): Partial<PeerInfo> {
    return { minFeeFilter: peer.feeFilter };
  }

  #wantsOurs(peer: Peer): boolean {
    if (this.#context.options.blocksOnly || peer.version < FEEFILTER_VERSION) return false;
    return !peer.permissions.has('forcerelay') && peer.type !== 'block-relay-only';
  }

  #send(peer: Peer, state: PeerState, now: Milliseconds): void {
    const { chain, mempool, outbox, random } = this.#context;
    const isSyncing = chain.isInitialBlockDownload(now);
    const { minRelayFeeRate } = mempool.options;
    const demanded = isSyncing ? MONEY_MAX : mempool.minFeeRate(now);
    // A pool that demands nothing of its own tells the floor as it is: everybody knows that.
    const rounded = demanded > minRelayFeeRate ? roundFeeFilter(random, demanded) : 0;
    const feeRate = Math.max(rounded, minRelayFeeRate);
    if (feeRate !== state.sent) {
      outbox.send(peer, { command: 'feefilter', feeRate: BigInt(feeRate) });
      state.sent = feeRate;
    }
    this.#alarms.set(peer, now + randomExponential(random, INTERVAL_MS));
  }
}

/** The step below, or with one chance in three the one above. */
export function roundFeeFilter(random: Random, feeRate: number): number {
  const above = STEPS.findIndex(step => step >= feeRate);
  if (above === -1) return STEPS.at(-1)!;
  return above > 0 && randomBelow(random, 3) !== 0 ? STEPS[above - 1]! : STEPS[above]!;
}

function* steps(): Generator<number> {
  for (let step = FIRST_STEP; step <= LAST_STEP; step *= SPACING) yield Math.floor(step);
}
