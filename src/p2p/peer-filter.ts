/**
 * A bloom filter that a peer gave us, so that it is sent only what may concern it (BIP37; Core: CBloomFilter in
 * src/common/bloom.cpp). A transaction matches by its id, by data in its output and input scripts, or by what it spends;
 * where an output matched, the peer may want what spends it to match too.
 */
import { bytesToBinary, type Txid } from '../base/bytes.ts';
import { parseScript } from '../script/opcodes.ts';
import { solveScript } from '../script/templates.ts';
import type { Transaction } from '../wire/transaction.ts';
import { murmur3 } from './bloom.ts';

/** Bytes of a filter, and its hash functions (Core: MAX_BLOOM_FILTER_SIZE, MAX_HASH_FUNCS). */
export const FILTER_BYTES_MAX = 36_000;
export const FILTER_HASHES_MAX = 50;

/** As `filterload` carries it. */
export interface FilterLoad {
  readonly data: Uint8Array;
  readonly hashFunctions: number;
  readonly tweak: number;
  readonly flags: number;
}

/** Of `flags`: what is added of outputs that matched. */
const UPDATE_MASK = 3;
const UPDATE_ALL = 1;
const UPDATE_PUBKEY_ONLY = 2;

export class PeerFilter {
  /** Without its data: a view of all that came with it. */
  readonly #load: Omit<FilterLoad, 'data'>;
  readonly #bits: Uint8Array;

  constructor({ data, hashFunctions, tweak, flags }: FilterLoad) {
    this.#load = { hashFunctions, tweak, flags };
    this.#bits = data.slice();
  }

  /** `key` is a binary string. */
  add(key: string): void {
    // Without bits there is nothing to divide by (CVE-2013-5700).
    if (this.#bits.length === 0) return;
    for (let i = 0; i < this.#load.hashFunctions; i += 1) {
      const at = this.#position(i, key);
      this.#bits[at >>> 3]! |= 1 << (at & 7);
    }
  }

  has(key: string): boolean {
    if (this.#bits.length === 0) return true;
    for (let i = 0; i < this.#load.hashFunctions; i += 1) {
      const at = this.#position(i, key);
      if ((this.#bits[at >>> 3]! & (1 << (at & 7))) === 0) return false;
    }
    return true;
  }

  /** Whether the transaction may concern the peer; the filter learns of its outputs (Core: IsRelevantAndUpdate). */
  takesNotice(tx: Transaction): boolean {
    if (this.#bits.length === 0) return true;
    let isFound = this.has(tx.txid);
    tx.outputs.forEach(({ scriptPubKey }, index) => {
      if (!this.#hasDataOf(scriptPubKey)) return;
      isFound = true;
      if (this.#learnsOf(scriptPubKey)) this.add(outpointKey(tx.txid, index));
    });
    return (
      isFound ||
      tx.inputs.some(
        ({ prevout, scriptSig }) =>
          this.has(outpointKey(prevout.txid, prevout.index)) || this.#hasDataOf(scriptSig),
      )
    );
  }

  #hasDataOf(script: Uint8Array): boolean {
    for (const { data } of parseScript(script))
      if (data !== undefined && data.length > 0 && this.has(bytesToBinary(data))) return true;
    return false;
  }

  #learnsOf(scriptPubKey: Uint8Array): boolean {
    const update = this.#load.flags & UPDATE_MASK;
    if (update === UPDATE_ALL) return true;
    if (update !== UPDATE_PUBKEY_ONLY) return false;
    const { type } = solveScript(scriptPubKey);
    return type === 'pubkey' || type === 'multisig';
  }

  #position(index: number, key: string): number {
    // The constant spreads the seeds of the functions (Core: CBloomFilter::Hash).
    const seed = (Math.imul(index, 0xfba4_c795) + this.#load.tweak) | 0;
    return murmur3(key, seed) % (this.#bits.length * 8);
  }
}

/** As it stands in a transaction: 32 bytes and 4. */
function outpointKey(txid: Txid, index: number): string {
  return txid + String.fromCharCode(index & 0xff, (index >>> 8) & 0xff, (index >>> 16) & 0xff, index >>> 24);
}
