/**
 * A network of real nodes on one machine, from an empty folder: processes that find each other through a DNS seed and
 * address gossip, mine, pay each other, are cut in two, heal, and survive a SIGKILL. Exit code 0 only if every check held.
 *
 *   npm run regtest -- [--nodes N] [--keep]
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { freePort } from './regtest/ports.ts';
import { killAll, launch, RegtestNode, runProgram, until } from './regtest/process.ts';
import { Report } from './regtest/report.ts';

const CHAIN = 'hearsay-regtest';
const SEED = 'seed.hearsay.test';
/** Blocks until the first reward can be spent. */
const MATURITY = 100;
const SPREAD_TIMEOUT_MS = 30_000;
const PAYMENT = 1.25;

interface Block {
  readonly height: number;
  readonly hash: string;
}

interface Network {
  readonly nodes: readonly RegtestNode[];
  readonly report: Report;
}

const { values } = parseArgs({
  options: { nodes: { type: 'string', default: '5' }, keep: { type: 'boolean', default: false } },
});

await main(Number(values.nodes), values.keep);

async function main(count: number, keep: boolean): Promise<void> {
  if (!Number.isInteger(count) || count < 3 || count > 50) {
    process.stderr.write('Error: --nodes must be a whole number from 3 to 50\n');
    process.exit(1);
  }
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'hearsay-regtest-'));
  process.once('exit', killAll);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  const report = new Report();
  let isOk = false;
  try {
    const network = await start(root, count, report);
    await runScenario(network);
    isOk = report.failures === 0;
    if (keep && isOk) {
      explainKept(network.nodes, root);
      // The processes live on: they are not ours to end any more.
      process.removeListener('exit', killAll);
      process.exit(0);
    }
    await Promise.all(network.nodes.map(node => node.stop()));
  } catch (error) {
    report.check(false, (error as Error).message);
  }
  killAll();
  if (isOk) fs.rmSync(root, { recursive: true, force: true });
  else process.stderr.write(`Error: ${report.failures} checks failed; logs are in ${root}\n`);
  report.line(isOk ? 'Everything held.' : 'Not everything held.');
  process.exit(isOk ? 0 : 1);
}

async function runScenario(network: Network): Promise<void> {
  await awaitConnections(network);
  await fundFirstNode(network);
  await showTransactions(network);
  await showBlock(network);
  await splitAndHeal(network);
  await killAndCatchUp(network);
  await finalTable(network);
}

// Starting.

async function start(root: string, count: number, report: Report): Promise<Network> {
  const hosts = Array.from({ length: count }, (_, i) => `127.${i + 1}.0.1`);
  report.step(`Starting ${count} nodes and a DNS seed`);
  const port = await freePort(hosts).catch(error => {
    throw new Error(`127.1.0.1 … 127.${count}.0.1 cannot all be listened on here (${error.message})`);
  });
  const genesis = path.join(root, 'genesis.json');
  await runProgram(['genesis', 'create', '--name', CHAIN, '--port', String(port), '--out', genesis]);
  report.line(`A chain of its own, with ${port} as its default port: ${genesis}`);

  const dnsPort = await freePort(['127.0.0.1']);
  const shared = ['--genesis', genesis, '--private-network'];
  const seeder = [
    'seeder',
    ...shared,
    '--zone',
    SEED,
    '--listen',
    `127.0.0.1:${dnsPort}`,
    '--crawl',
    hosts[0]!,
  ];
  launch(seeder, path.join(root, 'seeder.log'));
  const nodes: RegtestNode[] = [];
  for (const [i, host] of hosts.entries()) {
    const directory = path.join(root, `node${i + 1}`);
    const rpcPort = await freePort(['127.0.0.1']);
    const args = [
      ...shared,
      ...['--datadir', directory, '--bind', host, '--port', String(port), '--rpcport', String(rpcPort)],
      ...['--seed', SEED, '--resolver', `127.0.0.1:${dnsPort}`, '--fallbackfee', '0.0002'],
    ];
    nodes.push(new RegtestNode({ name: `node${i + 1}`, host, rpcPort, directory, chain: CHAIN, args }));
  }
  await Promise.all(nodes.map(node => node.start()));
  report.line(`${count} nodes answer JSON-RPC; each was told the seed's name and nobody's address`);
  return { nodes, report };
}

async function awaitConnections({ nodes, report }: Network): Promise<void> {
  report.step('Finding each other');
  const enough = Math.min(nodes.length - 1, 3);
  await until('all nodes have peers and know all addresses', 40_000, async () => {
    const peers = await Promise.all(nodes.map(node => node.rpc<number>('getconnectioncount')));
    const known = await Promise.all(nodes.map(node => node.rpc<unknown[]>('getnodeaddresses', 0)));
    return peers.every(count => count >= enough) && known.every(list => list.length >= nodes.length - 1);
  });
  for (const node of nodes) {
    const peers =
      await node.rpc<{ addr: string; connection_type: string; inbound: boolean }[]>('getpeerinfo');
    const outbound = peers.filter(peer => !peer.inbound).map(peer => peer.addr.replace(/:\d+$/, ''));
    report.line(
      `${node.name} (${node.setup.host}) dialed ${outbound.join(', ') || 'nobody'}; ${peers.length} peers`,
    );
  }
  report.check(true, `every node has at least ${enough} peers and knows every other node's address`);
}

// Using.

async function fundFirstNode({ nodes, report }: Network): Promise<void> {
  report.step('Mining to maturity');
  for (const node of nodes) await node.rpc('createwallet', 'wallet');
  const [first] = nodes;
  const address = await first!.rpc<string>('getnewaddress');
  const blocks = MATURITY + nodes.length;
  await first!.rpc('generatetoaddress', blocks, address);
  await awaitSameTip(nodes, 'the mined blocks reach everybody');
  const balance = await first!.rpc<number>('getbalance');
  report.check(balance === 50 * nodes.length, `${blocks} blocks mined; node1 may spend ${balance} coins`);
}

async function showTransactions({ nodes, report }: Network): Promise<void> {
  report.step('Paying');
  const [payer, ...others] = nodes;
  for (const node of others) {
    const address = await node.rpc<string>('getnewaddress');
    const txid = await payer!.rpc<string>('sendtoaddress', address, PAYMENT);
    const times = await spread(nodes, async target => {
      const pool = await target.rpc<string[]>('getrawmempool');
      return pool.includes(txid);
    });
    report.line(`${PAYMENT} to ${node.name}, ${txid.slice(0, 16)}…: ${describe(nodes, times)}`);
  }
  report.check(true, `${others.length} payments are in every mempool`);
}

async function showBlock({ nodes, report }: Network): Promise<void> {
  report.step('Confirming');
  const miner = nodes[1]!;
  const address = await miner.rpc<string>('getnewaddress');
  const [hash] = await miner.rpc<string[]>('generatetoaddress', 1, address);
  const times = await spread(nodes, async target => (await target.rpc('getbestblockhash')) === hash);
  report.line(`block ${hash!.slice(0, 16)}… mined by ${miner.name}: ${describe(nodes, times)}`);
  for (const node of nodes.slice(1)) {
    const balance = await node.rpc<number>('getbalance');
    report.check(balance === PAYMENT, `${node.name} has ${balance}`);
  }
  const pools = await Promise.all(nodes.map(node => node.rpc<string[]>('getrawmempool')));
  report.check(
    pools.every(pool => pool.length === 0),
    'the mempools are empty again',
  );
}

/** Milliseconds until `has` is true at each node. */
async function spread(
  nodes: readonly RegtestNode[],
  has: (node: RegtestNode) => Promise<boolean>,
): Promise<number[]> {
  const start = performance.now();
  return Promise.all(
    nodes.map(async node => {
      await until(`it reaches ${node.name}`, SPREAD_TIMEOUT_MS, () => has(node), 5);
      return performance.now() - start;
    }),
  );
}

function describe(nodes: readonly RegtestNode[], times: readonly number[]): string {
  return nodes.map((node, i) => `${node.name} ${Math.round(times[i]!)} ms`).join(', ');
}

async function splitAndHeal({ nodes, report }: Network): Promise<void> {
  report.step('Cutting the network in two');
  const middle = Math.ceil(nodes.length / 2);
  const [left, right] = [nodes.slice(0, middle), nodes.slice(middle)];
  for (const [side, other] of [
    [left, right],
    [right, left],
  ] as const) {
    for (const node of side)
      for (const stranger of other) await node.rpc('setban', stranger.setup.host, 'add');
  }
  const isCut = async () => {
    const crossing = await Promise.all(
      nodes.map(async (node, i) => {
        const strangers = new Set((i < middle ? right : left).map(({ setup }) => setup.host));
        const peers = await node.rpc<{ addr: string }[]>('getpeerinfo');
        return peers.some(({ addr }) => strangers.has(addr.replace(/:\d+$/, '')));
      }),
    );
    return !crossing.includes(true);
  };
  await until('no connection crosses the cut', SPREAD_TIMEOUT_MS, isCut);
  const fork = await tipOf(nodes[0]!);
  const [short, long] = [await mine(left[0]!, 2), await mine(right[0]!, 4)];
  await awaitSameTip(left, 'the left side agrees');
  await awaitSameTip(right, 'the right side agrees');
  report.line(
    `${names(left)} stand at ${short.height}, ${names(right)} at ${long.height}; they last agreed on ${fork.height}`,
  );
  report.check(short.hash !== long.hash, 'the two sides have different chains');

  report.step('Healing it');
  for (const node of nodes) await node.rpc('clearbanned');
  await awaitSameTip(nodes, 'everybody agrees again', 60_000);
  const tip = await tipOf(nodes[0]!);
  report.check(tip.hash === long.hash, `everybody follows the chain with more work, at ${tip.height}`);
  const tips = await left[0]!.rpc<{ status: string; branchlen: number; hash: string }[]>('getchaintips');
  const abandoned = tips.find(found => found.hash === short.hash);
  const claim = `${left[0]!.name} gave up its own branch of ${abandoned?.branchlen ?? 0} blocks (${abandoned?.status ?? 'unknown'})`;
  report.check(abandoned?.status === 'valid-fork' && abandoned.branchlen === 2, claim);
}

async function killAndCatchUp({ nodes, report }: Network): Promise<void> {
  report.step('Killing a node with SIGKILL');
  const victim = nodes.at(-1)!;
  const before = await tipOf(victim);
  const balance = await victim.rpc<number>('getbalance');
  await victim.kill();
  const tip = await mine(nodes[0]!, 6);
  report.line(`${victim.name} died at ${before.height}; the others went on to ${tip.height}`);
  await victim.start();
  const woken = await tipOf(victim);
  report.check(
    woken.height >= before.height,
    `${victim.name} stands at ${woken.height} after its restart: nothing was lost`,
  );
  await victim.rpc('loadwallet', 'wallet').catch(() => undefined);
  await awaitSameTip(nodes, `${victim.name} catches up`, 60_000);
  report.check(
    (await victim.rpc<number>('getbalance')) === balance,
    `${victim.name} caught up, and still has ${balance}`,
  );
}

async function finalTable({ nodes, report }: Network): Promise<void> {
  report.step('Where everybody stands');
  const rows: string[][] = [];
  let total = 0;
  const tips = new Set<string>();
  for (const node of nodes) {
    const tip = await tipOf(node);
    const peers = await node.rpc<number>('getconnectioncount');
    const { mine } = await node.rpc<{
      mine: { trusted: number; untrusted_pending: number; immature: number };
    }>('getbalances');
    total += mine.trusted + mine.immature;
    tips.add(tip.hash);
    rows.push([
      node.name,
      node.setup.host,
      String(tip.height),
      `${tip.hash.slice(0, 20)}…`,
      String(peers),
      mine.trusted.toFixed(8),
      mine.immature.toFixed(8),
    ]);
  }
  report.table(['node', 'address', 'height', 'tip', 'peers', 'spendable', 'immature'], rows);
  report.check(tips.size === 1, 'all tips are equal');
  const { total_amount: made } = await nodes[0]!.rpc<{ total_amount: number }>('gettxoutsetinfo');
  report.check(Math.abs(total - made) < 1e-6, `the wallets hold all ${made} coins there are`);
}

// Helpers.

async function tipOf(node: RegtestNode): Promise<Block> {
  const { blocks: height, bestblockhash: hash } = await node.rpc<{ blocks: number; bestblockhash: string }>(
    'getblockchaininfo',
  );
  return { height, hash };
}

async function mine(node: RegtestNode, blocks: number): Promise<Block> {
  await node.rpc('generatetoaddress', blocks, await node.rpc<string>('getnewaddress'));
  return tipOf(node);
}

async function awaitSameTip(
  nodes: readonly RegtestNode[],
  what: string,
  timeoutMs = SPREAD_TIMEOUT_MS,
): Promise<void> {
  await until(
    what,
    timeoutMs,
    async () => new Set(await Promise.all(nodes.map(async node => (await tipOf(node)).hash))).size === 1,
  );
}

function names(nodes: readonly RegtestNode[]): string {
  return nodes.map(node => node.name).join(', ');
}

function explainKept(nodes: readonly RegtestNode[], root: string): void {
  const { rpcPort, directory, args } = nodes[0]!.setup;
  process.stdout.write(
    [
      'The network is left running. Talk to it:',
      `  bin/node rpc --genesis ${args[1]} --datadir ${directory} --rpcport ${rpcPort} getblockchaininfo`,
      ...nodes.map(
        node => `  ${node.name}: RPC 127.0.0.1:${node.setup.rpcPort}, data ${node.setup.directory}`,
      ),
      `End it:  pkill -f ${root}`,
      '',
    ].join('\n'),
  );
}
