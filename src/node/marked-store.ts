/** The chain's databases, each with a marker that it is ours: another program's is not touched. */
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Log } from '../base/log.ts';
import { DamagedDatabaseError, StoreError } from '../store/errors.ts';
import { type LevelStore, openLevelStore } from '../store/level.ts';

/** In each database of ours; LevelDB leaves files alone whose names are none of its own. */
export const MARKER_FILE = 'HEARSAY';
const MARKER_TEXT = 'This database belongs to Hearsay, format 1.\n';
/** Names the files that a LevelDB consists of: without it there is none. */
const CURRENT_FILE = 'CURRENT';

/**
 * Of a database of ours everything goes but the marker. `CURRENT` goes first, so that one that a kill has left half wiped is
 * known for that and wiped to its end when it is opened. Throws StoreError.
 */
export function wipeDatabase(folder: string, log: Log): void {
  if (!existsSync(folder)) return;
  try {
    const files = readdirSync(folder).filter(name => name !== MARKER_FILE);
    if (files.length === 0) return;
    log.info(`Wiping LevelDB in ${folder}`);
    // Already without it when that was cut before.
    rmSync(join(folder, CURRENT_FILE), { force: true });
    for (const name of files) rmSync(join(folder, name), { recursive: true, force: true });
  } catch (error) {
    throw new StoreError('io', `Cannot wipe ${folder}: ${(error as Error).message}`, { cause: error });
  }
}

/** `what`: how the database is called when it cannot be opened. */
export async function openMarked(folder: string, what: 'block' | 'coins', log: Log): Promise<LevelStore> {
  const marker = join(folder, MARKER_FILE);
  try {
    mkdirSync(folder, { recursive: true });
    if (!existsSync(marker)) writeFileSync(marker, MARKER_TEXT);
  } catch (error) {
    throw new StoreError('io', `Cannot write to ${folder}: ${(error as Error).message}`, { cause: error });
  }
  // LevelDB would make a new one, and read logs into it that were of the old one.
  if (!existsSync(join(folder, CURRENT_FILE))) wipeDatabase(folder, log);
  log.info(`Opening LevelDB in ${folder}`);
  try {
    return await openLevelStore(folder);
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== 'corrupted') throw error;
    // Core reads the whole index at its start, and of the coins what it needs.
    const doing = what === 'block' && error instanceof DamagedDatabaseError ? 'loading' : 'opening';
    throw new StoreError('corrupted', `Error ${doing} ${what} database: ${error.message}`, { cause: error });
  }
}
