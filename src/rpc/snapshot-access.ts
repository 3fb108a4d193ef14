/** What RPC methods see of files with all coins, and of the chainstates. */
import type { HeaderId } from '../chain/chain-view.ts';

/**
 * The message is for the caller. 'file': it cannot be read or written; 'format': it does not begin as such a file does;
 * 'content': it is none of ours to take.
 */
export class SnapshotFileError extends Error {
  override readonly name = 'SnapshotFileError';
  readonly kind: 'file' | 'format' | 'content';

  constructor(message: string, kind: SnapshotFileError['kind'] = 'file') {
    super(message);
    this.kind = kind;
  }
}

export interface SnapshotAccess {
  /** Where relative paths begin. */
  readonly directory: string;
  /** Writes the coins of block `target` of the active chain. Throws SnapshotFileError. */
  dump(request: DumpRequest): Promise<DumpResult>;
  /** Reads coins from a file and goes on from their block. Throws SnapshotFileError. */
  load(path: string, stopping: AbortSignal): Promise<LoadResult>;
  /** The active one last. */
  chainstates(): readonly ChainstateInfo[];
}

export interface LoadResult {
  readonly coins: number;
  readonly base: HeaderId;
}

/** As `getchainstates` tells of one. */
export interface ChainstateInfo {
  readonly tip: HeaderId;
  /** 0 … 1 */
  readonly verificationProgress: number;
  readonly coinsCacheBytes: number;
  /** The block of the snapshot that it was made from. */
  readonly snapshotBase: HeaderId | undefined;
  readonly isValidated: boolean;
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
