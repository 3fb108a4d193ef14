/**
 * Which transaction of the chain spends an output (Core: index/txospenderindex.cpp). A key is a salted hash of the
 * outpoint, so that nobody can choose outpoints that collide, with the place of the spender; there is no value. Outpoints
 * with the same hash are told apart by the transaction itself.
 */
import { binaryToBytes, concatBytes, textToBytes } from '../../base/bytes.ts';
import type { Random } from '../../base/random.ts';
import { sipHash24 } from '../../crypto/siphash.ts';
import type { BatchOp, Range, ReadableStore } from '../../store/store.ts';
import { Writer } from '../../wire/codec.ts';
import type { OutPoint } from '../../wire/transaction.ts';
import { keyOf } from '../coin.ts';
import { readRecord } from './by-block.ts';
import type { ChainIndex, IndexChange, IndexedBlock } from './chain-index.ts';
import { readTxPosition, type TxPosition, txPositions, writeTxPosition } from './tx-position.ts';

const SPENDER_PREFIX = 0x73; // 's'
/** → the two halves of the salt; a text as Core writes one, with its length. */
const SALT_KEY = concatBytes(Uint8Array.of(11), textToBytes('siphash_key'));
/** Prefix and hash. */
const KEY_HEAD_BYTES = 9;
const NO_VALUE = new Uint8Array(0);

export class SpenderIndex implements ChainIndex {
  readonly name = 'txospenderindex';
  readonly needsUndo = false;
  readonly needsRemoved = true;
  readonly #random: Random;
  #records: ReadableStore | undefined;
  #salt: readonly [bigint, bigint] = [0n, 0n];

  constructor(random: Random) {
    this.#random = random;
  }

  open(records: ReadableStore): readonly BatchOp[] {
    this.#records = records;
    const known = records.get(SALT_KEY);
    const salt = known ?? this.#random.bytes(16);
    this.#salt = readRecord(this.name, salt, r => [r.u64(), r.u64()]);
    return known === undefined ? [{ type: 'put', key: SALT_KEY, value: salt }] : [];
  }

  append(block: IndexedBlock): IndexChange {
    return { ops: this.#keys(block).map(key => ({ type: 'put', key, value: NO_VALUE })) };
  }

  remove(block: IndexedBlock): IndexChange {
    return { ops: this.#keys(block).map(key => ({ type: 'del', key })) };
  }

  commit(): readonly BatchOp[] {
    return [];
  }

  /** Where spenders may be: nearly always one at most, but each must be looked at. */
  async candidates(outPoint: OutPoint): Promise<TxPosition[]> {
    const found: TxPosition[] = [];
    if (this.#records === undefined) return found;
    for await (const [key] of this.#records.iterate(this.#rangeOf(outPoint))) {
      found.push(readRecord(this.name, key.subarray(KEY_HEAD_BYTES), readTxPosition));
    }
    return found;
  }

  #keys({ block, position }: IndexedBlock): Uint8Array[] {
    const positions = txPositions(block, position);
    return block.transactions.flatMap((tx, i) =>
      tx.isCoinbase ? [] : tx.inputs.map(({ prevout }) => this.#key(prevout, positions[i]!)),
    );
  }

  #key(outPoint: OutPoint, position: TxPosition): Uint8Array {
    const w = new Writer(32);
    w.u8(SPENDER_PREFIX);
    w.u64(this.#hash(outPoint));
    writeTxPosition(w, position);
    return w.finish();
  }

  #rangeOf(outPoint: OutPoint): Range {
    const w = new Writer(KEY_HEAD_BYTES);
    w.u8(SPENDER_PREFIX);
    w.u64(this.#hash(outPoint));
    const head = w.finish();
    // No position is longer than this.
    return { gte: head, lt: concatBytes(head, new Uint8Array(32).fill(0xff)) };
  }

  #hash(outPoint: OutPoint): bigint {
    return sipHash24(...this.#salt, binaryToBytes(keyOf(outPoint)));
  }
}
