import { expect, test } from 'vitest';
import { messages } from '../../src/wire/messages.ts';
import { fuzz } from './run.ts';

test('20,000 messages of all types from fuzzing peers: nothing throws, honest blocks come through', () => {
  const rounds = [...fuzz({ seed: 7, messages: 20_000 })];
  expect(rounds.length).toBe(1);
  expect([...rounds[0]!.counts.keys()].sort()).toEqual([...Object.keys(messages), 'random bytes'].sort());
});
