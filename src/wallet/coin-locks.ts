/** Coins that the user keeps from being chosen (`lockunspent`). */
import type { OutPointKey } from '../chain/coin.ts';
import { binaryKey, flagRecord, type RecordLog } from './records.ts';

export class CoinLocks {
  readonly #log: RecordLog;
  /** A volatile lock is forgotten with the process. */
  readonly #locks = new Map<OutPointKey, 'stored' | 'volatile'>();

  constructor(log: RecordLog) {
    this.#log = log;
  }

  load(key: OutPointKey): void {
    this.#locks.set(key, 'stored');
  }

  has(key: OutPointKey): boolean {
    return this.#locks.has(key);
  }

  keys(): Iterable<OutPointKey> {
    return this.#locks.keys();
  }

  lock(key: OutPointKey, kind: 'stored' | 'volatile'): void {
    this.#locks.set(key, kind);
    if (kind === 'stored') this.#log.put(binaryKey('lock', key), flagRecord, 1);
  }

  /** Nothing happens where it is not locked. */
  unlock(key: OutPointKey): void {
    if (this.#locks.get(key) === 'stored') this.#log.del(binaryKey('lock', key));
    this.#locks.delete(key);
  }

  unlockAll(): void {
    for (const key of [...this.#locks.keys()]) this.unlock(key);
  }
}
