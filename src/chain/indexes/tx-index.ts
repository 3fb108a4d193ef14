/**
 * Where each transaction of the chain lies in the block files (Core: index/txindex.cpp). A block that leaves the chain
 * stays known: of a transaction that is in two blocks, the one connected last counts.
 */
import { binaryToBytes, type Txid } from '../../base/bytes.ts';
import type { BatchOp, ReadableStore } from '../../store/store.ts';
import { Writer } from '../../wire/codec.ts';
import { readRecord } from './by-block.ts';
import type { ChainIndex, IndexChange, IndexedBlock } from './chain-index.ts';
import { readTxPosition, type TxPosition, txPositions, writeTxPosition } from './tx-position.ts';

const TX_PREFIX = 0x74; // 't'
const NOTHING: IndexChange = { ops: [] };

export class TxIndex implements ChainIndex {
  readonly name = 'txindex';
  readonly needsUndo = false;
  readonly needsRemoved = false;
  #records: ReadableStore | undefined;

  open(records: ReadableStore): readonly BatchOp[] {
    this.#records = records;
    return [];
  }

  /** The coinbase of genesis cannot be spent and is no ordinary transaction. */
  append({ block, height, position }: IndexedBlock): IndexChange {
    if (height === 0) return NOTHING;
    const positions = txPositions(block, position);
    const ops = block.transactions.map(({ txid }, i): BatchOp => {
      const w = new Writer(16);
      writeTxPosition(w, positions[i]!);
      return { type: 'put', key: txKey(txid), value: w.finish() };
    });
    return { ops };
  }

  remove(): IndexChange {
    return NOTHING;
  }

  commit(): readonly BatchOp[] {
    return [];
  }

  /** Throws StoreError. */
  find(txid: Txid): TxPosition | undefined {
    const record = this.#records?.get(txKey(txid));
    return record && readRecord(this.name, record, readTxPosition);
  }
}

function txKey(txid: Txid): Uint8Array {
  const key = new Uint8Array(33);
  key[0] = TX_PREFIX;
  key.set(binaryToBytes(txid), 1);
  return key;
}
