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

/** undefined for a block that was never connected; throws RpcError −32603 when it should be there and is not. */
export async function undoIfAny({ chain, blocks }: NodeFacade, id: HeaderId): Promise<BlockUndo | undefined> {
  const undo = await blocks.readUndo(id);
  if (undo !== undefined || id === 0 || !chain.headers.hasData(id) || !chain.headers.isFullyValid(id))
    return undo;
  throw new RpcError(
    RpcCode.INTERNAL_ERROR,
    "Undo data expected but can't be read. This could be due to disk corruption or a conflict with a pruning event.",
  );
}

/** It was there once. */
function wasPruned({ headers }: NodeFacade['chain'], id: HeaderId): boolean {
  return headers.txCountOf(id) > 0;
}
