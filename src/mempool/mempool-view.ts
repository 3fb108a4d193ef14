/** What everybody but the writer sees of the mempool. Its inside (Core 31: clusters) can change behind this. */
import type { Txid, Wtxid } from '../base/bytes.ts';
import type { Milliseconds } from '../base/clock.ts';
import type { Reject } from '../consensus/reject.ts';
import type { OutPoint, Transaction } from '../wire/transaction.ts';
import type { MempoolOptions } from './options.ts';
import type { PackageReject } from './package-reject.ts';

export interface MempoolEntry {
  readonly tx: Transaction;
  /** Satoshi; without prioritisation. */
  readonly fee: number;
  /** Satoshi; with what `prioritisetransaction` added. */
  readonly modifiedFee: number;
  /** Adjusted for signature operations. */
  readonly weight: number;
  /** Sigop-adjusted virtual bytes (Core: GetTxSize). */
  readonly virtualSize: number;
  readonly sigopCost: number;
  readonly time: Milliseconds;
  /** Height of the tip when it entered. */
  readonly entryHeight: number;
  /** Counts entries and removals: tells what was here before something else. */
  readonly sequence: number;
  readonly spendsCoinbase: boolean;
  /** Satoshi per 1000 virtual bytes of the chunk it would be mined in. */
  readonly chunkFeeRate: number;
}

export interface MempoolView {
  /** Some of its limits: below which rate nothing is relayed, however empty the pool is, and what wallets keep to. */
  readonly options: Pick<MempoolOptions, 'minRelayFeeRate' | 'ancestorCountMax' | 'descendantCountMax'>;
  readonly size: number;
  /** Sum of virtual sizes. */
  readonly bytes: number;
  /** Bytes of memory, as counted against the limit. */
  readonly usage: number;
  readonly totalFee: number;
  readonly sequence: number;
  has(txid: Txid): boolean;
  get(txid: Txid): MempoolEntry | undefined;
  getByWtxid(wtxid: Wtxid): MempoolEntry | undefined;
  spenderOf(outPoint: OutPoint): MempoolEntry | undefined;
  entries(): Iterable<MempoolEntry>;
  /** In mempool, direct only. */
  parentsOf(txid: Txid): readonly Txid[];
  childrenOf(txid: Txid): readonly Txid[];
  /** Without the transaction itself. */
  ancestorsOf(txid: Txid): readonly Txid[];
  descendantsOf(txid: Txid): readonly Txid[];
  /** Members of its cluster, itself included; 0 of one that is not here. */
  clusterCountOf(txid: Txid): number;
  /**
   * Satoshi that who spends outputs of these must pay for what they depend on, so that all of it is mined at this rate (per
   * 1000 virtual bytes; Core: MiniMiner::CalculateTotalBumpFees). Those that are not here need nothing.
   */
  combinedBumpFee(txids: Iterable<Txid>, feeRate: number): number;
  /** Whether the cluster that it would make is within the limits, whatever else speaks against it (Core: CheckPolicyLimits). */
  keepsClusterLimits(tx: Transaction): boolean;
  /** Best first, parents before children: mining and relay order (negative: `a` first). */
  compareMiningOrder(a: Txid, b: Txid): number;
  /** Satoshi per 1000 virtual bytes that a transaction must pay now: relay floor or what the full pool demands. */
  minFeeRate(now: Milliseconds): number;
  /** What the full pool alone demands: 0 while it never was (Core: GetMinFee). */
  poolMinFeeRate(now: Milliseconds): number;
  /** Sent to nobody yet that has echoed it: handed to peers again from time to time. */
  unbroadcast(): ReadonlySet<Txid>;
}

/** What became of a transaction that was submitted. */
export type TxResult =
  | { readonly status: 'accepted'; readonly entry: MempoolEntry; readonly replaced: readonly MempoolEntry[] }
  | { readonly status: 'rejected'; readonly reject: Reject };

/** What became of a member of a package. */
export type PackageTxResult =
  | {
      readonly status: 'accepted';
      readonly fee: number;
      readonly virtualSize: number;
      /** Satoshi per 1000 virtual bytes of all whose fees were counted together. */
      readonly effectiveFeeRate: number;
      readonly effectiveIncludes: readonly Wtxid[];
      readonly replaced: readonly MempoolEntry[];
    }
  | { readonly status: 'rejected'; readonly reject: Reject }
  /** It was here before. */
  | { readonly status: 'present'; readonly fee: number; readonly virtualSize: number }
  /** It was here before, with another witness. */
  | { readonly status: 'other-witness'; readonly wtxid: Wtxid };

/** What became of a package; results by transaction, as given; undefined where none was looked at. */
export interface PackageResult {
  readonly reject: PackageReject | undefined;
  readonly results: readonly (PackageTxResult | undefined)[];
}

export type RemovalReason = 'expiry' | 'sizelimit' | 'reorg' | 'block' | 'conflict' | 'replaced';

/** How a transaction came in: by itself, as a member of a package, from a file, or back from a block that is no longer in the chain. */
export type Entrance = 'alone' | 'package' | 'file' | 'reorg';

/** Others came before, and peers are not told of them again (as in Core). */
export function isNews(entrance: Entrance): boolean {
  return entrance === 'alone' || entrance === 'package';
}

/** What the mempool tells wallets, p2p and event streams, in order. */
export type MempoolNotice =
  | { readonly kind: 'txAdded'; readonly entry: MempoolEntry; readonly entrance: Entrance }
  | { readonly kind: 'txRemoved'; readonly entry: MempoolEntry; readonly reason: RemovalReason };
