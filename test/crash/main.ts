/**
 * Kills real nodes with SIGKILL at random moments, starts them again and looks whether they stand where undisturbed ones
 * do, and have kept all that they had told of. The same seed kills in the same order, though no machine is as fast twice.
 * Exit code 1 when something is lost.
 *
 *   npm run test:crash -- --seed N --kills N [--memory N] [--only TEXT] [--keep]
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import networks from '../../genesis.json' with { type: 'json' };
import { killAll, type RegtestNode } from '../../scripts/regtest/process.ts';
import { bytesToHex, hashToHex } from '../../src/base/bytes.ts';
import { randomBelow, SeededRandom } from '../../src/base/random.ts';
import { HEADER_BYTES } from '../../src/wire/block.ts';
import { crashRun } from '../support/chain-crash.ts';
import { INDEX_CRASHES, indexCrashRun } from '../support/index-crash.ts';
import { ReindexCrashes } from '../support/reindex-crash.ts';
import { walletCrashRun } from '../support/wallet-crash.ts';
import { blockFile, type CrashBlocks, crashBlocks } from './blocks.ts';
import { CHECKED_HEIGHTS, type Expected, indexesSynced, type Life, type World } from './checks.ts';
import { LIVES } from './lives.ts';
import { atHeight, newNode, Victim } from './victim.ts';

/** Of the chain's 420 blocks. */
const SNAPSHOT_HEIGHT = 300;
/** A reindex is on disk, and takes as long as many runs on memory. */
const REINDEX_EVERY = 4;
/** Kills of one life, at most. */
const KILLS_PER_LIFE_MAX = 12;

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    kills: { type: 'string', default: '200' },
    /** Seeds of deaths on memory: three of a chain, one of an index, one of a wallet each; at one in four, one of a reindex. */
    memory: { type: 'string', default: '700' },
    only: { type: 'string' },
    /** Leaves the folder of a victim that lost something. */
    keep: { type: 'boolean', default: false },
  },
});

process.once('exit', killAll);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

const root = mkdtempSync(path.join(tmpdir(), 'hearsay-crash-'));
const started = performance.now();
let isKept = false;
try {
  await main();
} catch (error) {
  process.stdout.write(
    `${(error as Error).stack}\nAgain: npm run test:crash -- --seed ${values.seed} --kills ${values.kills}\n`,
  );
  process.exitCode = 1;
  isKept = values.keep;
} finally {
  killAll();
  if (isKept) process.stdout.write(`The folders are left in ${root}\n`);
  else rmSync(root, { recursive: true, force: true });
}

async function main(): Promise<void> {
  await crashOnMemory(Number(values.memory));
  const kills = Number(values.kills);
  const random = new SeededRandom(Number(values.seed));
  const blocks = crashBlocks();
  const file = path.join(root, 'chain.dat');
  writeFileSync(file, blockFile(blocks.chain));
  const expected = await undisturbed(blocks, file);
  const chain = await chainTemplate(blocks, file);
  const wallet = await walletTemplate();
  const snapshot = await snapshotOf(chain);
  const headers = await headersTemplate(blocks, snapshot.genesis);
  const templates = { nothing: undefined, chain, headers, wallet };
  const server = await newNode(path.join(root, 'server'), [`--loadblock=${file}`], { isServer: true });
  await server.node.start();
  await atHeight(server.node, blocks.chain.length);
  const world: World = { blocks, expected, peer: server.address, snapshot };
  say(`prepared; ${kills} kills with seed ${values.seed}`);
  const lives = LIVES.filter(({ name }) => values.only === undefined || name.includes(values.only));
  const counts = new Map<string, number>();
  for (let done = 0, turn = 0; done < kills; turn += 1) {
    const life = lives[turn % lives.length]!;
    const wanted = Math.min(kills - done, 1 + randomBelow(random, KILLS_PER_LIFE_MAX));
    await live(life, world, { wanted, random, template: templates[life.template] });
    done += wanted;
    counts.set(life.name, (counts.get(life.name) ?? 0) + wanted);
    say(`${done} kills; ${life.name}: ${wanted} kills, then whole`);
  }
  await server.node.stop();
  const parts = [...counts].map(([name, count]) => `${name} ${count}`).join(', ');
  say(`Nothing lost in ${kills} kills (${parts}).`);
}

/** The same with a disk that loses power at any write: quick, since there is neither a process nor a disk. */
async function crashOnMemory(count: number): Promise<void> {
  const first = Number(values.seed) * count;
  let runs = 0;
  const reindexes = new ReindexCrashes();
  for (let seed = first; seed < first + count; seed += 1) {
    for (const death of ['power loss', 'kill', 'full disk'] as const) crashRun(seed, death);
    const [kind, scene] = INDEX_CRASHES[seed % INDEX_CRASHES.length]!;
    await indexCrashRun(kind, scene, seed);
    await walletCrashRun(seed);
    if (seed % REINDEX_EVERY === 0) await reindexes.run(seed);
    runs += seed % REINDEX_EVERY === 0 ? 6 : 5;
  }
  reindexes.close();
  say(`${runs} runs with deaths at a write, nothing lost`);
}

async function live(
  life: Life,
  world: World,
  options: { readonly wanted: number; readonly random: SeededRandom; readonly template: string | undefined },
): Promise<void> {
  const { random, template } = options;
  const victim = new Victim(path.join(root, 'victim'), random, template);
  const work = life.work(world, random, victim.directory);
  try {
    for (let i = 0; i < options.wanted; i += 1) await victim.runAndKill(work);
    await victim.finish(work, node => work.look(node));
  } catch (error) {
    throw new Error(`${life.name}: ${(error as Error).message}`, { cause: error });
  }
  victim.remove();
}

/** What nodes say that nobody disturbs. */
async function undisturbed(blocks: CrashBlocks, file: string): Promise<Expected> {
  const { node } = await newNode(path.join(root, 'undisturbed'), [
    `--loadblock=${file}`,
    '--coinstatsindex',
    '--blockfilterindex',
  ]);
  await node.start();
  await atHeight(node, blocks.chain.length);
  await indexesSynced(node);
  const coinHash = new Map<string, string>();
  const muhashAt = new Map<number, string>();
  const filterAt = new Map<number, string>();
  await noteCoins(node, coinHash);
  for (const height of CHECKED_HEIGHTS) {
    const hash = hashToHex(blocks.chain[height - 1]!.header.hash);
    const { muhash } = await node.rpc<{ muhash: string }>('gettxoutsetinfo', 'muhash', height);
    const { filter } = await node.rpc<{ filter: string }>('getblockfilter', hash);
    muhashAt.set(height, muhash);
    filterAt.set(height, filter);
  }
  for (const branch of blocks.branches) {
    for (const { raw } of branch) await node.rpc('submitblock', bytesToHex(raw));
    await noteCoins(node, coinHash);
  }
  await node.stop();
  return { coinHash, muhashAt, filterAt };
}

async function noteCoins(node: RegtestNode, coinHash: Map<string, string>): Promise<void> {
  const info = await node.rpc<{ bestblock: string; hash_serialized_3: string }>('gettxoutsetinfo');
  coinHash.set(info.bestblock, info.hash_serialized_3);
}

/** In small files, for pruning. */
async function chainTemplate(blocks: CrashBlocks, file: string): Promise<string> {
  const directory = path.join(root, 'chain');
  const { node } = await newNode(directory, [`--loadblock=${file}`, '--fastprune']);
  await node.start();
  await atHeight(node, blocks.chain.length);
  await node.stop();
  return directory;
}

/** Of the chain in `template`, and the file of a chain like regtest that takes it. */
async function snapshotOf(template: string): Promise<World['snapshot']> {
  const file = path.join(root, 'coins.dat');
  const { node } = await newNode(template, []);
  await node.start();
  const dump = await node.rpc<{
    base_hash: string;
    base_height: number;
    txoutset_hash: string;
    nchaintx: number;
  }>('dumptxoutset', file, '', { rollback: SNAPSHOT_HEIGHT });
  await node.stop();
  const genesis = path.join(root, 'genesis.json');
  const own = {
    directory: 'regtest',
    magic: networks.regtest.magic,
    genesis: networks.regtest.genesis,
    assumeUtxo: [
      {
        height: dump.base_height,
        blockHash: dump.base_hash,
        hashSerialized: dump.txoutset_hash,
        chainTxCount: dump.nchaintx,
      },
    ],
  };
  writeFileSync(genesis, JSON.stringify({ crashtest: own }));
  return { file, genesis, height: dump.base_height };
}

/** Knows all headers, and no block. */
async function headersTemplate(blocks: CrashBlocks, genesis: string): Promise<string> {
  const directory = path.join(root, 'headers');
  const { node } = await newNode(directory, ['--genesis', genesis]);
  await node.start();
  for (const { raw } of blocks.chain)
    await node.rpc('submitheader', bytesToHex(raw.subarray(0, HEADER_BYTES)));
  await node.stop();
  return directory;
}

async function walletTemplate(): Promise<string> {
  const directory = path.join(root, 'wallet');
  const { node } = await newNode(directory, []);
  await node.start();
  await node.rpc('createwallet', 'w', false, false, '', false, true, true);
  await node.rpc('generatetoaddress', 120, await node.walletRpc<string>('w', 'getnewaddress'));
  await node.stop();
  return directory;
}

function say(text: string): void {
  process.stdout.write(`${((performance.now() - started) / 1000).toFixed(0).padStart(5)} s  ${text}\n`);
}
