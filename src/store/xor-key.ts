/** The key in `xor.dat`, with which all bytes of block and undo files are XORed, so that no virus scanner finds a block. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bytesToHex } from '../base/bytes.ts';
import { StoreError } from './errors.ts';

const XOR_KEY_BYTES = 8;
const WORD_BYTES = 4;

/** Core: InitBlocksdirXorKey. A key that is there counts; only a folder without any file gets a random one. */
export function loadXorKey(folder: string, newKey: Uint8Array | undefined): Uint8Array {
  const path = join(folder, 'xor.dat');
  if (!existsSync(path)) {
    const isNew = !readdirSync(folder, { withFileTypes: true }).some(
      entry => !entry.isFile() || !entry.name.startsWith('.'),
    );
    writeFileSync(path, isNew && newKey !== undefined ? newKey : new Uint8Array(XOR_KEY_BYTES), {
      flag: 'wx',
    });
  }
  const key = new Uint8Array(readFileSync(path));
  if (key.length < XOR_KEY_BYTES) throw new StoreError('corrupted', `The XOR key in ${path} is cut short`);
  const kept = key.subarray(0, XOR_KEY_BYTES);
  if (newKey === undefined && kept.some(byte => byte !== 0)) {
    throw new StoreError(
      'io',
      `The blocksdir XOR-key can not be disabled when a random key was already stored! ` +
        `Stored key: '${bytesToHex(kept)}', stored path: '${path}'.`,
    );
  }
  return kept;
}

/** In place; `at` is where in the file the bytes stand. */
export function applyXorKey(key: Uint8Array, bytes: Uint8Array, at: number): void {
  if (key.every(byte => byte === 0)) return;
  const keyAt = (i: number) => key[(at + i) & (XOR_KEY_BYTES - 1)]!;
  let done = 0;
  if (bytes.byteOffset % WORD_BYTES === 0) {
    // A block is a megabyte: word by word takes a fifth of the time.
    const rotated = Uint8Array.from({ length: XOR_KEY_BYTES }, (_, i) => keyAt(i));
    const [even, odd] = new Int32Array(rotated.buffer) as unknown as [number, number];
    const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
    for (let i = 0; i < words.length; i += 1) words[i]! ^= (i & 1) === 0 ? even : odd;
    done = words.byteLength;
  }
  for (let i = done; i < bytes.length; i += 1) bytes[i]! ^= keyAt(i);
}
