/** Blocks and undo data that a method needs from disk, or the error that says why they are not there (Core: rpc/blockchain.cpp). */
import type { HeaderId } from '../chain/chain-view.ts';
import type { BlockUndo } from '../chain/undo.ts';
import type { Block } from '../wire/block.ts';
import { RpcCode, RpcError } from './codes.ts';
import type { NodeFacade } from './node-facade.ts';

/** Throws RpcError −1. */
export async function requireBlock({ chain, blocks }: NodeFacade, id: HeaderId): Promise<Block> {
  if (!chain.headers.hasData(id)) {
    const why = wasPruned(chain, id) ? 'pruned data' : 'not fully downloaded';
    throw new RpcError(RpcCode.MISC_ERROR, `Block not available (${why})`);
  }
  const block = await blocks.readBlock(id);
  if (block === undefined) throw new RpcError(RpcCode.MISC_ERROR, 'Block not found on disk');
  return block;
}

/** Genesis has none, which is empty. Throws RpcError −1. */
export async function requireUndo({ chain, blocks }: NodeFacade, id: HeaderId): Promise<BlockUndo> {
  if (id === 0) return { spent: [] };
  const undo = await blocks.readUndo(id);
  if (undo !== undefined) return undo;
  const isPruned = !chain.headers.hasData(id) && wasPruned(chain, id);
  throw new RpcError(
    RpcCode.MISC_ERROR,
    isPruned ? 'Undo data not available (pruned data)' : 'Undo data not available',
  );
}

/** It was there once. */
function wasPruned({ headers }: NodeFacade['chain'], id: HeaderId): boolean {
  return headers.txCountOf(id) > 0;
}
