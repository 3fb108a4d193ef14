/** @noble/secp256k1 with the hashes of its own family: the reference engine, slow, always there, and all JavaScript. */
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import * as noble from '@noble/secp256k1';

noble.hashes.sha256 = sha256 as typeof noble.hashes.sha256;
noble.hashes.hmacSha256 = ((key: Uint8Array, message: Uint8Array) =>
  hmac(sha256, key, message)) as typeof noble.hashes.hmacSha256;

export { noble };
