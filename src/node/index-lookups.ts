/** What is asked of the indexes: their records, and the blocks and files that these point into. */
import type { HeaderId } from '../chain/chain-view.ts';
import type { BlockRange } from '../chain/indexes/by-block.ts';
import type { BlockRef } from '../chain/indexes/chain-index.ts';
import type { CoinStatsIndex } from '../chain/indexes/coin-stats-index.ts';
import {
  FILTER_HEAD_BYTES,
  type FilterIndex,
  type FilterRecord,
  filterOf,
  filterRecordBytes,
} from '../chain/indexes/filter-index.ts';
import type { SpenderIndex } from '../chain/indexes/spender-index.ts';
import type { TxIndex } from '../chain/indexes/tx-index.ts';
import type { TxPosition } from '../chain/indexes/tx-position.ts';
import type {
  CoinStatsLookup,
  ConfirmedTransaction,
  FilterLookup,
  IndexProgress,
  SpenderLookup,
  TransactionLookup,
} from '../rpc/index-access.ts';
import { blockHeader, HEADER_BYTES } from '../wire/block.ts';
import { DecodeError, Reader } from '../wire/codec.ts';
import { readTransaction } from '../wire/transaction.ts';
import type { Engine } from './engine.ts';
import type { IndexFiles } from './index-files.ts';
import type { IndexRunner } from './index-runner.ts';

/** Most transactions are shorter than this; of one that is not, more is read. */
const TX_BYTES_FIRST = 2_048;
const TX_BYTES_GROWTH = 16;

export function bestHeight({ chain }: Engine, runner: IndexRunner): number {
  return runner.best === undefined ? 0 : chain.headers.heightOf(runner.best);
}

export function progressOf(engine: Engine, runner: IndexRunner): IndexProgress {
  return {
    get isSynced() {
      return runner.isSynced;
    },
    get bestHeight() {
      return bestHeight(engine, runner);
    },
    covers: id => runner.covers(id),
    caughtUp: () => runner.caughtUp(),
  };
}

export function transactionLookup(
  engine: Engine,
  index: TxIndex,
  progress: IndexProgress,
): TransactionLookup {
  return {
    progress,
    async find(txid) {
      const position = index.find(txid);
      const found = position && (await readAt(engine, position));
      return found?.tx.txid === txid ? found : undefined;
    },
  };
}

export function spenderLookup(engine: Engine, index: SpenderIndex, progress: IndexProgress): SpenderLookup {
  return {
    progress,
    async find(outPoint) {
      for (const position of await index.candidates(outPoint)) {
        const found = await readAt(engine, position);
        const spends = found?.tx.inputs.some(
          ({ prevout }) => prevout.txid === outPoint.txid && prevout.index === outPoint.index,
        );
        // After a crash, records may have stayed of a block that has left the chain meanwhile.
        if (found !== undefined && spends && progress.covers(found.block)) return found;
      }
      return undefined;
    },
  };
}

export function coinStatsLookup(
  engine: Engine,
  index: CoinStatsIndex,
  progress: IndexProgress,
): CoinStatsLookup {
  return {
    progress,
    find: (id: HeaderId) => index.find(refOf(engine, id)),
  };
}

export function filterLookup(
  engine: Engine,
  { index, files }: { readonly index: FilterIndex; readonly files: IndexFiles | undefined },
  progress: IndexProgress,
): FilterLookup {
  const read = (record: FilterRecord): Uint8Array | undefined => {
    const head = files!.read(record.position, FILTER_HEAD_BYTES);
    return filterOf(files!.read(record.position, filterRecordBytes(head)), record);
  };
  const records = (startHeight: number, stop: HeaderId) =>
    index.findRange(rangeTo(engine, startHeight, stop));
  return {
    progress,
    filter(id) {
      const record = index.find(refOf(engine, id));
      return record && read(record);
    },
    header: id => index.find(refOf(engine, id))?.header,
    async filters(startHeight, stop) {
      const filters = (await records(startHeight, stop))?.map(read);
      return filters?.every(filter => filter !== undefined) ? filters : undefined;
    },
    filterHashes: async (startHeight, stop) => (await records(startHeight, stop))?.map(record => record.hash),
  };
}

function refOf({ chain }: Engine, id: HeaderId): BlockRef {
  return { hash: chain.headers.hashOf(id), height: chain.headers.heightOf(id) };
}

function rangeTo({ chain }: Engine, startHeight: number, stop: HeaderId): BlockRange {
  const { headers } = chain;
  const hashes: BlockRef['hash'][] = [];
  for (let at: HeaderId | undefined = stop; at !== undefined && headers.heightOf(at) >= startHeight; )
    [hashes[headers.heightOf(at) - startHeight], at] = [headers.hashOf(at), headers.parentOf(at)];
  return { startHeight, hashes };
}

/** Only the header and the transaction are read; undefined: the block is none that we know. */
async function readAt(
  { host, chain }: Engine,
  position: TxPosition,
): Promise<ConfirmedTransaction | undefined> {
  const header = await host.readBlockPart(position.block, { from: 0, length: HEADER_BYTES });
  const block = chain.headers.find(blockHeader.read(new Reader(header)).hash);
  if (block === undefined) return undefined;
  const from = HEADER_BYTES + position.offset;
  // How long it is, it says itself only when it is read.
  for (let length = TX_BYTES_FIRST; ; length *= TX_BYTES_GROWTH) {
    const raw = await host.readBlockPart(position.block, { from, length });
    try {
      return { tx: readTransaction(new Reader(raw)), block };
    } catch (error) {
      if (!(error instanceof DecodeError) || raw.length < length) throw error;
    }
  }
}
