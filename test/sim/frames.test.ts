/** What frames say, whether they are bytes, come through pipes or are shared. */
import { expect, test } from 'vitest';
import { SeededRandom } from '../../src/base/random.ts';
import { ByteFrames } from '../../src/sim/byte-frames.ts';
import type { Frames } from '../../src/sim/frames.ts';
import { SharedFrames } from '../../src/sim/shared-frames.ts';
import { createBlock } from '../../src/wire/block.ts';
import { type Command, encodePayload, INV, type Message, messages } from '../../src/wire/messages.ts';
import { RANDOM_MESSAGES, randomHeader, randomTransaction } from '../support/random-messages.ts';
import { REGTEST } from '../support/test-chain.ts';

const { magic } = REGTEST;
const WAYS: readonly [string, Frames][] = [
  ['bytes', new ByteFrames(magic, { pipes: false })],
  ['pipes', new ByteFrames(magic, { pipes: true })],
  ['shared', new SharedFrames()],
];

function receive(frames: Frames, frame: ReturnType<Frames['encode']>) {
  const event = frames.decode({ peer: 3, decoder: undefined }, frame);
  if (event.kind !== 'message') throw new Error(`${event.kind} of ${frame.command}`);
  const { peer, message, size } = event;
  const { command, length, checksum } = frame;
  return { peer, size, command, length, checksum, payload: encodePayload(message) };
}

test.each(Object.keys(messages) as Command[])('%s is the same in each way', command => {
  for (let seed = 1; seed <= 5; seed += 1) {
    const message = RANDOM_MESSAGES[command](new SeededRandom(seed));
    const [plain, ...others] = WAYS.map(([, frames]) => receive(frames, frames.encode(message)));
    expect(plain, `seed ${seed}`).toMatchObject({ peer: 3, command, payload: encodePayload(message) });
    for (const other of others) expect(other, `seed ${seed}`).toEqual(plain);
  }
});

test('a stored block is the same in each way', () => {
  const random = new SeededRandom(1);
  const { raw } = createBlock(randomHeader(random), [randomTransaction(random)]);
  const [plain, ...others] = WAYS.map(([, frames]) => receive(frames, frames.encodeBlock(raw)));
  expect(plain).toMatchObject({ command: 'block', payload: raw });
  for (const other of others) expect(other).toEqual(plain);
});

test('what says the same is one frame, and only that', () => {
  const frames = new SharedFrames();
  const random = new SeededRandom(2);
  const tx = randomTransaction(random);
  const header = randomHeader(random);
  const alike: readonly (() => Message)[] = [
    () => ({ command: 'tx', tx }),
    () => ({ command: 'inv', items: [{ type: INV.wtx, hash: tx.wtxid }] }),
    () => ({ command: 'inv', items: [{ type: INV.tx, hash: tx.wtxid }] }),
    () => ({ command: 'getdata', items: [{ type: INV.wtx, hash: tx.wtxid }] }),
    () => ({ command: 'headers', headers: [header] }),
  ];
  const once = alike.map(make => frames.encode(make()));
  expect(alike.map(make => frames.encode(make()))).toEqual(once);
  for (const [i, make] of alike.entries()) expect(frames.encode(make())).toBe(once[i]);
  expect(new Set(once).size).toBe(alike.length);
  const ping: Message = { command: 'ping', nonce: 1n };
  expect(frames.encode(ping)).not.toBe(frames.encode(ping));
});
