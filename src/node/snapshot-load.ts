/**
 * Taking over all coins out of a file (Core: ChainstateManager::ActivateSnapshot, PopulateAndValidateSnapshot). They go
 * into a database of their own; only when their hash is the one that the network's file names are they used.
 */
import { open } from 'node:fs/promises';
import { bytesToHex, hashToHex } from '../base/bytes.ts';
import type { HeaderId } from '../chain/chain-view.ts';
import { BEST_BLOCK_KEY, encodeBestBlock } from '../chain/coin-records.ts';
import {
  decodeSnapshotHeader,
  SNAPSHOT_HEADER_BYTES,
  SnapshotError,
  type SnapshotHeader,
  SnapshotReader,
} from '../chain/snapshot.ts';
import { networkParams } from '../consensus/networks.ts';
import type { AssumeUtxo } from '../consensus/params.ts';
import { type LoadResult, SnapshotFileError } from '../rpc/snapshot-access.ts';
import type { LevelStore } from '../store/level.ts';
import type { BatchOp } from '../store/store.ts';
import type { NodeClock } from './clocks.ts';
import { hashCoins } from './coin-totals.ts';
import type { Engine } from './engine.ts';

const NETWORKS = ['main', 'test', 'testnet4', 'signet', 'regtest'] as const;
/** Of one batch to the store. */
const BATCH_OPS = 20_000;
const CHUNK_BYTES = 1024 * 1024;
/** Coins between two lines of progress. */
const PROGRESS_COINS = 1_000_000;

export interface LoadDeps {
  readonly engine: Engine;
  readonly clock: NodeClock;
  readonly log: { info(text: string): void };
}

interface Source {
  readonly header: SnapshotHeader;
  readonly known: AssumeUtxo;
  readonly base: HeaderId;
  chunks(): AsyncIterable<Uint8Array>;
}

/** Throws SnapshotFileError; nothing has changed then. */
export async function loadCoins(deps: LoadDeps, path: string, stopping: AbortSignal): Promise<LoadResult> {
  const file = await open(path, 'r').catch(() => {
    throw new SnapshotFileError(`Couldn't open file ${path} for reading.`);
  });
  try {
    const head = new Uint8Array(SNAPSHOT_HEADER_BYTES);
    const { bytesRead } = await file.read(head, 0, head.length, 0);
    const header = decodeHeader(deps.engine, head.subarray(0, bytesRead));
    const known = knownSnapshot(deps.engine, header);
    const base = baseOf(deps.engine, known);
    async function* chunks(): AsyncGenerator<Uint8Array> {
      const stream = file.createReadStream({
        start: SNAPSHOT_HEADER_BYTES,
        highWaterMark: CHUNK_BYTES,
        autoClose: false,
      });
      for await (const chunk of stream) {
        stopping.throwIfAborted();
        yield chunk as Uint8Array;
      }
    }
    return await take(deps, { header, known, base, chunks });
  } catch (error) {
    if (error instanceof SnapshotError)
      throw new SnapshotFileError(`Population failed: ${error.message}`, 'content');
    throw error;
  } finally {
    await file.close();
  }
}

function decodeHeader({ chain }: Engine, bytes: Uint8Array): SnapshotHeader {
  const networks = NETWORKS.map(name => networkParams(name));
  const networkOf = (magic: Uint8Array) =>
    networks.find(network => bytesToHex(network.magic) === bytesToHex(magic))?.name;
  try {
    return decodeSnapshotHeader(bytes, chain.params, networkOf);
  } catch (error) {
    if (error instanceof SnapshotError) throw new SnapshotFileError(error.message, 'format');
    throw error;
  }
}

function knownSnapshot({ chain }: Engine, { baseBlock }: SnapshotHeader): AssumeUtxo {
  if (chain.history() !== undefined || chain.snapshotBase !== undefined)
    throw refused("Can't activate a snapshot-based chainstate more than once");
  const known = chain.params.assumeUtxo.find(({ blockHash }) => blockHash === baseBlock);
  if (known !== undefined) return known;
  const heights = chain.params.assumeUtxo.map(({ height }) => height).join(', ');
  throw refused(
    `assumeutxo block hash in snapshot metadata not recognized (hash: ${hashToHex(baseBlock)}). The following snapshot heights are available: ${heights}`,
  );
}

function baseOf({ chain, mempool }: Engine, { blockHash }: AssumeUtxo): HeaderId {
  const { headers } = chain;
  const base = headers.find(blockHash);
  const hash = hashToHex(blockHash);
  if (base === undefined) {
    throw refused(
      `The base block header (${hash}) must appear in the headers chain. Make sure all headers are syncing, and call loadtxoutset again`,
    );
  }
  if (headers.isInvalid(base)) throw refused(`The base block header (${hash}) is part of an invalid chain`);
  if (!headers.isAncestor(base, chain.bestHeader())) {
    throw refused(
      'A forked headers-chain with more work than the chain with the snapshot base block header exists. Please proceed to sync without AssumeUtxo.',
    );
  }
  if (mempool.size > 0) throw refused("Can't activate a snapshot when mempool not empty");
  if (!headers.isBetter(base, chain.tip()))
    throw refused('Population failed: Work does not exceed active chainstate');
  return base;
}

async function take(deps: LoadDeps, source: Source): Promise<LoadResult> {
  const { engine, clock, log } = deps;
  const { header, known, base } = source;
  const { host } = engine;
  log.info(`[snapshot] loading ${header.coins} coins from snapshot ${hashToHex(header.baseBlock)}`);
  const store = await host.newSnapshotStore();
  if (store === undefined) throw refused("Can't activate a snapshot-based chainstate more than once");
  try {
    await fill(deps, store, source);
    const hash = await hashCoins(store);
    if (hash !== known.hashSerialized) {
      throw new SnapshotError(
        `Bad snapshot content hash: expected ${hashToHex(known.hashSerialized)}, got ${hashToHex(hash)}`,
      );
    }
    // The next start must know the snapshot's block.
    await engine.enqueue('flush', () => engine.chain.flush(clock.now()));
    host.keepSnapshot(store, header.baseBlock);
    const isActive = await engine.enqueue('activateSnapshot', () =>
      engine.chain.activateSnapshot(base, clock.now()),
    );
    if (!isActive) throw refused('work does not exceed active chainstate');
    return { coins: header.coins, base };
  } catch (error) {
    await host.dropSnapshotStore(store);
    throw error;
  }
}

async function fill({ log }: LoadDeps, store: LevelStore, { header, known, chunks }: Source): Promise<void> {
  const reader = new SnapshotReader(header, known.height);
  let ops: BatchOp[] = [];
  let told = 0;
  for await (const chunk of chunks()) {
    for (const [key, value] of reader.push(chunk)) {
      ops.push({ type: 'put', key, value });
      if (ops.length < BATCH_OPS) continue;
      await store.batch(ops, { durable: false });
      ops = [];
    }
    if (reader.coins - told < PROGRESS_COINS) continue;
    told = reader.coins;
    log.info(`[snapshot] ${told} coins loaded (${((told * 100) / header.coins).toFixed(2)}%)`);
  }
  reader.end();
  ops.push({ type: 'put', key: BEST_BLOCK_KEY, value: encodeBestBlock(header.baseBlock) });
  await store.batch(ops, { durable: true });
  log.info(`[snapshot] loaded ${reader.coins} coins from snapshot ${hashToHex(header.baseBlock)}`);
}

function refused(message: string): SnapshotFileError {
  return new SnapshotFileError(message, 'content');
}
