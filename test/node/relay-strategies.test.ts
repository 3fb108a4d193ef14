/**
 * The relay strategies on real daemons over real sockets, on a private network. By `tree`, four nodes stand in a ring, so that
 * everything has two ways to go, and nothing is missed. By `gossip-K` one node tells K of three who
 * know nobody else. By `reconcile`, a transaction has no way but a link on which nothing is announced. On mainnet no
 * strategy but Core's is taken. The clocks of the last two are the test's own: nobody waits for a half minute.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { eventually, everyPool, Sandbox, type SandboxNode, sameTip } from '../support/process.ts';

const PROGRAM = new URL('../../bin/node', import.meta.url).pathname;
/** Each dials its next. */
const NODES = 4;
const TXS = 3;
/** Outbound links that a reconciling node floods (src/p2p/reconciler.ts). */
const FLOODING = 8;

interface PeerInfo {
  readonly bytesrecv_per_msg: Readonly<Record<string, number>>;
}

const sandbox = new Sandbox();
afterAll(() => sandbox.close());

async function start(strategy: string, count: number, ...more: readonly string[]): Promise<SandboxNode[]> {
  const options = ['--private-network', '--relay-strategy', strategy, ...more];
  const nodes: SandboxNode[] = [];
  for (let i = 0; i < count; i += 1) nodes.push(await sandbox.hearsay(`${strategy}-${i}`, options));
  // One after the other: starting is the most that they do.
  for (const node of nodes) await node.start();
  return nodes;
}

async function dial(from: SandboxNode, to: SandboxNode, address = to.address): Promise<void> {
  const before = await to.rpc<number>('getconnectioncount');
  await from.rpc('addconnection', address, 'outbound-full-relay', true);
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
  for (const [i, node] of nodes.entries()) await dial(node, nodes[(i + 1) % NODES]!);
  await fund(nodes[0]!);
  await sameTip(...nodes);
  return nodes;
}

async function pay(node: SandboxNode, count = TXS): Promise<string[]> {
  const txids: string[] = [];
  for (let i = 0; i < count; i += 1)
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

/** The clocks of all nodes, which stand still until they are moved. */
class Clocks {
  readonly #nodes: readonly SandboxNode[];
  #now = Math.floor(Date.now() / 1_000);

  constructor(nodes: readonly SandboxNode[]) {
    this.#nodes = nodes;
  }

  async move(seconds: number): Promise<void> {
    this.#now += seconds;
    for (const node of this.#nodes) await node.rpc('setmocktime', this.#now);
  }

  /** As `eventually`, with the clocks going on by so much before each look. */
  eventually(what: string, seconds: number, condition: () => Promise<boolean>): Promise<true> {
    return eventually(what, async () => {
      await this.move(seconds);
      return condition();
    });
  }
}

const has = async (node: SandboxNode, txid: string) =>
  (await node.rpc<string[]>('getrawmempool')).includes(txid);

/** Messages of these kinds that its peers have sent. */
async function received(node: SandboxNode, ...commands: readonly string[]): Promise<string[]> {
  const peers = await node.rpc<PeerInfo[]>('getpeerinfo');
  return commands.filter(command => peers.some(({ bytesrecv_per_msg: got }) => got[command] !== undefined));
}

test('gossip-2: two of three peers are told, and both of two', { timeout: 120_000 }, async () => {
  const fanout = 2;
  const nodes = await start(`gossip-${fanout}`, 4, '--connect', '0');
  const [hub, ...leaves] = nodes;
  for (const leaf of leaves) await dial(hub!, leaf);
  await fund(hub!);
  await sameTip(...nodes);
  const clocks = new Clocks(nodes);
  const told = async (txid: string) => {
    const answers = await Promise.all(leaves.map(leaf => has(leaf, txid)));
    return answers.filter(answer => answer).length;
  };
  const [first] = await pay(hub!, 1);
  await clocks.eventually('two have it', 5, async () => (await told(first!)) >= fanout);
  // Nor does the third get it later.
  for (let i = 0; i < 10; i += 1) await clocks.move(10);
  expect(await told(first!)).toBe(fanout);
  const txs = await Promise.all(leaves.map(leaf => received(leaf, 'tx')));
  expect(txs.filter(kinds => kinds.length > 0)).toHaveLength(fanout);
  await hub!.rpc('generatetoaddress', 1, await hub!.rpc('getnewaddress'));
  await sameTip(...nodes);
  await hub!.rpc('disconnectnode', leaves.pop()!.address);
  const [second] = await pay(hub!, 1);
  await clocks.eventually('all that are left have it', 5, async () => (await told(second!)) === fanout);
});

test('reconcile: what is announced to nobody comes by sketches', { timeout: 120_000 }, async () => {
  // The links after a node's eighth reconcile. The seven more addresses of the hub make room for them.
  const addresses = Array.from({ length: FLOODING }, (_, i) => `127.0.1.${i + 1}`);
  const hub = await sandbox.hearsay('hub', ['--private-network', '--relay-strategy', 'reconcile', '--connect', '0', ...addresses.flatMap(host => ['--bind', host])]); // biome-ignore format: one line
  const [source, middle, last] = await start('reconcile', 3, '--connect', '0');
  await hub.start();
  for (const host of addresses) await dial(middle!, hub, `${host}:${hub.port}`);
  await dial(middle!, source!);
  await dial(last!, hub);
  const nodes = [source!, middle!, hub, last!];
  await fund(source!);
  await sameTip(...nodes);
  const clocks = new Clocks(nodes);
  // The first question makes the source keep back what it has for this link.
  await clocks.eventually('the source was asked', 10, async () => (await received(source!, 'reqrecon')).length > 0);
  const [txid] = await pay(source!, 1);
  await clocks.eventually('all have it', 10, async () => {
    const answers = await Promise.all(nodes.map(node => has(node, txid!)));
    return answers.every(answer => answer);
  });
  expect(await received(source!, 'reqrecon', 'reconcildiff', 'inv')).toEqual(['reqrecon', 'reconcildiff']);
  expect(await received(middle!, 'sketch', 'inv', 'tx')).toEqual(['sketch', 'inv', 'tx']);
  expect(await received(hub, 'reqrecon', 'sketch', 'reconcildiff', 'tx')).toEqual(['tx']);
}); // biome-ignore format: long conditions

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
