/** The key in `xor.dat`, with which all bytes of block and undo files are XORed, so that no virus scanner finds a block. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bytesToHex } from '../base/bytes.ts';
import { StoreError } from './errors.ts';

const XOR_KEY_BYTES = 8;

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
  for (let i = 0; i < bytes.length; i += 1) bytes[i]! ^= key[(at + i) & (XOR_KEY_BYTES - 1)]!;
}
