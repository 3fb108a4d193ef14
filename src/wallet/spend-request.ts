/** What a transaction is asked to do, and what it is made with. */
import type { UnixSeconds } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { SignatureVerifier } from '../crypto/verifier.ts';
import type { MempoolView } from '../mempool/mempool-view.ts';
import type { SigningProvider } from '../script/signing-provider.ts';
import type { TxInput } from '../wire/transaction.ts';
import type { OutputType } from './descriptor-keeper.ts';
import type { FeeSource, FeeWishes } from './fees.ts';
import type { OwnCoin } from './tx-history.ts';

/** The transaction cannot be made; the message is Core's. */
export class SpendError extends Error {
  override readonly name = 'SpendError';
}

/** Of transactions, where none is asked for (Core: DEFAULT_WALLET_TX_VERSION). */
export const TX_VERSION = 2;

export interface Recipient {
  readonly script: Uint8Array;
  /** Satoshi. */
  readonly amount: number;
  /** The fee, or a share of it, is taken from the amount. */
  readonly subtractsFee: boolean;
}

/** A coin of the wallet, or an output of others. */
export interface PresetInput extends Omit<OwnCoin, 'wtx'> {
  /** Undefined: it is not the wallet's. */
  readonly wtx?: OwnCoin['wtx'] | undefined;
  /** Of the signed input; otherwise it is worked out. */
  readonly weight?: number | undefined;
  /** As it was before; otherwise there is nothing yet. */
  readonly input?: Pick<TxInput, 'sequence' | 'scriptSig' | 'witness'>;
}

export interface SpendRequest extends FeeWishes {
  readonly recipients: readonly Recipient[];
  /** Spent in any case; others are added as needed. */
  readonly preset?: readonly PresetInput[];
  /** Keys and scripts of those that are not the wallet's. */
  readonly solving?: SigningProvider;
  /** Confirmations of the coins that are added. */
  readonly minDepth?: number;
  /** With these, in this order, before others that are added; otherwise the order is random. */
  readonly keepsOrder?: true;
  /** The rate that is asked for may be lower than what nodes take. */
  readonly overridesMinFeeRate?: true;
  /** No others are added. */
  readonly onlyPreset?: true;
  readonly maxDepth?: number;
  /** Also coins that may vanish. */
  readonly includeUnsafe?: boolean;
  readonly changeScript?: Uint8Array;
  readonly changeType?: OutputType;
  /** Its index among the outputs; otherwise a random one. */
  readonly changePosition?: number;
  /** No coins of addresses that were spent from before, in a wallet that tells them apart. */
  readonly avoidReuse?: boolean;
  /** All coins of an address or none; otherwise as the wallet's options say. */
  readonly avoidsPartialSpends?: boolean;
  readonly version?: number;
  /** Of the signed transaction; otherwise what nodes relay. */
  readonly weightMax?: number;
  /** Otherwise one that discourages fee sniping. */
  readonly lockTime?: number;
}

/** What of the mempool counts for who builds on its transactions. */
export interface SpendPool
  extends Pick<
    MempoolView,
    'ancestorsOf' | 'clusterCountOf' | 'combinedBumpFee' | 'has' | 'keepsClusterLimits'
  > {
  readonly options: Pick<MempoolView['options'], 'ancestorCountMax' | 'descendantCountMax'>;
}

export interface SpendContext {
  readonly random: Random;
  readonly verifier: SignatureVerifier;
  readonly fees: FeeSource;
  readonly mempool: SpendPool;
  readonly now: UnixSeconds;
  readonly isInitialBlockDownload: boolean;
  readonly tipTime: UnixSeconds;
}
