/** Frames from a stream: however it is chunked, whatever is wrong with it. */
import { describe, expect, test } from 'vitest';
import { concatBytes, hexToBytes } from '../../../src/base/bytes.ts';
import { randomBelow, SeededRandom } from '../../../src/base/random.ts';
import { encodeFrame, FRAME_HEADER_BYTES, type Frame, FrameDecoder } from '../../../src/wire/frame.ts';

const MAGIC = hexToBytes('fabfb5da');

function drain(decoder: FrameDecoder): Frame[] {
  const frames: Frame[] = [];
  for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) frames.push(frame);
  return frames;
}

function decode(...chunks: readonly Uint8Array[]): Frame[] {
  const decoder = new FrameDecoder(MAGIC);
  for (const chunk of chunks) decoder.push(chunk);
  return drain(decoder);
}

/** A frame with one field exchanged. */
function spoiled(offset: number, hex: string, payload = Uint8Array.of(1, 2, 3)): Uint8Array {
  const frame = encodeFrame(MAGIC, 'ping', payload);
  frame.set(hexToBytes(hex), offset);
  return frame;
}

test('frames come out as they went in, however the stream is cut', () => {
  for (let seed = 1; seed <= 40; seed += 1) {
    const random = new SeededRandom(seed);
    const payloads = Array.from({ length: 8 }, () => random.bytes(randomBelow(random, seed % 3 ? 60 : 5000)));
    const stream = concatBytes(...payloads.map((payload, i) => encodeFrame(MAGIC, `cmd${i}`, payload)));
    const decoder = new FrameDecoder(MAGIC);
    const frames: Frame[] = [];
    for (let at = 0; at < stream.length; ) {
      const length = 1 + randomBelow(random, seed % 2 ? 7 : 5000);
      decoder.push(stream.subarray(at, at + length));
      at += length;
      if (randomBelow(random, 3) === 0) frames.push(...drain(decoder));
    }
    frames.push(...drain(decoder));
    const expected = payloads.map((payload, i) => ({
      kind: 'frame',
      command: `cmd${i}`,
      payload: Buffer.from(payload),
      size: FRAME_HEADER_BYTES + payload.length,
    }));
    const seen = frames.map(frame =>
      frame.kind === 'frame' ? { ...frame, payload: Buffer.from(frame.payload) } : frame,
    );
    expect(seen, `seed ${seed}`).toEqual(expected);
    expect(decoder.bufferedBytes).toBe(0);
  }
});

test('nothing comes before the last byte', () => {
  const frame = encodeFrame(MAGIC, 'ping', new Uint8Array(8));
  const decoder = new FrameDecoder(MAGIC);
  for (const byte of frame.subarray(0, -1)) {
    decoder.push(Uint8Array.of(byte));
    expect(decoder.next()).toBeUndefined();
  }
  decoder.push(frame.subarray(-1));
  expect(decoder.next()?.kind).toBe('frame');
});

test('a large payload may come byte by byte', () => {
  const frame = encodeFrame(MAGIC, 'block', new SeededRandom(1).bytes(50_000));
  const decoder = new FrameDecoder(MAGIC);
  for (let i = 0; i < frame.length; i += 1) decoder.push(frame.subarray(i, i + 1));
  expect(decoder.bufferedBytes).toBe(frame.length);
  expect(decoder.next()).toMatchObject({ kind: 'frame', command: 'block', size: frame.length });
});

describe('defects', () => {
  const table: readonly [string, Uint8Array, object, isLast: boolean][] = [
    ['wrong magic', spoiled(0, 'f9beb4d9'), { defect: 'magic', size: 24 }, true],
    ['too large', spoiled(16, '01093d00'), { defect: 'oversize', size: 24 }, true],
    ['far too large', spoiled(16, 'ffffffff'), { defect: 'oversize', size: 24 }, true],
    ['wrong checksum', spoiled(20, '00000000'), { defect: 'checksum', command: 'ping', size: 27 }, false],
    ['wrong payload', spoiled(24, '02'), { defect: 'checksum', command: 'ping' }, false],
    ['a control character', spoiled(4, '07'), { defect: 'command', command: 'ing' }, false],
    ['a character above ASCII', spoiled(4, 'ff'), { defect: 'command', command: 'ing' }, false],
    ['something after the padding', spoiled(15, '61'), { defect: 'command' }, false],
    [
      'both: the checksum counts',
      spoiled(4, `07${'00'.repeat(11)}0300000000000000`),
      { defect: 'checksum' },
      false,
    ],
  ];
  test.each(table)('%s', (_, bytes, expected, isLast) => {
    const good = encodeFrame(MAGIC, 'verack', new Uint8Array(0));
    const [first, second] = decode(good, bytes, good).slice(1);
    expect(first).toMatchObject({ kind: 'defect', ...expected });
    if (isLast) expect(second).toBeUndefined();
    else expect(second).toMatchObject({ kind: 'frame', command: 'verack' });
  });

  test('4,000,000 bytes are allowed', () => {
    const decoder = new FrameDecoder(MAGIC);
    decoder.push(spoiled(16, '00093d00').subarray(0, 24));
    expect(decoder.next()).toBeUndefined();
  });

  test('after the end of a stream nothing is kept', () => {
    const decoder = new FrameDecoder(MAGIC);
    decoder.push(spoiled(0, '00'));
    expect(decoder.next()?.kind).toBe('defect');
    decoder.push(new Uint8Array(1000));
    expect(decoder.bufferedBytes).toBe(0);
    expect(decoder.next()).toBeUndefined();
  });

  test('a command of twelve characters, and an empty one', () => {
    const frames = decode(
      encodeFrame(MAGIC, 'abcdefghijkl', new Uint8Array(0)),
      encodeFrame(MAGIC, '', new Uint8Array(0)),
    );
    expect(frames).toMatchObject([{ command: 'abcdefghijkl' }, { kind: 'frame', command: '' }]);
  });
});
