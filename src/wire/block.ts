/** Block headers (80 bytes) and blocks. */
import type { BlockHash, Hash256 } from '../base/bytes.ts';
import { sha256d } from '../crypto/sha256.ts';
import { type Codec, compactSizeBytes, DecodeError, Reader, Writer } from './codec.ts';
import { readTransaction, type Transaction, WITNESS_SCALE_FACTOR } from './transaction.ts';

export const HEADER_BYTES = 80;

export interface HeaderParts {
  /** Signed 32 bits: versions below zero exist. */
  readonly version: number;
  readonly prevHash: BlockHash;
  readonly merkleRoot: Hash256;
  readonly time: number;
  /** The target in compact form. */
  readonly bits: number;
  readonly nonce: number;
}

export interface BlockHeader extends HeaderParts {
  readonly hash: BlockHash;
}

export interface Block {
  readonly header: BlockHeader;
  readonly transactions: readonly Transaction[];
  /** The whole encoding; a view of the bytes it was decoded from. */
  readonly raw: Uint8Array;
}

export const blockHeader: Codec<BlockHeader> = {
  read(r) {
    const start = r.position;
    const version = r.i32();
    const prevHash = r.hash<BlockHash>();
    const merkleRoot = r.hash();
    const time = r.u32();
    const bits = r.u32();
    const nonce = r.u32();
    const hash = sha256d<BlockHash>(r.bytes.subarray(start, start + HEADER_BYTES));
    return { version, prevHash, merkleRoot, time, bits, nonce, hash };
  },
  write(w, v) {
    w.i32(v.version);
    w.hash(v.prevHash);
    w.hash(v.merkleRoot);
    w.u32(v.time);
    w.u32(v.bits);
    w.u32(v.nonce);
  },
};

/** 80 bytes. */
export function encodeHeader(parts: HeaderParts): Uint8Array {
  const w = new Writer(HEADER_BYTES);
  blockHeader.write(w, parts as BlockHeader);
  return w.finish();
}

/** Completes `parts` with its hash. */
export function createHeader(parts: HeaderParts): BlockHeader {
  return { ...parts, hash: sha256d<BlockHash>(encodeHeader(parts)) };
}

export const block: Codec<Block> = {
  read(r) {
    const start = r.position;
    const header = blockHeader.read(r);
    const count = r.compactSize();
    const transactions: Transaction[] = [];
    for (let i = 0; i < count; i += 1) transactions.push(readTransaction(r));
    return { header, transactions, raw: r.bytes.subarray(start, r.position) };
  },
  write: (w, v) => w.put(v.raw),
};

/** Decodes all of `bytes`; throws DecodeError. */
export function decodeBlock(bytes: Uint8Array): Block {
  const reader = new Reader(bytes);
  const value = block.read(reader);
  if (reader.remaining > 0) throw new DecodeError(`${reader.remaining} bytes left over after the block`);
  return value;
}

export function createBlock(header: BlockHeader, transactions: readonly Transaction[]): Block {
  const count = transactions.length;
  const w = new Writer(
    HEADER_BYTES + compactSizeBytes(count) + transactions.reduce((sum, tx) => sum + tx.size, 0),
  );
  blockHeader.write(w, header);
  w.compactSize(count);
  for (const tx of transactions) w.put(tx.raw);
  // All of its room.
  return { header, transactions, raw: w.written() };
}

/** A block's bytes without any witness, for who does not want them (BIP144). */
export function encodeStrippedBlock(raw: Uint8Array): Uint8Array {
  const { header, transactions } = decodeBlock(raw);
  if (!transactions.some(tx => tx.hasWitness)) return raw;
  const w = new Writer(raw.length);
  blockHeader.write(w, header);
  w.compactSize(transactions.length);
  for (const tx of transactions) w.put(tx.strippedBytes());
  return w.finish();
}

/** Bytes without any witness. */
export function strippedBlockSize(value: Block): number {
  const txBytes = value.transactions.reduce((sum, tx) => sum + tx.size - tx.strippedSize, 0);
  return value.raw.length - txBytes;
}

export function blockWeight(value: Block): number {
  return strippedBlockSize(value) * (WITNESS_SCALE_FACTOR - 1) + value.raw.length;
}
