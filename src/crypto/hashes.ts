/**
 * The hash functions besides SHA-256d, all through OpenSSL's one-shot `crypto.hash`: for what a node hashes
 * (tens of bytes) the call costs more than the hash, and that call is the cheapest one measured.
 */
import { createHmac, hash as nodeHash } from 'node:crypto';
import { binaryToBytes, textToBytes } from '../base/bytes.ts';
import { sha256 } from './sha256.ts';

const sha256Scratch = Buffer.alloc(32);

/** 20 bytes. */
export function ripemd160(bytes: Uint8Array): Uint8Array {
  return binaryToBytes(nodeHash('ripemd160', bytes, 'binary'));
}

/** RIPEMD160(SHA256(`bytes`)): 20 bytes. */
export function hash160(bytes: Uint8Array): Uint8Array {
  sha256Scratch.write(nodeHash('sha256', bytes, 'binary'), 'latin1');
  return ripemd160(sha256Scratch);
}

/** 20 bytes. */
export function sha1(bytes: Uint8Array): Uint8Array {
  return binaryToBytes(nodeHash('sha1', bytes, 'binary'));
}

/** 32 bytes: FIPS 202, of which the names of Tor hosts have their checksum. */
export function sha3_256(bytes: Uint8Array): Uint8Array {
  return binaryToBytes(nodeHash('sha3-256', bytes, 'binary'));
}

/** 64 bytes. */
export function sha512(bytes: Uint8Array): Uint8Array {
  return binaryToBytes(nodeHash('sha512', bytes, 'binary'));
}

/** 32 bytes. */
export function hmacSha256(key: Uint8Array, message: Uint8Array): Uint8Array {
  return new Uint8Array(createHmac('sha256', key).update(message).digest());
}

/** 64 bytes. */
export function hmacSha512(key: Uint8Array, message: Uint8Array): Uint8Array {
  return new Uint8Array(createHmac('sha512', key).update(message).digest());
}

// SHA256(tag) twice, per tag: the first block of every hash of that tag.
const tagPrefixes = new Map<string, Uint8Array>();

/** SHA256(tag) ‖ SHA256(tag), 64 bytes: what a tagged hash begins with. `tag` comes from a small fixed set. */
export function tagPrefix(tag: string): Uint8Array {
  let prefix = tagPrefixes.get(tag);
  if (prefix === undefined) {
    const half = sha256(textToBytes(tag));
    prefix = new Uint8Array(64);
    prefix.set(half, 0);
    prefix.set(half, 32);
    tagPrefixes.set(tag, prefix);
  }
  return prefix;
}

/** SHA256(SHA256(tag) ‖ SHA256(tag) ‖ parts…): 32 bytes (BIP340). */
export function taggedHash(tag: string, ...parts: readonly Uint8Array[]): Uint8Array {
  const prefix = tagPrefix(tag);
  let length = 64;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  whole.set(prefix, 0);
  let at = 64;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return sha256(whole);
}
