/** What RPC methods see of the indexes beside the chain. */
import type { Hash256, Txid } from '../base/bytes.ts';
import type { HeaderId } from '../chain/chain-view.ts';
import type { CoinTotalsSoFar } from '../chain/indexes/coin-stats-index.ts';
import type { OutPoint, Transaction } from '../wire/transaction.ts';

/** Each is undefined unless it is enabled. */
export interface IndexAccess {
  readonly transactions: TransactionLookup | undefined;
  readonly coinStats: CoinStatsLookup | undefined;
  readonly spenders: SpenderLookup | undefined;
  readonly filters: FilterLookup | undefined;
  /** One at a time. */
  readonly filterScans: FilterScans;
  /** As `getindexinfo` tells of them, in that order. */
  summaries(): readonly IndexSummary[];
}

export interface IndexSummary {
  readonly name: string;
  readonly isSynced: boolean;
  /** 0 before it has begun. */
  readonly bestHeight: number;
}

export interface IndexProgress {
  /** It has been at the tip once, and follows it. */
  readonly isSynced: boolean;
  readonly bestHeight: number;
  /** Whether the block is on the branch that the index stands on. */
  covers(id: HeaderId): boolean;
  /** False while it still builds; else it has reached the tip of the time of the call when it answers. */
  caughtUp(): Promise<boolean>;
}

export interface ConfirmedTransaction {
  readonly tx: Transaction;
  /** The block that it was found in, which may have left the active chain. */
  readonly block: HeaderId;
}

export interface TransactionLookup {
  readonly progress: IndexProgress;
  find(txid: Txid): Promise<ConfirmedTransaction | undefined>;
}

export interface SpenderLookup {
  readonly progress: IndexProgress;
  /** Within the active chain. */
  find(outPoint: OutPoint): Promise<ConfirmedTransaction | undefined>;
}

export interface CoinStatsLookup {
  readonly progress: IndexProgress;
  /** After block `id`, on whatever branch; undefined if the index has not seen it. */
  find(id: HeaderId): CoinTotalsSoFar | undefined;
}

/** Basic block filters (BIP158), of blocks on whatever branch; undefined where the index has not seen a block. */
export interface FilterLookup {
  readonly progress: IndexProgress;
  filter(id: HeaderId): Uint8Array | undefined;
  header(id: HeaderId): Hash256 | undefined;
  /** From the ancestor of `stop` at `startHeight` up to `stop`; lowest first. */
  filters(startHeight: number, stop: HeaderId): Promise<Uint8Array[] | undefined>;
  filterHashes(startHeight: number, stop: HeaderId): Promise<Hash256[] | undefined>;
}

/** The search for scripts in the blocks' filters. */
export interface FilterScans {
  /** Undefined while none is running. */
  readonly progress: { readonly percent: number; readonly height: number } | undefined;
  /** Ends the one that is running, soon. */
  abort(): void;
  /** Progress is there from the call on. */
  scan(filters: FilterLookup, request: FilterScanRequest): Promise<FilterScan>;
}

export interface FilterScanRequest {
  readonly startHeight: number;
  readonly stop: HeaderId;
  /** As binary strings. */
  readonly scripts: ReadonlySet<string>;
  /** Looks whether a block that its filter names has really to do with the scripts. */
  readonly verify?: (id: HeaderId) => Promise<boolean>;
}

export interface FilterScan {
  readonly found: readonly HeaderId[];
  /** The last height that was looked at. */
  readonly height: number;
  /** False when it was aborted. */
  readonly isComplete: boolean;
}
