/**
 * Kinds of fields that more than one map of a PSBT has: keys with their origins, lone bytes and numbers, what software
 * keeps for itself.
 */
import { bytesToBinary } from '../base/bytes.ts';
import { isFullyValidPublicKey } from '../crypto/keys.ts';
import type { KeyOrigin } from '../script/descriptor-key.ts';
import type { KeyWithOrigin, TapKeyUse } from '../script/signature-data.ts';
import { type Codec, DecodeError, Reader, u32, varBytes, type Writer } from '../wire/codec.ts';
import { type Field, keyed, putWithLength, requireKeySize, stated, writeStated } from './key-map.ts';

export const COMPRESSED_KEY_BYTES = 33;
const UNCOMPRESSED_KEY_BYTES = 65;

export interface Proprietary {
  readonly identifier: Uint8Array;
  readonly subtype: number;
  readonly value: Uint8Array;
}

export const script = varBytes();
export const isEmpty = (bytes: Uint8Array): boolean => bytes.length === 0;
export const isZero = (bytes: Uint8Array): boolean => bytes.every(byte => byte === 0);
export const bytes32: Codec<Uint8Array> = { read: r => r.take(32), write: (w, v) => w.put(v) };

/** A number that is refused with the text that `check` has for it, if it has one. */
export function checkedU32(check: (value: number) => string | undefined): Codec<number> {
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

/** Fingerprint and path, `length` bytes of them. */
export function readOrigin(r: Reader, length: number): KeyOrigin {
  if (length % 4 !== 0 || length === 0) throw new DecodeError('Invalid length for HD key path');
  const fingerprint = r.take(4);
  const path: number[] = [];
  for (let at = 4; at < length; at += 4) path.push(r.u32());
  return { fingerprint, path };
}

export function writeOrigin(w: Writer, { fingerprint, path }: KeyOrigin): void {
  w.put(fingerprint);
  for (const step of path) w.u32(step);
}

export function publicKeyIn(data: Uint8Array): Uint8Array {
  if (!isFullyValidPublicKey(data)) throw new DecodeError('Invalid pubkey');
  return data;
}

export function requirePublicKeySize(name: string): (key: Uint8Array) => void {
  return key => {
    if (key.length !== UNCOMPRESSED_KEY_BYTES + 1 && key.length !== COMPRESSED_KEY_BYTES + 1) {
      throw new DecodeError(`Size of key was not the expected size for the type ${name}`);
    }
  };
}

export const bip32Derivations = (type: number): Field<ReadonlyMap<string, KeyWithOrigin>> =>
  keyed<KeyWithOrigin>(
    type,
    {
      checkKey: requirePublicKeySize('BIP32 keypath'),
      read: (data, r) => ({ publicKey: publicKeyIn(data), origin: readOrigin(r, r.compactSize()) }),
      write: (w, { origin }) => writeStated(w, inner => writeOrigin(inner, origin)),
    },
    { isOpenOnly: true },
  );

export const tapDerivations = (
  type: number,
  article: 'Input' | 'Output',
): Field<ReadonlyMap<string, TapKeyUse>> =>
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

export const proprietary: Field<ReadonlyMap<string, Proprietary>> = keyed<Proprietary>(0xfc, {
  checkKey() {},
  read(data, r) {
    const key = new Reader(data);
    const identifier = key.take(key.compactSize());
    const subtype = key.compactSize();
    return { identifier, subtype, value: r.take(r.compactSize()) };
  },
  write: (w, { value }) => putWithLength(w, value),
});
