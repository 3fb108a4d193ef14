/**
 * What a PSBT can hold (BIP174, BIP370, BIP371, BIP373; Core: src/psbt.h): three tables, one for each kind of map. Keys
 * of the maps inside are the data of the PSBT's keys as characters, which is also how `SignatureData` names things.
 */
import { bytesToBinary, concatBytes, type Txid } from '../base/bytes.ts';
import type { ExtendedPublicKey } from '../crypto/bip32.ts';
import { hash160 } from '../crypto/hashes.ts';
import { isFullyValidPublicKey } from '../crypto/keys.ts';
import { LOCKTIME_THRESHOLD } from '../script/checker.ts';
import type { KeyOrigin } from '../script/descriptor-key.ts';
import { signatureEncodingError } from '../script/encoding.ts';
import { SCRIPT_FLAGS } from '../script/flags.ts';
import type {
  KeySignature,
  KeyWithOrigin,
  MusigParticipants,
  TapKeyUse,
  TapScript,
} from '../script/signature-data.ts';
import { isCompleteTree, TAP_TREE_DEPTH_MAX, type TapLeaf } from '../script/taproot-tree.ts';
import {
  type Codec,
  compactSize,
  DecodeError,
  i32,
  i64,
  Reader,
  txid,
  u8,
  u32,
  varBytes,
  Writer,
} from '../wire/codec.ts';
import {
  readOutput,
  readTransaction,
  type Transaction,
  type TxOutput,
  writeOutput,
} from '../wire/transaction.ts';
import {
  type Field,
  keyed,
  keyMap,
  putWithLength,
  requireKeySize,
  single,
  stated,
  unknownFields,
  writeStated,
} from './key-map.ts';

/** Bytes of a public nonce of MuSig2 (BIP327). */
const MUSIG_NONCE_BYTES = 66;
const COMPRESSED_KEY_BYTES = 33;
const UNCOMPRESSED_KEY_BYTES = 65;
/** Bytes of an extended public key without checksum. */
const EXTENDED_KEY_BYTES = 78;
const LEAF_VERSION_MASK = 0xfe;

export interface Proprietary {
  readonly identifier: Uint8Array;
  readonly subtype: number;
  readonly value: Uint8Array;
}

export interface GlobalXpub {
  /** Four bytes: which network and kind it is of. */
  readonly version: Uint8Array;
  readonly xpub: ExtendedPublicKey;
  readonly origin: KeyOrigin;
}

const script = varBytes();
const isEmpty = (bytes: Uint8Array): boolean => bytes.length === 0;
const isZero = (bytes: Uint8Array): boolean => bytes.every(byte => byte === 0);
const bytes32: Codec<Uint8Array> = { read: r => r.take(32), write: (w, v) => w.put(v) };
const txOutput: Codec<TxOutput> = { read: readOutput, write: writeOutput };
/** Read with witnesses, as any transaction of the network; written without. */
const previousTx: Codec<Transaction> = {
  read: r => readTransaction(r),
  write: (w, tx) => w.put(tx.strippedBytes()),
};
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

/** Fingerprint and path, `length` bytes of them. */
function readOrigin(r: Reader, length: number): KeyOrigin {
  if (length % 4 !== 0 || length === 0) throw new DecodeError('Invalid length for HD key path');
  const fingerprint = r.take(4);
  const path: number[] = [];
  for (let at = 4; at < length; at += 4) path.push(r.u32());
  return { fingerprint, path };
}

function writeOrigin(w: Writer, { fingerprint, path }: KeyOrigin): void {
  w.put(fingerprint);
  for (const step of path) w.u32(step);
}

function publicKeyIn(data: Uint8Array): Uint8Array {
  if (!isFullyValidPublicKey(data)) throw new DecodeError('Invalid pubkey');
  return data;
}

function requirePublicKeySize(name: string): (key: Uint8Array) => void {
  return key => {
    if (key.length !== UNCOMPRESSED_KEY_BYTES + 1 && key.length !== COMPRESSED_KEY_BYTES + 1) {
      throw new DecodeError(`Size of key was not the expected size for the type ${name}`);
    }
  };
}

const bip32Derivations = (type: number): Field<ReadonlyMap<string, KeyWithOrigin>> =>
  keyed<KeyWithOrigin>(
    type,
    {
      checkKey: requirePublicKeySize('BIP32 keypath'),
      read: (data, r) => ({ publicKey: publicKeyIn(data), origin: readOrigin(r, r.compactSize()) }),
      write: (w, { origin }) => writeStated(w, inner => writeOrigin(inner, origin)),
    },
    { isOpenOnly: true },
  );

const tapDerivations = (type: number, article: 'Input' | 'Output'): Field<ReadonlyMap<string, TapKeyUse>> =>
  keyed<TapKeyUse>(
    type,
    {
      checkKey: key => requireKeySize(`${article} Taproot BIP32 Keypath`, key, 33),
      read(_data, r) {
        const length = r.compactSize();
        const before = r.position;
        const leafHashes = new Set<string>();
        for (let count = r.compactSize(); count > 0; count -= 1) leafHashes.add(bytesToBinary(r.take(32)));
        const hashBytes = r.position - before;
        if (hashBytes > length)
          throw new DecodeError(`${article} Taproot BIP32 keypath has an invalid length`);
        return { leafHashes, origin: readOrigin(r, length - hashBytes) };
      },
      write(w, { leafHashes, origin }) {
        writeStated(w, inner => {
          inner.compactSize(leafHashes.size);
          for (const hash of [...leafHashes].sort()) inner.put(Uint8Array.from(hash, c => c.charCodeAt(0)));
          writeOrigin(inner, origin);
        });
      },
    },
    { isOpenOnly: true },
  );

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

const musigParticipants = (
  type: number,
  article: 'Input' | 'Output',
): Field<ReadonlyMap<string, MusigParticipants>> =>
  keyed<MusigParticipants>(
    type,
    {
      checkKey: key =>
        requireKeySize(`${article} MuSig2 Participants Pubkeys`, key, COMPRESSED_KEY_BYTES + 1),
      read(data, r) {
        if (!isFullyValidPublicKey(data)) {
          throw new DecodeError(`${article} musig2 aggregate pubkey is invalid`);
        }
        const value = new Reader(r.take(r.compactSize()));
        const participants: Uint8Array[] = [];
        while (value.remaining >= COMPRESSED_KEY_BYTES) {
          const participant = value.take(COMPRESSED_KEY_BYTES);
          if (!isFullyValidPublicKey(participant)) {
            throw new DecodeError(`${article} musig2 participant pubkey is invalid`);
          }
          participants.push(participant);
        }
        if (value.remaining > 0) {
          throw new DecodeError(`${article} musig2 participants pubkeys value size is not a multiple of 33`);
        }
        return participants;
      },
      write: (w, participants) => putWithLength(w, concatBytes(...participants)),
    },
    { isOpenOnly: true },
  );

/** By participant, aggregate key and leaf hash; the latter is left out where the internal key signs. */
const musigShares = (
  type: number,
  name: string,
  value: Codec<Uint8Array>,
): Field<ReadonlyMap<string, Uint8Array>> =>
  keyed<Uint8Array>(
    type,
    {
      checkKey(key) {
        if (key.length !== 2 * COMPRESSED_KEY_BYTES + 1 && key.length !== 2 * COMPRESSED_KEY_BYTES + 33) {
          throw new DecodeError(`Input musig2 ${name} key is not expected size of 67 or 99 bytes`);
        }
      },
      read(data, r) {
        if (!isFullyValidPublicKey(data.subarray(COMPRESSED_KEY_BYTES, 2 * COMPRESSED_KEY_BYTES))) {
          throw new DecodeError('musig2 aggregate pubkey is invalid');
        }
        if (!isFullyValidPublicKey(data.subarray(0, COMPRESSED_KEY_BYTES))) {
          throw new DecodeError('musig2 participant pubkey is invalid');
        }
        return value.read(r);
      },
      write: value.write,
      order: musigShareOrder,
    },
    { isOpenOnly: true },
  );

const musigNonce: Codec<Uint8Array> = {
  read(r) {
    const nonce = r.take(r.compactSize());
    if (nonce.length !== MUSIG_NONCE_BYTES)
      throw new DecodeError('Input musig2 pubnonce value is not 66 bytes');
    return nonce;
  },
  write: putWithLength,
};

const proprietary: Field<ReadonlyMap<string, Proprietary>> = keyed<Proprietary>(0xfc, {
  checkKey() {},
  read(data, r) {
    const key = new Reader(data);
    const identifier = key.take(key.compactSize());
    const subtype = key.compactSize();
    return { identifier, subtype, value: r.take(r.compactSize()) };
  },
  write: (w, { value }) => putWithLength(w, value),
});

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

/** Depth, leaf version and script of every leaf. */
const tapTree: Codec<readonly TapLeaf[]> = {
  read(r) {
    const value = new Reader(r.take(r.compactSize()));
    if (value.remaining === 0) throw new DecodeError('Output Taproot tree must not be empty');
    const leaves: TapLeaf[] = [];
    while (value.remaining > 0) {
      const depth = value.u8();
      const leafVersion = value.u8();
      const leafScript = value.take(value.compactSize());
      if (depth > TAP_TREE_DEPTH_MAX) {
        throw new DecodeError('Output Taproot tree has as leaf greater than Taproot maximum depth');
      }
      if ((leafVersion & ~LEAF_VERSION_MASK) !== 0) {
        throw new DecodeError('Output Taproot tree has a leaf with an invalid leaf version');
      }
      leaves.push({ depth, leafVersion, script: leafScript });
    }
    if (!isCompleteTree(leaves.map(({ depth }) => depth)))
      throw new DecodeError('Output Taproot tree is malformed');
    return leaves;
  },
  write(w, leaves) {
    writeStated(w, inner => {
      for (const leaf of leaves) {
        inner.u8(leaf.depth);
        inner.u8(leaf.leafVersion);
        putWithLength(inner, leaf.script);
      }
    });
  },
};

function lockTime(check: (value: number) => string | undefined): Codec<number> {
  const value = stated(u32);
  return {
    read(r) {
      const read = value.read(r);
      const problem = check(read);
      if (problem !== undefined) throw new DecodeError(problem);
      return read;
    },
    write: value.write,
  };
}

const timeLock = lockTime(value =>
  value < LOCKTIME_THRESHOLD ? 'Required time based locktime is invalid (less than 500000000)' : undefined,
);
const heightLock = lockTime(value => {
  if (value >= LOCKTIME_THRESHOLD) {
    return 'Required height based locktime is invalid (greater than or equal to 500000000)';
  }
  return value === 0 ? 'Required height based locktime is invalid (0)' : undefined;
});
const psbtVersion = lockTime(value => (value > 2 ? 'Unsupported version number' : undefined));

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

const OPEN = { isOpenOnly: true } as const;
const OPEN_BYTES = { isOpenOnly: true, isNull: isEmpty } as const;

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

export const outputMap = keyMap('output', 'an', {
  redeemScript: single(0x00, 'Output redeemScript', script, { isNull: isEmpty }),
  witnessScript: single(0x01, 'Output witnessScript', script, { isNull: isEmpty }),
  bip32Derivations: bip32Derivations(0x02),
  amount: single(0x03, 'Output Amount', stated(i64), {
    refusalInV0: 'Output amount is not allowed in PSBTv0',
  }),
  script: single(0x04, 'Output Script', script, { refusalInV0: 'Output script is not allowed in PSBTv0' }),
  proprietary,
  tapInternalKey: single(0x05, 'Output Taproot Internal Key', stated(bytes32), { isNull: isZero }),
  tapTree: single(0x06, 'Output Taproot Tree Key', tapTree),
  tapDerivations: tapDerivations(0x07, 'Output'),
  musigParticipants: musigParticipants(0x08, 'Output'),
  unknown: unknownFields,
});

export type PsbtInput = MapFrom<typeof inputMap>;
export type PsbtOutput = MapFrom<typeof outputMap>;
type MapFrom<M> = M extends { empty(): infer T } ? T : never;

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

/** By aggregate key and leaf hash, then participant. */
export function musigShareOrder(_share: Uint8Array, data: string): string {
  const aggregate = data.slice(COMPRESSED_KEY_BYTES).padEnd(COMPRESSED_KEY_BYTES + 32, '\0');
  return aggregate + data.slice(0, COMPRESSED_KEY_BYTES);
}

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
