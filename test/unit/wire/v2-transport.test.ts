/** The encrypted transport: two ends over any cut of the stream, peers of v1, and every way to break it. */
import { expect, test } from 'vitest';
import { bytesToBinary, concatBytes, hexToBytes } from '../../../src/base/bytes.ts';
import { randomBelow, SeededRandom } from '../../../src/base/random.ts';
import { createExchangeKey, PacketCipher } from '../../../src/crypto/bip324.ts';
import { encodeFrame } from '../../../src/wire/frame.ts';
import { type Received, type Transport, V1Transport } from '../../../src/wire/transport.ts';
import { GARBAGE_BYTES_MAX, V2Transport } from '../../../src/wire/v2-transport.ts';

const MAGIC = hexToBytes('fabfb5da');

function dialed(seed: number): V2Transport {
  return new V2Transport(new SeededRandom(seed), { magic: MAGIC, initiating: false });
}
function dialing(seed: number): V2Transport {
  return new V2Transport(new SeededRandom(seed), { magic: MAGIC, initiating: true });
}

const bytesOf = (transport: Transport) => concatBytes(...transport.takeOutgoing().map(({ bytes }) => bytes));

function drain(transport: Transport): Received[] {
  const frames: Received[] = [];
  for (let frame = transport.next(); frame !== undefined; frame = transport.next()) frames.push(frame);
  return frames;
}
const textOf = (frame: Received) =>
  frame.kind === 'frame'
    ? `${frame.command} ${bytesToBinary(frame.payload)}`
    : frame.kind === 'decoy'
      ? 'decoy'
      : `${frame.defect}: ${frame.detail}`;

/** Bytes go to and fro until nobody has any more; cut as `random` likes. */
function exchange(a: Transport, b: Transport, random: SeededRandom): { a: string[]; b: string[] } {
  const seen = { a: [] as string[], b: [] as string[] };
  for (let isQuiet = false; !isQuiet; ) {
    isQuiet = true;
    for (const [from, to, into] of [
      [a, b, seen.b],
      [b, a, seen.a],
    ] as const) {
      const bytes = bytesOf(from);
      if (bytes.length > 0) isQuiet = false;
      for (let at = 0; at < bytes.length; ) {
        const length = 1 + randomBelow(random, 700);
        to.push(bytes.subarray(at, at + length));
        at += length;
        into.push(...drain(to).map(textOf));
      }
    }
  }
  return seen;
}

test('two ends understand each other, and share a session', () => {
  for (let seed = 1; seed <= 8; seed += 1) {
    const random = new SeededRandom(seed);
    const [a, b] = [dialing(seed), dialed(seed + 100)];
    a.send('version', Uint8Array.of(65));
    b.send('version', Uint8Array.of(66));
    expect(a.kind).toBe('detecting');
    const first = exchange(a, b, random);
    expect(first).toEqual({ a: ['version B'], b: ['version A'] });
    expect([a.kind, b.kind]).toEqual(['v2', 'v2']);
    expect(a.sessionId).toEqual(b.sessionId);
    expect(a.sessionId?.length).toBe(32);
    // With and without numbers of their own, beyond the first key.
    const sent: string[] = [];
    for (let i = 0; i < 300; i += 1) {
      const [command, payload] = [i % 2 ? 'ping' : 'sendaddrv2', String(i)];
      a.send(command, Buffer.from(payload));
      sent.push(`${command} ${payload}`);
    }
    expect(exchange(a, b, random)).toEqual({ a: [], b: sent });
    expect([a.bufferedBytes, b.bufferedBytes]).toEqual([0, 0]);
    expect(a.shouldRetryV1).toBe(false);
  }
});

test('a v1 peer is known by its first 16 bytes, not before', () => {
  const transport = dialed(1);
  transport.send('version', Uint8Array.of(66));
  const frame = encodeFrame(MAGIC, 'version', Uint8Array.of(65));
  for (let i = 0; i < 15; i += 1) transport.push(frame.subarray(i, i + 1));
  expect([transport.kind, bytesOf(transport).length]).toEqual(['detecting', 0]);
  transport.push(frame.subarray(15));
  expect(transport.kind).toBe('v1');
  expect(drain(transport).map(textOf)).toEqual(['version A']);
  const answer = new V1Transport(MAGIC);
  answer.push(bytesOf(transport));
  expect(drain(answer).map(textOf)).toEqual(['version B']);
});

test('it answers as soon as the bytes are none of v1', () => {
  const transport = dialed(1);
  transport.push(MAGIC);
  expect(bytesOf(transport).length).toBe(0);
  transport.push(Uint8Array.of(0x77));
  expect(bytesOf(transport).length).toBeGreaterThanOrEqual(64);
});

test('a v1 peer of another chain is told apart', () => {
  const transport = dialed(1);
  transport.push(encodeFrame(hexToBytes('0a03cf40'), 'version', new Uint8Array(100)));
  expect(drain(transport).map(textOf)).toEqual(['transport: V1 peer with wrong MessageStart 0a03cf40']);
});

test('a dial that was cut before anything came is to be retried', () => {
  const transport = dialing(1);
  expect(transport.shouldRetryV1).toBe(true);
  transport.push(Uint8Array.of(1));
  expect(transport.shouldRetryV1).toBe(false);
  expect(dialed(1).shouldRetryV1).toBe(false);
});

/** The other end by hand: it has the ciphers and does what the test says. */
function byHand(seed: number): { transport: V2Transport; cipher: PacketCipher } {
  const transport = dialed(seed);
  const key = createExchangeKey(new SeededRandom(seed + 1000));
  transport.push(key.encoded);
  const theirs = bytesOf(transport).subarray(0, 64);
  return { transport, cipher: new PacketCipher(key, theirs, { magic: MAGIC, initiating: true }) };
}

test('garbage may be as long as its limit, and no longer', () => {
  const garbage = new SeededRandom(3).bytes(GARBAGE_BYTES_MAX);
  const good = byHand(1);
  good.transport.push(concatBytes(garbage, good.cipher.sendTerminator));
  good.transport.push(good.cipher.seal([], { associated: garbage }));
  expect([drain(good.transport), good.transport.kind]).toEqual([[], 'v2']);

  const bad = byHand(2);
  bad.transport.push(garbage);
  bad.transport.push(new Uint8Array(15));
  expect(drain(bad.transport)).toEqual([]);
  bad.transport.push(new Uint8Array(1));
  expect(drain(bad.transport).map(textOf)).toEqual(['transport: missing garbage terminator']);
  bad.transport.push(new Uint8Array(100));
  expect([drain(bad.transport), bad.transport.bufferedBytes]).toEqual([[], 0]);
});

test('the first packet authenticates the garbage, be it a decoy', () => {
  const garbage = Uint8Array.of(1, 2, 3);
  const good = byHand(1);
  good.transport.push(concatBytes(garbage, good.cipher.sendTerminator));
  good.transport.push(good.cipher.seal([Uint8Array.of(9)], { associated: garbage, ignored: true }));
  good.transport.push(good.cipher.seal([Uint8Array.of(7)]));
  good.transport.push(good.cipher.seal([new Uint8Array(50)], { ignored: true }));
  good.transport.push(good.cipher.seal([Uint8Array.of(19, 65)]));
  expect(drain(good.transport).map(textOf)).toEqual(['decoy', 'decoy', 'pong A']);

  for (const associated of [undefined, Uint8Array.of(1, 2, 4)]) {
    const bad = byHand(2);
    bad.transport.push(concatBytes(garbage, bad.cipher.sendTerminator));
    bad.transport.push(bad.cipher.seal([], associated === undefined ? {} : { associated }));
    expect(drain(bad.transport).map(textOf)).toEqual(['transport: packet decryption failure (0 bytes)']);
  }
});

test('what a packet may contain', () => {
  const { transport, cipher } = byHand(1);
  transport.push(concatBytes(cipher.sendTerminator, cipher.seal([])));
  const name = (text: string) => Buffer.from(`\0${text}`.padEnd(13, '\0'), 'latin1');
  const cases: readonly (readonly [Uint8Array, string])[] = [
    [new Uint8Array(0), 'command: invalid message type (0 bytes contents)'],
    [Uint8Array.of(28, 65), 'addrv2 A'],
    [Uint8Array.of(29, 65), ' A'],
    [Uint8Array.of(37, 65), 'feature A'],
    [Uint8Array.of(38, 65), 'command: invalid message type (2 bytes contents)'],
    [Uint8Array.of(0, 65, 65), 'command: invalid message type (3 bytes contents)'],
    [concatBytes(name('hello'), Uint8Array.of(65)), 'hello A'],
    [name('he\0lo'), 'command: invalid message type (13 bytes contents)'],
    [name('he\x1flo'), 'command: invalid message type (13 bytes contents)'],
    [name('he\x7flo'), 'he\x7flo '],
  ];
  for (const [contents, expected] of cases) {
    transport.push(cipher.seal([contents]));
    expect(drain(transport).map(textOf)).toEqual([expected]);
  }
  transport.push(cipher.seal([new Uint8Array(4_000_014)]).subarray(0, 3));
  expect(drain(transport).map(textOf)).toEqual(['transport: packet too large (4000014 bytes)']);
});

test('no bytes make it throw, or keep more than it may have to', () => {
  for (let seed = 1; seed <= 150; seed += 1) {
    const random = new SeededRandom(seed);
    const transport = seed % 2 ? dialed(seed) : dialing(seed);
    let received = 0;
    let ended = '';
    while (received < 10_000 && ended === '') {
      const bytes = random.bytes(1 + randomBelow(random, 900));
      received += bytes.length;
      transport.push(bytes);
      ended = drain(transport).map(textOf)[0] ?? '';
      expect(transport.bufferedBytes).toBeLessThanOrEqual(64 + GARBAGE_BYTES_MAX + 16 + 900);
    }
    expect(ended, `seed ${seed}`).toBe('transport: missing garbage terminator');
  }
});

test('one changed bit anywhere behind the terminator ends it, or is waited for', () => {
  const outcomes = new Set<string>();
  for (let seed = 1; seed <= 150; seed += 1) {
    const random = new SeededRandom(seed);
    const { transport, cipher } = byHand(seed);
    const stream = concatBytes(
      cipher.seal([]),
      cipher.seal([Uint8Array.of(18), random.bytes(8)]),
      cipher.seal([random.bytes(randomBelow(random, 300))], { ignored: true }),
      cipher.seal([Uint8Array.of(19), random.bytes(8)]),
    );
    const at = randomBelow(random, stream.length);
    stream[at]! ^= 1 << randomBelow(random, 8);
    transport.push(concatBytes(cipher.sendTerminator, stream));
    const seen = drain(transport).map(textOf);
    expect(seen.filter(text => text.startsWith('pong')).length, `seed ${seed}, byte ${at}`).toBe(0);
    outcomes.add((seen.at(-1) ?? 'waits').replace(/ \(.*| .*$/s, ''));
  }
  // A length that grew is waited for; nothing else goes on.
  expect([...outcomes].sort()).toEqual(expect.arrayContaining(['transport:']));
});
