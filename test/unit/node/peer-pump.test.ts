/** Between sockets and the machine: order, turns, open operations, and what is told when a peer goes. */
import net from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { type BlockHash, hexToBytes } from '../../../src/base/bytes.ts';
import { SILENT_LOG } from '../../../src/base/log.ts';
import { SeededRandom } from '../../../src/base/random.ts';
import { NodeClock } from '../../../src/node/clocks.ts';
import { type Operations, PeerPump } from '../../../src/node/peer-pump.ts';
import type { P2pEffect, P2pEvent, PeerId } from '../../../src/p2p/events.ts';
import { encodeFrame } from '../../../src/wire/frame.ts';
import { encodePayload } from '../../../src/wire/messages.ts';
import { mineBlocks, REGTEST } from '../../support/test-chain.ts';
import { hashOf } from '../p2p/support.ts';

const MAGIC = hexToBytes('fabfb5da');
const ping = (nonce: number) =>
  encodeFrame(MAGIC, 'ping', encodePayload({ command: 'ping', nonce: BigInt(nonce) }));

/** A machine that does what the test says, and notes what it hears. */
class Rig {
  readonly heard: string[] = [];
  readonly fatal: unknown[] = [];
  readonly clock = new NodeClock();
  readonly pump: PeerPump;
  readonly sockets: net.Socket[] = [];
  port = 0;
  deadline: number | undefined;
  readonly expected = new Set<BlockHash>();
  react: (event: P2pEvent) => P2pEffect[] = () => [];
  operate: Operations = () => undefined;

  constructor() {
    const machine = {
      handle: (event: P2pEvent): P2pEffect[] => {
        this.heard.push(textOf(event));
        return this.react(event);
      },
      nextDeadline: () => this.deadline,
      mayOverlap: (_: PeerId, hash: BlockHash) => this.expected.has(hash),
    };
    this.pump = new PeerPump(
      {
        machine,
        operations: effect => this.operate(effect),
        clock: this.clock,
        log: SILENT_LOG,
        onFatal: error => this.fatal.push(error),
      },
      { magic: MAGIC, random: new SeededRandom(1), acceptsV2: false, permissionsOf: () => [] },
    );
  }

  async until(isDone: () => boolean): Promise<void> {
    while (!isDone()) await new Promise(setImmediate);
  }

  /** A peer that writes `bytes` as soon as it is connected. */
  async peer(...bytes: readonly Uint8Array[]): Promise<net.Socket> {
    if (this.port === 0) this.port = (await this.pump.transport.listen('127.0.0.1', 0)).port;
    const socket = net.connect(this.port, '127.0.0.1');
    this.sockets.push(socket);
    socket.on('error', () => {});
    const before = this.heard.length;
    await this.until(() => this.heard.slice(before).some(text => text.startsWith('connected')));
    socket.write(Buffer.concat(bytes));
    return socket;
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await this.pump.stop();
  }
}

function textOf(event: P2pEvent): string {
  const peer = 'peer' in event ? ` ${event.peer}` : '';
  if (event.kind === 'message' && event.message.command === 'ping')
    return `ping${peer} ${event.message.nonce}`;
  if (event.kind === 'undecodable') return `undecodable${peer} ${event.command} ${event.defect}`;
  return `${event.kind}${peer}`;
}

const rigs: Rig[] = [];
afterEach(async () => {
  for (const rig of rigs.splice(0)) await rig.stop();
});
function newRig(): Rig {
  const rig = new Rig();
  rigs.push(rig);
  return rig;
}

const readBlock = (peer: PeerId): P2pEffect => ({ kind: 'readBlock', peer, hash: hashOf('b') as never });
const blockRead = (peer: PeerId): P2pEvent => ({
  kind: 'blockRead',
  peer,
  hash: hashOf('b') as never,
  raw: undefined,
});

/** Operations that end when the test says so. */
function held(rig: Rig): (() => void)[] {
  const ends: (() => void)[] = [];
  rig.operate = effect => {
    if (effect.kind !== 'readBlock') return undefined;
    return new Promise(end => ends.push(() => end(blockRead(effect.peer))));
  };
  return ends;
}

test('peers take turns, one message each', async () => {
  const rig = newRig();
  // Both have written before the first message is taken.
  await rig.peer();
  await rig.peer();
  let others = 0;
  rig.react = event => {
    if (event.kind === 'message') others += 1;
    return [];
  };
  rig.sockets[0]!.write(Buffer.concat([1, 2, 3, 4, 5].map(ping)));
  rig.sockets[1]!.write(Buffer.concat([1, 2, 3].map(ping)));
  await rig.until(() => others === 8);
  const pings = rig.heard.filter(text => text.startsWith('ping'));
  expect(pings.filter(text => text.startsWith('ping 0'))).toEqual([1, 2, 3, 4, 5].map(i => `ping 0 ${i}`));
  expect(pings.filter(text => text.startsWith('ping 1'))).toEqual([1, 2, 3].map(i => `ping 1 ${i}`));
  // Whoever comes second never waits for more than one message of the other.
  const start = pings.indexOf('ping 1 1');
  expect(pings.slice(start, start + 2)).not.toEqual(['ping 1 1', 'ping 1 2']);
});

test('while an operation is open its peer waits and others do not', async () => {
  const rig = newRig();
  const ends = held(rig);
  rig.react = event => (textOf(event) === 'ping 0 1' ? [readBlock(0)] : []);
  await rig.peer(ping(1), ping(2));
  await rig.peer(ping(7), ping(8));
  await rig.until(() => rig.heard.includes('ping 1 8') && ends.length === 1);
  expect(rig.heard).not.toContain('ping 0 2');
  ends[0]!();
  await rig.until(() => rig.heard.includes('ping 0 2'));
  expect(rig.heard.indexOf('blockRead 0')).toBeLessThan(rig.heard.indexOf('ping 0 2'));
});

describe('blocks that we asked for', () => {
  const blocks = mineBlocks(REGTEST.genesis, 0, 20);
  const frame = (i: number) => encodeFrame(MAGIC, 'block', blocks[i]!.raw);

  /** Submits every block that comes, and ends each when the test says so. */
  function submitting(rig: Rig): { readonly ends: (() => void)[]; delivered(): number } {
    const ends: (() => void)[] = [];
    let delivered = 0;
    for (const { header } of blocks) rig.expected.add(header.hash);
    rig.react = event => {
      if (event.kind !== 'message' || event.message.command !== 'block') return [];
      delivered += 1;
      return [{ kind: 'submitBlock', peer: event.peer, block: event.message.block, requested: true }];
    };
    rig.operate = effect => {
      if (effect.kind !== 'submitBlock') return undefined;
      const result = { status: 'accepted', newBlock: true } as const;
      const { hash } = effect.block.header;
      return new Promise(end => ends.push(() => end({ kind: 'blockProcessed', peer: 0, hash, result })));
    };
    return { ends, delivered: () => delivered };
  }

  test('follow each other while nothing else is open, and whatever comes between waits for all of them', async () => {
    const rig = newRig();
    const { ends, delivered } = submitting(rig);
    await rig.peer(frame(0), frame(1), frame(2), ping(1), frame(3));
    await rig.peer(ping(7));
    await rig.until(() => rig.heard.includes('ping 1 7') && delivered() === 3);
    ends[0]!();
    ends[1]!();
    await rig.until(() => rig.heard.filter(text => text === 'blockProcessed 0').length === 2);
    await rig.peer(ping(8));
    await rig.until(() => rig.heard.includes('ping 2 8'));
    expect(rig.heard).not.toContain('ping 0 1');
    ends[2]!();
    await rig.until(() => delivered() === 4);
    expect(rig.heard.indexOf('ping 0 1')).toBeGreaterThan(rig.heard.lastIndexOf('blockProcessed 0'));
  });

  test('are bounded in number, and one that nobody asked for waits', async () => {
    const rig = newRig();
    const { ends, delivered } = submitting(rig);
    await rig.peer(...blocks.map((_, i) => frame(i)));
    await rig.until(() => delivered() === 16);
    rig.expected.delete(blocks[17]!.header.hash);
    ends[0]!();
    ends[1]!();
    await rig.until(() => rig.heard.includes('blockProcessed 0') && delivered() === 17);
    for (const end of ends.slice(2)) end();
    await rig.until(() => delivered() === 18);
    ends[17]!();
    await rig.until(() => delivered() === 20);
  });

  test('end with the connection: what was held back is not heard after we hang up', async () => {
    const rig = newRig();
    const { ends, delivered } = submitting(rig);
    const submit = rig.react;
    rig.react = event =>
      event.kind === 'blockProcessed' ? [{ kind: 'disconnect', peer: 0, reason: 'enough' }] : submit(event);
    await rig.peer(frame(0), frame(1), ping(1));
    await rig.until(() => delivered() === 2);
    ends[0]!();
    await rig.until(() => rig.pump.transport.get(0) === undefined);
    expect(rig.heard).not.toContain('disconnected 0');
    ends[1]!();
    await rig.until(() => rig.heard.includes('disconnected 0'));
    expect(rig.heard).not.toContain('ping 0 1');
  });
});

test('nothing of a peer comes after its end: not even the operation it left open', async () => {
  const rig = newRig();
  const ends = held(rig);
  rig.react = event => (textOf(event) === 'ping 0 1' ? [readBlock(0)] : []);
  const socket = await rig.peer(ping(1), ping(2));
  await rig.until(() => ends.length === 1);
  socket.destroy();
  // The socket's end is noticed while the operation is open; a later peer shows that time has passed.
  await rig.peer(ping(9));
  await rig.until(() => rig.heard.includes('ping 1 9') && rig.pump.transport.get(0) === undefined);
  expect(rig.heard).not.toContain('disconnected 0');
  ends[0]!();
  await rig.until(() => rig.heard.includes('disconnected 0'));
  expect(rig.heard.filter(text => / 0( |$)/.test(text))).toEqual([
    'connected 0',
    'ping 0 1',
    'blockRead 0',
    'disconnected 0',
  ]);
});

test('after we hang up nothing that had arrived is delivered', async () => {
  const rig = newRig();
  rig.react = event =>
    textOf(event) === 'ping 0 1' ? [{ kind: 'disconnect', peer: 0, reason: 'enough' }] : [];
  await rig.peer(ping(1), ping(2), ping(3));
  await rig.until(() => rig.heard.includes('disconnected 0'));
  expect(rig.heard).toEqual(['connected 0', 'ping 0 1', 'disconnected 0']);
});

test('events that arise while one is handled come after its effects', async () => {
  const rig = newRig();
  rig.react = event => {
    if (textOf(event) !== 'ping 0 1') return [];
    rig.pump.dispatch({ kind: 'tick' });
    return [{ kind: 'send', peer: 0, message: { command: 'verack' } }];
  };
  const socket = await rig.peer(ping(1), ping(2));
  const answer = new Promise<Buffer>(done => socket.once('data', done));
  await rig.until(() => rig.heard.includes('ping 0 2'));
  expect(rig.heard.slice(1)).toEqual(['ping 0 1', 'tick', 'ping 0 2']);
  expect((await answer).length).toBe(24);
});

test('who does not read is not heard until it does', async () => {
  const rig = newRig();
  rig.react = event => {
    if (textOf(event) !== 'ping 0 1') return [];
    return Array.from({ length: 12 }, () => ({
      kind: 'sendRawBlock' as const,
      peer: 0,
      raw: new Uint8Array(1_000_000),
    }));
  };
  const socket = await rig.peer();
  socket.pause();
  socket.write(Buffer.concat([ping(1), ping(2)]));
  await rig.until(() => rig.heard.includes('sendPaused 0'));
  await rig.peer(ping(9));
  await rig.until(() => rig.heard.includes('ping 1 9'));
  expect(rig.heard).not.toContain('ping 0 2');
  socket.resume();
  await rig.until(() => rig.heard.includes('ping 0 2'));
  expect(rig.heard.indexOf('sendResumed 0')).toBeLessThan(rig.heard.indexOf('ping 0 2'));
});

test('what cannot be decoded, and what nobody knows', async () => {
  const rig = newRig();
  const frame = (command: string, hex: string) => encodeFrame(MAGIC, command, hexToBytes(hex));
  await rig.peer(
    frame('tx', '00'),
    frame('inv', 'fd51c3'),
    frame('inv', 'fdfc00'),
    frame('toString', ''),
    frame('verack', ''),
    new Uint8Array(24),
  );
  await rig.until(() => rig.heard.length === 7);
  expect(rig.heard.slice(1)).toEqual([
    'undecodable 0 tx payload', 'undecodable 0 inv tooMany', 'undecodable 0 inv payload', 'unknownMessage 0', 'message 0', 'undecodable 0  magic',
  ]); // biome-ignore format: one list
});

test('bugs of the machine and of operations are fatal', async () => {
  const rig = newRig();
  rig.react = event => {
    if (event.kind === 'tick') throw new Error('bug');
    return [];
  };
  rig.pump.dispatch({ kind: 'tick' });
  expect(rig.fatal).toEqual([new Error('bug')]);
  rig.react = () => [readBlock(0)];
  rig.operate = () => Promise.reject(new Error('disk'));
  rig.pump.dispatch({ kind: 'namesResolved', host: 'a', addresses: [] });
  await new Promise(setImmediate);
  expect(rig.fatal).toEqual([new Error('bug'), new Error('disk')]);
  rig.operate = () => new Promise(() => {});
  rig.pump.dispatch({ kind: 'namesResolved', host: 'a', addresses: [] });
  expect(String(rig.fatal[2])).toContain('a peer has one open operation at most');
});

test('a tick comes at the deadline, and when time jumps', async () => {
  const rig = newRig();
  rig.deadline = rig.clock.now() + 20;
  rig.react = () => {
    rig.deadline = undefined;
    return [];
  };
  rig.pump.perform([]);
  await rig.until(() => rig.heard.includes('tick'));
  rig.clock.setMockTime(2_000_000_000);
  expect(rig.heard).toEqual(['tick', 'tick']);
  await rig.stop();
  rig.pump.dispatch({ kind: 'tick' });
  expect(rig.heard).toHaveLength(2);
});
