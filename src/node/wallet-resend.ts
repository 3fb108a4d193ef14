/**
 * Hands the wallets' unconfirmed transactions to the mempool again: when a wallet is loaded, and after half a day to one
 * and a half, at random, so that nobody sees from the time whose they are (Core: ResubmitWalletTransactions).
 */
import { HOUR_MS, MINUTE_MS, type Milliseconds, type UnixSeconds } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { type Random, randomBelow } from '../base/random.ts';
import type { NodeFacade } from '../rpc/node-facade.ts';
import type { Wallet } from '../wallet/wallet.ts';
import type { TxState } from '../wallet/wallet-tx.ts';
import type { Transaction } from '../wire/transaction.ts';

const RESEND_MIN_MS = 12 * HOUR_MS;
const RESEND_SPREAD_MINUTES = 24 * 60;
/** Only those this much older than the last block: a younger one may be in the next. */
const RESEND_AGE_S = 5 * 60;

export interface ResendDeps {
  readonly node: Pick<NodeFacade, 'chain' | 'clock'> & {
    readonly mempool: Pick<NodeFacade['mempool'], 'has'>;
    readonly pool: Pick<NodeFacade['pool'], 'announce'>;
  };
  readonly random: Random;
  readonly log: Log;
  after(delay: Milliseconds, job: () => void): void;
}

export interface ResendTarget {
  wallets(): readonly Wallet[];
  /** To the mempool; unless `announces`, peers are not told of it. */
  broadcast(wallet: Wallet, tx: Transaction, how: { readonly announces: boolean }): Promise<void>;
}

export class WalletResender {
  readonly #deps: ResendDeps;
  readonly #target: ResendTarget;
  #next: Milliseconds;

  constructor(deps: ResendDeps, target: ResendTarget) {
    this.#deps = deps;
    this.#target = target;
    this.#next = this.#nextTime();
  }

  /** Looks every minute whether it is time. */
  start(): void {
    this.#deps.after(MINUTE_MS, () => {
      this.start();
      this.#resendIfDue().catch(error =>
        this.#deps.log.warn(`Resending wallet transactions failed: ${error}`),
      );
    });
  }

  /** `announces`: peers are told, of what is in the mempool already, too. When a wallet is loaded they are not (as in Core). */
  async resubmit(
    wallet: Wallet,
    applies: (timeReceived: UnixSeconds) => boolean,
    { announces }: { readonly announces: boolean },
  ): Promise<void> {
    const { mempool, pool } = this.#deps.node;
    for (const { state, tx, timeReceived } of [...wallet.history.ordered]) {
      if (!isUnconfirmed(state) || tx.isCoinbase || !applies(timeReceived)) continue;
      if (!mempool.has(tx.txid)) await this.#target.broadcast(wallet, tx, { announces });
      else if (announces && wallet.options.broadcasts) pool.announce(tx.txid);
    }
  }

  async #resendIfDue(): Promise<void> {
    const { chain, clock } = this.#deps.node;
    const now = clock.now();
    if (now < this.#next || chain.isInitialBlockDownload(now)) return;
    this.#next = this.#nextTime();
    const before = chain.headers.timeOf(chain.tip()) - RESEND_AGE_S;
    for (const wallet of this.#target.wallets())
      await this.resubmit(wallet, time => time <= before, { announces: true });
  }

  #nextTime(): Milliseconds {
    const spread = randomBelow(this.#deps.random, RESEND_SPREAD_MINUTES) * MINUTE_MS;
    return this.#deps.node.clock.now() + RESEND_MIN_MS + spread;
  }
}

/** It may be mined still (Core: CWalletTx::isUnconfirmed). */
function isUnconfirmed(state: TxState): boolean {
  return state.kind === 'inMempool' || (state.kind === 'inactive' && !state.abandoned);
}
