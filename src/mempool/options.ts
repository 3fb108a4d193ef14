/** Limits of the mempool, with Core's defaults (policy/policy.h, kernel/mempool_options.h, kernel/mempool_limits.h). */
import { HOUR_MS } from '../base/clock.ts';

export interface MempoolOptions {
  /** False accepts what no node relays (`-acceptnonstdtxn`, test chains only). */
  readonly requireStandard: boolean;
  /** Memory at most, in bytes (`-maxmempool` × 10^6). */
  readonly usageMax: number;
  /** `-mempoolexpiry`. */
  readonly expiryMs: number;
  /** Satoshi per 1000 virtual bytes (`-minrelaytxfee`, `-incrementalrelayfee`, `-dustrelayfee`). */
  readonly minRelayFeeRate: number;
  readonly incrementalRelayFeeRate: number;
  readonly dustRelayFeeRate: number;
  /** A signature operation counts as so many bytes at least (`-bytespersigop`, DEFAULT_BYTES_PER_SIGOP). */
  readonly bytesPerSigop: number;
  /** Bytes of all data-carrying outputs together (`-datacarriersize`); 0 with `-datacarrier=0`. */
  readonly dataCarrierBytesMax: number;
  readonly permitBareMultisig: boolean;
  /** Transactions and virtual bytes of one cluster (`-limitclustercount`, `-limitclustersize` × 1000). */
  readonly clusterCountMax: number;
  readonly clusterSizeMax: number;
  /**
   * Unconfirmed ancestors of a transaction, itself included, and members of the cluster of what it spends: no rule here, but
   * what wallets keep to, as nodes of old have such limits (`-limitancestorcount`, `-limitdescendantcount`).
   */
  readonly ancestorCountMax: number;
  readonly descendantCountMax: number;
  /** At one in so many changes of the tip all of it is looked through for what must not be (`-checkmempool`); 0: at none. */
  readonly checkRatio: number;
}

export const DEFAULT_MEMPOOL_OPTIONS: MempoolOptions = {
  requireStandard: true,
  usageMax: 300_000_000,
  expiryMs: 336 * HOUR_MS,
  minRelayFeeRate: 100,
  incrementalRelayFeeRate: 100,
  dustRelayFeeRate: 3_000,
  bytesPerSigop: 20,
  dataCarrierBytesMax: 100_000,
  permitBareMultisig: true,
  clusterCountMax: 64,
  clusterSizeMax: 101_000,
  ancestorCountMax: 25,
  descendantCountMax: 25,
  checkRatio: 0,
};
