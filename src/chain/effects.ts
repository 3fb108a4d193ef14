/**
 * What the writer (chain and mempool) asks of the world. A task yields an effect and is resumed with its completion,
 * noted at each member. The daemon performs them with LevelDB, files and workers; tests and simulator on memory.
 */
import type { BlockHash } from '../base/bytes.ts';
import type { Task } from '../base/task.ts';
import type { Reject } from '../consensus/reject.ts';
import type { SignatureCacheUse } from '../crypto/signature-cache.ts';
import type { BatchOp } from '../store/store.ts';
import type { Block } from '../wire/block.ts';
import type { Transaction, TxOutput } from '../wire/transaction.ts';
import type { HeaderId } from './chain-view.ts';
import type { BlockUndo } from './undo.ts';

/** Where a chainstate's coins are kept: the usual store, or that of a snapshot that was loaded. */
export type CoinsStore = 'main' | 'snapshot';

/** Where a record's payload lies: file number and byte offset (after magic and length, as Core counts). */
export interface FilePosition {
  readonly file: number;
  readonly offset: number;
}

/** What one block file holds on disk, its undo file counted in. */
export interface BlockFileUsage {
  readonly file: number;
  readonly bytes: number;
}

/** One transaction's inputs to verify: `spent[i]` is the output that input i spends. */
export interface ScriptCheck {
  readonly tx: Transaction;
  readonly spent: readonly TxOutput[];
  /** Script verification flags (script/flags.ts). */
  readonly flags: number;
}

/** The first failure found, in no particular order across checks. */
export interface ScriptFailure {
  /** Index into the checks given. */
  readonly check: number;
  readonly input: number;
  /** Core's text of the script error. */
  readonly error: string;
}

/** Script checks that were begun. */
export interface BegunScripts {
  /** The verdict, or a promise of it; that rejects only for a bug of ours. */
  readonly verdict: ScriptFailure | undefined | Promise<ScriptFailure | undefined>;
}

/** The writer moved; delivered in order, before anything else runs. */
export type ChainNotice =
  /**
   * A block on top of the tip has passed all checks that need no coins, and lies on disk (Core: NewPoWValidBlock): it may
   * be relayed while its scripts are being checked. Not while we catch up. `tipChanged` or `blockInvalid` follows.
   */
  | { readonly kind: 'blockStored'; readonly id: HeaderId; readonly block: Block }
  | {
      readonly kind: 'blockConnected';
      readonly id: HeaderId;
      readonly block: Block;
      readonly undo: BlockUndo;
    }
  | {
      readonly kind: 'blockDisconnected';
      readonly id: HeaderId;
      readonly block: Block;
      readonly undo: BlockUndo;
      /** False: its transactions do not go back to the mempool. */
      readonly givesBack: boolean;
    }
  /**
   * After the last step of a change of tip; `fork` is the last block common to the old and the new chain. That is the
   * tip itself after `invalidateblock`, and when a branch turned out to be invalid and the old one was taken back.
   */
  | { readonly kind: 'tipChanged'; readonly tip: HeaderId; readonly fork: HeaderId }
  /** Below a snapshot, the history was validated up to this block; undefined: all of it (Core: the background chainstate). */
  | { readonly kind: 'historyMoved'; readonly tip: HeaderId | undefined }
  /**
   * Old blocks are about to be deleted, and the coins are on disk: whoever has locked blocks makes durable now what was done
   * with them.
   */
  | { readonly kind: 'pruning' }
  /** A block turned out to be invalid (Core: BlockChecked): peers that sent it are judged by this. */
  | { readonly kind: 'blockInvalid'; readonly hash: BlockHash; readonly reason: Reject };

export type WriterEffect =
  /** → (Uint8Array | undefined)[]: records of a chainstate's store. */
  | { readonly kind: 'readCoins'; readonly store: CoinsStore; readonly keys: readonly Uint8Array[] }
  /** → Uint8Array: the block's bytes. */
  | { readonly kind: 'readBlock'; readonly position: FilePosition }
  /** → Uint8Array: the undo record's bytes, checksum verified. */
  | { readonly kind: 'readUndo'; readonly position: FilePosition; readonly parentHash: BlockHash }
  /** → FilePosition. Not yet on disk for certain: see syncBlockFiles. */
  | { readonly kind: 'appendBlock'; readonly raw: Uint8Array; readonly height: number; readonly time: number }
  /** → FilePosition. */
  | {
      readonly kind: 'appendUndo';
      readonly file: number;
      readonly raw: Uint8Array;
      readonly parentHash: BlockHash;
    }
  /** → void: all appended bytes are on disk. */
  | { readonly kind: 'syncBlockFiles' }
  /** → BlockFileUsage[], ascending; the last one is still being filled. */
  | { readonly kind: 'blockFileUsage' }
  /** → void: these block files, and the undo files beside them, are gone. */
  | { readonly kind: 'deleteBlockFiles'; readonly files: readonly number[] }
  /** → void. */
  | { readonly kind: 'writeIndex'; readonly ops: readonly BatchOp[]; readonly durable: boolean }
  /** → void. */
  | {
      readonly kind: 'writeCoins';
      readonly store: CoinsStore;
      readonly ops: readonly BatchOp[];
      readonly durable: boolean;
    }
  /** → Hash256: of all coins in the store (`hash_serialized_3`). */
  | { readonly kind: 'hashCoins'; readonly store: CoinsStore }
  /** → void: it is on disk that the snapshot's coins are right, or that they are not. */
  | { readonly kind: 'judgeSnapshot'; readonly verdict: 'valid' | 'invalid' }
  /** → ScriptFailure | undefined. */
  | {
      readonly kind: 'checkScripts';
      readonly checks: readonly ScriptCheck[];
      readonly signatures: SignatureCacheUse;
    }
  /** → BegunScripts. The checks go on while the task does; who performs at once has the verdict at once. */
  | {
      readonly kind: 'beginScripts';
      readonly checks: readonly ScriptCheck[];
      readonly signatures: SignatureCacheUse;
    }
  /** → ScriptFailure | undefined. */
  | { readonly kind: 'awaitScripts'; readonly begun: BegunScripts }
  /**
   * → void: the scripts are checked, and the tasks before this one have ended. Tasks that may overlap have run meanwhile
   * if there were any, so what this one knew of the chain may be old.
   */
  | { readonly kind: 'standAside'; readonly begun: BegunScripts | undefined }
  /** → void: mempool, wallets, indexes, p2p and RPC waiters have been told. */
  | { readonly kind: 'notify'; readonly notice: ChainNotice }
  /** → void: others had a turn. */
  | { readonly kind: 'pause' };

/** The effects that touch storage: the others are performed by whoever puts the node together. */
export type StorageEffect = Exclude<
  WriterEffect,
  { readonly kind: 'notify' | 'checkScripts' | 'beginScripts' | 'awaitScripts' | 'standAside' }
>;

/** Work of the one writer. */
export type WriterTask<Result> = Task<WriterEffect, Result>;

/** What became of a block that was submitted. */
export type BlockResult =
  /** Now (or again) stored; `newBlock` is false for one that we had. Whether it is in the active chain, the view tells. */
  | { readonly status: 'accepted'; readonly newBlock: boolean }
  | { readonly status: 'rejected'; readonly reject: Reject };
