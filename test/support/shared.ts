/**
 * Where tests find the published vectors and real blocks, which live beside the repository in `../shared`.
 *
 * Tests that use them run whenever that folder exists. With `CI=true` its absence is a failure; otherwise the
 * tests are skipped and their name says why.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe } from 'vitest';
import { SHARED_FOLDER } from './shared-folder.ts';

const { CI } = process.env;

/** The absolute path of `relative` (such as `vectors/core/sighash.json`) in the shared folder. */
export function sharedPath(relative: string): string {
  return join(SHARED_FOLDER, relative);
}

/** The bytes of a shared file; one that ends in `.gz` is unpacked. */
export function readShared(relative: string): Buffer {
  const bytes = readFileSync(sharedPath(relative));
  return relative.endsWith('.gz') ? gunzipSync(bytes) : bytes;
}

/** A shared JSON file, unpacked where its name ends in `.gz`. The caller knows its shape. */
export function readSharedJson<T>(relative: string): T {
  return JSON.parse(readShared(relative).toString('utf8')) as T;
}

/** A `describe` whose tests need the shared folder. `body` runs only where that exists. */
export function describeShared(name: string, body: () => void): void {
  if (existsSync(SHARED_FOLDER)) describe(name, body);
  else if (CI === 'true') throw new Error(`${name}: ${SHARED_FOLDER} is missing, and CI must not skip it`);
  else describe.skip(`${name} (skipped: ${SHARED_FOLDER} is missing)`, () => {});
}
