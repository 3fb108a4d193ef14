/** The indexes against what Core recorded of whole chains, height by height; and the same after blocks were taken away. */
import { describe, expect, test } from 'vitest';
import { bytesToHex, hashToHex } from '../../src/base/bytes.ts';
import { SeededRandom } from '../../src/base/random.ts';
import type { Coin } from '../../src/chain/coin.ts';
import type { ChainIndex, IndexedBlock } from '../../src/chain/indexes/chain-index.ts';
import { CoinStatsIndex } from '../../src/chain/indexes/coin-stats-index.ts';
import { FilterIndex, filterOf } from '../../src/chain/indexes/filter-index.ts';
import { SpenderIndex } from '../../src/chain/indexes/spender-index.ts';
import { TxIndex } from '../../src/chain/indexes/tx-index.ts';
import type { BlockUndo } from '../../src/chain/undo.ts';
import { keyOf, type OutPointKey, outPointKey } from '../../src/consensus/coin.ts';
import { networkParams } from '../../src/consensus/networks.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { type Block, decodeBlock, HEADER_BYTES } from '../../src/wire/block.ts';
import { Reader } from '../../src/wire/codec.ts';
import { readTransaction } from '../../src/wire/transaction.ts';
import { describeShared, readShared, readSharedJson } from '../support/shared.ts';

/** Files of an index, in memory. */
class Indexed<T extends ChainIndex> {
  readonly index: T;
  readonly store = new MemoryStore();
  readonly written = new Map<string, Uint8Array>();

  constructor(index: T) {
    this.index = index;
    this.store.batchSync(index.open(this.store, undefined), { durable: true });
  }

  append(block: IndexedBlock): void {
    this.#apply(this.index.append(block));
  }

  remove(block: IndexedBlock): void {
    this.#apply(this.index.remove(block));
  }

  /** As after a clean stop. */
  reopen(best: IndexedBlock): void {
    this.store.batchSync(this.index.commit(), { durable: true });
    this.index.open(this.store, best);
  }

  #apply({ ops, writes = [] }: ReturnType<ChainIndex['append']>): void {
    for (const { position, bytes } of writes) this.written.set(`${position.file}:${position.offset}`, bytes);
    this.store.batchSync(ops, { durable: false });
  }
}

interface Recorded {
  readonly height: number;
  readonly hash: string;
  readonly filter: string;
  readonly filter_header: string;
  readonly muhash: string;
  readonly txouts: number;
  readonly bogosize: number;
  readonly total_amount: string;
}

describeShared('indexes', () => {
  describe.each([
    ['mainnet-0-4312', 'main'],
    ['testnet3-0-400', 'test'],
    ['signet-0-120', 'signet'],
    ['regtest-kernel-0-206', 'regtest'],
  ])('chain %s', (name, network) => {
    const filters = new Indexed(new FilterIndex());
    const stats = new Indexed(new CoinStatsIndex(networkParams(network)));
    const txs = new Indexed(new TxIndex());
    const spenders = new Indexed(new SpenderIndex(new SeededRandom(1)));
    const all = [filters, stats, txs, spenders];
    const blocks = [...readChain(name)];
    for (const block of blocks) for (const each of all) each.append(block);
    const { blocks: recorded } = readSharedJson<{ blocks: Recorded[] }>(
      `blocks/chains/${name}.expected.json.gz`,
    );

    function expectRecorded(): void {
      expect(blocks).toHaveLength(recorded.length);
      for (const block of blocks) {
        const expected = recorded[block.height]!;
        const record = filters.index.find(block)!;
        const { file, offset } = record.position;
        const totals = stats.index.find(block)!;
        expect({
          height: block.height,
          hash: hashToHex(block.hash),
          filter: bytesToHex(filterOf(filters.written.get(`${file}:${offset}`)!, record)!),
          filter_header: hashToHex(record.header),
          muhash: hashToHex(totals.muhash),
          txouts: Number(totals.outputs),
          bogosize: Number(totals.bogoSize),
          satoshi: Number(totals.amount),
        }).toEqual({
          height: expected.height,
          hash: expected.hash,
          filter: expected.filter,
          filter_header: expected.filter_header,
          muhash: expected.muhash,
          txouts: expected.txouts,
          bogosize: expected.bogosize,
          satoshi: Math.round(Number(expected.total_amount) * 1e8),
        });
      }
    }

    test('is as Core recorded it', expectRecorded);

    test('is so again when blocks went and came, and when it was opened again', () => {
      const gone = blocks.slice(-100);
      for (const block of gone.toReversed()) for (const each of all) each.remove(block);
      const left = blocks.at(-101)!;
      for (const each of all) each.reopen(left);
      // What has left the chain is still known by its hash.
      expect(hashToHex(stats.index.find(gone[7]!)!.muhash)).toBe(recorded[gone[7]!.height]!.muhash);
      for (const block of gone) for (const each of all) each.append(block);
      expectRecorded();
    });

    test('knows where transactions are and what spends their outputs', async () => {
      expect(txs.index.find(blocks[0]!.block.transactions[0]!.txid)).toBeUndefined();
      for (const { block, height } of blocks.slice(1)) {
        for (const tx of block.transactions) {
          const position = txs.index.find(tx.txid)!;
          expect(position.block.offset).toBe(height);
          const r = new Reader(block.raw, HEADER_BYTES + position.offset);
          expect(readTransaction(r).wtxid).toBe(tx.wtxid);
          if (tx.isCoinbase) continue;
          for (const { prevout } of tx.inputs)
            expect(await spenders.index.candidates(prevout)).toEqual([position]);
        }
      }
      const unspent = { txid: blocks.at(-1)!.block.transactions[0]!.txid, index: 0 };
      expect(await spenders.index.candidates(unspent)).toEqual([]);
    });
  });
});

/** Positions are heights: nothing is read from block files here. */
function* readChain(name: string): Generator<IndexedBlock> {
  const file = new Uint8Array(readShared(`blocks/chains/${name}.dat.gz`));
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const coins = new Map<OutPointKey, Coin>();
  for (let at = 0, height = 0; at < file.length; height += 1) {
    const length = view.getUint32(at + 4, true);
    const block = decodeBlock(file.subarray(at + 8, at + 8 + length));
    at += 8 + length;
    const undo = spendAndMake(block, height, coins);
    yield { block, undo, height, hash: block.header.hash, position: { file: 0, offset: height } };
  }
}

function spendAndMake({ transactions }: Block, height: number, coins: Map<OutPointKey, Coin>): BlockUndo {
  const spent: Coin[][] = [];
  for (const tx of transactions) {
    const { isCoinbase, txid } = tx;
    if (!isCoinbase) spent.push(tx.inputs.map(({ prevout }) => coins.get(keyOf(prevout))!));
    tx.outputs.forEach((output, index) => {
      coins.set(outPointKey(txid, index), { ...output, height, isCoinbase });
    });
  }
  return { spent };
}
