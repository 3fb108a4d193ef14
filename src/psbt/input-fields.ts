/**
 * What a PSBT holds for each input (BIP174, BIP370, BIP371, BIP373; Core: src/psbt.h): what it spends, and what its
 * signers need and have done. Keys of the maps inside are the data of the PSBT's keys as characters, which is also how
 * `SignatureData` names things.
 */
import { bytesToBinary, type Txid } from '../base/bytes.ts';
import { hash160 } from '../crypto/hashes.ts';
import { LOCKTIME_THRESHOLD } from '../script/checker.ts';
import { signatureEncodingError } from '../script/encoding.ts';
import { SCRIPT_FLAGS } from '../script/flags.ts';
import type { KeySignature, TapScript } from '../script/signature-data.ts';
import { type Codec, DecodeError, i32, txid, u32 } from '../wire/codec.ts';
import {
  readOutput,
  readTransaction,
  type Transaction,
  type TxOutput,
  writeOutput,
} from '../wire/transaction.ts';
import {
  bip32Derivations,
  bytes32,
  checkedU32,
  isEmpty,
  isZero,
  proprietary,
  publicKeyIn,
  requirePublicKeySize,
  script,
  tapDerivations,
} from './field-kinds.ts';
import {
  type Field,
  keyed,
  keyMap,
  type MapFrom,
  putWithLength,
  requireKeySize,
  single,
  stated,
  unknownFields,
  writeStated,
} from './key-map.ts';
import { musigNonce, musigParticipants, musigShares } from './musig-fields.ts';

const OPEN = { isOpenOnly: true } as const;
const OPEN_BYTES = { isOpenOnly: true, isNull: isEmpty } as const;

const txOutput: Codec<TxOutput> = { read: readOutput, write: writeOutput };
/** Read with witnesses, as any transaction of the network; written without. */
const previousTx: Codec<Transaction> = {
  read: r => readTransaction(r),
  write: (w, tx) => w.put(tx.strippedBytes()),
};
const witnessStack: Codec<readonly Uint8Array[]> = {
  read(r) {
    const items: Uint8Array[] = [];
    for (let count = r.compactSize(); count > 0; count -= 1) items.push(r.take(r.compactSize()));
    return items;
  },
  write(w, items) {
    w.compactSize(items.length);
    for (const item of items) putWithLength(w, item);
  },
};

const preimages = (type: number, name: string, hashBytes: number): Field<ReadonlyMap<string, Uint8Array>> =>
  keyed<Uint8Array>(
    type,
    {
      checkKey: key => requireKeySize(`Input ${name} Preimage`, key, hashBytes + 1),
      read: (_data, r) => r.take(r.compactSize()),
      write: putWithLength,
    },
    { isOpenOnly: true },
  );

/** A Schnorr signature with or without hash type. */
function schnorrSignature(name: string): Codec<Uint8Array> {
  return {
    read(r) {
      const signature = r.take(r.compactSize());
      if (signature.length < 64)
        throw new DecodeError(`Input Taproot ${name} signature is shorter than 64 bytes`);
      if (signature.length > 65)
        throw new DecodeError(`Input Taproot ${name} signature is longer than 65 bytes`);
      return signature;
    },
    write: putWithLength,
  };
}

const tapScriptSignature = schnorrSignature('script path');

const timeLock = checkedU32(value =>
  value < LOCKTIME_THRESHOLD ? 'Required time based locktime is invalid (less than 500000000)' : undefined,
);
const heightLock = checkedU32(value => {
  if (value >= LOCKTIME_THRESHOLD) {
    return 'Required height based locktime is invalid (greater than or equal to 500000000)';
  }
  return value === 0 ? 'Required height based locktime is invalid (0)' : undefined;
});

export const inputMap = keyMap('input', 'an', {
  nonWitnessUtxo: single(0x00, 'Input Non-witness UTXO', stated(previousTx)),
  witnessUtxo: single(0x01, 'Input Witness UTXO', stated(txOutput), { isNull: ({ value }) => value === -1 }),
  partialSignatures: keyed<KeySignature>(
    0x02,
    {
      checkKey: requirePublicKeySize('partial signature pubkey'),
      read(data, r) {
        const publicKey = publicKeyIn(data);
        const signature = r.take(r.compactSize());
        const flags = SCRIPT_FLAGS.DERSIG | SCRIPT_FLAGS.STRICTENC;
        if (signature.length === 0 || signatureEncodingError(signature, flags) !== undefined) {
          throw new DecodeError('Signature is not a valid encoding');
        }
        return { publicKey, signature };
      },
      write: (w, { signature }) => putWithLength(w, signature),
      order: signatureOrder,
    },
    OPEN,
  ),
  hashType: single(0x03, 'Input Sighash Type', stated(i32), { ...OPEN, merges: 'never' }),
  redeemScript: single(0x04, 'Input redeemScript', script, OPEN_BYTES),
  witnessScript: single(0x05, 'Input witnessScript', script, OPEN_BYTES),
  bip32Derivations: bip32Derivations(0x06),
  ripemd160: preimages(0x0a, 'RIPEMD160', 20),
  sha256: preimages(0x0b, 'SHA256', 32),
  hash160: preimages(0x0c, 'Hash160', 20),
  hash256: preimages(0x0d, 'Hash256', 32),
  tapKeySignature: single(0x13, 'Input Taproot Key Path Signature', schnorrSignature('key path'), OPEN),
  tapScriptSignatures: keyed<Uint8Array>(
    0x14,
    {
      checkKey: key => requireKeySize('Input Taproot Script Path Signature', key, 65),
      read: (_data, r) => tapScriptSignature.read(r),
      write: putWithLength,
    },
    OPEN,
  ),
  tapScripts: keyed<TapScript>(
    0x15,
    {
      checkKey(key) {
        if (key.length < 34) throw new DecodeError('Input Taproot leaf script key is not at least 34 bytes');
        if ((key.length - 2) % 32 !== 0) {
          throw new DecodeError("Input Taproot leaf script key's control block size is not valid");
        }
      },
      read(_data, r) {
        const value = r.take(r.compactSize());
        if (value.length === 0) throw new DecodeError('Input Taproot leaf script must be at least 1 byte');
        return { script: value.subarray(0, -1), leafVersion: value.at(-1)! };
      },
      write(w, leaf) {
        writeStated(w, inner => {
          inner.put(leaf.script);
          inner.u8(leaf.leafVersion);
        });
      },
      order: tapScriptOrder,
    },
    OPEN,
  ),
  tapDerivations: tapDerivations(0x16, 'Input'),
  tapInternalKey: single(0x17, 'Input Taproot Internal Key', stated(bytes32), { ...OPEN, isNull: isZero }),
  tapMerkleRoot: single(0x18, 'Input Taproot Merkle Root', stated(bytes32), { ...OPEN, isNull: isZero }),
  musigParticipants: musigParticipants(0x1a, 'Input'),
  musigNonces: musigShares(0x1b, 'pubnonce', musigNonce),
  musigSignatures: musigShares(0x1c, 'partial sig', stated(bytes32)),
  finalScriptSig: single(0x07, 'Input Final scriptSig', script, { isNull: isEmpty }),
  finalWitness: single(0x08, 'Input Final scriptWitness', stated(witnessStack), {
    isNull: items => items.length === 0,
  }),
  previousTxid: single<Txid>(0x0e, 'Input Previous TXID', stated(txid), {
    refusalInV0: 'Previous txid is not allowed in PSBTv0',
  }),
  previousIndex: single(0x0f, "Input Previous Output's Index", stated(u32), {
    refusalInV0: "Previous output's index is not allowed in PSBTv0",
  }),
  sequence: single(0x10, 'Input Sequence', stated(u32), { refusalInV0: 'Sequence is not allowed in PSBTv0' }),
  timeLock: single(0x11, 'Input Required Time Based Locktime', timeLock, {
    refusalInV0: 'Required time based locktime is not allowed in PSBTv0',
  }),
  heightLock: single(0x12, 'Input Required Height Based Locktime', heightLock, {
    refusalInV0: 'Required height based locktime is not allowed in PSBTv0',
  }),
  proprietary,
  unknown: unknownFields,
});

export type PsbtInput = MapFrom<typeof inputMap>;

/** By script and leaf version, then the shortest control block. */
export function tapScriptOrder(leaf: TapScript, control: string): string {
  // An end mark keeps a script before all that start with it.
  const text = [...leaf.script].map(byte => String.fromCharCode(byte + 1)).join('');
  return `${text}\0${String.fromCharCode(leaf.leafVersion, control.length)}${control}`;
}

/** By HASH160 of the key. */
export function signatureOrder({ publicKey }: KeySignature): string {
  return bytesToBinary(hash160(publicKey));
}
