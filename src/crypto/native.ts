/**
 * libsecp256k1 as the native module of npm `secp256k1`, or its absence: the package carries prebuilt binaries for
 * some platforms only, and its JavaScript fallback is not what we want. Functions throw where C returns 0.
 */
import { createRequire } from 'node:module';
import { once } from '../base/once.ts';

export interface NativeSecp256k1 {
  privateKeyVerify(secretKey: Uint8Array): boolean;
  publicKeyVerify(publicKey: Uint8Array): boolean;
  publicKeyCreate(secretKey: Uint8Array, compressed: boolean): Uint8Array;
  publicKeyConvert(publicKey: Uint8Array, compressed: boolean): Uint8Array;
  publicKeyTweakAdd(publicKey: Uint8Array, tweak: Uint8Array, compressed: boolean): Uint8Array;
  /** `hashfn` makes the result of the shared point's coordinates. */
  ecdh(
    publicKey: Uint8Array,
    secretKey: Uint8Array,
    options: { hashfn(x: Uint8Array, y: Uint8Array): Uint8Array },
    output: Uint8Array,
  ): Uint8Array;
  ecdsaSign(
    hash: Uint8Array,
    secretKey: Uint8Array,
    options: { data?: Uint8Array },
  ): { signature: Uint8Array; recid: number };
  ecdsaVerify(compactSignature: Uint8Array, hash: Uint8Array, publicKey: Uint8Array): boolean;
  ecdsaRecover(compactSignature: Uint8Array, recoveryId: number, hash: Uint8Array): Uint8Array;
}

/**
 * Undefined where the package has no binary for this platform. Loaded when it is first asked for: a node that verifies by
 * another engine and has no wallet never needs it.
 */
export const nativeSecp256k1 = once(load);

function load(): NativeSecp256k1 | undefined {
  try {
    // A CommonJS package without an exports map: `import` of the same path is not found.
    const require = createRequire(import.meta.url);
    return require('secp256k1/bindings.js') as NativeSecp256k1;
  } catch {
    return undefined;
  }
}
