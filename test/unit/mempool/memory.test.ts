import { expect, test } from 'vitest';
import { memoryOf } from '../../../src/mempool/tx-pool.ts';
import { createTransaction, type Transaction, withInputs } from '../../../src/wire/transaction.ts';
import { reachableBytes } from '../../support/heap.ts';
import { hashOf } from '../p2p/support.ts';

/** With `inputs` inputs that have `items` witness items of `bytes` bytes each. */
function spending(inputs: number, items: number, bytes: number): Transaction {
  const prevouts = Array.from({ length: inputs }, (_, i) => ({
    txid: hashOf(`memory ${i}`),
    index: i,
  }));
  const base = createTransaction({ version: 2, inputs: [], outputs: [], lockTime: 0 });
  const witness = new Array<Uint8Array>(items).fill(new Uint8Array(bytes));
  return withInputs(
    base,
    prevouts.map(prevout => ({ prevout, scriptSig: new Uint8Array(0), sequence: 0, witness })),
  );
}

test.each([
  ['key hashes', 10_000, 2, 60],
  ['stacks of small items', 100, 1_000, 1],
])('a transaction of %s is not larger than the pool believes', (_, inputs, items, bytes) => {
  const tx = spending(inputs, items, bytes).detached();
  const before = reachableBytes();
  expect(tx.inputs).toHaveLength(inputs);
  expect(reachableBytes() - before).toBeLessThan(memoryOf(tx));
});
