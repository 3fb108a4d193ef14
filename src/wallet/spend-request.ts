/** What a transaction is asked to do, and what it is made with. */
import type { UnixSeconds } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { SignatureVerifier } from '../crypto/verifier.ts';
import type { MempoolView } from '../mempool/mempool-view.ts';
import type { FeeSource, FeeWishes } from './fees.ts';
import type { OwnCoin } from './tx-history.ts';

/** The transaction cannot be made; the message is Core's. */
export class SpendError extends Error {
  override readonly name = 'SpendError';
}

export interface Recipient {
  readonly script: Uint8Array;
  /** Satoshi. */
  readonly amount: number;
  /** The fee, or a share of it, is taken from the amount. */
  readonly subtractsFee: boolean;
}

export interface SpendRequest extends FeeWishes {
  readonly recipients: readonly Recipient[];
  /** Spent in any case; others are added as needed. */
  readonly preset?: readonly OwnCoin[];
  /** Confirmations of the coins that are added. */
  readonly minDepth?: number;
  readonly changeScript?: Uint8Array;
  readonly avoidReuse?: boolean;
}

export interface SpendContext {
  readonly random: Random;
  readonly verifier: SignatureVerifier;
  readonly fees: FeeSource;
  readonly mempool: Pick<MempoolView, 'ancestorsOf' | 'descendantsOf' | 'has'>;
  readonly now: UnixSeconds;
  readonly isInitialBlockDownload: boolean;
  readonly tipTime: UnixSeconds;
}
