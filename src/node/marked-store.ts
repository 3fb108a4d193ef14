/** The chain's databases, each with a marker that it is ours: another program's is not touched. */
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Log } from '../base/log.ts';
import { DamagedDatabaseError, StoreError } from '../store/errors.ts';
import { type LevelStore, openLevelStore } from '../store/level.ts';

/** In each database of ours; LevelDB leaves files alone whose names are none of its own. */
export const MARKER_FILE = 'HEARSAY';
const MARKER_TEXT = 'This database belongs to Hearsay, format 1.\n';
/** Of a database of ours everything goes but the marker. Throws StoreError. */
export function wipeDatabase(folder: string, log: Log): void {
  if (!existsSync(folder)) return;
  log.info(`Wiping LevelDB in ${folder}`);
  try {
    for (const name of readdirSync(folder))
      if (name !== MARKER_FILE) rmSync(join(folder, name), { recursive: true });
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
