/** What lives of victims have in common: the world they live in, and looks at chain, coins and indexes. */
import { type RegtestNode, until } from '../../scripts/regtest/process.ts';
import { hashToHex } from '../../src/base/bytes.ts';
import type { Random } from '../../src/base/random.ts';
import type { Block } from '../../src/wire/block.ts';
import type { CrashBlocks } from './blocks.ts';
import { demand, type Work } from './victim.ts';

/** What undisturbed runs have said. */
export interface Expected {
  /** By the hash of the tip. */
  readonly coinHash: ReadonlyMap<string, string>;
  readonly muhashAt: ReadonlyMap<number, string>;
  readonly filterAt: ReadonlyMap<number, string>;
}

export interface World {
  readonly blocks: CrashBlocks;
  readonly expected: Expected;
  /** HOST:PORT of a node that serves the chain. */
  readonly peer: string;
  /** The coins at some block of the chain, as `loadtxoutset` takes them, and the file of a chain that knows their hash. */
  readonly snapshot: { readonly file: string; readonly genesis: string; readonly height: number };
}

export interface Life {
  readonly name: string;
  /** What the folder holds at first. */
  readonly template: 'nothing' | 'chain' | 'headers' | 'wallet';
  work(world: World, random: Random, directory: string): Work & { look(node: RegtestNode): Promise<void> };
}

/** Where indexes are looked at. */
export const CHECKED_HEIGHTS = [5, 101, 250, 390, 420];
const TX_INDEX = '--txindex';
/** What a node may keep that deletes blocks, and the rest. */
export const PRUNED_INDEXES = ['--blockfilterindex', '--coinstatsindex'];
export const INDEXES = [...PRUNED_INDEXES, TX_INDEX, '--txospenderindex'];
const WAIT_MS = 60_000;

/** Heights that were told stay reached: a kill takes nothing from the page cache. */
export function heightKeeper() {
  let told = 0;
  return {
    tell(height: number) {
      told = Math.max(told, height);
    },
    async check(node: RegtestNode) {
      const height = await node.rpc<number>('getblockcount');
      demand(height >= told, `stands at ${height} and had told of ${told}`);
    },
  };
}

export async function checkCoins(world: World, node: RegtestNode, tip: Block): Promise<void> {
  const hash = hashToHex(tip.header.hash);
  const info = await node.rpc<{ bestblock: string; hash_serialized_3: string }>(
    'gettxoutsetinfo',
    'hash_serialized_3',
    null,
    false,
  );
  demand(info.bestblock === hash, `the tip is ${info.bestblock} and should be ${hash}`);
  const coins = world.expected.coinHash.get(hash);
  demand(
    coins !== undefined && info.hash_serialized_3 === coins,
    `the coins are others than in an undisturbed run`,
  );
}

export function indexesSynced(node: RegtestNode): Promise<unknown> {
  return until('the indexes are at the tip', WAIT_MS, async () => {
    const infos = Object.values(await node.rpc<Record<string, { synced: boolean }>>('getindexinfo'));
    return infos.length > 0 && infos.every(({ synced }) => synced);
  });
}

/** `indexes`: the options that they were started with. */
export async function checkIndexes(
  world: World,
  node: RegtestNode,
  heights: readonly number[],
  indexes: readonly string[],
): Promise<void> {
  await indexesSynced(node);
  for (const height of heights) {
    const hash = await node.rpc<string>('getblockhash', height);
    const { muhash } = await node.rpc<{ muhash: string }>('gettxoutsetinfo', 'muhash', height);
    demand(muhash === world.expected.muhashAt.get(height), `the statistics of height ${height} are others`);
    const { filter } = await node.rpc<{ filter: string }>('getblockfilter', hash);
    demand(filter === world.expected.filterAt.get(height), `the filter of height ${height} is another one`);
    if (!indexes.includes(TX_INDEX)) continue;
    const { tx } = await node.rpc<{ tx: string[] }>('getblock', hash);
    const found = await node.rpc<{ blockhash: string }>('getrawtransaction', tx.at(-1)!, true);
    demand(found.blockhash === hash, `the transaction index tells of another block`);
  }
}
