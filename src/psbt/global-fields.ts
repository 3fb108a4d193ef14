/** What a PSBT holds once, for the transaction as a whole (BIP174, BIP370; Core: src/psbt.h). */
import { bytesToBinary } from '../base/bytes.ts';
import type { ExtendedPublicKey } from '../crypto/bip32.ts';
import { isFullyValidPublicKey } from '../crypto/keys.ts';
import type { KeyOrigin } from '../script/descriptor-key.ts';
import { type Codec, compactSize, DecodeError, u8, u32, Writer } from '../wire/codec.ts';
import { readTransaction, type Transaction } from '../wire/transaction.ts';
import { checkedU32, proprietary, readOrigin, writeOrigin } from './field-kinds.ts';
import {
  type Field,
  keyed,
  keyMap,
  requireKeySize,
  single,
  stated,
  unknownFields,
  writeStated,
} from './key-map.ts';

/** Bytes of an extended public key without checksum. */
const EXTENDED_KEY_BYTES = 78;

export interface GlobalXpub {
  /** Four bytes: which network and kind it is of. */
  readonly version: Uint8Array;
  readonly xpub: ExtendedPublicKey;
  readonly origin: KeyOrigin;
}

/** Nothing but the basic format: inputs without signatures may be none at all. */
const unsignedTx: Codec<Transaction> = {
  read(r) {
    const tx = readTransaction(r, 'basic');
    if (tx.inputs.some(input => input.scriptSig.length > 0)) {
      throw new DecodeError('Unsigned tx does not have empty scriptSigs and scriptWitnesses.');
    }
    return tx;
  },
  write: (w, tx) => w.put(tx.raw),
};

const xpubs: Field<ReadonlyMap<string, GlobalXpub>> = keyed<GlobalXpub>(0x01, {
  checkKey: key => requireKeySize('Global XPUB', key, EXTENDED_KEY_BYTES + 1),
  read(data, r) {
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    const depth = data[4]!;
    const publicKey = data.subarray(45);
    // A root has no parent.
    const isOrphan = depth === 0 && (view.getUint32(5) !== 0 || view.getUint32(9) !== 0);
    if (isOrphan || !isFullyValidPublicKey(publicKey)) throw new DecodeError('Invalid pubkey');
    const xpub = {
      depth,
      parentFingerprint: data.subarray(5, 9),
      childNumber: view.getUint32(9),
      chainCode: data.subarray(13, 45),
      publicKey,
    };
    return { version: data.subarray(0, 4), xpub, origin: readOrigin(r, r.compactSize()) };
  },
  write: (w, { origin }) => writeStated(w, inner => writeOrigin(inner, origin)),
  order: xpubOrder,
});

const psbtVersion = checkedU32(value => (value > 2 ? 'Unsupported version number' : undefined));

export const globalMap = keyMap('global', 'the', {
  unsignedTx: single(0x00, 'Global Unsigned TX', stated(unsignedTx)),
  xpubs,
  txVersion: single(0x02, 'Global Transaction Version', stated(u32)),
  fallbackLockTime: single(0x03, 'Global Fallback Locktime', stated(u32)),
  inputCount: single(0x04, 'Global Input Count', stated(compactSize)),
  outputCount: single(0x05, 'Global Output Count', stated(compactSize)),
  /** Bit 0: inputs can be added; 1: outputs can; 2: an input is signed with SIGHASH_SINGLE. */
  txModifiable: single(0x06, 'Global TX Modifiable Flags', stated(u8)),
  version: single(0xfb, 'Global PSBT Version', psbtVersion),
  proprietary,
  unknown: unknownFields,
});

/** By origin, shorter paths first, then key. */
export function xpubOrder({ origin, xpub }: GlobalXpub): string {
  const path = new Writer();
  for (const step of origin.path) path.put(Uint8Array.of(step >>> 24, step >>> 16, step >>> 8, step));
  const { length } = origin.path;
  return [
    bytesToBinary(origin.fingerprint),
    String.fromCharCode(length),
    bytesToBinary(path.finish()),
    bytesToBinary(xpub.publicKey),
    bytesToBinary(xpub.chainCode),
  ].join('');
}
