/**
 * Blocks as peers are given them (Core: ProcessGetBlockData in src/net_processing.cpp). One that is damaged on disk costs
 * the peer its answer, and not us the node: anybody may ask for it, again and again.
 */
import type { BlockHash } from '../base/bytes.ts';
import type { Log } from '../base/log.ts';
import { sha256d } from '../crypto/sha256.ts';
import { StoreError } from '../store/errors.ts';
import { HEADER_BYTES } from '../wire/block.ts';
import type { Engine } from './engine.ts';

/** The block's bytes; undefined: it is not here, or not as it was. */
export async function readBlockForPeer(
  engine: Pick<Engine, 'chain' | 'readRawBlock'>,
  log: Log,
  hash: BlockHash,
): Promise<Uint8Array | undefined> {
  const id = engine.chain.headers.find(hash);
  if (id === undefined) return undefined;
  const height = engine.chain.headers.heightOf(id);
  try {
    const raw = await engine.readRawBlock(id);
    if (raw === undefined || sha256d(raw.subarray(0, HEADER_BYTES)) === hash) return raw;
    log.warn(`Cannot load the block at height ${height} from disk: its header is another`);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    log.warn(`Cannot load the block at height ${height} from disk: ${error.message}`);
  }
  return undefined;
}
