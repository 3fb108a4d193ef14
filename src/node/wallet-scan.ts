/**
 * How a wallet follows the chain: from its file to where it goes on, to the tip, and with each notice; and looking through
 * old blocks again. Reads blocks of the active chain one by one and tells the wallet, while the chain goes on and may
 * reorganise below the reader.
 */
import type { BlockHash } from '../base/bytes.ts';
import type { UnixSeconds } from '../base/clock.ts';
import type { ChainView, HeaderId } from '../chain/chain-view.ts';
import type { ChainNotice } from '../chain/effects.ts';
import type { ScanResult } from '../rpc/wallet-host.ts';
import type { Wallet } from '../wallet/wallet.ts';
import type { Block } from '../wire/block.ts';

/** Blocks between two writes of what was found. */
const SAVE_BLOCKS = 500;

export interface ScanDeps {
  readonly chain: ChainView;
  /** Undefined when it is not, or no longer, on disk. */
  readBlock(id: HeaderId): Promise<Block | undefined>;
  save(wallet: Wallet): Promise<void>;
  now(): UnixSeconds;
}

/** A block that the wallet needs is not on disk. */
export class MissingBlockError extends Error {
  override readonly name = 'MissingBlockError';
  readonly height: number;

  constructor(height: number) {
    super(`Block ${height} is not on disk`);
    this.height = height;
  }
}

/** A wallet that was read from its file goes on at the newest block that it and the active chain have in common. */
export function placeInChain(wallet: Wallet, chain: ChainView): void {
  const fork = forkOf(chain, wallet.storedLocator);
  const position = { height: chain.headers.heightOf(fork), hash: chain.headers.hashOf(fork) };
  wallet.attach(position, hash => {
    const id = chain.headers.find(hash);
    return id !== undefined && chain.isActive(id) && chain.headers.heightOf(id) <= position.height;
  });
}

/** Tells it of a block, unless it was loaded while that was on its way, and has it already. */
export function followNotice(wallet: Wallet, notice: ChainNotice, chain: ChainView, now: UnixSeconds): void {
  if (notice.kind !== 'blockConnected' && notice.kind !== 'blockDisconnected') return;
  const { block, kind } = notice;
  const height = chain.headers.heightOf(notice.id);
  const isNext =
    block.header.prevHash === wallet.position.hash ||
    // What lies between it and a snapshot was not told.
    (chain.history() !== undefined && wallet.position.height < height - 1);
  if (kind === 'blockConnected' && isNext) wallet.blockConnected(block, height, now);
  else if (kind === 'blockDisconnected' && block.header.hash === wallet.position.hash)
    wallet.blockDisconnected(block, height, now);
}

/** The newest block that the stored locator and the active chain have in common. */
function forkOf(chain: ChainView, locator: readonly BlockHash[]): HeaderId {
  for (const hash of locator) {
    const id = chain.headers.find(hash);
    if (id !== undefined && chain.isActive(id)) return id;
  }
  return 0;
}

/**
 * Tells the wallet of blocks until it stands at the tip. Between its return and the next turn of the event loop nothing
 * changes, so that the caller can start to follow notices without a gap. Throws MissingBlockError.
 */
export async function catchUp(wallet: Wallet, deps: ScanDeps): Promise<void> {
  const { chain } = deps;
  for (let blocks = 1; ; blocks += 1) {
    const { hash, height } = wallet.position;
    const id = chain.headers.find(hash);
    const isActive = id !== undefined && chain.isActive(id);
    const next = isActive ? chain.atHeight(height + 1) : id;
    if (next === undefined) {
      if (isActive) return;
      throw new MissingBlockError(height);
    }
    const block = await deps.readBlock(next);
    if (block === undefined) throw new MissingBlockError(chain.headers.heightOf(next));
    if (!isActive) wallet.blockDisconnected(block, height, deps.now());
    else if (block.header.prevHash === hash) wallet.blockConnected(block, height + 1, deps.now());
    if (blocks % SAVE_BLOCKS === 0) await deps.save(wallet);
  }
}

/**
 * As in Core, the block that the wallet stands at must be there too, if there is anything after it. Throws
 * MissingBlockError.
 */
export function requireOwnBlock({ position: { hash, height } }: Wallet, chain: ChainView): void {
  const id = chain.headers.find(hash);
  if (chain.history() === undefined || id === undefined || id === chain.tip()) return;
  if (!chain.headers.hasData(id)) throw new MissingBlockError(height);
}

/** Blocks that a wallet needs are not there, in Core's words (CWallet::AttachChain). */
export function whyMissing(chain: ChainView): string {
  if (chain.history() === undefined) {
    return 'Prune: last wallet synchronisation goes beyond pruned data. You need to -reindex (download the whole blockchain again in case of a pruned node)';
  }
  let height = chain.headers.heightOf(chain.tip());
  while (height > 0 && chain.headers.hasData(chain.atHeight(height - 1)!)) height -= 1;
  return (
    'Error loading wallet. Wallet requires blocks to be downloaded, and software does not currently support loading ' +
    'wallets while blocks are being downloaded out of order when using assumeutxo snapshots. ' +
    `Wallet should be able to load successfully after node sync reaches height ${height}`
  );
}

/** Runs until done or aborted, past missing blocks, of which the last is told; `onProgress` gets 0 … 1. */
export async function scanBlocks(
  wallet: Wallet,
  deps: ScanDeps,
  range: { readonly start: number; readonly stop: number | undefined },
  control: { readonly isAborted: () => boolean; readonly onProgress: (progress: number) => void },
): Promise<ScanResult> {
  const { chain } = deps;
  let lastHeight: number | undefined;
  let missingHeight: number | undefined;
  for (let height = range.start; ; height += 1) {
    const end = Math.min(range.stop ?? Number.POSITIVE_INFINITY, wallet.position.height);
    if (height > end) {
      return missingHeight === undefined
        ? { status: 'done', lastHeight }
        : { status: 'missingBlock', height: missingHeight };
    }
    if (control.isAborted()) return { status: 'aborted' };
    const id = chain.atHeight(height);
    const block = id === undefined ? undefined : await deps.readBlock(id);
    if (id === undefined || block === undefined) {
      missingHeight = height;
      continue;
    }
    // What a reorganisation took away meanwhile is told by notices.
    if (chain.isActive(id) && height <= wallet.position.height) wallet.rescanBlock(block, height, deps.now());
    lastHeight = height;
    control.onProgress((height - range.start + 1) / (end - range.start + 1));
    if ((height - range.start + 1) % SAVE_BLOCKS === 0) await deps.save(wallet);
  }
}
