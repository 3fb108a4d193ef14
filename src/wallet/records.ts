/**
 * What a wallet keeps on disk: one key-value record for each transaction, descriptor, address, locked coin and secret.
 * A change is put into the log; the host takes the log as one batch and writes it durably before anybody is told.
 */
import {
  type BlockHash,
  binaryToBytes,
  bytesToBinary,
  concatBytes,
  type Txid,
  textToBytes,
} from '../base/bytes.ts';
import type { OutPointKey } from '../chain/coin.ts';
import type { BatchOp } from '../store/store.ts';
import {
  array,
  blockHash,
  bool,
  type Codec,
  DecodeError,
  decodeAll,
  encode,
  type Infer,
  struct,
  txid,
  u8,
  u32,
  varBytes,
} from '../wire/codec.ts';

/** A format that this code does not know is refused. */
export const WALLET_FORMAT = 1;

/** Bytes of a text, comment, label or descriptor at most. */
const TEXT_BYTES_MAX = 1 << 20;

const text: Codec<string> = {
  read: r => Buffer.from(r.take(r.compactSize(TEXT_BYTES_MAX))).toString('utf8'),
  write: (w, v) => bytes.write(w, textToBytes(v)),
};
/** A copy: records outlive the bytes they are read from. */
const bytes: Codec<Uint8Array> = {
  read: r => varBytes().read(r).slice(),
  write: (w, v) => varBytes().write(w, v),
};
/** A safe integer, negative ones too: times of imported descriptors are the caller's. */
const integer: Codec<number> = {
  read: r => Number(r.i64()),
  write: (w, v) => w.i64(BigInt(v)),
};

function optional<T>(codec: Codec<T>): Codec<T | undefined> {
  return {
    read: r => (bool.read(r) ? codec.read(r) : undefined),
    write(w, v) {
      bool.write(w, v !== undefined);
      if (v !== undefined) codec.write(w, v);
    },
  };
}

function oneOf<T extends string>(...names: readonly T[]): Codec<T> {
  return {
    read(r) {
      const name = names[r.u8()];
      if (name === undefined) throw new DecodeError('Unknown value in a wallet record');
      return name;
    },
    write: (w, v) => w.u8(names.indexOf(v)),
  };
}

/** The core of the private data: in the clear, or sealed with the wallet's master key. */
const secret = struct({ kind: oneOf('plain', 'sealed'), bytes });
export type Secret = Infer<typeof secret>;

export const walletRecord = struct({
  format: u32,
  disablesPrivateKeys: bool,
  isBlank: bool,
  avoidsReuse: bool,
  createdAt: integer,
});
export type WalletRecord = Infer<typeof walletRecord>;

export const positionRecord = struct({ height: u32, locator: array(blockHash) });

export const masterKeyRecord = struct({ salt: bytes, n: u32, r: u32, p: u32, sealed: bytes });
export type MasterKeyRecord = Infer<typeof masterKeyRecord>;

export const seedRecord = struct({ createdAt: integer, mnemonic: secret });
export type SeedRecord = Infer<typeof seedRecord>;

export const descriptorRecord = struct({
  /** Normalized, without private keys. */
  text,
  secret: optional(secret),
  /** For which kind of address it is the active one. */
  use: oneOf('none', 'receive', 'change'),
  timestamp: integer,
  rangeStart: u32,
  rangeEnd: u32,
  nextIndex: u32,
});
export type DescriptorRecord = Infer<typeof descriptorRecord>;

/** Public keys of one index of a descriptor that are derived with its secrets: a locked wallet reads them here. */
export const derivedKeysRecord = array(bytes);

export const txRecord = struct({
  raw: bytes,
  state: oneOf('confirmed', 'conflicted', 'inactive', 'abandoned'),
  /** Of the block that holds it, or that conflicts with it. */
  height: u32,
  blockHash,
  indexInBlock: u32,
  timeReceived: integer,
  timeSmart: integer,
  order: u32,
  comment: optional(text),
  commentTo: optional(text),
  replaces: optional(txid),
  replacedBy: optional(txid),
});

export const addressRecord = struct({ label: text, purpose: oneOf('receive', 'send') });
export type AddressRecord = Infer<typeof addressRecord>;

/** First byte of a key: what the record is. */
const KIND = {
  wallet: 1,
  position: 2,
  masterKey: 3,
  seed: 4,
  descriptor: 5,
  tx: 6,
  address: 7,
  lock: 8,
  derivedKeys: 9,
} as const;
export type RecordKind = keyof typeof KIND;
const KIND_NAMES = new Map(Object.entries(KIND).map(([name, byte]) => [byte, name as RecordKind]));

/** Key of a record of which there is one. */
export function singleKey(kind: RecordKind): Uint8Array {
  return Uint8Array.of(KIND[kind]);
}

export function numberedKey(kind: RecordKind, id: number): Uint8Array {
  return concatBytes(singleKey(kind), encode(u32, id));
}

/** Of what a descriptor derives at an index. */
export function derivedKey(descriptor: number, index: number): Uint8Array {
  return concatBytes(numberedKey('derivedKeys', descriptor), encode(u32, index));
}

/** Descriptor and index of a `derivedKey`. */
export function readDerivedKey(id: string): { readonly descriptor: number; readonly index: number } {
  return decodeAll(struct({ descriptor: u32, index: u32 }), binaryToBytes(id));
}

/** `id`: a txid, an outpoint's key, a script as latin1 characters. */
export function binaryKey(kind: RecordKind, id: Txid | OutPointKey | string): Uint8Array {
  return concatBytes(singleKey(kind), binaryToBytes(id));
}

/** What a key is of; `id` as latin1 characters. Throws DecodeError for a kind that this code does not know. */
export function readKey(key: Uint8Array): { readonly kind: RecordKind; readonly id: string } {
  const kind = KIND_NAMES.get(key[0] as (typeof KIND)[RecordKind]);
  if (kind === undefined) throw new DecodeError('Unknown wallet record');
  return { kind, id: bytesToBinary(key.subarray(1)) };
}

export function idNumber(id: string): number {
  return decodeAll(u32, binaryToBytes(id));
}

/** Changes since the host took them last; of several to one key the last counts. */
export class RecordLog {
  #ops = new Map<string, BatchOp>();

  get isEmpty(): boolean {
    return this.#ops.size === 0;
  }

  put<T>(key: Uint8Array, codec: Codec<T>, value: T): void {
    this.#ops.set(bytesToBinary(key), { type: 'put', key, value: encode(codec, value) });
  }

  del(key: Uint8Array): void {
    this.#ops.set(bytesToBinary(key), { type: 'del', key });
  }

  take(): BatchOp[] {
    const ops = [...this.#ops.values()];
    this.#ops = new Map();
    return ops;
  }
}

/** Present without a value, such as a locked coin. */
export const flagRecord: Codec<number> = u8;
export const NO_BLOCK = '\0'.repeat(32) as BlockHash;
