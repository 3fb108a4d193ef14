/** What victims do when they are killed: one function a kind of life, each with what must hold after every start. */
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type RegtestNode, RpcError, until } from '../../scripts/regtest/process.ts';
import { bytesToHex } from '../../src/base/bytes.ts';
import { type Random, randomBelow } from '../../src/base/random.ts';
import type { Block } from '../../src/wire/block.ts';
import {
  CHECKED_HEIGHTS,
  checkCoins,
  checkIndexes,
  heightKeeper,
  INDEXES,
  type Life,
  PRUNED_INDEXES,
  type World,
} from './checks.ts';
import { livingOnSnapshot } from './snapshot-life.ts';
import { atHeight, demand, whileFlushing } from './victim.ts';

const WAIT_MS = 60_000;
/** Up to here all branches have the same blocks. */
const COMMON_HEIGHTS = CHECKED_HEIGHTS.filter(height => height <= 390);

export const LIVES: readonly Life[] = [
  { name: 'sync', template: 'nothing', work: world => syncing(world, []) },
  { name: 'sync with indexes', template: 'nothing', work: world => syncing(world, INDEXES) },
  { name: 'reorg', template: 'chain', work: (world, random) => reorganising(world, random, []) },
  {
    name: 'reorg with indexes',
    template: 'chain',
    work: (world, random) => reorganising(world, random, INDEXES),
  },
  {
    name: 'prune',
    template: 'chain',
    work: (world, random, directory) => pruning(world, random, directory, []),
  },
  {
    name: 'prune with indexes',
    template: 'chain',
    work: (world, random, directory) => pruning(world, random, directory, PRUNED_INDEXES),
  },
  { name: 'reindex', template: 'chain', work: (world, random) => reindexing(world, random, []) },
  {
    name: 'reindex with indexes',
    template: 'chain',
    work: (world, random) => reindexing(world, random, INDEXES),
  },
  { name: 'snapshot', template: 'headers', work: world => livingOnSnapshot(world, []) },
  { name: 'snapshot with indexes', template: 'headers', work: world => livingOnSnapshot(world, INDEXES) },
  { name: 'wallet', template: 'wallet', work: (_world, random) => writingWallets(random) },
];

function syncing(world: World, indexes: readonly string[]): ReturnType<Life['work']> {
  const { chain } = world.blocks;
  const heights = heightKeeper();
  return {
    args: ['--connect', world.peer, ...indexes],
    spanMs: 1500,
    check: heights.check,
    run: node =>
      whileFlushing(node, () =>
        until(
          'all blocks have come',
          WAIT_MS,
          async () => {
            const height = await node.rpc<number>('getblockcount');
            heights.tell(height);
            return height === chain.length;
          },
          20,
        ),
      ),
    async look(node) {
      await checkCoins(world, node, chain.at(-1)!);
      demand(await node.rpc<boolean>('verifychain', 4, 60), 'verifychain finds something wrong');
      if (indexes.length > 0) await checkIndexes(world, node, CHECKED_HEIGHTS, indexes);
    },
  };
}

function reorganising(world: World, random: Random, indexes: readonly string[]): ReturnType<Life['work']> {
  const { branches, chain } = world.blocks;
  const heights = heightKeeper();
  const last = branches.at(-1)!.at(-1)!;
  return {
    args: indexes,
    spanMs: 1200,
    check: heights.check,
    run: node => whileFlushing(node, () => submitBranches(node, branches, random, heights.tell)),
    async look(node) {
      await checkCoins(world, node, last);
      demand(await node.rpc<boolean>('verifychain', 4, 60), 'verifychain finds something wrong');
      if (indexes.length > 0) await checkIndexes(world, node, COMMON_HEIGHTS, indexes);
      demand((await node.rpc<number>('getblockcount')) > chain.length, 'the last branch is the best');
    },
  };
}

/** Each branch in its order, both mixed at random; then the last one is the best. */
async function submitBranches(
  node: RegtestNode,
  branches: readonly (readonly Block[])[],
  random: Random,
  tell: (height: number) => void,
): Promise<void> {
  const left = branches.map(branch => [...branch]);
  for (let open = left; open.length > 0; open = open.filter(branch => branch.length > 0)) {
    const block = open[randomBelow(random, open.length)]!.shift();
    if (block === undefined) continue;
    const answer = await node.rpc<string | null>('submitblock', bytesToHex(block.raw));
    const isFine = answer === null || answer === 'duplicate' || answer === 'inconclusive';
    demand(isFine, `a block is refused: ${answer}`);
    tell(await node.rpc<number>('getblockcount'));
  }
}

function pruning(
  world: World,
  random: Random,
  directory: string,
  indexes: readonly string[],
): ReturnType<Life['work']> {
  const { branches } = world.blocks;
  const heights = heightKeeper();
  let pruned = 0;
  const blocksFolder = path.join(directory, 'regtest', 'blocks');
  return {
    args: ['--prune=1', '--fastprune', ...indexes],
    spanMs: 1200,
    async check(node) {
      await heights.check(node);
      const { pruneheight, blocks } = await node.rpc<{ pruneheight: number; blocks: number }>(
        'getblockchaininfo',
      );
      demand(pruneheight >= pruned, `blocks are back that were deleted: ${pruneheight} < ${pruned}`);
      demand(pruneheight <= blocks - 287, 'blocks are gone that a reorganisation may need');
      for (const height of [Math.max(1, pruneheight), blocks - 100, blocks])
        await node.rpc('getblock', await node.rpc<string>('getblockhash', height));
    },
    async run(node) {
      let isDone = false;
      const prunes = async () => {
        for (let height = 20; !isDone; height += 1 + randomBelow(random, 12)) {
          pruned = Math.max(pruned, (await node.rpc<number>('pruneblockchain', Math.min(height, 160))) + 1);
          await delay(randomBelow(random, 30));
        }
      };
      const submits = async () => {
        await submitBranches(node, branches, random, heights.tell);
        while (pruned < 100) await delay(20);
        isDone = true;
      };
      await Promise.all([prunes(), submits()]);
    },
    async look(node) {
      await checkCoins(world, node, branches.at(-1)!.at(-1)!);
      const info = await node.rpc<{ size_on_disk: number; pruneheight: number }>('getblockchaininfo');
      const files = readdirSync(blocksFolder).filter(name => /^(blk|rev)\d+\.dat$/.test(name));
      const bytes = files.reduce((sum, name) => sum + statSync(path.join(blocksFolder, name)).size, 0);
      demand(info.size_on_disk === bytes, `files of ${bytes} bytes, and ${info.size_on_disk} are told`);
      demand(!files.includes('blk00000.dat'), 'the first file is gone');
      if (indexes.length > 0) await checkIndexes(world, node, COMMON_HEIGHTS, indexes);
    },
  };
}

function reindexing(world: World, random: Random, indexes: readonly string[]): ReturnType<Life['work']> {
  const { chain } = world.blocks;
  const kinds = ['--reindex', '--reindex-chainstate', undefined] as const;
  return {
    /** Half of the starts begin anew, the others go on with what was begun. */
    get args() {
      const kind = kinds[randomBelow(random, kinds.length)];
      return kind === undefined ? indexes : [kind, ...indexes];
    },
    spanMs: 900,
    async check() {},
    async run(node) {
      await atHeight(node, chain.length);
    },
    async look(node) {
      await checkCoins(world, node, chain.at(-1)!);
      demand(await node.rpc<boolean>('verifychain', 4, 60), 'verifychain finds something wrong');
      if (indexes.length > 0) await checkIndexes(world, node, CHECKED_HEIGHTS, indexes);
    },
  };
}

interface Balances {
  readonly mine: { readonly trusted: number; readonly untrusted_pending: number; readonly immature: number };
}

function writingWallets(random: Random): ReturnType<Life['work']> {
  const labels = new Map<string, string>();
  const txids: string[] = [];
  const blocks: string[] = [];
  const wallets: string[] = [];
  const heights = heightKeeper();
  let steps = 0;
  const sample = <T>(all: readonly T[]) => [
    ...all.slice(-5),
    ...Array.from({ length: Math.min(3, all.length) }, () => all[randomBelow(random, all.length)]!),
  ];

  async function step(node: RegtestNode): Promise<void> {
    const wallet = (method: string, ...params: unknown[]) => node.walletRpc<string>('w', method, ...params);
    const known = [...labels.keys()];
    steps += 1;
    switch (randomBelow(random, 6)) {
      case 0:
      case 1: {
        const label = `label ${steps}`;
        const address = await wallet('getnewaddress', label);
        demand(!labels.has(address), 'an address was given out twice');
        labels.set(address, label);
        return;
      }
      case 2: {
        if (known.length === 0) return;
        const address = known[randomBelow(random, known.length)]!;
        const before = labels.get(address)!;
        // Killed in between, either label may stand.
        labels.delete(address);
        await wallet('setlabel', address, `${before}+`);
        labels.set(address, `${before}+`);
        return;
      }
      case 3: {
        const to = known.at(-1);
        if (to !== undefined) txids.push(await wallet('sendtoaddress', to, 0.01));
        return;
      }
      case 4: {
        const to = known.at(-1) ?? (await wallet('getnewaddress', ''));
        blocks.push(...(await node.rpc<string[]>('generatetoaddress', 1, to)));
        heights.tell(await node.rpc<number>('getblockcount'));
        return;
      }
      default: {
        if (wallets.length >= 5) return;
        const name = `made ${steps}`;
        await node.rpc('createwallet', name);
        wallets.push(name);
        await node.rpc('unloadwallet', name);
      }
    }
  }

  return {
    /** Some starts read all blocks again, and the wallet with them. */
    get args() {
      return randomBelow(random, 5) === 0 ? ['--reindex'] : [];
    },
    spanMs: 1500,
    async check(node) {
      await until('all blocks are read', WAIT_MS, async () => {
        const { loaded } = await node.rpc<{ loaded: boolean }>('getmempoolinfo');
        return loaded;
      });
      await heights.check(node);
      const wallet = <T>(method: string, ...params: unknown[]) => node.walletRpc<T>('w', method, ...params);
      for (const address of sample([...labels.keys()])) {
        const info = await wallet<{ ismine: boolean; labels: string[] }>('getaddressinfo', address);
        demand(info.ismine, `an address is gone: ${address}`);
        demand(info.labels[0] === labels.get(address), `a label is gone: ${labels.get(address)}`);
      }
      for (const txid of sample(txids))
        await demandKnown(() => wallet('gettransaction', txid), `payment ${txid}`);
      for (const hash of sample(blocks)) await demandKnown(() => node.rpc('getblock', hash), `block ${hash}`);
      const { wallets: there } = await node.rpc<{ wallets: { name: string }[] }>('listwalletdir');
      for (const name of wallets)
        demand(
          there.some(each => each.name === name),
          `wallet ${name} is gone`,
        );
      const info = await wallet<{ lastprocessedblock: { hash: string } }>('getwalletinfo');
      const tip = await node.rpc<string>('getbestblockhash');
      demand(info.lastprocessedblock.hash === tip, 'the wallet does not stand at the tip');
    },
    async run(node) {
      const target = steps + 60;
      while (steps < target) await step(node);
    },
    async look(node) {
      for (const name of wallets) await node.rpc('loadwallet', name);
      // What is in no block would be another story for a wallet that was not there.
      const to = [...labels.keys()].at(-1) ?? (await node.walletRpc<string>('w', 'getnewaddress'));
      while ((await node.rpc<string[]>('getrawmempool')).length > 0)
        await node.rpc('generatetoaddress', 1, to);
      const { descriptors } = await node.walletRpc<{ descriptors: Record<string, unknown>[] }>(
        'w',
        'listdescriptors',
        true,
      );
      await node.rpc('createwallet', 'again', false, true);
      const requests = descriptors.map(each => ({ ...each, timestamp: 0 }));
      const results = await node.walletRpc<{ success: boolean }[]>('again', 'importdescriptors', requests);
      demand(
        results.every(({ success }) => success),
        'descriptors are taken',
      );
      const [ours, fresh] = await Promise.all(
        ['w', 'again'].map(name => node.walletRpc<Balances>(name, 'getbalances')),
      );
      demand(
        JSON.stringify(ours!.mine) === JSON.stringify(fresh!.mine),
        `balances ${JSON.stringify(ours!.mine)}, and after looking through the whole chain ${JSON.stringify(fresh!.mine)}`,
      );
    },
  };
}

async function demandKnown(call: () => Promise<unknown>, what: string): Promise<void> {
  try {
    await call();
  } catch (error) {
    demand(!(error instanceof RpcError), `${what} is gone: ${(error as Error).message}`);
    throw error;
  }
}
