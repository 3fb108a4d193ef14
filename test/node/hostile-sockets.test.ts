/**
 * Hostile peers on real sockets of a real process: who speaks slowly, asks and does not read, connects more often than
 * there are places, or hangs up by halves. The node's clock is told to go on (`setmocktime`); nothing here waits for real
 * time, only for what the node does.
 */
import fs from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type BlockHash, hexToBytes } from '../../src/base/bytes.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { createExchangeKey } from '../../src/crypto/bip324.ts';
import { encodeFrame } from '../../src/wire/frame.ts';
import { INV_WITNESS_BLOCK } from '../../src/wire/messages.ts';
import { GARBAGE_BYTES_MAX } from '../../src/wire/v2-transport.ts';
import { eventually, Sandbox, type SandboxNode } from '../support/process.ts';
import { RawPeer } from '../support/raw-peer.ts';

const REGTEST = hexToBytes('fabfb5da');
/** Of the 125 places, ten are for peers that we dial and one is for feelers. */
const MAX_CONNECTIONS = 71;
const INBOUND = MAX_CONNECTIONS - 11;
const HONEST = 3;
/** Files that a node opens now and then: logs, databases. */
const OTHER_FILES = 8;
const MINUTE_S = 60;

interface PeerInfo {
  readonly id: number;
  readonly addr: string;
  readonly inbound: boolean;
  readonly subver: string;
  readonly bytesrecv: number;
  readonly bytessent: number;
  readonly pingwait?: number;
  readonly pingtime?: number;
}

const sandbox = new Sandbox();
const random = new SeededRandom(1);
let node: SandboxNode;
/** Whole nodes that dialed it before anybody else: they answer pings. */
const honest: SandboxNode[] = [];
let now = 0;

beforeAll(async () => {
  node = await sandbox.hearsay('node', ['--maxconnections', String(MAX_CONNECTIONS)]);
  await node.start();
  now = (await node.rpc<{ mediantime: number }>('getblockchaininfo')).mediantime + 600;
  await node.rpc('setmocktime', now);
  for (let i = 0; i < HONEST; i += 1) {
    const other = await sandbox.hearsay(`honest${i}`, ['--connect', node.address]);
    honest.push(other);
    await other.start();
  }
  await eventually('honest peers are there', async () => (await honestPeers()).length === HONEST);
}, 120_000);
afterAll(() => sandbox.close());

const strangers: RawPeer[] = [];
afterEach(async () => {
  for (const peer of strangers.splice(0)) peer.close();
  await noStrangers();
});

async function stranger(how: 'connect' | 'greet' = 'connect', from?: string): Promise<RawPeer> {
  const peer = await RawPeer[how](node.port, REGTEST, from);
  strangers.push(peer);
  return peer;
}

const peers = () => node.rpc<PeerInfo[]>('getpeerinfo');
const honestPeers = async () =>
  (await peers()).filter(({ subver, pingtime }) => subver.startsWith('/Hearsay') && pingtime !== undefined);
const openFiles = () => fs.readdirSync(`/proc/${node.pid}/fd`).length;

async function noStrangers(): Promise<void> {
  await eventually('strangers are gone', async () => (await peers()).length === HONEST);
}

/** Lets the node's clock go on, as far as honest peers have time to answer its pings. */
async function pass(seconds: number): Promise<void> {
  for (let left = seconds; left > 0; left -= MINUTE_S) {
    now += Math.min(left, MINUTE_S);
    await node.rpc('setmocktime', now);
    await eventually('honest peers answer', async () =>
      (await honestPeers()).every(({ pingwait }) => pingwait === undefined),
    );
  }
}

describe('slow-loris', () => {
  const version = encodeFrame(REGTEST, 'version', new Uint8Array(100));
  const half = encodeFrame(REGTEST, 'block', new Uint8Array(3_000_000));
  const key = () => createExchangeKey(random).encoded;

  /** Says `bytes`, then one more each `everyS` until the node hangs up; answers how long that took by the node's clock. */
  async function dripped(peer: RawPeer, bytes: Uint8Array, more: Uint8Array, everyS: number, maxS: number) {
    const since = now;
    peer.sendBytes(bytes);
    for (let i = 0; !peer.isClosed; i += 1) {
      expect(now - since).toBeLessThanOrEqual(maxS);
      peer.sendBytes(more.subarray(i, i + 1));
      const expected = bytes.length + Math.min(i + 1, more.length);
      const isThere = async () => peer.isClosed || ((await bytesOfStranger()) ?? expected) >= expected;
      await eventually('the byte is there', isThere);
      await pass(everyS);
    }
    return now - since;
  }
  const bytesOfStranger = async () =>
    (await peers()).find(({ subver }) => !subver.startsWith('/Hearsay'))?.bytesrecv;

  // Core: -peertimeout, 60 s, for the handshake whatever comes meanwhile.
  test.each<[string, () => Uint8Array, Uint8Array]>([
    ['nothing at all', () => new Uint8Array(0), new Uint8Array(0)],
    ['a version message of v1, byte by byte', () => version.subarray(0, 30), version.subarray(30)],
    ['a key of v2, byte by byte', () => key().slice(0, 20), random.bytes(40)],
    ['garbage of v2 without terminator, byte by byte', key, random.bytes(300)],
  ])('%s: gone after a minute', async (_, begin, more) => {
    const peer = await stranger();
    await eventually('it is there', async () => (await peers()).length === HONEST + 1);
    const took = await dripped(peer, begin(), more, 10, 2 * MINUTE_S);
    expect(took).toBeLessThanOrEqual(70);
    await noStrangers();
  });

  test('garbage of v2 without terminator, at once: gone with the last byte that may be', async () => {
    const peer = await stranger();
    peer.sendBytes(key());
    peer.sendBytes(random.bytes(GARBAGE_BYTES_MAX + 16));
    expect(await peer.closed()).toBe(true);
    await noStrangers();
  });

  test('in the middle of a frame: twenty minutes without a pong', async () => {
    const peer = await stranger('greet');
    const took = await dripped(
      peer,
      half.subarray(0, 1_000),
      half.subarray(1_000),
      2 * MINUTE_S,
      30 * MINUTE_S,
    );
    expect(took).toBeGreaterThan(19 * MINUTE_S);
    expect(took).toBeLessThanOrEqual(24 * MINUTE_S);
    await noStrangers();
    expect(await honestPeers()).toHaveLength(HONEST);
  });
});

describe('asking for much and reading nothing', () => {
  /** What the systems hold of one connection at most (Linux: tcp_wmem and tcp_rmem end at 4 and 6 MB), and our own megabyte. */
  const HELD_BYTES_MAX = 12_000_000;
  const ASKED = 120;
  /** Of a block: less than the next one that it asked for. */
  const ANNOUNCEMENT_BYTES = 1_000;
  const TXS = 8;
  const TX_BYTES = 90_000;
  let hash: string;
  beforeAll(async () => {
    const rpc: typeof node.rpc = (...call) => node.rpc(...call);
    await rpc('createwallet', 'w');
    const address = await rpc<string>('getnewaddress');
    await rpc('generatetoaddress', 100 + TXS, address);
    for (let i = 0; i < TXS; i += 1) {
      const raw = await rpc<string>('createrawtransaction', [], [{ data: 'ab'.repeat(TX_BYTES) }]);
      const { hex } = await rpc<{ hex: string }>('fundrawtransaction', raw);
      const signed = await rpc<{ hex: string }>('signrawtransactionwithwallet', hex);
      await rpc('sendrawtransaction', signed.hex);
    }
    [hash] = (await rpc<string[]>('generatetoaddress', 1, address)) as [string];
    for (const other of honest)
      await eventually('the block is there', async () => (await other.rpc('getbestblockhash')) === hash);
  }, 60_000);

  function ask(peer: RawPeer): void {
    const wire = Buffer.from(hash, 'hex').reverse().toString('latin1') as BlockHash;
    const items = Array.from({ length: ASKED }, () => ({ type: INV_WITNESS_BLOCK, hash: wire }));
    peer.send({ command: 'getdata', items });
  }

  const sentToStranger = async () => (await peers()).find(({ subver }) => subver === '/raw/')?.bytessent;

  /** A block goes to the honest peers: the node has had its turns. */
  async function honestBlock(): Promise<void> {
    const [made] = (await node
      .rpc<{ hash: string }>('generateblock', 'raw(51)', [])
      .then(block => [block.hash])) as [string];
    for (const other of honest)
      await eventually('the block is there', async () => (await other.rpc('getbestblockhash')) === made);
  }

  test('it gets what the buffers hold, and the others are served', async () => {
    expect(ASKED * TXS * TX_BYTES).toBeGreaterThan(5 * HELD_BYTES_MAX);
    const peer = await stranger('greet');
    peer.pause();
    ask(peer);
    let before: number | undefined;
    await eventually('no more is sent to it', async () => {
      const sent = await sentToStranger();
      await honestBlock();
      // Each block is announced to it, too.
      const isSteady = sent !== undefined && sent > 1_000_000 && sent - (before ?? 0) < ANNOUNCEMENT_BYTES;
      before = sent;
      return isSteady;
    });
    expect(before).toBeLessThan(HELD_BYTES_MAX);
    peer.resume();
    await eventually(
      'it is served when it reads',
      async () => (await sentToStranger())! > before! + 1_000_000,
    );
    peer.close();
    await noStrangers();
  });
});

test('a peer that hangs up by half is hung up on', async () => {
  const peer = await stranger('greet');
  peer.end();
  expect(await peer.closed()).toBe(true);
  await noStrangers();
});

describe('more connections than there are places', () => {
  const FLOOD = 2 * INBOUND;
  const from = (i: number) => `127.${10 + (i % 200)}.${i >> 8}.${1 + (i % 250)}`;

  test.each<[string, (i: number) => Promise<RawPeer>]>([
    ['that say nothing', i => stranger('connect', from(i))],
    ['that shake hands', i => stranger('greet', from(i))],
  ])('%s: who was there before stays, places and files are bounded, RPC answers', async (_, connect) => {
    const files = openFiles();
    const before = (await honestPeers()).map(({ id }) => id);
    const flood: RawPeer[] = [];
    for (let i = 0; i < FLOOD; i += 1) {
      // Turned away within the handshake, or evicted later: both are answers.
      const peer = await connect(i).catch(() => undefined);
      if (peer !== undefined) flood.push(peer);
      if (i % 20 !== 0) continue;
      expect((await peers()).length).toBeLessThanOrEqual(INBOUND + 1);
      expect(openFiles()).toBeLessThanOrEqual(files + INBOUND + OTHER_FILES);
    }
    expect(flood.some(peer => peer.isClosed)).toBe(true);
    expect((await honestPeers()).map(({ id }) => id)).toEqual(before);
    expect(await node.rpc('getblockcount')).toBeGreaterThan(0);
    for (const peer of flood) peer.close();
    await noStrangers();
    await eventually('all their sockets are closed', async () => openFiles() <= files + OTHER_FILES);
  });

  test('connected and reset at once, again and again', async () => {
    const files = openFiles();
    for (let i = 0; i < FLOOD; i += 1) (await RawPeer.connect(node.port, REGTEST, from(i))).close();
    await noStrangers();
    await eventually('all their sockets are closed', async () => openFiles() <= files + OTHER_FILES);
    expect(await honestPeers()).toHaveLength(HONEST);
  });
});
