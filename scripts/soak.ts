/**
 * One node of ours in the middle of several of Bitcoin Core's: every transaction and block crosses it. Payments and blocks
 * come from all of them for as long as asked; then the logs must know of no misbehaviour, all connections must still
 * stand, tips and mempools must be equal, and our timers must look like Core's. Exit code 0 only if every check held.
 *
 *   npm run soak -- --minutes N [--peers N] [--bitcoind PATH]
 *
 * Half of the peers dial us, two of these with the old transport; we dial the others. The first two are also connected to
 * each other: what they tell one another is the yardstick for how long an announcement may take.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { freePort, killAll, RegtestNode, until } from './regtest/process.ts';
import { Report } from './regtest/report.ts';
import { type Arrival, arrivalsIn, medianOf, suspiciousLines } from './soak/logs.ts';

const HOST = '127.0.0.1';
const PAUSE_MS = 1_500;
const BLOCK_EVERY_MS = 20_000;
/** Blocks until rewards can be spent, and some to spend. */
const FIRST_BLOCKS = 8;
const MATURITY = 100;
/** What is announced takes 2 s on average to whom the sender dialed, 5 s to who dialed it (Core: *_INVENTORY_BROADCAST_INTERVAL). */
const MEAN_MS = { outbound: 2_000, inbound: 5_000 } as const;

interface Payment {
  readonly from: RegtestNode;
  readonly at: number;
}

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '3' },
    peers: { type: 'string', default: '8' },
    bitcoind: { type: 'string', default: process.env['BITCOIND'] ?? '' },
  },
});

async function main(minutes: number, peers: number, bitcoind: string): Promise<number> {
  if (!(minutes > 0) || !Number.isInteger(peers) || peers < 4 || bitcoind === '') {
    process.stderr.write(
      'Error: --minutes takes a positive number, --peers a whole one from 4 on, and --bitcoind (or BITCOIND) a program\n',
    );
    return 2;
  }
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'hearsay-soak-'));
  process.once('exit', killAll);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(2));
  const report = new Report();
  try {
    const soak = await Soak.start(root, bitcoind, peers);
    report.step(`${peers} peers for ${minutes} minutes`);
    await soak.traffic(minutes * 60_000);
    await soak.judge(report);
    await Promise.all(soak.all.map(node => node.stop()));
  } catch (error) {
    report.check(false, (error as Error).message);
  }
  if (report.failures === 0) fs.rmSync(root, { recursive: true, force: true });
  else report.line(`What they wrote is in ${root}`);
  return report.failures === 0 ? 0 : 1;
}

class Soak {
  readonly ours: RegtestNode;
  readonly cores: readonly RegtestNode[];
  /** wtxid → who made it, and when. */
  readonly #payments = new Map<string, Payment>();
  readonly #addresses = new Map<RegtestNode, string>();
  #blocks = 0;

  private constructor(ours: RegtestNode, cores: readonly RegtestNode[]) {
    this.ours = ours;
    this.cores = cores;
  }

  get all(): readonly RegtestNode[] {
    return [this.ours, ...this.cores];
  }

  static async start(root: string, bitcoind: string, peers: number): Promise<Soak> {
    const port = await freePort([HOST]);
    const place = async (name: string) => ({
      name,
      host: HOST,
      rpcPort: await freePort([HOST]),
      directory: path.join(root, name),
      chain: 'regtest',
    });
    const common = [
      'debug=net',
      'debug=cmpctblock',
      'logtimemicros=1',
      'fallbackfee=0.0002',
      'printtoconsole=0',
    ];
    const dashed = (dash: string) => common.map(option => `${dash}${option}`);
    const setup = await place('hearsay');
    const ours = new RegtestNode({
      ...setup,
      args: [
        '--datadir',
        setup.directory,
        '--rpcport',
        `${setup.rpcPort}`,
        '--bind',
        `${HOST}:${port}`,
        ...dashed('--'),
      ],
    });
    await ours.start();
    const cores: RegtestNode[] = [];
    const ports: number[] = [];
    for (let i = 0; i < peers; i += 1) {
      const each = await place(`core${i}`);
      const ownPort = await freePort([HOST]);
      ports.push(ownPort);
      const node = new RegtestNode({
        ...each,
        program: [bitcoind],
        args: [
          ...[
            '-regtest',
            `-datadir=${each.directory}`,
            `-rpcport=${each.rpcPort}`,
            `-bind=${HOST}:${ownPort}`,
          ],
          ...['-listen=1', '-dnsseed=0', '-fixedseeds=0', '-listenonion=0', '-discover=0', '-natpmp=0'],
          ...[`-uacomment=core${i}`, ...dashed('-'), ...(isOld(i, peers) ? ['-v2transport=0'] : [])],
        ],
      });
      await node.start();
      cores.push(node);
    }
    for (const [i, node] of cores.entries()) {
      if (dialsUs(i, peers)) await node.rpc('addnode', `${HOST}:${port}`, 'add');
      else await ours.rpc('addnode', `${HOST}:${ports[i]}`, 'add');
    }
    await cores[0]!.rpc('addnode', `${HOST}:${ports[1]}`, 'add');
    await until('all are connected', 60_000, async () => {
      const known = await ours.rpc<unknown[]>('getpeerinfo');
      return known.length === peers;
    });
    const soak = new Soak(ours, cores);
    await soak.#fund();
    return soak;
  }

  async #fund(): Promise<void> {
    for (const node of this.all) {
      await node.rpc('createwallet', 'soak');
      this.#addresses.set(node, await node.rpc<string>('getnewaddress'));
    }
    for (const node of this.all) {
      await this.#inStep();
      await node.rpc('generatetoaddress', FIRST_BLOCKS, this.#addresses.get(node)!);
    }
    await this.#inStep();
    await this.cores[0]!.rpc('generatetoaddress', MATURITY, this.#addresses.get(this.cores[0]!)!);
    await this.#inStep();
  }

  #inStep(): Promise<boolean> {
    return until('all are on one tip', 60_000, async () => {
      const tips = await Promise.all(this.all.map(node => node.rpc<string>('getbestblockhash')));
      return new Set(tips).size === 1;
    });
  }

  /** Payments one after another, and a block now and then, from everybody in turn. */
  async traffic(durationMs: number): Promise<void> {
    const end = Date.now() + durationMs;
    let nextBlock = Date.now() + BLOCK_EVERY_MS;
    for (let turn = 0; Date.now() < end; turn += 1) {
      const from = this.all[turn % this.all.length]!;
      const to = this.all[(turn * 5 + 3) % this.all.length]!;
      const at = Date.now();
      const txid = await from.rpc<string>('sendtoaddress', this.#addresses.get(to)!, 0.01);
      const { wtxid } = await from.rpc<{ wtxid: string }>('getmempoolentry', txid);
      this.#payments.set(wtxid, { from, at });
      if (Date.now() > nextBlock) {
        const miner = this.all[this.#blocks % this.all.length]!;
        await miner.rpc('generatetoaddress', 1, this.#addresses.get(miner)!);
        this.#blocks += 1;
        nextBlock = Date.now() + BLOCK_EVERY_MS;
      }
      await delay(PAUSE_MS);
    }
  }

  async judge(report: Report): Promise<void> {
    report.line(`${this.#payments.size} payments, ${this.#blocks} blocks`);
    const isSettled = await until('mempools are equal', 120_000, () => this.#areMempoolsEqual()).catch(
      () => false,
    );
    report.check(isSettled, 'all mempools are equal');
    report.check(await this.#inStep().catch(() => false), 'all tips are equal');
    await this.#judgePeers(report);
    for (const node of this.all) {
      const lines = suspiciousLines(this.#logOf(node));
      report.check(lines.length === 0, `the log of ${node.name} knows of nothing odd`);
      for (const line of lines.slice(0, 5)) report.line(line);
    }
    this.#judgeTimers(report);
  }

  async #areMempoolsEqual(): Promise<boolean> {
    const pools = await Promise.all(this.all.map(node => node.rpc<string[]>('getrawmempool')));
    return new Set(pools.map(pool => pool.sort().join())).size === 1;
  }

  async #judgePeers(report: Report): Promise<void> {
    const peers = await this.ours.rpc<PeerInfo[]>('getpeerinfo');
    report.check(peers.length === this.cores.length, 'every peer is still there');
    const isUnbroken = Math.max(...peers.map(({ id }) => id)) < this.cores.length + 2;
    report.check(isUnbroken, 'over its first connection');
    const old = peers.filter(peer => peer.transport_protocol_type === 'v1');
    report.check(old.length === 2, 'two by the old transport, the others by the encrypted one');
    for (const direction of ['recv', 'sent'] as const) {
      const count = peers.filter(peer => (peer[`bytes${direction}_per_msg`]['cmpctblock'] ?? 0) > 0).length;
      report.check(
        count > 0,
        `compact blocks ${direction === 'recv' ? 'came from' : 'went to'} ${count} peers`,
      );
    }
  }

  /** How long announcements took: of ours to those we dialed and to those who dialed us, of Core's likewise. */
  #judgeTimers(report: Report): void {
    const arrivals = new Map(this.cores.map(node => [node, arrivalsIn(this.#logOf(node))]));
    const ofOurs = (dialed: boolean) =>
      this.cores.flatMap((node, i) =>
        dialsUs(i, this.cores.length) === dialed
          ? []
          : this.#delays(this.ours, arrivals.get(node)!, '/Hearsay'),
      );
    const [first, second] = this.cores as [RegtestNode, RegtestNode];
    const table: readonly (readonly [string, keyof typeof MEAN_MS, readonly number[]])[] = [
      ['ours to whom we dialed', 'outbound', ofOurs(true)],
      ['Core’s to whom it dialed', 'outbound', this.#delays(first, arrivals.get(second)!, 'core0')],
      ['ours to who dialed us', 'inbound', ofOurs(false)],
      ['Core’s to who dialed it', 'inbound', this.#delays(second, arrivals.get(first)!, 'core1')],
    ];
    for (const [what, kind, delays] of table) {
      const mean = delays.reduce((sum, each) => sum + each, 0) / delays.length;
      report.line(
        `${what}: ${delays.length} announcements, mean ${Math.round(mean)} ms, median ${Math.round(medianOf(delays))} ms ` +
          `(${MEAN_MS[kind]} ms on average by the rule)`,
      );
    }
    for (const [what, kind, delays] of [table[0]!, table[2]!]) {
      const mean = delays.reduce((sum, each) => sum + each, 0) / delays.length;
      // Few announcements say little of a mean.
      const tolerance = 0.15 + 3 / Math.sqrt(Math.max(1, delays.length));
      report.check(Math.abs(mean / MEAN_MS[kind] - 1) < tolerance, `${what}: as the rule has it`);
    }
  }

  /** Of what `from` made, how long until it was announced in this log by the peer whose user agent has `agent`. */
  #delays(from: RegtestNode, arrivals: readonly Arrival[], agent: string): number[] {
    return arrivals.flatMap(({ wtxid, at, peerAgent }) => {
      const payment = this.#payments.get(wtxid);
      return payment?.from === from && peerAgent.includes(agent) ? [at - payment.at] : [];
    });
  }

  #logOf(node: RegtestNode): string {
    return path.join(node.setup.directory, 'regtest', 'debug.log');
  }
}

interface PeerInfo {
  readonly id: number;
  readonly transport_protocol_type: string;
  readonly bytesrecv_per_msg: Readonly<Record<string, number>>;
  readonly bytessent_per_msg: Readonly<Record<string, number>>;
}

/** The first half dials us, and of these the last two speak the old transport. */
function dialsUs(index: number, peers: number): boolean {
  return index < peers / 2;
}

function isOld(index: number, peers: number): boolean {
  return dialsUs(index, peers) && index >= Math.ceil(peers / 2) - 2;
}

process.exitCode = await main(Number(values.minutes), Number(values.peers), values.bitcoind);
