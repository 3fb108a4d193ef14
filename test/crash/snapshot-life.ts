/** A life on a UTXO snapshot: loaded, lived on, its history validated beside, and made the only chain by a later start. */
import { type RegtestNode, RpcError, until } from '../../scripts/regtest/process.ts';
import { CHECKED_HEIGHTS, checkCoins, checkIndexes, heightKeeper, type Life, type World } from './checks.ts';
import { demand } from './victim.ts';

const WAIT_MS = 60_000;

interface Chainstates {
  readonly chainstates: readonly { readonly blocks: number; readonly validated: boolean }[];
}

export function livingOnSnapshot(world: World, indexes: readonly string[]): ReturnType<Life['work']> {
  const { chain } = world.blocks;
  const { file, genesis, height: base } = world.snapshot;
  const heights = heightKeeper();
  const states = async (node: RegtestNode) => (await node.rpc<Chainstates>('getchainstates')).chainstates;
  return {
    args: ['--genesis', genesis, ...indexes],
    spanMs: 2000,
    check: heights.check,
    async run(node) {
      if ((await node.rpc<number>('getblockcount')) < base) await load(node, file);
      heights.tell(base);
      await node.rpc('addnode', world.peer, 'onetry');
      await until(
        'the chain is whole, and all of it validated',
        WAIT_MS,
        async () => {
          const all = await states(node);
          heights.tell(all.at(-1)!.blocks);
          return all.length === 1 && all[0]!.validated && all[0]!.blocks === chain.length;
        },
        20,
      );
    },
    async look(node) {
      await checkCoins(world, node, chain.at(-1)!);
      demand(await node.rpc<boolean>('verifychain', 4, 60), 'verifychain finds something wrong');
      if (indexes.length > 0) await checkIndexes(world, node, CHECKED_HEIGHTS, indexes);
    },
  };
}

/** Killed in the middle of it, nothing is loaded; what is loaded already is told as that. */
async function load(node: RegtestNode, file: string): Promise<void> {
  try {
    await node.rpc('loadtxoutset', file);
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
    demand(false, `the snapshot is not taken: ${error.message}`);
  }
}
