/**
 * Names of hosts in overlay networks: Tor v3 `<base32 of key, checksum and version>.onion` and I2P
 * `<base32 of hash>.b32.i2p`. Source: Core src/netaddress.cpp (torv3::Checksum, SetTor, SetI2P), Tor's rend-spec-v3.
 */
import { concatBytes, textToBytes } from '../base/bytes.ts';
import { sha3_256 } from '../crypto/hashes.ts';

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';
/** Bytes of a Tor v3 key, and of the hash that names an I2P host. */
const OVERLAY_BYTES = 32;
const ONION_CHECKSUM_BYTES = 2;
const ONION_VERSION = Uint8Array.of(3);

/** `bytes`: the 32-byte public key. */
export function onionName(bytes: Uint8Array): string {
  return `${base32(concatBytes(bytes, onionChecksum(bytes), ONION_VERSION))}.onion`;
}

/** `bytes`: the 32-byte hash of the destination. */
export function i2pName(bytes: Uint8Array): string {
  return `${base32(bytes)}.b32.i2p`;
}

/** Undefined for what is neither, and for a wrong version or checksum. */
export function parseOverlayName(
  text: string,
): { readonly network: 'onion' | 'i2p'; readonly bytes: Uint8Array } | undefined {
  const match = /^([a-z2-7]+)\.(onion|b32\.i2p)$/i.exec(text);
  if (match === null) return undefined;
  const name = match[1]!.toLowerCase();
  const decoded = decodeBase32(name);
  const bytes = decoded.slice(0, OVERLAY_BYTES);
  if (bytes.length !== OVERLAY_BYTES) return undefined;
  // As Core: the ending .onion is written small, .b32.i2p as one likes.
  if (match[2] === 'onion')
    return onionName(bytes) === `${name}.onion` ? { network: 'onion', bytes } : undefined;
  return match[2]!.toLowerCase() === 'b32.i2p' && base32(bytes) === name
    ? { network: 'i2p', bytes }
    : undefined;
}

function onionChecksum(key: Uint8Array): Uint8Array {
  return sha3_256(concatBytes(textToBytes('.onion checksum'), key, ONION_VERSION)).subarray(
    0,
    ONION_CHECKSUM_BYTES,
  );
}

/** Lower case, without padding (RFC 4648). */
export function base32(bytes: Uint8Array): string {
  let text = '';
  let bits = 0;
  let pending = 0;
  for (const byte of bytes) {
    pending = ((pending << 8) | byte) & 0xfff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += BASE32[(pending >> bits) & 31];
    }
  }
  return bits === 0 ? text : text + BASE32[(pending << (5 - bits)) & 31];
}

/** Of base32 digits only; bits that fill no byte are dropped, so the caller encodes again to compare. */
function decodeBase32(text: string): Uint8Array {
  const bytes: number[] = [];
  let bits = 0;
  let pending = 0;
  for (const digit of text) {
    pending = ((pending << 5) | BASE32.indexOf(digit)) & 0xfff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((pending >> bits) & 0xff);
  }
  return Uint8Array.from(bytes);
}
