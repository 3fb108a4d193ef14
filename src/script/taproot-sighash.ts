/** What a Schnorr signature of taproot commits to (BIP341, BIP342; Core: SignatureHashSchnorr). */
import { tagPrefix } from '../crypto/hashes.ts';
import { sha256 } from '../crypto/sha256.ts';
import { Writer } from '../wire/codec.ts';
import { outPoint, writeOutput } from '../wire/transaction.ts';
import {
  SIGHASH_ALL,
  SIGHASH_ANYONECANPAY,
  SIGHASH_DEFAULT,
  SIGHASH_NONE,
  SIGHASH_SINGLE,
} from './encoding.ts';
import type { PrecomputedTx } from './sighash.ts';

const EPOCH = 0;
const OUTPUT_BITS = 3;
/** Of the 32-byte keys that exist today. */
const KEY_VERSION = 0;

/** For what is written only to be hashed; nobody keeps it over a call. */
const scratch = new Writer(1024);

/** The parts of a spend that its signatures commit to. */
export interface TaprootSigned {
  readonly annexHash: Uint8Array | undefined;
  /** Undefined for a spend by the key itself. */
  readonly leafHash: Uint8Array | undefined;
  readonly codeSeparatorPosition: number;
}

/**
 * The 32 bytes to sign, or undefined when the hash type is not defined or is SINGLE without a matching output.
 * Needs all spent outputs.
 */
export function taprootSignatureHash(
  precomputed: PrecomputedTx,
  inputIndex: number,
  hashType: number,
  signed: TaprootSigned,
): Uint8Array | undefined {
  const { tx, spent } = precomputed;
  const outputBits = hashType === SIGHASH_DEFAULT ? SIGHASH_ALL : hashType & OUTPUT_BITS;
  if (!isDefinedHashType(hashType)) return undefined;
  const single = outputBits === SIGHASH_SINGLE ? tx.outputs[inputIndex] : undefined;
  if (outputBits === SIGHASH_SINGLE && single === undefined) return undefined;
  const anyoneCanPay = (hashType & SIGHASH_ANYONECANPAY) !== 0;
  const input = tx.inputs[inputIndex]!;
  const w = scratch;
  w.reset();
  w.put(tagPrefix('TapSighash'));
  w.u8(EPOCH);
  w.u8(hashType);
  w.u32(tx.version);
  w.u32(tx.lockTime);
  if (!anyoneCanPay) {
    w.put(precomputed.prevouts);
    w.put(precomputed.spentAmounts);
    w.put(precomputed.spentScripts);
    w.put(precomputed.sequences);
  }
  if (outputBits === SIGHASH_ALL) w.put(precomputed.outputs);
  // Twice the extension flag, and the lowest bit for the annex.
  w.u8((signed.leafHash === undefined ? 0 : 2) + (signed.annexHash === undefined ? 0 : 1));
  if (anyoneCanPay) {
    outPoint.write(w, input.prevout);
    writeOutput(w, spent[inputIndex]!);
    w.u32(input.sequence);
  } else w.u32(inputIndex);
  if (signed.annexHash !== undefined) w.put(signed.annexHash);
  if (single !== undefined) {
    const output = new Writer();
    writeOutput(output, single);
    w.put(sha256(output.finish()));
  }
  if (signed.leafHash !== undefined) {
    w.put(signed.leafHash);
    w.u8(KEY_VERSION);
    w.u32(signed.codeSeparatorPosition);
  }
  return sha256(w.written());
}

function isDefinedHashType(hashType: number): boolean {
  if (hashType === SIGHASH_DEFAULT) return true;
  const base = hashType & ~SIGHASH_ANYONECANPAY;
  return hashType <= 0xff && (base === SIGHASH_ALL || base === SIGHASH_NONE || base === SIGHASH_SINGLE);
}
