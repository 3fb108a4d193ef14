/**
 * The system's own libsecp256k1, where one is installed (Debian: libsecp256k1-1), called through koffi. Its releases
 * invert by safegcd and know BIP340, so it verifies in two thirds to four fifths of the time of what npm has; a call costs
 * 0.1 µs. Only releases whose interface is known are opened, by soname, and none is used before it has given the right
 * answer to questions of every kind (`engine-questions.ts`).
 *
 * The C functions end the process when called with what they call illegal (a zero pointer, a key that was never parsed),
 * and read as many bytes as they expect; so lengths are checked here, and only what was parsed is passed on.
 */
import { createRequire } from 'node:module';
import { unmovedBytes } from '../base/bytes.ts';
import { once } from '../base/once.ts';
import { answersRightly } from './engine-questions.ts';
import { PointCache } from './point-cache.ts';

export interface SystemSecp256k1 {
  /** r ‖ s with a low s; the key has the shape of one (33 or 65 bytes). */
  verifyCompact(compact: Uint8Array, hash32: Uint8Array, publicKey: Uint8Array): boolean;
  /** BIP340. */
  verifySchnorr(message32: Uint8Array, signature64: Uint8Array, xOnlyKey32: Uint8Array): boolean;
  /** Whether the x-only `outputKey32`, whose y is odd when `parity` is 1, is `xOnlyKey32` + `tweak32`·G (BIP341). */
  checkTweak(outputKey32: Uint8Array, parity: number, xOnlyKey32: Uint8Array, tweak32: Uint8Array): boolean;
}

/** Releases 0.7, 0.6, 0.3–0.5 and 0.2; the functions used here are the same in all (CHANGELOG of libsecp256k1). */
const SONAMES = ['libsecp256k1.so.6', 'libsecp256k1.so.5', 'libsecp256k1.so.2', 'libsecp256k1.so.1'];

/** SECP256K1_CONTEXT_NONE: nothing here needs secrets or tables of its own. */
const CONTEXT_NONE = 1;
/** secp256k1_pubkey, secp256k1_xonly_pubkey and secp256k1_ecdsa_signature: opaque, of one size. */
const OBJECT_BYTES = 64;
const COMPRESSED_BYTES = 33;
const KEY_BYTES_MAX = 65;

/** What is used of koffi. */
interface Koffi {
  /** Of libraries on this system. */
  readonly extension: string;
  load(soname: string): Library;
}

interface Library {
  func(name: string, result: string, parameters: readonly string[]): (...values: unknown[]) => unknown;
}

/**
 * Undefined where there is no such library, or it does not answer as it must. Looked for when it is first asked for:
 * many programs of ours verify nothing.
 */
export const systemSecp256k1 = once(load);

function load(): SystemSecp256k1 | undefined {
  let koffi: Koffi;
  try {
    koffi = createRequire(import.meta.url)('koffi');
  } catch {
    return undefined;
  }
  // Elsewhere the names differ, and nobody has tried them.
  if (koffi.extension !== '.so') return undefined;
  for (const soname of SONAMES) {
    try {
      const engine = bind(koffi.load(soname));
      if (answersRightly(engine)) return engine;
    } catch {
      // Not installed, or built without BIP340.
    }
  }
  return undefined;
}

function bind(library: Library): SystemSecp256k1 {
  /** A function that takes a context and pointers, and answers 1 or 0. */
  const check = (name: string, ...more: readonly string[]): ((...values: unknown[]) => boolean) => {
    const call = library.func(`secp256k1_${name}`, 'int', ['void *', ...more]);
    return (...values) => call(context, ...values) === 1;
  };
  const context = library.func('secp256k1_context_create', 'void *', ['unsigned int'])(CONTEXT_NONE);
  const parseKey = check('ec_pubkey_parse', 'void *', 'void *', 'size_t');
  const parseSignature = check('ecdsa_signature_parse_compact', 'void *', 'void *');
  const verifyEcdsa = check('ecdsa_verify', 'void *', 'void *', 'void *');
  const parseXOnly = check('xonly_pubkey_parse', 'void *', 'void *');
  const verifySchnorr = check('schnorrsig_verify', 'void *', 'void *', 'size_t', 'void *');
  const checkTweak = check('xonly_pubkey_tweak_add_check', 'void *', 'int', 'void *', 'void *');

  const signature = unmovedBytes(OBJECT_BYTES);
  const point = unmovedBytes(OBJECT_BYTES);
  const bytes64 = unmovedBytes(64);
  const hash = unmovedBytes(32);
  const keyBytes = unmovedBytes(KEY_BYTES_MAX);
  const parsed = (key: Uint8Array): boolean => {
    keyBytes.set(key);
    return parseKey(point, keyBytes, key.length);
  };
  const points = new PointCache(key => (parsed(key) ? point.slice() : undefined));
  /** Leaves the point in `point`. */
  const findPoint = (key: Uint8Array): boolean => {
    if (key.length !== COMPRESSED_BYTES) return parsed(key);
    const found = points.get(key);
    if (found === undefined) return false;
    point.set(found);
    return true;
  };
  return {
    verifyCompact(compact, hash32, publicKey) {
      if (compact.length !== 64 || hash32.length !== 32) return false;
      if (!findPoint(publicKey)) return false;
      bytes64.set(compact);
      hash.set(hash32);
      return parseSignature(signature, bytes64) && verifyEcdsa(signature, hash, point);
    },
    verifySchnorr(message32, signature64, xOnlyKey32) {
      if (signature64.length !== 64 || message32.length !== 32 || xOnlyKey32.length !== 32) return false;
      keyBytes.set(xOnlyKey32);
      bytes64.set(signature64);
      hash.set(message32);
      return parseXOnly(point, keyBytes) && verifySchnorr(bytes64, hash, 32, point);
    },
    checkTweak(outputKey32, parity, xOnlyKey32, tweak32) {
      if (outputKey32.length !== 32 || xOnlyKey32.length !== 32 || tweak32.length !== 32) return false;
      keyBytes.set(xOnlyKey32);
      if (!parseXOnly(point, keyBytes)) return false;
      keyBytes.set(outputKey32);
      hash.set(tweak32);
      return checkTweak(keyBytes, parity, point, hash);
    },
  };
}
