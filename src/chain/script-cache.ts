/**
 * Transactions whose scripts were all run and found good under certain flags, so that a block of transactions that the
 * mempool has accepted runs none again (Core: ValidationCache's script execution cache).
 *
 * The wtxid names the transaction with its witnesses; its inputs name the transactions they spend by their hashes, and
 * with them the scripts and amounts. With the flags that is all that script verification looks at. So an entry is good
 * on every branch and at every height, as long as exactly the same flags are asked for; other flags, or another witness,
 * are another entry. Whatever is not looked at by scripts (whether coins exist, maturity, locks, amounts in sum) is
 * checked for every block anew.
 */
import type { Wtxid } from '../base/bytes.ts';
import { DigestSet } from '../base/digest-set.ts';
import { sha256 } from '../crypto/sha256.ts';

const SALT_BYTES = 32;
const WTXID_BYTES = 32;

export class ScriptCache {
  readonly #known: DigestSet;
  /** What is hashed, with the salt at its start. */
  readonly #scratch = Buffer.alloc(SALT_BYTES + WTXID_BYTES + 4);

  /** `salt`: 32 bytes that nobody else knows. */
  constructor(salt: Uint8Array, bytes: number) {
    this.#known = new DigestSet(DigestSet.allocate(bytes));
    this.#scratch.set(salt.subarray(0, SALT_BYTES));
  }

  has(wtxid: Wtxid, flags: number): boolean {
    return !this.#known.isUntouched && this.#known.has(this.#entry(wtxid, flags));
  }

  /** All inputs of the transaction have been verified with `flags`. */
  add(wtxid: Wtxid, flags: number): void {
    this.#known.add(this.#entry(wtxid, flags));
  }

  #entry(wtxid: Wtxid, flags: number): Uint8Array {
    this.#scratch.write(wtxid, SALT_BYTES, 'latin1');
    this.#scratch.writeUInt32LE(flags >>> 0, SALT_BYTES + WTXID_BYTES);
    return sha256(this.#scratch);
  }
}
