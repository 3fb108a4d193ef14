/**
 * `mempool.dat` as Bitcoin Core reads and writes it (src/node/mempool_persist.cpp): version, a random key that all that
 * follows is XORed with by its place in the file (so that scanners do not take it for something else), transactions with
 * when they came and what was added to their fees, such additions for transactions that are not here, and what no peer
 * has asked for yet. Version 1 has no key.
 */
import type { Txid } from '../base/bytes.ts';
import type { UnixSeconds } from '../base/clock.ts';
import { array, DecodeError, i64, Reader, struct, txid, varBytes, Writer } from '../wire/codec.ts';
import { type Transaction, transaction } from '../wire/transaction.ts';

const VERSION_WITHOUT_KEY = 1n;
const VERSION = 2n;
const KEY_BYTES = 8;
/** What cannot be: the smallest transaction has 60 bytes. */
const BYTES_PER_TX_MIN = 60;

export interface MempoolDump {
  /** Parents before children. */
  readonly txs: readonly {
    readonly tx: Transaction;
    readonly time: UnixSeconds;
    readonly feeDelta: number;
  }[];
  /** Satoshi, of transactions that are not among `txs`. */
  readonly feeDeltas: ReadonlyMap<Txid, number>;
  readonly unbroadcast: readonly Txid[];
}

const key = varBytes(KEY_BYTES);
const deltas = array(struct({ txid, delta: i64 }));
const txids = array(txid);

/** `keyBytes`: eight random bytes; undefined for the format of old. */
export function encodeMempoolFile(dump: MempoolDump, keyBytes: Uint8Array | undefined): Uint8Array {
  const w = new Writer(1 << 16);
  w.u64(keyBytes === undefined ? VERSION_WITHOUT_KEY : VERSION);
  if (keyBytes !== undefined) key.write(w, keyBytes);
  const start = w.finish().length;
  w.u64(BigInt(dump.txs.length));
  for (const { tx, time, feeDelta } of dump.txs) {
    transaction.write(w, tx);
    w.i64(BigInt(time));
    w.i64(BigInt(feeDelta));
  }
  const others = [...dump.feeDeltas].map(([id, delta]) => ({ txid: id, delta: BigInt(delta) }));
  deltas.write(
    w,
    others.sort((a, b) => (a.txid < b.txid ? -1 : 1)),
  );
  txids.write(w, [...dump.unbroadcast].sort());
  const bytes = w.finish();
  if (keyBytes !== undefined) scramble(bytes, start, keyBytes);
  return bytes;
}

/** Throws DecodeError; a version that is not known too. */
export function decodeMempoolFile(file: Uint8Array): MempoolDump {
  const head = new Reader(file);
  const version = head.u64();
  if (version !== VERSION && version !== VERSION_WITHOUT_KEY)
    throw new DecodeError(`Version ${version} of the mempool file is not known`);
  const keyBytes = version === VERSION ? key.read(head) : undefined;
  if (keyBytes !== undefined && keyBytes.length !== KEY_BYTES)
    throw new DecodeError(`The key of the mempool file must have ${KEY_BYTES} bytes`);
  const bytes = file.slice();
  if (keyBytes !== undefined) scramble(bytes, head.position, keyBytes);
  const r = new Reader(bytes);
  r.take(head.position);
  const count = Number(r.u64());
  if (count * BYTES_PER_TX_MIN > bytes.length)
    throw new DecodeError(`${count} transactions in a file of ${bytes.length} bytes`);
  const txs = Array.from({ length: count }, () => ({
    tx: transaction.read(r),
    time: Number(r.i64()),
    feeDelta: Number(r.i64()),
  }));
  const feeDeltas = new Map(deltas.read(r).map(({ txid: id, delta }) => [id, Number(delta)]));
  return { txs, feeDeltas, unbroadcast: txids.read(r) };
}

function scramble(bytes: Uint8Array, start: number, keyBytes: Uint8Array): void {
  for (let i = start; i < bytes.length; i += 1) bytes[i]! ^= keyBytes[i % KEY_BYTES]!;
}
