/**
 * Gives the chain the blocks that lie in the files behind what the index knows: they were written after the last flush, and
 * somebody may have been told of them.
 */
import type { BlockHash } from '../base/bytes.ts';
import type { Log } from '../base/log.ts';
import type { Chain } from '../chain/chain.ts';
import type { FilePosition } from '../chain/effects.ts';
import { Reject } from '../consensus/reject.ts';
import type { BlockFiles } from '../store/block-files.ts';
import { type Block, decodeBlock } from '../wire/block.ts';
import { DecodeError } from '../wire/codec.ts';

/** Parents first. Returns what was found, in words. Throws StoreError. */
export async function adoptTail(chain: Chain, files: BlockFiles, log: Log): Promise<readonly string[]> {
  const recovered: string[] = [];
  const orphans = new Map<BlockHash, FilePosition[]>();
  let adopted = 0;
  for await (const record of files.scan(chain.lastStoredPosition())) {
    const pending = [record];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const block = decodeStored(next.raw, next.position, log);
      if (block === undefined) continue;
      const { hash, prevHash } = block.header;
      if (adopt(chain, block, next.position, log) === 'orphan') {
        orphans.set(prevHash, [...(orphans.get(prevHash) ?? []), next.position]);
        continue;
      }
      adopted += 1;
      const children = orphans.get(hash) ?? [];
      orphans.delete(hash);
      for (const position of children) pending.push({ position, raw: await files.readBlock(position) });
    }
  }
  // The first record is the last one that the index knows.
  if (adopted > 1) recovered.push(`${adopted - 1} blocks behind the index were taken in again`);
  const { cutBytes } = files;
  if (cutBytes > 0) recovered.push(`a torn record of ${cutBytes} bytes was cut off the block files`);
  return recovered;
}

function adopt(chain: Chain, block: Block, position: FilePosition, log: Log): 'done' | 'orphan' {
  try {
    return chain.adoptStoredBlock(block, position) === undefined ? 'orphan' : 'done';
  } catch (error) {
    if (!(error instanceof Reject)) throw error;
    log.warn(`The block at ${describe(position)} is not taken in: ${error.message}`);
    return 'done';
  }
}

function decodeStored(raw: Uint8Array, position: FilePosition, log: Log): Block | undefined {
  try {
    return decodeBlock(raw);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    log.warn(`The record at ${describe(position)} is no block: ${error.message}`);
    return undefined;
  }
}

function describe({ file, offset }: FilePosition): string {
  return `offset ${offset} of block file ${file}`;
}
