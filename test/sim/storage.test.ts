/** What a simulated node writes lies over what all of them began with, and alike for all that write the same. */
import { expect, test } from 'vitest';
import { COIN_KEYS } from '../../src/chain/coin-records.ts';
import type { FilePosition } from '../../src/chain/effects.ts';
import { createBaseChain } from '../../src/sim/base-chain.ts';
import { SharedStorage } from '../../src/sim/shared-storage.ts';
import { NodeStorage } from '../../src/sim/storage.ts';
import type { BatchOp } from '../../src/store/store.ts';

test('coins come and go at each node alone', () => {
  const { snapshot } = createBaseChain(1);
  const [[old, oldValue]] = [...snapshot.storage.coins.entries(COIN_KEYS)] as [[Uint8Array, Uint8Array]];
  const key = Uint8Array.of(...old.subarray(0, old.length - 1), 0x7f);
  const shared = new SharedStorage(snapshot);
  const [a, b, fork] = [0, 1, 2].map(() => new NodeStorage(shared)) as [NodeStorage, NodeStorage, NodeStorage]; // biome-ignore format: one list
  const read = (node: NodeStorage) => node.perform({ kind: 'readCoins', store: 'main', keys: [old, key] });
  const write = (node: NodeStorage, ...ops: BatchOp[]) =>
    node.perform({ kind: 'writeCoins', store: 'main', ops, durable: false });
  const value = () => Uint8Array.of(1, 2, 3);

  for (const node of [a, b]) write(node, { type: 'del', key: old }, { type: 'put', key, value: value() });
  write(fork, { type: 'put', key, value: Uint8Array.of(9) });
  expect(read(a)).toEqual([undefined, value()]);
  expect(read(fork)).toEqual([oldValue, Uint8Array.of(9)]);
  const [of, again] = [a, b].map(node => (read(node) as Uint8Array[])[1]);
  expect(again).toBe(of);
  write(a, { type: 'del', key });
  expect(read(a)).toEqual([undefined, undefined]);
  expect(read(b)).toEqual([undefined, value()]);
  write(a, { type: 'put', key: old, value: oldValue });
  expect(read(a)).toEqual([oldValue, undefined]);
});

test('blocks are the same bytes at each node that has the same', () => {
  const shared = new SharedStorage(createBaseChain(1).snapshot);
  const block = (last: number) => new Uint8Array(200).fill(last, 199);
  const stored = [block(1), block(1), block(2)].map(raw => {
    const node = new NodeStorage(shared);
    const position = node.perform({ kind: 'appendBlock', raw, height: 1, time: 1 }) as FilePosition;
    return node.perform({ kind: 'readBlock', position });
  });
  expect(stored).toEqual([block(1), block(1), block(2)]);
  expect(stored[1]).toBe(stored[0]);
});
