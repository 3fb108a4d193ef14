/** What the user may set for all wallets, with Core's defaults (src/wallet/wallet.h). */
import type { KeyPrefixes } from '../script/address.ts';
import type { OutputType } from './descriptor-keeper.ts';

export interface WalletOptions {
  readonly prefixes: KeyPrefixes;
  /** BIP44's: 0 on the main network, 1 elsewhere. */
  readonly coinType: number;
  /** Addresses derived ahead of the next one (`-keypool`). */
  readonly keyPoolSize: number;
  /** `-addresstype`, `-changetype`; undefined: like the recipients. */
  readonly addressType: OutputType;
  readonly changeType: OutputType | undefined;
  /** Change counts before it is confirmed (`-spendzeroconfchange`). */
  readonly spendsZeroConfChange: boolean;
  /** `-walletrbf`. */
  readonly signalsRbf: boolean;
  /** Blocks (`-txconfirmtarget`). */
  readonly confirmTarget: number;
  /** Satoshi per 1000 virtual bytes: `-mintxfee`, `-fallbackfee` (0: off), `-discardfee`, `-consolidatefeerate`. */
  readonly minFeeRate: number;
  readonly fallbackFeeRate: number;
  readonly discardFeeRate: number;
  readonly consolidateFeeRate: number;
  /** Satoshi a transaction (`-maxtxfee`). */
  readonly maxTxFee: number;
  /** All coins of an address are spent together (`-avoidpartialspends`). */
  readonly avoidsPartialSpends: boolean;
  /** Satoshi that this may cost more where it is not asked for (`-maxapsfee`); negative: it is not tried. */
  readonly maxApsFee: number;
  /** Refuse to build on chains that the mempool would refuse (`-walletrejectlongchains`). */
  readonly rejectsLongChains: boolean;
  /** `-walletbroadcast`. */
  readonly broadcasts: boolean;
}

export const DEFAULT_WALLET_OPTIONS: Omit<WalletOptions, 'prefixes' | 'coinType'> = {
  keyPoolSize: 1000,
  addressType: 'bech32',
  changeType: undefined,
  spendsZeroConfChange: true,
  signalsRbf: true,
  confirmTarget: 6,
  minFeeRate: 1_000,
  fallbackFeeRate: 0,
  discardFeeRate: 10_000,
  consolidateFeeRate: 10_000,
  maxTxFee: 10_000_000,
  avoidsPartialSpends: false,
  maxApsFee: 0,
  rejectsLongChains: true,
  broadcasts: true,
};
