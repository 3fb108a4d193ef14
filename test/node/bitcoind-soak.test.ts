/**
 * Eight bitcoinds and one of ours, with payments and blocks for as long as `SOAK_SECONDS` says (short by default; an hour
 * tells more). One bitcoind stands where ours stands: both are dialed by some of the others and dial the rest. In the
 * end nobody has lost a connection or said a word about misbehaviour, all have one tip and one mempool, compact blocks
 * went both ways over encrypted connections, and our timers look like Core's: the time between two announcements of
 * transactions to a peer that we dialed, and to one that dialed us, pings, fee filters.
 */
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bitcoind, describeBitcoind } from '../support/bitcoind.ts';
import { eventually, Sandbox, type SandboxNode, sameTip } from '../support/process.ts';

const SECONDS = Number(process.env['SOAK_SECONDS'] ?? 40);
const LEAVES = 7;
/** Dialed by both hubs; the others dial them. */
const DIALED = 4;
const PAUSE_MS = 600;
const SECONDS_PER_BLOCK = 12;
/** Core: PING_INTERVAL; it looks ten times a second. */
const PING_INTERVAL_S = 120;
/** What bitcoind says of peers that do wrong, or that it loses. */
const COMPLAINT =
  /misbehav|discourag|disconnecting|disconnect peer|ERROR|unrequested|invalid|mutated|timeout|stalling|non-continuous|unsupported|Unknown message|out of bounds|oversized|too many|ignor/i;
/** Kolmogorov-Smirnov: two samples of one distribution differ by more than this, over their sizes, once in a thousand. */
const KS_COEFFICIENT = 1.95;

interface Peer {
  readonly id: number;
  readonly addr: string;
  readonly inbound: boolean;
  readonly transport_protocol_type: string;
  readonly bytessent_per_msg: Readonly<Record<string, number>>;
  readonly bytesrecv_per_msg: Readonly<Record<string, number>>;
}

interface Sent {
  readonly at: number;
  readonly command: string;
  readonly peer: number;
}

describeBitcoind(`a soak of ${SECONDS} s with eight bitcoinds`, () => {
  const sandbox = new Sandbox();
  let ours: SandboxNode;
  let core: SandboxNode;
  let leaves: SandboxNode[];
  let all: SandboxNode[];

  beforeAll(async () => {
    // Else its wallet writes too much in an hour, and from then on every line begins otherwise.
    const talkative = ['-debug=net', '-logtimemicros', '-nologratelimit'];
    ours = await sandbox.hearsay('ours', ['--connect=0', '--logtimemicros']);
    core = await bitcoind(sandbox, 'core', talkative);
    leaves = [];
    for (let i = 0; i < LEAVES; i += 1) leaves.push(await bitcoind(sandbox, `leaf${i}`, talkative));
    all = [ours, core, ...leaves];
    for (const node of all) await node.start();
    for (const hub of [ours, core]) {
      await hub.rpc('createwallet', 'w');
      // Not `add`: a bitcoind that has just looked through its list does so again after a minute.
      for (const leaf of leaves.slice(0, DIALED)) await hub.rpc('addnode', leaf.address, 'onetry');
      for (const leaf of leaves.slice(DIALED)) await leaf.rpc('addnode', hub.address, 'onetry');
    }
    for (const hub of [ours, core])
      await eventually('all are connected', async () => (await hub.rpc('getconnectioncount')) === LEAVES);
    for (const hub of [ours, core, core]) {
      await hub.rpc('generatetoaddress', 60, await hub.rpc<string>('getnewaddress'));
      await sameTip(...all);
    }
  }, 120_000);
  afterAll(() => sandbox.close());

  test(
    'they live together',
    async () => {
      const begun = Date.now() / 1_000;
      const end = Date.now() + SECONDS * 1_000;
      let nextBlock = Date.now() + SECONDS_PER_BLOCK * 1_000;
      for (let turn = 0; Date.now() < end; turn += 1) {
        for (const hub of [ours, core]) await pay(hub);
        if (Date.now() > nextBlock) {
          const miner = all[turn % all.length]!;
          await miner.rpc('generatetoaddress', 1, await core.rpc<string>('getnewaddress'));
          nextBlock += SECONDS_PER_BLOCK * 1_000;
        }
        await delay(PAUSE_MS);
      }
      // Payments that are under way arrive.
      await eventually('all have the same transactions', async () => {
        const pools = await Promise.all(
          all.map(async node => (await node.rpc<string[]>('getrawmempool')).sort()),
        );
        return pools.every(pool => JSON.stringify(pool) === JSON.stringify(pools[0]));
      });
      for (const miner of [ours, core]) {
        await miner.rpc('generatetoaddress', 1, await core.rpc<string>('getnewaddress'));
        await sameTip(...all);
      }
      await connectionsAreWhole();
      for (const node of [core, ...leaves]) expect(complaintsOf(node), node.name).toEqual([]);
      timersMatch(await sentBy(ours, begun), await sentBy(core, begun));
    },
    (SECONDS + 120) * 1_000,
  );

  async function pay(hub: SandboxNode): Promise<void> {
    const to = await core.rpc<string>('getnewaddress');
    await hub.rpc('sendtoaddress', to, 0.001).catch(() => {
      // A chain of its own change has grown too long: the next block helps.
    });
  }

  async function connectionsAreWhole(): Promise<void> {
    const peers = await ours.rpc<Peer[]>('getpeerinfo');
    expect(peers.map(({ id }) => id)).toHaveLength(LEAVES);
    // None was replaced by another.
    expect(Math.max(...peers.map(({ id }) => id))).toBe(LEAVES - 1);
    for (const peer of peers) {
      expect(peer.transport_protocol_type, peer.addr).toBe('v2');
      expect(Object.keys(peer.bytesrecv_per_msg)).not.toContain('*other*');
    }
    const total = (way: 'bytessent_per_msg' | 'bytesrecv_per_msg', command: string) =>
      peers.reduce((sum, peer) => sum + (peer[way][command] ?? 0), 0);
    for (const command of ['cmpctblock', 'inv', 'tx', 'getdata', 'feefilter', 'ping', 'pong']) {
      expect(total('bytessent_per_msg', command), `sent ${command}`).toBeGreaterThan(0);
      expect(total('bytesrecv_per_msg', command), `received ${command}`).toBeGreaterThan(0);
    }
    for (const leaf of leaves)
      for (const peer of await leaf.rpc<Peer[]>('getpeerinfo'))
        expect(Object.keys(peer.bytesrecv_per_msg), leaf.name).not.toContain('*other*');
  }

  /** Since `begun`, in seconds: what announced the many blocks before that is not like the rest. */
  async function sentBy(
    hub: SandboxNode,
    begun: number,
  ): Promise<{ readonly sent: Sent[]; readonly inbound: Set<number> }> {
    const peers = await hub.rpc<Peer[]>('getpeerinfo');
    const inbound = new Set(peers.filter(peer => peer.inbound).map(({ id }) => id));
    const sent = logOf(hub).flatMap(line => {
      const match = /^(\S+Z) .*sending (\w+) \(\d+ bytes\) peer=(\d+)/.exec(line);
      return match ? [{ at: Date.parse(match[1]!) / 1_000, command: match[2]!, peer: Number(match[3]) }] : [];
    });
    return { sent: sent.filter(({ at }) => at >= begun), inbound };
  }

  function timersMatch(
    us: Awaited<ReturnType<typeof sentBy>>,
    them: Awaited<ReturnType<typeof sentBy>>,
  ): void {
    const rows: string[] = [];
    const compare = (
      name: string,
      command: string,
      whom: (peer: number, inbound: Set<number>) => boolean,
    ) => {
      const [mine, theirs] = [us, them].map(({ sent, inbound }) =>
        intervals(sent, command, peer => whom(peer, inbound)),
      ) as [number[], number[]];
      const distance = ksDistance(mine, theirs);
      const limit = KS_COEFFICIENT * Math.sqrt(1 / mine.length + 1 / theirs.length);
      rows.push(
        `${name.padEnd(28)} ours ${figures(mine)}   core ${figures(theirs)}   distance ${distance.toFixed(2)} of ${limit.toFixed(2)}`,
      );
      if (mine.length > 0 && theirs.length > 0) expect(distance, rows.at(-1)).toBeLessThan(limit);
    };
    compare('inv to those we dialed', 'inv', (peer, inbound) => !inbound.has(peer));
    // They share a clock: one of them tells all.
    compare('inv to one that dialed us', 'inv', (peer, inbound) => peer === Math.min(...inbound));
    compare('feefilter', 'feefilter', () => true);
    process.stdout.write(`${rows.join('\n')}\n`);
    for (const [name, { sent }] of Object.entries({ ours: us, core: them })) {
      const span = `${name}: time between two pings, of log lines from ${sent[0]?.at} to ${sent.at(-1)?.at} s`;
      for (let peer = 0; peer < LEAVES; peer += 1)
        for (const interval of intervals(sent, 'ping', each => each === peer).filter(each => each > 5))
          expect(Math.abs(interval - PING_INTERVAL_S), `${span}, peer ${peer}`).toBeLessThan(3);
    }
  }
});

function logOf(node: SandboxNode): string[] {
  return fs.readFileSync(path.join(node.directory, 'debug.log'), 'utf8').split('\n');
}

function complaintsOf(node: SandboxNode): string[] {
  return logOf(node).filter(line => COMPLAINT.test(line) && !/Command-line arg|Config file arg/.test(line));
}

/** Seconds between two messages of the same kind to the same peer. */
function intervals(sent: readonly Sent[], command: string, whom: (peer: number) => boolean): number[] {
  const last = new Map<number, number>();
  const found: number[] = [];
  for (const { at, command: each, peer } of sent) {
    if (each !== command || !whom(peer)) continue;
    const before = last.get(peer);
    if (before !== undefined) found.push(at - before);
    last.set(peer, at);
  }
  return found;
}

/** The largest difference between the shares of both samples that lie below a value. */
function ksDistance(a: readonly number[], b: readonly number[]): number {
  let largest = 0;
  for (const value of [...a, ...b]) {
    const share = (sample: readonly number[]) => sample.filter(each => each <= value).length / sample.length;
    largest = Math.max(largest, Math.abs(share(a) - share(b)));
  }
  return largest;
}

function figures(sample: readonly number[]): string {
  const sorted = [...sample].sort((a, b) => a - b);
  const mean = sample.reduce((sum, each) => sum + each, 0) / sample.length;
  const at = (share: number) => (sorted[Math.floor(share * sorted.length)] ?? Number.NaN).toFixed(2);
  return `n ${String(sample.length).padStart(4)} mean ${mean.toFixed(2)} p50 ${at(0.5)} p90 ${at(0.9)}`;
}
