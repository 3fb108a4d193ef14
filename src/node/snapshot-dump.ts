/**
 * Writing all coins to a file, of the tip or of an earlier block of the active chain (Core: dumptxoutset). It is written
 * beside its place and takes it when it is whole; into a named pipe it is written at once.
 */
import {
  createWriteStream,
  existsSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  type WriteStream,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { hashToHex } from '../base/bytes.ts';
import type { HeaderId } from '../chain/chain-view.ts';
import { BEST_BLOCK_KEY, COIN_KEYS, decodeBestBlock } from '../chain/coin-records.ts';
import { CoinStatistics } from '../chain/coin-stats.ts';
import { encodeSnapshotHeader, SnapshotWriter } from '../chain/snapshot.ts';
import { type DumpRequest, type DumpResult, SnapshotFileError } from '../rpc/snapshot-access.ts';
import { openLevelStore } from '../store/level.ts';
import { MemoryStore } from '../store/memory.ts';
import type { Entry, Store, StoreSnapshot } from '../store/store.ts';
import type { Engine } from './engine.ts';
import { covered, undoneBy } from './rolled-back-coins.ts';

const LOCK_NAME = 'dumptxoutset-rollback';

export interface DumpDeps {
  readonly engine: Engine;
  readonly log: { info(text: string): void };
  openCoins(): Promise<StoreSnapshot>;
}

/** Throws SnapshotFileError, and others when reading or writing fails; nothing is left of the file then. */
export async function dumpCoins(deps: DumpDeps, request: DumpRequest): Promise<DumpResult> {
  const { path } = request;
  const isPipe = statSync(path, { throwIfNoEntry: false })?.isFIFO() ?? false;
  if (existsSync(path) && !isPipe) {
    throw new SnapshotFileError(
      `${path} already exists. If you are sure this is what you want, move it out of the way first`,
    );
  }
  const written = isPipe ? path : `${path}.incomplete`;
  const stream = openForWriting(written);
  try {
    const result = await dump(deps, request, stream);
    if (!isPipe) renameSync(written, path);
    return result;
  } catch (error) {
    stream.destroy();
    if (!isPipe) rmSync(written, { force: true });
    throw error;
  }
}

function openForWriting(path: string): WriteStream {
  try {
    return createWriteStream(path, { fd: openSync(path, 'w') });
  } catch {
    throw new SnapshotFileError(`Couldn't open file ${path} for writing.`);
  }
}

async function dump(deps: DumpDeps, request: DumpRequest, stream: WriteStream): Promise<DumpResult> {
  const { chain } = deps.engine;
  const { headers } = chain;
  const { target } = request;
  // Blocks that are to be undone must stay.
  chain.setPruneLock(LOCK_NAME, headers.heightOf(target));
  const coins = await deps.openCoins();
  const from = headers.find(decodeBestBlock(coins.get(BEST_BLOCK_KEY)!))!;
  const changes = target === from ? undefined : await openChanges(request);
  try {
    if (changes !== undefined) await rollBack(deps, { from, request, changes: changes.store });
    const entries = (): AsyncIterable<Entry> =>
      changes === undefined ? coins.iterate(COIN_KEYS) : covered(coins, changes.store, COIN_KEYS);
    const statistics = new CoinStatistics('hash_serialized_3');
    for await (const entry of interruptible(entries(), request.stopping)) statistics.add(entry);
    const { hash, outputs } = statistics.finish();
    const header = { baseBlock: headers.hashOf(target), coins: outputs };
    await write(stream, encodeSnapshotHeader(header, chain.params.magic));
    const writer = new SnapshotWriter();
    for await (const entry of interruptible(entries(), request.stopping)) {
      const bytes = writer.add(entry);
      if (bytes !== undefined) await write(stream, bytes);
    }
    const rest = writer.end();
    if (rest !== undefined) await write(stream, rest);
    await new Promise<void>((done, failed) => {
      stream.on('error', failed);
      stream.end(done);
    });
    return { coins: writer.coins, txOutSetHash: hash! };
  } finally {
    chain.setPruneLock(LOCK_NAME, undefined);
    await coins.close();
    await changes?.close();
  }
}

async function rollBack(
  { engine, log }: DumpDeps,
  job: { readonly from: HeaderId; readonly request: DumpRequest; readonly changes: Store },
): Promise<void> {
  const { from, request, changes } = job;
  const { headers } = engine.chain;
  const height = headers.heightOf(request.target);
  log.info(`Rolling back from height ${headers.heightOf(from)} to ${height}`);
  for (let id = from; id !== request.target; id = headers.parentOf(id)!) {
    request.stopping.throwIfAborted();
    if (headers.heightOf(id) <= height) {
      throw new SnapshotFileError(
        `Block ${hashToHex(headers.hashOf(request.target))} is not in the main chain`,
      );
    }
    const block = await engine.readBlock(id);
    const undo = await engine.readUndo(id);
    if (block === undefined || undo === undefined) {
      throw new SnapshotFileError(`Failed to roll back block at height ${headers.heightOf(id)}`);
    }
    await changes.batch(undoneBy(block, undo), { durable: false });
  }
}

/** In memory, or in a database beside the file, which goes when it is closed. */
async function openChanges({
  path,
  target,
  inMemory,
}: DumpRequest): Promise<{ readonly store: Store; close(): Promise<void> }> {
  if (inMemory) {
    const store = new MemoryStore();
    return { store, close: () => store.close() };
  }
  const folder = join(dirname(path), `temp_utxo_${target}`);
  const store = await openLevelStore(folder);
  return {
    store,
    async close() {
      await store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function* interruptible(entries: AsyncIterable<Entry>, stopping: AbortSignal): AsyncGenerator<Entry> {
  for await (const entry of entries) {
    stopping.throwIfAborted();
    yield entry;
  }
}

/** Waits when the disk is slower than we are. */
async function write(stream: WriteStream, bytes: Uint8Array): Promise<void> {
  if (stream.write(bytes)) return;
  await new Promise<void>((done, failed) => {
    stream.once('drain', () => {
      stream.off('error', failed);
      done();
    });
    stream.once('error', failed);
  });
}
