/** The network: order, queues, loss, cuts. And time. */
import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../../src/base/random.ts';
import { Agenda } from '../../src/sim/agenda.ts';
import type { SimFrame } from '../../src/sim/frames.ts';
import { type Host, type Link, LinkEnd, SEND_PAUSE_BYTES, SOCKET_BUFFER_BYTES } from '../../src/sim/link.ts';
import { Network, type NetworkOptions } from '../../src/sim/network.ts';
import { parseAddress } from '../../src/wire/net-address.ts';

const PLAIN: NetworkOptions = {
  latencyMs: 50,
  latencySigma: 0,
  upBytesPerSecond: Number.POSITIVE_INFINITY,
  downBytesPerSecond: Number.POSITIVE_INFINITY,
  lossRate: 0,
  breakageRate: 0,
  slowReaders: 0,
  slowBytesPerSecond: 1_000,
};

const frameOf = (length: number): SimFrame => ({ command: 'block', length, checksum: 0 });

/** Two hosts and a link between them; what the second gets, with its time. */
function pair(options: Partial<NetworkOptions> = {}) {
  const agenda = new Agenda(0);
  const network = new Network(agenda, new SeededRandom(1), { ...PLAIN, ...options });
  const got: [number, number][] = [];
  const closed: number[] = [];
  const pauses: [number, string][] = [];
  const reader = { isFull: false };
  class End extends LinkEnd {
    get isFull() {
      return reader.isFull;
    }
    received(frame: SimFrame) {
      got.push([agenda.now, frame.length]);
    }
    closed() {
      closed.push(this.side);
    }
    sendPaused() {
      pauses.push([agenda.now, `paused ${this.side}`]);
    }
    sendResumed() {
      pauses.push([agenda.now, `resumed ${this.side}`]);
    }
  }
  const hosts = [0, 1].map((index): Host => {
    return {
      index,
      address: parseAddress(`20.${index}.0.1`, 8333)!,
      listens: index === 1,
      isReachable: index === 1,
      createEnd: (link, side) => new End(link, side),
      accept: link => {
        link.ends[1].isUp = true;
      },
    };
  });
  for (const host of hosts) network.add(host);
  const state: { link: Link | undefined; failed: string[] } = { link: undefined, failed: [] };
  const dial = (from: 0 | 1 = 0) =>
    network.dial(hosts[from]!, hosts[1 - from]!.address, 'manual', {
      opened: link => {
        state.link = link;
        link.ends[0].isUp = true;
      },
      failed: reason => state.failed.push(reason),
    });
  return { agenda, network, got, closed, pauses, reader, state, dial };
}

describe('agenda', () => {
  test('by time, and those of one time in the order of entry', () => {
    const agenda = new Agenda(100);
    const seen: string[] = [];
    const random = new SeededRandom(3);
    const entries = Array.from({ length: 500 }, (_, i) => ({ time: 100 + (random.u32() % 20), i }));
    for (const { time, i } of entries) agenda.at(time, () => seen.push(`${agenda.now} ${i}`));
    agenda.at(5, () => seen.push(`late at ${agenda.now}`));
    agenda.runUntil(110);
    expect(agenda.now).toBe(110);
    agenda.runUntil(200);
    const sorted = [...entries]
      .sort((a, b) => a.time - b.time || a.i - b.i)
      .map(({ time, i }) => `${time} ${i}`);
    expect(seen.filter(line => !line.startsWith('late'))).toEqual(sorted);
    expect(seen).toContain('late at 100');
  });
});

describe('network', () => {
  test('a dial takes a round trip; frames take the latency and keep their order', () => {
    const { agenda, network, got, state, dial } = pair();
    dial();
    agenda.runUntil(99);
    expect(state.link).toBeUndefined();
    agenda.runUntil(100);
    network.send(state.link!.ends[0], frameOf(10));
    network.send(state.link!.ends[0], frameOf(20));
    agenda.runUntil(1_000);
    expect(got).toEqual([[150, 10], [150, 20]]); // biome-ignore format: pairs
    expect(network.frames).toEqual({ sent: 2, delivered: 2, lost: 0, inFlight: 0 });
  });

  test('who does not listen lets the dialer wait', () => {
    const { agenda, state, dial } = pair();
    dial(1);
    agenda.runUntil(4_999);
    expect(state.failed).toEqual([]);
    agenda.runUntil(5_000);
    expect(state.failed).toEqual(['timeout']);
  });

  test('bytes queue at the uplink and at the downlink', () => {
    const { agenda, network, got, state, dial } = pair({ upBytesPerSecond: 1_000, downBytesPerSecond: 500 });
    dial();
    agenda.runUntil(100);
    for (let i = 0; i < 2; i += 1) network.send(state.link!.ends[0], frameOf(100));
    agenda.runUntil(5_000);
    // Up 100 ms each, 50 ms on the way, down 200 ms each.
    expect(got).toEqual([[450, 100], [650, 100]]); // biome-ignore format: pairs
  });

  test('a lost frame comes later, and holds up those behind it', () => {
    const { agenda, network, got, state, dial } = pair({ lossRate: 0.5 });
    dial();
    agenda.runUntil(100);
    for (let i = 1; i <= 20; i += 1) network.send(state.link!.ends[0], frameOf(i));
    agenda.runUntil(5_000);
    expect(got.map(([, size]) => size)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    expect(got.at(-1)![0]).toBe(450);
  });

  test('closing lets arrive what was sent before; the other side learns of it then', () => {
    const { agenda, network, got, closed, state, dial } = pair();
    dial();
    agenda.runUntil(100);
    network.send(state.link!.ends[0], frameOf(1));
    network.close(state.link!, 0);
    agenda.runUntil(149);
    expect(closed).toEqual([0]);
    agenda.runUntil(150);
    expect(got).toEqual([[150, 1]]);
    expect(closed).toEqual([0, 1]);
  });

  test('a partition cuts links and lets none through until it heals', () => {
    const { agenda, network, closed, state, dial } = pair();
    dial();
    agenda.runUntil(200);
    network.send(state.link!.ends[0], frameOf(1));
    network.partition(host => host.index);
    expect(closed).toEqual([0, 1]);
    dial();
    agenda.runUntil(6_000);
    expect(state.failed).toEqual(['timeout']);
    expect(network.frames).toEqual({ sent: 1, delivered: 0, lost: 1, inFlight: 0 });
    network.heal();
    state.link = undefined;
    dial();
    agenda.runUntil(7_000);
    expect(state.link).toBeDefined();
  });

  test('a link that breaks carries nothing more, and tells neither side', () => {
    const { agenda, network, got, closed, state, dial } = pair();
    dial();
    agenda.runUntil(200);
    const link = state.link!;
    network.send(link.ends[0], frameOf(1));
    network.break(link);
    network.send(link.ends[1], frameOf(2));
    agenda.runUntil(3_600_000);
    expect([got, closed]).toEqual([[], []]);
    expect(network.frames).toEqual({ sent: 2, delivered: 0, lost: 2, inFlight: 0 });
    // One gives up; the other does not hear of it.
    network.close(link, 0);
    agenda.runUntil(3_700_000);
    expect([closed, network.links.size]).toEqual([[0], 1]);
    network.close(link, 1);
    agenda.runUntil(3_700_001);
    expect([closed, network.links.size, network.counts.broken]).toEqual([[0, 1], 0, 1]);
  });

  test('links break at the rate that was asked for', () => {
    const { agenda, network, dial } = pair({ breakageRate: 0.5 });
    for (let i = 0; i < 2_000; i += 1) dial();
    agenda.runUntil(3_600_000);
    // exp(−1/2) of them stand after an hour: 787 broken of 2,000, three standard deviations are 66.
    expect(Math.abs(network.counts.broken - 787)).toBeLessThan(66);
  });

  test('a hang-up that a break overtakes is never heard of', () => {
    const { agenda, network, closed, state, dial } = pair();
    dial();
    agenda.runUntil(200);
    network.close(state.link!, 0);
    network.break(state.link!);
    agenda.runUntil(10_000);
    expect(closed).toEqual([0]);
  });

  test('a sender is told when its buffer is full, and again when it is empty', () => {
    const { agenda, network, got, pauses, state, dial } = pair({
      slowReaders: 1,
      slowBytesPerSecond: 100_000,
    });
    dial();
    agenda.runUntil(200);
    const size = 50_000;
    const count = Math.ceil(SEND_PAUSE_BYTES / size) + 1;
    for (let i = 0; i < count; i += 1) network.send(state.link!.ends[0], frameOf(size));
    expect(pauses).toEqual([[200, 'paused 0']]);
    agenda.runUntil(60_000);
    expect(got).toHaveLength(count);
    // Half a second each; it is told, a latency later, of the first that leaves no more than the systems hold.
    const before = Math.ceil((count * size - SOCKET_BUFFER_BYTES) / size);
    expect(pauses).toEqual([[200, 'paused 0'], [300 + 500 * before, 'resumed 0']]); // biome-ignore format: pairs
    expect(network.counts).toMatchObject({ sendPauses: 1, readPauses: 0 });
  });

  test('a reader that has enough is not given more until it has room', () => {
    const { agenda, network, got, reader, state, dial } = pair();
    dial();
    agenda.runUntil(200);
    reader.isFull = true;
    for (let i = 1; i <= 3; i += 1) network.send(state.link!.ends[0], frameOf(i));
    agenda.runUntil(1_000);
    expect(got).toEqual([]);
    expect(network.frames.inFlight).toBe(3);
    reader.isFull = false;
    network.resumeReading(state.link!.ends[1]);
    expect(got).toEqual([[1_000, 1], [1_000, 2], [1_000, 3]]); // biome-ignore format: pairs
    reader.isFull = true;
    network.send(state.link!.ends[0], frameOf(4));
    agenda.runUntil(2_000);
    network.partition(host => host.index);
    expect(network.frames).toEqual({ sent: 4, delivered: 3, lost: 1, inFlight: 0 });
  });

  test('a seed answers with some of its zone, an unknown name with nothing', () => {
    const { agenda, network } = pair();
    const zone = Array.from({ length: 60 }, (_, i) => parseAddress(`30.0.0.${i + 1}`, 8333)!);
    network.setZone('seed.example', zone);
    const answers: number[] = [];
    network.resolve('seed.example', addresses => answers.push(new Set(addresses).size));
    network.resolve('other.example', addresses => answers.push(addresses.length));
    agenda.runUntil(100);
    expect(answers).toEqual([25, 0]);
  });
});
