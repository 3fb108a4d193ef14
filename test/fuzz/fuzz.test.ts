import { expect, test } from 'vitest';
import { messages } from '../../src/wire/messages.ts';
import { fuzz } from './run.ts';

/** All that a fuzzing peer of v2 does, and that the node answers it in packets, among which are questions to be answered. */
const V2_DEEDS = [
  'answer to getdata', 'answer to getheaders', 'answer to sketch',
  'bytes before a key', 'decoy', 'garbage without end', 'handshake', 'key', 'message', 'name of any bytes',
  'name written out', 'packet of the node', 'random bytes', 'short packet', 'spoilt packet', 'terminator',
  'unknown number', 'version packet',
]; // biome-ignore format: a list

test('8,000 messages of all types from fuzzing peers: nothing throws, honest blocks come through', () => {
  const rounds = [...fuzz({ seed: 7, messages: 8_000 })];
  expect(rounds.length).toBe(1);
  const { counts, v2Counts } = rounds[0]!;
  // Every type of the table is said.
  expect([...counts.keys()].sort()).toEqual([...Object.keys(messages), 'random bytes'].sort());
  expect([...v2Counts.keys()]).toEqual(expect.arrayContaining(V2_DEEDS));
});
