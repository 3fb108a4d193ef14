/** What RPC methods see of files with all coins, and of the chainstates. */
import type { HeaderId } from '../chain/chain-view.ts';

/** A file that cannot be written or read, or does not fit; the message is for the caller. */
export class SnapshotFileError extends Error {
  override readonly name = 'SnapshotFileError';
}

export interface SnapshotAccess {
  /** Where relative paths begin. */
  readonly directory: string;
  /** Writes the coins of block `target` of the active chain. Throws SnapshotFileError. */
  dump(request: DumpRequest): Promise<DumpResult>;
}

export interface DumpRequest {
  /** Absolute. */
  readonly path: string;
  readonly target: HeaderId;
  /** Whether what was rolled back is kept in memory rather than beside the file. */
  readonly inMemory: boolean;
  readonly stopping: AbortSignal;
}

export interface DumpResult {
  readonly coins: number;
  /** Hex as people read it. */
  readonly txOutSetHash: string;
}
