/** Where on disk each part of a chain lies, laid out as Core does, and whether what lies there is ours. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { StoreError } from '../store/errors.ts';
import { MARKER_FILE } from './marked-store.ts';

export interface ChainDirectories {
  /** The chain's own directory. */
  readonly directory: string;
  /** Where `blocks` is made, if elsewhere (`-blocksdir`). */
  readonly blocksDirectory?: string;
}

/** Throws StoreError 'foreign': a database, or block files, without our marker are somebody else's. */
export function refuseForeign(options: ChainDirectories): void {
  const { blocks, index, chainstate } = chainFolders(options);
  // Files that -blocksdir names may have the index of another node of ours beside them.
  const isOurs = [index, join(blocks, 'index'), chainstate].some(folder =>
    existsSync(join(folder, MARKER_FILE)),
  );
  const hasBlocks = existsSync(blocks) && readdirSync(blocks).some(name => /^blk\d+\.dat$/.test(name));
  const isForeign = (folder: string) =>
    existsSync(join(folder, 'CURRENT')) && !existsSync(join(folder, MARKER_FILE));
  if ((hasBlocks && !isOurs) || isForeign(index) || isForeign(chainstate))
    throw new StoreError('foreign', `The data directory ${options.directory} belongs to another program`);
}

/** As Core lays them out: `-blocksdir` moves the block files, not their index. */
export function chainFolders({ directory, blocksDirectory = directory }: ChainDirectories): {
  readonly blocks: string;
  readonly index: string;
  readonly chainstate: string;
} {
  return {
    blocks: join(blocksDirectory, 'blocks'),
    index: join(directory, 'blocks', 'index'),
    chainstate: join(directory, 'chainstate'),
  };
}
