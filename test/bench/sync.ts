/**
 * A fresh node gets a chain from another over loopback: a hundred thousand P2WPKH inputs, a chain of all usual scripts,
 * and that chain with 2,100 empty blocks on top, assumed to be valid at its last block with transactions. Served by
 * bitcoind where there is one, so that both have the same partner. Short: the last two, with a few inputs.
 *
 * That nobody ran a script of the assumed chain shows in its last signature, which is wrong.
 */
import assert from 'node:assert';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { framed, makeChain } from '../../scripts/make-chain/chain.ts';
import type { OwnerKind } from '../../scripts/make-chain/owners.ts';
import { killAll, type RegtestNode, until } from '../../scripts/regtest/process.ts';
import { bytesToHex, hashToHex } from '../../src/base/bytes.ts';
import { HEADER_BYTES } from '../../src/wire/block.ts';
import { readShared, sharedPath } from '../support/shared.ts';
import { CONTESTANTS, contest, createNode } from './contest.ts';
import type { Figure, Scenario } from './scenario.ts';

const RUNS = { short: 1, full: 5 };
const MIXED: readonly OwnerKind[] = ['p2wpkh', 'p2pkh', 'p2wsh-multisig', 'p2tr-key', 'p2tr-script'];
const MIXED_INPUTS = { short: 200, full: 100_000 };
/** Two weeks of blocks, and a little more, so that the last block with transactions is deep enough to be assumed valid. */
const EMPTY_BLOCKS = 2_100;
const SPENDING_HEIGHT = 150;
/** The chains end long ago: that must not keep anybody from serving them. */
const AGE_ARGS = ['-maxtipage=3153600000', '-par=2'];
const READY_MS = 20 * 60_000;

interface BenchChain {
  readonly file: string;
  readonly height: number;
  readonly tip: string;
  /** Of a chain that must be assumed to be valid: the server gets its headers before its blocks. */
  readonly blocks?: readonly Uint8Array[];
}

export const syncScenario: Scenario = {
  name: 'sync over loopback',
  async run({ short }) {
    const runs = short ? RUNS.short : RUNS.full;
    const inputs = short ? MIXED_INPUTS.short : MIXED_INPUTS.full;
    const root = fs.mkdtempSync(path.join(os.tmpdir(), 'hearsay-bench-'));
    try {
      // Short: what is left is enough to keep this alive.
      const heavy = short ? undefined : sharedChain(root, 'regtest-100k-inputs-0-150');
      const mixed = madeChain(root, 'mixed', inputs, 0);
      const assumed = madeChain(root, 'assumed', inputs, EMPTY_BLOCKS);
      return [
        ...(heavy === undefined ? [] : await sync(root, '100,020 P2WPKH inputs', heavy, runs, '0')),
        ...(await sync(root, `${inputs.toLocaleString('en')} inputs of all kinds`, mixed, runs, '0')),
        ...(await sync(root, 'the same, assumed valid', assumed, runs, assumed.assumedValid)),
      ];
    } finally {
      killAll();
      fs.rmSync(root, { recursive: true, force: true });
    }
  },
};

async function sync(
  root: string,
  name: string,
  chain: BenchChain,
  runs: number,
  assumedValid: string,
): Promise<Figure[]> {
  const kind = CONTESTANTS.at(-1)!;
  const directory = path.join(root, `${path.basename(chain.file)}-server`);
  const server = await createNode(kind, directory, 'regtest', [
    ...AGE_ARGS,
    `-assumevalid=${assumedValid}`,
    ...(chain.blocks === undefined ? [`-loadblock=${chain.file}`] : []),
    '-connect=0',
    '-listen=1',
  ]);
  await server.start();
  const { blocks = [] } = chain;
  await server.rpcEach(
    'submitheader',
    blocks.map(block => [bytesToHex(block.subarray(0, HEADER_BYTES))]),
  );
  await server.rpcEach(
    'submitblock',
    blocks.map(block => [bytesToHex(block)]),
  );
  await until('the server has the chain', READY_MS, () => isAt(server, chain));
  const figures = await contest(root, name, runs, {
    chain: 'regtest',
    args: [...AGE_ARGS, `-assumevalid=${assumedValid}`, `-connect=127.0.0.1:${server.port}`, '-listen=1'],
    isReached: node => isAt(node, chain),
    async check(node) {
      assert.equal(await node.rpc('getbestblockhash'), chain.tip);
    },
  });
  await server.stop();
  return figures;
}

async function isAt(node: RegtestNode, { height }: BenchChain): Promise<boolean> {
  return (await node.rpc<number>('getblockcount')) === height;
}

function sharedChain(root: string, name: string): BenchChain {
  const file = path.join(root, `${name}.dat`);
  fs.writeFileSync(file, readShared(`blocks/chains/${name}.dat.gz`));
  return { file, ...tipOf(name) };
}

/** As Bitcoin Core recorded it, in one of two ways. */
function tipOf(name: string): { readonly height: number; readonly tip: string } {
  const folder = 'blocks/chains';
  const isPacked = fs.existsSync(sharedPath(`${folder}/${name}.expected.json.gz`));
  const raw = readShared(`${folder}/${name}.expected.json${isPacked ? '.gz' : ''}`);
  const { tip, height } = JSON.parse(raw.toString()) as ExpectedChain;
  return typeof tip === 'string' ? { tip, height: height! } : { tip: tip.bestblock, height: tip.height };
}

interface ExpectedChain {
  readonly tip: string | { readonly height: number; readonly bestblock: string };
  readonly height?: number;
}

function madeChain(
  root: string,
  name: string,
  inputs: number,
  emptyBlocks: number,
): BenchChain & { readonly assumedValid: string } {
  const file = path.join(root, `${name}.dat`);
  const out = fs.openSync(file, 'w');
  const signatures = emptyBlocks > 0 ? 'one bad' : 'good';
  const recipe = { seed: 1, inputs, kinds: MIXED, height: SPENDING_HEIGHT, emptyBlocks, signatures } as const;
  const blocks: Uint8Array[] = [];
  const made = makeChain(recipe, block => {
    fs.writeSync(out, framed(block));
    if (emptyBlocks > 0) blocks.push(block.raw);
  });
  fs.closeSync(out);
  const assumedValid = hashToHex(made.hashes[SPENDING_HEIGHT - 1]!);
  const chain = { file, height: made.height, tip: hashToHex(made.tipHash), assumedValid };
  return emptyBlocks > 0 ? { ...chain, blocks } : chain;
}
