/**
 * The relay strategies on real daemons over real sockets, on a private network. Five nodes stand in a ring with chords, so
 * that everything has several ways to go: by `tree` nothing is missed. On mainnet no strategy but Core's is taken.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { eventually, everyPool, Sandbox, type SandboxNode, sameTip } from '../support/process.ts';

const PROGRAM = new URL('../../bin/node', import.meta.url).pathname;
/** Whom each dials: its next and its next but one. */
const NODES = 5;
const TXS = 6;

interface PeerInfo {
  readonly bytesrecv_per_msg: Readonly<Record<string, number>>;
}

const sandbox = new Sandbox();
afterAll(() => sandbox.close());

async function start(strategy: string, count: number): Promise<SandboxNode[]> {
  const options = ['--private-network', '--relay-strategy', strategy];
  const nodes: SandboxNode[] = [];
  for (let i = 0; i < count; i += 1) nodes.push(await sandbox.hearsay(`${strategy}-${i}`, options));
  // One after the other: starting is the most that they do.
  for (const node of nodes) await node.start();
  return nodes;
}

async function dial(from: SandboxNode, to: SandboxNode): Promise<void> {
  const before = await to.rpc<number>('getconnectioncount');
  await from.rpc('addconnection', to.address, 'outbound-full-relay', true);
  await eventually(`${from.name} and ${to.name} have shaken hands`, async () => {
    const peers = await to.rpc<PeerInfo[]>('getpeerinfo');
    return peers.length > before && peers.every(({ bytesrecv_per_msg: got }) => got['verack'] !== undefined);
  });
}

/** Coins that are ripe, at a new wallet. */
async function fund(node: SandboxNode): Promise<void> {
  await node.rpc('createwallet', 'w');
  await node.rpc('generatetoaddress', 100 + TXS, await node.rpc('getnewaddress'));
}

/** Connected, with a wallet at the first one that has money. */
async function network(strategy: string): Promise<SandboxNode[]> {
  const nodes = await start(strategy, NODES);
  for (const [i, node] of nodes.entries())
    for (const step of [1, 2]) await dial(node, nodes[(i + step) % NODES]!);
  await fund(nodes[0]!);
  await sameTip(...nodes);
  return nodes;
}

async function pay(node: SandboxNode): Promise<string[]> {
  const txids: string[] = [];
  for (let i = 0; i < TXS; i += 1)
    txids.push(await node.rpc<string>('sendtoaddress', await node.rpc('getnewaddress'), 1 + i));
  return txids;
}

test('tree: transactions and blocks reach everybody', { timeout: 120_000 }, async () => {
  const nodes = await network('tree');
  const txids = await pay(nodes[0]!);
  for (const txid of txids) await everyPool(txid, ...nodes);
  const last = nodes.at(-1)!;
  await last.rpc('generatetoaddress', 1, await nodes[0]!.rpc('getnewaddress'));
  await sameTip(...nodes);
  for (const node of nodes) expect(await node.rpc('getrawmempool')).toEqual([]);
});

test.each(['gossip-3', 'tree', 'reconcile'])('%s is refused on mainnet', strategy => {
  const args = ['start', '--chain', 'main', '--datadir', path.join(sandbox.root, `main-${strategy}`)];
  const { status, stderr } = spawnSync(
    process.execPath,
    [PROGRAM, ...args, '--connect', '0', '--relay-strategy', strategy],
    {
      encoding: 'utf8',
    },
  );
  expect(status).toBe(1);
  expect(stderr).toBe(
    `Error: --relay-strategy ${strategy} is for private networks only: give --private-network\n`,
  );
  expect(fs.existsSync(path.join(sandbox.root, `main-${strategy}`, 'chainstate'))).toBe(false);
});
