/**
 * anchors.dat: the block-relay-only peers of a clean stop, dialed first at the next start. Core's format: magic, a list of
 * addresses as addrv2 carries them (with a version before each), and a checksum over all (addrdb.cpp).
 */
import { binaryToBytes, concatBytes, equalBytes } from '../base/bytes.ts';
import { sha256d } from '../crypto/sha256.ts';
import { array, type Codec, DecodeError, decodeAll, encode, struct, u32 } from '../wire/codec.ts';
import { type TimedAddress, timedAddressV2 } from '../wire/net-address.ts';

/** Addresses that a file may hold: two are written. */
const ANCHORS_MAX = 16;
const CHECKSUM_BYTES = 32;
/** Marks the BIP155 form of an address on disk (Core: CAddress::DISK_VERSION_ADDRV2, with the version of 2018). */
const DISK_VERSION_ADDRV2 = 0x2000_0000 | 220_000;

const entries: Codec<{ readonly version: number; readonly address: TimedAddress | undefined }[]> = array(
  struct({ version: u32, address: timedAddressV2 }),
  ANCHORS_MAX,
);

export function encodeAnchors(anchors: readonly TimedAddress[], magic: Uint8Array): Uint8Array {
  const list = anchors.map(address => ({ version: DISK_VERSION_ADDRV2, address }));
  const body = concatBytes(magic, encode(entries, list));
  return concatBytes(body, binaryToBytes(sha256d(body)));
}

/** Throws DecodeError. */
export function decodeAnchors(file: Uint8Array, magic: Uint8Array): TimedAddress[] {
  const body = file.subarray(0, Math.max(0, file.length - CHECKSUM_BYTES));
  if (!equalBytes(binaryToBytes(sha256d(body)), file.subarray(body.length)))
    throw new DecodeError('Wrong checksum');
  if (!equalBytes(body.subarray(0, magic.length), magic)) throw new DecodeError('Another network’s file');
  return decodeAll(entries, body.subarray(magic.length)).flatMap(({ address }) => address ?? []);
}
