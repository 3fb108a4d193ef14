/**
 * Where a loaded snapshot's coins lie, `chainstate_snapshot`, and what is known of them (Core: node/utxo_snapshot.cpp,
 * ValidatedSnapshotCleanup): `base_blockhash` names their block, once they are all there; a verdict, once their history was
 * validated. At a start a right one takes the place of `chainstate`, and a wrong one is put aside. Each step is a rename
 * or a file of its own, so that a crash leaves something to go on from.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { type BlockHash, binaryToBytes, bytesToHash, hashToHex } from '../base/bytes.ts';
import type { Log } from '../base/log.ts';
import { guarded, StoreError } from '../store/errors.ts';
import type { LevelStore } from '../store/level.ts';
import { openMarked } from './marked-store.ts';

const BASE_FILE = 'base_blockhash';
const VERDICT_FILE = 'verdict';

export interface OpenSnapshot {
  readonly store: LevelStore;
  readonly base: BlockHash;
}

export class SnapshotFolder {
  readonly #snapshot: string;
  readonly #chainstate: string;
  readonly #log: Log;

  /** `directory`: the chain's own. */
  constructor(directory: string, log: Log) {
    this.#snapshot = join(directory, 'chainstate_snapshot');
    this.#chainstate = join(directory, 'chainstate');
    this.#log = log;
  }

  /** Acts on what the last run has found out. Before any of the databases is open. Throws StoreError. */
  settle(): void {
    const old = `${this.#chainstate}_todelete`;
    guarded(this.#snapshot, () => {
      const verdict = this.#verdict();
      if (verdict === 'valid') {
        this.#log.info('[snapshot] cleaning up unneeded background chainstate, then reinitializing');
        if (existsSync(this.#chainstate)) renameSync(this.#chainstate, old);
        renameSync(this.#snapshot, this.#chainstate);
      } else if (verdict === 'invalid') {
        this.#log.warn('[snapshot] the snapshot was found to be wrong, and is put aside');
        rmSync(`${this.#snapshot}_INVALID`, { recursive: true, force: true });
        renameSync(this.#snapshot, `${this.#snapshot}_INVALID`);
      } else if (existsSync(this.#snapshot) && !existsSync(join(this.#snapshot, BASE_FILE))) {
        this.#log.warn('[snapshot] a snapshot that was not loaded to its end is removed');
        this.remove();
      }
      for (const name of [BASE_FILE, VERDICT_FILE]) rmSync(join(this.#chainstate, name), { force: true });
      rmSync(old, { recursive: true, force: true });
    });
  }

  /** undefined: there is none. `known`: blocks of snapshots that may be taken. Throws StoreError. */
  async open(known: readonly BlockHash[]): Promise<OpenSnapshot | undefined> {
    const file = join(this.#snapshot, BASE_FILE);
    if (!existsSync(file)) return undefined;
    const bytes = guarded(this.#snapshot, () => readFileSync(file));
    if (bytes.length !== 32) throw new StoreError('corrupted', `${file} is not the hash of a block`);
    const base = bytesToHash<BlockHash>(bytes);
    if (!known.includes(base)) {
      throw new StoreError(
        'foreign',
        `A fatal internal error occurred, see debug.log for details: Assumeutxo data not found for the given blockhash '${hashToHex(base)}'.`,
      );
    }
    return { base, store: await openMarked(this.#snapshot, 'coins', this.#log) };
  }

  /** For coins that are about to be loaded. Throws StoreError. */
  create(): Promise<LevelStore> {
    this.remove();
    return openMarked(this.#snapshot, 'coins', this.#log);
  }

  /** All coins are in the database, which is durable. Throws StoreError. */
  keep(base: BlockHash): void {
    this.#write(BASE_FILE, binaryToBytes(base));
  }

  /** Throws StoreError. */
  judge(verdict: 'valid' | 'invalid'): void {
    this.#write(VERDICT_FILE, Buffer.from(verdict));
  }

  remove(): void {
    guarded(this.#snapshot, () => rmSync(this.#snapshot, { recursive: true, force: true }));
  }

  #verdict(): string | undefined {
    const file = join(this.#snapshot, VERDICT_FILE);
    return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
  }

  /** Through a temporary file: it is there whole, or not at all. */
  #write(name: string, content: Uint8Array): void {
    guarded(this.#snapshot, () => {
      const file = join(this.#snapshot, name);
      const handle = openSync(`${file}.new`, 'w');
      try {
        writeSync(handle, content);
        fsyncSync(handle);
      } finally {
        closeSync(handle);
      }
      renameSync(`${file}.new`, file);
    });
  }
}
